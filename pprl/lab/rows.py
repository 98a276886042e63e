r"""Cells to the bytes of CSV rows, quoted only where a cell holds the delimiter.

The registers look as their systems export them. pyarrow's writer puts quotes around every text
cell or none, so rows are joined here; the truth, which holds no such cells, goes through pyarrow.

>>> import numpy as np
>>> from pprl.lab.records import empty_cells
>>> csv_rows(empty_cells(2), ";").to_pybytes()
b';;;;;\n;;;;;\n'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl._jit import compiled
from pprl.lab.records import COLUMNS, Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEWLINE, _QUOTE = 10, 34


def csv_rows(cells: Cells, delimiter: str) -> pa.Buffer:
    """Return the rows of a chunk, one line each. Cells hold no quotes and no newlines."""
    rows = cells.entities.size
    room = int(cells.starts[:, -1].sum()) + rows * (COLUMNS + 2)
    out = np.empty(room, np.uint8)
    return pa.py_buffer(out).slice(0, _join(cells, ord(delimiter), out))


@compiled
def _join(cells: Cells, delimiter: int, out: NDArray[np.uint8]) -> int:
    at = 0
    for row in range(cells.entities.size):
        for column, text in enumerate(
            (cells.id, cells.nik, cells.name, cells.birth, cells.sex, cells.district)
        ):
            begin, end = cells.starts[column, row], cells.starts[column, row + 1]
            quoted = False
            for position in range(begin, end):
                quoted = quoted or text[position] == delimiter
            if quoted:
                out[at] = _QUOTE
                at += 1
            for position in range(begin, end):
                out[at] = text[position]
                at += 1
            if quoted:
                out[at] = _QUOTE
                at += 1
            out[at] = delimiter if column < COLUMNS - 1 else _NEWLINE
            at += 1
    return at
