"""Seeded attacks: they break plain Bloom filters, and say how far hardened filters hold."""

from dataclasses import replace

import numpy as np
import pytest

from pprl.errors import ConfigError
from pprl.lab.risk.attacks import ATTACKS, findings
from pprl.lab.risk.chart import points, risk_chart
from pprl.lab.risk.judge import Finding
from pprl.lab.risk.quality import Quality, linked
from pprl.lab.risk.run import CONTROL, Assessment, Row, assess, beside, made
from pprl.lab.risk.scales import Scales, expected_majority
from pprl.lab.risk.scene import NOBODY
from pprl.schema import Schema

RECORDS, KNOWN = 800, 40
SEEDED = ("similarity_profiles", "seed_and_grow", "learned_scores")


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    return made(tmp_path_factory.mktemp("register"), RECORDS, "none", 3)


@pytest.fixture(scope="module", params=["indonesia", "indonesia-hardened"])
def scene(request, register):
    return request.param, register.scene(Schema.load(request.param), seed=1)


@pytest.mark.parametrize("name", SEEDED)
def test_plain_bloom_filters_fall_to_it_and_hardened_ones_do_not(scene, register, name):
    schema, seen = scene
    (found,) = findings(
        ATTACKS[name], seen, seen.known(KNOWN), register.exposed, Schema.load(schema)
    )
    assert (found.attack, found.known, found.metric) == (name, KNOWN, "reidentified")
    if schema == "indonesia":
        assert found.value >= 0.95
        assert found.precision > 0.95
    else:
        assert found.value <= 0.03
        assert not found.broken


@pytest.mark.parametrize("name", SEEDED)
def test_only_the_truth_of_known_records_is_used(scene, name):
    """An attack that peeked would notice when the truth of the others is gone."""
    _, seen = scene
    known = seen.known(KNOWN)
    blind = np.full(RECORDS, NOBODY)
    blind[known] = seen.truth[known]
    fields = {field: getattr(seen, field) for field in seen.__dataclass_fields__}
    blinded = type(seen)(**{**fields, "truth": blind})
    attack = ATTACKS[name].load("", Schema.load("indonesia"))
    assert np.array_equal(attack.guess(seen, known), attack.guess(blinded, known))


@pytest.mark.parametrize("schema", ["indonesia", "indonesia-hardened"])
def test_graphs_of_bloom_filters_align_as_a_whole_and_hardened_ones_do_not(tmp_path, schema):
    register = made(tmp_path, 150, "none", 3)
    loaded = Schema.load(schema)
    scene = register.scene(loaded, seed=1)
    attack = ATTACKS["quadratic"]
    (found,) = findings(attack, scene, scene.known(10), register.exposed, loaded)
    assert (found.value >= 0.95) if schema == "indonesia" else (found.value <= 0.05)


def test_seed_and_grow_finds_far_more_than_it_was_told_in_bloom_filters(register):
    scene = register.scene(Schema.load("indonesia"), seed=2)
    known = scene.known(KNOWN)
    guess = ATTACKS["seed_and_grow"].load("", Schema.load("indonesia")).guess(scene, known)
    assert (guess == scene.truth).sum() > 10 * KNOWN


def test_expected_similarity_is_what_hardened_filters_show(register):
    scene = register.scene(Schema.load("indonesia-hardened"), seed=1)
    rows = np.arange(RECORDS)
    scales = Scales(scene, rows)
    seen = scales.encoded(rows, rows)
    expected = scales.plain(scene.truth, scene.truth)
    away = ~np.eye(RECORDS, dtype=bool)
    assert abs(float((seen - expected)[away].mean())) < 0.001
    near = away & (expected > 0.02)
    slope = float((seen * expected)[near].sum() / (expected**2)[near].sum())
    assert slope == pytest.approx(1, abs=0.15)
    assert float((seen - expected)[away].std()) == pytest.approx(2048**-0.5, rel=0.05)


def test_more_hash_families_show_less_of_the_same_angle():
    cosine = np.linspace(0, 1, 11)
    four, six = (expected_majority(cosine, kappa=kappa) for kappa in (4, 6))
    assert (six[1:-1] < four[1:-1]).all()
    assert (np.diff(four) > 0).all()


def row(schema, *, broken, metric="reidentified"):
    return Row(schema, "clk", 64, None, 100, Finding("a", metric, 0.5, 0.01, broken), None)


@pytest.mark.parametrize(
    ("control", "own", "verdict"),
    [
        (True, True, "broken"), (True, False, "withstands"),
        (False, False, "failed"), (False, True, "broken"),
    ],
)  # fmt: skip
def test_an_attack_that_does_not_break_its_control_proves_nothing(control, own, verdict):
    rows = beside([row("indonesia", broken=control), row("other", broken=own)])
    assert rows[1].verdict == verdict


@pytest.mark.parametrize(
    ("with_the_key", "broken", "verdict"),
    [(1.0, False, "holds"), (0.0, False, "failed"), (1.0, True, "broken")],
)
def test_a_promise_is_its_own_control(with_the_key, broken, verdict):
    """Plain Bloom filters keep it, too; that they do isn't an attack that failed."""
    promise = Finding("a", "in_common", 0.5 * broken, 0.0, broken, own_control=with_the_key)
    rows = beside([Row(name, "clk", 64, None, 100, promise, None) for name in (CONTROL, "other")])
    assert [row.verdict for row in rows] == [verdict, verdict]
    assert {row.as_dict()["control"]["value"] for row in rows} == {with_the_key}


def test_the_chart_shows_the_worst_that_an_attacker_can_do_with_what_it_knows():
    def one(schema, known, value, *, broken=False, attack="a"):
        found = Finding(attack, "reidentified", value, 0.01, broken, known)
        return Row(schema, "clk", 64, None, 100, found, None)

    rows = beside(
        [
            one(CONTROL, 0, 0.9, broken=True), one(CONTROL, 50, 1.0, broken=True),
            one("other", 0, 0.03), one("other", 50, 0.02),
            one("unattacked", 0, 0.0, attack="b"),
        ]
    )  # fmt: skip
    names = (CONTROL, "other", "unattacked")
    found = Assessment(tuple(rows), dict.fromkeys(names, Quality(0.9, 0.9)), (), "none", 7)
    assert [(each.schema, each.known, each.reidentified) for each in points(found)] == [
        (CONTROL, 0, 0.9), (CONTROL, 50, 1.0), ("other", 0, 0.03), ("other", 50, 0.03),
    ]  # fmt: skip
    text = risk_chart(points(found), language="id")
    assert risk_chart(points(found), language="id") == text
    assert "pasangan yang diketahui" in text
    assert text.count(">other<") == 1


def test_tokens_alone_have_a_place_on_the_frontier(tmp_path):
    names = ("indonesia-tokens", "indonesia")
    found = linked(names, (400, 600), 7, tmp_path)
    tokens, control = (found[name] for name in names)
    assert list(found) == list(names)
    assert 0.4 < tokens.estimated_f1 <= tokens.f1 < control.f1


@pytest.mark.parametrize(("name", "better"), [("indonesia", 1.01), ("indonesia-hardened", 1.1)])
def test_what_is_expected_of_two_filters_uses_the_weights_of_the_schema(register, name, better):
    scene = register.scene(Schema.load(name), seed=1)
    rows = np.arange(RECORDS)
    pairs = np.triu_indices(RECORDS, 1)

    def fit(seen):
        scales = Scales(seen, rows)
        plain = scales.plain(scene.truth, scene.truth)
        return np.corrcoef(scales.encoded(rows, rows)[pairs], plain[pairs])[0, 1]

    blind = replace(scene, population=replace(scene.population, weighted=None))
    assert fit(scene) > better * fit(blind)


def test_the_constant_qgram_makes_all_weights_odd(register):
    people = register.scene(Schema.load("indonesia-hardened"), seed=1).population
    assert (people.weighted.sum(axis=1) % 2 == 1).all()
    assert people.weighted.shape[1] == people.grams.shape[1] + 1


def test_the_same_seed_gives_the_same_findings():
    arguments = {"records": [80], "known": [8], "attacks": ["similarity_profiles"]}
    one, two = (
        assess(["indonesia-hardened"], **arguments, damage="clean", quality=None) for _ in range(2)
    )
    assert one.as_dict() == two.as_dict()


def test_another_register_of_the_same_persons_says_who_is_who(tmp_path):
    register = made(tmp_path, 200, "dirty", 5)
    assert register.exposed != register.held
    there = register.truth != NOBODY
    assert there.mean() > 0.9
    scene = register.scene(Schema.load("indonesia"), seed=1)
    scales = Scales(scene, scene.known(100))
    same = np.diag(scales.encoded(scales.rows, scales.rows)) > 0
    assert same.all()
    alike = scales.plain(scales.persons, scales.persons)
    assert np.diag(alike).mean() > alike.mean() + 0.2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"records": [5]}, "risk.too_few"),
        ({"records": [100], "known": [60]}, "risk.too_many_known"),
        ({"attacks": ["guesswork"]}, "cli.choice"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, code):
    with pytest.raises(ConfigError) as refused:
        assess(["indonesia"], quality=None, **arguments)
    assert refused.value.code == code


def test_too_many_records_for_an_attack_are_said_and_not_tried():
    found = assess(
        ["indonesia"], records=[1_100], known=[10], attacks=["quadratic"], quality=None
    )  # fmt: skip
    assert found.rows == ()
    assert found.skipped == (("quadratic", 1_100),)
