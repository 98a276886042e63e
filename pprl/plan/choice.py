"""Which pairs are compared, and why.

``auto`` takes blocks where all sets have a blocking pass in common; every pair where there are few
enough; bands of sampled bits (LSH) for more pairs of Bloom filters. Hardened filters can't be
sampled, so many of them without a pass are refused. What is asked for by name is taken, if the sets
can do it.

It looks at headers and columns, never at a record: it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet

EXHAUSTIVE = "exhaustive"
BLOCKS = "blocks"
LSH = "lsh"
AUTO = "auto"
CANDIDATES = (AUTO, EXHAUSTIVE, BLOCKS, LSH)

MOST_EXHAUSTIVE = 10**12
"""Pairs up to which ``auto`` compares every one: some minutes of two cores."""


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes
    ----------
    generator
        ``exhaustive``, ``blocks`` or ``lsh``.
    reason
        Code of the sentence that says why.
    passes
        The blocking passes to use; none without ``blocks``.
    """

    generator: str
    reason: str
    passes: tuple[str, ...] = ()


def choose(sets: Sequence[EncodedSet], candidates: str = AUTO) -> Choice:
    """Return which pairs of filters are compared.

    Parameters
    ----------
    sets
        Comparable ones, two or more.
    candidates
        One of :data:`CANDIDATES`.

    Raises
    ------
    ConfigError
        Unknown candidates; blocks that the sets don't have; LSH of filters that aren't ``clk``.
    LimitError
        ``auto``, and no way leads there: too many pairs of hardened filters without a pass.
    """
    if candidates not in CANDIDATES:
        choices = ", ".join(CANDIDATES)
        raise ConfigError("link.candidates", given=candidates, choices=choices)
    if candidates == EXHAUSTIVE:
        return Choice(EXHAUSTIVE, "plan.reason_asked")
    samplable = sets[0].header.scheme == "clk"
    if candidates == LSH:
        if not samplable:
            raise ConfigError("plan.lsh_not_clk")
        return Choice(LSH, "plan.reason_asked")
    passes = common_passes(sets)
    if candidates == BLOCKS:
        if not passes:
            raise ConfigError("link.no_blocks")
        return Choice(BLOCKS, "plan.reason_asked", passes)
    if passes:
        return Choice(BLOCKS, "plan.reason_passes", passes)
    pairs = pairs_in_all(with_filters(sets))
    if pairs <= MOST_EXHAUSTIVE:
        return Choice(EXHAUSTIVE, "plan.reason_few_pairs")
    if samplable:
        return Choice(LSH, "plan.reason_many_pairs")
    raise LimitError("plan.hardened_without_pass", pairs=pairs, limit=MOST_EXHAUSTIVE)


def common_passes(sets: Sequence[EncodedSet]) -> tuple[str, ...]:
    """Return the blocking passes that all sets have, in the order of the first one's schema."""
    first, *others = (each.block_passes for each in sets)
    return tuple(name for name in first if all(name in names for names in others))


def with_filters(sets: Sequence[EncodedSet]) -> tuple[int, ...]:
    """Return how many records of each set have a filter. The files say it themselves."""
    return tuple(len(each) - each.table.column("filter").null_count for each in sets)


def pairs_in_all(records: Sequence[int]) -> int:
    """Return how many pairs records of different sets make.

    >>> pairs_in_all([2, 3, 4])
    26
    """
    return sum(one * other for one, other in combinations(records, 2))
