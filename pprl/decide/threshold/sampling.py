"""Samples of pairs of different people: inside each file, and at random between two.

Inside one file nobody should meet himself, so the pairs found there say how alike different people
of this very population are, at this very size. Rows are drawn, and each is compared with the whole
file. The draw comes from a seed and is the same on every machine.

It never looks at who a record is, and never compares by itself: see
:mod:`pprl.candidates.exhaustive`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import valid
from pprl.candidates.exhaustive import similar_pairs
from pprl.compare.given import similarity_of
from pprl.decide.threshold.bins import BINS, STEP, at_least, edge, histogram
from pprl.decide.threshold.mixture import Within
from pprl.decide.tiers import with_filter

if TYPE_CHECKING:
    from pprl.compare.measure import Measure
    from pprl.compare.packing import Words
    from pprl.compare.pairs import Integers
    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.bins import Floats
    from pprl.decide.tiers import Side

RANDOM_PAIRS = 50_000
PILOT_ROWS = 500
LEAST_ROWS = 300
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


def crowded_bin(
    left: Words, right: Words, measure: Measure, seed: int, threads: int | None
) -> int:
    """Return the bin above which chance gives about half a pair for each record.

    Chance is seen inside the larger file; the band just above the bin counts, so that second
    records of a person, most of them near 1, don't.
    """
    words = right if len(left) <= len(right) else left
    rows = _drawn(len(words), PILOT_ROWS, np.random.default_rng([seed, 1]))
    threshold = 0
    for threshold in _PILOT_THRESHOLDS:
        pairs = similar_pairs(words[rows], words, threshold, measure=measure, threads=threads)
        above = at_least(histogram(pairs.similarity[rows[pairs.left] != pairs.right]))
        band = above - np.append(above[_BAND:], np.zeros(_BAND))
        # Up to the first bin that chance doesn't fill: second records may crowd beyond it.
        sparse = band[threshold // STEP :] < max(_PAIRS_A_RECORD * len(rows), 1)
        if not sparse[0]:
            return threshold // STEP + int(sparse.argmax()) - 1
    return threshold // STEP


def inside(
    side: Side, kind: str | None, lowest_bin: int, n_pairs: float, seed: int, threads: int | None
) -> Within:
    """Compare some rows of a file with the whole file.

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
    filters = np.flatnonzero(side.records.has_filter())
    words = side.filters if len(filters) == len(side.filters) else side.filters[filters]
    most = max(LEAST_ROWS, int(n_pairs / max(len(words), 1)))
    rows = _drawn(len(words), most, np.random.default_rng([seed, 2]))
    lowest = side.measure.below(edge(lowest_bin))
    pairs = similar_pairs(words[rows], words, lowest, measure=side.measure, threads=threads)
    first, second = rows[pairs.left], pairs.right
    others = first != second
    first, second = filters[first[others]], filters[second[others]]
    similarity = side.measure.weigh(
        pairs.similarity[others].astype(np.int64), side.set_bits[first], side.set_bits[second]
    )
    n_compared = float(len(rows)) * max(len(words) - 1, 0)
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
    share = float(known[filters[rows]].mean() * known[filters].mean())
    return Within(
        len(rows), n_compared * share, histogram(similarity[told]), histogram(similarity[same])
    )


def some_open(is_open: Flags, most: int, seed: int) -> Flags:
    """Return up to ``most`` of the open records, drawn at random."""
    rows = np.flatnonzero(is_open)
    drawn = np.zeros(len(is_open), dtype=np.bool_)
    drawn[rows[_drawn(len(rows), most, np.random.default_rng([seed, 3]))]] = True
    return drawn


def _drawn(n_rows: int, most: int, draw: np.random.Generator) -> Integers:
    """Return up to ``most`` different rows, ascending."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(draw.choice(n_rows, most, replace=False, shuffle=False))
