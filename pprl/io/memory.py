"""A table in memory as a :class:`~pprl.io.source.Source`.

>>> [batch.table.to_pydict() for batch in MemorySource({"nik": ["1", None]}).batches(["nik"])]
[{'nik': ['1', None]}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pyarrow as pa

from pprl.errors import InputError
from pprl.io.cells import column_as_text
from pprl.io.source import BATCH_ROWS, Batch, Note, find_columns

if TYPE_CHECKING:
    from collections.abc import Iterator


class ArrowStream(Protocol):
    """What pandas, Polars and Arrow tables have in common."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export as an Arrow C stream."""


Tabular: TypeAlias = ArrowStream | Mapping[str, Sequence[str | None]]


class MemorySource:
    """A table in memory (see :class:`pprl.io.source.Source`); a row's number is from 1.

    Parameters
    ----------
    data
        Anything that ``pyarrow.table`` takes: an Arrow, pandas or Polars table, or a mapping of
        column names to values.

    Raises
    ------
    InputError
        It isn't a table, or its columns have no text.
    """

    def __init__(self, data: Tabular) -> None:
        self.path = Path("table")
        self.notes: tuple[Note, ...] = ()
        try:
            table = pa.table(data)
        except (pa.ArrowException, TypeError, ValueError):
            raise InputError("table.not_a_table") from None
        self.columns = tuple(str(name) for name in table.schema.names)
        self._table = table

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield batches (see :meth:`pprl.io.source.Source.batches`)."""
        places = find_columns(self.path, self.columns, columns)
        row = 1
        chosen = pa.table([self._table.column(place) for place in places], names=list(columns))
        for batch in chosen.to_batches(max_chunksize=batch_rows):
            try:
                texts = [column_as_text(column) for column in batch.columns]
            except pa.ArrowException:
                raise InputError("table.damaged_at", path=str(self.path), row=row) from None
            read = (row - 1 + batch.num_rows) / chosen.num_rows
            yield Batch(pa.RecordBatch.from_arrays(texts, names=list(columns)), row, share=read)
            row += batch.num_rows
