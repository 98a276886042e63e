"""Bits that occur together: pattern mining, and what the patterns say of persons. No known pair.

A q-gram sets the same bits of a Bloom filter in every record, so frequent q-grams show as groups
of bits that rise and fall together (Christen, Vidanage, Ranbaduge, Schnell: Pattern-mining based
cryptanalysis of Bloom filters for privacy-preserving record linkage, PAKDD 2018). There the groups
are given names by how frequent they are. Here also by which others they occur with: the groups'
table of correlations is laid upon that of the register's q-grams, first by frequency and the shape
of each row, then, round by round, by the rows under the names given so far. Who a record is then
follows from which of the named q-grams it has.

Bits of a hardened filter have no groups: each depends on all q-grams at once.

>>> seen, held = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])
>>> _persons(seen, held).tolist()
[1, 0]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform

from pprl.lab.risk.bits import correlations, unpacked
from pprl.lab.risk.judge import judged
from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.judge import Finding
    from pprl.lab.risk.scene import Population, Scene

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

TOGETHER = 0.6
"""Mean correlation from which bits are one group."""
LEAST_BITS = 3
MOST_GROUPS = 100
_NEARLY_ALL = 0.9  # of a group's bits, for a record to have its q-gram
_SAMPLE = 20_000  # records that correlations are taken from
_RARE = 0.005
_ROUNDS = 40
_ROW_ENDS = 12  # largest and smallest correlations of a row that describe its shape
_AT_ONCE = 2_000  # records compared with the whole register at once


class Patterns:
    """Groups of bits, named by the register's q-grams, and persons by those."""

    name = "patterns"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return one finding, ``reidentified``; the known pairs aren't used."""
        rows = np.flatnonzero(scene.has_filter)
        guess = np.full(len(scene), NOBODY, dtype=np.int64)
        groups = _Seen.of(scene, rows)
        if groups is not None:
            held = _Held.of(scene.population, 3 * MOST_GROUPS)
            named = _named(groups, held)
            guess[rows] = _persons(groups.has, held.has[:, named])
        finding = judged(scene, known, guess, attack=self.name)
        count = 0 if groups is None else groups.has.shape[1]
        return [replace(finding, note=f"{count} groups of bits")]


@dataclass(frozen=True)
class _Seen:
    """Groups of bits: which records have each, float64 (n, groups), most frequent first."""

    has: Floats

    @classmethod
    def of(cls, scene: Scene, rows: Integers) -> _Seen | None:
        """Find the groups; None where no bits belong together."""
        if len(rows) <= LEAST_BITS:
            return None
        sample = rows[:_SAMPLE]  # the scene is shuffled
        bits = unpacked(scene.filters[sample], scene.header.bits).astype(np.float64)
        alike = correlations(bits, bits)
        np.fill_diagonal(alike, 0.0)
        some = np.flatnonzero((alike >= TOGETHER).any(axis=1))
        if len(some) < LEAST_BITS:
            return None
        apart = np.clip(1 - alike[np.ix_(some, some)], 0, 2)
        apart = (apart + apart.T) / 2
        np.fill_diagonal(apart, 0.0)
        tree = linkage(squareform(apart, checks=False), "average")
        group = fcluster(tree, 1 - TOGETHER, "distance")
        large = np.flatnonzero(np.bincount(group) >= LEAST_BITS)
        if not len(large):
            return None
        member = (group[:, None] == large).astype(np.float64)
        member /= member.sum(axis=0)
        has = np.concatenate(
            [
                unpacked(scene.filters[part], scene.header.bits)[:, some] @ member >= _NEARLY_ALL
                for part in np.array_split(rows, len(rows) // _AT_ONCE + 1)
            ]
        ).astype(np.float64)
        often = np.argsort(-has.mean(axis=0), kind="stable")[:MOST_GROUPS]
        return cls(has[:, often])


@dataclass(frozen=True)
class _Held:
    """The register's frequent q-grams: which persons have each, float64 (n, q-grams)."""

    has: Floats

    @classmethod
    def of(cls, population: Population, most: int) -> _Held:
        """Take the most frequent ones; of those that always occur together, one."""
        share = np.asarray(population.grams.sum(axis=0)).ravel() / max(len(population), 1)
        some = np.flatnonzero((share > _RARE) & (share < 1 - _RARE))
        some = some[np.argsort(-share[some], kind="stable")]
        has = population.grams[:, some].toarray()
        marks = np.random.default_rng(0).standard_normal(len(has))
        _, first = np.unique(np.round(marks @ has, 6), return_index=True)
        return cls(has[:, np.sort(first)[:most]])


def _named(seen: _Seen, held: _Held) -> Integers:
    """Return for each group the column of ``held`` that it is taken for."""
    few = min(seen.has.shape[1], held.has.shape[1])
    has = seen.has[:, :few]
    share, known_share = has.mean(axis=0), held.has.mean(axis=0)
    spread = np.sqrt(known_share * (1 - known_share) / len(has)) + 0.01
    frequency = np.minimum(((share[:, None] - known_share) / spread) ** 2 / 2, 20)
    rows, columns = _off_diagonal(has), _off_diagonal(held.has)
    cost = frequency + 20 * _distances(_shape(rows), _shape(columns), np.ones(2 * _ROW_ENDS))
    places = np.arange(few)
    named = np.full(few, -1, dtype=np.int64)
    for _ in range(_ROUNDS):
        before, named = named, linear_sum_assignment(cost)[1]
        if np.array_equal(before, named):
            break
        # Names that fit badly speak less in the next round.
        under = columns[:, named]
        own = _distances(rows, under, np.ones(few))[places, named]
        weight = 1 / (own + 0.05)
        apart = _distances(rows, under, weight / weight.sum())
        cost = 0.2 * frequency + len(has) / 4 * apart
    return named


def _persons(has: Floats, held: Floats) -> Integers:
    """Return the person with the most of the same named q-grams; -1 where two have as many."""
    has = has[:, : held.shape[1]]
    found = np.full(len(has), NOBODY, dtype=np.int64)
    if len(held) < 2:  # noqa: PLR2004 - a person is told from another
        return found
    sizes = held.sum(axis=1)
    for start in range(0, len(has), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        apart = sizes + has[part].sum(axis=1)[:, None] - 2 * (has[part] @ held.T)
        best = apart.argmin(axis=1)
        first, second = np.partition(apart, 1, axis=1)[:, :2].T
        found[part] = np.where(first < second, best, NOBODY)
    return found


def _off_diagonal(has: Floats) -> Floats:
    found = correlations(has, has)
    np.fill_diagonal(found, 0.0)
    return found


def _shape(rows: Floats) -> Floats:
    """Return each row's extremes in order: what it looks like before anything has a name."""
    padded = np.pad(np.sort(rows, axis=1), ((0, 0), (0, max(0, _ROW_ENDS - rows.shape[1]))))
    return np.concatenate([padded[:, :_ROW_ENDS], padded[:, -_ROW_ENDS:]], axis=1)


def _distances(left: Floats, right: Floats, weight: Floats) -> Floats:
    """Return the weighted squared distance of every row to every row."""
    found: Floats = (left**2 @ weight)[:, None] + right**2 @ weight - 2 * (left * weight) @ right.T
    return np.maximum(found, 0)
