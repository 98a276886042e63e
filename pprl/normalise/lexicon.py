"""What the name rules say about characters, words and spellings, ready to be asked.

A :class:`Lexicon` is compiled from :class:`~pprl.normalise.name_rules.NameRules` once. Both ways
of normalising a name, the readable reference and the kernel, ask the same lexicon, and neither
knows a word of its own. It never sees a whole name.

Two spellings with the same key are the same word to every rule: ``classify`` looks a word up as
it is written and also as its key, so that normalising a normalised name changes nothing.

>>> lexicon = Lexicon(default_name_rules())
>>> lexicon.key("syarifuddin"), lexicon.key("rizqie")
('sarifudin', 'rizki')
>>> lexicon.classify("moch").expansions[Place.FIRST]
'muhammad'
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from pprl.normalise.name_rules import (
    Alias,
    Alternatives,
    Degree,
    Delete,
    Expand,
    Fold,
    NameRules,
    Noble,
    PhraseStep,
    RewriteStep,
    Single,
    Title,
    default_name_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_ROUNDS = 8
MAX_RUN = 4
_MARKS = ("Mn", "Me", "Cf")
_MEMORY_WORDS = 100_000
_SINGLE = r"([a-z])\1+"


class WordClass(IntFlag):
    """What a word may be. The ``RUN_`` and ``COMMA_`` classes hold for the exact spelling only.

    The last three belong to the key.
    """

    TITLE = 1
    DEGREE = 2
    PATRONYMIC = 4
    NOBLE = 8
    OPENS = 16
    ALIAS = 32
    DECEASED = 64
    JOIN = 128
    EXPAND_FRONT = 256
    EXPAND_INNER = 512
    EXPAND_FIRST = 1024
    EXPAND_ANY = 2048
    EXPAND_ALONE = 4096
    RUN_TITLE = 1 << 16
    RUN_DEGREE = 1 << 17
    COMMA_DEGREE = 1 << 18
    RUN_NOBLE = 1 << 19
    RUN_ALIAS = 1 << 20
    LOW_WEIGHT = 1 << 24
    PHRASE_HEAD = 1 << 25
    MISSING_HEAD = 1 << 26


NO_CLASS = WordClass(0)
EXACT = (
    WordClass.RUN_TITLE
    | WordClass.RUN_DEGREE
    | WordClass.COMMA_DEGREE
    | WordClass.RUN_NOBLE
    | WordClass.RUN_ALIAS
)


class Place(IntEnum):
    """Where an abbreviation stands for its word."""

    FRONT = 0
    INNER = 1
    FIRST = 2
    ANY = 3
    RUN = 4


_EXPAND_CLASS = {
    "front": (Place.FRONT, WordClass.EXPAND_FRONT),
    "inner": (Place.INNER, WordClass.EXPAND_INNER),
    "first": (Place.FIRST, WordClass.EXPAND_FIRST),
    "any": (Place.ANY, WordClass.EXPAND_ANY),
    "dotted_front": (Place.RUN, WordClass.RUN_NOBLE),
}


class CharClass(IntEnum):
    """What a character does to the word that is being read."""

    SEPARATOR = 0
    LETTER = 1
    DELETED = 2
    DOT = 3
    COMMA = 4
    OPEN = 5
    CLOSE = 6
    DIGIT = 7


@dataclass(frozen=True)
class WordEntry:
    """What the rules know about a word: its classes, and what it stands for in each place."""

    classes: WordClass = NO_CLASS
    expansions: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The rules, compiled.

    Parameters
    ----------
    rules
        Where everything comes from.
    """

    rules: NameRules
    own: Mapping[str, WordEntry] = field(init=False)
    phrases: Mapping[tuple[str, str], str] = field(init=False)
    low_weight: frozenset[str] = field(init=False)
    missing: frozenset[tuple[str, ...]] = field(init=False)
    rewrites: tuple[RewriteStep | Single, ...] = field(init=False)
    _chars: Mapping[str, CharClass] = field(init=False, repr=False)
    _folds: Mapping[int, str] = field(init=False, repr=False)
    _keys: dict[str, str] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        steps = [
            step
            for rule in self.rules.rule_list
            if rule.strength in ("clean", "key")
            for step in rule.step
        ]
        rewrites = tuple(step for step in steps if isinstance(step, RewriteStep | Single))
        object.__setattr__(self, "rewrites", rewrites)
        object.__setattr__(self, "_folds", _fold_table(self.rules))
        object.__setattr__(self, "_chars", _special_characters(self.rules))
        object.__setattr__(self, "own", _own_entries(self.rules))
        nobles = [word for step in self.rules.steps(Noble) for word in step.words]
        low = [*nobles, *self.rules.words("low_weight")]
        object.__setattr__(self, "low_weight", frozenset(map(self.key, low)))
        missing = frozenset(tuple(map(self.key, text.split())) for text in self.rules.missing)
        object.__setattr__(self, "missing", missing)
        phrases = {}
        for step in self.rules.steps(PhraseStep):
            for text in step.words:
                first, second = text.split()
                phrases[self.key(first), self.key(second)] = step.to
        object.__setattr__(self, "phrases", phrases)

    def fold(self, text: str) -> str:
        """Return ``text`` in lower case without diacritics (rule N01)."""
        if not text.isascii():
            text = unicodedata.normalize("NFKD", text.translate(self._folds))
            if not text.isascii():
                text = "".join(c for c in text if unicodedata.category(c) not in _MARKS)
                text = text.translate(self._folds)
        return text.lower()

    def char_class(self, char: str) -> CharClass:
        """Return what one folded character does (rules N02 and N03)."""
        if "a" <= char <= "z":
            return CharClass.LETTER
        special = self._chars.get(char)
        if special is not None:
            return special
        return CharClass.DIGIT if char.isalnum() else CharClass.SEPARATOR

    def key(self, word: str) -> str:
        """Return the key spelling of a word (rules N13 to N26), a fixed point of the rewrites."""
        key = self._keys.get(word)
        if key is None:
            key = self._until_stable(word, self.rewrites)
            if len(self._keys) >= _MEMORY_WORDS:
                self._keys.clear()
            self._keys[word] = key
        return key

    def similar(self, word: str) -> frozenset[str]:
        """Return the forms in which a word is scored (rules N27 to N30).

        Two words score alike when they share a form.
        """
        steps = self.rules.steps(Alternatives, "similarity")
        forms = set()
        for choice in product(*(step.to for step in steps)):
            form = self.key(word)
            for step, new in zip(steps, choice, strict=True):
                form = form.replace(step.letters, new)
            forms.add(self.soft(form))
        return frozenset(forms)

    def soft(self, word: str) -> str:
        """Return the first of the similarity forms of a word."""
        soft = self.rules.steps(RewriteStep, "similarity")
        choices = self.rules.steps(Alternatives, "similarity")
        first = [RewriteStep(do="rewrite", letters=s.letters, to=s.to[0]) for s in choices]
        return self._until_stable(self.key(word), (*self.rewrites, *first, *soft))

    def classify(self, word: str) -> WordEntry:
        """Return what is known about a word, as written and as its key."""
        own = self.own.get(word, WordEntry())
        by_key = self.own.get(self.key(word), WordEntry())
        return WordEntry(
            classes=own.classes | (by_key.classes & ~EXACT),
            expansions={
                **{place: to for place, to in by_key.expansions.items() if place != Place.RUN},
                **own.expansions,
            },
        )

    def exact(self, letters: str) -> WordClass:
        """Return the classes of several words written as one, such as ``spd`` for S.Pd."""
        return self.own.get(letters, WordEntry()).classes & EXACT

    @staticmethod
    def _until_stable(word: str, steps: Iterable[RewriteStep | Single]) -> str:
        for _ in range(MAX_ROUNDS):
            before = word
            for step in steps:
                word = rewrite(word, step)
            if word == before:
                break
        return word


def rewrite(word: str, step: RewriteStep | Single) -> str:
    """Apply one rewrite to a word, left to right."""
    if isinstance(step, Single):
        return re.sub(_SINGLE, r"\1", word)
    pattern = {
        "anywhere": step.letters,
        "initial": "^" + step.letters,
        "final": "(?<=[a-z])" + step.letters + "$",
        "before_vowel": step.letters + "(?=[aeiou])",
        "initial_before_vowel": "^" + step.letters + "(?=[aeiou])",
    }[step.where]
    if step.not_after:
        pattern = f"(?<![{step.not_after}])" + pattern
    return re.sub(pattern, step.to, word)


def _own_entries(rules: NameRules) -> dict[str, WordEntry]:
    entries: dict[str, WordEntry] = {}

    def add(words: Iterable[str], classes: WordClass) -> None:
        for word in words:
            entry = entries.get(word, WordEntry())
            entries[word] = replace(entry, classes=entry.classes | classes)

    add(rules.words("deceased"), WordClass.DECEASED)
    add(rules.words("patronymic"), WordClass.PATRONYMIC)
    add(rules.words("join"), WordClass.JOIN)
    for alias in rules.steps(Alias):
        add(alias.words, WordClass.ALIAS)
        add(alias.dotted, WordClass.RUN_ALIAS)
    for title in rules.steps(Title):
        add(title.words, WordClass.TITLE)
        add(title.dotted, WordClass.RUN_TITLE)
    for degree in rules.steps(Degree):
        add(degree.dotted, WordClass.RUN_DEGREE | WordClass.COMMA_DEGREE)
        add(degree.comma, WordClass.COMMA_DEGREE)
        add(degree.plain, WordClass.DEGREE | WordClass.COMMA_DEGREE)
    for noble in rules.steps(Noble):
        add(noble.words, WordClass.NOBLE | (WordClass.OPENS if noble.opens else NO_CLASS))
    for expand in rules.steps(Expand):
        place, classes = _EXPAND_CLASS[expand.where]
        add(expand.words, classes | (WordClass.EXPAND_ALONE if expand.alone else NO_CLASS))
        for word in expand.words:
            known = entries[word]
            entries[word] = replace(known, expansions={**known.expansions, place: expand.to})
    return entries


def _special_characters(rules: NameRules) -> dict[str, CharClass]:
    chars = {".": CharClass.DOT, ",": CharClass.COMMA}
    if any(step.brackets for step in rules.steps(Alias)):
        chars |= dict.fromkeys("([{", CharClass.OPEN) | dict.fromkeys(")]}", CharClass.CLOSE)
    deleted = "".join(step.characters for step in rules.steps(Delete))
    return chars | dict.fromkeys(deleted, CharClass.DELETED)


def _fold_table(rules: NameRules) -> dict[int, str]:
    table: dict[int, str] = {}
    for step in rules.steps(Fold):
        table.update({ord(char): to for char, to in step.letters.items()})
        table.update(dict.fromkeys(map(ord, step.quotes), "'"))
        table.update(dict.fromkeys(map(ord, step.hyphens), "-"))
    return table


@cache
def default_lexicon() -> Lexicon:
    """Return the built-in rules, compiled."""
    return Lexicon(default_name_rules())
