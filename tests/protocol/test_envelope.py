import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import LimitError, PeerError
from pprl_protocols import canonical, limits
from pprl_protocols.envelope import PAYLOAD_TYPE, open_envelope, pae, seal_envelope

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
FINGERPRINT = canonical.sha256(PUBLIC)
SEALED = seal_envelope(b'{"a":1}', KEY.sign, FINGERPRINT)


def code_of(function, *arguments):
    with pytest.raises(PeerError) as caught:
        function(*arguments)
    return caught.value.code


def test_the_encoding_before_signing_is_that_of_dsse():
    # The known answer of the DSSE specification.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("", b"") == b"DSSEv1 0  0 "


def test_lengths_are_counted_in_bytes():
    assert pae("é", b"\x00") == b"DSSEv1 2 \xc3\xa9 1 \x00"


def test_the_outer_form_is_that_of_dsse():
    outer = json.loads(SEALED)
    assert outer == {
        "payload": base64.b64encode(b'{"a":1}').decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {
                "keyid": FINGERPRINT,
                "sig": base64.b64encode(KEY.sign(pae(PAYLOAD_TYPE, b'{"a":1}'))).decode(),
            }
        ],
    }


@given(st.binary(max_size=300))
def test_what_was_sealed_is_opened_and_verified(payload):
    envelope = open_envelope(seal_envelope(payload, KEY.sign, FINGERPRINT))
    envelope.verify(PUBLIC)
    assert envelope.payload == payload
    assert envelope.key_id == FINGERPRINT


def test_the_digest_names_the_bytes_of_the_envelope():
    assert open_envelope(SEALED).digest == canonical.sha256(SEALED)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place, change):
    mutated = bytearray(SEALED)
    mutated[place] ^= change
    assert code_of(lambda: open_envelope(bytes(mutated)).verify(PUBLIC)).startswith("protocol.")


@given(st.integers(0, len(SEALED) - 1))
def test_any_missing_end_is_refused(length):
    assert code_of(open_envelope, SEALED[:length]) == "protocol.not_json"


def test_another_key_is_refused_even_when_it_is_named():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert code_of(open_envelope(SEALED).verify, other) == "protocol.signature"
    renamed = seal_envelope(b"{}", KEY.sign, canonical.sha256(other))
    assert code_of(open_envelope(renamed).verify, other) == "protocol.signature"
    assert code_of(open_envelope(renamed).verify, PUBLIC) == "protocol.signature"


def test_a_key_of_another_length_is_refused():
    short = b"short"
    envelope = open_envelope(seal_envelope(b"{}", KEY.sign, canonical.sha256(short)))
    assert code_of(envelope.verify, short) == "protocol.signature"


def altered(**changes):
    return canonical.dumps({**json.loads(SEALED), **changes})


ONE = json.loads(SEALED)["signatures"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"[]",
        b"{}",
        altered(extra=1),
        altered(payloadType="application/vnd.in-toto+json"),
        altered(payload=1),
        altered(payload="YQ"),
        altered(payload="YR=="),
        altered(payload="Y Q=="),
        altered(payload="é"),
        altered(payload="_w=="),
        altered(signatures=[]),
        altered(signatures=[ONE, ONE]),
        altered(signatures=[{**ONE, "extra": 1}]),
        altered(signatures=[{**ONE, "keyid": FINGERPRINT.upper()}]),
        altered(signatures=[{**ONE, "keyid": FINGERPRINT + "\n"}]),
        altered(signatures=[{**ONE, "sig": ONE["sig"][:-4]}]),
        altered(signatures=[{"keyid": FINGERPRINT}]),
        altered(signatures={"0": ONE}),
    ],
)
def test_envelopes_of_another_shape_are_refused(data):
    assert code_of(open_envelope, data) == "protocol.envelope"


def test_too_large_an_envelope_is_neither_made_nor_opened():
    payload = bytes(limits.MAX_ENVELOPE_BYTES)
    with pytest.raises(LimitError):
        seal_envelope(payload, KEY.sign, FINGERPRINT)
    assert code_of(open_envelope, payload + b" ") == "protocol.oversize"


@given(st.binary(max_size=100))
def test_arbitrary_bytes_raise_only_a_peer_error(data):
    assert code_of(open_envelope, data).startswith("protocol.")
