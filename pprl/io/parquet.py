"""Parquet files as batches of text, row group by row group.

Types become text as a spreadsheet's cells do (:mod:`pprl.io.cells`), so that a register gives the
same records whatever it was exported as. Memory is one row group. Nested columns have no text and
are refused when asked for.

>>> import pyarrow.parquet
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "krs.parquet"
...     pyarrow.parquet.write_table(pa.table({"nik": [6408991503909901.0, None]}), path)
...     [batch.table.to_pydict() for batch in ParquetSource(path).batches(["nik"])]
[{'nik': ['6408991503909901.0', None]}]
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from pprl.errors import InputError
from pprl.io.cells import column_as_text
from pprl.io.header import clean_name, named_columns
from pprl.io.source import BATCH_ROWS, Batch, Note, find_columns


class ParquetSource:
    """A Parquet file (see :class:`pprl.io.source.Source`).

    Raises
    ------
    InputError
        No Parquet file, damaged, without rows, or with two columns of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: tuple[Note, ...] = ()
        with self._opened() as file:
            schema = file.schema_arrow
            if file.metadata.num_rows == 0:
                raise InputError("table.header_only", path=str(path))
        self.columns, self._positions = named_columns(
            path, [clean_name(name) for name in schema.names], row=0
        )
        self._schema = schema

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield batches (see :meth:`pprl.io.source.Source.batches`); a row's number is from 1."""
        wanted = [self._positions[i] for i in find_columns(self.path, self.columns, columns)]
        for position, name in zip(wanted, columns, strict=True):
            if pa.types.is_nested(self._schema.field(position).type):
                raise InputError("table.nested_column", path=str(self.path), column=name)
        names = [self._schema.field(position).name for position in wanted]
        row = 1
        with self._opened() as file:
            batches = file.iter_batches(batch_rows, columns=list(dict.fromkeys(names)))
            while True:
                try:
                    batch = next(batches, None)
                    if batch is None:
                        return
                    texts = [column_as_text(batch.column(name)) for name in names]
                except (pa.ArrowException, OSError):
                    raise InputError("table.damaged_at", path=str(self.path), row=row) from None
                if batch.num_rows:
                    table = pa.RecordBatch.from_arrays(texts, names=list(columns))
                    read = row - 1 + batch.num_rows
                    yield Batch(table, row, share=read / file.metadata.num_rows)
                row += batch.num_rows

    def _opened(self) -> pyarrow.parquet.ParquetFile:
        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except (pa.ArrowException, OSError):
            raise InputError("table.damaged", path=str(self.path)) from None
