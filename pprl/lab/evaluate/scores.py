"""Precision, recall and F1 of a set of found pairs, each with its 95% interval.

Counts in, shares out: nothing here knows where the counts come from.

>>> score = new_score((2, 1, 1), findable=4)
>>> score.precision.value, score.recall.value, round(score.f1, 3)
(0.5, 0.25, 0.333)
>>> round(score.f1_interval.low, 3), round(score.f1_interval.high, 3)
(0.07, 0.769)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z95 = 1.959963984540054  # normal quantile of 0.975


@dataclass(frozen=True)
class Estimate:
    """A share with its 95% interval (Wilson 1927); all None when it is a share of nothing."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """How good one set of found pairs is.

    Attributes
    ----------
    found
        Pairs of records of different parties that are in one group.
    right
        Those whose records are one entity.
    recovered
        Persons (per pair of parties) with at least one right pair.
    findable
        Persons (per pair of parties) whom both parties have.
    precision, recall
        ``right / found`` and ``recovered / findable``.
    f1
        Their harmonic mean; 0 if nothing right was found, None if there was nothing to find.
    """

    found: int
    right: int
    recovered: int
    findable: int
    precision: Estimate
    recall: Estimate
    f1: float | None

    @property
    def f1_interval(self) -> Estimate:
        """F1 with its 95% interval.

        Right pairs among all pairs that are found or missed are a share, and F1 grows with it:
        ``f1 = 2 s / (1 + s)``. So the ends of its Wilson interval give those of F1. Where a person
        has several right pairs, pairs are weighed so that each person counts once.
        """
        if self.f1 is None:
            return Estimate(None, None, None)
        share = self.f1 / (2 - self.f1)
        tries = self.recovered / share if share else float(self.found + self.findable)
        low, high = _interval(share, tries)
        return Estimate(self.f1, 2 * low / (1 + low), 2 * high / (1 + high))

    def as_dict(self) -> dict[str, object]:
        """Return the numbers for JSON, intervals beside their shares."""
        return {
            "precision": self.precision.value,
            "recall": self.recall.value,
            "f1": self.f1,
            "precision_interval": [self.precision.low, self.precision.high],
            "recall_interval": [self.recall.low, self.recall.high],
            "f1_interval": [self.f1_interval.low, self.f1_interval.high],
            "found": self.found,
            "right": self.right,
            "recovered": self.recovered,
            "findable": self.findable,
        }


def wilson(hits: int, tries: int) -> Estimate:
    """Return ``hits / tries`` with its Wilson score interval at 95%."""
    if tries == 0:
        return Estimate(None, None, None)
    share = hits / tries
    low, high = _interval(share, tries)
    # Exact at the ends, where rounding would leave the share outside its own interval.
    return Estimate(share, 0.0 if hits == 0 else low, 1.0 if hits == tries else high)


def new_score(counts: Sequence[int], findable: int) -> Score:
    """Return the score of ``counts``: pairs found, pairs right, persons recovered."""
    found, right, recovered = counts
    precision, recall = wilson(right, found), wilson(recovered, findable)
    f1 = None if recall.value is None else 0.0
    if precision.value and recall.value:
        f1 = 2 * precision.value * recall.value / (precision.value + recall.value)
    return Score(found, right, recovered, findable, precision, recall, f1)


def _interval(share: float, tries: float) -> tuple[float, float]:
    spread = 1 + _Z95**2 / tries
    middle = (share + _Z95**2 / (2 * tries)) / spread
    half = _Z95 * sqrt(share * (1 - share) / tries + (_Z95 / (2 * tries)) ** 2) / spread
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
