"""Counts made from known curves are split into the matches and the chance they were made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pprl.decide.threshold.bins import BINS, TOP
from pprl.decide.threshold.mixture import Observed, Within, fit

PLACES = np.arange(BINS)
FIRST = 130
MOST = 20_000.0
N_PAIRS = 18e6
SHARE = {"filter": 0.4, "contradicted": 0.6}
MATCHES = {"nik": 2_000.0, "nik15": 60.0, "filter": 1_200.0, "contradicted": 150.0}
WRONG = {"nik": 120.0, "nik15": 0.0}
WITHIN_PAIRS = (6e6, 18e6)


def normal(centre, width):
    curve = np.exp(-(((PLACES - centre) / width) ** 2) / 2)
    return curve / curve.sum()


def rate():
    """Return pairs of different people by bin, per pair: 1.5 a record between the files."""
    falling = np.where(PLACES >= FIRST, np.exp(-0.16 * (PLACES - FIRST)), 0)
    return 3_000 / N_PAIRS * falling


def shape():
    """Return how matches are spread: a broad hill, and a quarter without any damage."""
    curve = 0.75 * normal(180, 12) * (PLACES < TOP)
    curve[TOP] = 1 - curve.sum()
    return curve


def counts(draw, *parts):
    """Draw counts around the sum of some curves, above the first bin."""
    return draw.poisson(sum(parts) * (PLACES >= FIRST)).astype(np.float64)


def observed(seed=1, *, tokens=True, same=(0, 0), namesakes=0.0, matches=MATCHES, without=(0, 0)):
    """Draw what would be seen.

    ``same`` and ``without`` are pairs inside each file that are one person, with an equal token
    and with different ones.
    """
    draw = np.random.default_rng(seed)
    chance = rate()
    chance[TOP] = namesakes
    n_rows = (1_000, 1_000)
    within = [
        Within(
            rows,
            pairs,
            counts(draw, pairs * chance, apart * shape()),
            counts(draw, equal * shape()),
        )
        for rows, pairs, equal, apart in zip(n_rows, WITHIN_PAIRS, same, without, strict=True)
    ]
    random = draw.poisson(50_000 * normal(95, 8)).astype(np.float64)
    if not tokens:
        found = counts(draw, N_PAIRS * chance, matches["filter"] * shape())
        return Observed(FIRST, N_PAIRS, MOST, {"filter": found}, {}, within, random)
    return Observed(
        FIRST,
        N_PAIRS,
        MOST,
        {
            tier: counts(draw, N_PAIRS * share * chance, matches[tier] * shape())
            for tier, share in SHARE.items()
        },
        {
            kind: draw.poisson(wrong * normal(100, 9) + matches[kind] * shape()).astype(float)
            for kind, wrong in WRONG.items()
        },
        within,
        random,
    )


def tail(curve, start=150):
    """Sum a null where bars are, without equal filters."""
    return float(curve[start:TOP].sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_matches_and_wrong_tokens_are_told_apart(seed):
    mixture = fit(observed(seed))
    for tier, n_matches in MATCHES.items():
        assert mixture.matches[tier] == pytest.approx(n_matches, abs=3.5 * np.sqrt(n_matches)), tier
    assert mixture.wrong["nik"].sum() == pytest.approx(WRONG["nik"], abs=25)
    assert mixture.wrong["nik15"].sum() < 6


@pytest.mark.parametrize("tokens", [True, False])
def test_the_tail_of_the_null_is_found(tokens):
    mixture = fit(observed(tokens=tokens))
    for tier, null in mixture.null.items():
        truth = N_PAIRS * (SHARE[tier] if tokens else 1) * rate()
        assert tail(null) == pytest.approx(tail(truth), rel=0.15)
        assert tail(null, 170) == pytest.approx(tail(truth, 170), rel=0.3)
        assert null[FIRST:140].sum() == pytest.approx(truth[FIRST:140].sum(), rel=0.05)


@pytest.mark.parametrize("tokens", [True, False])
def test_the_shape_of_matches_is_found(tokens):
    mixture = fit(observed(tokens=tokens))
    assert mixture.shape.sum() == pytest.approx(1)
    assert mixture.shape[TOP] == pytest.approx(shape()[TOP], abs=0.04)
    for start in (150, 170, 185):
        assert tail(mixture.shape, start) == pytest.approx(tail(shape(), start), abs=0.04)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_tokens_the_filters_alone_are_split(seed):
    mixture = fit(observed(seed, tokens=False))
    assert set(mixture.matches) == set(mixture.null) == {"filter"}
    # Chance pairs inside a file can be taken for second records; no token says they aren't.
    assert mixture.matches["filter"] == pytest.approx(MATCHES["filter"], rel=0.4)
    surely = mixture.matches["filter"] * mixture.shape[170:].sum()
    assert surely == pytest.approx(MATCHES["filter"] * shape()[170:].sum(), rel=0.1)
    assert mixture.wrong == {}


def test_pairs_expected_and_pairs_found_add_up():
    seen = observed()
    mixture = fit(seen)
    for tier, found in seen.filters.items():
        expected = mixture.null[tier][FIRST:].sum()
        expected += mixture.matches[tier] * mixture.shape[FIRST:].sum()
        assert expected == pytest.approx(found.sum(), rel=0.02)
    for kind, found in seen.tokens.items():
        expected = mixture.wrong[kind].sum() + mixture.matches[kind]
        assert expected == pytest.approx(found.sum(), rel=0.01, abs=0.5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_second_records_inside_a_file_are_no_part_of_the_null(seed):
    """A fifth of the rows have another record; one in thirteen of those contradicts its token."""
    same, against = (200, 200), (15, 15)
    mixture = fit(observed(seed, same=same, without=against))
    truth = N_PAIRS * SHARE["contradicted"] * rate()
    assert tail(mixture.null["contradicted"], 165) == pytest.approx(tail(truth, 165), rel=0.5)
    assert mixture.null["contradicted"][TOP] < 1
    assert mixture.namesakes < 1
    every = 200 * sum(MATCHES.values()) / (MATCHES["nik"] + MATCHES["nik15"])
    assert mixture.duplicates == pytest.approx((every / 1_000,) * 2, rel=0.25)


def test_without_tokens_second_records_are_known_by_their_crowding_near_one():
    mixture = fit(observed(tokens=False, without=(60, 60)))
    truth = N_PAIRS * rate()
    assert tail(mixture.null["filter"], 165) == pytest.approx(tail(truth, 165), rel=0.5)
    assert mixture.matches["filter"] == pytest.approx(MATCHES["filter"], rel=0.15)
    assert mixture.duplicates == pytest.approx((0.06, 0.06), rel=0.35)


@pytest.mark.parametrize("a_pair", [2e-6, 2e-5, 1e-4])
def test_people_who_share_everything_but_the_token_become_part_of_the_null(a_pair):
    mixture = fit(observed(namesakes=a_pair))
    assert mixture.namesakes == pytest.approx(sum(WITHIN_PAIRS) * a_pair, rel=0.4)
    for tier, null in mixture.null.items():
        assert null[TOP] == pytest.approx(N_PAIRS * SHARE[tier] * a_pair, rel=0.4)
        # They are not believed to be a part of the tail.
        assert tail(null) == pytest.approx(tail(N_PAIRS * SHARE[tier] * rate()), rel=0.2)
    assert mixture.matches["contradicted"] == pytest.approx(MATCHES["contradicted"], abs=60)
    assert max(mixture.duplicates) < 0.01


def test_the_curve_of_wrong_tokens_does_not_swallow_matches_with_equal_filters():
    """Nine of ten matches undamaged: all of them matches, not relatives with the same name."""
    draw = np.random.default_rng(1)
    intact = np.zeros(BINS)
    intact[TOP] = 1
    seen = observed()
    equal = 400 * intact + draw.poisson(10 * normal(100, 9))
    mixture = fit(
        replace(
            seen,
            n_pairs=6_500.0,
            filters={"filter": 80 * intact, "contradicted": np.zeros(BINS)},
            tokens={"nik": equal},
            within=[Within(500, 175_000.0, counts(draw, 175_000 * rate()), np.zeros(BINS))] * 2,
        )
    )
    assert mixture.matches["nik"] == pytest.approx(400, abs=12)
    assert mixture.matches["filter"] == pytest.approx(80, abs=12)
    assert mixture.wrong["nik"][TOP] < 5


@pytest.mark.parametrize("seed", range(1, 7))
def test_without_a_single_common_person_no_bar_would_find_a_match(seed):
    """Neither the chance pairs of the files nor those inside them may be taken for matches."""
    nobody = dict.fromkeys(MATCHES, 0.0)
    mixture = fit(observed(seed, matches=nobody, same=(30, 30), without=(2, 2)))
    assert sum(mixture.matches.values()) * mixture.shape[150:].sum() < 5
    truth = N_PAIRS * SHARE["contradicted"] * rate()
    assert tail(mixture.null["contradicted"]) == pytest.approx(tail(truth), rel=0.25)


NONE = np.zeros(BINS)
NO_ROWS = Within(0, 0.0, NONE, NONE)


@pytest.mark.parametrize("first", [20, 130, TOP])
@pytest.mark.parametrize("tokens", [{}, {"nik": NONE}])
@pytest.mark.parametrize("n_pairs", [0.0, 1e6])
def test_nothing_seen_gives_finite_curves_and_next_to_no_matches(first, tokens, n_pairs):
    filters = dict.fromkeys(["filter", *(["contradicted"] if tokens else [])], NONE)
    mixture = fit(Observed(first, n_pairs, MOST, filters, tokens, [NO_ROWS] * 2, NONE))
    assert np.isfinite(mixture.shape).all()
    for curve in (*mixture.null.values(), *mixture.wrong.values()):
        assert np.isfinite(curve).all()
        assert (curve >= 0).all()
    assert max(mixture.matches.values()) < 1


def test_the_same_counts_give_the_same_split():
    one, other = fit(observed(5)), fit(observed(5))
    assert one.matches == other.matches
    assert one.shape.tobytes() == other.shape.tobytes()
    assert one.null["filter"].tobytes() == other.null["filter"].tobytes()
