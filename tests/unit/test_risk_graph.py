"""Graph matching without known pairs: the control falls, the default doesn't."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from pprl.lab.risk.graph import Seedless, matched
from pprl.lab.risk.judge import judged
from pprl.lab.risk.scene import NOBODY, Population, Scene
from pprl.lab.risk.structure import centred, distances, features
from pprl.lab.simulate import simulate
from pprl.schema import Schema

RECORDS = 300
NO_PAIRS = np.empty(0, dtype=np.int64)


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers")
    simulate([RECORDS, 50], overlap=0, damage="clean", seed=11, out=folder)
    return folder / "a.csv"


@pytest.fixture(scope="module")
def control(register):
    return Scene.of_one(register, Schema.load("indonesia"), seed=3)


def hardened(register, kappa):
    """Return a scene of made-up filters with the correlations of majority filters.

    Schemas allow no kappa below 4: for less, bits of record and q-grams are drawn here, by the
    definition, with plain random numbers for the keyed ones and the schema's weights.
    """
    scene = Scene.of_one(register, Schema.load("indonesia-hardened"), seed=3)
    if kappa == scene.header.kappa:
        return scene
    draw = np.random.default_rng(kappa)
    grams = scene.population.weighted.toarray()
    bits = np.zeros((len(grams), scene.header.bits), dtype=np.bool_)
    for _ in range(kappa):
        family = draw.integers(0, 2, (grams.shape[1], scene.header.bits)).astype(np.float64)
        bits ^= 2 * (grams @ family) > grams.sum(axis=1)[:, None]
    filters = np.packbits(bits, axis=1).view(np.uint64)[scene.truth]
    return replace(scene, filters=filters, header=scene.header.model_copy(update={"kappa": kappa}))


def found(scene):
    return judged(scene, NO_PAIRS, Seedless().guess(scene, NO_PAIRS), attack="seedless")


def test_plain_filters_are_reidentified_without_a_known_pair(control):
    finding = found(control)
    assert finding.value >= 0.8
    assert finding.broken
    assert finding.known == 0


def test_two_hash_families_fall_as_plain_filters_do(register):
    """The attack understands hardened filters: what stops it at kappa 4 is kappa."""
    assert found(hardened(register, 2)).value >= 0.8


def test_the_hardened_default_is_not_reidentified(register):
    finding = found(hardened(register, 4))
    assert finding.value <= 0.03  # 1% and the noise of 300 records
    assert not finding.broken


def test_the_truth_is_not_looked_at(control):
    blind = replace(control, truth=np.full(len(control), NOBODY, dtype=np.int64))
    one, other = Seedless().guess(control, NO_PAIRS), Seedless().guess(blind, NO_PAIRS)
    assert one.tolist() == other.tolist()


def test_records_without_a_filter_and_strangers_in_the_register_are_left_out(control):
    there = np.ones(len(control), dtype=np.bool_)
    there[::10] = False
    guess = Seedless().guess(replace(control, has_filter=there), NO_PAIRS)
    assert (guess[~there] == NOBODY).all()
    assert len(set(guess[there].tolist())) == there.sum()  # nobody twice
    assert (guess[there] == control.truth[there]).mean() >= 0.8


def test_a_register_that_knows_only_some_of_the_people_still_finds_them(control):
    held = np.sort(np.random.default_rng(4).permutation(RECORDS)[:270])
    number = np.full(RECORDS, NOBODY, dtype=np.int64)
    number[held] = np.arange(len(held))
    everybody = control.population
    people = replace(everybody, grams=everybody.grams[held], weighted=everybody.weighted[held])
    scene = replace(
        control,
        population=people,
        truth=number[control.truth],
    )
    assert found(scene).value >= 0.8


@pytest.mark.parametrize("count", [0, 2])
def test_nearly_empty_scenes_give_no_guess(control, count):
    nobody = Population(csr_array((count, 5)), {}, {}, {})
    scene = replace(control, population=nobody)
    assert (Seedless().guess(scene, NO_PAIRS) == NOBODY).all()


def graph(n_nodes, seed):
    draw = np.random.default_rng(seed)
    points = draw.standard_normal((n_nodes, 6))
    points /= np.linalg.norm(points, axis=1)[:, None]
    return ((1 + points @ points.T) / 2).astype(np.float32)


def test_places_do_not_depend_on_the_order_of_nodes():
    similarity = graph(60, 1)
    order = np.random.default_rng(2).permutation(60)
    there = features(similarity[np.ix_(order, order)])
    assert np.allclose(there, features(similarity)[order], atol=1e-3)


def test_the_diagonal_says_nothing():
    similarity = graph(40, 1)
    other = similarity.copy()
    np.fill_diagonal(other, 0.25)
    assert np.array_equal(centred(similarity), centred(other))
    assert np.array_equal(features(similarity), features(other))


def test_features_that_noise_destroys_are_not_trusted():
    """With more noise expected, the same two graphs look more alike everywhere."""
    similarity = graph(60, 5)
    little = distances(similarity, similarity, noise=0.01, draw=np.random.default_rng(1))
    much = distances(similarity, similarity, noise=0.3, draw=np.random.default_rng(1))
    assert np.median(much) < np.median(little) / 3


def test_graphs_with_noise_are_matched_and_those_of_strangers_agree_less():
    similarity = graph(120, 7)
    draw = np.random.default_rng(8)
    order = draw.permutation(120)
    noise = np.triu(draw.normal(0, 0.05, (120, 120)), 1).astype(np.float32)
    noisy = (similarity + noise + noise.T)[np.ix_(order, order)]
    own = matched(noisy, similarity, noise=0.05, draw=np.random.default_rng(1))
    assert (order[own.records] == own.persons).mean() > 0.95
    strangers = matched(noisy, graph(120, 9), noise=0.05, draw=np.random.default_rng(1))
    assert strangers.correlation < 0.85 * own.correlation
