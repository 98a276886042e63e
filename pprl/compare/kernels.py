"""Compiled comparison of a strip of filters with tiles of filters.

Each pair of rows of the strip meets one tile at a time: a row's word is the same for all 64
records of the tile, so AND, popcount and addition run over records, eight a vector instruction
where the processor counts bits in vectors (AVX-512 VPOPCNTDQ), four on AVX2. Two rows at once
use each word of the tile twice. After each block of 8 words a row is given up if not even all the
bits that remain could bring any record of the tile to the number of common bits it needs.

The kernel never loses a pair: when the output might not hold what the next two rows find, it
stops and says where to go on. It decides nothing but ``common >= needed[a + b]``.

>>> from pprl.compare.measure import least_common_dice
>>> from pprl.compare.packing import sort_filters
>>> one = sort_filters(np.array([[0b0111]], dtype=np.uint64))
>>> two = sort_filters(np.array([[0b1111], [0b1000]], dtype=np.uint64))
>>> found = similar(one.strip(0, 1), two.tiles(0, 2), least_common_dice(800_000, 64))
>>> [(place, other, common) for part in found for place, other, common in zip(*part)]
[(np.int32(0), np.int32(1), np.int32(3))]
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from pprl._jit import compiled, inlined
from pprl.compare.filters import Words
from pprl.compare.measure import Counts
from pprl.compare.packing import BLOCK_WORDS, LANES, Strip, Tiles

Places: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int32]]

_CAPACITY = 65_536  # pairs that one call can hand back
_MOST_AT_ONCE = 2 * LANES  # pairs that one step of the kernel can find

_ODD_BITS = np.uint64(0x5555555555555555)
_ODD_PAIRS = np.uint64(0x3333333333333333)
_LOW_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONE_EACH_BYTE = np.uint64(0x0101010101010101)
_1, _2, _4, _56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


@inlined
def popcount(word: np.uint64) -> np.int64:
    """Return the bits set in a word; for kernels."""
    # Counting in pairs, nibbles, bytes: LLVM knows this form and emits the popcount instruction.
    word = word - ((word >> _1) & _ODD_BITS)
    word = (word & _ODD_PAIRS) + ((word >> _2) & _ODD_PAIRS)
    word = (word + (word >> _4)) & _LOW_NIBBLES
    return np.int64((word * _ONE_EACH_BYTE) >> _56)


@inlined
def _add_block(
    first: bool,  # noqa: FBT001 - numba compiles both ways; keywords it would not inline
    tile: Words,
    tile_left: Counts,
    row: Words,
    row_left: np.int64,
    other_row: Words,
    other_left: np.int64,
    common: Counts,
    other_common: Counts,
) -> tuple[np.int64, np.int64]:
    """Add one block's common bits; return the most that either row could still reach."""
    most = np.int64(0)
    other_most = np.int64(0)
    for lane in range(LANES):
        count = np.int64(0) if first else common[lane]
        other_count = np.int64(0) if first else other_common[lane]
        for word in range(BLOCK_WORDS):
            bits = tile[word, lane]
            count += popcount(bits & row[word])
            other_count += popcount(bits & other_row[word])
        common[lane] = count
        other_common[lane] = other_count
        most = max(most, count + min(row_left, tile_left[lane]))
        other_most = max(other_most, other_count + min(other_left, tile_left[lane]))
    return most, other_most


@compiled
def _compare(
    row_words: Words,
    row_bits: Counts,
    row_left: Counts,
    tile_words: Words,
    tile_bits: Counts,
    tile_left: Counts,
    start_row: Counts,
    stop_row: Counts,
    needed: Counts,
    tile: int,
    row: int,
    out_row: Places,
    out_lane: Places,
    out_common: Places,
) -> tuple[int, int, int]:
    """Compare from (tile, row) on; return (pairs found, tile, row) where it stopped."""
    n_tiles, n_blocks = tile_words.shape[0], tile_words.shape[1]
    common = np.empty(LANES, dtype=np.int64)
    other_common = np.empty(LANES, dtype=np.int64)
    found = 0
    while tile < n_tiles:
        row = max(row, start_row[tile])
        fewest = tile_bits[tile, 0]
        while row < stop_row[tile]:
            if found + _MOST_AT_ONCE > len(out_row):
                return found, tile, row
            other = min(row + 1, stop_row[tile] - 1)  # itself at an odd end: never reported twice
            need = needed[row_bits[row] + fewest]
            other_need = needed[row_bits[other] + fewest]
            possible = True
            for block in range(n_blocks):
                most, other_most = _add_block(
                    block == 0,
                    tile_words[tile, block],
                    tile_left[tile, block],
                    row_words[row, block],
                    row_left[row, block],
                    row_words[other, block],
                    row_left[other, block],
                    common,
                    other_common,
                )
                if most < need and other_most < other_need:
                    possible = False
                    break
            if possible:
                for lane in range(LANES):
                    bits = tile_bits[tile, lane]
                    if bits and common[lane] >= needed[row_bits[row] + bits]:
                        out_row[found] = row
                        out_lane[found] = tile * LANES + lane
                        out_common[found] = common[lane]
                        found += 1
                    if (
                        bits
                        and other > row
                        and other_common[lane] >= needed[row_bits[other] + bits]
                    ):
                        out_row[found] = other
                        out_lane[found] = tile * LANES + lane
                        out_common[found] = other_common[lane]
                        found += 1
            row += 2
        tile += 1
        row = 0
    return found, tile, row


def similar(strip: Strip, tiles: Tiles, needed: Counts) -> Iterator[tuple[Places, Places, Places]]:
    """Yield the pairs with enough common bits, some ten thousands at a time.

    Parameters
    ----------
    strip, tiles
        The two sides, sorted by bits set, of equally long filters without an empty one.
    needed
        ``int64 (2 * bits + 1,)``: least common bits by the sum of bits set; never falling, by
        at most one for two (see :mod:`pprl.compare.measure`).

    Yields
    ------
    tuple
        ``int32 (m,)`` each: place in ``strip``, place in ``tiles``, common bits. The order is
        that of the work.
    """
    if not len(strip.set_bits) or not len(tiles.set_bits):
        return
    start, stop = _reachable(strip.set_bits, tiles.set_bits, needed)
    rows, others, common = (np.empty(_CAPACITY, dtype=np.int32) for _ in range(3))
    tile = row = 0
    while tile < len(tiles.words):
        found, tile, row = _compare(
            strip.words, strip.set_bits, strip.bits_left,
            tiles.words, tiles.set_bits, tiles.bits_left,
            start, stop, needed, tile, row, rows, others, common,
        )  # fmt: skip
        if found:
            yield rows[:found].copy(), others[:found].copy(), common[:found].copy()


def _reachable(rows: Counts, tiles: Counts, needed: Counts) -> tuple[Counts, Counts]:
    """Return for each tile the first and last + 1 row that could be similar to one of its records.

    Two filters share at most the bits of the smaller one: filters of very different sizes need
    no look. ``rows`` is sorted, so the rows that pass are neighbours.
    """
    sizes = np.arange(rows[-1] + 1)
    fewest, most = tiles[:, :1], tiles.max(axis=1, keepdims=True)
    passing = np.minimum(sizes, most) >= needed[sizes + fewest]
    low = passing.argmax(axis=1)
    high = np.where(passing.any(axis=1), len(sizes) - passing[:, ::-1].argmax(axis=1), low)
    return np.searchsorted(rows, low), np.searchsorted(rows, high)
