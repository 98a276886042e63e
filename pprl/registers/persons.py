"""A file with one row per family as a :class:`~pprl.io.source.Source` with one row per person.

Whoever checks, encodes or releases sees members: one row each, in the order of the file and of the
columns, with the id ``FAMILY-01`` (01 head, 02 spouse, 03 the first child's columns, and so on).
The family's own columns (id, KK, address, facts) are repeated on each. A member whose NIK, name and
birth date are all empty isn't there. Row numbers stay those of the file. It is read as a stream.

A family with more children than columns goes on in the next row: head and spouse there are empty or
the same. The same family id anywhere else is refused with both rows.

>>> from pprl.io.memory import MemorySource
>>> from pprl.registers.profile import load_profile
>>> table = {"id_keluarga": ["F1"], "nama_kepala_keluarga": ["BUDI"], "Nama Anak 1": [None],
...          "Nama Anak 2": ["SITI"]}
>>> people = persons(MemorySource(table), load_profile("krs"))
>>> [batch.table.to_pydict() for batch in people.batches(["id_anggota", "nama"])]
[{'id_anggota': ['F1-01', 'F1-04'], 'nama': ['BUDI', 'SITI']}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import InputError
from pprl.io.columns import header_key, role_of
from pprl.io.rows import RowNumbers
from pprl.io.source import BATCH_ROWS, Batch, Note, find_columns
from pprl.registers.recognition import FAMILY_ROLES, recognise_register
from pprl.registers.values import blanked
from pprl.repeats import hash_strings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl.io.source import Source
    from pprl.registers.profile import Profile
    from pprl.registers.recognition import Recognised
    from pprl.registers.slots import MembersFile

MEMBER = "id_anggota"
RELATION = "hubungan"
_USUAL = {"nik": "nik", "name": "nama", "birth_date": "tgl_lahir", "sex": "jk"}
_SAYS_WHO = ("nik", "name", "birth_date")
_FAMILY = "id_keluarga"
_SEED = np.uint64(0x5DEECE66D)
_DIGITS = 100


def persons(
    source: Source,
    profile: Profile,
    mapping: Mapping[str, str] | None = None,
    members: MembersFile | None = None,
    path: Path | None = None,
) -> Source:
    """Return a source with one row per person; one that has that already is returned as it is.

    Parameters
    ----------
    source
        A register.
    profile
        What its columns are called.
    mapping
        Role, fact or field of a member -> column, from the analyst.
    members, path
        Which columns belong to which member, and the file that says so.

    Raises
    ------
    ConfigError, InputError
        As :func:`~.recognition.recognise_register`.
    """
    found = recognise_register(profile, source.columns, mapping, members, path)
    if not found.by_family:
        return source
    separator = profile.separator if members is None else members.separator
    return PersonsSource(
        source, profile, found, profile.separator if separator is None else separator
    )


def family_ids(source: Source, rows: NDArray[np.int64], cells: pa.Array | None) -> pa.Array:
    """Return the family of each row; its row number where no column says it.

    Raises
    ------
    InputError
        A row has none.
    """
    if cells is None:
        return row_texts(rows)
    trimmed = pc.utf8_trim_whitespace(cells)
    empty = np.flatnonzero(np.asarray(pc.equal(pc.fill_null(pc.utf8_length(trimmed), 0), 0)))
    if empty.size:
        raise InputError("register.no_family", path=str(source.path), row=int(rows[empty[0]]))
    return trimmed


def row_numbers(batch: Batch) -> NDArray[np.int64]:
    """Return the number of each row of a batch: int64 (n,)."""
    if batch.rows is not None:
        return batch.rows
    return np.arange(batch.first_row, batch.first_row + batch.table.num_rows, dtype=np.int64)


def row_texts(rows: NDArray[np.int64]) -> pa.Array:
    """Return row numbers as ids."""
    return pc.cast(pa.array(rows), pa.string())


class PersonsSource:
    """Persons of a file with one row per family. Made by :func:`persons`.

    Attributes
    ----------
    found
        What the columns of the file are.
    family_column, member_columns
        Of the persons: the column with the family's id, and those that are a member's own.
    """

    def __init__(self, source: Source, profile: Profile, found: Recognised, separator: str) -> None:
        self.found = found
        self.path = source.path
        self._source = source
        self._separator = separator
        self._blank = profile.known_words.blank
        self._family = found.roles.get("family_id")
        used = {column for each in found.members for column in each.columns.values()}
        self._fields = {
            _field_name(profile, name): name
            for name in dict.fromkeys(name for each in found.members for name in each.columns)
        }
        if any(each.sex for each in found.members):
            self._fields.setdefault(_USUAL["sex"], "sex")
        made = {header_key(name) for name in (MEMBER, RELATION, *self._fields)}
        own = [name for name in source.columns if name not in used]
        self._own = tuple(
            name for name in own if header_key(name) not in made and not _misleads(name, found)
        )
        self._hidden = len(own) - len(self._own)
        self._has_family = self._family is not None or _FAMILY in self._own
        self.columns: tuple[str, ...] = (
            MEMBER,
            *(() if self._has_family else (_FAMILY,)),
            *self._fields,
            RELATION,
            *self._own,
        )
        words = profile.known_words.relation
        self._relations = {name: words.get(name, [name])[0] for name in words} | {
            each.relation: words.get(each.relation, [each.relation])[0] for each in found.members
        }
        self.family_column = self._family or _FAMILY
        self.member_columns = (MEMBER, self.family_column, *self._fields, RELATION)
        self._counted: tuple[int, int, int] | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to tell the analyst; complete once the file has been read."""
        notes = list(self._source.notes)
        if self._counted is not None:
            families, people, empty = self._counted
            notes.append(Note("register.persons", {"families": families, "persons": people}))
            if empty:
                notes.append(Note("register.nobody", {"families": empty}))
        if self._hidden:
            notes.append(Note("register.hidden", {"count": self._hidden}))
        return tuple(notes)

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield persons (see :meth:`pprl.io.source.Source.batches`).

        Raises
        ------
        InputError
            As there; a row without a family id, or with that of a row elsewhere.
        """
        find_columns(self.path, self.columns, columns)
        wanted = self._wanted(columns)
        families = _Families(self.path)
        people = 0
        for batch in self._source.batches(wanted, batch_rows):
            numbered = row_numbers(batch)
            given = batch.table.column(self._family) if self._family else None
            ids = family_ids(self._source, numbered, given)
            cells = {
                name: blanked(batch.table.column(name), self._blank)
                for each in self.found.members
                for name in each.columns.values()
                if name in wanted
            }
            steps = families.add(batch, ids, self._heads(cells))
            table, places = self._persons(batch, ids, cells, steps, columns)
            people += len(places)
            families.empty += int(
                np.count_nonzero(np.bincount(places, minlength=len(ids))[steps == 0] == 0)
            )
            rows = numbered[places]
            for first in range(0, len(places), batch_rows):
                part = table.slice(first, batch_rows)
                numbers = rows[first : first + batch_rows]
                yield Batch(part, int(numbers[0]), numbers, batch.share)
        families.refuse_repeated()
        self._counted = (families.count, people, families.empty)

    def _wanted(self, columns: Sequence[str]) -> list[str]:
        """Return the columns of the file that are needed."""
        fields = {*_SAYS_WHO, *(self._fields[name] for name in columns if name in self._fields)}
        wanted = [self._family] if self._family else []
        wanted += [name for name in columns if name in self._own]
        wanted += [
            column
            for each in self.found.members
            for name, column in each.columns.items()
            if name in fields
        ]
        return list(dict.fromkeys(wanted))

    def _heads(self, cells: Mapping[str, pa.Array]) -> list[pa.Array]:
        """Return what must be the same, or empty, where a family goes on in the next row."""
        return [
            cells[column]
            for each in self.found.members
            if each.relation in ("head", "spouse")
            for name, column in each.columns.items()
            if name in _SAYS_WHO
        ]

    def _persons(
        self,
        batch: Batch,
        ids: pa.StringArray,
        cells: Mapping[str, pa.Array],
        steps: NDArray[np.int64],
        columns: Sequence[str],
    ) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
        """Return a row for each person of a batch, and the row of the batch it is from."""
        members, count = self.found.members, batch.table.num_rows
        rows, which = np.nonzero(self._there(cells, steps))
        numbers = np.array([each.number for each in members], np.int64)[which]
        following = max((each.number for each in members), default=0) - 2
        numbers += steps[rows] * following
        self._refuse_many(batch, rows, numbers)
        takes = pa.array(which * count + rows)
        made = {}
        for name in columns:
            if name == MEMBER:
                made[name] = _joined(ids.take(pa.array(rows)), numbers, self._separator)
            elif name == RELATION:
                words = [self._relations[each.relation] for each in members]
                made[name] = pa.array(words, pa.string()).take(pa.array(which))
            elif name in self._fields:
                made[name] = self._cells(self._fields[name], cells, count).take(takes)
            elif name in self._own:
                made[name] = batch.table.column(name).take(pa.array(rows))
            else:
                made[name] = ids.take(pa.array(rows))
        arrays = [made[name] for name in columns]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns)), rows

    def _there(self, cells: Mapping[str, pa.Array], steps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return bool (rows, members): who is there; head and spouse in a family's first row."""
        there = np.zeros((len(steps), len(self.found.members)), np.bool_)
        for place, each in enumerate(self.found.members):
            for name in _SAYS_WHO:
                if name in each.columns:
                    there[:, place] |= np.asarray(pc.is_valid(cells[each.columns[name]]))
            if each.relation in ("head", "spouse"):
                there[:, place] &= steps == 0
        return there

    def _cells(self, field: str, cells: Mapping[str, pa.Array], count: int) -> pa.Array:
        """Return a field of all members, one after the other."""
        parts = []
        for each in self.found.members:
            if field in each.columns:
                parts.append(cells[each.columns[field]])
            elif field == "sex" and each.sex:
                parts.append(pa.repeat(pa.scalar(each.sex, pa.string()), count))
            else:
                parts.append(pa.nulls(count, pa.string()))
        return pa.concat_arrays(parts)

    def _refuse_many(
        self, batch: Batch, rows: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> None:
        many = np.flatnonzero(numbers >= _DIGITS)
        if many.size:
            row = batch.row_number(int(rows[many[0]]))
            raise InputError("register.many_members", path=str(self.path), row=row)


class _Families:
    """The families seen so far: which rows go on with the family before, and which repeat one."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.empty = 0
        self._path = path
        self._rows = RowNumbers()
        self._hashes: list[NDArray[np.uint64]] = []
        self._firsts: list[NDArray[np.bool_]] = []
        self._last: str | None = None
        self._step = 0
        self._heads: list[str | None] = []

    def add(
        self, batch: Batch, ids: pa.StringArray, heads: Sequence[pa.Array]
    ) -> NDArray[np.int64]:
        """Return, for each row, how many rows of the same family stand right before it."""
        self._rows.add(batch)
        count = len(ids)
        same = np.zeros(count, np.bool_)
        if not count:
            return same.astype(np.int64)
        same[1:] = np.asarray(pc.equal(ids.slice(1), ids.slice(0, count - 1)))
        same[0] = ids[0].as_py() == self._last
        places = np.arange(count)
        begins = np.maximum.accumulate(np.where(same, -1, places))
        steps = np.where(begins >= 0, places - begins, places + 1 + self._step)
        for place in np.flatnonzero(same).tolist():  # few families go on
            before = [cells[place - 1].as_py() for cells in heads] if place else self._heads
            here = [cells[place].as_py() for cells in heads]
            if any(
                value is not None and value != known
                for value, known in zip(here, before, strict=True)
            ):
                row, first = (
                    batch.row_number(place),
                    self._rows.number(self._rows.records - count + place - 1),
                )
                raise InputError(
                    "register.family_repeated", path=str(self._path), row=row, first=first
                )
        self._hashes.append(hash_strings(ids, _SEED))
        self._firsts.append(~same)
        self.count += int(np.count_nonzero(~same))
        self._last, self._step = ids[count - 1].as_py(), int(steps[-1])
        self._heads = [cells[count - 1].as_py() for cells in heads]
        return steps.astype(np.int64)

    def refuse_repeated(self) -> None:
        """Refuse a family that stands in two places of the file."""
        if not self._hashes:
            return
        places = np.flatnonzero(np.concatenate(self._firsts))
        hashes = np.concatenate(self._hashes)[places]
        order = np.argsort(hashes, kind="stable")
        again = np.flatnonzero(hashes[order][1:] == hashes[order][:-1]) + 1
        if again.size:
            at = again[np.argmin(places[order[again]])]
            row, first = (self._rows.number(int(places[order[at - back]])) for back in (0, 1))
            raise InputError("register.family_repeated", path=str(self._path), row=row, first=first)


def _field_name(profile: Profile, field: str) -> str:
    """Return what a field of members is called as a column of persons."""
    if field in _USUAL:
        return _USUAL[field]
    fact = profile.facts.get(field)
    return (fact.headers[0] if fact else field).replace(" ", "_")


def _misleads(column: str, found: Recognised) -> bool:
    """Say whether a column of the family would be taken for a member's own."""
    if column in {*found.roles.values(), *found.names.values(), *found.facts.values()}:
        return False
    role = role_of(column)
    return (
        role is not None and role not in FAMILY_ROLES and role not in ("mother_name", "father_name")
    )


def _joined(ids: pa.StringArray, numbers: NDArray[np.int64], separator: str) -> pa.StringArray:
    digits = pa.array([f"{number:02d}" for number in range(_DIGITS)], pa.string())
    return pc.binary_join_element_wise(ids, digits.take(pa.array(numbers)), separator)
