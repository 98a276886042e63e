"""Whether two filters show that they are alike, without a threshold that anybody chose.

Two filters that have nothing to do with each other have some bits in common by chance. Where they
have clearly more, whoever holds both sees that the two records are alike: this is the edge of the
graph that a coordinator with a population register lays upon his own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.filters import count_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    UInt64 = NDArray[np.uint64]

STANDS_OUT = 4.0
"""Standard deviations above chance from which two filters show that they are alike."""


def shown_likeness(words: UInt64, bits: int) -> float | None:
    """Return the share of pairs of filters whose common bits are more than chance gives.

    Parameters
    ----------
    words : uint64 (n, words)
        Those without a bit are left out.
    bits
        Length of the filters.

    Returns
    -------
    float or None
        In [0, 1]; chance gives about 0.00003. None for fewer than two filters.

    >>> shown_likeness(np.array([[2**20 - 1], [2**20 - 1], [2**40 - 2**20]], dtype=np.uint64), 64)
    0.3333333333333333
    """
    size = count_bits(words)
    words, size = words[size > 0], size[size > 0].astype(np.float64)
    if len(words) < 2:  # noqa: PLR2004 - a pair
        return None
    rows = np.ascontiguousarray(words).view(np.uint8)
    spread = np.unpackbits(rows, axis=1)[:, :bits].astype(np.float32)
    common = (spread @ spread.T).astype(np.float64)  # exact: whole numbers below 2**24
    # Bits drawn without replacement: the hypergeometric distribution.
    expected = size[:, None] * size / bits
    variance = expected * (bits - size)[:, None] * (bits - size) / (bits * max(bits - 1, 1))
    seen = common - expected > STANDS_OUT * np.sqrt(np.maximum(variance, 1e-9))
    np.fill_diagonal(seen, val=False)
    return float(seen.sum() / (len(words) * (len(words) - 1)))
