"""Between Arrow columns and NumPy arrays without copying: the one place that touches buffers.

>>> import pyarrow as pa
>>> data, offsets = string_buffers(pa.array(["ab", None, "c"]))
>>> bytes(data), offsets.tolist()
(b'abc', [0, 2, 2, 3])
>>> string_array(data, offsets).to_pylist()
['ab', '', 'c']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def string_buffers(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """View a ``pa.string()`` column as its UTF-8 bytes and where each value starts.

    Returns
    -------
    data : uint8 (bytes,)
        Of the whole underlying buffer.
    offsets : int32 (records + 1,)
        Into ``data``; a null of a column that a source gave has no bytes, as an empty string.
    """
    _, offsets, data = column.buffers()
    starts = _view(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    if not len(starts):  # an empty column may have no offsets at all
        starts = np.zeros(1, dtype=np.int32)
    return _view(data, np.uint8), starts


def string_array(data: NDArray[np.uint8], offsets: NDArray[np.integer]) -> pa.StringArray:
    """Make a ``pa.string()`` column of UTF-8 bytes and ``(records + 1,)`` offsets into them.

    The bytes aren't checked: callers hand over ASCII or what Arrow itself has checked.
    """
    column = pa.StringArray.from_buffers(
        len(offsets) - 1,
        _buffer(np.asarray(offsets, dtype=np.int32)),
        _buffer(data),
    )
    return cast("pa.StringArray", column)


def binary_array(
    data: NDArray[np.uint8], offsets: NDArray[np.integer], present: NDArray[np.bool_]
) -> pa.Array:
    """Make a ``pa.binary()`` column as :func:`string_array`, null where not present."""
    bitmap = None if present.all() else _buffer(np.packbits(present, bitorder="little"))
    starts = _buffer(np.asarray(offsets, dtype=np.int32))
    return pa.Array.from_buffers(pa.binary(), len(present), [bitmap, starts, _buffer(data)])


def only(text: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """Return a ``pa.string()`` column where the mask holds, null elsewhere."""
    return pc.if_else(pa.array(where), text, pa.scalar(None, pa.string()))


def fixed_rows(column: pa.Array, width: int) -> NDArray[np.uint8]:
    """View fixed-width binary as ``uint8 (records, width)``; a null comes out as zeros."""
    rows = raw_rows(column, width)
    if column.null_count:
        rows = rows.copy()
        rows[~valid(column)] = 0
    return rows


def raw_rows(column: pa.Array, width: int) -> NDArray[np.uint8]:
    """View fixed-width binary as ``uint8 (records, width)``; a null comes out as anything."""
    data = _view(column.buffers()[1], np.uint8)
    start = column.offset * width
    return data[start : start + len(column) * width].reshape(len(column), width)


def fixed_array(
    rows: NDArray[np.uint8], present: NDArray[np.bool_] | None = None
) -> pa.FixedSizeBinaryArray:
    """Make a fixed-width binary column of ``uint8 (records, width)``, null where not present."""
    count, width = rows.shape
    bitmap = None if present is None else _buffer(np.packbits(present, bitorder="little"))
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), count, [bitmap, _buffer(rows.reshape(-1))]
    )
    return cast("pa.FixedSizeBinaryArray", column)


def valid(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return ``bool (records,)``: which values aren't null."""
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _view(buffer: pa.Buffer | None, kind: type[Scalar]) -> NDArray[Scalar]:
    return np.frombuffer(cast("memoryview", buffer if buffer is not None else b""), dtype=kind)


def _buffer(array: NDArray[np.generic]) -> pa.Buffer:
    return pa.py_buffer(cast("memoryview", np.ascontiguousarray(array)))
