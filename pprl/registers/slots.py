"""Members of a family in columns of one row: which column is whose what.

Headers of members follow a pattern, and merged header rows give the same the other way round:
``nik_istri``, ``Istri NIK``, ``Nama Anak 2``, ``Anak ke-2 Nama``. So a profile says what each
member is called, and every word for a field goes before or after that (:class:`Slot`). For a file
without any pattern a small TOML names the columns (``--members FILE.toml``)::

    separator = "-"            # between the family's id and the member's number

    [[member]]
    relation = "head"
    columns = { nik = "NIK 1", name = "Nama 1", birth_date = "Lahir 1" }
    sex = "L"                  # where no column says so

    [[member]]
    relation = "child"
    repeat = 6                 # {n} is 1 to 6
    columns = { nik = "NIK Anak {n}", name = "Nama Anak {n}", birth_date = "Lahir Anak {n}" }

>>> from pprl.registers.profile import load_profile
>>> found = find_members(load_profile("krs"), ["id_keluarga", "nik_istri", "Anak ke-2 Nama"])
>>> [(each.name, each.number, dict(each.columns)) for each in found]
[('spouse', 2, {'nik': 'nik_istri'}), ('child_2', 4, {'name': 'Anak ke-2 Nama'})]
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pprl.errors import InputError
from pprl.interventions.columns import known_columns
from pprl.io.columns import header_key, ranks_of
from pprl.registers.profile import IDENTITY, Data, Header, parse, read_text, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pprl.registers.profile import Profile, Slot

_NUMBERS = {"head": 1, "spouse": 2}
_FIRST_OTHER = 3
_MOST = 99


@dataclass(frozen=True)
class Member:
    """A member that a row may hold.

    Attributes
    ----------
    name
        ``head``, ``spouse``, ``child_1``, ...
    number
        For the id, 1 to 99.
    relation
        To the head.
    columns
        Field -> column.
    sex
        Where no column says so.
    """

    name: str
    number: int
    relation: str
    columns: Mapping[str, str] = field(default_factory=dict)
    sex: str | None = None

    @property
    def identified(self) -> bool:
        """Whether a column says who it is."""
        return "nik" in self.columns or "name" in self.columns


class _Entry(Data):
    relation: Literal["head", "spouse", "child", "parent", "other"]
    columns: Annotated[dict[str, Header], Field(min_length=1)]
    repeat: Annotated[int, Field(ge=1, le=40)] = 1
    number: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    sex: Literal["L", "P"] | None = None

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        if any(("{n}" in each) != (self.repeat > 1) for each in self.columns.values()):
            message = "{n} stands in every column of members that repeat, and in no other"
            raise ValueError(message)
        known = {*IDENTITY, *known_columns()["members"]} - {"member", "family", "relation", "age"}
        for name in self.columns:
            if name not in known:
                message = f"{name} is no field of members; they are {', '.join(sorted(known))}"
                raise ValueError(message)
        if not self.columns.keys() & {"nik", "name"}:
            message = "a member needs a column with the nik or the name"
            raise ValueError(message)
        return self


class MembersFile(Data):
    """Which columns belong to which member, of a file that follows no pattern."""

    member: Annotated[list[_Entry], Field(min_length=1, max_length=_MOST)]
    separator: Annotated[str, Field(max_length=3, pattern=r"^[-./_:]*$")] | None = None

    @model_validator(mode="after")
    def _once(self) -> Self:
        columns = [name for each in self.members() for name in each.columns.values()]
        keys = [header_key(name) for name in columns]
        if len(set(keys)) < len(keys):
            message = "a column belongs to two members, or is two fields"
            raise ValueError(message)
        numbers = [each.number for each in self.members()]
        if len(set(numbers)) < len(numbers) or max(numbers) > _MOST:
            message = "each member has a number of its own, 1 to 99"
            raise ValueError(message)
        return self

    def members(self) -> list[Member]:
        """Return the members, those that repeat one by one."""
        found: list[Member] = []
        following = _FIRST_OTHER
        for place, each in enumerate(self.member, start=1):
            first = each.number or _NUMBERS.get(each.relation, following)
            for step in range(each.repeat):
                columns = {
                    name: column.replace("{n}", str(step + 1))
                    for name, column in each.columns.items()
                }
                name = f"{each.relation}_{place}_{step + 1}"
                found.append(Member(name, first + step, each.relation, columns, each.sex))
            following = max(following, first + each.repeat)
        return found


def load_members(path: Path) -> MembersFile:
    """Read a file that says which columns belong to which member.

    Raises
    ------
    ConfigError
        It can't be read or is wrong; the key is named.
    """
    given = parse(read_text(path), str(path))
    try:
        return MembersFile.model_validate(given)
    except ValidationError as error:
        raise refusal(str(path), error, MembersFile) from None


def find_members(
    profile: Profile, columns: Sequence[str], mapping: Mapping[str, str] | None = None
) -> tuple[Member, ...]:
    """Find the members of a family in columns.

    Parameters
    ----------
    profile
        What they are called.
    columns
        Headers.
    mapping
        ``head.nik``, ``child_2.name``, ... -> column, from the analyst; wins.

    Raises
    ------
    InputError
        Two columns are one field of one member.
    """
    known = _headers(profile)
    found: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    ranks: dict[tuple[str, int, str], int] = {}
    for name, column in (mapping or {}).items():
        slot, number, fact = _taken_apart(name)
        found[slot, number][fact] = column
        ranks[slot, number, fact] = -1
    for column in columns:
        claim = known.get(header_key(column))
        if claim is None or column in (mapping or {}).values():
            continue
        slot, number, fact, rank = claim
        best = ranks.setdefault((slot, number, fact), rank)
        if best == rank and fact in found[slot, number]:
            raise InputError(
                "columns.ambiguous",
                field=_named(profile.members[slot], slot, number) + f".{fact}",
                first=found[slot, number][fact],
                second=column,
            )
        if rank <= best:
            ranks[slot, number, fact] = rank
            found[slot, number][fact] = column
    return tuple(
        Member(
            _named(slot, name, step),
            slot.number + step - 1,
            slot.relation,
            found[name, step],
            _sex(slot, found[name, step].values()),
        )
        for name, slot in profile.members.items()
        for step in range(1, slot.repeat + 1)
        if found.get((name, step))
    )


def check_members(given: MembersFile, columns: Sequence[str], path: Path) -> tuple[Member, ...]:
    """Return the members of a members file as the columns of a register have them.

    Raises
    ------
    InputError
        A column isn't there. Members that repeat may end early.
    """
    there = {header_key(name): name for name in columns}
    found = []
    for each in given.members():
        present = {
            name: there[header_key(column)]
            for name, column in each.columns.items()
            if header_key(column) in there
        }
        missing = next((each.columns[name] for name in each.columns if name not in present), None)
        if missing is None:
            found.append(Member(each.name, each.number, each.relation, present, each.sex))
        elif present or each.name.endswith("_1"):
            raise InputError("register.members_column", path=str(path), column=missing)
    return tuple(found)


def _named(slot: Slot, name: str, number: int) -> str:
    return f"{name}_{number}" if slot.repeat > 1 else name


def is_member_field(profile: Profile, name: str) -> bool:
    """Say whether ``name`` is a field of a member in columns, such as ``child_2.nik``."""
    slot, number, fact = _taken_apart(name)
    return (
        slot in profile.members
        and 1 <= number <= profile.members[slot].repeat
        and _named(profile.members[slot], slot, number) == name.partition(".")[0]
        and (fact in IDENTITY or fact in profile.member_facts)
    )


def _taken_apart(name: str) -> tuple[str, int, str]:
    member, _, fact = name.partition(".")
    slot, _, number = member.rpartition("_")
    return (slot, int(number), fact) if number.isdecimal() and slot else (member, 1, fact)


def _sex(slot: Slot, headers: Iterable[str]) -> str | None:
    shown = [header_key(each) for each in headers]
    open_ = [header_key(each) for each in slot.sex_unless]
    return None if any(word in header for word in open_ for header in shown) else slot.sex


def _headers(profile: Profile) -> dict[str, tuple[str, int, str, int]]:
    """Return key of a header -> member, its number from 1, field, rank."""
    words = dict(_words(profile))
    known: dict[str, tuple[str, int, str, int]] = {}
    for name, slot in profile.members.items():
        for step in range(1, slot.repeat + 1):
            for fact, headers in slot.headers.items():
                for header in headers:
                    known.setdefault(
                        header_key(header.replace("{n}", str(step))), (name, step, fact, 0)
                    )
            called = [header_key(each.replace("{n}", str(step))) for each in slot.called]
            for fact, ranked in words.items():
                for word, rank in ranked.items():
                    for who in called:
                        known.setdefault(word + who, (name, step, fact, rank + 1))
                        known.setdefault(who + word, (name, step, fact, rank + 1))
    return known


def _words(profile: Profile) -> Iterator[tuple[str, dict[str, int]]]:
    for role in IDENTITY:
        own = {header_key(each): 0 for each in profile.roles.get(role, ())}
        yield role, {**ranks_of(role), **own}
    for name, fact in profile.member_facts.items():
        yield name, {header_key(each): rank for rank, each in enumerate(fact.headers)}
