"""Read a register as families and members, the way :mod:`pprl.interventions` needs them.

Works for every register that has a profile, with one row per member, per family or per person.
Ids of members are those that encoding uses, so that a run's result fits. A register of persons
without family ids has families by their card (KK); the id of such a family is that of its first
record, and who has no usable card is a family alone.

Values that aren't understood are null, and counted in the notes with their column; a desil outside
1 to 10, or a row without its family, is an error that names the row. A note or error never says
what a cell holds.

>>> from datetime import date
>>> from pprl.io.memory import MemorySource
>>> from pprl.registers.profile import load_profile
>>> table = {"id_keluarga": ["F1", "F1"], "id_anggota": ["A", "B"], "nama": ["BUDI", "SITI"],
...          "hubungan": ["Kepala Keluarga", "Istri"], "jamban_layak": ["Tidak", None]}
>>> found = read_register(MemorySource(table), load_profile("krs"), day=date(2026, 2, 1))
>>> found.families.select(["family", "head", "latrine_ok"]).to_pylist()
[{'family': 'F1', 'head': 'BUDI', 'latrine_ok': False}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import InputError
from pprl.interventions.columns import known_columns
from pprl.io.source import Note
from pprl.normalise.date import DateColumn, DateTally, normalise_date
from pprl.normalise.nik import NikColumn, NikStatus, normalise_nik
from pprl.normalise.sex import FEMALE, MALE, normalise_sex
from pprl.registers.grouping import Families, any_true, first_known, grouped, heads, repeated_heads
from pprl.registers.persons import (
    MEMBER,
    PersonsSource,
    family_ids,
    persons,
    row_numbers,
    row_texts,
)
from pprl.registers.places import district_codes, holds_codes, village_codes
from pprl.registers.recognition import PLACES, recognise_register
from pprl.registers.values import blanked, typed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl.io.source import Source
    from pprl.registers.profile import Profile
    from pprl.registers.recognition import Recognised
    from pprl.registers.slots import MembersFile

USABLE = "usable"
_ROLES = (
    "id",
    "nik",
    "name",
    "birth_date",
    "sex",
    "family_id",
    "kk_number",
    "province",
    "regency",
    *PLACES,
)
_USABLE = frozenset({NikStatus.OK, NikStatus.OK_CLEANED, NikStatus.RECOVERED_FLOAT})


class Register(NamedTuple):
    """What was read.

    Attributes
    ----------
    families
        ``family``, ``kk_number``, places, ``head``, facts of families, ``row`` of the file.
    members
        ``family``, ``member``, ``name``, ``nik``, ``nik_status``, ``relation``, ``sex``,
        ``birth_date``, ``age``, facts of members, ``row``.
    notes
        What to tell the analyst.
    """

    families: pa.Table
    members: pa.Table
    notes: tuple[Note, ...]


def read_register(
    source: Source,
    profile: Profile,
    *,
    day: date,
    mapping: Mapping[str, str] | None = None,
    members: MembersFile | None = None,
    members_path: Path | None = None,
) -> Register:
    """Read a register whole.

    Parameters
    ----------
    source
        The file, as it is.
    profile
        What its columns are called and mean.
    day
        Ages are those of that day; later birth dates aren't known.
    mapping
        Role, fact or field of a member (``child_2.nik``) -> column, from the analyst.
    members, members_path
        Which columns belong to which member, and the file that says so.

    Raises
    ------
    InputError
        The file is damaged; two columns are the same thing; a row has no family, or a number is
        outside its range.
    ConfigError
        ``mapping`` names what isn't there.

    Notes
    -----
    All of it is in memory: some 2 kB a family, half a second for 12,000 families.
    """
    people = persons(source, profile, mapping, members, members_path)
    of_persons = people if isinstance(people, PersonsSource) else None
    if of_persons is not None:
        of_families = of_persons.found
        own = {"id": MEMBER, "family_id": of_persons.family_column}
        found = recognise_register(profile, of_persons.member_columns, own)
    else:
        of_families = found = recognise_register(profile, people.columns, mapping)
    if not found.roles.keys() & {"nik", "name"}:
        raise InputError("columns.none", path=str(source.path), field="name")
    reading = _Reading(profile, source.path, day)
    cells = _Cells(people, found)
    if of_persons is not None:
        above = _Cells(source, of_families)
        ids = family_ids(source, above.rows, above.role("family_id"))
        families = grouped(ids)
        family_of = cells.role("family_id")
    else:
        above = cells
        family_of, families = _families(cells, profile, source)
        if profile.unit == "family" and "family_id" not in found.roles:
            reading.notes.append(Note("register.by_card"))
    member_table = reading.members(cells, family_of)
    family_table = reading.families(above, families)
    head = reading.heads(families, member_table)
    place = family_table.column_names.index("row")
    family_table = family_table.add_column(place, "head", head)
    return Register(family_table, member_table, (*people.notes, *reading.notes))


class _Cells:
    """All cells of the columns that serve something, and their rows."""

    def __init__(self, source: Source, found: Recognised) -> None:
        self.found = found
        roles = {name: column for name, column in found.roles.items() if name in _ROLES}
        columns = [*roles.values(), *found.names.values(), *found.facts.values()]
        columns = list(dict.fromkeys(columns))
        batches = list(source.batches(columns))
        rows = [row_numbers(batch) for batch in batches]
        self.rows: NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *rows])
        self._columns = {
            name: pa.chunked_array(
                [batch.table.column(place) for batch in batches], pa.string()
            ).combine_chunks()
            for place, name in enumerate(columns)
        }

    def __len__(self) -> int:
        return len(self.rows)

    def role(self, name: str) -> pa.Array | None:
        """Return the cells of a role, None where no column has it."""
        column = self.found.roles.get(name)
        return None if column is None else self._columns[column]

    def column(self, name: str) -> pa.Array:
        """Return the cells of a column."""
        return self._columns[name]


def _families(cells: _Cells, profile: Profile, source: Source) -> tuple[pa.Array, Families]:
    """Return the family of each member, and the families, of a file with a row for each member."""
    given = cells.role("family_id")
    if given is not None and profile.unit == "family":
        ids = family_ids(source, cells.rows, given)
        return ids, grouped(ids)
    ids = _member_ids(cells)
    card = cells.role("kk_number")
    keys = pc.binary_join_element_wise("#", row_texts(cells.rows), "")
    if card is not None:
        judged = normalise_nik(card)
        keys = pc.if_else(pa.array(_is_usable(judged)), _digits(judged), keys)
    found = grouped(keys)
    named = ids.take(pa.array(found.firsts))
    return named.take(pa.array(found.codes)), found._replace(ids=named)


class _Reading:
    """Makes the two tables and counts what can't be read."""

    def __init__(self, profile: Profile, path: Path, day: date) -> None:
        self.notes: list[Note] = []
        self._profile = profile
        self._path = path
        self._day = day

    def members(self, cells: _Cells, families: pa.Array) -> pa.Table:
        """Return the table of members."""
        count = len(cells)
        nothing = pa.nulls(count, pa.string())
        blank = self._profile.known_words.blank
        name, nik = cells.role("name"), cells.role("nik")
        births = self._dates(cells)
        made: dict[str, pa.Array] = {
            "family": families,
            "member": _member_ids(cells),
            "name": nothing if name is None else blanked(name, blank),
            "nik": nothing if nik is None else nik,
            "relation": nothing,
            "sex": self._sexes(cells),
            "birth_date": _as_dates(births),
            "age": _ages(births, self._day),
            "nik_status": self._nik_status(cells, births),
        }
        for fact in self._profile.member_facts:
            if fact in cells.found.facts:
                made[fact] = self._fact(cells, fact)
        presence = self._profile.presence
        if presence and presence.column in known_columns()["members"]:
            made.setdefault(presence.column, pa.repeat(pa.scalar(True), count))  # noqa: FBT003 - a scalar
        return pa.table(made | {"row": pa.array(cells.rows)})

    def families(self, cells: _Cells, families: Families) -> pa.Table:
        """Return the table of families, without their heads."""
        made: dict[str, pa.Array] = {"family": families.ids}
        every = self._places(cells)
        card = cells.role("kk_number")
        if card is not None:
            every = {"kk_number": blanked(card, self._profile.known_words.blank)} | every
        for name, values in every.items():
            made[name], differing, row = first_known(values, families)
            if differing and name == "village":
                self._note("register.two_desa", families=differing, row=int(cells.rows[row]))
        for name, fact in self._profile.family_facts.items():
            if name not in cells.found.facts:
                continue
            values = self._fact(cells, name)
            if fact.any_member:
                values = pc.if_else(any_true(values, families), True, values)  # noqa: FBT003 - Arrow's own
            made[name], differing, row = first_known(values, families)
            if differing:
                column, at = cells.found.facts[name], int(cells.rows[row])
                self._note("register.disagree", column=column, families=differing, row=at)
        presence = self._profile.presence
        if presence and presence.column in known_columns()["families"]:
            stands = pa.repeat(pa.scalar(True), len(families.ids))  # noqa: FBT003 - a scalar
            made.setdefault(presence.column, stands)
        return pa.table(made | {"row": pa.array(cells.rows[families.firsts])})

    def _fact(self, cells: _Cells, name: str) -> pa.Array:
        column = cells.found.facts[name]
        read = typed(
            self._profile, name, cells.column(column),
            opposite=name in cells.found.opposite, column=column,
        )  # fmt: skip
        outside = np.flatnonzero(read.outside)
        if outside.size:
            lowest, highest = self._profile.facts[name].range or (0, 0)
            row = int(cells.rows[outside[0]])
            raise InputError(
                "register.outside", path=str(self._path), row=row, column=column,
                lowest=lowest, highest=highest,
            )  # fmt: skip
        self._unknown(column, cells.rows[read.unknown])
        return read.values

    def _unknown(self, column: str, rows: NDArray[np.int64]) -> None:
        said = {note.values["column"] for note in self.notes if note.code == "register.unread"}
        if rows.size and column not in said:  # a fact of both tables is read twice
            self._note("register.unread", column=column, cells=rows.size, row=int(rows[0]))

    def heads(self, families: Families, members: pa.Table) -> pa.Array:
        """Return the name of each family's head; several heads may be several families."""
        count, row = repeated_heads(families, members)
        if count and self._profile.unit == "family":
            self._note("register.two_heads", families=count, row=members.column("row")[row].as_py())
        return heads(families, members)

    def _note(self, code: str, **values: str | int) -> None:
        self.notes.append(Note(code, values))

    def _dates(self, cells: _Cells) -> DateColumn:
        given = cells.role("birth_date")
        if given is None:
            return normalise_date(pa.nulls(len(cells), pa.string()), today=self._day)
        dates = normalise_date(given, today=self._day)
        if DateTally.of(dates).wrong_order:
            dates = normalise_date(given, today=self._day, month_first=True)
            self._note("register.month_first", column=cells.found.roles["birth_date"])
        return dates

    def _sexes(self, cells: _Cells) -> pa.Array:
        given = cells.role("sex")
        if given is None:
            return pa.nulls(len(cells), pa.string())
        letters = np.array([-1, 0, 1])[normalise_sex(given)]
        assert (MALE, FEMALE) == (1, 2)  # noqa: S101 - what the line above rests on
        return pa.array(["L", "P"]).take(pa.array(letters, mask=letters < 0))

    def _nik_status(self, cells: _Cells, births: DateColumn) -> pa.Array:
        """Judge each NIK; two different people with one NIK have it repeated."""
        given = cells.role("nik")
        if given is None:
            return pa.nulls(len(cells), pa.string())
        niks = normalise_nik(given)
        usable = _is_usable(niks)
        words = [USABLE if each in _USABLE else each.name.lower() for each in NikStatus]
        values = np.array([int(each) for each in NikStatus])
        status = np.array(words, object)[np.searchsorted(values, niks.status)]
        name = cells.role("name")
        letters = pa.nulls(len(cells), pa.string()) if name is None else name
        letters = pc.utf8_upper(pc.replace_substring_regex(letters, r"[^A-Za-z]+", ""))
        people = pc.binary_join_element_wise(
            pc.fill_null(letters, ""), pc.cast(pa.array(births.ymd), pa.string()), " "
        )
        place = np.flatnonzero(usable)
        codes = np.asarray(pc.dictionary_encode(_digits(niks).take(pa.array(place))).indices)
        who = np.asarray(pc.dictionary_encode(people.take(pa.array(place))).indices)
        if place.size:
            pairs = np.unique(np.stack([codes, who], axis=1).astype(np.int64), axis=0)
            shared = np.bincount(pairs[:, 0], minlength=int(codes.max()) + 1) > 1
            status[place[shared[codes]]] = "repeated"
        return pa.array(status.tolist(), pa.string())

    def _places(self, cells: _Cells) -> dict[str, pa.Array]:
        given = {name: cells.role(name) for name in ("province", "regency", *PLACES)}
        codes = {name: each if each is not None and holds_codes(each) else None
                 for name, each in given.items()}  # fmt: skip
        found = {"district": district_codes(**codes), "village": village_codes(**codes)}
        made = {}
        for role in PLACES:
            if found[role] is not None:
                made[role] = found[role]
            column = cells.found.names.get(role)
            names = given[role] if codes[role] is None else None
            if column is not None:
                names = cells.column(column)
            if names is not None:
                made[f"{role}_name"] = blanked(names, self._profile.known_words.blank)
        return made


def _member_ids(cells: _Cells) -> pa.Array:
    """Return the ids of records as encoding has them: a column's, else row numbers."""
    given = cells.role("id")
    return row_texts(cells.rows) if given is None else given


def _is_usable(niks: NikColumn) -> NDArray[np.bool_]:
    return np.isin(niks.status, [int(each) for each in _USABLE])


def _digits(niks: NikColumn) -> pa.Array:
    count, width = niks.digits.shape
    starts = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    text = np.where(niks.digits == 0, ord("0"), niks.digits).astype(np.uint8)
    return pa.StringArray.from_buffers(count, pa.py_buffer(starts), pa.py_buffer(text))


def _as_dates(dates: DateColumn) -> pa.Array:
    known = dates.ymd > 0
    year, month, day = _parts(np.where(known, dates.ymd, 19700101))
    texts = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = texts.astype("datetime64[D]") + (day - 1)
    return pa.array(days, pa.date32(), mask=~known)


def _ages(dates: DateColumn, day: date) -> pa.Array:
    """Return completed years."""
    year, month, of_month = _parts(dates.ymd)
    before = (month > day.month) | ((month == day.month) & (of_month > day.day))
    ages = day.year - year - before
    return pa.array(ages, pa.int64(), mask=(dates.ymd == 0) | (ages < 0))


def _parts(ymd: NDArray[np.int32]) -> tuple[NDArray[np.int64], ...]:
    number = ymd.astype(np.int64)
    return number // 10_000, number // 100 % 100, number % 100
