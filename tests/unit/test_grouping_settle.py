"""Records that want the same place in a group: the larger total evidence has it."""

from __future__ import annotations

import numpy as np

from pprl.decide.grouping import group_records, settle


def settled(pairs, party):
    """Group pairs of (first, second, strength), then settle; return groups before and after."""
    ordered = sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
    first, second, strength = (np.array(column, dtype=np.int64) for column in zip(*ordered))  # noqa: B905 - equal by making
    before = group_records(first, second, len(party))
    after, exchanged = settle(before, first, second, strength, np.array(party))
    return before.tolist(), after.tolist(), exchanged


def test_the_record_with_more_evidence_in_total_takes_the_place_of_one_that_came_first():
    # 0 and 3 are of party 0. 0 comes first, both its pairs done before the weaker one of 3.
    pairs = [(1, 2, 99), (0, 1, 90), (0, 2, 90), (1, 3, 98), (2, 3, 85)]
    assert settled(pairs, [0, 1, 2, 0]) == ([0, 0, 0, 3], [0, 1, 1, 1], 1)


def test_with_as_much_evidence_the_first_one_stays():
    pairs = [(1, 2, 99), (0, 1, 90), (0, 2, 90), (1, 3, 95), (2, 3, 85)]
    assert settled(pairs, [0, 1, 2, 0]) == ([0, 0, 0, 3], [0, 0, 0, 3], 0)


def test_a_record_not_accepted_with_all_who_stay_does_not_come_in():
    pairs = [(1, 2, 99), (0, 1, 10), (0, 2, 10), (1, 3, 98)]
    assert settled(pairs, [0, 1, 2, 0]) == ([0, 0, 0, 3], [0, 0, 0, 3], 0)


def test_a_record_of_another_group_is_not_taken_out_of_it():
    # 3 would have more evidence beside 1 and 2, but it is matched with 4.
    pairs = [(1, 2, 99), (0, 1, 90), (0, 2, 90), (1, 3, 98), (2, 3, 85), (3, 4, 100)]
    before, after, exchanged = settled(pairs, [0, 1, 2, 0, 1])
    assert before == [0, 0, 0, 3, 3]
    assert (after, exchanged) == (before, 0)


def test_the_newcomer_can_be_the_lowest_record():
    pairs = [(1, 2, 99), (1, 3, 90), (2, 3, 90), (0, 1, 98), (0, 2, 85)]
    assert settled(pairs, [0, 1, 2, 0]) == ([0, 1, 1, 1], [0, 0, 0, 3], 1)


def test_strengths_below_zero_count_as_evidence_all_the_same():
    """Pairs of weaker tiers have them: the least is still better than none."""
    pairs = [(1, 2, -1), (0, 1, -10), (0, 2, -10), (1, 3, -2), (2, 3, -15)]
    assert settled(pairs, [0, 1, 2, 0]) == ([0, 0, 0, 3], [0, 1, 1, 1], 1)


def test_the_best_of_three_who_want_a_place_has_it_in_the_end():
    pairs = [
        (1, 2, 99), (0, 1, 90), (0, 2, 90), (1, 3, 96), (2, 3, 86), (1, 4, 98), (2, 4, 85),
    ]  # fmt: skip
    before, after, exchanged = settled(pairs, [0, 1, 2, 0, 0])
    assert before == [0, 0, 0, 3, 4]
    assert after == [0, 1, 1, 3, 1]
    assert 1 <= exchanged <= 2


def test_nothing_given_is_changed_and_nothing_to_do_is_done():
    group = np.array([0, 1, 2])
    none = np.array([], dtype=np.int64)
    after, exchanged = settle(group, none, none, none, np.array([0, 1, 2]))
    assert after.tolist() == [0, 1, 2]
    assert exchanged == 0
    after, exchanged = settle(none, none, none, none, none)
    assert (after.tolist(), exchanged) == ([], 0)
