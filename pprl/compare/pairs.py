"""Pairs of records found similar, as columns.

>>> pairs = Pairs.of(np.array([5, 2]), np.array([0, 1]), np.array([900_000, 870_000]))
>>> pairs.sorted().left
array([2, 5], dtype=int32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Integers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]]
Rows: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int32]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

NO_FILTER = -1
_STRONGEST = np.int64(1 << 21)  # beyond any similarity in millionths
_RANK_BITS = np.int64(40)


@dataclass(frozen=True)
class Pairs:
    """Pairs of one left and one right record.

    Attributes
    ----------
    left, right
        ``int32 (n,)``: row numbers from 0.
    similarity
        ``int32 (n,)``: Dice coefficient in millionths; -1 when one of the two has no filter.
    """

    left: Rows
    right: Rows
    similarity: Rows

    def __len__(self) -> int:
        return len(self.left)

    @classmethod
    def of(cls, left: Integers, right: Integers, similarity: Integers) -> Self:
        """Take columns of any integer type."""
        columns = (left, right, similarity)
        return cls(*(np.ascontiguousarray(column, dtype=np.int32) for column in columns))

    @classmethod
    def concat(cls, parts: Sequence[Pairs]) -> Self:
        """Put pairs end to end."""
        names = ("left", "right", "similarity")
        empty = np.empty(0, dtype=np.int32)
        return cls(*(np.concatenate([empty, *(getattr(p, name) for p in parts)]) for name in names))

    def sorted(self) -> Pairs:
        """Return the pairs by left row, then right row; each pair occurs once."""
        # One key: NumPy sorts 64-bit numbers with vector instructions, two keys without.
        key = self.left.astype(np.int64) << np.int64(31) | self.right
        return self[np.argsort(key)]

    def strongest_first(self) -> Integers:
        """Return ``int64 (n,)``: places by descending similarity, equal ones by left, right row.

        >>> pairs = Pairs.of(np.array([1, 0, 0]), np.array([0, 1, 0]), np.array([9, 8, 9]))
        >>> pairs.strongest_first()
        array([2, 0, 1])
        """
        # Two sorts of single numbers: many times as fast as one by three columns.
        place = np.argsort(self.left.astype(np.int64) << np.int64(31) | self.right)
        weakness = (_STRONGEST - self.similarity[place].astype(np.int64)) << _RANK_BITS
        weakness |= np.arange(len(place))
        weakness.sort()
        order: Integers = place[weakness & ((np.int64(1) << _RANK_BITS) - 1)]
        return order

    def __getitem__(self, chosen: np.ndarray) -> Pairs:
        return Pairs(self.left[chosen], self.right[chosen], self.similarity[chosen])

    def weaker_by(self, millionths: int) -> Pairs:
        """Return the pairs with that much less similarity, to set them beside stronger ones."""
        return Pairs(self.left, self.right, self.similarity - np.int32(millionths))
