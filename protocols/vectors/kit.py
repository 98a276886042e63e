"""What the generators share: keys that exist for vectors only, and the form of a case.

Every secret here is the SHA-256 of a sentence in this file, so it protects nothing. Never use one
outside. Parties are called by their role, never after an institution.

>>> identity("agency-a").public_key().public_bytes_raw().hex()[:16]
'b81168b9eb75537f'
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pprl_protocols import hpke
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import seal_envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl_protocols.canonical import Plain

RUN = "0123456789abcdef" * 2
OTHER_RUN = "fedcba9876543210" * 2


@dataclass(frozen=True)
class Case:
    """One known answer.

    Attributes
    ----------
    kind, name
        Folder and file it goes to.
    about
        One sentence.
    given
        Everything that is needed to judge it.
    expect
        ``pass``, or the layer that must refuse it.
    answer
        What must come out, where something does.
    """

    kind: str
    name: str
    about: str
    given: Mapping[str, Plain]
    expect: str = "pass"
    answer: Mapping[str, Plain] = field(default_factory=dict)


def secret(what: str) -> bytes:
    """Return 32 bytes that are no secret."""
    return hashlib.sha256(b"openpprl vectors: " + what.encode()).digest()


def identity(party: str) -> Ed25519PrivateKey:
    """Return a party's identity."""
    return Ed25519PrivateKey.from_private_bytes(secret(f"identity of {party}"))


def public_identity(party: str) -> bytes:
    """Return the raw public key of a party's identity."""
    return identity(party).public_key().public_bytes_raw()


def card_key(party: str) -> bytes:
    """Return the private half of a party's card, 96 bytes."""
    parts = (secret(f"card of {party}, {number}") for number in range(3))
    return b"".join(parts)


def public_card(party: str) -> bytes:
    """Return the public half of a party's card, 1,216 bytes."""
    return hpke.public_of(card_key(party))


def signed(party: str, payload: bytes) -> bytes:
    """Return a payload in an envelope that a party has signed."""
    return seal_envelope(payload, identity(party).sign, sha256(public_identity(party)))


def spelled(data: bytes) -> dict[str, Plain]:
    """Return bytes as a case holds them: as text where they are one, else in hexadecimal."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}
    return {"text": text} if text.isprintable() else {"hex": data.hex()}
