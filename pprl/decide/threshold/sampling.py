"""Samples of pairs of different people: inside each file, and at random between two.

Inside one file nobody should meet himself, so the pairs found there say how alike different people
of this very population are, at this very size. Rows are drawn, and each is compared with the whole
file. The draw comes from a seed and is the same on every machine.

Where filters are compared in blocks, people are compared here in blocks as well: those who share a
birth date and a sex are more alike than others, and the null is that of the pairs looked at.

It never looks at who a record is, and never compares by itself: see :mod:`pprl.candidates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import valid
from pprl.compare.given import similarity_of
from pprl.decide.threshold.bins import BINS, STEP, at_least, edge, histogram
from pprl.decide.threshold.mixture import Within
from pprl.decide.tiers import compared_pairs, n_comparable, with_filter

if TYPE_CHECKING:
    from pprl.compare.pairs import Integers
    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.bins import Floats
    from pprl.decide.tiers import Bounds, Side

RANDOM_PAIRS = 50_000
PILOT_ROWS = 500
PILOT_PAIRS = 5_000_000
"""Where filters are compared in blocks, a pilot takes as many rows as make so many pairs."""
LEAST_ROWS = 300
POOL_ROWS = 2_000_000
"""Records whose blocks a sample is drawn from, about, where filters are compared in blocks."""
LEAST_PAIRS = 200_000_000
"""Pairs inside the files that may always be compared: some tenths of a second."""
SHARE_OF_PAIRS = 0.03
"""Pairs inside the files for each pair between them, when that is more."""

_FEW_MATCHES = 10
"""Matches among the pairs drawn at random that don't matter."""
_LEAST_KNOWN = 0.3
_PILOT_THRESHOLDS = range(700_000, 0, -100_000)
_PAIRS_A_RECORD = 0.4  # by chance, in the band above the bin where comparison begins
_BAND = 10  # bins


def random_similarities(left: Side, right: Side, seed: int) -> Floats:
    """Return the histogram of pairs drawn at random from the records that have a filter.

    Between small files one pair in a few hundred is a match, and so are as many of those drawn:
    as many of the most similar ones as can be matches are left out.
    """
    rows = [with_filter(side, side.all_open()) for side in (left, right)]
    if not all(map(len, rows)):
        return np.zeros(BINS)
    draw = np.random.default_rng([seed, 0])
    first, second = (part[draw.integers(0, len(part), RANDOM_PAIRS)] for part in rows)
    found = similarity_of(left.filters, right.filters, first, second, left.measure)
    drawn = histogram(left.measure.weigh(found, left.set_bits[first], right.set_bits[second]))
    # A record of the larger file has one partner at most, on average less.
    matches = RANDOM_PAIRS / max(map(len, rows))
    return drawn if matches < _FEW_MATCHES else _without_top(drawn, matches + 2 * matches**0.5)


def _without_top(counts: Floats, most: float) -> Floats:
    """Return a histogram without its so many most similar pairs."""
    above = at_least(counts)
    return np.maximum(np.minimum(counts, above - most), 0)


def pilot_rows(side: Side, rows: Integers, other: Side, others: Integers) -> int:
    """Return how many of some rows a pilot should compare with some of the other side."""
    if side.blocks is None or other.blocks is None:
        return PILOT_ROWS
    partners = n_comparable(side, other, rows, others) / max(len(rows), 1)
    return max(PILOT_ROWS, int(PILOT_PAIRS / max(partners, 1.0)))


def crowded_bin(side: Side, rows: Integers, seed: int, bounds: Bounds) -> int:
    """Return the bin above which chance gives about half a pair for each record.

    Chance is seen inside one file; the band just above the bin counts, so that second records of
    a person, most of them near 1, don't.

    Parameters
    ----------
    side, rows
        The larger file, and its records that are open and have a filter.
    """
    most = pilot_rows(side, rows, side, rows)
    drawn = _drawn_of(side, rows, most, np.random.default_rng([seed, 1]))
    threshold = 0
    for threshold in _PILOT_THRESHOLDS:
        pairs = compared_pairs(side, side, drawn, rows, threshold, bounds)
        above = at_least(histogram(pairs.similarity[drawn[pairs.left] != rows[pairs.right]]))
        band = above - np.append(above[_BAND:], np.zeros(_BAND))
        # Up to the first bin that chance doesn't fill: second records may crowd beyond it.
        sparse = band[threshold // STEP :] < max(_PAIRS_A_RECORD * len(drawn), 1)
        if not sparse[0]:
            return threshold // STEP + int(sparse.argmax()) - 1
    return threshold // STEP


def usual_bin(side: Side, rows: Integers, seed: int, bounds: Bounds) -> int:
    """Return the bin in the middle of the pairs inside the blocks of one file.

    In small blocks hardly any pair is alike by chance, so that the crowded bin may lie where even
    different people are seldom so unlike: below their middle nothing tells chance from matches.

    Parameters
    ----------
    side, rows
        The file, and its records that are open and have a filter.
    """
    partners = n_comparable(side, side, rows, rows) / max(len(rows), 1)
    most = int(RANDOM_PAIRS / max(partners, 1.0)) + 1
    drawn = _drawn_of(side, rows, most, np.random.default_rng([seed, 4]))
    pairs = compared_pairs(side, side, drawn, rows, 0, bounds)
    others = drawn[pairs.left] != rows[pairs.right]
    first, second = drawn[pairs.left[others]], rows[pairs.right[others]]
    counts = histogram(
        side.measure.weigh(
            pairs.similarity[others].astype(np.int64), side.set_bits[first], side.set_bits[second]
        )
    )
    return int(np.searchsorted(counts.cumsum(), counts.sum() / 2)) if counts.any() else 0


def inside(
    side: Side, kind: str | None, lowest_bin: int, n_pairs: float, seed: int, bounds: Bounds
) -> Within:
    """Compare some rows of a file with the whole file, or with those in their blocks.

    Parameters
    ----------
    side
        The file.
    kind
        The token by which a second record of the same person is known, if there is one.
    lowest_bin
        Pairs below it aren't kept.
    n_pairs
        Pairs that may be compared, about.
    """
    filters = with_filter(side, side.all_open())
    partners = max(n_comparable(side, side, filters, filters) / max(len(filters), 1), 1.0)
    most = max(LEAST_ROWS, int(n_pairs / partners))
    rows = _drawn_of(side, filters, most, np.random.default_rng([seed, 2]))
    lowest = side.measure.below(edge(lowest_bin))
    pairs = compared_pairs(side, side, rows, filters, lowest, bounds)
    first, second = rows[pairs.left], filters[pairs.right]
    others = first != second
    first, second = first[others], second[others]
    similarity = side.measure.weigh(
        pairs.similarity[others].astype(np.int64), side.set_bits[first], side.set_bits[second]
    )
    n_compared = _with_others(side, rows, filters)
    if kind is None:
        return Within(len(rows), n_compared, histogram(similarity), np.zeros(BINS))
    tokens = side.records.token_column(kind)
    known = valid(tokens)
    equal = pc.equal(tokens.take(pa.array(first)), tokens.take(pa.array(second)))
    same = np.asarray(pc.fill_null(equal, fill_value=False), dtype=np.bool_)
    if not len(filters) or known[filters].mean() < _LEAST_KNOWN:
        return Within(
            len(rows), n_compared, histogram(similarity[~same]), histogram(similarity[same])
        )
    # Most second records of a person have an equal token or lack one: leaving out pairs without
    # leaves hardly any of them.
    told = known[first] & known[second] & ~same
    n_told = n_compared * float(known[rows].mean() * known[filters].mean())
    if side.blocks is not None:
        n_told = _with_others(side, rows[known[rows]], filters[known[filters]])
    return Within(len(rows), n_told, histogram(similarity[told]), histogram(similarity[same]))


def _with_others(side: Side, rows: Integers, others: Integers) -> float:
    """Return how many pairs of some rows with others of their file are compared, all but selves."""
    if side.blocks is None:
        return float(len(rows)) * max(len(others) - 1, 0)
    selves = int(side.blocks[rows].present.any(axis=0).sum())
    return float(n_comparable(side, side, rows, others) - selves)


def some_open(is_open: Flags, most: int, seed: int) -> Flags:
    """Return up to ``most`` of the open records, drawn at random."""
    rows = np.flatnonzero(is_open)
    drawn = np.zeros(len(is_open), dtype=np.bool_)
    drawn[rows[_drawn(len(rows), most, np.random.default_rng([seed, 3]))]] = True
    return drawn


def _drawn_of(side: Side, rows: Integers, most: int, draw: np.random.Generator) -> Integers:
    """Return up to ``most`` of some rows: of a large file in blocks, from some of the blocks.

    Otherwise a few of each block would be drawn, and all filters of the file be read for them.
    """
    if side.blocks is not None and len(rows) > POOL_ROWS:
        inside = rows[side.blocks.below(POOL_ROWS / len(rows))[rows]]
        if len(inside) >= LEAST_ROWS:
            rows = inside
    return rows[_drawn(len(rows), most, draw)]


def _drawn(n_rows: int, most: int, draw: np.random.Generator) -> Integers:
    """Return up to ``most`` different rows, ascending."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(draw.choice(n_rows, most, replace=False, shuffle=False))
