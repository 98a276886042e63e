"""Graph matching without a single known pair: two similarity graphs, laid one over the other.

The attacker computes how similar the filters are to each other, and how similar the filters of its
own register would be (:class:`~pprl.lab.risk.scales.Scales`: for hardened filters by the formula,
which says all that linearising does and keeps what is below chance). Then

1. every record and person is described by its place in its graph, and compared
   (:mod:`pprl.lab.risk.structure`);
2. an assignment of records to persons starts from that;
3. it is improved: everybody found so far is a seed, records and persons are compared by their
   similarities to all seeds, and assigned anew, until the two graphs agree no better;
4. where they still agree worse than the noise explains, the same with shares instead of a hard
   assignment, ever harder (the annealing of Gold and Rangarajan, 1996), and the better one counts.

How well two graphs agree is seen without the truth: the correlation of their edges. Ideas:
similarity graphs and node embeddings from Vidanage et al. (CIKM 2020) and Schäfer, Armknecht, Heng
(ACSAC 2024); projected power iterations for the assignment from Onaran and Villar (2017).

Dense matrices: about 3,000 records. Larger scenes are possible, with the square of the memory and
the cube of the time.

>>> import pyarrow as pa
>>> from pprl.lab.risk.scene import Scene
>>> from pprl.schema import Schema
>>> names = [f"{one} {other}" for one in ("Siti", "Budi", "Nur") for other in ("Aminah", "Rahmat")]
>>> people = {"id": list("123456"), "nik": [None] * 6, "nama": names, "jk": ["P", "L"] * 3,
...           "tgl_lahir": [f"19{year}-03-0{day}" for year in (71, 85) for day in (2, 5, 8)]}
>>> scene = Scene.of_one(pa.table(people), Schema.load("indonesia"), seed=1)
>>> guess = Seedless().guess(scene, scene.known(0))
>>> bool(set(guess.tolist()) == set(range(6)))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from pprl.lab.risk.scales import Scales
from pprl.lab.risk.scene import NOBODY
from pprl.lab.risk.structure import centred, distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

LARGEST = 3_000
"""Records that this is made for; the matrices of more are large, and assigning them slow."""

_ROUNDS = 15  # of hard assignments, at most
_SETTLED = 0.8  # of the agreement that noise allows: found, or as good as
_HARDNESS = tuple(np.geomspace(3, 14, 16).tolist())  # of the shares, in standard deviations
_BALANCES = 8  # row and column sums of the shares
_INERTIA = 0.3  # of the last shares in the next
_STRUCTURE = 0.3  # weight of the places beside the similarities to seeds
_CLK_NOISE = 0.02  # of Dice coefficients of filters around those of q-grams; the attacker's guess
_LEAST = 3  # records that make a graph


class Agreement(NamedTuple):
    """An assignment, and how well the graphs agree under it."""

    records: Integers
    persons: Integers
    correlation: float


class Seedless:
    """Guesses everybody by graph matching; known pairs aren't used."""

    name = "seedless"

    def guess(self, scene: Scene, known: Integers) -> Integers:  # noqa: ARG002 - needs none
        """Return ``int64 (n,)``: the person of each record; -1 for one without a filter.

        A few dozen products and assignments of matrices of records x persons: seconds for 1,000,
        several minutes for 3,000 that it does not find.
        """
        guess = np.full(len(scene), NOBODY, dtype=np.int64)
        rows = np.flatnonzero(scene.has_filter)
        persons = np.arange(len(scene.population), dtype=np.int64)
        if min(len(rows), len(persons)) < _LEAST:
            return guess
        scales = Scales(scene, np.empty(0, dtype=np.int64))
        found = matched(
            scales.encoded(rows, rows),
            scales.plain(persons, persons),
            noise=scene.header.bits**-0.5 if scales.hardened else _CLK_NOISE,
            draw=np.random.default_rng([scene.seed, 2]),
        )
        guess[rows[found.records]] = found.persons
        return guess


def matched(
    encoded: Floats, plain: Floats, *, noise: float, draw: np.random.Generator
) -> Agreement:
    """Lay two similarity graphs over each other.

    Parameters
    ----------
    encoded : float32 (records, records)
    plain : float32 (persons, persons)
        As expected of the first, if the records were these persons.
    noise
        Standard deviation of the first around the second.
    draw
        For the attacker's trials on its own graph.

    Returns
    -------
    Agreement
        As many pairs as there are records or persons, whichever are fewer.
    """
    places = distances(encoded, plain, noise=noise, draw=draw).astype(np.float32)
    one, other = centred(encoded), centred(plain)
    found = _improved(one, other, -places)
    if found.correlation >= _SETTLED * _reachable(plain, noise):
        return found
    softly = _improved(one, other, _annealed(one, other, places))
    return max(found, softly, key=lambda each: each.correlation)


def _reachable(plain: Floats, noise: float) -> float:
    """Return about what two graphs of the same people correlate, one with noise."""
    upper = plain[np.triu_indices(len(plain), 1)].astype(np.float64)
    return float(np.sqrt(upper.var() / (upper.var() + noise**2)))


def _improved(one: Floats, other: Floats, score: Floats) -> Agreement:
    """Assign by score, score by the similarities to what was assigned, and again."""
    best = Agreement(np.empty(0, np.int64), np.empty(0, np.int64), -np.inf)
    for _ in range(_ROUNDS):
        records, persons = linear_sum_assignment(score, maximize=True)
        agreeing = one[np.ix_(records, records)] * other[np.ix_(persons, persons)]
        correlation = float(np.mean(agreeing, dtype=np.float64))
        if correlation <= best.correlation:
            break
        best = Agreement(records, persons, correlation)
        score = one[:, records] @ other[:, persons].T
    return best


def _annealed(one: Floats, other: Floats, places: Floats) -> Floats:
    """Return scores of records and persons after ever harder shares of one in the other."""
    prior = -_standard(places)
    shares = _shares(np.float32(_HARDNESS[0]) * prior)
    for hardness in _HARDNESS:
        score = _standard(np.asarray(one @ shares @ other.T)) + np.float32(_STRUCTURE) * prior
        shares = np.float32(_INERTIA) * shares + np.float32(1 - _INERTIA) * _shares(
            np.float32(hardness) * score
        )
    return np.asarray(one @ shares @ other.T)


def _shares(score: Floats) -> Floats:
    """Return ``exp(score)``, rows and columns scaled in turn until both sum up to about 1."""
    shares = np.exp(score - score.max(axis=1, keepdims=True))
    for _ in range(_BALANCES):
        shares /= shares.sum(axis=1, keepdims=True)
        columns = shares.sum(axis=0, keepdims=True)
        shares /= np.maximum(columns, np.float32(1e-30))
    return np.asarray(shares)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() + np.float32(1e-12)))
