"""Precision and recall at many settings of the thresholds, and the best of them.

Counts only: where they come from is :mod:`pprl.lab.tune.sweep`'s matter. No id or value is here.

>>> curve = Curve(np.array([0.7, 0.8]), np.array([0.5, 0.5]), np.array([0.7, 0.8]), findable=10,
...               found=np.array([12, 8]), right=np.array([9, 8]), recovered=np.array([9, 8]))
>>> curve.best().threshold, curve.best_at(0.9).score.recall.value
(0.8, 0.8)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np

from pprl.lab.evaluate.scores import new_score

if TYPE_CHECKING:
    from pprl.lab.evaluate import Score

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Shares: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Point:
    """How good a link is at one setting.

    Attributes
    ----------
    threshold
        Least similarity of two filters; None: no pair is taken by its filters alone.
    token_threshold, contradicted_threshold
        The same where a token is equal, and where both records have the strongest token and it
        differs; None where the schema has no tokens. Above 1: no such pair is taken.
    score
        Precision, recall and F1 with their counts and intervals.
    """

    threshold: float | None
    token_threshold: float | None
    contradicted_threshold: float | None
    score: Score

    def as_dict(self) -> dict[str, object]:
        """Return the numbers for JSON."""
        return {
            "threshold": self.threshold,
            "token_threshold": self.token_threshold,
            "contradicted_threshold": self.contradicted_threshold,
            **self.score.as_dict(),
        }


@dataclass(frozen=True, eq=False)
class Curve:
    """Counts at every setting, all columns ``(n,)``: several curves of equal length, end to end.

    Attributes
    ----------
    threshold, token_threshold, contradicted_threshold
        ``float64``, as in :class:`Point`; the last two are NaN where there are no tokens.
    found, right, recovered
        ``int64``: pairs in one group, those that are one person, persons with such a pair.
    findable
        Persons whom two parties have, over all pairs of parties; at least one.
    """

    threshold: Shares
    token_threshold: Shares
    contradicted_threshold: Shares
    found: Numbers
    right: Numbers
    recovered: Numbers
    findable: int

    @property
    def precision(self) -> Shares:
        """``right / found``; NaN where nothing was found."""
        return np.where(self.found > 0, self.right / np.maximum(self.found, 1), np.nan)

    @property
    def recall(self) -> Shares:
        """``recovered / findable``."""
        return self.recovered / self.findable

    @property
    def f1(self) -> Shares:
        """Harmonic mean of both; 0 where nothing right was found."""
        precision = np.nan_to_num(self.precision)
        total = precision + self.recall
        return np.where(total > 0, 2 * precision * self.recall / np.where(total > 0, total, 1), 0)

    def best(self) -> Point:
        """Return the setting with the highest F1; the first of equals."""
        return self._point(int(np.argmax(self.f1)))

    def best_at(self, precision: float) -> Point | None:
        """Return the setting with the highest recall among those of at least this precision."""
        reached = np.flatnonzero(self.precision >= precision)
        if not len(reached):
            return None
        # Of equal recall the more precise, then the first.
        order = np.lexsort((reached, -self.precision[reached], -self.recall[reached]))
        return self._point(int(reached[order[0]]))

    def best_curve(self) -> Self:
        """Return the one curve over all thresholds on which the best F1 lies."""
        length = len(np.unique(self.threshold))
        start = int(np.argmax(self.f1)) // length * length
        return self._take(np.arange(start, start + length))

    def envelope(self) -> Self:
        """Return the settings that no other beats in both precision and recall, by recall."""
        found = np.flatnonzero(self.found)
        order = found[np.lexsort((-self.precision[found], -self.recall[found]))]
        best_so_far = np.maximum.accumulate(np.append(-1.0, self.precision[order]))
        return self._take(order[self.precision[order] > best_so_far[:-1]][::-1])

    def points(self) -> list[Point]:
        """Return every setting."""
        return [self._point(place) for place in range(len(self.threshold))]

    def _point(self, place: int) -> Point:
        bars = (float(self.token_threshold[place]), float(self.contradicted_threshold[place]))
        by_token, contradicted = (None if np.isnan(bar) else bar for bar in bars)
        counts = (self.found[place], self.right[place], self.recovered[place])
        return Point(
            threshold=float(self.threshold[place]),
            token_threshold=by_token,
            contradicted_threshold=contradicted,
            score=new_score([int(count) for count in counts], self.findable),
        )

    def _take(self, places: Numbers) -> Self:
        return type(self)(
            threshold=self.threshold[places],
            token_threshold=self.token_threshold[places],
            contradicted_threshold=self.contradicted_threshold[places],
            found=self.found[places],
            right=self.right[places],
            recovered=self.recovered[places],
            findable=self.findable,
        )
