"""Families by place and desil: a row for every provinsi, kabupaten/kota, kecamatan and desa.

Columns are the desil 1 to 10, ``unknown`` (matched, but no desil was released), ``review`` and
``none`` (not found). In the public form, what is small is hidden, and as many other counts as it
takes that the rest doesn't give them away (:mod:`pprl.disclose.suppression`).

A family whose desa isn't known is counted in its kecamatan, below desa ``0000``, which doesn't
exist; one without any place below provinsi ``00``.

>>> import pyarrow as pa
>>> table = cross_table(pa.table({"district": ["640801"] * 2, "village": ["6408012001", None],
...     "match_status": ["matched", "none"], "desil": pa.array([2, None], pa.int8())}))
>>> [(row.code, row.counts[1], row.total) for row in table.rows]
[('', 1, 2), ('64', 1, 2), ('6408', 1, 2), ('640801', 1, 2), ('6408010000', 0, 1), \
('6408012001', 1, 1)]
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from pprl.disclose.counts import count
from pprl.disclose.published import HIDDEN, Rule
from pprl.disclose.shape import Plain, Shape
from pprl.disclose.suppression import suppress
from pprl.normalise.region import normalise_region
from pprl.report.krs.data import DESIL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl.disclose.counts import CrossTable

COLUMNS: Final = (*(str(desil) for desil in DESIL), "unknown", "review", "none")
LEVELS: Final = (2, 4, 6, 10)
PROVINCE, REGENCY, DISTRICT, VILLAGE = 1, 2, 3, 4
"""Level of a row; 0 is the whole."""

_OUTSIDE = ("review", "none")
_NOWHERE = "0000"
_SHAPE: Final = Shape(
    plain=(Plain("desil", COLUMNS),),
    place="village",
    levels=LEVELS,
    possible={
        "overlap": {"desil": COLUMNS[: -len(_OUTSIDE)]},
        "left_only": {"desil": _OUTSIDE},
        "right_only": {"desil": ()},  # the other register is not this owner's to count
    },
    known={"left": ()},  # how many families a desa has is known to everyone there
)


@dataclass(frozen=True)
class Row:
    """One place.

    Attributes
    ----------
    code, name, level
        Code, name (empty where it isn't known) and level of the place.
    counts
        Families by :data:`COLUMNS`; None where the count is hidden.
    total
        All its families.
    """

    code: str
    name: str
    level: int
    counts: tuple[int | None, ...]
    total: int

    def poor(self, poorest: int) -> int | None:
        """Return the families in desil 1 to ``poorest``; None where one of these is hidden."""
        found = [each for each in self.counts[:poorest] if each is not None]
        return sum(found) if len(found) == poorest else None

    def get(self, column: str) -> int | None:
        """Return the count of a column."""
        return self.counts[COLUMNS.index(column)]

    @property
    def nowhere(self) -> bool:
        """Whether this stands for families whose place isn't known."""
        return self.level > 0 and self.code.endswith("0" * (2 if self.level < VILLAGE else 4))


@dataclass(frozen=True)
class Table:
    """Rows in the order of their codes, each place before those inside it."""

    rows: tuple[Row, ...]

    @property
    def whole(self) -> Row:
        """The row of all places."""
        return self.rows[0]

    def level(self, level: int) -> tuple[Row, ...]:
        """Return the rows of a level."""
        return tuple(row for row in self.rows if row.level == level)

    def inside(self, place: Row, level: int) -> tuple[Row, ...]:
        """Return the rows of a level that lie in a place."""
        return tuple(row for row in self.level(level) if row.code.startswith(place.code))

    def to_arrow(self) -> pa.Table:
        """Return the table with a column for each of :data:`COLUMNS`, null where hidden."""
        of_place = {
            "code": pa.array([row.code for row in self.rows], pa.string()),
            "name": pa.array([row.name for row in self.rows], pa.string()),
            "families": pa.array([row.total for row in self.rows], pa.int64()),
        }
        counts = {
            f"desil_{name}" if name.isdigit() else name: pa.array(
                [row.counts[place] for row in self.rows], pa.int64()
            )
            for place, name in enumerate(COLUMNS)
        }
        return pa.table(of_place | counts)


def cross_table(families: pa.Table, *, minimum: int | None = None) -> Table:
    """Count families by place and desil.

    Parameters
    ----------
    families
        Columns ``district``, ``village``, ``match_status``, ``desil``, and ``district_name`` and
        ``village_name`` where there are names.
    minimum
        Hide what gives away counts below it; None shows all, which is for the owner alone.
    """
    return _shown(count_places(families), minimum, _names(families, place_families(families)))


def count_places(families: pa.Table) -> CrossTable:
    """Return the exact counts in the form that :func:`pprl.disclose.suppression.suppress` takes."""
    placed = place_families(families)
    outside = pc.is_in(placed.column("desil"), value_set=pa.array(_OUTSIDE))
    return count(
        _SHAPE,
        overlap=placed.filter(pc.invert(outside)),
        left_only=placed.filter(outside),
        right_only=placed.slice(0, 0),
    )


def place_families(families: pa.Table) -> pa.Table:
    """Return ``village`` (10 digits), ``district`` (6) and ``desil`` (a column) of each family."""
    village, district = place_codes(families)
    status, desil = families.column("match_status"), families.column("desil")
    matched = pc.coalesce(desil.cast(pa.string()), pa.scalar("unknown"))
    column = pc.if_else(pc.equal(status, "matched"), matched, status)
    return pa.table({"village": village, "district": district, "desil": column})


def place_codes(families: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Return the codes of the desa (10 digits) and kecamatan (6) of each family.

    One that isn't known ends in zeros.
    """
    district = _code(families, "district", LEVELS[2])
    village = _code(families, "village", LEVELS[3])
    within = pc.coalesce(district, pa.scalar(_NOWHERE + "00"))
    village = pc.coalesce(village, pc.binary_join_element_wise(within, _NOWHERE, ""))
    return village, pc.utf8_slice_codeunits(village, 0, LEVELS[2])


@cache
def regions() -> Mapping[str, str]:
    """Return the name of each provinsi and kabupaten/kota by code."""
    text = files("pprl.report.krs").joinpath("tables", "regions.csv").read_text("utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}


def _code(families: pa.Table, name: str, n_digits: int) -> pa.Array:
    if name not in families.column_names:
        return pa.nulls(len(families), pa.string())
    column = families.column(name).cast(pa.string()).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # what an empty table gives
        column = pa.array([], pa.string())
    return normalise_region(column, n_digits)


def _names(families: pa.Table, placed: pa.Table) -> dict[str, str]:
    """Return names by code; of several for one code the most frequent, then the first by letter."""
    names = dict(regions())
    for code, column in (("district", "district_name"), ("village", "village_name")):
        if column not in families.column_names:
            continue
        said = pa.table({"code": placed.column(code), "name": families.column(column)})
        counted = said.filter(pc.is_valid(said.column("name"))).group_by(["code", "name"])
        ordered = counted.aggregate([([], "count_all")]).sort_by(
            [("code", "ascending"), ("count_all", "ascending"), ("name", "descending")]
        )
        both = (ordered.column(each).to_pylist() for each in ("code", "name"))
        found = zip(*both, strict=True)
        names |= {code: name for code, name in found if not code.endswith(_NOWHERE)}
    return names


def _shown(table: CrossTable, minimum: int | None, names: Mapping[str, str]) -> Table:
    columns = table.shape.columns
    values = table.values
    known = table.shape.known_columns
    total = next(
        index
        for index, column in enumerate(columns)
        if column.part == "left" and column.values == (None,)
    )
    if minimum is not None:
        shown = suppress(table, Rule(minimum=minimum)).published().values
        values = shown
    at = {column.values[0]: i for i, column in enumerate(columns) if not known[i]}
    rows = [
        Row(
            code=code,
            name=names.get(code, ""),
            level=level,
            counts=tuple(
                None if (found := int(values[row, at[name]])) == HIDDEN else found
                for name in COLUMNS
            ),
            total=int(table.values[row, total]),
        )
        for row, (code, level) in enumerate(
            zip(table.places.codes, table.places.level.tolist(), strict=True)
        )
    ]
    return Table(tuple(sorted(rows, key=lambda row: row.code)))
