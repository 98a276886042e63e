"""The fields of a register, each as one column of text, for rows of members or of families.

Which fields a register has, in which order and under which headers, is data
(``tables/family_registers.toml``). Empty cells are null.

>>> "desil" in FAMILY_FIELDS, "working" in PERSON_FIELDS
(True, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.lab.families.changes import KRS
from pprl.lab.families.draws import FACTS, Draws
from pprl.lab.families.homes import FIRST_CHILD, HEAD, SPOUSE
from pprl.lab.families.listing import side_of
from pprl.lab.families.model import figures, places
from pprl.lab.families.needs import UNKNOWN
from pprl.lab.families.places import all_villages
from pprl.lab.names import FEMALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pprl.lab.families.cells import Cells
    from pprl.lab.families.changes import Changes
    from pprl.lab.families.listing import Listing
    from pprl.lab.families.needs import Needs
    from pprl.lab.families.people import People
    from pprl.lab.families.places import Addresses
    from pprl.lab.families.registers import Column, RegisterLook

_FACTS = {
    "pus": "couple",
    "pregnant": "pregnant",
    "child_0_23": "child_0_23",
    "child_24_59": "child_24_59",
    "latrine_ok": "latrine_ok",
    "water_ok": "water_ok",
    "house_ok": "house_ok",
    "too_young": "too_young",
    "too_old": "too_old",
    "too_close": "too_close",
    "too_many": "too_many",
    "modern_contraception": "modern_contraception",
    "pkh": "pkh",
    "sembako": "sembako",
}
_COUPLES_ONLY = ("too_young", "too_old", "too_close", "too_many", "modern_contraception")
_PERSON_FACTS = ("in_school", "working", "disabled", "jkn_active", "pbi_jk", "pip")
_PLACE_FIELDS = (
    "province_code",
    "regency_code",
    "district_code",
    "district_name",
    "village_code",
    "village_name",
    "rt",
    "rw",
    "address",
    "companion",
)
FAMILY_FIELDS = frozenset({"family", "kk", "pregnancies", "desil", *_PLACE_FIELDS, *_FACTS})
PERSON_FIELDS = frozenset(
    {
        "member",
        "record",
        "nik",
        "name",
        "birth_date",
        "sex",
        "relation",
        "education",
        "mother_name",
        "level",
        "grade",
        "card_active",
        *_PERSON_FACTS,
    }
)
_LEVELS = ("PAUD", "SD", "SMP", "SMA")
_MADRASAH_LEVELS = ("RA", "MI", "MTs", "MA")
_DESIL_DRAW, _INACTIVE_DRAW = 48, 49


@dataclass(frozen=True)
class Sheet:
    """Everything that the columns of one register are made of."""

    seed: np.uint64
    look: RegisterLook
    listing: Listing
    people: People
    needs: Needs
    changes: Changes
    cells: Cells
    cards: pa.StringArray  # (families,)
    family_ids: pa.StringArray  # (families,)
    ids: pa.StringArray  # (rows,): of members or records
    addresses: Addresses  # (families,)
    mothers: pa.StringArray | None  # (rows,): names, where the register has them

    def columns(self, columns: Sequence[Column]) -> list[pa.StringArray]:
        """Return the columns of a file with one row per member or record."""
        families = pa.array(self.listing.families)
        return [
            self.of_families(column.field).take(families)
            if column.field in FAMILY_FIELDS
            else self.of_persons(column.field)
            for column in columns
        ]

    def family_columns(self, columns: Sequence[Column]) -> list[pa.StringArray]:
        """Return the columns of a file with one row per family."""
        made = []
        for column in columns:
            owner, _, field = column.field.rpartition(".")
            if owner:
                number = {"head": HEAD, "spouse": SPOUSE, "child": FIRST_CHILD - 1 + column.child}
                made.append(self.of_persons(field).take(self._row_of(number[owner] + 1)))
            else:
                made.append(self.of_families(field))
        return made

    def of_families(self, field: str) -> pa.StringArray:
        """Return a field of families, one cell a family."""
        if field == "family":
            return self.family_ids
        if field == "kk":
            return self.cards
        if field in _PLACE_FIELDS:
            return self._place(field)
        homes = self.listing.homes
        if field == "pregnancies":
            return _whole(self.needs.pregnancies[homes], self.needs.couple[homes] >= 0)
        if field == "desil":
            chance = Draws(self.seed, FACTS).uniform(_DESIL_DRAW, homes)
            known = chance >= figures().changes["desil_unknown"]
            return _whole(self.needs.desil[homes], known)
        return self._answers(self._family_fact(field))

    def of_persons(self, field: str) -> pa.StringArray:
        """Return a field of persons, one cell a row."""
        persons = self.listing.persons
        match field:
            case "member" | "record":
                made = self.ids
            case "nik" | "name" | "birth_date" | "sex":
                made = getattr(self.cells, field)
            case "relation":
                made = _labels(self.look.relations, self.listing.relations)
            case "education":
                made = _labels(self.look.schools, self.needs.education[persons])
            case "level" | "grade":
                made = self._school(field)
            case "mother_name":
                made = self.mothers
            case "card_active":
                chance = Draws(self.seed, FACTS).uniform(_INACTIVE_DRAW, persons)
                active = chance >= figures().programmes["card_inactive"]
                made = self._answers(active.astype(np.int8))
            case _:
                made = self._answers(getattr(self.needs, field)[persons])
        return made

    def _family_fact(self, field: str) -> NDArray[np.int8]:
        homes = self.listing.homes
        fact: NDArray[np.int8] = getattr(self.needs, _FACTS[field])[homes]
        if field in ("pkh", "sembako"):  # of the family whose head is the old one
            return np.where(self.listing.parts >= 0, np.int8(0), fact)
        widowed = (self.changes.headless & (self.changes.side == KRS))[homes]
        if side_of(self.look.name) != KRS or not widowed.any():
            return fact
        if field == "pus" or field in _COUPLES_ONLY:
            return np.where(widowed, np.int8(0 if field == "pus" else UNKNOWN), fact)
        if field == "latrine_ok":  # a family at risk has a reason that isn't the couple's
            return np.where(widowed & (self.needs.water_ok[homes] == 1), np.int8(0), fact)
        return fact

    def _place(self, field: str) -> pa.StringArray:
        villages, facts, address = all_villages(), places(), self.addresses
        districts = villages.districts[address.village]
        match field:
            case "village_code":
                made = _labels(villages.codes, address.village)
            case "village_name":
                made = self._cased(_labels(villages.names, address.village))
            case "district_code":
                made = _labels([district.code for district in facts.districts], districts)
            case "district_name":
                names = [district.name for district in facts.districts]
                made = self._cased(_labels(names, districts))
            case "province_code":
                made = _labels([facts.province], np.zeros_like(districts))
            case "regency_code":
                made = _labels([facts.regency], np.zeros_like(districts))
            case "rt":
                made = digits(address.rt, 3)
            case "rw":
                made = digits(address.rw, 3)
            case "companion":
                team = _labels([f"TPK {code[4:]}-" for code in villages.codes], address.village)
                made = pc.binary_join_element_wise(team, digits(address.team, 2), "")
            case _:
                street = _labels(facts.streets, address.street)
                house = pc.cast(pa.array(address.house), pa.string())
                made = self._cased(pc.binary_join_element_wise(street, house, " No. "))
        return made

    def _school(self, field: str) -> pa.StringArray:
        ages = self.people.ages[self.listing.persons]
        level = np.searchsorted([7, 13, 16], ages, "right")
        if field == "level":
            return _labels(_MADRASAH_LEVELS if self.look.who == "madrasah" else _LEVELS, level)
        return _whole(ages - 6, level > 0)

    def _row_of(self, number: int) -> pa.Array:
        """Return the row of each family's member with this number, null where there is none."""
        rows = np.flatnonzero(self.listing.numbers == number)
        found = np.full(self.listing.homes.size, -1, np.int64)
        found[self.listing.families[rows]] = rows
        return pa.array(found, mask=found < 0)

    def _answers(self, facts: NDArray[np.int8]) -> pa.StringArray:
        return _labels(self.look.answers, facts)

    def _cased(self, texts: pa.StringArray) -> pa.StringArray:
        return texts if self.look.delimiter == "," else pc.utf8_upper(texts)


def mothers_of(listing: Listing, people: People) -> NDArray[np.int64]:
    """Return the mother of each person of a listing, or -1."""
    home = people.home[listing.persons]
    spouse, head = people.number[home, SPOUSE], people.number[home, HEAD]
    alone = np.where(people.sexes[head] == FEMALE, head, -1)
    mother = np.where(spouse >= 0, spouse, alone)
    return np.where(mother == listing.persons, -1, mother)


def digits(values: NDArray[np.int64], width: int) -> pa.StringArray:
    """Return whole numbers as text of ``width`` digits."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    text = (values[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    starts = np.arange(values.size + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(values.size, pa.py_buffer(starts), pa.py_buffer(text))


def _whole(values: NDArray[np.int64], known: NDArray[np.bool_]) -> pa.StringArray:
    return pc.cast(pa.array(values, mask=~known), pa.string())


def _labels(labels: Sequence[str], places_in_labels: NDArray[np.integer]) -> pa.StringArray:
    """Return a label for each place, null for -1."""
    unknown = places_in_labels < 0
    return pa.array(list(labels), pa.string()).take(pa.array(places_in_labels, mask=unknown))
