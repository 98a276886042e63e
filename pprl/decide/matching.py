"""From the evidence of pairs to matches: one to one for two parties, groups for more.

The two ways share the tiers of :mod:`pprl.decide.tiers` and the form of their result: records
numbered through all sets, their group, and the strongest accepted pair that ties each record to
its group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.pairs import Pairs
from pprl.decide.assignment import assign
from pprl.decide.grouping import group_records
from pprl.decide.tiers import accept_by_filter, accept_by_token, shared_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.decide.tiers import Bounds, Side


@dataclass(frozen=True)
class Matching:
    """Records in groups, by group and then by record.

    Attributes
    ----------
    record
        ``int64 (n,)``: numbered through all sets, in the order of the sets.
    group
        ``int64 (n,)``: from 0, in the order of the groups' first records.
    similarity
        ``int64 (n,)``: millionths of the strongest pair; -1 when it has no filter.
    tier
        ``int64 (n,)``: position in ``tiers`` of the strongest pair.
    """

    record: Counts
    group: Counts
    similarity: Counts
    tier: Counts
    tally: Tally


@dataclass
class Tally:
    """What the work adds up while it goes on."""

    token_pairs_refused: int = 0
    pairs_compared: int = 0
    greedy_components: int = 0


@dataclass(frozen=True)
class _Accepted:
    """Accepted pairs as records numbered through all sets; columns ``int64 (n,)``."""

    first: Counts
    second: Counts
    similarity: Counts
    tier: Counts

    @classmethod
    def of(cls, pairs: Pairs, tier: int, first_offset: int, second_offset: int) -> _Accepted:
        return cls(
            pairs.left.astype(np.int64) + first_offset,
            pairs.right.astype(np.int64) + second_offset,
            pairs.similarity.astype(np.int64),
            np.full(len(pairs), tier, dtype=np.int64),
        )

    @classmethod
    def strongest_first(cls, parts: Sequence[_Accepted]) -> _Accepted:
        """Order pairs by tier, then descending similarity, then records."""
        first, second, similarity, tier = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("first", "second", "similarity", "tier")
        )
        order = np.lexsort((second, first, -similarity, tier))
        return cls(first[order], second[order], similarity[order], tier[order])


def tier_kinds(sides: Sequence[Side]) -> tuple[str, ...]:
    """Return the token kinds that any two sides share, in the order of their schema."""
    shared = (shared_kinds(left, right) for left, right in combinations(sides, 2))
    return tuple(dict.fromkeys(kind for kinds in shared for kind in kinds))


def match(
    sides: Sequence[Side], bounds: Bounds, progress: Callable[[int, int], None] | None
) -> Matching:
    """Match the records of two or more sides.

    Raises
    ------
    LimitError
        One comparison of two sides would keep more than ``bounds.max_pairs`` pairs.
    """
    offsets = np.cumsum([0, *(len(side.records) for side in sides)]).tolist()
    kinds = tier_kinds(sides)
    one_to_one = len(sides) == 2  # noqa: PLR2004 - the number is the case
    tally = Tally()
    parts = [_Accepted.of(Pairs.concat([]), 0, 0, 0)]
    reports = _reports([len(side.records) for side in sides], progress)
    for (first, second), report in zip(combinations(range(len(sides)), 2), reports, strict=True):
        left, right = sides[first], sides[second]
        pairs = _by_tier(left, right, bounds, tally, one_to_one=one_to_one, report=report)
        parts += [
            _Accepted.of(part, len(kinds) if kind is None else kinds.index(kind),
                         offsets[first], offsets[second])
            for kind, part in pairs
        ]  # fmt: skip
    accepted = _Accepted.strongest_first(parts)
    # Pairs that are already one to one make the groups they are.
    group = group_records(accepted.first, accepted.second, offsets[-1])
    return _arrange(accepted, group, tally)


def _by_tier(
    left: Side,
    right: Side,
    bounds: Bounds,
    tally: Tally,
    *,
    one_to_one: bool,
    report: Callable[[int, int], None] | None,
) -> Iterator[tuple[str | None, Pairs]]:
    """Yield the accepted pairs of each token kind, then (None) of the filters.

    A record stays open for weaker evidence until it is in a pair that is accepted, or, when
    ``one_to_one``, in one that is also assigned.
    """
    left_open, right_open = left.all_open(), right.all_open()
    for kind in shared_kinds(left, right):
        accepted, refused = accept_by_token(kind, left, right, left_open, right_open, bounds)
        tally.token_pairs_refused += refused
        yield kind, _close(accepted, left_open, right_open, tally, one_to_one=one_to_one)
    accepted, compared = accept_by_filter(left, right, left_open, right_open, bounds, report)
    tally.pairs_compared += compared
    if report is not None:
        report(0, 0)  # also where nothing was left to compare
    yield None, _close(accepted, left_open, right_open, tally, one_to_one=one_to_one)


def _close(
    accepted: Pairs, left_open: Flags, right_open: Flags, tally: Tally, *, one_to_one: bool
) -> Pairs:
    if one_to_one:
        assignment = assign(accepted)
        tally.greedy_components += assignment.greedy_components
        accepted = accepted[assignment.chosen]
    left_open[accepted.left] = False
    right_open[accepted.right] = False
    return accepted


def _arrange(accepted: _Accepted, group: Counts, tally: Tally) -> Matching:
    """Give groups their numbers and each record the strongest pair inside its group."""
    size = len(group)
    inside = np.flatnonzero(group[accepted.first] == group[accepted.second])
    strongest = np.full(size, len(accepted.first), dtype=np.int64)
    np.minimum.at(strongest, accepted.first[inside], inside)
    np.minimum.at(strongest, accepted.second[inside], inside)
    grouped = np.flatnonzero(strongest < len(accepted.first))
    lowest = group[grouped]
    order = np.lexsort((grouped, lowest))
    record = grouped[order]
    number = np.unique(lowest[order], return_inverse=True)[1].astype(np.int64)
    best = strongest[record]
    return Matching(record, number, accepted.similarity[best], accepted.tier[best], tally)


def _reports(
    sizes: Sequence[int], progress: Callable[[int, int], None] | None
) -> Iterator[Callable[[int, int], None] | None]:
    """Yield one report a pair of sides; pairs that tokens decided count as done."""
    products = [one * other for one, other in combinations(sizes, 2)]
    for position in range(len(products)):
        end = sum(products[: position + 1])
        yield None if progress is None else _shifted(progress, end, sum(products))


def _shifted(
    progress: Callable[[int, int], None], end: int, whole: int
) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        progress(end - total + done, whole)

    return report
