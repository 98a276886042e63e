"""Similarity in whole millionths, and the number of common bits that a threshold asks for.

Decisions never use floating point: two machines, or two orders of addition, must not disagree.
The Dice coefficient of filters with ``a`` and ``b`` bits set, ``common`` of them shared, is
``floor(2 * common * 1,000,000 / (a + b))`` millionths, and a pair is kept when that is at least
the threshold in millionths. A filter without a bit is never compared, so that a threshold of 0
keeps exactly the pairs of two filters that say something.

Hardened filters are compared by the bits that differ (:class:`Majority`): absent bits say as much
there as set ones.

Every measure asks for a least number of common bits that depends only on ``a + b`` and never
falls as ``a + b`` grows; the kernel needs to know nothing else about them.

>>> threshold_millionths(0.8)
800000
>>> int(dice_millionths(np.int64(3), np.int64(4), np.int64(4)))
750000
>>> least_common_dice(800_000, 4)[4 + 4]  # 3 common bits of 4 and 4 would be 0.75
np.int64(4)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from pprl.encoded import Header

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


class Measure(Protocol):
    """How similar two filters are, in whole millionths.

    ``compared`` and ``weighed`` name what pairs are found by and what decides about them.
    """

    compared: str
    weighed: str

    def least_common(self, threshold: int, n_bits: int) -> Counts:
        """Return ``int64 (2 * n_bits + 1,)``: by a + b, the common bits that a threshold needs."""

    def of(self, common: Counts, a: Counts, b: Counts) -> Counts:
        """Return the similarity of pairs with so many bits in common, and set."""

    def weigh(self, similarity: Counts, a: Counts, b: Counts) -> Counts:
        """Return the similarity that decides, of pairs that were found."""

    def below(self, weighed: int) -> int:
        """Return the similarity from which (nearly) all pairs are found that weigh so much."""


@dataclass(frozen=True)
class Dice:
    """Of Bloom filters: found by Dice, decided by the mean of Dice and overlap coefficient."""

    compared = "dice"
    weighed = "dice_overlap"

    def least_common(self, threshold: int, n_bits: int) -> Counts:
        """Return :func:`least_common_dice`."""
        return least_common_dice(threshold, n_bits)

    def of(self, common: Counts, a: Counts, b: Counts) -> Counts:
        """Return :func:`dice_millionths`."""
        return dice_millionths(common, a, b)

    def weigh(self, similarity: Counts, a: Counts, b: Counts) -> Counts:
        """Return :func:`lenient_millionths`."""
        return lenient_millionths(similarity, a, b)

    def below(self, weighed: int) -> int:
        """Return a tenth less: as much as filters differ in size when one has a third less bits."""
        return weighed * 10 // 11


@dataclass(frozen=True)
class Majority:
    """Of hardened filters: ((m - H) / m) ** (1 / kappa), H the bits that differ; 0 from m on.

    m is L / 2 and three standard deviations of chance, ``L // 2 + isqrt(9 * L // 4)`` bits. Without
    the three deviations half of all pairs of strangers would share similarity 0, and the root would
    tear the other half apart, so that no smooth curve could say how often chance comes close:
    thresholds are estimated from such curves.

    For many q-grams and bits it tends to 1 - 2 theta / pi, theta the angle between the two records'
    q-gram vectors, whatever kappa is: near-duplicates lie close to 1. At 2,048 bits and kappa 4
    strangers lie around 0.5, and one pair in a thousand million above 0.65.

    Parameters
    ----------
    bits, kappa
        L, and the number of hash families.

    >>> Majority(64, 4).of(np.int64(29), np.int64(32), np.int64(32)).tolist()  # 6 of 64 differ
    964012
    """

    bits: int
    kappa: int

    compared = weighed = "majority"

    @cached_property
    def by_distance(self) -> Counts:
        """``int64 (bits + 1,)``: similarity in millionths by the number of bits that differ."""
        return _majority_table(self.bits, self.kappa)

    def least_common(self, threshold: int, n_bits: int) -> Counts:
        """Return what keeps the distance below the largest one that reaches the threshold."""
        most = int(np.flatnonzero(self.by_distance >= threshold)[-1])
        return least_common_hamming(most, n_bits)

    def of(self, common: Counts, a: Counts, b: Counts) -> Counts:
        """Return the similarity of pairs with so many bits in common, and set."""
        return np.asarray(self.by_distance[a + b - 2 * common], dtype=np.int64)

    def weigh(self, similarity: Counts, a: Counts, b: Counts) -> Counts:  # noqa: ARG002 - as found
        """Return the similarity itself."""
        return similarity

    def below(self, weighed: int) -> int:
        """Return the similarity itself."""
        return weighed


def majority_reach(bits: int) -> int:
    """Return the distance from which two hardened filters have nothing in common: m."""
    return bits // 2 + math.isqrt(9 * bits // 4)


@lru_cache(maxsize=8)
def _majority_table(bits: int, kappa: int) -> Counts:
    """Return the roots in whole numbers: no library's floating point decides about a pair."""
    table = np.zeros(bits + 1, dtype=np.int64)
    reach = majority_reach(bits)
    root = MILLION
    for distance in range(min(reach, bits) + 1):
        # The largest root with root ** kappa <= (reach - distance) / reach * MILLION ** kappa.
        wanted = (reach - distance) * MILLION**kappa
        low, high = 0, root
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**kappa * reach <= wanted else (low, middle - 1)
        table[distance] = root = low
    table.flags.writeable = False
    return table


def measure_of(header: Header) -> Measure:
    """Return how the filters of a set are compared."""
    if header.scheme == "hardened" and header.kappa is not None:
        return Majority(header.bits, header.kappa)
    return Dice()
