"""How many pairs a way to choose candidates leaves, and what it should find.

Exactly for every pair and for blocks; from samples for bands of sampled bits. No filters are
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pprl.plan.choice import BLOCKS, LSH, pairs_in_all, with_filters

WORST = 10
"""Blocks that are named."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet
    from pprl.plan.choice import Choice
    from pprl.plan.crowding import Block


@dataclass(frozen=True)
class Counted:
    """What there is to compare.

    Attributes
    ----------
    pairs
        Each counted once.
    comparisons, tiled
        Each counted once for every pass or band; those in tiles among them.
    passes
        Times that records are put in order.
    worst
        The blocks with most pairs.
    recall
        Share of the pairs of one person among them; None where nothing tells.
    recall_pairs
        Known pairs that say so.
    skipped
        Pairs of bands that aren't compared in them: their buckets are too large.
    """

    pairs: int
    comparisons: int
    tiled: int
    passes: int
    worst: tuple[Block, ...]
    recall: float | None
    recall_pairs: int
    skipped: int = 0


def count(sets: Sequence[EncodedSet], choice: Choice, recall: float, seed: int) -> Counted:
    """Count the pairs of a choice; ``recall`` and ``seed`` matter to ``lsh``."""
    if choice.generator == BLOCKS:
        return _in_blocks(sets, choice.passes)
    if choice.generator == LSH:
        return _in_bands(sets, recall, seed)
    pairs = pairs_in_all(with_filters(sets))
    return Counted(pairs, pairs, pairs, 0, (), 1.0, 0)


def _in_blocks(sets: Sequence[EncodedSet], passes: Sequence[str]) -> Counted:
    # Loaded late: what compares loads compiled kernels, and every pair needs none of it.
    from pprl.plan.crowding import crowding  # noqa: PLC0415 - see above
    from pprl.plan.recall import block_recall  # noqa: PLC0415

    crowd, told = crowding(sets, passes), block_recall(sets, passes)
    return Counted(
        crowd.pairs,
        crowd.comparisons,
        crowd.in_large,
        len(passes),
        crowd.worst,
        told.share,
        told.pairs,
    )


def _in_bands(sets: Sequence[EncodedSet], recall: float, seed: int) -> Counted:
    from pprl.candidates.lsh import Bands, pairs_in_bands  # noqa: PLC0415 - as above
    from pprl.candidates.lsh import choose as choose_bands  # noqa: PLC0415
    from pprl.plan.crowding import Block  # noqa: PLC0415
    from pprl.plan.recall import known_pairs  # noqa: PLC0415

    # One choice for all, by the two largest sets, as a link makes it.
    one, other = sorted(range(len(sets)), key=lambda place: len(sets[place]))[-2:]
    left, right = sets[one], sets[other]
    bands = choose_bands(
        left.filters(),
        right.filters(),
        known=known_pairs(left, right),
        recall=recall,
        seed=seed,
    )
    sides = [Bands(each.filters(), bands) for each in sets]
    pairs = sum(pairs_in_bands(*two, seed) for two in combinations(sides, 2))
    others = pairs_in_all(with_filters(sets)) / max(pairs_in_all(with_filters([left, right])), 1)
    comparisons = round(bands.candidates * others)
    worst = [
        Block(
            f"band {bucket.band + 1}",
            (one + 1, other + 1),
            (bucket.left, bucket.right),
            bucket.n_pairs,
            bucket.n_pairs / max(comparisons, 1),
        )
        for bucket in bands.largest
    ]
    return Counted(
        # Both are counted from samples: more of one than of the other is chance.
        pairs=min(pairs, comparisons),
        comparisons=comparisons,
        tiled=0,
        passes=len(bands.bands),
        worst=tuple(worst[:WORST]),
        recall=bands.recall,
        recall_pairs=bands.known_pairs,
        skipped=bands.skipped_pairs,
    )
