"""Q-grams read off filters: ridge regression trained on known pairs.

Needs no register, only pairs of a filter and its record in the clear; half of the scene's are
given. In a Bloom filter every q-gram has bits of its own, and a line through the bits finds them
(the idea of learning from known pairs: Vidanage, Ranbaduge, Christen, Schnell, A taxonomy of
attacks on privacy-preserving record linkage, JPC 2022; the regression: Hoerl, Kennard 1970). Of a
majority hardly anything of one q-gram can be read: each moves every bit a little, and the XOR of
several majorities leaves only what the frequent q-grams of the population bias. It grows with the
number of known pairs.

>>> dice(np.array([[True, True, False]]), np.array([[True, False, False]]))
0.6666666666666666
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from pprl.lab.risk.bits import unpacked
from pprl.lab.risk.judge import Finding
from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Population, Scene

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Integers = NDArray[np.int64]

BETTER = 0.05
"""How much above the prior the Dice coefficient is called broken."""
_PENALTIES = (30.0, 300.0, 3_000.0, 30_000.0)
_CUTS = np.arange(0.05, 0.95, 0.05)
_MOST = 2_500  # records learned from, and as many judged
_LEAST = 40
_CHECKED = 5  # one part in so many chooses penalty and cut


class QgramRidge:
    """Which q-grams a record has, from its bits."""

    name = "qgram_ridge"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:  # noqa: ARG002 - it takes half
        """Return two findings: Dice of predicted and true q-grams, and names found exactly.

        Half of the pairs are given, whatever ``known`` is. The prior predicts for everybody the
        most frequent q-grams, as many as serve it best. A name is found when exactly its q-grams
        are predicted of all that were met in learning.

        Cost: eigenvectors of a matrix as large as the smaller of records and bits, twice.
        """
        rows = np.flatnonzero(scene.has_filter & (scene.truth != NOBODY))
        if len(rows) < _LEAST:
            return []
        rows = np.random.default_rng([scene.seed, 40]).permutation(rows)[: 2 * _MOST]
        half = len(rows) // 2
        bits = unpacked(scene.filters[rows], scene.header.bits).astype(np.float64)
        persons = scene.truth[rows]
        grams = scene.population.grams[persons].toarray() > 0
        learner = _Learner(bits, half)
        read, prior = learner.read(grams)
        value, chance = dice(read, grams[half:]), dice(prior, grams[half:])
        findings = [
            Finding(
                attack=self.name,
                metric="dice",
                value=value,
                chance=chance,
                broken=value >= chance + BETTER,
                known=half,
            )
        ]
        names = name_text(scene.population)
        if names is not None:
            spelled = _bigrams(names.take(persons))
            read, prior = learner.read(spelled)
            exact, by_prior = (
                float((one == spelled[half:]).all(axis=1).mean()) for one in (read, prior)
            )
            findings.append(
                Finding(
                    attack=self.name,
                    metric="exact_names",
                    value=exact,
                    chance=by_prior,
                    broken=exact > by_prior,
                    known=half,
                )
            )
        return findings


def dice(predicted: Flags, true: Flags) -> float:
    """Return the mean Dice coefficient of rows: twice the common by the sum of both."""
    common = (predicted & true).sum(axis=1)
    both = predicted.sum(axis=1) + true.sum(axis=1)
    return float((2 * common / np.maximum(both, 1)).mean())


def name_text(population: Population) -> pa.Array | None:
    """Return what names read as, without spaces: the longest text without digits; None for none."""
    best, most = None, 1.0  # sex is one letter
    for text in population.texts.values():
        if pc.any(pc.match_substring_regex(text, "[0-9]")).as_py():
            continue
        mean = pc.mean(pc.utf8_length(text)).as_py() or 0.0
        if mean > most:
            best, most = text, mean
    return best


class _Learner:
    """Bits of records, the first half of which is known.

    Parameters
    ----------
    bits : float64 (n, bits)
    half
        How many are known.
    """

    def __init__(self, bits: Floats, half: int) -> None:
        self._half, self._check = half, half // _CHECKED
        self._trial = _Ridge(bits[self._check : half], bits[: self._check])
        self._ridge = _Ridge(bits[:half], bits[half:])

    def read(self, grams: Flags) -> tuple[Flags, Flags]:
        """Predict the other half's q-grams, and by the prior alone."""
        half, check = self._half, self._check
        fits = [
            [dice(scores > cut, grams[:check]) for cut in _CUTS]
            for scores in (self._trial.scores(grams[check:half], each) for each in _PENALTIES)
        ]
        penalty, cut = np.unravel_index(int(np.argmax(fits)), (len(_PENALTIES), len(_CUTS)))
        read = self._ridge.scores(grams[:half], _PENALTIES[penalty]) > _CUTS[cut]
        order = np.argsort(-grams[:half].mean(axis=0), kind="stable")
        return read, _prior(order, grams[:half], len(grams) - half)


class _Ridge:
    """Bits of known and of asked records, decomposed once for all penalties and q-grams."""

    def __init__(self, learn: Floats, ask: Floats) -> None:
        centre = learn.mean(axis=0)
        # Doubled: bits as -1 and 1.
        left, right = 2 * (learn - centre), 2 * (ask - centre)
        if len(left) < left.shape[1]:
            self._values, vectors = np.linalg.eigh(left @ left.T)
            self._known, self._asked = vectors.T, right @ left.T @ vectors
        else:
            self._values, vectors = np.linalg.eigh(left.T @ left)
            self._known, self._asked = vectors.T @ left.T, right @ vectors

    def scores(self, grams: Flags, penalty: float) -> Floats:
        """Return how much each asked record seems to have each q-gram, about 0 to 1."""
        share = grams.mean(axis=0)
        known = self._known @ (grams - share)
        shrunk = known / (np.maximum(self._values, 0) + penalty)[:, None]
        found: Floats = self._asked @ shrunk + share
        return found


def _prior(order: Integers, grams: Flags, count: int) -> Flags:
    """Return the most frequent q-grams for everybody, as many as fit ``grams`` best."""
    sorted_grams = grams[:, order]
    common = np.cumsum(sorted_grams, axis=1)
    sizes = np.arange(1, len(order) + 1)
    fits = (2 * common / (sizes + grams.sum(axis=1)[:, None])).mean(axis=0)
    found = np.zeros((count, len(order)), dtype=np.bool_)
    found[:, order[: int(np.argmax(fits)) + 1]] = True
    return found


def _bigrams(names: pa.Array) -> Flags:
    """Return which pairs of letters each name has, its ends counted as letters."""
    numbers: dict[tuple[str, str], int] = {}
    found = [
        [numbers.setdefault(pair, len(numbers)) for pair in pairwise(f" {name} ")] if name else []
        for name in names.to_pylist()
    ]
    grams = np.zeros((len(found), max(len(numbers), 1)), dtype=np.bool_)
    for row, places in enumerate(found):
        grams[row, places] = True
    return grams
