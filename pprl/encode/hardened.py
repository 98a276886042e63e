"""Hardened filters: XOR of majorities over keyed random bits. Nothing of them is a Bloom filter.

For the distinct field-tagged q-grams G of a record, each with its weight, kappa hash families and L
output bits, with keyed random bits b(h, j, g)::

    bit j = XOR over h = 1..kappa of [ 2 * (sum over G of weight * b(h, j, g)) > weight of G ]

b(h, j, g) is bit (h - 1) * L + j, most significant first, of SHAKE256(key || len2(field) || field
|| q-gram). One constant q-gram of the empty field is added where the weight of G is even, so that
there are no ties. Records with fewer than :data:`LEAST_GRAMS` distinct q-grams get no filter: too
little is in them for a majority to hide.

What the encoding withstands and what it doesn't: docs/security/hardened.md. Source of the idea:
majority hashing with XOR (SAUL; PoPETs 2026-0033), of which this is our own definition. The plain
definition is :func:`hardened_reference`; :mod:`pprl.encode.majority_kernel` computes the same.
"""

from __future__ import annotations

import threading
from hashlib import shake_256
from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import string_array
from pprl.encode import majority_kernel, qgram_kernel
from pprl.encode.clk import characters_of, codable, text_of_code
from pprl.encode.ngrams import tokens
from pprl.schema.feature import QGrams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from pprl.encode.fields import Fields
    from pprl.normalise.words import WordArrays
    from pprl.schema.feature import Feature

    Bytes = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt64 = npt.NDArray[np.uint64]

LEAST_GRAMS = 12
MAX_WEIGHT = (1 << majority_kernel.LEVELS) - 1

_LENGTH_BYTES = 2
_ZERO, _CONSTANT = 0, 1  # rows of the table that are there from the beginning
_FIRST_ROWS, _FIRST_SLOTS = 1_024, 4_096
_UNKNOWN_AT_ONCE = 65_536


def random_bits(key: bytes, field: str, gram: bytes, n_bytes: int) -> bytes:
    """Return the keyed random bits of one q-gram of a field."""
    name = field.encode()
    return shake_256(key + len(name).to_bytes(_LENGTH_BYTES, "big") + name + gram).digest(n_bytes)


def hardened_reference(
    grams: Mapping[tuple[str, str], int], key: bytes, *, kappa: int, bits: int
) -> bytes | None:
    """Return the filter of one record by the plain definition; None for too few q-grams.

    Parameters
    ----------
    grams
        Field and q-gram -> weight.
    key
        32 bytes.
    kappa, bits
        Hash families; output bits, a multiple of 8.
    """
    if len(grams) < LEAST_GRAMS:
        return None
    weighted = dict(grams)
    if sum(grams.values()) % 2 == 0:
        weighted[("", "")] = 1
    total = sum(weighted.values())
    counts = np.zeros(kappa * bits, dtype=np.int64)
    for (field, gram), weight in weighted.items():
        stream = random_bits(key, field, gram.encode(), kappa * bits // 8)
        counts += weight * np.unpackbits(np.frombuffer(stream, dtype=np.uint8)).astype(np.int64)
    majority = 2 * counts > total
    return np.packbits(np.bitwise_xor.reduce(majority.reshape(kappa, bits))).tobytes()


class BitTable:
    """The random bits of all q-grams met so far, a row each; grows, and is shared by threads.

    Parameters
    ----------
    key
        32 bytes.
    n_bits
        kappa times L.
    """

    def __init__(self, key: bytes, n_bits: int) -> None:
        self._key = key
        self._n_bytes = n_bits // 8
        self._lock = threading.Lock()
        self._rows = np.zeros((_FIRST_ROWS, n_bits // 64), dtype=np.uint64)
        self._used = _CONSTANT
        self.add("", [b""])

    def add(self, field: str, grams: Iterable[bytes]) -> Int32:
        """Append a row for each q-gram, which must be new; return their numbers."""
        made = [random_bits(self._key, field, gram, self._n_bytes) for gram in grams]
        with self._lock:
            first, stop = self._used, self._used + len(made)
            if stop > len(self._rows):
                grown = np.zeros((2 * stop, self._rows.shape[1]), dtype=np.uint64)
                grown[:first] = self._rows[:first]
                self._rows = grown
            shape = len(made), self._rows.shape[1]
            self._rows[first:stop] = np.frombuffer(b"".join(made), np.uint64).reshape(shape)
            self._used = stop
        return np.arange(first, stop, dtype=np.int32)

    @property
    def rows(self) -> UInt64:
        """``uint64 (n, words)``: at least those of every number that was handed out."""
        return self._rows


class GramRows:
    """From a text column to the rows of its q-grams, through one compiled loop.

    Parameters
    ----------
    feature
        With a comparison for which :func:`pprl.encode.clk.codable` is true.
    table
        Where their bits are.
    """

    def __init__(self, feature: Feature, table: BitTable) -> None:
        if not isinstance(feature.comparison, QGrams):  # callers ask codable() first
            raise TypeError(feature.name)
        self._grams = feature.comparison
        self._field = feature.name
        self._table = table
        self._lock = threading.Lock()
        self._codes = (
            np.zeros(_FIRST_SLOTS, dtype=np.uint64),
            np.zeros(_FIRST_SLOTS, dtype=np.int32),
        )
        self._known = np.empty(0, dtype=np.uint64)
        self._numbers = np.empty(0, dtype=np.int32)

    def of(self, text: pa.Array) -> tuple[Int64, Int32]:
        """Return where each text's rows start, ``(n + 1,)``, and the rows; repeats included."""
        characters, offsets = characters_of(text)
        lengths = np.diff(offsets)
        most = int((lengths + (self._grams.n - 1) * (lengths > 0)).sum())
        rows = np.empty(most, dtype=np.int32)
        starts = np.empty(len(text) + 1, dtype=np.int64)
        unknown = np.empty(min(_UNKNOWN_AT_ONCE, most + 1), dtype=np.uint64)
        while True:
            n_unknown = majority_kernel.gram_rows(
                characters, offsets, self._grams.n, self._grams.positional,
                *self._codes, rows, starts, unknown,
            )  # fmt: skip
            if n_unknown == 0:
                return starts, rows
            self._learn(np.unique(unknown[:n_unknown]))

    def _learn(self, codes: UInt64) -> None:
        with self._lock:
            codes = np.setdiff1d(codes, self._known)
            grams = [text_of_code(int(code), self._grams).encode() for code in codes]
            self._numbers = np.concatenate([self._numbers, self._table.add(self._field, grams)])
            self._known = np.concatenate([self._known, codes])
            size = _FIRST_SLOTS
            while size < 3 * len(self._known):
                size *= 2
            keys = np.zeros(size, dtype=np.uint64)
            places = np.zeros(size, dtype=np.int32)
            qgram_kernel.insert(keys, places, self._known)
            self._codes = keys, np.append(self._numbers, np.int32(0))[places]


class ItemRows:
    """The rows of items that are met again and again: name words, values of a small column."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.starts = np.zeros(1, dtype=np.int64)
        self.rows = np.empty(0, dtype=np.int32)
        self.low = np.empty(0, dtype=np.bool_)

    def append(self, starts: Int64, rows: Int32, low: Flags) -> None:
        """Append items; whoever holds the lock."""
        self.rows = np.concatenate([self.rows, rows])
        self.low = np.concatenate([self.low, low])
        self.starts = np.concatenate([self.starts, starts[1:] + self.starts[-1]])


class _Part:
    """One feature's rows of a chunk: items by record, and the rows of each item."""

    def __init__(
        self, offsets: Int64, items: Int32, starts: Int64, rows: Int32, low: Flags, feature: Feature
    ) -> None:
        self.arrays = offsets, items, starts, rows
        self.low = low
        lower = feature.weight if feature.low_weight is None else feature.low_weight
        self.weights = np.array([feature.weight, lower], dtype=np.uint8)

    def counts(self) -> Int64:
        """``int64 (records,)``: rows of each record."""
        offsets, items, starts, _ = self.arrays
        sizes = np.append(np.diff(starts), 0)[items]  # item -1 is none
        total = np.concatenate([[0], np.cumsum(sizes)])
        found: Int64 = total[offsets[1:]] - total[offsets[:-1]]
        return found


class HardenedFilters:
    """Makes the filters of a chunk of records. Threads may share one.

    Parameters
    ----------
    features
        The schema's.
    key
        32 bytes, for this purpose.
    kappa, bits
        Hash families; output bits, a multiple of 64.
    """

    def __init__(self, features: Sequence[Feature], key: bytes, *, kappa: int, bits: int) -> None:
        self._features = tuple(features)
        self._kappa = kappa
        self._words = bits // 64
        self._table = BitTable(key, kappa * bits)
        self._grams = {
            one.name: GramRows(one, self._table) for one in features if codable(one.comparison)
        }
        self._items = {one.name: ItemRows() for one in features}
        self._values: dict[str, dict[str, int]] = {one.name: {} for one in features}
        self._value_rows: dict[str, dict[str, int]] = {one.name: {} for one in features}

    def of(self, fields: Fields, texts: Mapping[str, pa.Array]) -> tuple[Bytes, Flags]:
        """Return filters and which of them there are.

        Parameters
        ----------
        fields
            The chunk.
        texts
            Feature -> its text, for features that aren't read as words.

        Returns
        -------
        filters : uint8 (records, bytes)
        present : bool (records,)
        """
        offsets, rows, weights = self.rows_of(fields, texts)
        filters = np.zeros((len(offsets) - 1, self._words), dtype=np.uint64)
        present = np.zeros(len(filters), dtype=np.bool_)
        majority_kernel.majorities(
            offsets, rows, weights, self._table.rows, self._kappa, LEAST_GRAMS, filters, present
        )
        return filters.view(np.uint8), present

    def rows_of(self, fields: Fields, texts: Mapping[str, pa.Array]) -> tuple[Int64, Int32, Bytes]:
        """Return what a chunk's records are made of, before any bit is looked at.

        Returns
        -------
        offsets : int64 (records + 1,)
            Where each record starts in the other two.
        rows : int32 (n,)
            A number for each field-tagged q-gram, the same in all chunks; repeats included.
        weights : uint8 (n,)
            Of the first of equal rows of a record.
        """
        parts = [
            self._of(one, texts[one.name]) if one.name in texts else self._of_words(one, fields)
            for one in self._features
        ]
        counts = np.sum([part.counts() for part in parts], axis=0)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.empty(int(offsets[-1]), dtype=np.int32)
        weights = np.empty(len(rows), dtype=np.uint8)
        cursor = offsets[:-1].copy()
        for part in parts:
            majority_kernel.append_rows(*part.arrays, part.weights, part.low, cursor, rows, weights)
        return offsets, rows, weights

    def _of_words(self, feature: Feature, fields: Fields) -> _Part:
        names = fields.words(feature.column)
        words: WordArrays = names.words.arrays()
        known = self._items[feature.name]
        with known.lock:
            first = len(known.low)
            if first < len(words):
                texts = string_array(words.data, words.starts[first:])
                starts, rows = self._grams[feature.name].of(texts)
                known.append(starts, rows, words.low_weight[first:])
            found = known.starts, known.rows, known.low
        return _Part(names.offsets, names.word_ids, *found, feature)

    def _of(self, feature: Feature, text: pa.Array) -> _Part:
        one_each = np.arange(len(text) + 1, dtype=np.int64)
        if feature.name in self._grams:
            starts, rows = self._grams[feature.name].of(text)
            every = np.arange(len(text), dtype=np.int32)
            return _Part(one_each, every, starts, rows, np.zeros(len(text), np.bool_), feature)
        encoded = text.dictionary_encode()
        known, numbers = self._items[feature.name], self._values[feature.name]
        with known.lock:
            for value in encoded.dictionary.to_pylist():
                if value not in numbers:
                    numbers[value] = len(known.low)
                    self._learn(feature, value, known)
            items = [numbers[value] for value in encoded.dictionary.to_pylist()]
            found = known.starts, known.rows, known.low
        codes = encoded.indices.fill_null(len(items)).to_numpy()
        return _Part(one_each, np.array([*items, -1], dtype=np.int32)[codes], *found, feature)

    def _learn(self, feature: Feature, value: str, known: ItemRows) -> None:
        """Append the rows of a value; values may share q-grams."""
        numbers = self._value_rows[feature.name]
        grams = list(dict.fromkeys(tokens(value, feature.comparison)))
        fresh = [gram for gram in grams if gram not in numbers]
        rows = self._table.add(feature.name, [gram.encode() for gram in fresh])
        numbers.update(zip(fresh, rows.tolist(), strict=True))
        found = np.array([numbers[gram] for gram in grams], dtype=np.int32)
        known.append(np.array([0, len(found)], np.int64), found, np.zeros(1, np.bool_))
