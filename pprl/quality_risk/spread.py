"""How records spread over the values of something: who is alone with a value, who is one of many.

Works on seeded hashes, 0 for no value; it never sees the values themselves.

>>> spread(np.array([7, 7, 9, 0], dtype=np.uint64))
Spread(records=3, different=2, alone=1, few=2, repeated=2, largest=2)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    UInt64 = NDArray[np.uint64]

FEW = 4
"""Up to so many records with the same value are few."""
MIXED = np.uint64(0x9FB21C651E98DF25)


@dataclass(frozen=True)
class Spread:
    """How records spread over the values of something.

    Attributes
    ----------
    records
        Those that have a value.
    different
        Different values.
    alone
        Records whose value nobody else has.
    few
        Records whose value two to four have.
    repeated
        Records whose value somebody else has as well.
    largest
        Records with the most frequent value.
    """

    records: int
    different: int
    alone: int
    few: int
    repeated: int
    largest: int


def together(columns: Sequence[UInt64]) -> UInt64:
    """Return one number for each record's combination; 0 where a part is missing."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    there = np.ones(len(mixed), dtype=np.bool_)
    for each in columns:
        mixed = (mixed ^ each) * MIXED
        mixed ^= mixed >> np.uint64(32)
        there &= each != 0
    return np.where(there, np.maximum(mixed, 1), 0)


def spread(values: UInt64) -> Spread:
    """Return how the records that have a value spread; ``uint64 (n,)``, 0 for none."""
    _, counts = np.unique(values[values != 0], return_counts=True)
    alone = int(np.count_nonzero(counts == 1))
    return Spread(
        records=int(counts.sum()),
        different=len(counts),
        alone=alone,
        few=int(counts[(counts > 1) & (counts <= FEW)].sum()),
        repeated=int(counts.sum()) - alone,
        largest=int(counts.max(initial=0)),
    )


def in_groups(values: UInt64, more_than: int) -> Flags:
    """Return which records share their value with so many others, themselves counted."""
    different, counts = np.unique(values[values != 0], return_counts=True)
    return np.isin(values, different[counts > more_than])
