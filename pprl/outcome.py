"""The numbers of a link: what was decided, and what was estimated about it.

Everything here is computed from the matching; nothing decides.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from pprl.compare.measure import MILLION
from pprl.decide.judge import Given
from pprl.decide.threshold.choice import Interval
from pprl.matches import LinkInfo, PairInfo
from pprl.plan.choice import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.candidates.lsh import BandPlan
    from pprl.compare.measure import Measure
    from pprl.decide.judge import Verdict
    from pprl.decide.matching import Matching
    from pprl.decide.threshold.estimate import Estimate, Target
    from pprl.plan.choice import Choice

_DIGITS = 6


def link_info(
    matching: Matching,
    tiers: Sequence[str],
    asked: Given | Target,
    measure: Measure,
    records: Sequence[int],
    choice: Choice,
    plan: BandPlan | None = None,
) -> LinkInfo:
    """Sum up a link.

    Parameters
    ----------
    tiers
        Names of the tiers, in the order of the matching.
    asked
        Bars or target.
    measure
        What similarity is.
    records
        Records of each set.
    choice
        Which pairs were compared.
    plan
        The bands by which, with LSH.
    """
    whole = choice.generator == EXHAUSTIVE
    parties = combinations(range(len(records)), 2)
    verdicts = list(zip(parties, matching.verdicts, strict=True))
    infos = tuple(
        _pair_info(pair, verdict, verdict.estimate, blocked=not whole)
        for pair, verdict in verdicts
        if verdict.estimate is not None
    )
    estimates = [each.estimate for each in matching.verdicts if each.estimate is not None]
    precision = _overall_precision(estimates)
    recall = _overall_recall(estimates)
    tier = matching.evidence.tier[matching.best]
    tally = matching.tally
    given = isinstance(asked, Given)
    kinds = tiers[:-2]
    return LinkInfo(
        measure=measure.compared if given else measure.weighed,
        threshold=_strictest(matching.verdicts, "filter"),
        token_threshold=_strictest(matching.verdicts, kinds[0]) if kinds else None,
        target_precision=None if isinstance(asked, Given) else asked.precision,
        estimated_precision=None if precision is None else precision.value,
        estimated_precision_interval=_ends(precision),
        estimated_recall=None if recall is None else recall.value,
        estimated_recall_interval=_ends(recall),
        recall_reason=next((each.recall_reason for each in infos if each.recall_reason), None),
        seed=None if isinstance(asked, Given) else asked.seed,
        records=tuple(records),
        groups=int(matching.group[-1]) + 1 if len(matching.group) else 0,
        rows_by_tier={
            name: int((tier == place).sum())
            for place, name in enumerate(tiers)
            if not (name == "contradicted" and not kinds)
        },
        review_pairs=len(matching.review),
        token_pairs_refused=tally.token_pairs_refused,
        candidates=choice.generator,
        block_passes=choice.passes,
        block_recall=None if whole else _block_recall(matching.verdicts),
        bands=0 if plan is None else len(plan.bands),
        skipped_pairs=0 if plan is None else plan.skipped_pairs,
        pairs_compared=tally.pairs_compared,
        contested_pairs=tally.contested_pairs,
        exchanged=tally.exchanged,
        greedy_components=tally.greedy_components,
        pairs=() if given else infos,
    )


def _block_recall(verdicts: Sequence[Verdict]) -> float | None:
    known = [each.block_recall for each in verdicts if each.block_recall is not None]
    return round(min(known), _DIGITS) if len(known) == len(verdicts) else None


def _pair_info(
    parties: tuple[int, int], verdict: Verdict, estimate: Estimate, *, blocked: bool
) -> PairInfo:
    accepted = estimate.choice.found > 0
    precision = _rounded(estimate.choice.precision) if accepted else None
    recall = None if estimate.recall is None else _rounded(estimate.recall)
    return PairInfo(
        parties=parties,
        accept=_shares(verdict.accept),
        review=_shares(verdict.review),
        estimated_precision=None if precision is None else precision.value,
        estimated_precision_interval=_ends(precision),
        estimated_recall=None if recall is None else recall.value,
        estimated_recall_interval=_ends(recall),
        recall_reason=estimate.recall_reason,
        persons=round(estimate.persons, 1),
        duplicates=tuple(round(each, _DIGITS) for each in estimate.duplicates),
        namesakes=round(estimate.namesakes, 1),
        rows_sampled=estimate.rows_sampled,
        pairs_sampled=estimate.pairs_sampled,
        null_events=estimate.null_events,
        compared_from=estimate.first_similarity / MILLION,
        block_recall=_block_recall([verdict]) if blocked else None,
    )


def _overall_precision(estimates: Sequence[Estimate]) -> Interval | None:
    found = sum(each.choice.found for each in estimates)
    if not found:
        return None
    return _rounded(
        _combined([(each.choice.precision, each.choice.found / found) for each in estimates])
    )


def _overall_recall(estimates: Sequence[Estimate]) -> Interval | None:
    persons = sum(each.persons for each in estimates)
    parts = [(each.recall, each.persons / persons) for each in estimates if each.recall is not None]
    if not parts or len(parts) < len(estimates):
        return None
    return _rounded(_combined([(recall, share) for recall, share in parts]))


def _combined(parts: Sequence[tuple[Interval, float]]) -> Interval:
    """Average estimates by their shares, ends too: pairs of parties err together."""
    value, low, high = (
        sum(getattr(each, end) * share for each, share in parts) for end in ("value", "low", "high")
    )
    return Interval(value, low, high)


def _rounded(interval: Interval) -> Interval:
    return Interval(
        *(round(each, _DIGITS) for each in (interval.value, interval.low, interval.high))
    )


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)


def _strictest(verdicts: Sequence[Verdict], tier: str) -> float | None:
    return _share(max(each.accept[tier] for each in verdicts if tier in each.accept))


def _shares(bars: Mapping[str, int]) -> dict[str, float | None]:
    return {tier: _share(bar) for tier, bar in bars.items()}


def _share(bar: int) -> float | None:
    """Return a bar as a similarity; None for the one above all similarities."""
    return None if bar > MILLION else bar / MILLION
