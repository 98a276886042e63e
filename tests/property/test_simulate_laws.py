"""Laws of the simulation's random numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pprl.lab.randomness import below, permuted, stream, uniform

SEEDS = st.integers(0, 2**64 - 1).map(np.uint64)


@given(SEEDS, st.integers(1, 700))
def test_a_permutation_puts_every_item_in_its_own_place(seed, size):
    key = np.uint64(stream(seed, 1, 0))
    assert sorted(permuted(key, i, size) for i in range(size)) == list(range(size))


@given(SEEDS, st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_permutation_of_many_stays_in_range(seed, index, size):
    assert 0 <= permuted(np.uint64(stream(seed, 2, 0)), index % size, size) < size


@given(SEEDS, st.integers(0, 1_000), st.integers(1, 2**32 - 1))
def test_draws_stay_in_range(seed, slot, bound):
    assert 0 <= below(seed, slot, bound) < bound
    assert 0 <= uniform(seed, slot) < 1


def test_a_permutation_looks_random():
    key = np.uint64(stream(np.uint64(7), 1, 0))
    places = np.array([permuted(key, i, 10_000) for i in range(10_000)])
    assert abs(np.corrcoef(places, np.arange(10_000))[0, 1]) < 0.03
    assert (places == np.arange(10_000)).sum() < 8
