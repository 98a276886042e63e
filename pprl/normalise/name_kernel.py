"""The rules of :mod:`~pprl.normalise.name_reference` for whole columns, compiled.

The same steps in the same order on word numbers instead of strings; the two are held together by
a property test. A name is *left* when it holds a word that the table doesn't know yet (it comes
back under the lock, with ``adding``) or something only the reference reads: bytes beyond ASCII,
more than 200 letters or 32 words.

Lists of words are rows of small arrays: row 0 the given name, 1 the father's, 2 the alias.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pprl._jit import compiled
from pprl.normalise.word_kernel import (
    I32,
    I64,
    MAX_LETTERS,
    MISSING_HEAD,
    PHRASE_HEAD,
    ROOM_BYTES,
    ROOM_ENTRIES,
    U8,
    U64,
    Tables,
    find,
    hash_letters,
    insert_entry,
)

DONE, LEFT_UNKNOWN, LEFT_FOR_REFERENCE = 0, 1, 2
GIVEN, FATHER, ALIAS = 0, 1, 2
MAX_WORDS = 32
_MAX_RUN = 4
_LETTER, _DELETED, _DOT, _COMMA, _OPEN, _CLOSE, _DIGIT, _NOT_ASCII = 1, 2, 3, 4, 5, 6, 7, 8
_OK, _MISSING, _LOST = 0, 1, 2
_DECEASED_FLAG = 1
_DOTTED, _AFTER_COMMA, _IN_BRACKET = 1, 2, 4
_TITLE, _DEGREE, _PATRONYMIC, _NOBLE, _OPENS, _IS_ALIAS, _DECEASED, _JOIN = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip
_FRONT, _INNER, _FIRST, _ANY, _ALONE = 256, 512, 1024, 2048, 4096
_RUN_TITLE, _RUN_DEGREE, _COMMA_DEGREE, _RUN_NOBLE, _RUN_ALIAS = (
    1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20,
)  # fmt: skip
_TO_FRONT, _TO_INNER, _TO_FIRST, _TO_ANY, _TO_RUN = 0, 1, 2, 3, 4
_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


class Scratch(NamedTuple):
    """Working memory for one name, made once a call."""

    letters: U8  # the letters of all words, nothing between
    starts: I32  # (words + 1,)
    marks: U8
    hashes: U64
    entries: I32
    slots: I32  # (3, words): which word of the name; -1 = none of them
    lists: I32  # (3, words): entries
    lengths: I64  # (3,)
    joined: U8


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
def _scratch() -> Scratch:
    return Scratch(
        np.empty(MAX_LETTERS + 1, dtype=np.uint8),
        np.empty(MAX_WORDS + 2, dtype=np.int32),
        np.empty(MAX_WORDS + 1, dtype=np.uint8),
        np.empty(MAX_WORDS + 1, dtype=np.uint64),
        np.empty(MAX_WORDS + 1, dtype=np.int32),
        np.empty((3, MAX_WORDS + 1), dtype=np.int32),
        np.empty((3, MAX_WORDS + 1), dtype=np.int32),
        np.zeros(3, dtype=np.int64),
        np.empty(2 * MAX_LETTERS, dtype=np.uint8),
    )


@compiled
def _read(tables: Tables, s: Scratch, data: U8, start: int, end: int) -> tuple[int, bool]:
    """Cut a name into words. Returns their number (-1: not for the kernel), and any digits."""
    n, at = 0, 0
    begin = 0
    comma, bracket, digits = False, False, False
    value = _OFFSET
    for i in range(start, end):
        char = data[i]
        kind = tables.char_class[char]
        if kind == _LETTER:
            if at == MAX_LETTERS:
                return -1, digits
            letter = tables.char_letter[char]
            s.letters[at] = letter
            at += 1
            value = (value ^ np.uint64(letter)) * _PRIME
            continue
        if kind == _DELETED:
            continue
        if kind == _NOT_ASCII:
            return -1, digits
        if at > begin:
            if n == MAX_WORDS:
                return -1, digits
            mark = _DOTTED if kind == _DOT else 0
            mark |= _AFTER_COMMA if comma else 0
            mark |= _IN_BRACKET if bracket else 0
            s.marks[n] = mark
            s.starts[n] = begin
            s.hashes[n] = value
            n += 1
            begin = at
            value = _OFFSET
        if kind == _COMMA:
            comma = n > 0
        elif kind == _OPEN:
            bracket = True
        elif kind == _CLOSE:
            bracket = False
        elif kind == _DIGIT:
            digits = True
    if at > begin:
        if n == MAX_WORDS:
            return -1, digits
        s.marks[n] = (_AFTER_COMMA if comma else 0) | (_IN_BRACKET if bracket else 0)
        s.starts[n] = begin
        s.hashes[n] = value
        n += 1
    s.starts[n] = at
    return n, digits


@compiled
def _exact(tables: Tables, s: Scratch, first: int, count: int) -> int:
    """Return the static entry of several neighbouring words written as one, or -1."""
    start, end = s.starts[first], s.starts[first + count]
    key = hash_letters(s.letters, start, end)
    return find(tables.entries, tables.static, key, s.letters, start, end)


@compiled
def _run(tables: Tables, s: Scratch, row: int, at: int, count: int) -> int:
    """Return the static entry of a run that dots join, or -1."""
    first = s.slots[row, at]
    for j in range(count - 1):
        if s.slots[row, at + j + 1] != first + j + 1 or not s.marks[first + j] & _DOTTED:
            return -1
    return _exact(tables, s, first, count)


@compiled
def _push(s: Scratch, row: int, slot: int, entry: int) -> None:
    n = s.lengths[row]
    s.slots[row, n] = slot
    s.lists[row, n] = entry
    s.lengths[row] = n + 1


@compiled
def _cut(s: Scratch, row: int, at: int, count: int) -> None:
    """Take ``count`` words out of a list."""
    n = s.lengths[row] - count
    for j in range(at, n):
        s.slots[row, j] = s.slots[row, j + count]
        s.lists[row, j] = s.lists[row, j + count]
    s.lengths[row] = n


@compiled
def _alias_marker(tables: Tables, s: Scratch, n: int, at: int) -> int:
    if s.marks[at] & _DOTTED:
        for count in range(min(_MAX_RUN, n - at), 0, -1):
            dotted = True
            for j in range(count - 1):
                dotted = dotted and s.marks[at + j] & _DOTTED != 0
            if dotted:
                entry = _exact(tables, s, at, count)
                if entry >= 0 and tables.classes[entry] & _RUN_ALIAS:
                    return count
    return 1 if tables.classes[s.entries[at]] & _IS_ALIAS else 0


@compiled
def _set_aside(tables: Tables, s: Scratch, n: int) -> int:
    """Sort words into given name and alias; return the flags."""
    flags = 0
    in_alias = False
    i = 0
    while i < n:
        bracket = s.marks[i] & _IN_BRACKET != 0
        if tables.classes[s.entries[i]] & _DECEASED:
            flags = _DECEASED_FLAG
        else:
            marker = _alias_marker(tables, s, n, i)
            if marker and i + marker < n and (s.lengths[GIVEN] or in_alias or bracket):
                in_alias = True
                i += marker
                continue
            _push(s, ALIAS if in_alias or bracket else GIVEN, i, s.entries[i])
        i += 1
    if not s.lengths[GIVEN]:
        if s.lengths[ALIAS]:
            for j in range(s.lengths[ALIAS]):
                _push(s, GIVEN, s.slots[ALIAS, j], s.lists[ALIAS, j])
            s.lengths[ALIAS] = 0
        else:
            only_dead = flags != 0
            for j in range(n):
                if not only_dead or tables.classes[s.entries[j]] & _DECEASED:
                    _push(s, GIVEN, j, s.entries[j])
    return flags


@compiled
def _drop_titles(tables: Tables, s: Scratch, row: int) -> None:
    while s.lengths[row] > 1:
        drop = 1 if tables.classes[s.lists[row, 0]] & _TITLE else 0
        slot = s.slots[row, 0]
        if s.marks[slot] & _DOTTED:
            for count in range(2, min(_MAX_RUN, s.lengths[row] - 1) + 1):
                entry = _run(tables, s, row, 0, count)
                if entry >= 0 and tables.classes[entry] & _RUN_TITLE:
                    drop = count
        if not drop:
            break
        _cut(s, row, 0, drop)


@compiled
def _drop_degrees(tables: Tables, s: Scratch, row: int) -> None:
    while s.lengths[row] > 1:
        n = s.lengths[row]
        drop = 1 if tables.classes[s.lists[row, n - 1]] & _DEGREE else 0
        last = s.slots[row, n - 1]
        comma = True
        for count in range(1, min(_MAX_RUN, n - 1) + 1):
            slot = s.slots[row, n - count]
            if slot != last - count + 1:
                break
            comma = comma and s.marks[slot] & _AFTER_COMMA != 0
            dotted = count > 1 and s.marks[slot] & _DOTTED != 0
            if count > 1 and not dotted and not comma:
                break
            if not dotted and not comma:
                continue
            entry = _run(tables, s, row, n - count, count) if dotted else -1
            if entry >= 0 and tables.classes[entry] & _RUN_DEGREE:
                drop = count
            elif comma:
                entry = _exact(tables, s, slot, count)
                if entry >= 0 and tables.classes[entry] & _COMMA_DEGREE:
                    drop = count
        if not drop:
            break
        s.lengths[row] = n - drop


@compiled
def _split_father(tables: Tables, s: Scratch) -> None:
    n = s.lengths[GIVEN]
    for i in range(1, n - 1):
        if tables.classes[s.lists[GIVEN, i]] & _PATRONYMIC:
            for everything in range(2):
                for j in range(i + 1, n):
                    if everything or not tables.classes[s.lists[GIVEN, j]] & _PATRONYMIC:
                        _push(s, FATHER, s.slots[GIVEN, j], s.lists[GIVEN, j])
                if s.lengths[FATHER]:
                    break
            s.lengths[GIVEN] = i
            _drop_degrees(tables, s, GIVEN)
            _drop_titles(tables, s, FATHER)
            return


@compiled
def _phrase(tables: Tables, first: int, second: int) -> int:
    """Return the entry that two words make together, or -1."""
    head, tail = tables.word[first], tables.word[second]
    if tables.word_flags[head] & PHRASE_HEAD:
        for i in range(tables.phrases.shape[0]):
            if tables.phrases[i, 0] == head and tables.phrases[i, 1] == tail:
                return int(tables.phrases[i, 2])
    return -1


@compiled
def _noble(tables: Tables, s: Scratch, row: int) -> int:
    """Read the noble words at the front; return how many there are."""
    i = 0
    while i < s.lengths[row]:
        entry = s.lists[row, i]
        classes = tables.classes[entry]
        more = i + 1 < s.lengths[row]
        to, takes = -1, 1
        slot = s.slots[row, 0]
        if i == 0 and slot >= 0 and s.marks[slot] & _DOTTED:
            for count in range(min(_MAX_RUN, s.lengths[row] - 1), 1, -1):
                run = _run(tables, s, row, 0, count)
                if run >= 0 and tables.classes[run] & _RUN_NOBLE:
                    to, takes = tables.expand[run, _TO_RUN], count
                    break
        if to < 0 and more:
            to = _phrase(tables, entry, s.lists[row, i + 1])
            if to >= 0:
                takes = 2
            elif i == 0 and classes & _FRONT:
                to = tables.expand[entry, _TO_FRONT]
            elif i > 0 and classes & _INNER and tables.classes[s.lists[row, i - 1]] & _OPENS:
                to = tables.expand[entry, _TO_INNER]
        if to >= 0:
            _cut(s, row, i, takes - 1)
            s.lists[row, i] = to
            s.slots[row, i] = -1
        elif not classes & _NOBLE:
            break
        i += 1
    return i


@compiled
def _join(tables: Tables, s: Scratch, first: int, second: int, limit: int, adding: bool) -> int:  # noqa: FBT001 - a kernel's arguments have no keywords
    """Return the entry of two words in one, or -1 when it isn't known yet."""
    n = 0
    for entry in (first, second):
        for i in range(tables.entries.starts[entry], tables.entries.starts[entry + 1]):
            s.joined[n] = tables.entries.data[i]
            n += 1
    key = hash_letters(s.joined, 0, n)
    if adding:
        return insert_entry(tables, key, s.joined, 0, n)
    return find(tables.entries, limit, key, s.joined, 0, n)


@compiled
def _expand(tables: Tables, s: Scratch, row: int, limit: int, adding: bool) -> bool:  # noqa: FBT001 - a kernel's arguments have no keywords
    """Read noble words, abbreviations, abdul + word; return whether all words are known."""
    first = _noble(tables, s, row)
    n = s.lengths[row]
    joins = False
    for i in range(n):
        entry = s.lists[row, i]
        classes = tables.classes[entry]
        if i == first and i + 1 < n and classes & _FIRST:
            s.lists[row, i] = tables.expand[entry, _TO_FIRST]
        elif classes & _ANY and (n > 1 or classes & _ALONE):
            s.lists[row, i] = tables.expand[entry, _TO_ANY]
        joins = joins or tables.classes[s.lists[row, i]] & _JOIN != 0
    if not joins:
        return True
    i = 0
    while i + 1 < s.lengths[row]:
        if tables.classes[s.lists[row, i]] & _JOIN:
            entry = _join(tables, s, s.lists[row, i], s.lists[row, i + 1], limit, adding)
            if entry < 0:
                return False
            s.lists[row, i] = entry
            _cut(s, row, i + 1, 1)
        i += 1
    return True


@compiled
def _is_missing(tables: Tables, s: Scratch) -> bool:
    n = s.lengths[GIVEN]
    width = tables.missing.shape[1]
    if n > width or not tables.word_flags[tables.word[s.lists[GIVEN, 0]]] & MISSING_HEAD:
        return False
    for i in range(tables.missing.shape[0]):
        same = True
        for j in range(width):
            word = tables.word[s.lists[GIVEN, j]] if j < n else -1
            same = same and tables.missing[i, j] == word
        if same:
            return True
    return False


@compiled
def _look_up(tables: Tables, s: Scratch, n: int, limit: int, adding: bool) -> bool:  # noqa: FBT001 - a kernel's arguments have no keywords
    for i in range(n):
        start, end = s.starts[i], s.starts[i + 1]
        if adding:
            s.entries[i] = insert_entry(tables, s.hashes[i], s.letters, start, end)
        else:
            s.entries[i] = find(tables.entries, limit, s.hashes[i], s.letters, start, end)
            if s.entries[i] < 0:
                return False
    return True


@compiled
def _full(tables: Tables) -> bool:
    entries, words = tables.used[0], tables.used[1]
    return (
        max(entries, words) + ROOM_ENTRIES > tables.classes.size
        or tables.entries.starts[entries] + ROOM_BYTES > tables.entries.data.size
        or tables.words.starts[words] + ROOM_BYTES > tables.words.data.size
    )


@compiled
def normalise_rows(
    tables: Tables, limit: int, column: Column, rows: I64, progress: I64, adding: bool  # noqa: FBT001 - a kernel's arguments have no keywords
) -> None:
    """Normalise ``rows[progress[0]:]``; ``progress[1]`` is how much of ``ids`` is used.

    With ``adding`` unknown words enter the tables (the caller holds the lock), and the call
    returns early when they are full.
    """
    s = _scratch()
    at = progress[1]
    for k in range(progress[0], rows.size):
        if adding and _full(tables):
            progress[0], progress[1] = k, at
            return
        row = rows[k]
        column.left[row] = DONE
        column.first[row] = at
        column.counts[row] = 0
        n, digits = 0, False
        if not column.valid.size or column.valid[row]:
            start, end = column.offsets[row], column.offsets[row + 1]
            n, digits = _read(tables, s, column.data, start, end)
        if n < 0:
            column.left[row] = LEFT_FOR_REFERENCE
            continue
        if n == 0:
            column.status[row] = _LOST if digits else _MISSING
            continue
        s.lengths[:] = 0
        known = _look_up(tables, s, n, limit, adding)
        flags = 0
        if known:
            flags = _set_aside(tables, s, n)
            _drop_titles(tables, s, GIVEN)
            _drop_degrees(tables, s, GIVEN)
            _split_father(tables, s)
            known = _expand(tables, s, GIVEN, limit, adding) and _expand(
                tables, s, FATHER, limit, adding
            )
        if not known:
            column.left[row] = LEFT_UNKNOWN
            continue
        if _is_missing(tables, s):
            column.status[row] = _MISSING
            continue
        column.status[row] = _OK
        column.flags[row] = flags
        for part in range(3):
            count = s.lengths[part]
            column.counts[row, part] = count
            for i in range(count):
                column.ids[at] = tables.word[s.lists[part, i]]
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
