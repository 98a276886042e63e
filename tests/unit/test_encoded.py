import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl import ConfigError, EncodedSet, InputError, PeerError
from pprl.encoded import Header, table_schema


def make(n_records=3, bits=100, **header):
    made = Header(
        scheme="clk", bits=bits, schema="ab" * 32, key_check="cd" * 8, records=n_records, **header
    )
    width = made.filter_bytes
    columns = [
        [f"id{i}" for i in range(n_records)],
        [bytes([i % 255 + 1] * width) if i != 1 else None for i in range(n_records)],
        [bytes([i % 256] * 16) if i else None for i in range(n_records)],
    ]
    return EncodedSet(made, pa.table(columns, schema=table_schema(made, ["nik"])))


def rewrite(path, table):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def with_header(table, **changes):
    header = json.loads(table.schema.metadata[b"pprl"]) | changes
    return table.replace_schema_metadata({b"pprl": json.dumps(header).encode()})


def test_a_set_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "a.arrow"
    one = make()
    one.write(path)
    back = EncodedSet.open(path)
    assert back.header == one.header
    assert back.table.equals(one.table)
    assert back.token_kinds == ("nik",)
    assert len(back) == 3


def test_writing_is_deterministic_and_never_overwrites(tmp_path):
    make().write(tmp_path / "a.arrow")
    make().write(tmp_path / "b.arrow")
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        make(4).write(tmp_path / "a.arrow")
    make(4).write(tmp_path / "a.arrow", force=True)
    assert len(EncodedSet.open(tmp_path / "a.arrow")) == 4


def test_filters_are_whole_words_and_zero_where_there_is_none():
    words = make(bits=100).filter_words()
    assert words.shape == (3, 2)
    assert words.dtype == np.uint64
    assert not words[1].any()
    assert make().has_filter().tolist() == [True, False, True]


def test_filters_of_several_batches_are_one_array():
    one = make()
    table = pa.concat_tables([one.table, one.table])
    both = EncodedSet(one.header.model_copy(update={"records": 6}), table)
    assert np.array_equal(both.filter_words(), np.tile(one.filter_words(), (2, 1)))


def test_the_header_is_canonical_json_and_holds_no_identity():
    data = make().header.to_bytes()
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert set(json.loads(data)) == {
        *("agreement", "bits", "format", "kappa", "key_check", "party"),
        *("records", "schema", "scheme", "version"),
    }


def test_a_missing_file_is_my_fault(tmp_path):
    with pytest.raises(InputError):
        EncodedSet.open(tmp_path / "none.arrow")


def test_a_newer_version_is_refused_by_name(tmp_path):
    path = tmp_path / "a.arrow"
    rewrite(path, with_header(make().table, version=2))
    with pytest.raises(PeerError, match="newer version"):
        EncodedSet.open(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.replace_schema_metadata({}),
        lambda table: with_header(table, records=4),
        lambda table: with_header(table, bits=0),
        lambda table: with_header(table, bits=1024),
        lambda table: with_header(table, more=1),
        lambda table: with_header(table, schema="x"),
        lambda table: table.select([1, 0, 2]).replace_schema_metadata(table.schema.metadata),
        lambda table: table.append_column("nik", pa.array(["1", "2", "3"])),
        lambda table: table.append_column("token.x", pa.array(["1", "2", "3"])),
        lambda table: table.append_column("id", table.column(0)),
        lambda table: table.set_column(0, "id", pa.array(["a", None, "c"])),
    ],
)
def test_a_wrong_header_or_column_is_a_peer_error(tmp_path, change):
    path = tmp_path / "a.arrow"
    rewrite(path, change(make().table))
    with pytest.raises(PeerError):
        EncodedSet.open(path)


def test_a_name_in_the_header_that_is_not_ours_is_never_repeated(tmp_path):
    path = tmp_path / "a.arrow"
    rewrite(path, with_header(make().table, **{"\x1b[31m6408995503909901": 1}))
    with pytest.raises(PeerError) as caught:
        EncodedSet.open(path)
    assert str(caught.value).endswith("header")


def test_a_compressed_file_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "a.arrow"
    one = make(20_000)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, one.table.schema, options=options) as writer,
    ):
        writer.write_table(one.table, max_chunksize=1000)
    with pytest.raises(PeerError, match="compressed"):
        EncodedSet.open(path)


def test_reserved_columns_are_accepted(tmp_path):
    path = tmp_path / "a.arrow"
    table = make().table
    table = table.append_column("block.day", pa.array([bytes(8)] * 3, pa.binary(8)))
    table = table.append_column("stratum.kecamatan", pa.array(["1", None, "2"]))
    table = table.append_column("sealed.kemensos", pa.array([b"1", None, b"2"], pa.binary(1)))
    rewrite(path, table)
    assert EncodedSet.open(path).token_kinds == ("nik",)


@given(st.data())
def test_any_broken_file_is_a_peer_error_and_nothing_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken")
    path = folder / "a.arrow"
    make().write(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut] if data.draw(st.booleans()) else content)
    try:
        back = EncodedSet.open(path)
        back.filter_words()
        back.ids.to_pylist()
    except PeerError as error:
        assert error.exit_code == 4  # noqa: PT017 - any outcome but another error is fine


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b'{"clks": 1}', b'{"clks": ["*"]}', b'{"clks": [1]}', b"\xff",
        b'{"clks": ["AAAA", "AAA="]}', b'{"clks": [""]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_broken_clk_file_is_a_peer_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(PeerError):
        EncodedSet.open(path)


def test_an_empty_clk_file_is_an_empty_set(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"clks": []}')
    assert len(EncodedSet.open(path)) == 0
