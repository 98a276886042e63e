"""Pseudo-IDs and match numbers as arrays: 16 bytes a row, their writing, and their order.

>>> import pyarrow as pa
>>> rows = hex_rows(pa.array(["0f" * 16, "0e" * 16]))
>>> rows.shape, sorting(words(rows)[:, 0]).tolist(), hex_ids(rows[:1]).to_pylist() == ["0f" * 16]
((2, 16), [1, 0], True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pprl.buffers import string_array, string_buffers

if TYPE_CHECKING:
    import pyarrow as pa

ID_BYTES = 16
ID_CHARACTERS = 2 * ID_BYTES

Rows: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.uint8]]"
Words: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.uint64]]"
Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"
Integers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.integer]]"
Places: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_VALUES[_DIGITS] = np.arange(16)


def hex_ids(rows: Rows) -> pa.StringArray:
    """Write ``uint8 (n, 16)`` as strings of 32 lower-case hexadecimal digits."""
    text = np.empty((len(rows), 2 * rows.shape[1]), dtype=np.uint8)
    text[:, 0::2] = _DIGITS[rows >> 4]
    text[:, 1::2] = _DIGITS[rows & 15]
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * text.shape[1]
    return string_array(text.reshape(-1), offsets)


def hex_rows(ids: pa.StringArray) -> Rows:
    """Read strings of 32 lower-case hexadecimal digits as ``uint8 (n, 16)``.

    Raises
    ------
    ValueError
        One of them is something else: callers hand over ids that were checked.
    """
    data, offsets = string_buffers(ids)
    values = _VALUES[data[offsets[0] : offsets[-1]]]
    if (np.diff(offsets) != ID_CHARACTERS).any() or (values == _NO_DIGIT).any():
        message = "not a pseudo-ID"
        raise ValueError(message)
    values = values.reshape(-1, ID_CHARACTERS)
    rows = np.empty((len(values), ID_BYTES), dtype=np.uint8)
    np.bitwise_or(values[:, 0::2] << 4, values[:, 1::2], out=rows)
    return rows


def all_digits(text: Rows) -> Flags:
    """Return ``bool (n,)``: whether a row of characters is lower-case hexadecimal throughout."""
    return np.asarray((_VALUES[text] != _NO_DIGIT).all(axis=1))


def words(rows: Rows) -> Words:
    """Return bytes as ``uint64 (n, width / 8)`` that sort as the bytes do."""
    width = rows.shape[1] // 8
    return np.ascontiguousarray(rows).view(">u8").reshape(-1, width).astype(np.uint64)


def strictly_ascending(rows: Words) -> bool:
    """Whether each row is greater than the one before, from the first column on."""
    return bool(rising(rows).all())


def rising(rows: Words) -> Flags:
    """Return ``bool (n - 1,)``: whether the next row is greater, from the first column on."""
    before, after = rows[:-1], rows[1:]
    greater = np.zeros(len(before), dtype=np.bool_)
    for column in reversed(range(rows.shape[1])):
        greater = (after[:, column] > before[:, column]) | (
            (after[:, column] == before[:, column]) & greater
        )
    return greater


def sorting(*keys: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> Places:
    """Return ``int64 (n,)``: the order that sorts by the first key, then the second, and so on.

    As ``numpy.lexsort``, rows that are equal in all keys stay in order; several times as fast
    where few rows are equal in the first.
    """
    first = keys[0]
    order = np.argsort(first)
    ordered = first[order]
    same = ordered[1:] == ordered[:-1]
    tied = np.zeros(len(order), dtype=np.bool_)
    tied[1:] = same
    tied[:-1] |= same
    rows = np.sort(order[tied])
    order[tied] = rows[np.lexsort([key[rows] for key in reversed(keys)])]
    return order
