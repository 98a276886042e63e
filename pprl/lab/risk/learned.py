"""Learned scoring: from known pairs, learn which bits a person's q-grams make, and compare.

Every bit of a filter is a function of the q-grams that the attacker doesn't know. From known pairs
it regresses each bit on them: on presence of q-grams for Bloom filters, and for hardened ones with
the kernel that their definition gives, (1 - 2 theta / pi) ** kappa (Cho and Saul, 2009), as a
Gaussian process (Rasmussen and Williams, 2006). Nothing that looks at bits in
pairs of records only can predict better: their covariance is exactly that kernel. So a record is
held against what is predicted for every person, and the likeliest is guessed.

>>> LearnedScores().name
'learned_scores'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from pprl.lab.risk.scales import Scales
from pprl.lab.risk.seeded import told, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

_JITTER = 1e-3  # added to the diagonal of the kernel
_RIDGE = 1.0  # of the linear model of Bloom filters
_CERTAIN = 0.98  # a bit is never predicted more surely than that
_ROWS = 2_048


class LearnedScores:
    """Guesses for each record the person whose predicted bits fit best.

    Cost: a Cholesky decomposition of known times known, and records times persons times bits.
    """

    name = "learned_scores"

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return the likeliest person of each; see :class:`~pprl.lab.risk.judge.Guessing`."""
        scales = Scales(scene, known)
        rows, persons = unknown(scene, known)
        guess = told(scene, known)
        if not len(scales.rows) or not len(rows) or not len(persons):
            return guess
        learned = scales.signs(scales.rows)
        middle = np.zeros((1, learned.shape[1]), dtype=np.float32)
        if not scales.hardened:
            middle = learned.mean(axis=0, keepdims=True)
        weights = _weights(scales, learned - middle)
        odds, constant = [], []
        for first in range(0, len(persons), _ROWS):
            block = persons[first : first + _ROWS]
            mean = scales.kernel(block, scales.persons) @ weights + middle
            mean = np.clip(mean, -_CERTAIN, _CERTAIN)
            odds.append(np.arctanh(mean).astype(np.float32))
            constant.append(np.log1p(-mean * mean).sum(axis=1, dtype=np.float64) / 2)
        table, offset = np.concatenate(odds), np.concatenate(constant).astype(np.float32)
        for first in range(0, len(rows), _ROWS):
            taken = rows[first : first + _ROWS]
            likelihood = scales.signs(taken) @ table.T + offset
            guess[taken] = persons[likelihood.argmax(axis=1)]
        return guess


def _weights(scales: Scales, learned: Floats) -> Floats:
    """Return what each known record contributes to each bit, ``float32 (known, bits)``."""
    kernel = scales.kernel(scales.persons, scales.persons).astype(np.float64)
    ridge = _JITTER if scales.hardened else _RIDGE
    kernel[np.diag_indices_from(kernel)] += ridge
    solved = cho_solve(cho_factor(kernel, overwrite_a=True), learned.astype(np.float64))
    return np.asarray(solved, dtype=np.float32)
