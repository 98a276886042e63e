"""One file sealed for one recipient, in constant memory.

A sealed file is::

    pprl-sealed/1 LF
    length of the header (4 bytes, big-endian), header (canonical JSON)
    length of the sealed key (2 bytes), file key under HPKE, info = "pprl/v1/seal" || header
    Cobblestone-256 of the plain file under the file key, context = SHA-256(header)

and its plain file is 32 bytes of salt, the length of the content (8 bytes), the content, and zeros
up to the size bucket. The salt makes the digest of the plain file (the *salted digest* of the log)
impossible to guess; the bucket hides the exact size. The salt is random, but for a result: there it
follows from the coordinator's seed, so that a re-execution gives the same digest.

The bucket is :func:`pprl_protocols.limits.bucket` of the plain file's size: powers of two up to
1 MiB, then sixteen steps to the next, so that padding is at most 1/16 of a large file.

The header is never parsed. A recipient knows what it waits for and compares bytes, so that a file
from another run, sender or step doesn't open. What comes out is to be used only after
:func:`open_file` has returned: it empties the target on every failure.

>>> import io
>>> from pprl_protocols import hpke
>>> private = hpke.generate()
>>> header = SealHeader("encodings", "00" * 16, "agency-a", "coordinator", "00" * 32)
>>> box, out = io.BytesIO(), io.BytesIO()
>>> public = hpke.public_of(private)
>>> sealed = seal_file(io.BytesIO(b"rows"), box, recipient_key=public, header=header)
>>> _ = box.seek(0)
>>> open_file(box, out, private_key=private, header=header) == sealed, out.getvalue()
(True, b'rows')
"""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from pprl.errors import InputError, PeerError
from pprl_protocols import canonical, hpke
from pprl_protocols.limits import MAX_BLOB_BYTES, bucket

MAGIC = b"pprl-sealed/1\n"
PIECE_BYTES = 1 << 20
"""How much is in memory at a time."""

SALT_BYTES = 32

_INFO = b"pprl/v1/seal"
_LENGTH_BYTES = 8
_PREFIX_BYTES = SALT_BYTES + _LENGTH_BYTES
_KEY_BYTES = 32
_SEALED_KEY_BYTES = _KEY_BYTES + hpke.OVERHEAD_BYTES


@dataclass(frozen=True)
class SealHeader:
    """What a sealed file is and for whom; bound into both layers of encryption.

    Attributes
    ----------
    purpose
        The step, for example ``encodings`` or ``result``.
    run
        Id of the run, 32 hex digits.
    sender, recipient
        Names of parties.
    agreement
        Digest of the agreement, 64 hex digits.
    """

    purpose: str
    run: str
    sender: str
    recipient: str
    agreement: str

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return canonical.dumps({"version": 1, **asdict(self)})


@dataclass(frozen=True)
class Sealed:
    """What the log says about a sealed file."""

    sha256_sealed: str
    sha256_plain: str
    """The salted digest: over salt, length, content and padding."""
    bytes_sealed: int


def seal_file(
    source: BinaryIO,
    target: BinaryIO,
    *,
    recipient_key: bytes,
    header: SealHeader,
    salt: bytes | None = None,
) -> Sealed:
    """Seal what is left of ``source`` into ``target``.

    Every call draws a new key, so the same content gives other bytes: whoever must publish the
    same bytes again keeps them.

    Parameters
    ----------
    source
        Seekable, opened for reading.
    target
        Seekable, opened for writing; emptied from where it stands when anything fails.
    recipient_key
        Public key of the recipient's card, 1,216 bytes.
    header
        What it is and for whom.
    salt
        32 bytes that nobody can guess; drawn when not given.

    Raises
    ------
    PeerError
        The card's key is none.
    InputError
        The content is larger than an exchange takes, or changed while it was read.
    """
    pieces = _plain_pieces(source, secrets.token_bytes(SALT_BYTES) if salt is None else salt)
    head = header.to_bytes()
    file_key = secrets.token_bytes(_KEY_BYTES)
    sealed_key = hpke.seal(file_key, recipient_key, _INFO + head)
    encryptor = Cobblestone256Encryptor(file_key, hashlib.sha256(head).digest())
    out, plain = _Digesting(target), hashlib.sha256()
    with _emptied_on_failure(target):
        out.write(MAGIC + len(head).to_bytes(4, "big") + head)
        out.write(len(sealed_key).to_bytes(2, "big") + sealed_key)
        for piece in pieces:
            plain.update(piece)
            out.write(encryptor.update(piece))
        out.write(encryptor.finalize())
    return Sealed(out.sha256.hexdigest(), plain.hexdigest(), out.size)


def salted_digest(source: BinaryIO, salt: bytes) -> str:
    """Return the salted digest, hex, that sealing what is left of ``source`` gives.

    Raises
    ------
    InputError
        As :func:`seal_file`.
    """
    digest = hashlib.sha256()
    for piece in _plain_pieces(source, salt):
        digest.update(piece)
    return digest.hexdigest()


def open_file(
    source: BinaryIO, target: BinaryIO, *, private_key: bytes, header: SealHeader
) -> Sealed:
    """Open what was sealed for this card, verify all of it, and write the content to ``target``.

    Parameters
    ----------
    source
        Opened for reading; read to its end.
    target
        A temporary file: seekable, opened for writing. Use nothing of it before this returns; it
        is emptied from where it stands when anything fails.
    private_key
        Private half of the card, 96 bytes.
    header
        What the recipient waits for.

    Returns
    -------
    Sealed
        To be compared with what the sender's log says.

    Raises
    ------
    PeerError
        Not a sealed file, one for somebody or something else, altered, cut off or extended.
    """
    incoming = _Incoming(source)
    head = header.to_bytes()
    _expect(incoming, MAGIC, "protocol.sealed_format")
    # The length first: no memory is taken for what a stranger claims.
    length = int.from_bytes(incoming.exactly(4), "big")
    if length != len(head) or incoming.exactly(length) != head:
        raise PeerError("protocol.sealed_header", sender=header.sender, purpose=header.purpose)
    _expect(incoming, _SEALED_KEY_BYTES.to_bytes(2, "big"), "protocol.sealed_format")
    file_key = hpke.open_sealed(incoming.exactly(_SEALED_KEY_BYTES), private_key, _INFO + head)
    decryptor = Cobblestone256Decryptor(file_key, hashlib.sha256(head).digest())
    content = _Content(target)
    with _emptied_on_failure(target):
        try:
            while piece := incoming.read():
                content.take(decryptor.update(piece))
            content.take(decryptor.finalize())
        except InvalidTag:
            raise PeerError(
                "protocol.sealed_content", sender=header.sender, purpose=header.purpose
            ) from None
        content.end()
    return Sealed(incoming.sha256.hexdigest(), content.sha256.hexdigest(), incoming.size)


class _Digesting:
    """Writes on, and keeps digest and size of what went through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)


class _Incoming:
    """Reads bytes of a stranger: never more at a time than a piece, never more than the bound."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = PIECE_BYTES) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        self.size += len(data)
        # The head and the tags of Cobblestone come to less than a thousandth.
        if self.size > MAX_BLOB_BYTES + MAX_BLOB_BYTES // 512:
            raise PeerError("protocol.sealed_size")
        return data

    def exactly(self, size: int) -> bytes:
        data = self.read(size)
        if len(data) != size:
            raise PeerError("protocol.sealed_format")
        return data


class _Content:
    """Takes the plain file apart: salt, length, content, and zeros up to the bucket."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._prefix = bytearray()
        self._left = 0
        self._bucket = 0
        self._taken = 0
        self.sha256 = hashlib.sha256()

    def take(self, data: bytes) -> None:
        self.sha256.update(data)
        self._taken += len(data)
        with memoryview(data) as view:
            missing = _PREFIX_BYTES - len(self._prefix)
            if missing:
                self._prefix += view[:missing]
                if len(self._prefix) == _PREFIX_BYTES:
                    self._left = int.from_bytes(self._prefix[SALT_BYTES:], "big")
                    self._bucket = bucket(_PREFIX_BYTES + self._left)
            rest = view[missing:]
            self._target.write(rest[: self._left])
            zeros = rest[self._left :]
            self._left -= len(rest) - len(zeros)
            if zeros != bytes(len(zeros)):
                raise PeerError("protocol.sealed_size")

    def end(self) -> None:
        if not self._bucket or self._taken != self._bucket:
            raise PeerError("protocol.sealed_size")


def _plain_pieces(source: BinaryIO, salt: bytes) -> Iterator[bytes]:
    """Return the plain file piece by piece; its size is judged before the first."""
    if len(salt) != SALT_BYTES:
        message = "a salt has 32 bytes"
        raise ValueError(message)
    size = _size_left(source)
    padding = bucket(_PREFIX_BYTES + size) - _PREFIX_BYTES - size
    if _PREFIX_BYTES + size + padding > MAX_BLOB_BYTES:
        raise InputError("protocol.too_large", bytes=size, maximum=MAX_BLOB_BYTES)
    return _pieces_of(salt + size.to_bytes(_LENGTH_BYTES, "big"), source, size, padding)


def _pieces_of(prefix: bytes, source: BinaryIO, size: int, padding: int) -> Iterator[bytes]:
    yield prefix
    while size:
        piece = source.read(min(size, PIECE_BYTES))
        if not piece:
            raise InputError("protocol.source_changed")
        size -= len(piece)
        yield piece
    if source.read(1):
        raise InputError("protocol.source_changed")
    zeros = bytes(min(padding, PIECE_BYTES))
    while padding:
        yield zeros[:padding]
        padding -= min(padding, PIECE_BYTES)


def _size_left(source: BinaryIO) -> int:
    start = source.tell()
    end = source.seek(0, 2)
    source.seek(start)
    return end - start


@contextlib.contextmanager
def _emptied_on_failure(target: BinaryIO) -> Iterator[None]:
    start = target.tell()
    try:
        yield
    except BaseException:
        target.seek(start)
        target.truncate()
        raise


def _expect(incoming: _Incoming, expected: bytes, code: str) -> None:
    if incoming.exactly(len(expected)) != expected:
        raise PeerError(code)
