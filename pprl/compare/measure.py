"""Similarity in whole millionths, and the number of common bits that a threshold asks for.

Decisions never use floating point: two machines, or two orders of addition, must not disagree.
The Dice coefficient of filters with ``a`` and ``b`` bits set, ``common`` of them shared, is
``floor(2 * common * 1,000,000 / (a + b))`` millionths, and a pair is kept when that is at least
the threshold in millionths. A filter without a bit is never compared, so that a threshold of 0
keeps exactly the pairs of two filters that say something.

Both measures ask for a least number of common bits that depends only on ``a + b`` and never
falls as ``a + b`` grows; the kernel needs to know nothing else about them.

>>> threshold_millionths(0.8)
800000
>>> int(dice_millionths(np.int64(3), np.int64(4), np.int64(4)))
750000
>>> least_common_dice(800_000, 4)[4 + 4]  # 3 common bits of 4 and 4 would be 0.75
np.int64(4)
"""

import math
from typing import TypeAlias

import numpy as np

from pprl.errors import ConfigError

MILLION = 1_000_000

Counts: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def threshold_millionths(threshold: float) -> int:
    """Return a similarity in [0, 1] as whole millionths, the nearest.

    Raises
    ------
    ConfigError
        Not a number from 0 to 1.
    """
    if not (math.isfinite(threshold) and 0 <= threshold <= 1):
        raise ConfigError("link.threshold", given=str(threshold))
    return round(threshold * MILLION)


def dice_millionths(
    common: Counts | np.int64, a: Counts | np.int64, b: Counts | np.int64
) -> Counts:
    """Return the Dice coefficient, rounded down to millionths; 0 for two empty filters.

    Parameters
    ----------
    common, a, b
        Common bits, and bits set in either filter: int64 arrays of one shape, or numbers.
    """
    total = np.asarray(a + b)
    return np.asarray(2 * common * MILLION // np.maximum(total, 1), dtype=np.int64)


def lenient_millionths(dice: Counts, a: Counts, b: Counts) -> Counts:
    """Return the mean of the Dice and the overlap coefficient, rounded down to millionths.

    The overlap coefficient divides the common bits by the bits of the smaller filter: what one
    record doesn't say, a missing field or a shortened name, doesn't count as disagreement. Alone
    it would let a nearly empty record resemble everybody; the mean counts it half.

    Parameters
    ----------
    dice
        Dice coefficients in millionths, none negative: int64, from :func:`dice_millionths`.
    a, b
        Bits set in either filter.

    >>> int(lenient_millionths(np.int64(857_142), np.int64(3), np.int64(4)))  # 3 of 3 in common
    928571
    """
    total = np.maximum(a + b, 1)
    common = -(-dice * total // (2 * MILLION))  # exact: rounding took off less than a bit
    smaller = np.maximum(np.minimum(a, b), 1)  # an empty filter has nothing in common
    return np.asarray(
        common * MILLION * (2 * smaller + total) // (2 * smaller * total), dtype=np.int64
    )


def least_common_dice(threshold: int, n_bits: int) -> Counts:
    """Return for each sum of bits set how many common bits reach ``threshold`` millionths.

    Returns
    -------
    int64 (2 * n_bits + 1,)
        ``common >= result[a + b]`` exactly when ``dice_millionths(common, a, b) >= threshold``.
    """
    # floor(x) >= t and x >= t are the same for a whole t: cross-multiplied, rounded up.
    sums = np.arange(2 * n_bits + 1, dtype=np.int64)
    return -(-threshold * sums // (2 * MILLION))


def least_common_hamming(max_distance: int, n_bits: int) -> Counts:
    """Return for each sum of bits set how many common bits keep the Hamming distance in bounds.

    The distance is ``a + b - 2 * common``: this is how filters are compared whose absent bits
    say as much as their set bits.

    Returns
    -------
    int64 (2 * n_bits + 1,)
        ``common >= result[a + b]`` exactly when the distance is at most ``max_distance``.
    """
    sums = np.arange(2 * n_bits + 1, dtype=np.int64)
    return np.maximum(-(-(sums - max_distance) // 2), 0)
