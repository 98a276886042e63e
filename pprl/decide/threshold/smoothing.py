"""A smooth rate behind counts: Poisson regression that dislikes bends.

The logarithm of the rate is free in every bin, and its second differences are held back by a
normal prior. Where there are counts the rate follows them; where there are none it runs on
straight, which is how the tail of a null is extrapolated: as an exponential with the slope of its
last well-counted part (Whittaker 1923, in the Poisson form of Eilers and Marx 1996).

>>> counts = np.array([400.0, 200.0, 100.0, 50.0, 0.0, 0.0])
>>> seen = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
>>> np.exp(smooth(counts, seen, bend=0.05).log_rate).round(1)
array([400. , 200. , 100. ,  50. ,  25. ,  12.5])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solveh_banded

if TYPE_CHECKING:
    from pprl.decide.threshold.bins import Floats

_MAX_STEPS = 100
_MAX_CHANGE = 2.0  # of a log rate in one step: keeps Newton's method where its parabola is true
_CLOSE = 1e-7
_FLOOR = 1e-9  # keeps the system solvable where nothing was seen


@dataclass(frozen=True)
class Smooth:
    """A fitted rate.

    Attributes
    ----------
    log_rate
        ``float64 (bins,)``: natural logarithm of the events per unit of exposure.
    precision
        ``float64 (3, bins)``: inverse covariance of ``log_rate``, its bands from the diagonal down.
    """

    log_rate: Floats
    precision: Floats

    def variance_of(self, weights: Floats) -> float:
        """Return the variance of a weighted sum of the log rates."""
        return float(weights @ solveh_banded(self.precision, weights, lower=True))


def smooth(counts: Floats, exposure: Floats, bend: float, start: Floats | None = None) -> Smooth:
    """Fit a smooth log rate to counts.

    Parameters
    ----------
    counts, exposure
        ``float64 (bins,)``: events and chances; a bin without exposure says nothing.
    bend
        Standard deviation of the second differences of the log rate, from bin to bin.
    start
        Log rates to start from.

    Notes
    -----
    Newton's method on a five-diagonal system: linear in bins.
    """
    n_bins = len(counts)
    stiffness = _second_differences(n_bins) / bend**2
    if start is None:
        start = np.full(n_bins, np.log((counts.sum() + 0.5) / max(exposure.sum(), _FLOOR)))
    rate = start.copy()
    value = _objective(rate, counts, exposure, bend)
    for _ in range(_MAX_STEPS):
        expected = exposure * np.exp(rate)
        slope = counts - expected - _times(stiffness, rate)
        precision = stiffness.copy()
        precision[0] += expected + _FLOOR
        step = solveh_banded(precision, slope, lower=True)
        largest = float(np.abs(step).max())
        step *= min(1.0, _MAX_CHANGE / max(largest, _FLOOR))
        share = 1.0
        while share > _CLOSE and _objective(rate + share * step, counts, exposure, bend) < value:
            share /= 2
        rate = rate + share * step
        value = _objective(rate, counts, exposure, bend)
        if largest < _CLOSE:
            break
    precision = stiffness.copy()
    precision[0] += exposure * np.exp(rate) + _FLOOR
    return Smooth(rate, precision)


def _objective(rate: Floats, counts: Floats, exposure: Floats, bend: float) -> float:
    bends = np.diff(rate, 2) / bend
    return float(counts @ rate - exposure @ np.exp(rate) - bends @ bends / 2)


def _second_differences(n_bins: int) -> Floats:
    """Return D'D of the second differences D, its bands from the diagonal down."""
    bands = np.zeros((3, n_bins))
    inner = slice(0, max(n_bins - 2, 0))
    bands[0, inner] += 1
    bands[0, 1 : n_bins - 1] += 4
    bands[0, 2:] += 1
    bands[1, inner] -= 2
    bands[1, 1 : n_bins - 1] -= 2
    bands[2, inner] += 1
    return bands


def _times(bands: Floats, values: Floats) -> Floats:
    """Multiply a symmetric banded matrix with a vector."""
    product: Floats = bands[0] * values
    for offset in range(1, len(bands)):
        product[offset:] += bands[offset, :-offset] * values[:-offset]
        product[:-offset] += bands[offset, :-offset] * values[offset:]
    return product
