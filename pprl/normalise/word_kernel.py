"""The compiled half of the word table: hashing, looking up, spelling and inserting words.

Arrays only. An *entry* is a word as it is written (``achmad``), with what the rules know about
it; a *word* is a key spelling (``ahmad``). Entries and words are numbered in the order of their
arrival and never change, so that readers who know how many there were at some moment may go on
reading while others are added: a slot that points beyond that number counts as empty. The first
``static`` entries are those of the rule table.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pprl._jit import compiled

U8: TypeAlias = npt.NDArray[np.uint8]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]
U32: TypeAlias = npt.NDArray[np.uint32]
U64: TypeAlias = npt.NDArray[np.uint64]

MAX_LETTERS = 200
ROOM_ENTRIES = 128
"""Entries and words that one name can add at most."""
ROOM_BYTES = 8_192
N_PLACES = 5
LOW_WEIGHT, PHRASE_HEAD, MISSING_HEAD = 1, 2, 4
_MAX_ROUNDS = 8
_ANYWHERE, _INITIAL, _FINAL, _BEFORE_VOWEL, _SINGLE = 0, 1, 2, 3, 9
_VOWELS = (1 << 0) | (1 << 4) | (1 << 8) | (1 << 14) | (1 << 20)
_INHERITED = 0xFFFF
_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_HALF = np.uint64(32)


class Spelling(NamedTuple):
    """The rewrites of the key rules: one row each."""

    letters: U8  # (rules, 8)
    n_letters: I32
    new: U8  # (rules, 8)
    n_new: I32
    where: I32
    not_after: I64  # bit 0 = a


class Texts(NamedTuple):
    """Numbered texts and the hash table that finds them."""

    data: U8
    starts: I64  # (capacity + 1,)
    hashes: U64
    slots: I32  # power of two, -1 = empty


class Tables(NamedTuple):
    """All arrays of a word table."""

    entries: Texts
    classes: U32
    word: I32
    expand: I32  # (capacity, places): entry, -1 = none
    words: Texts
    word_flags: U8
    used: I64  # entries, words
    spelling: Spelling
    phrases: I32  # (phrases, 3): word, word, entry
    missing: I32  # (phrases, 4): words, padded with -1
    char_class: U8  # (256,)
    char_letter: U8  # (256,)
    static: int


@compiled
def hash_letters(data: U8, start: int, end: int) -> np.uint64:
    """Return the FNV-1a hash of ``data[start:end]``."""
    value = _OFFSET
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * _PRIME
    return value


@compiled
def find(texts: Texts, limit: int, key: np.uint64, data: U8, start: int, end: int) -> int:
    """Return the number of the text ``data[start:end]`` below ``limit``, or -1."""
    slots = texts.slots
    mask = slots.size - 1
    slot = np.int64(key ^ (key >> _HALF)) & mask
    while True:
        number = np.int64(slots[slot])
        if number < 0 or number >= limit:
            return -1
        if texts.hashes[number] == key:
            first = texts.starts[number]
            if texts.starts[number + 1] - first == end - start:
                same = True
                for i in range(end - start):
                    if texts.data[first + i] != data[start + i]:
                        same = False
                        break
                if same:
                    return int(number)
        slot = (slot + 1) & mask


@compiled
def _add(texts: Texts, number: int, key: np.uint64, data: U8, start: int, end: int) -> None:
    first = texts.starts[number]
    for i in range(end - start):
        texts.data[first + i] = data[start + i]
    texts.starts[number + 1] = first + end - start
    texts.hashes[number] = key
    mask = texts.slots.size - 1
    slot = np.int64(key ^ (key >> _HALF)) & mask
    while texts.slots[slot] >= 0:
        slot = (slot + 1) & mask
    texts.slots[slot] = number


@compiled
def rehash(texts: Texts, count: int) -> None:
    """Fill the empty slots of ``texts`` with its first ``count`` texts, in their order."""
    mask = texts.slots.size - 1
    for number in range(count):
        key = texts.hashes[number]
        slot = np.int64(key ^ (key >> _HALF)) & mask
        while texts.slots[slot] >= 0:
            slot = (slot + 1) & mask
        texts.slots[slot] = number


@compiled
def _rewrite(rules: Spelling, rule: int, text: U8, length: int, out: U8) -> int:
    """Apply one rewrite to ``text[:length]``, into ``out``; return the new length."""
    where = rules.where[rule]
    size = rules.n_letters[rule]
    n = 0
    i = 0
    while i < length:
        char = text[i]
        hit = False
        if where == _SINGLE:
            if n and out[n - 1] == char:
                i += 1
                continue
        elif char == rules.letters[rule, 0] and i + size <= length:
            hit = True
            for j in range(1, size):
                if text[i + j] != rules.letters[rule, j]:
                    hit = False
                    break
            after = i + size
            if where == _INITIAL:
                hit = hit and i == 0
            elif where == _FINAL:
                hit = hit and i > 0 and after == length
            elif where == _BEFORE_VOWEL:
                hit = hit and after < length and (_VOWELS >> (text[after] - 97)) & 1 == 1
            if hit and i > 0 and (rules.not_after[rule] >> (text[i - 1] - 97)) & 1 == 1:
                hit = False
        if hit:
            for j in range(rules.n_new[rule]):
                out[n] = rules.new[rule, j]
                n += 1
            i += size
        else:
            out[n] = char
            n += 1
            i += 1
    return n


@compiled
def spell(rules: Spelling, data: U8, start: int, end: int, out: U8, spare: U8) -> int:
    """Write the key spelling of ``data[start:end]`` into ``out``; return its length."""
    n = end - start
    for i in range(n):
        out[i] = data[start + i]
    for _ in range(_MAX_ROUNDS):
        changed = False
        for rule in range(rules.where.size):
            m = _rewrite(rules, rule, out, n, spare)
            same = m == n
            if same:
                for i in range(n):
                    if out[i] != spare[i]:
                        same = False
                        break
            if not same:
                changed = True
                n = m
                for i in range(n):
                    out[i] = spare[i]
        if not changed:
            break
    return n


@compiled
def insert_word(tables: Tables, data: U8, start: int, end: int) -> int:
    """Return the number of a key spelling, a new one if need be. The caller holds the lock."""
    key = hash_letters(data, start, end)
    count = tables.used[1]
    number = find(tables.words, count, key, data, start, end)
    if number < 0:
        number = int(count)
        _add(tables.words, number, key, data, start, end)
        tables.word_flags[number] = 0
        tables.used[1] = count + 1
    return number


@compiled
def insert_entry(tables: Tables, key: np.uint64, data: U8, start: int, end: int) -> int:
    """Return the number of a written word, a new one if need be. The caller holds the lock."""
    count = tables.used[0]
    number = find(tables.entries, count, key, data, start, end)
    if number >= 0:
        return number
    number = int(count)
    out = np.empty((end - start + 1) * 8, dtype=np.uint8)
    spare = np.empty((end - start + 1) * 8, dtype=np.uint8)
    n = spell(tables.spelling, data, start, end, out, spare)
    tables.word[number] = insert_word(tables, out, 0, n)
    known = find(tables.entries, tables.static, hash_letters(out, 0, n), out, 0, n)
    tables.classes[number] = 0
    tables.expand[number] = -1
    if known >= 0:
        tables.classes[number] = tables.classes[known] & _INHERITED
        for place in range(N_PLACES - 1):
            tables.expand[number, place] = tables.expand[known, place]
    _add(tables.entries, number, key, data, start, end)
    tables.used[0] = count + 1
    return number


@compiled
def add_entry(tables: Tables, data: U8) -> int:
    """Return the number of the written word ``data``, a new one if need be."""
    return insert_entry(tables, hash_letters(data, 0, data.size), data, 0, data.size)


@compiled
def intern_words(tables: Tables, data: U8, starts: I64, ids: I32, begin: int) -> int:
    """Number the key spellings ``data[starts[i]:starts[i + 1]]`` from ``begin`` on.

    Returns how many are done: fewer than all when the tables are full.
    """
    for i in range(begin, starts.size - 1):
        size = starts[i + 1] - starts[i]
        used = tables.used[1]
        if used + 2 >= tables.word_flags.size:
            return i
        if tables.words.starts[used] + size >= tables.words.data.size:
            return i
        ids[i] = insert_word(tables, data, starts[i], starts[i + 1])
    return int(starts.size - 1)


@compiled
def join_words(
    data: U8, word_starts: I64, offsets: I64, ids: I32, out_offsets: I64, out: U8
) -> int:
    """Write the letters of each row's words into ``out``; return how many letters.

    With an empty ``out`` only the offsets are written.
    """
    n = 0
    out_offsets[0] = 0
    for row in range(offsets.size - 1):
        for i in range(offsets[row], offsets[row + 1]):
            first = word_starts[ids[i]]
            last = word_starts[ids[i] + 1]
            if out.size:
                for j in range(first, last):
                    out[n + j - first] = data[j]
            n += last - first
        out_offsets[row + 1] = n
    return int(n)
