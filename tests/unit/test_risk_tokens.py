"""Attacks on tokens and blocks: invented passes give people away, the built-in ones don't."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from pprl.encode.tokens import MAX_SHARED
from pprl.encoded import Header
from pprl.lab.risk.judge import judged
from pprl.lab.risk.scene import NOBODY, Classes, Population, Scene
from pprl.lab.risk.token_graph import (
    TokenGraph,
    TokenSeeds,
    kinds_of,
    propagate,
    refined,
    unknown,
)
from pprl.lab.simulate import simulate
from pprl.schema import Schema

NO_PAIRS = np.empty(0, dtype=np.int64)
PEOPLE = 20_000


def classes(of):
    of = np.asarray(of, dtype=np.int64)
    return Classes(of, np.bincount(of[of >= 0]).astype(np.int64))


def scene_of(tokens, blocks, seed=1):
    """Return a scene of classes alone: the agency's in another order, under other numbers."""
    count = len(next(iter({**tokens, **blocks}.values())))
    draw = np.random.default_rng(seed)
    order = draw.permutation(count)

    def agencys(of):
        numbers = draw.permutation(int(of.max()) + 1)
        return classes(np.where(of >= 0, numbers[of], NOBODY)[order])

    return Scene(
        header=Header(scheme="tokens", bits=64, schema=None, key_check=None, records=count),
        filters=np.zeros((count, 1), dtype=np.uint64),
        has_filter=np.zeros(count, dtype=np.bool_),
        tokens={kind: agencys(of) for kind, of in tokens.items()},
        blocks={name: agencys(of) for name, of in blocks.items()},
        population=Population(
            csr_array((count, 1)),
            {},
            {kind: classes(of) for kind, of in tokens.items()},
            {name: classes(of) for name, of in blocks.items()},
        ),
        truth=order.astype(np.int64),
        seed=seed,
    )


def numbered(*parts):
    """Return a number for each different combination, as a block of several fields has."""
    return np.unique(np.stack(parts), axis=1, return_inverse=True)[1].ravel().astype(np.int64)


@pytest.fixture(scope="module")
def people():
    """A made-up district: families of one to six in a kecamatan, some without a NIK."""
    draw = np.random.default_rng(6)
    family = np.repeat(np.arange(PEOPLE), draw.integers(1, 7, PEOPLE))[:PEOPLE]
    kecamatan = draw.integers(0, 18, PEOPLE)[family]
    year = draw.integers(1945, 2025, PEOPLE)
    day = draw.integers(0, 365, PEOPLE)
    sex = draw.integers(0, 2, PEOPLE)
    first_name = np.minimum(draw.zipf(1.3, PEOPLE), 3_000)
    nik = np.where(draw.random(PEOPLE) < 0.05, NOBODY, np.arange(PEOPLE))
    return {
        "nik": nik,
        "nik15": nik,
        "birth_sex": numbered(year, day, sex),
        "place_year": numbered(kecamatan, year),
        "first_name": numbered(first_name),
        "family": numbered(family),
    }


def chosen(people, *names):
    return {name: people[name] for name in names}


def new_and_known(scene, share):
    known = scene.known(round(share * len(scene)))
    finding = judged(scene, known, TokenSeeds().guess(scene, known), attack="token_seeds")
    return finding.value * (len(scene) - len(known)), len(known), finding


def test_invented_block_passes_give_people_away_without_a_known_pair(people):
    blocks = chosen(people, "birth_sex", "place_year", "first_name", "family")
    scene = scene_of(chosen(people, "nik", "nik15"), blocks)
    finding = judged(scene, NO_PAIRS, TokenGraph().guess(scene, NO_PAIRS), attack="token_graph")
    assert finding.value > 0.66  # of 200,000, as the first prototype found with known pairs
    assert finding.precision == 1.0


def test_a_few_known_people_unravel_invented_passes_by_propagation_alone(people):
    blocks = chosen(people, "birth_sex", "place_year", "first_name", "family")
    scene = scene_of({}, blocks)
    known = scene.known(PEOPLE // 100)
    guess = np.full(len(scene), NOBODY, dtype=np.int64)
    guess[known] = scene.truth[known]
    propagate(*kinds_of(scene), guess, PEOPLE)
    finding = judged(scene, known, guess, attack="token_seeds")
    assert finding.value * PEOPLE > 10 * len(known)
    assert finding.precision > 0.99
    assert new_and_known(scene, 0.01)[2].value >= finding.value


@pytest.mark.parametrize("passes", [(), ("birth_sex",)])
@pytest.mark.parametrize("share", [0.01, 0.05])
def test_what_the_built_in_schemas_send_gives_fewer_new_people_than_are_known(
    people, passes, share
):
    scene = scene_of(chosen(people, "nik", "nik15"), chosen(people, *passes))
    new, known, finding = new_and_known(scene, share)
    assert new < known
    assert not finding.broken


def test_encoded_registers_of_the_built_in_schema_give_fewer_new_people_than_are_known(tmp_path):
    simulate([2_000, 50], overlap=0, damage="clean", seed=5, out=tmp_path)
    scene = Scene.of_one(tmp_path / "a.csv", Schema.load("indonesia-hardened-blocked"), seed=2)
    assert len(kinds_of(scene)[0]) == 2  # nik, and birth date with sex
    new, known, _ = new_and_known(scene, 0.05)
    assert new < known


def test_the_partner_in_a_class_of_two_is_known_with_the_other():
    scene = scene_of({}, {"one": np.array([0, 0, 1, 1, 1, 2, 2])})
    known = np.flatnonzero(np.isin(scene.truth, [0, 2]))
    guess = TokenSeeds().guess(scene, known)
    told = guess != NOBODY
    assert sorted(scene.truth[told].tolist()) == [0, 1, 2]  # two of class 1 remain alike
    assert (guess[told] == scene.truth[told]).all()


def test_knowledge_passes_from_kind_to_kind():
    """0 gives 1 by the first kind, 1 gives 2 by the second, 2 gives 3 by the first."""
    one, other = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 3, 3])
    guess = np.array([0, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY])
    propagate([one, other], [one, other], guess, 6)
    assert guess.tolist() == [0, 1, 2, 3, NOBODY, NOBODY]


def test_two_known_classes_together_name_whom_neither_names_alone():
    one, other = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 1, 0, 2])
    guess = np.array([0, NOBODY, NOBODY, 3, NOBODY, NOBODY])
    propagate([one, other], [one, other], guess, 6)
    assert guess[[1, 4]].tolist() == [1, 4]


def test_a_person_is_found_once():
    """More records than people in a class: nobody is given to two of them."""
    of_records, of_persons = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1])
    guess = np.array([0, NOBODY, NOBODY, 2, NOBODY])
    propagate([of_records], [of_persons], guess, 3)
    assert guess.tolist() == [0, NOBODY, NOBODY, 2, NOBODY]


def test_surroundings_that_are_alike_are_not_told_apart():
    ring = [np.array([0, 0, 1, 1, 2, 2]), np.array([2, 0, 0, 1, 1, 2])]
    assert (refined(ring, ring, *unknown(6, 6)) == NOBODY).all()


@pytest.mark.parametrize("seed", range(8))
def test_colours_never_name_the_wrong_person_of_the_same_register(seed):
    draw = np.random.default_rng(seed)
    kinds = {str(kind): draw.integers(-1, 40, 120).astype(np.int64) for kind in range(2)}
    scene = scene_of({}, kinds, seed)
    guess = TokenGraph().guess(scene, NO_PAIRS)
    told = guess != NOBODY
    assert told.mean() > 0.5
    assert (guess[told] == scene.truth[told]).all()


def test_tokens_that_the_agency_drops_are_not_expected():
    """A NIK of many records is no token of the agency's; it must not look like one that is."""
    often = np.array([0] * (MAX_SHARED + 1) + [1] * MAX_SHARED)
    scene = scene_of({"nik": often}, {})
    _, persons = kinds_of(scene)
    assert persons[0].tolist() == [NOBODY] * (MAX_SHARED + 1) + [1] * MAX_SHARED


def test_kinds_that_only_one_side_has_are_left_out(people):
    scene = scene_of({}, chosen(people, "family"))
    other = replace(scene, population=replace(scene.population, blocks={}))
    assert kinds_of(other) == ([], [])
    assert (TokenGraph().guess(other, NO_PAIRS) == NOBODY).all()
