"""Pairs by similarity, as an owner can count them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.report.krs.bins import N_BINS, similarities

MILLION = 1_000_000
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["dinsos", "disdik"]),
        st.sampled_from(["matched", "review", "none"]),
        st.one_of(st.none(), st.integers(0, MILLION)),
    )
)


def overlap(rows):
    party, status, similarity = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "party": pa.array(party, pa.string()),
            "status": pa.array(status, pa.string()),
            "similarity": pa.array(similarity, pa.int32()),
        }
    )


def found(*similarity, status="matched"):
    return similarities(overlap([("dinsos", status, each) for each in similarity]), "dinsos")


@given(ROWS)
def test_every_pair_is_counted_once(rows):
    counted = similarities(overlap(rows), "dinsos")
    assert len(counted.bins) == N_BINS
    for band, status, without in (
        ("accepted", "matched", counted.accepted_without),
        ("review", "review", counted.review_without),
    ):
        own = [each for party, kind, each in rows if (party, kind) == ("dinsos", status)]
        assert without == own.count(None)
        assert sum(getattr(each, band) for each in counted.bins) == len(own) - own.count(None)


@given(ROWS)
def test_bins_lie_side_by_side_and_end_at_one(rows):
    bins = similarities(overlap(rows), "dinsos").bins
    assert [each.low for each in bins[1:]] == [each.high for each in bins[:-1]]
    assert bins[-1].high == 1.0
    assert bins[0].low >= 0


@pytest.mark.parametrize(
    ("similarity", "place"), [(MILLION, 19), (990_000, 19), (989_999, 18), (800_000, 0)]
)
def test_a_pair_is_in_the_bin_that_begins_at_or_below_it(similarity, place):
    bins = found(similarity).bins
    assert bins[0].low == 0.8
    assert [each.accepted for each in bins].index(1) == place


@pytest.mark.parametrize(
    ("low", "start"), [(800_000, 0.8), (799_999, 0.6), (550_000, 0.5), (400_000, 0.0)]
)
def test_bins_are_as_narrow_as_nearly_all_pairs_allow(low, start):
    assert found(MILLION, low).bins[0].low == start


def test_few_pairs_below_the_bins_are_counted_in_the_lowest_and_said():
    near = np.full(99, MILLION)
    counted = found(*near, 120_000)
    assert (counted.bins[0].low, counted.bins[0].accepted, counted.below) == (0.8, 1, 1)
    assert found(*near, 120_000, 130_000).below == 0


def test_what_was_not_found_has_no_similarity_to_count():
    assert found(None, None, status="none").pairs == 0
