"""Count an overlap and both sides of it by place and by other dimensions.

Three tables of rows come in: units (persons or families) found in both registers, and those that
each register alone has. Exact counts come out; they never leave the one who counts, only what
:mod:`pprl.disclose.suppression` makes of them does. The rows may come from DuckDB
(``relation.to_arrow_table()``).

>>> import pyarrow as pa
>>> from pprl.disclose.shape import Shape
>>> table = count(Shape(place="village", levels=(6, 10)),
...               overlap=pa.table({"village": ["6408012001"] * 3 + ["6408012002"]}),
...               left_only=pa.table({"village": ["6408012001"]}),
...               right_only=pa.table({"village": ["6408012002"] * 5}))
>>> table.places.codes
('', '640801', '6408012001', '6408012002')
>>> [column.part for column in table.shape.columns]
['overlap', 'left_only', 'right_only', 'left', 'right']
>>> table.values.tolist()
[[4, 1, 5, 5, 9], [4, 1, 5, 5, 9], [3, 1, 0, 4, 3], [1, 0, 5, 1, 6]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.disclose.places import Places
from pprl.disclose.shape import BASE_PARTS
from pprl.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.disclose.shape import Part, Shape

MAX_CELLS = 20_000_000
"""Places times kinds: 160 MB."""


@dataclass(frozen=True)
class CrossTable:
    """Exact counts. Not for publication.

    Attributes
    ----------
    shape, places
        What the columns and the rows are.
    kinds
        ``int64 (places, kinds)``: how many units of each kind (:attr:`Shape.kinds`).
    """

    shape: Shape
    places: Places
    kinds: Counts

    @property
    def values(self) -> Counts:
        """``int64 (places, columns)``: the counts of all columns."""
        return self.kinds @ self.shape.members.T.astype(np.int64)


def count(
    shape: Shape,
    *,
    overlap: pa.Table,
    left_only: pa.Table,
    right_only: pa.Table,
    unit: str | None = None,
    places: Collection[str] = (),
) -> CrossTable:
    """Count the rows of three tables.

    Parameters
    ----------
    shape
        Dimensions of the result. A plain dimension of which a part has a single possible value
        needs no column in that part's table.
    overlap, left_only, right_only
        One row a unit: found in both registers, in the left alone, in the right alone. The place
        of a unit in the overlap is the one that the table says, whichever register it is from.
    unit
        Column with the unit where there are several rows for one, as with the members of a
        family: units are counted, once. A unit of which one member was found is in the overlap,
        and its rows in ``left_only`` and ``right_only`` count no more.
    places
        Codes of the lowest level that the table has in any case. A place that is missing from a
        table says that nobody is there, so give the full list where there is one.

    Raises
    ------
    InputError
        A column is missing, or a row has no place, a place that is no code of the lowest level or
        a value that the dimension doesn't have, or a unit is in two cells: the row is named.
    LimitError
        More places times kinds than are handled.
    """
    tables = dict(zip(BASE_PARTS, (overlap, left_only, right_only), strict=True))
    digits = shape.levels[-1] if shape.levels else 0
    codes = {part: _place_codes(table, part, shape.place, digits) for part, table in tables.items()}
    tree = Places.of(
        {*places, *(code for part in codes.values() for code in pc.unique(part).to_pylist())}
        if shape.levels
        else (),
        shape.levels,
    )
    if len(tree) * len(shape.kinds) > MAX_CELLS:
        raise LimitError("disclose.too_many_cells", maximum=MAX_CELLS)
    rows = pa.array(tree.codes, pa.string())
    kinds = {(kind.part, kind.values): index for index, kind in enumerate(shape.kinds)}
    total = np.zeros((len(tree), len(shape.kinds)), dtype=np.int64)
    found: pa.Array | None = None
    for part, table in tables.items():
        place = _positions(codes[part], rows)
        kind = _kinds(table, part, shape, kinds)
        if unit is not None:
            names = _column(table, part, unit)
            first = _once(names, place * len(shape.kinds) + kind, part, unit)
            if found is None:
                found = names
            else:
                in_overlap = pc.is_in(names, value_set=found).to_numpy(zero_copy_only=False)
                first = first & ~in_overlap
            place, kind = place[first], kind[first]
        np.add.at(total, (place, kind), 1)
    return CrossTable(shape, tree, tree.summed(total))


def _column(table: pa.Table, part: Part, name: str) -> pa.Array:
    """Return a column as strings; the first row without a value is an error."""
    if name not in table.column_names:
        raise InputError("disclose.no_column", table=part, column=name)
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # what an empty table gives
        column = pa.array([], pa.string())
    column = column.cast(pa.string())
    _refuse(~pc.is_valid(column).to_numpy(zero_copy_only=False), "disclose.no_value", part, name)
    return column


def _refuse(wrong: Flags, code: str, part: Part, name: str) -> None:
    if wrong.any():
        raise InputError(code, table=part, row=int(wrong.argmax()) + 1, column=name)


def _place_codes(table: pa.Table, part: Part, name: str | None, digits: int) -> pa.Array:
    if name is None:
        return pa.array([""] * len(table), pa.string())
    column = _column(table, part, name)
    is_code = pc.match_substring_regex(column, pattern=f"^[0-9]{{{digits}}}$")
    _refuse(~is_code.to_numpy(zero_copy_only=False), "disclose.no_place", part, name)
    return column


def _positions(values: pa.Array, among: Sequence[str] | pa.Array) -> Counts:
    """Return where each value stands in a list of values, -1 where it doesn't."""
    value_set = among if isinstance(among, pa.Array) else pa.array(among, pa.string())
    found = pc.fill_null(pc.index_in(values, value_set=value_set), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _kinds(
    table: pa.Table,
    part: Part,
    shape: Shape,
    kinds: dict[tuple[Part, tuple[str | None, ...]], int],
) -> Counts:
    """Return the kind of each row."""
    code: Counts = np.zeros(len(table), dtype=np.int64)
    sizes = [len(dim.values) for dim in shape.plain]
    for dim in shape.plain:
        allowed = shape.possible.get(part, {}).get(dim.name, dim.values)
        if len(allowed) == 1 and dim.name not in table.column_names:
            position = np.asarray(np.full(len(table), dim.values.index(allowed[0])))
        else:
            values = _column(table, part, dim.name)
            _refuse(_positions(values, allowed) < 0, "disclose.unknown_value", part, dim.name)
            position = _positions(values, dim.values)
        code = code * len(dim.values) + position
    lookup = np.full(int(np.prod(sizes, dtype=np.int64)), -1, dtype=np.int64)
    for (kind_part, values), index in kinds.items():
        if kind_part == part:
            at = 0
            for dim, value in zip(shape.plain, values, strict=True):
                at = at * len(dim.values) + dim.values.index(str(value))
            lookup[at] = index
    return lookup[code]


def _once(names: pa.Array, cell: Counts, part: Part, unit: str) -> Flags:
    """Return the first row of each unit; all its rows have to be in one cell."""
    number = pc.dictionary_encode(names).indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    _refuse(cell != cell[first][inverse], "disclose.unit_twice", part, unit)
    keep = np.zeros(len(names), dtype=np.bool_)
    keep[first] = True
    return keep
