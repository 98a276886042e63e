"""A register opened with its profile, for whoever checks or encodes it.

Gives the file as a source with one row per person, and says for the commands that know nothing of
profiles which column is which role, and which is an attribute that an agreement releases.

>>> from pprl.io.memory import MemorySource
>>> from pprl.registers.profile import load_profile
>>> table = {"id_keluarga": ["F1"], "NIK Istri": ["6408995503909901"], "Nama Istri": ["SITI"]}
>>> opened = open_register(MemorySource(table), load_profile("krs"))
>>> opened.source.columns[:4], opened.mapping()["family_id"]
(('id_anggota', 'nik', 'nama', 'jk'), 'id_keluarga')
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, InputError
from pprl.io.columns import roles
from pprl.registers.persons import MEMBER, PersonsSource, persons
from pprl.registers.profile import Profile, load_profile
from pprl.registers.recognition import Recognised, recognise_register
from pprl.registers.slots import MembersFile, is_member_field, load_members
from pprl.registers.values import typed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pprl.catalogue import Language
    from pprl.io.source import Source

_PLAIN = "krs"  # what members are called where no register is named


@dataclass(frozen=True)
class Opened:
    """A register of a known kind.

    Attributes
    ----------
    source
        One row per person.
    profile
        Of the register.
    file
        What the columns of the file are.
    people
        What the columns of ``source`` are; ``file`` where these are the same.
    rest
        What the analyst mapped and the register doesn't know.
    named
        Whether the analyst said what register it is, and not only whose columns are whose.
    """

    source: Source
    profile: Profile
    file: Recognised
    people: Recognised
    rest: Mapping[str, str]
    named: bool = True

    def mapping(self, attributes: Collection[str] = ()) -> dict[str, str]:
        """Return role, and fact among ``attributes``, -> column of ``source``."""
        facts = {**self.file.facts, **self.people.facts}
        wanted = {name: column for name, column in facts.items() if name in attributes}
        own = {**self.file.roles, **self.people.roles}
        return {**own, **wanted, **self.rest}

    def refuse_others(self, attributes: Collection[str]) -> None:
        """Refuse to release what the profile doesn't allow, or a column that says the opposite.

        Cells are released as they are written: who receives them can't know of the opposite.

        Raises
        ------
        ConfigError
            An attribute isn't among them, or its column says no where the attribute says yes.
        """
        for name in attributes:
            if name not in self.profile.release:
                known = ", ".join(self.profile.release) or "-"
                raise ConfigError(
                    "register.not_for_release", attribute=name, name=self.profile.name, known=known
                )
            if name in self._opposite:
                column = {**self.people.facts, **self.file.facts}[name]
                raise ConfigError("register.opposite", attribute=name, column=column)

    def refuse_unread(self, attributes: Collection[str]) -> None:
        """Refuse to release cells that their recipient couldn't read either.

        Reads their columns once.

        Raises
        ------
        InputError
            A cell holds a word that isn't known, or a number outside its range; the row is named.
        """
        facts = {**self.people.facts, **self.file.facts}
        columns = {name: facts[name] for name in attributes if name in facts}
        if not columns:
            return
        for batch in self.source.batches(list(columns.values())):
            for place, (name, column) in enumerate(columns.items()):
                read = typed(self.profile, name, batch.table.column(place))
                values: dict[str, str | int] = {"path": str(self.source.path), "column": column}
                lowest, highest = self.profile.facts[name].range or (0, 0)
                for code, wrong, more in (
                    ("register.unknown_word", read.unknown, {}),
                    ("register.outside", read.outside, {"lowest": lowest, "highest": highest}),
                ):
                    if wrong.any():
                        row = batch.row_number(int(wrong.argmax()))
                        raise InputError(code, row=row, **values, **more)

    def releasable(self, language: Language) -> list[tuple[str, str, int, str]]:
        """Return attribute, column, longest value in bytes and meaning of what may leave.

        Nothing of a register that isn't named: its profile would say.
        """
        if not self.named:
            return []
        facts = {**self.people.facts, **self.file.facts}
        return [
            (name, facts[name], each.bytes, getattr(each.meaning, language))
            for name, each in self.profile.release.items()
            if name in facts and name not in self._opposite
        ]

    @property
    def _opposite(self) -> frozenset[str]:
        return self.file.opposite | self.people.opposite

    def identifying(self) -> list[str]:
        """Return the columns of the file that say who somebody is."""
        found = [
            self.file.roles[role] for role in self.profile.identifying if role in self.file.roles
        ]
        return found + [
            column
            for each in self.file.members
            for name, column in each.columns.items()
            if name in self.profile.identifying
        ]


def open_register(
    source: Source,
    profile: Profile,
    mapping: Mapping[str, str] | None = None,
    members: MembersFile | None = None,
    path: Path | None = None,
) -> Opened:
    """Recognise the columns of a register.

    Parameters
    ----------
    source, profile
        The file as it is, and its kind.
    mapping
        From the analyst: role, fact or field of a member -> column.
    members, path
        Which columns belong to which member, and the file that says so.

    Raises
    ------
    ConfigError, InputError
        As :func:`~.recognition.recognise_register`; members in columns of a register of persons.
    """
    if members is not None and profile.unit != "family":
        raise ConfigError("register.members_only", name=profile.name)
    known = {*roles(), *profile.facts}
    own = {
        name: column
        for name, column in (mapping or {}).items()
        if name in known or is_member_field(profile, name)
    }
    rest = {name: column for name, column in (mapping or {}).items() if name not in own}
    people = persons(source, profile, own, members, path)
    if isinstance(people, PersonsSource):
        ids = {"id": MEMBER, "family_id": people.family_column}
        found = recognise_register(profile, people.member_columns, ids)
        return Opened(people, profile, people.found, found, rest)
    found = recognise_register(profile, people.columns, own)
    return Opened(people, profile, found, found, rest)


def open_named(
    source: Source, register: str | None, members: Path | None, mapping: Mapping[str, str]
) -> Opened | None:
    """Open a register by the options ``--register`` and ``--members``; None without either.

    Raises
    ------
    ConfigError, InputError
        As :func:`open_register`, :func:`~.profile.load_profile`, :func:`~.slots.load_members`.
    """
    if register is None and members is None:
        return None
    profile = load_profile(register or _PLAIN)
    given = None if members is None else load_members(members)
    opened = open_register(source, profile, mapping, given, source.path)
    return replace(opened, named=register is not None)
