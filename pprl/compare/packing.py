"""Filters laid out for the kernel: sorted by bits set, one side in transposed tiles.

A tile holds the filters of 64 records word by word: word 0 of all 64, then word 1 of all 64, so
that one vector instruction works on several records. Words come in blocks of 8; after each block
the kernel may give up, and for that it needs to know how many bits each filter has left. Filters
are filled up with zero words to whole blocks and the last tile with empty filters, which changes
no count.

Sorting by bits set makes the records that can reach a threshold neighbours, so that whole tiles
are never looked at. Filters without a bit are left out here: they are never similar to anything.

>>> words = np.array([[7], [0], [1]], dtype=np.uint64)
>>> filters = sort_filters(words)
>>> filters.rows, filters.set_bits
(array([2, 0]), array([1, 3]))
>>> filters.tiles(0, 2).words.shape
(1, 1, 8, 64)
"""

from dataclasses import dataclass

import numpy as np

from pprl.compare.filters import Filters, Words, as_filters
from pprl.compare.measure import Counts

LANES = 64
BLOCK_WORDS = 8


@dataclass(frozen=True)
class Strip:
    """Filters one after the other.

    Attributes
    ----------
    words
        ``uint64 (n, blocks, 8)``.
    set_bits
        ``int64 (n,)``.
    bits_left
        ``int64 (n, blocks)``: bits set after each block.
    """

    words: Words
    set_bits: Counts
    bits_left: Counts

    def part(self, start: int, stop: int) -> "Strip":
        """Return some of the filters, not copied."""
        return Strip(self.words[start:stop], self.set_bits[start:stop], self.bits_left[start:stop])


@dataclass(frozen=True)
class Tiles:
    """Filters in tiles of 64.

    Attributes
    ----------
    words
        ``uint64 (tiles, blocks, 8, 64)``.
    set_bits
        ``int64 (tiles, 64)``; 0 where the last tile is filled up.
    bits_left
        ``int64 (tiles, blocks, 64)``: bits set after each block.
    """

    words: Words
    set_bits: Counts
    bits_left: Counts


@dataclass(frozen=True)
class SortedFilters:
    """The filters of one side that have a bit set, in order of bits set.

    Attributes
    ----------
    words
        As given, not sorted.
    rows
        ``int64 (n,)``: the row of each sorted filter in ``words``.
    set_bits
        ``int64 (n,)``: ascending.
    """

    words: Filters
    rows: Counts
    set_bits: Counts

    def __len__(self) -> int:
        return len(self.rows)

    def strip(self, start: int, stop: int) -> Strip:
        """Copy sorted filters ``start`` to ``stop``, one after the other."""
        blocks = blocks_of_words(self.words[self.rows[start:stop]])
        return Strip(blocks, self.set_bits[start:stop], _bits_left(blocks))

    def tiles(self, start: int, stop: int) -> Tiles:
        """Copy sorted filters ``start`` to ``stop`` into tiles."""
        blocks = blocks_of_words(self.words[self.rows[start:stop]])
        n_records, n_blocks, _ = blocks.shape
        n_tiles = -(-n_records // LANES)
        filled = np.zeros((n_tiles * LANES, n_blocks, BLOCK_WORDS), dtype=np.uint64)
        filled[:n_records] = blocks
        set_bits = np.zeros(n_tiles * LANES, dtype=np.int64)
        set_bits[:n_records] = self.set_bits[start:stop]
        tiles = filled.reshape(n_tiles, LANES, n_blocks, BLOCK_WORDS)
        left = _bits_left(filled).reshape(n_tiles, LANES, n_blocks)
        return Tiles(
            np.ascontiguousarray(tiles.transpose(0, 2, 3, 1)),
            set_bits.reshape(n_tiles, LANES),
            np.ascontiguousarray(left.transpose(0, 2, 1)),
        )


def sort_filters(words: Words | Filters) -> SortedFilters:
    """Order filters, ``uint64 (records, words)``, by bits set, equal ones by row."""
    filters = as_filters(words)
    counts = filters.set_bits
    rows = np.flatnonzero(counts)
    rows = rows[np.argsort(counts[rows], kind="stable")]
    return SortedFilters(filters, rows, counts[rows])


def blocks_of_words(words: Words) -> Words:
    """Return filters as ``uint64 (n, blocks, 8)``, filled up with zero words where need be."""
    n_records, n_words = words.shape
    n_blocks = max(1, -(-n_words // BLOCK_WORDS))
    if n_words == n_blocks * BLOCK_WORDS:
        return words.reshape(n_records, n_blocks, BLOCK_WORDS)
    filled = np.zeros((n_records, n_blocks * BLOCK_WORDS), dtype=np.uint64)
    filled[:, :n_words] = words
    return filled.reshape(n_records, n_blocks, BLOCK_WORDS)


def _bits_left(blocks: Words) -> Counts:
    counts = np.bitwise_count(blocks).sum(axis=2, dtype=np.int64)
    left: Counts = counts.sum(axis=1, keepdims=True) - counts.cumsum(axis=1)
    return left
