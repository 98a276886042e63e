import contextlib
import io
import itertools
import secrets
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.encoded import EncodedSet, Header, table_schema
from pprl.errors import ConfigError, LimitError, PeerError
from pprl_protocols import pseudonyms
from pprl_protocols.encodings import check_encodings
from pprl_protocols.id_rows import sorting
from pprl_protocols.pseudonyms import (
    Pseudonyms,
    hex_ids,
    hex_rows,
    pseudonymise,
    rising,
)
from pprl_protocols.vault import Cost, Vault

AGREEMENT, SCHEMA_DIGEST = "ef" * 32, "ab" * 32


def own_set(n_records, kinds=("nik",), chunks=1, **header):
    made = Header(
        scheme="clk",
        bits=64,
        records=n_records,
        **({"schema": SCHEMA_DIGEST, "key_check": "cd" * 8} | header),
    )
    columns = [
        [f"own-{i}" for i in range(n_records)],
        [i.to_bytes(8, "big") if i % 5 else None for i in range(n_records)],
        *([i.to_bytes(16, "big") for i in range(n_records)] for _ in kinds),
    ]
    table = pa.table(columns, schema=table_schema(made, kinds))
    step = max(n_records // chunks, 1)
    parts = [table.slice(at, step) for at in range(0, max(n_records, 1), step)]
    return EncodedSet(made, pa.concat_tables(parts))


def sent_by(one, draw=secrets.token_bytes):
    return pseudonymise(one, agreement=AGREEMENT, party="dinkes", draw=draw)


def check(path, **changes):
    asked = {
        "agreement": AGREEMENT,
        "party": "dinkes",
        "schema_digest": SCHEMA_DIGEST,
        "max_records": 100,
    }
    return check_encodings(path, **(asked | changes))


def with_ids(encoded, ids):
    column = pa.array(ids, pa.string())
    return EncodedSet(encoded.header, encoded.table.set_column(0, encoded.table.field(0), column))


def test_what_leaves_does_not_depend_on_where_chunks_and_batches_end(monkeypatch):
    def draw(n_bytes):
        return np.random.default_rng(1).bytes(n_bytes)

    whole, kept = sent_by(own_set(40), draw)
    monkeypatch.setattr(pseudonyms, "_BATCH_ROWS", 9)
    for chunks in (1, 7):
        sent, same = sent_by(own_set(40, chunks=chunks), draw)
        assert sent.table.column(0).num_chunks == 5
        assert sent.table.equals(whole.table)
        assert same.table.equals(kept.table)


@pytest.mark.parametrize(("n_records", "chunks"), [(0, 1), (1, 1), (40, 1), (40, 7)])
def test_every_record_leaves_once_under_a_pseudo_id_that_leads_back_to_it(n_records, chunks):
    one = own_set(n_records, chunks=chunks)
    sent, kept = sent_by(one)
    ids = sent.ids.to_pylist()
    assert ids == sorted(ids)
    assert len(set(ids)) == n_records
    rows = [bytes.fromhex(each) for each in ids]
    back = kept.rows_of(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 16))
    for column in ("filter", "token.nik"):
        assert sent.table.column(column).to_pylist() == (
            one.table.column(column).take(pa.array(back)).to_pylist()
        )
    assert kept.ids.to_pylist() == one.ids.to_pylist()
    assert sorted(back.tolist()) == list(range(n_records))


def test_nothing_that_leaves_holds_an_own_id(tmp_path):
    sent, kept = sent_by(own_set(40))
    sent.write(tmp_path / "a.arrow")
    assert b"own-" not in (tmp_path / "a.arrow").read_bytes()
    assert "own-" not in repr(kept)
    assert sent.header.agreement == AGREEMENT
    assert sent.header.party == "dinkes"


def test_the_same_draw_gives_the_same_bytes(tmp_path):
    drawn = secrets.token_bytes(40 * 16)
    for name in ("a", "b"):
        sent_by(own_set(40), lambda n: drawn[:n])[0].write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@given(st.integers(0, 60), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_sorting_is_lexsort_with_the_first_key_first(n_rows, below, seed):
    keys = np.random.default_rng(seed).integers(-below, below, (3, n_rows))
    assert sorting(*keys).tolist() == np.lexsort(keys[::-1]).tolist()


def test_pseudo_ids_that_begin_alike_are_sorted_by_their_ends():
    def draw(n_bytes):
        ends = range(n_bytes // 16, 0, -1)
        return b"".join(bytes(8) + end.to_bytes(8, "big") for end in ends)

    sent, kept = sent_by(own_set(40), draw)
    assert sent.ids.to_pylist() == [f"{end:032x}" for end in range(1, 41)]
    assert kept.rows_of(hex_rows(sent.ids.chunk(0))).tolist() == list(range(39, -1, -1))
    assert sent.token_column("nik").to_pylist() == own_set(40).token_column("nik").to_pylist()[::-1]


def test_columns_of_any_type_go_with_their_records():
    one = own_set(40, chunks=3)
    table = one.table.append_column("stratum.desa", one.ids)
    sent, kept = sent_by(EncodedSet(one.header, table))
    rows = kept.rows_of(hex_rows(sent.ids.chunk(0))).tolist()
    assert sent.table.column("stratum.desa").to_pylist() == [f"own-{row}" for row in rows]


def test_a_repeated_draw_is_refused():
    with pytest.raises(LimitError, match="drawn twice"):
        sent_by(own_set(3), lambda n: b"x" * n)
    with pytest.raises(ValueError, match="number of bytes"):
        sent_by(own_set(3), lambda n: b"x" * (n - 1))


def test_a_pseudo_id_of_somebody_else_leads_nowhere():
    sent, kept = sent_by(own_set(10))
    ours = hex_rows(sent.ids.combine_chunks())
    theirs = np.frombuffer(secrets.token_bytes(32), np.uint8).reshape(2, 16)
    asked = np.concatenate([theirs[:1], ours[:1], ours[:1], theirs[1:], theirs[1:]])
    found = kept.rows_of(asked).tolist()
    assert found[0] == found[3] == found[4] == -1
    assert found[1] == found[2] >= 0


@pytest.mark.parametrize("piece", [3, 1 << 18])
def test_own_records_are_found_where_pseudo_ids_begin_alike(monkeypatch, piece):
    monkeypatch.setattr(pseudonyms, "_PIECE_ROWS", piece)
    random = np.random.default_rng(5)
    # Few different first halves and second halves: most that is asked differs in one of them.
    halves = random.integers(0, 256, (2, 12, 8), dtype=np.uint8)
    every = np.array([[*one, *other] for one in halves[0] for other in halves[1]], np.uint8)
    mine = random.permutation(len(every))[:60]
    _, kept = sent_by(own_set(60), lambda _: every[mine].tobytes())
    asked = random.integers(0, len(every), 500)
    places = {number: row for row, number in enumerate(mine.tolist())}
    expected = [places.get(number, -1) for number in asked.tolist()]
    assert kept.rows_of(every[asked]).tolist() == expected
    assert -1 in expected
    assert kept.rows_of(every[:0]).tolist() == []


def test_the_way_back_is_kept_in_a_vault(tmp_path):
    vault = Vault.create(tmp_path / "home", b"rahasia", cost=Cost(1, 1, 8))
    _, kept = sent_by(own_set(40, chunks=3))
    with vault.writer("pseudonyms") as stream:
        kept.write(stream)
    with vault.reader("pseudonyms") as stream:
        back = Pseudonyms.read(stream)
    assert back.table.equals(kept.table)
    assert (back.agreement, back.party, len(back)) == (AGREEMENT, "dinkes", 40)
    for path in (tmp_path / "home").rglob("*"):
        assert path.is_dir() or b"own-" not in path.read_bytes()


def test_a_kept_list_that_was_cut_off_is_refused():
    kept = sent_by(own_set(40))[1]
    stream = io.BytesIO()
    kept.write(stream)
    data = stream.getvalue()
    for broken in (b"", data[:50], data[: len(data) // 2], data + b"x"):
        with pytest.raises(ConfigError, match="pseudo-IDs isn't what was written"):
            Pseudonyms.read(io.BytesIO(broken))


def test_good_encodings_are_opened(tmp_path):
    sent, _ = sent_by(own_set(100))
    sent.write(tmp_path / "a.arrow")
    assert check(tmp_path / "a.arrow").table.equals(sent.table)
    sent_by(own_set(0))[0].write(tmp_path / "none.arrow")
    assert len(check(tmp_path / "none.arrow")) == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agreement": "00" * 32}, "another agreement"),
        ({"party": "dinsos"}, "names another party"),
        ({"schema_digest": "00" * 32}, "another schema"),
        ({"max_records": 39}, "sent 40 records; the agreement allows 39"),
    ],
)
def test_encodings_that_were_not_agreed_are_refused(tmp_path, changes, reason):
    sent_by(own_set(40))[0].write(tmp_path / "a.arrow")
    with pytest.raises(PeerError, match=reason):
        check(tmp_path / "a.arrow", **changes)


def test_encodings_without_a_key_check_are_refused(tmp_path):
    sent_by(own_set(4, key_check=None))[0].write(tmp_path / "a.arrow")
    with pytest.raises(PeerError, match="don't say which key"):
        check(tmp_path / "a.arrow")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda ids: ids[:5] + ids[4:-1], "row 6: .* repeated"),
        (lambda ids: [ids[1], ids[0], *ids[2:]], "row 2: .* ascending"),
        (lambda ids: [*ids[:7], ids[7].upper(), *ids[8:]], "row 8: not a pseudo-ID"),
        (lambda ids: [*ids[:-1], ids[-1] + "0"], "row 10: not a pseudo-ID"),
        (lambda ids: [*ids[:2], "", *ids[3:]], "row 3: not a pseudo-ID"),
        # Of the right length together, and not each.
        (lambda ids: [ids[0][:-1], ids[1] + "0", *ids[2:]], "row 1: not a pseudo-ID"),
        (lambda _: [f"own-{i}" for i in range(10)], "row 1: not a pseudo-ID"),
    ],
)
def test_wrong_ids_are_refused_by_row(tmp_path, change, reason):
    drawn = bytes(0xA0 + i for i in range(10) for _ in range(16))
    sent, _ = sent_by(own_set(10), lambda _: drawn)
    with_ids(sent, change(sent.ids.to_pylist())).write(tmp_path / "a.arrow")
    with pytest.raises(PeerError, match=reason) as caught:
        check(tmp_path / "a.arrow")
    assert "a0a0" not in str(caught.value)


@pytest.mark.parametrize("name", ["block.a", "stratum.desa", "token.filter", "token.\x1b[31m"])
def test_columns_that_are_not_agreed_are_refused(tmp_path, name):
    sent, _ = sent_by(own_set(4))
    kinds = {"block.a": pa.binary(8), "stratum.desa": pa.string()}
    extra = pa.nulls(4, kinds.get(name, pa.binary(16)))
    EncodedSet(sent.header, sent.table.append_column(name, extra)).write(tmp_path / "a.arrow")
    with pytest.raises(PeerError, match=r"column that isn't agreed \(column 4\)"):
        check(tmp_path / "a.arrow")


def test_ids_whose_offsets_end_inside_a_number_are_refused(tmp_path):
    sent, _ = sent_by(own_set(4))
    sent.write(tmp_path / "a.arrow")
    data = (tmp_path / "a.arrow").read_bytes()
    place, longer = struct.pack("<qq", 0, 5 * 4), struct.pack("<qq", 0, 5 * 4 + 1)
    assert data.count(place) == 1
    (tmp_path / "a.arrow").write_bytes(data.replace(place, longer))
    with pytest.raises(PeerError, match="not a whole Arrow file"):
        check(tmp_path / "a.arrow")


def test_notes_beside_the_header_are_refused(tmp_path):
    sent, _ = sent_by(own_set(4))
    metadata = {**sent.table.schema.metadata, b"note": b"1"}
    schema = sent.table.schema.with_metadata(metadata)
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), schema) as writer:
        writer.write_table(sent.table.replace_schema_metadata(metadata))
    with pytest.raises(PeerError, match="more than their header"):
        check(tmp_path / "a.arrow")


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_hexadecimal_is_python_s_and_reads_back(ids):
    rows = np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16)
    text = hex_ids(rows)
    assert text.to_pylist() == [each.hex() for each in ids]
    assert np.array_equal(hex_rows(text), rows)


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=20))
def test_rising_is_the_order_of_tuples(rows):
    expected = [tuple(one) < tuple(two) for one, two in itertools.pairwise(rows)]
    assert rising(np.array(rows, dtype=np.uint64)).tolist() == expected


@settings(max_examples=100)
@given(data=st.data())
def test_mutated_encodings_are_refused_as_the_peer_s(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    sent, _ = sent_by(own_set(6), lambda n: bytes(range(n)))
    path = folder / "mutated.arrow"
    sent.write(path, force=True)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) :]
    path.write_bytes(whole)
    with contextlib.suppress(PeerError):
        assert len(check(path)) == 6
