"""Places in places: the rows of a table, from the whole down to the desa.

Only codes are known here; what a place is called is somebody else's business.

>>> places = Places.of(["6408012001", "6408012002", "6408022001"], (2, 4, 6, 10))
>>> [(code, int(parent)) for code, parent in zip(places.codes, places.parent, strict=True)]
... # doctest: +NORMALIZE_WHITESPACE
[('', -1), ('64', 0), ('6408', 1), ('640801', 2), ('640802', 2),
 ('6408012001', 3), ('6408012002', 3), ('6408022001', 4)]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags


@dataclass(frozen=True)
class Places:
    """A tree of places, those of a level after those of the level above, each level by code.

    Attributes
    ----------
    codes
        Code of each place; the whole is ``""`` and comes first.
    parent
        ``int64``: row of the place that each lies in, -1 for the whole.
    level
        ``int64``: 0 for the whole, 1 for the first level, and so on.
    """

    codes: tuple[str, ...]
    parent: Counts
    level: Counts

    @classmethod
    def of(cls, leaves: Iterable[str], levels: Sequence[int]) -> Places:
        """Return the tree over codes of the lowest level."""
        lowest = set(leaves)
        codes = [""]
        parent = [-1]
        level = [0]
        above = {"": 0}
        for depth, digits in enumerate(levels, start=1):
            here: dict[str, int] = {}
            shorter = levels[depth - 2] if depth > 1 else 0
            for code in sorted({leaf[:digits] for leaf in lowest}):
                here[code] = len(codes)
                codes.append(code)
                parent.append(above[code[:shorter]])
                level.append(depth)
            above = here
        return cls(tuple(codes), np.array(parent, dtype=np.int64), np.array(level, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def children(self) -> tuple[Counts, ...]:
        """Rows of the places that lie directly in each place."""
        below: list[list[int]] = [[] for _ in self.codes]
        for row, parent in enumerate(self.parent.tolist()):
            if parent >= 0:
                below[parent].append(row)
        return tuple(np.array(rows, dtype=np.int64) for rows in below)

    @cached_property
    def is_leaf(self) -> Flags:
        """``bool``: the places with none inside."""
        return np.array([not len(rows) for rows in self.children], dtype=np.bool_)

    def summed(self, values: Counts) -> Counts:
        """Return values of the lowest places added up into all places that they lie in.

        Parameters
        ----------
        values
            ``(rows, n)``; rows of places with others inside are overwritten in a copy.
        """
        total = values.copy()
        total[~self.is_leaf] = 0
        for row in range(len(self) - 1, 0, -1):  # lower levels come later
            total[self.parent[row]] += total[row]
        return total
