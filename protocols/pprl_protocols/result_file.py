"""RESULT v1: the file in which one agency learns which of its pseudo-IDs matched.

An Arrow IPC file, uncompressed. Its schema metadata holds one canonical JSON header; its columns
are, in this order, and its rows ascend by id, party and group:

==============  =====================  ===========================================================
column          type                   what it is
==============  =====================  ===========================================================
``id``          fixed_size_binary(16)  the recipient's own pseudo-ID
``group``       fixed_size_binary(16)  match number: the same for every owner of a match
``party``       int8                   the other party, as a place in the header's ``parties``
``band``        uint8                  0 accept, 1 review
``tier``        uint8                  a place in the header's ``tiers``
``precision``   int32                  chance that it is right, in millionths; -1 unknown
``similarity``  int32                  of the filters, in millionths; -1 when a record has none
``family``      binary                 reserved, null
``attributes``  binary                 what the other party releases to the recipient, sealed
                                       (:mod:`pprl_protocols.attributes`); null in a row for
                                       review, and where nothing is released
==============  =====================  ===========================================================

A record without a match has no row, and nobody else's pseudo-ID is in the file. It is read message
by message from its beginning; the footer is for tools that jump, and is never followed. Hostile
files raise PeerError and nothing else. Spec: RESULT, "Limits on hostile input".

>>> ROW_WIDTH, COLUMNS[:2]
(43, ('id', 'group'))
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, ValidationError

from pprl.arrow_guard import ArrowFileError, read_file
from pprl.buffers import fixed_rows
from pprl.compare.measure import MILLION
from pprl.encoded import METADATA_KEY
from pprl.errors import InputError, PeerError
from pprl.io.atomic import publish
from pprl_protocols import canonical, limits
from pprl_protocols.fields import (
    Name,
    NonNegative,
    Part,
    PartyName,
    RunId,
    Sha256,
    names_in,
    place,
)
from pprl_protocols.id_rows import ID_BYTES, rising, sorting, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pprl_protocols.id_rows import Flags, Rows, Words

VERSION = 1
BANDS = ("accept", "review")
ACCEPT, REVIEW = range(2)
UNKNOWN = -1
SCHEMA = pa.schema(
    [
        pa.field("id", pa.binary(ID_BYTES), nullable=False),
        pa.field("group", pa.binary(ID_BYTES), nullable=False),
        pa.field("party", pa.int8(), nullable=False),
        pa.field("band", pa.uint8(), nullable=False),
        pa.field("tier", pa.uint8(), nullable=False),
        pa.field("precision", pa.int32(), nullable=False),
        pa.field("similarity", pa.int32(), nullable=False),
        pa.field("family", pa.binary()),
        pa.field("attributes", pa.binary()),
    ]
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
_VARIABLE = ("family", "attributes")
ROW_WIDTH = sum(field.type.bit_width // 8 for field in SCHEMA if field.name not in _VARIABLE)

_BATCH_ROWS = 1 << 20

Millionths = Annotated[int, Field(ge=0, le=MILLION)]
Position = Annotated[int, Field(ge=0, lt=limits.MAX_AGENCIES)]
Bars: TypeAlias = Annotated[dict[Name, Millionths | None], Field(max_length=limits.MAX_ITEMS)]
Integers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.integer]]"


class Share(Part):
    """An estimated share and its 95% interval, in millionths."""

    value: Millionths
    low: Millionths
    high: Millionths


class Pair(Part):
    """How the recipient's records were compared with one other party's.

    Attributes
    ----------
    other
        That party, as a place in ``parties``.
    accept, review
        By tier, the similarity in millionths from which pairs were accepted and reviewed; None
        where no pair was.
    precision, recall
        Estimated, of the accepted pairs; None when they can't be said.
    """

    other: Position
    accept: Bars
    review: Bars
    precision: Share | None
    recall: Share | None


class ResultHeader(Part):
    """What a result says about itself.

    Attributes
    ----------
    format, version
        ``pprl.result``, 1.
    run, agreement, recipient
        Run id, digest of the agreement, the agency it is for.
    parties
        All agencies, in the order of the agreement.
    tiers
        Names, the strongest first.
    pairs
        One for every other agency, in order.
    rows
        Number of rows.
    row_width
        Bytes of a row with the widest released attributes; without them in a row for review.
    """

    format: Literal["pprl.result"] = "pprl.result"
    version: Literal[1] = 1
    run: RunId
    agreement: Sha256
    recipient: PartyName
    parties: Annotated[
        tuple[PartyName, ...],
        Field(min_length=limits.MIN_AGENCIES, max_length=limits.MAX_AGENCIES),
    ]
    tiers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=limits.MAX_ITEMS)]
    pairs: Annotated[tuple[Pair, ...], Field(max_length=limits.MAX_AGENCIES - 1)]
    rows: NonNegative
    row_width: NonNegative

    @property
    def others(self) -> list[int]:
        """Places of the other agencies."""
        return [at for at, name in enumerate(self.parties) if name != self.recipient]

    def to_bytes(self) -> bytes:
        """Return the header as canonical JSON."""
        return canonical.dumps(self.model_dump())


@dataclass(frozen=True)
class ResultFile:
    """One agency's result.

    Attributes
    ----------
    header
        What it says about itself.
    table
        The columns of the module docstring; mapped when read from a file.
    """

    header: ResultHeader
    table: pa.Table

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the file; it appears whole or not at all. The same result, the same bytes."""
        schema = SCHEMA.with_metadata({METADATA_KEY: self.header.to_bytes()})
        table = self.table.replace_schema_metadata(schema.metadata)
        with (
            publish(path, force=force) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            # However the table is cut, the batches are whole.
            for start in range(0, len(table), _BATCH_ROWS):
                for batch in table.slice(start, _BATCH_ROWS).combine_chunks().to_batches():
                    writer.write_batch(batch)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        run: str,
        agreement: str,
        recipient: str,
        parties: Sequence[str],
        blobs: Mapping[str, int] = MappingProxyType({}),
    ) -> Self:
        """Map a result that the coordinator made. Checking takes some 150 bytes a row.

        Parameters
        ----------
        path
            The opened file, where nobody else writes.
        run, agreement, recipient, parties
            What its header has to say.
        blobs
            Sender -> bytes of every sealed attribute that the agreement lets travel to us.

        Raises
        ------
        PeerError
            It isn't a result, is another one's, or contradicts itself.
        InputError
            The file isn't there or can't be read.
        """
        data = _mapped(path)
        try:
            header, table = _read(data)
        except ArrowFileError as error:
            code = "result.compressed" if error.reason == "compressed" else "result.broken"
            raise PeerError(code) from None
        expected = {
            "run": run,
            "agreement": agreement,
            "recipient": recipient,
            "parties": tuple(parties),
        }
        for field, value in expected.items():
            if getattr(header, field) != value:
                raise PeerError("result.other", field=field)
        if header.row_width != row_width(blobs):
            raise PeerError("result.rows")
        _check_header(header)
        _check_rows(header, table)
        _check_blobs(header, table, blobs)
        return cls(header, table.replace_schema_metadata(None))


def _mapped(path: Path) -> pa.Buffer:
    try:
        with path.open("rb"):
            pass  # whether it may be read at all isn't its sender's fault
    except OSError:
        raise InputError("table.unreadable", path=str(path)) from None
    try:
        return pa.memory_map(str(path)).read_buffer()
    except (pa.ArrowException, OSError, ValueError):  # an empty file can't be mapped
        raise PeerError("result.broken") from None


def _read(data: pa.Buffer) -> tuple[ResultHeader, pa.Table]:
    schema, batches = read_file(data)
    metadata = schema.metadata or {}
    if not schema.equals(SCHEMA) or any(field.metadata for field in schema):
        raise PeerError("result.columns")
    if set(metadata) != {METADATA_KEY}:
        raise PeerError("result.header", where="[*]")
    header = _header(metadata[METADATA_KEY])
    if header.rows * ROW_WIDTH > data.size:
        raise PeerError("result.rows")
    return header, pa.Table.from_batches(list(_counted(batches, header.rows)), schema)


def _counted(batches: Iterator[pa.RecordBatch], expected: int) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        if not batch.num_rows or rows > expected:
            raise PeerError("result.rows")
        yield batch
    if rows != expected:
        raise PeerError("result.rows")


def _header(data: bytes) -> ResultHeader:
    value = canonical.loads(data, limit=limits.MAX_HEADER_BYTES)
    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise PeerError("result.version", known=VERSION)
    try:
        return ResultHeader.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        known = names_in(ResultHeader.model_json_schema())
        raise PeerError("result.header", where=place(first["loc"], known)) from None


def _check_header(header: ResultHeader) -> None:
    if header.recipient not in header.parties or len(set(header.parties)) != len(header.parties):
        raise PeerError("result.header", where="parties")
    if len(set(header.tiers)) != len(header.tiers):
        raise PeerError("result.header", where="tiers")
    if [pair.other for pair in header.pairs] != header.others:
        raise PeerError("result.header", where="pairs")
    for at, pair in enumerate(header.pairs, start=1):
        if not (pair.accept.keys() | pair.review.keys()) <= set(header.tiers):
            raise PeerError("result.header", where=f"pairs[{at}]")


def _check_rows(header: ResultHeader, table: pa.Table) -> None:
    for at, name in enumerate(COLUMNS, start=1):
        nulls = table.column(name).null_count
        if name == "family":
            if nulls != header.rows:
                raise PeerError("result.reserved", column=at)
        elif nulls and name != "attributes":
            raise PeerError("result.nulls", column=at)
    allowed = {
        "party": np.isin(numbers(table, "party"), header.others),
        "band": numbers(table, "band") < len(BANDS),
        "tier": numbers(table, "tier") < len(header.tiers),
        "precision": _is_share(numbers(table, "precision")),
        "similarity": _is_share(numbers(table, "similarity")),
    }
    for name, fine in allowed.items():
        _first("result.value", ~fine, column=COLUMNS.index(name) + 1)
    ids, groups = id_words(table, "id"), id_words(table, "group")
    party = numbers(table, "party").astype(np.uint64)
    _first("result.order", ~rising(np.column_stack([ids, party, groups])), offset=1)
    _check_matches(ids, groups, party, numbers(table, "band") == ACCEPT)


def _check_blobs(header: ResultHeader, table: pa.Table, blobs: Mapping[str, int]) -> None:
    """Refuse accepted rows without what their party releases, and others with anything."""
    widths = np.array([blobs.get(name, 0) for name in header.parties], dtype=np.int64)
    due = widths[numbers(table, "party").astype(np.int64)]
    due[numbers(table, "band") != ACCEPT] = 0
    column = table.column("attributes")
    lengths = np.asarray(pc.fill_null(pc.binary_length(column), 0)).astype(np.int64)
    missing = np.asarray(pc.is_null(column))
    _first("result.blob", (lengths != due) | (missing != (due == 0)))


def row_width(blobs: Mapping[str, int]) -> int:
    """Return the bytes of a row when attributes of these widths travel."""
    return int(ROW_WIDTH) + max(blobs.values(), default=0)


def _check_matches(ids: Words, groups: Words, party: Integers, accepted: Flags) -> None:
    """One match a record and party, or pairs for review; one number a match."""
    same = (ids[1:] == ids[:-1]).all(axis=1)
    both = same & (party[1:] == party[:-1])
    _first("result.contradiction", both & (accepted[1:] | accepted[:-1]), offset=1)
    rows = np.flatnonzero(accepted)
    same = (ids[rows[1:]] == ids[rows[:-1]]).all(axis=1)
    differ = (groups[rows[1:]] != groups[rows[:-1]]).any(axis=1)
    wrong = np.zeros(len(ids), dtype=np.bool_)
    wrong[rows[1:]] = same & differ
    # What is left is the first row of every match and every pair for review: no number twice.
    first = np.ones(len(ids), dtype=np.bool_)
    first[rows[1:]] = ~same
    kept = np.flatnonzero(first)
    order = kept[sorting(groups[kept, 0], groups[kept, 1])]
    wrong[order[1:]] |= (groups[order[1:]] == groups[order[:-1]]).all(axis=1)
    _first("result.contradiction", wrong)


def _first(code: str, wrong: Flags, *, offset: int = 0, **values: int) -> None:
    if wrong.any():
        raise PeerError(code, row=int(wrong.argmax()) + offset + 1, **values)


def _is_share(values: Integers) -> Flags:
    return (values >= UNKNOWN) & (values <= MILLION)


def numbers(table: pa.Table, name: str) -> Integers:
    """Return a column of numbers without nulls."""
    return np.asarray(table.column(name))


def raw_ids(table: pa.Table, name: str) -> Rows:
    """Return ``uint8 (rows, 16)``: ids or match numbers as they are."""
    chunks = [fixed_rows(each, ID_BYTES) for each in table.column(name).chunks]
    return np.concatenate([np.empty((0, ID_BYTES), dtype=np.uint8), *chunks])


def id_words(table: pa.Table, name: str) -> Words:
    """Return ``uint64 (rows, 2)``: ids or match numbers as words that sort as they do."""
    chunks = [words(fixed_rows(each, ID_BYTES)) for each in table.column(name).chunks]
    return np.concatenate([np.empty((0, 2), dtype=np.uint64), *chunks])
