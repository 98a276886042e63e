"""Who lives together: heads, spouses, children, grandparents, and how old they are.

A home has ten seats: head, spouse, six children from the eldest on, two grandparents. Homes from
0 to ``at_risk - 1`` are families at risk of stunting, as KRS lists them: nearly all are couples of
childbearing age. The others have the sizes of DTSEN.

>>> import numpy as np
>>> homes = make_homes(np.uint64(7), 50, at_risk=20)
>>> homes.seats.shape, bool(homes.seats[:, HEAD].all())
((50, 10), True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.families.draws import HOMES, Draws, first_of
from pprl.lab.families.model import figures
from pprl.lab.names import FEMALE, MALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEATS = 10
HEAD, SPOUSE, FIRST_CHILD, CHILDREN, GRANDPARENT = 0, 1, 2, 6, 8

_WITH_CHILDREN, _COUPLE, _PARENT, _ALONE = range(4)
_SMALL, _MIDDLE, _BOTH, _LARGER = range(4)  # what the youngest children are
_DAYS = 365.25
_ELDEST = 25.0  # years: older children have a home of their own
_LAST_BIRTH = 49.4
_OLDEST = 97.0
_BOYS = 0.51  # share of births
_GRANDMOTHERS = 0.7  # share of grandparents alone
(
    _KIND,
    _NUMBER,
    _YOUNGEST,
    _YOUNGEST_AGE,
    _SECOND_AGE,
    _MOTHER_AGE,
    _OLD,
    _ALONE_SEX,
    _HUSBAND,
    _GRANDPARENTS,
    _BOTH_GRANDPARENTS,
    _GRAND_SEX,
    _GRAND_AGE,
    _OTHER_GRAND_AGE,
    _TWINS,
    _TWIN_PLACE,
    _PREGNANT,
    _SECOND_FAMILY,
) = range(18)
_GAPS, _CHILD_SEX, _THIRD_DRAW = 32, 48, 64  # first slots, one for each child


@dataclass(frozen=True)
class Homes:
    """All homes of a population; arrays have one row a home, ages are in days."""

    seats: NDArray[np.bool_]  # (homes, SEATS): taken
    ages: NDArray[np.int64]  # (homes, SEATS): 0 where nobody sits
    sexes: NDArray[np.int64]  # (homes, SEATS)
    twins: NDArray[np.bool_]  # (homes, SEATS): a child born with another one
    pregnant: NDArray[np.bool_]  # (homes,)
    shared_with: NDArray[np.int64]  # (homes,): the relatives' home in whose house it is, or -1


def make_homes(seed: np.uint64, count: int, at_risk: int) -> Homes:
    """Make ``count`` homes, the first ``at_risk`` of them families at risk."""
    draws, every = Draws(seed, HOMES), np.arange(count)
    risk = every < at_risk
    kind = _kinds(draws, every, risk)
    youngest, children = _children(draws, every, risk, kind)
    ages = _ages_of_children(draws, every, risk, youngest, children)
    twins = _twins(draws, every, youngest, children, ages)
    eldest = np.where(children > 0, ages[every, np.maximum(children - 1, 0)], 0.0)
    mother = _mothers(draws, every, risk, kind, children, eldest)
    seats = np.zeros((count, SEATS), np.bool_)
    years = np.zeros((count, SEATS))
    sexes = np.zeros((count, SEATS), np.int64)
    couple = kind <= _COUPLE
    alone_female = draws.uniform(_ALONE_SEX, every) < np.where(
        kind == _PARENT, figures().home["mother_alone"], 0.55
    )
    bell = sum(draws.uniform(slot, every) for slot in (_HUSBAND, _THIRD_DRAW, _THIRD_DRAW + 1))
    husband = np.maximum(mother + 3.5 + 8 * (np.asarray(bell) - 1.5), 18.6)
    seats[:, HEAD] = True
    years[:, HEAD] = np.where(couple, husband, mother)
    sexes[:, HEAD] = np.where(couple | ~alone_female, MALE, FEMALE)
    seats[:, SPOUSE] = couple
    years[:, SPOUSE] = np.where(couple, mother, 0.0)
    sexes[:, SPOUSE] = FEMALE
    born_twins = np.zeros((count, SEATS), np.bool_)
    for child in range(CHILDREN):  # the eldest first
        from_youngest = children - 1 - child
        there = from_youngest >= 0
        seat = FIRST_CHILD + child
        place = np.maximum(from_youngest, 0)
        seats[:, seat] = there
        years[:, seat] = np.where(there, ages[every, place], 0.0)
        sexes[:, seat] = draws.uniform(_CHILD_SEX + child, every) >= _BOYS
        born_twins[:, seat] = there & twins[every, place]
    _seat_grandparents(draws, every, seats, years, sexes)
    days = np.where(seats, np.floor(np.minimum(years, _OLDEST) * _DAYS), 0).astype(np.int64)
    # Families that aren't at risk have no such column in any register.
    able = risk & couple & (mother < 44) & ((children == 0) | (ages[:, 0] > 0.9))  # noqa: PLR2004 - years
    pregnant = first_of(
        draws.uniform(_PREGNANT, every), able, round(figures().krs["pregnant"] * at_risk)
    )
    return Homes(seats, days, sexes, born_twins, pregnant, _shared(draws, every))


def _kinds(draws: Draws, every: NDArray[np.int64], risk: NDArray[np.bool_]) -> NDArray[np.int64]:
    others = draws.choice(_KIND, every, figures().kinds)
    couples = draws.uniform(_KIND, every) < figures().krs["couple"]
    return np.where(risk, np.where(couples, _WITH_CHILDREN, _PARENT), others)


def _children(
    draws: Draws, every: NDArray[np.int64], risk: NDArray[np.bool_], kind: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what the youngest are and how many children there are."""
    krs = figures().krs
    alone = 1 - krs["couple"]
    # A family at risk without a couple is one by its small child.
    both = krs["both_alone"]
    small_alone = krs["child_0_23"] / (krs["child_0_23"] + krs["child_24_59"]) * (1 - both)
    parent = (small_alone, 1 - both - small_alone, both, 0.0)
    small, middle = (
        (krs[name] - alone * (share + both)) / krs["couple"] - krs["both"]
        for name, share in (("child_0_23", parent[0]), ("child_24_59", parent[1]))
    )
    couple = (small, middle, krs["both"], 1 - small - middle - krs["both"])
    at_risk = np.where(
        kind == _PARENT,
        draws.choice(_YOUNGEST, every, parent),
        draws.choice(_YOUNGEST, every, couple),
    )
    youngest = np.where(risk, at_risk, _LARGER)
    number = np.where(
        risk,
        draws.choice(_NUMBER, every, figures().krs_children),
        draws.choice(_NUMBER, every, figures().children),
    )
    least = np.where(youngest == _BOTH, 2, youngest != _LARGER)
    number = np.maximum(number, least)
    return youngest, np.where((kind == _COUPLE) | (kind == _ALONE), 0, number)


def _ages_of_children(
    draws: Draws,
    every: NDArray[np.int64],
    risk: NDArray[np.bool_],
    youngest: NDArray[np.int64],
    children: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return ages in years, (homes, CHILDREN), the youngest first."""
    first = draws.uniform(_YOUNGEST_AGE, every)
    second = draws.uniform(_SECOND_AGE, every)
    ages = np.zeros((every.size, CHILDREN))
    ages[:, 0] = np.select(
        [youngest == _SMALL, youngest == _MIDDLE, youngest == _BOTH],
        [0.01 + 1.94 * first, 2.03 + 2.93 * first, 0.01 + 1.1 * first],
        np.where(risk, 5.1 + 13 * first, 0.05 + 21 * first),
    )
    room = _ELDEST - 2.0 * np.maximum(children - 1, 0)
    ages[:, 0] = np.minimum(ages[:, 0], room)
    ages[:, 1] = np.select(
        [youngest == _SMALL, youngest == _BOTH],
        [5.1 + 5 * second, 2.1 + 2.8 * second],
        ages[:, 0] + 1.2 + 3.6 * second,
    )
    for child in range(2, CHILDREN):
        ages[:, child] = ages[:, child - 1] + draws.between(_GAPS + child, every, 1.2, 4.8)
    last = np.clip(children - 1, 1, CHILDREN - 1)
    squeezed = ages[every, last] > _ELDEST
    step = (_ELDEST - ages[:, 1]) / np.maximum(last - 1, 1)
    for child in range(2, CHILDREN):
        ages[:, child] = np.where(squeezed, ages[:, 1] + (child - 1) * step, ages[:, child])
    return ages


def _twins(
    draws: Draws,
    every: NDArray[np.int64],
    youngest: NDArray[np.int64],
    children: NDArray[np.int64],
    ages: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Give some neighbours in ``ages`` one birthday; return who they are."""
    marked = np.zeros(ages.shape, np.bool_)
    chosen = (draws.uniform(_TWINS, every) < figures().home["twins"]) & (children > 1)
    homes = np.flatnonzero(chosen & (youngest != _BOTH))
    place = (draws.uniform(_TWIN_PLACE, homes) * (children[homes] - 1)).astype(np.int64)
    ages[homes, place + 1] = ages[homes, place]
    marked[homes, place] = marked[homes, place + 1] = True
    return marked


def _mothers(
    draws: Draws,
    every: NDArray[np.int64],
    risk: NDArray[np.bool_],
    kind: NDArray[np.int64],
    children: NDArray[np.int64],
    eldest: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the age in years of the woman, or of whoever is alone."""
    chance = draws.uniform(_MOTHER_AGE, every)
    at_first_birth = 17.2 + 12 * chance**1.3
    old = draws.uniform(_OLD, every) < np.where(kind == _ALONE, 0.6, 0.7)
    childless = np.where(old, 44 + 38 * chance**1.5, 20 + 18 * chance)
    childless = np.where(risk, 18.2 + 31 * chance, childless)
    age = np.where(children > 0, eldest + at_first_birth, childless)
    return np.where(risk, np.minimum(age, _LAST_BIRTH), age)


def _seat_grandparents(
    draws: Draws,
    every: NDArray[np.int64],
    seats: NDArray[np.bool_],
    years: NDArray[np.float64],
    sexes: NDArray[np.int64],
) -> None:
    home = figures().home
    head = years[:, HEAD]
    first = (
        (head > 22)  # noqa: PLR2004 - years: of heads who have living parents to take in
        & (head < 60)  # noqa: PLR2004
        & (draws.uniform(_GRANDPARENTS, every) < home["grandparents"])
    )
    second = first & (draws.uniform(_BOTH_GRANDPARENTS, every) < home["both_grandparents"])
    seats[:, GRANDPARENT] = first
    seats[:, GRANDPARENT + 1] = second
    sexes[:, GRANDPARENT] = np.where(
        ~second & (draws.uniform(_GRAND_SEX, every) < _GRANDMOTHERS),
        FEMALE,
        MALE,
    )
    sexes[:, GRANDPARENT + 1] = FEMALE
    older = draws.between(_GRAND_AGE, every, 20, 34)
    years[:, GRANDPARENT] = np.where(first, head + older, 0.0)
    years[:, GRANDPARENT + 1] = np.where(
        second, head + np.maximum(older - draws.between(_OTHER_GRAND_AGE, every, 0, 7), 18), 0.0
    )


def _shared(draws: Draws, every: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the home before, for those that live in its house."""
    guest = draws.uniform(_SECOND_FAMILY, every) < figures().home["second_family"]
    guest[:1] = False
    guest[1:] &= ~guest[:-1]  # two families in a house, not more
    return np.where(guest, every - 1, -1)
