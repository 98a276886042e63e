"""How a clerk writes a registered name: other spellings, abbreviations, slips, titles, case.

Words are exchanged, reordered and cut first; then the letters are damaged in a small work buffer;
titles and the file's case come last. Which spellings, sounds and titles there are is data
(``tables/name_writing.toml``). Each kind of damage happens at most once to a name, and is reported
only if it changed something.

>>> writing_tables().groups.size > 30
True
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from pprl._jit import compiled
from pprl.lab import letters
from pprl.lab.damage import Kind, hit
from pprl.lab.names import TABLES, NameTables, name_tables, word_ids
from pprl.lab.randomness import below, draw, numbers, stream, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

WORK_BYTES = 256
UPPER, TITLE, LOWER = range(3)
_ADULT = 23
_FEMALE = 1
_SPACE, _DOT, _HYPHEN = 32, 46, 45
_FRONT_SHARE = 0.7  # of titles
_WHOLE_WORD = 0.6  # share of cut names that lose a word, not some letters
_SHORTEST = 6

# Detail slots of a record's stream; slots below 32 decide whether a kind happens.
(
    _SLOT_ORDER,
    _SLOT_CUT,
    _SLOT_CUT_LETTERS,
    _SLOT_WORD,
    _SLOT_SPELLING,
    _SLOT_SHORT,
    _SLOT_SOUND,
    _SLOT_SOUND_PLACE,
    _SLOT_SPACE,
    _SLOT_SPACE_PLACE,
    _SLOT_TYPO,
    _SLOT_TYPO_PLACE,
    _SLOT_TYPO_LETTER,
    _SLOT_MARK,
    _SLOT_TITLE,
    _SLOT_TITLE_PLACE,
    _SLOT_CASE,
    _SLOT_FATHER,
) = numbers(64, 18)


class WritingTables(NamedTuple):
    """Spellings in groups, and which group a word has."""

    text: NDArray[np.uint8]  # all items, one after the other
    starts: NDArray[np.int32]  # item i is text[starts[i]:starts[i + 1]]
    groups: NDArray[np.int32]  # (groups + 1,): items of group g; the first four are titles
    curve: NDArray[np.float64]  # per item: cumulative share in its group
    spellings: NDArray[np.int32]  # per listed word: its group of spellings, or -1
    shorts: NDArray[np.int32]  # per listed word: its group of abbreviations, or -1
    sounds: NDArray[np.int32]  # (sounds, 3): item from, item to, place


@compiled
def write_name(
    names: NameTables,
    tables: WritingTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    words: NDArray[np.int32],
    count: int,
    sex: int,
    age: int,
    style: int,
    work: NDArray[np.uint8],
) -> tuple[int, int]:
    """Write a name of ``count`` words to ``work``; return its length and the mask of damage."""
    if hit(rates, key, Kind.NAME_MISSING):
        return 0, 1 << Kind.NAME_MISSING
    single = count == 1
    count, mask = _damage_words(names, tables, rates, key, words, count)
    length, slips, sounded = _spell(names, tables, rates, key, words, count, work)
    mask |= slips
    length, slips = _cut(rates, key, single, mask, work, length)
    mask |= slips
    length, slips = _damage_letters(tables, rates, key, sounded, work, length)
    mask |= slips
    length, slips = _add_marks(rates, key, work, length)
    mask |= slips
    length, slips = _add_words(names, tables, rates, key, sex, age, work, length)
    mask |= slips
    if hit(rates, key, Kind.NAME_CASE):
        style = (style + 1 + below(key, _SLOT_CASE, 2)) % 3
        mask |= 1 << Kind.NAME_CASE
    if style != LOWER:
        letters.capitals(work, length, style == TITLE)
    return length, mask


@compiled
def _damage_words(
    names: NameTables,
    tables: WritingTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    words: NDArray[np.int32],
    count: int,
) -> tuple[int, int]:
    """Swap and drop whole words; return how many are left and the mask of damage."""
    mask = 0
    if count > 1 and hit(rates, key, Kind.NAME_ORDER):
        at = below(key, _SLOT_ORDER, count - 1)
        if words[at] != words[at + 1]:
            words[at], words[at + 1] = words[at + 1], words[at]
            mask |= 1 << Kind.NAME_ORDER
    if count > 1 and hit(rates, key, Kind.NAME_NICKNAME):
        # Nobody is called by the word that everybody has.
        if words[0] < names.listed and tables.shorts[words[0]] >= 0:
            words[0] = words[1]
        count = 1
        mask |= 1 << Kind.NAME_NICKNAME
    if count > 1 and hit(rates, key, Kind.NAME_TRUNCATED) and uniform(key, _SLOT_CUT) < _WHOLE_WORD:
        count -= 1
        mask |= 1 << Kind.NAME_TRUNCATED
    return count, mask


@compiled
def _spell(
    names: NameTables,
    tables: WritingTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    words: NDArray[np.int32],
    count: int,
    work: NDArray[np.uint8],
) -> tuple[int, int, bool]:
    """Spell out the words; return length, mask, and whether a sound is still to be changed."""
    mask = 0
    respelled, spelling, sounded = -1, -1, False
    if hit(rates, key, Kind.NAME_VARIANT):
        respelled, spelling = _respelling(names, tables, key, words, count)
        sounded = respelled < 0
    shortened, short = -1, -1
    if count > 1 and hit(rates, key, Kind.NAME_ABBREVIATED):
        shortened, short = _abbreviation(names, tables, key, words, count)
    length = 0
    for i in range(count):
        if i > 0:
            work[length] = _SPACE
            length += 1
        begin = length
        if i == shortened and short >= 0:
            length = letters.append(work, length, tables.text, tables.starts, short)
        elif i == respelled and i != shortened:
            length = letters.append(work, length, tables.text, tables.starts, spelling)
            mask |= 1 << Kind.NAME_VARIANT
        else:
            length = letters.append(work, length, names.text, names.starts, words[i])
        if i == shortened:
            mask |= 1 << Kind.NAME_ABBREVIATED
            if short < 0:
                work[begin + 1] = _DOT
                length = begin + 2
    return length, mask, sounded


@compiled
def _cut(
    rates: NDArray[np.float64],
    key: np.uint64,
    single: bool,  # noqa: FBT001 - kernels take their arguments by place
    mask: int,
    work: NDArray[np.uint8],
    length: int,
) -> tuple[int, int]:
    """Drop first syllables of a single name or last letters; return length and mask."""
    if single and hit(rates, key, Kind.NAME_NICKNAME):
        shorter = letters.keep_last_syllables(work, length)
        if shorter < length:
            return shorter, 1 << Kind.NAME_NICKNAME
    cut = 1 << Kind.NAME_TRUNCATED
    if length > _SHORTEST and not mask & cut and hit(rates, key, Kind.NAME_TRUNCATED):
        less = 1 + below(key, _SLOT_CUT_LETTERS, min(_SHORTEST, length - _SHORTEST + 1))
        return length - less, cut
    return length, 0


@compiled
def _respelling(
    names: NameTables,
    tables: WritingTables,
    key: np.uint64,
    words: NDArray[np.int32],
    count: int,
) -> tuple[int, int]:
    """Choose a word with other spellings and one of them; (-1, -1) if there is none."""
    first = below(key, _SLOT_WORD, count)
    for step in range(count):
        i = (first + step) % count
        word = words[i]
        if word >= names.listed or tables.spellings[word] < 0:
            continue
        group = tables.spellings[word]
        item = _pick(tables, group, uniform(key, _SLOT_SPELLING))
        if letters.same(tables.text, tables.starts, item, names.text, names.starts, word):
            begin, end = tables.groups[group], tables.groups[group + 1]
            item = begin + (item - begin + 1) % (end - begin)
        return i, item
    return -1, -1


@compiled
def _abbreviation(
    names: NameTables,
    tables: WritingTables,
    key: np.uint64,
    words: NDArray[np.int32],
    count: int,
) -> tuple[int, int]:
    """Choose a word and its short form (-1: its initial); no word is -1 as well."""
    for i in range(count):
        word = words[i]
        if word < names.listed and tables.shorts[word] >= 0:
            return i, _pick(tables, tables.shorts[word], uniform(key, _SLOT_SHORT))
    if count > 2:  # noqa: PLR2004 - two words are left in full
        return count - 1, -1
    return -1, -1


@compiled
def _damage_letters(
    tables: WritingTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    sounded: bool,  # noqa: FBT001 - kernels take their arguments by place
    work: NDArray[np.uint8],
    length: int,
) -> tuple[int, int]:
    mask = 0
    if sounded:
        changed = letters.resound(
            work,
            length,
            tables.text,
            tables.starts,
            tables.sounds,
            below(key, _SLOT_SOUND, tables.sounds.shape[0]),
            below(key, _SLOT_SOUND_PLACE, length),
        )
        if changed > 0:
            length = changed
            mask |= 1 << Kind.NAME_VARIANT
    if hit(rates, key, Kind.NAME_SPACING):
        changed = letters.respace(
            work, length, uniform(key, _SLOT_SPACE), below(key, _SLOT_SPACE_PLACE, length)
        )
        if changed != length:
            length = changed
            mask |= 1 << Kind.NAME_SPACING
    if hit(rates, key, Kind.NAME_TYPO):
        changed = letters.mistype(
            work,
            length,
            below(key, _SLOT_TYPO, 4),
            below(key, _SLOT_TYPO_PLACE, length),
            draw(key, _SLOT_TYPO_LETTER),
        )
        if changed > 0:
            length = changed
            mask |= 1 << Kind.NAME_TYPO
    return length, mask


@compiled
def _add_marks(
    rates: NDArray[np.float64], key: np.uint64, work: NDArray[np.uint8], length: int
) -> tuple[int, int]:
    """Write an apostrophe or a hyphen into the name."""
    mask = 0
    if hit(rates, key, Kind.NAME_APOSTROPHE):
        changed = letters.add_apostrophe(work, length, below(key, _SLOT_MARK, length))
        if changed != length:
            length = changed
            mask |= 1 << Kind.NAME_APOSTROPHE
    if hit(rates, key, Kind.NAME_HYPHEN):
        for at in range(length):
            if work[at] == _SPACE:
                work[at] = _HYPHEN
                mask |= 1 << Kind.NAME_HYPHEN
                break
    return length, mask


@compiled
def _add_words(
    names: NameTables,
    tables: WritingTables,
    rates: NDArray[np.float64],
    key: np.uint64,
    sex: int,
    age: int,
    work: NDArray[np.uint8],
    length: int,
) -> tuple[int, int]:
    """Add the father's name or a title."""
    mask = 0
    if hit(rates, key, Kind.NAME_PATRONYMIC):
        for letter in b" binti " if sex == _FEMALE else b" bin ":
            work[length] = letter
            length += 1
        father = np.empty(8, np.int32)
        word_ids(names, stream(key, 0, _SLOT_FATHER), 0, min(age + 28, 99), father)
        length = letters.append(work, length, names.text, names.starts, father[0])
        mask |= 1 << Kind.NAME_PATRONYMIC
    if age >= _ADULT and hit(rates, key, Kind.NAME_TITLE):
        group = sex
        if uniform(key, _SLOT_TITLE_PLACE) >= _FRONT_SHARE:
            group += 2
        item = _pick(tables, group, uniform(key, _SLOT_TITLE))
        size = tables.starts[item + 1] - tables.starts[item]
        if group < 2:  # noqa: PLR2004 - the two groups in front
            letters.shift(work, length, 0, size + 1)
            letters.append(work, 0, tables.text, tables.starts, item)
            work[size] = _SPACE
            length += size + 1
        else:
            length = letters.append(work, length, tables.text, tables.starts, item)
        mask |= 1 << Kind.NAME_TITLE
    return length, mask


@compiled
def _pick(tables: WritingTables, group: int, where: float) -> int:
    begin, end = tables.groups[group], tables.groups[group + 1]
    found = begin + int(np.searchsorted(tables.curve[begin:end], where, "right"))
    return int(min(found, end - 1))


@cache
def writing_tables() -> WritingTables:
    """Read the tables; once a process."""
    facts = tomllib.loads(TABLES.joinpath("name_writing.toml").read_text(encoding="utf-8"))
    names = name_tables()
    listed = _listed_words(names)
    groups: list[Mapping[str, float]] = [
        title[people] for title in facts["titles"] for people in ("men", "women")
    ]
    spellings = np.full(names.listed, -1, np.int32)
    shorts = np.full(names.listed, -1, np.int32)
    for family, words in facts["variants"].items():
        for word in {family, *words} & listed.keys():
            spellings[listed[word]] = len(groups)
            if family in facts["short"]:
                shorts[listed[word]] = len(groups) + 1
        groups.append(words)
        if family in facts["short"]:
            groups.append(facts["short"][family])
    items = [item for group in groups for item in group]
    curves = [np.cumsum(list(group.values())) / sum(group.values()) for group in groups]
    sounds = []
    for place, name in enumerate(("any", "last", "first")):
        for old, new in next(s["pairs"] for s in facts["sounds"] if s["place"] == name):
            sounds.append((len(items), len(items) + 1, place))
            items += [old, new]
    text = pa.array(items, pa.string())
    _, offsets, data = text.buffers()
    return WritingTables(
        text=np.frombuffer(data, np.uint8),
        starts=np.frombuffer(offsets, np.int32)[: len(items) + 1],
        groups=np.cumsum([0, *map(len, groups)]).astype(np.int32),
        curve=np.concatenate(curves),
        spellings=spellings,
        shorts=shorts,
        sounds=np.array(sounds, np.int32),
    )


def _listed_words(names: NameTables) -> dict[str, int]:
    edges = names.starts[: names.listed + 1].tolist()
    text = names.text[: edges[-1]].tobytes()
    return {text[edges[i] : edges[i + 1]].decode(): i for i in range(names.listed)}
