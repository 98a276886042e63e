"""What two registers know differently about one family: moves, splits, deaths, births.

One in six families of both registers has a new family card in only one of them. Some moved; of
some a part got a card of its own (in DTSEN, which follows the civil registry); of some the head
died and one register still lists him. Each difference has one side that is out of date.

>>> import numpy as np
>>> from pprl.lab.families.homes import make_homes
>>> from pprl.lab.families.people import make_people
>>> homes = make_homes(np.uint64(7), 500, at_risk=200)
>>> people = make_people(np.uint64(7), homes, np.zeros(500, np.int64))
>>> changes = make_changes(np.uint64(7), homes, people, common=180, damage="dirty", split_most=50)
>>> int(changes.new_card.sum()), int(changes.splits)
(30, 9)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.lab.families.draws import CHANGES, Draws, first_of
from pprl.lab.families.homes import CHILDREN, FIRST_CHILD, GRANDPARENT, HEAD, SPOUSE
from pprl.lab.families.model import figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.damage import Damage
    from pprl.lab.families.homes import Homes
    from pprl.lab.families.people import People

KRS, DTSEN = 0, 1  # the two sides

_DEAD, _DEAD_SIDE, _SPLIT, _STILL, _MOVED, _MOVED_SIDE, _NO_NIK, _BABY_NIK, _BABY = range(9)
_GRANDPARENT_DEAD, _FORGOTTEN = 16, 17
_GROWN = 17


@dataclass(frozen=True)
class Changes:
    """Differences; arrays of homes, or of persons where it says so."""

    new_card: NDArray[np.bool_]  # another family card in the register of ``side``
    moved: NDArray[np.bool_]  # and another address there
    headless: NDArray[np.bool_]  # the head died, known to the register of ``side``
    split: NDArray[np.bool_]  # a part has its own card in DTSEN
    side: NDArray[np.int64]  # KRS or DTSEN: where the new card is
    part: NDArray[np.int64]  # persons: number of the part that left with this person, or -1
    still_listed: NDArray[np.bool_]  # persons who left and are listed in both families
    dead_in: NDArray[np.int64]  # persons: the side that lists a dead person, -1 for the living
    unlisted: NDArray[np.bool_]  # (2, persons): forgotten by this side
    without_nik: NDArray[np.bool_]  # persons

    @property
    def splits(self) -> int:
        """Number of parts with a card of their own."""
        return int(self.split.sum())


def make_changes(
    seed: np.uint64, homes: Homes, people: People, common: int, damage: Damage, split_most: int
) -> Changes:
    """Decide what happened to the first ``common`` homes, with ``split_most`` splits at most."""
    rates, draws, every = figures().changes, Draws(seed, CHANGES), np.arange(len(homes.seats))
    both = every < common
    dead_rate = figures().by_state["headed_by_deceased"][damage]
    married = homes.seats[:, SPOUSE]
    headless = first_of(
        draws.uniform(_DEAD, every), both & married & ~homes.pregnant, round(dead_rate * common)
    )
    leaving = _leaving(homes, people)
    split = first_of(
        draws.uniform(_SPLIT, every),
        both & ~headless & leaving.any(axis=1),
        min(round(rates["split"] * common), split_most),
    )
    left = round(rates["new_kk"] * common) - int(headless.sum()) - int(split.sum())
    moved = first_of(draws.uniform(_MOVED, every), both & ~headless & ~split, max(left, 0))
    side = np.where(draws.uniform(_MOVED_SIDE, every) < 0.5, KRS, DTSEN)  # noqa: PLR2004 - a fair coin
    side[split] = DTSEN
    part = np.full(people.size, -1, np.int64)
    numbers = np.cumsum(split) - 1
    home, seat = np.nonzero(leaving & split[:, None])
    part[people.number[home, seat]] = numbers[home]
    persons = np.arange(people.size)
    still = (part >= 0) & (draws.uniform(_STILL, persons) < rates["still_listed"])
    return Changes(
        new_card=headless | split | moved,
        moved=moved,
        headless=headless,
        split=split,
        side=side,
        part=part,
        still_listed=still,
        dead_in=_dead(draws, people, common, damage, headless, side, part),
        unlisted=_unlisted(draws, people, common),
        without_nik=_without_nik(draws, homes, people),
    )


def _leaving(homes: Homes, people: People) -> NDArray[np.bool_]:
    """Return who would leave: grandparents, else the grown eldest child, else wife and youngest."""
    every = np.arange(len(homes.seats))
    leaving = np.zeros(homes.seats.shape, np.bool_)
    leaving[:, GRANDPARENT:] = homes.seats[:, GRANDPARENT:]
    stay = ~leaving.any(axis=1)
    eldest = people.number[:, FIRST_CHILD]
    grown = stay & (eldest >= 0) & (people.ages[eldest] >= _GROWN)
    leaving[:, FIRST_CHILD] = grown
    children = homes.seats[:, FIRST_CHILD : FIRST_CHILD + CHILDREN].sum(axis=1)
    parted = stay & ~grown & homes.seats[:, SPOUSE] & (children > 1)
    leaving[parted, SPOUSE] = True
    leaving[every[parted], (FIRST_CHILD + children - 1)[parted]] = True
    return leaving


def _dead(
    draws: Draws,
    people: People,
    common: int,
    damage: Damage,
    headless: NDArray[np.bool_],
    side: NDArray[np.int64],
    part: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return for each person the side that doesn't know of the death, or -1."""
    dead = np.full(people.size, -1, np.int64)
    heads = people.number[headless, HEAD]
    dead[heads] = 1 - side[headless]
    rate = figures().by_state["headed_by_deceased"][damage]
    old = (people.home < common) & (people.seat >= GRANDPARENT) & (part < 0)
    gone = old & (draws.uniform(_GRANDPARENT_DEAD, np.arange(people.size)) < rate)
    dead[gone] = DTSEN
    # A home keeps somebody: those whose head died lose nobody else.
    dead[headless[people.home] & (people.seat != HEAD)] = -1
    return dead


def _unlisted(draws: Draws, people: People, common: int) -> NDArray[np.bool_]:
    rates, persons = figures().changes, np.arange(people.size)
    unlisted = np.zeros((2, people.size), np.bool_)
    other = (people.seat != HEAD) & (people.seat != SPOUSE)
    for side in (KRS, DTSEN):
        unlisted[side] = other & (draws.uniform(_FORGOTTEN + side, persons) < rates["unlisted"])
    baby = (people.ages < 1) & (people.home < common) & other
    unlisted[DTSEN] |= baby & (draws.uniform(_BABY, persons) < rates["newborn_unlisted"])
    # The risk factors of KRS are about these.
    unlisted[KRS] &= people.ages >= 5  # noqa: PLR2004 - years
    return unlisted


def _without_nik(draws: Draws, homes: Homes, people: People) -> NDArray[np.bool_]:
    rates, every = figures().changes, np.arange(len(homes.seats))
    without = (people.ages < 1) & (
        draws.uniform(_BABY_NIK, np.arange(people.size)) < rates["newborn_without_nik"]
    )
    chosen = homes.seats[:, SPOUSE] & homes.seats[:, FIRST_CHILD]
    chosen &= draws.uniform(_NO_NIK, every) < rates["mother_without_nik"]
    without[people.number[chosen, SPOUSE]] = True
    return without
