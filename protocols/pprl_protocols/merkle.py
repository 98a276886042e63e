"""One digest over all records of an encoded file, and proofs that a record is among them.

The tree of RFC 6962 (section 2.1): a leaf is SHA-256(0x00 || record), a node SHA-256(0x01 || left
|| right), and of n leaves the left side takes the largest power of two below n. A record is its
columns one after the other, each with a byte before it: 1 and the value, or 0 for none.

>>> root([]) == hashlib.sha256().hexdigest()
True
>>> verify(b"b", proof([b"a", b"b", b"c"], 1), 1, 3, root([b"a", b"b", b"c"]))
True
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pprl.encoded import EncodedSet

_LEAF, _NODE = b"\x00", b"\x01"
_ROWS = 65_536


def records(encoded: EncodedSet) -> Iterator[bytes]:
    """Yield the bytes of each record of a set, in its order; ids as UTF-8."""
    for batch in encoded.table.to_batches(max_chunksize=_ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield b"".join(map(_cell, row))


def root(leaves: Sequence[bytes]) -> str:
    """Return the root over records, hex. Two hashes a record."""
    level = [hashlib.sha256(_LEAF + leaf).digest() for leaf in leaves]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        # The last one without a partner moves up as it is: the same tree as RFC 6962's.
        level = paired + level[len(paired) * 2 :]
    return level[0].hex()


def proof(leaves: Sequence[bytes], index: int) -> list[str]:
    """Return the digests, hex, that lead from one record to the root."""
    level = [hashlib.sha256(_LEAF + leaf).digest() for leaf in leaves]
    path = []
    while len(level) > 1:
        partner = index ^ 1
        if partner < len(level):
            path.append(level[partner].hex())
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
        index //= 2
    return path


def verify(leaf: bytes, path: Sequence[str], index: int, size: int, expected: str) -> bool:
    """Say whether a record is at ``index`` among ``size`` records with this root."""
    if not 0 <= index < size:
        return False
    digest = hashlib.sha256(_LEAF + leaf).digest()
    steps = iter(path)
    while size > 1:
        partner = index ^ 1
        if partner < size:
            step = next(steps, None)
            if step is None:
                return False
            other = bytes.fromhex(step)
            digest = _node(other, digest) if partner < index else _node(digest, other)
        index //= 2
        size = (size + 1) // 2
    return next(steps, None) is None and digest.hex() == expected


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _cell(value: str | bytes | None) -> bytes:
    if value is None:
        return b"\x00"
    return b"\x01" + (value.encode() if isinstance(value, str) else value)
