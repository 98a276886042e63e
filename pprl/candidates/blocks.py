"""Pairs that share a block: filters are compared only where a blocking pass has equal values.

For each pass both sides are put into the order of their blocks. Blocks that both have are compared
one after the other inside one compiled call, without a table of their pairs; large blocks go to the
tiled kernel of :mod:`pprl.candidates.exhaustive`, cut into spans, so that no block keeps one thread
busy alone. A pair that agrees in several passes is kept by the first of them. Nothing depends on
the number of threads. Memory is linear in records and in the pairs found.

It decides nothing beyond the threshold, and a record that is in no block is in no pair.

>>> left = np.array([[0b0111], [0b0111]], dtype=np.uint64)
>>> right = np.array([[0b0111], [0b0111]], dtype=np.uint64)
>>> blocks = Blocks(np.array([[8, 9]], dtype=np.uint64), np.array([[True, True]]))
>>> blocked_pairs(left, right, blocks, blocks, threshold=800_000)
Pairs(left=array([0, 1], dtype=int32), right=array([0, 1], dtype=int32), \
similarity=array([1000000, 1000000], dtype=int32))
>>> pairs_in_blocks(blocks, blocks)
2
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from pprl.buffers import fixed_rows, valid
from pprl.candidates.exhaustive import MAX_RECORDS, Job, Kept, spans
from pprl.compare.block_kernel import similar_in_blocks
from pprl.compare.measure import Dice
from pprl.compare.packing import SortedFilters, Words, count_bits
from pprl.compare.pairs import Pairs
from pprl.encoded import BLOCK_BYTES
from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS, available_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from pprl.compare.measure import Counts, Measure
    from pprl.compare.pairs import Flags, Integers
    from pprl.encoded import EncodedSet

LARGE_BLOCK_PAIRS = 1 << 18
"""From here on laying out tiles pays."""
_SPAN_PAIRS = 1 << 22
_SPAN_RECORDS = 1 << 16


@dataclass(frozen=True)
class Blocks:
    """The blocks of records, pass by pass.

    Attributes
    ----------
    values
        ``uint64 (passes, records)``: equal where two records share a block.
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

    def __getitem__(self, rows: Integers | Flags) -> Blocks:
        return Blocks(self.values[:, rows], self.present[:, rows])

    def agree(self, other: Blocks, rows: Integers, others: Integers, passes: int = -1) -> Flags:
        """Return ``bool (n,)``: which pairs of rows share a block, in the first ``passes``."""
        found = np.zeros(len(rows), dtype=np.bool_)
        for place in range(len(self.values) if passes < 0 else passes):
            equal = self.values[place, rows] == other.values[place, others]
            found |= equal & self.present[place, rows] & other.present[place, others]
        return found


def pairs_in_blocks(left: Blocks, right: Blocks) -> int:
    """Return how many pairs share a block, each counted once. Sorts; makes no pair."""
    total = 0
    for size in range(1, len(left.values) + 1):
        for passes in combinations(range(len(left.values)), size):
            # Inclusion and exclusion: what agrees in one of several passes, counted once.
            total += (1 if size % 2 else -1) * _agreeing(left, right, passes)
    return total


def blocked_pairs(
    left: Words,
    right: Words,
    left_blocks: Blocks,
    right_blocks: Blocks,
    threshold: int,
    *,
    measure: Measure | None = None,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """Return all pairs of non-empty filters that share a block and reach the threshold.

    Parameters
    ----------
    left, right
        Filters, ``uint64 (records, words)``, equally many words; zeros are never similar.
    left_blocks, right_blocks
        Their blocks, of the same passes.
    threshold, measure, threads, max_pairs, progress
        As for :func:`pprl.candidates.exhaustive.similar_pairs`. Progress counts a pair once for
        each pass in which it agrees.

    Returns
    -------
    Pairs
        Sorted by left row, then right row; each pair once.

    Raises
    ------
    LimitError
        More than ``max_pairs`` pairs are similar, or a side has more than 2**31 - 1 records.

    Notes
    -----
    A sort of each side a pass, and the pairs in blocks: some 150 million a second and core at
    1,024 bits in small blocks, more in large ones.
    """
    if max(len(left), len(right)) > MAX_RECORDS:
        raise LimitError("link.too_many_records", limit=MAX_RECORDS)
    kept = Kept(max_pairs)
    sides = [(words, count_bits(words)) for words in (left, right)]
    usable = [
        Blocks(blocks.values, blocks.present & (bits > 0))
        for blocks, (_, bits) in zip((left_blocks, right_blocks), sides, strict=True)
    ]
    passes = [
        _Pass(sides, usable, place, measure or Dice(), threshold, kept)
        for place in range(len(left_blocks.values))
    ]
    total = sum(int(each.n_pairs.sum()) for each in passes)
    parts: list[Pairs] = []
    compared = 0
    for n_pairs, part in _in_order(
        (work for each in passes for work in each.work()), threads or available_threads(), kept
    ):
        parts.append(part)
        compared += n_pairs
        if progress is not None:
            progress(compared, total)
    return Pairs.concat(parts).sorted()


class _Work(NamedTuple):
    n_pairs: int
    run: Callable[[], Pairs]


def _in_order(work: Iterator[_Work], threads: int, kept: Kept) -> Iterator[tuple[int, Pairs]]:
    """Run work on threads, a little ahead of what is taken, and yield what it gives in order."""
    waiting: deque[tuple[int, Future[Pairs]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pprl-blocks")
    try:
        for each in work:
            waiting.append((each.n_pairs, pool.submit(each.run)))
            if len(waiting) > 2 * threads:
                n_pairs, future = waiting.popleft()
                yield n_pairs, future.result()
        while waiting:
            n_pairs, future = waiting.popleft()
            yield n_pairs, future.result()
    finally:
        kept.stop.set()
        pool.shutdown(cancel_futures=True)


class _Pass:
    """One pass: the rows of both sides, block after block, those blocks only that both have."""

    def __init__(
        self,
        sides: Sequence[tuple[Words, Counts]],
        blocks: Sequence[Blocks],
        place: int,
        measure: Measure,
        threshold: int,
        kept: Kept,
    ) -> None:
        self._sides, self._blocks, self._place = sides, blocks, place
        self._measure, self._threshold, self._kept = measure, threshold, kept
        self._needed = measure.least_common(threshold, sides[0][0].shape[1] * 64)
        self._rows, self._starts = _joined([_keys(each, (place,)) for each in blocks])
        sizes = [np.diff(starts) for starts in self._starts]
        self.n_pairs = sizes[0] * sizes[1]
        self._n_records = sizes[0] + sizes[1]

    def work(self) -> Iterator[_Work]:
        """Yield the work of all blocks, small ones many at a time."""
        is_large = self.n_pairs >= LARGE_BLOCK_PAIRS
        pairs, records = (np.cumsum(each) for each in (self.n_pairs, self._n_records))
        first, n_blocks = 0, len(self.n_pairs)
        large = np.append(np.flatnonzero(is_large), n_blocks)
        while first < n_blocks:
            if is_large[first]:
                yield from self._large(first)
                first += 1
                continue
            before = [int(each[first - 1]) if first else 0 for each in (pairs, records)]
            stop = min(
                int(np.searchsorted(pairs, before[0] + _SPAN_PAIRS)),
                int(np.searchsorted(records, before[1] + _SPAN_RECORDS)),
                int(large[np.searchsorted(large, first)]),
            )
            stop = max(stop, first + 1)
            n_pairs = int(pairs[stop - 1]) - before[0]
            yield _Work(n_pairs, partial(self._small, first, stop))
            first = stop

    def _large(self, block: int) -> Iterator[_Work]:
        sides = [
            _sorted_filters(words, bits, rows[starts[block] : starts[block + 1]])
            for (words, bits), rows, starts in zip(
                self._sides, self._rows, self._starts, strict=True
            )
        ]
        one, other = sides
        job = Job(one, other, self._measure, self._threshold, self._kept, self._is_first)
        for span in spans(*map(len, sides)):
            yield _Work(span.n_pairs, partial(job.run, span))

    def _small(self, first: int, stop: int) -> Pairs:
        if self._kept.stop.is_set():
            return Pairs.concat([])
        rows, starts, words = [], [], []
        for (filters, _), all_rows, all_starts in zip(
            self._sides, self._rows, self._starts, strict=True
        ):
            part = all_starts[first : stop + 1]
            starts.append(part - part[0])
            rows.append(all_rows[part[0] : part[-1]])
            words.append(filters[rows[-1]])
        parts = []
        found = similar_in_blocks(words[0], words[1], starts[0], starts[1], self._needed)
        for place, other_place, common in found:
            ours, theirs = rows[0][place], rows[1][other_place]
            similarity = self._measure.of(
                common.astype(np.int64), self._sides[0][1][ours], self._sides[1][1][theirs]
            )
            pairs = Pairs.of(ours, theirs, similarity)
            if self._place:
                pairs = pairs[self._is_first(ours, theirs)]
            self._kept.add(len(pairs))
            parts.append(pairs)
        return Pairs.concat(parts)

    def _is_first(self, rows: Integers, others: Integers) -> Flags:
        """Return which pairs agree in no earlier pass."""
        earlier: Flags = self._blocks[0].agree(self._blocks[1], rows, others, self._place)
        return ~earlier


def _sorted_filters(words: Words, bits: Counts, rows: Counts) -> SortedFilters:
    order = rows[np.lexsort((rows, bits[rows]))]
    return SortedFilters(words, order, bits[order])


def _keys(blocks: Blocks, passes: Sequence[int]) -> tuple[Counts, list[Words]]:
    """Return the rows that are in a block of every pass, and their values."""
    rows = np.flatnonzero(blocks.present[list(passes)].all(axis=0))
    return rows, [blocks.values[place, rows] for place in passes]


def _joined(
    keys: Sequence[tuple[Counts, list[Words]]],
) -> tuple[list[Counts], list[Counts]]:
    """Return each side's rows, block after block, and where its blocks begin, of common ones."""
    rows, values, starts = [], [], []
    for side_rows, (side_values,) in keys:
        order = np.argsort(side_values)
        ordered = side_values[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
        rows.append(side_rows[order])
        values.append(ordered[first])
        starts.append(np.append(first, len(ordered)))
    common = np.intersect1d(values[0], values[1], assume_unique=True)
    out_rows: list[Counts] = []
    out_starts: list[Counts] = []
    for side_rows, side_values, side_starts in zip(rows, values, starts, strict=True):
        sizes = np.diff(side_starts)
        wanted = np.isin(side_values, common, assume_unique=True)
        out_rows.append(side_rows[np.repeat(wanted, sizes)])
        out_starts.append(np.append(0, np.cumsum(sizes[wanted])))
    return out_rows, out_starts


def _agreeing(left: Blocks, right: Blocks, passes: Sequence[int]) -> int:
    """Return how many pairs agree in all of some passes."""
    (left_rows, left_values), (right_rows, right_values) = (
        _keys(each, passes) for each in (left, right)
    )
    sides = [left_values[0], right_values[0]]
    if len(passes) > 1:
        codes = np.zeros(len(left_rows) + len(right_rows), dtype=np.int64)
        for ours, theirs in zip(left_values, right_values, strict=True):
            _, places = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
            # Renumbered after each pass, so that it never overflows.
            codes = codes * (int(places.max(initial=0)) + 1) + places
            codes = np.unique(codes, return_inverse=True)[1]
        sides = np.split(codes.astype(np.uint64), [len(left_rows)])
    (ours, n_ours), (theirs, n_theirs) = (np.unique(each, return_counts=True) for each in sides)
    _, at, other_at = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return int((n_ours[at] * n_theirs[other_at]).sum())
