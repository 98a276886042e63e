"""Parquet files as text."""

import decimal
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet
import pytest

from pprl.buffers import string_buffers
from pprl.errors import InputError
from pprl.io.cells import cell_as_text, column_as_text
from pprl.io.parquet import ParquetSource

NIK = 6408991503909901
BORN = date(1990, 3, 15)
MIDNIGHT = datetime(1990, 3, 15)  # noqa: DTZ001 - as files have them
MORNING = datetime(1990, 3, 15, 8, 30)  # noqa: DTZ001 - as files have them

COLUMNS = {
    "text": (pa.array(["", "007", None]), [None, "007", None]),
    "large": (pa.array(["", "a", " "], pa.large_string()), [None, "a", " "]),
    "int": (pa.array([NIK, 12, None]), [str(NIK), "12", None]),
    "float": (pa.array([float(NIK), 12.0, None]), [f"{NIK}.0", "12", None]),
    "fraction": (pa.array([0.5, -3.0, float("nan")]), ["0.5", "-3", None]),
    "huge": (pa.array([1e11, 99_999_999_999.0, 1e22]), ["100000000000.0", "99999999999", "1e+22"]),
    "bool": (pa.array([True, False, None]), ["TRUE", "FALSE", None]),
    "date": (pa.array([BORN, None, BORN]), ["1990-03-15", None, "1990-03-15"]),
    "date64": (pa.array([BORN, None, None], pa.date64()), ["1990-03-15", None, None]),
    "time": (
        pa.array([MIDNIGHT, MORNING, None]),
        ["1990-03-15", "1990-03-15 08:30:00.000000", None],
    ),
    "dict": (pa.array(["L", "", None]).dictionary_encode(), ["L", None, None]),
    "decimal": (pa.array([decimal.Decimal("1.50"), None, None]), ["1.50", None, None]),
    "null": (pa.nulls(3), [None, None, None]),
}


def error_of(work):
    with pytest.raises(InputError) as caught:
        work()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.code


@pytest.mark.parametrize("name", COLUMNS)
def test_each_type_becomes_text(tmp_path, name):
    path = tmp_path / "t.parquet"
    values, expected = COLUMNS[name]
    pyarrow.parquet.write_table(pa.table({name: values}), path)
    (batch,) = ParquetSource(path).batches([name])
    assert batch.table.schema.field(name).type == pa.string()
    assert batch.table.column(name).to_pylist() == expected


def test_a_null_that_kept_its_bytes_loses_them():
    _, offsets, data = pa.array(["640801", "640802"]).buffers()
    column = pa.StringArray.from_buffers(2, offsets, data, pa.py_buffer(bytes([0b10])))
    assert column.to_pylist() == [None, "640802"]
    assert string_buffers(column_as_text(column))[1].tolist() == [0, 0, 6]


@pytest.mark.parametrize(
    "value", [3.0, float(NIK), 2.5, 1e11, 1e11 - 1, -4.0, 1e16, 1e300, 0.1, True, BORN]
)
def test_a_column_has_the_text_of_its_cells(value):
    assert column_as_text(pa.array([value])).to_pylist() == [cell_as_text(value)]


def test_rows_are_streamed_in_batches_and_counted_from_one(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"nik": [str(i) for i in range(10)], "nama": ["A"] * 10})
    pyarrow.parquet.write_table(table, path, row_group_size=4)
    source = ParquetSource(path)
    for _ in range(2):
        batches = list(source.batches(["nama", "nik"], 3))
        assert all(batch.table.num_rows <= 3 for batch in batches)
        rows = [
            (batch.row_number(i), batch.table.column("nik")[i].as_py())
            for batch in batches
            for i in range(batch.table.num_rows)
        ]
        assert rows == [(i + 1, str(i)) for i in range(10)]


def test_a_nested_column_is_refused_only_when_asked_for(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"nik": ["1"], "anak": [["A", "B"]]}), path)
    source = ParquetSource(path)
    (batch,) = source.batches(["nik"])
    assert batch.table.num_rows == 1
    assert error_of(lambda: list(source.batches(["anak"]))) == "table.nested_column"


def test_binary_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"nik": [b"\xff\xfe"]}), path)
    assert error_of(lambda: list(ParquetSource(path).batches(["nik"]))) == "table.damaged_at"


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"nik": [str(i) for i in range(50_000)]}), path)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert error_of(lambda: ParquetSource(path)) == "table.damaged"
    path.write_bytes(content[:1000] + bytes(len(content) - 5000) + content[-4000:])
    assert error_of(lambda: list(ParquetSource(path).batches(["nik"]))) == "table.damaged_at"


def test_a_file_without_rows_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"nik": pa.array([], pa.string())}), path)
    assert error_of(lambda: ParquetSource(path)) == "table.header_only"
