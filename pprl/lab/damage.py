"""What goes wrong in registers, and how often: the kinds of damage and their rates.

The rates are data (``tables/damage.toml``), one table for each state of the registers. How a kind
of damage changes a value is in :mod:`pprl.lab.writing` (names) and :mod:`pprl.lab.records` (the
rest).

>>> kinds_text(0), kinds_text(1 << Kind.NIK_TYPO | 1 << Kind.SEX_WRONG)
('', 'nik_typo;sex_wrong')
"""

from __future__ import annotations

import tomllib
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np

from pprl._jit import compiled
from pprl.lab.names import TABLES
from pprl.lab.randomness import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

Damage = Literal["dirty", "clean"]


class Kind(IntEnum):
    """One kind of damage: its bit in a record's mask and its row in the rates."""

    NIK_MISSING = 0
    NIK_INVALID = 1
    NIK_DUPLICATE = 2
    NIK_LAST_DIGIT_ZERO = 3
    NIK_SCIENTIFIC = 4
    NIK_TYPO = 5
    NIK_OF_SPOUSE = 6
    NIK_IS_KK = 7
    NIK_WRITTEN_OTHERWISE = 8
    NAME_VARIANT = 9
    NAME_ABBREVIATED = 10
    NAME_NICKNAME = 11
    NAME_TRUNCATED = 12
    NAME_TITLE = 13
    NAME_PATRONYMIC = 14
    NAME_ORDER = 15
    NAME_SPACING = 16
    NAME_TYPO = 17
    NAME_APOSTROPHE = 18
    NAME_HYPHEN = 19
    NAME_MISSING = 20
    NAME_CASE = 21
    DATE_DAY_MONTH = 22
    DATE_DEFAULT = 23
    DATE_YEAR = 24
    DATE_MISSING = 25
    SEX_WRONG = 26
    DISTRICT_CHANGED = 27
    SECOND_RECORD = 28


NIK_KINDS = 9  # the first kinds, of which a record has at most one


@compiled
def hit(rates: NDArray[np.float64], key: np.uint64, kind: int) -> bool:
    """Return whether the record of ``key`` suffers this kind; the slot is the kind's number."""
    return bool(uniform(key, kind) < rates[kind])


def rates_of(damage: Damage, party: int) -> NDArray[np.float64]:
    """Return the rate of each kind for the file of one party, shape (kinds,)."""
    table = _table(damage)
    rates = {kind: table.get(kind.name.lower(), 0.0) for kind in Kind}
    if party == 0:
        rates[Kind.NIK_MISSING] = table["nik_missing_first"]
    return np.array([rates[kind] for kind in Kind])


def share_of_duplicates(damage: Damage) -> float:
    """Return the share of a file's rows that are second records of a person."""
    return _table(damage)["duplicates"]


def kinds_text(mask: int) -> str:
    """Return the names of the kinds in a mask, joined by semicolons."""
    return ";".join(kind.name.lower() for kind in Kind if mask >> kind & 1)


def _table(damage: Damage) -> dict[str, float]:
    tables = tomllib.loads(TABLES.joinpath("damage.toml").read_text(encoding="utf-8"))
    return {name: float(rate) for name, rate in tables[damage].items()}
