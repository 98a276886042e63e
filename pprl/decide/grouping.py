"""Groups over three and more parties, the strongest pairs first.

Pairs are taken from the strongest down. Two groups (at first every record is one) become one as
soon as every pair between them has been taken: a group holds only records that were all accepted
with each other, and since two records of one party are never an accepted pair, no party occurs
twice in it. This is complete linkage, and it is the rule of anonlink's ``greedy_solve``, with
which a test compares it (Kwok, Hardy, Thorne 2020, https://github.com/data61/anonlink).

Taken from the strongest down, one strong pair can keep out a record whom two others would have
confirmed. :func:`settle` afterwards lets such a record have the place when the group's total
evidence grows.

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
    starts, neighbours, pairs = _neighbours(first, second, n_records)
    return _group(
        np.ascontiguousarray(first, dtype=np.int64),
        np.ascontiguousarray(second, dtype=np.int64),
        starts,
        neighbours,
        pairs,
    )


def settle(
    group: Numbers, first: Numbers, second: Numbers, strength: Numbers, party: Numbers
) -> tuple[Numbers, int]:
    """Exchange a record of a group for one of the same party with more evidence in total.

    Parameters
    ----------
    group
        ``int64 (n_records,)``: what :func:`group_records` gave; not changed.
    first, second, strength
        ``int64 (n,)``: the accepted pairs from the strongest down.
    party
        ``int64 (n_records,)``: party of each record.

    Returns
    -------
    tuple
        Groups in the same form, and how many records were exchanged.

    Notes
    -----
    One pass over the pairs. Only records without a group come in, and only where they were
    accepted with all who stay, so that every group remains one of accepted pairs.

    >>> first, second = np.array([0, 3, 3, 0]), np.array([1, 1, 2, 2])
    >>> party = np.array([0, 1, 2, 0])  # 0 and 3 want the same place beside 1 and 2
    >>> settle(np.array([0, 0, 0, 3]), first, second, np.array([95, 94, 94, 80]), party)
    (array([0, 1, 1, 1]), 1)
    """
    starts, neighbours, pairs = _neighbours(first, second, len(group))
    # Evidence adds up only when every pair counts for something.
    weight = strength - strength.min(initial=0) + 1
    label = group.copy()
    exchanged = _settle(
        label,
        np.ascontiguousarray(first, dtype=np.int64),
        np.ascontiguousarray(second, dtype=np.int64),
        weight,
        np.ascontiguousarray(party, dtype=np.int64),
        starts,
        neighbours,
        pairs,
        *_chains(group),
    )
    lowest = np.arange(len(label))[::-1]
    name = np.empty(len(label), dtype=np.int64)
    name[label[lowest]] = lowest  # the last one written is the lowest
    return name[label], exchanged


def _neighbours(
    first: Numbers, second: Numbers, n_records: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Return where each record's neighbours start, the neighbours, and the pairs they come from."""
    ends = np.concatenate([first, second])
    others = np.concatenate([second, first])
    order = np.lexsort((others, ends))
    starts = np.zeros(n_records + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=n_records), out=starts[1:])
    pairs = np.tile(np.arange(len(first), dtype=np.int64), 2)[order]
    return starts, others[order], pairs


def _chains(group: Numbers) -> tuple[Numbers, Numbers]:
    """Return for each group its members in a row: where they start, and who they are."""
    members = np.argsort(group, kind="stable")
    starts = np.zeros(len(group) + 1, dtype=np.int64)
    np.cumsum(np.bincount(group, minlength=len(group)), out=starts[1:])
    return starts, members


@compiled
def _weight_between(
    one: int, other: int, weight: Counts, starts: Counts, neighbours: Counts, pairs: Counts
) -> int:
    """Return the evidence of an accepted pair, 0 when it isn't one."""
    low, high = starts[one], starts[one + 1]
    place = low + np.searchsorted(neighbours[low:high], other)
    if place == high or neighbours[place] != other:
        return 0
    return int(weight[pairs[place]])


@compiled
def _place_of(wanted: int, party: Counts, members: Counts, low: int, high: int) -> int:
    """Return where a party's record stands among the members of a group; -1 when it has none."""
    for place in range(low, high):
        if party[members[place]] == wanted:
            return place
    return -1


@compiled
def _settle(
    label: Counts,
    first: Counts,
    second: Counts,
    weight: Counts,
    party: Counts,
    starts: Counts,
    neighbours: Counts,
    pairs: Counts,
    group_starts: Counts,
    members: Counts,
) -> int:
    exchanged = 0
    for pair in range(len(first)):
        for turned in range(2):
            comer = second[pair] if turned else first[pair]
            home = label[first[pair] if turned else second[pair]]
            alone = label[comer] == comer and group_starts[comer + 1] == group_starts[comer] + 1
            if not alone or home == comer:
                continue
            low, high = group_starts[home], group_starts[home + 1]
            leaver_place = _place_of(party[comer], party, members, low, high)
            if leaver_place < 0:
                continue
            leaver = members[leaver_place]
            gain = 0
            for place in range(low, high):
                if place == leaver_place:
                    continue
                member = members[place]
                came = _weight_between(comer, member, weight, starts, neighbours, pairs)
                if not came:
                    gain = 0
                    break
                gain += came - _weight_between(leaver, member, weight, starts, neighbours, pairs)
            if gain > 0:
                # They change places, the names of their groups included.
                label[comer] = home
                label[leaver] = comer
                members[leaver_place] = comer
                members[group_starts[comer]] = leaver
                exchanged += 1
    return exchanged


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
