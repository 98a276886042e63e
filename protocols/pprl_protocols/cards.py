"""A fresh encryption key for every run, signed by the party's identity.

The agreement lists the public halves. The private half lies in the vault until CLOSE, ABORT or the
agreement's end and is destroyed then, so that nothing stolen later opens what was sealed to it.
Whoever reads a card verifies it first (:meth:`pprl_protocols.card.Card.verify`).

    card = make(identity, vault, created=date(2026, 1, 5))
    private = private_key(vault, card)
    destroy(vault, card)
"""

import hashlib
from datetime import date

from pprl.errors import ConfigError
from pprl_protocols import hpke
from pprl_protocols.card import Card
from pprl_protocols.identity import Identity
from pprl_protocols.signatures import SIGNATURE_BYTES
from pprl_protocols.vault import Vault

_NAME_DIGITS = 16


def make(identity: Identity, vault: Vault, *, created: date) -> Card:
    """Return a fresh card; its private half is in the vault before this returns.

    Parameters
    ----------
    identity
        Who signs it.
    vault
        Where the private half is kept.
    created
        Stated on the card; the caller's, so that a command can say "today" in its own way.
    """
    private = hpke.generate()
    public = hpke.public_of(private)
    unsigned = Card(
        version=1,
        party=identity.name,
        identity=identity.public_key.hex(),
        kem=hpke.NAME,
        key=public.hex(),
        created=created,
        signature="00" * SIGNATURE_BYTES,  # not part of what is signed
    )
    signature = identity.sign(unsigned.signed_bytes())
    vault.put(_secret_name(public), private)
    return unsigned.model_copy(update={"signature": signature.hex()})


def private_key(vault: Vault, card: Card) -> bytes:
    """Return the private half of one of our own cards, 96 bytes.

    Raises
    ------
    ConfigError
        The vault doesn't hold it: destroyed, or the card is another home's.
    """
    name = _secret_name(bytes.fromhex(card.key))
    if not vault.has(name):
        raise ConfigError("home.no_card", party=card.party)
    return vault.get(name)


def destroy(vault: Vault, card: Card) -> None:
    """Overwrite and remove the private half; one that is gone already is fine."""
    vault.delete(_secret_name(bytes.fromhex(card.key)))


def _secret_name(public: bytes) -> str:
    return f"card-{hashlib.sha256(public).hexdigest()[:_NAME_DIGITS]}"
