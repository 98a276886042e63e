"""The same records in several runs, between the same agencies: nothing of them is equal.

Three whole runs over the same two registers, through the roles, from agreement to CLOSE: two under
agreements that differ in nothing but the run, and one under another agreement. Everything that a
party other than the owner ever holds is collected, by kind, and compared between runs. That equal
values would be found is tried with the key of a run, which makes all its keyed values again.
"""

import base64
import json
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pytest

from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.schema import Schema
from pprl_cli.turns import as_agreed, resolve_all
from pprl_protocols.agreement import Disclosure, ReleasedAttribute
from pprl_protocols.attributes import Layout, Sealer
from pprl_protocols.result_file import ResultFile
from pprl_protocols.roles import agency, blobs, coordinator
from pprl_protocols.roles.signing import kept, sign
from pprl_protocols.runkey import attribute_key
from pprl_protocols.session import Session
from tests.protocol.federation import TODAY, Federation, agreed_on

SCHEMAS = ("indonesia-blocked", "indonesia-hardened-blocked")
RUNS = ("6a" * 16, "7b" * 16, "8c" * 16)
REGISTERS = {"bkkbn": "krs", "kemensos": "dtsen"}
KRS, DTSEN = 40, 60
KEYED = ("filter", "token", "block")
OPAQUE = ("pseudo-id", "sealed", "handle", "match", "family", "log", "blob")
LEAST_HEX = 16
"""Digits of a text from which two equal ones are no chance: 64 bits."""


@dataclass(frozen=True)
class Run:
    """One run between a federation's parties, and what was seen in it, by kind."""

    federation: Federation
    run: str
    seen: dict[str, set[bytes]]

    def session(self, party):
        """Return a party's session; it knows what was said before, so everyone is used once."""
        home = self.federation.homes[party]
        return Session(home, self.federation.exchange, self.run, today=TODAY)


def inputs(session, party, paths):
    """Return a party's register and which of its columns is what."""
    register = REGISTERS[party]
    source, mapping = as_agreed(session, open_source(paths[register]), register, None, {})
    return source, *resolve_all(session, source, mapping, None)


def binary(column):
    """Return the values of a column as bytes; texts that are hex as what they say."""
    values = column.drop_null().to_pylist()
    return {bytes.fromhex(value) if isinstance(value, str) else value for value in values}


def keyed(table):
    """Return filters, tokens and blocks, by kind."""
    seen = {kind: set() for kind in KEYED}
    for name in table.column_names:
        kind = name.partition(".")[0]
        if kind in seen:
            seen[kind] |= binary(table.column(name))
    return seen


def handles(session, sender, sealed):
    """Open what an agency has sealed for this one; return family handles."""
    agreement, recipient = session.agreement, session.me.name
    place = {"run": session.run, "sender": sender, "recipient": recipient}
    key = attribute_key(kept(session).pairs[sender], agreement=agreement.digest, **place)
    sealer = Sealer(key, Layout.between(agreement, sender, recipient), **place)
    return {row.tobytes() for row in sealer.open(sealed.drop_null().to_pylist()).handles}


def texts(value):
    """Yield every text in parsed JSON, keys too."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def long_hex(text):
    return len(text) >= LEAST_HEX and not set(text) - set("0123456789abcdef")


def logged(folder):
    """Return every digest, commitment, sealed secret and signature of all logs."""
    found = set()
    for path in folder.glob("log/*/*.json"):
        envelope = json.loads(path.read_bytes())
        found |= {base64.b64decode(each["sig"]) for each in envelope["signatures"]}
        payload = json.loads(base64.b64decode(envelope["payload"]))
        found |= {bytes.fromhex(text) for text in texts(payload) if long_hex(text)}
    return found


def public(agreement):
    """Return what is public and the same in every run: who the parties are, and the schema."""
    identities = {bytes.fromhex(party.identity) for party in agreement.parties}
    return identities | {bytes.fromhex(agreement.schema_digest)}


def ended(federation, agreement, paths):
    """Take a run from the agreement to CLOSE; return it with what was seen."""
    federation.exchange.put_agreement(agreement.run, agreement.to_bytes())
    run = Run(federation, agreement.run, {kind: set() for kind in KEYED + OPAQUE})
    for party in sorted(federation.homes):
        sign(run.session(party))
    for party in REGISTERS:
        session = run.session(party)
        agency.encode(session, *inputs(session, party, paths), threads=1)
    coordinator.link(run.session("bps"), threads=1)

    def add(found):
        for kind, values in found.items():
            run.seen[kind] |= values

    session = run.session("bps")
    with blobs.workshop(session) as folder:
        sets = coordinator.open_all(session, folder)
        for sender, one in zip(REGISTERS, sets, strict=True):
            add(keyed(one.table))
            add({"pseudo-id": binary(one.table.column("id"))})
            add({"log": {bytes.fromhex(one.header.key_check)}})
            (recipient,) = set(REGISTERS) - {sender}
            sealed = one.table.column(f"sealed.{recipient}")
            add(
                {
                    "sealed": binary(sealed),
                    "handle": handles(run.session(recipient), sender, sealed),
                }
            )
        del sets, one, sealed
    for party in REGISTERS:
        table = agency.receive(run.session(party))
        assert "matched" in table.column("status").to_pylist()
        add({"match": binary(table.column("match")), "family": binary(table.column("family"))})
        add(result(run.session(party)))
    coordinator.close(run.session("bps"))
    folder = federation.folder / "exchange" / agreement.run
    add({"log": logged(folder) - public(agreement)})
    add({"blob": {bytes.fromhex(path.name) for path in folder.glob("blobs/*")}})
    return run


def result(session):
    """Return what is in the result file itself."""
    declared = session.said("RESULT", "bps").entry.message.results[session.me.name]
    with blobs.workshop(session) as folder:
        plain = folder / "result.arrow"
        blobs.open_sealed(session, declared.sealed, "bps", "result", plain)
        (other,) = set(REGISTERS) - {session.me.name}
        table = ResultFile.open(
            plain,
            run=session.run,
            agreement=session.agreement.digest,
            recipient=session.me.name,
            parties=[party.name for party in session.agreement.agencies],
            blobs={other: Layout.between(session.agreement, other, session.me.name).blob_bytes},
        ).table
        return {
            "pseudo-id": binary(table.column("id")),
            "match": binary(table.column("group")),
            "sealed": binary(table.column("attributes")),
        }


@pytest.fixture(scope="module", params=SCHEMAS)
def schema(request):
    return Schema.load(request.param)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    return simulate_families(
        folder, krs=KRS, dtsen=DTSEN, damage="clean", seed=4, krs_layout="family"
    ).paths


@pytest.fixture(scope="module")
def runs(schema, paths, tmp_path_factory):
    desil = ReleasedAttribute(**{"from": "kemensos", "to": "bkkbn", "name": "desil", "bytes": 2})
    disclosure = Disclosure(mode="link", minimum_cell=10, families=True, attributes=(desil,))
    folder = tmp_path_factory.mktemp("unlinkable") / "f"
    federation = Federation(folder, sizes=(20, 20), schema=schema.text, disclosure=disclosure)
    found = []
    for run in RUNS:
        agreement = agreed_on(federation.homes, run, schema=schema.text, disclosure=disclosure)
        if run == RUNS[-1]:
            changes = {"purpose": "another purpose", "legal_basis": "another one", "dpia": "2"}
            agreement = agreement.model_copy(update=changes)
        found.append(ended(federation, agreement, paths))
    return found


def test_everything_that_leaves_is_looked_at(runs):
    for run in runs:
        records = len(run.seen["pseudo-id"])
        assert records > KRS + DTSEN  # families have members
        assert len(run.seen["sealed"]) == records  # a salt each
        assert len(run.seen["filter"]) > 0.5 * records  # the same person in both has the same
        for kind in KEYED + OPAQUE:
            assert len(run.seen[kind]) >= len(REGISTERS), kind


@pytest.mark.parametrize("kind", KEYED + OPAQUE)
@pytest.mark.parametrize(("one", "other"), [*combinations(range(len(RUNS)), 2)])
def test_two_runs_have_nothing_in_common(runs, one, other, kind):
    assert not runs[one].seen[kind] & runs[other].seen[kind]


def test_no_kind_of_one_run_is_another_kind_of_the_other(runs):
    for one, other in combinations(runs, 2):
        assert not set().union(*one.seen.values()) & set().union(*other.seen.values())


def test_the_same_run_key_would_have_everything_in_common(runs, schema, paths, tmp_path):
    """The control: whoever had a run's key in the next run would make the same values."""
    for place, run in enumerate(runs):
        again = {kind: set() for kind in KEYED}
        for party in REGISTERS:
            session = run.session(party)
            source, columns, _ = inputs(session, party, paths)
            key = kept(session).key.linkage
            encoder = Encoder(schema, key, columns.fields, columns.id_column)
            folder = tmp_path / f"{place}-{party}"
            folder.mkdir()
            encoded, _ = encode_table(encoder, source, folder=folder, threads=1)
            for kind, values in keyed(pa.table(encoded.table)).items():
                again[kind] |= values
        assert again == {kind: run.seen[kind] for kind in KEYED}
