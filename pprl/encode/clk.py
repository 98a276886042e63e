"""Cryptographic long-term keys: one Bloom filter a record over all fields of a schema.

Each field has an encoder that ORs its bits into the filters of a chunk of records:

- :class:`QGramBits`: q-grams of a text column, all in one compiled loop
- :class:`WordBits`: q-grams of name words; each distinct word is encoded once, records OR its row
- :class:`ValueBits`: anything else; each distinct value is encoded once

Encoders are shared by threads. What they learn (positions, rows) is published as a whole under a
lock and read without one; the bits don't depend on who learned what first.

Sources: Schnell, Bachteler, Reiher 2011 (CLK); bit-exact with clkhash 0.18.3.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from pprl.buffers import string_array, string_buffers
from pprl.encode import qgram_kernel
from pprl.encode.ngrams import bits_per_token, tokens
from pprl.encode.positions import hasher
from pprl.schema.feature import BitsPerToken, QGrams

if TYPE_CHECKING:
    import numpy.typing as npt

    from pprl.normalise.words import WordArrays
    from pprl.schema.feature import Feature

    Bytes = npt.NDArray[np.uint8]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt64 = npt.NDArray[np.uint64]

_UNKNOWN_AT_ONCE = 65_536
_FIRST_SLOTS = 4096
_MAX_ROWS = 1 << 20


def filter_width(n_bits: int) -> int:
    """Bytes of a filter in memory: whole 64-bit words."""
    return (n_bits + 63) // 64 * 8


def codable(comparison: object) -> bool:
    """Whether the q-grams of a feature fit the 64-bit codes of the compiled loop."""
    if not isinstance(comparison, QGrams):
        return False
    if comparison.positional:
        return comparison.n <= qgram_kernel.MAX_CODED_POSITIONAL
    return comparison.n <= qgram_kernel.MAX_CODED_CHARACTERS


class _Table(NamedTuple):
    """What is known of the q-grams of a feature: code -> row of positions."""

    keys: UInt64
    values: Int32
    positions: npt.NDArray[np.uint16]


class QGramBits:
    """Set the bits of a text column's q-grams.

    Parameters
    ----------
    feature
        With a comparison for which :func:`codable` is true.
    keys
        The feature's two hash keys.
    n_bits
        Filter length before folding.
    """

    def __init__(self, feature: Feature, keys: tuple[bytes, bytes], n_bits: int) -> None:
        if not isinstance(feature.comparison, QGrams):  # callers ask codable() first
            raise TypeError(feature.name)
        self._grams = feature.comparison
        self._strategy = feature.strategy
        self._encoding = feature.format.encoding
        most = self._strategy.bits
        self._hash = hasher(feature.hashing, keys, n_bits, most)
        self._lock = threading.Lock()
        self._table = _Table(
            np.zeros(_FIRST_SLOTS, dtype=np.uint64),
            np.zeros(_FIRST_SLOTS, dtype=np.int32),
            np.zeros((0, most), dtype=np.uint16),
        )

    def add(self, text: pa.Array, filters: Bytes, bits: int | None = None) -> None:
        """OR the bits of ``text`` into ``filters``.

        Parameters
        ----------
        text
            Strings ``(records,)``; null and empty set no bits.
        filters
            ``uint8 (records, bytes)``.
        bits
            Fewer bits per token than the feature's own, for tokens of low weight.

        Raises
        ------
        UnicodeEncodeError
            A character that the feature's encoding doesn't have.
        """
        characters, offsets = characters_of(text)
        per_token = per_feature = 0
        if isinstance(self._strategy, BitsPerToken):
            per_token = self._strategy.bits if bits is None else bits
        else:
            per_feature = self._strategy.bits
        unknown = np.empty(min(_UNKNOWN_AT_ONCE, 2 * len(characters) + 64), dtype=np.uint64)
        while True:
            n_unknown = qgram_kernel.set_qgrams(
                characters,
                offsets,
                self._grams.n,
                self._grams.positional,
                *self._table,
                per_token,
                per_feature,
                filters.view(np.uint64),
                unknown,
            )
            if n_unknown == 0:
                return
            self._learn(np.unique(unknown[:n_unknown]))

    def _learn(self, codes: UInt64) -> None:
        with self._lock:
            keys, values, positions = self._table
            known = np.empty(len(codes), dtype=np.bool_)
            qgram_kernel.contains(keys, codes, known)
            codes = codes[~known]
            if not len(codes):
                return
            texts = [text_of_code(int(code), self._grams) for code in codes]
            rows = [self._hash(text.encode(self._encoding)) for text in texts]
            positions = np.concatenate([positions, qgram_kernel.in_words(np.stack(rows))])
            used = keys != 0
            in_order = keys[used][np.argsort(values[used])]
            size = len(keys)
            while size < 3 * len(positions):
                size *= 2
            new_keys = np.zeros(size, dtype=np.uint64)
            new_values = np.zeros(size, dtype=np.int32)
            qgram_kernel.insert(new_keys, new_values, np.concatenate([in_order, codes]))
            self._table = _Table(new_keys, new_values, positions)


class WordBits:
    """Set the bits of name words, each distinct word encoded once.

    Parameters
    ----------
    grams
        How a word is encoded.
    low_bits
        Bits per token of low-weight words; None: the same as the others.
    n_bits
        Filter length before folding.
    """

    def __init__(self, grams: QGramBits, low_bits: int | None, n_bits: int) -> None:
        self._grams = grams
        self._low_bits = low_bits
        self._lock = threading.Lock()
        self._rows = np.zeros((0, filter_width(n_bits) // 8), dtype=np.uint64)

    def add(
        self,
        words: WordArrays,
        offsets: Int64,
        indices: Int32,
        filters: Bytes,
    ) -> None:
        """OR the rows of each record's words into its filter.

        Parameters
        ----------
        words
            All words known so far; only ever appended to.
        offsets, indices
            ``(records + 1,)`` and ``(total,)``: the words of each record.
        filters
            ``uint8 (records, bytes)``.
        """
        rows = self._rows
        if len(rows) < len(words):
            rows = self._learn(words)
        qgram_kernel.or_rows(rows, offsets, indices, filters.view(np.uint64))

    def _learn(self, words: WordArrays) -> UInt64:
        with self._lock:
            known = len(self._rows)
            if known >= len(words):
                return self._rows
            texts = string_array(words.data, words.starts[known:])
            low = words.low_weight[known:]
            fresh = np.zeros((len(texts), self._rows.shape[1]), dtype=np.uint64)
            for chosen, bits in ((~low, None), (low, self._low_bits)):
                part = np.zeros((int(chosen.sum()), fresh.shape[1]), dtype=np.uint64)
                self._grams.add(texts.filter(pa.array(chosen)), part.view(np.uint8), bits)
                fresh[chosen] = part
            self._rows = np.concatenate([self._rows, fresh])
            return self._rows


class ValueBits:
    """Set the bits of a column's values, each distinct value encoded once.

    Parameters
    ----------
    feature
        Any comparison.
    keys
        The feature's two hash keys.
    n_bits
        Filter length before folding.
    """

    def __init__(self, feature: Feature, keys: tuple[bytes, bytes], n_bits: int) -> None:
        self._feature = feature
        self._hash = hasher(feature.hashing, keys, n_bits, feature.strategy.bits)
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        self._rows = np.zeros((0, filter_width(n_bits)), dtype=np.uint8)

    def add(self, text: pa.Array, filters: Bytes) -> None:
        """OR the bits of ``text`` into ``filters``, as :meth:`QGramBits.add` does.

        Raises
        ------
        ValueError
            A value that the comparison can't read (a word where a number should be), or a
            character that the feature's encoding doesn't have.
        """
        encoded = text.dictionary_encode()
        values = encoded.dictionary.to_pylist()
        with self._lock:
            rows_of = self._learn(values)
            rows = self._rows
        codes = encoded.indices.fill_null(len(values)).to_numpy()
        indices = np.append(rows_of, np.int32(-1))[codes]
        qgram_kernel.or_row(rows.view(np.uint64), indices, filters.view(np.uint64))

    def _learn(self, values: list[str]) -> Int32:
        if len(self._known) > _MAX_ROWS:
            self._known = {}
            self._rows = self._rows[:0]
        fresh = [value for value in values if value not in self._known]
        if fresh:
            rows = np.zeros((len(fresh), self._rows.shape[1]), dtype=np.uint8)
            for row, value in zip(rows, fresh, strict=True):
                self._set(value, row)
            first = len(self._rows)
            self._rows = np.concatenate([self._rows, rows])
            self._known.update(zip(fresh, range(first, first + len(fresh)), strict=True))
        return np.array([self._known[value] for value in values], dtype=np.int32)

    def _set(self, value: str, row: Bytes) -> None:
        found = tokens(value, self._feature.comparison)
        counts = bits_per_token(self._feature.strategy, len(found))
        for token, count in zip(found, counts, strict=True):
            positions = self._hash(token.encode(self._feature.format.encoding))[:count]
            np.bitwise_or.at(row, positions >> 3, (128 >> (positions & 7)).astype(np.uint8))


def fold(filters: Bytes, n_bits: int, folds: int) -> Bytes:
    """XOR the two halves of every filter, ``folds`` times; widths stay whole 64-bit words."""
    for _ in range(folds):
        n_bits //= 2
        if n_bits % 8 == 0:
            half = n_bits // 8
            folded = filters[:, :half] ^ filters[:, half : 2 * half]
        else:
            bits = np.unpackbits(filters, axis=1)
            folded = np.packbits(bits[:, :n_bits] ^ bits[:, n_bits : 2 * n_bits], axis=1)
        filters = np.zeros((len(folded), filter_width(n_bits)), dtype=np.uint8)
        filters[:, : folded.shape[1]] = folded
    return filters


def text_of_code(code: int, grams: QGrams) -> str:
    """Write a code of the compiled loop as the token that is hashed."""
    code >>= 1
    width = qgram_kernel.CHARACTER_BITS
    characters = [
        chr(code >> (width * place) & ((1 << width) - 1)) for place in reversed(range(grams.n))
    ]
    gram = "".join(characters)
    return f"{code >> (width * grams.n)} {gram}" if grams.positional else gram


def characters_of(text: pa.Array) -> tuple[Int32, Int64]:
    """Return the code points of all strings, and where each string starts."""
    data, offsets = string_buffers(text)
    n_bytes = int(offsets[-1] - offsets[0])
    characters = np.empty(n_bytes, dtype=np.int32)
    starts = np.zeros(len(text) + 1, dtype=np.int64)
    if n_bytes:
        qgram_kernel.decode(data, offsets, characters, starts)
    return characters, starts
