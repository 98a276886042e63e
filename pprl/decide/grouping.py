"""Groups over three and more parties, the strongest pairs first.

Pairs are taken from the strongest down. Two groups (at first every record is one) become one as
soon as every pair between them has been taken: a group holds only records that were all accepted
with each other, and since two records of one party are never an accepted pair, no party occurs
twice in it. This is complete linkage, and it is the rule of anonlink's ``greedy_solve``, with
which a test compares it (Kwok, Hardy, Thorne 2020, https://github.com/data61/anonlink).

>>> first = np.array([0, 1, 0, 2])  # four records, one for each of four parties
>>> second = np.array([1, 2, 2, 3])
>>> group_records(first, second, 4)  # 3 was accepted with 2, but not with 0 and 1
array([0, 0, 0, 3])
"""

from typing import TypeAlias

import numpy as np

from pprl._jit import compiled
from pprl.compare.measure import Counts

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def group_records(first: Numbers, second: Numbers, n_records: int) -> Numbers:
    """Group the records of all parties.

    Parameters
    ----------
    first, second
        ``int64 (n,)``: the accepted pairs from the strongest down, each at most once, as records
        numbered through all parties; never two of one party.
    n_records
        Records of all parties together.

    Returns
    -------
    int64 (n_records,)
        For each record the lowest record of its group; itself when it has none.

    Notes
    -----
    Nearly linear in pairs: a pair looks up the pairs between two groups, each at most as large
    as there are parties. Takes 32 bytes a pair.
    """
    ends = np.concatenate([first, second])
    others = np.concatenate([second, first])
    order = np.lexsort((others, ends))
    starts = np.zeros(n_records + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=n_records), out=starts[1:])
    taken = np.tile(np.arange(len(first), dtype=np.int64), 2)[order]
    return _group(
        np.ascontiguousarray(first, dtype=np.int64),
        np.ascontiguousarray(second, dtype=np.int64),
        starts,
        others[order],
        taken,
    )


@compiled
def _group(
    first: Counts, second: Counts, starts: Counts, neighbours: Counts, taken: Counts
) -> Counts:
    n_records = len(starts) - 1
    group = np.arange(n_records)  # its lowest record
    following = np.full(n_records, -1)  # the members of a group as a chain from its lowest record
    for pair in range(len(first)):
        one, other = group[first[pair]], group[second[pair]]
        if one == other or not _all_taken(one, other, pair, following, starts, neighbours, taken):
            continue
        low, high = min(one, other), max(one, other)
        member = high
        while member >= 0:
            group[member] = low
            member = following[member]
        last = low
        while following[last] >= 0:
            last = following[last]
        following[last] = high
    return group


@compiled
def _all_taken(
    one: int,
    other: int,
    pair: int,
    following: Counts,
    starts: Counts,
    neighbours: Counts,
    taken: Counts,
) -> bool:
    """Say whether every pair between two groups is among the pairs up to ``pair``."""
    member = one
    while member >= 0:
        partner = other
        while partner >= 0:
            low, high = starts[member], starts[member + 1]
            place = low + np.searchsorted(neighbours[low:high], partner)
            if place == high or neighbours[place] != partner or taken[place] > pair:
                return False
            partner = following[partner]
        member = following[member]
    return True
