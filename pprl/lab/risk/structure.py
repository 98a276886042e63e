"""What a record's place in a similarity graph looks like, and how far two such places differ.

A node is described by its row of similarities without saying whose they are: a few of the largest
and smallest, moments, and the same of its neighbours, weighted by similarity, up to three steps
away. What of this survives the noise of an encoding the attacker finds out on its own register: it
adds as much noise to its own graph several times, and trusts a feature as far as it stays the same
(:func:`distances`). Descriptions of this kind are the node embeddings of the published attacks
(Schäfer, Armknecht, Heng, ACSAC 2024; Vidanage, Christen, Ranbaduge, Schnell, CIKM 2020); the
weighing by own noise is ours. Nothing here sees the truth.

>>> import numpy as np
>>> draw = np.random.default_rng(1)
>>> plain = draw.random((40, 40), dtype=np.float32) ** 4
>>> plain = plain + plain.T
>>> order = draw.permutation(40)
>>> found = distances(plain[np.ix_(order, order)], plain, noise=0.01, draw=draw).argmin(axis=1)
>>> bool(np.array_equal(found, order))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

_PLACES = 14  # of a sorted row that are looked at, dense at its ends
_MOMENTS = (1, 2, 3, 4)
_STEPS = 3
_DRAWS = 6  # of noise on the attacker's own graph
_LEAST_NOISE = 1e-3  # in variance: no feature is trusted without bounds
_TINY = 1e-12


def centred(similarity: Floats) -> Floats:
    """Return similarities less what both rows have anyway, scaled to a mean square of 1.

    The diagonal is 0: everybody resembles himself.
    """
    centre = similarity.astype(np.float64)
    np.fill_diagonal(centre, 0)
    of_row = centre.sum(axis=1) / max(len(centre) - 1, 1)
    centre -= of_row[:, None] + of_row[None, :] - of_row.mean()
    np.fill_diagonal(centre, 0)
    return np.asarray(centre / np.sqrt(np.mean(centre**2) + _TINY), dtype=np.float32)


def features(similarity: Floats) -> Doubles:
    """Describe every node.

    Parameters
    ----------
    similarity : float32 (n, n)
        Symmetric; the diagonal isn't looked at.

    Returns
    -------
    float64 (n, features)
        The same for the same graph in another order. Takes a sort of the matrix and three
        products with a narrow one.
    """
    n_nodes = len(similarity)
    rows = similarity.copy()
    np.fill_diagonal(rows, 0)
    ordered = np.sort(rows, axis=1)
    places = np.unique(np.geomspace(1, max(n_nodes - 1, 1), _PLACES).astype(np.int64))
    own = [ordered[:, -place] for place in places]
    own += [ordered[:, place - 1] for place in places]
    own += [np.mean(rows.astype(np.float64) ** power, axis=1) for power in _MOMENTS]
    graph = centred(similarity).astype(np.float64) / n_nodes
    steps = [_standard(np.stack(own, axis=1).astype(np.float64))]
    for _ in range(_STEPS):
        steps.append(_standard(graph @ steps[-1]))
    return np.hstack(steps)


def distances(
    encoded: Floats, plain: Floats, *, noise: float, draw: np.random.Generator
) -> Doubles:
    """Return how unlike each record's place is to each person's, ``float64 (records, persons)``.

    Parameters
    ----------
    encoded, plain
        Similarities of filters, and the expected ones of the attacker's register.
    noise
        Standard deviation of the first around the second.
    draw
        Noise for the attacker's own graph.
    """
    tries = []
    for _ in range(_DRAWS):
        upper = np.triu(draw.standard_normal(plain.shape, dtype=np.float32), 1) * np.float32(noise)
        tries.append(features(plain + upper + upper.T))
    mean = np.mean(tries, axis=0)
    errors = np.concatenate([one - mean for one in tries])
    within = errors.T @ errors / (len(errors) * (1 - 1 / _DRAWS))
    between = np.atleast_2d(np.cov(mean.T))
    size = np.trace(between) / len(between)
    within += _LEAST_NOISE * (np.diag(np.diag(between)) + (size + _TINY) * np.eye(len(within)))
    whiten = np.linalg.inv(np.linalg.cholesky(within)).T
    return np.asarray(cdist(features(encoded) @ whiten, mean @ whiten))


def _standard(values: Doubles) -> Doubles:
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + _TINY))
