"""Hide counts that are too small, and others until the margins don't give them away.

*Primary*: every count below the minimum, of the overlap and of both sides of it. Zeros too, unless
the rule shows them: that nobody of a desa was found in desil 1 says something about everyone there.

*Complementary*: a hidden count is often the difference of two published ones. For each hidden cell
the smallest and the largest value that any possible table gives it have to lie at least the minimum
apart: for everyone who has all that is published and the registers that he is taken to know, over
the hierarchy of places, all columns and all linked tables together. Where they don't, the cheapest
further cells are hidden. A cell that was narrower beforehand (a register has 4 people in the desa)
stays exactly as wide as it was: publishing gives nothing away about it.

How: for each cell in turn the linear program of :mod:`pprl.disclose.moves` looks for another
possible table, in which published cells may move at a price that grows with their size; those that
moved are hidden. This is the heuristic of Kelly, Golden and Assad (1992) in the general form of
Fischetti and Salazar (2001), with two changes. What is kept for a cell is not a pattern but two
possible tables in whole numbers, so one found for a cell serves all cells that it moves, and hiding
more can't make it wrong. And a table is moved inside one place at a time (the children of a
kecamatan among each other), which keeps programs small; what moves a place as a whole is carried on
into the places inside it. Only where that isn't enough are larger parts of the hierarchy taken.

What is safe with exact counts around it is safe with rounded ones, which say less, so rounding has
no influence on what is hidden.

Not protected: what an attacker concludes from knowing this procedure rather than from the numbers,
and what two publications say together. See docs/concepts/small-cells.md.

>>> import pyarrow as pa
>>> from pprl.disclose.counts import count
>>> from pprl.disclose.shape import Shape
>>> villages = [f"64080120{number:02}" for number in range(1, 4)]
>>> rows = {"overlap": (4, 30, 50), "left_only": (40, 50, 60), "right_only": (20, 30, 40)}
>>> table = count(Shape(place="village", levels=(10,)), **{
...     part: pa.table({"village": [v for v, n in zip(villages, counts) for _ in range(n)]})
...     for part, counts in rows.items()})
>>> suppress(table).published().values[:, :3].tolist()  # overlap, left only, right only; -1: hidden
[[84, 150, 90], [-1, -1, -1], [-1, -1, -1], [50, 60, 40]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.disclose.moves import UNLIMITED, Goal, System, find_move, is_possible
from pprl.disclose.published import HIDDEN, Published, Rule, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.disclose.counts import CrossTable

_UP, _DOWN = 1, -1
_MOST_SPREADS = 16
_MOST_AT_ONCE = 10_000  # variables: some tenths of a second
_IN_A_ROW, _AGAIN = 4, 4  # high places widened one by one, then turns for all inside
_FEW = 8  # so many cells are as quickly widened one by one


@dataclass(frozen=True)
class Suppressed:
    """A table and what of it is hidden. Holds the exact counts: not for publication.

    Attributes
    ----------
    table, rule
        As given.
    primary
        ``bool (places, columns)``: hidden because the count is small.
    hidden
        ``bool (places, columns)``: hidden at all.
    """

    table: CrossTable
    rule: Rule
    primary: Flags
    hidden: Flags

    def published(self) -> Published:
        """Return what may leave."""
        known = self.table.shape.known_columns
        values = np.where(known, self.table.values, rounded(self.table.values, self.rule.step))
        values[self.hidden] = HIDDEN
        return Published(self.table.shape, self.table.places, self.rule, values)


def suppress(
    table: CrossTable, rule: Rule | None = None, *, complementary: bool = True
) -> Suppressed:
    """Choose the cells to hide.

    Parameters
    ----------
    rule
        Minimum, rounding and zeros; :class:`~pprl.disclose.published.Rule` as it is by default.
    complementary
        False hides small counts alone, which doesn't protect them; for showing just that.

    Raises
    ------
    LimitError
        The solver gave up on a linear program, which no table tried so far made it do.

    Notes
    -----
    The same table gives the same cells. Costs some milliseconds for each hidden cell that isn't
    protected by the others anyway: docs/concepts/small-cells.md has times.
    """
    rule = rule or Rule()
    values = table.values
    primary = (values < rule.minimum) & ~table.shape.known_columns
    if rule.zeros == "show":
        primary &= values > 0
    search = _Search(table, rule, primary)
    if complementary:
        search.run()
    return Suppressed(table, rule, primary, search.hidden)


class _Search:
    """Hides cells until all hidden ones are protected.

    ``up`` and ``down`` are how far possible tables found so far go from the exact count, for each
    cell. They, and what is hidden, only ever grow.
    """

    def __init__(self, table: CrossTable, rule: Rule, primary: Flags) -> None:
        self.places = table.places
        self.values = table.values
        self.hidden = primary.copy()
        self.up = np.zeros_like(self.values)
        self.down = np.zeros_like(self.values)
        members, known = table.shape.members, table.shape.known_columns
        self.add = members.T.astype(np.int64)
        self.most, width = _limits(table)
        self.needed = np.minimum(width, rule.minimum)
        self.needed[:, known] = 0
        self.system = System(
            table.places, members, table.kinds, self.most, known, _cost(self.values)
        )

    def run(self) -> None:
        """Protect every hidden cell; places inside others come later, and may add to them."""
        self._hide_twins()
        parts = list(self._parts(0))
        part_of = {row: index for index, (_, rows) in enumerate(parts) for row in rows[1:].tolist()}
        for top, rows in parts:
            self._spread(rows, is_free=top == 0)
        while len(open_cells := self._open()):
            family = self.places.parent[open_cells[:, 0]]
            first = int(family.min())
            is_lowest = first >= 0 and self._is_lowest(first)
            if is_lowest:
                self._spread(self._family(first), is_free=False)
            widened = 0
            for row, column in open_cells[family == first].tolist():
                if not self._is_open(row, column):
                    continue
                is_far = self._protect(row, column) or not is_lowest
                widened += is_far
                if is_far and widened % _IN_A_ROW == 0 and row in part_of:
                    top, rows = parts[part_of[row]]
                    self._spread(rows, is_free=top == 0, turns=_AGAIN)

    def _hide_twins(self) -> None:
        """Hide what together with a hidden cell is a known number: one shown is the other shown."""
        members, known = self.system.members, self.system.known
        for total in members[known]:
            for one in np.flatnonzero(~known).tolist():
                rest = total & ~members[one]
                if (members[one] & ~total).any():
                    continue
                for other in np.flatnonzero((members == rest).all(axis=1) & ~known).tolist():
                    self.hidden[:, other] |= self.hidden[:, one] & (self.needed[:, one] > 0)

    def _open(self) -> Counts:
        return np.argwhere(self.hidden & (self.up + self.down < self.needed)).astype(np.int64)

    def _is_open(self, row: int, column: int) -> bool:
        reached = self.up[row, column] + self.down[row, column]
        return bool(self.hidden[row, column] and reached < self.needed[row, column])

    def _is_lowest(self, row: int) -> bool:
        return bool(self.places.is_leaf[self.places.children[row]].all())

    def _parts(self, top: int) -> Iterator[tuple[int, Counts]]:
        """Yield the largest parts of the hierarchy that are small enough to be moved as a whole."""
        rows, last = [np.array([top])], self.places.children[top]
        while len(last):
            rows.append(last)
            last = np.concatenate([self.places.children[row] for row in last.tolist()])
        part = np.concatenate(rows).astype(np.int64)
        if len(part) * self.add.shape[0] <= _MOST_AT_ONCE:
            yield top, part
        else:
            for child in self.places.children[top].tolist():
                yield from self._parts(child)

    def _spread(self, rows: Counts, *, is_free: bool, turns: int = _MOST_SPREADS) -> None:
        """Move many cells at once, up and down, without hiding more; the top only if it is free."""
        top = None if is_free else np.zeros(self.add.shape[0], dtype=np.int64)
        inside = rows if is_free else rows[1:]
        before = (0, 0)
        for turn in range(turns):
            cells = self._open()
            cells = cells[np.isin(cells[:, 0], inside)]
            goals = [
                Goal(row, column, _sign(row, column, turn), int(self.needed[row, column]))
                for row, column in cells.tolist()
            ]
            if len(goals) <= _FEW or before == (len(goals), len(goals)):  # two turns for nothing
                return
            before = (before[1], len(goals))
            move = find_move(self.system, rows, self.hidden, goals, top=top, hide_more=False)
            if move is not None:
                self._note(rows, move)

    def _protect(self, row: int, column: int) -> bool:
        """Widen one cell, in the smallest part of the hierarchy that can; whether it was far."""
        for number, (rows, is_free) in enumerate(self._regions(row)):
            self._widen(row, column, rows, is_free=is_free)
            if not self._is_open(row, column):
                return number > 0
        everything = np.arange(len(self.places))
        self._widen(row, column, everything, is_free=True, at_any_price=True)
        # Nothing published was in the way, so it wasn't wider before.
        reached = self.up[row, column] + self.down[row, column]
        self.needed[row, column] = min(reached, self.needed[row, column])
        return True

    def _regions(self, row: int) -> Iterator[tuple[Counts, bool]]:
        """Yield places to move: near ones, then those around, at last all; whether the top does."""
        top = int(self.places.parent[row])
        path: list[Counts] = [np.array([row]), self.places.children[row]] if top < 0 else []
        while top >= 0:
            path += [self._family(top)]
            rows = np.unique(np.concatenate(path))
            top = int(self.places.parent[top])
            yield rows, False
        yield np.unique(np.concatenate(path)), True
        yield np.arange(len(self.places)), True

    def _family(self, top: int) -> Counts:
        return np.concatenate([[top], self.places.children[top]]).astype(np.int64)

    def _widen(
        self, row: int, column: int, rows: Counts, *, is_free: bool, at_any_price: bool = False
    ) -> None:
        top = None if is_free else np.zeros(self.add.shape[0], dtype=np.int64)
        for sign in (_UP, _DOWN):
            missing = self.needed[row, column] - (
                self.down[row, column] if sign == _UP else self.up[row, column]
            )
            reached = self.up[row, column] if sign == _UP else self.down[row, column]
            if missing <= reached:
                return
            goal = Goal(row, column, sign, int(missing))
            move = find_move(
                self.system, rows, self.hidden, [goal],
                top=top, hide_more=True, at_any_price=at_any_price,
            )  # fmt: skip
            if move is None or not move.any():
                continue
            whole = self._carried(rows, move)
            if whole is not None:
                self._hide_moved(*whole)
                self._note(*whole)

    def _carried(self, rows: Counts, move: Counts) -> tuple[Counts, Counts] | None:
        """Return a move with what it does to the places inside; None where that is impossible."""
        all_rows, all_moves = [rows], [move]
        moving = set(rows.tolist())
        for row, change in zip(rows.tolist(), move, strict=True):
            children = self.places.children[row]
            if not len(children) or children[0] in moving or not change.any():
                continue
            family = self._family(row)
            below = find_move(self.system, family, self.hidden, [], top=change, hide_more=True)
            inside = None if below is None else self._carried(family, below)
            if inside is None:
                return None
            all_rows.append(inside[0][1:])  # the place itself is there already
            all_moves.append(inside[1][1:])
        joined = np.concatenate(all_rows)
        order = np.argsort(joined)
        return joined[order], np.concatenate(all_moves)[order]

    def _hide_moved(self, rows: Counts, move: Counts) -> None:
        self.hidden[rows] |= move @ self.add != 0

    def _note(self, rows: Counts, move: Counts) -> None:
        """Keep how far a possible table goes, after checking that it is one."""
        if not is_possible(self.system, rows, move, self.hidden, top=None):
            message = "a move that doesn't look the same"
            raise AssertionError(message)
        change = move @ self.add
        self.up[rows] = np.maximum(self.up[rows], change)
        self.down[rows] = np.maximum(self.down[rows], -change)


def _limits(table: CrossTable) -> tuple[Counts, Counts]:
    """Return the most of each kind, and how wide a column can be at most, before publication.

    Both follow from the registers that are known, place by place, and are limits: a cell may in
    truth be narrower.
    """
    members, known = table.shape.members, table.shape.known_columns
    leaves = table.places.is_leaf
    values = table.values[leaves]
    totals = [(members[index], values[:, index]) for index in np.flatnonzero(known).tolist()]
    most = np.full((int(leaves.sum()), members.shape[1]), UNLIMITED, dtype=np.int64)
    for of, total in totals:
        most[:, of] = np.minimum(most[:, of], total[:, None])

    def at_most(kinds: Flags) -> Counts:
        sums: Counts = np.minimum(most[:, kinds].sum(axis=1), UNLIMITED)
        for of, total in totals:
            if not (kinds & ~of).any():
                sums = np.minimum(sums, total)
        return sums

    width = np.empty(values.shape, dtype=np.int64)
    for index, kinds in enumerate(members):
        width[:, index] = at_most(kinds)
        for of, _ in totals:
            if not (kinds & ~of).any():  # what the others of a known total can't be, it can't
                width[:, index] = np.minimum(width[:, index], at_most(of & ~kinds))
    all_most, all_width = np.zeros_like(table.kinds), np.zeros_like(table.values)
    all_most[leaves], all_width[leaves] = most, width
    return table.places.summed(all_most), table.places.summed(all_width)


def _cost(values: Counts) -> Counts:
    """Return what hiding a cell costs: more for more people, and seldom as much as for others."""
    bits = np.log2(2.0 + values)
    rows, columns = np.indices(values.shape)
    tie = (rows * 31 + columns * 17) % 13
    cost: Counts = np.rint(bits * 64).astype(np.int64) + tie
    return cost


def _sign(row: int, column: int, turn: int) -> int:
    """Return up or down for a cell; the other one at the next turn, other patterns after that."""
    mixed = (row * 2_654_435_761 + column * 2_246_822_519 + turn // 2 * 3_266_489_917) >> 13
    return _UP if (mixed + turn) % 2 else _DOWN
