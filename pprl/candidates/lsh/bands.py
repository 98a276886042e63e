"""Bands: blocks that the coordinator reads off the filters, where the agencies made none.

Locality-sensitive hashing by sampled bits (Indyk, Motwani 1998): records that agree in some chosen
bits of their filters share a bucket of that band, and similar filters agree in at least one of some
bands. A band is a pass like any other (:mod:`pprl.candidates.passes`), so
:func:`pprl.candidates.blocks.blocked_pairs` compares within bands without knowing. Keys are read
off the filters band by band, when they are asked for, and not kept, or all at once
(:meth:`Bands.read`): a file of tens of millions of filters stays where it is.

Which bits, and how many bands, is :mod:`pprl.candidates.lsh.choice`'s to say. Only for ``clk``
filters: chosen bits of hardened ones say next to nothing about how similar two records are, and
the caller refuses them.

>>> plan = BandPlan((Band((0, 1), (2,), ((),)),), recall=1.0)
>>> left = Bands(np.array([[0b0111], [0b0001]], dtype=np.uint64), plan)
>>> right = Bands(np.array([[0b1011], [0]], dtype=np.uint64), plan)
>>> left.keys(0)[0][0] == right.keys(0)[0][0], right.keys(0)[1]
(np.True_, array([ True, False]))
>>> left.agree(right, np.array([0, 1]), np.array([0, 0]))
array([ True, False])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl.candidates.lsh.kernel import sampled_keys
from pprl.candidates.passes import Blocks, meeting
from pprl.compare.filters import Filters, as_filters
from pprl.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.compare.filters import Words
    from pprl.compare.pairs import Flags, Integers

_AT_ONCE = 1 << 16  # records; what is copied of the filters stays in the cache

# The finaliser of SplitMix64 (Steele, Lea, Flood 2014): different keys stay different, and each
# bit of the result depends on all of them, as with the keyed blocks of the agencies.
_MIX_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_MIX_LAST = 31


class Bucket(NamedTuple):
    """A bucket of one band, and about how many records of either side are in it."""

    band: int
    left: int
    right: int

    @property
    def n_pairs(self) -> int:
        """Pairs in the bucket."""
        return self.left * self.right


@dataclass(frozen=True)
class Band:
    """What a key of one band is made of.

    Attributes
    ----------
    bits
        Bits of the filter, from the lowest of the first word; 64 at most.
    ends
        How many of them are read at each stage: all records have the first ones in their key,
        those whose bucket is too large some more, and so on.
    large
        For each stage the keys of buckets that are too large, ascending; nobody is in those of the
        last stage.
    """

    bits: tuple[int, ...]
    ends: tuple[int, ...]
    large: tuple[tuple[int, ...], ...]

    def keys(self, words: Words) -> tuple[Words, Flags]:
        """Return the bits of filters as one number each, not mixed, and who is in a bucket."""
        return sampled_keys(words, self.bits, self.ends, self.large)


@dataclass(frozen=True)
class BandPlan:
    """Bands, and what is expected of them.

    Attributes
    ----------
    bands
        In the order in which they are compared.
    recall
        Expected share of the pairs to be found that share a bucket.
    known_pairs
        From how many known pairs that is measured; 0 when it is computed from distances.
    candidates
        Pairs in buckets, counted once for each band: as many as are compared. From a sample.
    largest
        The ten largest buckets, from a sample.
    split_buckets
        Buckets that were split by more bits.
    skipped_pairs
        Pairs of buckets that no bits could split, counted once for each band; they aren't looked
        at in that band. From a sample.
    """

    bands: tuple[Band, ...]
    recall: float
    known_pairs: int = 0
    candidates: int = 0
    largest: tuple[Bucket, ...] = ()
    split_buckets: int = 0
    skipped_pairs: int = 0


class Bands:
    """The buckets of the records of one side; see :class:`pprl.candidates.passes.Passes`.

    Parameters
    ----------
    filters
        ``uint64 (records, words)``, or :class:`pprl.compare.filters.Filters`; nothing is copied.
    plan
        The same for both sides.
    threads
        That read keys; as many as this process may use when not given.

    Notes
    -----
    Keys of a band take about 0.1 s of one core per million records, and 9 bytes a record while
    they are used. A record without a bit is in no bucket.
    """

    def __init__(
        self, filters: Words | Filters, plan: BandPlan, threads: int | None = None
    ) -> None:
        self.filters = as_filters(filters)
        self.plan = plan
        self._threads = threads

    def __len__(self) -> int:
        return len(self.plan.bands)

    @property
    def n_records(self) -> int:
        """How many records there are."""
        return len(self.filters)

    def keys(self, place: int) -> tuple[Words, Flags]:
        """Return ``uint64 (records,)``, equal where records share a bucket, and who is in one."""
        blocks = self._read(self.plan.bands[place : place + 1])
        return blocks.keys(0)

    def read(self) -> Blocks:
        """Read the keys of all bands at once: 9 bytes a record and band, each filter read once.

        Worth its memory where the same records are compared several times, or in samples.
        """
        return self._read(self.plan.bands)

    def agree(self, other: Bands, rows: Integers, others: Integers, passes: int = -1) -> Flags:
        """Return ``bool (n,)``: which pairs of rows share a bucket, in the first ``passes``."""
        found = np.zeros(len(rows), dtype=np.bool_)
        bands = self.plan.bands[: len(self) if passes < 0 else passes]
        if not bands:
            return found
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found[part] = agreeing(bands, self.filters[rows[part]], other.filters[others[part]])
        return found

    def __getitem__(self, rows: Integers | Flags) -> Bands:
        places = np.arange(self.n_records)[rows]  # flags as well
        return Bands(self.filters.only(places), self.plan, self._threads)

    def _read(self, bands: Sequence[Band]) -> Blocks:
        keys = np.empty((len(bands), self.n_records), dtype=np.uint64)
        present = np.empty(keys.shape, dtype=np.bool_)

        def read(start: int) -> None:
            part = slice(start, min(start + _AT_ONCE, self.n_records))
            words = self.filters.part(part.start, part.stop)
            for place, band in enumerate(bands):
                found, present[place, part] = band.keys(words)
                keys[place, part] = _mixed(found)

        for _ in in_order(
            (partial(read, start) for start in range(0, self.n_records, _AT_ONCE)), self._threads
        ):
            pass
        return Blocks(keys, present)

    def meeting(self, others: Bands) -> Flags:
        """Return ``bool (records,)``: who shares a bucket with any of a few others."""
        found = np.zeros(self.n_records, dtype=np.bool_)
        for place in range(len(self)):
            found |= meeting(self.keys(place), others.keys(place))
        return found

    def below(self, share: float) -> Flags:
        """Return ``bool (records,)``: who is in about that share of the first band's buckets."""
        values, present = self.keys(0)
        most = min(int(share * 2.0**64), 2**64 - 1)
        chosen: Flags = present & (values <= np.uint64(most))
        return chosen


def agreeing(bands: Sequence[Band], words: Words, others: Words) -> Flags:
    """Return ``bool (n,)``: which filters share a bucket with the other one in the same place."""
    found = np.zeros(len(words), dtype=np.bool_)
    for band in bands:
        open_pairs = np.flatnonzero(~found)
        keys, present = band.keys(words[open_pairs])
        other_keys, other_present = band.keys(others[open_pairs])
        found[open_pairs] = (keys == other_keys) & present & other_present
    return found


def _mixed(keys: Words) -> Words:
    for shift, factor in _MIX_STEPS:
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(_MIX_LAST))
