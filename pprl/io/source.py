r"""The contract of every table reader, and the one function that picks a reader.

A :class:`Source` is a table on disk: column names, then batches of text. It is read as a stream
(memory doesn't grow with a CSV or Parquet file) and can be read again. Cells are text exactly as
found, and an empty cell is null. A file that can't be read for sure is refused with the row and
the remedy; nothing is guessed silently, and what was left out is said in :attr:`Source.notes`.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "krs.csv"
...     _ = path.write_text("nik;nama\n;SITI\n", encoding="utf-8")
...     source = open_source(path)
...     [batch.table.to_pydict() for batch in source.batches(source.columns)]
[{'nik': [None], 'nama': ['SITI']}]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pprl.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BATCH_ROWS = 65_536
TEXT_SUFFIXES = ("", ".csv", ".tsv", ".tab", ".txt")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
PARQUET_SUFFIXES = (".parquet", ".pq")

# How files of other kinds begin, whatever they are called.
_SIGNATURES = (
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "pdf"),
)


@dataclass(frozen=True)
class Note:
    """Something the analyst should know about how the file was read.

    ``pprl.catalogue.text(note.code, note.values, language)`` says it. Values are counts, row
    numbers and names of encodings, never a cell's text.
    """

    code: str
    values: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of the requested columns.

    Attributes
    ----------
    table
        One ``pa.string()`` column per requested column, in that order; empty cells are null.
    first_row
        Row number of the first row, as the analyst sees it.
    rows
        int64 (n,): row number of each row; None where they simply count on from ``first_row``.
    share
        About how much of the table has been read with this batch, in (0, 1]; 0 when unknown.
    """

    table: pa.RecordBatch
    first_row: int
    rows: NDArray[np.int64] | None = None
    share: float = 0.0

    def row_number(self, index: int) -> int:
        """Return the number of row ``index`` (from 0) as the analyst's own program shows it.

        A line of a CSV file opened in a spreadsheet (the header is usually 1, a cell with line
        breaks is one row), the sheet row in a workbook, 1 for the first row of a Parquet file.
        """
        return self.first_row + index if self.rows is None else int(self.rows[index])


class Source(Protocol):
    """A table on disk."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Header names as found, stripped; columns without a name are left out."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to tell the analyst; complete once :meth:`batches` is exhausted."""

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield the rows of ``columns``, at most ``batch_rows`` at a time, in file order.

        Each call reads the file from its start.

        Raises
        ------
        InputError
            No such column, or the file turns out to be damaged; the row is named.
        """


def open_source(
    path: Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Source:
    """Open a CSV, spreadsheet or Parquet file; the ending of its name says which.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.txt``; ``.xlsx``, ``.xlsm``, ``.xls``, ``.xlsb``, ``.ods``;
        ``.parquet``.
    sheet
        Name of the sheet of a workbook; needed when several hold data.
    encoding
        Encoding of a CSV file, as Python names it; found out when not given.
    delimiter
        One character between the cells of a CSV file; found out when not given.

    Raises
    ------
    InputError
        The file is missing, unreadable, empty, damaged or of another kind than its name says.
    ConfigError
        An option doesn't fit this kind of file, or names an unknown encoding.
    """
    suffix = path.suffix.lower()
    start = _first_bytes(path)
    kind = next((name for magic, name in _SIGNATURES if start.startswith(magic)), "text")
    # Each reader is imported only for its own kind of file: a CSV never loads calamine.
    if suffix in WORKBOOK_SUFFIXES:
        _refuse_options(path, encoding=encoding, delimiter=delimiter)
        if kind not in {"zip", "ole"}:
            raise InputError("table.not_a_workbook", path=str(path))
        from pprl.io.spreadsheet import SpreadsheetSource  # noqa: PLC0415 - see above

        return SpreadsheetSource(path, sheet=sheet)
    if suffix in PARQUET_SUFFIXES:
        _refuse_options(path, encoding=encoding, delimiter=delimiter, sheet=sheet)
        from pprl.io.parquet import ParquetSource  # noqa: PLC0415 - see above

        return ParquetSource(path)
    if suffix not in TEXT_SUFFIXES:
        raise InputError("table.unknown_kind", path=str(path), suffix=suffix)
    _refuse_options(path, sheet=sheet)
    if kind in {"zip", "ole"}:
        raise InputError("table.workbook_named_csv", path=str(path))
    if kind != "text":
        raise InputError("table.not_text", path=str(path), kind=kind)
    from pprl.io.delimited import DelimitedSource  # noqa: PLC0415 - see above

    return DelimitedSource(path, encoding=encoding, delimiter=delimiter)


def find_columns(path: Path, columns: Sequence[str], requested: Sequence[str]) -> list[int]:
    """Return the position of each requested column among ``columns``.

    Raises
    ------
    InputError
        One of them isn't there.
    """
    positions = {name: index for index, name in enumerate(columns)}
    for name in requested:
        if name not in positions:
            raise InputError("table.no_column", path=str(path), column=name)
    return [positions[name] for name in requested]


def _first_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError("table.is_folder", path=str(path))
        if path.exists() and not path.is_file():
            # A pipe can be read only once, and waits for ever when nobody writes.
            raise InputError("table.not_a_file", path=str(path))
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise InputError("table.missing", path=str(path)) from None
    except OSError:
        raise InputError("table.unreadable", path=str(path)) from None
    if not start:
        raise InputError("table.empty", path=str(path))
    return start


def _refuse_options(path: Path, **options: str | None) -> None:
    for option, value in options.items():
        if value is not None:
            raise ConfigError("table.option_misplaced", path=str(path), option=f"--{option}")
