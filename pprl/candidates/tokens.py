"""Pairs of records that share an exact token.

Both sides are put into the order of their tokens' first eight bytes, after whoever of the larger
side can't have a partner is left out; pairs are made of what both have, and kept where all sixteen
bytes are equal. How many there would be is counted before any pair is made. A token says that two
records were given the same number, not that they are the same person: :mod:`pprl.decide.tiers`
asks the filters as well.

>>> import pyarrow as pa
>>> ours = pa.chunked_array([[b"0123456789abcdef", None]], pa.binary(16))
>>> theirs = pa.chunked_array([[None, b"0123456789abcdef"]], pa.binary(16))
>>> equal_tokens(ours, theirs, np.array([True, True]), np.array([True, True]))
(array([0], dtype=int32), array([1], dtype=int32))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from pprl.buffers import raw_rows, valid
from pprl.candidates.passes import joined, meeting
from pprl.encoded import TOKEN_BYTES
from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS

if TYPE_CHECKING:
    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Flags, Integers, Rows

    Tokens: TypeAlias = pa.ChunkedArray[pa.FixedSizeBinaryScalar]


def equal_tokens(
    left: Tokens,
    right: Tokens,
    left_open: Flags,
    right_open: Flags,
    *,
    max_pairs: int = MAX_PAIRS,
) -> tuple[Rows, Rows]:
    """Return all pairs of records with equal tokens.

    Parameters
    ----------
    left, right
        ``fixed_size_binary(16)``, one entry a record, null where it has no token.
    left_open, right_open
        ``bool (records,)``: the records to join.
    max_pairs
        How many pairs may be returned.

    Returns
    -------
    tuple
        Left rows and right rows, ``int32 (n,)``, sorted by left row, then right row.

    Raises
    ------
    LimitError
        More than ``max_pairs`` pairs share a token.

    Notes
    -----
    A sort of the smaller side, and of what the larger one has in common with it; nine bytes a
    record and some forty a pair.
    """
    heads = [
        (_heads(column), valid(column) & is_open)
        for column, is_open in ((left, left_open), (right, right_open))
    ]
    large = 0 if len(left) > len(right) else 1
    heads[large] = heads[large][0], meeting(heads[large], heads[1 - large])
    rows, starts = joined(heads[0], heads[1])
    sizes = [np.diff(each) for each in starts]
    if int((sizes[0] * sizes[1]).sum()) > max_pairs:
        raise LimitError("link.too_many_token_pairs", limit=max_pairs)
    ours, theirs = _pairs(rows, starts, sizes)
    whole = _at(left, ours) == _at(right, theirs)
    ours, theirs = ours[whole], theirs[whole]
    order = np.lexsort((theirs, ours))
    return ours[order].astype(np.int32), theirs[order].astype(np.int32)


def _heads(tokens: Tokens) -> Words:
    """Return the first eight bytes of each token, ``uint64 (records,)``; anything for a null."""
    heads = np.empty(len(tokens), dtype=np.uint64)
    start = 0
    for chunk in tokens.chunks:
        heads[start : start + len(chunk)] = raw_rows(chunk, TOKEN_BYTES).view(np.uint64)[:, 0]
        start += len(chunk)
    return heads


def _pairs(
    rows: tuple[Counts, Counts], starts: tuple[Counts, Counts], sizes: list[Counts]
) -> tuple[Counts, Counts]:
    """Return every pair of rows of a common key: each left row with all right ones."""
    partners = np.repeat(sizes[1], sizes[0])  # of each left row
    first = np.repeat(starts[1][:-1], sizes[0])
    before = np.cumsum(partners) - partners
    place = np.arange(int(partners.sum())) + np.repeat(first - before, partners)
    return np.repeat(rows[0], partners), rows[1][place]


def _at(tokens: Tokens, rows: Integers) -> np.ndarray[tuple[int, ...], np.dtype[np.void]]:
    """Return whole tokens of some rows, as values that can be compared."""
    found = tokens.take(pa.array(rows)).combine_chunks()
    return np.ascontiguousarray(raw_rows(found, TOKEN_BYTES)).view(f"V{TOKEN_BYTES}")[:, 0]
