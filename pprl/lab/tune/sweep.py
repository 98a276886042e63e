"""Precision and recall of a link at every threshold at once, when the truth is known.

Pairs are taken once, down to a low similarity, and grouped the strongest first, as
:mod:`pprl.decide.grouping` does: pairs with an equal token, kind by kind, then pairs of filters by
descending similarity, no record twice. The pairs taken at a higher threshold are then a part of
those taken at a lower one, and one pass gives the whole curve. :func:`pprl.link` assigns two
parties by largest total instead, which differs in a few contested records.

A threshold is a similarity of filters. Evidence beside the filters moves it: where a token is
equal, a lower bar does, and where the strongest token contradicts, a higher one is asked for. So
there is a curve over all thresholds for each of several token thresholds, and for each of several
margins above the threshold for contradicted pairs. All kinds of token share one bar here. What
counts as found, right and findable is as in :mod:`pprl.lab.evaluate`.

It never estimates anything: every number here needs labels.

>>> import pyarrow as pa
>>> from pprl.encoded import EncodedSet, Header, table_schema
>>> def encoded(filters):
...     header = Header(scheme="clk", bits=64, schema=None, key_check=None, records=len(filters))
...     columns = [list(map(str, range(len(filters)))), [f.to_bytes(8, "big") for f in filters]]
...     return EncodedSet(header, pa.table(columns, schema=table_schema(header, [])))
>>> curve = sweep([encoded([0b1111, 0b111000]), encoded([0b0111])],
...               [np.array([1, 2]), np.array([1])])
>>> curve.best().threshold, curve.threshold[curve.found > 0].max()
(0.2, np.float64(0.85))
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np

from pprl.compare.pairs import NO_FILTER, Pairs
from pprl.decide.grouping import group_records
from pprl.decide.tiers import Bounds, Side, filter_pairs, shared_kinds, token_pairs
from pprl.errors import LimitError
from pprl.lab.tune.curve import Curve
from pprl.limits import MAX_PAIRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet
    from pprl.lab.tune.curve import Numbers

Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

HUNDREDTH = 10_000  # in millionths
LOWEST = 20  # hundredths: below, filters of strangers are as similar as that
TOKEN_THRESHOLDS = tuple(range(30, 100, 5))  # hundredths, too
MARGINS = (4, 0, 2, 6, 8, 10)  # the usual one first
PAIRS_A_RECORD = 20
LEAST_PAIRS = 1_000_000
_TOP = 100
_STEP = 5
_BY_FILTER, _AGAINST = 1_000, 1_001  # weaker than every kind of token
_ABOVE_ALL = 2 * _TOP * HUNDREDTH


@dataclass(frozen=True)
class _Evidence:
    """Pairs of records numbered through all sets, each once, the strongest first: ``(n,)``.

    ``similarity`` is in millionths, -1 where one of the two has no filter. ``by_token``: a token
    is equal; ``against``: the strongest one differs.
    """

    first: Numbers
    second: Numbers
    similarity: Numbers
    by_token: Flags
    against: Flags


@dataclass(frozen=True)
class _Part:
    """Pairs of one strength: first, second, similarity, strength as ``int64 (4, n)``."""

    columns: Numbers

    @classmethod
    def of(cls, pairs: Pairs, first_offset: int, second_offset: int, strength: int) -> Self:
        rows = pairs.left.astype(np.int64) + first_offset, pairs.right + np.int64(second_offset)
        return cls(np.stack([*rows, pairs.similarity, np.full(len(pairs), strength)]))


def sweep(
    sets: Sequence[EncodedSet], entities: Sequence[Numbers], *, threads: int | None = None
) -> Curve:
    """Return how good the link of some sets is, at every threshold.

    Parameters
    ----------
    sets
        Two or more that can be compared, one a party.
    entities
        ``int64 (records,)`` for each set: who the record is.
    threads
        As many as this process may use when not given.

    Raises
    ------
    LimitError
        Too many pairs share a token, or have the same filter.

    Notes
    -----
    Compares all pairs of filters once: about a thousand million a second and core, slower than a
    link, since low similarities are kept. The lowest threshold is 0.2, or higher where more
    than 20 pairs a record (but a million) reach it: pairs at such a similarity are chance.
    """
    offsets = np.cumsum([0, *(len(each) for each in sets)])
    party = np.repeat(np.arange(len(sets)), np.diff(offsets))
    entity = np.concatenate(entities)
    findable = sum(len(np.intersect1d(one, other)) for one, other in combinations(entities, 2))
    evidence, lowest = _evidence(sets, offsets, threads)
    grid = np.arange(lowest, _TOP + 1)
    settings: list[tuple[int, int]] = []
    counts: list[Numbers] = []

    def add(bar: int, margin: int) -> None:
        settings.append((bar, margin))
        counts.append(_counts(evidence, bar, margin, lowest, party, entity))

    def curve() -> Curve:
        bars, margins = np.repeat(np.array(settings), len(grid), axis=0).T
        hundredths = np.tile(grid, len(settings))
        found, right, recovered = np.concatenate(counts, axis=1)
        return Curve(
            threshold=hundredths / _TOP,
            token_threshold=np.where(with_tokens, bars / _TOP, np.nan),
            contradicted_threshold=np.where(with_tokens, (hundredths + margins) / _TOP, np.nan),
            found=found,
            right=right,
            recovered=recovered,
            findable=findable,
        )

    with_tokens = any(each.token_kinds for each in sets)
    if not with_tokens:
        add(0, 0)
        return curve()
    # One after the other: the two bars are for different pairs and hardly move each other.
    for bar in TOKEN_THRESHOLDS:
        add(bar, MARGINS[0])
    best_bar = settings[int(np.argmax(curve().f1)) // len(grid)][0]
    for margin in MARGINS[1:]:
        add(best_bar, margin)
    return curve()


def _evidence(
    sets: Sequence[EncodedSet], offsets: Numbers, threads: int | None
) -> tuple[_Evidence, int]:
    """Return every pair worth a look, and the lowest threshold in hundredths."""
    sides = [Side.of(each) for each in sets]
    most = max(LEAST_PAIRS, PAIRS_A_RECORD * int(offsets[-1]))
    lowest = LOWEST
    parts: list[_Part] = []
    for first, second in combinations(range(len(sides)), 2):
        left, right = sides[first], sides[second]
        for strength, kind in enumerate(shared_kinds(left, right)):
            bounds = Bounds(MAX_PAIRS, threads)
            found = token_pairs(kind, left, right, left.all_open(), right.all_open(), bounds)
            pairs = found.pairs[found.reaching(0)]
            parts.append(_Part.of(pairs, offsets[first], offsets[second], strength))
        similar, lowest = _similar(left, right, lowest, most, threads)
        for strength, pairs in zip((_BY_FILTER, _AGAINST), similar, strict=True):
            parts.append(_Part.of(pairs, offsets[first], offsets[second], strength))
    return _ordered(parts, lowest), lowest


def _similar(
    left: Side, right: Side, lowest: int, most: int, threads: int | None
) -> tuple[tuple[Pairs, Pairs], int]:
    """Return similar pairs, contradicted ones apart, and where they aren't too many."""
    while True:
        try:
            (similar, against), _ = filter_pairs(
                left, right, left.all_open(), right.all_open(), lowest * HUNDREDTH,
                Bounds(most, threads),
            )  # fmt: skip
        except LimitError:
            if lowest + _STEP > _TOP:
                raise LimitError("tune.alike", limit=most) from None
            lowest += _STEP
        else:
            return (similar.pairs, against.pairs), lowest


def _ordered(parts: Sequence[_Part], lowest: int) -> _Evidence:
    first, second, similarity, strength = np.concatenate([part.columns for part in parts], axis=1)
    # A later pair of parties may have raised the lowest threshold.
    kept = np.flatnonzero((strength < _BY_FILTER) | (similarity >= lowest * HUNDREDTH))
    order = kept[np.lexsort((second[kept], first[kept], -similarity[kept], strength[kept]))]
    # The same two records may share several tokens and similar filters: the strongest counts.
    key = first[order] * (int(second.max(initial=0)) + 1) + second[order]
    order = order[np.sort(np.unique(key, return_index=True)[1])]
    return _Evidence(
        first[order],
        second[order],
        similarity[order],
        strength[order] < _BY_FILTER,
        strength[order] == _AGAINST,
    )


def _counts(
    evidence: _Evidence, bar: int, margin: int, lowest: int, party: Numbers, entity: Numbers
) -> Numbers:
    """Return found, right and recovered, ``int64 (3, thresholds)``, on one curve."""
    similarity = evidence.similarity
    agrees = (similarity == NO_FILTER) | (similarity >= bar * HUNDREDTH)
    # A token below its bar counts for nothing; the filters may still be similar enough.
    strength = similarity - margin * HUNDREDTH * evidence.against
    strength = np.where(evidence.by_token & agrees, _ABOVE_ALL, strength)
    taken = np.flatnonzero(strength >= lowest * HUNDREDTH)
    taken = taken[np.argsort(-strength[taken], kind="stable")]
    level = np.minimum(strength[taken] // HUNDREDTH, _TOP)  # tokens hold at every threshold
    first, second = evidence.first[taken], evidence.second[taken]
    group = group_records(first, second, len(party))
    inside = np.flatnonzero(group[first] == group[second])
    first, second, level = first[inside], second[inside], level[inside]
    level = _joined_at(first, second, level, group)
    right = entity[first] == entity[second]
    # Each person once for each pair of parties, at the highest threshold that finds him.
    parties = party[first] * (int(party[-1]) + 1) + party[second]
    person = parties[right] * (int(entity.max(initial=0)) + 1) + entity[first[right]]
    persons, which = np.unique(person, return_inverse=True)
    highest = np.zeros(len(persons), dtype=np.int64)
    np.maximum.at(highest, which, level[right])
    return np.stack([_at_least(each, lowest) for each in (level, level[right], highest)])


def _joined_at(first: Numbers, second: Numbers, level: Numbers, group: Numbers) -> Numbers:
    """Return the highest threshold, in hundredths, at which both records are in one group.

    In a group of two that is the pair's own similarity. In a larger one a pair may have to wait
    for a weaker pair that joins the group: it is grouped again at each threshold.
    """
    size = np.bincount(group, minlength=len(group))[group[first]]
    larger = np.flatnonzero(size > 2)  # noqa: PLR2004 - see above
    members, places = np.unique(np.stack([first[larger], second[larger]]), return_inverse=True)
    one, other = places.reshape(2, -1)
    joined = level.copy()
    own = level[larger]
    joined[larger] = -1
    for threshold in np.unique(own)[::-1]:
        stop = int(np.searchsorted(-own, -threshold, side="right"))
        now = group_records(one[:stop], other[:stop], len(members))
        fresh = (now[one[:stop]] == now[other[:stop]]) & (joined[larger[:stop]] < 0)
        joined[larger[:stop][fresh]] = threshold
    return joined


def _at_least(level: Numbers, lowest: int) -> Numbers:
    """Return for each threshold from the lowest up how many reach it."""
    return np.bincount(level, minlength=_TOP + 1)[::-1].cumsum()[::-1][lowest:].astype(np.int64)
