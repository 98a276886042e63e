"""One chunk of records to one chunk of an EncodedSet: normalise, cut into tokens, set bits.

It knows the schema and the key, never files; :mod:`pprl.encode.pipeline` runs it over a register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.buffers import fixed_array
from pprl.encode.clk import QGramBits, ValueBits, WordBits, codable, filter_width, fold
from pprl.encode.fields import Fields
from pprl.encode.formats import NotConformingError, written
from pprl.encode.hardened import HardenedFilters
from pprl.encode.tokens import keyed_blocks, keyed_tokens
from pprl.encoded import Header, table_schema
from pprl.errors import ConfigError, InputError
from pprl.normalise.name import NameNormaliser
from pprl.normalise.nik import normalise_nik
from pprl.schema.feature import BitsPerToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from pprl.io.source import Batch
    from pprl.keys import LinkageKey
    from pprl.schema import Schema
    from pprl.schema.feature import Feature

    Bytes = npt.NDArray[np.uint8]
    Step = Callable[["Fields", "Bytes"], None]


IDS_LOOKED_AT = 1000
"""Ids of each chunk that are looked at: a column of NIKs may hide under any header."""


_READERS: dict[str, Callable[[Fields, Feature], pa.Array]] = {
    "joined": lambda fields, feature: fields.joined(feature.column),
    "date": lambda fields, feature: fields.date_text(feature.column),
    "sex": lambda fields, feature: fields.sex_text(feature.column),
    "region": lambda fields, feature: fields.region_text(feature.column, feature.region_digits),
    "text": lambda fields, feature: fields.plain_text(feature.column),
    "digits": lambda fields, feature: fields.digits_text(feature.column),
    "raw": lambda fields, feature: written(fields.raw(feature.column), feature),
}
"""How a feature's text is read, but for names as words."""


def texts_of(fields: Fields, features: Sequence[Feature]) -> dict[str, pa.Array]:
    """Return feature -> its text, for features that aren't read as words."""
    return {
        one.name: _READERS[one.reading](fields, one) for one in features if one.reading != "words"
    }


class Encoder:
    """Turns chunks of records into chunks of an EncodedSet. Threads may share one.

    Parameters
    ----------
    schema, key
        What to encode and with which secret.
    columns
        Field or role of the schema -> column of the file.
    id_column
        Column with the records' ids; None: the row number is the id.
    """

    def __init__(
        self,
        schema: Schema,
        key: LinkageKey,
        columns: Mapping[str, str],
        id_column: str | None = None,
    ) -> None:
        self._schema = schema
        self._columns = dict(columns)
        self._id_column = id_column
        self._names = NameNormaliser()
        self._n_bits = schema.bits << schema.xor_folds
        self._steps = [
            (feature, self._step(feature, keys))
            for feature, keys in zip(schema.features, schema.field_keys(key), strict=True)
            if schema.scheme == "clk"
        ]
        self._hardened = (
            HardenedFilters(
                schema.features, key.derive("hardened"), kappa=schema.kappa, bits=schema.bits
            )
            if schema.kappa is not None
            else None
        )
        self._token_keys = {kind: key.derive(f"token/{kind}") for kind in schema.token_kinds}
        self._block_keys = {name: key.derive(f"block/{name}") for name in schema.block_passes}
        self.header = Header(
            scheme=schema.scheme,
            bits=schema.bits,
            kappa=schema.kappa,
            schema=schema.digest,
            key_check=key.check,
            records=0,
        )
        self.arrow_schema = table_schema(
            self.header, schema.token_kinds, block_passes=schema.block_passes
        )

    @property
    def file_columns(self) -> list[str]:
        """Columns to read, each once."""
        wanted = [*self._columns.values()]
        if self._id_column is not None:
            wanted.append(self._id_column)
        return list(dict.fromkeys(wanted))

    def encode(self, batch: Batch) -> pa.RecordBatch:
        """Encode one chunk.

        Raises
        ------
        InputError
            A value that the schema doesn't allow, or a record without an id; names the row.
        ConfigError
            The ids are NIKs.
        """
        table = batch.table
        columns = {name: table.column(column) for name, column in self._columns.items()}
        fields = Fields(columns, table.num_rows, self._names, self._schema.dates_until)
        arrays = [self._ids(batch), self._filters(fields, batch)]
        arrays += [
            keyed_tokens(fields.token_text(token.of), self._token_keys[token.kind], token.kind)
            for token in self._schema.tokens
        ]
        arrays += [
            keyed_blocks(fields.token_text(block.of), self._block_keys[block.name], block.name)
            for block in self._schema.blocks
        ]
        return pa.record_batch(arrays, schema=self.arrow_schema)

    def _filters(self, fields: Fields, batch: Batch) -> pa.Array:
        if self._schema.scheme == "tokens":
            return pa.nulls(batch.table.num_rows, pa.binary(self.header.filter_bytes))
        if self._hardened is not None:
            return fixed_array(*self._hardened.of(fields, texts_of(fields, self._schema.features)))
        filters = np.zeros((batch.table.num_rows, filter_width(self._n_bits)), dtype=np.uint8)
        for feature, step in self._steps:
            try:
                step(fields, filters)
            except NotConformingError as error:
                code = f"value.{error.reason}"
                raise InputError(
                    code,
                    row=batch.row_number(error.index),
                    column=self._columns[feature.column],
                ) from None
        return fixed_array(fold(filters, self._n_bits, self._schema.xor_folds))

    def _ids(self, batch: Batch) -> pa.Array:
        if self._id_column is None:
            count = batch.table.num_rows
            numbers = batch.rows
            if numbers is None:
                numbers = np.arange(batch.first_row, batch.first_row + count)
            return pa.array(numbers).cast(pa.string())
        ids = batch.table.column(self._id_column)
        if ids.null_count:
            first = int(np.flatnonzero(ids.is_null().to_numpy(zero_copy_only=False))[0])
            raise InputError("id.missing", row=batch.row_number(first), column=self._id_column)
        some = normalise_nik(ids.slice(0, IDS_LOOKED_AT))
        if np.count_nonzero(some.length == some.digits.shape[1]) > len(some) / 2:
            raise ConfigError("id.is_nik", column=self._id_column)
        return ids

    def _step(self, feature: Feature, keys: tuple[bytes, bytes]) -> Step:
        """Return what adds one feature's bits to the filters of a chunk."""
        column = feature.column
        if feature.reading == "words":
            grams = QGramBits(feature, keys, self._n_bits)
            strategy = feature.strategy
            low_bits = strategy.low if isinstance(strategy, BitsPerToken) else None
            by_word = WordBits(grams, low_bits, self._n_bits)

            def add_words(fields: Fields, filters: Bytes) -> None:
                names = fields.words(column)
                by_word.add(names.words.arrays(), names.offsets, names.word_ids, filters)

            return add_words
        encoder = (QGramBits if codable(feature.comparison) else ValueBits)(
            feature, keys, self._n_bits
        )
        read = _READERS[feature.reading]
        return lambda fields, filters: encoder.add(read(fields, feature), filters)
