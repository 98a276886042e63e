"""Four records whose q-grams cancel, and whether the XOR of their filters shows it.

Two records that differ in some way, and two others that differ in the same way: as sets of q-grams
their sum modulo two is nearly empty. Whatever a linear layer does to Bloom filters (folding, XOR
of bits, diffusion), the XOR of the four encodings then has too few bits, while the filters
themselves needn't be alike at all. It is a game of chosen records, and says nothing of a single
one; an encoding that loses it has linear structure, which is how XOR-diffused filters were broken
(H-GMA; PoPETs 2026-0033).

>>> area(np.array([10, 12]), np.array([1, 2, 11]))
0.8333333333333334
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm, rankdata

from pprl.compare.filters import count_bits
from pprl.lab.risk.judge import Finding
from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Integers = NDArray[np.int64]

TOLD_APART = 0.6
"""From this area under the curve on, related quadruples are told from others."""
NOT_ALIKE = 0.6
"""No two records of a quadruple share so much (Dice of q-grams): likeness is found otherwise."""
_SAMPLE = 2_000  # records
_PAIRS = 4_000
_CANDIDATES = 50_000
_QUADRUPLES = 200
_UNRELATED = 10  # times as many
_RARE = 1e-3  # a maximum larger than this happens by chance so often
_LEAST = 50


class Xor4:
    """The 4-XOR distinguisher."""

    name = "xor4"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return two findings: the area under the curve, and the largest deviation.

        ``z`` is by how many standard deviations the emptiest XOR of a related quadruple lies below
        the mean of unrelated ones; its chance is what the largest of as many normal numbers
        exceeds once in a thousand times.
        """
        draw = np.random.default_rng([scene.seed, 41])
        rows = draw.permutation(np.flatnonzero(scene.has_filter & (scene.truth != NOBODY)))
        rows = rows[:_SAMPLE]
        if len(rows) < _LEAST:
            return []
        related = _related(scene, rows)
        if not related.shape[1]:
            return []
        others = rows[draw.integers(len(rows), size=(4, _UNRELATED * related.shape[1]))]
        others = others[:, (np.diff(np.sort(others, axis=0), axis=0) > 0).all(axis=0)]
        found, usual = _set_bits(scene, rows[related]), _set_bits(scene, others)
        value = area(usual, found)
        deviation = float((usual.mean() - found.min()) / max(usual.std(), 1e-9))
        by_chance = float(norm.isf(1 - (1 - _RARE) ** (1 / len(found))))
        return [
            Finding(self.name, "auc", value, 0.5, value >= TOLD_APART, len(known)),
            Finding(self.name, "z", deviation, by_chance, deviation > by_chance, len(known)),
        ]


def area(usual: Integers, found: Integers) -> float:
    """Return how often a number of ``found`` is the smaller one of two; ties count half."""
    ranks = rankdata(np.concatenate([found, usual]))[: len(found)]
    below = len(found) * len(usual) - (ranks.sum() - len(found) * (len(found) + 1) / 2)
    return float(below / (len(found) * len(usual)))


def _related(scene: Scene, rows: Integers) -> Integers:
    """Return ``int64 (4, quadruples)``, places in ``rows``: those whose q-grams cancel best."""
    grams = scene.population.vectors[scene.truth[rows]]
    sizes = np.asarray(grams.power(2).sum(axis=1))
    alike = 2 * (grams @ grams.T).toarray() / np.maximum(sizes[:, None] + sizes, 1)
    one, two = np.triu_indices(len(rows), 1)
    pairs = np.flatnonzero(alike[one, two] < NOT_ALIKE)
    pairs = pairs[np.argsort(-alike[one, two][pairs], kind="stable")[:_PAIRS]]
    one, two = one[pairs], two[pairs]
    differ = abs(grams[one] - grams[two])
    left = np.asarray(differ.power(2).sum(axis=1))
    rest = left[:, None] + left - 2 * (differ @ differ.T).toarray()
    first, second = np.triu_indices(len(one), 1)
    left_over = rest[first, second]
    few = min(_CANDIDATES, len(left_over))
    best = np.argpartition(left_over, few - 1)[:few]
    best = best[np.lexsort((best, left_over[best]))]
    first, second = first[best], second[best]
    four = np.stack([one[first], two[first], one[second], two[second]])
    across = np.max([alike[four[i], four[j]] for i in (0, 1) for j in (2, 3)], axis=0)
    return four[:, across < NOT_ALIKE][:, :_QUADRUPLES]  # a record is like itself


def _set_bits(scene: Scene, four: Integers) -> Integers:
    return count_bits(np.bitwise_xor.reduce(scene.filters[four], axis=0))
