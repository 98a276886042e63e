"""Cells of a register as typed values: yes and no, numbers, relations, schooling.

A word that isn't known becomes null (not known) and is counted; nothing is guessed.

>>> import pyarrow as pa
>>> from pprl.registers.profile import load_profile
>>> dtsen = load_profile("dtsen")
>>> typed(dtsen, "pkh", pa.array(["1", "Tidak", "?", None])).values.to_pylist()
[True, False, None, None]
>>> typed(dtsen, "desil", pa.array(["3", "Desil 4", "5.0"])).values.to_pylist()
[3, 4, 5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.registers.words import UNCLEAR, word_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pprl.registers.profile import Profile

_NO_WORD = "[^0-9a-z]+"
_FLOAT_TAIL = r"\.0+$"
_WORDS_BEFORE = r"^\s*[A-Za-z][^0-9]*"  # "Desil 3", "D-3"
_WHOLE = r"^\s*(?P<number>-?\d{1,15})(?:[.,]0+)?\D*$"
_DECIMAL = r"^-?\d{1,12}(?:[.,]\d{1,12})?$"
_TYPES = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string(), "boolean": pa.bool_()}


@dataclass(frozen=True, eq=False)
class Typed:
    """Values of one column.

    Attributes
    ----------
    values
        In its type; null where nothing is known.
    unknown
        bool (n,): cells that hold something that isn't understood.
    outside
        bool (n,): numbers outside the fact's range.
    """

    values: pa.Array
    unknown: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def blanked(cells: pa.Array, words: Sequence[str]) -> pa.Array:
    """Return cells with null where nothing is said: empty, blank, ``-``."""
    said = sorted({word_key(word) for word in words} | {""})
    letters = pc.replace_substring_regex(pc.utf8_lower(cells), _NO_WORD, "")
    keys = pc.if_else(pc.equal(letters, ""), pc.utf8_trim_whitespace(cells), letters)
    nothing = pc.is_in(keys, value_set=pa.array(said, pa.string()))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), cells)


def typed(
    profile: Profile,
    name: str,
    cells: pa.Array,
    *,
    opposite: bool = False,
    column: str | None = None,
) -> Typed:
    """Read a fact of a register, from its own file or released by its owner.

    Parameters
    ----------
    profile, name
        The register, and one of its facts.
    cells
        Text.
    opposite
        Yes means no.
    column
        Header of the column, which may have codes of its own.
    """
    fact, words = profile.facts[name], profile.known_words
    kind = fact.type or "text"
    if name in ("relation", "education") or kind == "boolean":
        which = "boolean" if kind == "boolean" else name
        said_so = words.meaning(which, fact.words) | fact.coded_in(column)
        meanings: dict[str, object] = {
            word: meaning for word, meaning in said_so.items() if meaning != UNCLEAR
        }
        if kind == "boolean":
            meanings = {word: (meaning == "true") != opposite for word, meaning in meanings.items()}
        plain = pc.replace_substring_regex(cells, _FLOAT_TAIL, "")
        values = _by_word(plain, _TYPES[kind], lambda text: meanings.get(word_key(text)))
    elif kind == "integer":
        plain = pc.replace_substring_regex(cells, _WORDS_BEFORE, "")
        number = pc.struct_field(pc.extract_regex(plain, _WHOLE), "number")
        values = pc.cast(number, pa.int64())
    elif kind == "number":
        right = pc.fill_null(pc.match_substring_regex(cells, _DECIMAL), False)  # noqa: FBT003 - Arrow's own
        plain = pc.if_else(right, pc.replace_substring(cells, ",", "."), None)
        values = pc.cast(plain, pa.float64())
    else:
        values = blanked(cells, words.blank)
    said = blanked(cells, words.blank)
    unknown = np.asarray(pc.and_(pc.is_valid(said), pc.is_null(values)))
    outside = np.zeros(len(cells), np.bool_)
    if fact.range:
        within = pc.and_(
            pc.greater_equal(values, fact.range[0]), pc.less_equal(values, fact.range[1])
        )
        outside = np.asarray(pc.fill_null(pc.invert(within), False))  # noqa: FBT003 - Arrow's own
    return Typed(values, unknown, outside)


def _by_word(cells: pa.Array, kind: pa.DataType, read: Callable[[str], object]) -> pa.Array:
    """Read each different text once: registers have few."""
    coded = pc.dictionary_encode(cells)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    table = pa.array(
        [None if text is None else read(text) for text in coded.dictionary.to_pylist()],
        kind,
    )
    return table.take(coded.indices)
