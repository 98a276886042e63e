import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols import canonical, hpke
from pprl_protocols.card import Card

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONTENT = {
    "version": 1,
    "party": "dinkes",
    "identity": KEY.public_key().public_bytes_raw().hex(),
    "kem": "MLKEM768-X25519",
    "key": "ab" * hpke.PUBLIC_BYTES,
    "created": "2026-01-05",
}


def signed(**changes):
    content = {**CONTENT, **changes}
    signature = KEY.sign(b"pprl/v1/card" + canonical.dumps(content))
    return canonical.dumps({**content, "signature": signature.hex()})


def code_of(data):
    with pytest.raises(PeerError) as caught:
        Card.from_bytes(data)
    return caught.value.code


def test_a_signed_card_is_read_and_written_back_unchanged():
    card = Card.from_bytes(signed())
    assert card.to_bytes() == signed()
    assert (card.party, card.created) == ("dinkes", dt.date(2026, 1, 5))


@pytest.mark.parametrize(
    ("name", "value"),
    [("party", "dukcapil"), ("created", "2026-01-06"), ("key", "cd" * hpke.PUBLIC_BYTES)],
)
def test_a_card_altered_after_signing_is_refused(name, value):
    altered = canonical.dumps({**json.loads(signed()), name: value})
    assert code_of(altered) == "protocol.card_signature"


def test_a_card_signed_by_another_identity_is_refused():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert code_of(signed(identity=other.hex())) == "protocol.card_signature"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("party", "../x"),
        ("kem", "X25519"),
        ("key", "ab" * 32),
        ("key", "AB" * hpke.PUBLIC_BYTES),
        ("identity", "zz" * 32),
        ("created", "yesterday"),
        ("created", None),
    ],
)
def test_fields_of_another_form_are_refused_by_their_name(name, value):
    with pytest.raises(PeerError) as caught:
        Card.from_bytes(signed(**{name: value}))
    assert caught.value.code == "protocol.card_field"
    assert caught.value.values == {"where": name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", "2026-01-05T00:00:00"),
        ("created", 1767571200),
        ("created", "1767571200"),
        ("version", True),
    ],
)
def test_another_spelling_of_the_same_value_is_refused(name, value):
    assert code_of(signed(**{name: value})) == "protocol.not_canonical"


def test_an_unknown_field_is_refused_and_not_repeated():
    with pytest.raises(PeerError) as caught:
        Card.from_bytes(signed(secret_canary=1))
    assert "canary" not in str(caught.value)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_only_a_peer_error(data):
    assert code_of(data).startswith("protocol.")
