"""The figures behind the families, read from the tables once a process.

>>> figures().krs_children[0], len(figures().desil_krs), places().districts[3].name
(0.09, 10, 'Sangatta Utara')
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pprl.lab.names import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

Shares = tuple[float, ...]


@dataclass(frozen=True)
class Figures:
    """Shares and rates of ``tables/families.toml``; its comments say of what."""

    as_of: date
    krs: Mapping[str, float]
    krs_children: Shares
    kinds: Shares
    children: Shares
    home: Mapping[str, float]
    names: Mapping[str, float]
    changes: Mapping[str, float]
    by_state: Mapping[str, Mapping[str, float]]  # of the changes: dirty and clean
    desil_krs: Shares
    programmes: Mapping[str, float]
    reach: Mapping[str, Shares]  # of the programmes: by desil
    persons: Mapping[str, float]
    out_of_school: Shares
    schools: tuple[Shares, ...]
    coverage: Mapping[str, float]


@dataclass(frozen=True)
class District:
    """A kecamatan."""

    code: str
    name: str
    weight: float
    villages: int


@dataclass(frozen=True)
class Places:
    """The district office's area and the words its addresses are made of."""

    province: str
    regency: str
    districts: tuple[District, ...]
    village_first: tuple[str, ...]
    village_last: tuple[str, ...]
    streets: tuple[str, ...]
    families_per_team: int


@cache
def figures() -> Figures:
    """Read ``tables/families.toml``."""
    table = _read("families.toml")
    return Figures(
        as_of=table["as_of"],
        krs=_numbers(table["krs"]),
        krs_children=tuple(table["krs"]["children"]),
        kinds=tuple(table["others"]["kinds"].values()),
        children=tuple(table["others"]["children"]),
        home=_numbers(table["home"]),
        names=_numbers(table["names"]),
        changes=_numbers(table["changes"]),
        by_state={
            name: value for name, value in table["changes"].items() if isinstance(value, dict)
        },
        desil_krs=tuple(table["desil"]["krs"]),
        programmes=_numbers(table["programmes"]),
        reach={
            name: tuple(value)
            for name, value in table["programmes"].items()
            if isinstance(value, list)
        },
        persons=_numbers(table["persons"]),
        out_of_school=tuple(table["persons"]["out_of_school"]),
        schools=tuple(tuple(row) for row in table["persons"]["schools"]),
        coverage=_numbers(table["coverage"]),
    )


@cache
def places() -> Places:
    """Read ``tables/places.toml``."""
    table = _read("places.toml")
    return Places(
        province=table["province"],
        regency=table["regency"],
        districts=tuple(District(**row) for row in table["districts"]),
        village_first=tuple(table["village_first"]),
        village_last=tuple(table["village_last"]),
        streets=tuple(table["streets"]),
        families_per_team=table["families_per_team"],
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(TABLES.joinpath(name).read_text(encoding="utf-8"))


def _numbers(table: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in table.items() if isinstance(value, int | float)}
