"""The compiled comparison finds exactly the pairs that the definition names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pprl.candidates.exhaustive import similar_pairs, spans
from pprl.compare import reference
from pprl.compare.given import similarity_of
from pprl.compare.kernels import similar
from pprl.compare.measure import (
    MILLION,
    dice_millionths,
    least_common_dice,
    least_common_hamming,
    threshold_millionths,
)
from pprl.compare.packing import sort_filters
from pprl.errors import ConfigError, LimitError

N_WORDS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 32, 128]


def random_filters(rng, n_records, n_words, density):
    bits = rng.random((n_records, n_words * 64)) < density
    return np.packbits(bits, axis=1).view(np.uint64)


def related_filters(rng, filters, n_records):
    """Copies with some bits flipped, an empty filter now and then."""
    if not len(filters):
        return random_filters(rng, n_records, filters.shape[1], 0.5)
    copies = filters[rng.integers(0, len(filters), n_records)]
    noise = random_filters(rng, n_records, filters.shape[1], rng.random() * 0.2)
    copies ^= noise
    copies[rng.random(n_records) < 0.1] = 0
    return copies


@st.composite
def two_sides(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_words = draw(st.sampled_from(N_WORDS))
    left = random_filters(rng, draw(st.integers(0, 150)), n_words, draw(st.floats(0, 1)))
    return left, related_filters(rng, left, draw(st.integers(0, 150)))


def as_columns(pairs):
    return pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist()


def expected(left, right, threshold):
    return tuple(column.tolist() for column in reference.similar_pairs(left, right, threshold))


@settings(deadline=None, max_examples=150)
@given(two_sides(), st.integers(0, MILLION), st.integers(1, 3))
@example((np.zeros((0, 16), np.uint64), np.ones((3, 16), np.uint64)), 0, 1)
@example((np.zeros((3, 2), np.uint64), np.zeros((3, 2), np.uint64)), 0, 2)
@example((np.ones((1, 1), np.uint64), np.ones((1, 1), np.uint64)), MILLION, 2)
def test_the_kernel_finds_the_pairs_of_the_definition(sides, threshold, threads):
    left, right = sides
    found = similar_pairs(left, right, threshold, threads=threads)
    assert as_columns(found) == expected(left, right, threshold)


@settings(deadline=None, max_examples=40)
@given(two_sides(), st.sampled_from([0, 1, MILLION - 1, MILLION]))
def test_the_ends_of_the_threshold_are_thresholds_like_any_other(sides, threshold):
    left, right = sides
    assert as_columns(similar_pairs(left, right, threshold)) == expected(left, right, threshold)


@settings(deadline=None, max_examples=40)
@given(two_sides(), st.integers(0, MILLION))
def test_swapping_the_sides_swaps_the_pairs(sides, threshold):
    left, right = sides
    there, back = similar_pairs(left, right, threshold), similar_pairs(right, left, threshold)
    assert set(zip(*as_columns(there), strict=True)) == {
        (one, other, similarity) for other, one, similarity in zip(*as_columns(back), strict=True)
    }


@settings(deadline=None, max_examples=60)
@given(two_sides(), st.integers(0, 2_000))
def test_the_kernel_serves_the_hamming_distance_as_well(sides, max_distance):
    left, right = sides
    one, other = sort_filters(left), sort_filters(right)
    needed = least_common_hamming(max_distance, left.shape[1] * 64)
    found = {
        (one.rows[row], other.rows[place])
        for part in similar(one.strip(0, len(one)), other.tiles(0, len(other)), needed)
        for row, place, _ in zip(*part, strict=True)
    }
    close = reference.hamming_distances(left, right) <= max_distance
    close &= left.any(axis=1)[:, None] & right.any(axis=1)[None, :]
    assert found == set(zip(*np.nonzero(close), strict=True))


@settings(deadline=None)
@given(two_sides(), st.integers(0, 2**32))
def test_given_pairs_have_the_similarity_of_the_definition(sides, seed):
    left, right = (side if len(side) else np.zeros((1, side.shape[1]), np.uint64) for side in sides)
    rng = np.random.default_rng(seed)
    rows, others = rng.integers(0, len(left), 50), rng.integers(0, len(right), 50)
    pairs = expected(left, right, 0)
    known = {(row, other): millionths for row, other, millionths in zip(*pairs, strict=True)}
    found = similarity_of(left, right, rows, others).tolist()
    asked = zip(rows.tolist(), others.tolist(), strict=True)
    assert found == [known.get(pair, -1) for pair in asked]


@given(st.integers(0, MILLION), st.integers(1, 70), st.data())
def test_the_needed_common_bits_are_the_fewest_that_reach_the_threshold(threshold, n_bits, data):
    a, b = (data.draw(st.integers(1, n_bits)) for _ in range(2))
    needed = int(least_common_dice(threshold, n_bits)[a + b])
    similarity = dice_millionths(np.arange(min(a, b) + 1), np.int64(a), np.int64(b))
    assert (similarity >= threshold).tolist() == [
        common >= needed for common in range(min(a, b) + 1)
    ]


@pytest.mark.parametrize("side", [0, 1])
def test_one_record_meets_a_hundred_thousand(side):
    rng = np.random.default_rng(7)
    many = random_filters(rng, 100_000, 4, 0.4)
    one = many[71_234:71_235]
    sides = (one, many) if side == 0 else (many, one)
    assert as_columns(similar_pairs(*sides, 550_000)) == expected(*sides, 550_000)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_work_of_many_spans_is_the_same_on_any_number_of_threads(threads):
    rng = np.random.default_rng(11)
    left = random_filters(rng, 5_000, 2, 0.4)
    right = related_filters(rng, left, 7_000)
    found = similar_pairs(left, right, 750_000, threads=threads)
    assert as_columns(found) == expected(left, right, 750_000)


def test_no_pair_is_lost_when_far_more_are_found_than_one_call_hands_back():
    rng = np.random.default_rng(5)
    left, right = random_filters(rng, 500, 1, 0.5), random_filters(rng, 600, 1, 0.5)
    assert as_columns(similar_pairs(left, right, 0)) == expected(left, right, 0)


def test_spans_cover_every_pair_once():
    seen = np.zeros((7, 11), dtype=int)
    for span in spans(7, 11, strip_rows=3, tiled_rows=4):
        seen[span.strip_start : span.strip_stop, span.tiles_start : span.tiles_stop] += 1
    assert (seen == 1).all()


def test_more_pairs_than_allowed_are_refused_with_a_remedy():
    filters = np.ones((100, 1), dtype=np.uint64)
    with pytest.raises(LimitError) as failure:
        similar_pairs(filters, filters, 900_000, max_pairs=9_999)
    assert failure.value.code == "link.too_many_pairs"
    assert "higher threshold" in failure.value.hint
    assert len(similar_pairs(filters, filters, 900_000, max_pairs=10_000)) == 10_000


def test_progress_grows_to_all_pairs_of_records_with_a_filter():
    rng = np.random.default_rng(3)
    left, right = random_filters(rng, 5_000, 1, 0.5), random_filters(rng, 4_500, 1, 0.5)
    left[:1_000] = 0
    seen = []
    similar_pairs(left, right, 990_000, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 1
    assert seen[-1] == (4_000 * 4_500, 4_000 * 4_500)


@pytest.mark.parametrize("threshold", [-0.1, 1.000001, float("nan"), float("inf")])
def test_a_threshold_is_a_number_from_0_to_1(threshold):
    with pytest.raises(ConfigError) as failure:
        threshold_millionths(threshold)
    assert failure.value.code == "link.threshold"
