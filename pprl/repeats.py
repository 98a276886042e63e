"""Seeded hashes of texts, to find repeated ones among tens of millions without keeping them.

The seed is random, new for every run, and the hashes never leave memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled
from pprl.buffers import string_buffers

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

_MULTIPLIER = np.uint64(0x9FB21C651E98DF25)
_SHIFT = np.uint64(32)


def hash_strings(text: pa.Array, seed: np.uint64) -> npt.NDArray[np.uint64]:
    """Return ``uint64 (records,)``: equal for equal strings, else equal by rare chance only."""
    out = np.empty(len(text), dtype=np.uint64)
    _hash(*string_buffers(text), seed, out)
    return out


def repeated(values: npt.NDArray[np.uint64], more_than: int = 1) -> npt.NDArray[np.uint64]:
    """Return the values that occur more than ``more_than`` times, sorted, each once."""
    ordered = np.sort(values)
    return np.unique(ordered[more_than:][ordered[more_than:] == ordered[:-more_than]])


@compiled
def _hash(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int32],
    seed: np.uint64,
    out: npt.NDArray[np.uint64],
) -> None:
    for record in range(out.size):
        state = seed ^ np.uint64(offsets[record + 1] - offsets[record])
        for at in range(offsets[record], offsets[record + 1]):
            state = (state ^ np.uint64(data[at])) * _MULTIPLIER
            state ^= state >> _SHIFT
        out[record] = state
