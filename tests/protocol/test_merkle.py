import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.encoded import EncodedSet, Header, table_schema
from pprl_protocols import merkle

RECORDS = [f"record {at}".encode() for at in range(70)]


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def rfc6962(leaves):
    """Follow the definition, recursive as it stands in the RFC."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return sha(b"\x00", leaves[0])
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01", rfc6962(leaves[:left]), rfc6962(leaves[left:]))


def encoded_set(rng, n_records, ids="pseudo", chunk=1000):
    header = Header(scheme="clk", bits=128, schema=None, key_check=None, records=n_records)
    schema = table_schema(header, ["nik", "name"])
    schema = schema.append(pa.field("stratum.desa", pa.string()))
    schema = schema.append(pa.field("sealed.dinkes", pa.binary()))
    lengths = {"pseudo": [32] * n_records, "own": rng.integers(0, 12, n_records)}[ids]

    def fixed(width):
        gaps = rng.random(n_records) < 0.2
        return [None if gap else rng.bytes(width) for gap in gaps]

    def text(length):
        return "".join(rng.choice(list("aé0"), length))

    columns = [
        [text(length) for length in lengths],
        *(fixed(width) for width in (16, 16, 16)),
        [None if rng.random() < 0.5 else text(2) for _ in range(n_records)],
        [None] * n_records if ids == "pseudo" else [rng.bytes(at % 90) for at in range(n_records)],
    ]
    table = pa.table(columns, schema=schema)
    batches = table.to_batches(max_chunksize=chunk)
    return EncodedSet(header, pa.Table.from_batches(batches, schema))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 64, 65, 70])
def test_the_root_is_that_of_the_rfc_with_the_number_of_records(count):
    leaves = RECORDS[:count]
    expected = sha(b"\x02", count.to_bytes(8, "big"), rfc6962(leaves)).hex()
    assert merkle.root(leaves) == expected


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_a_record_is_proved_at_its_place_and_nowhere_else(given_):
    count, index = given_
    tree = merkle.Tree.over(RECORDS[:count])
    path = tree.path(index)
    assert path == merkle.proof(RECORDS[:count], index)
    assert merkle.verify(RECORDS[index], path, index, count, tree.root)
    assert not merkle.verify(b"other", path, index, count, tree.root)
    for other in range(count):
        if other != index:
            assert not merkle.verify(RECORDS[index], path, other, count, tree.root)
    # The root commits to the number: no other one is believed, whatever the path.
    for size in range(2 * count + 2):
        if size != count:
            assert not merkle.verify(RECORDS[index], path, index, size, tree.root)


def test_what_is_no_path_proves_nothing():
    tree = merkle.Tree.over(RECORDS[:5])
    path = tree.path(2)
    for wrong in (
        [], path[:-1], [*path, path[0]], path[::-1], ["", *path[1:]], ["zz" * 32, *path[1:]],
        [path[0].upper(), *path[1:]], [path[0] + "00", *path[1:]], [f" {path[0]}", *path[1:]],
    ):  # fmt: skip
        assert not merkle.verify(RECORDS[2], wrong, 2, 5, tree.root)
    for index, size in ((-1, 5), (5, 5), (2, 0), (2, 1 << 64)):
        assert not merkle.verify(RECORDS[2], path, index, size, tree.root)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            tree.path(index)


@pytest.mark.parametrize("ids", ["pseudo", "own"])
@pytest.mark.parametrize("n_records", [0, 1, 40, 3000])
def test_leaves_laid_out_by_columns_are_those_of_the_records(ids, n_records):
    encoded = encoded_set(np.random.default_rng(n_records), n_records, ids)
    records = list(merkle.records(encoded))
    assert len(records) == n_records
    tree = merkle.Tree.of(encoded)
    assert tree.size == n_records
    assert tree.root == merkle.root(records)
    # Slices begin in the middle of their buffers.
    rest = EncodedSet(encoded.header, encoded.table.slice(n_records // 3))
    assert merkle.Tree.of(rest).root == merkle.root(records[n_records // 3 :])


def test_a_record_is_its_columns_each_with_a_byte_before():
    header = Header(scheme="clk", bits=64, schema=None, key_check=None, records=1)
    table = pa.table([["ib"], [b"8 bytes."], [None]], schema=table_schema(header, ["nik"]))
    assert list(merkle.records(EncodedSet(header, table))) == [b"\x01ib\x018 bytes.\x00"]


def test_the_root_does_not_depend_on_batches():
    one = encoded_set(np.random.default_rng(3), 3000)
    other = EncodedSet(one.header, one.table.combine_chunks())
    assert merkle.Tree.of(one).root == merkle.Tree.of(other).root


PIECE = 65_536


@pytest.mark.parametrize("leaves", [0, 1, 5, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5, 4 * PIECE])
def test_a_growing_root_is_that_of_the_whole_tree_however_it_grew(leaves):
    digests = np.random.default_rng(leaves).bytes(leaves * 32)
    growing = merkle.Growing()
    for start in range(0, len(digests), 32 * 50_001):
        growing.add(digests[start : start + 32 * 50_001])
    assert growing.root == merkle.Tree(digests).root
    growing.add(bytes(32))
    assert growing.root == merkle.Tree(digests + bytes(32)).root
