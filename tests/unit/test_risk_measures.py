"""Attacks that measure: each breaks the control that it is made for, and says so in numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import pprl
from pprl.lab.risk.attacks import ATTACKS
from pprl.lab.risk.measures import (
    BlockSizes,
    CrossRun,
    Frequency,
    NikDictionary,
    Patterns,
    Popcount,
    QgramRidge,
    Xor4,
)
from pprl.lab.risk.reencode import in_common
from pprl.lab.risk.reference import METRICS, measured, page
from pprl.lab.risk.scene import Classes, Scene
from pprl.lab.simulate import simulate

PEOPLE = 500
NAMES_ALONE = """
schema = "openpprl/1"
name = "names_alone"
[filter]
scheme = "clk"
bits = 1024
[[fields]]
name = "first"
column = "name"
read = "words"
qgrams = 2
bits_per_token = 8
"""


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    simulate([PEOPLE, 1], overlap=1.0, damage="clean", seed=5, out=folder)
    options = csv.ConvertOptions(column_types=dict.fromkeys(("id", "nik", "jk"), pa.string()))
    return csv.read_csv(
        folder / "a.csv", csv.ReadOptions(), csv.ParseOptions(delimiter=";"), options
    ).cast(pa.schema([(name, pa.string()) for name in COLUMNS]))


COLUMNS = ("id", "nik", "nama", "tgl_lahir", "jk", "kode_kecamatan")


@pytest.fixture(scope="module")
def scenes(register):
    return {
        scheme: Scene.of_one(register, pprl.Schema.load(name), seed=1)
        for scheme, name in (("clk", "indonesia"), ("hardened", "indonesia-hardened"))
    }


def found(attack, scene):
    findings = attack.find(scene, scene.known(0))
    assert all(one.attack == attack.name for one in findings)
    return {one.metric: one for one in findings}


def test_four_records_that_cancel_show_in_bloom_filters_and_not_in_hardened_ones(scenes):
    control, hardened = (found(Xor4(), scenes[scheme]) for scheme in ("clk", "hardened"))
    assert control["auc"].value > 0.98
    assert control["z"].value > 1.3 * control["z"].chance
    assert abs(hardened["auc"].value - 0.5) < 0.08
    assert not hardened["auc"].broken
    assert not hardened["z"].broken


def test_qgrams_and_names_are_read_off_bloom_filters_and_not_off_hardened_ones(scenes):
    control, hardened = (found(QgramRidge(), scenes[scheme]) for scheme in ("clk", "hardened"))
    assert control["dice"].known == PEOPLE // 2
    assert control["dice"].value > 0.9
    assert control["exact_names"].value > 0.1
    assert hardened["dice"].value < hardened["dice"].chance + 0.05
    assert hardened["exact_names"].value == 0
    assert 0.2 < hardened["dice"].chance < 0.45


def test_groups_of_bits_name_most_people_of_bloom_filters_and_nobody_of_hardened_ones(scenes):
    control, hardened = (found(Patterns(), scenes[scheme]) for scheme in ("clk", "hardened"))
    assert control["reidentified"].value > 0.5
    assert control["reidentified"].precision > 0.8
    assert hardened["reidentified"].value <= 0.01


def test_a_popcount_tells_the_length_of_a_name_in_bloom_filters_alone(scenes):
    control, hardened = (found(Popcount(), scenes[scheme]) for scheme in ("clk", "hardened"))
    assert control["correlation"].value > 0.9
    assert control["correlation"].broken
    assert not hardened["correlation"].broken


def test_filters_of_names_alone_are_aligned_by_frequency_and_whole_records_are_not(
    register, scenes
):
    common = ["Siti", "Budi", "Nur", "Dewi Lestari"]
    names = [common[0]] * 200 + [common[1]] * 150 + [common[2]] * 80 + [common[3]] * 40
    names += [f"Orang{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(30)]
    table = register.set_column(2, "nama", pa.array(names))
    alone = Scene.of_one(table, pprl.Schema.from_toml(NAMES_ALONE), seed=1)
    told = found(Frequency(), alone)["values_told"]
    assert 470 / 500 <= told.value < 480 / 500  # of the others two may read alike
    assert told.precision == 1
    assert told.broken
    for scene in scenes.values():
        assert not found(Frequency(), scene)["values_told"].broken


def with_blocks(scene, column):
    return replace(
        scene,
        blocks={"made": Classes.by(column.take(pa.array(scene.truth)))},
        population=replace(scene.population, blocks={"made": Classes.by(column)}),
    )


def test_large_blocks_are_told_by_their_sizes_and_small_ones_are_not(register, scenes):
    scene = scenes["hardened"]
    places = found(BlockSizes(), with_blocks(scene, register.column("kode_kecamatan")))
    assert places["values_told"].value > 0.5
    assert places["values_told"].precision == 1
    dates = found(BlockSizes(), with_blocks(scene, register.column("tgl_lahir")))
    assert not dates["values_told"].broken
    assert BlockSizes().find(scene, scene.known(0)) == []


@pytest.mark.parametrize(
    ("scheme", "name"), [("clk", "indonesia"), ("hardened", "indonesia-hardened")]
)
def test_two_runs_have_nothing_in_common_and_bloom_filters_are_found_again_by_likeness(
    register, scenes, scheme, name
):
    attack = CrossRun(register, pprl.Schema.load(name))
    told = found(attack, scenes[scheme])
    assert told["in_common"].value == 0
    assert not told["in_common"].broken
    if scheme == "clk":
        assert told["linked"].value > 0.95
    else:
        assert told["linked"].value < 0.02


def test_one_run_has_everything_in_common_with_itself(register):
    schema = pprl.Schema.load("indonesia")
    one, again = (pprl.encode(register, schema, pprl.LinkageKey(bytes(32))) for _ in range(2))
    assert in_common(one, again) == 1


def test_a_dictionary_of_niks_opens_nothing_without_the_key_and_everything_with_it(
    register, scenes
):
    attack = NikDictionary(
        register, pprl.Schema.load("indonesia-hardened"), serials=1, years=range(1990, 1992)
    )
    told = found(attack, scenes["hardened"])
    assert told["hits"].value == 0
    assert told["hits_with_key"].value == 1
    assert told["hits_with_key"].broken


def test_the_same_scene_gives_the_same_findings(scenes):
    for attack in (Xor4(), Patterns(), Popcount(), Frequency()):
        first, again = (attack.find(scenes["clk"], scenes["clk"].known(0)) for _ in range(2))
        assert first == again


def test_without_a_register_there_is_nothing_to_encode_again(scenes):
    scene = scenes["clk"]
    assert CrossRun().find(scene, scene.known(0)) == []
    assert NikDictionary().find(scene, scene.known(0)) == []


def test_a_scene_without_filters_has_nothing_to_read(scenes):
    scene = scenes["hardened"]
    nobody = replace(
        scene,
        filters=np.zeros_like(scene.filters),
        has_filter=np.zeros_like(scene.has_filter),
    )
    for attack in (Xor4(), QgramRidge(), Popcount()):
        assert attack.find(nobody, scene.known(0)) == []
    assert found(Patterns(), nobody)["reidentified"].value == 0


def test_the_reference_page_is_what_the_attacks_say():
    written = Path(__file__).parents[2].joinpath("docs/reference/lab-risk.md")
    assert written.read_text(encoding="utf-8") == page()
    assert {attack for attack, _ in measured()} == set(ATTACKS)
    assert {metric for _, metric in measured()} == set(METRICS)
