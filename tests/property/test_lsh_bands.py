"""Keys of bands are the sampled bits, and comparing within bands loses nothing that agrees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pprl.candidates.blocks import blocked_pairs
from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.lsh import Band, BandPlan, Bands
from pprl.candidates.lsh.kernel import sampled_keys, set_counts


@st.composite
def banded(draw):
    """Draw two sides of filters and a plan with stages and skipped buckets."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_words = draw(st.sampled_from([1, 2, 16]))
    sides = []
    for _ in range(2):
        shape = (draw(st.integers(0, 50)), n_words)
        words = random.integers(0, 2**64, shape, dtype=np.uint64)
        words &= np.uint64(0x8000000000000F03) * random.integers(0, 2, shape).astype(np.uint64)
        sides.append(words)
    bands = []
    for _ in range(draw(st.integers(1, 4))):
        n_bits = draw(st.integers(1, min(64, 64 * n_words)))
        bits = random.permutation(64 * n_words)[:n_bits]
        ends = np.unique(np.append(random.integers(1, n_bits + 1, 2), n_bits))
        large = tuple(
            tuple(np.unique(random.integers(0, 4, draw(st.integers(0, 3)))).tolist()) for _ in ends
        )
        bands.append(Band(tuple(bits.tolist()), tuple(ends.tolist()), large))
    return sides, BandPlan(tuple(bands), 1.0)


def by_definition(words, band):
    """Return the key of one filter, bit by bit, and whether it is in a bucket."""
    number = sum(int(word) << (64 * place) for place, word in enumerate(words))
    for end, large in zip(band.ends, band.large, strict=True):
        key = sum((number >> bit & 1) << place for place, bit in enumerate(band.bits[:end]))
        if key not in large:
            return key, number > 0
    return key, False


@given(banded())
def test_kernel_equals_definition(drawn):
    sides, plan = drawn
    for words in sides:
        for band in plan.bands:
            keys, present = sampled_keys(words, band.bits, band.ends, band.large)
            expected = [by_definition(row, band) for row in words]
            assert present.tolist() == [there for _, there in expected]
            assert keys[present].tolist() == [key for key, there in expected if there]


@given(banded(), st.sampled_from([0, 500_000, 1_000_000]), st.integers(1, 3))
def test_pairs_in_bands_are_the_exhaustive_ones_that_agree(drawn, threshold, threads):
    (left, right), plan = drawn
    one, other = Bands(left, plan), Bands(right, plan)
    every = similar_pairs(left, right, threshold, threads=1)
    agree = [
        any(
            ours == theirs and ours[1]
            for ours, theirs in (
                (by_definition(left[row], band), by_definition(right[place], band))
                for band in plan.bands
            )
        )
        for row, place in zip(every.left, every.right, strict=True)
    ]
    assert one.agree(other, every.left, every.right).tolist() == agree
    found = blocked_pairs(left, right, one, other, threshold, threads=threads)
    expected = every[np.array(agree, dtype=bool)]
    assert found.left.tolist() == expected.left.tolist()
    assert found.right.tolist() == expected.right.tolist()


@given(st.integers(0, 2**32), st.integers(0, 40), st.sampled_from([1, 3]))
def test_counts_of_set_bits_equal_unpacked_ones(seed, n_records, n_words):
    random = np.random.default_rng(seed)
    words = random.integers(0, 2**64, (n_records, n_words), dtype=np.uint64)
    weights = random.integers(0, 1_000, n_records)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.int64)
    assert (set_counts(words, weights) == (bits * weights[:, None]).sum(axis=0)).all()
    assert (set_counts(words) == bits.sum(axis=0)).all()
