import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pprl.decide.families import handles, link_families


def linked(rows):
    """Rows of (own family, other family, strong, match number, same card)."""
    own, other, strong, numbers, card = zip(*rows, strict=True) if rows else ((),) * 5
    found = link_families(
        handles(own),
        handles(other),
        strong=np.array(strong, dtype=bool),
        numbers=handles(numbers),
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


def test_ties_go_to_the_smallest_match_number():
    assert linked([(1, 11, True, 9, False), (1, 12, True, 4, False)])[1] == {(1, 12)}
    assert linked([(1, 11, True, 3, False), (1, 12, True, 4, False)])[1] == {(1, 11)}


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
    st.randoms(use_true_random=False),
)
def test_both_owners_find_the_same_families_in_any_order_of_rows(rows, random):
    rows = [(*row[:3], number, row[3]) for number, row in enumerate(rows)]
    _, pairs = linked(rows)
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert linked(shuffled)[1] == pairs
    swapped = [(other, own, strong, number, card) for own, other, strong, number, card in shuffled]
    assert {(own, other) for other, own in linked(swapped)[1]} == pairs
    assert len({own for own, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)
