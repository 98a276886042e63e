"""The compiled half of the word table: hashing, looking up, spelling and inserting words.

Arrays only. An *entry* is a word as it is written (``achmad``), with what the rules know about
it; a *word* is a key spelling (``ahmad``). Entries and words are numbered in the order of their
arrival and never change, so that readers who know how many there were at some moment may go on
reading while others are added: a slot that points beyond that number counts as empty. The first
``static`` entries are those of the rule table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

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
# For arguments of kernels: a plain 0 is a type of its own, for which they would be compiled again.
NONE = cast("int", np.int64(0))


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


@inlined
def _find_word(
    data: U8, starts: I64, hashes: I64, slots: I32, key: int, letters: U8, size: int
) -> int:
    mask = slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while slots[slot] >= 0:
        number = np.int64(slots[slot])
        first = starts[number]
        if hashes[number] == key and starts[number + 1] - first == size:
            same = 0
            while same < size and data[first + same] == letters[same]:
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
    where: int,
    old: U8,
    size: int,
    new: U8,
    n_new: int,
    not_after: int,
    text: U8,
    length: int,
    out: U8,
) -> int:
    """Replace ``old[:size]`` in ``text[:length]``, into ``out``; return the new length."""
    n = 0
    i = 0
    while i < length:
        char = text[i]
        hit = False
        if where == _SINGLE:
            if n and out[n - 1] == char:
                i += 1
                continue
        elif char == old[0] and i + size <= length:
            hit = True
            for j in range(1, size):
                if text[i + j] != old[j]:
                    hit = False
                    break
            after = i + size
            if where in (_INITIAL, _INITIAL_BEFORE_VOWEL):
                hit = hit and i == 0
            if where in (_BEFORE_VOWEL, _INITIAL_BEFORE_VOWEL):
                hit = hit and after < length and (_VOWELS >> (text[after] - 97)) & 1 == 1
            if where == _FINAL:
                hit = hit and i > 0 and after == length
            if hit and i > 0 and (not_after >> (text[i - 1] - 97)) & 1 == 1:
                hit = False
        if hit:
            for j in range(n_new):
                out[n] = new[j]
                n += 1
            i += size
        else:
            out[n] = char
            n += 1
            i += 1
    return n


@inlined
def _letters_of(text: U8, length: int) -> int:
    """Return the set of letters in ``text[:length]``, one bit each."""
    letters = 0
    for i in range(length):
        letters |= 1 << (text[i] - 97)
    return letters


@inlined
def _may_apply(where: int, old: U8, size: int, letters: int, double: bool) -> bool:  # noqa: FBT001 - compiled functions take no keywords
    """Return whether a word with these letters can hold what a rewrite looks for."""
    if where == _SINGLE:
        return double
    needed = 0
    for j in range(size):
        needed |= 1 << (old[j] - 97)
    return needed & ~letters == 0


@inlined
def _has_double(text: U8, length: int) -> bool:
    double = False
    for i in range(1, length):
        double = double or text[i] == text[i - 1]
    return double


@compiled
def spell(  # noqa: C901 - rounds of rules over letters
    rules: Spelling, data: U8, start: int, end: int, out: U8, spare: U8
) -> int:
    """Write the key spelling of ``data[start:end]`` into ``out``; return its length."""
    # Arrays are taken out of their tuple once: every look inside it counts references.
    wheres, olds, sizes = rules.where, rules.letters, rules.n_letters
    news, n_news, not_afters = rules.new, rules.n_new, rules.not_after
    n = end - start
    for i in range(n):
        out[i] = data[start + i]
    for _ in range(_MAX_ROUNDS):
        changed = False
        letters, double = _letters_of(out, n), _has_double(out, n)
        for rule in range(wheres.size):
            where, old, size = wheres[rule], olds[rule], sizes[rule]
            if not _may_apply(where, old, size, letters, double):
                continue
            m = _rewrite(
                where, old, size, news[rule], n_news[rule], not_afters[rule], out, n, spare
            )
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
                letters, double = _letters_of(out, n), _has_double(out, n)
        if not changed:
            break
    return n


@inlined
def insert_word(tables: Tables, letters: U8, size: int) -> int:
    """Return the number of the key spelling ``letters[:size]``, a new one if need be."""
    data, starts, hashes = tables.word_data, tables.word_starts, tables.word_hashes
    slots, used = tables.word_slots, tables.used
    key = hash_letters(letters, 0, size)
    number = _find_word(data, starts, hashes, slots, key, letters, size)
    if number >= 0:
        return number
    number = int(used[1])
    first = starts[number]
    for i in range(size):
        data[first + i] = letters[i]
    starts[number + 1] = first + size
    hashes[number] = key
    tables.word_flags[number] = 0
    mask = slots.size - 1
    slot = (key ^ (key >> 32)) & mask
    while slots[slot] >= 0:
        slot = (slot + 1) & mask
    slots[slot] = number
    used[1] = number + 1
    return number


@compiled
def insert_entry(tables: Tables, letters: U8, start: int, end: int) -> int:
    """Return the number of a written word, a new one if need be. The caller holds the lock."""
    entries, slots, data = tables.entries, tables.slots, tables.data
    key = hash_letters(letters, start, end)
    count = int(tables.used[0])
    number = find_entry(entries, slots, data, count, key, letters, start, end)
    if number >= 0:
        return number
    out = np.empty((end - start + 1) * 8, dtype=np.uint8)
    spare = np.empty((end - start + 1) * 8, dtype=np.uint8)
    n = spell(tables.spelling, letters, start, end, out, spare)
    word = insert_word(tables, out, n)
    key_hash = hash_letters(out, 0, n)
    known = find_entry(entries, slots, data, tables.static, key_hash, out, 0, n)
    first = entries[count - 1, END] if count else 0
    for i in range(end - start):
        data[first + i] = letters[start + i]
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
def add_word(tables: Tables, letters: U8) -> int:
    """Return the number of the key spelling ``letters``, a new one if need be."""
    return insert_word(tables, letters, letters.size)


@compiled
def add_entry(tables: Tables, letters: U8) -> int:
    """Return the number of the written word ``letters``, a new one if need be."""
    return insert_entry(tables, letters, NONE, letters.size)


@inlined
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
