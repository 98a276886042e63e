"""Pairs of two parties by the evidence they have: a shared token, or similar filters.

A token is strong evidence, not proof: people give a relative's NIK, files share placeholders. So
records with equal tokens are accepted only when their filters agree as well, above a low bar.
Where either record has no filter, two kinds of token must be equal. Pairs found by their filters
are of two tiers: ``contradicted`` when both records have the strongest token and the two differ,
``filter`` otherwise. A contradicted pair needs more similarity, for most different people have
different numbers, and few records of one person do.

Which pairs of filters are compared is the sides' to say: every one, or, where both have blocks,
those that share one (:class:`Side`). Equal tokens need no block.

Each function looks only at records that are still open. It never accepts a pair or closes a
record: that is :mod:`pprl.decide.matching`'s, with bars that are given or estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.candidates.blocks import Keys, blocked_pairs
from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.passes import Blocks, pairs_in_blocks
from pprl.candidates.tokens import equal_tokens
from pprl.compare.given import similarity_of
from pprl.compare.measure import measure_of
from pprl.compare.pairs import NO_FILTER, Pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pprl.candidates.lsh import Bands
    from pprl.candidates.working import Work
    from pprl.compare.filters import Filters
    from pprl.compare.measure import Counts, Measure
    from pprl.compare.pairs import Integers
    from pprl.decide.assignment import Flags
    from pprl.encoded import EncodedSet

FILTER_TIER = "filter"
CONTRADICTED_TIER = "contradicted"
FILTER_TIERS = (FILTER_TIER, CONTRADICTED_TIER)

SAMPLE_PAIRS = 25_000_000_000
"""So many pairs of a sample are all compared, bands or not: some seconds, and none is lost."""

STANDS_IN = {"nik15": "nik"}
"""Kinds that count only where a record lacks the whole: two different NIKs that share 15 digits are
two people born on the same day in one kecamatan, one damaged NIK beside a whole one may not be."""


@dataclass(frozen=True)
class Bounds:
    """What a run allows.

    Attributes
    ----------
    max_pairs
        Most pairs that one step may keep.
    threads
        Threads to use; None for all there are.
    held
        Bytes of filters that may be copied into memory at once; None: none need be.
    work
        Where the comparison that takes long keeps what it has finished; None: nowhere.
    sampling
        Whether these are samples: few enough pairs are all compared, bands or not.
    """

    max_pairs: int
    threads: int | None
    held: int | None = None
    work: Work | None = None
    sampling: bool = False


@dataclass(frozen=True)
class Side:
    """One party's records as the tiers need them.

    Attributes
    ----------
    records
        The set.
    filters
        Mapped once for all tiers.
    set_bits
        ``int64 (records,)``: bits set in each filter.
    has_filter
        ``bool (records,)``: who has one.
    measure
        How its filters are compared.
    blocks
        The blocks within which they are; None: with all others.
    bands
        Buckets that find (nearly) all similar pairs of very many; None: every pair is compared.
    """

    records: EncodedSet
    filters: Filters
    set_bits: Counts
    has_filter: Flags
    measure: Measure
    blocks: Blocks | None = None
    bands: Bands | None = None

    @classmethod
    def of(cls, records: EncodedSet, passes: Sequence[str] = ()) -> Side:
        """Map the filters, count their bits, and read the blocks of some passes."""
        filters = records.filters()
        return cls(
            records,
            filters,
            filters.set_bits,
            records.has_filter(),
            measure_of(records.header),
            Blocks.of(records, passes) if passes else None,
        )

    def all_open(self) -> Flags:
        """Return a fresh mark for each record."""
        return np.ones(len(self.records), dtype=np.bool_)


@dataclass(frozen=True)
class Found:
    """Pairs of one tier, not decided yet.

    Attributes
    ----------
    tier
        A token kind, or one of :data:`FILTER_TIERS`.
    pairs
        Sorted by left row, then right row.
    vouched
        ``bool (n,)``: pairs without a filter for which another kind of token speaks.
    comparable
        ``bool (n,)``: pairs that share a block, whose filters would be compared without a token;
        all where every pair is.
    """

    tier: str
    pairs: Pairs
    vouched: Flags
    comparable: Flags

    @property
    def blind(self) -> Flags:
        """Pairs of which a record has no filter."""
        blind: Flags = self.pairs.similarity == NO_FILTER
        return blind

    def leniently(self, left: Side, right: Side) -> Found:
        """Return the pairs with the similarity that decides where thresholds are estimated."""
        pairs = self.pairs
        seen = np.flatnonzero(~self.blind)
        similarity = pairs.similarity.copy()
        similarity[seen] = left.measure.weigh(
            pairs.similarity[seen].astype(np.int64),
            left.set_bits[pairs.left[seen]],
            right.set_bits[pairs.right[seen]],
        )
        return replace(self, pairs=Pairs(pairs.left, pairs.right, similarity))

    def only(self, chosen: Flags) -> Found:
        """Return some of the pairs."""
        return Found(self.tier, self.pairs[chosen], self.vouched[chosen], self.comparable[chosen])

    def reaching(self, bar: int) -> Flags:
        """Return which pairs may be accepted when filters must be as similar as ``bar``."""
        return np.where(self.blind, self.vouched, self.pairs.similarity >= bar)


def shared_kinds(left: Side, right: Side) -> tuple[str, ...]:
    """Return the token kinds that both sides have, in the order of the left one's schema."""
    kinds = set(right.records.token_kinds)
    return tuple(kind for kind in left.records.token_kinds if kind in kinds)


def strongest_kind(left: Side, right: Side) -> str | None:
    """Return the first shared kind that stands for itself, whose difference contradicts a pair."""
    return next((kind for kind in shared_kinds(left, right) if kind not in STANDS_IN), None)


def token_pairs(
    kind: str, left: Side, right: Side, left_open: Flags, right_open: Flags, bounds: Bounds
) -> Found:
    """Return open records with equal tokens of one kind.

    Raises
    ------
    LimitError
        More than ``bounds.max_pairs`` pairs share a token.
    """
    left_rows, right_rows = equal_tokens(
        left.records.token_column(kind),
        right.records.token_column(kind),
        left_open,
        right_open,
        max_pairs=bounds.max_pairs,
    )
    if kind in STANDS_IN:
        whole = STANDS_IN[kind]
        lacking = ~(_has(left, whole)[left_rows] & _has(right, whole)[right_rows])
        left_rows, right_rows = left_rows[lacking], right_rows[lacking]
    similarity = similarity_of(
        left.filters, right.filters, left_rows, right_rows, left.measure, threads=bounds.threads
    )
    pairs = Pairs.of(left_rows, right_rows, similarity)
    vouched = np.zeros(len(pairs), dtype=np.bool_)
    blind = np.flatnonzero(similarity == NO_FILTER)
    vouched[blind] = _other_token_equal(kind, left, right, pairs[blind])
    return Found(kind, pairs, vouched, _comparable(left, right, pairs))


def filter_pairs(
    left: Side,
    right: Side,
    left_open: Flags,
    right_open: Flags,
    threshold: int,
    bounds: Bounds,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[tuple[Found, Found], int]:
    """Return open records with similar filters by tier, and how many pairs were compared.

    Of sides with blocks only pairs that share one.

    Raises
    ------
    LimitError
        More than ``bounds.max_pairs`` pairs are similar.
    """
    left_rows = with_filter(left, left_open)
    right_rows = with_filter(right, right_open)
    pairs = compared_pairs(left, right, left_rows, right_rows, threshold, bounds, progress)
    found = Pairs.of(left_rows[pairs.left], right_rows[pairs.right], pairs.similarity)
    against = _contradicted(left, right, found)
    tiers = (
        Found(tier, found[part], *(np.full(int(part.sum()), each) for each in (False, True)))
        for tier, part in zip(FILTER_TIERS, (~against, against), strict=True)
    )
    return (next(tiers), next(tiers)), n_comparable(left, right, left_rows, right_rows)


def compared_pairs(
    left: Side,
    right: Side,
    left_rows: Integers,
    right_rows: Integers,
    threshold: int,
    bounds: Bounds,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """Return similar pairs of some records of two sides, or of one: places in the rows given.

    Raises
    ------
    LimitError
        More than ``bounds.max_pairs`` pairs are similar.
    """
    ours, theirs = left.filters.only(left_rows), right.filters.only(right_rows)

    def within(one: Keys, other: Keys) -> Pairs:
        return blocked_pairs(
            ours, theirs, one, other, threshold, measure=left.measure, threads=bounds.threads,
            max_pairs=bounds.max_pairs, progress=progress, held=bounds.held, work=bounds.work,
        )  # fmt: skip

    if left.blocks is not None and right.blocks is not None:
        return within(left.blocks[left_rows], right.blocks[right_rows])
    few = bounds.sampling and len(left_rows) * len(right_rows) <= SAMPLE_PAIRS
    if left.bands is not None and right.bands is not None and not few:
        return within(left.bands[left_rows], right.bands[right_rows])
    return similar_pairs(
        ours, theirs, threshold, measure=left.measure, threads=bounds.threads,
        max_pairs=bounds.max_pairs, progress=progress,
    )  # fmt: skip


def n_comparable(left: Side, right: Side, left_rows: Integers, right_rows: Integers) -> int:
    """Return how many pairs of some records :func:`compared_pairs` would find if alike.

    With bands all of them: whoever is alike enough shares a bucket.
    """
    if left.blocks is None or right.blocks is None:
        return len(left_rows) * len(right_rows)
    ours = left.blocks[left_rows]
    alone = left is right and left_rows is right_rows
    return pairs_in_blocks(ours, ours if alone else right.blocks[right_rows])


def with_filter(side: Side, is_open: Flags) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows of open records that have a filter."""
    return np.flatnonzero(is_open & side.has_filter)


def _contradicted(left: Side, right: Side, pairs: Pairs) -> Flags:
    kind = strongest_kind(left, right)
    if kind is None:
        return np.zeros(len(pairs), dtype=np.bool_)
    return _compared(kind, left, right, pairs, pc.not_equal)


def _compared(
    kind: str,
    left: Side,
    right: Side,
    pairs: Pairs,
    how: Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.ChunkedArray],
) -> Flags:
    """Compare the tokens of pairs; false where either record has none."""
    ours = left.records.token_column(kind).take(pa.array(pairs.left))
    theirs = right.records.token_column(kind).take(pa.array(pairs.right))
    return np.asarray(pc.coalesce(how(ours, theirs), pa.scalar(value=False)), dtype=np.bool_)


def _comparable(left: Side, right: Side, pairs: Pairs) -> Flags:
    if left.blocks is None or right.blocks is None:
        return np.ones(len(pairs), dtype=np.bool_)
    return left.blocks.agree(right.blocks, pairs.left, pairs.right)


def _stood_in_by(kind: str) -> set[str]:
    return {part for part, whole in STANDS_IN.items() if whole == kind}


def _has(side: Side, kind: str) -> Flags:
    if kind not in side.records.token_kinds:
        return np.zeros(len(side.records), dtype=np.bool_)
    return np.asarray(side.records.token_column(kind).is_valid(), dtype=np.bool_)


def _other_token_equal(kind: str, left: Side, right: Side, pairs: Pairs) -> Flags:
    equal = np.zeros(len(pairs), dtype=np.bool_)
    for other in shared_kinds(left, right):
        # The first 15 digits of a NIK say nothing that the NIK hasn't said.
        if other != kind and other not in {STANDS_IN.get(kind)} | _stood_in_by(kind):
            equal |= _compared(other, left, right, pairs, pc.equal)
    return equal
