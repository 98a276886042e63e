"""Workbooks (.xlsx, .xls, .xlsb, .ods) as batches of text.

python-calamine reads the sheet, :mod:`pprl.io.layout` finds the table on it, and each cell
becomes the text an analyst would have typed (:mod:`pprl.io.cells`). A cell merged over several
rows counts for each of them. Formulas give the values they had when the file was saved; error
cells are empty. Memory is one sheet, which these formats bound at about a million rows.

>>> from pathlib import Path
>>> import xlsxwriter
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "krs.xlsx"
...     with xlsxwriter.Workbook(path) as workbook:
...         sheet = workbook.add_worksheet("KRS")
...         _ = [sheet.write_row(i, 0, row) for i, row in enumerate([["NIK", "Nama"], [1, "SITI"]])]
...     source = SpreadsheetSource(path)
...     [batch.table.to_pydict() for batch in source.batches(source.columns)]
[{'NIK': ['1'], 'Nama': ['SITI']}]
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from pprl.errors import InputError
from pprl.io.cells import cell_as_text
from pprl.io.header import named_columns
from pprl.io.layout import find_layout, is_blank, is_total
from pprl.io.source import BATCH_ROWS, Batch, Note, find_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pprl.io.cells import Cell
    from pprl.io.layout import Layout, Range


class SpreadsheetSource:
    """One sheet of a workbook (see :class:`pprl.io.source.Source`).

    Parameters
    ----------
    path
        The workbook.
    sheet
        Name of the sheet; None where only one visible sheet holds data.

    Raises
    ------
    InputError
        The workbook is damaged or has a password, there is no such sheet or a choice of several,
        or no table was found on it.
    """

    def __init__(self, path: Path, *, sheet: str | None = None) -> None:
        self.path = path
        self._sheet, self.sheet_name = _pick_sheet(path, sheet)
        self._merged: list[Range] | None = self._sheet.merged_cell_ranges
        self._left = self._sheet.start[1] if self._sheet.start else 0
        layout = find_layout(self._sheet.iter_rows(), self._shifted())
        if layout is None:
            raise InputError("table.no_table", path=str(path), sheet=self.sheet_name)
        self._layout = layout
        self.columns, self._positions = named_columns(path, layout.names, layout.header + 1)
        self.notes = _notes(layout, self.sheet_name, len(self._spans()))

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield batches (see :meth:`pprl.io.source.Source.batches`); rows are sheet rows."""
        wanted = [self._positions[i] for i in find_columns(self.path, self.columns, columns)]
        rows = self._data()
        while block := list(islice(rows, batch_rows)):
            numbers = np.array([number for number, _ in block], dtype=np.int64)
            table = pa.RecordBatch.from_arrays(
                [pa.array([cell_as_text(row[i]) for _, row in block], pa.string()) for i in wanted],
                names=list(columns),
            )
            first = int(numbers[0])
            gapless = int(numbers[-1]) - first + 1 == len(block)
            share = int(numbers[-1]) / max(1, self._layout.end)
            yield Batch(table, first, None if gapless else numbers, min(1.0, share))

    def _data(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        """Yield number and cells of each data row."""
        layout = self._layout
        spans = self._spans()
        held: dict[int, tuple[int, Cell]] = {}  # column -> last row, value
        for index, cells in enumerate(islice(self._sheet.iter_rows(), layout.end)):
            row: list[Cell] = list(cells)
            for column, last in spans.get(index, ()):
                held[column] = last, row[column]
            if index < layout.first or is_blank(row) or is_total(row):
                continue
            for column, (last, value) in held.items():
                if index <= last:
                    row[column] = value
            yield index + 1, row

    def _shifted(self) -> list[Range] | None:
        """Return the merged ranges in columns of the rows that calamine gives."""
        if self._merged is None:
            return None
        left = self._left
        return [((r, c - left), (r2, c2 - left)) for (r, c), (r2, c2) in self._merged]

    def _spans(self) -> dict[int, list[tuple[int, int]]]:
        """Return cells among the data that are merged downwards: row -> (column, last row)."""
        spans: dict[int, list[tuple[int, int]]] = {}
        for (row, column), (last, _) in self._shifted() or ():
            if last > row >= self._layout.first:
                spans.setdefault(row, []).append((column, last))
        return spans


def _notes(layout: Layout, sheet: str, spans: int) -> tuple[Note, ...]:
    notes = [Note("table.note_sheet", {"sheet": sheet, "row": layout.header + 1})]
    counted = (
        ("table.note_titles", layout.titles),
        ("table.note_blank_rows", layout.blanks),
        ("table.note_total_rows", layout.totals),
        ("table.note_footers", layout.footers),
        ("table.note_merged_rows", spans),
    )
    notes += [Note(code, {"rows": rows}) for code, rows in counted if rows]
    unnamed = layout.names.count("")
    if unnamed:
        notes.append(Note("table.note_unnamed_columns", {"columns": unnamed}))
    return tuple(notes)


def _pick_sheet(path: Path, name: str | None) -> tuple[CalamineSheet, str]:
    try:
        filled, known = _sheets(path, name)
    except PasswordError:
        raise InputError("table.password", path=str(path)) from None
    except BaseException as error:
        # calamine panics on some damaged .xls files; a panic is a BaseException without a name.
        panic = type(error).__name__ == "PanicException"
        if isinstance(error, CalamineError | OSError) or panic:
            raise InputError("table.damaged", path=str(path)) from None
        raise
    if not filled and name is not None:
        raise InputError("table.no_sheet", path=str(path), sheet=name, known=", ".join(known))
    if not filled:
        raise InputError("table.no_rows", path=str(path))
    if len(filled) > 1:
        names = ", ".join(name for _, name in filled)
        raise InputError("table.several_sheets", path=str(path), known=names)
    return filled[0]


def _sheets(path: Path, name: str | None) -> tuple[list[tuple[CalamineSheet, str]], list[str]]:
    """Return the sheet called ``name``, or the visible ones with data; and all names."""
    workbook = _workbook(path)
    sheets = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    known = [each.name for each in sheets]
    if name is not None:
        same = [each for each in known if each.casefold() == name.casefold()]
        chosen = [name] if name in same else same
        return [(workbook.get_sheet_by_name(each), each) for each in chosen], known
    visible = [each.name for each in sheets if each.visible == SheetVisibleEnum.Visible]
    opened = [(workbook.get_sheet_by_name(each), each) for each in visible]
    return [(sheet, each) for sheet, each in opened if sheet.height > 1], known


def _workbook(path: Path) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(path)
    except PasswordError:
        raise
    except CalamineError:
        # Another kind of workbook than its name says (.xls for .xlsx): look at the bytes.
        with path.open("rb") as file:
            return CalamineWorkbook.from_filelike(file)
