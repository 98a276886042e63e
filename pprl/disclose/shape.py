"""What a table of counts looks like before anything is counted: places, columns, who knows what.

A table has a row for every place (the whole, every provinsi, kabupaten/kota, kecamatan, desa) and
the same columns in each row. A column is a *part* and a value of every plain dimension or its
total. The parts are the overlap of two registers, what only one of them has, and each register as a
whole::

    left = overlap + left_only        right = overlap + right_only

Columns that can hold nobody are left out, and of two columns that are always equal the second is:
a family without a match has no desil, so the left register in desil 3 is the overlap in desil 3.

>>> shape = Shape(plain=(Plain("desil", ("1", "2", "none")),),
...               possible={"overlap": {"desil": ("1", "2")}, "left_only": {"desil": ("none",)},
...                         "right_only": {"desil": ("1", "2")}},
...               known={"left": (), "right": ("desil",)})
>>> for column, known in zip(shape.columns, shape.known_columns, strict=True):
...     print(column.part, column.values, "known" if known else "published")
overlap (None,) published
overlap ('1',) published
overlap ('2',) published
left_only (None,) published
right_only (None,) published
right_only ('1',) published
right_only ('2',) published
left (None,) known
right (None,) known
right ('1',) known
right ('2',) known
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from pprl.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from pprl.decide.assignment import Flags

Part: TypeAlias = Literal["overlap", "left_only", "right_only", "left", "right"]
Side: TypeAlias = Literal["left", "right"]

BASE_PARTS: Final[tuple[Part, ...]] = ("overlap", "left_only", "right_only")
SIDES: Final[tuple[Side, ...]] = ("left", "right")
OF: Final[dict[Part, frozenset[Part]]] = {
    "overlap": frozenset({"overlap"}),
    "left_only": frozenset({"left_only"}),
    "right_only": frozenset({"right_only"}),
    "left": frozenset({"overlap", "left_only"}),
    "right": frozenset({"overlap", "right_only"}),
}
ALONE: Final[frozenset[Part]] = frozenset({"left_only", "right_only"})

MAX_COLUMNS = 2_000
"""Columns of a table, and kinds of people it tells apart: more is a mistake in the dimensions."""


@dataclass(frozen=True)
class Plain:
    """A dimension without a hierarchy: desil, sex, kind of need.

    Attributes
    ----------
    name
        Name of the column in the data.
    values
        All values there are, in the order of the table. They come from the definition, never from
        the data: a value that nobody has is a count of zero, not a column that is missing.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    part
        Which people of the two registers.
    values
        Value of each plain dimension, None where it is the total over that dimension.
    """

    part: Part
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Shape:
    """Dimensions of a table, and what an attacker knows before it is published.

    Attributes
    ----------
    plain
        The dimensions besides the place.
    place, levels
        Column with the code of the place, and how many digits each level of it has:
        ``(2, 4, 6, 10)`` for provinsi, kabupaten/kota, kecamatan, desa. No levels: one row.
    tables
        Which plain dimensions are crossed with each other, all with the place; ``None`` crosses
        all of them. Totals always belong to it. Tables are protected together.
    possible
        For a part, the values that occur at all, by dimension: a family that wasn't found has no
        desil. What isn't named is possible.
    known
        The registers whose counts the attacker is taken to know, each with the plain dimensions
        (besides the place) that its owner knows. An owner knows its own register, and the number
        of families at risk in a desa hangs on the wall of the office. A register that isn't named
        isn't known to anyone, and its counts are published and protected like the others.

    Raises
    ------
    ConfigError
        Dimensions that contradict each other, or an owner who would know the overlap beforehand.
    LimitError
        More columns than a table can have.
    """

    plain: tuple[Plain, ...] = ()
    place: str | None = None
    levels: tuple[int, ...] = ()
    tables: tuple[tuple[str, ...], ...] | None = None
    possible: Mapping[Part, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    known: Mapping[Side, tuple[str, ...]] = field(default_factory=lambda: {"left": (), "right": ()})

    def __post_init__(self) -> None:
        names = self.names
        named = {name for part in self.possible.values() for name in part}
        named |= {name for table in self.tables or () for name in table}
        named |= {name for dims in self.known.values() for name in dims}
        if unknown := sorted(named - set(names)):
            raise ConfigError("disclose.no_dimension", name=unknown[0])
        repeated = len(set(names)) < len(names) or self.place in names
        if repeated or any(len(set(dim.values)) < len(dim.values) for dim in self.plain):
            raise ConfigError("disclose.repeated")
        levels = list(self.levels)
        if levels != sorted(set(levels)) or any(level < 1 for level in levels):
            raise ConfigError("disclose.levels")
        if (self.place is None) != (not levels):
            raise ConfigError("disclose.levels")
        size = 1
        for dim in self.plain:
            size *= len(dim.values) + 1
        if size > MAX_COLUMNS:
            raise LimitError("disclose.too_many_columns", maximum=MAX_COLUMNS)
        for column, known, of in zip(self.columns, self.known_columns, self.members, strict=True):
            here = {kind.part for kind, member in zip(self.kinds, of, strict=True) if member}
            if known and not here & ALONE:  # nobody would be left to tell the overlap from
                raise ConfigError("disclose.known_overlap", side=column.part)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the plain dimensions."""
        return tuple(dim.name for dim in self.plain)

    @cached_property
    def kinds(self) -> tuple[Column, ...]:
        """The kinds of people told apart: part and a value of every dimension, no totals."""
        return tuple(
            Column(part, values)
            for part in BASE_PARTS
            for values in product(*(dim.values for dim in self.plain))
            if all(
                value in self.possible.get(part, {}).get(name, (value,))
                for name, value in zip(self.names, values, strict=True)
            )
        )

    @cached_property
    def _layout(self) -> tuple[tuple[Column, ...], tuple[bool, ...], Flags]:
        published = self.tables if self.tables is not None else (self.names,)
        wanted: dict[Column, bool] = {}
        unknown = [part for part in (*BASE_PARTS, *SIDES) if part not in self.known]
        for part in unknown:
            for table in ((), *published):
                wanted |= dict.fromkeys(self._crossed(part, table), False)
        for side, dims in self.known.items():
            wanted |= dict.fromkeys(self._crossed(side, dims), True)
        columns: list[Column] = []
        known: list[bool] = []
        rows: list[Flags] = []
        seen: dict[bytes, int] = {}
        for column, is_known in wanted.items():
            row = np.array([_holds(column, kind) for kind in self.kinds], dtype=np.bool_)
            first = seen.setdefault(row.tobytes(), len(columns))
            if not row.any() or (first < len(columns) and not is_known):
                continue
            if first < len(columns) and not known[first]:
                raise ConfigError("disclose.known_overlap", side=column.part)
            if first == len(columns):
                columns.append(column)
                known.append(is_known)
                rows.append(row)
        members = np.array(rows, dtype=np.bool_).reshape(len(columns), len(self.kinds))
        return tuple(columns), tuple(known), members

    def _crossed(self, part: Part, dims: Iterable[str]) -> list[Column]:
        among = set(dims)
        choices = [(None, *dim.values) if dim.name in among else (None,) for dim in self.plain]
        return [Column(part, values) for values in product(*choices)]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a row, known ones included."""
        return self._layout[0]

    @property
    def known_columns(self) -> npt.NDArray[np.bool_]:
        """Which columns the attacker knows beforehand; they aren't published."""
        return np.array(self._layout[1], dtype=np.bool_)

    @property
    def members(self) -> Flags:
        """``bool (columns, kinds)``: which kinds of people a column counts."""
        return self._layout[2]


def _holds(column: Column, kind: Column) -> bool:
    return kind.part in OF[column.part] and all(
        wanted is None or wanted == value
        for wanted, value in zip(column.values, kind.values, strict=True)
    )
