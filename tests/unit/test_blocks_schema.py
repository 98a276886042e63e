"""Blocking passes: what a schema may say, what a file then holds, and what is linked."""

from collections import Counter
from dataclasses import asdict
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest
import rfc8785

import pprl
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import EncodedSet
from pprl.errors import ConfigError, PeerError
from pprl.lab.risk.scene import Population, Scene
from pprl.lab.simulate import simulate
from pprl.schema import Schema

KEY = pprl.LinkageKey(bytes(range(32)))
# Two passes tell a coordinator with a population register who is who, as plain filters do anyway.
PASSES = {"clk": ("birth_sex", "name_district"), "hardened": ("birth_sex",)}
PEOPLE = {
    "id": list("abcdef"),
    "nik": ["6408995503909901", None, None, None, None, None],
    "nama": ["Siti Aminah", "Nur Hayati", "Budi", "Made", "Siti Aminah", ""],
    "tgl_lahir": ["15-03-1990", "1990-03-15", "1 Jan 1980", None, "16-03-1990", "15/03/1990"],
    "jk": ["P", "P", "L", "L", "P", "L"],
}


def schema(blocks, scheme="clk"):
    text = Schema.load("indonesia" if scheme == "clk" else "indonesia-tokens").text
    return Schema.from_toml(text + blocks, path="schema")


def block(name, *of):
    return f'\n[[blocks]]\npass = "{name}"\nof = [{", ".join(map(repr, of))}]\n'


@pytest.mark.parametrize("name", ["indonesia-blocked", "indonesia-hardened-blocked"])
def test_the_built_in_schemas_with_blocks_are_those_without_but_for_a_pass_and_nik15(name):
    blocked, plain = Schema.load(name), Schema.load(name.removesuffix("-blocked"))
    assert blocked.block_passes == PASSES[blocked.scheme]
    assert blocked.blocks[0].of == ("birth_date", "sex")
    assert blocked.features == plain.features
    # Beside a block pass nik15 gives people away: docs/security/hardened.md.
    assert (blocked.token_kinds, plain.token_kinds) == (("nik",), ("nik", "nik15"))
    assert (blocked.scheme, blocked.bits, blocked.kappa) == (plain.scheme, plain.bits, plain.kappa)
    assert blocked.digest != plain.digest
    assert plain.block_passes == ()


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (block("s", "sex"), "add name or birth_date"),
        (block("r", "sex", "regency", "district"), "add name or birth_date"),
        (block("n", "nik"), "nik can't be part of a block"),
        (block("b", "birth_date", "birth_date"), "twice"),
        (block("b", "name") * 2, "two blocks are called b"),
        ("".join(block(f"b{n}", "name") for n in range(5)), "at most 4"),
        (block("Birth", "name"), "pass"),
        (block("a_name_longer_than_16", "name"), "pass"),
        ('\n[[blocks]]\nname = "b"\nof = ["name"]\n', "pass"),
    ],
)
def test_a_pass_that_makes_no_sense_is_refused_by_name(blocks, said):
    with pytest.raises(ConfigError) as refused:
        schema(blocks)
    assert said in str(refused.value)


def test_blocks_without_filters_are_refused():
    with pytest.raises(ConfigError, match="blocks go with filters"):
        schema(block("b", "birth_date"), scheme="tokens")


def test_a_block_is_the_keyed_hash_of_its_parts_and_null_where_one_is_missing():
    made = pprl.encode(PEOPLE, schema(block("birth_sex", "birth_date", "sex")), KEY)
    assert made.table.column_names[-1] == "block.birth_sex"
    assert made.block_passes == ("birth_sex",)

    def expected(text):
        key = KEY.derive("block/birth_sex")
        return blake2b(text, digest_size=16, key=key, person=b"birth_sex").digest()[:8]

    found = made.block_column("birth_sex").to_pylist()
    one, other, boy = (
        expected(b"19900315\x1ff"), expected(b"19900316\x1ff"), expected(b"19900315\x1fm"),
    )  # fmt: skip
    # A default date says nothing, and a missing one neither.
    assert found == [one, one, None, None, other, boy]


def test_two_passes_of_the_same_fields_have_no_block_in_common():
    twice = schema(block("one", "birth_date", "sex") + block("two", "birth_date", "sex"))
    made = pprl.encode(PEOPLE, twice, KEY)
    one, two = (set(made.block_column(name).drop_null().to_pylist()) for name in ("one", "two"))
    assert len(one) == len(two) == 3
    assert not one & two
    other = pprl.encode(PEOPLE, twice, pprl.LinkageKey(bytes(32)))
    assert not one & set(other.block_column("one").to_pylist())


def test_no_block_is_dropped_however_many_share_it_and_the_largest_is_counted():
    many = {name: values[:1] * 9 + values[4:5] for name, values in PEOPLE.items()}
    many["id"] = list("abcdefghij")
    source = open_data(many)
    columns = resolve(blocked := schema(block("b", "birth_date")), source, {}, None)
    made, summary = encode_table(Encoder(blocked, KEY, columns.fields, columns.id_column), source)
    assert made.token_column("nik").null_count == 10
    assert made.block_column("b").null_count == 0
    assert (summary.blocks, summary.largest_block) == ({"b": 10}, {"b": 9})


def test_blocks_survive_the_file_and_a_wrong_width_is_refused(tmp_path):
    made = pprl.encode(PEOPLE, schema(block("b", "birth_date")), KEY)
    made.write(tmp_path / "a.arrow")
    back = EncodedSet.open(tmp_path / "a.arrow")
    assert back.block_column("b").equals(made.block_column("b"))
    wide = made.table.set_column(
        made.table.schema.get_field_index("block.b"), "block.b", pa.nulls(6, pa.binary(16))
    )
    EncodedSet(made.header, wide).write(tmp_path / "b.arrow")
    with pytest.raises(PeerError):
        EncodedSet.open(tmp_path / "b.arrow")


def test_the_attacker_of_the_red_team_sees_the_blocks_and_makes_its_own():
    blocked = schema(block("b", "birth_date", "sex"))
    table = pa.table(PEOPLE)
    assert Population.of(table, blocked).blocks["b"].sizes.tolist() == [2, 1, 1]
    scene = Scene.of_one(table, blocked, seed=1)
    assert sorted(scene.blocks["b"].sizes.tolist()) == [1, 1, 2]
    theirs = scene.population.blocks["b"].of[scene.truth]
    assert len(set(zip(scene.blocks["b"].of.tolist(), theirs.tolist(), strict=True))) == 4


# Linking.


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return simulate(
        [3_000, 5_000], overlap=0.7, damage="dirty", seed=5, out=tmp_path_factory.mktemp("blocked")
    )


@pytest.fixture(scope="module", params=["indonesia-blocked", "indonesia-hardened-blocked"])
def sets(request, files):
    blocked = Schema.load(request.param)
    return [pprl.encode(path, blocked, KEY) for path in files.paths]


@pytest.fixture(scope="module")
def linked(sets):
    return pprl.link(sets)


def found_pairs(matches):
    rows = matches.table.to_pydict()
    return {
        (rows["id"][at], rows["id"][at + 1], rows["tier"][at])
        for at in range(0, len(rows["group"]), 2)
    }


def right_pairs(files):
    persons = {}
    for row in files.truth_path.read_text().splitlines()[1:]:
        party, own, entity = row.split(",")
        persons.setdefault(entity, ([], []))[int(party)].append(own)
    return {(a, b) for ours, theirs in persons.values() for a in ours for b in theirs}


def blocks_by_id(one):
    columns = [one.block_column(name).to_pylist() for name in one.block_passes]
    return dict(zip(one.ids.to_pylist(), zip(*columns, strict=True), strict=True))


def meet(one, other):
    return any(a == b is not None for a, b in zip(one, other, strict=True))


def test_pairs_found_by_their_filters_share_a_block(sets, linked):
    ours, theirs = map(blocks_by_id, sets)
    filters = [pair for pair in found_pairs(linked) if pair[2] in ("filter", "contradicted")]
    assert len(filters) > 100
    assert all(meet(ours[one], theirs[other]) for one, other, _ in filters)
    tokens = [pair for pair in found_pairs(linked) if pair[2] == "nik"]
    assert not all(meet(ours[one], theirs[other]) for one, other, _ in tokens)


def test_what_is_said_of_a_link_in_blocks_is_true(files, sets, linked):
    info, right = linked.info, right_pairs(files)
    ours, theirs = map(blocks_by_id, sets)
    most = 0
    for place in range(len(info.block_passes)):
        sizes = [Counter(each[place] for each in blocks.values()) for blocks in (ours, theirs)]
        most += sum(n * sizes[1][value] for value, n in sizes[0].items() if value is not None)
    assert (info.candidates, info.block_passes) == ("blocks", PASSES[sets[0].header.scheme])
    assert 0 < info.pairs_compared <= most < 3_000 * 5_000 / 100
    met = np.mean([meet(ours[a], theirs[b]) for a, b in right])
    assert abs(info.block_recall - met) < 0.03
    assert info.pairs[0].block_recall == info.block_recall
    found = {pair[:2] for pair in found_pairs(linked)}
    precision = len(found & right) / len(found)
    recall = len(found & right) / len({a for a, _ in right})
    assert abs(info.estimated_precision - precision) < 0.015
    # Five thousand records: of hardened filters chance hides most matches that are hardly alike.
    assert abs(info.estimated_recall - recall) < (0.03 if info.measure != "majority" else 0.045)
    assert precision > 0.96


def test_threads_change_nothing_and_asking_for_blocks_is_what_auto_does(sets, linked):
    other = pprl.link(sets, candidates="blocks", threads=3)
    assert other.table.equals(linked.table, check_metadata=True)
    assert other.review.equals(linked.review, check_metadata=True)


def test_all_pairs_can_be_compared_all_the_same(sets, linked):
    every = pprl.link(sets, candidates="exhaustive")
    assert (every.info.candidates, every.info.block_passes) == ("exhaustive", ())
    assert every.info.block_recall is None
    assert every.info.pairs_compared > 100 * linked.info.pairs_compared


def test_a_given_threshold_keeps_to_blocks_and_tells_their_recall_by_tokens(sets):
    matches = pprl.link(sets, threshold=0.8)
    ours, theirs = map(blocks_by_id, sets)
    assert all(
        meet(ours[one], theirs[other])
        for one, other, tier in found_pairs(matches)
        if tier == "filter"
    )
    assert 0.5 < matches.info.block_recall < 1
    rfc8785.dumps(asdict(matches.info))


def test_progress_runs_from_nothing_to_all(sets):
    seen = []
    pprl.link(sets, threshold=0.8, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == 15_000_000
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_blocks_that_the_files_lack_and_unknown_candidates_are_refused(sets):
    columns = [f"block.{name}" for name in sets[0].block_passes]
    plain = [EncodedSet(one.header, one.table.drop_columns(columns)) for one in sets]
    assert pprl.link(plain, threshold=0.99).info.candidates == "exhaustive"
    for candidates, code in (("blocks", "link.no_blocks"), ("sorted", "link.candidates")):
        with pytest.raises(ConfigError) as refused:
            pprl.link(plain, threshold=0.99, candidates=candidates)
        assert refused.value.code == code


def test_without_tokens_nothing_is_said_about_who_shares_no_block(files):
    text = Schema.load("indonesia-blocked").text
    for kind in ("nik", "nik15"):
        text = text.replace(f'[[tokens]]\nkind = "{kind}"\n', "")
    sets = [pprl.encode(path, Schema.from_toml(text), KEY) for path in files.paths]
    info = pprl.link(sets).info
    assert (info.block_recall, info.estimated_recall) == (None, None)
    assert info.recall_reason == "no_tokens"
    assert info.rows_by_tier["filter"] > 1_000


def test_two_passes_find_more_than_one(files):
    both = Schema.load("indonesia-blocked").text
    one, two = (
        pprl.link([pprl.encode(path, Schema.from_toml(text), KEY) for path in files.paths]).info
        for text in (both.rpartition("[[blocks]]")[0], both)
    )
    assert (one.block_passes, two.block_passes) == (PASSES["hardened"], PASSES["clk"])
    assert two.block_recall > one.block_recall + 0.05
    assert two.groups > one.groups


def test_three_parties_link_in_blocks(tmp_path):
    made = simulate([400, 500, 450], overlap=0.6, damage="clean", seed=9, out=tmp_path)
    blocked = Schema.load("indonesia-blocked")
    sets = [pprl.encode(path, blocked, KEY) for path in made.paths]
    matches = pprl.link(sets)
    assert len(matches.info.pairs) == 3
    assert matches.info.candidates == "blocks"
    groups = matches.table.group_by("group").aggregate([("id", "count")])
    assert (np.asarray(groups.column("id_count")) == 3).sum() > 100


def test_a_side_without_any_block_finds_only_by_tokens():
    nobody = {**PEOPLE, "tgl_lahir": [None] * 6}
    blocked = Schema.load("indonesia-blocked")
    for options in ({}, {"threshold": 0.5}):
        found = pprl.link([pprl.encode(each, blocked, KEY) for each in (nobody, PEOPLE)], **options)
        assert found.info.pairs_compared == 0
        assert found.info.rows_by_tier.get("filter", 0) == 0
