"""Which pairs become matches when the strongest are taken first, and what that leaves of chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.compare.pairs import Pairs
from pprl.decide.threshold.selection import BEFORE_ALL, FREE, Taken, share_free

N_LEFT, N_RIGHT = 5, 6
CELLS = st.tuples(st.integers(0, N_LEFT - 1), st.integers(0, N_RIGHT - 1))
# Few different strengths, so that ties are common; shifted pairs can be below 0.
STRENGTHS = st.sampled_from([-30_000, -1, 0, 700_000, 710_000, 1_000_000])
TABLES = st.dictionaries(CELLS, STRENGTHS, max_size=20)


def pairs_of(table):
    rows = list(table)
    return Pairs.of(
        np.array([row for row, _ in rows], dtype=np.int64),
        np.array([column for _, column in rows], dtype=np.int64),
        np.array(list(table.values()), dtype=np.int64),
    )


def taken_naively(tables):
    """Take table after table with plain dictionaries."""
    left, right, chosen = {}, {}, []
    for table in tables:
        for (row, column), strength in sorted(table.items(), key=lambda each: (-each[1], each[0])):
            if row not in left and column not in right:
                left[row] = right[column] = strength
                chosen.append((row, column))
    return left, right, chosen


@given(st.lists(TABLES, min_size=1, max_size=3))
def test_taking_equals_a_plain_loop_from_the_strongest_down(tables):
    taken = Taken.nobody(N_LEFT, N_RIGHT)
    chosen = []
    for table in tables:
        pairs = pairs_of(table)
        kept = pairs[taken.take(pairs)]
        chosen += zip(kept.left.tolist(), kept.right.tolist(), strict=True)
    left, right, expected = taken_naively(tables)
    assert sorted(chosen) == sorted(expected)
    assert taken.left.tolist() == [left.get(row, FREE) for row in range(N_LEFT)]
    assert taken.right.tolist() == [right.get(row, FREE) for row in range(N_RIGHT)]


@given(TABLES, st.sampled_from([-30_000, 0, 700_000, 705_000]))
def test_taking_from_a_threshold_up_is_the_start_of_taking_everything(table, threshold):
    """What is taken at one threshold stays taken at every lower one."""
    above = {cell: strength for cell, strength in table.items() if strength >= threshold}
    everything, part = pairs_of(table), pairs_of(above)
    whole = everything[Taken.nobody(N_LEFT, N_RIGHT).take(everything)]
    some = part[Taken.nobody(N_LEFT, N_RIGHT).take(part)]
    assert sorted(some.similarity) == sorted(whole.similarity[whole.similarity >= threshold])


def test_a_given_strength_counts_for_all_and_the_order_stays():
    taken = Taken.nobody(2, 2)
    chosen = taken.take(pairs_of({(0, 0): 5, (0, 1): 7}), BEFORE_ALL)
    assert chosen.tolist() == [False, True]
    assert taken.left.tolist() == [BEFORE_ALL, FREE]
    assert taken.right.tolist() == [FREE, BEFORE_ALL]


def test_the_strength_of_a_pair_is_that_at_which_it_lost_its_first_record():
    taken = Taken.nobody(3, 3)
    taken.take(pairs_of({(0, 0): 9, (1, 1): 4}))
    assert taken.strength_of(pairs_of({(0, 1): 1, (1, 0): 1, (1, 2): 1, (2, 2): 1})).tolist() == [
        9, 9, 4, FREE,
    ]  # fmt: skip


def test_nothing_to_take_takes_nobody():
    taken = Taken.nobody(2, 0)
    assert taken.take(pairs_of({})).tolist() == []
    assert taken.strength_of(pairs_of({})).tolist() == []


def test_a_pair_is_free_at_a_strength_unless_it_lost_a_record_above():
    taken = np.array([5, FREE, 9, BEFORE_ALL])
    shares = share_free(taken, np.array([-10, 4, 5, 8, 9, 10]))
    assert shares.tolist() == [0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize(("lost", "share"), [([], 1.0), ([FREE] * 3, 1.0), ([BEFORE_ALL], 0.0)])
def test_the_share_at_its_edges(lost, share):
    strengths = np.array([0, 500_000, 1_000_000])
    assert share_free(np.array(lost, dtype=np.int64), strengths).tolist() == [share] * 3


@given(st.lists(st.integers(0, 100), max_size=30))
def test_the_share_never_falls_with_strength(lost):
    shares = share_free(np.array(lost, dtype=np.int64), np.arange(-1, 102))
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == 1
