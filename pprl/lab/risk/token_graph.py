"""Who somebody is from tokens and blocks alone: no filter is looked at.

Records that share a token or a block make a graph, and the attacker's register makes the same one.
:class:`TokenGraph` knows nobody: it colours both graphs until a colour says all that a record's
surroundings say (colour refinement, Weisfeiler and Leman, 1968); a colour that one record and one
person have is a match. :class:`TokenSeeds` starts from known pairs: a known record's classes are
known, whoever is alone in classes that are known is found, and makes more classes known
(propagation after Narayanan and Shmatikov, IEEE S&P 2009); what is left is coloured with everybody
found as a colour of his own. A small register hides this: classes overlap too little to pass
anything on (``docs/security/hardened.md``).

Arrays only: 200,000 records with six kinds of classes take seconds.

>>> import numpy as np
>>> ring = [np.array([0, 0, 1, 1]), np.array([0, 1, 1, -1])]  # a chain of four by two kinds
>>> order = np.array([2, 0, 3, 1])
>>> there = [kind[order] for kind in ring]
>>> refined(there, ring, *unknown(4, 4)).tolist() == order.tolist()
True
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pprl.encode.tokens import MAX_SHARED
from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Classes, Scene

    Flags = NDArray[np.bool_]
    Integers = NDArray[np.int64]
    Colours = NDArray[np.uint64]

_ROUNDS = 64  # of either method; fixed points of real registers come after five to fifteen
_TOGETHER = 3  # kinds that are looked at together, besides all of them
_NOBODYS = np.uint64(0x6A09E667F3BCC909)  # in place of the colour of a class that isn't there


class TokenGraph:
    """Guesses from who shares tokens and blocks with whom; known pairs aren't used."""

    name = "token_graph"

    def guess(self, scene: Scene, known: Integers) -> Integers:  # noqa: ARG002 - needs none
        """Return ``int64 (n,)``: the person whom each record must be; -1 where it isn't clear."""
        records, persons = kinds_of(scene)
        return refined(records, persons, *unknown(len(scene), len(scene.population)))


class TokenSeeds:
    """Guesses from known pairs and who shares tokens and blocks with them."""

    name = "token_seeds"

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return ``int64 (n,)``: the person of each record, the known ones too; -1 for unclear."""
        records, persons = kinds_of(scene)
        guess = np.full(len(scene), NOBODY, dtype=np.int64)
        guess[known] = scene.truth[known]
        propagate(records, persons, guess, len(scene.population))
        colours, others = unknown(len(scene), len(scene.population))
        found = np.flatnonzero(guess != NOBODY)
        own = _mixed(found.astype(np.uint64) + np.uint64(1))
        colours[found], others[guess[found]] = own, own
        coloured = refined(records, persons, colours, others)
        guess[guess == NOBODY] = coloured[guess == NOBODY]
        return guess


def kinds_of(scene: Scene) -> tuple[list[Integers], list[Integers]]:
    """Return the classes of records and of persons, a kind each, in one order.

    The agency drops tokens that more than a few records share, and so does the attacker.
    """
    records, persons = [], []
    for kind in sorted(scene.tokens.keys() & scene.population.tokens.keys()):
        records.append(scene.tokens[kind].of)
        persons.append(_kept(scene.population.tokens[kind]))
    for name in sorted(scene.blocks.keys() & scene.population.blocks.keys()):
        records.append(scene.blocks[name].of)
        persons.append(scene.population.blocks[name].of)
    return records, persons


def _kept(classes: Classes) -> Integers:
    sizes = np.append(classes.sizes, 0)[classes.of]  # -1 is none
    return np.where(sizes > MAX_SHARED, NOBODY, classes.of)


def unknown(n_records: int, n_persons: int) -> tuple[Colours, Colours]:
    """Return colours of records and persons of whom nothing is known: all alike."""
    return np.zeros(n_records, dtype=np.uint64), np.zeros(n_persons, dtype=np.uint64)


def refined(
    records: Sequence[Integers], persons: Sequence[Integers], colours: Colours, others: Colours
) -> Integers:
    """Refine the colours of two graphs until they say no more; match what is unique in both.

    A record's next colour is its own with those of its classes; a class's colour is that of its
    members, counted. The first round in which a record and a person alone have a colour decides:
    later ones look farther, where two registers rather differ.

    Parameters
    ----------
    records, persons
        A kind each: ``int64 (n,)``, the number of the class, -1 for none. Numbers differ between
        the two.
    colours, others : uint64
        Of records and persons to begin with.

    Returns
    -------
    int64 (records,)
        Person of each record; -1 for none. Colours are 64-bit hashes: two different surroundings
        have the same by chance once in about 10^8 registers of 200,000.
    """
    guess = np.full(len(colours), NOBODY, dtype=np.int64)
    taken = np.zeros(len(others), dtype=np.bool_)
    different = 0
    for _ in range(_ROUNDS):
        record, person = _alone(colours, others)
        free = (guess[record] == NOBODY) & ~taken[person]
        guess[record[free]] = person[free]
        taken[person[free]] = True
        now = len(np.unique(colours)) + len(np.unique(others))
        if now == different:
            break
        different = now
        colours, others = _next(records, colours), _next(persons, others)
    return guess


def propagate(
    records: Sequence[Integers], persons: Sequence[Integers], guess: Integers, n_persons: int
) -> None:
    """Find everybody who is alone in known classes, and again, until nobody is found.

    Parameters
    ----------
    records, persons
        As for :func:`refined`.
    guess : int64 (records,)
        Known persons, -1 for others; found ones are written into it.
    n_persons
        Size of the attacker's register.
    """
    taken = np.zeros(n_persons, dtype=np.bool_)
    taken[guess[guess != NOBODY]] = True
    for _ in range(_ROUNDS):
        before = int(taken.sum())
        labels = [
            _labelled(here, there, guess) for here, there in zip(records, persons, strict=True)
        ]
        for together in _subsets(len(labels)):
            _take_alone([labels[kind] for kind in together], guess, taken)
        if int(taken.sum()) == before:
            return


def _labelled(here: Integers, there: Integers, guess: Integers) -> tuple[Integers, Integers]:
    """Return the persons' number of the class of records and persons; -1 where it isn't known."""
    found = np.flatnonzero((guess != NOBODY) & (here != NOBODY))
    found = found[there[guess[found]] != NOBODY]
    of_class = np.full(int(here.max(initial=NOBODY)) + 2, NOBODY, dtype=np.int64)
    of_class[here[found]] = there[guess[found]]  # the last is NOBODY's: a class of -1 finds it
    is_known = np.zeros(int(there.max(initial=NOBODY)) + 2, dtype=np.bool_)
    is_known[of_class[of_class != NOBODY]] = True
    return of_class[here], np.where(is_known[there], there, NOBODY)


def _subsets(n_kinds: int) -> Iterator[tuple[int, ...]]:
    """Yield which kinds are looked at together, most first: they say more."""
    sizes = {n_kinds, *range(1, min(_TOGETHER, n_kinds) + 1)} - {0}
    for size in sorted(sizes, reverse=True):
        yield from combinations(range(n_kinds), size)


def _take_alone(labels: Sequence[tuple[Integers, Integers]], guess: Integers, taken: Flags) -> None:
    """Match records and persons who alone, of those left, are in the same known classes."""
    left, other = guess == NOBODY, ~taken
    for of_record, of_person in labels:
        left &= of_record != NOBODY
        other &= of_person != NOBODY
    rows, people = np.flatnonzero(left), np.flatnonzero(other)
    colours, others = unknown(len(rows), len(people))
    for of_record, of_person in labels:
        colours = _mixed(colours + of_record[rows].astype(np.uint64))
        others = _mixed(others + of_person[people].astype(np.uint64))
    record, person = _alone(colours, others)
    guess[rows[record]] = people[person]
    taken[people[person]] = True


def _next(kinds: Sequence[Integers], colours: Colours) -> Colours:
    """Return colours one step farther."""
    found = _mixed(colours)
    for number, of in enumerate(kinds):
        own = _mixed(colours + np.uint64(number + 1))
        sums = np.zeros(int(of.max(initial=NOBODY)) + 2, dtype=np.uint64)
        np.add.at(sums, of, own)  # wraps around, as sums of hashes may
        of_class = _mixed(sums)
        of_class[-1] = _NOBODYS
        found = _mixed(found + of_class[of])
    return found


def _alone(colours: Colours, others: Colours) -> tuple[Integers, Integers]:
    """Return records and persons whose colour nobody else has on either side, ascending by it."""
    one, row, count = np.unique(colours, return_index=True, return_counts=True)
    other, person, counts = np.unique(others, return_index=True, return_counts=True)
    _, at, where = np.intersect1d(
        one[count == 1], other[counts == 1], assume_unique=True, return_indices=True
    )
    return row[count == 1][at], person[counts == 1][where]


def _mixed(values: Colours) -> Colours:
    """Return a 64-bit hash of each value: the finaliser of SplitMix64 (Steele et al., 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
