"""Similarity of pairs that something else has found, such as records that share a token.

>>> left = np.array([[0b0111], [0b0000]], dtype=np.uint64)
>>> right = np.array([[0b1111]], dtype=np.uint64)
>>> similarity_of(left, right, np.array([0, 1]), np.array([0, 0]))
array([857142,     -1])
"""

import numpy as np

from pprl.compare.measure import Counts, Dice, Measure
from pprl.compare.packing import Words, count_bits
from pprl.compare.pairs import NO_FILTER, Integers

_AT_ONCE = 65_536  # pairs; keeps the copied filters small


def similarity_of(
    left: Words,
    right: Words,
    left_rows: Integers,
    right_rows: Integers,
    measure: Measure | None = None,
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

    Returns
    -------
    int64 (n,)
        Millionths; -1 where either filter has no bit set.
    """
    by = Dice() if measure is None else measure
    similarity = np.empty(len(left_rows), dtype=np.int64)
    for start in range(0, len(left_rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        one, other = left[left_rows[part]], right[right_rows[part]]
        a, b = count_bits(one), count_bits(other)
        found = by.of(count_bits(one & other), a, b)
        similarity[part] = np.where((a > 0) & (b > 0), found, NO_FILTER)
    return similarity
