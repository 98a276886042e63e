"""From the evidence of pairs to matches: one to one for two parties, groups for more.

The two ways share the tiers of :mod:`pprl.decide.tiers`, the judges of :mod:`pprl.decide.judge`
and the form of their result: records numbered through all sets, their group, and the strongest
accepted pair that ties each record to its group. Everything is found first, with the bars of the
moment; then the judge gives the bars that decide. Pairs that are neither accepted nor hopeless go
to review, if neither of their records was matched with the other's party.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.pairs import Pairs
from pprl.decide.assignment import assign
from pprl.decide.grouping import group_records, settle
from pprl.decide.tiers import FILTER_TIERS, filter_pairs, shared_kinds, token_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.decide.judge import Judge, Verdict
    from pprl.decide.tiers import Bounds, Found, Side

_TIER_STRIDE = 10_000_000  # above any similarity: a stronger tier before a weaker one


@dataclass(frozen=True)
class Evidence:
    """Pairs as records numbered through all sets; columns ``int64 (n,)``.

    Attributes
    ----------
    first, second
        The records.
    similarity
        In millionths; -1 without a filter.
    tier
        Position in the tiers of the link.
    precision
        Chance in millionths that the pair is right; -1 when unknown.
    strength
        What orders pairs of all tiers.
    """

    first: Counts
    second: Counts
    similarity: Counts
    tier: Counts
    precision: Counts
    strength: Counts

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def concat(cls, parts: Sequence[Evidence]) -> Evidence:
        """Put pairs end to end."""
        names = ("first", "second", "similarity", "tier", "precision", "strength")
        none = np.empty(0, dtype=np.int64)
        return cls(*(np.concatenate([none, *(getattr(p, name) for p in parts)]) for name in names))

    def strongest_first(self) -> Evidence:
        """Order pairs by descending strength, then by records."""
        return self[np.lexsort((self.second, self.first, -self.strength))]

    def __getitem__(self, chosen: np.ndarray) -> Evidence:
        return Evidence(
            self.first[chosen],
            self.second[chosen],
            self.similarity[chosen],
            self.tier[chosen],
            self.precision[chosen],
            self.strength[chosen],
        )


@dataclass(frozen=True)
class Matching:
    """Records in groups, by group and then by record; columns ``int64 (n,)``.

    Attributes
    ----------
    record
        Numbered through all sets, in the order of the sets.
    group
        From 0, in the order of the groups' first records.
    best
        Position in ``evidence`` of the strongest pair between the record and one of its group.
    evidence
        The accepted pairs.
    review
        Pairs for a clerk, by first and second record.
    verdicts
        By pair of parties, in order.
    tally
        What was counted.
    """

    record: Counts
    group: Counts
    best: Counts
    evidence: Evidence
    review: Evidence
    verdicts: tuple[Verdict, ...]
    tally: Tally


@dataclass
class Tally:
    """What the work adds up while it goes on."""

    token_pairs_refused: int = 0
    pairs_compared: int = 0
    greedy_components: int = 0
    contested_pairs: int = 0
    exchanged: int = 0


def tier_kinds(sides: Sequence[Side]) -> tuple[str, ...]:
    """Return the token kinds that any two sides share, in the order of their schema."""
    shared = (shared_kinds(left, right) for left, right in combinations(sides, 2))
    return tuple(dict.fromkeys(kind for kinds in shared for kind in kinds))


def match(
    sides: Sequence[Side],
    judges: Sequence[Judge],
    bounds: Bounds,
    progress: Callable[[int, int], None] | None,
) -> Matching:
    """Match the records of two or more sides.

    Parameters
    ----------
    judges
        One for each pair of sides, in the order of ``combinations``.

    Raises
    ------
    LimitError
        One comparison of two sides would keep more than ``bounds.max_pairs`` pairs.
    """
    offsets = np.cumsum([0, *(len(side.records) for side in sides)]).tolist()
    tiers = (*tier_kinds(sides), *FILTER_TIERS)
    one_to_one = len(sides) == 2  # noqa: PLR2004 - the number is the case
    tally = Tally()
    reports = _reports(sides, progress)
    accepted, reviewed, verdicts = [], [], []
    for (first, second), judge, report in zip(
        combinations(range(len(sides)), 2), judges, reports, strict=True
    ):
        left, right = sides[first], sides[second]
        found, n_comparable = _find(
            left, right, judge, bounds, report, tally, one_to_one=one_to_one
        )
        verdict = judge.verdict(found, n_comparable)
        verdicts.append(verdict)
        numbered = _Numbering(tiers, verdict, offsets[first], offsets[second])
        decision = _Decision(left, right, verdict, one_to_one=one_to_one)
        accepted += [numbered.evidence(each) for each in decision.accept(found, tally)]
        reviewed += [numbered.evidence(each) for each in decision.review(found)]
    evidence = Evidence.concat(accepted).strongest_first()
    # Pairs that are already one to one make the groups they are.
    group = group_records(evidence.first, evidence.second, offsets[-1])
    if not one_to_one:
        party = np.repeat(np.arange(len(sides)), np.diff(offsets))
        group, tally.exchanged = settle(
            group, evidence.first, evidence.second, evidence.strength, party
        )
        apart = group[evidence.first] != group[evidence.second]
        tally.contested_pairs += int(apart.sum())
    review = Evidence.concat(reviewed)
    if not one_to_one:
        review = _still_apart(review, group, np.asarray(offsets))
    review = review[np.lexsort((review.second, review.first))]
    return _arrange(evidence, group, review, tuple(verdicts), tally)


def _find(
    left: Side,
    right: Side,
    judge: Judge,
    bounds: Bounds,
    report: Callable[[int, int], None] | None,
    tally: Tally,
    *,
    one_to_one: bool,
) -> tuple[list[Found], int]:
    """Return the pairs of every tier, and how many pairs of filters could be compared.

    A record stays open for weaker evidence until it is in a pair that reaches its bar, or, when
    ``one_to_one``, in one that is also assigned.
    """
    left_open, right_open = left.all_open(), right.all_open()
    found = []
    for kind in shared_kinds(left, right):
        each = judge.weigh(token_pairs(kind, left, right, left_open, right_open, bounds))
        found.append(each)
        reached = each.pairs[each.reaching(judge.token_bar(each))]
        if one_to_one:
            reached = reached[assign(reached).chosen]
        left_open[reached.left] = False
        right_open[reached.right] = False
    threshold = judge.first_similarity(left_open, right_open)
    seen = _Seen(report)
    tiers, comparable = filter_pairs(
        left, right, left_open, right_open, threshold, bounds, seen.report
    )
    if report is not None:
        report(0, 0)  # also where nothing was left to compare
    tally.pairs_compared += comparable if left.bands is None else seen.pairs
    return [*found, *map(judge.weigh, tiers)], comparable


class _Seen:
    """How many pairs were compared so far, passed on to whoever wants to know."""

    def __init__(self, report: Callable[[int, int], None] | None) -> None:
        self.pairs = 0
        self._report = report

    def report(self, done: int, total: int) -> None:
        self.pairs = done
        if self._report is not None:
            self._report(done, total)


class _Decision:
    """Accepts pairs of two sides with the bars that decide, and keeps who is still open."""

    def __init__(self, left: Side, right: Side, verdict: Verdict, *, one_to_one: bool) -> None:
        self._left_open, self._right_open = left.all_open(), right.all_open()
        self._verdict = verdict
        self._one_to_one = one_to_one

    def accept(self, found: Sequence[Found], tally: Tally) -> Iterator[Found]:
        """Yield the accepted pairs of each tier."""
        for each in found:
            if each.tier not in FILTER_TIERS:
                reached = each.reaching(self._verdict.accept[each.tier])
                tally.token_pairs_refused += int(np.count_nonzero(~reached))
                reached &= self._both_open(each)
                yield from self._assigned([each.only(reached)], tally)
        filters = [each for each in found if each.tier in FILTER_TIERS]
        yield from self._assigned(
            [
                each.only(each.reaching(self._verdict.accept[each.tier]) & self._both_open(each))
                for each in filters
            ],
            tally,
        )

    def review(self, found: Sequence[Found]) -> Iterator[Found]:
        """Yield the pairs that a clerk should see, of records that are still open."""
        tokens = [each for each in found if each.tier not in FILTER_TIERS]
        filters = [each for each in found if each.tier in FILTER_TIERS]
        for tiers in (tokens, filters):
            doubtful = []
            for each in tiers:
                accept, review = (
                    bars[each.tier] for bars in (self._verdict.accept, self._verdict.review)
                )
                wanted = ~each.reaching(accept) & self._both_open(each)
                if review >= accept:  # given bars leave nothing to review
                    wanted[:] = False
                doubtful.append(each.only(wanted & (each.blind | each.reaching(review))))
            for each, chosen in zip(doubtful, self._choose(doubtful)[0], strict=True):
                yield each.only(chosen)

    def _both_open(self, each: Found) -> Flags:
        pairs = each.pairs
        open_: Flags = self._left_open[pairs.left] & self._right_open[pairs.right]
        return open_

    def _assigned(self, tiers: Sequence[Found], tally: Tally) -> list[Found]:
        """Return what one-to-one assignment leaves of tiers that compete, and close records."""
        kept = list(tiers)
        if self._one_to_one:
            chosen, greedy = self._choose(tiers)
            tally.greedy_components += greedy
            tally.contested_pairs += sum(int(np.count_nonzero(~flags)) for flags in chosen)
            kept = [each.only(flags) for each, flags in zip(tiers, chosen, strict=True)]
        for each in kept:
            self._left_open[each.pairs.left] = False
            self._right_open[each.pairs.right] = False
        return kept

    def _choose(self, tiers: Sequence[Found]) -> tuple[list[Flags], int]:
        """Return the pairs of largest total strength, at most one a record."""
        if not tiers:
            return [], 0
        together = Pairs.concat(
            [
                Pairs.of(each.pairs.left, each.pairs.right, self._verdict.strength_of(each))
                for each in tiers
            ]
        )
        assignment = assign(together)
        chosen = np.zeros(len(together), dtype=np.bool_)
        chosen[assignment.chosen] = True
        ends = np.cumsum([len(each.pairs) for each in tiers])[:-1]
        return np.split(chosen, ends), assignment.greedy_components


@dataclass(frozen=True)
class _Numbering:
    """Where the records and tiers of two sides stand among all."""

    tiers: tuple[str, ...]
    verdict: Verdict
    first_offset: int
    second_offset: int

    def evidence(self, found: Found) -> Evidence:
        place = self.tiers.index(found.tier)
        rank = min(place, len(self.tiers) - len(FILTER_TIERS))  # filters of all tiers compete
        return Evidence(
            found.pairs.left.astype(np.int64) + self.first_offset,
            found.pairs.right.astype(np.int64) + self.second_offset,
            found.pairs.similarity.astype(np.int64),
            np.full(len(found.pairs), place, dtype=np.int64),
            self.verdict.precision_of(found),
            self.verdict.strength_of(found) - rank * _TIER_STRIDE,
        )


def _still_apart(review: Evidence, group: Counts, offsets: Counts) -> Evidence:
    """Keep pairs of which neither record is grouped with a record of the other's party."""
    party_of = np.searchsorted(offsets, np.arange(len(group)), side="right") - 1
    n_parties = len(offsets) - 1
    occupied = np.unique(group * n_parties + party_of)

    def grouped(record: Counts, other: Counts) -> Flags:
        return np.isin(group[record] * n_parties + party_of[other], occupied)

    free = ~grouped(review.first, review.second) & ~grouped(review.second, review.first)
    return review[free]


def _arrange(
    evidence: Evidence,
    group: Counts,
    review: Evidence,
    verdicts: tuple[Verdict, ...],
    tally: Tally,
) -> Matching:
    """Give groups their numbers and each record the strongest pair inside its group."""
    size = len(group)
    inside = np.flatnonzero(group[evidence.first] == group[evidence.second])
    strongest = np.full(size, len(evidence), dtype=np.int64)
    np.minimum.at(strongest, evidence.first[inside], inside)
    np.minimum.at(strongest, evidence.second[inside], inside)
    grouped = np.flatnonzero(strongest < len(evidence))
    lowest = group[grouped]
    order = np.lexsort((grouped, lowest))
    record = grouped[order]
    number = np.unique(lowest[order], return_inverse=True)[1].astype(np.int64)
    return Matching(record, number, strongest[record], evidence, review, verdicts, tally)


def _reports(
    sides: Sequence[Side], progress: Callable[[int, int], None] | None
) -> Iterator[Callable[[int, int], None] | None]:
    """Yield one report a pair of sides; pairs that tokens decided count as done."""
    products = [len(one.records) * len(other.records) for one, other in combinations(sides, 2)]
    blocked = any(side.blocks is not None or side.bands is not None for side in sides)
    for position, product in enumerate(products):
        end = sum(products[: position + 1])
        if progress is None:
            yield None
        elif blocked:
            yield _shifted(progress, end, sum(products), product)
        else:
            yield _shifted(progress, end, sum(products))


def _shifted(
    progress: Callable[[int, int], None], end: int, whole: int, stretched: int | None = None
) -> Callable[[int, int], None]:
    """Put one pair of sides among all; ``stretched``: as if it had compared so many pairs."""

    def report(done: int, total: int) -> None:
        if stretched is not None and total:
            done, total = stretched * done // total, stretched
        progress(end - total + done, whole)

    return report
