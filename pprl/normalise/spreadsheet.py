"""Did a column of NIKs go through a spreadsheet? Asked of the column, not of a record.

Excel keeps 15 significant digits, so every NIK that it has touched as a number ends in 0. Serials
are given out in order, so about one in ten ends in 0; a column where more than 30% do was damaged.
One NIK can't tell. Tallies of chunks add up.

>>> damage = spreadsheet_damage(SpreadsheetTally(values=1000, ending_in_zero=990, scientific=0))
>>> damage.damaged, damage.share
(True, 0.99)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from pprl.normalise.nik_kernel import DAMAGED_LAST_DIGIT, DIGITS, SCIENTIFIC

if TYPE_CHECKING:
    from pprl.normalise.nik import NikColumn

DAMAGED_SHARE = 0.30
MIN_VALUES = 50
"""Below this many values a share says nothing."""
_ZERO = ord("0")


@dataclass(frozen=True)
class SpreadsheetTally:
    """Counts over NIKs: those of 16 digits, those among them ending in 0, scientific notation."""

    values: int = 0
    ending_in_zero: int = 0
    scientific: int = 0

    def __add__(self, other: SpreadsheetTally) -> SpreadsheetTally:
        return SpreadsheetTally(
            self.values + other.values,
            self.ending_in_zero + other.ending_in_zero,
            self.scientific + other.scientific,
        )

    @classmethod
    def of(cls, column: NikColumn) -> Self:
        """Count over one chunk."""
        whole = column.length == DIGITS
        scientific = (column.flags & SCIENTIFIC) != 0
        # Serial 0000 ended in 0 too, and keeps only 15 digits for that reason.
        no_serial = (column.status == DAMAGED_LAST_DIGIT) & ~scientific
        ends_in_zero = whole & (column.digits[:, DIGITS - 1] == _ZERO)
        return cls(
            values=int(np.count_nonzero(whole | no_serial)),
            ending_in_zero=int(np.count_nonzero(ends_in_zero | no_serial)),
            scientific=int(np.count_nonzero(scientific)),
        )


@dataclass(frozen=True)
class SpreadsheetDamage:
    """The verdict on a column.

    Attributes
    ----------
    values
        NIKs of 16 digits.
    share
        How many of them end in 0, in [0, 1].
    scientific
        NIKs in scientific notation: one is proof enough.
    damaged
        Whether the column should be exported again, as text.
    """

    values: int
    share: float
    scientific: int
    damaged: bool


def spreadsheet_damage(found: NikColumn | SpreadsheetTally) -> SpreadsheetDamage:
    """Judge a column, or the tally of all its chunks."""
    tally = found if isinstance(found, SpreadsheetTally) else SpreadsheetTally.of(found)
    share = tally.ending_in_zero / tally.values if tally.values else 0.0
    many = tally.values >= MIN_VALUES and share > DAMAGED_SHARE
    return SpreadsheetDamage(tally.values, share, tally.scientific, many or tally.scientific > 0)
