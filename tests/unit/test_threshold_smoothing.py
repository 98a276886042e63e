"""Smooth rates behind counts: what they recover, how they go on, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.decide.threshold.smoothing import smooth


def dense(bands):
    """Write out a symmetric banded matrix."""
    size = bands.shape[1]
    matrix = np.zeros((size, size))
    for offset, band in enumerate(bands[:size]):
        matrix += np.diag(band[: size - offset], -offset)
        if offset:
            matrix += np.diag(band[: size - offset], offset)
    return matrix


def bends(size):
    """Return the matrix of second differences."""
    return np.diff(np.eye(size), 2, axis=0)


def test_an_exponential_is_recovered_from_its_counts():
    places = np.arange(80)
    truth = 2e-4 * np.exp(-0.1 * places)
    exposure = np.full(80, 1e7)
    counts = np.random.default_rng(3).poisson(exposure * truth).astype(np.float64)
    fitted = np.exp(smooth(counts, exposure, bend=0.03).log_rate)
    seen = counts >= 10
    assert seen.sum() > 40
    assert np.abs(fitted[seen] / truth[seen] - 1).max() < 0.2
    assert np.abs(fitted[:20] / truth[:20] - 1).max() < 0.05


@pytest.mark.parametrize("reverse", [False, True])
def test_where_nothing_was_looked_at_the_log_rate_goes_on_straight(reverse):
    counts = np.array([900.0, 420, 210, 95, 51, 26] + [0.0] * 14)
    exposure = np.array([1.0] * 6 + [0.0] * 14)
    if reverse:
        counts, exposure = counts[::-1], exposure[::-1]
    log_rate = smooth(counts, exposure, bend=0.05).log_rate
    if reverse:
        log_rate = log_rate[::-1]
    beyond = np.diff(log_rate[4:])
    assert beyond == pytest.approx(np.full(15, beyond[0]), abs=1e-4)
    assert beyond[0] == pytest.approx(np.log(0.5), abs=0.1)


def test_nothing_seen_where_it_was_looked_for_lowers_the_rate():
    counts = np.array([400.0, 200, 100, 50] + [0.0] * 16)
    blind, seen = np.array([1.0] * 4 + [0.0] * 16), np.ones(20)
    without = smooth(counts, blind, bend=0.05).log_rate
    assert smooth(counts, seen, bend=0.05).log_rate[8] < without[8]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 201])
@pytest.mark.parametrize("chances", [0.0, 1e-9, 1.0, 1e12])
def test_without_a_single_count_there_is_a_finite_low_rate(size, chances):
    exposure = np.full(size, chances)
    fitted = smooth(np.zeros(size), exposure, bend=0.1)
    assert np.isfinite(fitted.log_rate).all()
    assert np.isfinite(fitted.precision).all()
    assert (exposure * np.exp(fitted.log_rate)).sum() < 1


@pytest.mark.parametrize("counts", [[5.0], [0.0, 1e9], [1e9, 0.0, 0.0, 1e9], [1e-12] * 6])
def test_few_bins_and_steep_counts_have_a_finite_rate(counts):
    fitted = smooth(np.array(counts), np.ones(len(counts)), bend=0.03)
    assert np.isfinite(fitted.log_rate).all()


def test_a_rate_whose_counts_are_all_in_one_bin_is_finite_far_away():
    counts = np.zeros(201)
    counts[200] = 3e5
    fitted = smooth(counts, np.full(201, 3e5), bend=0.03)
    assert np.isfinite(fitted.log_rate).all()
    assert fitted.log_rate[200] > fitted.log_rate[0]


def test_the_start_decides_nothing():
    counts = np.array([90.0, 40, 22, 9, 6, 1, 2, 0, 0, 0])
    exposure = np.full(10, 1e3)
    usual = smooth(counts, exposure, bend=0.1).log_rate
    for start in (np.full(10, -20.0), np.linspace(3, -9, 10)):
        other = smooth(counts, exposure, bend=0.1, start=start)
        assert other.log_rate == pytest.approx(usual, abs=1e-3)


def test_the_rate_is_where_counts_and_stiffness_balance():
    counts = np.array([90.0, 40, 22, 9, 6, 1, 2, 0])
    exposure = np.array([1e3, 2e3, 1e3, 1e3, 5e2, 1e3, 1e3, 0])
    rate = smooth(counts, exposure, bend=0.2).log_rate
    stiffness = bends(8).T @ bends(8) / 0.2**2
    slope = counts - exposure * np.exp(rate) - stiffness @ rate
    assert np.abs(slope).max() < 0.01


def test_with_more_chances_the_rate_is_surer():
    counts = np.array([80.0, 40, 20, 10, 5, 0, 0, 0])
    exposure = np.array([1.0] * 5 + [0.0] * 3)
    weights = np.array([0.0] * 6 + [1.0, 1.0])
    variances = [
        smooth(counts * times, exposure * times, bend=0.05).variance_of(weights)
        for times in (1, 10, 100)
    ]
    assert variances[0] > 2 * variances[1] > 4 * variances[2] > 0


def test_far_from_what_was_seen_the_rate_is_less_sure():
    counts = np.array([80.0, 40, 20, 10, 5] + [0.0] * 10)
    exposure = np.array([1.0] * 5 + [0.0] * 10)
    fitted = smooth(counts, exposure, bend=0.05)
    variances = [fitted.variance_of(unit) for unit in np.eye(15)[4:]]
    assert (np.diff(variances) > 0).all()


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=9),
    st.floats(0.02, 1),
    st.integers(0, 2**32),
)
def test_the_precision_and_its_variances_are_those_of_the_whole_matrix(counts, bend, seed):
    draw = np.random.default_rng(seed)
    size = len(counts)
    exposure = draw.uniform(0.1, 2, size)
    fitted = smooth(np.array(counts, dtype=np.float64), exposure, bend)
    second = bends(size)
    whole = second.T @ second / bend**2 + np.diag(exposure * np.exp(fitted.log_rate))
    assert dense(fitted.precision) == pytest.approx(whole, rel=1e-6, abs=1e-6)
    weights = draw.normal(size=size)
    variance = weights @ np.linalg.solve(dense(fitted.precision), weights)
    assert fitted.variance_of(weights) == pytest.approx(variance, rel=1e-4)
