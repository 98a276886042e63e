"""Who is the head of a family, as a register says it: the column and its words.

A family that splits is where its head is (:mod:`pprl.decide.families`), so both owners tell each
other who that is. Nothing else of a relation is read.

>>> relation_column(["id_art", "Hubungan Keluarga", "nama"])
'Hubungan Keluarga'
>>> heads(pa.chunked_array([["Kepala Keluarga", "Istri", None, "KRT"]])).tolist()
[True, False, False, True]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.io.columns import header_key
from pprl.registers.words import Words, word_key

if TYPE_CHECKING:
    from collections.abc import Iterable

RELATION = "relation"
_HEADERS = frozenset(
    header_key(header)
    for header in (
        "hubungan", "hubungan keluarga", "hubungan dengan kepala keluarga", "status hubungan",
        "status hubungan keluarga", "status dalam keluarga", "hub kel", "shdk", RELATION,
    )
)  # fmt: skip


def relation_column(columns: Iterable[str]) -> str | None:
    """Return the column that says what somebody is to the head of the family; None without one."""
    return next((name for name in columns if header_key(name) in _HEADERS), None)


def heads(cells: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return ``bool (n,)``: whose relation says that they are the head."""
    meaning = Words.shared().meaning("relation")
    coded = pc.dictionary_encode(cells.combine_chunks())
    known = [meaning.get(word_key(text)) == "head" for text in coded.dictionary.to_pylist()]
    place = np.asarray(pc.fill_null(coded.indices, len(known))).astype(np.int64)
    return np.array([*known, False], dtype=np.bool_)[place]
