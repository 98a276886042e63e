"""Check 7: a coordinator that doesn't publish what it compared is found by comparing again."""

from dataclasses import replace

import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import EncodedSet
from pprl.errors import ConfigError, PeerError
from pprl.keys import LinkageKey
from pprl_protocols import limits, merkle, seeds
from pprl_protocols.audit.reexecution import reexecute
from pprl_protocols.comparison import compare, software
from pprl_protocols.messages import Encodings
from pprl_protocols.pseudonyms import pseudonymise
from pprl_protocols.result_file import ResultFile
from pprl_protocols.roles import blobs, coordinator
from pprl_protocols.roles.agency import ENCODINGS
from pprl_protocols.roles.signing import all_signs, kept
from pprl_protocols.runkey import signs_digest
from tests.protocol.federation import RUN


def codes(check):
    return [(finding.code, finding.values.get("party")) for finding in check.findings]


def opened(path, federation, recipient):
    agreement = federation.session("bps").agreement
    return ResultFile.open(
        path, run=RUN, agreement=agreement.digest, recipient=recipient,
        parties=[party.name for party in agreement.agencies],
    )  # fmt: skip


def publish(federation, change=None, seed=None, message=None):
    """Link as a coordinator that changes results, uses another seed, or says something else."""
    session = federation.session("bps")
    with blobs.workshop(session) as folder:
        sets = coordinator.open_all(session, folder)
        kept = coordinator.committed_seed(session)
        compared = compare(session.agreement, sets, seed=seed or kept, folder=folder, threads=1)
        del sets
        if change is not None:
            compared = replace(compared, results=change(compared.results))
        said = coordinator.seal_results(session, compared)
        session.say(said if message is None else said.model_copy(update=message(said)))


def without_a_row(federation, recipient):
    def change(results):
        made = results[recipient]
        file = opened(made.path, federation, recipient)
        table = file.table.slice(1)
        header = file.header.model_copy(update={"rows": len(table)})
        ResultFile(header, table).write(made.path, force=True)
        return results

    return change


def same_check(federation):
    return reexecute(federation.session("bps"), threads=1)


def test_an_honest_run_gives_the_same_results_again(tmp_path, recorded):
    check = same_check(recorded.at("linked", tmp_path))
    assert (check.number, check.status) == (7, "pass")
    assert codes(check) == [("reexecution.same", None)]
    assert check.findings[0].values == {"count": 2}


def test_it_leaves_nothing_behind_and_says_nothing(tmp_path, recorded):
    federation = recorded.at("linked", tmp_path)

    def everything():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = everything()
    same_check(federation)
    assert everything() == before


def test_after_a_close_that_keeps_the_card_it_still_can(tmp_path, recorded):
    federation = recorded.at("received", tmp_path)
    coordinator.close(federation.session("bps"), keep=True)
    assert same_check(federation).status == "pass"


def test_after_a_close_that_destroys_the_card_it_can_not(tmp_path, recorded):
    check = same_check(recorded.at("closed", tmp_path))
    assert (check.status, codes(check)) == ("not_applicable", [("home.no_card", "bps")])


def test_before_a_result_there_is_nothing_to_compare(tmp_path, recorded):
    check = same_check(recorded.at("encoded", tmp_path))
    assert (check.status, codes(check)) == ("not_applicable", [("reexecution.no_result", None)])


def test_only_the_coordinator_can(tmp_path, recorded):
    federation = recorded.at("linked", tmp_path)
    check = reexecute(federation.session("bkkbn"))
    assert check.status == "not_applicable"
    assert codes(check) == [("reexecution.not_coordinator", None)]


@pytest.mark.parametrize("recipient", ["bkkbn", "kemensos"])
def test_a_match_left_out_is_found(tmp_path, recorded, recipient):
    federation = recorded.at("encoded", tmp_path)
    publish(federation, without_a_row(federation, recipient))
    federation.receive(recipient)  # who receives it can't tell
    check = same_check(federation)
    assert (check.status, codes(check)) == ("fail", [("reexecution.differs", recipient)])


def test_swapped_recipients_are_found(tmp_path, recorded):
    federation = recorded.at("encoded", tmp_path)

    def swap(results):
        one, other = (opened(results[name].path, federation, name) for name in sorted(results))
        ResultFile(one.header, other.table).write(results["bkkbn"].path, force=True)
        ResultFile(other.header, one.table).write(results["kemensos"].path, force=True)
        return results

    publish(federation, swap)
    check = same_check(federation)
    assert check.status == "fail"
    assert codes(check) == [("reexecution.differs", name) for name in ("bkkbn", "kemensos")]


def test_another_seed_than_the_one_committed_to_is_found(tmp_path, recorded):
    federation = recorded.at("encoded", tmp_path)
    publish(federation, seed=b"another" + bytes(25))
    assert {code for code, _ in codes(same_check(federation))} == {"reexecution.differs"}
    # And when the coordinator shows the seed that it did use.
    session = federation.session("bps")
    session.home.vault.put(session.secret("seed"), b"another" + bytes(25))
    assert codes(same_check(federation)) == [("reexecution.other_seed", "bps")]


def test_a_coordinator_does_not_link_with_a_seed_that_could_not_be_checked(tmp_path, recorded):
    federation = recorded.at("encoded", tmp_path)
    session = federation.session("bps")
    for change in (
        lambda vault, name: vault.put(name, bytes(32)),
        lambda vault, name: vault.delete(name),
    ):
        change(session.home.vault, session.secret("seed"))
        with pytest.raises(ConfigError) as refused:
            federation.link()
        assert refused.value.code == "protocol.other_seed"


def test_a_lost_seed_is_not_held_against_anybody(tmp_path, recorded):
    federation = recorded.at("linked", tmp_path)
    session = federation.session("bps")
    session.home.vault.delete(session.secret("seed"))
    check = same_check(federation)
    assert (check.status, codes(check)) == ("not_applicable", [("reexecution.no_seed", None)])


def test_another_version_proves_nothing_and_is_named(tmp_path, recorded):
    federation = recorded.at("encoded", tmp_path)
    publish(federation, message=lambda said: {"software": said.software | {"numpy": "1.0"}})
    check = same_check(federation)
    assert check.status == "not_applicable"
    assert dict(check.findings[0].values) == {
        "name": "numpy", "stated": "1.0", "here": software()["numpy"],
    }  # fmt: skip


def test_what_a_result_declares_besides_its_digest_is_compared_too(tmp_path, recorded):
    federation = recorded.at("encoded", tmp_path)

    def lie(said):
        mine = said.results["bkkbn"]
        wider = mine.model_copy(update={"row_bytes": mine.row_bytes + 1})
        return {
            "results": said.results | {"bkkbn": wider},
            "parameters": {**said.parameters, "threshold_ppm": 800_000},
        }

    publish(federation, message=lie)
    check = same_check(federation)
    assert check.status == "fail"
    assert codes(check) == [("reexecution.declared", "bkkbn"), ("reexecution.parameters", "bps")]


def test_a_file_that_is_missing_is_no_fault(tmp_path, recorded):
    federation = recorded.at("linked", tmp_path)
    message = coordinator.encodings_of(federation.session("bps"), "kemensos")
    (federation.files / "blobs" / message.sealed).unlink()
    check = same_check(federation)
    assert (check.status, codes(check)) == ("incomplete", [("exchange.file_missing", "kemensos")])


def test_results_state_all_that_decides_what_comes_out(tmp_path, recorded):
    session = recorded.at("linked", tmp_path).session("bps")
    message = session.said("RESULT", "bps").entry.message
    assert message.software == software()
    assert {"openpprl", "numpy", "numba", "pyarrow", "scipy", "processor"} <= set(software())
    assert message.parameters["candidates"] == "exhaustive"


def test_the_seed_is_committed_to_as_signing_says_and_salts_differ(tmp_path, recorded):
    session = recorded.at("signed", tmp_path).session("bps")
    seed = coordinator.committed_seed(session)
    assert seeds.commitment(seed) == session.said("SIGN", "bps").entry.message.commitment
    salts = {
        seeds.result_salt(seed, run=run, recipient=name)
        for run in (RUN, "00" * 16) for name in ("bkkbn", "kemensos")
    }  # fmt: skip
    assert {len(salt) for salt in salts} == {32}
    assert len(salts) == 4


# What a coordinator refuses of an agency, before it compares.


def drawn(n_bytes):
    return b"".join((at + 1).to_bytes(16, "big") for at in range(n_bytes // 16))


def encode_wrongly(federation, *, key=None, tokens=True, tail=b"", **message):
    """Encode kemensos' register and publish it with something wrong about it."""
    session = federation.session("kemensos")
    agreement, schema = session.agreement, session.agreement.read_schema()
    source = open_data(federation.registers[1])
    columns = resolve(schema, source, {}, None)
    run_key = kept(session).key
    encoder = Encoder(schema, key or run_key.linkage, columns.fields, columns.id_column)
    encoded, _ = encode_table(encoder, source, threads=1)
    sent, _ = pseudonymise(encoded, agreement=agreement.digest, party="kemensos", draw=drawn)
    if not tokens:
        sent = EncodedSet(sent.header, sent.table.select(["id", "filter"]))
    with blobs.workshop(session) as folder:
        plain = folder / "encodings.arrow"
        sent.write(plain)
        plain.write_bytes(plain.read_bytes() + tail)
        sealed = blobs.seal(session, plain, agreement.coordinator, ENCODINGS)
    signs = signs_digest(all_signs(session))
    said = Encodings(
        agreement=agreement.digest,
        party="kemensos",
        run=RUN,
        signs=signs,
        sealed=sealed.sha256_sealed,
        plain=sealed.sha256_plain,
        size=sealed.bytes_sealed,
        records=limits.record_bucket(len(sent)),
        root=merkle.root(list(merkle.records(sent))),
        confirmation=run_key.confirmation("kemensos", signs),
    )
    session.say(said.model_copy(update=message))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({}, None),
        ({"root": "ab" * 32}, "protocol.wrong_root"),
        ({"key": LinkageKey(bytes(32))}, "protocol.other_keys"),
        ({"tokens": False}, "protocol.other_form"),
        ({"tail": bytes(100)}, "encoded.broken"),
        ({"size": 1 << 30}, "protocol.encodings_too_large"),
        ({"size": 5_000}, "protocol.wrong_encodings"),
        ({"records": 1_024}, "protocol.wrong_encodings"),
        ({"plain": "ab" * 32}, "protocol.wrong_encodings"),
        ({"signs": "ab" * 32}, "protocol.other_signs"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value or ["-"]),
)
def test_a_coordinator_refuses_encodings_that_are_not_as_stated(tmp_path, recorded, wrong, code):
    federation = recorded.at("signed", tmp_path)
    federation.encode("bkkbn")
    encode_wrongly(federation, **wrong)
    if code is None:
        federation.link()
        assert same_check(federation).status == "pass"
        return
    with pytest.raises(PeerError) as refused:
        federation.link()
    assert refused.value.code == code
    assert federation.session("bps").said("RESULT", "bps") is None
