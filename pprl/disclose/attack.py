"""The attacker: what whoever reads a publication can conclude about a hidden cell.

He knows what is published, how it was rounded, that counts are whole and never negative, that a
published count other than zero isn't below the minimum, and the registers that he is taken to know.
For every hidden cell he solves for its smallest and its largest value over all tables that agree
with it, as a program in whole numbers: his interval is exact, and nobody who knows the same has a
narrower one. He has never seen :mod:`pprl.disclose.suppression` and shares nothing with it but the
layout of the table.

>>> import numpy as np, pyarrow as pa
>>> from pprl.disclose.counts import count
>>> from pprl.disclose.shape import Shape
>>> from pprl.disclose.suppression import suppress
>>> villages = {"6408012001": 4, "6408012002": 50}
>>> people = pa.table({"village": [v for v, n in villages.items() for _ in range(n)]})
>>> shape = Shape(place="village", levels=(10,), known={})
>>> table = count(shape, overlap=people, left_only=people, right_only=people)
>>> [finding.low for finding in findings(suppress(table, complementary=False).published())][:3]
[4, 4, 4]
>>> findings(suppress(table).published())
[]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from pprl.disclose.published import HIDDEN
from pprl.errors import LimitError

if TYPE_CHECKING:
    from pprl.decide.assignment import Flags
    from pprl.disclose.places import Places
    from pprl.disclose.published import Published
    from pprl.disclose.shape import Column

_OPTIMAL = 0


@dataclass(frozen=True)
class Finding:
    """A hidden cell that a publication gives away.

    Attributes
    ----------
    place, column
        The cell.
    low, high
        The smallest and the largest count that it can be.
    before
        How wide the interval was without the publication; at most the minimum is worked out.
    """

    place: str
    column: Column
    low: int
    high: int
    before: int


class Attack:
    """A publication under attack; answers questions about its cells.

    Parameters
    ----------
    published
        What left. Exact counts aren't in it.
    use_published
        False forgets the publication and keeps what was known before.
    """

    def __init__(self, published: Published, *, use_published: bool = True) -> None:
        shape, places = published.shape, published.places
        low, high = published.bounds()
        used = np.broadcast_to(shape.known_columns, low.shape).copy()
        if use_published:
            used |= published.values != HIDDEN
        below = _leaves_below(places)
        self._cells = sparse.kron(below, shape.members.astype(np.float64)).tocsr()
        given = np.flatnonzero(used)
        self._constraint = LinearConstraint(
            self._cells[given], low.reshape(-1)[given], high.reshape(-1)[given]
        )
        # A kind that no number shown limits can be anything: this much is as good as that.
        self._ceiling = int(high.max(initial=0)) + 10 * published.rule.minimum
        self._n_columns = len(shape.columns)
        self.smallest = np.full(low.shape, np.iinfo(np.int64).max)
        self.largest = np.full(low.shape, -1, dtype=np.int64)

    def interval(self, row: int, column: int) -> tuple[int, int]:
        """Return the smallest and the largest count of a cell.

        Cells met on the way are remembered in ``smallest`` and ``largest``: values that they
        certainly can have.
        """
        cell = row * self._n_columns + column
        return self._extreme(cell, 1), self._extreme(cell, -1)

    def _extreme(self, cell: int, sign: int) -> int:
        n_kinds = self._cells.shape[1]
        result = milp(
            sign * self._cells[[cell]].toarray().reshape(-1),
            integrality=np.ones(n_kinds, dtype=np.int64),
            bounds=Bounds(np.zeros(n_kinds), np.full(n_kinds, float(self._ceiling))),
            constraints=[self._constraint],
            options={"mip_rel_gap": 0},
        )
        if result.status != _OPTIMAL or result.x is None:
            raise LimitError("disclose.unsolved")
        table = self._cells @ np.rint(result.x)
        table = np.asarray(table, dtype=np.int64).reshape(self.smallest.shape)
        self.smallest = np.minimum(self.smallest, table)
        self.largest = np.maximum(self.largest, table)
        return int(table.reshape(-1)[cell])


def findings(published: Published) -> list[Finding]:
    """Return the hidden cells that are narrower than the minimum through the publication.

    Raises
    ------
    LimitError
        The solver gave up.

    Notes
    -----
    Two programs in whole numbers for most hidden cells: seconds for hundreds of them.
    """
    minimum = published.rule.minimum
    attack = Attack(published)
    before = Attack(published, use_published=False)
    found = []
    hidden: Flags = (published.values == HIDDEN) & ~published.shape.known_columns
    for row, column in np.argwhere(hidden).tolist():
        if attack.largest[row, column] - attack.smallest[row, column] >= minimum:
            continue
        low, high = attack.interval(row, column)
        if high - low >= minimum:
            continue
        first, last = before.interval(row, column)
        if high - low < min(minimum, last - first):
            cell = published.shape.columns[column]
            found.append(Finding(published.places.codes[row], cell, low, high, last - first))
    return found


def _leaves_below(places: Places) -> sparse.csr_array:
    """Return which of the lowest places lie in each place."""
    leaves = np.flatnonzero(places.is_leaf)
    at_row: list[int] = []
    at_column: list[int] = []
    for column, leaf in enumerate(leaves.tolist()):
        row = leaf
        while row >= 0:
            at_row.append(row)
            at_column.append(column)
            row = int(places.parent[row])
    ones = np.ones(len(at_row))
    return sparse.csr_array((ones, (at_row, at_column)), shape=(len(places), len(leaves)))
