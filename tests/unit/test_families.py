import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pprl.decide.families import handles, link_families


def linked(rows, heads=()):
    """Rows of (own family, other family, strong, match number, same card); heads by number."""
    own, other, strong, numbers, card = zip(*rows, strict=True) if rows else ((),) * 5
    found = link_families(
        handles(own),
        handles(other),
        strong=np.array(strong, dtype=bool),
        numbers=handles(numbers),
        same_head=np.array([number in heads for number in numbers], dtype=bool),
        same_card=np.array(card, dtype=bool),
    )
    return found, {(own[place], other[place]) for place in found.first.tolist()}


def test_one_strong_match_or_two_medium_ones_make_a_family():
    _, pairs = linked([(1, 11, True, 5, False)])
    assert pairs == {(1, 11)}
    _, pairs = linked([(1, 11, False, 5, False)])
    assert pairs == set()
    found, pairs = linked([(1, 11, False, 5, False), (1, 11, False, 6, False)])
    assert pairs == {(1, 11)}
    assert (found.strong.tolist(), found.medium.tolist()) == ([0], [2])


def test_a_family_is_in_one_pair_and_the_better_supported_wins():
    rows = [
        (1, 11, True, 5, False),
        (1, 12, True, 6, False), (1, 12, False, 7, False),
        (2, 12, True, 8, False),
        (2, 11, False, 9, False), (2, 11, False, 10, False),
    ]  # fmt: skip
    found, pairs = linked(rows)
    assert pairs == {(1, 12), (2, 11)}
    assert found.pair.tolist() == [-1, 0, 0, -1, 1, 1]


def test_a_family_with_two_equal_successors_is_contested_whatever_its_match_numbers():
    for first, second in ((9, 4), (3, 4)):
        found, pairs = linked([(1, 11, True, first, False), (1, 12, True, second, False)])
        assert pairs == set()
        assert found.contested.tolist() == [True, True]
        assert found.pair.tolist() == [-1, -1]


def test_a_family_that_split_into_halves_is_where_its_head_is():
    halves = [
        (1, 11, True, 9, False), (1, 11, True, 8, False),
        (1, 12, True, 5, False), (1, 12, True, 4, False),
    ]  # fmt: skip
    assert linked(halves)[1] == set()
    found, pairs = linked(halves, heads={8})
    assert pairs == {(1, 11)}
    assert found.same_head.tolist() == [True]
    assert not found.contested.any()
    # A doubtful match of its head weighs as much as a sure one of another member.
    doubtful = [(1, 11, False, 9, False), *halves[1:]]
    assert linked(doubtful, heads={9})[1] == {(1, 11)}
    # One member more is another family.
    assert linked([*halves, (1, 12, True, 3, False)], heads={8})[1] == {(1, 12)}


def test_nobody_gets_what_is_left_of_families_in_a_tie():
    rows = [
        (1, 11, True, 1, False), (1, 11, True, 2, False),
        (1, 12, True, 3, False), (1, 12, True, 4, False),
        (2, 12, True, 5, False),
        (3, 13, True, 6, False),
    ]  # fmt: skip
    found, pairs = linked(rows)
    assert pairs == {(3, 13)}
    assert found.contested.tolist() == [True] * 4 + [False] * 2


def test_an_equal_card_supports_and_a_different_one_does_not_veto():
    rows = [(1, 11, True, 3, False), (1, 12, True, 4, True)]
    assert linked(rows)[1] == {(1, 12)}
    assert linked([(1, 11, False, 3, True)])[1] == set()  # a card alone finds nobody
    assert linked(rows)[0].same_card.tolist() == [True]


def test_nobody_matched_is_no_family():
    assert linked([])[1] == set()


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(11, 15), st.booleans(), st.booleans()), max_size=25
    ),
    st.sets(st.integers(0, 24)),
    st.randoms(use_true_random=False),
)
def test_both_owners_find_the_same_families_in_any_order_of_rows(rows, heads, random):
    rows = [(*row[:3], number, row[3]) for number, row in enumerate(rows)]
    found, pairs = linked(rows, heads)
    contested = {rows[place][3] for place in np.flatnonzero(found.contested)}
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert linked(shuffled, heads)[1] == pairs
    swapped = [(other, own, strong, number, card) for own, other, strong, number, card in shuffled]
    again, mirrored = linked(swapped, heads)
    assert {(own, other) for other, own in mirrored} == pairs
    assert {swapped[place][3] for place in np.flatnonzero(again.contested)} == contested
    assert len({own for own, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)
