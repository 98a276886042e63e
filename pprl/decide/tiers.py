"""Pairs of two parties accepted on one kind of evidence: a shared token, or similar filters.

A token is strong evidence, not proof: people give a relative's NIK, files share placeholders. So
records with equal tokens are accepted only when their filters agree as well, above a low bar
(``token_threshold``). That bar is provisional: a threshold estimated from the data will replace
its fixed default. Where either record has no filter, two kinds of token must be equal.

Each function looks only at records that are still open. It never closes any: that is the
caller's decision, since a one-to-one match closes records and a mere accepted pair may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.tokens import equal_tokens
from pprl.compare.given import similarity_of
from pprl.compare.pairs import NO_FILTER, Pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pprl.compare.packing import Words
    from pprl.decide.assignment import Flags
    from pprl.encoded import EncodedSet

FILTER_TIER = "filter"

STANDS_IN = {"nik15": "nik"}
"""Kinds that count only where a record lacks the whole: two different NIKs that share 15 digits are
two people born on the same day in one kecamatan, one damaged NIK beside a whole one may not be."""


@dataclass(frozen=True)
class Bounds:
    """What a run allows.

    Attributes
    ----------
    threshold, token_threshold
        Least similarity in millionths, without and with an equal token.
    max_pairs
        Most pairs that one step may keep.
    threads
        Threads to use; None for all there are.
    """

    threshold: int
    token_threshold: int
    max_pairs: int
    threads: int | None


@dataclass(frozen=True)
class Side:
    """One party's records as the tiers need them."""

    records: EncodedSet
    filters: Words

    @classmethod
    def of(cls, records: EncodedSet) -> Side:
        """Map the filters once for all tiers."""
        return cls(records, records.filter_words())

    def all_open(self) -> Flags:
        """Return a fresh mark for each record."""
        return np.ones(len(self.records), dtype=np.bool_)


def shared_kinds(left: Side, right: Side) -> tuple[str, ...]:
    """Return the token kinds that both sides have, in the order of the left one's schema."""
    kinds = set(right.records.token_kinds)
    return tuple(kind for kind in left.records.token_kinds if kind in kinds)


def accept_by_token(
    kind: str, left: Side, right: Side, left_open: Flags, right_open: Flags, bounds: Bounds
) -> tuple[Pairs, int]:
    """Return open records with equal tokens of one kind, and how many such pairs were refused.

    Raises
    ------
    LimitError
        More than ``bounds.max_pairs`` pairs share a token.
    """
    left_rows, right_rows = equal_tokens(
        left.records.token_column(kind),
        right.records.token_column(kind),
        np.flatnonzero(left_open).astype(np.int32),
        np.flatnonzero(right_open).astype(np.int32),
        threads=bounds.threads,
        max_pairs=bounds.max_pairs,
    )
    if kind in STANDS_IN:
        whole = STANDS_IN[kind]
        lacking = ~(_has(left, whole)[left_rows] & _has(right, whole)[right_rows])
        left_rows, right_rows = left_rows[lacking], right_rows[lacking]
    similarity = similarity_of(left.filters, right.filters, left_rows, right_rows)
    pairs = Pairs.of(left_rows, right_rows, similarity)
    accepted = similarity >= bounds.token_threshold
    blind = np.flatnonzero(similarity == NO_FILTER)
    accepted[blind] = _other_token_equal(kind, left, right, pairs[blind])
    return pairs[accepted], int(np.count_nonzero(~accepted))


def accept_by_filter(
    left: Side,
    right: Side,
    left_open: Flags,
    right_open: Flags,
    bounds: Bounds,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Pairs, int]:
    """Return open records with similar filters, and how many pairs were compared.

    Raises
    ------
    LimitError
        More than ``bounds.max_pairs`` pairs are similar.
    """
    left_rows = np.flatnonzero(left_open & left.records.has_filter()).astype(np.int32)
    right_rows = np.flatnonzero(right_open & right.records.has_filter()).astype(np.int32)
    pairs = similar_pairs(
        _chosen(left.filters, left_rows),
        _chosen(right.filters, right_rows),
        bounds.threshold,
        threads=bounds.threads,
        max_pairs=bounds.max_pairs,
        progress=progress,
    )
    found = Pairs(left_rows[pairs.left], right_rows[pairs.right], pairs.similarity)
    return found, len(left_rows) * len(right_rows)


def _stood_in_by(kind: str) -> set[str]:
    return {part for part, whole in STANDS_IN.items() if whole == kind}


def _has(side: Side, kind: str) -> Flags:
    if kind not in side.records.token_kinds:
        return np.zeros(len(side.records), dtype=np.bool_)
    return np.asarray(side.records.token_column(kind).is_valid(), dtype=np.bool_)


def _chosen(filters: Words, rows: np.ndarray) -> Words:
    return filters if len(rows) == len(filters) else filters[rows]


def _other_token_equal(kind: str, left: Side, right: Side, pairs: Pairs) -> Flags:
    equal = np.zeros(len(pairs), dtype=np.bool_)
    for other in shared_kinds(left, right):
        # The first 15 digits of a NIK say nothing that the NIK hasn't said.
        if other != kind and other not in {STANDS_IN.get(kind)} | _stood_in_by(kind):
            ours = left.records.token_column(other).take(pairs.left)
            theirs = right.records.token_column(other).take(pairs.right)
            same = pc.equal(ours, theirs)  # null where either record has no such token
            equal |= np.asarray(pc.coalesce(same, pa.scalar(value=False)))
    return equal
