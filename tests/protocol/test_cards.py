import json
from datetime import date

import pytest

from pprl.errors import ConfigError, PeerError
from pprl_protocols import canonical, cards, hpke, signatures
from pprl_protocols.card import Card
from pprl_protocols.identity import Identity
from pprl_protocols.vault import Cost, Vault

TODAY = date(2026, 1, 5)


@pytest.fixture
def vault(tmp_path):
    return Vault.create(tmp_path / "home", b"rahasia", cost=Cost(1, 1, 8))


@pytest.fixture
def identity():
    return Identity.generate("dinsos", "agency")


def test_a_card_says_whose_it_is_and_is_signed_by_that_identity(vault, identity):
    card = cards.make(identity, vault, created=TODAY)
    assert Card.from_bytes(card.to_bytes()) == card
    content = card.model_dump(mode="json")
    signature = bytes.fromhex(content.pop("signature"))
    signatures.verify(identity.public_key, signature, b"pprl/v1/card" + canonical.dumps(content))
    assert content["party"] == "dinsos"
    assert content["identity"] == identity.public_key.hex()
    assert content["created"] == "2026-01-05"


def test_what_is_sealed_to_a_card_opens_with_the_half_in_the_vault(tmp_path, vault, identity):
    card = cards.make(identity, vault, created=TODAY)
    sealed = hpke.seal(b"r", bytes.fromhex(card.key), b"info")
    again = Vault.open(tmp_path / "home", b"rahasia")
    assert hpke.open_sealed(sealed, cards.private_key(again, card), b"info") == b"r"


def test_every_card_has_a_fresh_key(vault, identity):
    one, other = (cards.make(identity, vault, created=TODAY) for _ in range(2))
    assert one.key != other.key
    assert len(vault.names()) == 2
    with pytest.raises(PeerError):
        hpke.open_sealed(
            hpke.seal(b"r", bytes.fromhex(one.key), b""), cards.private_key(vault, other), b""
        )


def test_a_destroyed_card_opens_nothing_and_may_be_destroyed_again(vault, identity):
    card, kept = (cards.make(identity, vault, created=TODAY) for _ in range(2))
    cards.destroy(vault, card)
    cards.destroy(vault, card)
    with pytest.raises(ConfigError) as caught:
        cards.private_key(vault, card)
    assert caught.value.code == "home.no_card"
    assert cards.private_key(vault, kept)


def test_the_public_card_holds_nothing_of_the_private_half(vault, identity):
    card = cards.make(identity, vault, created=TODAY)
    private = cards.private_key(vault, card)
    text = card.model_dump_json()
    assert private[:64].hex() not in text
    assert private[64:].hex() not in text


def test_a_changed_card_is_refused(vault, identity):
    card = cards.make(identity, vault, created=TODAY)
    other = cards.make(identity, vault, created=TODAY)
    stranger = Identity.generate("dinsos", "agency")
    changes = [
        {"key": other.key},
        {"party": "dukcapil"},
        {"created": "2026-01-06"},
        {"identity": stranger.public_key.hex()},
        {"signature": other.signature},
    ]
    for change in changes:
        content = {**card.model_dump(mode="json"), **change}
        changed = Card.model_validate_json(json.dumps(content))
        with pytest.raises(PeerError) as caught:
            changed.verify()
        assert caught.value.code == "protocol.card_signature"
