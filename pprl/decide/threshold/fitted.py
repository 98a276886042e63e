"""What the mixtures say about both files together: persons, second records, recall.

Where every pair is compared one mixture explains everything. In blocks there are two: of the pairs
whose filters are compared, and of all pairs with an equal token; how many persons the first can't
see is told by the second.

>>> rising(np.array([1.0, 3.0, 1.0]), np.array([1.0, 1.0, 1.0]), 1)  # right, wrong, from bin 1 up
array([0.  , 0.75, 0.75])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from pprl.decide.threshold.bins import BINS, at_least
from pprl.decide.threshold.choice import NOTHING, Interval
from pprl.decide.threshold.mixture import FEW
from pprl.decide.tiers import FILTER_TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.decide.threshold.bins import Floats
    from pprl.decide.threshold.choice import Choice, TierCurve
    from pprl.decide.threshold.mixture import Mixture


@dataclass(frozen=True)
class Fitted:
    """Two mixtures, the same one where every pair is compared.

    Attributes
    ----------
    filters
        Of the pairs whose filters are compared.
    tokens
        Of all pairs with an equal token.
    block_recall
        Share of the common persons whose records share a block; 1 where every pair is compared,
        None where tokens can't tell.
    """

    filters: Mixture
    tokens: Mixture
    block_recall: float | None

    @classmethod
    def in_blocks(
        cls, filters: Mixture, tokens: Mixture, kind: str | None, agreeing: Mapping[str, Floats]
    ) -> Self:
        """Put two mixtures together, and learn from the strongest token how many persons meet.

        Those who aren't one person hardly ever share a block, whatever token they share.

        Parameters
        ----------
        filters, tokens
            The mixtures.
        kind
            The strongest kind of token.
        agreeing
            By kind, ``float64 (201,)``: pairs with an equal token that share a block.
        """
        if kind is None or tokens.matches.get(kind, 0.0) < FEW:
            return cls(filters, tokens, None)
        share = float(agreeing[kind].sum()) / tokens.matches[kind]
        return cls(filters, tokens, min(share, 1.0))

    @property
    def met(self) -> float:
        """Share of persons whose records are compared, as far as is known."""
        return self.block_recall or 1.0

    @property
    def duplicates(self) -> tuple[float, ...]:
        """Other records of a person inside each file, those outside its blocks included."""
        return tuple(each / self.met for each in self.filters.duplicates)

    def matches(self, tier: str) -> float:
        """Return how many pairs of one person a tier has, found or not."""
        if tier in FILTER_TIERS:
            return self.filters.matches[tier] / self.met
        return self.tokens.matches[tier]

    @property
    def persons(self) -> float:
        """How many persons both files have."""
        kinds = [each for each in self.tokens.matches if each not in FILTER_TIERS]
        matches = sum(map(self.matches, [*self.filters.null, *kinds]))
        return matches / _records_a_person(self.duplicates)

    def recall(
        self, curves: Sequence[TierCurve], choice: Choice, kinds: Sequence[str]
    ) -> tuple[Interval | None, str | None]:
        """Estimate recall from what tokens say about pairs that filters would have missed.

        Pairs that share no block are missed, too.

        Parameters
        ----------
        curves, choice
            What is accepted.
        kinds
            The kinds of token.

        Returns
        -------
        tuple
            The share, or None and why: ``no_tokens``, ``few_tokens``.
        """
        if not kinds:
            return None, "no_tokens"
        by_token = sum(map(self.matches, kinds))
        if by_token < FEW or self.block_recall is None:
            return None, "few_tokens"
        if choice is NOTHING:
            return Interval(0.0, 0.0, 0.0), None
        reach, persons = at_least(self.filters.shape), self.persons
        token_reach = at_least(self.tokens.shape)
        missed = doubt = 0.0
        for curve in curves:
            start = curve.bar(choice.cutoff)
            by_filter = curve.tier in FILTER_TIERS
            kept = float((reach if by_filter else token_reach)[start]) if start < BINS else 0.0
            if by_filter:
                kept *= self.met
            n_matches = self.matches(curve.tier)
            missed += n_matches * (1 - kept)
            doubt += n_matches**2 * kept * (1 - kept) / by_token
        right = max(choice.found - choice.false, 0.0)
        everybody = max(persons, right)
        spread = 1.96 * float(np.sqrt(doubt + missed + choice.false + 0.25)) / everybody
        value = right / everybody
        return Interval(value, max(value - spread, 0.0), min(value + spread, 1.0)), None


def rising(right: Floats, wrong: Floats, start: int) -> Floats:
    """Return the share of right ones; 0 below ``start``, and from there on never falling."""
    local = right / (right + wrong)
    local[:start] = 0
    return np.maximum.accumulate(local)


def _records_a_person(duplicates: Sequence[float]) -> float:
    """Return how many pairs a common person makes when files have second records.

    A share ``q`` of persons with two records gives a record ``2 q / (1 + q)`` partners on average.
    """
    return float(np.prod([1 + partners / max(2 - partners, 1.0) for partners in duplicates]))
