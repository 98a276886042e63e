"""Cases of one envelope, and of one entry by itself."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from pprl_protocols import canonical
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import PAYLOAD_TYPE, pae
from vectors.kit import Case, identity, public_identity, signed
from vectors.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.canonical import Plain

    Object = dict[str, Plain]

_PARTY = "agency-a"
_PAYLOAD = b'{"a":1}'


def cases() -> Iterator[Case]:
    """Yield all of them."""
    whole = signed(_PARTY, _PAYLOAD)
    answer: Object = {"payload": _PAYLOAD.decode(), "digest": sha256(whole)}
    yield Case("envelope", "whole", "a signed payload", _given(whole), answer=answer)
    for name, (about, expect, data) in _envelopes().items():
        yield Case("envelope", name, about, _given(data), expect=expect)
    yield from _entries()


def _given(envelope: bytes) -> Object:
    return {"envelope": envelope.decode(), "public_key": public_identity(_PARTY).hex()}


def _envelopes() -> dict[str, tuple[str, str, bytes]]:
    key = identity(_PARTY)
    fingerprint = sha256(public_identity(_PARTY))
    payload = base64.b64encode(_PAYLOAD).decode()
    signature = key.sign(pae(PAYLOAD_TYPE, _PAYLOAD))

    def built(
        text: str = payload, kind: str = PAYLOAD_TYPE, signatures: tuple[bytes, ...] = (signature,)
    ) -> bytes:
        each = [{"keyid": fingerprint, "sig": base64.b64encode(one).decode()} for one in signatures]
        return canonical.dumps({"payload": text, "payloadType": kind, "signatures": each})

    whole = built()
    other = "application/json"
    altered = base64.b64encode(b'{"a":2}').decode()
    more = canonical.dumps(json.loads(whole) | {"more": 1})
    flipped = signature[:-1] + bytes([signature[-1] ^ 1])
    return {
        "spaced": ("a space after it", "canonical", whole + b" "),
        "more": ("a key that doesn't exist", "envelope", more),
        "signed_twice": ("two signatures", "envelope", built(signatures=(signature, signature))),
        "short_signature": ("63 bytes", "envelope", built(signatures=(signature[:-1],))),
        "another_type": (
            "another type of payload, rightly signed as that",
            "envelope",
            built(kind=other, signatures=(key.sign(pae(other, _PAYLOAD)),)),
        ),
        "unused_bits": (
            "base64 whose unused bits aren't zero",
            "envelope",
            built(payload.replace("fQ==", "fR==")),
        ),
        "altered": ("another payload than was signed", "signature", built(altered)),
        "flipped": ("one bit of the signature", "signature", built(signatures=(flipped,))),
        "payload_alone": (
            "the signature is over the payload without its type",
            "signature",
            built(signatures=(key.sign(_PAYLOAD),)),
        ),
        "another_key": ("signed by another party", "signature", signed("agency-b", _PAYLOAD)),
    }


def _entries() -> Iterator[Case]:
    story = Story.until_close()
    kinds = {"SIGN": _PARTY, "ENCODINGS": _PARTY, "RESULT": "coordinator", "RECEIPT": _PARTY}
    kinds["CLOSE"] = "coordinator"
    payloads = {kind: story.payload_of(kind, party) for kind, party in kinds.items()}
    for kind, payload in payloads.items():
        about = f"an entry that carries {kind}"
        yield Case("entry", kind.lower(), about, {"payload": payload.decode()})
    for name, kind, about, where, value in _FAULTS:
        content = json.loads(payloads[kind])
        inside = content
        *path, last = where
        for part in path:
            inside = inside[part]
        inside[last] = value
        given: Object = {"payload": canonical.dumps(content).decode()}
        yield Case("entry", name, about, given, expect="entry")


_COUNT: Plain = {"agencies": ["agency-a", "agency-b"], "stratum": {}, "value": 123}
_FAULTS: tuple[tuple[str, str, str, tuple[str, ...], Plain], ...] = (
    ("version", "CLOSE", "a version that doesn't exist", ("version",), 2),
    ("kind", "CLOSE", "a message that doesn't exist", ("message", "kind"), "OPEN"),
    ("more", "CLOSE", "a field that doesn't exist", ("message", "remark"), "fine"),
    ("number_of_text", "CLOSE", "a number as a text", ("seq",), "1"),
    ("capitals", "CLOSE", "a digest in capitals", ("previous",), "AB" * 32),
    ("unsorted", "CLOSE", "names out of order", ("message", "missing"), ["b", "a"]),
    ("exact_records", "ENCODINGS", "an exact number of records", ("message", "records"), 999),
    ("exact_count", "RESULT", "an exact overlap", ("message", "counts"), [_COUNT]),
    ("empty_blob", "ENCODINGS", "a sealed file of no bytes", ("message", "size"), 0),
    (
        "short_contribution",
        "SIGN",
        "a sealed contribution of another size",
        ("message", "contributions", "agency-b"),
        "00" * 1199,
    ),
)
