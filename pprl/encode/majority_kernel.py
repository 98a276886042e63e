"""Compiled loops of the hardened encoder: which rows a record adds, and the majority of them.

Rows of random bits are added in bit-sliced counters: plane ``p`` holds bit ``p`` of every bit
position's count, so one machine word counts 64 positions at once. Eight rows go in together
through carry-save adders (Harley and Seal's counter), three operations' worth of work a row.
"""

import numpy as np
import numpy.typing as npt

from pprl._jit import compiled, inlined
from pprl.encode.qgram_kernel import code_of, find

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]

LEVELS = 3
"""Weights are below ``2 ** LEVELS``."""
MAX_PLANES = 32

_TOGETHER = 8
_ADDED = 3  # planes that eight rows fill


@compiled
def gram_rows(
    characters: Int32,
    offsets: Int64,
    n: int,
    positional: bool,  # noqa: FBT001 - compiled functions take no keywords
    keys: UInt64,
    values: Int32,
    rows: Int32,
    row_offsets: Int64,
    unknown: UInt64,
) -> int:
    """Find the row of every q-gram of every record; return how many unknown codes were met.

    Parameters
    ----------
    characters, offsets
        Code points of all records, and where each record starts, ``(records + 1,)``.
    keys, values
        The table: code -> row, as :func:`pprl.encode.qgram_kernel.set_qgrams` has it.
    rows, row_offsets
        Filled: the rows of each record, one after the other; repeats possible.
    unknown
        Filled with codes that aren't in the table (repeats possible) until it is full.
    """
    n_unknown = 0
    at_row = 0
    row_offsets[0] = 0
    for record in range(offsets.size - 1):
        start = offsets[record]
        length = offsets[record + 1] - start
        n_tokens = length + n - 1 if length else 0
        for token in range(n_tokens):
            code = code_of(characters, start, length, token, n, positional)
            slot = find(keys, code)
            if keys[slot] == code:
                rows[at_row] = values[slot]
            elif n_unknown < unknown.size:
                unknown[n_unknown] = code
                n_unknown += 1
            at_row += 1
        row_offsets[record + 1] = at_row
    return n_unknown


@compiled
def append_rows(
    offsets: Int64,
    items: Int32,
    starts: Int64,
    rows: Int32,
    weights: UInt8,
    low: npt.NDArray[np.bool_],
    cursor: Int64,
    out_rows: Int32,
    out_weights: UInt8,
) -> None:
    """Append the rows of every record's items to what the record has already.

    Parameters
    ----------
    offsets, items
        ``(records + 1,)`` and the items of each record; a negative item has no rows.
    starts, rows
        The rows of each item.
    weights
        ``(2,)``: of a row, and of a row of an item of low weight.
    low
        ``(items,)``: whether an item is of low weight. Others come first, so that what both kinds
        of items have counts with the larger weight.
    cursor
        ``(records,)``: where each record goes on in ``out_rows``; moved.
    out_rows, out_weights
        Filled.
    """
    for record in range(offsets.size - 1):
        at = cursor[record]
        for turn in range(2):
            for place in range(offsets[record], offsets[record + 1]):
                item = items[place]
                if item < 0 or low[item] != (turn == 1):
                    continue
                for row in range(starts[item], starts[item + 1]):
                    out_rows[at] = rows[row]
                    out_weights[at] = weights[turn]
                    at += 1
        cursor[record] = at


@inlined
def _add_eight(
    table: UInt64, chosen: Int32, first: int, level: int, planes: UInt64, carry: UInt64
) -> None:
    """Add eight rows to three planes of the counters; what overflows is in ``carry``."""
    a, b = table[chosen[first]], table[chosen[first + 1]]
    c, d = table[chosen[first + 2]], table[chosen[first + 3]]
    e, f = table[chosen[first + 4]], table[chosen[first + 5]]
    g, h = table[chosen[first + 6]], table[chosen[first + 7]]
    one, two, four = planes[level], planes[level + 1], planes[level + 2]
    for word in range(carry.size):
        ones, twos, fours = one[word], two[word], four[word]
        u = ones ^ a[word]
        two_a = (ones & a[word]) | (u & b[word])
        ones = u ^ b[word]
        u = ones ^ c[word]
        two_b = (ones & c[word]) | (u & d[word])
        ones = u ^ d[word]
        u = twos ^ two_a
        four_a = (twos & two_a) | (u & two_b)
        twos = u ^ two_b
        u = ones ^ e[word]
        two_a = (ones & e[word]) | (u & f[word])
        ones = u ^ f[word]
        u = ones ^ g[word]
        two_b = (ones & g[word]) | (u & h[word])
        one[word] = u ^ h[word]
        u = twos ^ two_a
        four_b = (twos & two_a) | (u & two_b)
        two[word] = u ^ two_b
        u = fours ^ four_a
        carry[word] = (fours & four_a) | (u & four_b)
        four[word] = u ^ four_b


@compiled
def majorities(  # noqa: C901, PLR0912, PLR0915 - one loop nest, compiled as a whole
    offsets: Int64,
    rows: Int32,
    weights: UInt8,
    table: UInt64,
    families: int,
    least: int,
    filters: UInt64,
    present: npt.NDArray[np.bool_],
) -> None:
    """Set each filter to the XOR, over the hash families, of the majority of its rows' bits.

    Parameters
    ----------
    offsets, rows, weights
        The rows of each record and their weights; of a row that is repeated the first counts.
    table
        ``uint64 (rows, families * words)``: random bits. Row 0 is zeros, row 1 the constant one
        that makes even weights odd.
    families
        kappa.
    least
        Records with fewer distinct rows get no filter.
    filters
        ``uint64 (records, words)``, zeros; filled.
    present
        ``bool (records,)``, filled: whether a record has a filter.
    """
    wide = table.shape[1]
    words = filters.shape[1]
    seen = np.full(table.shape[0], -1, dtype=np.int64)
    planes = np.zeros((MAX_PLANES, wide), dtype=np.uint64)
    carry = np.empty(wide, dtype=np.uint64)
    above = np.empty(wide, dtype=np.uint64)
    equal = np.empty(wide, dtype=np.uint64)
    most = 0
    for record in range(offsets.size - 1):
        most = max(most, offsets[record + 1] - offsets[record])
    distinct = np.empty(most + 1, dtype=np.int32)
    weight_of = np.empty(most + 1, dtype=np.int64)
    chosen = np.zeros(most + 1 + _TOGETHER, dtype=np.int32)
    for record in range(offsets.size - 1):
        count = 0
        total = 0
        for at in range(offsets[record], offsets[record + 1]):
            row = rows[at]
            if seen[row] != record:
                seen[row] = record
                distinct[count] = row
                weight_of[count] = weights[at]
                total += weights[at]
                count += 1
        if count < least:
            continue
        present[record] = True
        if total % 2 == 0:
            distinct[count] = 1
            weight_of[count] = 1
            count += 1
            total += 1
        n_planes = _ADDED
        while (total >> n_planes) > 0:
            n_planes += 1
        for plane in range(n_planes + LEVELS):
            planes[plane, :] = 0
        for level in range(LEVELS):
            n_chosen = 0
            for at in range(count):
                if (weight_of[at] >> level) & 1:
                    chosen[n_chosen] = distinct[at]
                    n_chosen += 1
            filled = (n_chosen + _TOGETHER - 1) // _TOGETHER * _TOGETHER
            chosen[n_chosen:filled] = 0
            for first in range(0, filled, _TOGETHER):
                _add_eight(table, chosen, first, level, planes, carry)
                for plane in range(level + _ADDED, n_planes):
                    counter = planes[plane]
                    for word in range(wide):
                        before = counter[word]
                        counter[word] = before ^ carry[word]
                        carry[word] &= before
        half = (total + 1) // 2
        above[:] = 0
        equal[:] = ~np.uint64(0)
        for down in range(n_planes):
            plane = n_planes - 1 - down
            if (half >> plane) & 1:
                for word in range(wide):
                    equal[word] &= planes[plane, word]
            else:
                for word in range(wide):
                    above[word] |= equal[word] & planes[plane, word]
                    equal[word] &= ~planes[plane, word]
        for family in range(families):
            for word in range(words):
                filters[record, word] ^= above[family * words + word] | equal[family * words + word]
