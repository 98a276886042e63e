"""Families: from matched persons to matched families, at the owners.

Both owners of a pair of registers hold the same table: for every matched person a handle of the own
family, a handle of the other's, the number of the match and how strong it is. Everything here is
symmetric in the two, so both reach the same families without asking each other. A family is found
with one strong match of a person, or with two medium ones; one family at most on either side; where
families compete, the better supported goes first. What supports a pair is counted: its members,
a member who is the head in both registers (a family that splits is where its head is), and an equal
family card. A card never vetoes: it changes when families move or split.

A tie is never decided by lot: a family that split into halves has two successors with the same
support. Where nothing tells them apart, none is accepted and people decide.

It never sees a name, a NIK or a family's own number: handles are random.

>>> numbers = np.arange(4, dtype=np.uint64)[:, None].repeat(2, axis=1)
>>> own, other = handles([1, 1, 2, 2]), handles([7, 7, 7, 8])
>>> strong = np.array([False, False, True, False])
>>> found = link_families(own, other, strong=strong, numbers=numbers)
>>> found.pair.tolist(), found.contested.tolist()
([-1, -1, -1, -1], [True, True, True, False])
>>> head = np.array([False, False, True, False])
>>> found = link_families(own, other, strong=strong, numbers=numbers, same_head=head)
>>> found.pair.tolist(), found.strong.tolist(), found.medium.tolist()
([-1, -1, 0, -1], [1], [0])
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

STRONG, MEDIUM, HEAD, CARD = 4, 2, 3, 1
"""What counts when families compete: a strong match, a medium one, a member who is the head in both
registers, an equal family card. A head is more than the difference between a strong and a medium
match, and less than another strong match."""
ENOUGH_MEDIUM = 2


@dataclass(frozen=True)
class FamilyLinks:
    """Which matched persons make which pair of families.

    Attributes
    ----------
    pair : int64 (persons,)
        Number of the pair of families that a matched person supports; -1: of none.
    contested : bool (persons,)
        Whether the person supports a pair that wasn't accepted because another one of the same
        families has as much support.
    first : int64 (pairs,)
        Place of the person whose match number is the pair's smallest: it names the families.
    strong, medium : int64 (pairs,)
        How many matches of each kind support it.
    same_head, same_card : bool (pairs,)
        Whether one of them is the head in both registers, and whether both owners have the same
        family card for one of them.
    """

    pair: Numbers
    contested: Flags
    first: Numbers
    strong: Numbers
    medium: Numbers
    same_head: Flags
    same_card: Flags


def link_families(
    own: Words,
    other: Words,
    *,
    strong: Flags,
    numbers: Words,
    same_head: Flags | None = None,
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
    same_head : bool (persons,)
        Whether the person is the head of the family in both registers; None: not known.
    same_card : bool (persons,)
        Whether both owners have the same family card; None: not known.

    Returns
    -------
    FamilyLinks
        Pairs in the order in which they were chosen: by falling support, then by match number.
        Two sorts, and a few passes over the candidates for every different support.
    """
    count = len(own)
    unknown = np.zeros(count, dtype=np.bool_)
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
    any_head, any_card = (
        np.bincount(candidate, (unknown if given is None else given)[order], size) > 0
        for given in (same_head, same_card)
    )
    first = order[starts]
    enough = (n_strong > 0) | (n_medium >= ENOUGH_MEDIUM)
    score = STRONG * n_strong + MEDIUM * n_medium + HEAD * any_head + CARD * any_card
    ranked = np.lexsort((numbers[first, 1], numbers[first, 0], -score))
    ranked = ranked[enough[ranked]]
    chosen, tied = _one_to_one(_codes(own)[first], _codes(other)[first], score, ranked)
    place = np.full(size, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    pair = np.empty(count, dtype=np.int64)
    pair[order] = place[candidate]
    contested = np.empty(count, dtype=np.bool_)
    contested[order] = tied[candidate]
    return FamilyLinks(
        pair=pair,
        contested=contested,
        first=first[chosen],
        strong=n_strong[chosen],
        medium=n_medium[chosen],
        same_head=any_head[chosen],
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


def _one_to_one(
    own: Numbers, other: Numbers, score: Numbers, ranked: Numbers
) -> tuple[Numbers, Flags]:
    """Return of ranked candidates those that meet no family met before, and which are tied.

    Families in a tie are met, too: what is left over for them would be worse.
    """
    kept = [np.zeros(0, dtype=np.int64)]
    tied = np.zeros(len(score), dtype=np.bool_)
    met_own = np.zeros(int(own.max(initial=-1)) + 1, dtype=np.bool_)
    met_other = np.zeros(int(other.max(initial=-1)) + 1, dtype=np.bool_)
    for equal in np.split(ranked, np.flatnonzero(np.diff(score[ranked])) + 1):
        free = equal[~met_own[own[equal]] & ~met_other[other[equal]]]
        alone = np.bincount(own[free], minlength=len(met_own))[own[free]] == 1
        alone &= np.bincount(other[free], minlength=len(met_other))[other[free]] == 1
        kept.append(free[alone])
        tied[free[~alone]] = True
        met_own[own[free]] = met_other[other[free]] = True
    return np.concatenate(kept), tied
