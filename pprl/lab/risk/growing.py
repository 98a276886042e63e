"""Seed and grow: from known pairs to ever more of them, up to 200,000 records.

Every known pair is a column: how similar each record is to the known record, and each person to
the known person. A record and a person that are similar to the same columns are candidates; the
candidates are scored on the columns nearest to the person. Those that are each other's best, by a
margin at which known pairs, tried as if they were unknown, come out right, become columns too, and
again. After Narayanan and Shmatikov (2009): propagation from seeds, here over similarities.

Nothing is ever a matrix of records and persons: columns are read in blocks, and each record and
person keeps only those that it is most similar to.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.risk import seed_kernel
from pprl.lab.risk.scales import Scales
from pprl.lab.risk.scene import NOBODY
from pprl.limits import available_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float32]
    Int32 = NDArray[np.int32]
    Integers = NDArray[np.int64]

KEPT = 128  # columns that a record or person keeps
CANDIDATES = 32
PRECISION = 0.9  # of what is accepted, as tried on known pairs
LEAST_MARGIN = 3.0  # log odds against the second best
LEAST_LEARNED = 0.0  # the same where known pairs all came out right
ROUNDS = 6
_MORE = 5_000  # columns added in a round
_BLOCK = 256  # columns read at once
_ROWS = 16_384  # rows read at once
_WORK = 4_000_000_000  # steps in which candidates are found
_TRIED = 10  # known pairs of which a margin is learned


@dataclass
class _Lists:
    """The columns that each row is most similar to, best first; -1 where there are fewer."""

    columns: Int32
    values: Floats

    @classmethod
    def empty(cls, rows: int) -> _Lists:
        return cls(
            np.full((rows, KEPT), -1, dtype=np.int32), np.zeros((rows, KEPT), dtype=np.float32)
        )

    def merge(self, rows: slice, first_column: int, values: Floats) -> None:
        """Take a block of further columns into account."""
        numbers = np.arange(first_column, first_column + values.shape[1], dtype=np.int32)
        columns = np.hstack([self.columns[rows], np.broadcast_to(numbers, values.shape)])
        floor = np.where(self.columns[rows] < 0, -np.inf, self.values[rows])
        joined = np.hstack([floor, values]).astype(np.float32)
        best = np.argsort(-joined, axis=1, kind="stable")[:, :KEPT]
        taken = np.take_along_axis(joined, best, axis=1)
        self.columns[rows] = np.where(
            np.isfinite(taken), np.take_along_axis(columns, best, axis=1), -1
        )
        self.values[rows] = np.where(np.isfinite(taken), taken, 0)


class Growth:
    """One attack on one scene: its columns, and what each record is nearest to.

    Parameters
    ----------
    scene, known
        As an attack gets them.
    """

    def __init__(self, scene: Scene, known: Integers) -> None:
        self._scene = scene
        self._scales = Scales(scene, known)
        self._known_as = np.full(len(scene), NOBODY, dtype=np.int64)
        self._known_as[known] = scene.truth[known]
        self._is_known = np.zeros(len(scene.population), dtype=np.bool_)
        self._is_known[scene.truth[known]] = True
        self._records = _Lists.empty(len(scene))
        self._persons = _Lists.empty(len(scene.population))
        self._owners = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        self._counts = np.bitwise_count(scene.filters).sum(axis=1, dtype=np.int64)
        self._threads = available_threads()
        self.add(self._scales.rows, self._scales.persons)

    def add(self, rows: Integers, persons: Integers) -> None:
        """Add columns."""
        start = len(self._owners[0])
        self._owners = (
            np.concatenate([self._owners[0], rows]),
            np.concatenate([self._owners[1], persons]),
        )
        for first in range(0, len(rows), _BLOCK):
            taken = slice(first, first + _BLOCK)
            for each in _slices(len(self._scene)):
                here = np.arange(each.start, each.stop, dtype=np.int64)
                seen = self._scales.encoded(here, rows[taken])
                self._records.merge(each, start + first, seen)
            for each in _slices(len(self._scene.population)):
                here = np.arange(each.start, each.stop, dtype=np.int64)
                expected = self._scales.plain(here, persons[taken])
                self._persons.merge(each, start + first, expected)

    def matches(self) -> tuple[Integers, Floats, float]:
        """Return each record's best candidate, -1 for none; its margin; the margin to accept.

        A margin is the smaller one of the record's own against its second best and of the
        person's against the second best record.
        """
        found = np.full((len(self._scene), CANDIDATES), -1, dtype=np.int32)
        scored = np.empty(found.shape, dtype=np.float32)
        short = self._short()
        starts, persons, values = _by_column(self._persons, short, len(self._owners[0]))
        columns = np.ascontiguousarray(self._records.columns[:, :short])
        seen = np.ascontiguousarray(self._records.values[:, :short])

        def work(each: slice) -> None:
            seed_kernel.candidates(
                each.start, each.stop, columns, seen, starts, persons, values,
                *self._owners, self._known_as, self._is_known, found,
            )  # fmt: skip
            seed_kernel.scores(
                each.start, each.stop, found, self._persons.columns, self._persons.values,
                self._scene.filters, self._counts, *self._owners, self._scales.hardened,
                self._scales.noise, scored,
            )  # fmt: skip

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, _slices(len(self._scene), 2_048)))
        scored[~self._scene.has_filter] = -np.inf
        best, margin = _mutual(found, scored, len(self._scene.population), self._others)
        return best, margin, self._bar(best, margin)

    def _bar(self, best: Integers, margin: Floats) -> float:
        """Return the least margin from which known pairs, tried as unknown ones, come out right."""
        tried = np.flatnonzero((self._known_as != NOBODY) & (best != NOBODY))
        order = tried[np.argsort(-margin[tried], kind="stable")]
        right = np.cumsum(best[order] == self._known_as[order])
        counts = np.arange(1, len(order) + 1)
        good = np.flatnonzero((right >= PRECISION * counts) & (counts >= _TRIED))
        if self._scales.hardened:
            return LEAST_MARGIN  # the likelihood is exact: nothing is to be learned
        if not len(good):
            return 2 * LEAST_MARGIN  # nothing to learn from: only what is beyond doubt
        if good[-1] == len(order) - 1:  # all of them: the least margin seen is only chance
            return LEAST_LEARNED
        return max(LEAST_LEARNED, float(margin[order[good[-1]]]))

    @property
    def _others(self) -> int:
        """Return how many persons aren't among the candidates and could be it as well.

        A wrong person's likelihood against being nobody's neighbour is 1 on average where noise
        is known exactly; elsewhere margins are learned.
        """
        return len(self._scene.population) if self._scales.hardened else 0

    def _short(self) -> int:
        """Return how many columns of each row candidates are found by."""
        pairs, columns = len(self._scene) * len(self._scene.population), len(self._owners[0])
        wide = (_WORK * max(columns, 1) / max(pairs, 1)) ** 0.5
        if not self._scales.hardened:
            wide = min(wide, columns / 5)  # the nearest tell; to all others all are alike
        return int(min(max(wide, 6), KEPT))


def grow(scene: Scene, known: Integers) -> Integers:
    """Return who the records are that can be told with some certainty; -1 for the others."""
    growth = Growth(scene, known)
    guess = np.full(len(scene), NOBODY, dtype=np.int64)
    used = np.zeros(len(scene), dtype=np.bool_)
    used[known] = True
    for _ in range(ROUNDS):
        best, margin, bar = growth.matches()
        accepted = (best != NOBODY) & (margin >= bar)
        accepted[known] = False
        guess = np.where(accepted, best, NOBODY)
        fresh = np.flatnonzero(accepted & ~used)
        if len(fresh) <= len(known) // 50:
            break
        fresh = np.sort(fresh[np.argsort(-margin[fresh], kind="stable")[:_MORE]])
        growth.add(fresh, best[fresh])
        used[fresh] = True
    guess[known] = scene.truth[known]
    return guess


def _by_column(lists: _Lists, short: int, count: int) -> tuple[Integers, Int32, Floats]:
    """Return, column by column, the rows that have it among their first ones."""
    columns = lists.columns[:, :short]
    rows, places = np.nonzero(columns >= 0)
    of = columns[rows, places]
    order = np.argsort(of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=count))]).astype(np.int64)
    return starts, rows[order].astype(np.int32), lists.values[rows, places][order]


def _mutual(found: Int32, scored: Floats, persons: int, others: int) -> tuple[Integers, Floats]:
    """Return for each record its best candidate, if it is that one's best too, and the margin.

    ``others`` persons (and records) that aren't listed are as good as a neutral candidate each.
    """
    rows = np.arange(len(found))
    order = np.argsort(-scored, axis=1, kind="stable")
    first = order[:, 0]
    top = scored[rows, first]
    second = _together(np.take_along_axis(scored, order[:, 1:], axis=1), others)
    best = np.where(np.isfinite(top), found[rows, first], NOBODY).astype(np.int64)
    # The best and second best record of each person, over all candidates.
    flat = np.flatnonzero(np.isfinite(scored).ravel())
    person, value = found.ravel()[flat].astype(np.int64), scored.ravel()[flat]
    row = flat // found.shape[1]
    sort = np.lexsort((row, -value, person))
    person, value, row = person[sort], value[sort], row[sort]
    starts = np.flatnonzero(np.append(True, person[1:] != person[:-1]))[: len(person)]
    highest = np.full(persons, -np.inf, dtype=np.float32)
    winner = np.full(persons, NOBODY, dtype=np.int64)
    runner = np.full(persons, -np.inf, dtype=np.float32)
    if len(person):
        highest[person[starts]], winner[person[starts]] = value[starts], row[starts]
        follows = starts + 1
        inside = follows[follows < len(person)]
        inside = inside[person[inside] == person[inside - 1]]
        runner[person[inside]] = value[inside]
    chosen = best >= 0
    mutual = np.zeros(len(found), dtype=np.bool_)
    mutual[chosen] = winner[best[chosen]] == rows[chosen]
    margin = np.full(len(found), -np.inf, dtype=np.float32)
    kept = np.flatnonzero(mutual)
    margin[kept] = top[kept] - np.maximum(second[kept], runner[best[kept]])
    return np.where(mutual, best, NOBODY), margin


def _together(logs: Floats, others: int) -> Floats:
    """Return the logarithm of the sum of likelihoods, row by row."""
    if others:
        background = np.full((len(logs), 1), np.log(others), dtype=logs.dtype)
        logs = np.hstack([logs, background])
    highest = logs.max(axis=1)
    base = np.where(np.isfinite(highest), highest, 0)
    with np.errstate(divide="ignore"):
        summed = np.log(np.exp(logs - base[:, None]).sum(axis=1)) + base
    return np.asarray(summed, dtype=np.float32)


def _slices(count: int, size: int = _ROWS) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
