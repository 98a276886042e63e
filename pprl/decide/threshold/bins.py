"""Similarities in bins of half a hundredth, the resolution at which thresholds are chosen.

Bin ``b`` holds similarities from ``b * 5,000`` millionths up to the next bin; the last one only
1 itself. Counts are floating-point, since the estimate splits them between matches and others.

>>> histogram(np.array([0, 4_999, 812_345, 1_000_000]))[[0, 162, 200]]
array([2., 1., 1.])
>>> edge(162)
810000
"""

from typing import TypeAlias

import numpy as np

from pprl.compare.measure import MILLION
from pprl.compare.pairs import Integers

STEP = 5_000
BINS = MILLION // STEP + 1
TOP = BINS - 1  # equal filters: a bin of its own, full of records without any damage

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def histogram(similarity: Integers) -> Floats:
    """Count similarities in millionths, none negative, by bin: ``float64 (201,)``."""
    return np.bincount(similarity // STEP, minlength=BINS).astype(np.float64)


def bin_of(similarity: int) -> int:
    """Return the bin of a similarity in millionths."""
    return similarity // STEP


def edge(place: int) -> int:
    """Return the least similarity of a bin, in millionths; beyond the last one, above all."""
    return place * STEP if place < BINS else MILLION + 1


def at_least(values: Floats) -> Floats:
    """Sum from each bin to the last."""
    return values[::-1].cumsum()[::-1]
