"""Envelope: one signed payload, as DSSE version 1 with Ed25519.

Signed is never the payload alone but its pre-authentication encoding, which also names the type.
An envelope has exactly one signature and exactly one form as bytes. Opening one proves nothing:
:meth:`Envelope.verify` does, with a key that the caller trusts for its own reasons.

Standard: DSSE 1.0 (secure-systems-lab). Spec: "Building blocks", envelope.

>>> from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
>>> key = Ed25519PrivateKey.generate()
>>> public = key.public_key().public_bytes_raw()
>>> envelope = open_envelope(seal_envelope(b"{}", key.sign, sha256(public)))
>>> envelope.verify(public)
>>> envelope.payload
b'{}'
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.errors import LimitError, PeerError
from pprl_protocols import canonical, limits, signatures
from pprl_protocols.canonical import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOAD_TYPE = "application/vnd.openpprl.v1+json"


@dataclass(frozen=True)
class Envelope:
    """An opened envelope, not yet verified.

    Attributes
    ----------
    payload
        What was signed, as bytes that may be anything.
    key_id
        Fingerprint (SHA-256, hex) of the key that is said to have signed.
    signature
        64 bytes.
    digest
        SHA-256, hex, of the whole envelope: the name of a log's entry.
    """

    payload: bytes
    key_id: str
    signature: bytes
    digest: str

    def verify(self, public_key: bytes) -> None:
        """Check that the holder of a key signed this payload.

        Parameters
        ----------
        public_key
            Raw Ed25519 key, 32 bytes.

        Raises
        ------
        PeerError
            Another key is named, or the signature is wrong.
        """
        if sha256(public_key) != self.key_id:
            raise PeerError("protocol.signature")
        signatures.verify(public_key, self.signature, pae(PAYLOAD_TYPE, self.payload))


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: what the signature is made over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal_envelope(payload: bytes, sign: Callable[[bytes], bytes], key_id: str) -> bytes:
    """Sign a payload; return the envelope's only form as bytes.

    Parameters
    ----------
    payload
        Canonical JSON.
    sign
        Returns the Ed25519 signature over given bytes.
    key_id
        Fingerprint (SHA-256, hex) of the signing key.

    Raises
    ------
    LimitError
        The envelope would be larger than ``limits.MAX_ENVELOPE_BYTES``.
    """
    signature = sign(pae(PAYLOAD_TYPE, payload))
    data = canonical.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
        }
    )
    if len(data) > limits.MAX_ENVELOPE_BYTES:
        raise LimitError("protocol.entry_size", limit=limits.MAX_ENVELOPE_BYTES)
    return data


def open_envelope(data: bytes) -> Envelope:
    """Take an envelope apart; nothing is verified yet.

    Raises
    ------
    PeerError
        Too large, not canonical, of another type, or with another number of signatures than one.
    """
    outer = canonical.loads(data, limit=limits.MAX_ENVELOPE_BYTES)
    match outer:
        case {
            "payload": str(payload),
            "payloadType": str(kind),
            "signatures": [{"keyid": str(key_id), "sig": str(signature), **more_inside}],
            **more,
        } if not more and not more_inside:
            pass
        case _:
            raise PeerError("protocol.envelope")
    if kind != PAYLOAD_TYPE or limits.SHA256.fullmatch(key_id) is None:
        raise PeerError("protocol.envelope")
    opened = Envelope(_decoded(payload), key_id, _decoded(signature), sha256(data))
    if len(opened.signature) != signatures.SIGNATURE_BYTES:
        raise PeerError("protocol.envelope")
    return opened


def _decoded(text: str) -> bytes:
    try:
        plain = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PeerError("protocol.envelope") from None
    # Unused bits and missing padding would give one content several forms.
    if base64.b64encode(plain).decode() != text:
        raise PeerError("protocol.envelope")
    return plain
