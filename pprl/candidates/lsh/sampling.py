"""Samples of both sides, and the pairs of equal keys in them: counted, drawn, never all made.

>>> keys = np.array([7, 7, 8], dtype=np.uint64), np.array([True, True, True])
>>> meetings = Meetings(keys, keys)
>>> meetings.n_pairs, meetings.pairs(10, np.random.default_rng(0))
(5, (array([0, 0, 1, 1, 2]), array([0, 1, 0, 1, 2])))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pprl.candidates.passes import Passes

if TYPE_CHECKING:
    from pprl.compare.filters import Filters, Words
    from pprl.compare.pairs import Flags, Integers

Keys = TypeVar("Keys", bound=Passes)

SAMPLED_RECORDS = 1 << 17
"""Records of a side from which pairs are counted."""
_SAMPLED_PAIRS = 1 << 14


@dataclass(frozen=True)
class Samples:
    """Filters of records of both sides that have one, drawn at random, and how many there are.

    Attributes
    ----------
    left, right
        ``uint64 (n, words)``, in no order.
    n_left, n_right
        Of the whole.
    """

    left: Words
    right: Words
    n_left: int
    n_right: int

    @classmethod
    def of(cls, left: Filters, right: Filters, draw: np.random.Generator) -> Samples:
        """Draw them."""
        words = []
        sizes = []
        for filters in (left, right):
            rows = np.flatnonzero(filters.set_bits)
            sizes.append(len(rows))
            drawn = rows[_drawn(len(rows), draw)]
            words.append(filters[drawn][draw.permutation(len(drawn))])
        return cls(words[0], words[1], sizes[0], sizes[1])

    @property
    def n_pairs(self) -> int:
        """Pairs of the whole."""
        return self.n_left * self.n_right

    @property
    def scale(self) -> float:
        """Pairs of the whole for each pair of the samples; 0 where a side is empty."""
        return self.n_pairs / max(len(self.left) * len(self.right), 1)

    def first(self, most: int) -> tuple[Words, Words]:
        """Return so many of either side."""
        return self.left[:most], self.right[:most]


def pairs_in_bands(left: Keys, right: Keys, seed: int = 0) -> int:
    """Return about how many pairs share a bucket in any band, each counted once.

    From a sample of the records of either side: exact to some percent for millions of records.
    For many passes, of which counting exactly would take every subset. Some tenths of a second.
    """
    draw = np.random.default_rng([seed, 1])
    rows = [_drawn(each.n_records, draw) for each in (left, right)]
    one, other = left[rows[0]], right[rows[1]]
    total = 0.0
    for place in range(len(left)):
        meetings = Meetings(one.keys(place), other.keys(place))
        pairs = meetings.pairs(_SAMPLED_PAIRS, draw)
        if len(pairs[0]):
            earlier = one.agree(other, *pairs, place)
            total += meetings.n_pairs * (1 - float(earlier.mean()))
    return round(total * left.n_records * right.n_records / max(len(rows[0]) * len(rows[1]), 1))


class Meetings:
    """The pairs of two sides that share a key, counted and drawn without making them all."""

    def __init__(self, left: tuple[Words, Flags], right: tuple[Words, Flags]) -> None:
        self._rows, self._others = (np.flatnonzero(present) for _, present in (left, right))
        keys, other_keys = left[0][self._rows], right[0][self._others]
        self._order = np.argsort(other_keys)
        ordered = other_keys[self._order]
        self._first = np.searchsorted(ordered, keys)
        self._ends = np.cumsum(np.searchsorted(ordered, keys, side="right") - self._first)

    @property
    def n_pairs(self) -> int:
        """Pairs with equal keys."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def pairs(self, most: int, draw: np.random.Generator) -> tuple[Integers, Integers]:
        """Return up to so many of them: rows of either side. Drawn ones may repeat."""
        if self.n_pairs > most:
            numbers = draw.integers(0, self.n_pairs, most)
        else:
            numbers = np.arange(self.n_pairs)
        at = np.searchsorted(self._ends, numbers, side="right")
        before = np.append(0, self._ends)[at]
        return self._rows[at], self._others[self._order[self._first[at] + numbers - before]]


def _drawn(n_records: int, draw: np.random.Generator) -> Integers:
    """Return the rows of a sample, ascending: files are read from their beginning to their end."""
    if n_records <= SAMPLED_RECORDS:
        return np.arange(n_records)
    return np.sort(draw.choice(n_records, SAMPLED_RECORDS, replace=False, shuffle=False))
