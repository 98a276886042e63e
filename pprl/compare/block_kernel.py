"""Compiled comparison of many small blocks: every filter with every other one of its own block.

The tiles of :mod:`pprl.compare.kernels` are for hundreds of filters a side; a block of ten by ten
would spend its time laying them out. Here the filters of all blocks of a span lie one block after
the other, and one call walks through them: no block costs anything but its pairs.

It stops when its output is full and says where to go on, so no pair is lost. It decides nothing but
``common >= needed[a + b]``.

>>> from pprl.compare.measure import least_common_dice
>>> left = np.array([[0b0111], [0b0111]], dtype=np.uint64)
>>> right = np.array([[0b0110], [0b1111]], dtype=np.uint64)
>>> starts = np.array([0, 1, 2])  # two blocks of one record a side
>>> found = similar_in_blocks(left, right, starts, starts, least_common_dice(800_000, 64))
>>> [(place, other, common) for part in found for place, other, common in zip(*part)]
[(np.int32(0), np.int32(0), np.int32(2)), (np.int32(1), np.int32(1), np.int32(3))]
"""

from collections.abc import Iterator

import numpy as np

from pprl._jit import compiled
from pprl.compare.filters import Words, count_bits
from pprl.compare.kernels import Places, popcount
from pprl.compare.measure import Counts
from pprl.compare.packing import BLOCK_WORDS, blocks_of_words

_CAPACITY = 65_536  # pairs that one call can hand back


@compiled
def _compare(
    left: Words,
    right: Words,
    left_bits: Counts,
    right_bits: Counts,
    left_starts: Counts,
    right_starts: Counts,
    needed: Counts,
    block: int,
    row: int,
    other: int,
    out_row: Places,
    out_other: Places,
    out_common: Places,
) -> tuple[int, int, int, int]:
    """Compare from (block, row, other) on; return (pairs found, block, row, other) at the stop."""
    n_parts = left.shape[1]
    found = 0
    while block < len(left_starts) - 1:
        row = max(row, left_starts[block])
        while row < left_starts[block + 1]:
            other = max(other, right_starts[block])
            while other < right_starts[block + 1]:
                need = needed[left_bits[row] + right_bits[other]]
                # Two filters share at most the bits of the smaller one.
                if min(left_bits[row], right_bits[other]) >= need:
                    common = np.int64(0)
                    for part in range(n_parts):
                        for word in range(BLOCK_WORDS):
                            common += popcount(left[row, part, word] & right[other, part, word])
                    if common >= need:
                        if found == len(out_row):
                            return found, block, row, other
                        out_row[found] = row
                        out_other[found] = other
                        out_common[found] = common
                        found += 1
                other += 1
            other = 0
            row += 1
        block += 1
    return found, block, row, other


def similar_in_blocks(
    left: Words, right: Words, left_starts: Counts, right_starts: Counts, needed: Counts
) -> Iterator[tuple[Places, Places, Places]]:
    """Yield the pairs of equal blocks with enough common bits, some ten thousands at a time.

    Parameters
    ----------
    left, right
        ``uint64 (n, words)``: equally long filters, block after block, none without a bit.
    left_starts, right_starts
        ``int64 (blocks + 1,)``: where each block begins, from 0 to the number of filters.
    needed
        ``int64 (2 * bits + 1,)``: least common bits by the sum of bits set.

    Yields
    ------
    tuple
        ``int32 (m,)`` each: place in ``left``, place in ``right``, common bits.
    """
    bits, other_bits = (count_bits(words) for words in (left, right))
    left, right = blocks_of_words(left), blocks_of_words(right)
    rows, others, common = (np.empty(_CAPACITY, dtype=np.int32) for _ in range(3))
    block = row = other = 0
    while block < len(left_starts) - 1:
        found, block, row, other = _compare(
            left, right, bits, other_bits, left_starts, right_starts, needed, block, row, other,
            rows, others, common,
        )  # fmt: skip
        if found:
            yield rows[:found].copy(), others[:found].copy(), common[:found].copy()
