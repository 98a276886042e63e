"""Spot checks: honest agencies pass; records that aren't those of the file are found.

One file, since every test starts from one closed run, its draw and its honest answer.
"""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.encode.columns import open_data, resolve
from pprl.errors import ConfigError, InputError, PeerError, WaitingError
from pprl_protocols import canonical, limits, merkle, seeds
from pprl_protocols.roles import ending, spotchecks
from pprl_protocols.roles.signing import seed
from pprl_protocols.spotcheck import check_draw, found_share, make_draw, positions, verify
from pprl_protocols.spotcheck_files import Answer, Draw, DrawnRecord
from tests.protocol.federation import record

K = 20


@pytest.fixture(scope="module")
def closed(recorded, tmp_path_factory):
    """A closed run with an auditor; the tests only read it."""
    return recorded.at("closed", tmp_path_factory.mktemp("spotcheck"))


@pytest.fixture(scope="module")
def run(closed):
    session = closed.session("inspektorat")
    return session.agreement, session.transcript


@pytest.fixture(scope="module")
def drawn(closed):
    return spotchecks.draw(closed.session("inspektorat"), "bkkbn", records=K)


def answered(federation, draw, path=None, name="bkkbn", mapping=None):
    session = federation.session(name)
    source = open_data(path or federation.registers[federation.agencies.index(name)])
    columns = resolve(session.agreement.read_schema(), source, mapping or {}, None)
    return spotchecks.answer(session, draw, source, columns, threads=1)


@pytest.fixture(scope="module")
def honest(closed, drawn):
    return answered(closed, drawn)


def codes(check):
    return [finding.code for finding in check.findings]


def code_of(raised):
    return raised.value.code, raised.value.values.get("field")


@pytest.mark.parametrize("name", ["bkkbn", "kemensos"])
def test_an_honest_agency_passes(closed, run, name):
    draw = spotchecks.draw(closed.session("inspektorat"), name, records=K)
    answer = answered(closed, draw, name=name).answer
    # Through files, as it happens.
    draw, answer = Draw.from_bytes(draw.to_bytes()), Answer.from_bytes(answer.to_bytes())
    check = verify(answer, draw, *run)
    assert (check.number, check.status) == (8, "pass")
    assert codes(check) == ["spotcheck.published", "spotcheck.power", "spotcheck.sources"]
    assert check.findings[0].values == {
        "party": name, "drawn": K, "records": limits.record_bucket(answer.size),
    }  # fmt: skip


def test_the_same_auditor_draws_the_same(closed, drawn):
    assert spotchecks.draw(closed.session("inspektorat"), "bkkbn", records=K) == drawn


def test_more_than_there_are_draws_every_record(closed, run):
    draw = spotchecks.draw(closed.session("inspektorat"), "bkkbn")
    answer = answered(closed, draw).answer
    assert [each.position for each in answer.records] == list(range(answer.size))
    check = verify(answer, draw, *run)
    assert (check.status, codes(check)[1]) == ("pass", "spotcheck.all")


def test_the_agency_learns_which_of_its_rows_were_drawn(closed, honest):
    lines = closed.registers[0].read_text().splitlines()
    assert len(honest.rows) == K
    assert [each.row for each in honest.rows] == sorted(each.row for each in honest.rows)
    for each in honest.rows:
        assert lines[each.row - 1].split(";")[0] == each.id
    assert {each.position for each in honest.rows} == {
        each.position for each in honest.answer.records
    }
    assert not any(each.id in honest.answer.to_bytes().decode() for each in honest.rows)
    assert honest.rows[0].id not in repr(honest)


def test_records_are_hashed_as_they_were_published(honest):
    ids = [each.id for each in honest.answer.records]
    assert ids == sorted(ids)  # published in the order of pseudo-IDs
    one = honest.answer.records[0]
    assert one.leaf == b"".join(
        b"\0" if value is None else b"\1" + value
        for value in (
            one.id.encode(),
            bytes.fromhex(one.filter),
            *(None if token is None else bytes.fromhex(token) for token in one.tokens),
        )
    )


# An agency that published something else than it shows.


def changed(path, target, change):
    lines = path.read_text().splitlines()
    target.write_text("\n".join(change(lines)) + "\n")
    return target


def other_name(lines):
    cells = lines[5].split(";")
    at = lines[0].split(";").index("nama")
    cells[at] = "SITI PALSU"
    return [*lines[:5], ";".join(cells), *lines[6:]]


def other_id(lines):
    return [*lines[:5], "x" + lines[5], *lines[6:]]


@pytest.mark.parametrize(
    ("change", "code", "row"),
    [
        (lambda lines: lines[:-1], "spotcheck.other_count", None),
        (lambda lines: [*lines, "x" + lines[-1]], "spotcheck.other_count", None),
        (other_name, "spotcheck.other_file", None),
        (other_id, "spotcheck.other_ids", 6),
        (lambda lines: [lines[0], *reversed(lines[1:])], "spotcheck.other_ids", 2),
    ],
    ids=["one less", "one more", "a name", "an id", "order"],
)
def test_a_file_that_was_not_encoded_is_found(closed, drawn, tmp_path, change, code, row):
    path = changed(closed.registers[0], tmp_path / "other.csv", change)
    with pytest.raises(InputError) as refused:
        answered(closed, drawn, path)
    assert (refused.value.code, refused.value.values.get("row")) == (code, row)


def test_forged_records_do_not_lie_under_the_published_root(tmp_path, recorded):
    # The agency publishes a forged file; in the spot check its own software shows records that it
    # made of the genuine one, under the same pseudo-IDs.
    federation = recorded.at("signed", tmp_path / "run")
    genuine = tmp_path / "genuine.csv"
    shutil.copy(federation.registers[0], genuine)
    changed(genuine, federation.registers[0], other_name)
    for name in federation.agencies:
        federation.encode(name)
    federation.link()
    for name in federation.agencies:
        federation.receive(name)
    federation.close()
    session = federation.session("inspektorat")
    draw = spotchecks.draw(session, "bkkbn", records=60)
    with pytest.raises(InputError):
        answered(federation, draw, genuine)
    forged = answered(federation, draw).answer
    row = next(one for one in answered(federation, draw).rows if one.row == 6)
    shown = remade(federation, genuine, forged, row.position)
    check = verify(shown, draw, session.agreement, session.transcript)
    assert check.status == "fail"
    assert dict(check.findings[0].values) == {
        "party": "bkkbn", "wrong": 1, "drawn": 60, "first": row.position + 1,
    }  # fmt: skip


def remade(federation, path, answer, position):
    """Replace one record of an answer by what another file gives for it."""
    from pprl.encode.encoder import Encoder  # noqa: PLC0415 - the forger's tools
    from pprl.encode.pipeline import encode_table  # noqa: PLC0415
    from pprl_protocols.roles.signing import kept  # noqa: PLC0415

    session = federation.session("bkkbn")
    schema, source = session.agreement.read_schema(), open_data(path)
    columns = resolve(schema, source, {}, None)
    linkage = kept(session).key.linkage
    encoder = Encoder(schema, linkage, columns.fields, columns.id_column)
    encoded, _ = encode_table(encoder, source, threads=1)
    genuine = encoded.table.column("filter")[4].as_py().hex()
    records = [
        each if each.position != position else each.model_copy(update={"filter": genuine})
        for each in answer.records
    ]
    return answer.model_copy(update={"records": tuple(records)})


# Answers and draws that aren't what they say.


def altered(answer, at=0, **change):
    records = list(answer.records)
    records[at] = records[at].model_copy(update=change)
    return answer.model_copy(update={"records": tuple(records)})


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"filter": None},
        lambda one: {"filter": "00" * (len(one.filter) // 2)},
        lambda one: {"filter": one.filter[:-16]},
        lambda one: {"tokens": one.tokens[:-1]},
        lambda one: {"tokens": (*one.tokens, None)},
        lambda one: {"tokens": ("ab" * 16, *one.tokens[1:])},
        lambda _: {"id": "ab" * 16},
        lambda one: {"path": one.path[:-1]},
        lambda one: {"path": (*one.path, "ab" * 32)},
        lambda one: {"path": ("ab" * 32, *one.path[1:])},
    ],
)
def test_an_altered_record_fails_and_is_named(run, drawn, honest, change):
    answer = honest.answer
    other = altered(answer, 3, **change(answer.records[3]))
    check = verify(other, drawn, *run)
    assert (check.status, codes(check)[0]) == ("fail", "spotcheck.not_published")
    assert check.findings[0].values["first"] == answer.records[3].position + 1


def test_other_records_than_those_drawn_are_no_answer(run, drawn, honest):
    answer = honest.answer
    for records in (
        answer.records[1:],
        (*answer.records[1:], answer.records[1]),
        tuple(reversed(answer.records)),
        altered(answer, 0, position=answer.records[0].position + 1).records,
    ):
        with pytest.raises(PeerError) as refused:
            verify(answer.model_copy(update={"records": records}), drawn, *run)
        assert refused.value.code == "spotcheck.positions"


def test_another_number_of_records_does_not_pass(run, drawn, honest):
    answer = honest.answer
    for size in (answer.size * 2, 1, limits.MAX_RECORDS):
        with pytest.raises(PeerError) as refused:
            verify(answer.model_copy(update={"size": size}), drawn, *run)
        assert refused.value.code == "spotcheck.size"
    # In the same bucket, with the positions that follow from it: the root says otherwise.
    size = answer.size - 1
    assert limits.record_bucket(size) == limits.record_bucket(answer.size)
    places = positions(drawn.close, drawn.nonce, size=size, count=K)
    records = tuple(
        one.model_copy(update={"position": place})
        for one, place in zip(answer.records, places, strict=True)
    )
    other = answer.model_copy(update={"size": size, "records": records})
    check = verify(other, drawn, *run)
    assert (check.status, check.findings[0].values["wrong"]) == ("fail", K)


@pytest.mark.parametrize(
    ("field", "value"),
    [("run", "00" * 16), ("agreement", "00" * 32), ("agency", "kemensos"), ("draw", "00" * 32)],
)
def test_an_answer_to_something_else_is_named(run, drawn, honest, field, value):
    with pytest.raises(PeerError) as refused:
        verify(honest.answer.model_copy(update={field: value}), drawn, *run)
    assert code_of(refused) == ("spotcheck.other", field)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("run", "00" * 16, "spotcheck.other"),
        ("agreement", "00" * 32, "spotcheck.other"),
        ("close", "00" * 32, "spotcheck.other"),
        ("agency", "nobody", "spotcheck.other"),
        ("agency", "kemensos", "spotcheck.other"),
        ("nonce", "00" * 32, "spotcheck.nonce"),
    ],
)
def test_an_agency_answers_no_draw_that_is_not_the_auditors(closed, drawn, field, value, code):
    with pytest.raises(PeerError) as refused:
        answered(closed, drawn.model_copy(update={field: value}))
    assert refused.value.code == code


def test_a_draw_needs_a_closed_run_an_agency_and_the_auditor(closed, recorded, tmp_path):
    received = recorded.at("received", tmp_path)
    with pytest.raises(WaitingError):
        spotchecks.draw(received.session("inspektorat"), "bkkbn")
    auditor = closed.session("inspektorat")
    for name, records in (("bps", 300), ("nobody", 300), ("bkkbn", 0), ("bkkbn", 3_001)):
        with pytest.raises(ConfigError):
            spotchecks.draw(auditor, name, records=records)
    with pytest.raises(ConfigError) as refused:
        spotchecks.draw(closed.session("bkkbn"), "bkkbn")
    assert refused.value.code == "spotcheck.not_auditor"


def test_a_nonce_that_was_not_committed_to_can_not_draw(closed, run):
    with pytest.raises(PeerError) as refused:
        make_draw(*run, "bkkbn", nonce=bytes(32), records=K)
    assert refused.value.code == "spotcheck.nonce"
    nonce = seed(closed.session("inspektorat"))
    assert make_draw(*run, "bkkbn", nonce=nonce, records=K).nonce == nonce.hex()


def test_after_a_purge_there_is_no_answer(recorded, tmp_path, drawn):
    federation = recorded.at("closed", tmp_path)
    ending.purge(federation.session("bkkbn"), now=True)
    with pytest.raises(ConfigError) as refused:
        answered(federation, drawn)
    assert refused.value.code == "spotcheck.no_key"


def test_without_an_auditor_it_says_that_nothing_was_committed(tmp_path):
    federation = record(tmp_path, auditor=False).at("closed", tmp_path / "run")
    session = federation.session("kemensos")
    view = session.agreement, session.transcript
    draw = make_draw(*view, "kemensos", nonce=b"fresh" + bytes(27), records=K)
    check = verify(answered(federation, draw, name="kemensos").answer, draw, *view)
    assert check.status == "pass"
    assert "spotcheck.uncommitted" in codes(check)


# Files from strangers.


def test_hostile_files_are_refused_and_nothing_else(drawn, honest):
    for model, data in ((Draw, drawn.to_bytes()), (Answer, honest.answer.to_bytes())):
        value = json.loads(data)
        for wrong in (
            b"",
            b"{}",
            b"[]",
            b"null",
            b"\xff",
            data[:-1],
            data + b" ",
            b"[" * 100_000,
            b" " * (65 << 20),
            canonical.dumps(value | {"more": 1}),
            canonical.dumps(value | {"version": 2}),
            canonical.dumps(value | {"format": "pprl.result"}),
            canonical.dumps(value | {"agency": "../etc"}),
            canonical.dumps(value | {"records": -1}),
            canonical.dumps(value | {"records": [[]] * 100}),
        ):
            with pytest.raises(PeerError):
                model.from_bytes(wrong)
    with pytest.raises(PeerError):
        Answer.from_bytes(drawn.to_bytes())


@given(data=st.data())
@settings(max_examples=60)
def test_an_answer_mutated_anywhere_never_passes_and_never_crashes(run, drawn, honest, data):
    original = honest.answer.to_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    piece = data.draw(st.binary(min_size=1, max_size=4))
    mutated = original[:at] + piece + original[at + len(piece) :]
    if mutated == original:
        return
    try:
        answer = Answer.from_bytes(mutated)
        assert verify(answer, drawn, *run).status == "fail"
    except PeerError:
        pass


# The lottery.


def by_hand(close, nonce, size, count):
    """The draw once more, from the words of the specification alone."""
    import hashlib  # noqa: PLC0415 - nothing else here hashes

    found, counter, most = [], 0, 2**64 - 2**64 % size
    while len(found) < min(size, count):
        block = hashlib.sha256(
            b"pprl/v1/spotcheck" + bytes.fromhex(close + nonce) + counter.to_bytes(8, "big")
        ).digest()
        for at in range(4):
            number = int.from_bytes(block[8 * at : 8 * at + 8], "big")
            if number < most and number % size not in found and len(found) < min(size, count):
                found.append(number % size)
        counter += 1
    return tuple(sorted(found))


@given(
    close=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=32, max_size=32),
    size=st.integers(1, 400),
    count=st.integers(1, 60),
)
def test_positions_are_those_of_the_specification(close, nonce, size, count):
    drawn = positions(close.hex(), nonce.hex(), size=size, count=count)
    assert drawn == by_hand(close.hex(), nonce.hex(), size, count)
    assert len(set(drawn)) == len(drawn) == min(size, count)
    assert all(0 <= place < size for place in drawn)


def test_every_position_is_drawn_about_as_often():
    counts = [0] * 10
    for number in range(2_000):
        for place in positions("00" * 32, f"{number:064x}", size=10, count=3):
            counts[place] += 1
    assert min(counts) > 500
    assert max(counts) < 700


def test_three_hundred_find_one_percent():
    assert found_share(300) <= 0.01
    assert (1 - found_share(300)) ** 300 == pytest.approx(0.05)


def test_a_leaf_is_what_the_tree_was_made_over(closed, honest, run):
    record_of = honest.answer.records[0]
    agreement, transcript = run
    said = transcript.entries("bkkbn")[1].entry.message
    assert merkle.verify(
        record_of.leaf, record_of.path, record_of.position, honest.answer.size, said.root
    )
    assert isinstance(record_of, DrawnRecord)
    assert seeds.commitment(seed(closed.session("inspektorat"))) == (
        transcript.entries("inspektorat")[0].entry.message.commitment
    )
    assert agreement.auditor.name == "inspektorat"


def test_check_draw_gives_what_was_published(run, drawn):
    assert check_draw(drawn, *run).party == "bkkbn"
