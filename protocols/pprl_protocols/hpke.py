"""HPKE with the one suite of the protocol: X25519 + ML-KEM-768, HKDF-SHA256, AES-256-GCM.

Keys travel as raw bytes: public ML-KEM-768 key (1,184) followed by public X25519 key (32); private
ML-KEM-768 seed (64) followed by private X25519 key (32). The mode is base: it hides and binds, it
doesn't say who sent. That is said by the signed log entry that names the sealed bytes.

>>> private = generate()
>>> open_sealed(seal(b"r", public_of(private), b"info"), private, b"info")
b'r'
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from pprl.errors import PeerError

NAME: Final = "MLKEM768-X25519"
PUBLIC_BYTES = 1184 + 32
PRIVATE_BYTES = 64 + 32
OVERHEAD_BYTES = 1088 + 32 + 16
"""How much longer sealed bytes are than plain ones: both encapsulations and the tag."""

_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def generate() -> bytes:
    """Return a fresh private key, 96 bytes."""
    return (
        MLKEM768PrivateKey.generate().private_bytes_raw()
        + X25519PrivateKey.generate().private_bytes_raw()
    )


def public_of(private: bytes) -> bytes:
    """Return the public key of a private one, 1,216 bytes.

    Raises
    ------
    ValueError
        ``private`` hasn't 96 bytes: it comes from our own home, so that is a defect.
    """
    return (
        MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED]).public_key().public_bytes_raw()
        + X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED:]).public_key().public_bytes_raw()
    )


def seal(plain: bytes, public: bytes, info: bytes) -> bytes:
    """Return ``plain`` sealed for the holder of a key; 1,136 bytes longer.

    Raises
    ------
    PeerError
        ``public`` is no key of this suite.
    """
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
        )
        return _SUITE.encrypt(plain, key, info=info)
    except ValueError:  # wrong length or range, or a shared secret that is no secret
        raise PeerError("protocol.card_key") from None


def open_sealed(sealed: bytes, private: bytes, info: bytes) -> bytes:
    """Return what was sealed, verified to be for this key and this ``info``.

    Raises
    ------
    PeerError
        Altered, or sealed for another key or purpose.
    """
    key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED]),
        X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED:]),
    )
    try:
        return _SUITE.decrypt(sealed, key, info=info)
    except (InvalidTag, ValueError):
        raise PeerError("protocol.sealed_key") from None
