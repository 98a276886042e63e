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

from pprl._jit import compiled

if TYPE_CHECKING:
    from pprl.decide.threshold.bins import Floats

_MAX_STEPS = 100
_MAX_CHANGE = 2.0  # of a log rate in one step: keeps Newton's method where its parabola is true
_CLOSE = 1e-12
_LEAST_SHARE = 1e-3
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
        return float(weights @ _solve(self.precision, np.asarray(weights, np.float64)))


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
    if start is None:
        level = np.log((counts.sum() + 0.5) / max(exposure.sum(), _FLOOR))
        start = np.full(len(counts), level)
    stiffness = _second_differences(len(counts)) / bend**2
    rate = np.array(start, dtype=np.float64)
    _climb(rate, np.asarray(counts, np.float64), np.asarray(exposure, np.float64), stiffness)
    precision = stiffness.copy()
    precision[0] += exposure * np.exp(rate) + _FLOOR
    return Smooth(rate, precision)


@compiled
def _climb(rate: Floats, counts: Floats, exposure: Floats, stiffness: Floats) -> None:
    """Move ``rate`` to the highest posterior."""
    n_bins = len(rate)
    value = _height(rate, counts, exposure, stiffness)
    for _ in range(_MAX_STEPS):
        slope = counts - exposure * np.exp(rate) - _times(stiffness, rate)
        bands = stiffness.copy()
        bands[0] += exposure * np.exp(rate) + _FLOOR
        step = _solve(bands, slope)
        gain = 0.0
        largest = _FLOOR
        for place in range(n_bins):
            gain += slope[place] * step[place]
            largest = max(largest, abs(step[place]))
        if gain < _CLOSE * (1 + abs(value)):
            break  # as good as it gets in floating point
        share = min(1.0, _MAX_CHANGE / largest)
        while (
            share > _LEAST_SHARE
            and _height(rate + share * step, counts, exposure, stiffness) < value
        ):
            share /= 2
        rate += share * step
        value = _height(rate, counts, exposure, stiffness)


@compiled
def _height(rate: Floats, counts: Floats, exposure: Floats, stiffness: Floats) -> float:
    """Return the logarithm of the posterior, up to a constant."""
    bends = _times(stiffness, rate)
    total = 0.0
    for place in range(len(rate)):
        total += counts[place] * rate[place] - exposure[place] * np.exp(rate[place])
        total -= rate[place] * bends[place] / 2
    return total


@compiled
def _solve(bands: Floats, right: Floats) -> Floats:
    """Solve a symmetric five-diagonal system by its LDL' factors."""
    n_bins = len(right)
    diagonal, first, second = np.empty(n_bins), np.zeros(n_bins), np.zeros(n_bins)
    solution = right.copy()
    for place in range(n_bins):
        pivot = bands[0, place]
        coupling = bands[1, place]
        if place > 0:
            pivot -= first[place - 1] ** 2 * diagonal[place - 1]
            coupling -= second[place - 1] * diagonal[place - 1] * first[place - 1]
            solution[place] -= first[place - 1] * solution[place - 1]
        if place > 1:
            pivot -= second[place - 2] ** 2 * diagonal[place - 2]
            solution[place] -= second[place - 2] * solution[place - 2]
        diagonal[place] = pivot
        first[place] = coupling / pivot
        second[place] = bands[2, place] / pivot
    for place in range(n_bins - 1, -1, -1):
        solution[place] /= diagonal[place]
        if place + 1 < n_bins:
            solution[place] -= first[place] * solution[place + 1]
        if place + 2 < n_bins:
            solution[place] -= second[place] * solution[place + 2]
    return solution


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


@compiled
def _times(bands: Floats, values: Floats) -> Floats:
    """Multiply a symmetric five-diagonal matrix with a vector."""
    product: Floats = bands[0] * values
    for offset in range(1, 3):
        for place in range(len(values) - offset):
            product[place + offset] += bands[offset, place] * values[place]
            product[place] += bands[offset, place] * values[place + offset]
    return product
