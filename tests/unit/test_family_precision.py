"""What an owner says of its matched families without the truth."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.decide.family_precision import family_precision, precision_of_overlap


def estimated(*families, persons=None):
    """Families as (members, chances of supporting matches, chances of conflicting ones)."""
    family, pair, chances = [], [], []
    for number, (_, supporting, conflicting) in enumerate(families):
        for place, listed in ((number, supporting), (-1, conflicting)):
            family += [number] * len(listed)
            pair += [place] * len(listed)
            chances += listed
    return family_precision(
        np.array(family, dtype=np.int64),
        np.array(pair, dtype=np.int64),
        np.array(chances, dtype=np.float64),
        size=np.array([size for size, _, _ in families], dtype=np.int64),
        persons=persons,
    )


def test_a_pair_is_wrong_when_all_that_supports_it_is():
    assert estimated((1, [0.9], [])).value == pytest.approx(0.9)
    assert estimated((2, [0.9, 0.8], [])).value == pytest.approx(0.98)


def test_a_match_that_stands_alone_in_a_large_family_is_doubted_more():
    others = [(4, [0.99] * 4, [])] * 99
    alone = estimated(*others, (4, [0.99], []))
    together = estimated(*others, (4, [0.99, 0.99], []))
    assert (1 - alone.value) * 100 > 0.5
    assert (1 - together.value) * 100 < 0.01
    # A family of one has nobody else who could have been found.
    assert (1 - estimated(*others, (1, [0.99], [])).value) * 100 == pytest.approx(0.01, abs=1e-4)


def test_conflicting_matches_leave_less_that_has_to_be_wrong():
    clear = estimated((4, [0.9] * 3, []))
    split = estimated((4, [0.9] * 3, [0.9]))
    assert (clear.contradicted, split.contradicted) == (0, 1)
    assert split.value == pytest.approx(1 - 0.1**2)
    assert split.low < clear.low


def test_as_much_conflict_as_support_is_at_worst_a_coin_flipped():
    families = [(4, [1.0] * 4, [])] * 900
    halves = [(4, [1.0, 1.0], [1.0, 1.0])] * 100
    found = estimated(*families, *halves)
    assert found.value == 1.0
    assert found.low < 0.95
    assert estimated(*families).low > 0.995


def test_doubt_about_all_persons_lowers_the_lower_end_alone():
    families = [(3, [0.99, 0.99], [])] * 500
    one = estimated(*families, persons=(0.99, 0.99))
    other = estimated(*families, persons=(0.99, 0.95))
    assert one.value == other.value
    assert other.low < one.low


def test_nothing_is_said_without_pairs_or_without_chances():
    assert estimated() is None
    assert estimated((2, [], [0.9])) is None
    assert estimated((2, [float("nan")], [])) is None
    # Of a conflicting match the chance isn't needed.
    assert estimated((2, [0.9], [float("nan")])) is not None


def test_an_overlap_says_the_same_as_its_numbers():
    members = pa.table(
        {"family": ["F1", "F1", "F2", None, "F3"], "member": ["1", "2", "3", "4", "5"]}
    )
    rows = [
        ("2", "dinsos", "matched", "0a", 900_000), ("1", "dinsos", "matched", "0a", 800_000),
        ("3", "dinsos", "matched", None, 700_000), ("4", "dinsos", "matched", "0c", 100_000),
        ("5", "dinsos", "review", None, 500_000), ("5", "disdik", "matched", "0d", 100_000),
    ]  # fmt: skip
    names = ("id", "party", "status", "family", "precision")
    overlap = pa.table(
        {name: pa.array([row[at] for row in rows], pa.int32() if name == "precision" else None)
         for at, name in enumerate(names)}
    )  # fmt: skip
    found = precision_of_overlap(members, overlap, party="dinsos")
    assert found == estimated((2, [0.9, 0.8], []), (1, [], [0.7]), (1, [], []))
    assert precision_of_overlap(members, overlap.drop_columns("family"), party="dinsos") is None
    assert precision_of_overlap(members, overlap, party="nobody") is None


FAMILY = st.tuples(
    st.integers(1, 8),
    st.lists(st.floats(0, 1), max_size=4),
    st.lists(st.floats(0, 1), max_size=4),
)


@given(st.lists(FAMILY, max_size=12))
def test_the_interval_holds_the_estimate_and_stays_within_0_and_1(families):
    found = estimated(*families)
    if any(supporting for _, supporting, _ in families):
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.pairs == sum(bool(supporting) for _, supporting, _ in families)
    else:
        assert found is None
