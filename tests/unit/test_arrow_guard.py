import struct

import pyarrow as pa
import pytest

from pprl import EncodedSet, PeerError
from pprl.arrow_guard import MAX_MESSAGE_BYTES, ArrowFileError, read_file
from pprl.encoded import Header, table_schema

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("token", pa.binary(16))])


def file_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()


def some(n_rows=5):
    ids = [None if at == 1 else f"id{at}" for at in range(n_rows)]
    return pa.table([ids, [bytes([at]) * 16 for at in range(n_rows)]], schema=SCHEMA)


def read(data):
    schema, batches = read_file(pa.py_buffer(bytes(data)))
    return pa.Table.from_batches(list(batches), schema)


def refused(data):
    with pytest.raises(ArrowFileError) as caught:
        read(data)
    return caught.value.reason


def test_a_file_is_read_as_it_was_written():
    table = some().replace_schema_metadata({"a": "b"})
    assert read(file_of(table)).equals(table, check_metadata=True)
    assert read(file_of(some(0))).equals(some(0))


def test_batches_are_views_of_the_buffer():
    data = pa.py_buffer(file_of(some()))
    _, batches = read_file(data)
    for batch in batches:
        for buffer in batch.column(1).buffers():
            assert buffer is None or data.address <= buffer.address < data.address + data.size


def test_nothing_of_a_compressed_file_is_unpacked(tmp_path):
    n_records = 400_000
    header = Header(scheme="clk", bits=2048, schema=None, key_check=None, records=n_records)
    zeros = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(256), n_records, [None, pa.py_buffer(bytes(n_records * 256))]
    )
    ids = pa.StringArray.from_buffers(
        n_records, pa.py_buffer(bytes(4 * n_records + 4)), pa.py_buffer(b"")
    )
    table = pa.table([ids, zeros], schema=table_schema(header, []))
    path = tmp_path / "bomb.arrow"
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(
            sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        ) as writer,
    ):
        writer.write_table(table)
    del table, zeros, ids
    assert path.stat().st_size < n_records
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(PeerError, match="compressed"):
            EncodedSet.open(path)
        assert (pool.max_memory() or 0) < n_records
    finally:
        pa.set_memory_pool(before)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_file_is_refused(codec):
    assert refused(file_of(some(), compression=codec)) == "compressed"


def test_the_footer_is_never_followed():
    data = file_of(some())
    (length,) = struct.unpack("<i", data[-10:-6])
    for footer in (b"\xff" * length, b"", bytes(length)):
        assert read(data[: -10 - length] + footer + data[-10:]).equals(some())


def test_a_first_message_that_is_no_schema_is_refused():
    data = file_of(some())
    kind = 16 + data[16:].index(bytes([1, 4, 0]))
    for value in (0, 2, 3, 99):
        changed = bytearray(data)
        changed[kind] = value
        assert refused(changed) == "broken"
    stream = data[data.index(b"\xff\xff\xff\xff", 9) :]  # it begins with a batch
    assert refused(b"ARROW1\0\0" + stream) == "broken"


def test_a_dictionary_is_refused():
    table = pa.table({"id": pa.array(["a", "b", "a"]).dictionary_encode()})
    assert refused(file_of(table)) == "broken"


def test_lengths_beyond_the_file_are_refused():
    data = file_of(some())
    for length in (2**31 - 8, len(data), -8, -(2**31)):
        assert refused(data[:8] + struct.pack("<Ii", 0xFFFFFFFF, length) + data[16:]) == "broken"
    for cut in (0, 6, 8, 100, len(data) // 2, len(data) - 1):
        assert refused(data[:cut]) == "broken"


def test_a_long_head_is_refused():
    table = some().replace_schema_metadata({"a": "b" * MAX_MESSAGE_BYTES})
    assert refused(file_of(table)) == "broken"


def test_offsets_that_end_inside_a_number_are_refused():
    data = file_of(some(2))
    place, longer = struct.pack("<q", 3 * 4), struct.pack("<q", 3 * 4 + 1)
    assert data.count(place) == 1
    assert refused(data.replace(place, longer)) == "broken"


def test_a_column_name_that_is_no_text_is_refused():
    data = file_of(some())
    assert refused(data.replace(b"token\0", b"tok\xff\xff\0")) == "broken"


def test_text_that_is_no_utf8_is_refused():
    assert refused(file_of(some()).replace(b"id0", b"\xff\xff\xff")) == "broken"
