"""What was found, split into matches and chance: one mixture over all kinds of evidence.

Four unknown curves over similarity explain every count:

- the null ``g``: pairs of different people, per pair looked at. Seen inside each file, where
  nobody should meet himself, and between the files at similarities that only chance reaches;
- the shape ``f`` of matches, the same in every tier: what a name suffered has nothing to do with
  what the NIK suffered;
- for each kind of token the shape ``h`` of its wrong pairs (a relative's number, a typing error).

A tier of filters has ``n_pairs * share * g + matches * f``; a tier of tokens ``wrong * h +
matches * f``; the inside of a file ``pairs * scale * g + duplicates * f``. The split is found by
expectation and maximisation (Dempster, Laird, Rubin 1977), each curve smoothed in every round.

It knows histograms only: no record, no filter, no scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.decide.threshold.bins import BINS, TOP, at_least
from pprl.decide.threshold.smoothing import Smooth, smooth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.bins import Floats

CONTRADICTED = "contradicted"  # the tier of pairs whose tokens say no

_ROUNDS = 200
_SETTLING = 40
_SETTLED = 1e-4
_NULL_BEND, _SHAPE_BEND, _WRONG_BEND = 0.03, 0.05, 0.1  # chosen on simulated registers
_TINY = 1e-12
_CLEAR = 0.5  # least share of matches in a bin of filters that says something about their shape
_LEAST_SLOPE = 0.03  # of log f per bin below what is seen: matches get rarer downwards
_RANDOM_TAIL = 1e-3
FEW = 30
"""Pairs below which a shape can't be seen."""
_SCALE_PRIOR = 100.0  # pairs; keeps the scale of a small file near 1
_DRAWN_PRIOR = 300.0
"""Pairs drawn at random that wrong pairs of a token are believed to resemble. A handful of wrong
pairs can't show how fast they get rarer, and then takes the credit for badly damaged matches."""
_TOP_PRIOR = 0.002  # events; how little it takes to believe in namesakes


@dataclass(frozen=True)
class Within:
    """Pairs inside one file, of some of its rows with all of it.

    Attributes
    ----------
    rows
        How many rows were looked at.
    pairs
        How many pairs that made, of those that can be told to be different people where tokens
        can tell: both have one.
    counts
        ``float64 (201,)``: such pairs by similarity, without those whose tokens are equal.
    same
        ``float64 (201,)``: pairs with an equal token.
    """

    rows: int
    pairs: float
    counts: Floats
    same: Floats


@dataclass(frozen=True)
class Observed:
    """Everything the mixture is fitted to; histograms are ``float64 (201,)``.

    Attributes
    ----------
    first_bin
        Filters were compared from here up.
    n_pairs
        Pairs between the files whose filters were compared.
    most
        Matches that there can be at most: the records of the smaller file.
    filters
        By tier, pairs found.
    tokens
        By kind, pairs with an equal token and a filter on both sides.
    within
        One a file.
    random
        Similarities of pairs drawn at random.
    """

    first_bin: int
    n_pairs: float
    most: float
    filters: Mapping[str, Floats]
    tokens: Mapping[str, Floats]
    within: Sequence[Within]
    random: Floats


@dataclass(frozen=True)
class Mixture:
    """The fitted split.

    Attributes
    ----------
    shape
        ``float64 (201,)``: how matches are spread over similarity; adds up to 1.
    null
        By tier of filters, expected pairs of different people by bin.
    wrong
        By kind of token, expected pairs of different people by bin.
    matches
        By tier, expected pairs of one person, those below the first bin included.
    duplicates
        For each file, how many other records of the same person a row has on average.
    namesakes
        Pairs inside the files that are equal in everything and yet not one person.
    null_fit
        The null's logarithm and its uncertainty; None without filters.
    """

    shape: Floats
    null: Mapping[str, Floats]
    wrong: Mapping[str, Floats]
    matches: Mapping[str, float]
    duplicates: tuple[float, ...]
    namesakes: float
    null_fit: Smooth | None


def fit(observed: Observed) -> Mixture:
    """Split the counts into matches and chance.

    Notes
    -----
    Some tens of milliseconds, whatever the number of records.
    """
    work = _Fit(observed)
    for _ in range(_ROUNDS):
        if work.improve() < _SETTLED:
            break
    return work.result()


class _Fit:
    """The state of the rounds."""

    def __init__(self, seen: Observed) -> None:
        self.seen = seen
        self.inside = np.arange(BINS) >= seen.first_bin
        beyond = at_least(seen.random) < _RANDOM_TAIL * max(seen.random.sum(), 1)
        # Pairs no more alike than people drawn at random can't show what matches look like.
        self.lowest = int(np.argmax(beyond)) if beyond.any() else TOP
        self.clear: dict[str, Flags] = {}
        self.rounds = 0
        self.null_fit = self._first_null() if seen.filters else None
        self.rate = self._rate()
        total = sum(each.sum() for each in seen.filters.values())
        low = self._low()
        lowest = sum(each[low].sum() for each in seen.filters.values())
        self.share = {
            tier: float((each[low].sum() + 1) / (lowest + len(seen.filters)))
            for tier, each in seen.filters.items()
        }
        excess = {}
        for tier, each in seen.filters.items():
            null = seen.n_pairs * self.share[tier] * self.rate
            excess[tier] = np.where(each > 2 * null, each - null, 0) * self.inside
        shape = sum((each * beyond for each in seen.tokens.values()), np.full(BINS, _TINY))
        if not seen.tokens:
            shape = sum(excess.values(), np.full(BINS, _TINY * max(total, 1)))
        self.shape = np.maximum(shape / shape.sum(), _TINY)
        self.matches = {tier: max(float(each.sum()), 1.0) for tier, each in excess.items()}
        self.matches |= {
            kind: max(float((each * beyond).sum()), 1.0) for kind, each in seen.tokens.items()
        }
        self.drawn = seen.random + _TINY
        self.drawn /= self.drawn.sum()
        self.wrong = {
            kind: max(float((each * ~beyond).sum()), 1.0) * self.drawn
            for kind, each in seen.tokens.items()
        }
        self.scale = [1.0 for _ in seen.within]
        self.duplicates = [1.0 for _ in seen.within]

    def improve(self) -> float:
        """Do one round; return how much the log null and the numbers of matches moved."""
        self.rounds += 1
        before = np.log(list(self.matches.values()))
        old_rate = self.rate
        counts, chances = np.zeros(BINS), np.zeros(BINS)
        self._split_filters(counts, chances)
        self._split_tokens(counts, chances)
        moved = 0.0
        if self.null_fit is not None:
            self._update_null()
            moved = float(np.abs(np.log(self.rate[self.inside] / old_rate[self.inside])).max())
        self._update_shape(counts, chances)
        return max(moved, float(np.abs(np.log(list(self.matches.values())) - before).max()))

    def result(self) -> Mixture:
        seen = self.seen
        null = {tier: seen.n_pairs * share * self.rate for tier, share in self.share.items()}
        partners = tuple(
            self._partners(place) / max(each.rows, 1) for place, each in enumerate(seen.within)
        )
        namesakes = sum(
            each.pairs * scale * float(self.rate[TOP])
            for each, scale in zip(seen.within, self.scale, strict=True)
        )
        return Mixture(
            self.shape, null, dict(self.wrong), dict(self.matches), partners, namesakes,
            self.null_fit,
        )  # fmt: skip

    def _low(self) -> slice:
        """Return the bins that only chance reaches."""
        first = self.seen.first_bin
        return slice(first, first + max(3, (BINS - first) * 3 // 20))

    def _first_null(self) -> Smooth:
        seen = self.seen
        counts, chances = np.zeros(BINS), np.zeros(BINS)
        # Duplicates crowd near 1: the lower half of the bins is nearly free of them.
        half = slice(seen.first_bin, (seen.first_bin + BINS) // 2)
        for each in seen.within:
            counts[half] += each.counts[half]
            chances[half] += each.pairs
        low = self._low()
        for found in seen.filters.values():
            counts[low] += found[low]
        chances[low] += seen.n_pairs
        return smooth(counts[self.inside], chances[self.inside], _NULL_BEND)

    def _rate(self) -> Floats:
        rate = np.full(BINS, _TINY)
        if self.null_fit is not None:
            rate[self.inside] = np.maximum(np.exp(self.null_fit.log_rate), 1e-100)
        return rate

    def _split_filters(self, counts: Floats, chances: Floats) -> None:
        """Add the matches of the filter tiers to counts and chances of the shape."""
        self._null_counts, self._null_chances = np.zeros(BINS), np.zeros(BINS)
        chance_by_tier: dict[str, float] = {}
        for tier, found in self.seen.filters.items():
            by_chance = self.seen.n_pairs * self.share[tier] * self.rate
            by_match = self.matches[tier] * self.shape
            share = by_match / (by_chance + by_match)
            self._null_counts += found * (1 - share)
            self._null_chances += self.seen.n_pairs * self.share[tier] * self.inside
            chance_by_tier[tier] = float((found * (1 - share)).sum())
            # Where chance rules, its fluctuations would drown the matches. Which bins those are is
            # settled after a while, or two answers could take turns for ever.
            if self.rounds <= _SETTLING:
                self.clear[tier] = self.inside & (share > _CLEAR)
            clear = self.clear[tier]
            matched = found * share * clear
            counts += matched
            chances += self.matches[tier] * clear
            # Tokens show the shape where filters can't, so that every bin can count.
            counted = self.inside if self._equal() >= FEW else clear
            expected = max(float((self.shape * counted).sum()), _TINY)
            matches = float((found * share * counted).sum()) / expected
            self.matches[tier] = min(max(matches, 0.1), max(self.seen.most, 0.1))
        total = sum(chance_by_tier.values())
        self.share = {
            tier: (found + 1) / (total + len(chance_by_tier))
            for tier, found in chance_by_tier.items()
        }

    def _split_tokens(self, counts: Floats, chances: Floats) -> None:
        for kind, found in self.seen.tokens.items():
            by_match = self.matches[kind] * self.shape
            share = by_match / (self.wrong[kind] + by_match)
            matched, wrong = found * share, found * (1 - share)
            counts += matched
            chances += self.matches[kind]
            self.matches[kind] = max(float(matched.sum()), 0.1)
            n_wrong = max(float(wrong.sum()), 0.1)
            shape = self.wrong[kind] / self.wrong[kind].sum()
            if found.sum() >= FEW:  # fewer pairs can't show a shape of their own
                start = np.log(np.maximum(shape, _TINY))
                # Equal filters are no part of the curve: matches without damage are there.
                told = (np.arange(BINS) < TOP).astype(np.float64)
                drawn = _DRAWN_PRIOR * self.drawn
                curve = smooth(
                    (wrong + drawn) * told, (n_wrong + _DRAWN_PRIOR) * told, _WRONG_BEND, start
                )
                shape = np.exp(curve.log_rate)
            self.wrong[kind] = n_wrong * shape

    def _update_null(self) -> None:
        counts, chances = self._null_counts, self._null_chances
        third = slice(self.seen.first_bin, self.seen.first_bin + (BINS - self.seen.first_bin) // 3)
        for place, each in enumerate(self.seen.within):
            by_chance = each.pairs * self.scale[place] * self.rate
            by_match = self._duplicates(place, each) * self.shape
            # Namesakes are believed in when there are more than chance makes of duplicates.
            by_match[TOP] += 2 * np.sqrt(by_match[TOP] + 1)
            share = by_chance / (by_chance + by_match)
            null = each.counts * share * self.inside
            self.duplicates[place] = float(each.counts[self.inside].sum() - null.sum())
            counts += null
            chances += each.pairs * self.scale[place] * self.inside
            expected = float((each.pairs * self.rate)[third].sum())
            found = float(null[third].sum())
            self.scale[place] = min(
                max((found + _SCALE_PRIOR) / (expected + _SCALE_PRIOR), 0.3), 3.0
            )
        start = None if self.null_fit is None else self.null_fit.log_rate
        top_counts, top_chances = counts[TOP], chances[TOP]
        counts[TOP] = chances[TOP] = 0  # people who share everything are no part of the tail
        fitted = smooth(counts[self.inside], chances[self.inside], _NULL_BEND, start)
        tail = float(np.exp(fitted.log_rate[-1]))
        self.null_fit = fitted
        self.rate = self._rate()
        self.rate[TOP] = (top_counts + _TOP_PRIOR) / (top_chances + _TOP_PRIOR / max(tail, _TINY))

    def _duplicates(self, place: int, each: Within) -> float:
        """Return the number of counted pairs inside a file that are one person all the same."""
        inside = max(float(self.shape[self.inside].sum()), _TINY)
        equal = self._equal()
        if not self.seen.tokens or (equal < FEW and not each.same.sum()):
            return max(self.duplicates[place] / inside, 1e-3)
        # A person's two records contradict each other as often in one file as in two.
        # A handful of equal tokens can't say how often, and most second records have them.
        against = min(self.matches.get(CONTRADICTED, 0.0), equal) / (equal + FEW)
        return max(float(each.same[self.inside].sum()) * against / inside, 1e-3)

    def _partners(self, place: int) -> float:
        """Return the number of pairs inside a file that are one person, all tiers together."""
        same = float(self.seen.within[place].same.sum())
        equal = self._equal()
        if equal < FEW:
            return self.duplicates[place] + same
        return same * sum(self.matches.values()) / equal

    def _equal(self) -> float:
        """Return the number of matches with an equal token."""
        return sum(self.matches[kind] for kind in self.seen.tokens)

    def _update_shape(self, counts: Floats, chances: Floats) -> None:
        """Smooth the shape of matches, equal filters apart; below what is seen it falls."""
        seen = np.flatnonzero(chances[:TOP] > 0)
        shape = np.full(BINS, _TINY)
        shape[TOP] = counts[TOP] / max(chances[TOP], _TINY)
        seen = seen[seen >= min(self.lowest, TOP - 1)]
        if len(seen):
            first = seen[0]
            start = np.log(self.shape[first:TOP])
            curve = smooth(counts[first:TOP], chances[first:TOP], _SHAPE_BEND, start).log_rate
            shape[first:TOP] = np.exp(curve)
            reach = min(20, len(curve) - 1)
            slope = (curve[reach] - curve[0]) / reach if reach else 0.0
            below = np.arange(first, 0, -1)
            shape[:first] = np.exp(curve[0] - max(slope, _LEAST_SLOPE) * below)
        self.shape = np.maximum(shape / shape.sum(), _TINY)
