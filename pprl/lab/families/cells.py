"""Names, NIKs, dates and sexes of a listing as cells, with the damage of one register.

The damage is that of the simulator of persons, at the same rates; only who a NIK is mixed up with
is known here: the spouse or a parent, and the card number of the own family.

>>> NAME, NIK, BIRTH, SEX
(0, 1, 2, 3)
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from pprl._jit import compiled
from pprl.lab.damage import NIK_KINDS, Kind, hit
from pprl.lab.families.draws import CARD, MOTHER, RECORD
from pprl.lab.families.listing import Oddity
from pprl.lab.names import AGES, MAX_WORDS, NameTables, name_tables
from pprl.lab.niks import NIK_BYTES, nik_damage, write_nik
from pprl.lab.randomness import below, numbers, stream
from pprl.lab.records import damaged_date, write_date, write_sex
from pprl.lab.writing import WORK_BYTES, WritingTables, write_name, writing_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.families.listing import Listing
    from pprl.lab.families.people import People

NAME, NIK, BIRTH, SEX = range(4)
_COLUMNS = 4
_CHUNK_ROWS = 65_536
_NAME_BYTES, _BIRTH_BYTES, _SEX_BYTES = 176, 10, 9
(_SLOT_OTHER,) = numbers(160, 1)


class Looks(NamedTuple):
    """How a register writes names, dates and sexes."""

    name: int
    date: int
    sex: int


class Cells(NamedTuple):
    """The cells of all rows and the mask of what happened to each row."""

    name: pa.StringArray
    nik: pa.StringArray
    birth_date: pa.StringArray
    sex: pa.StringArray
    masks: NDArray[np.int64]


class _Rows(NamedTuple):
    """What is true of the rows of a chunk; arrays have one element a row."""

    first: int
    births: NDArray[np.int64]
    ages: NDArray[np.int64]
    sexes: NDArray[np.int64]
    niks: NDArray[np.int64]  # 0 for none
    partners: NDArray[np.int64]  # the NIK that gets typed in place of one's own
    cards: NDArray[np.int64]
    words: NDArray[np.int32]  # (rows, MAX_WORDS)
    counts: NDArray[np.int64]


class _Texts(NamedTuple):
    """Bytes of the four columns of a chunk and where each cell ends."""

    name: NDArray[np.uint8]
    nik: NDArray[np.uint8]
    birth: NDArray[np.uint8]
    sex: NDArray[np.uint8]
    starts: NDArray[np.int32]  # (4, rows + 1)
    masks: NDArray[np.int64]


def person_cells(
    seed: np.uint64,
    register: int,
    listing: Listing,
    people: People,
    without_nik: NDArray[np.bool_],
    cards: NDArray[np.int64],
    rates: NDArray[np.float64],
    looks: Looks,
    threads: int,
) -> Cells:
    """Write down the persons of a listing; ``cards`` has the card number of each family."""
    known = np.where(without_nik, 0, people.niks)
    strangers = people.niks[listing.persons]  # whose NIK a duplicate one is

    def chunk(first: int) -> _Texts:
        some = slice(first, min(first + _CHUNK_ROWS, listing.persons.size))
        person = listing.persons[some]
        rows = _Rows(
            first=first,
            births=people.births[person],
            ages=np.minimum(people.ages[person], AGES - 1),
            sexes=people.sexes[person],
            niks=known[person],
            partners=people.niks[people.partners[person]],
            cards=cards[listing.families[some]],
            words=people.words[person],
            counts=people.counts[person],
        )
        texts = _empty(person.size)
        _write(
            rows,
            seed,
            int(RECORD + register),
            name_tables(),
            writing_tables(),
            rates,
            np.array(looks),
            strangers,
            texts,
        )
        return texts

    with ThreadPoolExecutor(threads, "families") as pool:
        made = list(pool.map(chunk, range(0, max(listing.persons.size, 1), _CHUNK_ROWS)))
    columns = [
        pa.concat_arrays([_strings(texts, column) for texts in made]) for column in range(_COLUMNS)
    ]
    masks = np.concatenate([texts.masks for texts in made])
    return Cells(columns[NAME], columns[NIK], columns[BIRTH], columns[SEX], masks | listing.masks)


def mother_names(
    seed: np.uint64,
    register: int,
    persons: NDArray[np.int64],
    people: People,
    rates: NDArray[np.float64],
    style: int,
) -> pa.StringArray:
    """Write the names of ``persons`` (-1 for none) as they stand in their children's records."""
    person = np.maximum(persons, 0)
    starts = np.zeros(persons.size + 1, np.int32)
    text = np.empty(persons.size * _NAME_BYTES, np.uint8)
    _write_names(
        persons,
        people.words[person],
        people.counts[person],
        np.minimum(people.ages[person], AGES - 1),
        seed,
        int(MOTHER + register),
        name_tables(),
        writing_tables(),
        rates,
        style,
        starts,
        text,
    )
    return pa.StringArray.from_buffers(persons.size, pa.py_buffer(starts), pa.py_buffer(text))


def card_cells(
    seed: np.uint64, register: int, cards: NDArray[np.int64], rates: NDArray[np.float64]
) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """Write the card number of each family; return the cells and the masks of oddities."""
    starts = np.zeros(cards.size + 1, np.int32)
    text = np.empty(cards.size * NIK_BYTES, np.uint8)
    masks = np.zeros(cards.size, np.int64)
    _write_cards(cards, seed, int(CARD + register), rates, starts, text, masks)
    cells = pa.StringArray.from_buffers(cards.size, pa.py_buffer(starts), pa.py_buffer(text))
    return cells, masks


def card_rates(missing: float, invalid: float, typo: float) -> NDArray[np.float64]:
    """Return the rates of what happens to card numbers, in the places of NIK damage."""
    rates = np.zeros(NIK_KINDS)
    rates[[Kind.NIK_MISSING, Kind.NIK_INVALID, Kind.NIK_TYPO]] = missing, invalid, typo
    return rates


def _empty(rows: int) -> _Texts:
    return _Texts(
        name=np.empty(rows * _NAME_BYTES, np.uint8),
        nik=np.empty(rows * NIK_BYTES, np.uint8),
        birth=np.empty(rows * _BIRTH_BYTES, np.uint8),
        sex=np.empty(rows * _SEX_BYTES, np.uint8),
        starts=np.zeros((_COLUMNS, rows + 1), np.int32),
        masks=np.zeros(rows, np.int64),
    )


def _strings(texts: _Texts, column: int) -> pa.StringArray:
    data = (texts.name, texts.nik, texts.birth, texts.sex)[column]
    return pa.StringArray.from_buffers(
        texts.masks.size, pa.py_buffer(texts.starts[column]), pa.py_buffer(data)
    )


@compiled
def _write(
    rows: _Rows,
    seed: np.uint64,
    topic: int,
    names: NameTables,
    writing: WritingTables,
    rates: NDArray[np.float64],
    looks: NDArray[np.int64],
    strangers: NDArray[np.int64],
    texts: _Texts,
) -> None:
    words = np.empty(MAX_WORDS, np.int32)
    work = np.empty(WORK_BYTES, np.uint8)
    starts = texts.starts
    for i in range(texts.masks.size):
        key = stream(seed, topic, rows.first + i)
        for word in range(MAX_WORDS):  # a slice would take three seconds more to compile
            words[word] = rows.words[i, word]
        length, mask = write_name(
            names,
            writing,
            rates,
            key,
            words,
            rows.counts[i],
            rows.sexes[i],
            rows.ages[i],
            looks[0],
            work,
        )
        at = starts[NAME, i]
        for position in range(length):
            texts.name[at + position] = work[position]
        starts[NAME, i + 1] = at + length

        starts[NIK, i + 1], slips = _write_nik(
            texts.nik, starts[NIK, i], rows, i, rates, key, strangers
        )
        mask |= slips
        birth, slips = damaged_date(rates, key, rows.births[i])
        mask |= slips
        starts[BIRTH, i + 1] = write_date(texts.birth, starts[BIRTH, i], birth, looks[1])
        sex = rows.sexes[i]
        if hit(rates, key, Kind.SEX_WRONG):
            sex = 1 - sex
            mask |= 1 << Kind.SEX_WRONG
        starts[SEX, i + 1] = write_sex(texts.sex, starts[SEX, i], sex, looks[2])
        texts.masks[i] = mask


@compiled
def _write_nik(
    out: NDArray[np.uint8],
    at: int,
    rows: _Rows,
    row: int,
    rates: NDArray[np.float64],
    key: np.uint64,
    strangers: NDArray[np.int64],
) -> tuple[int, int]:
    """Write the NIK of a row, or another number in its place; return its end and the mask."""
    kind = nik_damage(rates, key)
    nik = rows.niks[row]
    shown = nik
    if nik == 0:
        kind = Kind.NIK_MISSING
    elif kind == Kind.NIK_DUPLICATE:
        shown = strangers[below(key, _SLOT_OTHER, strangers.size)]
    elif kind == Kind.NIK_OF_SPOUSE:
        shown = rows.partners[row]
    elif kind == Kind.NIK_IS_KK:
        shown = rows.cards[row]
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
def _write_names(
    persons: NDArray[np.int64],
    words: NDArray[np.int32],
    counts: NDArray[np.int64],
    ages: NDArray[np.int64],
    seed: np.uint64,
    topic: int,
    names: NameTables,
    writing: WritingTables,
    rates: NDArray[np.float64],
    style: int,
    starts: NDArray[np.int32],
    text: NDArray[np.uint8],
) -> None:
    copy = np.empty(MAX_WORDS, np.int32)
    work = np.empty(WORK_BYTES, np.uint8)
    for i in range(persons.size):
        length = 0
        if persons[i] >= 0:
            for word in range(MAX_WORDS):
                copy[word] = words[i, word]
            key = stream(seed, topic, i)
            length, _ = write_name(
                names, writing, rates, key, copy, counts[i], 1, ages[i], style, work
            )
        for position in range(length):
            text[starts[i] + position] = work[position]
        starts[i + 1] = starts[i] + length


@compiled
def _write_cards(
    cards: NDArray[np.int64],
    seed: np.uint64,
    topic: int,
    rates: NDArray[np.float64],
    starts: NDArray[np.int32],
    text: NDArray[np.uint8],
    masks: NDArray[np.int64],
) -> None:
    for i in range(cards.size):
        key = stream(seed, topic, i)
        kind = nik_damage(rates, key)
        if kind == Kind.NIK_MISSING:
            masks[i] = 1 << Oddity.CARD_MISSING
        elif kind == Kind.NIK_INVALID:
            masks[i] = 1 << Oddity.CARD_INVALID
        elif kind == Kind.NIK_TYPO:
            masks[i] = 1 << Oddity.CARD_TYPO
        starts[i + 1] = write_nik(text, starts[i], cards[i], kind, key)
