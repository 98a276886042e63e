"""The compiled half of the word table: hashing, looking up, spelling and inserting words.

Arrays only. An *entry* is a word as it is written (``achmad``), with what the rules know about
it; a *word* is a key spelling (``ahmad``). Entries and words are numbered in the order of their
arrival and never change, so that readers who know how many there were at some moment may go on
reading while others are added: a slot that points beyond that number counts as empty. The first
``static`` entries are those of the rule table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled, inlined

if TYPE_CHECKING:
    from pprl.normalise.arrow_text import I32, I64, U8

MAX_LETTERS = 200
ROOM_TEXTS = 128
"""Entries and words that one name can add at most."""
ROOM_BYTES = 8_192
"""Letters that one name can add at most: a rewrite makes at most eight of one."""
LOW_WEIGHT = 1
# Columns of Tables.entries.
HASH, START, END, CLASSES, WORD, EXPAND, KEY_SIZE = 0, 1, 2, 3, 4, 5, 10
N_COLUMNS, N_PLACES = 11, 5
_MAX_ROUNDS = 8
_INITIAL, _FINAL, _BEFORE_VOWEL, _INITIAL_BEFORE_VOWEL, _SINGLE = 1, 2, 3, 4, 9
_VOWELS = (1 << 0) | (1 << 4) | (1 << 8) | (1 << 14) | (1 << 20)
_INHERITED = 0xFFFF
OFFSET = np.int64(-3750763034362895579)
PRIME = np.int64(1099511628211)


class Spelling(NamedTuple):
    """The rewrites of the key rules: one row each."""

    letters: U8  # (rules, 8)
    n_letters: I32
    new: U8  # (rules, 8)
    n_new: I32
    where: I32
    not_after: I64  # bit 0 = a


class Tables(NamedTuple):
    """All arrays of a word table."""

    data: U8  # letters of the entries
    entries: I64  # (capacity, N_COLUMNS)
    slots: I32  # hash table of entries: power of two, -1 = empty
    word_data: U8  # letters of the words
    word_starts: I64  # (capacity + 1,)
    word_hashes: I64
    word_slots: I32
    word_flags: U8  # what the classes of a spelling with this key hold in any case, >> 24
    used: I64  # entries, words
    spelling: Spelling
    phrases: I64  # (phrases, 3): word, word, entry
    missing: I64  # (phrases, 4): words, padded with -1
    char_class: U8  # (256,)
    char_letter: U8  # (256,)
    static: int


@compiled
def hash_letters(data: U8, start: int, end: int) -> int:
    """Return the FNV-1a hash of ``data[start:end]``, 64 bits, signed."""
    value = OFFSET
    for i in range(start, end):
        value = (value ^ np.int64(data[i])) * PRIME
    return value  # type: ignore[return-value] # numba's integers are machine words


@compiled
def find_entry(
    entries: I64, slots: I32, data: U8, limit: int, key: int, letters: U8, start: int, end: int
) -> int:
    """Return the entry ``letters[start:end]`` among the first ``limit``, or -1."""
    mask = slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while True:
        number = np.int64(slots[slot])
        if number < 0 or number >= limit:
            return -1
        if entries[number, HASH] == key:
            first = entries[number, START]
            size = entries[number, END] - first
            if size == end - start:
                same = 0
                while same < size and data[first + same] == letters[start + same]:
                    same += 1
                if same == size:
                    return number  # type: ignore[return-value] # a machine word
        slot = (slot + 1) & mask


@compiled
def _find_word(tables: Tables, key: int, letters: U8, size: int) -> int:
    starts, hashes, slots = tables.word_starts, tables.word_hashes, tables.word_slots
    mask = slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while slots[slot] >= 0:
        number = np.int64(slots[slot])
        first = starts[number]
        if hashes[number] == key and starts[number + 1] - first == size:
            same = 0
            while same < size and tables.word_data[first + same] == letters[same]:
                same += 1
            if same == size:
                return number  # type: ignore[return-value] # a machine word
        slot = (slot + 1) & mask
    return -1


@compiled
def rehash(hashes: I64, count: int, slots: I32) -> None:
    """Fill empty slots with the first ``count`` texts, in their order."""
    mask = slots.size - 1
    for number in range(count):
        slot = (hashes[number] ^ (hashes[number] >> 32)) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = number


@inlined
def _rewrite(  # noqa: C901, PLR0912 - one pass over the letters, inlined where it is called
    rules: Spelling, rule: int, text: U8, length: int, out: U8
) -> int:
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
            if where in {_INITIAL, _INITIAL_BEFORE_VOWEL}:
                hit = hit and i == 0
            if where in {_BEFORE_VOWEL, _INITIAL_BEFORE_VOWEL}:
                hit = hit and after < length and (_VOWELS >> (text[after] - 97)) & 1 == 1
            if where == _FINAL:
                hit = hit and i > 0 and after == length
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
def insert_word(tables: Tables, letters: U8, size: int) -> int:
    """Return the number of the key spelling ``letters[:size]``, a new one if need be."""
    key = hash_letters(letters, 0, size)
    number = _find_word(tables, key, letters, size)
    if number >= 0:
        return number
    number = int(tables.used[1])
    first = tables.word_starts[number]
    for i in range(size):
        tables.word_data[first + i] = letters[i]
    tables.word_starts[number + 1] = first + size
    tables.word_hashes[number] = key
    tables.word_flags[number] = 0
    mask = tables.word_slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while tables.word_slots[slot] >= 0:
        slot = (slot + 1) & mask
    tables.word_slots[slot] = number
    tables.used[1] = number + 1
    return number


@compiled
def insert_entry(tables: Tables, letters: U8, start: int, end: int) -> int:
    """Return the number of a written word, a new one if need be. The caller holds the lock."""
    entries, slots = tables.entries, tables.slots
    key = hash_letters(letters, start, end)
    count = int(tables.used[0])
    number = find_entry(entries, slots, tables.data, count, key, letters, start, end)
    if number >= 0:
        return number
    out = np.empty((end - start + 1) * 8, dtype=np.uint8)
    spare = np.empty((end - start + 1) * 8, dtype=np.uint8)
    n = spell(tables.spelling, letters, start, end, out, spare)
    word = insert_word(tables, out, n)
    key_hash = hash_letters(out, 0, n)
    known = find_entry(entries, slots, tables.data, tables.static, key_hash, out, 0, n)
    first = entries[count - 1, END] if count else 0
    for i in range(end - start):
        tables.data[first + i] = letters[start + i]
    entries[count, HASH] = key
    entries[count, START] = first
    entries[count, END] = first + end - start
    entries[count, CLASSES] = np.int64(tables.word_flags[word]) << 24
    entries[count, WORD] = word
    entries[count, KEY_SIZE] = n
    for place in range(N_PLACES):
        entries[count, EXPAND + place] = -1
    if known >= 0:
        entries[count, CLASSES] |= entries[known, CLASSES] & _INHERITED
        for place in range(N_PLACES - 1):
            entries[count, EXPAND + place] = entries[known, EXPAND + place]
    mask = slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while slots[slot] >= 0:
        slot = (slot + 1) & mask
    slots[slot] = count
    tables.used[0] = count + 1
    return count


@compiled
def add_entry(tables: Tables, letters: U8) -> int:
    """Return the number of the written word ``letters``, a new one if need be."""
    return insert_entry(tables, letters, 0, letters.size)


@compiled
def full(tables: Tables) -> bool:
    """Return whether the next name might not fit any more."""
    entries, words = tables.used[0], tables.used[1]
    last = tables.entries[entries - 1, END] if entries else 0
    return bool(
        max(entries, words) + ROOM_TEXTS > tables.word_flags.size
        or last + ROOM_BYTES > tables.data.size
        or tables.word_starts[words] + ROOM_BYTES > tables.word_data.size
    )


@compiled
def intern_words(tables: Tables, letters: U8, starts: I64, ids: I32, begin: int) -> int:
    """Give numbers to key spellings ``letters[starts[i]:starts[i + 1]]``, from ``begin`` on.

    Returns how many are done: fewer than all when the tables are full.
    """
    for i in range(begin, starts.size - 1):
        words, size = tables.used[1], starts[i + 1] - starts[i]
        if (
            words + ROOM_TEXTS > tables.word_flags.size
            or tables.word_starts[words] + size > tables.word_data.size
        ):
            return i
        ids[i] = insert_word(tables, letters[starts[i] : starts[i + 1]], size)
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
