"""Pairs that share a block: filters are compared only where a blocking pass has equal keys.

For each pass both sides are put into the order of their blocks. Blocks that both have are compared
one after the other inside one compiled call, without a table of their pairs; large blocks go to the
tiled kernel of :mod:`pprl.candidates.exhaustive`, cut into spans, so that no block keeps one thread
busy alone. A pair that agrees in several passes is kept by the first of them. Nothing depends on
the number of threads.

Blocks are taken in chunks. Where filters don't fit into memory (``held``), those of a chunk are
copied first, read in the order of their file, so that the whole file is read once for each chunk
and never at random. Finished chunks can be kept on disk (:mod:`pprl.candidates.working`). Memory is
linear in records and in the pairs found, never in the pairs compared.

It decides nothing beyond the threshold, and a record that is in no block is in no pair.

>>> from pprl.candidates.passes import Blocks
>>> left = np.array([[0b0111], [0b0111]], dtype=np.uint64)
>>> right = np.array([[0b0111], [0b0111]], dtype=np.uint64)
>>> blocks = Blocks(np.array([[8, 9]], dtype=np.uint64), np.array([[True, True]]))
>>> blocked_pairs(left, right, blocks, blocks, threshold=800_000)
Pairs(left=array([0, 1], dtype=int32), right=array([0, 1], dtype=int32), \
similarity=array([1000000, 1000000], dtype=int32))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from pprl.candidates.exhaustive import MAX_RECORDS, Job, Kept, Span, spans
from pprl.candidates.passes import Passes, joined, shared_keys
from pprl.compare.block_kernel import similar_in_blocks
from pprl.compare.filters import Filters, as_filters
from pprl.compare.measure import Dice
from pprl.compare.packing import SortedFilters
from pprl.compare.pairs import Pairs
from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS
from pprl.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pprl.candidates.working import Step, Work
    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts, Measure
    from pprl.compare.pairs import Flags, Integers

Keys = TypeVar("Keys", bound=Passes)

LARGE_BLOCK_PAIRS = 1 << 18
"""From here on laying out tiles pays."""
_SPAN_PAIRS = 1 << 22
_SPAN_RECORDS = 1 << 16
_CHUNK_RECORDS = 1 << 22
_CHUNK_PAIRS = 1 << 33


@dataclass(frozen=True)
class How:
    """How blocks are compared, beside what is compared.

    Attributes
    ----------
    measure, threshold
        What is similar, and from where a pair is kept, in millionths.
    threads
        As many as this process may use when None.
    held
        Bytes of filters that may be copied into memory at once; None: filters are read where they
        are, which is faster where all of them stay in memory.
    work
        Where finished chunks are kept; None: nowhere.
    """

    measure: Measure
    threshold: int
    threads: int | None = None
    held: int | None = None
    work: Work | None = None


def blocked_pairs(
    left: Words | Filters,
    right: Words | Filters,
    left_blocks: Keys,
    right_blocks: Keys,
    threshold: int,
    *,
    measure: Measure | None = None,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    progress: Callable[[int, int], None] | None = None,
    held: int | None = None,
    work: Work | None = None,
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
        each pass in which it agrees, and takes later passes to have as many as those so far.
    held, work
        See :class:`How`.

    Returns
    -------
    Pairs
        Sorted by left row, then right row; each pair once.

    Raises
    ------
    LimitError
        More than ``max_pairs`` pairs are similar, a side has more than 2**31 - 1 records, or
        chunks can't be kept.

    Notes
    -----
    A sort of each side a pass, and the pairs in blocks: some 150 million a second and core at
    1,024 bits in small blocks, more in large ones. About 50 bytes a record.
    """
    if max(len(left), len(right)) > MAX_RECORDS:
        raise LimitError("link.too_many_records", limit=MAX_RECORDS)
    how = How(measure or Dice(), threshold, threads, held, work)
    sides = as_filters(left), as_filters(right)
    kept = Kept(max_pairs)
    parts: list[Pairs] = []
    compared = 0
    try:
        for place in range(len(left_blocks)):
            each = _Pass(sides, (left_blocks, right_blocks), place, how, kept)
            total = (compared + each.total) * len(left_blocks) // (place + 1)
            for n_pairs, part in each.found():
                parts.append(part)
                compared += n_pairs
                if progress is not None:
                    progress(compared, total)
    finally:
        kept.stop.set()
    return Pairs.concat(parts).sorted()


class _Pass(Generic[Keys]):
    """One pass: the rows of both sides, block after block, those blocks only that both have."""

    def __init__(
        self,
        sides: tuple[Filters, Filters],
        blocks: tuple[Keys, Keys],
        place: int,
        how: How,
        kept: Kept,
    ) -> None:
        self._sides, self._blocks, self._place = sides, blocks, place
        self._how, self._kept = how, kept
        keys = [
            (values, present & (side.set_bits > 0))
            for side, (values, present) in zip(
                sides, (each.keys(place) for each in blocks), strict=True
            )
        ]
        self._rows, self._starts = joined(*shared_keys(keys[0], keys[1]))
        sizes = [np.diff(starts) for starts in self._starts]
        self._pairs, self._records = sizes[0] * sizes[1], sizes[0] + sizes[1]
        self.total = int(self._pairs.sum())

    def found(self) -> Iterator[tuple[int, Pairs]]:
        """Yield how many pairs were compared, and those kept; whole chunks where they are saved."""
        step = self._step()
        records, pairs = self._chunk_size()
        for number, (first, stop) in enumerate(runs(self._records, self._pairs, records, pairs)):
            if step is None:
                yield from self._compared(first, stop)
                continue
            whole = step.load(number)
            if whole is None:
                whole = Pairs.concat([part for _, part in self._compared(first, stop)])
                step.save(number, whole)
            else:
                self._kept.add(len(whole))
            yield int(self._pairs[first:stop].sum()), whole

    def _step(self) -> Step | None:
        how = self._how
        if how.work is None:
            return None
        asked = f"{self._place} {how.measure!r} {how.threshold} {self._chunk_size()}".encode()
        contents = (side.content(how.threads) for side in self._sides)
        return how.work.step([asked, *self._rows, *self._starts, *contents])

    def _chunk_size(self) -> tuple[int, int]:
        if self._how.held is None:
            return _CHUNK_RECORDS, _CHUNK_PAIRS
        return max(self._how.held // (8 * self._sides[0].n_words), 1), _CHUNK_PAIRS

    def _compared(self, first: int, stop: int) -> Iterator[tuple[int, Pairs]]:
        """Compare a chunk of blocks."""
        rows = [
            rows[starts[first] : starts[stop]]
            for rows, starts in zip(self._rows, self._starts, strict=True)
        ]
        sides = [side.only(each) for side, each in zip(self._sides, rows, strict=True)]
        if self._how.held is not None and stop > first + 1:
            # A block that is a chunk by itself may be larger than what may be held.
            sides = [side.copied(self._how.threads) for side in sides]
        starts = [each[first : stop + 1] - each[first] for each in self._starts]
        chunk = _Chunk(sides, starts, rows, self._how, self._kept, self._is_first)
        yield from in_order(chunk.work(), self._how.threads)

    def _is_first(self, rows: Integers, others: Integers) -> Flags | None:
        """Return which pairs agree in no earlier pass; None: all."""
        if not self._place:
            return None
        ours, theirs = self._blocks
        earlier: Flags = ours.agree(theirs, rows, others, self._place)
        return ~earlier


@dataclass(frozen=True)
class _Chunk:
    """Some blocks: their filters on either side, block after block, and where each begins.

    ``rows`` are the row numbers of either side, ``wanted`` says which pairs of them are kept.
    """

    sides: Sequence[Filters]
    starts: Sequence[Counts]
    rows: Sequence[Counts]
    how: How
    kept: Kept
    wanted: Callable[[Integers, Integers], Flags | None]

    def work(self) -> Iterator[Callable[[], tuple[int, Pairs]]]:
        """Yield the work of all blocks, small ones many at a time, large ones in spans."""
        sizes = [np.diff(each) for each in self.starts]
        pairs, records = sizes[0] * sizes[1], sizes[0] + sizes[1]
        edges = np.flatnonzero(pairs >= LARGE_BLOCK_PAIRS)
        first = 0
        for large in [*edges.tolist(), len(pairs)]:
            part = slice(first, large)
            for start, stop in runs(records[part], pairs[part], _SPAN_RECORDS, _SPAN_PAIRS):
                yield partial(self._small, first + start, first + stop)
            if large < len(pairs):
                yield from self._large(large)
            first = large + 1

    def _large(self, block: int) -> Iterator[Callable[[], tuple[int, Pairs]]]:
        one, other = (
            _sorted_filters(side, starts[block], starts[block + 1])
            for side, starts in zip(self.sides, self.starts, strict=True)
        )
        job = Job(one, other, self.how.measure, self.how.threshold, self.kept, self._wanted)
        for span in spans(len(one), len(other)):
            yield partial(self._span, job, span)

    def _span(self, job: Job, span: Span) -> tuple[int, Pairs]:
        return span.n_pairs, self._numbered(job.run(span))

    def _small(self, first: int, stop: int) -> tuple[int, Pairs]:
        ends = [(int(starts[first]), int(starts[stop])) for starts in self.starts]
        starts = [each[first : stop + 1] - each[first] for each in self.starts]
        n_pairs = int((np.diff(starts[0]) * np.diff(starts[1])).sum())
        if self.kept.stop.is_set():
            return n_pairs, Pairs.concat([])
        ours, theirs = (side.part(*end) for side, end in zip(self.sides, ends, strict=True))
        bits = [side.set_bits[slice(*end)] for side, end in zip(self.sides, ends, strict=True)]
        needed = self.how.measure.least_common(self.how.threshold, ours.shape[1] * 64)
        parts = []
        for place, other, common in similar_in_blocks(ours, theirs, starts[0], starts[1], needed):
            similarity = self.how.measure.of(
                common.astype(np.int64), bits[0][place], bits[1][other]
            )
            found = Pairs.of(place + ends[0][0], other + ends[1][0], similarity)
            wanted = self._wanted(found.left, found.right)
            found = found if wanted is None else found[wanted]
            self.kept.add(len(found))
            parts.append(self._numbered(found))
        return n_pairs, Pairs.concat(parts)

    def _wanted(self, places: Integers, others: Integers) -> Flags | None:
        return self.wanted(self.rows[0][places], self.rows[1][others])

    def _numbered(self, pairs: Pairs) -> Pairs:
        """Return pairs of places in the chunk as pairs of rows."""
        return Pairs.of(self.rows[0][pairs.left], self.rows[1][pairs.right], pairs.similarity)


def runs(
    records: Counts, pairs: Counts, most_records: int, most_pairs: int
) -> Iterator[tuple[int, int]]:
    """Cut blocks into runs of so many records and pairs at most, or of one block.

    >>> list(runs(np.array([1, 1, 9, 1]), np.array([0, 0, 20, 0]), 4, 100))
    [(0, 2), (2, 3), (3, 4)]
    """
    n_records, n_pairs = (np.append(0, np.cumsum(each)) for each in (records, pairs))
    first = 0
    while first < len(records):
        stop = min(
            int(np.searchsorted(n_records, n_records[first] + most_records, side="right")),
            int(np.searchsorted(n_pairs, n_pairs[first] + most_pairs, side="right")),
        )
        stop = max(stop - 1, first + 1)
        yield first, stop
        first = stop


def _sorted_filters(side: Filters, start: int, stop: int) -> SortedFilters:
    rows = np.arange(start, stop)
    order = rows[np.argsort(side.set_bits[start:stop], kind="stable")]
    return SortedFilters(side, order, side.set_bits[order])
