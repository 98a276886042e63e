"""Reading a register for :func:`assess`: seeded hashes of its values, and a sample of its records.

The sample is encoded with a key that is of no use elsewhere, to see to how many others a filter
shows its likeness. Neither it nor any value leaves memory.

>>> from pprl.io.memory import MemorySource
>>> from pprl.schema import Schema
>>> table = {"nik": ["6408995503909901", "6408990101700001"], "nama": ["Siti Aminah", "Budi"],
...          "tgl_lahir": ["1990-03-15", "1970-01-02"], "jk": ["P", "L"]}
>>> risk = assess(MemorySource(table), Schema.load("indonesia-hardened"))
>>> risk.combinations["birth_date+sex"].alone, risk.without_filter
(2, 0)
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import valid
from pprl.encode.columns import resolve
from pprl.encode.encoder import Encoder, texts_of
from pprl.encode.fields import Fields
from pprl.encode.hardened import HardenedFilters
from pprl.encode.tokens import MAX_SHARED
from pprl.errors import ConfigError
from pprl.io.columns import recognise
from pprl.io.rows import RowNumbers
from pprl.io.source import Batch
from pprl.keys import LinkageKey
from pprl.normalise.name import NameNormaliser
from pprl.quality_risk.likeness import shown_likeness
from pprl.quality_risk.spread import MIXED, Spread, in_groups, spread, together
from pprl.repeats import hash_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from pprl.io.source import Source
    from pprl.schema import Schema

    Flags = NDArray[np.bool_]
    UInt64 = NDArray[np.uint64]

KNOWN_OF_A_PERSON = ("name", "birth_date", "sex", "regency", "district", "village")
"""What a neighbour may know, where the register has it."""
COMBINATIONS = (
    ("birth_date", "sex"),
    ("birth_date", "sex", "regency"),
    ("birth_date", "sex", "district"),
    ("birth_date", "sex", "village"),
    ("name", "birth_date"),
    ("name", "birth_date", "sex"),
)
WORTH_SAYING = 0.01
SAMPLE = 2_000
"""Records whose filters are compared with each other."""

_REGION_DIGITS = {"regency": 4, "district": 6, "village": 10}
_KEY = bytes(range(32))  # the same file gives the same numbers; nothing made with it is kept


@dataclass(frozen=True)
class Risk:
    """What was found.

    Attributes
    ----------
    records
        Rows read.
    schema, scheme, bits, kappa
        How they would be encoded.
    values
        Role -> how records spread over its values.
    combinations
        Roles joined by ``+`` -> the same for combinations; only of roles that the register has.
    tokens
        Kind of token -> the same.
    dropped
        Kind of token -> records that lose it, because more than five share it.
    blocks
        Blocking pass -> the same as ``tokens``.
    without_filter
        Records that get none; all of them in scheme ``tokens``.
    unmatchable
        Records with neither filter nor token.
    alike
        Share of the others to which a filter shows its likeness, the mean of a sample, in [0, 1];
        None where there are no two filters.
    advice
        What follows, as codes of the catalogue (``advice.CODE``).
    """

    records: int
    schema: str
    scheme: str
    bits: int
    kappa: int | None
    values: Mapping[str, Spread]
    combinations: Mapping[str, Spread]
    tokens: Mapping[str, Spread]
    dropped: Mapping[str, int]
    blocks: Mapping[str, Spread]
    without_filter: int
    unmatchable: int
    alike: float | None
    advice: tuple[str, ...]


def assess(
    source: Source,
    schema: Schema,
    mapping: Mapping[str, str] | None = None,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> Risk:
    """Read a register and say what its encodings would tell.

    Parameters
    ----------
    source
        The register.
    schema
        How it would be encoded; one of the project's own.
    mapping
        Field or role -> column, for columns that aren't recognised.
    progress
        Called with the records read so far and, where it can be told, about how many there are.

    Raises
    ------
    InputError
        The file is damaged, or a column that the schema needs isn't there.
    ConfigError
        A clkhash schema; ``mapping`` names something that isn't there.

    Notes
    -----
    Memory grows by 8 bytes a record for every field, token and block pass.
    """
    if schema.is_clkhash:
        raise ConfigError("check.risk_clkhash")
    reading = _Reading(source, schema, mapping or {})
    for batch in source.batches(reading.file_columns):
        reading.add(batch)
        if progress:
            progress(reading.rows.records, reading.rows.expected)
    return reading.risk()


class _Reading:
    """Hashes of what has been read so far, a column each; 0 for no value."""

    def __init__(self, source: Source, schema: Schema, mapping: Mapping[str, str]) -> None:
        self.rows = RowNumbers()
        self._schema = schema
        needed = resolve(schema, source, mapping, None).fields
        roles = recognise(source.columns, mapping, tuple({*needed, *mapping})).roles
        known = {role: roles[role] for role in KNOWN_OF_A_PERSON if role in roles}
        self._needed = dict(needed)
        self._columns = {**known, **needed}
        self._names = NameNormaliser()
        self._listing = HardenedFilters(schema.features, _KEY, kappa=schema.kappa or 1, bits=64)
        self._seed = np.uint64(secrets.randbits(64))
        self._hashes: dict[str, list[UInt64]] = {}
        self._has_filter: list[Flags] = []
        self._sample: list[tuple[UInt64, pa.RecordBatch]] = []

    @property
    def file_columns(self) -> list[str]:
        """Columns to read, each once."""
        return list(dict.fromkeys(self._columns.values()))

    def add(self, batch: Batch) -> None:
        """Read a batch."""
        first = self.rows.records
        self.rows.add(batch)
        cells = {role: batch.table.column(column) for role, column in self._columns.items()}
        fields = Fields(cells, batch.table.num_rows, self._names, self._schema.dates_until)
        for role in KNOWN_OF_A_PERSON:
            if role in self._columns:
                self._keep(f"value.{role}", _known(fields, role))
        for token in self._schema.tokens:
            self._keep(f"token.{token.kind}", fields.token_text(token.of))
        for one in self._schema.blocks:
            self._keep(f"block.{one.name}", fields.token_text(one.of))
        self._has_filter.append(self._filters(fields, batch.table.num_rows))
        self._draw(batch.table, first)

    def _keep(self, name: str, text: pa.Array) -> None:
        hashes = np.maximum(hash_strings(text, self._seed), 1)  # 0 is for no value
        there = valid(text) & np.asarray(pc.fill_null(pc.greater(pc.binary_length(text), 0), False))  # noqa: FBT003 - Arrow's own order
        self._hashes.setdefault(name, []).append(np.where(there, hashes, 0))

    def _filters(self, fields: Fields, count: int) -> Flags:
        """Return which records get a filter."""
        features = self._schema.features
        if not features:
            return np.zeros(count, dtype=np.bool_)
        if self._schema.scheme == "hardened":
            return self._listing.of(fields, texts_of(fields, features))[1]
        offsets, _, _ = self._listing.rows_of(fields, texts_of(fields, features))
        return np.asarray(np.diff(offsets) > 0)

    def _draw(self, table: pa.RecordBatch, first: int) -> None:
        """Keep a sample: the records whose place in the file mixes to the smallest numbers."""
        places = np.arange(first + 1, first + 1 + table.num_rows, dtype=np.uint64)
        mixed = (places * MIXED) ^ (places * MIXED) >> np.uint64(29)
        mixed *= MIXED
        few = np.sort(np.argsort(mixed, kind="stable")[:SAMPLE])
        self._sample.append((mixed[few], table.take(pa.array(few))))
        if len(self._sample) > 1:
            marks = np.concatenate([kept for kept, _ in self._sample])
            joined = pa.Table.from_batches([rows for _, rows in self._sample]).combine_chunks()
            few = np.sort(np.argsort(marks, kind="stable")[:SAMPLE])
            self._sample = [(marks[few], joined.take(pa.array(few)).to_batches()[0])]

    def risk(self) -> Risk:
        """Sum up."""
        kept = {name: np.concatenate(parts) for name, parts in self._hashes.items()}
        values = {name[6:]: each for name, each in kept.items() if name.startswith("value.")}
        tokens = {name[6:]: each for name, each in kept.items() if name.startswith("token.")}
        blocks = {name[6:]: each for name, each in kept.items() if name.startswith("block.")}
        filters = np.concatenate([np.zeros(0, np.bool_), *self._has_filter])
        common = {kind: in_groups(each, MAX_SHARED) for kind, each in tokens.items()}
        left = {kind: np.where(common[kind], 0, each) for kind, each in tokens.items()}
        matchable = filters.copy()
        for each in left.values():
            matchable |= each != 0
        schema = self._schema
        risk = Risk(
            records=self.rows.records,
            schema=schema.name,
            scheme=schema.scheme,
            bits=schema.bits,
            kappa=schema.kappa,
            values={role: spread(each) for role, each in values.items() if role != "sex"},
            combinations={
                "+".join(roles): spread(together([values[role] for role in roles]))
                for roles in COMBINATIONS
                if all(role in values and values[role].any() for role in roles)
            },
            tokens={kind: spread(each) for kind, each in left.items()},
            dropped={kind: int(np.count_nonzero(each)) for kind, each in common.items()},
            blocks={name: spread(each) for name, each in blocks.items()},
            without_filter=int(np.count_nonzero(~filters)),
            unmatchable=int(np.count_nonzero(~matchable)),
            alike=self._alike(),
            advice=(),
        )
        return replace(risk, advice=tuple(_advice(risk)))

    def _alike(self) -> float | None:
        """Return to which share of the others a filter of the sample shows its likeness."""
        if self._schema.scheme == "tokens" or not self._sample:
            return None
        batch = Batch(self._sample[0][1], 1)
        encoded = Encoder(self._schema, LinkageKey(_KEY), self._needed).encode(batch)
        return shown_likeness(_words(encoded), self._schema.bits)


def _words(encoded: pa.RecordBatch) -> UInt64:
    column = encoded.column("filter")
    width = column.type.byte_width
    joined = b"".join(column.drop_null().to_pylist())
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, width // 8)


def _known(fields: Fields, role: str) -> pa.Array:
    """Return what a person is known by: codes where there are codes, else the words."""
    if role in _REGION_DIGITS:
        codes = fields.region_text(role, _REGION_DIGITS[role])
        return pc.coalesce(codes, fields.plain_text(role))
    return fields.token_text((role,))


def _advice(risk: Risk) -> Iterator[str]:
    yield f"risk_{risk.scheme}"
    enough = WORTH_SAYING * risk.records
    if any(2 * each.alone > risk.records for each in risk.combinations.values()):
        yield "risk_unique"
    if any(each.alone > enough for each in risk.blocks.values()):
        yield "risk_blocks_alone"
    if any(each.repeated for each in risk.tokens.values()) or any(risk.dropped.values()):
        yield "risk_repeated_tokens"
    if risk.scheme != "tokens" and risk.without_filter > enough:
        yield "risk_no_filter"
    if risk.unmatchable > enough:
        yield "risk_unmatchable"
    yield "risk_colluding"
