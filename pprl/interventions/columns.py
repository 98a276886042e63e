"""The columns that conditions may use: the only door between a rule and the data.

They are data (``tables/columns.toml``, whose head explains the keys). A column that says who
somebody is can be neither condition nor fact, so a rule can't pick out a person.

>>> columns = known_columns()
>>> columns["families"]["desil"].type, columns["families"]["head"].identity
('integer', True)
>>> find("pkh", "family").key
'f.pkh'
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl.catalogue import Language

Table = Literal["families", "members"]
Type = Literal["text", "integer", "number", "boolean", "date"]
Unit = Literal["family", "member"]

PREFIXES: Mapping[str, Table] = MappingProxyType({"f": "families", "m": "members"})
SQL_TYPES: Mapping[Type, str] = MappingProxyType(
    {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "number": "DOUBLE",
        "boolean": "BOOLEAN",
        "date": "DATE",
    }
)
REQUIRED: Mapping[Table, tuple[str, ...]] = MappingProxyType(
    {"families": ("family", "match_status"), "members": ("family", "member")}
)
"""What the two tables can't do without; every other column may be missing: it is not known."""


@dataclass(frozen=True)
class Column:
    """One documented column. The fields are those of ``tables/columns.toml``."""

    table: Table
    name: str
    type: Type
    label: Mapping[Language, str]
    meaning: Mapping[Language, str]
    released: bool = False
    identity: bool = False
    fact: bool = True
    given: bool = False
    from_members: str = ""
    values: Mapping[str, Mapping[Language, str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name that is never ambiguous: ``f.desil``, ``m.age``."""
        return f"{self.table[0]}.{self.name}"

    @property
    def loaded(self) -> bool:
        """Whether it is looked for in the data."""
        return not self.given and not self.from_members


class AmbiguousColumnError(LookupError):
    """Families and members both have it, and no prefix says which is meant."""


@cache
def known_columns() -> Mapping[Table, Mapping[str, Column]]:
    """Return all columns: table -> name -> column, in the order of the file."""
    text = files("pprl.interventions").joinpath("tables", "columns.toml").read_text("utf-8")
    document = tomllib.loads(text)
    return {
        table: {name: Column(table, name, **entry) for name, entry in document[table].items()}
        for table in PREFIXES.values()
    }


def find(name: str, unit: Unit) -> Column:
    """Return the column that a rule of ``unit`` means by ``name``, with a prefix or without.

    Raises
    ------
    AmbiguousColumnError
        A prefix is needed.
    LookupError
        There is none; a family's rule has no columns of members.
    """
    prefix, dot, rest = name.lower().partition(".")
    tables = tuple(PREFIXES.values()) if unit == "member" else ("families",)
    if dot:
        tables = tuple(table for table in tables if table[0] == prefix)
    found = [
        known_columns()[table][rest if dot else prefix]
        for table in tables
        if (rest if dot else prefix) in known_columns()[table]
    ]
    if not found:
        raise LookupError(name)
    if len(found) > 1:
        raise AmbiguousColumnError(name)
    return found[0]
