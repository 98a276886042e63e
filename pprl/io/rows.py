"""From a record's place in a stream back to the row number that the analyst sees.

>>> import pyarrow as pa
>>> from pprl.io.source import Batch
>>> rows = RowNumbers()
>>> for first in (2, 7):
...     rows.add(Batch(pa.record_batch({"nik": ["1", "2"]}), first))
>>> [rows.number(place) for place in range(4)]
[2, 3, 7, 8]
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.io.source import Batch


class RowNumbers:
    """Row numbers of all batches seen; a few bytes a batch where rows simply count on.

    Attributes
    ----------
    records
        Seen so far.
    expected
        In the whole table, judged by how much of it has been read; None when that isn't known.
    """

    def __init__(self) -> None:
        self.records = 0
        self.expected: int | None = None
        self._starts: list[int] = []
        self._first_rows: list[int] = []
        self._rows: list[NDArray[np.int64] | None] = []

    def add(self, batch: Batch) -> None:
        """Count a batch in."""
        self._starts.append(self.records)
        self._first_rows.append(batch.first_row)
        self._rows.append(batch.rows)
        self.records += batch.table.num_rows
        self.expected = round(self.records / batch.share) if batch.share else None

    def number(self, place: int) -> int:
        """Return the row number of the record at ``place``, from 0 over all batches."""
        part = bisect_right(self._starts, place) - 1
        inside = place - self._starts[part]
        rows = self._rows[part]
        return self._first_rows[part] + inside if rows is None else int(rows[inside])

    def numbers(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row numbers of many records."""
        return np.array([self.number(place) for place in places.tolist()], dtype=np.int64)
