"""Families: from matched persons to matched families, at the owners.

Both owners of a pair of registers hold the same table: for every matched person a handle of the own
family, a handle of the other's, the number of the match and how strong it is. Everything here is
symmetric in the two, so both reach the same families without asking each other. A family is found
with one strong match of a person, or with two medium ones; one family at most on either side; where
families compete, the better supported goes first, then the one with the smallest match number.
An equal family card supports and never vetoes: cards change when families move or split.

It never sees a name, a NIK or a family's own number: handles are random.

>>> numbers = np.arange(4, dtype=np.uint64)[:, None].repeat(2, axis=1)
>>> own, other = handles([1, 1, 2, 2]), handles([7, 7, 7, 8])
>>> strong = np.array([False, False, True, False])
>>> found = link_families(own, other, strong=strong, numbers=numbers)
>>> found.pair.tolist(), found.strong.tolist(), found.medium.tolist()
([0, 0, -1, -1], [0], [2])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Words: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.uint64]]"
Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"
Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

STRONG, MEDIUM, CARD = 4, 2, 1
"""What a match counts when families compete: a strong one, a medium one, an equal family card."""
ENOUGH_MEDIUM = 2


@dataclass(frozen=True)
class FamilyLinks:
    """Which matched persons make which pair of families.

    Attributes
    ----------
    pair : int64 (persons,)
        Number of the pair of families that a matched person supports; -1: of none.
    first : int64 (pairs,)
        Place of the person whose match number is the pair's smallest: it names the families.
    strong, medium : int64 (pairs,)
        How many matches of each kind support it.
    same_card : bool (pairs,)
        Whether both owners have the same family card for one of them.
    """

    pair: Numbers
    first: Numbers
    strong: Numbers
    medium: Numbers
    same_card: Flags


def link_families(
    own: Words,
    other: Words,
    *,
    strong: Flags,
    numbers: Words,
    same_card: Flags | None = None,
) -> FamilyLinks:
    """Match families by their matched persons.

    Parameters
    ----------
    own, other : uint64 (persons, 2)
        Handle of the own family and of the other owner's, for every matched person.
    strong : bool (persons,)
        Whether the match alone is enough for the families.
    numbers : uint64 (persons, 2)
        Match numbers; no two are equal.
    same_card : bool (persons,)
        Whether both owners have the same family card; None: not known.

    Returns
    -------
    FamilyLinks
        Pairs in the order in which they were chosen. Two sorts, and one step for every candidate.
    """
    count = len(own)
    card = np.zeros(count, dtype=np.bool_) if same_card is None else same_card
    # By pair of families, and within one by match number.
    order = np.lexsort(
        (numbers[:, 1], numbers[:, 0], other[:, 1], other[:, 0], own[:, 1], own[:, 0])
    )
    both = np.concatenate([own, other], axis=1)[order]
    starts = np.ones(count, dtype=np.bool_)
    starts[1:] = (both[1:] != both[:-1]).any(axis=1)
    candidate = np.cumsum(starts) - 1
    size = int(starts.sum())
    n_strong = np.bincount(candidate, strong[order], size).astype(np.int64)
    n_medium = np.bincount(candidate, ~strong[order], size).astype(np.int64)
    any_card = np.bincount(candidate, card[order], size) > 0
    first = order[starts]
    enough = (n_strong > 0) | (n_medium >= ENOUGH_MEDIUM)
    score = STRONG * n_strong + MEDIUM * n_medium + CARD * any_card
    ranked = np.lexsort((numbers[first, 1], numbers[first, 0], -score))
    chosen = _one_to_one(_codes(own)[first], _codes(other)[first], ranked[enough[ranked]])
    place = np.full(size, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    pair = np.empty(count, dtype=np.int64)
    pair[order] = place[candidate]
    return FamilyLinks(
        pair=pair,
        first=first[chosen],
        strong=n_strong[chosen],
        medium=n_medium[chosen],
        same_card=any_card[chosen],
    )


def handles(values: Sequence[int]) -> Words:
    """Return small numbers as handles ``uint64 (n, 2)``; for tests and examples."""
    column = np.asarray(values, dtype=np.uint64)
    return np.stack([column, column], axis=1)


def _codes(words: Words) -> Numbers:
    """Return ``int64 (n,)``: the same number for the same handle."""
    _, code = np.unique(words, axis=0, return_inverse=True)
    return code.reshape(-1).astype(np.int64)


def _one_to_one(own: Numbers, other: Numbers, ranked: Numbers) -> Numbers:
    """Return of ranked candidates those that meet no family met before."""
    if not len(ranked):
        return np.zeros(0, dtype=np.int64)
    used_own = bytearray(int(own.max()) + 1)
    used_other = bytearray(int(other.max()) + 1)
    kept = []
    pairs = zip(ranked.tolist(), own[ranked].tolist(), other[ranked].tolist(), strict=True)
    for place, mine, theirs in pairs:
        if not used_own[mine] and not used_other[theirs]:
            used_own[mine] = used_other[theirs] = 1
            kept.append(place)
    return np.asarray(kept, dtype=np.int64)
