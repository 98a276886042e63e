"""Results: what each agency gets, joined to its own records, and what a hostile one is refused for.

One file, since every test starts from the same linked registers and result files.
"""

import json
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.encoded import SEALED, EncodedSet, Header, table_schema
from pprl.errors import InputError, PeerError
from pprl.link import link
from pprl_protocols import canonical, joining, result
from pprl_protocols.joining import joined, joined_parts
from pprl_protocols.pseudonyms import pseudonymise
from pprl_protocols.result import COLUMNS, ResultFile, match_numbers, results_of
from pprl_protocols.result_file import SCHEMA

RUN, AGREEMENT, SEED = "ab" * 16, "ef" * 32, bytes(range(32))
PARTIES = ["dinkes", "dinsos", "dukcapil"]
BITS = 256


def people(numbers, party, draws):
    """Encode made-up people: the same number, the same filter; a negative one, nearly."""
    header = Header(
        scheme="clk", bits=BITS, schema="ab" * 32, key_check="cd" * 8, records=len(numbers)
    )
    filters, tokens = [], []
    for number in numbers:
        bits = np.random.default_rng(abs(number)).random(BITS) < 0.4
        if number < 0:
            bits[np.flatnonzero(bits)[: 5 + abs(number) % 3]] = False
        filters.append(np.packbits(bits).tobytes())
        tokens.append(abs(number).to_bytes(16, "big") if number % 3 == 0 else None)
    own = [f"{party}-{place}" for place in range(len(numbers))]
    table = pa.table([own, filters, tokens], schema=table_schema(header, ["nik"]))
    return pseudonymise(
        EncodedSet(header, table), agreement=AGREEMENT, party=party, draw=draws.bytes
    )


@pytest.fixture(scope="module")
def run():
    """Three agencies, people in two and in three registers; results, and ways back."""
    draws = np.random.default_rng(7)
    registers = [
        people([*range(1, 60), 1000], "dinkes", draws),
        people([*range(30, 90), -12, -13], "dinsos", draws),
        people([*range(50, 99), -14, 300], "dukcapil", draws),
    ]
    sets = [sent for sent, _ in registers]
    matches = link(sets, threshold=0.9)
    files = results_of(matches, sets, run=RUN, agreement=AGREEMENT, parties=PARTIES, seed=SEED)
    return matches, sets, files, [kept for _, kept in registers]


@pytest.fixture(scope="module")
def doubtful():
    """Two agencies; some pairs wait for review."""
    draws = np.random.default_rng(8)
    registers = [
        people([3, 6, 9, 10, 11], "dinkes", draws),
        people([3, -6, -9, 10, 77], "dinsos", draws),
    ]
    sets = [sent for sent, _ in registers]
    matches = link(sets, threshold=1.0, token_threshold=1.0)
    return matches, sets, [kept for _, kept in registers]


def opened(path, recipient="dinkes", parties=PARTIES):
    return ResultFile.open(path, run=RUN, agreement=AGREEMENT, recipient=recipient, parties=parties)


def written(folder, header, table, **options):
    """Write any table as a result, its rows counted in the header unless that is given."""
    path = folder / "any.result"
    if isinstance(header, dict):
        header = canonical.dumps(header)
    schema = table.schema.with_metadata({b"pprl": header})
    with pa.ipc.new_file(str(path), schema, **options) as writer:
        writer.write_table(table.replace_schema_metadata(schema.metadata))
    return path


def header_of(result, **changes):
    return json.loads(result.header.to_bytes()) | changes


def changed(table, column, values):
    at = COLUMNS.index(column)
    kind = SCHEMA.field(column)
    return table.set_column(at, kind, pa.array(values, kind.type))


def test_each_agency_gets_a_row_for_every_other_party_in_a_group(run):
    matches, _, files, _ = run
    expected = {name: set() for name in PARTIES}
    by_group = {}
    for row in matches.table.to_pylist():
        by_group.setdefault(row["group"], []).append(row)
    for rows in by_group.values():
        for mine in rows:
            for theirs in rows:
                if mine is not theirs:
                    expected[PARTIES[mine["party"]]].add((mine["id"], theirs["party"]))
    assert any(len(rows) == 3 for rows in by_group.values())
    for name, file in zip(PARTIES, files, strict=True):
        found = [(row["id"].hex(), row["party"]) for row in file.table.to_pylist()]
        assert sorted(expected[name]) == found  # sorted, and each once
        assert file.header.rows == len(found) > 0


def test_owners_see_the_same_match_number_and_others_none_of_it(run):
    _, _, files, _ = run
    seen = [{(row["group"], row["party"]) for row in file.table.to_pylist()} for file in files]
    for me, mine in enumerate(seen):
        for number, party in mine:
            assert (number, me) in seen[party]
            outsiders = set(range(3)) - {me, party}
            in_all = any((number, other) in mine for other in outsiders)
            assert in_all or not any(number == n for o in outsiders for n, _ in seen[o])


def test_no_result_holds_the_pseudo_id_of_another(run, tmp_path):
    _, sets, files, _ = run
    for me, file in enumerate(files):
        path = tmp_path / PARTIES[me]
        file.write(path)
        data = path.read_bytes()
        for other, one in enumerate(sets):
            if other != me:
                assert not any(bytes.fromhex(each) in data for each in one.ids.to_pylist())


def test_match_numbers_are_those_of_the_seed_and_the_run():
    first = match_numbers(1000, run=RUN, seed=SEED)
    assert len({row.tobytes() for row in first}) == 1000
    assert np.array_equal(match_numbers(5, run=RUN, seed=SEED), first[:5])
    assert not np.array_equal(match_numbers(5, run="00" * 16, seed=SEED), first[:5])
    assert not np.array_equal(match_numbers(5, run=RUN, seed=bytes(32)), first[:5])


def test_a_result_is_read_back_as_it_was_written_and_written_alike(run, tmp_path):
    for name, file in zip(PARTIES, run[2], strict=True):
        file.write(tmp_path / name)
        back = opened(tmp_path / name, name)
        assert back.header == file.header
        assert back.table.equals(file.table)
        back.write(tmp_path / f"{name}-again")
        assert (tmp_path / name).read_bytes() == (tmp_path / f"{name}-again").read_bytes()


def test_a_header_speaks_of_the_recipient_s_pairs_only(run):
    for me, file in enumerate(run[2]):
        assert [pair.other for pair in file.header.pairs] == [at for at in range(3) if at != me]
        assert file.header.pairs[0].accept["filter"] == 900_000
        assert file.header.pairs[0].precision is None  # nothing was estimated


def test_a_header_tells_what_was_estimated_in_millionths(tmp_path):
    draws = np.random.default_rng(3)
    registers = [
        people(range(1, 400), "dinkes", draws),
        people([-n if n % 7 == 0 else n for n in range(150, 600)], "dinsos", draws),
    ]
    sets = [sent for sent, _ in registers]
    matches = link(sets)
    names = PARTIES[:2]
    files = results_of(matches, sets, run=RUN, agreement=AGREEMENT, parties=names, seed=SEED)
    files[1].write(tmp_path / "b")
    pair = opened(tmp_path / "b", "dinsos", names).header.pairs[0]
    info = matches.info.pairs[0]
    for told, value, ends in (
        (pair.precision, info.estimated_precision, info.estimated_precision_interval),
        (pair.recall, info.estimated_recall, info.estimated_recall_interval),
    ):
        found = [each / 1_000_000 for each in (told.value, told.low, told.high)]
        assert found == [value, *ends]
    bar = info.accept["filter"]
    assert pair.accept["filter"] == round(bar * 1_000_000) > 0
    table = joined(files[1], registers[1][1])
    precision = table.column("precision").drop_null().to_pylist()
    assert len(precision) == len(files[1].table)
    assert "% of such pairs are the same person" in "".join(
        table.column("explanation").drop_null().to_pylist()
    )


def test_every_own_record_is_joined_in_the_order_of_the_own_file(run):
    matches, sets, files, kept = run
    for me, (file, pseudonyms) in enumerate(zip(files, kept, strict=True)):
        table = joined(file, pseudonyms)
        others = [name for name in PARTIES if name != PARTIES[me]]
        ids = [f"{PARTIES[me]}-{place}" for place in range(len(sets[me]))]
        assert table.column("id").to_pylist() == [each for each in ids for _ in others]
        assert table.column("party").to_pylist() == others * len(ids)
        assert table.column("status").to_pylist().count("matched") == len(file.table)
        pairs = {
            (row["id"], row["party"]): row for row in table.to_pylist() if row["status"] != "none"
        }
        for row in file.table.to_pylist():
            at = pseudonyms.table.column("pseudo").to_pylist().index(row["id"])
            found = pairs[ids[at], PARTIES[row["party"]]]
            assert found["match"] == row["group"].hex()
            assert found["tier"] == file.header.tiers[row["tier"]]
            assert found["band"] == "accept"
            assert found["explanation"]
            known = None if row["similarity"] < 0 else row["similarity"]
            assert found["similarity"] == known
            assert found["precision"] is None
        for row in table.to_pylist():
            if row["status"] == "none":
                assert set(list(row.values())[3:]) == {None}
    assert matches.info.groups


def test_the_right_people_are_joined(run):
    _, _, files, kept = run
    table = joined(files[0], kept[0]).to_pylist()
    matched = {row["id"] for row in table if (row["party"], row["status"]) == ("dinsos", "matched")}
    # Of the persons 1 to 59 in the first register, the second has 30 to 59, and nearly 12 and 13.
    assert {f"dinkes-{number - 1}" for number in range(30, 60)} <= matched
    assert matched <= {f"dinkes-{number - 1}" for number in (12, 13, *range(30, 60))}


def test_results_read_the_same_in_indonesian(run):
    _, _, files, kept = run
    english = joined(files[0], kept[0])
    indonesian = joined(files[0], kept[0], language="id")
    assert english.drop_columns("explanation").equals(indonesian.drop_columns("explanation"))
    assert english.column("explanation") != indonesian.column("explanation")


def test_parts_joined_one_after_the_other_are_the_whole(run, monkeypatch):
    _, _, files, kept = run
    beside = pa.table({"desil": [str(place) for place in range(len(files[0].table))]})
    whole = joined(files[0], kept[0], beside=beside)
    assert whole.column("desil").null_count == whole.column("status").to_pylist().count("none") > 0
    monkeypatch.setattr(joining, "_ROWS", 7)
    parts = list(joined_parts(files[0], kept[0], beside=beside))
    assert [len(part) for part in parts[:-1]] == [7] * (len(whole) // 7)
    assert pa.concat_tables(parts).equals(whole)


def test_a_result_is_written_the_same_however_its_table_is_cut(run, tmp_path):
    _, _, files, _ = run
    files[0].write(tmp_path / "whole")
    cut = [files[0].table.slice(start, 5) for start in range(0, len(files[0].table), 5)]
    ResultFile(files[0].header, pa.concat_tables(cut)).write(tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("rows", [3, 1 << 18])
def test_sealed_attributes_reach_the_record_that_they_were_sealed_for(run, monkeypatch, rows):
    monkeypatch.setattr(result, "_PIECE_ROWS", rows)
    matches, sets, _, _ = run
    widths = {1: 20, 2: 31}  # what dinsos and dukcapil seal for dinkes
    for party, width in widths.items():
        blobs = [bytes([party]) + bytes.fromhex(each) for each in sets[party].ids.to_pylist()]
        column = pa.chunked_array(
            [
                pa.array([each.ljust(width, b"-") for each in some], pa.binary(width))
                for some in (blobs[:7], blobs[7:])
            ]
        )
        table = sets[party].table.append_column(SEALED + "dinkes", column)
        sets = [*sets[:party], EncodedSet(sets[party].header, table), *sets[party + 1 :]]
    file, *others = results_of(
        matches, sets, run=RUN, agreement=AGREEMENT, parties=PARTIES, seed=SEED
    )
    groups = {row["id"]: row["group"] for row in matches.table.to_pylist()}
    assert len(file.table) > 40
    for row in file.table.to_pylist():
        sealed = row["attributes"]
        assert len(sealed) == widths[row["party"]]
        assert sealed[0] == row["party"]
        assert groups[sealed[1:17].hex()] == groups[row["id"].hex()]
    assert {each.table.column("attributes").null_count for each in others} == {
        len(each.table) for each in others
    }


def test_a_result_of_another_or_with_foreign_records_is_not_joined(run):
    _, _, files, kept = run
    with pytest.raises(PeerError, match="another recipient"):
        joined(files[0], kept[1])
    foreign = ResultFile(
        files[0].header, changed(files[0].table, "id", [bytes(16)] * len(files[0].table))
    )
    with pytest.raises(PeerError, match="isn't ours"):
        joined(foreign, kept[0])


def test_pairs_for_review_are_rows_of_their_own(doubtful, tmp_path):
    matches, sets, kept = doubtful
    table, review = matches.table, matches.review
    # As a link with a target leaves them: the last accepted pair is doubtful instead.
    pair = table.slice(len(table) - 2).set_column(5, "band", pa.array(["review"] * 2))
    waiting = type(matches)(
        table.slice(0, len(table) - 2), pair, matches.info, matches.kind, matches.verdicts
    )
    assert len(review) == 0
    names = PARTIES[:2]
    files = results_of(waiting, sets, run=RUN, agreement=AGREEMENT, parties=names, seed=SEED)
    for me, (name, file) in enumerate(zip(names, files, strict=True)):
        file.write(tmp_path / name)
        rows = joined(opened(tmp_path / name, name, names), kept[me]).to_pylist()
        statuses = [row["status"] for row in rows]
        assert statuses.count("review") == 1
        assert statuses.count("matched") == len(table) // 2 - 1
        assert next(row for row in rows if row["status"] == "review")["band"] == "review"


def test_no_match_at_all_is_a_result_too(doubtful, tmp_path):
    matches, sets, kept = doubtful
    none = type(matches)(
        matches.table.slice(0, 0), matches.review, matches.info, matches.kind, matches.verdicts
    )
    names = PARTIES[:2]
    files = results_of(none, sets, run=RUN, agreement=AGREEMENT, parties=names, seed=SEED)
    files[0].write(tmp_path / "a")
    table = joined(opened(tmp_path / "a", "dinkes", names), kept[0])
    assert table.column("status").to_pylist() == ["none"] * 5


@pytest.mark.parametrize("field", ["run", "agreement", "recipient", "parties"])
def test_the_result_of_another_run_or_agency_is_refused(run, tmp_path, field):
    run[2][0].write(tmp_path / "a")
    expected = {
        "run": RUN,
        "agreement": AGREEMENT,
        "recipient": "dinkes",
        "parties": PARTIES,
    } | {
        field: {
            "run": "00" * 16,
            "agreement": "00" * 32,
            "recipient": "dinsos",
            "parties": PARTIES[::-1],
        }[field]
    }
    with pytest.raises(PeerError, match=f"another {field}"):
        ResultFile.open(tmp_path / "a", **expected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": 3}, "another number of rows"),
        ({"rows": 2**52}, "another number of rows"),
        ({"row_width": 44}, "another number of rows"),
        ({"version": 2}, "newer version"),
        ({"version": 0}, r"\(at version\)"),
        ({"format": "pprl.encoded"}, r"\(at format\)"),
        ({"tiers": ["nik", "nik", "filter"]}, r"\(at tiers\)"),
        ({"tiers": ["nik\x1b[31m"]}, r"\(at tiers\[1\]\)"),
        ({"tiers": []}, r"\(at tiers\)"),
        ({"pairs": []}, r"\(at pairs\)"),
        ({"secret": 1}, r"\(at \[\*\]\)"),
        ({"tiers": ["a", "b", "c"]}, r"\(at pairs\[1\]\)"),
    ],
)
def test_a_wrong_header_is_refused(run, tmp_path, changes, reason):
    file = run[2][0]
    path = written(tmp_path, header_of(file, **changes), file.table)
    with pytest.raises(PeerError, match=reason):
        opened(path)


@pytest.mark.parametrize("header", [b"", b"[]", b"{}", b'{"rows": 1.5}', b"\xff", b"[" * 70_000])
def test_a_header_that_is_none_is_refused(run, tmp_path, header):
    path = written(tmp_path, header, run[2][0].table)
    with pytest.raises(PeerError):
        opened(path)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("party", 0, "row 2: .* column 3"),  # oneself
        ("party", 3, "row 2: .* column 3"),
        ("party", -1, "row 2: .* column 3"),
        ("band", 2, "row 2: .* column 4"),
        ("tier", 3, "row 2: .* column 5"),
        ("precision", 1_000_001, "row 2: .* column 6"),
        ("precision", -2, "row 2: .* column 6"),
        ("similarity", -(2**31), "row 2: .* column 7"),
        ("id", bytes(16), "row 2: out of order"),
        ("family", b"", r"reserves \(column 8\)"),
        ("attributes", b"x", r"row 2 .* attributes"),
        ("party", None, r"empty cell .*\(column 3\)"),
    ],
)
def test_a_wrong_cell_is_refused_by_row(run, tmp_path, column, value, reason):
    file = run[2][0]
    values = file.table.column(column).to_pylist()
    values[1] = value
    table = changed(file.table, column, values)
    with pytest.raises(PeerError, match=reason):
        opened(written(tmp_path, header_of(file), table))


def test_repeated_and_reordered_rows_are_refused(run, tmp_path):
    file = run[2][0]
    n = len(file.table)
    for order in ([0, *range(n - 1)], [*range(n)][::-1]):
        table = file.table.take(pa.array(order))
        with pytest.raises(PeerError, match="row 2: out of order"):
            opened(written(tmp_path, header_of(file), table))


def test_rows_that_contradict_each_other_are_refused(run, tmp_path):
    file = run[2][0]
    rows = file.table.to_pylist()
    both = next(at for at in range(1, len(rows)) if rows[at]["id"] == rows[at - 1]["id"])
    groups = [row["group"] for row in rows]

    def refused(table):
        with pytest.raises(PeerError, match="contradicts another row"):
            opened(written(tmp_path, header_of(file), table))

    # One record in two matches.
    refused(changed(file.table, "group", [*groups[:both], bytes(16), *groups[both + 1 :]]))
    # Two records in one match.
    refused(changed(file.table, "group", [groups[0]] * len(groups)))
    # Two records of one party matched to one.
    parties = [row["party"] for row in rows]
    groups[both - 1], groups[both] = bytes(16), bytes([1] * 16)
    parties[both - 1] = parties[both] = 1
    bands = [int(at == both) for at in range(len(rows))]
    table = changed(changed(file.table, "group", groups), "party", parties)
    refused(changed(table, "band", bands))


def test_other_columns_are_refused(run, tmp_path):
    file = run[2][0]
    table, header = file.table, header_of(file)
    note = table.schema.field(0).with_metadata({b"note": b"1"})
    for wrong in (
        table.drop_columns("attributes"),
        table.append_column("other", table.column("id")),
        table.select(COLUMNS[::-1]),
        table.set_column(5, "precision", table.column("precision").cast(pa.int64())),
        table.set_column(4, "tier", table.column("tier").dictionary_encode()),
        table.cast(pa.schema([note, *list(SCHEMA)[1:]])),
    ):
        with pytest.raises(PeerError, match="other columns"):
            opened(written(tmp_path, header, wrong))


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_result_is_refused(run, tmp_path, codec):
    file = run[2][0]
    options = pa.ipc.IpcWriteOptions(compression=codec)
    path = written(tmp_path, header_of(file), file.table, options=options)
    with pytest.raises(PeerError, match="compressed"):
        opened(path)


def test_files_that_are_no_result_are_refused(run, tmp_path):
    run[2][0].write(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    huge = whole[:8] + struct.pack("<Ii", 0xFFFFFFFF, 2**31 - 8) + whole[16:]
    ended = whole[:8] + struct.pack("<Ii", 0xFFFFFFFF, 0) + whole[16:]
    # The schema's message says that it is a batch; another that it is nothing known.
    kinds = [bytearray(whole), bytearray(whole)]
    kind = 16 + whole[16:].index(bytes([1, 4, 0]))
    for at, made in enumerate(kinds):
        made[kind] = (3, 99)[at]
    for data in (b"", b"ARROW1", whole[:-1], whole[:100], whole[8:], huge, ended, *kinds):
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(PeerError):
            opened(tmp_path / "b")
    with pytest.raises(InputError):
        opened(tmp_path / "missing")


@settings(max_examples=150)
@given(data=st.data())
def test_a_mutated_result_is_refused_as_the_peer_s_or_still_sound(run, data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    file = run[2][0]
    small = ResultFile(
        file.header.model_copy(update={"rows": 4}), file.table.slice(0, 4).combine_chunks()
    )
    path = folder / "mutated.result"
    small.write(path, force=True)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        whole[at : at + len(piece)] = piece
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) : data.draw(st.integers(0, len(whole)))]
    path.write_bytes(whole)
    try:
        found = opened(path)
    except PeerError:
        return
    assert len(found.table) == 4
    assert set(found.table.column("party").to_pylist()) <= {1, 2}
