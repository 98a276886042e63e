"""Checking an Ed25519 signature, in the one place that does it.

>>> verify(bytes(32), bytes(64), b"")
Traceback (most recent call last):
    ...
pprl.errors.PeerError: a signature is wrong: altered, or made with another key
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pprl.errors import PeerError

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def verify(public_key: bytes, signature: bytes, data: bytes) -> None:
    """Check a signature over bytes.

    Raises
    ------
    PeerError
        The key is none, or the signature isn't that key's over exactly these bytes.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise PeerError("protocol.signature") from None
