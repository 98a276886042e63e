"""Similarity of pairs that something else has found, such as records that share a token.

>>> left = np.array([[0b0111], [0b0000]], dtype=np.uint64)
>>> right = np.array([[0b1111]], dtype=np.uint64)
>>> similarity_of(left, right, np.array([0, 1]), np.array([0, 0]))
array([857142,     -1])
"""

from __future__ import annotations

from functools import partial

import numpy as np

from pprl.compare.filters import Filters, Words, as_filters, count_bits
from pprl.compare.measure import Counts, Dice, Measure
from pprl.compare.pairs import NO_FILTER, Integers
from pprl.threads import in_order

_AT_ONCE = 65_536  # pairs; keeps the copied filters small


def similarity_of(
    left: Words | Filters,
    right: Words | Filters,
    left_rows: Integers,
    right_rows: Integers,
    measure: Measure | None = None,
    *,
    threads: int | None = None,
) -> Counts:
    """Return the similarity of each given pair.

    Parameters
    ----------
    left, right
        Filters, ``uint64 (records, words)``.
    left_rows, right_rows
        ``(n,)``: rows of the pairs.
    measure
        Dice when not given.
    threads
        As many as this process may use when not given.

    Returns
    -------
    int64 (n,)
        Millionths; -1 where either filter has no bit set.
    """
    by = Dice() if measure is None else measure
    ours, theirs = as_filters(left), as_filters(right)
    similarity = np.empty(len(left_rows), dtype=np.int64)

    def compare(start: int) -> None:
        part = slice(start, start + _AT_ONCE)
        one, other = ours[left_rows[part]], theirs[right_rows[part]]
        a, b = count_bits(one), count_bits(other)
        found = by.of(count_bits(one & other), a, b)
        similarity[part] = np.where((a > 0) & (b > 0), found, NO_FILTER)

    for _ in in_order(
        (partial(compare, start) for start in range(0, len(left_rows), _AT_ONCE)), threads
    ):
        pass
    return similarity
