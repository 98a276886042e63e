"""The estimate for one pair of parties: bars, how good they are, and how that is known.

What matching asks of a judge (:mod:`pprl.decide.judge`), answered from the data: a bar for each
kind of token from the two modes of its similarities, the similarity from which filters need be
compared from a pilot sample, and in the end everything at once.

Where filters are compared in blocks, all of what is said about them is about pairs that share one:
the matches among them look more alike than others, and so do people who aren't one person. So the
tokens that show what matches look like are split as well: those of pairs in blocks go to the
filters, and the share of right ones among them is the share of persons whose records meet at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.measure import MILLION
from pprl.compare.pairs import Pairs
from pprl.decide.judge import UNKNOWN, Verdict
from pprl.decide.threshold.bins import BINS, STEP, TOP, at_least, bin_of, edge, histogram
from pprl.decide.threshold.choice import (
    REVIEW_FLOOR,
    Choice,
    Interval,
    TierCurve,
    choose,
)
from pprl.decide.threshold.fitted import Fitted, rising
from pprl.decide.threshold.mixture import FEW, Observed, fit
from pprl.decide.threshold.sampling import (
    LEAST_PAIRS,
    SHARE_OF_PAIRS,
    crowded_bin,
    inside,
    pilot_rows,
    random_similarities,
    some_open,
    usual_bin,
)
from pprl.decide.threshold.selection import BEFORE_ALL, Taken, share_free
from pprl.decide.tiers import (
    CONTRADICTED_TIER,
    FILTER_TIERS,
    STANDS_IN,
    filter_pairs,
    n_comparable,
    strongest_kind,
    with_filter,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.bins import Floats
    from pprl.decide.threshold.mixture import Mixture, Within
    from pprl.decide.threshold.smoothing import Smooth
    from pprl.decide.tiers import Bounds, Found, Side

NEVER = MILLION + 1
"""A bar above all similarities."""

_LOW_BINS = 8  # above the first one: chance pairs, to learn how many find their records free
_EVEN = 0.5
_FAR_BELOW = 10  # bins
_BELOW_CROWDED = 20  # bins
_LEAST_FREE = 1e-3
_FEW_FREE = 5  # pairs
_ENOUGH_CHANCE = 3_000  # pairs of different people, to see how fast they get rarer
_HOPELESS = 0.02  # local precision; well below what goes to review


@dataclass(frozen=True)
class Target:
    """What the user asks for.

    Attributes
    ----------
    precision
        Least precision of the accepted matches; None for the largest F1.
    seed
        Of the samples.
    """

    precision: float | None
    seed: int


@dataclass(frozen=True)
class Estimate:
    """What was found out about one pair of parties.

    Attributes
    ----------
    curves
        One a tier, for charts and tables.
    choice
        The cutoff, with the expected precision of what is accepted.
    review
        By tier, the bar of the review band in millionths.
    recall
        Share of the common persons that are accepted; None when it can't be said.
    recall_reason
        ``no_tokens`` or ``few_tokens`` when recall is None.
    persons
        How many persons both files are expected to have.
    share_right
        By kind of token, the share of right pairs among all with an equal token.
    duplicates
        For each file, how many other records of the same person a record has on average.
    namesakes
        Sampled pairs inside the files that share everything without being one person.
    rows_sampled, pairs_sampled, null_events
        Rows and pairs looked at inside the files, and the pairs of different people among them
        that reach the accept bar of ``filter``.
    block_recall
        Share of the common persons whose records share a block, as their tokens tell; 1 where
        every pair is compared, None where tokens can't tell.
    first_similarity
        Dice coefficient in millionths from which filters were compared.
    null_fit
        The null with its uncertainty.
    """

    curves: tuple[TierCurve, ...]
    choice: Choice
    review: Mapping[str, int]
    recall: Interval | None
    recall_reason: str | None
    persons: float
    share_right: Mapping[str, float]
    duplicates: tuple[float, ...]
    namesakes: float
    rows_sampled: tuple[int, ...]
    pairs_sampled: int
    null_events: int
    block_recall: float | None
    first_similarity: int
    null_fit: Smooth | None

    def precision_of(self, found: Found) -> Counts:
        """Return for each pair the chance in millionths that it is one person, ``int64 (n,)``."""
        if not len(found.pairs):
            return np.empty(0, dtype=np.int64)
        curve = next((each for each in self.curves if each.tier == found.tier), None)
        if curve is None:
            return np.full(len(found.pairs), UNKNOWN, dtype=np.int64)
        by_bin = np.round(curve.local_precision * MILLION).astype(np.int64)
        blind = round(self.share_right.get(found.tier, 0.0) * MILLION)
        places = np.maximum(found.pairs.similarity, 0) // STEP
        return np.where(found.blind, blind, by_bin[places])


class Estimator:
    """Finds the bars of one pair of parties; see :class:`pprl.decide.judge.Judge`."""

    def __init__(self, left: Side, right: Side, target: Target, bounds: Bounds) -> None:
        self._left, self._right = left, right
        self._target = target
        self._bounds = bounds
        self._kind = strongest_kind(left, right)
        self._random = random_similarities(left, right, target.seed)
        self._tokens: dict[str, Floats] = {}
        self._in_blocks: dict[str, Floats] = {}
        self._blocked = left.blocks is not None and right.blocks is not None
        self._bars: dict[str, int] = {}
        self._first = BINS

    def weigh(self, found: Found) -> Found:
        """Return the pairs with the measure's better similarity, where it has one.

        Of Bloom filters the mean of Dice and overlap coefficient makes fewer mistakes than Dice
        alone, measured with labels: docs/concepts/thresholds.md.
        """
        return found.leniently(self._left, self._right)

    def token_bar(self, found: Found) -> int:
        """Return the similarity at which a pair with this token is as likely right as wrong.

        A kind that only stands in for another, with too few pairs to show how its wrong ones are
        spread, is no tier of its own: its pairs are left to their filters.
        """
        counts = _counts(found)
        if found.tier in STANDS_IN and counts.sum() < FEW:
            return NEVER
        self._tokens[found.tier] = counts
        self._in_blocks[found.tier] = _counts(found.only(found.comparable))
        curve = self._token_curve(found.tier, self._fit_tokens(), counts)
        self._bars[found.tier] = edge(curve.bar(_EVEN))
        return self._bars[found.tier]

    def first_similarity(self, left_open: Flags, right_open: Flags) -> int:
        """Return a similarity safely below every pair that could go to review, from a sample.

        Comparing takes longer the lower it starts, so that it is worth a pilot: some records of
        the smaller side with all of the larger.
        """
        sides = (self._left, self._right)
        rows = [with_filter(*each) for each in zip(sides, (left_open, right_open), strict=True)]
        seed, bounds = self._target.seed, self._bounds
        small = 0 if len(rows[0]) <= len(rows[1]) else 1
        crowded = crowded_bin(sides[1 - small], rows[1 - small], seed, bounds)
        lowest = max(crowded - _BELOW_CROWDED, 0)
        if self._blocked:
            usual = usual_bin(sides[1 - small], rows[1 - small], seed, bounds)
            lowest = max(lowest, usual)
        is_open = [left_open, right_open]
        is_open[small] = some_open(
            is_open[small] & sides[small].has_filter,
            pilot_rows(sides[small], rows[small], sides[1 - small], rows[1 - small]),
            seed,
        )
        found, n_compared = filter_pairs(
            self._left, self._right, is_open[0], is_open[1], self._below(lowest), self._bounds
        )
        if not n_compared:
            self._first = crowded
            return self._below(crowded)
        within = inside(sides[1 - small], self._kind, lowest, n_compared, seed, bounds)
        weighed = [self.weigh(each) for each in found]
        mixture = fit(self._observed(weighed, lowest, n_compared, [within]))
        # What one-to-one assignment will leave of chance, as far as a pilot can tell.
        matched = min(
            sum(mixture.matches[tier] for tier in mixture.null) / int(is_open[small].sum()), 1.0
        )
        share = len(rows[small]) / len(rows[1 - small])
        free = max((1 - matched) * (1 - matched * share), _LEAST_FREE)
        bars = [
            np.searchsorted(
                rising(mixture.matches[tier] * mixture.shape, null * free, lowest), _HOPELESS
            )
            for tier, null in mixture.null.items()
        ]
        whole = n_comparable(*sides, *rows) / n_compared
        chance = at_least(sum(mixture.null.values(), np.zeros(BINS))) * whole
        enough = int(np.flatnonzero(chance >= min(_ENOUGH_CHANCE, chance[lowest]))[-1])
        self._first = min(int(min(bars)), max(enough, lowest), TOP)
        return self._below(self._first)

    def verdict(self, found: Sequence[Found], n_compared: int) -> Verdict:
        """Fit everything that was found, and choose."""
        budget = max(LEAST_PAIRS, SHARE_OF_PAIRS * n_compared) / 2
        within = [
            inside(side, self._kind, self._first, budget, self._target.seed, self._bounds)
            for side in (self._left, self._right)
        ]
        mixture = fit(self._observed(found, self._first, n_compared, within))
        bands = self._left.bands
        fitted = Fitted(mixture, mixture, 1.0 if bands is None else bands.plan.recall)
        if self._blocked:
            by_token = self._fit_tokens() if self._tokens else mixture
            fitted = Fitted.in_blocks(mixture, by_token, self._kind, self._in_blocks)
        curves = self._curves(found, fitted)
        choice = choose(
            curves, mixture.null_fit, precision=self._target.precision, persons=fitted.persons
        )
        review = self._review(curves, choice)
        recall, reason = fitted.recall(curves, choice, tuple(self._tokens))
        bar = bin_of(choice.bars(curves)[FILTER_TIERS[0]])
        estimate = Estimate(
            curves=curves,
            choice=choice,
            review=review,
            recall=recall,
            recall_reason=reason,
            persons=fitted.persons,
            share_right={
                kind: fitted.matches(kind) / (fitted.matches(kind) + float(wrong.sum()))
                for kind, wrong in fitted.tokens.wrong.items()
            },
            duplicates=fitted.duplicates,
            namesakes=mixture.namesakes,
            rows_sampled=tuple(each.rows for each in within),
            pairs_sampled=int(sum(each.pairs for each in within)),
            null_events=int(sum(each.counts[bar:].sum() for each in within)),
            block_recall=fitted.block_recall,
            first_similarity=self._below(self._first),
            null_fit=mixture.null_fit,
        )
        bars = {each.tier: NEVER for each in found} | choice.bars(curves)
        return Verdict(
            bars, {each.tier: 0 for each in found} | review, estimate, fitted.block_recall
        )

    def _fit_tokens(self) -> Mixture:
        """Split all pairs with an equal token, whatever their blocks."""
        return fit(Observed(BINS, 0.0, self._most(), {}, self._tokens, (), self._random))

    def _observed(
        self, found: Sequence[Found], lowest: int, n_compared: int, within: Sequence[Within]
    ) -> Observed:
        filters = {each.tier: _counts(each) for each in found if each.tier in FILTER_TIERS}
        if self._kind is None:
            del filters[CONTRADICTED_TIER]  # nothing can contradict
        return Observed(
            lowest, float(n_compared), self._most(), filters, self._in_blocks, within, self._random
        )

    def _below(self, place: int) -> int:
        """Return the similarity from which pairs of a bin and above are found."""
        return self._left.measure.below(edge(place))

    def _most(self) -> float:
        return float(min(len(self._left.records), len(self._right.records)))

    def _curves(self, found: Sequence[Found], fitted: Fitted) -> tuple[TierCurve, ...]:
        """Follow one-to-one assignment, and set what it finds against what chance would."""
        mixture = fitted.filters
        taken = Taken.nobody(len(self._left.records), len(self._right.records))
        curves = []
        for each in found:
            if each.tier in self._tokens:
                pairs = each.pairs[each.reaching(self._bars[each.tier])]
                kept = pairs[taken.take(pairs, BEFORE_ALL)].similarity
                curves.append(
                    self._token_curve(each.tier, fitted.tokens, histogram(kept[kept >= 0]))
                )
        tiers = [each for each in found if each.tier in mixture.null]
        even, shifts = self._shifts(mixture)
        pairs = Pairs.concat([each.pairs.weaker_by(shifts[each.tier]) for each in tiers])
        matched = taken.take(pairs)
        weakest = Pairs.concat([_below(each.pairs, self._first + _LOW_BINS) for each in tiers])
        lost = taken.strength_of(weakest)
        middle = np.arange(BINS) * STEP + STEP // 2
        start = 0
        for each in tiers:
            stop = start + len(each.pairs)
            kept = each.pairs.similarity[matched[start:stop]]
            start = stop
            free = share_free(lost, middle - shifts[each.tier])
            # That nobody was seen free doesn't say that chance is nowhere.
            free = np.maximum(free, min(_FEW_FREE / max(len(lost), 1), 1.0))
            null = mixture.null[each.tier] * free
            right = mixture.matches[each.tier] * mixture.shape
            # Far below the bar chance pairs take each other's records, and those of matches too:
            # what that leaves of either says nothing about a pair.
            low = max(bin_of(shifts[each.tier] + even) - _FAR_BELOW, self._first)
            free[:low] = free[low]
            local = rising(right, mixture.null[each.tier] * free, self._first)
            curves.append(TierCurve(each.tier, histogram(kept), right, null, local, by_null=True))
        return tuple(curves)

    def _shifts(self, mixture: Mixture) -> tuple[int, dict[str, int]]:
        """Return where pairs are even, and how much more similar those of each tier must be.

        Before any bar is chosen, and for the tier that needs least.
        """
        even = {}
        for tier, null in mixture.null.items():
            local = rising(mixture.matches[tier] * mixture.shape, null, self._first)
            even[tier] = edge(int(np.searchsorted(local, _EVEN)))
        least = min(even.values())
        return least, {tier: bar - least for tier, bar in even.items()}

    def _token_curve(self, kind: str, mixture: Mixture, found: Floats) -> TierCurve:
        right, wrong = mixture.matches[kind] * mixture.shape, mixture.wrong[kind]
        usual = int(np.searchsorted(self._random.cumsum(), self._random.sum() / 2))
        return TierCurve(kind, found, right, wrong, rising(right, wrong, usual), by_null=False)

    def _review(self, curves: Sequence[TierCurve], choice: Choice) -> dict[str, int]:
        accept = choice.bars(curves)
        return {
            curve.tier: min(edge(curve.bar(REVIEW_FLOOR)), accept[curve.tier])
            if curve.by_null
            else 0  # a token is a reason to look, whatever the filters say
            for curve in curves
        }


def _counts(found: Found) -> Floats:
    similarity = found.pairs.similarity
    return histogram(similarity[similarity >= 0])


def _below(pairs: Pairs, place: int) -> Pairs:
    return pairs[pairs.similarity < edge(place)]
