"""One chunk of one register: persons in random order, written down with damage.

A register of ``rows`` rows holds ``persons`` persons, the first ``common`` of whom are in every
register; the other rows are second records of persons of this register, damaged on their own. A
row is computed from its number alone.

>>> import numpy as np
>>> [name for name in Cells._fields][:3]
['id', 'nik', 'name']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from pprl._jit import compiled
from pprl.lab.damage import Kind, hit
from pprl.lab.letters import append
from pprl.lab.names import AGES, MAX_WORDS, TOPIC_NAMES, NameTables, word_ids
from pprl.lab.niks import NIK_BYTES, kk_number, nik_damage, put_digits, write_nik
from pprl.lab.population import PopulationTables, born, district_in, lives_in, spouse_of
from pprl.lab.randomness import below, numbers, permuted, stream, uniform
from pprl.lab.writing import WORK_BYTES, WritingTables, write_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = 6
_ID, _NIK, _NAME, _BIRTH, _SEX, _DISTRICT = range(COLUMNS)
MAX_ID_BYTES = 24
_MAX_NAME_BYTES = 176
_BIRTH_BYTES, _SEX_BYTES, _DISTRICT_BYTES = 10, 9, 6

_TOPIC_POPULATION, _TOPIC_ENTITY = numbers(3, 2)
# One topic a party.
_TOPIC_ORDER, _TOPIC_SECOND, _TOPIC_ID, _TOPIC_RECORD = 1_000, 2_000, 3_000, 4_000

_SLOT_OTHER, _SLOT_DEFAULT, _SLOT_YEAR, _SLOT_DISTRICT = numbers(160, 4)
_SPACE, _DASH = 32, 45
_REFERENCE_YEAR = 2024

DATE_DAY_FIRST, DATE_ISO = range(2)
SEX_LETTER, SEX_WORD, SEX_NUMBER = range(3)
_WORDS = np.frombuffer(b"LAKI-LAKIPEREMPUAN", np.uint8)


class Register(NamedTuple):
    """Who is in a register and how it writes things."""

    party: int
    rows: int
    persons: int
    common: int  # persons 0..common-1 of every register are the same
    private_start: int  # number of this register's first private person in the population
    id_digits: int
    id_prefix: NDArray[np.uint8]
    name_style: int
    date_style: int
    sex_style: int


class Cells(NamedTuple):
    """The text of a chunk: column c of row i is ``column[starts[c, i]:starts[c, i + 1]]``."""

    id: NDArray[np.uint8]
    nik: NDArray[np.uint8]
    name: NDArray[np.uint8]
    birth: NDArray[np.uint8]
    sex: NDArray[np.uint8]
    district: NDArray[np.uint8]
    starts: NDArray[np.int32]  # (COLUMNS, rows + 1)
    entities: NDArray[np.int64]  # (rows,)
    damage: NDArray[np.int64]  # (rows,): masks of kinds


def empty_cells(rows: int) -> Cells:
    """Make room for a chunk; pages that aren't written cost nothing."""
    return Cells(
        id=np.empty(rows * MAX_ID_BYTES, np.uint8),
        nik=np.empty(rows * NIK_BYTES, np.uint8),
        name=np.empty(rows * _MAX_NAME_BYTES, np.uint8),
        birth=np.empty(rows * _BIRTH_BYTES, np.uint8),
        sex=np.empty(rows * _SEX_BYTES, np.uint8),
        district=np.empty(rows * _DISTRICT_BYTES, np.uint8),
        starts=np.zeros((COLUMNS, rows + 1), np.int32),
        entities=np.empty(rows, np.int64),
        damage=np.empty(rows, np.int64),
    )


@compiled
def person_of(register: Register, seed: np.uint64, row: int) -> int:
    """Return who is in a row, as a number in this register (below ``persons``)."""
    order = stream(seed, _TOPIC_ORDER, register.party)
    place = permuted(order, row, register.rows)
    if place < register.persons:
        return place
    second = stream(seed, _TOPIC_SECOND, register.party)
    return -1 - permuted(second, place - register.persons, register.persons)


@compiled
def number_of(register: Register, person: int) -> int:
    """Return a register's person as a number in the population."""
    if person < register.common:
        return person
    return register.private_start + person - register.common


@compiled
def fill(
    register: Register,
    seed: np.uint64,
    first_row: int,
    population: PopulationTables,
    names: NameTables,
    writing: WritingTables,
    rates: NDArray[np.float64],
    cells: Cells,
) -> None:
    """Write the rows from ``first_row`` on to ``cells``."""
    people = stream(seed, _TOPIC_POPULATION, 0)
    entities = stream(seed, _TOPIC_ENTITY, 0)
    ids = stream(seed, _TOPIC_ID, register.party)
    words = np.empty(MAX_WORDS, np.int32)
    work = np.empty(WORK_BYTES, np.uint8)
    id_space = 10**register.id_digits
    starts = cells.starts
    for i in range(cells.entities.size):
        row = first_row + i
        key = stream(seed, _TOPIC_RECORD + register.party, row)
        person = person_of(register, seed, row)
        mask = 0
        if person < 0:
            person = -1 - person
            mask = 1 << Kind.SECOND_RECORD
        number = number_of(register, person)
        cells.entities[i] = permuted(entities, number, population.size)
        rank = permuted(people, number, population.size)
        _, birth, sex, _ = born(population, seed, rank)

        at = starts[_ID, i]
        cells.id[at : at + register.id_prefix.size] = register.id_prefix
        at += register.id_prefix.size
        starts[_ID, i + 1] = put_digits(
            cells.id, at, permuted(ids, row, id_space), register.id_digits
        )

        starts[_NIK, i + 1], slips = _write_nik(
            cells.nik, starts[_NIK, i], register, seed, population, rates, key, rank
        )
        mask |= slips

        age = _age(birth)
        count = word_ids(names, stream(seed, TOPIC_NAMES, rank), sex, age, words)
        length, slips = write_name(
            names, writing, rates, key, words, count, sex, age, register.name_style, work
        )
        mask |= slips
        at = starts[_NAME, i]
        cells.name[at : at + length] = work[:length]
        starts[_NAME, i + 1] = at + length

        shown, slips = damaged_date(rates, key, birth)
        mask |= slips
        starts[_BIRTH, i + 1] = write_date(
            cells.birth, starts[_BIRTH, i], shown, register.date_style
        )
        if hit(rates, key, Kind.SEX_WRONG):
            sex = 1 - sex
            mask |= 1 << Kind.SEX_WRONG
        starts[_SEX, i + 1] = write_sex(cells.sex, starts[_SEX, i], sex, register.sex_style)

        district, slips = _district(population, seed, rates, key, rank)
        mask |= slips
        starts[_DISTRICT, i + 1] = put_digits(
            cells.district, starts[_DISTRICT, i], district, _DISTRICT_BYTES
        )
        cells.damage[i] = mask


def true_names(population: PopulationTables, names: NameTables, seed: int) -> pa.StringArray:
    """Return the registered names of a whole population, in lower case, by rank."""
    starts = np.zeros(population.size + 1, np.int32)
    data = np.empty(population.size * _MAX_NAME_BYTES, np.uint8)
    _spell_names(population, names, np.uint64(seed), starts, data)
    return pa.StringArray.from_buffers(population.size, pa.py_buffer(starts), pa.py_buffer(data))


@compiled
def _spell_names(
    population: PopulationTables,
    names: NameTables,
    seed: np.uint64,
    starts: NDArray[np.int32],
    data: NDArray[np.uint8],
) -> None:
    words = np.empty(MAX_WORDS, np.int32)
    at = 0
    for rank in range(population.size):
        _, birth, sex, _ = born(population, seed, rank)
        for i in range(word_ids(names, stream(seed, TOPIC_NAMES, rank), sex, _age(birth), words)):
            if i > 0:
                data[at] = _SPACE
                at += 1
            at = append(data, at, names.text, names.starts, words[i])
        starts[rank + 1] = at


@compiled
def _age(birth: int) -> int:
    return min(max(_REFERENCE_YEAR - birth // 10_000, 0), AGES - 1)


@compiled
def _write_nik(
    out: NDArray[np.uint8],
    at: int,
    register: Register,
    seed: np.uint64,
    population: PopulationTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    rank: int,
) -> tuple[int, int]:
    """Write the NIK of a person, or another number in its place; return its end and the mask."""
    region, _, _, nik = born(population, seed, rank)
    kind = nik_damage(rates, key)
    shown = nik
    if kind == Kind.NIK_DUPLICATE:
        other = number_of(register, below(key, _SLOT_OTHER, register.persons))
        people = stream(seed, _TOPIC_POPULATION, 0)
        shown = born(population, seed, permuted(people, other, population.size))[3]
    elif kind == Kind.NIK_OF_SPOUSE:
        shown = born(population, seed, spouse_of(population, seed, rank))[3]
    elif kind == Kind.NIK_IS_KK:
        shown = kk_number(population.codes[region], key)
    elif kind == Kind.NIK_LAST_DIGIT_ZERO:
        shown = nik - nik % 10
    end = write_nik(out, at, shown, kind, key)
    changed = shown != nik or kind in (
        Kind.NIK_MISSING,
        Kind.NIK_INVALID,
        Kind.NIK_SCIENTIFIC,
        Kind.NIK_TYPO,
        Kind.NIK_WRITTEN_OTHERWISE,
    )
    return end, 1 << kind if changed else 0


@compiled
def _district(
    population: PopulationTables,
    seed: np.uint64,
    rates: NDArray[np.float64],
    key: np.uint64,
    rank: int,
) -> tuple[int, int]:
    """Return the kecamatan as the register has it and the mask of damage."""
    region, district = lives_in(population, seed, rank)
    if hit(rates, key, Kind.DISTRICT_CHANGED):
        moved = district_in(population, region, uniform(key, _SLOT_DISTRICT))
        if moved != district:
            return moved, 1 << Kind.DISTRICT_CHANGED
    return district, 0


@compiled
def damaged_date(rates: NDArray[np.float64], key: np.uint64, birth: int) -> tuple[int, int]:
    """Return the date as the register has it (0 for none) and the mask of damage."""
    if hit(rates, key, Kind.DATE_MISSING):
        return 0, 1 << Kind.DATE_MISSING
    year, month, day = birth // 10_000, birth // 100 % 100, birth % 100
    mask = 0
    if hit(rates, key, Kind.DATE_YEAR):
        year += 1 if below(key, _SLOT_YEAR, 2) == 1 and year < _REFERENCE_YEAR else -1
        mask |= 1 << Kind.DATE_YEAR
        if month == 2 and day == 29:  # noqa: PLR2004 - 29 February is no date next year
            day = 28
    if hit(rates, key, Kind.DATE_DEFAULT):
        default = 1 if below(key, _SLOT_DEFAULT, 2) == 0 else 7
        if day != 1 or month != default:
            mask |= 1 << Kind.DATE_DEFAULT
        day, month = 1, default
    elif day <= 12 and day != month and hit(rates, key, Kind.DATE_DAY_MONTH):  # noqa: PLR2004
        day, month = month, day
        mask |= 1 << Kind.DATE_DAY_MONTH
    return year * 10_000 + month * 100 + day, mask


@compiled
def write_date(out: NDArray[np.uint8], at: int, date: int, style: int) -> int:
    """Write a date (yyyymmdd, 0 for none) with dashes; return where it ends."""
    if date == 0:
        return at
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    at = put_digits(out, at, year, 4) if style == DATE_ISO else put_digits(out, at, day, 2)
    out[at] = _DASH
    at = put_digits(out, at + 1, month, 2)
    out[at] = _DASH
    if style == DATE_ISO:
        return put_digits(out, at + 1, day, 2)
    return put_digits(out, at + 1, year, 4)


@compiled
def write_sex(out: NDArray[np.uint8], at: int, sex: int, style: int) -> int:
    """Write a sex as a letter, a number or a word; return where it ends."""
    if style == SEX_LETTER:
        out[at] = 76 if sex == 0 else 80
        return at + 1
    if style == SEX_NUMBER:
        return put_digits(out, at, 1 + sex, 1)
    for offset in range(_SEX_BYTES):
        out[at + offset] = _WORDS[sex * _SEX_BYTES + offset]
    return at + _SEX_BYTES
