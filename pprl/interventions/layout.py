"""One list as a CSV and as a workbook: the same columns, every cell a text or a number.

The columns are data (``tables/lists.toml``). A cell that begins with ``=``, ``+``, ``-``, ``@``, a
tab or a line break would be a formula to a spreadsheet: in a CSV it gets an apostrophe in front, in
a workbook it is written as a text. A workbook holds no time of its making: same rows, same bytes.

>>> as_csv_cell("=1+1"), as_csv_cell(3), as_csv_cell(None), as_csv_cell("SITI")
("'=1+1", '3', '', 'SITI')
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from xlsxwriter.worksheet import Worksheet

    from pprl.catalogue import Language

Cell = str | int | float | None

SHEET_ROWS = 1_048_575
"""Rows of a sheet below its header."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_IN_MEMORY = 200_000  # rows
_A4 = 9
_LONGEST = 32_767  # characters of a cell
_MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class ListColumn:
    """A column of a list. The fields are those of ``tables/lists.toml``."""

    name: str
    title: Mapping[Language, str]
    width: int
    full: bool = False
    optional: bool = False


def list_columns() -> tuple[ListColumn, ...]:
    """Return the columns of the full list and the worklists, in their order."""
    return _columns("list")


def change_columns() -> tuple[ListColumn, ...]:
    """Return the columns of the list of changes, in their order."""
    return _columns("changes")


def words(language: Language) -> Mapping[str, str]:
    """Return the words for values of cells; a bool's are under ``true`` and ``false``."""
    return {value: named[language] for value, named in _tables()["words"].items()}


def file_name(which: str, language: Language) -> str:
    """Return the name of a file, without its ending."""
    name: str = _tables()["files"][which][language]
    return name


@cache
def _tables() -> Mapping[str, Any]:
    text = files("pprl.interventions").joinpath("tables", "lists.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _columns(which: str) -> tuple[ListColumn, ...]:
    return tuple(
        ListColumn(
            name,
            {"en": entry["en"], "id": entry["id"]},
            entry["width"],
            entry.get("full", False),
            entry.get("optional", False),
        )
        for name, entry in _tables()[which].items()
    )


def as_csv_cell(cell: Cell) -> str:
    """Return a cell as it stands in a CSV."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return str(cell)
    return "'" + cell if cell.startswith(_FORMULA) else cell


def write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows as UTF-8 with commas. Not atomic."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(titles)
        writer.writerows([as_csv_cell(cell) for cell in row] for row in rows)


def write_xlsx(
    path: Path, titles: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[Cell]]
) -> None:
    """Write rows as a workbook, over several sheets where one can't hold them. Not atomic.

    Some 250,000 cells a second. Long lists are buffered in the folder of ``path``.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - only who writes workbooks loads it
    from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415 - as above

    # In memory it is quicker; from disk it needs little memory. Neither leaves anything in /tmp.
    long = {"constant_memory": True, "tmpdir": str(path.parent)}
    options = long if len(rows) > _IN_MEMORY else {"in_memory": True}
    try:
        with Workbook(path, options) as book:
            book.set_properties({"created": _MADE})
            bold = book.add_format({"bold": True, "bottom": 1})
            for start in range(0, max(1, len(rows)), SHEET_ROWS):
                sheet = book.add_worksheet(str(start // SHEET_ROWS + 1))
                for place, (title, width) in enumerate(zip(titles, widths, strict=True)):
                    sheet.set_column(place, place, width)
                    sheet.write_string(0, place, title, bold)
                _fill(sheet, rows[start : start + SHEET_ROWS], len(titles))
    except FileCreateError as error:  # what the system said is inside
        raise error.args[0] from None


def _fill(sheet: Worksheet, rows: Sequence[Sequence[Cell]], n_columns: int) -> None:
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.autofilter(0, 0, max(1, len(rows)), n_columns - 1)
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(number, place, cell[:_LONGEST])
            elif cell is not None:
                sheet.write_number(number, place, cell)
