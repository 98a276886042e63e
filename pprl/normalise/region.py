"""Columns of region codes: the first digits, whatever stands between them.

``64.08.01``, ``640801`` and ``6408012003`` are the same kecamatan at six digits. A name instead of
a code has no digits and becomes null, as does a code that is too short. Codes are Kemendagri's;
BPS numbers kecamatan differently.

>>> import pyarrow as pa
>>> normalise_region(pa.array(["64.08.01", "6408012003", "Sangatta", None]), 6).to_pylist()
['640801', '640801', None, None]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled
from pprl.buffers import only, string_array, string_buffers

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

_ZERO, _NINE = ord("0"), ord("9")


def normalise_region(values: pa.Array, n_digits: int) -> pa.Array:
    """Return the first ``n_digits`` digits of each value as strings, null where there are fewer."""
    codes = np.empty((len(values), n_digits), dtype=np.uint8)
    whole = np.zeros(len(values), dtype=np.bool_)
    _first_digits(*string_buffers(values), codes, whole)
    starts = np.concatenate([[0], np.cumsum(np.where(whole, n_digits, 0))])
    return only(string_array(codes[whole].reshape(-1), starts), whole)


@compiled
def _first_digits(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int32],
    codes: npt.NDArray[np.uint8],
    whole: npt.NDArray[np.bool_],
) -> None:
    for row in range(whole.size):
        found = 0
        for at in range(offsets[row], offsets[row + 1]):
            if found < codes.shape[1] and _ZERO <= data[at] <= _NINE:
                codes[row, found] = data[at]
                found += 1
        whole[row] = found == codes.shape[1]
