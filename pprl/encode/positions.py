"""From one token to bit positions, with a keyed hash.

Each distinct (feature, token) is hashed once; everything after that looks positions up.

Sources: Schnell, Bachteler, Reiher 2011 (double hashing); clkhash 0.18.3 for the exact bytes.
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from pprl.schema.feature import BlakeHash, DoubleHash, Hashing

if TYPE_CHECKING:
    from collections.abc import Callable

    Positions = np.ndarray[tuple[int], np.dtype[np.uint16]]

MAX_BITS = 65_536
_PER_HASH = 32


def hasher(
    hashing: Hashing, keys: tuple[bytes, bytes], n_bits: int, most: int
) -> Callable[[bytes], Positions]:
    """Return a function from a token's bytes to its first ``most`` positions, ``uint16 (most,)``.

    A token that sets fewer bits uses the first ones. ``n_bits`` is the length before folding, at
    most 65,536.
    """
    match hashing:
        case BlakeHash():
            return lambda token: _blake(token, keys[0], n_bits, most)
        case DoubleHash(prevent_singularity):
            return lambda token: _double(
                token, keys, n_bits, most, prevent_singularity=prevent_singularity
            )


def _blake(token: bytes, key: bytes, n_bits: int, most: int) -> Positions:
    stream = b"".join(
        blake2b(token, key=key, salt=str(block).encode()).digest()
        for block in range(-(-most // _PER_HASH))
    )
    words = np.frombuffer(stream, dtype="<u2")[:most]
    return (words % n_bits).astype(np.uint16) if n_bits < MAX_BITS else words.astype(np.uint16)


def _double(
    token: bytes, keys: tuple[bytes, bytes], n_bits: int, most: int, *, prevent_singularity: bool
) -> Positions:
    start = int.from_bytes(hmac.digest(keys[0], token, "sha1"), "big") % n_bits
    step = int.from_bytes(hmac.digest(keys[1], token, "md5"), "big") % n_bits
    attempt = 0
    while prevent_singularity and step == 0 and n_bits > 1:
        step = int.from_bytes(hmac.digest(keys[1], token + chr(attempt).encode(), "md5"), "big")
        step %= n_bits
        attempt += 1
    return np.array([(start + i * step) % n_bits for i in range(most)], dtype=np.uint16)
