"""The exchange: the folder all parties reach, with what each has published of a run.

Layout, all files immutable::

    <run>/agreement.json
    <run>/log/<party>/<seq, six digits>.json
    <run>/blobs/<SHA-256>

The exchange is hostile: anybody may change it. So nothing here is believed. Reads are bounded
before they allocate, a name from outside becomes part of a path only after it was checked,
blobs are checked against the digest in their name while they are read, and what is there
already is never replaced. Who signed what is not decided here but in
:mod:`pprl_protocols.transcript`. Names that start with a dot, and names that are not of the
layout, are ignored. Spec: "Exchange and transcript".

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     exchange = Exchange.open(folder)
...     exchange.put_entry("0" * 32, "dinkes", 0, b"signed")
...     list(exchange.entries("0" * 32, "dinkes"))
[Stored(party='dinkes', seq=0, data=b'signed')]
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from pprl.errors import ConfigError, PeerError
from pprl_protocols import limits
from pprl_protocols.store import LocalStore, Place, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

PIECE_BYTES = 1 << 20
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_ENTRY = re.compile(r"([0-9]{6})\.json")
_AGREEMENT = "agreement.json"


@dataclass(frozen=True)
class Stored:
    """One file of a log, unverified: where it lies and what it holds.

    Attributes
    ----------
    party
        Name of the folder it lies in.
    seq
        The number in its name.
    data
        Its bytes, at most ``MAX_ENVELOPE_BYTES``.
    """

    party: str
    seq: int
    data: bytes


class Exchange:
    """What the parties of all runs have published in one place.

    Parameters
    ----------
    store
        Where the files lie.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str) -> Exchange:
        """Open an exchange by its address: a folder, or ``file://`` and a folder.

        Raises
        ------
        ConfigError
            There is no such folder, or the address is of a kind that isn't supported.
        """
        if not _URL.match(url):
            return cls(LocalStore(Path(url)))
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
            raise ConfigError("exchange.scheme")
        return cls(LocalStore(Path(unquote(parts.path))))

    def runs(self) -> list[str]:
        """Return the ids of all runs that have a folder here, sorted."""
        return [
            name
            for name in self._store.names((), limit=limits.MAX_FILES)
            if limits.RUN_ID.fullmatch(name)
        ]

    def put_agreement(self, run: str, data: bytes) -> None:
        """Publish the agreement of a run; the same bytes again change nothing.

        Raises
        ------
        PeerError
            Another agreement is there already, or ``data`` is too large.
        """
        self._put((_run(run),), _AGREEMENT, data, limits.MAX_AGREEMENT_BYTES)

    def agreement(self, run: str) -> bytes:
        """Return the agreement of a run, unverified.

        Raises
        ------
        PeerError
            It isn't there, or it is too large.
        """
        return self._required((_run(run), _AGREEMENT), limits.MAX_AGREEMENT_BYTES)

    def put_entry(self, run: str, party: str, seq: int, data: bytes) -> None:
        """Publish one envelope of a log; the same bytes again change nothing.

        Raises
        ------
        PeerError
            Another envelope is there already, a name is none, or ``data`` is too large.
        """
        if not 0 <= seq < limits.MAX_ENTRIES:
            raise PeerError("exchange.bad_name")
        self._put(_log(run, party), _entry_name(seq), data, limits.MAX_ENVELOPE_BYTES)

    def parties(self, run: str) -> list[str]:
        """Return the names of all parties that have a log here, sorted."""
        names = self._store.names((_run(run), "log"), limit=limits.MAX_FILES)
        return [name for name in names if limits.is_party_name(name)]

    def entries(self, run: str, party: str) -> Iterator[Stored]:
        """Yield the log of one party as it lies here, unverified, in the order of its names.

        One envelope in memory at a time. A number may be missing, and a file may hold another
        entry than its name says: the transcript decides what that means.

        Raises
        ------
        PeerError
            Too many files, one too large, or one that is a link or no file.
        """
        folder = _log(run, party)
        names = self._store.names(folder, limit=limits.MAX_ENTRIES)
        for match in filter(None, map(_ENTRY.fullmatch, names)):
            data = self._required((*folder, match[0]), limits.MAX_ENVELOPE_BYTES)
            yield Stored(party, int(match[1]), data)

    def put_blob(self, run: str, source: BinaryIO) -> str:
        """Publish everything that can be read from ``source``; return its SHA-256 (hex).

        Constant memory. The same content again changes nothing.

        Raises
        ------
        PeerError
            A file of that name is there already and has other content, or the content is too
            large.
        """
        folder = (_run(run), "blobs")
        with self._store.stage(folder) as staged:
            digest, total = hashlib.sha256(), 0
            for piece in _pieces(source):
                digest.update(piece)
                total += len(piece)
                if total > limits.MAX_BLOB_BYTES:
                    place = "/".join(folder)
                    raise PeerError("exchange.too_large", place=place, limit=limits.MAX_BLOB_BYTES)
                staged.write(piece)
            name = digest.hexdigest()
            if self._store.size((*folder, name)) is None:
                staged.publish(name)
            else:
                self.check_blob(run, name)
        return name

    def blobs(self, run: str) -> list[str]:
        """Return the digests that blobs of a run are named by, sorted."""
        names = self._store.names((_run(run), "blobs"), limit=limits.MAX_FILES)
        return [name for name in names if limits.SHA256.fullmatch(name)]

    def blob_size(self, run: str, digest: str) -> int | None:
        """Return how many bytes a blob has; None when it isn't there."""
        return self._store.size(_blob(run, digest))

    def open_blob(self, run: str, digest: str) -> BinaryIO:
        """Open a blob; its content is proved only when it was read to the end.

        The read that would return the end raises instead when the content isn't that of the
        digest: whoever reads acts on nothing before.

        Raises
        ------
        PeerError
            It isn't there, it is too large, or (while reading) its content is another.
        """
        place = _blob(run, digest)
        try:
            file = self._store.open(place)
        except FileNotFoundError:
            raise PeerError("exchange.file_missing", place="/".join(place)) from None
        return io.BufferedReader(_Checked(file, digest), PIECE_BYTES)

    def check_blob(self, run: str, digest: str) -> None:
        """Read a blob to its end.

        Raises
        ------
        PeerError
            As :meth:`open_blob`.
        """
        with self.open_blob(run, digest) as blob:
            for _ in _pieces(blob):
                pass

    def _put(self, folder: Place, name: str, data: bytes, limit: int) -> None:
        place = (*folder, name)
        if len(data) > limit:
            raise PeerError("exchange.too_large", place="/".join(place), limit=limit)
        if self._store.size(place) is not None:
            if self._read(place, limit) != data:
                raise PeerError("exchange.contradiction", place="/".join(place))
            return
        with self._store.stage(folder) as staged:
            staged.write(data)
            staged.publish(name)

    def _required(self, place: Place, limit: int) -> bytes:
        try:
            return self._read(place, limit)
        except FileNotFoundError:
            raise PeerError("exchange.file_missing", place="/".join(place)) from None

    def _read(self, place: Place, limit: int) -> bytes:
        with self._store.open(place) as file, _reading("/".join(place)):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise PeerError("exchange.too_large", place="/".join(place), limit=limit)
        return data


def sync(one: Exchange, other: Exchange) -> int:
    """Merge two exchanges: afterwards each has the files of both. Return how many were copied.

    Everything that both have is compared first, blobs included, so that nothing is copied
    between exchanges that contradict each other. Blobs go before logs: an entry never arrives
    ahead of what it names. Cost: reads every blob that either has.

    Raises
    ------
    PeerError
        Both have a file of the same name with different content, or a blob is not what its
        name says.
    """
    runs = sorted({*one.runs(), *other.runs()})
    for run in runs:
        _compare(run, one, other)
    return sum(_copy(run, one, other) + _copy(run, other, one) for run in runs)


def _compare(run: str, one: Exchange, other: Exchange) -> None:
    left, right = _small(run, one), _small(run, other)
    for place in sorted(left.keys() & right.keys()):
        if left[place] != right[place]:
            raise PeerError("exchange.contradiction", place="/".join(place))
    for digest in sorted({*one.blobs(run)} & {*other.blobs(run)}):
        one.check_blob(run, digest)
        other.check_blob(run, digest)


def _small(run: str, exchange: Exchange) -> dict[Place, bytes]:
    # Digests, not contents: a hostile exchange must not fill the memory.
    found: dict[Place, bytes] = {}
    for party in exchange.parties(run):
        for entry in exchange.entries(run, party):
            place = (*_log(run, party), _entry_name(entry.seq))
            found[place] = hashlib.sha256(entry.data).digest()
    try:
        found[run, _AGREEMENT] = hashlib.sha256(exchange.agreement(run)).digest()
    except PeerError as error:
        if error.code != "exchange.file_missing":
            raise
    return found


def _copy(run: str, source: Exchange, target: Exchange) -> int:
    copied = 0
    for digest in sorted({*source.blobs(run)} - {*target.blobs(run)}):
        with source.open_blob(run, digest) as blob:
            target.put_blob(run, blob)
        copied += 1
    there = _small(run, target)
    if (run, _AGREEMENT) in _small(run, source).keys() - there.keys():
        target.put_agreement(run, source.agreement(run))
        copied += 1
    for party in source.parties(run):
        for entry in source.entries(run, party):
            if (*_log(run, party), _entry_name(entry.seq)) not in there:
                target.put_entry(run, party, entry.seq, entry.data)
                copied += 1
    return copied


class _Checked(io.RawIOBase):
    """A blob that compares its digest with its name when its end is reached."""

    def __init__(self, file: BinaryIO, digest: str) -> None:
        self._file = file
        self._expected = digest
        self._digest = hashlib.sha256()
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        with _reading(f"blobs/{self._expected}"):
            piece = self._file.read(len(view))
        self._total += len(piece)
        if self._total > limits.MAX_BLOB_BYTES:
            limit = limits.MAX_BLOB_BYTES
            raise PeerError("exchange.too_large", place=f"blobs/{self._expected}", limit=limit)
        if len(view) and not piece and self._digest.hexdigest() != self._expected:
            raise PeerError("exchange.blob_broken", digest=self._expected)
        self._digest.update(piece)
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextlib.contextmanager
def _reading(place: str) -> Iterator[None]:
    try:
        yield
    except OSError:  # a memory stick pulled out, a connection gone
        raise ConfigError("exchange.unreadable", path=place) from None


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _run(run: str) -> str:
    if not limits.RUN_ID.fullmatch(run):
        raise PeerError("exchange.bad_name")
    return run


def _log(run: str, party: str) -> Place:
    if not limits.is_party_name(party):
        raise PeerError("exchange.bad_name")
    return (_run(run), "log", party)


def _blob(run: str, digest: str) -> Place:
    if not limits.SHA256.fullmatch(digest):
        raise PeerError("exchange.bad_name")
    return (_run(run), "blobs", digest)


def _entry_name(seq: int) -> str:
    return f"{seq:06d}.json"
