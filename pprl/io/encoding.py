"""Raw bytes of a text file -> UTF-8 bytes, with the encoding found out on the way.

A byte-order mark decides; else the first non-ASCII byte does: valid UTF-8 there means UTF-8,
anything else Windows-1252 (Excel's "CSV" in Indonesia). Bytes that contradict the decision are
never replaced by question marks: reading stops before them and :attr:`Utf8Reader.broken` is set,
so that the caller, who counts rows, can say where.

>>> import io
>>> reader = Utf8Reader(io.BytesIO("nama;São Tomé".encode("cp1252")))
>>> reader.read(100).decode(), reader.encoding
('nama;São Tomé', 'windows-1252')
"""

import codecs
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pprl._jit import compiled
from pprl.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_OF_FILES = frozenset({"idna", "punycode"})  # of host names
_REPLACEMENT = "\ufffd"
_LONGEST_MARK = 3

_VALID = 0
_CUT_SHORT = 1
_INVALID = 2


class Utf8Reader:
    """A binary file read as UTF-8, whatever it is encoded in.

    Parameters
    ----------
    file
        Open for binary reading, at its start.
    encoding
        As Python names it; None to find out.

    Attributes
    ----------
    encoding
        What was found or given: "utf-8" until a non-ASCII byte says otherwise.
    broken
        The file isn't in that encoding after all; the bytes before the first wrong one have been
        returned, and no more will be.
    """

    def __init__(self, file: BinaryIO, encoding: str | None = None) -> None:
        self._file = file
        self._held = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._undecided = encoding is None
        self.encoding = "utf-8"
        self.broken = False
        start = file.read(_LONGEST_MARK)
        for mark, name in _MARKS:
            if start.startswith(mark) and encoding in {None, name}:
                encoding = name
                # The utf-16 decoder takes its byte order from the mark.
                start = start[len(mark) :] if name == "utf-8" else start
        self._held = start
        if encoding is not None:
            self._decide(encoding)

    def read(self, size: int) -> bytes:
        """Return about ``size`` bytes of UTF-8, or none at the end of the file (or when broken).

        Pieces may end inside a character; together they are valid UTF-8.
        """
        while not self.broken:
            fresh = self._file.read(size)
            raw = self._held + fresh
            self._held = b""
            final = len(fresh) < size
            text = self._to_utf8(raw, final=final)
            if text or final:
                return text
        return b""

    def _decide(self, encoding: str) -> None:
        name = known_encoding(encoding)
        self._decoder = None if name == "utf-8" else codecs.getincrementaldecoder(name)("strict")
        self._undecided = False
        self.encoding = "windows-1252" if name == "cp1252" else name

    def _to_utf8(self, raw: bytes, *, final: bool) -> bytes:
        if self._decoder is not None:
            return self._transcode(self._decoder, raw, final=final)
        if raw.isascii():
            return raw
        first, good, state = check_utf8(np.frombuffer(raw, dtype=np.uint8))
        if self._undecided and not (state == _CUT_SHORT and good == first and not final):
            self._decide("utf-8" if good > first else "cp1252")
            return self._to_utf8(raw, final=final)
        if state == _CUT_SHORT and not final:
            self._held = raw[good:]
        elif state != _VALID:
            self.broken = True
        return raw[:good]

    def _transcode(self, decoder: codecs.IncrementalDecoder, raw: bytes, *, final: bool) -> bytes:
        state = decoder.getstate()
        try:
            return decoder.decode(raw, final).encode()
        except UnicodeDecodeError:
            decoder.setstate(state)
            decoder.errors = "replace"
            self.broken = True
            return decoder.decode(raw, final).partition(_REPLACEMENT)[0].encode()


def known_encoding(name: str) -> str:
    """Return Python's own name of an encoding.

    Raises
    ------
    ConfigError
        Python knows no such text encoding.
    """
    try:
        "x".encode(name)  # a LookupError for codecs that aren't of text
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = None
    if known is None or known in _NOT_OF_FILES:
        raise ConfigError("table.unknown_encoding", encoding=name)
    return known


# ruff: disable[PLR2004] - the byte values are those of RFC 3629, section 4
@compiled
def check_utf8(  # noqa: C901, PLR0912 - the table of RFC 3629, in a kernel
    block: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Find the first byte of ``block`` that isn't UTF-8 (RFC 3629).

    Returns
    -------
    first
        Index of the first non-ASCII byte.
    good
        Number of bytes that are whole, valid characters.
    state
        Whether all is valid (0), the last character is cut short (1) or byte ``good`` is wrong (2).
    """
    size = block.size
    first = -1
    index = 0
    while index < size:
        lead = block[index]
        if lead < 0x80:
            index += 1
            continue
        if first < 0:
            first = index
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            following = 1
        elif 0xE0 <= lead <= 0xEF:
            following = 2
            if lead == 0xE0:
                low = 0xA0  # no overlong form
            elif lead == 0xED:
                high = 0x9F  # no surrogate
        elif 0xF0 <= lead <= 0xF4:
            following = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F  # nothing above U+10FFFF
        else:
            return first, index, _INVALID
        for step in range(1, following + 1):
            if index + step == size:
                return first, index, _CUT_SHORT
            byte = block[index + step]
            if byte < low or byte > high:
                return first, index, _INVALID
            low, high = 0x80, 0xBF
        index += following + 1
    return first, size, _VALID


# ruff: enable[PLR2004]
