"""Every known answer, judged by our code: what must pass passes, what must fail fails at its layer.

How a case is read is in protocols/vectors/README.md.
"""

import hashlib
import io
import json
from pathlib import Path

import pytest

from pprl.errors import PeerError
from pprl_protocols import canonical, limits, merkle, runkey, seeds, spotcheck
from pprl_protocols.agreement import Agreement, Card
from pprl_protocols.audit import bundle
from pprl_protocols.encodings import check_encodings
from pprl_protocols.envelope import open_envelope
from pprl_protocols.messages import parse_entry
from pprl_protocols.result import match_numbers
from pprl_protocols.result_file import ResultFile
from pprl_protocols.runkey import RunKey
from pprl_protocols.sealing import SealHeader, open_file
from pprl_protocols.seat import Seat
from pprl_protocols.transcript import Transcript
from vectors.make import FOLDER, made

CASES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.glob("*/*.json")
    if path.parent.name != "recorded"
)
LAYERS = {
    "protocol.oversize": "canonical",
    "protocol.not_json": "canonical",
    "protocol.not_canonical": "canonical",
    "protocol.envelope": "envelope",
    "protocol.signature": "signature",
    "protocol.entry_field": "entry",
    "protocol.unknown_party": "agreement",
    "protocol.other_run": "agreement",
    "protocol.other_agreement": "agreement",
    "protocol.agreement_field": "agreement",
    "protocol.misplaced": "place",
    "protocol.bad_links": "links",
    "protocol.heads_backwards": "links",
    "protocol.fork": "fork",
    "protocol.card_field": "card",
    "protocol.card_signature": "card",
    "protocol.contribution": "contribution",
    "protocol.repeated_contribution": "contribution",
    "protocol.sealed_format": "sealing",
    "protocol.sealed_header": "sealing",
    "protocol.sealed_key": "sealing",
    "protocol.sealed_content": "sealing",
    "protocol.sealed_size": "sealing",
    "audit.not_an_export": "export",
}
SECTIONS = {
    "agreement": "agreement",
    "pseudonyms": "encodings",
    "encoded": "encodings",
    "result": "result",
}


class Refused(Exception):  # noqa: N818 - a layer's verdict, no error of the test
    """What our code would have to say without raising."""


def layer_of(error):
    """Return the layer of the protocol that refused."""
    if isinstance(error, Refused):
        return str(error)
    return LAYERS.get(error.code) or SECTIONS[error.code.partition(".")[0]]


def bytes_of(given):
    return bytes.fromhex(given["hex"]) if "hex" in given else given["text"].encode()


def canonical_json(given):
    data = bytes_of(given)
    canonical.loads(data, limit=limits.MAX_ENVELOPE_BYTES)
    return {"sha256": canonical.sha256(data)}


def bucket(given):
    rounded = limits.bucket if given["of"] == "bytes" else limits.record_bucket
    return {"buckets": [rounded(size) for size in given["sizes"]]}


def tree(given):
    if "records" in given:
        return {"root": merkle.root([bytes.fromhex(record) for record in given["records"]])}
    leaf = bytes.fromhex(given["record"])
    if not merkle.verify(leaf, given["path"], given["index"], given["size"], given["root"]):
        raise Refused("merkle")
    return {}


def numbers(given):
    rows = match_numbers(given["count"], run=given["run"], seed=bytes.fromhex(given["seed"]))
    return {"numbers": [bytes(row).hex() for row in rows]}


def envelope(given):
    opened = open_envelope(given["envelope"].encode())
    opened.verify(bytes.fromhex(given["public_key"]))
    return {"payload": opened.payload.decode(), "digest": opened.digest}


def entry(given):
    parse_entry(given["payload"].encode())
    return {}


def agreement(given):
    return {"digest": Agreement.from_bytes(given["text"].encode()).digest}


def card(given):
    Card.from_bytes(given["text"].encode())
    return {}


def contribution(given):
    ends = {name: given[name] for name in ("run", "sender", "recipient", "agreement")}
    secret, pair = runkey.open_contribution(
        bytes.fromhex(given["sealed"]),
        private_key=bytes.fromhex(given["private_key"]),
        expected=given["commitment"],
        **ends,
    )
    return {"contribution": secret.hex(), "pair_secret": pair.hex()}


def run_key(given):
    if "pair_secret" in given:
        ends = {name: given[name] for name in ("run", "sender", "recipient", "agreement")}
        key = runkey.attribute_key(bytes.fromhex(given["pair_secret"]), **ends)
        return {"attribute_key": key.hex()}
    if "seed" in given:
        seed = bytes.fromhex(given["seed"])
        salt = seeds.result_salt(seed, run=given["run"], recipient=given["recipient"])
        return {"commitment": seeds.commitment(seed), "salt": salt.hex()}
    parts = {name: bytes.fromhex(one) for name, one in given["contributions"].items()}
    key = RunKey.derive(parts, agreement=given["agreement"], signs=given["signs"])
    signs = runkey.signs_digest(given["signs"])
    return {
        "signs": signs,
        "key": key.secret.hex(),
        "linkage": key.linkage.secret.hex(),
        "key_check": key.linkage.check,
        "confirmations": {name: key.confirmation(name, signs) for name in sorted(parts)},
    }


def sealing(given):
    content = io.BytesIO()
    sealed = open_file(
        io.BytesIO(bytes.fromhex(given["sealed"])),
        content,
        private_key=bytes.fromhex(given["private_key"]),
        header=SealHeader(**given["header"]),
    )
    return {
        "content": content.getvalue().hex(),
        "sha256_sealed": sealed.sha256_sealed,
        "sha256_plain": sealed.sha256_plain,
    }


def encodings(given, folder):
    path = folder / "encodings.arrow"
    path.write_bytes(bytes.fromhex(given["hex"]))
    agreed = {key: value for key, value in given.items() if key != "hex"}
    encoded = check_encodings(path, **agreed)
    return {"records": len(encoded), "root": merkle.root(list(merkle.records(encoded)))}


def result(given, folder):
    path = folder / "result.arrow"
    path.write_bytes(bytes.fromhex(given["hex"]))
    expected = {key: value for key, value in given.items() if key != "hex"}
    return {"rows": len(ResultFile.open(path, **expected).table)}


def transcript(given):
    agreed = Agreement.from_bytes(_other(given["agreement"])["text"].encode())
    files = [(one["party"], one["number"], one["envelope"].encode()) for one in given["files"]]
    heard = Transcript(agreed)
    for party, number, data in files:
        heard.add(data, (party, number))
    # A head that was named with another number shows when what it names has come.
    for error in heard.refused().values():
        raise error
    if heard.missing():
        raise Refused("incomplete")
    if heard.breaches():
        raise Refused("order")
    states = {}
    for party in agreed.parties:
        own = sorted(file for file in files if file[0] == party.name)
        seat = Seat(agreed, party.name, [data for _, _, data in own])
        for name, number, data in files:
            seat.take(data, (name, number))
        states[party.name] = seat.outcome().state
    closed = [one for one in heard.entries("coordinator") if one.entry.message.kind == "CLOSE"]
    return {"states": states, "digest": closed[0].digest if closed else None}


def export(given):
    logs = bundle.from_bytes(given["text"].encode()).logs
    return {"numbers": {party: [one.seq for one in log] for party, log in logs.items()}}


def spot_check(given):
    return {"positions": list(spotcheck.positions(**given))}


JUDGES = {
    "agreement": agreement,
    "bucket": bucket,
    "canonical": canonical_json,
    "card": card,
    "contribution": contribution,
    "encodings": encodings,
    "entry": entry,
    "export": export,
    "spotcheck": spot_check,
    "envelope": envelope,
    "match_numbers": numbers,
    "merkle": tree,
    "result": result,
    "run_key": run_key,
    "sealing": sealing,
    "transcript": transcript,
}


def _other(name):
    return json.loads((FOLDER / name).read_bytes())["given"]


def _judge(name, folder):
    case = json.loads((FOLDER / name).read_bytes())
    kind = name.partition("/")[0]
    more = (folder,) if kind in {"encodings", "result"} else ()
    try:
        return case, "pass", JUDGES[kind](case["given"], *more)
    except (PeerError, Refused) as error:
        return case, layer_of(error), {}


@pytest.mark.parametrize("name", CASES)
def test_a_known_answer_is_what_comes_out(name, tmp_path):
    case, verdict, answer = _judge(name, tmp_path)
    assert (verdict, answer) == (case["expect"], case["answer"])


def test_the_generators_make_the_same_files_again():
    there = {name: (FOLDER / name).read_bytes() for name in CASES}
    again = made()
    assert sorted(there) == sorted(again)
    different = [name for name in there if there[name] != again[name]]
    assert different == []


def test_every_kind_has_a_case_that_passes_and_no_file_is_large():
    expected = {}
    for name in CASES:
        case = json.loads((FOLDER / name).read_bytes())
        expected.setdefault(name.partition("/")[0], set()).add(case["expect"])
        assert (FOLDER / name).stat().st_size < 50_000
    assert expected.keys() == JUDGES.keys()
    assert all("pass" in each for each in expected.values())


def test_every_layer_has_a_case_and_is_in_the_index():
    layers = {json.loads((FOLDER / name).read_bytes())["expect"] for name in CASES}
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert layers == {*LAYERS.values(), *SECTIONS.values(), "pass", "incomplete", "merkle", "order"}
    assert all(f"`{layer}`" in text for layer in layers)


def test_the_keys_of_the_vectors_are_made_from_a_sentence():
    source = Path(FOLDER / "kit.py").read_text(encoding="utf-8")
    assert "openpprl vectors: " in source
    shown = json.loads((FOLDER / "match_numbers/three.json").read_bytes())["given"]["seed"]
    assert shown == hashlib.sha256(b"openpprl vectors: seed").hexdigest()
