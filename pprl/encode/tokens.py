"""Exact tokens: keyed BLAKE2b of a normalised value, one key per token kind.

A NIK has about 2.7e10 possible values, so an unkeyed hash of it is a lookup table; there is none
here. A token that more than five records of one file share (a copied NIK, a placeholder) says
nothing and is dropped. A block token is the same hash cut to 8 bytes, under a key of its own for
each pass; none is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import fixed_array, string_buffers
from pprl.encode.blake2 import keyed_digests
from pprl.encoded import BLOCK_BYTES, TOKEN_BYTES
from pprl.repeats import repeated

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

MAX_SHARED = 5


def keyed_tokens(values: pa.Array, key: bytes, kind: str) -> pa.Array:
    """Return the tokens of a column, ``fixed_size_binary(16)``; null and empty values have none.

    Parameters
    ----------
    values
        Normalised values, strings.
    key
        32 bytes, derived for this kind alone.
    kind
        At most 16 bytes; goes into the hash as its personalisation.
    """
    return fixed_array(*_digests(values, key, kind))


def keyed_blocks(values: pa.Array, key: bytes, name: str) -> pa.Array:
    """Return the blocks of a column, ``fixed_size_binary(8)``: the first bytes of its tokens.

    Two different values share a block by chance once in 1.8e19 pairs of values.

    Parameters
    ----------
    values
        Normalised values, strings.
    key
        32 bytes, derived for this pass alone.
    name
        Of the pass, at most 16 bytes; goes into the hash as its personalisation.
    """
    tokens, present = _digests(values, key, name)
    return fixed_array(np.ascontiguousarray(tokens[:, :BLOCK_BYTES]), present)


def _digests(
    values: pa.Array, key: bytes, person: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    data, offsets = string_buffers(values)
    present = np.diff(offsets) > 0
    # Values without bytes leave no gap, so the others' offsets follow each other.
    edges = np.append(offsets[:-1][present], offsets[-1]).astype(np.int64)
    tokens = np.zeros((len(values), TOKEN_BYTES), dtype=np.uint8)
    tokens[present] = keyed_digests(data, edges, key, person.encode())
    return tokens, present


def too_common(heads: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the token heads that more than :data:`MAX_SHARED` records have, sorted.

    Parameters
    ----------
    heads
        The first 8 bytes of every token of one kind in one file, ``uint64 (tokens,)``. Among a
        hundred million random tokens two heads collide with probability 0.0003.
    """
    return repeated(heads, more_than=MAX_SHARED)
