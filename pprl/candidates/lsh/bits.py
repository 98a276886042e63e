"""Which bits a band reads, one after the other, until few enough pairs agree by chance.

:class:`Drawn`: at random from the half of all bits that tell most, measured by how often a pair of
one record of either side differs in them: bits set in about half of all filters, and as often in
both files. Each is used once until all have been.

:class:`Learned`: with known pairs it is seen as well which bits damaged records agree in. Each bit
is the one that separates most pairs by chance, of those that the band so far leaves together, for
each known pair that it loses (entropy given the bits so far, so that bits that say the same don't
come twice). Pairs that no band has found yet count three times as much as those found once, and so
on; each bit is drawn against half of the others, and is in a few bands at most: bands differ, and
what damages one leaves another. At the size of national registers it took 10 bands instead of 30,
and a quarter of the pairs, for the same recall: many bits come from one field, and an error there
costs all of them at once, which drawn bits don't know.

Pairs are counted in whole numbers: the same bits on every machine.

>>> words = np.random.default_rng(1).integers(0, 2**64, (1_000, 1), dtype=np.uint64)
>>> len(next(Drawn((words, words), np.random.default_rng(2)).bands(0.01)))
7
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl.candidates.lsh.kernel import set_counts
from pprl.candidates.lsh.sampling import Meetings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Flags

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

MOST_BITS = 40
"""Of a band, before large buckets are split."""

_LEAST_MEETINGS = 16  # fewer pairs that agree say nothing about the next bit
_MEETINGS = 4_000
_MOST_USES = 4
_LEAST_TOLD = 0.1  # of the pairs that agree, by chance
_WEIGHTS = np.array([243, 81, 27, 9, 3, 1])
_PRIOR = 5 * 243  # weight of all pairs, whether the band so far leaves them together or not
_LEAST_LOSS = 0.01  # in powers of two; no bit is free


class _Band:
    """A band that grows, over samples of both sides."""

    def __init__(self, samples: tuple[Words, Words]) -> None:
        self.bits: list[int] = []
        self._samples = samples
        self._keys = [np.zeros(len(each), dtype=np.uint64) for each in samples]
        self.meetings = self._meetings()

    def add(self, bit: int) -> None:
        place = np.uint64(len(self.bits))
        for side, words in enumerate(self._samples):
            self._keys[side] |= _bit(words, bit) << place
        self.bits.append(bit)
        self.meetings = self._meetings()

    def grown(self, share: float) -> bool:
        """Return whether at most a share of all pairs agrees, or too few to go on by."""
        n_pairs = len(self._samples[0]) * len(self._samples[1])
        return self.meetings.n_pairs <= max(share * n_pairs, _LEAST_MEETINGS)

    def differing(self, draw: np.random.Generator) -> tuple[Counts, int]:
        """Return how many pairs that agree so far differ in each bit, of how many."""
        rows, others = self.meetings.pairs(_MEETINGS, draw)
        return set_counts(self._samples[0][rows] ^ self._samples[1][others]), len(rows)

    def _meetings(self) -> Meetings:
        left, right = ((keys, np.ones(len(keys), dtype=np.bool_)) for keys in self._keys)
        return Meetings(left, right)


class Drawn:
    """Bits at random.

    Parameters
    ----------
    samples
        Of the filters of either side.
    draw
        Where chance comes from.
    """

    def __init__(self, samples: tuple[Words, Words], draw: np.random.Generator) -> None:
        self._samples, self._draw = samples, draw
        ours, theirs = (set_counts(each) / len(each) for each in samples)
        differing = ours * (1 - theirs) + theirs * (1 - ours)
        telling = np.argsort(-differing, kind="stable")[: -(-len(differing) // 2)]
        self.pool: Counts = telling[differing[telling] > 0]

    def bands(self, share: float) -> Iterator[tuple[int, ...]]:
        """Yield the bits of one band after the other.

        Parameters
        ----------
        share
            Of all pairs, how many may agree in a band, about.
        """
        left: list[int] = []
        while True:
            band = _Band(self._samples)
            while not band.grown(share) and len(band.bits) < min(MOST_BITS, len(self.pool)):
                left = left or self._draw.permutation(self.pool).tolist()
                bit = left.pop()
                if bit not in band.bits:  # those of the round before may come again
                    band.add(bit)
            yield tuple(band.bits)


class Learned:
    """Bits by known pairs.

    Parameters
    ----------
    samples
        Of the filters of either side.
    known
        Filters of known pairs, ``uint64 (n, words)`` each.
    draw
        Where chance comes from.
    """

    def __init__(
        self, samples: tuple[Words, Words], known: tuple[Words, Words], draw: np.random.Generator
    ) -> None:
        self._samples, self._draw = samples, draw
        self._known = known[0] ^ known[1]
        self._usual = set_counts(self._known) / len(self._known)
        self._times = np.zeros(len(self._known), dtype=np.int64)
        self._uses = np.zeros(len(self._usual), dtype=np.int64)

    def bands(self, share: float) -> Iterator[tuple[int, ...]]:
        """Yield the bits of one band after the other; as for :meth:`Drawn.bands`."""
        while True:
            band = _Band(self._samples)
            together = np.ones(len(self._known), dtype=np.bool_)
            while not band.grown(share) and len(band.bits) < MOST_BITS:
                bit = self._next(band, together)
                if bit is None:
                    break
                together &= _bit(self._known, bit) == 0
                band.add(bit)
            self._times += together
            self._uses[band.bits] += 1
            yield tuple(band.bits)

    def _next(self, band: _Band, together: Flags) -> int | None:
        differing, n_pairs = band.differing(self._draw)
        told = differing / n_pairs
        allowed = (self._uses < _MOST_USES) & (told > 0)
        allowed[band.bits] = False
        for one in (allowed & (self._draw.random(len(told)) < 0.5), allowed):  # noqa: PLR2004 - half
            enough = one & (told >= _LEAST_TOLD)
            bits = np.flatnonzero(enough if enough.any() else one)
            if len(bits):
                gain = -np.log2(1 - np.minimum(told[bits], 1 - 1 / (n_pairs + 1)))
                return int(bits[np.argmax(gain / self._loss(together)[bits])])
        return None

    def _loss(self, together: Flags) -> Floats:
        weights = _WEIGHTS[np.minimum(self._times[together], len(_WEIGHTS) - 1)]
        lost = set_counts(self._known[together], weights)
        share = (lost + _PRIOR * self._usual) / (int(weights.sum()) + _PRIOR)
        loss: Floats = _LEAST_LOSS - np.log2(1 - np.minimum(share, 1 - 2.0**-20))
        return loss


def _bit(words: Words, bit: int) -> Words:
    return (words[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)
