"""How each register looks: its headers, delimiter, words and ids, as data.

>>> sorted(all_registers())[:2], all_registers()["krs"].delimiter
(['dapodik', 'dtsen'], ';')
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.families.cells import Looks
from pprl.lab.families.draws import LISTING, Draws
from pprl.lab.families.homes import CHILDREN
from pprl.lab.names import TABLES
from pprl.lab.records import DATE_DAY_FIRST, DATE_ISO, SEX_LETTER, SEX_NUMBER, SEX_WORD
from pprl.lab.writing import LOWER, TITLE, UPPER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMES = {"upper": UPPER, "title": TITLE, "lower": LOWER}
_DATES = {"day_first": DATE_DAY_FIRST, "iso": DATE_ISO}
_SEXES = {"letter": SEX_LETTER, "word": SEX_WORD, "number": SEX_NUMBER}
_HEADER_DRAW = 8


@dataclass(frozen=True)
class Column:
    """One column: which field, of which child (from 1, 0 for no child), under which headers."""

    field: str
    child: int
    headers: tuple[str, ...]


@dataclass(frozen=True)
class RegisterLook:
    """One register."""

    number: int  # the same whichever registers are made
    name: str
    who: str
    delimiter: str
    looks: Looks
    answers: tuple[str, ...]  # no, yes
    family_prefix: str
    family_digits: int  # 0 for a register of persons
    member_separator: str
    record_prefix: str
    record_digits: int
    relations: tuple[str, ...]
    schools: tuple[str, ...]
    columns: tuple[Column, ...]
    family_columns: tuple[Column, ...]  # of a file with one row per family, if there is one

    @property
    def of_families(self) -> bool:
        """Whether its rows belong to families."""
        return self.family_digits > 0

    def headers(self, columns: Sequence[Column], seed: np.uint64, *, varied: bool) -> list[str]:
        """Return the header of each column: the usual one, or one of the others."""
        places = np.arange(len(columns))
        chosen = Draws(seed, LISTING + self.number).uniform(_HEADER_DRAW, places)
        found = []
        for column, chance in zip(columns, chosen.tolist(), strict=True):
            header = column.headers[int(chance * len(column.headers)) if varied else 0]
            found.append(header.replace("{n}", str(column.child)))
        return found


@cache
def all_registers() -> Mapping[str, RegisterLook]:
    """Read ``tables/family_registers.toml``: name -> register."""
    text = TABLES.joinpath("family_registers.toml").read_text(encoding="utf-8")
    return {
        name: RegisterLook(
            number=number,
            name=name,
            who=table["who"],
            delimiter=table["delimiter"],
            looks=Looks(_NAMES[table["names"]], _DATES[table["dates"]], _SEXES[table["sexes"]]),
            answers=tuple(table["answers"]),
            family_prefix=table.get("family_prefix", ""),
            family_digits=table.get("family_digits", 0),
            member_separator=table.get("member_separator", ""),
            record_prefix=table.get("record_prefix", ""),
            record_digits=table.get("record_digits", 0),
            relations=tuple(table.get("relations", ())),
            schools=tuple(table.get("schools", ())),
            columns=_columns(table["columns"]),
            family_columns=_columns(table.get("family_columns", {})),
        )
        for number, (name, table) in enumerate(tomllib.loads(text).items())
    }


def _columns(table: Mapping[str, Sequence[str]]) -> tuple[Column, ...]:
    """Return the columns in order, those of children six times."""
    columns: list[Column] = []
    of_children: list[tuple[str, tuple[str, ...]]] = []
    for field, headers in [*table.items(), ("", ())]:
        if field.startswith("child."):
            of_children.append((field, tuple(headers)))
            continue
        for child in range(1, CHILDREN + 1):
            columns += [Column(name, child, those) for name, those in of_children]
        of_children = []
        if field:
            columns.append(Column(field, 0, tuple(headers)))
    return tuple(columns)
