"""One-to-one assignment: of the accepted pairs of two parties, those that add up to the most.

Accepted pairs are split into connected components. In most components one record has all the
pairs (a star: one pair is the smallest), and the most similar one wins; the others are solved
exactly by shortest augmenting paths (Kuhn 1955, Munkres 1957, in the form of Jonker and Volgenant
1987) on whole numbers, so that no rounding, library version or thread decides a tie. A component
too large for that is assigned greedily and counted.

What is maximised is the sum over matches of similarity plus one millionth: no accepted pair is
worth nothing, and otherwise it is the total similarity. Among equally similar pairs of a star and
of a greedy component the one with the lowest left row wins, then the lowest right row.

>>> pairs = Pairs.of(np.array([0, 0, 1]), np.array([0, 1, 0]),
...                  np.array([950_000, 900_000, 940_000]))
>>> assign(pairs).chosen  # 0-1 and 1-0 together are worth more than 0-0 alone
array([1, 2])
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pprl._jit import compiled
from pprl.compare.measure import Counts
from pprl.compare.pairs import NO_FILTER, Pairs, Rows

MAX_CELLS = 1_000_000  # left times right records of a component: about a second of work

Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Assignment:
    """Result of :func:`assign`.

    Attributes
    ----------
    chosen
        ``int64 (n,)``: positions of the matches in the pairs given, ascending.
    greedy_components
        How many components were too large to be solved exactly.
    """

    chosen: Counts
    greedy_components: int


def assign(pairs: Pairs, max_cells: int = MAX_CELLS) -> Assignment:
    """Choose pairs of largest total similarity in which no record occurs twice.

    Parameters
    ----------
    pairs
        Accepted pairs, each at most once, in any order: the choice doesn't depend on it.
    max_cells
        Components with more left times right records are assigned greedily.

    Notes
    -----
    n log n in pairs; a component that isn't a star costs the square of its smaller side times
    its larger side at worst, and 8 bytes a cell.
    """
    if not len(pairs):
        return Assignment(np.empty(0, dtype=np.int64), 0)
    order = np.lexsort((pairs.right, pairs.left))
    ordered = pairs[order]
    left, left_size = _places(ordered.left)
    right, right_size = _places(ordered.right)
    component = _components(left, right, left_size, right_size)
    n_left = _distinct_by(component, left)
    n_right = _distinct_by(component, right)
    # A pair without a filter is weaker than any with one, and still better than no pair.
    weight = np.maximum(ordered.similarity.astype(np.int64), NO_FILTER + 1) * 2
    weight += 1 + (ordered.similarity > NO_FILTER)

    star = (np.minimum(n_left, n_right) == 1)[component]
    large = (n_left * n_right > max_cells)[component] & ~star
    chosen = np.zeros(len(ordered), dtype=np.bool_)
    chosen[_best_of_each(component, weight, np.flatnonzero(star))] = True
    greedy = np.flatnonzero(large)
    if len(greedy):
        greedy = greedy[np.argsort(-weight[greedy], kind="stable")]
        _choose_greedily(greedy, left, right, np.zeros(left_size, np.bool_),
                         np.zeros(right_size, np.bool_), chosen)  # fmt: skip
    exact = np.flatnonzero(~star & ~large)
    if len(exact):
        exact = exact[np.argsort(component[exact], kind="stable")]
        _choose_exactly(exact, component, left, right, weight,
                        np.full(left_size, -1), np.full(right_size, -1), chosen)  # fmt: skip
    n_greedy = len(np.unique(component[large]))
    return Assignment(np.sort(order[chosen]), n_greedy)


def _places(rows: Rows) -> tuple[Counts, int]:
    """Return the rows renumbered from 0 without gaps, in their order, and how many there are."""
    distinct, places = np.unique(rows, return_inverse=True)
    return places.astype(np.int64), len(distinct)


def _components(left: Counts, right: Counts, left_size: int, right_size: int) -> Counts:
    """Return the number of the connected component of each pair."""
    size = left_size + right_size
    edges = (np.ones(len(left), dtype=np.int8), (left, left_size + right))
    graph = coo_array(edges, shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels, dtype=np.int64)[left]


def _distinct_by(component: Counts, places: Counts) -> Counts:
    """Return how many distinct records of one side each component has."""
    owner = np.empty(places.max() + 1, dtype=np.int64)
    owner[places] = component  # a record is in one component only
    return np.bincount(owner, minlength=int(component.max()) + 1).astype(np.int64)


def _best_of_each(component: Counts, weight: Counts, among: Counts) -> Counts:
    """Return the position of the heaviest pair of each component, the first of equals."""
    order = among[np.lexsort((-weight[among], component[among]))]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.diff(component[order]) != 0
    return order[first]


@compiled
def _choose_greedily(
    order: Counts,
    left: Counts,
    right: Counts,
    left_taken: Flags,
    right_taken: Flags,
    chosen: Flags,
) -> None:
    for pair in order:
        if not left_taken[left[pair]] and not right_taken[right[pair]]:
            left_taken[left[pair]] = True
            right_taken[right[pair]] = True
            chosen[pair] = True


@compiled
def _choose_exactly(
    order: Counts,
    component: Counts,
    left: Counts,
    right: Counts,
    weight: Counts,
    left_local: Counts,
    right_local: Counts,
    chosen: Flags,
) -> None:
    """Solve each component; ``order`` lists the pairs component by component."""
    start = 0
    while start < len(order):
        stop = start
        n_left = 0
        n_right = 0
        while stop < len(order) and component[order[stop]] == component[order[start]]:
            pair = order[stop]
            if left_local[left[pair]] < 0:
                left_local[left[pair]] = n_left
                n_left += 1
            if right_local[right[pair]] < 0:
                right_local[right[pair]] = n_right
                n_right += 1
            stop += 1
        flipped = n_left > n_right
        cost = np.zeros((min(n_left, n_right), max(n_left, n_right)), dtype=np.int64)
        for position in range(start, stop):
            pair = order[position]
            row, column = left_local[left[pair]], right_local[right[pair]]
            if flipped:
                row, column = column, row
            cost[row, column] = -weight[pair]
        partner = _cheapest(cost)
        for position in range(start, stop):
            pair = order[position]
            row, column = left_local[left[pair]], right_local[right[pair]]
            if flipped:
                row, column = column, row
            chosen[pair] = partner[row] == column
        start = stop


@compiled
def _cheapest(cost: Counts) -> Counts:
    """Give each row a column of its own at the least total cost; rows <= columns.

    One row at a time enters: the cheapest alternating path from it to a free column says who
    gives way to whom.
    """
    n_rows, n_columns = cost.shape
    row_price = np.zeros(n_rows, dtype=np.int64)
    column_price = np.zeros(n_columns, dtype=np.int64)
    holder = np.full(n_columns, -1, dtype=np.int64)
    partner = np.full(n_rows, -1, dtype=np.int64)
    before = np.empty(n_columns, dtype=np.int64)
    for entering in range(n_rows):
        column = _search(cost, entering, row_price, column_price, holder, before)
        while column >= 0:
            row = before[column]
            holder[column] = row
            column, partner[row] = partner[row], column
    return partner


@compiled
def _search(
    cost: Counts,
    entering: int,
    row_price: Counts,
    column_price: Counts,
    holder: Counts,
    before: Counts,
) -> int:
    """Return the free column that ends the cheapest path from a row without a column.

    Dijkstra's search on costs reduced by the prices, which keeps them from falling below zero.
    Afterwards ``before`` says from which row each column was reached, and the prices are right
    for the next search.
    """
    n_columns = cost.shape[1]
    distance = np.full(n_columns, np.iinfo(np.int64).max, dtype=np.int64)
    settled = np.zeros(n_columns, dtype=np.bool_)
    row, nearest = entering, -1
    travelled = np.int64(0)
    while row >= 0:
        nearest = -1
        for column in range(n_columns):
            if not settled[column]:
                through = travelled + cost[row, column] - row_price[row] - column_price[column]
                if through < distance[column]:
                    distance[column] = through
                    before[column] = row
                if nearest < 0 or distance[column] < distance[nearest]:
                    nearest = column
        travelled = distance[nearest]
        settled[nearest] = True
        row = holder[nearest]
    row_price[entering] += travelled
    for column in range(n_columns):
        if settled[column] and column != nearest:
            gain = travelled - distance[column]
            row_price[holder[column]] += gain
            column_price[column] -= gain
    return nearest
