"""Bands of sampled bits: what they promise, and how they are chosen."""

import numpy as np
import pytest

from pprl.candidates.blocks import blocked_pairs
from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.lsh import Band, BandPlan, Bands, choose, pairs_in_bands
from pprl.candidates.lsh import choice as choice_module
from pprl.candidates.lsh.bits import Drawn, Learned
from pprl.candidates.lsh.buckets import with_band
from pprl.candidates.lsh.sampling import Samples
from pprl.candidates.passes import block_sizes
from pprl.compare.filters import Filters

N_WORDS = 8


def register(random, n_records, density=0.3):
    """Make filters of records with independent bits, as sparse as Bloom filters."""
    bits = random.random((n_records, N_WORDS * 64)) < density
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64)


def damaged(random, words, share):
    """Flip some bits of filters."""
    flips = random.random((len(words), N_WORDS * 64)) < share
    return words ^ np.packbits(flips, axis=1, bitorder="little").view(np.uint64)


@pytest.fixture(scope="module")
def sides():
    """Two registers; the first 3,000 records of either are the same persons."""
    random = np.random.default_rng(5)
    left, right = register(random, 5_000), register(random, 20_000)
    right[:3_000] = damaged(random, left[:3_000], 0.04)
    return left, right


@pytest.fixture(scope="module")
def known():
    rows = np.arange(0, 3_000, 2)  # the others show whether it holds for pairs never seen
    return rows, rows


@pytest.mark.parametrize("recall", [0.8, 0.95, 0.99])
def test_the_recall_asked_is_reached_on_pairs_never_seen(sides, known, recall):
    plan = choose(*sides, known=known, recall=recall)
    left, right = (Bands(each, plan) for each in sides)
    unseen = np.arange(1, 3_000, 2)
    found = left.agree(right, unseen, unseen).mean()
    assert plan.recall >= recall
    assert plan.known_pairs == 750
    assert found == pytest.approx(plan.recall, abs=0.02)
    assert found >= recall - 0.01


def test_more_recall_takes_more_bands(sides, known):
    plans = [choose(*sides, known=known, recall=recall) for recall in (0.5, 0.9, 0.995)]
    assert sorted({len(plan.bands) for plan in plans}) == [len(plan.bands) for plan in plans]


def test_bands_find_what_exhaustive_search_finds(sides, known):
    plan = choose(*sides, known=known, recall=0.99)
    bands = [Bands(each, plan) for each in sides]
    every = similar_pairs(*sides, 800_000)
    found = blocked_pairs(*sides, *bands, 800_000)
    assert len(every) > 2_500
    assert 0.98 * len(every) <= len(found) < len(every)
    both = {(row, other) for row, other in zip(every.left, every.right, strict=True)}
    assert {(row, other) for row, other in zip(found.left, found.right, strict=True)} <= both


def test_few_of_all_pairs_are_candidates(sides, known):
    plan = choose(*sides, known=known, recall=0.99)
    share = choice_module.RECORD_PAIRS * 25_000 / (5_000 * 20_000)
    assert plan.candidates < 1.1 * share * len(plan.bands) * 5_000 * 20_000


def test_expected_candidates_are_those_of_the_whole(sides, known, monkeypatch):
    exact = choose(*sides, known=known)
    bands = [Bands(each, exact) for each in sides]
    counted = [block_sizes(*bands, place) for place in range(len(exact.bands))]
    assert exact.candidates == sum(int((ours * theirs).sum()) for ours, theirs in counted)
    largest = max(int((ours * theirs).max()) for ours, theirs in counted)
    assert exact.largest[0].n_pairs == largest
    assert len(exact.largest) == 10

    monkeypatch.setattr("pprl.candidates.lsh.sampling.SAMPLED_RECORDS", 4_000)
    sampled = choose(*sides, known=known)
    bands = [Bands(each, sampled) for each in sides]
    counted = [block_sizes(*bands, place) for place in range(len(sampled.bands))]
    true = sum(int((ours * theirs).sum()) for ours, theirs in counted)
    assert sampled.candidates == pytest.approx(true, rel=0.1)


def test_pairs_are_counted_once_however_many_bands_they_share(sides, known):
    plan = choose(*sides, known=known, recall=0.9)
    bands = [Bands(each, plan) for each in sides]
    true = len(blocked_pairs(*sides, *bands, 0))
    assert true < plan.candidates
    assert pairs_in_bands(*bands) == pytest.approx(true, rel=0.02)
    assert pairs_in_bands(*bands) == pairs_in_bands(*(each.read() for each in bands))


def test_the_same_seed_gives_the_same_plan_and_another_another(sides, known):
    assert choose(*sides, known=known, seed=3) == choose(*sides, known=known, seed=3)
    assert choose(*sides, known=known, seed=3) != choose(*sides, known=known, seed=4)


def test_without_known_pairs_recall_is_computed_from_the_similarity(sides):
    plan = choose(*sides, similarity=900_000, recall=0.9)
    assert plan.known_pairs == 0
    assert plan.recall >= 0.9
    left, right = (Bands(each, plan) for each in sides)
    pairs = similar_pairs(*sides, 900_000)
    assert len(pairs) > 1_000
    assert left.agree(right, pairs.left, pairs.right).mean() > 0.9
    stricter = choose(*sides, similarity=800_000, recall=0.9)
    assert len(stricter.bands) > len(plan.bands)


def test_some_hundred_known_pairs_tell_how_much_pairs_differ(sides):
    rows = np.arange(400)
    plan = choose(*sides, known=(rows, rows), recall=0.95)
    assert plan.known_pairs == 0
    left, right = (Bands(each, plan) for each in sides)
    unseen = np.arange(400, 3_000)
    assert left.agree(right, unseen, unseen).mean() == pytest.approx(plan.recall, abs=0.03)


def test_what_bands_cannot_reach_is_said(sides, known, monkeypatch):
    monkeypatch.setattr(choice_module, "MAX_BANDS", 2)
    plan = choose(*sides, known=known, recall=0.99)
    assert len(plan.bands) == 2
    assert plan.recall < 0.99


def test_nothing_to_find_needs_no_band():
    empty, some = np.zeros((5, 2), dtype=np.uint64), np.ones((5, 2), dtype=np.uint64)
    for left, right in ((empty, some), (some, empty), (some[:0], some)):
        plan = choose(left, right)
        assert plan.bands == ()
        found = blocked_pairs(left, right, Bands(left, plan), Bands(right, plan), 0)
        assert len(found) == 0


def test_filters_that_are_all_alike_end_the_search():
    alike = np.full((500, 2), 0b1011, dtype=np.uint64)
    rows = np.arange(500)
    for pairs in (None, (rows, rows), (np.tile(rows, 4), np.tile(rows, 4))):
        plan = choose(alike, alike, known=pairs)
        left = Bands(alike, plan)
        assert left.agree(left, rows, rows[::-1]).all()
        assert plan.recall == 1.0


def test_bits_that_all_or_no_filters_have_are_not_drawn():
    random = np.random.default_rng(2)
    words = register(random, 4_000, density=0.5)
    words[:, 0] = np.uint64(2**64 - 1)
    words[:, 1] = 0
    words[:, 2] &= words[::-1, 2] & np.roll(words[:, 2], 7)  # one bit in eight
    bands = Drawn((words, words), random).bands(1e-4)
    drawn = np.concatenate([next(bands) for _ in range(6)])
    assert drawn.min() >= 3 * 64


def test_drawn_bits_are_used_up_before_one_comes_twice():
    random = np.random.default_rng(2)
    words = register(random, 4_000)
    bands = Drawn((words, words), random).bands(1e-4)
    drawn = np.concatenate([next(bands) for _ in range(12)])
    assert len(np.unique(drawn[:256])) == 256


def test_learned_bits_avoid_what_is_often_damaged_and_what_says_the_same_again():
    random = np.random.default_rng(3)
    left = register(random, 6_000, density=0.5)
    left[:, 1] = left[:, 0]  # says the same
    right = left.copy()
    right[:, 2:4] = damaged(random, left, 0.3)[:, 2:4]
    known = left[:2_000], right[:2_000]
    bits = next(Learned((left, right), known, random).bands(1e-3))
    words = np.asarray(bits) // 64
    assert not np.isin(words, (2, 3)).any()
    first, second = (np.asarray(bits)[words == word] % 64 for word in (0, 1))
    assert not np.intersect1d(first, second).size


def test_learned_bands_go_where_earlier_ones_failed():
    random = np.random.default_rng(4)
    left = register(random, 8_000, density=0.5)
    right = left.copy()
    # One record in five has another first half, one in ten another second half.
    right[:1_600, :4] = register(random, 1_600, density=0.5)[:, :4]
    right[1_600:2_400, 4:] = register(random, 800, density=0.5)[:, 4:]
    rows = random.permutation(8_000)
    plan = choose(left, right, known=(rows, rows), recall=0.99)
    assert plan.recall >= 0.99
    assert len(plan.bands) <= 4


def test_a_large_bucket_is_split_the_same_way_on_both_sides():
    random = np.random.default_rng(6)
    left, right = register(random, 12_000), register(random, 12_000)
    for each in (left, right):
        each[:8_000, 0] = 0  # two in three say nothing there
        each[8_000:, 0] |= np.uint64(1)
    bits = list(range(10))
    plan = with_band(BandPlan((), 1.0), bits, Samples(left, right, 12_000, 12_000))
    band = plan.bands[0]
    assert (plan.split_buckets, plan.skipped_pairs) == (1, 0)
    assert band.ends == (10, 16)
    assert band.large == ((0,), ())
    assert plan.largest[0].n_pairs < 8_000**2 / 16
    one, other = Bands(left, plan), Bands(right, plan)
    # Two records share a bucket when all 16 bits agree, or the first 10 in a bucket left whole.
    rows, others = random.integers(0, 12_000, (2, 200_000))
    read = [
        np.unpackbits(each.view(np.uint8), axis=1, bitorder="little")[:, list(band.bits)]
        for each in (left, right)
    ]
    equal = read[0][rows] == read[1][others]
    zero = ~read[0][rows][:, :10].any(axis=1)
    expected = equal[:, :10].all(axis=1) & (~zero | equal.all(axis=1))
    assert (one.agree(other, rows, others) == expected).all()
    assert expected.sum() > 100


def test_what_no_bits_split_is_skipped_and_counted():
    random = np.random.default_rng(7)
    left, right = register(random, 9_000), register(random, 9_000)
    left[:5_000], right[:6_000] = left[0], left[0]  # placeholders
    samples = Samples(left, right, 9_000, 9_000)
    plan = with_band(BandPlan((), 1.0), list(range(16)), samples)
    assert plan.skipped_pairs >= 5_000 * 6_000
    assert plan.skipped_pairs < 1.001 * 5_000 * 6_000
    keys, present = Bands(left, plan).keys(0)
    assert not present[:5_000].any()
    assert present[5_000:].all()
    assert len(np.unique(keys[5_000:])) > 1_000
    assert plan.candidates < 10_000_000


def test_a_bucket_below_the_bound_is_left_whole():
    words = np.full((4_096, 1), 0b1, dtype=np.uint64)  # 2 ** 24 pairs, not more
    plan = with_band(BandPlan((), 1.0), [0], Samples(words, words, 4_096, 4_096))
    assert (plan.split_buckets, plan.skipped_pairs, plan.candidates) == (0, 0, 1 << 24)


def test_keys_of_some_records_are_those_of_all():
    random = np.random.default_rng(8)
    words = register(random, 70_000)  # more than are read at once
    words[5] = 0
    bits = tuple(random.permutation(512)[:20].tolist())
    plan = BandPlan((Band(bits, (20,), ((),)),), 1.0)
    keys, present = Bands(words, plan).keys(0)
    chunked = Filters([words[:40_000], words[40_000:]])
    for bands, rows in (
        (Bands(chunked, plan), np.arange(70_000)),
        (Bands(chunked, plan)[np.arange(69_999, 0, -7)], np.arange(69_999, 0, -7)),
        (Bands(words, plan)[np.arange(70_000) % 3 == 0], np.arange(0, 70_000, 3)),
        (Bands(words, plan)[np.arange(70_000) % 3 == 0][np.array([4, 2])], np.array([12, 6])),
    ):
        assert bands.n_records == len(rows)
        some, there = bands.keys(0)
        assert (some == keys[rows]).all()
        assert (there == present[rows]).all()
    assert np.flatnonzero(~present).tolist() == [5]


def test_keys_are_spread_over_all_numbers():
    words = np.arange(1, 60_001, dtype=np.uint64)[:, None]
    plan = BandPlan((Band(tuple(range(16)), (16,), ((),)),), 1.0)
    bands = Bands(words, plan)
    keys, _ = bands.keys(0)
    assert len(np.unique(keys)) == 60_000  # mixed, and none lost
    assert bands.below(0.1).mean() == pytest.approx(0.1, abs=0.01)


def test_who_meets_any_of_a_few_others_is_told(sides, known):
    plan = choose(*sides, known=known, recall=0.9)
    bands, few = Bands(sides[1], plan), Bands(sides[0][:20], plan)
    rows, others = (each.ravel() for each in np.indices((20_000, 20)))
    agree = bands.agree(few, rows, others).reshape(20_000, 20)
    assert (bands.meeting(few) == agree.any(axis=1)).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_bands_read_at_once_are_the_same_blocks(threads):
    random = np.random.default_rng(9)
    words = register(random, 70_000)
    plan = BandPlan(
        tuple(Band(tuple(random.permutation(512)[:12].tolist()), (12,), ((0, 5),)) for _ in "abc"),
        1.0,
    )
    bands = Bands(words, plan, threads)
    blocks = bands.read()
    assert len(blocks) == 3
    for place in range(3):
        keys, present = bands.keys(place)
        assert (blocks.keys(place)[0] == keys).all()
        assert (blocks.keys(place)[1] == present).all()
    rows, others = random.integers(0, 70_000, (2, 30_000))
    assert (blocks.agree(blocks, rows, others) == bands.agree(bands, rows, others)).all()
