"""Attacks that measure what encodings give away, without saying who every record is.

Each has ``find(scene, known)`` and returns findings with what chance gives. Here are the ones that
count: lengths, repeats and sizes of classes; the others of this kind are imported, so that all are
found in one place. Two need the register again, to encode it anew: :mod:`pprl.lab.risk.reencode`.

None of them looks at a key, and none prints a value: a finding is a number and a line of text.

>>> from pprl.lab.risk.scene import Classes
>>> aligned(Classes(np.array([0, 0, 0, 1, 1]), np.array([3, 2])),
...         Classes(np.array([0, 0, 1, 1, 1]), np.array([2, 3]))).tolist()
[1, 1, 1, 0, 0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from pprl.compare.filters import count_bits
from pprl.lab.risk.distinguisher import Xor4
from pprl.lab.risk.judge import BROKEN, Finding
from pprl.lab.risk.patterns import Patterns
from pprl.lab.risk.reencode import CrossRun, NikDictionary
from pprl.lab.risk.ridge import QgramRidge, name_text
from pprl.lab.risk.scene import NOBODY, Classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Population, Scene

    Integers = NDArray[np.int64]

__all__ = [
    "BlockSizes",
    "CrossRun",
    "Frequency",
    "NikDictionary",
    "Patterns",
    "Popcount",
    "QgramRidge",
    "Xor4",
    "aligned",
    "filter_classes",
]

CORRELATED = 0.1
"""From this correlation on a popcount says something of a name's length."""
_LEAST = 4


class Popcount:
    """Correlation between the bits set in a filter and the letters of the name.

    Every letter of a name sets bits in a Bloom filter, so its weight tells the length of the name.
    Niedermeyer, Steinmetzer, Kroll, Schnell: Cryptanalysis of basic Bloom filters used for
    privacy preserving record linkage (2014).
    """

    name = "popcount"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return one finding: the correlation, over all records with a filter."""
        text = name_text(scene.population)
        there = scene.has_filter & (scene.truth != NOBODY)
        if text is None or np.count_nonzero(there) < _LEAST:
            return []
        lengths = np.asarray(pc.fill_null(pc.utf8_length(text), 0))[scene.truth[there]]
        bits = count_bits(scene.filters[there])
        value = abs(_correlation(bits, lengths))
        chance = 1 / np.sqrt(len(bits) - 1)
        return [
            Finding(
                attack=self.name,
                metric="correlation",
                value=value,
                chance=float(chance),
                broken=value >= max(CORRELATED, 3 * chance),
                known=len(known),
            )
        ]


class Frequency:
    """Repeated filters and tokens, aligned by how often they occur with repeated values.

    Where a value is encoded to the same bits every time, the most frequent bits are the most
    frequent value (Christen, Ranbaduge, Vatsalan, Schnell: Precise and fast cryptanalysis for
    Bloom filter based PPRL, TKDE 2019). Whole records rarely repeat, so it needs filters of one
    field, or tokens of values that many share. Only sizes that occur once on either side are
    aligned: an order among equal sizes would be a guess.
    """

    name = "frequency"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return one finding: the share of records whose value (not person) was told."""
        pairs = [(scene.tokens[kind], scene.population.tokens[kind]) for kind in scene.tokens]
        if scene.has_filter.any():
            pairs.append((filter_classes(scene), _gram_classes(scene.population)))
        return _told(self.name, scene, known, pairs)


class BlockSizes:
    """Block tokens, aligned with the population's by the size of their classes.

    A block whose size occurs once says which block it is, and so the values that make it.
    """

    name = "block_sizes"

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return one finding: the share of records whose block was told; empty without blocks."""
        shared = [name for name in scene.blocks if name in scene.population.blocks]
        return _told(
            self.name,
            scene,
            known,
            [(scene.blocks[name], scene.population.blocks[name]) for name in shared],
        )


def aligned(seen: Classes, held: Classes) -> Integers:
    """Return for each record the class of ``held`` that it must be in by size alone; -1 for none.

    Parameters
    ----------
    seen, held
        Classes of the encodings, and of the attacker's register.
    """
    told = np.full(len(seen.sizes), NOBODY, dtype=np.int64)
    once = np.bincount(seen.sizes) == 1
    size_of = np.bincount(held.sizes, minlength=len(once))
    for_size = np.full(len(size_of), NOBODY, dtype=np.int64)
    for_size[held.sizes] = np.arange(len(held.sizes))  # the last of a size; used where it's alone
    alone = (size_of == 1) & (np.arange(len(size_of)) > 1)
    fits = once[seen.sizes] & alone[seen.sizes]
    told[fits] = for_size[seen.sizes[fits]]
    return np.where(seen.of >= 0, told[seen.of], NOBODY) if len(told) else np.full_like(seen.of, -1)


def filter_classes(scene: Scene) -> Classes:
    """Return who shares a filter with whom."""
    of = np.full(len(scene), NOBODY, dtype=np.int64)
    rows = np.flatnonzero(scene.has_filter)
    _, codes = np.unique(scene.filters[rows], axis=0, return_inverse=True)
    of[rows] = codes.reshape(-1)
    return Classes(of, np.bincount(of[rows]).astype(np.int64))


def _told(
    attack: str, scene: Scene, known: Integers, pairs: list[tuple[Classes, Classes]]
) -> list[Finding]:
    """Count the records of which some class was told rightly; and the guesses."""
    if not pairs:
        return []
    there = scene.truth != NOBODY
    right, said = np.zeros(len(scene), np.bool_), np.zeros(len(scene), np.bool_)
    chance = 0.0
    for seen, held in pairs:
        guess = aligned(seen, held)
        said |= guess != NOBODY
        right[there] |= (guess == _class_of(held, scene.truth))[there] & (guess != NOBODY)[there]
        share = held.sizes / max(int(held.sizes.sum()), 1)
        chance = max(chance, float((share**2).sum()))
    value = int(right.sum()) / max(int(there.sum()), 1)
    return [
        Finding(
            attack=attack,
            metric="values_told",
            value=value,
            chance=chance,
            broken=value >= BROKEN,
            known=len(known),
            precision=int(right.sum()) / int(said.sum()) if said.any() else None,
        )
    ]


def _class_of(held: Classes, persons: Integers) -> Integers:
    return np.where(persons == NOBODY, NOBODY, held.of[persons])


def _gram_classes(population: Population) -> Classes:
    """Return who has the very same q-grams: two random numbers per q-gram, added up."""
    draw = np.random.default_rng(0)
    marks = draw.integers(1, 2**40, size=(population.grams.shape[1], 2)).astype(np.float64)
    sums = population.grams @ marks  # exact: below 2**53
    empty = np.diff(population.grams.indptr) == 0
    _, codes = np.unique(sums, axis=0, return_inverse=True)
    of = np.where(empty, NOBODY, codes.reshape(-1)).astype(np.int64)
    _, of[~empty] = np.unique(of[~empty], return_inverse=True)
    return Classes(of, np.bincount(of[~empty]).astype(np.int64))


def _correlation(one: Integers, other: Integers) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
