"""The filters of one party, read by rows wherever they lie.

A file of tens of millions of filters is larger than memory should be. It stays where it is, mapped
chunk by chunk; only the rows that are asked for are copied, in the order of the file, so that each
page is touched once. Everything else about a filter that is needed often, how many bits are set,
is counted once.

It never compares: see :mod:`pprl.compare.kernels` and :mod:`pprl.candidates`.

>>> filters = Filters([np.array([[3], [1]], dtype=np.uint64), np.array([[7]], dtype=np.uint64)])
>>> filters.set_bits
array([2, 1, 3])
>>> filters[np.array([2, 0])].tolist(), filters.only(np.array([2]))[np.array([0])].tolist()
([[7], [3]], [[7]])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pprl.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Flags, Integers

Words: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

_COUNTED_AT_ONCE = 65_536  # rows; keeps temporary arrays small
_COPIED_AT_ONCE = 1 << 18
_ODD = np.uint64(0x9E3779B97F4A7C15)


def count_bits(words: Words) -> Counts:
    """Return ``int64 (n,)``: bits set in each filter of ``uint64 (n, words)``."""
    counts = np.empty(len(words), dtype=np.int64)
    for start in range(0, len(words), _COUNTED_AT_ONCE):
        part = slice(start, start + _COUNTED_AT_ONCE)
        counts[part] = np.bitwise_count(words[part]).sum(axis=1, dtype=np.int64)
    return counts


@dataclass(frozen=True)
class Filters:
    """Filters in chunks, or some of the filters of such.

    Attributes
    ----------
    chunks
        ``uint64 (records, words)`` each, equally many words; usually views of a mapped file.
    present
        ``bool (records,)`` for each chunk, or None where all of its records have a filter: the
        words of a record without one are anything.
    rows
        ``int64 (n,)``: the records meant; None: all.
    """

    chunks: Sequence[Words]
    present: Sequence[Flags | None] = ()
    rows: Counts | None = None

    def __len__(self) -> int:
        return int(self._starts[-1]) if self.rows is None else len(self.rows)

    @property
    def n_words(self) -> int:
        """Words of a filter."""
        return self.chunks[0].shape[1] if self.chunks else 0

    def __getitem__(self, places: Integers) -> Words:
        """Copy some filters, ``uint64 (n, words)``; zeros for a record without one."""
        rows = places if self.rows is None else self.rows[places]
        if len(self.chunks) == 1 and not self._lacking:
            return self.chunks[0][rows]
        out = np.empty((len(rows), self.n_words), dtype=np.uint64)
        order = np.argsort(rows)
        ordered = rows[order]
        ends = np.searchsorted(ordered, self._starts)
        for chunk in np.flatnonzero(np.diff(ends)).tolist():
            at = order[ends[chunk] : ends[chunk + 1]]
            inside = ordered[ends[chunk] : ends[chunk + 1]] - self._starts[chunk]
            out[at] = self.chunks[chunk][inside]
            if (present := self._present(chunk)) is not None:
                out[at[~present[inside]]] = 0
        return out

    def part(self, start: int, stop: int) -> Words:
        """Return the filters from ``start`` to ``stop``; not copied where they lie together."""
        if self.rows is None and len(self.chunks) == 1 and not self._lacking:
            return self.chunks[0][start:stop]
        return self[np.arange(start, stop)]

    def copied(self, threads: int | None = None) -> Filters:
        """Copy all of them into memory, one after the other."""
        words = np.empty((len(self), self.n_words), dtype=np.uint64)
        # In the order of the file: it is read from its beginning to its end, and only once.
        order = np.arange(len(self)) if self.rows is None else np.argsort(self.rows)

        def copy(start: int) -> None:
            places = order[start : start + _COPIED_AT_ONCE]
            words[places] = self[places]

        for _ in in_order(
            (partial(copy, start) for start in range(0, len(self), _COPIED_AT_ONCE)), threads
        ):
            pass
        filters = Filters([words])
        filters.__dict__["set_bits"] = self.set_bits
        return filters

    def only(self, rows: Integers) -> Filters:
        """Return some of the filters, nothing copied but their numbers."""
        chosen = np.asarray(rows if self.rows is None else self.rows[rows], dtype=np.int64)
        filters = Filters(self.chunks, self.present, chosen)
        # cached_property looks here first: what was counted for all isn't counted again.
        filters.__dict__["_starts"] = self._starts
        if "set_bits" in self.__dict__:
            filters.__dict__["set_bits"] = self.set_bits[rows]
        return filters

    @cached_property
    def set_bits(self) -> Counts:
        """``int64 (n,)``: bits set in each filter. Reads all filters once, chunks on threads."""
        if self.rows is not None:
            return count_bits(self[np.arange(len(self.rows))])
        counts = np.zeros(len(self), dtype=np.int64)

        def count(chunk: int) -> None:
            part = slice(self._starts[chunk], self._starts[chunk + 1])
            counts[part] = count_bits(self.chunks[chunk])
            if (present := self._present(chunk)) is not None:
                counts[part][~present] = 0

        for _ in in_order(partial(count, chunk) for chunk in range(len(self.chunks))):
            pass
        return counts

    def content(self, threads: int | None = None) -> Counts:
        """Return ``int64 (parts,)`` that change when any filter does: reads all, once.

        For noticing that a file is another one; nothing that somebody meant to deceive stops.
        """
        factors = np.arange(1, 2 * self.n_words + 1, 2, dtype=np.uint64) * _ODD

        def mixed(start: int) -> int:
            rows = self.part(start, min(start + _COUNTED_AT_ONCE, len(self)))
            marks = (rows * factors).sum(axis=1, dtype=np.uint64)
            places = np.arange(1, 2 * len(marks) + 1, 2, dtype=np.uint64)
            return int(
                ((marks ^ (marks >> np.uint64(29))) * places).sum(dtype=np.uint64).view(np.int64)
            )

        starts = range(0, len(self), _COUNTED_AT_ONCE)
        found = in_order((partial(mixed, start) for start in starts), threads)
        return np.fromiter(found, dtype=np.int64)

    @cached_property
    def _starts(self) -> Counts:
        return np.cumsum([0, *map(len, self.chunks)])

    @cached_property
    def _lacking(self) -> bool:
        return any(each is not None for each in self.present)

    def _present(self, chunk: int) -> Flags | None:
        return self.present[chunk] if self.present else None


def as_filters(words: Words | Filters) -> Filters:
    """Take an array of filters, ``uint64 (records, words)``, or what is one already."""
    return words if isinstance(words, Filters) else Filters([words])
