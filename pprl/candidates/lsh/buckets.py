"""Buckets that are too large: split by more bits, or skipped and counted.

Records that say little, with few bits set, agree in the bits that most filters lack; placeholders
agree in all. Where the pairs of a bucket are too many, its records of both sides get more bits into
their key: those that tell most among them. What no bits can split is left out.

It sees samples, which show a bucket that holds a millionth of all pairs; smaller ones are never
too large.

>>> from pprl.candidates.lsh.sampling import Samples
>>> words = np.full((20_000, 1), 0b11, dtype=np.uint64)  # all alike
>>> plan = with_band(BandPlan((), 1.0), [0, 1], Samples(words, words, 20_000, 20_000))
>>> plan.split_buckets, plan.skipped_pairs, plan.candidates
(0, 400000000, 0)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pprl.candidates.lsh.bands import Band, BandPlan, Bucket
from pprl.candidates.lsh.kernel import set_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.candidates.lsh.sampling import Samples
    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Flags

MOST_PAIRS = 1 << 24
"""Pairs of a bucket that is never too large."""
MOST_SHARE = 2.0**-20
"""Of all pairs, those that one bucket may hold where that is more."""

_SPLITS = 4
_SPLIT_BITS = 6
_MOST_BITS = 64
_LARGEST = 10


def with_band(plan: BandPlan, bits: Sequence[int], samples: Samples) -> BandPlan:
    """Add a band of some bits to a plan, its large buckets split or skipped, its pairs counted."""
    most = max(MOST_PAIRS, MOST_SHARE * samples.n_pairs) / samples.scale
    band = Band(tuple(bits), (len(bits),), ((),))
    split = skipped = 0
    for step in range(_SPLITS + 1):
        buckets = _Buckets.of(band, samples)
        large = buckets.n_pairs > most
        if not large.any():
            break
        more = _telling(band, buckets.members(large), samples) if step < _SPLITS else ()
        # Those that have gone on to a later stage can't come back: all large ones are of the last.
        keys = (*band.large[:-1], tuple(buckets.keys[large].tolist()))
        if more:
            split += int(large.sum())
            bits = (*band.bits, *more)
            band = Band(tuple(bits), (*band.ends, len(bits)), (*keys, ()))
        else:
            skipped = round(float(buckets.n_pairs[large].sum()) * samples.scale)
            band = replace(band, large=keys)
    buckets = _Buckets.of(band, samples)
    largest = (*plan.largest, *buckets.largest(len(plan.bands), samples))
    return replace(
        plan,
        bands=(*plan.bands, band),
        candidates=plan.candidates + round(float(buckets.n_pairs.sum()) * samples.scale),
        largest=tuple(sorted(largest, key=lambda each: -each.n_pairs)[:_LARGEST]),
        split_buckets=plan.split_buckets + split,
        skipped_pairs=plan.skipped_pairs + skipped,
    )


@dataclass(frozen=True)
class _Buckets:
    """The buckets of a band that both samples have."""

    sides: tuple[tuple[Words, Flags], tuple[Words, Flags]]
    keys: Words
    left: Counts
    right: Counts

    @classmethod
    def of(cls, band: Band, samples: Samples) -> _Buckets:
        sides = band.keys(samples.left), band.keys(samples.right)
        (ours, n_ours), (theirs, n_theirs) = (
            np.unique(keys[present], return_counts=True) for keys, present in sides
        )
        keys, at, other_at = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
        return cls(sides, keys, n_ours[at].astype(np.int64), n_theirs[other_at].astype(np.int64))

    @property
    def n_pairs(self) -> Counts:
        return self.left * self.right

    def members(self, chosen: Flags) -> tuple[Flags, Flags]:
        """Return who of either sample is in some of the buckets."""
        ours, theirs = (np.isin(keys, self.keys[chosen]) & present for keys, present in self.sides)
        return ours, theirs

    def largest(self, place: int, samples: Samples) -> list[Bucket]:
        """Return the largest buckets, as large as they are expected to be in the whole."""
        factors = samples.n_left / len(samples.left), samples.n_right / len(samples.right)
        top = np.argsort(-self.n_pairs, kind="stable")[:_LARGEST]
        return [
            Bucket(place, round(self.left[at] * factors[0]), round(self.right[at] * factors[1]))
            for at in top.tolist()
        ]


def _telling(band: Band, members: tuple[Flags, Flags], samples: Samples) -> tuple[int, ...]:
    """Return more bits for a band: those in which fewest pairs of the members agree by chance."""
    words = samples.left[members[0]], samples.right[members[1]]
    ours, theirs = (set_counts(each) / len(each) for each in words)
    differing = ours * (1 - theirs) + theirs * (1 - ours)
    differing[list(band.bits)] = 0
    n_bits = min(_SPLIT_BITS, _MOST_BITS - len(band.bits))
    order = np.argsort(-differing, kind="stable")[:n_bits]
    return tuple(order[differing[order] > 0].tolist())
