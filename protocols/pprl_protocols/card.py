"""Card: the sealing key that a party made for one run, signed by its identity.

Only the public form is here; keys are made and destroyed in :mod:`pprl_protocols.cards`.
Spec: "Building blocks", identity.

>>> Card.from_bytes(b"{}")
Traceback (most recent call last):
    ...
pprl.errors.PeerError: a card is not as the protocol says (at version)
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads annotations at run time
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError

from pprl.errors import PeerError
from pprl_protocols import canonical, hpke, limits, signatures
from pprl_protocols.fields import Part, PartyName, PublicKey, Signature, hexadecimal, place

_PREFIX = b"pprl/v1/card"


class Card(Part):
    """A party's sealing key for one run.

    Attributes
    ----------
    version
        Of this form.
    party
        Whose it is.
    identity
        The key that signs it: raw Ed25519, hexadecimal.
    kem
        The one suite there is.
    key
        ML-KEM-768 public key (1,184 bytes), then X25519 public key (32 bytes), in hexadecimal.
    created
        The day it was made.
    signature
        Ed25519, hexadecimal, over :meth:`signed_bytes`.
    """

    version: Literal[1]
    party: PartyName
    identity: PublicKey
    kem: Literal["MLKEM768-X25519"]
    key: Annotated[str, Field(pattern=hexadecimal(hpke.PUBLIC_BYTES))]
    created: Annotated[dt.date, Field(strict=False)]  # the signature fixes its one form
    signature: Signature

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a card from canonical JSON and check its signature.

        Raises
        ------
        PeerError
            Anything is wrong with it.
        """
        canonical.loads(data, limit=limits.MAX_HEADER_BYTES)
        try:
            card = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = place(first["loc"], cls.model_fields)
            raise PeerError("protocol.card_field", where=where) from None
        if card.to_bytes() != data:
            raise PeerError("protocol.not_canonical")
        card.verify()
        return card

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the whole card."""
        return canonical.dumps(self.model_dump(mode="json"))

    def signed_bytes(self) -> bytes:
        """Return what is signed: a prefix, and the canonical JSON without the signature."""
        return _PREFIX + canonical.dumps(self.model_dump(mode="json", exclude={"signature"}))

    def verify(self) -> None:
        """Check that the identity on the card signed it.

        Raises
        ------
        PeerError
            It didn't.
        """
        identity, signature = bytes.fromhex(self.identity), bytes.fromhex(self.signature)
        try:
            signatures.verify(identity, signature, self.signed_bytes())
        except PeerError:
            raise PeerError("protocol.card_signature", party=self.party) from None
