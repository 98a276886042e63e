"""Slips of the pen on one name in a byte buffer: lower-case letters, spaces, a few marks.

Each kernel works in place on ``work[:length]`` and returns the new length (0 or the old length
where it found nothing to do, as said there). The buffer has room to spare.

>>> import numpy as np
>>> work = np.zeros(64, np.uint8)
>>> work[:5] = np.frombuffer(b"slamt", np.uint8)
>>> capitals(work, 5, True)
>>> work[:5].tobytes()
b'Slamt'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPACE, _APOSTROPHE, _HYPHEN, _DOT = 32, 39, 45, 46
_A, _Z = 97, 122
_ANY, _LAST, _FIRST = range(3)
_NEIGHBOUR, _SWAP, _MISSING, _DOUBLE = range(4)
_MIN_SPLIT = 3

_KEYBOARD = (
    "qwsz",
    "vghn",
    "xdfv",
    "serfcx",
    "wsdr",
    "drtgvc",
    "ftyhbv",
    "gyujnb",
    "ujko",
    "huikmn",
    "jiolm",
    "kop",
    "njk",
    "bhjm",
    "iklp",
    "ol",
    "wa",
    "edft",
    "awedxz",
    "rfgy",
    "yhji",
    "cfgb",
    "qase",
    "zsdc",
    "tghu",
    "asx",
)  # fmt: skip - one letter of the alphabet each, a to z
_NEIGHBOURS = np.array([list(keys.ljust(6, keys[0]).encode()) for keys in _KEYBOARD], np.uint8)


@compiled
def is_letter(byte: int) -> bool:
    """Return whether the byte is a lower-case letter."""
    return _A <= byte <= _Z


@compiled
def is_vowel(byte: int) -> bool:
    """Return whether the byte is one of a, e, i, o, u."""
    return byte in (97, 101, 105, 111, 117)


@compiled
def append(
    work: NDArray[np.uint8],
    length: int,
    text: NDArray[np.uint8],
    starts: NDArray[np.int32],
    item: int,
) -> int:
    """Append ``item`` of a word table; return the new length."""
    for position in range(starts[item], starts[item + 1]):
        work[length] = text[position]
        length += 1
    return length


@compiled
def same(
    text: NDArray[np.uint8],
    starts: NDArray[np.int32],
    item: int,
    other_text: NDArray[np.uint8],
    other_starts: NDArray[np.int32],
    other: int,
) -> bool:
    """Return whether items of two word tables are the same word."""
    begin, other_begin = starts[item], other_starts[other]
    size = starts[item + 1] - begin
    if size != other_starts[other + 1] - other_begin:
        return False
    for offset in range(size):  # noqa: SIM110 - a kernel: numba has no all() over a generator
        if text[begin + offset] != other_text[other_begin + offset]:
            return False
    return True


@compiled
def shift(work: NDArray[np.uint8], length: int, at: int, by: int) -> None:
    """Move ``work[at:length]`` by ``by`` places, to the right if positive."""
    if by > 0:
        for position in range(length - 1, at - 1, -1):
            work[position + by] = work[position]
    elif by < 0:
        for position in range(at, length):
            work[position + by] = work[position]


@compiled
def resound(
    work: NDArray[np.uint8],
    length: int,
    text: NDArray[np.uint8],
    starts: NDArray[np.int32],
    sounds: NDArray[np.int32],
    first_sound: int,
    first_place: int,
) -> int:
    """Write one sound in another way; return the new length, 0 if no sound fits."""
    count = sounds.shape[0]
    for turn in range(count):
        sound = sounds[(first_sound + turn) % count]
        begin = starts[sound[0]]
        size = starts[sound[0] + 1] - begin
        for step in range(length):
            at = (first_place + step) % length
            end = at + size
            if end > length:
                continue
            if sound[2] == _LAST and end < length and work[end] != _SPACE:
                continue
            if sound[2] == _FIRST and at > 0 and work[at - 1] != _SPACE:
                continue
            fits = True
            for offset in range(size):
                fits = fits and work[at + offset] == text[begin + offset]
            if fits:
                new = starts[sound[1]]
                new_size = starts[sound[1] + 1] - new
                shift(work, length, end, new_size - size)
                for offset in range(new_size):
                    work[at + offset] = text[new + offset]
                return int(length + new_size - size)
    return 0


@compiled
def respace(work: NDArray[np.uint8], length: int, coin: float, first_place: int) -> int:
    """Join two words or split one before a syllable; return the new length."""
    if coin < 0.5:  # noqa: PLR2004 - a fair coin
        for step in range(length):
            at = (first_place + step) % length
            if work[at] == _SPACE:
                shift(work, length, at + 1, -1)
                return length - 1
    for step in range(length):
        at = (first_place + step) % length
        if splits_at(work, length, at):
            shift(work, length, at, 1)
            work[at] = _SPACE
            return length + 1
    return length


@compiled
def splits_at(work: NDArray[np.uint8], length: int, at: int) -> bool:
    """Return whether a syllable begins at ``at`` with three letters of its word on both sides."""
    if at < _MIN_SPLIT or at + _MIN_SPLIT > length:
        return False
    for position in range(at - _MIN_SPLIT, at + _MIN_SPLIT):
        if not is_letter(work[position]):
            return False
    return not is_vowel(work[at]) and is_vowel(work[at + 1])


@compiled
def keep_last_syllables(work: NDArray[np.uint8], length: int) -> int:
    """Drop the beginning of a single name (suparman -> parman); return the new length."""
    for at in range(2, length - _MIN_SPLIT):
        if not is_vowel(work[at]) and is_vowel(work[at + 1]) and is_vowel(work[at - 1]):
            shift(work, length, at, -at)
            return length - at
    return length


@compiled
def mistype(
    work: NDArray[np.uint8], length: int, slip: int, first_place: int, random: np.uint64
) -> int:
    """Hit a neighbouring key, swap, leave out or double a letter; 0 if nothing changed."""
    for step in range(length):
        at = (first_place + step) % length
        if not is_letter(work[at]):
            continue
        if slip == _NEIGHBOUR:
            work[at] = _NEIGHBOURS[work[at] - _A, int(random % np.uint64(6))]
            return length
        if slip == _DOUBLE:
            shift(work, length, at, 1)
            return length + 1
        if at + 1 >= length or not is_letter(work[at + 1]):
            continue
        if slip == _MISSING:
            shift(work, length, at + 1, -1)
            return length - 1
        if slip == _SWAP and work[at] != work[at + 1]:
            work[at], work[at + 1] = work[at + 1], work[at]
            return length
    return 0


@compiled
def add_apostrophe(work: NDArray[np.uint8], length: int, first_place: int) -> int:
    """Put an apostrophe where a syllable breaks (maruf -> ma'ruf); return the new length."""
    for step in range(length):
        at = (first_place + step) % length
        if at < 2 or at + 1 >= length:  # noqa: PLR2004 - not in the first syllable
            continue
        before, here, after = work[at - 1], work[at], work[at + 1]
        if is_vowel(before) and is_letter(here) and is_letter(after):
            shift(work, length, at, 1)
            work[at] = _APOSTROPHE
            return length + 1
    return length


@compiled
def capitals(work: NDArray[np.uint8], length: int, initials_only: bool) -> None:  # noqa: FBT001 - kernels take their arguments by place
    """Turn all letters, or those that begin a word, into capitals."""
    for at in range(length):
        begins = at == 0 or work[at - 1] in (_SPACE, _HYPHEN, _DOT)
        if is_letter(work[at]) and (begins or not initials_only):
            work[at] -= 32
