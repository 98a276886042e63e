"""Who says how similar is similar enough: bars that were given, or bars found in the data.

:mod:`pprl.decide.matching` asks a judge, one for each pair of parties, in this order: after every
kind of token for its bar, then where to start comparing filters, and last, with everything found,
for the bars that decide. A judge sees similarities and never an identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pprl.decide.threshold.mixture import FEW
from pprl.decide.tiers import FILTER_TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.estimate import Estimate
    from pprl.decide.tiers import Found

UNKNOWN = -1
"""Precision of a pair about which nothing was estimated."""


@dataclass(frozen=True)
class Verdict:
    """The bars that decide, in millionths by tier.

    Attributes
    ----------
    accept
        Least similarity of a match.
    review
        Least similarity of a pair for a clerk; as high as ``accept`` where nothing is reviewed.
    estimate
        How the bars were found; None when they were given.
    block_recall
        Share of the common persons whose records share a block, as their tokens tell; 1 where
        every pair is compared, None where tokens can't tell.
    """

    accept: Mapping[str, int]
    review: Mapping[str, int]
    estimate: Estimate | None = None
    block_recall: float | None = None

    def precision_of(self, found: Found) -> Counts:
        """Return ``int64 (n,)``: chance in millionths that each pair is right; -1 if unknown."""
        if self.estimate is None:
            return np.full(len(found.pairs), UNKNOWN, dtype=np.int64)
        return self.estimate.precision_of(found)

    def strength_of(self, found: Found) -> Counts:
        """Return ``int64 (n,)``: similarity, put where pairs of all filter tiers compare.

        A tier that needs more similarity has that much less evidence at the same similarity.
        """
        strength = found.pairs.similarity.astype(np.int64)
        if found.tier in FILTER_TIERS:
            strength -= self.accept[found.tier] - self.accept[FILTER_TIERS[0]]
        return strength


class Judge(Protocol):
    """Says how similar is similar enough for one pair of parties."""

    def weigh(self, found: Found) -> Found:
        """Return the pairs with the similarity that decides."""

    def token_bar(self, found: Found) -> int:
        """Return the similarity from which pairs with an equal token count as matched for now."""

    def first_similarity(self, left_open: Flags, right_open: Flags) -> int:
        """Return the Dice coefficient from which filters of open records are compared."""

    def verdict(self, found: Sequence[Found], n_compared: int) -> Verdict:
        """Return the bars that decide, everything seen."""


@dataclass(frozen=True)
class Given:
    """Bars somebody chose: one for all filters, one for all tokens; in millionths."""

    threshold: int
    token_threshold: int

    def weigh(self, found: Found) -> Found:
        """Return the pairs as they are: a threshold that somebody gives is a Dice coefficient."""
        return found

    def token_bar(self, found: Found) -> int:  # noqa: ARG002 - the same for every kind
        """Return the given bar."""
        return self.token_threshold

    def first_similarity(self, left_open: Flags, right_open: Flags) -> int:  # noqa: ARG002 - given
        """Return the given bar."""
        return self.threshold

    def verdict(self, found: Sequence[Found], n_compared: int) -> Verdict:  # noqa: ARG002 - given
        """Return the given bars; nothing is left for review."""
        bars = {
            each.tier: self.threshold if each.tier in FILTER_TIERS else self.token_threshold
            for each in found
        }
        reached = [
            each.comparable[each.reaching(self.token_threshold)]
            for each in found
            if each.tier not in FILTER_TIERS
        ]
        told = np.concatenate([np.empty(0, dtype=np.bool_), *reached])
        return Verdict(bars, bars, block_recall=float(told.mean()) if len(told) >= FEW else None)
