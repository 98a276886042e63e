"""Which bars reach a target: the accept and review bars of every tier at once.

A pair's local precision is the chance that pairs of its tier and similarity are one person. All
tiers share one cutoff of local precision, for moving a pair's worth of certainty from one tier to
another could only lose; each tier's bar is the similarity from which its pairs reach the cutoff.
For a target precision the cutoff is the lowest that keeps the whole at the target; for F1 the one
with the largest expected F1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv

from pprl.decide.threshold.bins import BINS, edge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.decide.threshold.bins import Floats
    from pprl.decide.threshold.smoothing import Smooth

ACCEPT_FLOOR = 0.2
"""Least local precision of a pair that is accepted, whatever the target."""
REVIEW_FLOOR = 0.1
"""Least local precision of a pair that is worth a clerk's look."""
SLACK, FEW = 0.02, 5
"""How far the lower end of the interval may stay below a target precision: a share of the matches,
or a few of them, where there are so few that no interval could be short."""

_TAIL = 0.025
_MODEL_NOISE, _MODEL_DOUBT = 0.2, 0.5
"""No model is quite right: relative standard deviations of what it calls wrong, as bars are chosen
and as an interval says it. Measured on simulated registers."""
_NOTHING = 1e-100  # pairs; so few that floating point has no quantile for them


@dataclass(frozen=True)
class TierCurve:
    """One tier over similarity, after one-to-one assignment; ``float64 (201,)`` by bin.

    Attributes
    ----------
    tier
        Its name.
    found
        Matches found.
    expected_right, expected_false
        How many matches of one person and of different people the estimate expects.
    local_precision
        Chance that a pair of the bin is one person; never falls with similarity.
    by_null
        Whether what is false comes from the null (filters) or from wrong tokens.
    """

    tier: str
    found: Floats
    expected_right: Floats
    expected_false: Floats
    local_precision: Floats
    by_null: bool

    def bar(self, cutoff: float) -> int:
        """Return the bin from which pairs reach a local precision; one past the last if none."""
        return int(np.searchsorted(self.local_precision, cutoff))

    def above(self, place: int) -> TierCurve:
        """Return the part of the curve from a bin up."""
        kept = np.arange(BINS) >= place
        return replace(
            self,
            found=self.found * kept,
            expected_right=self.expected_right * kept,
            expected_false=self.expected_false * kept,
        )


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """A cutoff and what it is expected to give.

    Attributes
    ----------
    cutoff
        Least local precision of an accepted pair; 1 or more when nothing is accepted.
    found, false
        Matches accepted, and how many of them are expected to be wrong.
    precision
        With its interval.
    least
        Lower end of the interval if the model is taken at its word: what the target is held to.
    """

    cutoff: float
    found: float
    false: float
    precision: Interval
    least: float

    def bars(self, curves: Sequence[TierCurve]) -> dict[str, int]:
        """Return the bar of each tier in millionths."""
        return {curve.tier: edge(curve.bar(self.cutoff)) for curve in curves}


NOTHING = Choice(2.0, 0.0, 0.0, Interval(0.0, 0.0, 0.0), 0.0)


def choose(
    curves: Sequence[TierCurve],
    null_fit: Smooth | None,
    *,
    precision: float | None,
    persons: float,
) -> Choice:
    """Choose the cutoff for a target precision, or for F1 when there is none.

    Parameters
    ----------
    curves
        All tiers.
    null_fit
        For the uncertainty of the null.
    precision
        The target; None for the best F1.
    persons
        How many persons are expected in both files, for F1.

    Returns
    -------
    Choice
        :data:`NOTHING` when no cutoff reaches the target.
    """
    steps = np.unique(np.concatenate([curve.local_precision for curve in curves]))
    steps = steps[steps >= ACCEPT_FLOOR]
    best, best_f1 = NOTHING, -1.0
    for cutoff in steps:
        choice = expected(curves, null_fit, float(cutoff))
        # The curves decide, not the matches that happen to lie beside a bar.
        right = sum(float(each.expected_right[each.bar(cutoff) :].sum()) for each in curves)
        if not choice.found or not right:
            continue
        if precision is None:
            f1 = 2 * right / (right + choice.false + persons)
            if f1 > best_f1:
                best, best_f1 = choice, f1
        elif min(right / (right + choice.false), choice.precision.value) >= precision:
            slack = max(SLACK, FEW / choice.found)
            if choice.least >= precision - slack:
                return choice
    return best


def expected(curves: Sequence[TierCurve], null_fit: Smooth | None, cutoff: float) -> Choice:
    """Return what accepting from a cutoff on is expected to give."""
    found = false = doubt = 0.0
    weights = np.zeros(BINS)
    for curve in curves:
        part = slice(curve.bar(cutoff), BINS)
        wrong = float(curve.expected_false[part].sum())
        found += float(curve.found[part].sum())
        false += wrong
        if curve.by_null:
            weights[part] += curve.expected_false[part]
        else:
            doubt += wrong  # counted where matches are counted: as uncertain as its own count
    if null_fit is not None:
        doubt += null_fit.variance_of(weights[BINS - len(null_fit.log_rate) :])
    least = _precision(found, false, doubt + (_MODEL_NOISE * false) ** 2).low
    shown = _precision(found, false, doubt + (_MODEL_DOUBT * false) ** 2)
    return Choice(cutoff, found, false, shown, least)


def _precision(found: float, false: float, doubt: float) -> Interval:
    """Return 1 - false / found; the number of false matches is taken as gamma distributed.

    Its variance is that of a count around its expectation, and the expectation's own.
    """
    if not found:
        return Interval(0.0, 0.0, 0.0)
    low, high = (
        _gamma(false + half, false + doubt + half, tail)
        for half, tail in ((0.0, _TAIL), (0.5, 1 - _TAIL))
    )
    value = max(1 - false / found, 0.0)
    # What will be found wrong is a whole number.
    return Interval(value, max(1 - ceil(high) / found, 0.0), max(1 - floor(low) / found, 0.0))


def _gamma(mean: float, variance: float, tail: float) -> float:
    if mean < _NOTHING:
        return 0.0
    return float(gammaincinv(mean**2 / variance, tail) * variance / mean)
