"""One register of the population as bytes: its file and its part of the truth and the damage.

>>> Made._fields[:2]
('register', 'truth')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.lab.damage import Damage, Kind, rates_of, share_of_duplicates
from pprl.lab.families import cells, listing
from pprl.lab.families.columns import Sheet, digits, mothers_of
from pprl.lab.families.csvbytes import csv_bytes, kinds_bytes, same, whole_numbers
from pprl.lab.families.draws import CHANGES, FAMILY_ID, LISTING, RECORD, Draws
from pprl.lab.families.homes import HEAD, SPOUSE, Homes
from pprl.lab.families.listing import Listing, Oddity
from pprl.lab.families.model import figures
from pprl.lab.families.places import Addresses, all_villages, other_village

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.families.changes import Changes
    from pprl.lab.families.needs import Needs
    from pprl.lab.families.people import People
    from pprl.lab.families.registers import RegisterLook

_VILLAGE_DRAW, _COVERAGE_DRAW = 16, 24


@dataclass(frozen=True)
class RegisterCounts:
    """What was written for one register."""

    rows: int
    families: int  # 0 for a register of persons
    records: int  # persons' records; more than rows in a file with one row per family
    damaged: int  # records with at least one kind of damage


class World(NamedTuple):
    """The population and what is the same for all registers."""

    seed: np.uint64
    damage: Damage
    krs: int
    common: int
    dtsen_homes: NDArray[np.int64]
    homes: Homes
    people: People
    needs: Needs
    changes: Changes
    addresses: Addresses
    moved_to: Addresses
    cards: tuple[NDArray[np.int64], ...]  # the old one, the new one, that of a part
    entities: NDArray[np.int64]  # of persons
    family_entities: NDArray[np.int64]  # of homes, then of parts


class Made(NamedTuple):
    """The bytes of one register and of its part of the four other files."""

    register: bytes
    truth: bytes
    truth_families: bytes
    damage: bytes
    damage_families: bytes
    counts: RegisterCounts


def make_register(
    world: World,
    look: RegisterLook,
    party: int,
    *,
    by_family: bool,
    varied_headers: bool,
    threads: int,
) -> Made:
    """Write one register; ``by_family`` with one row per family."""
    listed = _listing(world, look)
    if by_family:
        listed = listing.without_others(listed)
    rates = rates_of(world.damage, 0 if look.name == "krs" else 1)
    card = np.where(listed.new_card, world.cards[1][listed.homes], world.cards[0][listed.homes])
    card = np.where(listed.parts >= 0, world.cards[2][listed.homes], card)
    states = figures().by_state
    card_cells, card_marks = cells.card_cells(
        world.seed,
        look.number,
        card,
        cells.card_rates(
            missing=states["card_missing"][world.damage],
            invalid=states["card_invalid"][world.damage],
            typo=states["card_typo"][world.damage],
        ),
    )
    addresses, elsewhere, changed = _addresses(world, look, listed, rates)
    written = cells.person_cells(
        world.seed,
        look.number,
        listed,
        world.people,
        world.changes.without_nik,
        card,
        rates,
        look.looks,
        threads,
    )
    masks = written.masks | np.where(elsewhere[listed.families], 1 << Kind.DISTRICT_CHANGED, 0)
    mothers = None
    if any(column.field == "mother_name" for column in look.columns):
        mothers = cells.mother_names(
            world.seed,
            look.number,
            mothers_of(listed, world.people),
            world.people,
            rates,
            look.looks.name,
        )
    family_ids = _family_ids(world.seed, look, listed)
    ids = _ids(world.seed, look, listed, family_ids)
    sheet = Sheet(
        seed=world.seed,
        look=look,
        listing=listed,
        people=world.people,
        needs=world.needs,
        changes=world.changes,
        cells=written,
        cards=card_cells,
        family_ids=family_ids,
        ids=ids,
        addresses=addresses,
        mothers=mothers,
    )
    columns = look.family_columns if by_family else look.columns
    headers = look.headers(columns, world.seed, varied=varied_headers)
    content = sheet.family_columns(columns) if by_family else sheet.columns(columns)
    entities = whole_numbers(world.entities[listed.persons])
    damage = kinds_bytes(party, ids, masks)
    truth_families = damage_families = b""
    if look.of_families:
        parts = world.homes.pregnant.size + listed.parts
        entity = world.family_entities[np.where(listed.parts >= 0, parts, listed.homes)]
        truth_families = csv_bytes(
            [same(party, entity.size), family_ids, whole_numbers(entity)], ","
        )
        marks = listed.marks | card_marks | np.where(changed, 1 << Oddity.VILLAGE_CHANGED, 0)
        damage_families = kinds_bytes(party, family_ids, marks)
    return Made(
        register=look.delimiter.join(headers).encode() + b"\n" + csv_bytes(content, look.delimiter),
        truth=csv_bytes([same(party, len(ids)), ids, entities], ","),
        truth_families=truth_families,
        damage=damage,
        damage_families=damage_families,
        counts=RegisterCounts(
            rows=len(content[0]),
            families=listed.homes.size if look.of_families else 0,
            records=len(ids),
            damaged=int(np.count_nonzero(masks & ((1 << Oddity.TWIN) - 1))),
        ),
    )


def _listing(world: World, look: RegisterLook) -> Listing:
    """Choose who is in a register."""
    people, needs, coverage = world.people, world.needs, figures().coverage
    duplicates = share_of_duplicates(world.damage)
    if look.of_families:
        kept = np.arange(world.krs) if look.who == "krs" else world.dtsen_homes
        if look.who == "poor":
            chance = Draws(world.seed, CHANGES).uniform(_COVERAGE_DRAW + look.number, kept)
            kept = kept[(needs.desil[kept] <= 4) & (chance < coverage["poor"])]  # noqa: PLR2004 - desil
        return listing.list_families(
            world.seed,
            look.number,
            listing.side_of(look.name),
            kept,
            world.homes,
            people,
            world.changes,
            duplicates,
        )
    resident = np.zeros(len(world.homes.seats), np.bool_)
    resident[: world.krs] = resident[world.dtsen_homes] = True
    school = (needs.in_school == 1) & (people.ages <= 18)  # noqa: PLR2004 - years; then university
    holder = np.where(world.homes.seats[people.home, SPOUSE], SPOUSE, HEAD)
    chosen = {
        "pupils": school & (needs.madrasah == 0),
        "madrasah": school & (needs.madrasah == 1),
        "insured": needs.pbi_jk == 1,
        "recipients": (needs.pkh == 1)[people.home] & (people.seat == holder),
    }[look.who]
    chance = Draws(world.seed, CHANGES).uniform(
        _COVERAGE_DRAW + look.number, np.arange(people.size)
    )
    chosen &= resident[people.home] & (chance < coverage.get(look.who, 1.0))
    return listing.list_persons(
        world.seed, look.number, np.flatnonzero(chosen), people, world.changes, duplicates
    )


def _addresses(
    world: World, look: RegisterLook, listed: Listing, rates: NDArray[np.float64]
) -> tuple[Addresses, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return addresses as written, and where the kecamatan and the desa aren't the true ones."""
    home = listed.homes
    true = world.addresses.take(home)
    shown = world.moved_to.take(home).where(listed.moved, true)
    draws = Draws(world.seed, LISTING + look.number)
    changed = draws.uniform(_VILLAGE_DRAW, home) < rates[Kind.DISTRICT_CHANGED]
    village = other_village(world.seed, look.number, home, shown.village)
    shown = shown._replace(village=np.where(changed, village, shown.village))
    districts = all_villages().districts
    return shown, districts[shown.village] != districts[true.village], changed


def _family_ids(seed: np.uint64, look: RegisterLook, listed: Listing) -> pa.StringArray:
    if not look.of_families:
        return pa.nulls(listed.homes.size, pa.string())
    numbers = Draws(seed, FAMILY_ID + look.number).scattered(
        listed.homes.size, 10**look.family_digits
    )
    text = digits(numbers, look.family_digits)
    return pc.binary_join_element_wise(look.family_prefix, text, "")


def _ids(
    seed: np.uint64, look: RegisterLook, listed: Listing, family_ids: pa.StringArray
) -> pa.StringArray:
    if look.of_families:
        family = family_ids.take(pa.array(listed.families))
        return pc.binary_join_element_wise(family, digits(listed.numbers, 2), look.member_separator)
    numbers = Draws(seed, RECORD + look.number).scattered(
        listed.persons.size, 10**look.record_digits
    )
    text = digits(numbers, look.record_digits)
    return pc.binary_join_element_wise(look.record_prefix, text, "")
