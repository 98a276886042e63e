"""Who stands in a register: its families, and one row for each member it lists.

A register follows one side of the changes: KRS that of the survey, all others that of DTSEN.
Families come in random order, members seat by seat. Member numbers are those of the seats (head
1, spouse 2, children 3 to 8, others 9 and 10), 10 more for a second record of somebody.

>>> Oddity.TWIN.name, Kind.SECOND_RECORD.name
('TWIN', 'SECOND_RECORD')
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.damage import Kind
from pprl.lab.families.changes import DTSEN, KRS
from pprl.lab.families.draws import FAMILY_ORDER, LISTING, Draws, first_of
from pprl.lab.families.homes import FIRST_CHILD, GRANDPARENT, HEAD, SPOUSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.families.changes import Changes
    from pprl.lab.families.homes import Homes
    from pprl.lab.families.people import People

RELATIONS = ("head", "spouse", "child", "parent", "other")
(_HEAD, _SPOUSE, _CHILD, _PARENT, _OTHER) = range(5)
_SECOND = 10
_DUPLICATE, _ORDER = range(2)


class Oddity(IntEnum):
    """What is unusual about a person or family, beside damage: its bit in a mask."""

    TWIN = 32
    NAMESAKE = 33  # a child called like a parent
    MOTHER_WITHOUT_NIK = 34
    DECEASED = 35  # listed, but dead
    LEFT = 36  # stands in a part of the family that the other register doesn't know
    FAMILY_MOVED = 40
    FAMILY_SPLIT = 41  # a part has another card
    SPLIT_OFF = 42  # that part
    HEAD_DECEASED = 43  # in one register
    SHARED_HOUSE = 44
    VILLAGE_CHANGED = 45
    CARD_MISSING = 46
    CARD_INVALID = 47
    CARD_TYPO = 48
    SECOND_CARD = 49  # another number than in the other register


@dataclass(frozen=True)
class Listing:
    """One register's families and rows, in file order."""

    homes: NDArray[np.int64]  # (families,)
    parts: NDArray[np.int64]  # (families,): number of the split-off part, or -1
    new_card: NDArray[np.bool_]  # (families,)
    moved: NDArray[np.bool_]  # (families,)
    marks: NDArray[np.int64]  # (families,): masks of oddities
    persons: NDArray[np.int64]  # (rows,)
    families: NDArray[np.int64]  # (rows,): place in ``homes``
    relations: NDArray[np.int64]  # (rows,): place in ``RELATIONS``
    numbers: NDArray[np.int64]  # (rows,): of the member in the family
    masks: NDArray[np.int64]  # (rows,): masks of kinds and oddities


def list_families(
    seed: np.uint64,
    register: int,
    side: int,
    kept: NDArray[np.int64],
    homes: Homes,
    people: People,
    changes: Changes,
    duplicates: float,
) -> Listing:
    """List the homes ``kept`` with all members that this register knows."""
    inside = np.zeros(len(homes.seats), np.bool_)
    inside[kept] = True
    split = changes.split & inside if side == DTSEN else np.zeros_like(inside)
    family_homes = np.concatenate([kept, np.flatnonzero(split)])
    parts = np.full(family_homes.size, -1, np.int64)
    parts[kept.size :] = (np.cumsum(changes.split) - 1)[split]
    order = Draws(seed, FAMILY_ORDER + register).order(_ORDER, family_homes.size)
    family_homes, parts = family_homes[order], parts[order]
    main = np.full(len(homes.seats), -1, np.int64)
    main[family_homes[parts < 0]] = np.flatnonzero(parts < 0)
    own = np.full(len(homes.seats), -1, np.int64)  # of those who left
    own[family_homes[parts >= 0]] = np.flatnonzero(parts >= 0)

    dead = changes.dead_in
    listed = inside[people.home] & ~changes.unlisted[side]
    listed &= (dead < 0) | (dead == side)
    left = (changes.part >= 0) & split[people.home]
    staying = np.flatnonzero(listed & (~left | changes.still_listed))
    leaving = np.flatnonzero(inside[people.home] & left)
    persons = np.concatenate([staying, leaving])
    families = np.concatenate([main[people.home[staying]], own[people.home[leaving]]])
    relations = _relations(people, changes, side)[persons]
    numbers = people.seat[persons] + 1
    headless = changes.headless & (changes.side == side)
    widow = headless[people.home[persons]] & (people.seat[persons] == SPOUSE)
    numbers[widow] = 1
    _relate_part(
        people, persons[staying.size :], relations[staying.size :], numbers[staying.size :]
    )
    masks = _marks_of_persons(people, changes)[persons]
    masks[: staying.size] |= np.where(left[staying], 1 << Kind.SECOND_RECORD, 0)
    masks[staying.size :] |= 1 << Oddity.LEFT

    # Some people stand twice in their family.
    draws = Draws(seed, LISTING + register)
    again = first_of(
        draws.uniform(_DUPLICATE, np.arange(persons.size)),
        np.arange(persons.size) < staying.size,
        int(duplicates * persons.size),
    )
    persons = np.concatenate([persons, persons[again]])
    families = np.concatenate([families, families[again]])
    relations = np.concatenate([relations, relations[again]])
    numbers = np.concatenate([numbers, numbers[again] + _SECOND])
    masks = np.concatenate([masks, masks[again] | 1 << Kind.SECOND_RECORD])
    rows = np.lexsort((numbers, families))
    fresh = (changes.new_card & (changes.side == side))[family_homes] | (parts >= 0)
    return Listing(
        homes=family_homes,
        parts=parts,
        new_card=fresh,
        moved=(changes.moved & (changes.side == side))[family_homes] | (parts >= 0),
        marks=_marks_of_families(homes, changes, family_homes, parts, fresh),
        persons=persons[rows],
        families=families[rows],
        relations=relations[rows],
        numbers=numbers[rows],
        masks=masks[rows],
    )


def list_persons(
    seed: np.uint64,
    register: int,
    chosen: NDArray[np.int64],
    people: People,
    changes: Changes,
    duplicates: float,
) -> Listing:
    """List persons without families: one row each, in random order."""
    draws = Draws(seed, LISTING + register)
    again = chosen[draws.order(_DUPLICATE, chosen.size)[: int(duplicates * chosen.size)]]
    masks = _marks_of_persons(people, changes)
    every = np.concatenate([chosen, again])
    marks = masks[every]
    marks[chosen.size :] |= 1 << Kind.SECOND_RECORD
    order = Draws(seed, FAMILY_ORDER + register).order(_ORDER, every.size)
    persons = every[order]
    count = persons.size
    return Listing(
        homes=people.home[persons],
        parts=np.full(count, -1, np.int64),
        new_card=np.zeros(count, np.bool_),
        moved=np.zeros(count, np.bool_),
        marks=np.zeros(count, np.int64),
        persons=persons,
        families=np.arange(count),
        relations=np.zeros(count, np.int64),
        numbers=np.ones(count, np.int64),
        masks=marks[order],
    )


def without_others(listing: Listing) -> Listing:
    """Leave head, spouse and children: who has columns in a file with one row per family."""
    kept = (listing.relations <= _CHILD) & (listing.masks >> Kind.SECOND_RECORD & 1 == 0)
    families, numbers = listing.families[kept], listing.numbers[kept]
    # Children fill the first columns, whoever isn't listed.
    child = np.flatnonzero(numbers > SPOUSE + 1)
    begins = np.searchsorted(families[child], families[child], "left")
    numbers[child] = FIRST_CHILD + 1 + np.arange(child.size) - begins
    return Listing(
        homes=listing.homes,
        parts=listing.parts,
        new_card=listing.new_card,
        moved=listing.moved,
        marks=listing.marks,
        persons=listing.persons[kept],
        families=families,
        relations=listing.relations[kept],
        numbers=numbers,
        masks=listing.masks[kept],
    )


def _relations(people: People, changes: Changes, side: int) -> NDArray[np.int64]:
    seat = people.seat
    relations = np.select(
        [seat == HEAD, seat == SPOUSE, seat < GRANDPARENT], [_HEAD, _SPOUSE, _CHILD], _PARENT
    )
    headless = (changes.headless & (changes.side == side))[people.home]
    # The widow is the head now; her husband's parents are other relatives.
    relations[headless & (seat == SPOUSE)] = _HEAD
    relations[headless & (seat >= GRANDPARENT)] = _OTHER
    return relations


def _relate_part(
    people: People,
    persons: NDArray[np.int64],
    relations: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> None:
    """Give those who left new relations: who sits first is the head, a child stays one."""
    seat = people.seat[persons]
    first = np.ones(persons.size, np.bool_)
    first[1:] = people.home[persons[1:]] != people.home[persons[:-1]]
    relations[:] = np.where(first, _HEAD, np.where(seat >= GRANDPARENT, _SPOUSE, _CHILD))
    numbers[:] = np.where(first, 1, np.where(seat >= GRANDPARENT, 2, 1 + FIRST_CHILD))


def _marks_of_persons(people: People, changes: Changes) -> NDArray[np.int64]:
    marks = np.zeros(people.size, np.int64)
    marks |= np.where(people.twin, 1 << Oddity.TWIN, 0)
    marks |= np.where(people.namesake, 1 << Oddity.NAMESAKE, 0)
    mother = changes.without_nik & (people.seat == SPOUSE)
    marks |= np.where(mother, 1 << Oddity.MOTHER_WITHOUT_NIK, 0)
    marks |= np.where(changes.dead_in >= 0, 1 << Oddity.DECEASED, 0)
    return marks


def _marks_of_families(
    homes: Homes,
    changes: Changes,
    family_homes: NDArray[np.int64],
    parts: NDArray[np.int64],
    fresh: NDArray[np.bool_],
) -> NDArray[np.int64]:
    shared = homes.shared_with >= 0
    shared[homes.shared_with[shared]] = True
    marks = np.zeros(family_homes.size, np.int64)
    marks |= np.where(shared[family_homes], 1 << Oddity.SHARED_HOUSE, 0)
    for changed, oddity in (
        (changes.moved, Oddity.FAMILY_MOVED),
        (changes.split, Oddity.FAMILY_SPLIT),
        (changes.headless, Oddity.HEAD_DECEASED),
    ):
        marks |= np.where(changed[family_homes] & (parts < 0), 1 << oddity, 0)
    marks |= np.where(parts >= 0, 1 << Oddity.SPLIT_OFF, 0)
    marks |= np.where(fresh, 1 << Oddity.SECOND_CARD, 0)
    return marks


SIDES = {"krs": KRS}


def side_of(register: str) -> int:
    """Return which side of the changes a register shows."""
    return SIDES.get(register, DTSEN)
