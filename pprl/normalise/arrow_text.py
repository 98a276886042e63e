"""Arrow text columns as plain arrays for kernels: bytes, offsets, validity. No copies of text.

>>> import pyarrow as pa
>>> column = text_column(pa.array(["a", None, "bc"]))
>>> column.offsets.tolist(), column.valid.tolist()
([0, 1, 1, 3], [1, 0, 1])
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

U8: TypeAlias = npt.NDArray[np.uint8]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]


class TextColumn(NamedTuple):
    """Row ``i`` is ``data[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    data
        ``uint8``: UTF-8 bytes, shared with Arrow.
    offsets
        ``int64 (rows + 1,)``.
    valid
        ``uint8 (rows,)``, 0 for null; empty when nothing is null.
    """

    data: U8
    offsets: I64
    valid: U8


def text_column(values: pa.Array) -> TextColumn:
    """Return the arrays behind a column.

    Columns that aren't text (numbers, dates, dictionaries) become the text that Arrow makes of
    them: whole numbers as digits, whole floats as digits and ``.0``, dates in ISO form.
    """
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = _as_text(values)
    _, offset_buffer, data_buffer = values.buffers()
    n = len(values)
    width = np.int64 if pa.types.is_large_string(values.type) else np.int32
    empty = np.frombuffer(b"", dtype=np.uint8)
    if n == 0 or offset_buffer is None:
        return TextColumn(empty, np.zeros(n + 1, dtype=np.int64), empty)
    offsets = np.frombuffer(offset_buffer, dtype=width)[values.offset : values.offset + n + 1]
    data = empty if data_buffer is None else np.frombuffer(data_buffer, dtype=np.uint8)
    valid = empty
    if values.null_count:
        valid = values.is_valid().to_numpy(zero_copy_only=False).view(np.uint8)
        # Kernels are compiled per kind of array: all of these are read-only.
        valid.setflags(write=False)
    return TextColumn(data, offsets.astype(np.int64), valid)


def _as_text(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values.cast(pa.string())
    # Arrow writes large floats with an exponent and without their trailing zeros.
    whole = values.cast(pa.int64(), safe=False)
    exact = pc.equal(whole.cast(values.type, safe=False), values)
    return pc.if_else(
        exact,
        pc.binary_join_element_wise(whole.cast(pa.string()), ".0", ""),
        values.cast(pa.string()),
    )
