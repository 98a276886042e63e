"""The rules of :mod:`~pprl.normalise.name_reference` on word numbers, compiled.

The same steps in the same order; a property test holds the two together. One name at a time, in
the rows of ``work`` (``int64 (rows, words)``): ``STARTS``, ``MARKS`` and ``ENTRIES`` of its words
as they were read, and three lists (given name, father, alias) of entries in ``LISTS`` and of the
words they came from in ``SLOTS`` (-1: from a rule).

What is written as several words but known as one (``S.Pd``) is looked up among the first
``static`` entries only, those of the rule table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl._jit import compiled
from pprl.normalise.word_kernel import (
    CLASSES,
    END,
    KEY_SIZE,
    START,
    WORD,
    find_entry,
    hash_letters,
)

if TYPE_CHECKING:
    from pprl.normalise.arrow_text import I32, I64, U8

MAX_WORDS = 32
GIVEN, FATHER, ALIAS = 0, 1, 2
STARTS, MARKS, ENTRIES, LENGTHS, SLOTS, LISTS, N_ROWS = 0, 1, 2, 3, 4, 7, 10
_MAX_RUN = 4
_DECEASED_FLAG = 1
# What stood around a word; beside the word classes in one mask of what a name holds.
DOTTED, AFTER_COMMA, IN_BRACKET = 1 << 28, 1 << 29, 1 << 30
_TITLE, _DEGREE, _PATRONYMIC, _NOBLE, _OPENS, _IS_ALIAS, _DECEASED, _JOIN = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip
_FRONT, _INNER, _FIRST, _ANY, _ALONE = 256, 512, 1024, 2048, 4096
_RUN_TITLE, _RUN_DEGREE, _COMMA_DEGREE, _RUN_NOBLE, _RUN_ALIAS = (
    1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20,
)  # fmt: skip
_PHRASE_HEAD, _MISSING_HEAD = 1 << 25, 1 << 26
_TO_FRONT, _TO_INNER, _TO_FIRST, _TO_ANY, _TO_RUN = 5, 6, 7, 8, 9


@compiled
def _exact(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, at: int, count: int
) -> int:
    """Return the classes of several words of the name, written as one and known so; else 0."""
    start, end = work[STARTS, at], work[STARTS, at + count]
    key = hash_letters(letters, start, end)
    entry = find_entry(entries, slots, data, static, key, letters, start, end)
    return entries[entry, CLASSES] if entry >= 0 else 0


@compiled
def _dotted(work: I64, part: int, at: int, count: int) -> bool:
    """Return whether dots join ``count`` neighbours of a list."""
    first = work[SLOTS + part, at]
    for j in range(count - 1):
        if work[SLOTS + part, at + j + 1] != first + j + 1 or not work[MARKS, first + j] & DOTTED:
            return False
    return True


@compiled
def _push(work: I64, part: int, slot: int, entry: int) -> None:
    n = work[LENGTHS, part]
    work[SLOTS + part, n] = slot
    work[LISTS + part, n] = entry
    work[LENGTHS, part] = n + 1


@compiled
def _cut(work: I64, part: int, at: int, count: int) -> None:
    """Take ``count`` words out of a list."""
    n = work[LENGTHS, part] - count
    for j in range(at, n):
        work[SLOTS + part, j] = work[SLOTS + part, j + count]
        work[LISTS + part, j] = work[LISTS + part, j + count]
    work[LENGTHS, part] = n


@compiled
def _alias_marker(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, n: int, at: int
) -> int:
    """Return how many words at ``at`` announce an alias."""
    run = 0
    while run < min(_MAX_RUN, n - at) and work[MARKS, at + run] & DOTTED:
        run += 1
    longest = min(run + 1, _MAX_RUN, n - at) if run else 0
    for count in range(longest, 0, -1):
        classes = _exact(entries, slots, data, static, letters, work, at, count)
        if classes & _RUN_ALIAS:
            return count
    return 1 if entries[work[ENTRIES, at], CLASSES] & _IS_ALIAS else 0


@compiled
def _set_aside(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, n: int
) -> int:
    """Sort words into given name and alias (N04); return the flags."""
    flags = 0
    in_alias = False
    i = 0
    while i < n:
        entry = work[ENTRIES, i]
        bracket = work[MARKS, i] & IN_BRACKET != 0
        if entries[entry, CLASSES] & _DECEASED:
            flags = _DECEASED_FLAG
        else:
            marker = _alias_marker(entries, slots, data, static, letters, work, n, i)
            if marker and i + marker < n and (work[LENGTHS, GIVEN] or in_alias or bracket):
                in_alias = True
                i += marker
                continue
            _push(work, ALIAS if in_alias or bracket else GIVEN, i, entry)
        i += 1
    if work[LENGTHS, GIVEN]:
        return flags
    if work[LENGTHS, ALIAS]:
        for j in range(work[LENGTHS, ALIAS]):
            _push(work, GIVEN, work[SLOTS + ALIAS, j], work[LISTS + ALIAS, j])
        work[LENGTHS, ALIAS] = 0
        return flags
    for j in range(n):
        if not flags or entries[work[ENTRIES, j], CLASSES] & _DECEASED:
            _push(work, GIVEN, j, work[ENTRIES, j])
    return flags


@compiled
def _drop_titles(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, part: int
) -> None:
    while work[LENGTHS, part] > 1:
        drop = 1 if entries[work[LISTS + part, 0], CLASSES] & _TITLE else 0
        slot = work[SLOTS + part, 0]
        if work[MARKS, slot] & DOTTED:
            for count in range(2, min(_MAX_RUN, work[LENGTHS, part] - 1) + 1):
                if (
                    _dotted(work, part, 0, count)
                    and _exact(entries, slots, data, static, letters, work, slot, count)
                    & _RUN_TITLE
                ):
                    drop = count
        if not drop:
            break
        _cut(work, part, 0, drop)


@compiled
def _drop_degrees(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, part: int
) -> None:
    while work[LENGTHS, part] > 1:
        n = work[LENGTHS, part]
        drop = 1 if entries[work[LISTS + part, n - 1], CLASSES] & _DEGREE else 0
        last = work[SLOTS + part, n - 1]
        comma = True
        for count in range(1, min(_MAX_RUN, n - 1) + 1):
            slot = work[SLOTS + part, n - count]
            if slot != last - count + 1:
                break
            comma = comma and work[MARKS, slot] & AFTER_COMMA != 0
            dotted = count > 1 and _dotted(work, part, n - count, count)
            if dotted or comma:
                classes = _exact(entries, slots, data, static, letters, work, slot, count)
                if (dotted and classes & _RUN_DEGREE) or (comma and classes & _COMMA_DEGREE):
                    drop = count
        if not drop:
            break
        work[LENGTHS, part] = n - drop


@compiled
def _noble_run(
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, part: int
) -> int:
    """Return how many words at the front are initials of rank, such as R.A."""
    slot = work[SLOTS + part, 0]
    if slot >= 0 and work[MARKS, slot] & DOTTED:
        for count in range(min(_MAX_RUN, work[LENGTHS, part] - 1), 1, -1):
            if (
                _dotted(work, part, 0, count)
                and _exact(entries, slots, data, static, letters, work, slot, count) & _RUN_NOBLE
            ):
                return count
    return 0


@compiled
def sort_words(  # noqa: C901 - each step behind the question whether it can apply
    entries: I64, slots: I32, data: U8, static: int, letters: U8, work: I64, n: int, holds: int
) -> int:
    """Rules N04 to N07: fill the three lists; return the flags.

    ``holds`` is all that the words of the name are: steps that it rules out aren't tried, since a
    call costs more than most of them.
    """
    work[LENGTHS, GIVEN] = work[LENGTHS, FATHER] = work[LENGTHS, ALIAS] = 0
    flags = 0
    if holds & (_IS_ALIAS | _DECEASED | DOTTED | IN_BRACKET):
        flags = _set_aside(entries, slots, data, static, letters, work, n)
    else:
        for i in range(n):
            work[SLOTS + GIVEN, i] = i
            work[LISTS + GIVEN, i] = work[ENTRIES, i]
        work[LENGTHS, GIVEN] = n
    if holds & (_TITLE | DOTTED):
        _drop_titles(entries, slots, data, static, letters, work, GIVEN)
    if holds & (_DEGREE | DOTTED | AFTER_COMMA):
        _drop_degrees(entries, slots, data, static, letters, work, GIVEN)
    if not holds & _PATRONYMIC:
        return flags
    size = work[LENGTHS, GIVEN]
    # The B of I.B. (Ida Bagus) is no bin.
    first = max(1, _noble_run(entries, slots, data, static, letters, work, GIVEN))
    for i in range(first, size - 1):
        if entries[work[LISTS + GIVEN, i], CLASSES] & _PATRONYMIC:
            for everything in range(2):
                for j in range(i + 1, size):
                    entry = work[LISTS + GIVEN, j]
                    if everything or not entries[entry, CLASSES] & _PATRONYMIC:
                        _push(work, FATHER, work[SLOTS + GIVEN, j], entry)
                if work[LENGTHS, FATHER]:
                    break
            work[LENGTHS, GIVEN] = i
            _drop_degrees(entries, slots, data, static, letters, work, GIVEN)
            _drop_titles(entries, slots, data, static, letters, work, FATHER)
            break
    return flags


@compiled
def _phrase(entries: I64, phrases: I64, first: int, second: int) -> int:
    """Return the entry that two words make together, or -1."""
    if entries[first, CLASSES] & _PHRASE_HEAD:
        head, tail = entries[first, WORD], entries[second, WORD]
        for i in range(phrases.shape[0]):
            if phrases[i, 0] == head and phrases[i, 1] == tail:
                return int(phrases[i, 2])
    return -1


@compiled
def _noble(
    entries: I64,
    slots: I32,
    data: U8,
    static: int,
    phrases: I64,
    letters: U8,
    work: I64,
    part: int,
) -> int:
    """Read the noble words at the front (N08); return how many there are."""
    row = LISTS + part
    run = _noble_run(entries, slots, data, static, letters, work, part)
    i = 0
    while i < work[LENGTHS, part]:
        entry = work[row, i]
        classes = entries[entry, CLASSES]
        more = i + 1 < work[LENGTHS, part]
        to, takes = -1, 1
        if i == 0 and run:
            start, end = (
                work[STARTS, work[SLOTS + part, 0]],
                work[STARTS, work[SLOTS + part, 0] + run],
            )
            key = hash_letters(letters, start, end)
            initials = find_entry(entries, slots, data, static, key, letters, start, end)
            to, takes = entries[initials, _TO_RUN], run
        elif more:
            to = _phrase(entries, phrases, entry, work[row, i + 1])
            if to >= 0:
                takes = 2
            elif i == 0 and classes & _FRONT:
                to = entries[entry, _TO_FRONT]
            elif i > 0 and classes & _INNER and entries[work[row, i - 1], CLASSES] & _OPENS:
                to = entries[entry, _TO_INNER]
        if to >= 0:
            _cut(work, part, i, takes - 1)
            work[row, i] = to
            work[SLOTS + part, i] = -1
        elif not classes & _NOBLE:
            break
        i += 1
    return i


@compiled
def _join(
    entries: I64, slots: I32, data: U8, limit: int, joined: U8, first: int, second: int
) -> int:
    """Return the entry of two words in one, or -1 and their letters in ``joined``, 0 at the end."""
    n = 0
    for entry in (first, second):
        for i in range(entries[entry, START], entries[entry, END]):
            joined[n] = data[i]
            n += 1
    joined[n] = 0
    return find_entry(entries, slots, data, limit, hash_letters(joined, 0, n), joined, 0, n)


@compiled
def expand(
    entries: I64,
    slots: I32,
    data: U8,
    static: int,
    limit: int,
    phrases: I64,
    letters: U8,
    joined: U8,
    work: I64,
    part: int,
    holds: int,
) -> bool:
    """Rules N08 to N12 on one list.

    Returns False when two words join to one that isn't known: ``joined`` holds its letters.
    """
    first = 0
    if holds & (_NOBLE | _FRONT | _INNER | _PHRASE_HEAD | DOTTED):
        first = _noble(entries, slots, data, static, phrases, letters, work, part)
    row, n = LISTS + part, work[LENGTHS, part]
    joins = False
    for i in range(n):
        entry = work[row, i]
        classes = entries[entry, CLASSES]
        if i == first and i + 1 < n and classes & _FIRST:
            entry = entries[entry, _TO_FIRST]
        elif classes & _ANY and (n > 1 or classes & _ALONE):
            entry = entries[entry, _TO_ANY]
        work[row, i] = entry
        joins = joins or entries[entry, CLASSES] & _JOIN != 0
    i = 0
    while joins and i + 1 < work[LENGTHS, part]:
        # Abdul R. is Abdul and an initial.
        if entries[work[row, i], CLASSES] & _JOIN and entries[work[row, i + 1], KEY_SIZE] > 1:
            entry = _join(entries, slots, data, limit, joined, work[row, i], work[row, i + 1])
            if entry < 0:
                return False
            work[row, i] = entry
            _cut(work, part, i + 1, 1)
        i += 1
    return True


@compiled
def is_missing(entries: I64, missing: I64, work: I64) -> bool:
    """Return whether the given name says that there is none."""
    n, width = work[LENGTHS, GIVEN], missing.shape[1]
    if n > width or not entries[work[LISTS + GIVEN, 0], CLASSES] & _MISSING_HEAD:
        return False
    for i in range(missing.shape[0]):
        same = 0
        while same < width and missing[i, same] == (
            entries[work[LISTS + GIVEN, same], WORD] if same < n else -1
        ):
            same += 1
        if same == width:
            return True
    return False
