"""Other tables that look the same: whole numbers that agree with everything that is published.

A *move* is what has to be added to the exact counts of some places to get another possible table.
Two possible tables that differ by at least the minimum in a hidden cell prove that nobody can
narrow it further, whatever they solve: the proof is checked in whole numbers, and no rounding of
the solver counts.

Moves are found by linear programming (HiGHS, through :func:`scipy.optimize.milp`). Where the
corner that it finds isn't whole, it is solved again with whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from pprl.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.disclose.places import Places

UNLIMITED = 1 << 40
"""A count that nothing limits; sums of it still fit into 64 bits."""

_OPTIMAL, _INFEASIBLE = 0, 2
_WHOLE = 1e-6  # how near to a whole number HiGHS comes to one
_REWARD = 1_000_000  # for a step in the wanted direction: more than any hiding costs


@dataclass(frozen=True)
class System:
    """Everything that a table has to agree with.

    Attributes
    ----------
    places
        The rows.
    members
        ``bool (columns, kinds)``: what a column adds up.
    kinds
        ``int64 (places, kinds)``: the exact counts.
    most
        ``int64 (places, kinds)``: no possible table has more.
    known
        ``bool (columns)``: exact counts that the attacker has.
    cost
        ``int64 (places, columns)``: what is lost when a cell is hidden, per unit of movement.
    """

    places: Places
    members: Flags
    kinds: Counts
    most: Counts
    known: Flags
    cost: Counts


@dataclass(frozen=True)
class Goal:
    """A cell that should move.

    Attributes
    ----------
    row, column
        The cell.
    sign
        1 to make it larger, -1 smaller.
    amount
        By how much, at most.
    """

    row: int
    column: int
    sign: int
    amount: int


def find_move(
    system: System,
    rows: Counts,
    hidden: Flags,
    goals: Sequence[Goal],
    *,
    top: Counts | None,
    hide_more: bool,
    at_any_price: bool = False,
) -> Counts | None:
    """Return the cheapest move that brings the cells of ``goals`` as far as possible.

    Parameters
    ----------
    rows
        Places that may move, ascending: a place and, for some of them, all places directly in it.
    hidden
        ``bool (places, columns)``: cells free to move.
    goals
        What is rewarded; none asks for any possible move.
    top
        ``int64 (kinds)``: the move of the first place, which is then given; None leaves it free.
    hide_more
        Whether published cells may move as well, at their cost.
    at_any_price
        Leaves the cost out, so that what is reached is certainly the most there is.

    Returns
    -------
    ``int64 (rows, kinds)``, or None where there is no such move.

    Raises
    ------
    LimitError
        The solver gave up.

    Notes
    -----
    One linear program with rows times kinds variables.
    """
    cost = np.zeros_like(system.cost[rows]) if at_any_price else system.cost[rows]
    program = _program(system, rows, hidden, goals, top=top, cost=cost if hide_more else None)
    for whole in (False, True):
        solution = program.solve(whole=whole)
        if solution is None:
            return None
        move = np.rint(solution).astype(np.int64).reshape(len(rows), -1)
        near = np.abs(solution - move.reshape(-1)).max(initial=0) < _WHOLE
        if near and is_possible(system, rows, move, hidden | hide_more, top=top):
            return move
    raise LimitError("disclose.unsolved")


def is_possible(
    system: System, rows: Counts, move: Counts, free: Flags, *, top: Counts | None
) -> bool:
    """Whether exact counts with a move added are a table that looks the same in these places."""
    kinds = system.kinds[rows] + move
    if (kinds < 0).any() or (kinds > system.most[rows]).any():
        return False
    if top is not None and (move[0] != top).any():
        return False
    position = {row: index for index, row in enumerate(rows.tolist())}
    for index, row in enumerate(rows.tolist()):
        inside = [position[child] for child in system.places.children[row] if child in position]
        if inside and (move[inside].sum(axis=0) != move[index]).any():
            return False
    change = move @ system.members.T.astype(np.int64)
    if (change[:, system.known] != 0).any():
        return False
    return bool(((change == 0) | free[rows]).all())


@dataclass(frozen=True)
class _Program:
    """A linear program over moves, then movement of published cells down and up, then goals."""

    n_moves: int
    objective: np.ndarray[tuple[int], np.dtype[np.float64]]
    bounds: Bounds
    constraints: list[LinearConstraint]

    def solve(self, *, whole: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        integrality = np.zeros(len(self.objective), dtype=np.int64)
        integrality[: self.n_moves] = whole
        result = milp(
            self.objective,
            integrality=integrality,
            bounds=self.bounds,
            constraints=self.constraints,
            options={"mip_rel_gap": 0},
        )
        if result.status == _INFEASIBLE:
            return None
        if result.status != _OPTIMAL or result.x is None:
            raise LimitError("disclose.unsolved")
        return np.asarray(result.x[: self.n_moves], dtype=np.float64)


def _program(
    system: System,
    rows: Counts,
    hidden: Flags,
    goals: Sequence[Goal],
    *,
    top: Counts | None,
    cost: Counts | None,
) -> _Program:
    """Write the program down; ``cost`` is of moving published cells, None where they may not."""
    n_kinds = system.members.shape[1]
    position = {row: index for index, row in enumerate(rows.tolist())}
    low = -system.kinds[rows].astype(np.float64)
    most = system.most[rows]
    high = np.where(most < UNLIMITED, most - system.kinds[rows], np.inf)
    if top is not None:
        low[0] = high[0] = top
    n_moves = low.size

    each = sparse.eye_array(len(rows))
    adds = sparse.csr_array(sparse.kron(each, system.members.astype(np.float64)))
    held = ~hidden[rows]
    if top is not None:
        held[0] = False
    known = np.broadcast_to(system.known, held.shape) & held
    published = held & ~known
    none = np.empty(0, dtype=np.int64)
    hard = np.flatnonzero(held if cost is None else known)
    soft = none if cost is None else np.flatnonzero(published)
    price = none if cost is None else cost.reshape(-1)[soft]

    n_soft, n_goals = len(soft), len(goals)
    at = [position[goal.row] * system.members.shape[0] + goal.column for goal in goals]
    signs = sparse.diags_array(np.array([goal.sign for goal in goals], dtype=np.float64))
    wanted = sparse.csr_array(signs @ adds[np.array(at, dtype=np.int64)])
    tree = _tree(system.places, rows, position)
    over = sparse.csr_array(sparse.eye_array(n_soft))
    product = sparse.coo_array(sparse.kron(tree, sparse.eye_array(n_kinds)))
    in_tree = sparse.csr_array(
        (product.data, product.coords), shape=(tree.shape[0] * n_kinds, n_moves)
    )
    blocks: list[list[sparse.csr_array | None]] = [
        [in_tree, None, None, None],
        [adds[hard], None, None, None],
        [adds[soft], -over, over, None],
        [wanted, None, None, sparse.csr_array(-sparse.eye_array(n_goals))],
    ]
    matrix = sparse.csr_array(sparse.block_array(blocks))
    equal = np.zeros(matrix.shape[0])
    at_most = np.concatenate([equal[: len(equal) - n_goals], np.full(n_goals, np.inf)])
    amounts = np.array([goal.amount for goal in goals], dtype=np.int64) if goals else none
    return _Program(
        n_moves,
        np.concatenate([np.zeros(n_moves), price, price, np.full(n_goals, -float(_REWARD))]),
        Bounds(
            np.concatenate([low.reshape(-1), np.zeros(2 * n_soft), -amounts]),
            np.concatenate([high.reshape(-1), np.full(2 * n_soft, np.inf), amounts]),
        ),
        [LinearConstraint(matrix, equal, at_most)],
    )


def _tree(places: Places, rows: Counts, position: dict[int, int]) -> sparse.csr_array:
    """Return the equations "a place is the sum of the places in it", for the places that move."""
    at_row: list[int] = []
    at_column: list[int] = []
    sign: list[float] = []
    n_equations = 0
    for row in rows.tolist():
        children = places.children[row].tolist()
        if children and children[0] in position:
            at_row += [n_equations] * (len(children) + 1)
            at_column += [position[row], *(position[child] for child in children)]
            sign += [1.0, *([-1.0] * len(children))]
            n_equations += 1
    return sparse.csr_array((sign, (at_row, at_column)), shape=(n_equations, len(rows)))
