"""How many pairs of families are right: an estimate without labels, from what an owner has.

An owner knows of each of its members whether it was matched, how sure that match is, and whether it
supports the family's pair or points elsewhere. A pair is wrong when so many of its matches are
wrong that those that are left no longer outnumber the conflicting ones. A wrong match nearly always
stands alone in its family, a right one seldom does: where all other members weren't found, the one
match is doubted as many times more as right ones in families of that size stand alone seldom
(Bayes' rule on odds). Apart from that, the estimate takes matches as independent of each other.
The lower end doesn't: it takes the worst case that the same chances
allow (Markov's inequality), counts a pair with no more support than conflict as a coin that was
flipped, makes every match as doubtful as the lower end of the estimate about persons, and subtracts
what chance does to so many pairs (Wilson 1927). A conflict that only the other owner can see, two
own families that are one there, isn't in it.

It never sees who anybody is: numbers of families and of pairs, and chances.

>>> family, pair = np.array([0, 0, 1]), np.array([0, 0, 1])
>>> chances = np.array([0.99, 0.98, 0.96])
>>> found = family_precision(family, pair, chances, size=np.array([2, 1]))
>>> round(found.value, 4), found.pairs, found.contradicted
(0.9799, 2, 0)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
    Shares: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

_Z95 = 1.959963984540054  # normal quantile of 0.975
_COIN = 0.5
_LARGE = 6  # members; families of as many or more are counted together
_MILLION = 1_000_000
_LEAST = 1e-6  # shares are known in millionths


@dataclass(frozen=True)
class FamilyPrecision:
    """The estimated share of right pairs of families.

    Attributes
    ----------
    value, low, high
        The share, in [0, 1], and its 95% interval.
    pairs
        How many pairs there are.
    contradicted
        How many of them have a member whose match points elsewhere.
    """

    value: float
    low: float
    high: float
    pairs: int
    contradicted: int


def family_precision(
    family: Numbers,
    pair: Numbers,
    precision: Shares,
    *,
    size: Numbers,
    persons: tuple[float, float] | None = None,
) -> FamilyPrecision | None:
    """Estimate the share of right pairs of families.

    Parameters
    ----------
    family : int64 (matched members,)
        Number of the member's own family, from 0.
    pair : int64 (matched members,)
        A number of 0 or more where the match supports the pair of its family; -1 where it
        doesn't.
    precision : float64 (matched members,)
        Chance that the match is right, in [0, 1]; NaN where it isn't known.
    size : int64 (families,)
        How many members the own register lists, found or not.
    persons
        Estimated precision of all matches and the lower end of its interval, if known.

    Returns
    -------
    FamilyPrecision or None
        None when there are no pairs, or a match that supports one has no known chance. One sort.
    """
    supports = pair >= 0
    if not supports.any() or np.isnan(precision[supports]).any():
        return None
    families = len(size)
    support = np.bincount(family[supports], minlength=families)
    conflict = np.bincount(family[~supports], minlength=families)
    paired = support > 0
    doubt = _alone(1 - precision[supports], support[family[supports]], size[family[supports]])
    # How many matches have to be wrong before the pair is.
    needed = np.where(conflict > 0, np.maximum(support - conflict, 1), support)
    wrong = _product_of_most(family[supports], doubt, needed)[paired]
    expected = np.bincount(family[supports], doubt, families)[paired]
    at_worst = np.minimum(expected * _doubted(persons) / needed[paired], 1)
    coin = (conflict >= support)[paired]
    at_worst[coin] = np.maximum(at_worst[coin], _COIN)
    count = int(paired.sum())
    value = 1 - float(wrong.mean())
    return FamilyPrecision(
        value=value,
        low=min(value, _wilson(1 - float(at_worst.mean()), count)[0]),
        high=max(value, _wilson(value, count)[1]),
        pairs=count,
        contradicted=int((conflict[paired] > 0).sum()),
    )


def precision_of_overlap(
    members: pa.Table,
    overlap: pa.Table,
    *,
    party: str,
    persons: tuple[float, float] | None = None,
) -> FamilyPrecision | None:
    """Estimate the share of right pairs of families from what an owner received.

    Parameters
    ----------
    members
        The own register: ``family`` and ``member``, strings.
    overlap
        ``id`` (a member), ``party``, ``status``, ``family`` (the pair's name, null for none) and
        ``precision`` (millionths, null when unknown), as
        :func:`pprl_protocols.roles.agency.receive` gives it.
    party
        With whom.
    persons
        As for :func:`family_precision`.

    Returns
    -------
    FamilyPrecision or None
        None also where families weren't agreed on. Members of no family are left out.

    Examples
    --------
    >>> members = pa.table({"family": ["F1", "F1", "F2"], "member": ["1", "2", "3"]})
    >>> overlap = pa.table({"id": ["1", "2", "3"], "party": ["dinsos"] * 3,
    ...                     "status": ["matched", "matched", "none"], "family": ["0a", "0a", None],
    ...                     "precision": pa.array([990_000, 980_000, None], pa.int32())})
    >>> round(precision_of_overlap(members, overlap, party="dinsos").value, 4)
    0.9998
    """
    if "family" not in overlap.column_names:
        return None
    listed = members.filter(pc.is_valid(members.column("family")))
    coded = pc.dictionary_encode(listed.column("family").combine_chunks())
    wanted = pc.and_(
        pc.equal(overlap.column("party"), party), pc.equal(overlap.column("status"), "matched")
    )
    wanted = pc.and_(
        wanted, pc.is_in(overlap.column("id"), value_set=listed.column("member").combine_chunks())
    )
    rows = overlap.filter(wanted)
    place = pc.index_in(rows.column("id"), value_set=listed.column("member").combine_chunks())
    family = coded.indices.take(place.combine_chunks())
    chances = pc.divide(pc.cast(rows.column("precision"), pa.float64()), _MILLION)
    supports = np.asarray(pc.is_valid(rows.column("family")))
    return family_precision(
        np.asarray(family).astype(np.int64),
        np.where(supports, 0, -1),
        chances.to_numpy(),
        size=np.bincount(np.asarray(coded.indices), minlength=1).astype(np.int64),
        persons=persons,
    )


def _alone(doubt: Shares, support: Numbers, size: Numbers) -> Shares:
    """Return doubts, greater for a match that stands alone where the family has more members."""
    group = np.minimum(size, _LARGE)
    alone = (support == 1) & (size > 1)
    members = np.bincount(group)
    seldom = np.bincount(group[alone], minlength=len(members)) / np.maximum(members, 1)
    odds = doubt[alone] / np.maximum((1 - doubt[alone]) * seldom[group[alone]], _LEAST)
    greater = doubt.copy()
    greater[alone] = odds / (1 + odds)
    return greater


def _product_of_most(family: Numbers, doubt: Shares, needed: Numbers) -> Shares:
    """Return by family the product of its ``needed`` greatest doubts."""
    order = np.lexsort((-doubt, family))
    sorted_family, sorted_doubt = family[order], doubt[order]
    begin = np.searchsorted(sorted_family, np.arange(len(needed)))
    rank = np.arange(len(order)) - begin[sorted_family]
    taken = rank < needed[sorted_family]
    product = np.ones(len(needed))
    np.multiply.at(product, sorted_family[taken], sorted_doubt[taken])
    return product


def _doubted(persons: tuple[float, float] | None) -> float:
    """Return by how much doubts grow between the estimate about persons and its lower end."""
    if persons is None:
        return 1.0
    value, low = persons
    return (1 - low) / max(1 - value, _LEAST)


def _wilson(share: float, tries: int) -> tuple[float, float]:
    spread = 1 + _Z95**2 / tries
    middle = (share + _Z95**2 / (2 * tries)) / spread
    half = _Z95 * sqrt(share * (1 - share) / tries + (_Z95 / (2 * tries)) ** 2) / spread
    return max(0.0, middle - half), min(1.0, middle + half)
