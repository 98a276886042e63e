"""Choose bands: which bits of the filters, how many, and what that finds and costs.

1. Width, from the sizes: a band grows bit by bit until comparing its pairs takes about as long as
   making it. More bits would mean more bands for the same recall, fewer bits more pairs.
2. Bits (:mod:`pprl.candidates.lsh.bits`): by measured entropy, and by known pairs where there are
   enough: those of which one and the same person is known, by a token or by a search of every pair
   in a sample.
3. Number of bands, from the recall asked: half of the known pairs are kept out of the choice, and
   bands are added until so many of them are found, a standard error above. Without known pairs it
   is computed from distances, and then a bit is assumed to differ as often as any other.
4. Buckets that are too large, such as that of records that say little, are split by more bits,
   those that tell most there; what no bits can split is skipped, and counted. The product of both
   sides' records decides, and one plan holds for both sides.

Everything is counted in samples of both files, nothing assumed independent: pairs in bands are
collisions of keys. The same inputs and seed give the same plan. It compares nothing by itself.

>>> words = np.random.default_rng(1).integers(0, 2**64, (3_000, 4), dtype=np.uint64)
>>> rows = np.arange(2_000)
>>> plan = choose(words, words, known=(rows, rows), recall=0.95)
>>> len(plan.bands), plan.recall, plan.known_pairs
(1, 1.0, 1000)
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from pprl.candidates.lsh.bands import BandPlan, agreeing
from pprl.candidates.lsh.bits import Drawn, Learned
from pprl.candidates.lsh.buckets import with_band
from pprl.candidates.lsh.kernel import set_counts
from pprl.candidates.lsh.sampling import Samples
from pprl.compare.filters import as_filters
from pprl.compare.measure import MILLION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.candidates.lsh.bands import Band
    from pprl.compare.filters import Filters, Words
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Integers

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

MAX_BANDS = 64
RECORD_PAIRS = 80
"""Pairs of a band for each record of either side: reading its key, sorting it and fetching its
filter takes about as long as comparing so many."""
LEAST_KNOWN = 1_000
"""Fewer known pairs say nothing about bits, only how much filters of one person differ."""
LEAST_DISTANCES = 30
MOST_KNOWN = 50_000

_LEARNING_RECORDS = 1 << 15
_MOST_SHARE = 0.5  # of all pairs, those of a band; small sides


def choose(
    left: Words | Filters,
    right: Words | Filters,
    *,
    known: tuple[Integers, Integers] | None = None,
    similarity: int = 800_000,
    recall: float = 0.99,
    seed: int = 0,
) -> BandPlan:
    """Choose bands for the ``clk`` filters of two sides.

    Parameters
    ----------
    left, right
        ``uint64 (records, words)``, equally many words; zeros where a record has no filter.
    known
        Left rows and right rows of pairs such as are to be found: pairs with an equal token and
        similar filters, or those that a search of every pair found for a sample of the records.
        50,000 of them are looked at, and they are worth having: 5,000 took three times as many
        bands as 20,000. None, or fewer than 30: pairs at ``similarity`` are assumed.
    similarity
        Dice coefficient in millionths that pairs to be found have at least, without known pairs.
    recall
        Share of such pairs that is to be found, below 1.
    seed
        Of the samples, and of the bits that are drawn.

    Returns
    -------
    BandPlan
        Its ``recall`` is below the one asked where 64 bands don't reach it.

    Notes
    -----
    Reads 131,072 filters of either side, and all of them once for who has one. Some seconds.
    """
    sides = as_filters(left), as_filters(right)
    draw = np.random.default_rng([seed, 0])
    pairs = _known_filters(sides, known, draw)
    samples = Samples.of(*sides, draw)
    if not samples.n_pairs:
        return BandPlan((), 1.0)
    few = samples.first(_LEARNING_RECORDS)
    by: Learned | Drawn
    found: _Tested | _Computed
    if len(pairs[0]) >= LEAST_KNOWN:
        learn, judge = ((pairs[0][half::2], pairs[1][half::2]) for half in (0, 1))
        by, found = Learned(few, learn, draw), _Tested(judge)
    else:
        by = Drawn(few, draw)
        found = _Computed.of(samples, pairs, similarity, by.pool)
    plan = BandPlan((), 0.0, known_pairs=found.n_pairs)
    share = min(RECORD_PAIRS * (samples.n_left + samples.n_right) / samples.n_pairs, _MOST_SHARE)
    for bits in islice(by.bands(share), MAX_BANDS):
        plan = with_band(plan, bits, samples)
        found.add(plan.bands[-1])
        plan = replace(plan, recall=found.share)
        if found.surely >= recall or not bits:
            break
    return plan


def _known_filters(
    sides: Sequence[Filters],
    known: tuple[Integers, Integers] | None,
    draw: np.random.Generator,
) -> tuple[Words, Words]:
    """Return the filters of known pairs, in an order that says nothing."""
    if known is None:
        none = np.empty((0, sides[0].n_words), dtype=np.uint64)
        return none, none
    chosen = draw.permutation(len(known[0]))[:MOST_KNOWN]
    words = [side[np.asarray(rows)[chosen]] for side, rows in zip(sides, known, strict=True)]
    both = words[0].any(axis=1) & words[1].any(axis=1)
    return words[0][both], words[1][both]


class _Tested:
    """The recall of bands, by known pairs that had no part in choosing them."""

    def __init__(self, pairs: tuple[Words, ...]) -> None:
        self._left, self._right = self._pairs = (pairs[0], pairs[1])
        self.n_pairs = len(self._left)

    def add(self, band: Band) -> None:
        """Leave out the pairs that a band finds."""
        missed = ~agreeing([band], self._left, self._right)
        self._left, self._right = self._left[missed], self._right[missed]

    @property
    def share(self) -> float:
        """Of the pairs, those found."""
        return 1 - len(self._left) / self.n_pairs

    @property
    def surely(self) -> float:
        """A standard error less; a miss that wasn't seen counts as half a one."""
        missed = (len(self._left) + 0.5) / (self.n_pairs + 1)
        return 1 - missed - float(np.sqrt(missed * (1 - missed) / self.n_pairs))


class _Computed:
    """The recall of bands, from how many of the bits that are drawn from differ in pairs."""

    n_pairs = 0

    def __init__(self, distances: Floats, n_bits: int) -> None:
        self._distances, self._n_bits = distances, n_bits
        self._missed = np.ones(len(distances))

    @classmethod
    def of(
        cls,
        samples: Samples,
        pairs: tuple[Words, Words],
        similarity: int,
        pool: Counts,
    ) -> _Computed:
        """Take the distances of known pairs, or assume that of a pair at a similarity."""
        if len(pairs[0]) >= LEAST_DISTANCES:
            read = (pairs[0] ^ pairs[1])[:, pool // 64] >> (pool % 64).astype(np.uint64)
            return cls((read & np.uint64(1)).sum(axis=1).astype(np.float64), len(pool))
        ours, theirs = (set_counts(each) / len(each) for each in (samples.left, samples.right))
        differing = ours * (1 - theirs) + theirs * (1 - ours)
        # A pair's distance is (1 - Dice) * (bits set); its bits differ where those of others do.
        inside = float(differing[pool].sum() / max(differing.sum(), 1e-9))
        distance = (1 - similarity / MILLION) * float(ours.sum() + theirs.sum()) * inside
        return cls(np.array([distance]), len(pool))

    def add(self, band: Band) -> None:
        """Draw so many bits, none of them twice."""
        drawn = np.arange(band.ends[0])
        equal = (self._n_bits - self._distances[:, None] - drawn) / (self._n_bits - drawn)
        self._missed *= 1 - np.maximum(equal, 0.0).prod(axis=1)

    @property
    def share(self) -> float:
        """Of the pairs, those expected to be found."""
        return float(1 - self._missed.mean())

    surely = share
