"""Comparing within blocks finds exactly the pairs of an exhaustive search that share a block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.candidates import blocks as module
from pprl.candidates.blocks import blocked_pairs
from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.passes import Blocks, pairs_in_blocks
from pprl.compare.measure import Dice, Majority
from pprl.errors import LimitError


@st.composite
def sides(draw):
    """Draw two sides of filters with blocks, some missing, and what to compare them by."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_words = draw(st.sampled_from([1, 3, 8, 17]))
    n_passes = draw(st.integers(1, 3))
    out = []
    for _ in range(2):
        n_records = draw(st.integers(0, 60))
        shape = (n_records, n_words)
        words = random.integers(0, 2**64, shape, dtype=np.uint64)
        # Few patterns, so that many pairs are similar; some records without a bit.
        words &= np.uint64(0xFF) * random.integers(0, 3, shape).astype(np.uint64)
        values = random.integers(0, draw(st.sampled_from([1, 4, 40])), (n_passes, n_records))
        present = random.random((n_passes, n_records)) < draw(st.sampled_from([0.5, 1.0]))
        out.append((words, Blocks(values.astype(np.uint64), present)))
    measure = draw(st.sampled_from([Dice(), Majority(64 * n_words, 4)]))
    return (*out, measure, draw(st.sampled_from([0, 400_000, 900_000, 1_000_000])))


def agreeing(left, right):
    """Return ``bool (left, right)`` by definition: some pass has the same value, both present."""
    return np.array(
        [
            [
                any(
                    left.present[p, row]
                    and right.present[p, other]
                    and left.values[p, row] == right.values[p, other]
                    for p in range(len(left.values))
                )
                for other in range(right.values.shape[1])
            ]
            for row in range(left.values.shape[1])
        ],
        dtype=bool,
    ).reshape(left.values.shape[1], right.values.shape[1])


def as_rows(pairs):
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist()))  # noqa: B905 - columns of one length


@given(sides(), st.integers(1, 3), st.sampled_from([1, 50, 1 << 18]))
def test_blocked_pairs_are_the_exhaustive_ones_that_share_a_block(given_sides, threads, large):
    (left, left_blocks), (right, right_blocks), measure, threshold = given_sides
    shared = agreeing(left_blocks, right_blocks)
    every = similar_pairs(left, right, threshold, measure=measure, threads=1)
    expected = every[shared[every.left, every.right]]
    usual = module.LARGE_BLOCK_PAIRS
    module.LARGE_BLOCK_PAIRS = large  # small blocks by the tiled kernel, too
    try:
        found = blocked_pairs(
            left, right, left_blocks, right_blocks, threshold, measure=measure, threads=threads
        )
    finally:
        module.LARGE_BLOCK_PAIRS = usual
    assert as_rows(found) == as_rows(expected)
    assert pairs_in_blocks(left_blocks, right_blocks) == shared.sum()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_spans_of_many_blocks_and_one_huge_block_give_every_pair_once(threads):
    random = np.random.default_rng(7)
    values = np.concatenate([np.zeros(600), np.arange(1, 40_001)]).astype(np.uint64)[None]
    one, other = (random.permutation(values.shape[1]) for _ in range(2))
    blocks = Blocks(values, np.ones(values.shape, dtype=bool))
    words = random.integers(1, 2**64, (values.shape[1], 2), dtype=np.uint64)
    seen = []
    found = blocked_pairs(
        words[one], words[other], blocks[one], blocks[other], 0,
        threads=threads, progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert len(found) == 600**2 + 40_000 == pairs_in_blocks(blocks[one], blocks[other])
    assert (values[0, one[found.left]] == values[0, other[found.right]]).all()
    assert len(np.unique(found.left.astype(np.int64) << 32 | found.right)) == len(found)
    assert seen[-1] == (len(found), len(found))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_more_pairs_than_the_output_of_one_call_holds_are_all_found():
    n_records = 400  # 160,000 pairs in one small block, each kept
    words = np.ones((n_records, 1), dtype=np.uint64)
    blocks = Blocks(np.zeros((1, n_records), np.uint64), np.ones((1, n_records), dtype=bool))
    found = blocked_pairs(words, words, blocks, blocks, 1_000_000)
    assert len(found) == n_records**2


@pytest.mark.parametrize("n_records", [100, 1_000])  # by either kernel
def test_too_many_pairs_are_refused_before_they_fill_the_memory(n_records):
    words = np.ones((n_records, 1), dtype=np.uint64)
    blocks = Blocks(np.zeros((1, n_records), np.uint64), np.ones((1, n_records), dtype=bool))
    with pytest.raises(LimitError):
        blocked_pairs(words, words, blocks, blocks, 0, max_pairs=n_records**2 - 1)
