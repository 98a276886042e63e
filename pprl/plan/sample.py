"""Some filters of a set, and how alike those of strangers are.

A few rows from all over the file: a set of tens of millions isn't read for it. The same file gives
the same sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import raw_rows, valid

if TYPE_CHECKING:
    from pprl.compare.filters import Words
    from pprl.compare.measure import Counts, Measure
    from pprl.encoded import EncodedSet

_RUNS = 64


def some_filters(records: EncodedSet, most: int) -> Words:
    """Return ``uint64 (n, words)``: filters of up to ``most`` records, those without left out."""
    column, width = records.table.column("filter"), records.header.filter_bytes
    run = -(-most // _RUNS)
    starts = np.linspace(0, max(len(records) - run, 0), _RUNS).astype(np.int64)
    if len(records) <= most:
        starts, run = np.zeros(1, dtype=np.int64), most
    parts = [np.empty((0, width), dtype=np.uint8)]
    for start in np.unique(starts).tolist():
        parts += [raw_rows(chunk, width)[valid(chunk)] for chunk in column.slice(start, run).chunks]
    return np.concatenate(parts)[:most].view(np.uint64)


def filters_of(records: EncodedSet, rows: Counts) -> Words:
    """Return ``uint64 (n, words)``: filters of some rows, zeros where there is none."""
    width = records.header.filter_bytes
    found = np.zeros((len(rows), width), dtype=np.uint8)
    start = 0
    for chunk in records.table.column("filter").chunks:
        inside = np.flatnonzero((rows >= start) & (rows < start + len(chunk)))
        if len(inside):
            places = rows[inside] - start
            there = valid(chunk)[places]
            found[inside[there]] = raw_rows(chunk, width)[places[there]]
        start += len(chunk)
    return found.view(np.uint64)


def similarities(left: Words, right: Words, measure: Measure) -> Counts:
    """Return ``int64 (n,)``: how alike each left filter and its right one are, in millionths."""
    common, ours, theirs = (
        np.bitwise_count(words).sum(axis=1, dtype=np.int64) for words in (left & right, left, right)
    )
    return measure.of(common, ours, theirs)


def of_strangers(left: Words, right: Words, measure: Measure) -> Counts:
    """Return ``int64 (n,)``, ascending: similarities of left filters with right ones at random.

    Rows of a sample are of different people but for a few: those at the top.
    """
    n_pairs = min(len(left), len(right))
    turned = np.roll(right[:n_pairs], n_pairs // 2, axis=0)
    return np.sort(similarities(left[:n_pairs], turned, measure))
