"""The cross table as it is shown: rows with numbers, shares and a shade for each cell.

The shade says how large a count is among the counts of its own table, in five steps that rise in
darkness, so it survives a printer without colour; the number stands in the cell anyway. Steps are
quantiles, rounded: one large kecamatan doesn't leave all others pale.

>>> shade(0, (3, 8, 15, 22)), shade(2, (3, 8, 15, 22)), shade(22, (3, 8, 15, 22))
(0, 1, 5)
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.report.krs.crosstab import COLUMNS, DISTRICT, PROVINCE, REGENCY, VILLAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pprl.report.krs.crosstab import Row, Table

MAX_ROWS = 2_000
"""Places in all tables of a report; of more, the desa are left out, and then the kecamatan."""

_QUANTILES = (0.4, 0.7, 0.88, 0.96)
_TWO_DIGITS = 100  # from here on, a bound has two digits that aren't 0


@dataclass(frozen=True)
class Cell:
    """A count: its column, its share of the row, its shade from 0 (none) to 5; None is hidden."""

    column: str
    count: int | None
    share: float
    shade: int


@dataclass(frozen=True)
class HeatRow:
    """A place. ``indent`` is how deep it lies below the first row of its table."""

    row: Row
    indent: int
    cells: tuple[Cell, ...]
    poor: int | None
    poor_share: float


@dataclass(frozen=True)
class Heat:
    """One table. ``bounds`` are the least counts of the shades 2 to 5, empty without any count."""

    rows: tuple[HeatRow, ...]
    columns: tuple[str, ...]
    bounds: tuple[int, ...]


@dataclass(frozen=True)
class Heats:
    """All tables of a report.

    Attributes
    ----------
    overview
        All places down to the kecamatan, or less far where they are too many.
    villages
        Kecamatan and the table of its desa; empty where no desa is known or they are too many.
    left_out
        Desa that aren't shown because they are too many.
    """

    overview: Heat
    villages: tuple[tuple[Row, Heat], ...]
    left_out: int


def make_heats(table: Table, *, poorest: int, most: int = MAX_ROWS) -> Heats:
    """Return what is shown of a cross table, at most so many places, if not all provinsi."""
    columns = tuple(
        name for name in COLUMNS if name != "unknown" or table.whole.get("unknown") != 0
    )
    by_level = {level: table.level(level) for level in (PROVINCE, REGENCY, DISTRICT, VILLAGE)}
    deepest = max(level for level in by_level if level == PROVINCE or _fits(by_level, level, most))
    upper = [PROVINCE, REGENCY, DISTRICT][: min(deepest, DISTRICT)]
    # A level with one place says the same as the row above.
    levels = {0, *(level for level in upper if len(by_level[level]) > 1 or level == deepest)}
    levels |= {DISTRICT} if deepest >= DISTRICT else set()
    lowest = max(levels)
    order = sorted(levels)
    shown = [(row, order.index(row.level)) for row in table.rows if row.level in levels]
    overview = _heat(shown, columns, poorest, shaded=lowest)
    real = [row for row in by_level[VILLAGE] if not row.nowhere]
    if deepest < VILLAGE or not real:
        return Heats(overview, (), len(real) if deepest < VILLAGE else 0)
    villages = tuple(
        (
            district,
            _heat(
                ((row, 0) for row in table.inside(district, VILLAGE)),
                columns,
                poorest,
                shaded=VILLAGE,
            ),
        )
        for district in by_level[DISTRICT]
    )
    return Heats(overview, villages, 0)


def shade(count: int, bounds: Sequence[int]) -> int:
    """Return 0 for no families, else the step from 1 to 5."""
    return 1 + bisect_right(bounds, count) if count else 0


def _fits(by_level: dict[int, tuple[Row, ...]], level: int, most: int) -> bool:
    return sum(len(rows) for each, rows in by_level.items() if each <= level) <= most


def _heat(
    rows: Iterable[tuple[Row, int]], columns: tuple[str, ...], poorest: int, *, shaded: int
) -> Heat:
    rows = list(rows)
    counts = [
        count
        for row, _ in rows
        if row.level == shaded
        for count in (row.get(name) for name in columns)
        if count is not None
    ]
    bounds = _bounds(sorted(count for count in counts if count))
    return Heat(
        rows=tuple(
            HeatRow(
                row=row,
                indent=indent,
                cells=tuple(
                    _cell(row, name, bounds if row.level == shaded else ()) for name in columns
                ),
                poor=(poor := row.poor(poorest)),
                poor_share=_share(poor, row.total),
            )
            for row, indent in rows
        ),
        columns=columns,
        bounds=bounds,
    )


def _bounds(counts: Sequence[int]) -> tuple[int, ...]:
    """Return rounded quantiles of rising counts, each at least 2 and within them."""
    bounds = set()
    for quantile in _QUANTILES[: max(0, len(counts) - 1)]:
        bound = counts[int(quantile * len(counts))]
        step = 5 if bound < _TWO_DIGITS else 10 ** (len(str(bound)) - 2)
        bounds.add(bound // step * step if bound > 2 * step else bound)
    return tuple(sorted(each for each in bounds if each > 1))


def _cell(row: Row, name: str, bounds: tuple[int, ...]) -> Cell:
    count = row.get(name)
    return Cell(
        name, count, _share(count, row.total), shade(count, bounds) if count and bounds else 0
    )


def _share(count: int | None, total: int) -> float:
    return count / total if count and total else 0.0
