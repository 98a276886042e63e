"""How fast this machine compares, and how long a link should take.

Measured within a second, on filters of these very sets and with the compiled kernels that compare
them: pairs in small blocks, pairs in tiles, keys sorted, filters fetched. What a link does beside
comparing, joining tokens, finding thresholds, deciding, grows with records; how much that is, in
terms of sorting and fetching, was measured on whole links.

The estimate is for a plan: on a busy machine it is off by as much as the machine is busy. Nothing
is decided by it, so a result never depends on it.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.measure import MILLION, measure_of
from pprl.limits import available_threads
from pprl.plan.sample import of_strangers, some_filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts
    from pprl.encoded import EncodedSet
    from pprl.plan.needs import Needs

START_SECONDS = 2.5
"""Loading libraries and compiled kernels, opening files, writing results."""
SORTS, SORTS_A_PASS = 60, 12
"""What a link does with each record, once and for each pass or band, in terms of sorting a record
of half a million: joining tokens, sampling, putting in order, assigning. Measured at 0.5 and 5
million records, CPU time."""
GATHERS, GATHERS_A_PASS = 6, 2
"""How often the filter of a record is fetched from where it lies, likewise."""
TILED_AGAIN = 1.2
"""Comparisons for each that is asked for: thresholds are found in samples of some per cent."""
READ_BYTES_A_SECOND = 500_000_000
"""Of a file that isn't in memory, in order."""

_SAMPLE = 4_096
_TRIES, _TRY_SECONDS = 3, 0.05  # the best counts: others may be using this machine for a moment
_BLOCK_ROWS, _BLOCK_OTHERS = 16, 64  # of the small blocks
_SORTED, _GATHERED = 1 << 19, 1 << 17
_LOG_SORTED = 19
_HIGH_SHARE = 0.9


@dataclass(frozen=True)
class Speed:
    """What this machine does in a second, on all threads.

    Attributes
    ----------
    small_blocks, tiled
        Pairs compared in small blocks, and in large ones or among all.
    sorted_keys
        Keys put in order, half a million at a time, by one thread.
    gathered
        Filters fetched in another order, by one thread.
    threads
        How many threads that was.
    """

    small_blocks: float
    tiled: float
    sorted_keys: float
    gathered: float
    threads: int


def measure_speed(
    left: EncodedSet, right: EncodedSet, partners: float, threads: int | None = None
) -> Speed | None:
    """Try the kernels on some filters of two sets; None where there are none. About a second.

    Parameters
    ----------
    partners
        Records with which one is compared, on average: comparing starts where chance gives each
        record about half a similar one, and the tiled kernel is the faster the higher that is.
    """
    # Loaded late: they are compiled, or read from where compiled code is kept.
    from pprl.compare.block_kernel import similar_in_blocks  # noqa: PLC0415 - see above
    from pprl.compare.kernels import similar  # noqa: PLC0415
    from pprl.compare.packing import sort_filters  # noqa: PLC0415

    measure = measure_of(left.header)
    ours, theirs = (some_filters(each, _SAMPLE) for each in (left, right))
    if not len(ours) or not len(theirs):
        return None
    # Small sets are repeated: what is measured is the machine.
    one, other = (
        np.ascontiguousarray(np.resize(each, (_SAMPLE, each.shape[1]))) for each in (ours, theirs)
    )
    needed = measure.least_common(
        _start(of_strangers(ours, theirs, measure), partners), one.shape[1] * 64
    )
    n_blocks = _SAMPLE // _BLOCK_OTHERS
    starts, other_starts = (np.arange(n_blocks + 1) * size for size in (_BLOCK_ROWS, _BLOCK_OTHERS))
    few = one[: starts[-1]]
    n_threads = threads or available_threads()

    def small() -> int:
        for _ in similar_in_blocks(few, other, starts, other_starts, needed):
            pass
        return n_blocks * _BLOCK_ROWS * _BLOCK_OTHERS

    sorted_one, sorted_other = sort_filters(one), sort_filters(other)
    strip = sorted_one.strip(0, len(sorted_one))
    tiles = sorted_other.tiles(0, len(sorted_other))

    def tiled() -> int:
        for _ in similar(strip, tiles, needed):
            pass
        return len(sorted_one) * len(sorted_other)

    return Speed(
        _rate(small, n_threads),
        _rate(tiled, n_threads),
        _sort_rate(),
        _gather_rate(other),
        n_threads,
    )


def _start(strangers: Counts, partners: float) -> int:
    """Return a similarity that about half a stranger among so many reaches, in millionths."""
    middle, high = (int(strangers[int(share * len(strangers))]) for share in (0.5, _HIGH_SHARE))
    normal = NormalDist()
    far = normal.inv_cdf(1 - 0.5 / max(partners, 2.0)) / normal.inv_cdf(_HIGH_SHARE)
    return min(round(middle + far * (high - middle)), MILLION)


def _rate(work: Callable[[], int], threads: int) -> float:
    """Return how much is done in a second when all threads do it over and over."""
    work()  # compiled, and in the caches

    def repeat(until: float) -> int:
        done = work()
        while perf_counter() < until:
            done += work()
        return done

    best = 0.0
    with ThreadPoolExecutor(threads, thread_name_prefix="pprl-try") as pool:
        for _ in range(_TRIES):
            start = perf_counter()
            waiting = [pool.submit(repeat, start + _TRY_SECONDS) for _ in range(threads)]
            done = sum(each.result() for each in waiting)
            best = max(best, done / (perf_counter() - start))
    return best


def _sort_rate() -> float:
    """Return how many keys a second one thread puts in order."""
    keys = np.random.default_rng(0).integers(0, 2**64, _SORTED, dtype=np.uint64)
    return _SORTED / min(_took(lambda: np.argsort(keys)) for _ in range(_TRIES))


def _gather_rate(filters: Words) -> float:
    """Return how many filters a second one thread fetches in another order."""
    many = np.resize(filters, (_GATHERED, filters.shape[1]))
    order = np.random.default_rng(0).permutation(_GATHERED)
    return _GATHERED / min(_took(lambda: many[order]) for _ in range(_TRIES))


def _took(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return max(perf_counter() - start, 1e-6)


def seconds(speed: Speed, needed: Needs, *, small: int, tiled: int, passes: int) -> float:
    """Return how long a link should take.

    Parameters
    ----------
    needed
        What it takes, and for which job.
    small, tiled
        Comparisons in small blocks, and by tiles.
    passes
        Times that records are put into the order of their blocks.
    """
    records = sum(needed.job.records)
    # Sorting is a little more than linear.
    slower = max(math.log2(max(records, 2)) / _LOG_SORTED, 1.0)
    a_record = (SORTS + SORTS_A_PASS * passes) * slower / speed.sorted_keys
    a_record += (GATHERS + GATHERS_A_PASS * passes) / speed.gathered
    comparing = small / speed.small_blocks + TILED_AGAIN * tiled / speed.tiled
    reading = needed.job.filters * (needed.parts - 1) * max(passes, 1) / READ_BYTES_A_SECOND
    return START_SECONDS + records * a_record + comparing + reading
