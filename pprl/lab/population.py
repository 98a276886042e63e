"""Made-up persons: where and when they were born, their sex and a NIK that can't be anybody's.

A person is a rank in a population of fixed size. Ranks are ordered by region of the NIK and, in
it, roughly by age, and everything about a person is computed from the rank alone: no table of
persons is ever held. Every NIK has kecamatan code 99, which doesn't exist, and differs from all
other NIKs of the population.

>>> import numpy as np
>>> tables = population_tables(1_000)
>>> person = born(tables, np.uint64(7), 5)
>>> len(str(person[3])), str(person[3])[4:6]
(16, '99')
"""

from __future__ import annotations

import csv
import tomllib
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled
from pprl.errors import LimitError
from pprl.lab.names import FEMALE, MALE, TABLES
from pprl.lab.randomness import below, numbers, stream, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

(TOPIC_PERSONS,) = numbers(2, 1)
SYNTHETIC_DISTRICT = 99
WOMEN = 40  # added to the day of birth in a woman's NIK
MAX_SERIAL = 9_999
_CERTAINLY_TOO_MANY = 1 << 48
_BLOCK = 32  # ranks whose birthdays share a slice of the calendar

_SLOT_DAY, _SLOT_SEX, _SLOT_MOVED, _SLOT_REGION, _SLOT_DISTRICT, SLOT_NEXT = numbers(0, 6)


class PopulationTables(NamedTuple):
    """What the kernels read about a population."""

    size: int  # persons
    edges: NDArray[np.int64]  # (regions + 1,): ranks whose NIK is of region r
    codes: NDArray[np.int64]  # (regions,): four digits, province and regency
    shares: NDArray[np.float64]  # (regions,): cumulative share of the country's population
    districts: NDArray[np.int64]  # six digits, all real kecamatan codes by region
    district_starts: NDArray[np.int64]  # (regions + 1,)
    home: int  # the region where all live, or -1
    native: float  # share living where their NIK was issued, if home is -1
    year_shares: NDArray[np.float64]  # (years + 1,): cumulative, first 0
    year_starts: NDArray[np.int64]  # (years + 1,): number of the year's first day
    days: NDArray[np.int64]  # day number -> yyyymmdd
    male_share: float
    serials: int  # serial numbers go from 1 to this


@compiled
def region_of(tables: PopulationTables, rank: int) -> int:
    """Return the region that issued the NIK of ``rank``."""
    return int(np.searchsorted(tables.edges, rank, "right")) - 1


@compiled
def born(tables: PopulationTables, seed: np.uint64, rank: int) -> tuple[int, int, int, int]:
    """Return region, birth date (yyyymmdd), sex and NIK of the person at ``rank``.

    In each region, blocks of neighbouring ranks share a slice of the calendar, so the persons of
    one birth date are near each other and numbering ranks in turn gives each its own serial.
    """
    region = region_of(tables, rank)
    key = stream(seed, TOPIC_PERSONS, rank)
    place = rank - tables.edges[region]
    people = tables.edges[region + 1] - tables.edges[region]
    first = place - place % _BLOCK
    width = min(_BLOCK, people - first)
    when = (first + uniform(key, _SLOT_DAY) * width) / people
    year = min(
        int(np.searchsorted(tables.year_shares, when, "right")) - 1, tables.year_shares.size - 2
    )
    share = (when - tables.year_shares[year]) / (
        tables.year_shares[year + 1] - tables.year_shares[year]
    )
    length = tables.year_starts[year + 1] - tables.year_starts[year]
    day = tables.year_starts[year] + min(int(share * length), length - 1)
    birth = tables.days[day]
    sex = MALE if uniform(key, _SLOT_SEX) < tables.male_share else FEMALE
    serial = 1 + place % tables.serials
    nik = nik_of(tables.codes[region], birth, sex, serial)
    return region, birth, sex, nik


@compiled
def nik_of(region: int, birth: int, sex: int, serial: int) -> int:
    """Return PPKK 99 DDMMYY SSSS as a number of sixteen digits."""
    day = birth % 100 + (WOMEN if sex == FEMALE else 0)
    month = birth // 100 % 100
    year = birth // 10_000 % 100
    head = (region * 100 + SYNTHETIC_DISTRICT) * 10_000_000_000
    return head + day * 100_000_000 + month * 1_000_000 + year * 10_000 + serial


@compiled
def lives_in(tables: PopulationTables, seed: np.uint64, rank: int) -> tuple[int, int]:
    """Return region and code of the real kecamatan where the person lives."""
    key = stream(seed, TOPIC_PERSONS, rank)
    region = tables.home
    if region < 0:
        region = region_of(tables, rank)
        if uniform(key, _SLOT_MOVED) >= tables.native:
            found = int(np.searchsorted(tables.shares, uniform(key, _SLOT_REGION), "right"))
            region = min(found, tables.codes.size - 1)
    return region, district_in(tables, region, uniform(key, _SLOT_DISTRICT))


@compiled
def district_in(tables: PopulationTables, region: int, where: float) -> int:
    """Return a kecamatan of the region; the first ones are the largest."""
    first = tables.district_starts[region]
    count = tables.district_starts[region + 1] - first
    return int(tables.districts[first + int(count * where**1.5)])


@compiled
def spouse_of(tables: PopulationTables, seed: np.uint64, rank: int) -> int:
    """Return a rank of the same region, about the same age and if possible the other sex."""
    key = stream(seed, TOPIC_PERSONS, rank)
    region = region_of(tables, rank)
    first = tables.edges[region]
    people = tables.edges[region + 1] - first
    reach = people // 20 + 2  # a few years of age
    sex = born(tables, seed, rank)[2]
    found = rank
    for attempt in range(4):
        shift = 1 + below(key, SLOT_NEXT + attempt, reach)
        place = rank - first
        place = place + shift if place + shift < people else max(place - shift, 0)
        found = first + place
        if found != rank and born(tables, seed, found)[2] != sex:
            break
    return int(found)


def population_tables(size: int, *, heads: bool = False) -> PopulationTables:
    """Build the tables of a population: one district if it fits there, else the whole country.

    Parameters
    ----------
    size
        Persons.
    heads
        Each is the head of a family: of age, and mostly a man.

    Raises
    ------
    LimitError
        So many persons of one region share a birth date that four-digit serials don't suffice.
    """
    if size > _CERTAINLY_TOO_MANY:  # such a number would overflow below
        raise LimitError("simulate.too_many", persons=size)
    facts = tomllib.loads(TABLES.joinpath("population.toml").read_text(encoding="utf-8"))
    lines = TABLES.joinpath("regencies.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    codes = np.array([int(row["regency"]) for row in rows], np.int64)
    people = np.array([int(row["population"]) for row in rows], np.float64)
    shares = people / people.sum()
    districts = [[int(row["regency"] + code) for code in row["districts"].split()] for row in rows]
    home = -1
    issued = shares
    if size <= facts["district_population"]:
        home = int(np.flatnonzero(codes == int(facts["district"]))[0])
        issued = shares * (1 - facts["native"]["district"])
        issued[home] += facts["native"]["district"]
    edges = np.rint(np.concatenate(([0.0], np.cumsum(issued))) / issued.sum() * size)
    edges = edges.astype(np.int64)
    shape = facts["heads"] if heads else facts
    ages = np.repeat(np.array(shape["ages"], np.float64), 5)
    by_year = ages[::-1] / ages.sum()
    first_year = int(facts["last_birth_year"]) - int(shape["youngest"]) + 1 - by_year.size
    year_starts, days = _calendar(first_year, by_year.size)
    crowd = float(np.diff(edges).max()) * float(by_year.max()) / 365
    serials = 2 * _BLOCK + ceil(crowd) + 2
    if serials > MAX_SERIAL:
        raise LimitError("simulate.too_many", persons=size)
    return PopulationTables(
        size=size,
        edges=edges,
        codes=codes,
        shares=np.cumsum(shares),
        districts=np.array([code for codes_of in districts for code in codes_of], np.int64),
        district_starts=np.cumsum([0, *map(len, districts)]).astype(np.int64),
        home=home,
        native=float(facts["native"]["country"]),
        year_shares=np.concatenate(([0.0], np.cumsum(by_year))),
        year_starts=year_starts,
        days=days,
        male_share=float(shape["male_share"]),
        serials=serials,
    )


def _calendar(first_year: int, years: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each year's first day, and the date of each day as yyyymmdd."""
    start = date(first_year, 1, 1)
    starts = [(date(first_year + i, 1, 1) - start).days for i in range(years + 1)]
    dates = (start + timedelta(days=number) for number in range(starts[-1]))
    days = [when.year * 10_000 + when.month * 100 + when.day for when in dates]
    return np.array(starts, np.int64), np.array(days, np.int64)
