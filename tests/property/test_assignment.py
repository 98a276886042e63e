"""One-to-one assignment is optimal, and the same whatever the order of the pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pprl.compare.pairs import Pairs
from pprl.decide.assignment import assign

ANY = st.integers(0, 1_000_000)
# Few different values, so that ties are common.
TIED = st.sampled_from([-1, 0, 500_000, 900_000, 1_000_000])


@st.composite
def accepted_pairs(draw, most=8, similarities=ANY):
    n_left, n_right = draw(st.integers(1, most)), draw(st.integers(1, most))
    cells = st.tuples(st.integers(0, n_left - 1), st.integers(0, n_right - 1))
    pairs = draw(st.dictionaries(cells, similarities, max_size=40))
    rows = list(pairs)
    return Pairs.of(
        np.array([row for row, _ in rows], dtype=np.int64),
        np.array([column for _, column in rows], dtype=np.int64),
        np.array(list(pairs.values()), dtype=np.int64),
    )


def worth(pairs):
    return (pairs.similarity.astype(np.int64) + 1).sum()


@settings(deadline=None, max_examples=300)
@given(accepted_pairs() | accepted_pairs(similarities=TIED.filter(lambda value: value >= 0)))
def test_the_total_is_the_largest_there_is(pairs):
    chosen = pairs[assign(pairs).chosen]
    table = np.zeros((8, 8))
    table[pairs.left, pairs.right] = pairs.similarity.astype(np.int64) + 1
    assert worth(chosen) == table[linear_sum_assignment(table, maximize=True)].sum()


@settings(deadline=None)
@given(accepted_pairs(similarities=TIED), st.integers(1, 20))
def test_no_record_is_assigned_twice_and_no_pair_is_left_that_could_be(pairs, max_cells):
    chosen = pairs[assign(pairs, max_cells).chosen]
    left, right = set(chosen.left.tolist()), set(chosen.right.tolist())
    assert len(left) == len(right) == len(chosen)
    others = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    assert all(row in left or other in right for row, other in others)


@settings(deadline=None)
@given(accepted_pairs(similarities=TIED), st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_order_of_the_pairs_changes_nothing(pairs, random, max_cells):
    order = list(range(len(pairs)))
    random.shuffle(order)
    shuffled = pairs[np.array(order, dtype=np.int64)]
    one = pairs[assign(pairs, max_cells).chosen].sorted()
    other = shuffled[assign(shuffled, max_cells).chosen].sorted()
    assert one.left.tolist() == other.left.tolist()
    assert one.right.tolist() == other.right.tolist()


def test_among_equals_the_first_row_wins():
    pairs = Pairs.of(np.array([4, 2, 9]), np.array([1, 1, 1]), np.array([900_000] * 3))
    assert assign(pairs).chosen.tolist() == [1]


def test_components_over_the_limit_are_greedy_and_counted():
    # Greedy takes 0-0 and leaves 1 alone; the best total is 0-1 and 1-0.
    small = Pairs.of(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([950, 900, 940]) * 1_000)
    assert assign(small, max_cells=4).greedy_components == 0
    assert assign(small, max_cells=4).chosen.tolist() == [1, 2]
    assert assign(small, max_cells=3).greedy_components == 1
    assert assign(small, max_cells=3).chosen.tolist() == [0]


def test_a_pair_without_filters_gives_way_to_any_with_one():
    pairs = Pairs.of(np.array([0, 0]), np.array([0, 1]), np.array([-1, 0]))
    assert assign(pairs).chosen.tolist() == [1]
