"""Keyed BLAKE2b of many short values at once, without the interpreter.

``hashlib`` takes one value a call and holds the GIL around it, which made tokens the slowest part
of encoding and kept worker threads waiting for each other (docs/adr/0007). This is the same
function for values of at most 128 bytes: eight of them side by side, so that the compiler uses
vector registers. Longer values go through ``hashlib``. Tests compare it with ``hashlib`` byte for
byte. BLAKE2b has no tables and no branches on data, so there is nothing to time.

Source: RFC 7693 (BLAKE2), with the parameter block of the BLAKE2 specification, section 2.8.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled, inlined

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Words = npt.NDArray[np.uint64]

BLOCK_BYTES = 128
LANES = 8
_ROUNDS = 12
_IV = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)  # fmt: skip
_ORDER = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ],
    dtype=np.int64,
)


def keyed_digests(data: Bytes, offsets: npt.NDArray[np.int64], key: bytes, person: bytes) -> Bytes:
    """Return BLAKE2b-128 of every value, keyed and personalised.

    Parameters
    ----------
    data, offsets
        Value ``i`` is ``data[offsets[i]:offsets[i + 1]]``; none is empty.
    key
        1 to 64 bytes.
    person
        At most 16 bytes.

    Returns
    -------
    uint8 (values, 16)
        What ``hashlib.blake2b(value, digest_size=16, key=key, person=person)`` gives. About 0.1
        microseconds a value.
    """
    digests = np.empty((len(offsets) - 1, 16), dtype=np.uint8)
    padded_key = np.frombuffer(key.ljust(BLOCK_BYTES, b"\0"), dtype=np.uint8)
    state = _IV.copy()
    state[0] ^= np.uint64(digests.shape[1] | len(key) << 8 | 1 << 16 | 1 << 24)
    state[6:] ^= np.frombuffer(person.ljust(16, b"\0"), dtype=np.uint64)
    _absorb_key(padded_key.view(np.uint64), state)
    _digest(data, offsets, state, digests.view(np.uint64))
    for place in np.flatnonzero(np.diff(offsets) > BLOCK_BYTES).tolist():
        value = data[offsets[place] : offsets[place + 1]].tobytes()
        digest = blake2b(value, digest_size=digests.shape[1], key=key, person=person).digest()
        digests[place] = np.frombuffer(digest, dtype=np.uint8)
    return digests


@inlined
def _rotated(value: np.uint64, bits: int) -> np.uint64:
    return (value >> np.uint64(bits)) | (value << np.uint64(64 - bits))


@inlined
def _mix(work: Words, block: Words, x: int, y: int, a: int, b: int, c: int, d: int) -> None:
    """Mix two message words into four words of the working state, in every lane (RFC 7693, 3.1)."""
    for lane in range(LANES):
        one, two = work[a * LANES + lane], work[b * LANES + lane]
        three, four = work[c * LANES + lane], work[d * LANES + lane]
        one = one + two + block[x * LANES + lane]
        four = _rotated(four ^ one, 32)
        three = three + four
        two = _rotated(two ^ three, 24)
        one = one + two + block[y * LANES + lane]
        four = _rotated(four ^ one, 16)
        three = three + four
        two = _rotated(two ^ three, 63)
        work[a * LANES + lane], work[b * LANES + lane] = one, two
        work[c * LANES + lane], work[d * LANES + lane] = three, four


@compiled
def _compress(state: Words, block: Words, lengths: Words, last: np.uint64, work: Words) -> None:
    """Absorb one block in every lane (RFC 7693, 3.2); arrays are words x lanes, flat."""
    for i in range(8 * LANES):
        work[i] = state[i]
    for i in range(8):
        for lane in range(LANES):
            work[(8 + i) * LANES + lane] = _IV[i]
    for lane in range(LANES):
        work[12 * LANES + lane] ^= lengths[lane]
        work[14 * LANES + lane] ^= last
    for turn in range(_ROUNDS):
        order = _ORDER[turn % 10]
        _mix(work, block, order[0], order[1], 0, 4, 8, 12)
        _mix(work, block, order[2], order[3], 1, 5, 9, 13)
        _mix(work, block, order[4], order[5], 2, 6, 10, 14)
        _mix(work, block, order[6], order[7], 3, 7, 11, 15)
        _mix(work, block, order[8], order[9], 0, 5, 10, 15)
        _mix(work, block, order[10], order[11], 1, 6, 11, 12)
        _mix(work, block, order[12], order[13], 2, 7, 8, 13)
        _mix(work, block, order[14], order[15], 3, 4, 9, 14)
    for i in range(8 * LANES):
        state[i] ^= work[i] ^ work[8 * LANES + i]


def _absorb_key(block: Words, state: Words) -> None:
    """Advance the initial state by the block that holds the key."""
    # Not compiled: numba takes two seconds for np.repeat, and this runs once for many values.
    states = np.repeat(state, LANES)
    work = np.empty(16 * LANES, dtype=np.uint64)
    lengths = np.full(LANES, BLOCK_BYTES, dtype=np.uint64)
    _compress(states, np.repeat(block, LANES), lengths, np.uint64(0), work)
    state[:] = states[::LANES]


@compiled
def _digest(data: Bytes, offsets: npt.NDArray[np.int64], key_state: Words, out: Words) -> None:
    """Hash values of at most one block; longer ones come out wrong and are the caller's."""
    block = np.empty(16 * LANES, dtype=np.uint64)
    work = np.empty(16 * LANES, dtype=np.uint64)
    states = np.empty(8 * LANES, dtype=np.uint64)
    lengths = np.zeros(LANES, dtype=np.uint64)
    count = offsets.size - 1
    for first in range(0, count, LANES):
        block[:] = 0
        for word in range(8):  # slices and np.repeat would take seconds more to compile
            for lane in range(LANES):
                states[word * LANES + lane] = key_state[word]
        lanes = min(LANES, count - first)
        for lane in range(lanes):
            start = offsets[first + lane]
            size = min(offsets[first + lane + 1] - start, BLOCK_BYTES)
            lengths[lane] = np.uint64(BLOCK_BYTES + size)
            for i in range(size):
                byte = np.uint64(data[start + i])
                block[(i >> 3) * LANES + lane] |= byte << np.uint64(8 * (i & 7))
        _compress(states, block, lengths, ~np.uint64(0), work)
        for lane in range(lanes):
            out[first + lane, 0] = states[lane]
            out[first + lane, 1] = states[LANES + lane]
