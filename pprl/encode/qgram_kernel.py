"""Compiled loops of the CLK encoder: q-grams of a whole column to filter bits, rows OR-ed in.

A q-gram is packed into one 64-bit code, 21 bits a character (and the position above them), looked
up in an open-addressing table that maps it to a row of bit positions, and the first ``k``
positions are set. Codes that the table doesn't know yet come back to the caller.
"""

import numpy as np
import numpy.typing as npt

from pprl._jit import compiled, inlined

CHARACTER_BITS = 21
MAX_CODED_CHARACTERS = 3
MAX_CODED_POSITIONAL = 2

_SPACE = 32
_TWO_BYTES, _THREE_BYTES, _FOUR_BYTES = 0x80, 0xE0, 0xF0  # first lead byte of each length
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

Bytes = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def in_words(positions: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Turn bit positions (bit 0 = top bit of byte 0) into places in little-endian words."""
    return positions ^ np.uint16(7)


@compiled
def decode(data: Bytes, offsets: Int32, out: Int32, out_offsets: Int64) -> None:
    """Decode valid UTF-8 into code points; ``out`` has room for one per byte."""
    place = 0
    for record in range(offsets.size - 1):
        at = offsets[record]
        end = offsets[record + 1]
        while at < end:
            lead = np.int32(data[at])
            if lead < _TWO_BYTES:
                out[place] = lead
                at += 1
            elif lead < _THREE_BYTES:
                out[place] = ((lead & 0x1F) << 6) | (data[at + 1] & 0x3F)
                at += 2
            elif lead < _FOUR_BYTES:
                out[place] = (
                    ((lead & 0x0F) << 12) | ((data[at + 1] & 0x3F) << 6) | (data[at + 2] & 0x3F)
                )
                at += 3
            else:
                out[place] = (
                    ((lead & 0x07) << 18)
                    | ((data[at + 1] & 0x3F) << 12)
                    | ((data[at + 2] & 0x3F) << 6)
                    | (data[at + 3] & 0x3F)
                )
                at += 4
            place += 1
        out_offsets[record + 1] = place


@inlined
def find(keys: UInt64, code: np.uint64) -> np.int64:
    """Return the slot that holds ``code`` or, when it isn't there, the empty slot for it."""
    mask = keys.size - 1
    slot = np.int64((code * _MIX) >> _HALF) & mask
    while keys[slot] != np.uint64(0) and keys[slot] != code:
        slot = (slot + 1) & mask
    return slot


@compiled
def contains(keys: UInt64, codes: UInt64, found: npt.NDArray[np.bool_]) -> None:
    """Say which of ``codes`` are in the table."""
    for i in range(codes.size):
        found[i] = keys[find(keys, codes[i])] == codes[i]


@compiled
def insert(keys: UInt64, values: Int32, codes: UInt64) -> None:
    """Put ``codes`` into an empty table with values 0, 1, ..."""
    for i in range(codes.size):
        slot = find(keys, codes[i])
        keys[slot] = codes[i]
        values[slot] = i


@inlined
def code_of(
    characters: Int32,
    start: int,
    length: int,
    token: int,
    n: int,
    positional: bool,  # noqa: FBT001 - compiled functions take no keywords
) -> np.uint64:
    """Return the code of one q-gram of a record that starts at ``start``; never 0."""
    code = np.uint64(0)
    for j in range(n):
        at = token + j - (n - 1)
        character = _SPACE
        if 0 <= at < length:
            character = characters[start + at]
        code = (code << np.uint64(CHARACTER_BITS)) | np.uint64(character)
    if positional:
        code |= np.uint64(token + 1) << np.uint64(CHARACTER_BITS * n)
    return (code << np.uint64(1)) | np.uint64(1)


@compiled
def set_qgrams(
    characters: Int32,
    offsets: Int64,
    n: int,
    positional: bool,  # noqa: FBT001 - compiled functions take no keywords
    keys: UInt64,
    values: Int32,
    positions: npt.NDArray[np.uint16],
    bits_per_token: int,
    bits_per_feature: int,
    filters: UInt64,
    unknown: UInt64,
) -> int:
    """Set the bits of every record's q-grams; return how many unknown codes were met.

    Parameters
    ----------
    characters, offsets
        Code points of all records, and where each record starts, ``(records + 1,)``.
    keys, values
        The table: code -> row of ``positions``. Codes carry 1 in their lowest place so that 0
        means an empty slot.
    positions
        ``uint16 (tokens, most)``: bit positions as :func:`in_words` gives them.
    bits_per_token, bits_per_feature
        One of them is 0.
    filters
        ``uint64 (records, words)``, OR-ed into.
    unknown
        Filled with codes that aren't in the table (repeats possible) until it is full.
    """
    n_unknown = 0
    one = np.uint64(1)
    most = np.uint64(positions.shape[1])
    words = np.uint64(filters.shape[1])
    places = positions.reshape(-1)
    out = filters.reshape(-1)
    for record in range(offsets.size - 1):
        start = offsets[record]
        length = offsets[record + 1] - start
        if length == 0:
            continue
        n_tokens = length + n - 1
        share = bits_per_token
        more = 0
        if bits_per_feature:
            share = bits_per_feature // n_tokens
            more = bits_per_feature % n_tokens
        first_word = np.uint64(record) * words
        for token in range(n_tokens):
            code = code_of(characters, start, length, token, n, positional)
            slot = find(keys, code)
            if keys[slot] != code:
                if n_unknown < unknown.size:
                    unknown[n_unknown] = code
                    n_unknown += 1
                continue
            row = np.uint64(values[slot]) * most
            k = share + 1 if token < more else share
            for i in range(k):
                place = np.uint64(places[row + np.uint64(i)])
                out[first_word + (place >> np.uint64(6))] |= one << (place & np.uint64(63))
    return n_unknown


@compiled
def or_rows(rows: UInt64, offsets: Int64, indices: Int32, filters: UInt64) -> None:
    """OR ``rows[indices[offsets[r]:offsets[r + 1]]]`` into filter ``r``."""
    words = filters.shape[1]
    for record in range(offsets.size - 1):
        for at in range(offsets[record], offsets[record + 1]):
            row = indices[at]
            for word in range(words):
                filters[record, word] |= rows[row, word]


@compiled
def or_row(rows: UInt64, indices: Int32, filters: UInt64) -> None:
    """OR ``rows[indices[r]]`` into filter ``r``; negative indices stand for no value."""
    words = filters.shape[1]
    for record in range(indices.size):
        row = indices[record]
        if row >= 0:
            for word in range(words):
                filters[record, word] |= rows[row, word]
