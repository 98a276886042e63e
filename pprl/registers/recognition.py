"""Which column of a file is what, by a register's profile.

Roles (NIK, name, kecamatan, ...) are those of :mod:`pprl.io.columns`, with the profile's own
headers added; facts (latrine, desil, schooling, ...) are the profile's alone. A file whose members
stand in columns has one row per family, unless a column says the relation or the id of the row's
own person.

>>> from pprl.registers.profile import load_profile
>>> found = recognise_register(load_profile("krs"), ["id_keluarga", "nik_istri", "nama_istri"])
>>> found.by_family, found.members[0].name
(True, 'spouse')
>>> found = recognise_register(load_profile("krs"), ["NIK", "Nama", "Jamban Layak", "Catatan"])
>>> found.by_family, found.facts, found.unrecognised
(False, {'latrine_ok': 'Jamban Layak'}, ('Catatan',))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, InputError
from pprl.io.columns import header_key, ranks_of, recognise, role_of, roles
from pprl.registers.profile import IDENTITY
from pprl.registers.slots import Member, check_members, find_members, is_member_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pprl.registers.profile import Fact, Profile
    from pprl.registers.slots import MembersFile

FAMILY_ROLES = (
    *("family_id", "kk_number", "province", "regency", "district", "village"),
    *("address", "phone"),
)
"""Roles that are the family's, not a member's."""
PLACES = ("district", "village")


@dataclass(frozen=True)
class Recognised:
    """What the columns of a file are.

    Attributes
    ----------
    by_family
        One row per family, members in columns.
    roles
        Role -> column; of the family alone where members stand in columns.
    names
        ``district`` or ``village`` -> the column with its name, beside the one with its code.
    facts
        Fact -> column.
    opposite
        Facts whose column says the opposite.
    members
        Members in columns.
    unrecognised
        Columns that serve nothing.
    """

    by_family: bool
    roles: Mapping[str, str]
    names: Mapping[str, str]
    facts: Mapping[str, str]
    opposite: frozenset[str]
    members: tuple[Member, ...]
    unrecognised: tuple[str, ...] = field(default=())


def recognise_register(
    profile: Profile,
    columns: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    given: MembersFile | None = None,
    path: Path | None = None,
) -> Recognised:
    """Find out what the columns of a register are.

    Parameters
    ----------
    profile
        Of the register.
    columns
        Headers.
    mapping
        Role, fact or field of a member (``child_2.nik``) -> column, from the analyst; wins.
    given, path
        Which columns belong to which member, and the file that says so.

    Raises
    ------
    ConfigError
        ``mapping`` names what the register doesn't have.
    InputError
        A column of ``mapping`` or ``given`` isn't there, or two columns are the same thing.
    """
    mapping = mapping or {}
    for name in mapping:
        known = name in roles() or name in profile.facts or is_member_field(profile, name)
        if not known:
            listed = ", ".join([*roles(), *profile.facts])
            raise ConfigError("columns.unknown_field", field=name, known=listed)
    where = {name: _column(column, columns) for name, column in mapping.items()}
    of_members = {name: column for name, column in where.items() if is_member_field(profile, name)}
    if given is not None:
        members = check_members(given, columns, path or _here())
        by_family = True
    else:
        members = find_members(profile, columns, of_members)
        by_family = bool(of_members) or _is_by_family(profile, columns, members)
    if by_family:
        _refuse_roles_of_members(where, plain_head=given is None)
    if by_family and given is None:
        members = _with_plain_head(profile, columns, members, where)
    in_members = (
        {column for each in members for column in each.columns.values()} if by_family else set()
    )
    rest = [column for column in columns if column not in in_members]
    found, names = _roles(profile, rest, where, by_family=by_family)
    taken = {*found.values(), *names.values()}
    facts, opposite = _facts(profile, [name for name in rest if name not in taken], where)
    if by_family:
        facts = {name: facts[name] for name in facts if name in profile.family_facts}
    taken |= set(facts.values())
    return Recognised(
        by_family=by_family,
        roles=found,
        names=names,
        facts=facts,
        opposite=frozenset(opposite & facts.keys()),
        members=tuple(each for each in members if each.identified) if by_family else (),
        unrecognised=tuple(column for column in rest if column not in taken),
    )


def _is_by_family(profile: Profile, columns: Sequence[str], members: Sequence[Member]) -> bool:
    """Say whether members in columns are what a row is about."""
    if profile.unit != "family" or not any(each.identified for each in members):
        return False
    of_rows = _keys(profile, "relation") if "relation" in profile.facts else set()
    of_rows |= {key for key, rank in ranks_of("id").items() if rank == 0}
    if any(header_key(column) in of_rows for column in columns):
        return False
    plain = _plain(profile, "name", columns)
    others = [each for each in members if each.relation != "head" and each.identified]
    # "Nama Kepala Keluarga" beside a member's own name says nothing about the rows.
    return bool(others) or not plain


def _refuse_roles_of_members(mapping: Mapping[str, str], *, plain_head: bool) -> None:
    """Refuse to map what isn't one column where members stand in columns, such as their id."""
    known = (*FAMILY_ROLES, *(IDENTITY if plain_head else ()))
    for name in mapping:
        if name in roles() and name not in known:
            raise ConfigError("columns.unknown_field", field=name, known=", ".join(known))


def _with_plain_head(
    profile: Profile,
    columns: Sequence[str],
    members: tuple[Member, ...],
    mapping: Mapping[str, str],
) -> tuple[Member, ...]:
    """Give the head the plain columns (NIK, Nama) of a file where all others have their own."""
    head = next((each for each in members if each.relation == "head"), None)
    slot = next((each for each in profile.members.values() if each.relation == "head"), None)
    if slot is None:
        return members
    known = dict(head.columns) if head else {}
    known |= {role: mapping[role] for role in IDENTITY if role in mapping}
    for role in IDENTITY:
        plain = _plain(profile, role, columns)
        if role not in known and len(plain) == 1:
            known[role] = plain[0]
    if not known or (head and known == dict(head.columns)):
        return members
    made = Member("head", slot.number, "head", known, head.sex if head else slot.sex)
    return (made, *(each for each in members if each is not head))


def _plain(profile: Profile, role: str, columns: Sequence[str]) -> list[str]:
    keys = {*ranks_of(role), *(header_key(each) for each in profile.roles.get(role, ()))}
    return [column for column in columns if header_key(column) in keys]


def _roles(
    profile: Profile, columns: Sequence[str], mapping: Mapping[str, str], *, by_family: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return role -> column, and the columns with names of places."""
    wanted = FAMILY_ROLES if by_family else roles()
    own = {name: column for name, column in mapping.items() if name in wanted}
    used = set(mapping.values())
    for role, headers in profile.roles.items():
        if role in wanted and role not in own:
            column = _first(headers, [name for name in columns if name not in used])
            if column is not None:
                own[role] = column
                used.add(column)
    free = [name for name in columns if name in own.values() or name not in used]
    if by_family:  # what else is like a member's column is nobody's here
        free = [name for name in free if name in own.values() or role_of(name) in wanted]
    recognised = recognise(free, own).roles
    found = {role: recognised[role] for role in recognised if role in wanted}
    names = {}
    for role in PLACES:
        ranks = ranks_of(role)
        words = [name for name in free if name != found.get(role) and ranks.get(header_key(name))]
        if found.get(role) and words:
            names[role] = words[0]
    return found, names


def _facts(
    profile: Profile, columns: Sequence[str], mapping: Mapping[str, str]
) -> tuple[dict[str, str], set[str]]:
    found = {name: column for name, column in mapping.items() if name in profile.facts}
    opposite = set()
    for name, fact in profile.facts.items():
        if name in found:
            continue
        free = [column for column in columns if column not in found.values()]
        column = _first(fact.headers, free)
        if column is None:
            column = _first(fact.opposite, free)
            opposite |= {name} if column is not None else set()
        if column is not None:
            found[name] = column
    return found, opposite


def _first(headers: Iterable[str], columns: Sequence[str]) -> str | None:
    """Return the column with the best of some headers."""
    there: dict[str, str] = {}
    for column in columns:
        there.setdefault(header_key(column), column)
    return next((there[key] for key in map(header_key, headers) if key in there), None)


def _keys(profile: Profile, name: str) -> set[str]:
    fact: Fact = profile.facts[name]
    return {header_key(each) for each in fact.headers}


def _column(column: str, columns: Sequence[str]) -> str:
    same = [name for name in columns if name == column] or [
        name for name in columns if header_key(name) == header_key(column)
    ]
    if len(same) != 1:
        known = ", ".join(columns[:12])
        raise InputError("columns.unknown_column", column=column, known=known)
    return same[0]


def _here() -> Path:
    from pathlib import Path  # noqa: PLC0415 - hardly ever

    return Path("table")
