"""Compiled reading of sampled bits: the keys of a band, and how often each bit is set.

>>> words = np.array([[0b101], [0b001], [0b000]], dtype=np.uint64)
>>> keys, present = sampled_keys(words, [0, 2], [2], [[]])
>>> [f"{key:02b}" for key in keys.tolist()], present.tolist()
(['11', '01', '00'], [True, True, False])
>>> set_counts(words, np.array([1, 10, 100]))[:3].tolist()
[11, 0, 1]
"""

from collections.abc import Sequence

import numpy as np

from pprl._jit import compiled
from pprl.compare.filters import Words
from pprl.compare.kernels import popcount
from pprl.compare.measure import Counts
from pprl.compare.pairs import Flags

_WORD_BITS = 64


@compiled
def _read(
    words: Words,
    at: Counts,
    shifts: Words,
    ends: Counts,
    large: Words,
    large_starts: Counts,
    keys: Words,
    present: Flags,
) -> None:
    """Read bit after bit; go on to the next stage only where the key so far is a large one."""
    one = np.uint64(1)
    for row in range(len(words)):
        some = False
        for word in range(words.shape[1]):
            if words[row, word]:
                some = True
                break
        key = np.uint64(0)
        stage = 0
        done = 0
        while some and stage < len(ends):
            for bit in range(done, ends[stage]):
                key |= ((words[row, at[bit]] >> shifts[bit]) & one) << np.uint64(bit)
            done = ends[stage]
            low, high = large_starts[stage], large_starts[stage + 1]
            while low < high:
                middle = (low + high) // 2
                if large[middle] < key:
                    low = middle + 1
                else:
                    high = middle
            if low == large_starts[stage + 1] or large[low] != key:
                break
            stage += 1
        keys[row] = key
        present[row] = some and stage < len(ends)


def sampled_keys(
    words: Words, bits: Sequence[int], ends: Sequence[int], large: Sequence[Sequence[int]]
) -> tuple[Words, Flags]:
    """Read the keys of a band off filters.

    Parameters
    ----------
    words
        ``uint64 (n, words)``.
    bits
        Bits to read, 64 at most: bit ``i`` of the key is bit ``bits[i]`` of the filter, counted
        from the lowest bit of the first word.
    ends
        How many bits are read at each stage, all earlier stages included; ascending.
    large
        For each stage the keys, ascending, with which a record goes on to the next one; those of
        the last stage are in no bucket.

    Returns
    -------
    tuple
        ``uint64 (n,)``, and ``bool (n,)``: who is in a bucket. A filter without a bit isn't.
    """
    chosen = np.asarray(bits, dtype=np.int64)
    keys, present = np.empty(len(words), dtype=np.uint64), np.empty(len(words), dtype=np.bool_)
    _read(
        words,
        chosen // _WORD_BITS,
        (chosen % _WORD_BITS).astype(np.uint64),
        np.asarray(ends, dtype=np.int64),
        np.array([key for keys_of in large for key in keys_of], dtype=np.uint64),
        np.cumsum([0, *map(len, large)], dtype=np.int64),
        keys,
        present,
    )
    return keys, present


@compiled
def _count(words: Words, weights: Counts, counts: Counts) -> None:
    one = np.uint64(1)
    for row in range(len(words)):
        for place in range(words.shape[1]):
            word = words[row, place]
            while word:
                # The bits below the lowest one that is set tell its place.
                counts[place * _WORD_BITS + popcount((word & (~word + one)) - one)] += weights[row]
                word &= word - one


def set_counts(words: Words, weights: Counts | None = None) -> Counts:
    """Return ``int64 (bits,)``: how many filters, each counted by its weight, have a bit set."""
    counts = np.zeros(words.shape[1] * _WORD_BITS, dtype=np.int64)
    _count(words, np.ones(len(words), dtype=np.int64) if weights is None else weights, counts)
    return counts
