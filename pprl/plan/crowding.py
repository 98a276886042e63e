"""How records are spread over blocks: how many pairs that makes, and which blocks make most.

A block that everybody is in is no block: a default birth date that was encoded, a pass of sex
alone. Its pairs are the product of both sides' records, so a few such blocks decide how long a link
takes. They are counted here before anything is compared.

It gives sizes of blocks, never their tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pprl.candidates.blocks import LARGE_BLOCK_PAIRS
from pprl.candidates.passes import Blocks, block_sizes, pairs_in_blocks
from pprl.plan.counting import WORST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet


@dataclass(frozen=True)
class Block:
    """One block of two sets.

    Attributes
    ----------
    pass_name
        Of which pass, or band.
    parties
        Positions of the two sets, from 1.
    records
        How many records of either set are in it.
    pairs
        How many that makes.
    share
        Of all comparisons, in all passes and between all sets; in [0, 1].
    """

    pass_name: str
    parties: tuple[int, int]
    records: tuple[int, int]
    pairs: int
    share: float = 0.0


@dataclass(frozen=True)
class Crowding:
    """What the blocks of some passes make of some sets.

    Attributes
    ----------
    pairs
        That share a block, each counted once.
    comparisons
        The same, each pair counted once for every pass in which it shares a block: the work.
    in_large
        Comparisons in blocks that are large enough for the tiled kernel.
    worst
        The blocks with most pairs, those first.
    """

    pairs: int
    comparisons: int
    in_large: int
    worst: tuple[Block, ...]


def crowding(sets: Sequence[EncodedSet], passes: Sequence[str], *, once: bool = True) -> Crowding:
    """Count pairs in blocks, of records that have a filter.

    Parameters
    ----------
    once
        Whether pairs that share blocks of several passes are told apart; if not, ``pairs`` are
        the comparisons.

    Notes
    -----
    Sorts of both sides of each pair of sets and each pass; for ``once``, where there are several
    passes, of each subset of passes. An eighth of a second of one core for a million records.
    """
    sides = [in_blocks(each, passes) for each in sets]
    comparisons = in_large = total = 0
    worst: list[Block] = []
    for first, second in combinations(range(len(sets)), 2):
        one, other = sides[first], sides[second]
        inside = 0
        for place, name in enumerate(passes):
            ours, theirs = block_sizes(one, other, place)
            pairs = ours * theirs  # fits: a set has less than 2**31 records
            inside += int(pairs.sum())
            in_large += int(pairs[pairs >= LARGE_BLOCK_PAIRS].sum())
            for block in np.argsort(-pairs, kind="stable")[:WORST].tolist():
                records = int(ours[block]), int(theirs[block])
                worst.append(Block(name, (first + 1, second + 1), records, int(pairs[block])))
        comparisons += inside
        total += pairs_in_blocks(one, other) if once and len(passes) > 1 else inside
    worst.sort(key=lambda block: -block.pairs)
    return Crowding(
        total,
        comparisons,
        in_large,
        tuple(replace(block, share=block.pairs / max(comparisons, 1)) for block in worst[:WORST]),
    )


def in_blocks(records: EncodedSet, passes: Sequence[str]) -> Blocks:
    """Return the blocks of a set, of records that have a filter."""
    blocks = Blocks.of(records, passes)
    return Blocks(blocks.values, blocks.present & records.has_filter())
