"""How many pairs of one person the candidates should find, as far as tokens can tell.

A token says who is one person without a look at the filters: of pairs with an equal token, the
share that shares a block is about the share that blocks let through. Not every such pair is one
person (people give a relative's number), so only those count whose filters are more alike than
those of nearly all strangers, and only tokens that occur once in either set.

Tokens are keyed hashes, so those below a number are a sample, the same in all sets, drawn without
looking for pairs first. Nothing is kept of a token, and none is given out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import raw_rows, valid
from pprl.compare.measure import measure_of
from pprl.compare.pairs import NO_FILTER
from pprl.encoded import TOKEN_BYTES
from pprl.plan.crowding import in_blocks
from pprl.plan.sample import filters_of, of_strangers, similarities, some_filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.compare.measure import Counts, Measure
    from pprl.encoded import EncodedSet

SAMPLED = 100_000
"""Records of the larger of two sets whose tokens are looked up, about."""
FEW = 30
"""Fewer pairs say nothing."""
_STRANGERS = 0.999
"""Pairs count that are more alike than this share of strangers."""
_STRANGERS_SEEN = 10_000


@dataclass(frozen=True)
class Recall:
    """What tokens say.

    Attributes
    ----------
    share
        Of pairs of one person, those that are candidates; of the worst two sets where there are
        more. None when tokens can't tell.
    pairs
        Pairs with an equal token behind it.
    """

    share: float | None
    pairs: int


def block_recall(sets: Sequence[EncodedSet], passes: Sequence[str]) -> Recall:
    """Return the share of the pairs of one person that should share a block."""
    found = [_of_two(left, right, passes) for left, right in combinations(sets, 2)]
    worst = min(found, key=lambda each: -1.0 if each.share is None else each.share)
    return Recall(worst.share, sum(each.pairs for each in found))


def _of_two(left: EncodedSet, right: EncodedSet, passes: Sequence[str]) -> Recall:
    rows, others = known_pairs(left, right)
    if len(rows) < FEW:
        return Recall(None, len(rows))
    shares = in_blocks(left, passes).agree(in_blocks(right, passes), rows, others)
    return Recall(float(shares.mean()), len(rows))


def known_pairs(left: EncodedSet, right: EncodedSet) -> tuple[Counts, Counts]:
    """Return rows of either set, ``int64 (n,)``, that are of one person, as far as tokens can tell.

    A sample: none where the sets have no token in common.
    """
    none = np.empty(0, dtype=np.int64)
    kind = next((kind for kind in left.token_kinds if kind in right.token_kinds), None)
    if kind is None:
        return none, none
    share = SAMPLED / max(len(left), len(right), 1)
    (ours, our_rows), (theirs, their_rows) = (_drawn(each, kind, share) for each in (left, right))
    _, at, other_at = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    rows, others = our_rows[at], their_rows[other_at]
    measure = measure_of(left.header)
    ours_seen, theirs_seen = (some_filters(each, _STRANGERS_SEEN) for each in (left, right))
    strangers = of_strangers(ours_seen, theirs_seen, measure)
    if not len(strangers):
        return none, none
    alike = _alike(left, right, rows, others, measure) > strangers[int(_STRANGERS * len(strangers))]
    return rows[alike], others[alike]


def _drawn(
    records: EncodedSet, kind: str, share: float
) -> tuple[np.ndarray[tuple[int], np.dtype[np.void]], Counts]:
    """Return the tokens of a sample that occur once, and their rows."""
    most = np.uint64(min(int(share * 2.0**64), 2**64 - 1))
    tokens = [np.empty((0, TOKEN_BYTES), dtype=np.uint8)]
    rows = [np.empty(0, dtype=np.int64)]
    start = 0
    for chunk in records.token_column(kind).chunks:
        data = raw_rows(chunk, TOKEN_BYTES)
        first = data.view(np.uint64)[:, 0]
        chosen = np.flatnonzero((first <= most) & valid(chunk))
        tokens.append(data[chosen])
        rows.append(start + chosen)
        start += len(chunk)
    whole = np.concatenate(tokens).view(np.dtype((np.void, TOKEN_BYTES)))[:, 0]
    values, at, counts = np.unique(whole, return_index=True, return_counts=True)
    once = counts == 1
    return values[once], np.concatenate(rows)[at[once]]


def _alike(
    left: EncodedSet, right: EncodedSet, rows: Counts, others: Counts, measure: Measure
) -> Counts:
    """Return the similarity of pairs of rows; -1 where either has no filter."""
    ours, theirs = filters_of(left, rows), filters_of(right, others)
    both = ours.any(axis=1) & theirs.any(axis=1)
    return np.where(both, similarities(ours, theirs, measure), NO_FILTER)
