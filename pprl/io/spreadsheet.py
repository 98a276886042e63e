"""Workbooks (.xlsx, .xls, .xlsb, .ods) as batches of text.

python-calamine reads the sheet, :mod:`pprl.io.layout` finds the table on it, and each cell
becomes the text an analyst would have typed (:mod:`pprl.io.cells`). A cell merged over several
rows counts for each of them. Formulas give the values they had when the file was saved; error
cells are empty. Memory is one sheet, which these formats bound at about a million rows.

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
