"""The persons of all homes: birthdays, sexes, names, numbers.

Persons are numbered home by home, seat by seat. Children may carry a name of their father, twins
and relatives in one house have names that are near each other, a few children are called like a
parent. Every NIK and every family card number has kecamatan code 99, which doesn't exist; no two
persons have the same NIK. Serials are given kecamatan by kecamatan, as if its code had not been
exchanged for 99: no more persons share fifteen digits than in a real register.

>>> import numpy as np
>>> from pprl.lab.families.homes import make_homes
>>> people = make_people(
...     np.uint64(7), make_homes(np.uint64(7), 50, at_risk=20), districts=np.arange(50) % 18
... )
>>> bool((people.niks // 10**10 % 100 == 99).all()), np.unique(people.niks).size == people.size
(True, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled
from pprl.errors import LimitError
from pprl.lab.families.draws import NUMBERS, PEOPLE, Draws
from pprl.lab.families.homes import CHILDREN, FIRST_CHILD, HEAD, SPOUSE, Homes
from pprl.lab.families.model import figures
from pprl.lab.names import AGES, MALE, MAX_WORDS, TOPIC_NAMES, NameTables, name_tables, word_ids
from pprl.lab.population import (
    SYNTHETIC_DISTRICT,
    WOMEN,
    PopulationTables,
    population_tables,
)
from pprl.lab.randomness import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NATIVE = 0.85  # share of heads and spouses whose NIK was issued here, as for single persons
_NATIVE_CHILDREN = 0.95
_SERIALS = 40  # the first of a date is one of these
_BLOCK = 500  # serials of a kecamatan
_BLOCKS = 18
_FIRST_CARD, _CARD_BLOCK = 9_001, 333
_NATIVE_DRAW, _REGION, _SERIAL, _CARD_DAY, _STRANGERS = range(5)
_NAMESAKE, _PATRONYM, _TWIN = range(8, 11)


@dataclass(frozen=True)
class People:
    """All persons; arrays have one element a person unless said otherwise."""

    home: NDArray[np.int64]
    seat: NDArray[np.int64]
    number: NDArray[np.int64]  # (homes, SEATS): the person in a seat, or -1
    births: NDArray[np.int64]  # yyyymmdd
    ages: NDArray[np.int64]  # whole years
    months: NDArray[np.int64]  # whole months
    sexes: NDArray[np.int64]
    niks: NDArray[np.int64]
    partners: NDArray[np.int64]  # whose NIK gets typed by mistake: spouse or parent, or oneself
    words: NDArray[np.int32]  # (persons, MAX_WORDS): the registered name
    counts: NDArray[np.int64]  # number of words
    twin: NDArray[np.bool_]
    namesake: NDArray[np.bool_]  # a child called like a parent

    @property
    def size(self) -> int:
        """Number of persons."""
        return int(self.home.size)


def make_people(seed: np.uint64, homes: Homes, districts: NDArray[np.int64]) -> People:
    """Make the persons who sit in ``homes``, which are in ``districts`` (0 to 17).

    Raises
    ------
    LimitError
        So many persons share a birth date that four-digit serials don't suffice.
    """
    home, seat = np.nonzero(homes.seats)
    number = np.full(homes.seats.shape, -1, np.int64)
    number[home, seat] = np.arange(home.size)
    births, ages, months = _birthdays(homes.ages[home, seat])
    sexes = homes.sexes[home, seat]
    children = (seat >= FIRST_CHILD) & (seat < FIRST_CHILD + CHILDREN)
    niks = _niks(seed, births, sexes, children, districts[home])
    words = np.zeros((home.size, MAX_WORDS), np.int32)
    counts = np.empty(home.size, np.int64)
    _name_all(name_tables(), seed, sexes, np.minimum(ages, AGES - 1), words, counts)
    twin = homes.twins[home, seat]
    namesake = _name_children(seed, homes, number, sexes, twin, words, counts)
    _name_relatives(homes, number, words, counts)
    return People(
        home=home.astype(np.int64),
        seat=seat.astype(np.int64),
        number=number,
        births=births,
        ages=ages,
        months=months,
        sexes=sexes,
        niks=niks,
        partners=_partners(home, seat, number),
        words=words,
        counts=counts,
        twin=twin,
        namesake=namesake,
    )


def card_numbers(seed: np.uint64, slot: int, count: int) -> NDArray[np.int64]:
    """Return ``count`` different family card numbers: like NIKs, with the date of issue.

    Cards of different ``slot`` (0 to 2) differ as well; none is anybody's NIK.
    """
    draws, every = Draws(seed, NUMBERS), np.arange(count)
    issued = np.datetime64("2006-01-01") + (
        draws.uniform(_CARD_DAY + 16 * (slot + 1), every) * 6_900
    ).astype("timedelta64[D]")
    year, month, day = _parts(issued)
    head = int(_country().codes[_country().home]) * 100 + SYNTHETIC_DISTRICT
    prefixes = ((head * 100 + day) * 100 + month) * 100 + year % 100
    first = np.full(count, _FIRST_CARD + _CARD_BLOCK * slot)
    return _with_serials(draws, prefixes, first, _CARD_BLOCK)


@cache
def _country() -> PopulationTables:
    """Return the regions that issue NIKs; ``home`` is Kutai Timur."""
    return population_tables(1)


def _birthdays(
    days: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    today = np.datetime64(figures().as_of)
    year, month, day = _parts(today - days.astype("timedelta64[D]"))
    at = figures().as_of
    months = (at.year - year) * 12 + at.month - month - (at.day < day)
    return year * 10_000 + month * 100 + day, months // 12, months


def _parts(
    dates: NDArray[np.datetime64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    return (
        years.astype(np.int64) + 1970,
        (months - years).astype(np.int64) + 1,
        (dates - months).astype(np.int64) + 1,
    )


def _niks(
    seed: np.uint64,
    births: NDArray[np.int64],
    sexes: NDArray[np.int64],
    children: NDArray[np.bool_],
    districts: NDArray[np.int64],
) -> NDArray[np.int64]:
    draws, every = Draws(seed, PEOPLE), np.arange(births.size)
    country = _country()
    native = draws.uniform(_NATIVE_DRAW, every) < np.where(children, _NATIVE_CHILDREN, _NATIVE)
    elsewhere = np.searchsorted(country.shares, draws.uniform(_REGION, every), "right")
    region = np.where(native, country.home, np.minimum(elsewhere, country.codes.size - 1))
    head = country.codes[region] * 100 + SYNTHETIC_DISTRICT
    day = births % 100 + WOMEN * sexes
    prefixes = ((head * 100 + day) * 100 + births // 100 % 100) * 100 + births // 10_000 % 100
    strangers = (draws.uniform(_STRANGERS, every) * _BLOCKS).astype(np.int64)
    block = np.where(native, districts % _BLOCKS, strangers)
    return _with_serials(draws, prefixes, 1 + _BLOCK * block, _BLOCK)


def _with_serials(
    draws: Draws, prefixes: NDArray[np.int64], first: NDArray[np.int64], room: int
) -> NDArray[np.int64]:
    """Append four digits: of equal prefix and ``first``, in turn from a random start on."""
    groups = prefixes * 10_000 + first
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    begins = np.ones(order.size, np.bool_)
    begins[1:] = in_order[1:] != in_order[:-1]
    starts = np.flatnonzero(begins)
    turn = np.arange(order.size) - np.repeat(starts, np.diff([*starts, order.size]))
    turn += (draws.uniform(_SERIAL, in_order) * _SERIALS).astype(np.int64)
    if turn.size and int(turn.max()) >= room:
        raise LimitError("simulate.too_many", persons=turn.size)
    numbers = np.empty(order.size, np.int64)
    numbers[order] = in_order + turn
    return numbers


@compiled
def _name_all(
    names: NameTables,
    seed: np.uint64,
    sexes: NDArray[np.int64],
    ages: NDArray[np.int64],
    words: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    for person in range(sexes.size):
        key = stream(seed, TOPIC_NAMES, person)
        counts[person] = word_ids(names, key, sexes[person], ages[person], words[person])


def _name_children(
    seed: np.uint64,
    homes: Homes,
    number: NDArray[np.int64],
    sexes: NDArray[np.int64],
    twin: NDArray[np.bool_],
    words: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Give children names of their family; return who is called like a parent."""
    shares, draws = figures().names, Draws(seed, PEOPLE)
    namesake = np.zeros(sexes.size, np.bool_)
    for seat in range(FIRST_CHILD, FIRST_CHILD + CHILDREN):
        home = np.flatnonzero(homes.seats[:, seat])
        child = number[home, seat]
        head, spouse = number[home, HEAD], number[home, SPOUSE]
        father = np.where(sexes[head] == MALE, head, -1)
        named = (draws.uniform(_PATRONYM, child) < shares["patronym"]) & (father >= 0)
        _lend_last_word(words, counts, father[named], child[named])
        mother = np.where(spouse >= 0, spouse, np.where(father < 0, head, -1))
        parent = np.where(sexes[child] == MALE, father, mother)
        same = (draws.uniform(_NAMESAKE, child) < shares["namesake"]) & (parent >= 0)
        same &= ~twin[child]
        words[child[same]], counts[child[same]] = words[parent[same]], counts[parent[same]]
        namesake[child[same]] = True
        if seat > FIRST_CHILD:
            elder = number[home, seat - 1]
            alike = twin[child] & twin[elder] & (draws.uniform(_TWIN, child) < shares["twin_last"])
            _lend_last_word(words, counts, elder[alike], child[alike])
    return namesake


def _name_relatives(
    homes: Homes, number: NDArray[np.int64], words: NDArray[np.int32], counts: NDArray[np.int64]
) -> None:
    """Give the heads of two families in one house the same last name."""
    guests = np.flatnonzero(homes.shared_with >= 0)
    _lend_last_word(words, counts, number[homes.shared_with[guests], HEAD], number[guests, HEAD])


def _lend_last_word(
    words: NDArray[np.int32],
    counts: NDArray[np.int64],
    lender: NDArray[np.int64],
    taker: NDArray[np.int64],
) -> None:
    """Make the lender's last word the taker's; a single name becomes a name of two words."""
    word = words[lender, counts[lender] - 1]
    place = np.maximum(counts[taker] - 1, 1)
    new = words[taker, 0] != word
    words[taker[new], place[new]] = word[new]
    counts[taker[new]] = np.maximum(counts[taker[new]], 2)


def _partners(
    home: NDArray[np.int64], seat: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.int64]:
    head, spouse = number[home, HEAD], number[home, SPOUSE]
    other = np.where(seat == HEAD, spouse, head)
    parent = np.where((seat >= FIRST_CHILD) & (spouse >= 0), spouse, other)
    return np.where(parent >= 0, parent, np.arange(home.size))
