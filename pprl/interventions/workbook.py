"""A list as a workbook, quickly: the same bytes that :func:`~.layout.write_xlsx` writes.

xlsxwriter keeps an object for every cell, and most of the time of ``pprl assign`` went there. Here
it writes a workbook that has the titles only, and the rows are put into its two files of cells,
``sheet1.xml`` and ``sharedStrings.xml`` (ECMA-376, part 1, 18.3.1 and 18.4). Whatever is out of the
ordinary, a long list or a text with control characters, is left to xlsxwriter altogether. Tests
compare the two byte for byte.

>>> from tempfile import TemporaryDirectory
>>> from pathlib import Path
>>> with TemporaryDirectory() as folder:
...     write_workbook(Path(folder) / "a.xlsx", ["Desa", "Desil"], [20, 6], [("RANTAU", 2)])
...     layout.write_xlsx(Path(folder) / "b.xlsx", ["Desa", "Desil"], [20, 6], [("RANTAU", 2)])
...     (Path(folder) / "a.xlsx").read_bytes() == (Path(folder) / "b.xlsx").read_bytes()
True
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape
from zipfile import ZipFile, ZipInfo

from pprl.interventions import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.interventions.layout import Cell

_MOST_ROWS = 100_000  # longer lists need memory, which xlsxwriter can do without
_LONGEST = 16_000  # characters: a cell holds 32,767 UTF-16 units
_UNUSUAL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_x[0-9a-fA-F]{4}_|^<r>")
_SHEET, _STRINGS, _BOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"
_LEAST_COLUMNS = 2  # of a single one, sizes are written in another way
_SPAN_ROWS = 16  # rows that share the hint which columns are used
_LETTERS = 26


class _UnusualError(Exception):
    """A cell that only xlsxwriter knows how to write."""


def write_workbook(
    path: Path, titles: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[Cell]]
) -> None:
    """Write rows as a workbook. Not atomic.

    About two million cells a second. Parameters as for :func:`~.layout.write_xlsx`.
    """
    try:
        frame = _frame(tuple(titles), tuple(widths))
        parts = _filled(frame, titles, rows)
    except _UnusualError:
        layout.write_xlsx(path, titles, widths, rows)
        return
    with ZipFile(path, "w") as file:
        for entry, content in frame:
            copy = ZipInfo(entry.filename, entry.date_time)
            copy.compress_type = entry.compress_type
            file.writestr(copy, parts.get(entry.filename, content))


@lru_cache(maxsize=4)
def _frame(titles: tuple[str, ...], widths: tuple[int, ...]) -> tuple[tuple[ZipInfo, bytes], ...]:
    """Return the files of a workbook without rows."""
    with TemporaryDirectory() as folder:  # nothing but titles is in it
        path = Path(folder) / "frame.xlsx"
        layout.write_xlsx(path, titles, widths, [])
        with ZipFile(path) as file:
            return tuple((entry, file.read(entry)) for entry in file.infolist())


def _filled(
    frame: Sequence[tuple[ZipInfo, bytes]], titles: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> Mapping[str, bytes]:
    """Return the files of the frame that rows change."""
    if not rows:
        return {}
    if len(rows) > _MOST_ROWS or len(titles) < _LEAST_COLUMNS:
        raise _UnusualError
    files = {entry.filename: content.decode() for entry, content in frame}
    indices: defaultdict[str, int] = defaultdict()
    indices.default_factory = indices.__len__  # a new string gets the next number
    count = sum(indices[title] >= 0 for title in titles)
    lines, count_below, last = _lines(len(titles), rows, indices)
    column, end = _column(len(titles) - 1), len(rows) + 1
    # The frame's size ends with its header, its filter with the row below.
    sheet = files[_SHEET].replace(f'"A1:{column}1"', f'"A1:{column}{last}"')
    sheet = sheet.replace(f'"A1:{column}2"', f'"A1:{column}{end}"')
    before, after = sheet.split("</sheetData>")
    strings = re.sub('count="[0-9]+" uniqueCount.*', "", files[_STRINGS], flags=re.DOTALL)
    strings += f'count="{count + count_below}" uniqueCount="{len(indices)}">'
    book = files[_BOOK].replace(f"${column}$2<", f"${column}${end}<")
    return {
        _SHEET: "".join([before, *lines, "</sheetData>", after]).encode(),
        _STRINGS: "".join([strings, *map(_shared, indices), "</sst>"]).encode(),
        _BOOK: book.encode(),
    }


def _lines(
    n_columns: int, rows: Sequence[Sequence[Cell]], indices: defaultdict[str, int]
) -> tuple[list[str], int, int]:
    """Return the XML of the rows, how many cells hold strings, and the number of the last row."""
    columns = [_column(place) for place in range(n_columns)]
    lines: list[str] = []
    waiting: list[tuple[int, str]] = []
    count, last = 0, 1
    least, most = 0, n_columns - 1  # the header is in the first span
    for number, row in enumerate(rows, start=2):
        cells = []
        for place, cell in enumerate(row):
            if cell is None:
                continue
            if isinstance(cell, str):
                cells.append(f'<c r="{columns[place]}{number}" t="s"><v>{indices[cell]}</v></c>')
                count += 1
            elif isfinite(cell):
                cells.append(f'<c r="{columns[place]}{number}"><v>{cell:.16G}</v></c>')
            else:
                raise _UnusualError
            if place < least:  # noqa: PLR1730 - a call would take longer than all else here
                least = place
            if place > most:  # noqa: PLR1730 - as above
                most = place
        if cells:
            waiting.append((number, "".join(cells)))
            last = number
        if number % _SPAN_ROWS == 0:
            lines += _in_span(waiting, least, most)
            waiting, least, most = [], n_columns, -1
    return lines + _in_span(waiting, least, most), count, last


def _in_span(rows: Sequence[tuple[int, str]], least: int, most: int) -> list[str]:
    spans = f"{least + 1}:{most + 1}"
    return [f'<row r="{number}" spans="{spans}">{cells}</row>' for number, cells in rows]


def _shared(text: str) -> str:
    """Return a shared string as it stands in the file."""
    if len(text) > _LONGEST or _UNUSUAL.search(text):
        raise _UnusualError
    kept = ' xml:space="preserve"' if text[:1].isspace() or text[-1:].isspace() else ""
    return f"<si><t{kept}>{escape(text)}</t></si>"


def _column(place: int) -> str:
    """Return the letters of a column.

    >>> _column(0), _column(25), _column(26)
    ('A', 'Z', 'AA')
    """
    letters, place = "", place + 1
    while place:
        place, letter = divmod(place - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters
