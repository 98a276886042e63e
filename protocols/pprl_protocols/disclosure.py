"""Disclosure: what an agreement lets each party learn, and what it lets be published.

Tables are about the overlap of two registers. What they count by are strata: columns that some of
the agencies give the coordinator in the clear, with all their values named beforehand. A value that
isn't named is :data:`OTHER`, or in a column of places a code of zeros. How tables are made is in
:mod:`pprl_protocols.tables`. Spec: "Agreement".

>>> deciles = Stratum(name="desil", agencies=("kemensos",), values=("1", "2"))
>>> deciles.read("02"), deciles.read("11"), deciles.read(None)
('2', 'other', 'other')
>>> deciles.read("2.0"), deciles.read("2,000")  # a decimal, and thousands
('2', 'other')
>>> places = Stratum(name="kecamatan", agencies=("bkkbn", "kemensos"), values=("640801", "640802"),
...                  levels=(4, 6))
>>> places.read("6408012001"), places.read("6471012001")
('640801', '000000')
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pprl.errors import ConfigError
from pprl_protocols import limits
from pprl_protocols.fields import Line, Name, NonNegative, Part, PartyName, ascending

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Mode = Literal["count", "link"]
OTHER = "other"
"""Stands for a value that isn't agreed on, and for none."""
NONE = "none"
"""Stands for the strata of an agency that doesn't give them."""
_RESERVED = {OTHER, NONE}
_TABLE_AGENCIES = 2
_NUMBER = re.compile(r"0*([0-9]+)(?:[.,]0{1,2})?", re.ASCII)
_MAX_DIGITS = 13
_QUOTES = 6
_CELL_BYTES = 48


class ReleasedAttribute(Part):
    """One column that a party hands to another for the records they share.

    Attributes
    ----------
    from_, to
        Names of two agencies; ``from`` in a file.
    name
        Of the column.
    bytes
        Fixed width that every value is padded to.
    """

    from_: Annotated[PartyName, Field(alias="from")]
    to: PartyName
    name: Name
    bytes: Annotated[int, Field(ge=1, le=limits.MAX_ATTRIBUTE_BYTES)]


class Stratum(Part):
    """One column that tables are counted by, and that the coordinator may see.

    Attributes
    ----------
    name
        Of the column.
    agencies
        Who gives it, the one whose value counts for a match first.
    values
        All there are, in the order of the tables.
    levels
        For codes of places: how many digits each level has, the last one those of ``values``. Both
        agencies give such a column. Empty for any other.
    """

    name: Name
    agencies: Annotated[tuple[PartyName, ...], Field(min_length=1, max_length=_TABLE_AGENCIES)]
    values: Annotated[tuple[Line, ...], Field(min_length=1, max_length=limits.MAX_STRATUM_VALUES)]
    levels: Annotated[
        tuple[Annotated[int, Field(ge=1, le=_MAX_DIGITS)], ...], Field(max_length=_MAX_DIGITS)
    ] = ()

    @property
    def other(self) -> str:
        """What stands for a value that isn't agreed on."""
        return "0" * self.levels[-1] if self.levels else OTHER

    @property
    def all(self) -> tuple[str, ...]:
        """What a record of an agency that gives this can have."""
        return (*self.values, self.other)

    @property
    def places(self) -> int:
        """How many places the levels have together, the whole included."""
        return 1 + sum(len({value[:digits] for value in self.all}) for digits in self.levels)

    def read(self, cell: str | None) -> str:
        """Return the agreed value that a cell means: ``02`` and ``2.0`` are 2 where 2 is agreed.

        A longer code of a place is one of the place that it lies in.
        """
        text = "" if cell is None else " ".join(cell.split())
        if self.levels:
            digits = text.replace(".", "")
            text = digits[: self.levels[-1]] if digits.isdecimal() else ""
        elif text not in self.values and (number := _NUMBER.fullmatch(text)):
            text = number[1]
        return text if text in self.values else self.other

    def check(self, number: int, agencies: Collection[str]) -> None:
        """Refuse a stratum that tables can't be counted by; ``number`` from 1 names it."""
        good = (
            set(self.agencies) <= set(agencies)
            and len(set(self.agencies)) == len(self.agencies)
            and len(set(self.values)) == len(self.values)
            and _RESERVED.isdisjoint(self.values)
        )
        if good and self.levels:
            width = self.levels[-1]
            good = (
                ascending([f"{level:02}" for level in self.levels])
                and set(self.agencies) == set(agencies)
                and all(
                    len(value) == width and value.isascii() and value.isdecimal()
                    for value in self.values
                )
                and self.other not in self.values
            )
        if not good:
            raise ConfigError("agreement.stratum", number=number)


class Repeats(Part):
    """How often the same agencies may have tables made.

    Attributes
    ----------
    runs
        So many runs with published tables, this one included.
    days
        In so many days.
    """

    runs: Annotated[int, Field(ge=1, le=1_000)]
    days: Annotated[int, Field(ge=1, le=36_500)]


class Disclosure(Part):
    """Who may learn what.

    Attributes
    ----------
    mode
        ``count``: tables only; ``link``: owners learn which of their records matched.
    minimum_cell
        Smaller counts are suppressed.
    strata
        Columns that the coordinator may see, for the tables.
    families
        Owners of matched records learn which of them are one family to the other owner, under a
        random handle.
    attributes
        What is handed over for matched records, from whom to whom.
    publish
        The tables that are published in the log: each is the strata that it crosses, and one of
        none is the total. Totals always belong to it.
    noise_scale
        Published counts are off by about so much; 0 for none.
    repeats
        How often such tables are made; None where none is published.
    """

    mode: Mode
    minimum_cell: Annotated[int, Field(ge=limits.MIN_CELL, le=limits.MAX_MINIMUM_CELL)]
    strata: Annotated[tuple[Stratum, ...], Field(max_length=limits.MAX_STRATA)] = ()
    families: bool = False
    attributes: Annotated[tuple[ReleasedAttribute, ...], Field(max_length=limits.MAX_ITEMS)] = ()
    publish: Annotated[
        tuple[Annotated[tuple[Name, ...], Field(max_length=limits.MAX_STRATA)], ...],
        Field(max_length=limits.MAX_ITEMS),
    ] = ()
    noise_scale: Annotated[NonNegative, Field(le=limits.MAX_NOISE_SCALE)] = 0
    repeats: Repeats | None = None

    @property
    def place(self) -> Stratum | None:
        """The stratum that is a hierarchy of places; None when there is none."""
        return next((one for one in self.strata if one.levels), None)

    def given_by(self, agency: str) -> tuple[Stratum, ...]:
        """Return the strata that an agency gives, in the order of the agreement."""
        return tuple(one for one in self.strata if agency in one.agencies)

    def check(self, agencies: Collection[str]) -> None:
        """Refuse what contradicts itself or names others than the agencies.

        Raises
        ------
        ConfigError
            It says what.
        """
        if (self.attributes or self.families) and self.mode == "count":
            raise ConfigError("agreement.attributes_in_count")
        for number, one in enumerate(self.attributes, start=1):
            if one.from_ == one.to or not {one.from_, one.to} <= set(agencies):
                raise ConfigError("agreement.attribute_parties", number=number)
        lists: list[Sequence[object]] = [
            [(one.from_, one.to, one.name) for one in self.attributes],
            [one.name for one in self.strata],
            [frozenset(table) for table in self.publish],
            *self.publish,
        ]
        for names in lists:
            if len(set(names)) != len(names):
                raise ConfigError("agreement.repeated_disclosure")
        self._check_tables(agencies)

    def _check_tables(self, agencies: Collection[str]) -> None:
        if self.mode == "count" and not self.publish:
            raise ConfigError("agreement.count_of_nothing")
        if (self.repeats is None) == bool(self.publish):
            raise ConfigError("agreement.repeats")
        if self.noise_scale and not self.publish:
            raise ConfigError("agreement.noise")
        if self.publish and len(agencies) != _TABLE_AGENCIES:
            raise ConfigError("agreement.tables_of_two", found=len(agencies))
        if self.publish and self.minimum_cell % limits.COUNT_STEP:
            raise ConfigError("agreement.minimum_step", step=limits.COUNT_STEP)
        for number, one in enumerate(self.strata, start=1):
            one.check(number, agencies)
        self._check_crossed()
        self._check_size(agencies)

    def _check_crossed(self) -> None:
        places = [one.name for one in self.strata if one.levels]
        if len(places) > 1:
            raise ConfigError("agreement.places", second=places[1])
        crossed = {name for table in self.publish for name in table}
        names = [one.name for one in self.strata]
        for name in sorted(crossed.difference(names)):
            raise ConfigError("agreement.table_of", name=name)
        for name in names:  # the coordinator would see it for nothing
            if name not in crossed:
                raise ConfigError("agreement.stratum_unused", name=name)
        for number, table in enumerate(self.publish, start=1):
            if not set(places) <= set(table):
                raise ConfigError("agreement.table_without_place", number=number, name=places[0])

    def _check_size(self, agencies: Collection[str]) -> None:
        """Refuse tables that the library doesn't make, or that don't fit into a message."""
        choices = {one.name: len(one.values) + 3 for one in self.strata if not one.levels}
        columns = sum(
            math.prod(choices[name] for name in table if name in choices) for table in self.publish
        )
        widest = sum(
            len(one.name) + _QUOTES + max(len(value.encode()) for value in one.all)
            for one in self.strata
        )
        widest += _CELL_BYTES + sum(len(name) + _QUOTES for name in agencies)
        cells = columns * (self.place.places if self.place else 1)
        if (
            math.prod(choices.values()) > limits.MAX_TABLE_COLUMNS
            or cells > limits.MAX_COUNTS
            or cells * widest > limits.MAX_TABLE_BYTES
        ):
            raise ConfigError("agreement.too_many_cells", found=cells)
