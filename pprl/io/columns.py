"""Which column is what: the usual Indonesian and English headers, as data.

``pprl/io/tables/columns.toml`` lists the headers of each role in order of rank; the code only
compares. It looks at header names, never at cells, and where a file leaves a choice it asks
(``--map field=COLUMN``) instead of guessing.

>>> found = recognise(["No. KK", "NIK*", "Nama Lengkap", "Jenis Kelamin (L/P)", "desil"])
>>> found.roles["kk_number"], found.roles["sex"], found.unrecognised
('No. KK', 'Jenis Kelamin (L/P)', ('desil',))
>>> recognise(["nik", "sebutan"], parse_map(["name=sebutan"])).roles["name"]
'sebutan'
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pprl.errors import ConfigError, InputError

_ASIDE = re.compile(r"\([^)]*\)|\[[^]]*\]")
_LISTED = 12


@dataclass(frozen=True)
class ColumnMap:
    """Columns of one file by what they are.

    Attributes
    ----------
    roles
        Role or field -> column, as the header has it.
    unrecognised
        Columns that serve no role, in file order.
    """

    roles: Mapping[str, str]
    unrecognised: tuple[str, ...]


@dataclass(frozen=True)
class _Claim:
    """What one header stands for: a role, how well (0 is best), and whether it's the head's."""

    role: str
    rank: int
    of_head: bool


def roles() -> tuple[str, ...]:
    """Return every role that recognition knows."""
    return _table()[1]


def role_of(header: str) -> str | None:
    """Return the role that a header stands for by itself, or None."""
    claim = _claim(header)
    return claim.role if claim else None


def header_key(header: str) -> str:
    """Return what makes two headers the same: letters and digits, without case and parentheses.

    >>> header_key("No. KK *") == header_key("no_kk")
    True
    """
    folded = unicodedata.normalize("NFKC", header).lower()
    plain = _ASIDE.sub(" ", folded)
    letters = "".join(filter(str.isalnum, plain))
    return letters or "".join(filter(str.isalnum, folded))


def ranks_of(role: str, *, of_head: bool = False) -> Mapping[str, int]:
    """Return the headers of a role, as :func:`header_key` has them, with their ranks.

    ``of_head`` asks for those that describe the head of the family instead.
    """
    claims = _table()[0].items()
    return {
        key: claim.rank for key, claim in claims if claim.role == role and claim.of_head == of_head
    }


def recognise(
    columns: Sequence[str],
    mapping: Mapping[str, str] = MappingProxyType({}),
    extra: Sequence[str] = (),
) -> ColumnMap:
    """Find the role of each column.

    Parameters
    ----------
    columns
        Header names.
    mapping
        Role or field -> column, from the analyst; wins over everything else.
    extra
        Fields beyond the roles that a schema needs, found by a header of the same name.

    Raises
    ------
    ConfigError
        ``mapping`` names a field that is neither a role nor in ``extra``.
    InputError
        ``mapping`` names a column that the file doesn't have, or two columns claim one role and
        neither is the better one.
    """
    fields = dict.fromkeys((*roles(), *extra))
    for field in mapping:
        if field not in fields:
            raise ConfigError(
                "columns.unknown_field", field=field, known=_nearest(field, list(fields))
            )
    found = {field: _mapped(column, columns) for field, column in mapping.items()}
    found |= _recognised(columns, taken=frozenset(found))
    for field in extra:
        same = [column for column in columns if header_key(column) == header_key(field)]
        if same and field not in found:
            found[field] = _only(field, same)
    used = set(found.values())
    ordered = {field: found[field] for field in fields if field in found}
    return ColumnMap(
        MappingProxyType(ordered), tuple(column for column in columns if column not in used)
    )


def parse_map(options: Sequence[str]) -> dict[str, str]:
    """Take ``field=COLUMN`` options apart: field -> column.

    Raises
    ------
    ConfigError
        An option isn't of that form, or two are for one field.
    """
    mapping: dict[str, str] = {}
    for option in options:
        field, equals, column = (part.strip() for part in option.partition("="))
        if not (field and equals and column):
            raise ConfigError("columns.map_form", option=option)
        if field in mapping:
            raise ConfigError("columns.mapped_twice", field=field)
        mapping[field] = column
    return mapping


def _recognised(columns: Sequence[str], taken: frozenset[str]) -> dict[str, str]:
    claims = [(column, claim) for column in columns if (claim := _claim(column))]
    # Somebody else's NIK must not be put beside a member's name.
    members = "name" in taken or any(
        claim.role == "name" and not claim.of_head for _, claim in claims
    )
    best: dict[str, list[str]] = {}
    ranks: dict[str, int] = {}
    for column, claim in claims:
        if claim.role in taken or (claim.of_head and members):
            continue
        rank = ranks.setdefault(claim.role, claim.rank)
        if claim.rank < rank:
            ranks[claim.role] = claim.rank
            best[claim.role] = [column]
        elif claim.rank == rank:
            best.setdefault(claim.role, []).append(column)
    return {role: _only(role, found) for role, found in best.items()}


def _only(field: str, columns: Sequence[str]) -> str:
    if len(columns) > 1:
        raise InputError("columns.ambiguous", field=field, first=columns[0], second=columns[1])
    return columns[0]


def _mapped(column: str, columns: Sequence[str]) -> str:
    if column in columns:
        return column
    same = [name for name in columns if header_key(name) == header_key(column)]
    if len(same) != 1:
        if not any(map(_claim, columns)):
            # Perhaps there is no header, and what looks like column names is a person.
            raise InputError("columns.unknown_headers", column=column)
        raise InputError(
            "columns.unknown_column", column=column, known=_nearest(column, list(columns))
        )
    return same[0]


def _nearest(wanted: str, known: list[str]) -> str:
    lower = {name.lower(): name for name in known}
    close = [lower[name] for name in get_close_matches(wanted.lower(), lower)]
    return ", ".join(close or known[:_LISTED])


def _claim(header: str) -> _Claim | None:
    claims, _, prefixes = _table()
    key = header_key(header)
    if key in claims:
        return claims[key]
    shorter = (key.removeprefix(prefix) for prefix in prefixes if key.startswith(prefix))
    return next((claims[rest] for rest in shorter if rest in claims), None)


@cache
def _table() -> tuple[Mapping[str, _Claim], tuple[str, ...], tuple[str, ...]]:
    source = files("pprl.io").joinpath("tables", "columns.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    claims: dict[str, _Claim] = {}
    for role, lists in table["roles"].items():
        ranked = [(False, equal) for equal in lists["headers"]]
        ranked += [(True, equal) for equal in lists.get("of_head", ())]
        for rank, (of_head, equal) in enumerate(ranked):
            for header in equal:
                claim = claims.setdefault(header_key(header), _Claim(role, rank, of_head))
                if claim.role != role:
                    message = f"columns.toml gives {header!r} to {claim.role} and to {role}"
                    raise ValueError(message)
    prefixes = sorted(map(header_key, table["prefixes"]["neutral"]), key=len, reverse=True)
    return claims, tuple(table["roles"]), tuple(prefixes)
