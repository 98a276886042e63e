"""The whole curve of a tier, in steps of a hundredth: what a chart or a table shows.

>>> hundredths(np.array([1.0, 2.0, 3.0] + [0.0] * 198))[:2]
array([3., 3.])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.measure import MILLION
from pprl.decide.threshold.bins import BINS, STEP, edge
from pprl.decide.threshold.choice import expected

if TYPE_CHECKING:
    from pprl.decide.judge import Verdict
    from pprl.decide.threshold.bins import Floats
    from pprl.decide.threshold.choice import TierCurve
    from pprl.decide.threshold.estimate import Estimate

_BINS_A_HUNDREDTH = MILLION // 100 // STEP
_SHOWN = 0.001  # least local precision of a line


@dataclass(frozen=True)
class TierTable:
    """One tier; columns ``float64 (n,)``, a line for each hundredth of similarity.

    Attributes
    ----------
    tier
        Its name.
    similarity
        Where each line begins, in [0, 1].
    found, expected_false
        Matches of the line, and how many of them are expected to be wrong.
    local_precision
        Share of right pairs among those of the line's lower end.
    precision, precision_low, precision_high
        Of everything the tier has from the line's begin up; NaN where it has nothing.
    accept, review
        The bars in [0, 1]; None where nothing is accepted or reviewed.
    """

    tier: str
    similarity: Floats
    found: Floats
    expected_false: Floats
    local_precision: Floats
    precision: Floats
    precision_low: Floats
    precision_high: Floats
    accept: float | None
    review: float | None


def tables(estimate: Estimate, verdict: Verdict) -> tuple[TierTable, ...]:
    """Return the curves of all tiers, each from where its pairs begin to be worth a thought."""
    return tuple(_table(curve, estimate, verdict) for curve in estimate.curves)


def hundredths(values: Floats) -> Floats:
    """Add up bins by hundredths: ``float64 (201,)`` in, ``float64 (101,)`` out."""
    whole = values[: BINS - 1].reshape(-1, _BINS_A_HUNDREDTH).sum(axis=1)
    return np.append(whole, values[BINS - 1])


def _table(curve: TierCurve, estimate: Estimate, verdict: Verdict) -> TierTable:
    starts = np.arange(0, BINS, _BINS_A_HUNDREDTH)
    local = curve.local_precision[starts]
    shown = np.flatnonzero(local >= _SHOWN)
    low = int(shown[0]) if len(shown) else len(starts) - 1
    precision = np.full((3, len(starts)), np.nan)
    for place in range(low, len(starts)):
        # From this similarity up, whatever the local precision says.
        above = expected((curve.above(int(starts[place])),), estimate.null_fit, 0.0)
        if above.found:
            value = above.precision
            precision[:, place] = value.value, value.low, value.high
    accept, review = verdict.accept[curve.tier], verdict.review[curve.tier]
    return TierTable(
        tier=curve.tier,
        similarity=starts[low:] * STEP / MILLION,
        found=hundredths(curve.found)[low:],
        expected_false=hundredths(curve.expected_false)[low:],
        local_precision=local[low:],
        precision=precision[0, low:],
        precision_low=precision[1, low:],
        precision_high=precision[2, low:],
        accept=None if accept >= edge(BINS) else accept / MILLION,
        review=None if review >= min(accept, edge(BINS)) else review / MILLION,
    )
