"""Where families live: kecamatan, desa, RT, RW, street, and the companion team of a family.

Codes are built as Kemendagri builds them; the desa below the real kecamatan are made up.

>>> import numpy as np
>>> villages = all_villages()
>>> villages.codes[0], villages.names[0], len(villages.codes)
('6408012001', 'Suka Makmur', 141)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl.lab.families.draws import PLACES, Draws
from pprl.lab.families.model import places

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VILLAGE, _STREET, _HOUSE, _RT, _RW, _TEAM = range(6)
_MOVES = 8  # slots between one address of a family and its next
_RTS, _RWS = 24, 6


@dataclass(frozen=True)
class Villages:
    """All desa of the area, kecamatan by kecamatan."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    districts: NDArray[np.int64]  # per desa: its kecamatan, a place in ``places().districts``
    shares: NDArray[np.float64]  # per desa: share of families


class Addresses(NamedTuple):
    """Addresses of families, one element each."""

    village: NDArray[np.int64]
    street: NDArray[np.int64]
    house: NDArray[np.int64]
    rt: NDArray[np.int64]
    rw: NDArray[np.int64]
    team: NDArray[np.int64]

    def take(self, which: NDArray[np.int64]) -> Addresses:
        """Return the addresses of some families."""
        return Addresses(*(column[which] for column in self))

    def where(self, condition: NDArray[np.bool_], other: Addresses) -> Addresses:
        """Return these addresses where ``condition`` holds, else the other ones."""
        pairs = zip(self, other, strict=True)
        return Addresses(*(np.where(condition, mine, theirs) for mine, theirs in pairs))


@cache
def all_villages() -> Villages:
    """Build the desa; the first ones of a kecamatan are the largest."""
    facts = places()
    codes: list[str] = []
    names: list[str] = []
    districts: list[int] = []
    shares: list[float] = []
    for number, district in enumerate(facts.districts):
        weights = 1 / (np.arange(district.villages) + 2.0)
        shares += (district.weight * weights / weights.sum()).tolist()
        for village in range(district.villages):
            place = len(codes)
            first = facts.village_first[place % len(facts.village_first)]
            turn = place // len(facts.village_first) + place
            names.append(f"{first} {facts.village_last[turn % len(facts.village_last)]}")
            codes.append(f"{district.code}{2001 + village}")
            districts.append(number)
    total = np.array(shares)
    return Villages(tuple(codes), tuple(names), np.array(districts), total / total.sum())


def make_addresses(
    seed: np.uint64, move: int, homes: NDArray[np.int64], families_in_all: int
) -> Addresses:
    """Return the address of each home before any move (``move`` 0) or after one."""
    draws, first = Draws(seed, PLACES), _MOVES * move
    villages, facts = all_villages(), places()
    village = draws.choice(first + _VILLAGE, homes, villages.shares.tolist())
    teams = np.maximum(villages.shares * families_in_all / facts.families_per_team, 1.0)

    def upto(slot: int, bound: float | NDArray[np.float64]) -> NDArray[np.int64]:
        return (draws.uniform(first + slot, homes) * bound).astype(np.int64)

    return Addresses(
        village=village,
        street=upto(_STREET, len(facts.streets)),
        house=1 + upto(_HOUSE, 150),
        rt=1 + upto(_RT, _RTS),
        rw=1 + upto(_RW, _RWS),
        team=1 + upto(_TEAM, np.floor(teams[village])),
    )


def other_village(
    seed: np.uint64, slot: int, homes: NDArray[np.int64], village: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return a neighbouring desa for each home: mostly of the same kecamatan."""
    villages = all_villages()
    coin = Draws(seed, PLACES).uniform(64 + slot, homes)
    shift = np.where(coin < 0.5, 1, -1)  # noqa: PLR2004 - a fair coin
    found = village + shift
    outside = (found < 0) | (found >= villages.districts.size)
    return np.where(outside, village - shift, found)
