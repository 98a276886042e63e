"""One digest over all records of an encoded file, and proofs that a record is among them.

The tree of RFC 6962 (section 2.1): a leaf is SHA-256(0x00 || record), a node SHA-256(0x01 || left
|| right), and of n leaves the left side takes the largest power of two below n. A record is its
columns one after the other, each with a byte before it: 1 and the value, or 0 for none. The root
that is published commits to the number of records, too: SHA-256(0x02 || n, 8 bytes, big-endian ||
root of the tree), so that nobody can say afterwards that there were more or fewer.

Records are laid out by columns and hashed side by side (:mod:`pprl.sha256`). A :class:`Tree`, which
can prove, holds 64 bytes a record; a :class:`Growing` one, of which only the root is wanted, a few
megabytes, whatever the number of records.

>>> tree = Tree.over([b"a", b"b", b"c"])
>>> tree.size, tree.root == root([b"a", b"b", b"c"])
(3, True)
>>> verify(b"b", tree.path(1), 1, 3, tree.root), verify(b"b", tree.path(1), 1, 4, tree.root)
(True, False)
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import pyarrow as pa

from pprl.buffers import raw_rows, string_buffers, valid
from pprl_protocols.limits import SHA256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pprl.encoded import EncodedSet

Bytes: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"
Lengths: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

DIGEST_BYTES = 32
_LEAF, _NODE, _ROOT = b"\x00", b"\x01", b"\x02"
_COUNT_BYTES = 8
_ROWS = 65_536
_PIECE_BYTES = _ROWS * DIGEST_BYTES  # a power of two of leaves: a full subtree
_NONE = -1
_WORTH_WHILE = 16  # records of one shape, from which laying them out beside each other pays


class Tree:
    """All digests of a tree, 64 bytes a record.

    Parameters
    ----------
    digests
        Those of the leaves, 32 bytes each, one after the other: :func:`digests` makes them.
    """

    def __init__(self, digests: bytes) -> None:
        self._levels = [digests]
        while len(self._levels[-1]) > DIGEST_BYTES:
            self._levels.append(_above(self._levels[-1]))

    @classmethod
    def over(cls, records: Iterable[bytes]) -> Self:
        """Make the tree over the bytes of records, see :func:`records`."""
        return cls(b"".join(sha256(_LEAF + record).digest() for record in records))

    @classmethod
    def of(cls, encoded: EncodedSet) -> Self:
        """Make the tree of a set. About 0.7 s for 1,000,000 records."""
        return cls(b"".join(map(digests, encoded.table.to_batches(max_chunksize=_ROWS))))

    @property
    def size(self) -> int:
        """Number of records."""
        return len(self._levels[0]) // DIGEST_BYTES

    @property
    def root(self) -> str:
        """The root that is published, hex: it commits to the number of records."""
        return _committed(self.size, self._levels[-1] or sha256().digest())

    def path(self, index: int) -> list[str]:
        """Return the digests, hex, that lead from one record to the root.

        Raises
        ------
        IndexError
            There is no such record.
        """
        if not 0 <= index < self.size:
            message = "no such record"
            raise IndexError(message)
        found = []
        for level in self._levels[:-1]:
            partner = DIGEST_BYTES * (index ^ 1)
            if partner < len(level):
                found.append(level[partner : partner + DIGEST_BYTES].hex())
            index //= 2
        return found


class Growing:
    """The root of records that come one batch after the other.

    >>> growing = Growing()
    >>> for record in (b"a", b"b", b"c"):
    ...     growing.add(sha256(_LEAF + record).digest())
    >>> growing.root == root([b"a", b"b", b"c"])
    True
    """

    def __init__(self) -> None:
        self._size = 0
        self._waiting = bytearray()
        # Roots of full subtrees, from the left: powers of two of pieces, each smaller than the
        # one before it.
        self._full: list[tuple[int, bytes]] = []

    def add(self, digests: bytes) -> None:
        """Add leaves by their digests, 32 bytes each: :func:`digests` makes them."""
        self._size += len(digests) // DIGEST_BYTES
        self._waiting += digests
        while len(self._waiting) >= _PIECE_BYTES:
            pieces, digest = 1, _top(bytes(self._waiting[:_PIECE_BYTES]))
            del self._waiting[:_PIECE_BYTES]
            while self._full and self._full[-1][0] == pieces:
                _, left = self._full.pop()
                pieces, digest = 2 * pieces, sha256(_NODE + left + digest).digest()
            self._full.append((pieces, digest))

    @property
    def root(self) -> str:
        """The root that is published, hex, as :attr:`Tree.root` of the same records."""
        digest = _top(bytes(self._waiting))
        for _, left in reversed(self._full):
            digest = sha256(_NODE + left + digest).digest() if digest else left
        return _committed(self._size, digest or sha256().digest())


def root_of(encoded: EncodedSet) -> str:
    """Return the root over a set, hex, as :meth:`Tree.of` would. About 0.7 s a million records."""
    growing = Growing()
    for batch in encoded.table.to_batches(max_chunksize=_ROWS):
        growing.add(digests(batch))
    return growing.root


def root(leaves: Iterable[bytes]) -> str:
    """Return the root over records, hex. Two hashes a record."""
    return Tree.over(leaves).root


def proof(leaves: Iterable[bytes], index: int) -> list[str]:
    """Return the digests, hex, that lead from one record to the root."""
    return Tree.over(leaves).path(index)


def verify(leaf: bytes, path: Sequence[str], index: int, size: int, expected: str) -> bool:
    """Say whether a record is at ``index`` among ``size`` records with this root.

    ``path`` may be anybody's: what isn't a path of digests is no proof.
    """
    if not 0 <= index < size < 1 << 8 * _COUNT_BYTES:
        return False
    n_records = size
    digest = sha256(_LEAF + leaf).digest()
    steps = iter(path)
    while size > 1:
        partner = index ^ 1
        if partner < size:
            step = next(steps, "")
            if not SHA256.fullmatch(step):
                return False
            other = bytes.fromhex(step)
            both = other + digest if partner < index else digest + other
            digest = sha256(_NODE + both).digest()
        index //= 2
        size = (size + 1) // 2
    return next(steps, None) is None and _committed(n_records, digest) == expected


def records(encoded: EncodedSet) -> Iterator[bytes]:
    """Yield the bytes of each record of a set, in its order; ids as UTF-8."""
    for batch in encoded.table.to_batches(max_chunksize=_ROWS):
        yield from _records(batch)


def digests(batch: pa.RecordBatch) -> bytes:
    """Return the digests of the leaves of a batch, one after the other, 32 bytes each.

    About half a microsecond a record; 30 MB beside the batch.
    """
    parts = (batch.slice(at, _ROWS) for at in range(0, batch.num_rows, _ROWS))
    return b"".join(map(_digests, parts))


def _digests(batch: pa.RecordBatch) -> bytes:
    lengths = [_lengths(column) for column in batch.columns]
    shapes, which = _shapes(lengths)
    if shapes * _WORTH_WHILE > batch.num_rows:
        return b"".join(sha256(_LEAF + record).digest() for record in _records(batch))
    out = np.empty((batch.num_rows, DIGEST_BYTES), dtype=np.uint8)
    for shape in range(shapes):
        rows = np.flatnonzero(which == shape)
        sizes = [int(each[rows[0]]) for each in lengths]
        width = len(_LEAF) + sum(1 + max(size, 0) for size in sizes)
        leaves = np.zeros((len(rows), width), dtype=np.uint8)
        at = len(_LEAF)
        for column, size in zip(batch.columns, sizes, strict=True):
            if size != _NONE:
                leaves[:, at] = 1
                leaves[:, at + 1 : at + 1 + size] = _values(column, size, rows)
                at += size
            at += 1
        out[rows] = _hashed(leaves)
    return out.tobytes()


def _shapes(lengths: Sequence[Lengths]) -> tuple[int, Lengths]:
    """Return how many kinds of records there are by lengths and gaps, and which each one is."""
    which = np.zeros(len(lengths[0]), dtype=np.int64)
    count = 1
    for each in lengths:
        # Renumbered after each column, so that it never overflows.
        codes = which * (int(each.max(initial=0)) + 2) + each + 1
        if len(codes) and codes.min() != codes.max():
            found, which = np.unique(codes, return_inverse=True)
            count = len(found)
    return count, which


def _lengths(column: pa.Array) -> Lengths:
    """Return ``int64 (rows,)``: bytes of each value, -1 for none."""
    if pa.types.is_fixed_size_binary(column.type):
        found = np.full(len(column), column.type.byte_width, dtype=np.int64)
    else:
        found = np.diff(string_buffers(column)[1]).astype(np.int64)
    if column.null_count:
        found[~valid(column)] = _NONE
    return found


def _values(column: pa.Array, size: int, rows: Lengths) -> Bytes:
    """Return ``uint8 (rows, size)``: values that all have this many bytes."""
    if pa.types.is_fixed_size_binary(column.type):
        return np.take(raw_rows(column, size), rows, axis=0)
    data, offsets = string_buffers(column)
    places = offsets[:-1][rows, np.newaxis] + np.arange(size)
    return np.take(data, places)


def _records(batch: pa.RecordBatch) -> Iterator[bytes]:
    columns = [column.to_pylist() for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield b"".join(map(_cell, row))


def _cell(value: str | bytes | None) -> bytes:
    if value is None:
        return b"\x00"
    return b"\x01" + (value.encode() if isinstance(value, str) else value)


def _top(level: bytes) -> bytes:
    """Return the root of the tree over a level; nothing for none."""
    while len(level) > DIGEST_BYTES:
        level = _above(level)
    return level


def _above(level: bytes) -> bytes:
    """Return the next level: digests of pairs."""
    pairs = len(level) // (2 * DIGEST_BYTES)
    end = pairs * 2 * DIGEST_BYTES
    nodes = np.empty((pairs, len(_NODE) + 2 * DIGEST_BYTES), dtype=np.uint8)
    nodes[:, : len(_NODE)] = _NODE[0]
    nodes[:, len(_NODE) :] = np.frombuffer(level[:end], dtype=np.uint8).reshape(pairs, -1)
    # The last one without a partner moves up as it is: the same tree as RFC 6962's.
    return _hashed(nodes).tobytes() + level[end:]


def _hashed(rows: Bytes) -> Bytes:
    from pprl.sha256 import digests as sha256_of_rows  # noqa: PLC0415 - numba imports slowly

    return sha256_of_rows(rows)


def _committed(n_records: int, tree_root: bytes) -> str:
    return sha256(_ROOT + n_records.to_bytes(_COUNT_BYTES, "big") + tree_root).hexdigest()
