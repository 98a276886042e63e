"""Schemas compared on registers whose truth is known."""

from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv

from pprl import LinkageKey, Schema, encode, evaluate, link
from pprl.encoded import EncodedSet, Header, table_schema
from pprl.errors import ConfigError, InputError, LimitError
from pprl.io.memory import MemorySource
from pprl.lab.simulate import simulate
from pprl.lab.tune import Curve, Measured, sweep, tune
from pprl.lab.tune.labels import Labels
from pprl.lab.tune.result import with_frontier
from pprl.report.frontier import frontier_chart

SMALL = """
schema = "openpprl/1"
name = "small"
[filter]
bits = 256
[[fields]]
name = "name"
column = "name"
read = "words"
qgrams = 2
bits_per_token = 2
[[fields]]
name = "birth_date"
column = "birth_date"
read = "date"
qgrams = 2
positional = true
bits_per_token = 3
[[tokens]]
kind = "nik"
"""


def bits(*spans):
    """Return a filter of 64 bits with the bits of each span (first, how many) set."""
    return sum(((1 << length) - 1) << first for first, length in spans)


def encoded(*records, width=64):
    """Build a set of (filter, NIK token) records."""
    header = Header(
        scheme="clk", bits=width, schema="ab" * 16, key_check="cd" * 16, records=len(records)
    )
    columns = {
        "id": [str(place) for place in range(len(records))],
        "filter": [
            None if each[0] is None else each[0].to_bytes(width // 8, "little") for each in records
        ],
        "token.nik": [each[1].ljust(16).encode() if each[1] else None for each in records],
    }
    return EncodedSet(header, pa.table(columns, schema=table_schema(header, ["nik"])))


def people(*entities):
    return [np.array(each, dtype=np.int64) for each in entities]


def counts_at(curve, threshold, token_threshold=0.5, margin=0.04):
    """Return found, right and recovered at one setting."""
    place = np.flatnonzero(
        np.isclose(curve.threshold, threshold)
        & np.isclose(curve.token_threshold, token_threshold)
        & np.isclose(curve.contradicted_threshold, threshold + margin)
    )[0]
    return tuple(int(each[place]) for each in (curve.found, curve.right, curve.recovered))


def curve_of(found, right, findable=10, recovered=None):
    bars = np.arange(len(found)) / 100 + 0.5
    found, right, recovered = (
        np.array(each, np.int64) for each in (found, right, recovered or right)
    )
    return Curve(bars, bars, bars, found, right, recovered, findable)


@pytest.fixture(scope="module")
def registers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers")
    return simulate([400, 600, 500], overlap=0.5, damage="dirty", seed=5, out=folder)


def test_matches_are_counted_at_every_threshold():
    # 20 bits against 18 of them is Dice 36 / 38 = 0.947, against 12 of them 24 / 32 = 0.75.
    left = encoded((bits((0, 20)), None), (bits((30, 20)), None))
    right = encoded((bits((0, 18)), None), (bits((30, 12)), None))
    curve = sweep([left, right], people([1, 2], [1, 3]))
    assert counts_at(curve, 0.95) == (0, 0, 0)
    assert counts_at(curve, 0.94) == (1, 1, 1)
    assert counts_at(curve, 0.76) == (1, 1, 1)
    assert counts_at(curve, 0.75) == (2, 1, 1)
    assert curve.findable == 1


def test_of_two_records_that_want_the_same_one_the_more_similar_gets_it():
    left = encoded((bits((0, 18)), None), (bits((0, 20)), None))
    curve = sweep([left, encoded((bits((0, 20)), None))], people([1, 2], [2]))
    assert counts_at(curve, 0.5) == (1, 1, 1)


def test_a_second_record_of_a_person_is_neither_a_miss_nor_a_mistake():
    one, other = bits((0, 20)), bits((0, 19))
    curve = sweep([encoded((one, None), (other, None)), encoded((one, None))], people([1, 1], [1]))
    assert curve.best().score.recall.value == curve.best().score.precision.value == 1.0


def test_an_equal_token_counts_at_every_threshold_but_not_below_its_own():
    # 12 of 20 bits in common on either side: Dice 0.6.
    sets = [encoded((bits((0, 20)), "n")), encoded((bits((8, 20)), "n"))]
    curve = sweep(sets, people([1], [1]))
    assert counts_at(curve, 1.0, token_threshold=0.6) == (1, 1, 1)
    assert counts_at(curve, 0.61, token_threshold=0.65) == (0, 0, 0)
    assert counts_at(curve, 0.6, token_threshold=0.65) == (1, 1, 1)  # as similar filters


def test_a_pair_whose_tokens_differ_needs_more_similarity():
    sets = [encoded((bits((0, 20)), "n")), encoded((bits((2, 20)), "m"))]  # Dice 0.9
    curve = sweep(sets, people([1], [1]))
    bar = curve.token_threshold[-1]  # margins are swept at the best token threshold only
    assert counts_at(curve, 0.87, bar, margin=0.04) == (0, 0, 0)
    assert counts_at(curve, 0.86, bar, margin=0.04) == (1, 1, 1)
    assert counts_at(curve, 0.9, bar, margin=0.0) == (1, 1, 1)


def test_a_third_record_joins_a_group_only_when_similar_to_all_of_it():
    # Dice: a-b 0.9, b-c 0.8, a-c 0.7.
    a, b, c = bits((0, 20)), bits((2, 20)), bits((6, 20))
    curve = sweep([encoded((each, None)) for each in (a, b, c)], people([1], [1], [1]))
    assert counts_at(curve, 0.9) == (1, 1, 1)
    assert counts_at(curve, 0.71) == (1, 1, 1)
    assert counts_at(curve, 0.7) == (3, 3, 3)
    assert curve.findable == 3


@pytest.mark.parametrize("parties", [2, 3])
def test_the_sweep_agrees_with_links_at_the_same_thresholds(registers, parties):
    key, schema = LinkageKey(bytes(range(32))), Schema.load("indonesia")
    paths = registers.paths[:parties]
    sets = [encode(path, schema, key) for path in paths]
    truth = csv.read_csv(registers.truth_path)
    truth = truth.filter(pc.less(truth["party"], parties))
    labels = Labels.read(MemorySource(truth), parties)
    curve = sweep(sets, [labels.of(party, each.ids, path="") for party, each in enumerate(sets)])
    bar = curve.best().token_threshold
    for threshold in (0.65, 0.75, 0.85):
        swept = counts_at(curve, threshold, bar, margin=0.0)
        linked = link(sets, threshold=threshold, token_threshold=bar)
        score = evaluate(linked.table, truth).overall
        # Few records are contested; two parties are assigned by total similarity there.
        assert swept == pytest.approx((score.found, score.right, score.recovered), abs=2)
        assert curve.findable == score.findable


def test_the_lowest_threshold_rises_until_pairs_are_few():
    random = np.random.default_rng(3)
    shared = bits((0, 10))

    def strangers(count):
        rows = (random.choice(np.arange(10, 2048), 10, replace=False) for _ in range(count))
        return encoded(
            *((shared | sum(1 << int(bit) for bit in row), None) for row in rows), width=2048
        )

    sets = [strangers(1_001), strangers(1_000)]  # a million pairs at Dice 0.5 and little above
    curve = sweep(sets, people(range(1_001), range(1_000)))
    assert curve.threshold.min() == 0.55


def test_a_schema_that_makes_everybody_the_same_is_refused():
    same = encoded(*[(bits((0, 20)), None)] * 1_001)
    with pytest.raises(LimitError) as caught:
        sweep([same, same], people(range(1_001), range(1_001)))
    assert caught.value.code == "tune.alike"


def test_the_best_setting_and_the_best_for_a_precision():
    curve = curve_of(found=[20, 10, 8, 0], right=[10, 9, 8, 0])
    assert curve.best().threshold == 0.51
    assert curve.best_at(0.95).threshold == 0.52
    assert curve.best_at(0.5).score.recall.value == 1.0
    assert curve_of([5], [1]).best_at(0.95) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))),
        min_size=1,
        max_size=12,
    )
)
def test_nothing_beats_the_envelope(counts):
    curve = curve_of([found for _, found in counts], [right for right, _ in counts])
    envelope = curve.envelope()
    ends = list(zip(envelope.recall, envelope.precision, strict=True))
    assert ends == sorted(ends, key=lambda end: (end[0], -end[1]))
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        beaten_by = [end for end in ends if end[0] >= recall and end[1] >= precision]
        assert beaten_by or np.isnan(precision)
        assert not [end for end in ends if recall > end[0] and precision > end[1]]


def measured(name, bits, f1_counts):
    curve = curve_of(*f1_counts)
    return Measured(name, "00", bits, bits / 4, 1e-6, curve, curve.best())


def test_the_frontier_are_the_schemas_that_no_other_beats():
    good, fair = ([10], [10]), ([10], [8])
    results = with_frontier(
        [
            measured("long and good", 1024, good),
            measured("long and fair", 1024, fair),
            measured("short and fair", 512, fair),
            measured("as good and as short", 512, fair),
            measured("shorter and worse", 256, ([10], [5])),
        ]
    )
    assert [each.on_frontier for each in results] == [True, False, True, True, True]


def test_tuning_measures_every_schema_once_and_writes_json(registers, tmp_path):
    small = tmp_path / "small.toml"
    small.write_text(SMALL, encoding="utf-8")
    steps = []
    tuning = tune(
        [small, "indonesia", str(small)],
        registers.paths[:2],
        registers.truth_path,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [each.name for each in tuning.schemas] == [str(small), "indonesia"]
    assert steps == [(step + 1, 8) for step in range(8)]
    assert tuning.records == (400, 600)
    read = json.loads(json.dumps(tuning.as_dict(), allow_nan=False))
    one, other = read["schemas"]
    assert (one["bits"], other["bits"]) == (256, 1024)
    assert 0.05 < one["density"] < 0.6
    assert one["seconds_per_record"] > 0
    assert other["best"]["f1"] > one["best"]["f1"] > 0.5
    assert one["frontier"]
    assert other["frontier"]
    assert other["at_precision"]["0.95"]["precision"] >= 0.95
    assert other["estimated"]["findable"] == read["findable"] == other["best"]["findable"]
    assert max(point["f1"] for point in other["curve"]) == other["best"]["f1"]


def test_the_same_sets_give_the_same_numbers_on_any_number_of_threads(registers):
    key, schema = LinkageKey(bytes(range(32))), Schema.load("indonesia")
    sets = [encode(path, schema, key) for path in registers.paths[:2]]
    entities = [np.arange(len(each)) % 300 for each in sets]
    one, other = (sweep(sets, entities, threads=threads).points() for threads in (1, 2))
    assert one == other


PERSON = {"nik": ["6408995503909901"], "tgl_lahir": ["15-03-1990"], "jk": ["P"]}
TWO_PERSONS = {"party": ["0", "1"], "id": ["x", "y"], "entity": ["1", "2"]}


def test_registers_may_call_a_field_differently_and_schemas_may_read_different_fields(tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(SMALL.replace('column = "name"', 'column = "nickname"'), encoding="utf-8")
    registers = [
        {"id": ["x"], "sebutan": ["SITI"], "panggilan": ["S"], **PERSON},
        {"id": ["y"], "panggilan": ["SITI"], "sebut": ["S"], **PERSON},
    ]
    mapping = {"name": ["sebutan", "panggilan"], "nickname": ["sebut", "panggilan"]}
    entered = []
    for schemas in ([other, "indonesia"], ["indonesia", other]):
        # With nothing to find it ends once the columns are found and the first schema has encoded.
        with pytest.raises(InputError) as caught:
            tune(
                schemas,
                registers,
                TWO_PERSONS,
                mapping=mapping,
                entered=lambda schema, _: entered.append(schema),
            )
        assert caught.value.code == "tune.nothing_common"
    assert entered == [str(other)] * 2 + ["indonesia"] * 2
    with pytest.raises(ConfigError) as caught:
        tune(["indonesia"], registers, TWO_PERSONS, mapping=mapping)
    assert caught.value.code == "columns.unknown_field"


def test_a_column_that_a_schema_lacks_shows_before_anything_is_encoded(registers, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(SMALL.replace('column = "name"', 'column = "nickname"'), encoding="utf-8")
    entered = []
    with pytest.raises(InputError) as caught:
        tune(
            ["indonesia", other],
            registers.paths,
            registers.truth_path,
            entered=lambda *what: entered.append(what),
        )
    assert caught.value.code == "tune.no_field"
    assert caught.value.values["schema"] == str(other)
    assert caught.value.values["field"] == "nickname"
    assert entered == []


REGISTERS = [
    {"id": ["secret-1", "secret-2"], "nama": ["SITI", "BUDI"]}
    | {name: cells * 2 for name, cells in PERSON.items()}
] * 2


@pytest.mark.parametrize(
    ("parties", "ids", "entities", "code", "values"),
    [
        ("0011", "1212", "1234", "tune.nothing_common", {"records": 4}),
        ("001", "121", "121", "tune.unknown_id", {"party": 1, "record": 2, "count": 1}),
        ("00", "12", "12", "tune.unknown_id", {"party": 1, "record": 1, "count": 2}),
        ("00111", "12121", "12121", "evaluate.repeated_record", {"row": 5}),
        ("00x1", "1212", "1212", "evaluate.no_number", {"row": 3}),
        ("0011", "1212", "12 2", "evaluate.empty_cell", {"row": 3, "column": "entity"}),
    ],
)
def test_a_truth_that_does_not_fit_is_refused_without_showing_an_id(
    parties, ids, entities, code, values
):
    truth = {
        "party": list(parties),
        "id": [f"secret-{number}" for number in ids],
        "entity": [None if entity == " " else entity for entity in entities],
    }
    with pytest.raises(InputError) as caught:
        tune(["indonesia"], REGISTERS, truth)
    assert caught.value.code == code
    assert {name: caught.value.values[name] for name in values} == values
    assert "secret" not in str(caught.value)


def test_one_register_is_not_enough():
    with pytest.raises(ConfigError) as caught:
        tune(["indonesia"], REGISTERS[:1], {"party": ["0"], "id": ["x"], "entity": ["1"]})
    assert caught.value.code == "tune.one_register"


def test_an_id_column_that_no_register_has_is_named():
    truth = {"party": ["0"], "id": ["x"], "entity": ["1"]}
    with pytest.raises(InputError) as caught:
        tune(["indonesia"], REGISTERS, truth, id_column="nomor")
    assert caught.value.values["column"] == "nomor"


def test_the_chart_names_every_schema_and_is_the_same_every_time():
    curve = curve_of([12, 10, 9, 8], [9, 9, 8, 8])
    lines = [("first", 1024, curve), ("second", 512, curve_of([11, 9], [9, 8]))]
    text = frontier_chart(lines)
    assert text.startswith("<svg")
    assert "first (1024 bits)" in text
    assert "second (512 bits)" in text
    assert frontier_chart(lines) == text
    assert "presisi" in frontier_chart(lines, language="id")


def test_names_in_the_chart_do_not_overlap_where_lines_end_together():
    curve = curve_of([12, 10], [9, 8])
    text = frontier_chart([(f"schema-{place}", 512, curve) for place in range(8)])
    heights = [
        float(found)
        for found in re.findall(r'translate\([\d.]+,(-?[\d.]+)\)"[^>]*>schema-\d', text)
    ]
    assert len(heights) == 8
    assert np.diff(sorted(heights)).min() >= 12
