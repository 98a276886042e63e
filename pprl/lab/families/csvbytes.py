r"""Columns of text to the bytes of CSV rows, quoted only where a cell holds the delimiter.

>>> csv_bytes([pa.array(["a", None]), pa.array(["b, c", "d"])], ",")
b'a,"b, c"\n,d\n'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.lab.damage import Kind
from pprl.lab.families.listing import Oddity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def kinds_bytes(party: int, ids: pa.StringArray, masks: NDArray[np.int64]) -> bytes:
    """Return rows of party, id and the names of what is set in the mask."""
    marked = np.flatnonzero(masks)
    different, which = np.unique(masks[marked], return_inverse=True)
    names = [
        ";".join(kind.name.lower() for kind in (*Kind, *Oddity) if mask >> kind & 1)
        for mask in different.tolist()
    ]
    kinds = pa.array(names, pa.string()).take(pa.array(which))
    return csv_bytes([same(party, marked.size), ids.take(pa.array(marked)), kinds], ",")


def same(party: int, count: int) -> pa.StringArray:
    """Return the party of each of ``count`` rows."""
    return pa.array([str(party)], pa.string()).take(pa.array(np.zeros(count, np.int64)))


def whole_numbers(values: NDArray[np.int64]) -> pa.StringArray:
    """Return whole numbers as text."""
    return pc.cast(pa.array(values), pa.string())


def csv_bytes(columns: Sequence[pa.StringArray], delimiter: str) -> bytes:
    """Return rows as CSV, with quotes only where a cell holds the delimiter."""
    cells_of = []
    for column in columns:
        holds = pc.match_substring(column, delimiter)
        if pc.any(holds).as_py():
            quoted = pc.binary_join_element_wise('"', column, '"', "")
            cells_of.append(pc.if_else(holds, quoted, column))
        else:
            cells_of.append(column)
    rows = pc.binary_join_element_wise(
        *cells_of, delimiter, null_handling="replace", null_replacement=""
    )
    lines = pc.binary_join_element_wise(rows, "", "\n")
    return b"".join(_data(chunk) for chunk in _chunks(lines))


def _chunks(array: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def _data(array: pa.StringArray) -> bytes:
    starts = np.frombuffer(array.buffers()[1], np.int32)
    data = array.buffers()[2]
    first, last = int(starts[array.offset]), int(starts[array.offset + len(array)])
    return b"" if data is None else bytes(memoryview(data)[first:last])
