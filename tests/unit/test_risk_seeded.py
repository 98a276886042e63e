"""Seeded attacks: they break plain Bloom filters, and say how far hardened filters hold."""

import numpy as np
import pytest

from pprl.errors import ConfigError
from pprl.lab.risk.attacks import ATTACKS, findings
from pprl.lab.risk.judge import Finding
from pprl.lab.risk.run import Row, assess, beside, made
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
