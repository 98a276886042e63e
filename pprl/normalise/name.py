"""Columns of names: typed text in, numbered key words out.

Most names never meet Python: a kernel reads them, and each distinct word is spelled once
(:mod:`~pprl.normalise.words`). Names with letters beyond ASCII are folded first; absurdly long
ones go through the one-name reference (:mod:`~pprl.normalise.name_reference`). The rules are in
``tables/name_rules.toml``. No name appears in an error.

The words of a name are its given name, in order. The father's name (bin, binti) and other names
(alias, brackets) are kept beside them: a name with an alias must equal the same name without.

>>> import pyarrow as pa
>>> column = normalise_names(pa.array(["H. Moh. Yusup", None, "Nur'aini binti Abd. Hamid"]))
>>> [column.text(i) for i in range(3)]
['muhamad yusuf', '', 'nuraini']
>>> column.father_text(2), column.status.tolist()
('abdulhamid', [0, 1, 0])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.normalise import name_kernel as kernel
from pprl.normalise.arrow_text import TextColumn, text_column
from pprl.normalise.lexicon import Lexicon, default_lexicon
from pprl.normalise.name_reference import (
    NameFlag,
    NameStatus,
    NormalisedName,
    normalise_name,
)
from pprl.normalise.word_kernel import join_words
from pprl.normalise.words import WordTable

if TYPE_CHECKING:
    import numpy.typing as npt

    from pprl.normalise.name_rules import NameRules

__all__ = [
    "NameColumn",
    "NameFlag",
    "NameNormaliser",
    "NameStatus",
    "NormalisedName",
    "joined_utf8",
    "normalise_name",
    "normalise_names",
]


@dataclass(frozen=True)
class NameColumn:
    """Normalised names, strength ``key``.

    Attributes
    ----------
    words
        What the word numbers mean; shared with other columns and threads, growing.
    offsets, word_ids
        ``int64 (rows + 1,)``, ``int32``: row ``i`` has ``word_ids[offsets[i]:offsets[i + 1]]``,
        its given-name words in their order.
    father_offsets, father_ids
        The same for the father's name.
    alias_offsets, alias_ids
        The same for other names of the person.
    status, flags
        ``uint8 (rows,)``: :class:`NameStatus`, :class:`NameFlag`.
    """

    words: WordTable
    offsets: npt.NDArray[np.int64]
    word_ids: npt.NDArray[np.int32]
    father_offsets: npt.NDArray[np.int64]
    father_ids: npt.NDArray[np.int32]
    alias_offsets: npt.NDArray[np.int64]
    alias_ids: npt.NDArray[np.int32]
    status: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.status.size

    def text(self, row: int) -> str:
        """Return the words of one row with spaces between."""
        return self._text(self.offsets, self.word_ids, row)

    def father_text(self, row: int) -> str:
        """Return the father's name of one row."""
        return self._text(self.father_offsets, self.father_ids, row)

    def alias_text(self, row: int) -> str:
        """Return the other names of one row."""
        return self._text(self.alias_offsets, self.alias_ids, row)

    def _text(self, offsets: npt.NDArray[np.int64], ids: npt.NDArray[np.int32], row: int) -> str:
        return " ".join(map(self.words.text, ids[offsets[row] : offsets[row + 1]].tolist()))


class NameNormaliser:
    """Normalises many columns with one word table; threads may share it.

    Parameters
    ----------
    rules
        A rule table other than the built-in one.
    """

    def __init__(self, rules: NameRules | None = None) -> None:
        self._lexicon = default_lexicon() if rules is None else Lexicon(rules)
        self._words = WordTable(self._lexicon)

    @property
    def words(self) -> WordTable:
        """The words of all columns so far."""
        return self._words

    def normalise(self, values: pa.Array) -> NameColumn:
        """Normalise one column.

        About 0.2 microseconds a name, without the GIL; a few more, with it, for a name with
        letters beyond ASCII, and 60 for one of more than 200 letters or 32 words.
        """
        column = self._read(text_column(values))
        parts = [_gather(column, part) for part in range(3)]
        return NameColumn(self._words, *parts[0], *parts[1], *parts[2], column.status, column.flags)

    def _read(self, text: TextColumn, *, folded: bool = False) -> kernel.Column:
        n = text.offsets.size - 1
        column = kernel.Column(
            data=text.data,
            offsets=text.offsets,
            valid=text.valid,
            status=np.zeros(n, dtype=np.uint8),
            flags=np.zeros(n, dtype=np.uint8),
            first=np.zeros(n, dtype=np.int64),
            counts=np.zeros((n, 3), dtype=np.uint8),
            ids=np.empty(_most_words(text), dtype=np.int32),
            left=np.zeros(n, dtype=np.uint8),
        )
        progress = np.zeros(2, dtype=np.int64)
        tables, limit = self._words.tables()
        kernel.normalise_rows(tables, limit, column, np.arange(n), progress, 0)
        self._add_unknown(column, progress)
        rows = np.flatnonzero(column.left == kernel.LEFT_FOR_REFERENCE)
        if not rows.size:
            return column
        used = int(progress[1])
        return (self._refer if folded else self._fold)(column, rows, used)

    def _add_unknown(self, column: kernel.Column, progress: npt.NDArray[np.int64]) -> None:
        rows = np.flatnonzero(column.left == kernel.LEFT_UNKNOWN)
        if not rows.size:
            return
        progress[0] = 0
        with self._words.lock:
            while True:
                tables = self._words.locked_tables()
                limit = int(tables.used[0])
                kernel.normalise_rows(tables, limit, column, rows, progress, 1)
                if progress[0] == rows.size:
                    break
                self._words.grow()

    def _fold(self, column: kernel.Column, rows: npt.NDArray[np.int64], used: int) -> kernel.Column:
        """Bring names to ASCII, and read them again."""
        folded = [_ascii(self._lexicon.fold(_text(column, row))) for row in rows.tolist()]
        again = self._read(text_column(pa.array(folded, pa.string())), folded=True)
        column.status[rows] = again.status
        column.flags[rows] = again.flags
        column.first[rows] = used + again.first
        column.counts[rows] = again.counts
        return column._replace(ids=np.concatenate([column.ids[:used], again.ids]))

    def _refer(
        self, column: kernel.Column, rows: npt.NDArray[np.int64], used: int
    ) -> kernel.Column:
        """Send names that the kernel can't hold through the reference."""
        extra: list[str] = []
        for row in rows.tolist():
            name = normalise_name(_text(column, row), lexicon=self._lexicon)
            column.status[row] = name.status
            column.flags[row] = name.flags
            column.first[row] = used + len(extra)
            column.counts[row] = len(name.words), len(name.father), len(name.alias)
            extra += [*name.words, *name.father, *name.alias]
        return column._replace(ids=np.concatenate([column.ids[:used], self._words.intern(extra)]))


def normalise_names(values: pa.Array, rules: NameRules | None = None) -> NameColumn:
    """Normalise one column with a word table of its own."""
    return NameNormaliser(rules).normalise(values)


def joined_utf8(column: NameColumn) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the names without spaces (rule N31).

    Returns
    -------
    data, offsets
        ``uint8``, ``int64 (rows + 1,)``: row ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    """
    words = column.words.arrays()
    offsets = np.empty(len(column) + 1, dtype=np.int64)
    arguments = (words.data, words.starts, column.offsets, column.word_ids, offsets)
    size = join_words(*arguments, np.empty(0, dtype=np.uint8))
    data = np.empty(size, dtype=np.uint8)
    if size:
        join_words(*arguments, data)
    return data, offsets


def _text(column: kernel.Column, row: int) -> str:
    letters = column.data[column.offsets[row] : column.offsets[row + 1]]
    return letters.tobytes().decode("utf-8", errors="replace")


def _ascii(folded: str) -> str:
    """Put signs and foreign letters where the kernel sees what the reference sees in them."""
    if folded.isascii():
        return folded
    return "".join(c if c.isascii() else "0" if c.isalnum() else " " for c in folded)


def _most_words(text: TextColumn) -> int:
    """Return a bound on the words in a column: letters and separators take turns."""
    size = int(text.offsets[-1] - text.offsets[0])
    return (size + text.offsets.size) // 2 + 1


def _gather(
    column: kernel.Column, part: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    offsets = np.empty(column.first.size + 1, dtype=np.int64)
    empty = np.empty(0, dtype=np.int32)
    arguments = (column.first, column.counts, column.ids, part, offsets)
    kernel.gather(*arguments, empty)
    if not offsets[-1]:
        return offsets, empty
    ids = np.empty(int(offsets[-1]), dtype=np.int32)
    kernel.gather(*arguments, ids)
    return offsets, ids
