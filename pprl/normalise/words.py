"""The words of all names seen so far: numbered, shared by threads, growing.

A name column doesn't hold text but word numbers into a :class:`WordTable`; whatever is computed
from a word (q-grams, weights) is computed once per word. The table holds words, never names, and
never leaves the process.

Adding happens under one lock; looking up needs none: arrays are only appended to, and a reader
uses no more of them than had been there when it asked (:meth:`WordTable.tables`). The numbers
depend on who came first, so nothing that is published may depend on them; the texts do not.

>>> words = WordTable()
>>> words.text(words.intern(["sumiati"])[0])
'sumiati'
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pprl.normalise import word_kernel as kernel
from pprl.normalise.lexicon import CharClass, Lexicon, WordClass, default_lexicon
from pprl.normalise.name_rules import Single

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from pprl.normalise.arrow_text import I32, I64, U8

Number = TypeVar("Number", bound=np.generic)

_FIRST_CAPACITY = 1 << 14
_BYTES_PER_TEXT = 12
_SLOTS_PER_TEXT = 2
_NOT_ASCII = 8
_WHERE = {"anywhere": 0, "initial": 1, "final": 2, "before_vowel": 3, "initial_before_vowel": 4}
_SINGLE = 9
_MAX_MISSING = 4


@dataclass(frozen=True)
class WordArrays:
    """The words at one moment, as arrays that don't change any more.

    Attributes
    ----------
    data
        ``uint8``: the letters a-z of all words, one after the other.
    starts
        ``int64 (words + 1,)``: word ``i`` is ``data[starts[i]:starts[i + 1]]``.
    low_weight
        ``bool (words,)``: noble and Balinese words (N08) and stop words (N34).
    """

    data: U8
    starts: I64
    low_weight: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def __len__(self) -> int:
        return self.low_weight.size


class WordTable:
    """Words as they are written, and as keys. Safe to share between threads.

    Parameters
    ----------
    lexicon
        The compiled rules; every word of theirs is in the table from the start.
    """

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._lexicon = lexicon or default_lexicon()
        self.lock = Lock()
        self._tables = _load(self._lexicon)

    def __len__(self) -> int:
        return int(self._tables.used[1])

    @property
    def lexicon(self) -> Lexicon:
        """The compiled rules."""
        return self._lexicon

    @property
    def low_weight(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """``bool (words,)``: noble and Balinese words (N08) and stop words (N34)."""
        return self.arrays().low_weight

    def text(self, number: int) -> str:
        """Return the key spelling of a word."""
        data, starts = self._tables.word_data, self._tables.word_starts
        return data[starts[number] : starts[number + 1]].tobytes().decode("ascii")

    def arrays(self) -> WordArrays:
        """Return all words so far as arrays; they stay valid while others are added."""
        with self.lock:
            tables, count = self._tables, int(self._tables.used[1])
        starts = tables.word_starts[: count + 1]
        low = (tables.word_flags[:count] & kernel.LOW_WEIGHT).astype(np.bool_)
        return WordArrays(tables.word_data[: starts[-1]], starts, low)

    def tables(self) -> tuple[kernel.Tables, int]:
        """Return the arrays for looking up, and how many entries are whole."""
        with self.lock:
            return self._tables, int(self._tables.used[0])

    def locked_tables(self) -> kernel.Tables:
        """Return the arrays for adding. The caller holds ``lock``."""
        return self._tables

    def grow(self) -> None:
        """Double the room. The caller holds ``lock``; readers keep the old arrays."""
        old = self._tables
        capacity = 2 * old.word_flags.size
        n_entries, n_words = (int(used) for used in old.used)
        new = old._replace(
            data=_longer(old.data, 2 * old.data.size),
            entries=_longer(old.entries, capacity),
            slots=_slots(capacity),
            word_data=_longer(old.word_data, 2 * old.word_data.size),
            word_starts=_longer(old.word_starts, capacity + 1),
            word_hashes=_longer(old.word_hashes, capacity),
            word_slots=_slots(capacity),
            word_flags=_longer(old.word_flags, capacity),
            used=old.used.copy(),
        )
        kernel.rehash(np.ascontiguousarray(new.entries[:, kernel.HASH]), n_entries, new.slots)
        kernel.rehash(new.word_hashes, n_words, new.word_slots)
        self._tables = new

    def intern(self, words: Sequence[str]) -> I32:
        """Return the numbers of key spellings, adding those that are new."""
        letters = np.array(bytearray("".join(words).encode("ascii")), dtype=np.uint8)
        starts = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum([len(word) for word in words], out=starts[1:])
        ids = np.empty(len(words), dtype=np.int32)
        done = 0
        with self.lock:
            while True:
                done = kernel.intern_words(self._tables, letters, starts, ids, done)
                if done == len(words):
                    return ids
                self.grow()


def _longer(array: npt.NDArray[Number], size: int) -> npt.NDArray[Number]:
    longer = np.zeros((size, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _slots(capacity: int) -> I32:
    return np.full(capacity * _SLOTS_PER_TEXT, -1, dtype=np.int32)


def _empty_tables(lexicon: Lexicon, capacity: int) -> kernel.Tables:
    n_bytes = max(capacity * _BYTES_PER_TEXT, 4 * kernel.ROOM_BYTES)
    return kernel.Tables(
        data=np.zeros(n_bytes, dtype=np.uint8),
        entries=np.zeros((capacity, kernel.N_COLUMNS), dtype=np.int64),
        slots=_slots(capacity),
        word_data=np.zeros(n_bytes, dtype=np.uint8),
        word_starts=np.zeros(capacity + 1, dtype=np.int64),
        word_hashes=np.zeros(capacity, dtype=np.int64),
        word_slots=_slots(capacity),
        word_flags=np.zeros(capacity, dtype=np.uint8),
        used=np.zeros(2, dtype=np.int64),
        spelling=_spelling(lexicon),
        phrases=np.zeros((0, 3), dtype=np.int64),
        missing=np.zeros((0, _MAX_MISSING), dtype=np.int64),
        char_class=_char_classes(lexicon),
        char_letter=_char_letters(lexicon),
        static=0,
    )


def _load(lexicon: Lexicon) -> kernel.Tables:
    """Lay the lexicon out in arrays: its words first, what they stand for among them."""
    written = dict.fromkeys(lexicon.own)
    for entry in lexicon.own.values():
        written |= dict.fromkeys(entry.expansions.values())
    written |= dict.fromkeys(lexicon.phrases.values())
    written |= dict.fromkeys(lexicon.key(word) for word in tuple(written))
    capacity = max(_FIRST_CAPACITY, 1 << (4 * len(written)).bit_length())
    tables = _empty_tables(lexicon, capacity)

    def entry_of(word: str) -> int:
        letters = np.array(list(word.encode("ascii")), dtype=np.uint8)
        return kernel.add_entry(tables, letters)

    def word_of(key: str) -> int:
        letters = np.array(list(key.encode("ascii")), dtype=np.uint8)
        return kernel.add_word(tables, letters)

    # Words before entries: an entry takes over the flags of its word.
    for flag, keys in (
        (WordClass.LOW_WEIGHT, lexicon.low_weight),
        (WordClass.PHRASE_HEAD, [first for first, _ in lexicon.phrases]),
        (WordClass.MISSING_HEAD, [words[0] for words in lexicon.missing]),
    ):
        for key in sorted(keys):
            tables.word_flags[word_of(key)] |= flag >> 24
    for word in written:
        entry_of(word)
    for word in written:
        known = lexicon.classify(word)
        number = entry_of(word)
        tables.entries[number, kernel.CLASSES] |= int(known.classes)
        for place, to in known.expansions.items():
            tables.entries[number, kernel.EXPAND + place] = entry_of(to)
    phrases = [(word_of(a), word_of(b), entry_of(to)) for (a, b), to in lexicon.phrases.items()]
    missing = [
        [*map(word_of, words), *([-1] * (_MAX_MISSING - len(words)))]
        for words in sorted(lexicon.missing)
    ]
    return tables._replace(
        phrases=np.array(phrases, dtype=np.int64).reshape(-1, 3),
        missing=np.array(missing, dtype=np.int64).reshape(-1, _MAX_MISSING),
        static=int(tables.used[0]),
    )


def _spelling(lexicon: Lexicon) -> kernel.Spelling:
    n = len(lexicon.rewrites)
    spelling = kernel.Spelling(
        letters=np.zeros((n, 8), dtype=np.uint8),
        n_letters=np.ones(n, dtype=np.int32),
        new=np.zeros((n, 8), dtype=np.uint8),
        n_new=np.zeros(n, dtype=np.int32),
        where=np.full(n, _SINGLE, dtype=np.int32),
        not_after=np.zeros(n, dtype=np.int64),
    )
    for i, step in enumerate(lexicon.rewrites):
        if isinstance(step, Single):
            continue
        spelling.letters[i, : len(step.letters)] = list(step.letters.encode())
        spelling.n_letters[i] = len(step.letters)
        spelling.new[i, : len(step.to)] = list(step.to.encode())
        spelling.n_new[i] = len(step.to)
        spelling.where[i] = _WHERE[step.where]
        spelling.not_after[i] = sum(1 << (char - ord("a")) for char in set(step.not_after.encode()))
    return spelling


def _char_classes(lexicon: Lexicon) -> U8:
    classes = np.full(256, _NOT_ASCII, dtype=np.uint8)
    for code in range(128):
        classes[code] = int(lexicon.char_class(lexicon.fold(chr(code))))
    return classes


def _char_letters(lexicon: Lexicon) -> U8:
    letters = np.zeros(256, dtype=np.uint8)
    for code in range(128):
        folded = lexicon.fold(chr(code))
        if lexicon.char_class(folded) is CharClass.LETTER:
            letters[code] = ord(folded)
    return letters
