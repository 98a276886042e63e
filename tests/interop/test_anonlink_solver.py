"""Groups of three and more parties are those of anonlink's greedy solver."""

from __future__ import annotations

import sys
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.candidates.exhaustive import similar_pairs
from pprl.decide.grouping import group_records

if sys.version_info >= (3, 12):
    pytest.skip("anonlink has no wheel after Python 3.11", allow_module_level=True)

from anonlink.similarities import dice_coefficient
from anonlink.solving import greedy_solve
from bitarray import bitarray


@st.composite
def candidates(draw):
    """Parties of all records, and accepted pairs of records from the strongest down."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    party = np.repeat(np.arange(len(sizes)), sizes)
    pairs = [
        (one, other)
        for one in range(len(party))
        for other in range(one + 1, len(party))
        if party[one] != party[other]
    ]
    share = draw(st.floats(0.2, 1))
    random = draw(st.randoms(use_true_random=False))
    kept = [pair for pair in pairs if random.random() < share]
    random.shuffle(kept)
    return party, np.array(kept, dtype=np.int64).reshape(-1, 2)


@settings(deadline=None, max_examples=300)
@given(candidates())
def test_groups_are_those_of_anonlink(given_candidates):
    party, pairs = given_candidates
    first, second = np.ascontiguousarray(pairs.T)
    starts = np.searchsorted(party, np.arange(party[-1] + 1))
    similarities = array("d", np.linspace(1, 0.5, len(pairs)))
    parties = tuple(array("I", party[side].tolist()) for side in (first, second))
    rows = tuple(array("I", (side - starts[party[side]]).tolist()) for side in (first, second))

    theirs = {
        frozenset(int(starts[dataset]) + row for dataset, row in group)
        for group in greedy_solve((similarities, parties, rows))
    }
    label = group_records(first, second, len(party))
    groups = [frozenset(np.flatnonzero(label == lowest).tolist()) for lowest in np.unique(label)]
    assert {group for group in groups if len(group) > 1} == theirs
    assert all(len(set(party[list(group)])) == len(group) for group in groups)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 16]), st.floats(0.1, 0.9))
def test_similar_pairs_are_those_of_anonlink(seed, n_words, density):
    rng = np.random.default_rng(seed)
    bits = rng.random((60, n_words * 64)) < density
    filters = np.packbits(bits, axis=1)
    noisy = np.packbits(bits ^ (rng.random(bits.shape) < 0.05), axis=1)
    datasets = tuple([bitarray(row.tolist()) for row in np.unpackbits(side, axis=1)]
                     for side in (filters, noisy))  # fmt: skip
    similarities, (left, right) = dice_coefficient(datasets, 0.7)
    found = similar_pairs(filters.view(np.uint64), noisy.view(np.uint64), 700_000)
    theirs = dict(zip(zip(left, right, strict=True), similarities, strict=True))
    ours = dict(zip(zip(found.left.tolist(), found.right.tolist(), strict=True),
                    found.similarity.tolist(), strict=True))  # fmt: skip
    assert ours.keys() == theirs.keys()
    assert all(abs(ours[pair] / 1e6 - theirs[pair]) < 1.1e-6 for pair in ours)
