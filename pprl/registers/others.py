"""What the registers of other agencies say of own members: who stands in them, and what came along.

A run of several agencies has one register that families are matched with (DTSEN, for the desil) and
others that say something by whom they list (Dapodik: pupils; PBI JKN: insured at the state's cost).
The owner names those with their agency and the area they cover (``disdik=dapodik@6408``). Rows of
the result that are about them are then taken apart from the others (:func:`without`): a pupil found
in Dapodik makes no family known to DTSEN.

- Who was found stands in the register. What its owner released about the person goes to the member.
- Who wasn't found doesn't stand in it, but only at the ages and in the places that it covers; an
  area that isn't named isn't covered.
- Whose match waits for review neither stands in it nor doesn't.

>>> import pyarrow as pa
>>> families = pa.table({"family": ["F1", "F2"], "village": ["6408012001", "6472012001"]})
>>> members = pa.table({"family": ["F1", "F1", "F2"], "member": ["1", "2", "3"], "age": [9, 9, 9]})
>>> result = pa.table({"id": ["1", "2", "3"], "party": ["disdik"] * 3, "match": ["0a", None, None],
...                    "status": ["matched", "none", "none"], "pip": ["Ya", None, None]})
>>> told = with_others(families, members, result, read_others(["disdik=dapodik@6408"]))
>>> told.members.select(["in_school", "pip"]).to_pylist()
[{'in_school': True, 'pip': True}, {'in_school': False, 'pip': None}, \
{'in_school': None, 'pip': None}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import ConfigError, InputError
from pprl.interventions.columns import known_columns
from pprl.io.source import Note
from pprl.registers.presence import common, with_family_presence, with_presence
from pprl.registers.profile import load_profile
from pprl.registers.values import typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pprl.registers.profile import Profile

_FORM = re.compile(r"(?P<party>[^=@]+)=(?P<register>[^@]+)(?:@(?P<places>[0-9.,]+))?")
_CODES = {2, 4, 6, 10}
"""Digits of a province, a kabupaten, a kecamatan and a desa."""


@dataclass(frozen=True)
class Other:
    """The register of another agency.

    Attributes
    ----------
    party
        The agency.
    profile
        What its register is.
    places
        Codes of the area that it covers; empty: not known.
    """

    party: str
    profile: Profile
    places: tuple[str, ...]


class Told(NamedTuple):
    """Families and members with what other registers say, and what to tell the analyst."""

    families: pa.Table
    members: pa.Table
    notes: tuple[Note, ...]


def read_others(options: Sequence[str]) -> tuple[Other, ...]:
    """Read ``PARTY=REGISTER@CODE,CODE``; REGISTER is a name or a profile of one's own.

    Raises
    ------
    ConfigError
        An option isn't of that form, an agency is named twice, or it says nothing to stand in that
        register.
    """
    others: dict[str, Other] = {}
    for option in options:
        found = _FORM.fullmatch(option.strip())
        codes = (found["places"] or "").replace(".", "").split(",") if found else []
        places = tuple(code for code in codes if code)
        if found is None or any(len(code) not in _CODES for code in places):
            raise ConfigError("presence.form", option=option)
        party, profile = found["party"].strip(), load_profile(found["register"].strip())
        if profile.presence is None:
            raise ConfigError("presence.nothing", register=profile.name)
        if party in others:
            raise ConfigError("presence.twice", party=party)
        others[party] = Other(party, profile, places)
    return tuple(others.values())


def without(overlap: pa.Table, others: Sequence[Other]) -> pa.Table:
    """Return the rows of a result that are about no register named here.

    Raises
    ------
    ConfigError
        An agency isn't in the result.
    """
    parties = sorted(set(overlap.column("party").to_pylist()))
    for each in others:
        if parties and each.party not in parties:
            known = ", ".join(parties)
            raise ConfigError("presence.party", party=each.party, known=known)
    named = pa.array([each.party for each in others], pa.string())
    return overlap.filter(pc.invert(pc.is_in(overlap.column("party"), value_set=named)))


def with_others(
    families: pa.Table, members: pa.Table, overlap: pa.Table, others: Sequence[Other]
) -> Told:
    """Return families and members with what the registers of others say of them.

    Parameters
    ----------
    families, members
        The owner's register.
    overlap
        Result of the run, as for :func:`pprl.interventions.matched.with_matches`.
    others
        From :func:`read_others`.

    Raises
    ------
    ConfigError
        Two registers that say the same fact don't say it in the same way.
    InputError
        A released value can't be read: how many can't is said, never which.
    """
    notes: list[Note] = []
    rows = {
        each.party: overlap.filter(pc.equal(overlap.column("party"), each.party)) for each in others
    }
    for each in others:
        families, members = _released(families, members, rows[each.party], each.profile)
    for group in _by_column(others):
        profiles = [each.profile for each in group]
        found: set[str] = set()
        undecided: set[str] = set()
        for each in group:
            stands = _ids(rows[each.party], "matched")
            waits = _ids(rows[each.party], "review")
            notes.append(_count(each, members, stands, waits))
            found |= stands
            undecided |= waits
        covered = _covered(families, group)
        column = common(profiles).column
        if column in known_columns()["members"]:
            at = pc.index_in(members.column("family"), value_set=families.column("family"))
            lives = covered[np.asarray(at)]
            members = with_presence(
                members, profiles, found=found, undecided=undecided, covered=lives
            )
        else:
            families = with_family_presence(
                families, members, profiles, found=found, undecided=undecided, covered=covered
            )
        notes += _warnings(group)
    return Told(families, members, tuple(notes))


def _by_column(others: Sequence[Other]) -> list[list[Other]]:
    groups: dict[str, list[Other]] = {}
    for each in others:
        groups.setdefault(common([each.profile]).column, []).append(each)
    return list(groups.values())


def _ids(rows: pa.Table, status: str) -> set[str]:
    return set(rows.filter(pc.equal(rows.column("status"), status)).column("id").to_pylist())


def _count(other: Other, members: pa.Table, stands: set[str], waits: set[str]) -> Note:
    found, review = len(stands), len(waits - stands)
    values: dict[str, str | int] = {"party": other.party, "register": other.profile.name}
    values |= {"found": found, "review": review, "none": len(members) - found - review}
    return Note("presence.counted", values)


def _warnings(group: Sequence[Other]) -> Iterator[Note]:
    there = {each.profile.name for each in group}
    missing = [name for name in common([group[0].profile]).together if name not in there]
    if missing:
        names = ", ".join(sorted(there))
        yield Note("presence.alone", {"registers": names, "missing": ", ".join(missing)})
    for each in group:
        if not each.places:
            yield Note("presence.no_places", {"party": each.party, "register": each.profile.name})


def _covered(families: pa.Table, group: Sequence[Other]) -> NDArray[np.bool_]:
    """Return bool (families,): who lives where every register of the group lists people."""
    codes = [
        families.column(name).cast(pa.string())
        for name in ("village", "district")
        if name in families.column_names
    ]
    code = pc.coalesce(*codes) if codes else pa.nulls(len(families), pa.string())
    covered = np.ones(len(families), np.bool_)
    for each in group:
        inside = np.zeros(len(families), np.bool_)
        for place in each.places:
            there = pc.fill_null(pc.starts_with(code, pattern=place), False)  # noqa: FBT003 - Arrow's own
            inside |= np.asarray(there, np.bool_)
        covered &= inside
    return covered


def _released(
    families: pa.Table, members: pa.Table, rows: pa.Table, profile: Profile
) -> tuple[pa.Table, pa.Table]:
    """Give members, or their families, what the owner released about those who were found."""
    matched = rows.filter(pc.equal(rows.column("status"), "matched")).sort_by("match")
    for name in profile.release:
        if name not in matched.column_names:
            continue
        said = matched.filter(pc.is_valid(matched.column(name)))
        if not len(said):  # another agency's attribute
            continue
        read = typed(profile, name, said.column(name).combine_chunks())
        wrong = int(np.count_nonzero(read.unknown | read.outside))
        if wrong:
            raise InputError("assign.released_value", column=name, count=wrong)
        at = pc.index_in(members.column("member"), value_set=said.column("id"))
        if profile.facts[name].of("member"):
            members = _filled(members, name, read.values.take(at.combine_chunks()))
        else:
            # The first of a family's members who has a value, by match number.
            owners = members.column("family").take(
                pc.index_in(said.column("id"), value_set=members.column("member"))
            )
            of = pc.index_in(families.column("family"), value_set=owners)
            families = _filled(families, name, read.values.take(of.combine_chunks()))
    return families, members


def _filled(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Put values in a column; where there is none, what was known before stays."""
    if name not in table.column_names:
        return table.append_column(name, values)
    before = table.column(name)
    if before.type == values.type:
        values = pc.coalesce(values, before.combine_chunks())
    return table.set_column(table.column_names.index(name), name, values)
