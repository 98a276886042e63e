import numpy as np
import pytest

from pprl.disclose.attack import Attack, findings
from pprl.disclose.counts import CrossTable
from pprl.disclose.places import Places
from pprl.disclose.published import HIDDEN, Rule
from pprl.disclose.shape import Plain, Shape
from pprl.disclose.suppression import suppress
from pprl.errors import ConfigError

SEX = Plain("sex", ("L", "P"))


def table_of(kinds, leaves=(), levels=(), **shape):
    place = {"place": "village", "levels": levels} if levels else {}
    shape = Shape(**shape, **place)
    places = Places.of(leaves, levels)
    values = np.zeros((len(places), len(shape.kinds)), dtype=np.int64)
    values[places.is_leaf] = kinds
    return CrossTable(shape, places, places.summed(values))


def published(table, rule=None, **options):
    return suppress(table, rule, **options).published()


def test_small_counts_of_the_overlap_and_of_either_side_are_hidden():
    kinds = [(4, 50, 60), (50, 4, 60), (50, 60, 4), (50, 60, 70), (10, 10, 10)]
    table = table_of(kinds, "abcde", (1,), known={})
    primary = suppress(table).primary
    columns = {column.part: at for at, column in enumerate(table.shape.columns)}
    small = [("a", "overlap"), ("b", "left_only"), ("c", "right_only")]
    assert {(table.places.codes[row], column) for row, column in np.argwhere(primary).tolist()} == {
        (place, columns[part]) for place, part in small
    }


def test_a_small_side_hides_the_overlap_where_the_register_is_known():
    table = table_of([(500, 3, 600), (400, 300, 200), (400, 300, 200)], "abc", (1,))
    values = published(table).values
    columns = [column.part for column in table.shape.columns]
    here = dict(zip(columns, values[1].tolist(), strict=True))
    assert here["overlap"] == here["left_only"] == here["right_only"] == HIDDEN
    assert here["left"] == 503  # the attacker knows it; it isn't published
    assert "left" not in published(table).to_arrow()["part"].to_pylist()


def test_zeros_are_hidden_unless_the_rule_shows_them():
    table = table_of([(0, 50, 60), (40, 50, 60), (40, 50, 60)], "abc", (1,), known={})
    assert published(table).values[1, 0] == HIDDEN
    shown = published(table, Rule(zeros="show"))
    assert shown.values[1, 0] == 0
    assert (shown.values != HIDDEN).all()


def test_nothing_is_hidden_where_nothing_is_small():
    table = table_of(np.full((4, 6), 25), ("11", "12", "21", "22"), (1, 2), plain=(SEX,))
    assert not suppress(table).hidden.any()


def test_everything_may_have_to_be_hidden():
    values = published(table_of([(3, 2, 1), (1, 0, 2)], "ab", (1,), known={})).values
    assert (values[:, :3] == HIDDEN).all()


def test_without_complementary_suppression_the_attacker_subtracts():
    table = table_of([(4, 50, 60), (40, 50, 60), (41, 51, 61)], "abc", (1,), known={})
    naive = published(table, complementary=False)
    (found,) = [one for one in findings(naive) if one.column.part == "overlap"]
    assert (found.place, found.low, found.high) == ("a", 4, 4)
    assert findings(published(table)) == []


def test_linked_tables_are_protected_together():
    # Each table alone could hide its own cells; together their margins give more away.
    age = Plain("age", ("young", "old"))
    random = np.random.default_rng(5)
    kinds = random.poisson(6, (4, 12))
    table = table_of(kinds, "abcd", (1,), plain=(SEX, age), tables=(("sex",), ("age",)), known={})
    assert findings(published(table, complementary=False))
    assert findings(published(table)) == []


def test_a_hidden_place_with_a_single_place_inside_stays_hidden_there():
    table = table_of([(4, 50, 60), (30, 50, 60), (40, 50, 60)], ("11", "21", "22"), (1, 2))
    values = published(table).values
    outer, inner = table.places.codes.index("1"), table.places.codes.index("11")
    assert (values[outer] == values[inner]).all()
    assert values[outer, 0] == HIDDEN
    assert findings(published(table)) == []


def test_the_largest_counts_are_not_the_first_to_go():
    table = table_of([(4, 50, 60), (900, 50, 60), (30, 50, 60)], "abc", (1,), known={})
    hidden = published(table).values[1:, 0] == HIDDEN
    assert hidden.tolist() == [True, False, True]


def test_the_same_table_gives_the_same_cells():
    kinds = np.random.default_rng(8).poisson(15, (6, 6))
    leaves = ("11", "12", "13", "21", "22", "23")
    once, again = (
        published(table_of(kinds, leaves, (1, 2), plain=(SEX,))).values for _ in range(2)
    )
    assert (once == again).all()


def test_rounded_counts_are_safe_in_the_form_in_which_they_leave():
    kinds = [(14, 33, 47), (23, 32, 45), (9, 50, 60), (12, 34, 77)]
    table = table_of(kinds, "abcd", (1,), known={})
    safe = published(table, Rule(10, 10))
    shown = safe.values[safe.values != HIDDEN]
    assert (shown % 10 == 0).all()
    assert findings(safe) == []
    exact = published(table)
    assert ((exact.values == HIDDEN) == (safe.values == HIDDEN)).all()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"minimum": 0}, "disclose.minimum"),
        ({"minimum": 10_001}, "disclose.minimum"),
        ({"minimum": 5, "step": 10}, "disclose.step"),  # 5 would be rounded to 10, 6 to 10, 4 to 0
        ({"step": 0}, "disclose.step"),
    ],
)
def test_rules_that_protect_nothing_are_refused(arguments, code):
    with pytest.raises(ConfigError) as error:
        Rule(**arguments)
    assert error.value.code == code


def all_tables(shown, most):
    """Every table in whole numbers up to ``most`` that agrees with what is shown."""
    low, high = shown.bounds()
    used = (shown.values != HIDDEN) | shown.shape.known_columns
    leaves = np.flatnonzero(shown.places.is_leaf)
    n_kinds = len(shown.shape.kinds)
    numbers = np.indices([most + 1] * (len(leaves) * n_kinds)).reshape(len(leaves), n_kinds, -1)
    inside = numbers.transpose(2, 0, 1) @ shown.shape.members.T.astype(np.int64)
    values = np.concatenate([inside.sum(axis=1, keepdims=True), inside], axis=1)
    return values[((values >= low) & (values <= high) | ~used).all(axis=(1, 2))]


@pytest.mark.parametrize("known", [{}, {"left": ()}, {"left": (), "right": ()}])
@pytest.mark.parametrize("rule", [Rule(3), Rule(3, 3), Rule(2, 2, "show")])
def test_the_attackers_intervals_are_those_of_all_possible_tables(known, rule):
    table = table_of([(1, 3, 2), (4, 0, 3)], "ab", (1,), known=known)
    shown = published(table, rule, complementary=False)
    possible = all_tables(shown, 6)
    attack = Attack(shown)
    for row, column in np.argwhere(shown.values == HIDDEN).tolist():
        values = possible[:, row, column]
        if values.max() < 6:  # beyond that the list of tables isn't complete
            assert attack.interval(row, column) == (values.min(), values.max())
    assert len(possible)


def test_what_was_narrow_before_is_no_finding_and_stays_as_wide():
    # A register of four people in one place: the overlap there is 0 to 4 before anything leaves.
    table = table_of([(2, 2, 60), (40, 50, 60), (40, 50, 60)], "abc", (1,))
    safe = published(table)
    assert Attack(safe).interval(1, 0) == (0, 4)
    assert findings(safe) == []


def test_two_publications_over_nested_groups_give_away_their_difference():
    # What is NOT protected: each table alone is safe, and one person is their difference.
    before = table_of([(40, 50, 60), (70, 50, 60)], "ab", (1,), known={})
    after = table_of([(41, 50, 60), (70, 50, 60)], "ab", (1,), known={})
    first, second = published(before), published(after)
    assert findings(first) == findings(second) == []
    assert (second.values - first.values)[1, 0] == 1  # this one person is in both registers
    # Rounding to tens hides most steps and shows some of them as a ten.
    steps = [
        published(table_of([(n, 50, 60), (70, 50, 60)], "ab", (1,), known={}), Rule(10, 10))
        for n in range(40, 50)
    ]
    shown = [step.values[1, 0] for step in steps]
    assert shown == [40] * 5 + [50] * 5
