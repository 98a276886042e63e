"""Filters as numbers, for attacks that calculate with bits.

>>> unpacked(np.array([[1]], dtype="<u8"), 64)[0, :9].tolist()
[0, 0, 0, 0, 0, 0, 0, 1, 0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unpacked(words: NDArray[np.uint64], n_bits: int) -> NDArray[np.uint8]:
    """Return ``uint8 (n, n_bits)``: the bits of filters, without the zeros that fill them up."""
    rows = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(rows, axis=1)[:, :n_bits]


def correlations(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of every column with every column; 0 for one that never changes.

    Parameters
    ----------
    left, right : float64 (n, a), (n, b)

    Returns
    -------
    float64 (a, b)
    """
    found: NDArray[np.float64] = _standard(left).T @ _standard(right) / max(len(left), 1)
    return found


def _standard(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = columns - columns.mean(axis=0)
    spread = columns.std(axis=0)
    centred /= np.where(spread > 0, spread, 1.0)
    return centred
