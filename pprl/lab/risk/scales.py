"""Similarity as it shows between encodings, and as plain text lets one expect it, on one scale.

Attacks with known pairs compare every record with the known records, and every person of the
attacker's register with the known persons. What two hardened filters have in common is known from
theory: their bits, as -1 and 1, correlate as (1 - 2 theta / pi) ** kappa, theta the angle between
the q-gram vectors (kernels of this form: Cho, Saul, NIPS 2009). For Bloom filters the attacker
learns from its known pairs which Dice coefficient of filters goes with which of q-grams, as a
monotone line.

>>> import numpy as np
>>> expected_majority(np.array([1.0, 0.5, 0.0]), kappa=4).round(4).tolist()
[1.0, 0.0123, 0.0]
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

_LEAST_PAIRS = 30  # of which a monotone line is learned
_PAIRS = 500_000  # of which it is learned at most
_STEPS = 256  # of the line
_NOISE_FLOOR = 1e-4


def expected_majority(cosine: NDArray[np.floating], *, kappa: int) -> NDArray[np.float64]:
    """Return the correlation of the bits of two hardened filters, from the angle's cosine."""
    share = 1 - 2 * np.arccos(np.clip(cosine, 0.0, 1.0)) / np.pi
    return np.asarray(share**kappa, dtype=np.float64)


class Scales:
    """The two similarities of one scene.

    Parameters
    ----------
    scene
        Of its truth only that of ``known`` is used.
    known : int64 (k,)
        Rows of known records; those without a filter are of no use and left out.
    """

    def __init__(self, scene: Scene, known: Integers) -> None:
        self.scene = scene
        self.rows: Integers = known[scene.has_filter[known]]
        self.persons: Integers = scene.truth[self.rows]
        self.hardened = scene.header.scheme == "hardened"
        self._grams = scene.population.vectors.astype(np.float32)
        squares = np.asarray(self._grams.power(2).sum(axis=1), dtype=np.float32).ravel()
        self._weights: Floats = np.maximum(squares, 1e-9)

    @cached_property
    def noise(self) -> float:
        """Variance of what is seen around what is expected."""
        if self.hardened:
            return 1 / self.scene.header.bits
        return max(self._line[2], _NOISE_FLOOR)

    def encoded(self, rows: Integers, others: Integers) -> Floats:
        """Return how similar the filters of records are, ``float32 (rows, others)``.

        Correlation of bits for hardened filters, Dice coefficient for others.
        """
        one, other = self._bits(rows), self._bits(others)
        if self.hardened:
            return (one @ other.T) / np.float32(self.scene.header.bits)
        total = one.sum(axis=1)[:, None] + other.sum(axis=1)[None, :]
        return np.asarray(2 * (one @ other.T) / np.maximum(total, 1), dtype=np.float32)

    def plain(self, persons: Integers, others: Integers) -> Floats:
        """Return what similarity of filters these persons would show, ``float32``."""
        raw = self._raw(persons, others)
        if self.hardened:
            kappa = self.scene.header.kappa or 1
            return expected_majority(raw, kappa=kappa).astype(np.float32)
        at, values, _ = self._line
        return np.interp(raw, at, values).astype(np.float32)

    def signs(self, rows: Integers) -> Floats:
        """Return filters as -1 and 1, ``float32 (rows, bits)``."""
        bits = self._bits(rows)
        return bits if self.hardened else 2 * bits - 1

    def kernel(self, persons: Integers, others: Integers) -> Floats:
        """Return by how much the bits of persons vary together, ``float32``.

        From definition for hardened filters; common q-grams, as in a linear model, for others.
        """
        if self.hardened:
            return self.plain(persons, others)
        common = (self._grams[persons] @ self._grams[others].T).todense()
        return np.asarray(common, dtype=np.float32)

    def _raw(self, persons: Integers, others: Integers) -> Floats:
        """Return cosine (hardened) or Dice of q-grams."""
        common = np.asarray((self._grams[persons] @ self._grams[others].T).todense())
        one, other = self._weights[persons][:, None], self._weights[others][None, :]
        both = np.sqrt(one * other) if self.hardened else (one + other) / 2
        return np.asarray(common / both, dtype=np.float32)

    @cached_property
    def _line(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return the monotone line from q-grams to filters, and the variance around it."""
        first, second = np.triu_indices(len(self.rows), 1)
        if len(first) < _LEAST_PAIRS:
            ends = np.array([0.0, 1.0])
            return ends, ends, 0.01
        if len(first) > _PAIRS:
            step = len(first) // _PAIRS + 1
            first, second = first[::step], second[::step]
        seen = self.encoded(self.rows, self.rows)[first, second].astype(np.float64)
        plain = self._raw(self.persons, self.persons)[first, second].astype(np.float64)
        order = np.argsort(plain, kind="stable")
        fitted = np.asarray(isotonic_regression(seen[order]).x)
        at = np.linspace(0, len(order) - 1, min(_STEPS, len(order))).astype(np.int64)
        places, values = plain[order][at], fitted[at]
        keep = np.append(True, np.diff(places) > 0)
        places, values = np.append(places[keep], 1.0 + 1e-9), np.append(values[keep], 1.0)
        spread = float(np.var(seen - np.interp(plain, places, values)))
        return places, values, spread

    def _bits(self, rows: Integers) -> Floats:
        filters = np.ascontiguousarray(self.scene.filters[rows])
        bits = np.unpackbits(filters.view(np.uint8), axis=1).astype(np.float32)
        return 2 * bits - 1 if self.hardened else bits
