"""Attacks that start from known pairs: similarity profiles, seed and grow, quadratic assignment.

The attacker knows who some records are, from a leak, from records that it sent itself, or from an
agency that talks. How similar an unknown record is to the known ones is its profile; in the plain
register the same profile can be computed for every person. These attacks differ in what they make
of that: match profiles, grow the known set, or align both whole graphs at once.

>>> SimilarityProfiles().name, SeedAndGrow().name, Quadratic().name
('similarity_profiles', 'seed_and_grow', 'quadratic')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment, quadratic_assignment

from pprl.lab.risk.scales import Scales
from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_SMOOTHING = 2e-4  # added to the variance of every known column
_LEAST_ROUNDS = 2  # known records, to learn how their errors go together
_STEPS = 30  # of Frank and Wolfe, at most


class SimilarityProfiles:
    """Matches profiles of similarity to the known records, one to one.

    The profile that plain text lets one expect is held against what is seen, with the errors that
    known records show: where a filter is fuller than its q-grams let expect, all its similarities
    are off together, and that is learned. Idea: Culnane, Rubinstein, Teague (2017), who matched
    similarity graphs of encodings and plain text through known vertices. Cost: a matrix of
    records times persons, and its assignment.
    """

    name = "similarity_profiles"

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return the likeliest assignment; see :class:`~pprl.lab.risk.judge.Guessing`."""
        scales = Scales(scene, known)
        rows, persons = unknown(scene, known)
        guess = told(scene, known)
        if not len(scales.rows) or not len(rows):
            return guess
        likelihood = profile_likelihood(scales, rows, persons)
        chosen, partner = linear_sum_assignment(likelihood, maximize=True)
        guess[rows[chosen]] = persons[partner]
        return guess


class SeedAndGrow:
    """Adds the most certain matches to the known pairs, and starts again.

    See :mod:`pprl.lab.risk.growing`. Gives no guess where it isn't certain, so that its precision
    shows whether growing could go on.
    """

    name = "seed_and_grow"

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return the matches accepted in the end; see :class:`~pprl.lab.risk.judge.Guessing`."""
        from pprl.lab.risk.growing import grow  # noqa: PLC0415 - numba, only for this attack

        return grow(scene, known)


class Quadratic:
    """Aligns both similarity graphs as wholes, known pairs held fixed.

    SciPy's quadratic assignment by the method of Frank and Wolfe (FAQ; Vogelstein et al., 2015),
    which also uses how unknown records are similar to each other. Similarity of filters is held
    against what is expected of plain text on the same scale: for Gaussian noise the largest
    agreement is the most likely alignment.
    """

    name = "quadratic"

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return the alignment found; see :class:`~pprl.lab.risk.judge.Guessing`."""
        scales = Scales(scene, known)
        guess = told(scene, known)
        rows, persons = unknown(scene, known)
        if not len(rows):
            return guess
        all_rows = np.concatenate([scales.rows, rows])
        all_persons = np.concatenate([scales.persons, persons])
        size = max(len(all_rows), len(all_persons))
        seen, expected = np.zeros((size, size)), np.zeros((size, size))
        seen[: len(all_rows), : len(all_rows)] = scales.encoded(all_rows, all_rows)
        expected[: len(all_persons), : len(all_persons)] = scales.plain(all_persons, all_persons)
        for graph, count in ((seen, len(all_rows)), (expected, len(all_persons))):
            inner = graph[:count, :count]
            inner -= inner.mean()
            np.fill_diagonal(graph, 0)
        fixed = np.arange(len(scales.rows))
        found = quadratic_assignment(
            seen,
            expected,
            method="faq",
            options={
                "maximize": True,
                "partial_match": np.column_stack([fixed, fixed]),
                "maxiter": _STEPS,
                "rng": np.random.default_rng([scene.seed, 2]),
            },
        ).col_ind
        partner = found[len(fixed) : len(all_rows)]
        there = partner < len(all_persons)
        guess[rows[there]] = all_persons[partner[there]]
        return guess


def profile_likelihood(scales: Scales, rows: Integers, persons: Integers) -> Floats:
    """Return how well profiles of persons explain those of records, ``(rows, persons)``.

    Log-likelihoods, up to a number for each record.
    """
    seen = scales.encoded(rows, scales.rows)
    expected = scales.plain(persons, scales.persons)
    if scales.hardened or len(scales.rows) <= _LEAST_ROUNDS:
        weighted = expected / scales.noise
    else:
        weighted = expected @ _precision(scales)
    fit = seen @ weighted.T
    fit -= (weighted * expected).sum(axis=1)[None, :] / 2
    return np.asarray(fit, dtype=np.float64)


def _precision(scales: Scales) -> NDArray[np.float32]:
    """Return the inverse covariance of errors over columns, from known records."""
    errors = scales.encoded(scales.rows, scales.rows) - scales.plain(scales.persons, scales.persons)
    np.fill_diagonal(errors, 0)  # a record against itself has none
    covariance = np.atleast_2d(np.cov(errors, rowvar=False))
    covariance[np.diag_indices_from(covariance)] += _SMOOTHING
    return np.asarray(np.linalg.inv(covariance), dtype=np.float32)


def unknown(scene: Scene, known: Integers) -> tuple[Integers, Integers]:
    """Return rows of records with a filter that aren't known, and of persons that aren't."""
    asked = scene.has_filter.copy()
    asked[known] = False
    free = np.ones(len(scene.population), dtype=np.bool_)
    free[scene.truth[known]] = False
    return np.flatnonzero(asked), np.flatnonzero(free)


def told(scene: Scene, known: Integers) -> Integers:
    """Return guesses that hold only what is known."""
    guess = np.full(len(scene), NOBODY, dtype=np.int64)
    guess[known] = scene.truth[known]
    return guess
