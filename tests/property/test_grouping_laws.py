"""Groups hold accepted pairs only, a record per party, and settling never loses evidence."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.decide.grouping import group_records, settle

# Few different strengths, so that ties are common; those of weak tiers are below zero.
STRENGTHS = st.sampled_from([-20_000_000, -9_100_000, -9_050_000, 0, 700_000, 900_000, 950_000])


@st.composite
def accepted(draw, most=12, parties=4):
    """Draw the party of each record, and accepted pairs from the strongest down."""
    party = draw(st.lists(st.integers(0, parties - 1), min_size=2, max_size=most))
    across = [
        (one, other) for one, other in combinations(range(len(party)), 2)
        if party[one] != party[other]
    ]  # fmt: skip
    pairs = draw(st.dictionaries(st.sampled_from(across), STRENGTHS)) if across else {}
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    first = np.array([pair[0] for pair, _ in ordered], dtype=np.int64)
    second = np.array([pair[1] for pair, _ in ordered], dtype=np.int64)
    strength = np.array([value for _, value in ordered], dtype=np.int64)
    return np.array(party, dtype=np.int64), first, second, strength


def evidence(group, first, second, strength):
    """Sum what speaks for the groups; every pair counts for something."""
    inside = group[first] == group[second]
    return int((strength - strength.min(initial=0) + 1)[inside].sum())


def check(group, party, first, second):
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        assert members[0] == name
        assert len(np.unique(party[members])) == len(members)
        assert all((one, other) in pairs for one, other in combinations(members.tolist(), 2))


@settings(deadline=None, max_examples=400)
@given(accepted())
def test_groups_are_accepted_pairs_throughout_with_one_record_a_party(case):
    party, first, second, strength = case
    group = group_records(first, second, len(party))
    check(group, party, first, second)
    after, _ = settle(group, first, second, strength, party)
    check(after, party, first, second)


@settings(deadline=None, max_examples=400)
@given(accepted())
def test_settling_gains_evidence_with_every_exchange_and_changes_nothing_without(case):
    party, first, second, strength = case
    group = group_records(first, second, len(party))
    kept = group.copy()
    after, exchanged = settle(group, first, second, strength, party)
    assert group.tolist() == kept.tolist()
    gained = evidence(after, first, second, strength) - evidence(group, first, second, strength)
    assert gained >= exchanged
    assert (exchanged == 0) == (after.tolist() == group.tolist())


@settings(deadline=None)
@given(accepted())
def test_groups_keep_their_number_their_sizes_and_their_parties(case):
    party, first, second, strength = case
    group = group_records(first, second, len(party))
    after, _ = settle(group, first, second, strength, party)

    def parties(groups):
        return sorted(sorted(party[groups == name].tolist()) for name in np.unique(groups))

    assert parties(after) == parties(group)


@settings(deadline=None)
@given(accepted(), st.integers(1, 10**7))
def test_the_same_pairs_give_the_same_groups_whatever_the_unit_of_strength(case, more):
    party, first, second, strength = case
    group = group_records(first, second, len(party))
    one, other = (settle(group, first, second, strength, party)[0] for _ in range(2))
    assert one.tolist() == other.tolist()
    lowest = strength.min(initial=0)
    scaled = (strength - lowest + 1) * more - 1  # the weights are these plus one
    assert settle(group, first, second, scaled, party)[0].tolist() == one.tolist()


def test_exchanges_do_happen():
    """The laws above are about something: in many a tangle somebody moves."""
    draw = np.random.default_rng(1)
    party = np.array([0, 0, 0, 1, 2])
    across = np.array([pair for pair in combinations(range(5), 2) if pair[1] > 2])
    moved = 0
    for _ in range(200):
        strength = draw.integers(600_000, 1_000_000, len(across))
        strength[-1] = 1_000_000  # the two without a rival
        order = np.argsort(-strength)
        first, second = across[order].T
        group = group_records(first, second, 5)
        after, exchanged = settle(group, first, second, strength[order], party)
        check(after, party, first, second)
        moved += exchanged > 0
        of = dict(zip(map(tuple, across.tolist()), strength.tolist(), strict=True))
        inside = [of[one, 3] + of[one, 4] for one in range(3)]
        assert after[3] == after[4] == after[np.argmax(inside)]
    assert 20 < moved < 180
