"""Every pair: all filters of one side against all filters of the other.

The work is cut into spans of rows of either side that a thread finishes in some hundredths of a
second. Spans are independent and their pairs are sorted in the end, so the result does not
depend on the number of threads. Memory is linear in the records of the smaller side and in the
pairs found, which ``max_pairs`` bounds.

It takes no token into account and decides nothing beyond the threshold.

>>> left = np.array([[0b0111], [0b0000]], dtype=np.uint64)
>>> right = np.array([[0b1000], [0b1111]], dtype=np.uint64)
>>> similar_pairs(left, right, threshold=800_000)
Pairs(left=array([0], dtype=int32), right=array([1], dtype=int32), \
similarity=array([857142], dtype=int32))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.kernels import similar
from pprl.compare.measure import Counts, Dice, Measure
from pprl.compare.packing import SortedFilters, Strip, sort_filters
from pprl.compare.pairs import Pairs
from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS
from pprl.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pprl.compare.filters import Filters, Words
    from pprl.compare.pairs import Flags, Integers

MAX_RECORDS = 2**31 - 1  # rows of pairs are int32

_TILED_ROWS = 2_048  # with a strip part they fill the second-level cache about half
_STRIP_PART_ROWS = 4_096
_STRIP_ROWS = 32 * _STRIP_PART_ROWS


@dataclass(frozen=True)
class Span:
    """A rectangle of pairs: places in the two sorted sides, stop not included."""

    strip_start: int
    strip_stop: int
    tiles_start: int
    tiles_stop: int

    @property
    def n_pairs(self) -> int:
        """Pairs in the rectangle."""
        return (self.strip_stop - self.strip_start) * (self.tiles_stop - self.tiles_start)


def spans(
    n_strip: int, n_tiled: int, strip_rows: int = _STRIP_ROWS, tiled_rows: int = _TILED_ROWS
) -> Iterator[Span]:
    """Cut ``n_strip * n_tiled`` pairs into spans that cover each pair once.

    >>> [span.n_pairs for span in spans(3, 5, strip_rows=2, tiled_rows=4)]
    [8, 2, 4, 1]
    """
    for first in range(0, n_strip, strip_rows):
        for start in range(0, n_tiled, tiled_rows):
            yield Span(
                first, min(first + strip_rows, n_strip), start, min(start + tiled_rows, n_tiled)
            )


def similar_pairs(
    left: Words | Filters,
    right: Words | Filters,
    threshold: int,
    *,
    measure: Measure | None = None,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """Return all pairs of non-empty filters whose similarity reaches the threshold.

    Parameters
    ----------
    left, right
        Filters, ``uint64 (records, words)``, equally many words; zeros are never similar.
    threshold
        In millionths.
    measure
        Dice when not given.
    threads
        As many as this process may use when not given.
    max_pairs
        How many similar pairs may be kept: 12 bytes each, and some 50 while they are sorted.
    progress
        Called in this thread with pairs compared and pairs in all.

    Returns
    -------
    Pairs
        Sorted by left row, then right row.

    Raises
    ------
    LimitError
        More than ``max_pairs`` pairs are similar, or a side has more than 2**31 - 1 records.
    """
    if max(len(left), len(right)) > MAX_RECORDS:
        raise LimitError("link.too_many_records", limit=MAX_RECORDS)
    swapped = len(left) > len(right)
    rows, others = (sort_filters(each) for each in ((right, left) if swapped else (left, right)))
    job = Job(rows, others, measure or Dice(), threshold, Kept(max_pairs))
    total = len(job.rows) * len(job.others)
    parts: list[Pairs] = []
    compared = 0
    work = list(spans(len(job.rows), len(job.others)))
    try:
        done = in_order((partial(job.run, span) for span in work), threads)
        for span, part in zip(work, done, strict=True):
            parts.append(part)
            compared += span.n_pairs
            if progress is not None:
                progress(compared, total)
    finally:
        job.kept.stop.set()
    pairs = Pairs.concat(parts)
    return (Pairs(pairs.right, pairs.left, pairs.similarity) if swapped else pairs).sorted()


class Kept:
    """The pairs kept so far, counted by all threads, and whether they are to stop.

    Parameters
    ----------
    most
        How many may be kept.
    """

    def __init__(self, most: int) -> None:
        self.stop = Event()
        self._most = most
        self._found = 0
        self._lock = Lock()

    def add(self, found: int) -> None:
        """Count pairs.

        Raises
        ------
        LimitError
            They are too many.
        """
        with self._lock:
            self._found += found
            if self._found > self._most:
                raise LimitError("link.too_many_pairs", limit=self._most)


class Job:
    """Two sets of sorted filters, every one against every other; threads run spans of it.

    Parameters
    ----------
    rows, others
        Filters, those of either side of one width.
    measure, threshold
        How they are compared, and from where a pair is kept, in millionths.
    kept
        Counts what is found; shared by jobs that belong together.
    wanted
        Says of pairs of rows which are kept; all when not given, or when it says None.
    """

    def __init__(
        self,
        rows: SortedFilters,
        others: SortedFilters,
        measure: Measure,
        threshold: int,
        kept: Kept,
        wanted: Callable[[Integers, Integers], Flags | None] | None = None,
    ) -> None:
        self.rows = rows
        self.others = others
        self.kept = kept
        self._wanted = wanted
        self._strip: Strip = rows.strip(0, len(rows))
        self._measure = measure
        self._needed: Counts = measure.least_common(threshold, rows.words.n_words * 64)

    def run(self, span: Span) -> Pairs:
        """Return the similar pairs of a span, in no order."""
        if self.kept.stop.is_set() or self._out_of_reach(span):
            return Pairs.concat([])
        tiles = self.others.tiles(span.tiles_start, span.tiles_stop)
        parts: list[Pairs] = []
        for start in range(span.strip_start, span.strip_stop, _STRIP_PART_ROWS):
            if self.kept.stop.is_set():  # another thread failed, or the user interrupted
                break
            stop = min(start + _STRIP_PART_ROWS, span.strip_stop)
            for row, other, common in similar(self._strip.part(start, stop), tiles, self._needed):
                parts.append(self._pairs(start + row, span.tiles_start + other, common))
        return Pairs.concat(parts)

    def _pairs(self, places: Integers, other_places: Integers, common: Integers) -> Pairs:
        rows, others = self.rows.rows[places], self.others.rows[other_places]
        similarity = self._measure.of(
            common.astype(np.int64), self.rows.set_bits[places], self.others.set_bits[other_places]
        )
        pairs = Pairs.of(rows, others, similarity)
        wanted = None if self._wanted is None else self._wanted(rows, others)
        if wanted is not None:
            pairs = pairs[wanted]
        self.kept.add(len(pairs))
        return pairs

    def _out_of_reach(self, span: Span) -> bool:
        # Two filters share at most the bits of the smaller one; both sides are sorted.
        rows = self.rows.set_bits[[span.strip_start, span.strip_stop - 1]]
        others = self.others.set_bits[[span.tiles_start, span.tiles_stop - 1]]
        return bool(min(rows[1], others[1]) < self._needed[rows[0] + others[0]])
