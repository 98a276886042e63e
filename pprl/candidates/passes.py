"""Passes: each puts records into blocks, and two records are compared when any block is shared.

A pass is a key for each record. The agencies make the keys (:class:`Blocks`), or the coordinator
reads them off the filters (:class:`pprl.candidates.lsh.Bands`); who compares
(:mod:`pprl.candidates.blocks`) doesn't care.

>>> left = Blocks(np.array([[8, 9]], dtype=np.uint64), np.array([[True, True]]))
>>> right = Blocks(np.array([[9, 9, 7]], dtype=np.uint64), np.array([[True, False, True]]))
>>> pairs_in_blocks(left, right), left.meeting(right)
(1, array([False,  True]))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from pprl.buffers import fixed_rows, valid
from pprl.encoded import BLOCK_BYTES
from pprl.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Flags, Integers
    from pprl.encoded import EncodedSet

_TABLE_BITS = (16, 28)  # of a key, for a first look: from a table that stays in the cache
_SPARSE_BITS = 4  # so that one entry in sixteen is taken
_MUCH_SMALLER = 8
_MANY = 1 << 20  # records; more are sorted in parts, on threads
_PARTS = 8  # of the keys, by their first bits: about equal, since keys are as good as drawn
_PART_SHIFT = np.uint64(61)
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Passes(Protocol):
    """Keys of the records of one side, pass by pass."""

    def __len__(self) -> int:
        """Return how many passes there are."""

    @property
    def n_records(self) -> int:
        """How many records there are."""

    def keys(self, place: int) -> tuple[Words, Flags]:
        """Return ``uint64 (records,)``, equal where records share a block, and who is in one."""

    def agree(self, other: Self, rows: Integers, others: Integers, passes: int = -1) -> Flags:
        """Return ``bool (n,)``: which pairs of rows share a block, in the first ``passes``."""

    def __getitem__(self, rows: Integers | Flags) -> Self:
        """Return the passes of some records."""


@dataclass(frozen=True)
class Blocks:
    """The blocks that the agencies put records into.

    Attributes
    ----------
    values
        ``uint64 (passes, records)``: equal where two records share a block; keyed, so as good as
        drawn at random.
    present
        ``bool (passes, records)``: whether a record is in a block at all.
    """

    values: Words
    present: Flags

    @classmethod
    def of(cls, records: EncodedSet, passes: Sequence[str]) -> Self:
        """Read the columns of some passes."""
        values = np.zeros((len(passes), len(records)), dtype=np.uint64)
        present = np.zeros(values.shape, dtype=np.bool_)
        for place, name in enumerate(passes):
            column = records.block_column(name)
            start = 0
            for chunk in column.chunks:
                rows = fixed_rows(chunk, BLOCK_BYTES)
                values[place, start : start + len(chunk)] = rows.view(np.uint64)[:, 0]
                start += len(chunk)
            present[place] = valid(column)
        return cls(values, present)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_records(self) -> int:
        """How many records there are."""
        return self.values.shape[1]

    def keys(self, place: int) -> tuple[Words, Flags]:
        """Return the values of one pass, and who has one."""
        return self.values[place], self.present[place]

    def __getitem__(self, rows: Integers | Flags) -> Blocks:
        return Blocks(self.values[:, rows], self.present[:, rows])

    def agree(self, other: Blocks, rows: Integers, others: Integers, passes: int = -1) -> Flags:
        """Return ``bool (n,)``: which pairs of rows share a block, in the first ``passes``."""
        found = np.zeros(len(rows), dtype=np.bool_)
        for place in range(len(self.values) if passes < 0 else passes):
            equal = self.values[place, rows] == other.values[place, others]
            found |= equal & self.present[place, rows] & other.present[place, others]
        return found

    def meeting(self, others: Blocks) -> Flags:
        """Return ``bool (records,)``: who shares a block with any of a few others."""
        found = np.zeros(self.n_records, dtype=np.bool_)
        for place in range(len(self)):
            found |= meeting(self.keys(place), others.keys(place))
        return found

    def below(self, share: float) -> Flags:
        """Return ``bool (records,)``: who is in about that share of the blocks of the first pass.

        Blocks come whole: which ones is as good as drawn, since their values are keyed.
        """
        values, present = self.keys(0)
        most = min(int(share * 2.0**64), 2**64 - 1)
        chosen: Flags = present & (values <= np.uint64(most))
        return chosen


def meeting(keys: tuple[Words, Flags], others: tuple[Words, Flags]) -> Flags:
    """Return ``bool (records,)``: whose key any of a few others has too. No sort of the many."""
    values, present = keys
    wanted = np.unique(others[0][others[1]])
    if not len(wanted):
        return np.zeros(len(values), dtype=np.bool_)
    bits = int(np.clip(len(wanted).bit_length() + _SPARSE_BITS, *_TABLE_BITS))
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << bits, dtype=np.bool_)
    table[wanted >> shift] = True
    found: Flags = table[values >> shift] & present
    perhaps = np.flatnonzero(found)
    at = np.minimum(np.searchsorted(wanted, values[perhaps]), len(wanted) - 1)
    found[perhaps[wanted[at] != values[perhaps]]] = False
    return found


def shared_keys(
    left: tuple[Words, Flags], right: tuple[Words, Flags]
) -> tuple[tuple[Words, Flags], tuple[Words, Flags]]:
    """Leave out, of the much larger side, whoever can't share a block with the smaller one."""
    sizes = len(left[0]), len(right[0])
    if sizes[0] * _MUCH_SMALLER < sizes[1]:
        right = right[0], meeting(right, left)
    elif sizes[1] * _MUCH_SMALLER < sizes[0]:
        left = left[0], meeting(left, right)
    return left, right


def joined(
    left: tuple[Words, Flags], right: tuple[Words, Flags]
) -> tuple[tuple[Counts, Counts], tuple[Counts, Counts]]:
    """Return each side's rows, key after key, and where keys begin, of those that both have.

    Parameters
    ----------
    left, right
        Keys ``uint64 (records,)``, and ``bool (records,)``: who has one.

    Returns
    -------
    tuple
        For both sides ``int64``: the rows with a common key, ``(n,)``, and where in them each of
        the common keys begins, ``(keys + 1,)``.
    """
    parts = list(
        in_order(partial(_joined_part, left, right, part) for part in _parts(left[0], right[0]))
    )
    (ours, our_sizes), (theirs, their_sizes) = (
        tuple(np.concatenate([part[side][column] for part in parts]) for column in (0, 1))
        for side in (0, 1)
    )
    starts = [np.append(0, np.cumsum(sizes)) for sizes in (our_sizes, their_sizes)]
    return (ours, theirs), (starts[0], starts[1])


def _parts(left: Words, right: Words) -> Sequence[int | None]:
    """Return the parts of the keys that are sorted by themselves; None: all keys are one part."""
    return range(_PARTS) if max(len(left), len(right)) > _MANY else (None,)


def _joined_part(
    left: tuple[Words, Flags], right: tuple[Words, Flags], part: int | None
) -> tuple[tuple[Counts, Counts], tuple[Counts, Counts]]:
    """Return, of the keys of one part, each side's rows, and how many have each common key."""
    sides = []
    for side_values, present in (left, right):
        rows = np.flatnonzero(present if part is None else present & _inside(side_values, part))
        keys = side_values[rows]
        order = np.argsort(keys)
        ordered = keys[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
        sides.append((rows[order], ordered[first], np.diff(np.append(first, len(ordered)))))
    common = np.intersect1d(sides[0][1], sides[1][1], assume_unique=True)
    one, other = (_only(*side, common) for side in sides)
    return one, other


def _inside(keys: Words, part: int) -> Flags:
    inside: Flags = keys >> _PART_SHIFT == np.uint64(part)
    return inside


def _only(rows: Counts, keys: Words, sizes: Counts, common: Words) -> tuple[Counts, Counts]:
    """Leave out the rows whose key the other side hasn't."""
    wanted = np.isin(keys, common, assume_unique=True)
    return rows[np.repeat(wanted, sizes)], sizes[wanted]


def pairs_in_blocks(left: Blocks, right: Blocks) -> int:
    """Return how many pairs share a block, each counted once. Sorts; makes no pair."""
    total = 0
    for size in range(1, len(left) + 1):
        for passes in combinations(range(len(left)), size):
            # Inclusion and exclusion: what agrees in one of several passes, counted once.
            total += (1 if size % 2 else -1) * _agreeing(left, right, passes)
    return total


def block_sizes(left: Blocks, right: Blocks, place: int) -> tuple[Counts, Counts]:
    """Return ``int64 (blocks,)`` each: records of either side in the blocks that both have."""
    (_, ours), (_, theirs), (at, other_at) = _common(*_values(left, right, (place,)))
    return ours[at], theirs[other_at]


def _agreeing(left: Blocks, right: Blocks, passes: Sequence[int]) -> int:
    """Return how many pairs agree in all of some passes."""
    ours, theirs = _values(left, right, passes)
    alone = left is right
    return sum(
        in_order(
            partial(_agreeing_part, ours, None if alone else theirs, part)
            for part in _parts(ours, theirs)
        )
    )


def _agreeing_part(left: Words, right: Words | None, part: int | None) -> int:
    """Return how many pairs of some keys are equal; with ``right`` None, of the left ones."""
    ours = left if part is None else left[_inside(left, part)]
    if right is None:
        return int((np.unique(ours, return_counts=True)[1] ** 2).sum())
    theirs = right if part is None else right[_inside(right, part)]
    (_, n_ours), (_, n_theirs), (at, other_at) = _common(ours, theirs)
    return int((n_ours[at] * n_theirs[other_at]).sum())


def _common(
    left: Words, right: Words
) -> tuple[tuple[Words, Counts], tuple[Words, Counts], tuple[Counts, Counts]]:
    """Return the distinct values of either side with their counts, and where common ones are."""
    ours, theirs = (np.unique(each, return_counts=True) for each in (left, right))
    _, at, other_at = np.intersect1d(ours[0], theirs[0], assume_unique=True, return_indices=True)
    return ours, theirs, (at, other_at)


def _values(left: Blocks, right: Blocks, passes: Sequence[int]) -> tuple[Words, Words]:
    """Return, of records that are in a block of all of some passes, one value for all of them."""
    if len(passes) == 1:
        (ours, here), (theirs, there) = shared_keys(left.keys(passes[0]), right.keys(passes[0]))
        return ours[here], theirs[there]
    found = []
    for each in (left, right):
        present = each.present[list(passes)].all(axis=0)
        # Keys are as good as drawn: different ones don't meet in a sum of odd multiples.
        mixed = np.zeros(int(present.sum()), dtype=np.uint64)
        for place in passes:
            mixed = mixed * _ODD + each.values[place][present]
        found.append(mixed)
    return found[0], found[1]
