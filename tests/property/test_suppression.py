"""Whoever solves for a hidden count finds an interval as wide as the minimum."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pprl.disclose.attack import findings
from pprl.disclose.counts import CrossTable
from pprl.disclose.places import Places
from pprl.disclose.published import HIDDEN, Rule
from pprl.disclose.shape import Plain, Shape
from pprl.disclose.suppression import suppress

DESIL = Plain("desil", ("1", "2", "none"))
SEX = Plain("sex", ("L", "P"))
FOUND_HAVE_DESIL = {
    "overlap": {"desil": ("1", "2")},
    "left_only": {"desil": ("none",)},
    "right_only": {"desil": ("1", "2")},
}
OWNERS = {"left": (), "right": ("desil",)}

SHAPES = st.sampled_from(
    [
        {},
        {"known": {}},
        {"plain": (SEX,), "known": {"left": ("sex",), "right": ()}},
        {"plain": (DESIL,), "possible": FOUND_HAVE_DESIL, "known": OWNERS},
        {"plain": (DESIL,), "possible": FOUND_HAVE_DESIL, "known": {}},
        {"plain": (DESIL, SEX), "possible": FOUND_HAVE_DESIL, "known": OWNERS},
        {  # two tables that share their margins
            "plain": (DESIL, SEX),
            "possible": FOUND_HAVE_DESIL,
            "known": {"left": ("sex",), "right": ("desil", "sex")},
            "tables": (("desil",), ("sex",)),
        },
        {"plain": (SEX, Plain("age", ("a", "b"))), "known": {}},  # three ways with the place
    ]
)
# Leaves of trees with one to three levels, among them places with a single place inside.
LEAVES = st.sampled_from(
    [
        ((), ()),
        ((1,), ("1", "2", "3", "4")),
        ((1, 2), ("11", "12", "21", "22", "23")),
        ((1, 2), ("11", "21", "22", "31", "32", "33")),
        ((1, 2, 3), ("111", "112", "121", "122", "211", "221")),
    ]
)
RULES = st.one_of(
    st.builds(Rule, minimum=st.integers(2, 10), zeros=st.sampled_from(["hide", "show"])),
    st.sampled_from([Rule(10, 10), Rule(10, 5), Rule(4, 3), Rule(5, 5, "show")]),
)


@st.composite
def tables(draw):
    levels, leaves = draw(LEAVES)
    place = {"place": "village", "levels": levels} if levels else {}
    shape = Shape(**draw(SHAPES), **place)
    places = Places.of(leaves, levels)
    # Sizes differ by place: some are nearly empty, some have hundreds in every cell.
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_kinds = len(shape.kinds)
    typical = random.choice([0.3, 3, 12, 40, 200], (len(places), 1)) * random.choice(
        [0, 0.3, 1, 1, 2], (1, n_kinds)
    )
    return CrossTable(shape, places, places.summed(random.poisson(typical).astype(np.int64)))


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tables(), RULES)
def test_the_attacker_finds_nothing(table, rule):
    published = suppress(table, rule).published()
    assert findings(published) == []
    shown = published.values[:, ~table.shape.known_columns]
    assert not ((shown != HIDDEN) & (shown > 0) & (shown < rule.minimum - rule.step)).any()


def test_the_attacker_finds_cells_when_only_small_counts_are_hidden():
    places = Places.of(("11", "12", "21", "22"), (1, 2))
    shape = Shape(place="village", levels=(1, 2), plain=(SEX,), known={})
    kinds = np.full((len(places), len(shape.kinds)), 40)
    kinds[3, 0] = 3
    table = CrossTable(shape, places, places.summed(kinds))
    found = findings(suppress(table, complementary=False).published())
    assert [(one.place, one.column.part, one.low, one.high) for one in found] == [
        ("11", "overlap", 3, 3)
    ]
    assert findings(suppress(table).published()) == []
