"""A scene of an attack: what the attacker holds, and the truth to judge its guesses by.

Encodings are made with a fresh key and shuffled, as they leave an agency. Of tokens and blocks the
attacker keeps what it can use, who shares one with whom: :class:`Classes`. Of its own register it
makes the same, and the q-grams of every person, field by field, with the software's own rules.

>>> import pyarrow as pa
>>> from pprl.schema import Schema
>>> people = {"id": ["1", "2"], "nik": ["6408995503909901", None], "tgl_lahir": [None, None],
...           "nama": ["Siti Aminah", "Nur Hayati"], "jk": ["P", "P"]}
>>> scene = Scene.of_one(pa.table(people), Schema.load("indonesia"), seed=1)
>>> sorted(scene.truth.tolist()), scene.filters.shape, scene.tokens["nik"].sizes.tolist()
([0, 1], (2, 16), [1])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, hstack

import pprl
from pprl.compare.measure import measure_of
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import texts_of
from pprl.encode.fields import Fields
from pprl.encode.hardened import HardenedFilters
from pprl.normalise.name import NameNormaliser
from pprl.schema.feature import BitsPerToken

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl.compare.measure import Measure
    from pprl.encoded import EncodedSet, Header
    from pprl.schema import Schema
    from pprl.schema.feature import Feature

    Integers = NDArray[np.int64]
    Words = NDArray[np.uint64]

NOBODY = -1
_MOST_WEIGHT = 255


@dataclass(frozen=True)
class Classes:
    """Who shares a token, or a block, with whom.

    Attributes
    ----------
    of : int64 (n,)
        Number of each record's class; -1 for a record without one.
    sizes : int64 (classes,)
        Records in each class.
    """

    of: Integers
    sizes: Integers

    @classmethod
    def by(cls, values: pa.ChunkedArray | pa.Array) -> Self:
        """Return the classes of a column's different values."""
        column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        codes = np.asarray(pc.fill_null(pc.dictionary_encode(column).indices, NOBODY))
        of = codes.astype(np.int64)
        return cls(of, np.bincount(of[of >= 0]).astype(np.int64))


@dataclass(frozen=True)
class Population:
    """The attacker's own register, in the clear.

    Attributes
    ----------
    grams : csr_array (n, q-grams), float64
        1 where a person has the field-tagged q-gram.
    texts
        Field of the schema -> what it holds, as text (names read as words: without spaces).
    tokens, blocks
        Kind or pass -> classes, made from plain values as the agency makes them.
    weighted : csr_array (n, q-grams or one more), float64
        Vectors whose products are what two filters have in common. Hardened filters: the weight of
        each q-gram in the vote, and in a last column the constant one that makes even sums odd.
        Bloom filters: the square root of the bits that each q-gram sets. None: as ``grams``.
    """

    grams: csr_array
    texts: dict[str, pa.Array]
    tokens: dict[str, Classes]
    blocks: dict[str, Classes]
    weighted: csr_array | None = None

    def __len__(self) -> int:
        return int(self.grams.shape[0])

    @property
    def vectors(self) -> csr_array:
        """What filters are compared by: ``weighted``, or ``grams`` where there is none."""
        return self.grams if self.weighted is None else self.weighted

    @classmethod
    def of(cls, data: str | Path | pa.Table, schema: Schema) -> Self:
        """Read a register as the software reads it.

        Raises
        ------
        InputError
            A column is missing.
        """
        source = open_data(data)
        resolved = resolve(schema, source, {}, None)
        names = list(dict.fromkeys(resolved.fields.values()))
        table = pa.concat_tables(
            [pa.Table.from_batches([batch.table]) for batch in source.batches(names)]
        ).combine_chunks()
        columns = {
            field: table.column(name).combine_chunks() for field, name in resolved.fields.items()
        }
        fields = Fields(columns, table.num_rows, NameNormaliser(), schema.dates_until)
        texts = texts_of(fields, schema.features)
        hardened = schema.scheme == "hardened"
        features = schema.features if hardened else [_by_bits(one) for one in schema.features]
        listed = HardenedFilters(features, bytes(32), kappa=1, bits=64)
        offsets, rows = np.zeros(table.num_rows + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
        weights = np.empty(0, dtype=np.uint8)
        if schema.features:  # schemas of tokens alone have none
            offsets, rows, weights = listed.rows_of(fields, texts)
        shape = table.num_rows, int(rows.max(initial=0)) + 1
        person = np.repeat(np.arange(table.num_rows), np.diff(offsets))
        # Of equal q-grams of a person the first one counts, as in the encoder.
        _, first = np.unique(person * shape[1] + rows, return_index=True)
        places = person[first], rows[first].astype(np.int64)
        grams = csr_array((np.ones(len(first)), places), shape=shape)
        weighted = csr_array((weights[first].astype(np.float64), places), shape=shape)
        if hardened:
            constant: NDArray[np.float64] = (weighted.sum(axis=1) + 1) % 2
            weighted = csr_array(hstack([weighted, csr_array(constant[:, None])]))
        else:
            weighted = csr_array(weighted.sqrt())
        joined = {
            one.name: fields.joined(one.column) for one in schema.features if one.reading == "words"
        }
        tokens = {one.kind: Classes.by(fields.token_text(one.of)) for one in schema.tokens}
        blocks = {one.name: Classes.by(fields.token_text(one.of)) for one in schema.blocks}
        return cls(grams, {**texts, **joined}, tokens, blocks, weighted)


def _by_bits(feature: Feature) -> Feature:
    """Return a feature of a Bloom filter with the bits that a q-gram sets as its weight."""
    strategy = feature.strategy
    if not isinstance(strategy, BitsPerToken):
        return feature
    low = None if strategy.low is None else min(strategy.low, _MOST_WEIGHT)
    return replace(feature, weight=min(strategy.bits, _MOST_WEIGHT), low_weight=low)


@dataclass(frozen=True)
class Scene:
    """What an attack sees, and the truth.

    Attributes
    ----------
    header
        Of the encodings: scheme, bits, kappa.
    filters : uint64 (n, words)
        Zeros where a record has none.
    has_filter : bool (n,)
    tokens, blocks
        Kind or pass -> classes.
    population
        The attacker's register.
    truth : int64 (n,)
        Row of the population that each record is; -1 when the person isn't in it. For the judge,
        and for the pairs that an attack is given (:meth:`known`).
    seed
        Of everything that an attack draws.
    """

    header: Header
    filters: Words
    has_filter: NDArray[np.bool_]
    tokens: dict[str, Classes]
    blocks: dict[str, Classes]
    population: Population
    truth: Integers
    seed: int

    def __len__(self) -> int:
        return len(self.truth)

    @classmethod
    def of_one(cls, data: str | Path | pa.Table, schema: Schema, *, seed: int) -> Self:
        """Set up the strongest attacker: it holds the very file that was encoded.

        Parameters
        ----------
        data
            A register.
        schema
            How it is encoded.
        seed
            Of key, shuffle and attacks: the same scene again.
        """
        count = len(Population.of(data, schema))
        return cls.of_two(data, data, np.arange(count, dtype=np.int64), schema, seed=seed)

    @classmethod
    def of_two(
        cls,
        exposed: str | Path | pa.Table,
        held: str | Path | pa.Table,
        truth: Integers,
        schema: Schema,
        *,
        seed: int,
    ) -> Self:
        """Set up an attacker that holds another register.

        Parameters
        ----------
        exposed, held
            The agency's register, and the attacker's.
        truth : int64 (records of ``exposed``,)
            Which row of ``held`` each record is; -1 for none.
        schema, seed
            As for :meth:`of_one`.
        """
        draw = np.random.default_rng([seed, 0])
        encoded = pprl.encode(exposed, schema, pprl.LinkageKey(draw.bytes(32)))
        order = draw.permutation(len(encoded))
        filters = np.asarray(encoded.filter_words())[order]
        return cls(
            header=encoded.header,
            filters=filters,
            has_filter=np.asarray(encoded.has_filter())[order],
            tokens=_classes(encoded, "token.", order),
            blocks=_classes(encoded, "block.", order),
            population=Population.of(held, schema),
            truth=np.asarray(truth, dtype=np.int64)[order],
            seed=seed,
        )

    @cached_property
    def measure(self) -> Measure:
        """How these filters are compared."""
        return measure_of(self.header)

    def known(self, count: int) -> Integers:
        """Return rows of records that the attacker knows beforehand, drawn at random, ascending.

        ``truth`` of these, and of no others, may be used by an attack.
        """
        there = np.flatnonzero(self.truth != NOBODY)
        draw = np.random.default_rng([self.seed, 1])
        return np.sort(draw.permutation(there)[:count])


def _classes(encoded: EncodedSet, prefix: str, order: Integers) -> dict[str, Classes]:
    table, rows = encoded.table, pa.array(order)
    return {
        name.removeprefix(prefix): Classes.by(table.column(name).take(rows))
        for name in table.column_names
        if name.startswith(prefix)
    }
