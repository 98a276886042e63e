"""Where the table is on a sheet that was made for reading: titles, header, data, totals.

Official sheets have title rows, headers of one or two rows with merged cells, a row that numbers
the columns, subtotals, and below the data a "Jumlah" row, notes and signatures. What is taken for
none of the data is counted, so that the analyst can check it. Cell values are only looked at,
never kept.

>>> rows = [["DATA KRS", ""], ["Nama", "NIK"], ["SITI", "6408"], ["Jumlah", 1.0]]
>>> found = find_layout(rows, merged=None)
>>> found.names, found.first, found.end, found.titles, found.footers
(('Nama', 'NIK'), 2, 3, 1, 1)
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from pprl.io.cells import Cell
from pprl.io.columns import role_of
from pprl.io.header import clean_name, looks_like_data

Row = Sequence[Cell]
Range = tuple[
    tuple[int, int], tuple[int, int]
]  # (first row, first column), (last row, last column)

_HEADER_WITHIN = 60
_FOOTERS_WITHIN = 40
_COLUMN_NUMBER = re.compile(r"\(?(\d{1,3})[.)]?")
_TOTAL = re.compile(r"(sub[\s-]*total|grand[\s-]*total|total|jumlah|jml)\b", re.IGNORECASE)
_FIGURE = re.compile(r"[\d\s.,%+()-]*(?:rp|jiwa|kk|orang|keluarga)?\.?", re.IGNORECASE)
_LONGEST_FIGURE = 11  # digits; a NIK has more
_SCRAPS = 3  # cells in a row of a signature block; a record with so few couldn't be linked


@dataclass(frozen=True)
class Layout:
    """Where the data is; rows and columns count from 0.

    Attributes
    ----------
    names
        Name of each column, empty where it has none.
    first, end
        First data row, and the row behind the last.
    header
        Last row of the header.
    titles
        Rows with text above the header.
    blanks, totals, footers
        Rows left out: blank and total rows among the data, and everything below it.
    """

    names: tuple[str, ...]
    first: int
    end: int
    header: int
    titles: int
    blanks: int
    totals: int
    footers: int


def find_layout(rows: Iterable[Row], merged: Sequence[Range] | None) -> Layout | None:
    """Find the table on a sheet; None if no row can be a header with data below it.

    Parameters
    ----------
    rows
        All rows, of equal length; gone through once.
    merged
        Merged ranges, or None if the file format doesn't tell.
    """
    stream = iter(rows)
    head = list(islice(stream, _HEADER_WITHIN))
    found = _header(head, merged)
    if found is None:
        return None
    top, header = found
    names = _names(head[top : header + 1])
    first = header + 1
    if first < len(head) and _numbers_columns(head[first]):
        first += 1
    blanks = totals = 0
    last = deque[tuple[int, Row]](maxlen=_FOOTERS_WITHIN)
    index = first - 1
    for index, row in enumerate((*head[first:], *stream), start=first):
        if len(last) == last.maxlen:
            blanks += is_blank(last[0][1])
            totals += is_total(last[0][1])
        last.append((index, row))
    end = _end(last, len(names), behind=index + 1)
    kept = [row for number, row in last if number < end]
    if len(kept) + index + 1 - first - len(last) == 0:
        return None
    return Layout(
        names=names,
        first=first,
        end=end,
        header=header,
        titles=sum(not is_blank(row) for row in head[:top]),
        blanks=blanks + sum(map(is_blank, kept)),
        totals=totals + sum(map(is_total, kept)),
        footers=sum(not is_blank(row) for number, row in last if number >= end),
    )


def is_blank(row: Row) -> bool:
    """Say whether no cell of the row shows anything."""
    return not any(_filled(cell) for cell in row)


def is_total(row: Row) -> bool:
    """Say whether a row sums up others: "Jumlah", "Total", ... and nothing but figures behind."""
    start = next((cell for cell in row if _filled(cell)), None)
    if not isinstance(start, str) or not _TOTAL.match(start.strip()):
        return False
    behind = [cell for cell in row if _filled(cell)][1:]
    return all(not isinstance(cell, str) or _is_figure(cell) for cell in behind)


def _is_figure(text: str) -> bool:
    digits = sum(character.isdecimal() for character in text)
    return digits <= _LONGEST_FIGURE and _FIGURE.fullmatch(text.strip()) is not None


def _filled(cell: Cell) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _labels(row: Row) -> list[str] | None:
    """Return a row's cells as column names, or None if it can't be a header row."""
    labels = []
    for cell in row:
        if not _filled(cell):
            labels.append("")
        elif isinstance(cell, str) and not looks_like_data(cell):
            labels.append(clean_name(cell))
        else:
            return None
    return labels if any(labels) else None


def _header(head: Sequence[Row], merged: Sequence[Range] | None) -> tuple[int, int] | None:
    """Return first and last row of the header."""
    best: tuple[tuple[int, int, int], int] | None = None
    for index, row in enumerate(head[:-1]):
        labels = _labels(row)
        if labels is None:
            continue
        known = len({role for label in labels if label and (role := role_of(label))})
        if known < 2 and is_blank(head[index + 1]):  # noqa: PLR2004 - see below
            continue
        # One known word may be part of a title; then the fullest row is the better guess.
        score = (known if known > 1 else 0, sum(map(bool, labels)), known)
        if best is None or score > best[0]:
            best = score, index
    if best is None:
        return None
    index = best[1]
    if index > 0 and _is_pair(head[index - 1], head[index], index - 1, merged):
        return index - 1, index
    if index + 2 < len(head) and _is_pair(head[index], head[index + 1], index, merged):
        return index, index + 1
    return index, index


def _is_pair(upper: Row, lower: Row, upper_row: int, merged: Sequence[Range] | None) -> bool:
    """Say whether two rows are one header: groups above, columns below."""
    groups, labels = _labels(upper), _labels(lower)
    if groups is None or labels is None or sum(map(bool, groups)) < 2:  # noqa: PLR2004 - a lone cell is a title
        return False
    under_groups = [
        column
        for column, label in enumerate(labels)
        if label and (not groups[column] or not (*groups, "")[column + 1])
    ]
    fits = all(column in under_groups for column, label in enumerate(labels) if label)
    gaps = [column for column, group in enumerate(groups) if not group]
    if not fits or not gaps or not groups[0] or any(not labels[column] for column in gaps):
        return False
    if merged is not None:
        return any(
            first[0] == upper_row == last[0] and last[1] > first[1] for first, last in merged
        )
    return sum(role_of(labels[column]) is not None for column in under_groups) > 1


def _names(header: Sequence[Row]) -> tuple[str, ...]:
    """Join the rows of a header column by column; a group's label holds until the next one."""
    rows = [_labels(row) or [] for row in header]
    if len(rows) == 1:
        return tuple(rows[0])
    names = []
    group = ""
    for upper, lower in zip(*rows, strict=True):
        group = upper or group
        names.append(f"{group} {lower}".strip() if lower else upper)
    return tuple(names)


def _numbers_columns(row: Row) -> bool:
    """Say whether a row below the header only numbers the columns: 1, 2, 3 or (1), (2), (3)."""
    numbers = []
    for cell in filter(_filled, row):
        match = _COLUMN_NUMBER.fullmatch(str(cell).strip().removesuffix(".0"))
        if match is None:
            return False
        numbers.append(int(match[1]))
    return len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1))


def _end(last: Sequence[tuple[int, Row]], n_columns: int, behind: int) -> int:
    """Return the row behind the data: a closing total, or a blank row with only scraps below."""
    end = behind
    for index, row in reversed(last):
        if is_blank(row) or is_total(row):
            end = index
        elif sum(map(_filled, row)) > min(_SCRAPS, n_columns // 3):
            break
    return end
