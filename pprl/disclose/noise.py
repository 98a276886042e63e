"""Whole-number noise on published counts, where the agreement asks for it.

Each published count gets a draw of the discrete Laplace distribution: noise of k has a probability
proportional to exp(-abs(k) / scale). The sampler is that of Canonne, Kamath and Steinke (2020,
"The Discrete Gaussian for Differential Privacy", algorithms 1 and 2): whole numbers and fractions
throughout, so the distribution is exact and no rounding of a float betrays what was added (Mironov
2012). Random bits are HMAC-SHA256 in counter mode under the run's seed, one stream a cell: the
order of the cells doesn't matter, and whoever gets the seed later can make the noise again.

Totals don't add up afterwards, on purpose: making them would take noise off. What is hidden stays
hidden, and a count never falls below the minimum. Which cells are hidden follows from the exact
counts, so this is *not* differential privacy for the table; it blurs differences between
publications (docs/concepts/small-cells.md).

>>> stream = Stream(bytes(32), "example")
>>> [discrete_laplace(stream, Fraction(3)) for _ in range(8)]
[-3, 3, -2, 13, 1, -6, -1, 1]
"""

from __future__ import annotations

import hmac
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from pprl.disclose.published import HIDDEN, cells, rounded
from pprl.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from pprl.disclose.suppression import Suppressed

SEED_BYTES: Final = 32
MAX_SCALE: Final = 1_000_000
_PURPOSE: Final = b"pprl/v1/noise\0"


class Stream:
    """Random bits from a seed, the same for the same label.

    Parameters
    ----------
    seed
        32 secret bytes.
    label
        What the numbers are for.

    Raises
    ------
    ValueError
        A seed of another length.
    """

    def __init__(self, seed: bytes, label: str) -> None:
        if len(seed) != SEED_BYTES:
            message = "a seed has 32 bytes"
            raise ValueError(message)
        self._key = hmac.digest(seed, _PURPOSE + label.encode(), "sha256")
        self._counter = 0
        self._rest = b""

    def _take(self, n_bytes: int) -> int:
        while len(self._rest) < n_bytes:
            block = hmac.digest(self._key, self._counter.to_bytes(8, "big"), "sha256")
            self._rest += block
            self._counter += 1
        taken, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return int.from_bytes(taken, "big")

    def below(self, bound: int) -> int:
        """Return a whole number in [0, bound), each equally likely: others are drawn again."""
        n_bits = (bound - 1).bit_length()
        n_bytes = -(-n_bits // 8)
        while True:
            drawn = self._take(n_bytes) >> (8 * n_bytes - n_bits)
            if drawn < bound:
                return drawn


def discrete_laplace(stream: Stream, scale: Fraction) -> int:
    """Return k with a probability proportional to exp(-abs(k) / scale).

    Parameters
    ----------
    scale
        Larger than 0. The mean distance from 0 is just below it.
    """
    high, low = scale.numerator, scale.denominator
    while True:
        remainder = stream.below(high)
        if not _happens_exp(stream, Fraction(remainder, high)):
            continue
        quotient = 0
        while _happens_exp(stream, Fraction(1)):
            quotient += 1
        size = (remainder + high * quotient) // low
        negative = stream.below(2)
        if size or not negative:  # or 0 would come twice as often
            return -size if negative else size


def _happens_exp(stream: Stream, gamma: Fraction) -> bool:
    """Return true with probability exp(-gamma), for gamma in [0, 1]."""
    turn = 1
    while stream.below(gamma.denominator * turn) < gamma.numerator:
        turn += 1
    return turn % 2 == 1


def with_noise(suppressed: Suppressed, seed: bytes, scale: Fraction) -> pa.Table:
    """Return what may leave, with noise on every count, in the layout of ``Published.to_arrow``.

    Noise is added to the exact counts, then they are rounded as the rule says.

    Parameters
    ----------
    seed
        32 secret bytes, fresh for every run: with the same seed two publications differ by what
        changed, and by nothing else.
    scale
        As the agreement says it; a count is off by about as much on average.

    Raises
    ------
    ConfigError
        The scale isn't above 0, or beyond reason; or the rule shows zeros, which noise would turn
        into counts of the minimum.
    """
    if not 0 < scale <= MAX_SCALE or scale.denominator > MAX_SCALE:
        raise ConfigError("disclose.scale", maximum=MAX_SCALE)
    table, rule = suppressed.table, suppressed.rule
    if rule.zeros == "show":
        raise ConfigError("disclose.noise_zeros")
    shape, places = table.shape, table.places
    published = suppressed.published()
    shown = (published.values != HIDDEN) & ~shape.known_columns
    values = published.values.copy()
    for row, index in np.argwhere(shown).tolist():
        column = shape.columns[index]
        # Lengths first: no two cells have one label.
        named = ["" if value is None else f"={value}" for value in column.values]
        parts = (places.codes[row], column.part, *named)
        stream = Stream(seed, "".join(f"{len(part)}:{part}" for part in parts))
        noisy = table.values[row, index] + discrete_laplace(stream, scale)
        values[row, index] = max(noisy, rule.minimum)
    values[shown] = rounded(values[shown], rule.step)
    return cells(published, values)
