"""A second reader of transcripts, written from protocols/spec alone: it shares no code with ours.

It verifies what an exchange folder shows to somebody without a key: envelopes, signatures, logs,
links, order, SIGN digests, sealed files and CLOSE. Page numbers are those of the specification.

    python tests/protocol/second_reader.py protocols/vectors/recorded/RUN
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.openpprl.v1+json"
MAX_ENVELOPE_BYTES, MAX_DEPTH = 1_048_576, 16
ALL, AGENCIES, COORDINATOR = {"agency", "coordinator", "auditor"}, {"agency"}, {"coordinator"}
BEFORE = {  # page 4: the message, from whom, what it needs of whom, what makes it impossible
    "SIGN": (ALL, {}, {"ABORT", "CLOSE"}),
    "ENCODINGS": (AGENCIES, {"SIGN": ALL}, {"ABORT", "CLOSE"}),
    "RESULT": (COORDINATOR, {"SIGN": ALL, "ENCODINGS": AGENCIES}, {"ABORT", "CLOSE"}),
    "RECEIPT": (AGENCIES, {"RESULT": COORDINATOR}, {"ABORT", "CLOSE"}),
    "CLOSE": (COORDINATOR, {"RESULT": COORDINATOR}, {"ABORT", "CLOSE"}),
    "ABORT": (ALL, {}, {"RESULT", "ABORT", "CLOSE"}),
    "DISPUTE": (ALL, {"RESULT": COORDINATOR}, {"ABORT", "CLOSE"}),
}
MALFORMED = "isn't of the form it has to be"
_DIGEST = re.compile("[0-9a-f]{64}")
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
ENTRY = {"heads", "message", "party", "previous", "run", "seq", "version"}


class RefusedError(Exception):
    """A rule is broken; says where and which."""

    def __init__(self, where, rule):
        super().__init__(f"{where}: {rule}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def must(holds, where, rule):
    if not holds:
        raise RefusedError(where, rule)


def written(value, depth=MAX_DEPTH):
    """Return the canonical JSON of a value (page 2)."""
    if isinstance(value, (dict, list)):
        must(depth, "canonical JSON", "too deep")
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        parts = (f"{written(key)}:{written(value[key], depth - 1)}" for key in keys)
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(part, depth - 1) for part in value) + "]"
    whole = value is None or isinstance(value, (bool, str)) or abs(value) < 2**53
    must(whole and not isinstance(value, float), "canonical JSON", "a number it hasn't")
    return json.dumps(value, ensure_ascii=False)


def parsed(data, where):
    """Read canonical JSON, which has one form only (page 2)."""
    must(len(data) <= MAX_ENVELOPE_BYTES, where, "is too large")
    try:
        value = json.loads(data.decode())
        same = written(value).encode() == data
    except (ValueError, TypeError, RecursionError):
        same = False
    must(same, where, "isn't canonical JSON")
    return value


def opened(data, keys, where):
    """Open an envelope and verify its signature under its party's identity; return the entry."""
    payload, key_id, signature = unwrapped(data, where)
    entry = parsed(payload, where)
    must(isinstance(entry, dict) and entry.keys() == ENTRY, where, MALFORMED)
    must(entry["party"] in keys, where, "is of a party that isn't agreed")
    verify(payload, key_id, signature, keys[entry["party"]], where)
    return entry


def unwrapped(data, where):
    """Take an envelope apart (page 2); return payload, fingerprint and signature."""
    outer = parsed(data, where)
    try:
        (one,) = outer["signatures"]
        payload, signature = (base64.b64decode(x) for x in (outer["payload"], one["sig"]))
        rebuilt = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": one["keyid"], "sig": base64.b64encode(signature).decode()},
            ],
        }
    except _MALFORMED:
        raise RefusedError(where, MALFORMED) from None
    must(outer == rebuilt, where, MALFORMED)
    return payload, one["keyid"], signature


def verify(payload, key_id, signature, key, where):
    """Check that a key's owner signed a payload (page 2)."""
    must(key_id == sha256(key), where, "names another key")
    kind = PAYLOAD_TYPE.encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        raise RefusedError(where, "the signature is wrong") from None


def links(entry):
    """Return what an entry names: (party, number) -> digest (page 2)."""
    named = {(party, head["seq"]): head["digest"] for party, head in entry["heads"].items()}
    if entry["previous"] is not None:
        named[entry["party"], entry["seq"] - 1] = entry["previous"]
    return named


def signs_digest(signs):
    """Return the digest of all SIGNs (page 3)."""
    names = sorted(signs)
    each = (len(n).to_bytes(2, "big") + n.encode() + bytes.fromhex(signs[n]) for n in names)
    return sha256(b"pprl/v1/signs" + len(names).to_bytes(2, "big") + b"".join(each))


def read(agreement_bytes, files):
    """Verify logs, given as (party, number, bytes); return entries by digest, and the CLOSE's."""
    try:
        return _read(agreement_bytes, files)
    except _MALFORMED:
        raise RefusedError("logs", MALFORMED) from None


def _read(agreement_bytes, files):
    agreement = parsed(agreement_bytes, "agreement.json")
    roles = {party["name"]: party["role"] for party in agreement["parties"]}
    keys = {party["name"]: bytes.fromhex(party["identity"]) for party in agreement["parties"]}
    entries, at = {}, {}
    for party, number, data in files:  # page 2, steps 1 to 3
        where = f"{party}/{number}"
        entry, digest = opened(data, keys, where), sha256(data)
        must((entry["party"], entry["seq"]) == (party, number), where, "lies at another place")
        must(at.setdefault((party, number), digest) == digest, where, "is a fork")
        message = entry["message"]
        ours = (1, agreement["run"], agreement["run"], sha256(agreement_bytes), party)
        theirs = (entry["version"], entry["run"], message["run"], message["agreement"])
        must((*theirs, message["party"]) == ours, where, "belongs to something else")
        entries[digest] = entry
    for place, digest in at.items():  # step 4
        where, entry = "/".join(map(str, place)), entries[digest]
        must((entry["previous"] is None) == (place[1] == 0), where, "names no predecessor")
        must(place[0] not in entry["heads"], where, "names itself")
        for link, named in links(entry).items():
            must(named not in entries or at.get(link) == named, where, "names a wrong entry")
            must(at.get(link) == named, where, f"{link[0]}/{link[1]} is missing")
    pasts = {}
    for digest in _in_order(entries):
        entry, past = entries[digest], set()
        for named in links(entry).values():
            past |= {named} | pasts[named]
        pasts[digest] = past
        _check_entry(entry, [entries[each] for each in past], entries, roles)
    _check_sign_digests(entries, at, roles)
    closed = [digest for digest, entry in entries.items() if entry["message"]["kind"] == "CLOSE"]
    return entries, closed[0] if closed else None


def _in_order(entries):
    done = {}
    while len(done) < len(entries):
        ready = [
            d for d, e in entries.items() if d not in done and set(links(e).values()) <= done.keys()
        ]
        done.update(dict.fromkeys(ready))
    return list(done)


def _check_entry(entry, past, entries, roles):
    """Check that heads go forward (page 2, step 5), and that the message was possible (page 4)."""
    where, kind = f"{entry['party']}/{entry['seq']}", entry["message"]["kind"]
    before = entries[entry["previous"]]["heads"] if entry["previous"] else {}
    for party, seen in before.items():
        ahead = entry["heads"].get(party, {"seq": -1})
        must(ahead["seq"] >= seen["seq"], where, f"forgets an entry of {party}")
    senders, needs, ends = BEFORE.get(kind, (set(), {}, set()))
    said = {(other["party"], other["message"]["kind"]) for other in past}
    must(roles[entry["party"]] in senders, where, f"{kind} is for another role")
    must((entry["party"], kind) not in said, where, f"{kind} comes a second time")
    must(not ends & {one for _, one in said}, where, f"{kind} comes too late")
    for need, needed in needs.items():
        wanted = {(name, need) for name, role in roles.items() if role in needed}
        must(wanted <= said, where, f"{kind} comes before {need}")
    if kind == "CLOSE":
        agencies = {name for name, role in roles.items() if role == "agency"}
        unheard = sorted(name for name in agencies if (name, "RECEIPT") not in said)
        must(entry["message"]["missing"] == unheard, where, "names other missing receipts")


def _check_sign_digests(entries, at, roles):
    """Check that ENCODINGS and RESULT name the digest of all SIGNs (page 3)."""
    signed = {e["party"]: d for d, e in entries.items() if e["message"]["kind"] == "SIGN"}
    for party, number in at:
        message = entries[at[party, number]]["message"]
        right = message.get("signs") in (None, signs_digest(signed))
        must(right and signed.keys() <= roles.keys(), f"{party}/{number}", "names other SIGNs")


def read_exchange(folder):
    """Verify a run's folder (page 2), sealed files included; return the transcript's digest."""
    must((folder / "agreement.json").is_file(), "agreement.json", "is missing")
    logs = sorted(folder.glob(f"log/*/{'[0-9]' * 6}.json"))
    files = [(path.parent.name, int(path.stem), path.read_bytes()) for path in logs]
    entries, close = read((folder / "agreement.json").read_bytes(), files)
    must(close is not None, "the run", "isn't closed")
    said = {"ENCODINGS": {}, "RESULT": {}, "RECEIPT": {}}
    for entry in entries.values():
        said.setdefault(entry["message"]["kind"], {})[entry["party"]] = entry["message"]
    (result,) = said["RESULT"].values()
    for sealed in (*said["ENCODINGS"].values(), *result["results"].values()):
        _check_blob(folder, sealed)
    confirmed = {party: message["confirmation"] for party, message in said["ENCODINGS"].items()}
    must(result["confirmations"] == confirmed, "RESULT", "gives other confirmations")
    for party, message in said["RECEIPT"].items():
        stated = result["results"][party]
        shared = stated.keys() & message.keys()
        same = all(message[name] == stated[name] for name in shared)
        must(same, f"RECEIPT of {party}", "found something else")
    return close


def _check_blob(folder, stated):
    must(_DIGEST.fullmatch(stated["sealed"]), "a sealed file", "has no digest for a name")
    path = folder / "blobs" / stated["sealed"]
    must(path.is_file(), stated["sealed"], "is missing")
    data = path.read_bytes()
    same = (sha256(data), len(data)) == (stated["sealed"], stated["size"])
    must(same, stated["sealed"], "has other content")
    must(data.startswith(b"pprl-sealed/1\n"), stated["sealed"], "isn't sealed")


if __name__ == "__main__":
    print(read_exchange(Path(sys.argv[1])))
