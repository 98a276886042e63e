"""Bars for a target: met in expectation, the best there is, and honest about their doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.decide.threshold.bins import BINS, edge
from pprl.decide.threshold.choice import (
    ACCEPT_FLOOR,
    FEW,
    NOTHING,
    SLACK,
    TierCurve,
    choose,
    expected,
)
from pprl.decide.threshold.smoothing import smooth

PLACES = np.arange(BINS)
FIRST = 120
PERSONS = 2_000.0


def tier(name, n_matches, n_false, *, slope=0.15, centre=185, by_null=True):
    """Make a tier whose matches are normal around a bin and whose chance pairs fall off."""
    right = np.exp(-(((PLACES - centre) / 12) ** 2) / 2)
    right *= n_matches / right.sum()
    false = np.where(PLACES >= FIRST, np.exp(-slope * (PLACES - FIRST)), 0)
    false *= n_false / false.sum()
    local = np.maximum.accumulate(np.where(PLACES < FIRST, 0, right / (right + false + 1e-12)))
    return TierCurve(name, right + false, right, false, local, by_null=by_null)


def tiers(times=1.0):
    return (
        tier("nik", 1_200, 40 * times, by_null=False),
        tier("filter", 600, 3_000 * times),
        tier("contradicted", 60, 5_000 * times),
    )


def null_fit(times=1.0):
    """Fit a null of the same fall, seen inside files ``times`` as large."""
    rate = np.exp(-0.15 * np.arange(BINS - FIRST))
    chances = np.full(BINS - FIRST, 2_000 * times)
    return smooth(np.round(chances * rate), chances, bend=0.03)


def f1(curves, cutoff, persons=PERSONS):
    right, false = (
        sum(part[each.bar(cutoff) :].sum() for part, each in zip(parts, curves, strict=True))
        for parts in zip(
            *((each.expected_right, each.expected_false) for each in curves), strict=True
        )
    )
    return 2 * right / (right + false + persons)


def cutoffs(curves, least):
    steps = np.unique(np.concatenate([curve.local_precision for curve in curves]))
    return steps[steps >= least].tolist()


@pytest.mark.parametrize("target", [0.8, 0.95, 0.99, 0.999])
def test_the_target_is_met_on_what_is_expected_and_by_the_lowest_cutoff(target):
    curves, fitted = tiers(), null_fit()
    choice = choose(curves, fitted, precision=target, persons=PERSONS)
    found = false = 0.0
    for curve in curves:
        bar = choice.bars(curves)[curve.tier]
        accepted = np.array([edge(place) >= bar for place in range(BINS)])
        found += curve.found[accepted].sum()
        false += curve.expected_false[accepted].sum()
    assert found > 1_000
    assert 1 - false / found >= target
    assert (choice.found, choice.false) == pytest.approx((found, false))
    for cutoff in cutoffs(curves, ACCEPT_FLOOR):
        if cutoff < choice.cutoff:
            lower = expected(curves, fitted, cutoff)
            slack = max(SLACK, FEW / found)
            assert lower.precision.value < target or lower.least < target - slack


def test_a_higher_target_has_higher_bars_and_accepts_less():
    curves, fitted = tiers(), null_fit()
    choices = [
        choose(curves, fitted, precision=target, persons=PERSONS) for target in (0.98, 0.99, 0.999)
    ]
    assert choices[0].found > choices[1].found > choices[2].found
    bars = [choice.bars(curves) for choice in choices]
    for name in bars[0]:
        assert bars[0][name] <= bars[1][name] <= bars[2][name]


def test_a_tier_with_more_chance_pairs_needs_more_similarity():
    curves = tiers()
    bars = choose(curves, null_fit(), precision=0.95, persons=PERSONS).bars(curves)
    assert bars["nik"] < bars["filter"] < bars["contradicted"]


def test_nothing_is_accepted_when_no_cutoff_reaches_the_target():
    hopeless = tier("filter", 300, 3_000, slope=0.0)
    choice = choose((hopeless,), null_fit(), precision=0.99, persons=PERSONS)
    assert choice is NOTHING
    assert choice.bars((hopeless,)) == {"filter": 1_000_001}


@pytest.mark.parametrize("target", [None, 0.5, 0.99])
def test_nothing_is_accepted_where_nothing_was_found(target):
    none = np.zeros(BINS)
    local = np.where(PLACES < 150, 0, 0.999)
    empty = TierCurve("filter", none, none, none, local, by_null=True)
    assert choose((empty,), null_fit(), precision=target, persons=0.4) is NOTHING


def test_the_choice_for_f1_is_the_best_of_all_cutoffs():
    curves, fitted = tiers(), null_fit()
    choice = choose(curves, fitted, precision=None, persons=PERSONS)
    every = [f1(curves, cutoff) for cutoff in cutoffs(curves, 0.01)]
    assert len(every) > 100
    assert f1(curves, choice.cutoff) == pytest.approx(max(every), abs=1e-12)
    assert min(every) < max(every) - 0.05


def test_the_curves_choose_and_not_the_matches_that_happen_to_lie_beside_a_bar():
    """A thousand lucky finds just above a bar promise nothing about the pairs below it."""
    curves, fitted = tiers(), null_fit()
    lucky = [replace(each, found=each.found + 50 * (PLACES > 150)) for each in curves]
    one, other = (choose(each, fitted, precision=None, persons=PERSONS) for each in (curves, lucky))
    assert one.cutoff == other.cutoff


def test_the_interval_misses_the_target_when_the_null_is_unknown_and_then_less_is_accepted():
    curves = tiers()
    unsure, sure = (
        choose(curves, null_fit(times), precision=0.95, persons=PERSONS) for times in (0.01, 1e4)
    )
    assert unsure.found < sure.found
    assert unsure.least >= 0.95 - SLACK


def test_with_few_matches_the_interval_may_miss_by_a_few():
    """No interval of ten matches is short, and ten certain matches are no reason for a clerk."""
    few = tier("nik", 10, 0.01, by_null=False)
    choice = choose((few,), None, precision=0.99, persons=10.0)
    assert choice.found == pytest.approx(10, abs=3)
    assert choice.least < 0.99 - SLACK


def test_a_null_that_is_surer_makes_a_shorter_interval():
    curves = tiers()
    wide, narrow = (expected(curves, null_fit(times), 0.5).precision for times in (0.01, 100))
    assert wide.value == narrow.value
    assert wide.high - wide.low > narrow.high - narrow.low


def test_more_false_ones_make_a_lower_precision():
    values = [expected(tiers(times), null_fit(), 0.6).precision.value for times in (1, 2, 4, 8)]
    # The cutoff follows, so that the loss is less than in proportion, but it is one.
    assert values == sorted(values, reverse=True)
    curves = tiers()
    more = [replace(each, expected_false=2 * each.expected_false) for each in curves]
    one, other = (expected(each, null_fit(), 0.6).precision for each in (curves, more))
    assert other.value < one.value
    assert other.low < one.low
    assert other.high < one.high


@given(
    st.floats(0, 50_000),
    st.floats(0, 1.2),
    st.booleans(),
    st.one_of(st.none(), st.sampled_from([1e-3, 1.0, 1e3])),
)
def test_the_interval_is_of_shares_and_holds_its_value(found, share, by_null, times):
    per_bin = np.where(PLACES >= 190, found / (BINS - 190), 0.0)
    right, wrong = np.maximum(1 - share, 0) * per_bin, share * per_bin
    curve = TierCurve("x", per_bin, right, wrong, np.ones(BINS), by_null)
    precision = expected((curve,), None if times is None else null_fit(times), 0.5).precision
    assert 0 <= precision.low <= precision.value <= precision.high <= 1


@given(st.integers(0, BINS), st.floats(0, 1.5))
def test_what_lies_above_a_bin_is_counted_and_no_more(place, cutoff):
    curve = tiers()[1]
    part = curve.above(place)
    start = max(place, curve.bar(cutoff))
    choice = expected((part,), None, cutoff)
    assert choice.found == pytest.approx(curve.found[start:].sum())
    assert choice.false == pytest.approx(curve.expected_false[start:].sum())
    assert part.expected_right[start:].sum() == pytest.approx(curve.expected_right[start:].sum())
    assert not part.expected_right[:place].any()


def test_a_bar_is_the_first_similarity_whose_pairs_reach_the_cutoff():
    local = np.where(PLACES < 170, 0.0, np.where(PLACES < 180, 0.5, 0.9))
    curve = TierCurve("x", np.ones(BINS), np.ones(BINS), np.zeros(BINS), local, by_null=True)
    assert [curve.bar(cutoff) for cutoff in (0.5, 0.500001, 0.9, 0.91, 2.0)] == [
        170, 180, 180, BINS, BINS,
    ]  # fmt: skip
    assert [edge(curve.bar(cutoff)) for cutoff in (0.5, 2.0)] == [850_000, 1_000_001]
