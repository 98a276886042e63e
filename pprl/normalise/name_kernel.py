"""Whole columns of names: reading words, looking them up, giving out word numbers. Compiled.

A name of words to which no rule applies, which is most of them, is done here; the others go
through the steps of :mod:`~pprl.normalise.name_steps`. A name is *left* when it holds a word that
the table doesn't know yet (it comes back under the lock, with ``adding``), bytes beyond ASCII, or
more than 200 letters or 32 words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled
from pprl.normalise.name_steps import (
    AFTER_COMMA,
    DOTTED,
    ENTRIES,
    FATHER,
    IN_BRACKET,
    LENGTHS,
    LISTS,
    MARKS,
    MAX_WORDS,
    N_ROWS,
    STARTS,
    expand,
    is_missing,
    sort_words,
)
from pprl.normalise.word_kernel import (
    CLASSES,
    MAX_LETTERS,
    NONE,
    OFFSET,
    PRIME,
    WORD,
    Tables,
    find_entry,
    full,
    insert_entry,
)

if TYPE_CHECKING:
    from pprl.normalise.arrow_text import I32, I64, U8

DONE, LEFT_UNKNOWN, LEFT_FOR_REFERENCE = 0, 1, 2
_LETTER, _DELETED, _DOT, _COMMA, _OPEN, _CLOSE, _DIGIT, _NOT_ASCII = 1, 2, 3, 4, 5, 6, 7, 8
_OK, _MISSING, _LOST = 0, 1, 2
_HASHES = N_ROWS
_RULES = ~(1 << 24)


class Column(NamedTuple):
    """Names in, word numbers out."""

    data: U8
    offsets: I64
    valid: U8  # empty = all valid
    status: U8
    flags: U8
    first: I64  # where a row's words begin in ids
    counts: U8  # (rows, 3)
    ids: I32
    left: U8


@compiled
def _read(  # noqa: C901 - one pass over the bytes
    data: U8, start: int, end: int, char_class: U8, char_letter: U8, letters: U8, work: I64
) -> int:
    """Cut a name into words; return how many.

    -1: only digits or signs, some digits; -2: not for the kernel.
    """
    n, at, begin, context, digits = 0, 0, 0, 0, 0
    value = OFFSET
    for i in range(start, end + 1):
        char = data[i] if i < end else np.uint8(32)
        kind = char_class[char]
        if kind == _LETTER:
            if at == MAX_LETTERS:
                return -2
            letter = char_letter[char]
            letters[at] = letter
            at += 1
            value = (value ^ np.int64(letter)) * PRIME
            continue
        if kind == _DELETED:
            continue
        if kind == _NOT_ASCII:
            return -2
        if at > begin:
            if n == MAX_WORDS:
                return -2
            work[MARKS, n] = context | (DOTTED if kind == _DOT else 0)
            work[STARTS, n] = begin
            work[_HASHES, n] = value
            n += 1
            begin = at
            value = OFFSET
        if kind == _COMMA and n > 0:
            context |= AFTER_COMMA
        elif kind == _OPEN:
            context |= IN_BRACKET
        elif kind == _CLOSE:
            context &= AFTER_COMMA
        elif kind == _DIGIT:
            digits = -1
    work[STARTS, n] = at
    return n or digits


@compiled
def normalise_rows(  # noqa: C901, PLR0912, PLR0915 - split, each part takes a dozen arrays a name
    tables: Tables,
    limit: int,
    column: Column,
    rows: I64,
    progress: I64,
    adding: int,
) -> None:
    """Normalise ``rows[progress[0]:]``; ``progress[1]`` is how much of ``ids`` is used.

    With ``adding`` (1) unknown words enter the tables (the caller holds the lock), and the call
    returns early when they are full.
    """
    letters = np.empty(MAX_LETTERS + 1, dtype=np.uint8)
    joined = np.empty(2 * MAX_LETTERS + 1, dtype=np.uint8)
    work = np.empty((N_ROWS + 1, MAX_WORDS + 2), dtype=np.int64)
    entries, slots, known_data, static = tables.entries, tables.slots, tables.data, tables.static
    char_class, char_letter = tables.char_class, tables.char_letter
    phrases, missing = tables.phrases, tables.missing
    data, offsets, valid = column.data, column.offsets, column.valid
    status, flags, first, left = column.status, column.flags, column.first, column.left
    counts, ids = column.counts, column.ids
    at = progress[1]
    for k in range(progress[0], rows.size):
        if adding and full(tables):
            progress[0], progress[1] = k, at
            return
        row = rows[k]
        left[row] = DONE
        first[row] = at
        counts[row, 0], counts[row, 1], counts[row, 2] = 0, 0, 0
        n = 0
        if not valid.size or valid[row]:
            n = _read(data, offsets[row], offsets[row + 1], char_class, char_letter, letters, work)
        if n < -1:
            left[row] = LEFT_FOR_REFERENCE
            continue
        if n <= 0:
            status[row] = _LOST if n else _MISSING
            continue
        holds = NONE
        known = True
        for i in range(n):
            start, end = work[STARTS, i], work[STARTS, i + 1]
            entry = find_entry(
                entries, slots, known_data, limit, work[_HASHES, i], letters, start, end
            )
            if entry < 0 and adding:
                entry = insert_entry(tables, letters, start, end)
                limit = tables.used[0]
            if entry < 0:
                known = False
                break
            work[ENTRIES, i] = entry
            holds |= entries[entry, CLASSES] | work[MARKS, i]
        if not known:
            left[row] = LEFT_UNKNOWN
            continue
        if not holds & _RULES:
            for i in range(n):
                ids[at] = entries[work[ENTRIES, i], WORD]
                at += 1
            counts[row, 0] = n
            status[row] = _OK
            continue
        flag = 0
        while True:
            flag = sort_words(entries, slots, known_data, static, letters, work, n, holds)
            known = True
            for part in range(2 if work[LENGTHS, FATHER] else 1):
                known = known and expand(
                    entries,
                    slots,
                    known_data,
                    static,
                    limit,
                    phrases,
                    letters,
                    joined,
                    work,
                    part,
                    holds,
                )
            if known or not adding:
                break
            size = 0
            while joined[size]:
                size += 1
            insert_entry(tables, joined, NONE, size)
            limit = tables.used[0]
        if not known:
            left[row] = LEFT_UNKNOWN
            continue
        if is_missing(entries, missing, work):
            status[row] = _MISSING
            continue
        status[row] = _OK
        flags[row] = flag
        for part in range(3):
            count = work[LENGTHS, part]
            counts[row, part] = count
            for i in range(count):
                ids[at] = entries[work[LISTS + part, i], WORD]
                at += 1
    progress[0], progress[1] = rows.size, at


@compiled
def gather(first: I64, counts: U8, ids: I32, part: int, offsets: I64, out: I32) -> None:
    """Bring one part of each row together; with an empty ``out`` only write the offsets."""
    n = 0
    offsets[0] = 0
    for row in range(first.size):
        count = counts[row, part]
        if out.size:
            start = first[row]
            for j in range(part):
                start += counts[row, j]
            for i in range(count):
                out[n + i] = ids[start + i]
        n += count
        offsets[row + 1] = n
