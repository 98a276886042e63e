"""Exact tokens: keyed BLAKE2b of a normalised value, one key per token kind.

A NIK has about 2.7e10 possible values, so an unkeyed hash of it is a lookup table; there is none
here. A token that more than five records of one file share (a copied NIK, a placeholder) says
nothing and is dropped.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from pprl.encoded import TOKEN_BYTES
from pprl.repeats import repeated

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

MAX_SHARED = 5


def keyed_tokens(values: Iterable[bytes], key: bytes, kind: str) -> bytes:
    """Return the tokens of ``values``, 16 bytes each, one after the other.

    Parameters
    ----------
    values
        Normalised values, not empty.
    key
        32 bytes, derived for this kind alone.
    kind
        At most 16 bytes; goes into the hash as its personalisation.
    """
    start = blake2b(digest_size=TOKEN_BYTES, key=key, person=kind.encode())
    digests = []
    for value in values:
        state = start.copy()
        state.update(value)
        digests.append(state.digest())
    return b"".join(digests)


def too_common(heads: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the token heads that more than :data:`MAX_SHARED` records have, sorted.

    Parameters
    ----------
    heads
        The first 8 bytes of every token of one kind in one file, ``uint64 (tokens,)``. Among a
        hundred million random tokens two heads collide with probability 0.0003.
    """
    return repeated(heads, more_than=MAX_SHARED)
