"""EncodedSet: one register after encoding, the file that everything downstream works on.

An EncodedSet is an Arrow IPC file, uncompressed and memory-mapped on reading. Its schema metadata
holds one canonical JSON header; its columns are, in this order (format version 1):

=================  ==========================  ===================================================
column             type                        what it is
=================  ==========================  ===================================================
``id``             string                      the record's id: own (laboratory) or pseudo (runs)
``filter``         fixed_size_binary(bytes)    the bit filter, bit 0 = top bit of byte 0, zero
                                               bits appended up to a multiple of 64; null: none
``token.KIND``     fixed_size_binary(16)       exact keyed token, null when the record has none
``block.PASS``     fixed_size_binary(8)        keyed block token, null when the record is in none
``stratum.NAME``   string                      agreed value that tables are counted by
``sealed.PARTY``   fixed_size_binary           sealed attributes for one recipient, of the
                                               agreed width
=================  ==========================  ===================================================

It never holds a NIK, a name or a key, and it never compares: see :mod:`pprl.link`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
import pyarrow as pa
import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pprl.arrow_guard import ArrowFileError, read_file
from pprl.buffers import fixed_rows, raw_rows, valid
from pprl.compare.filters import Filters
from pprl.errors import InputError, PeerError
from pprl.io.atomic import publish

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VERSION = 1
TOKEN_BYTES = 16
BLOCK_BYTES = 8
_TOKEN = "token."  # noqa: S105 - a column prefix
BLOCK = "block."
STRATUM = "stratum."
SEALED = "sealed."
_OTHERS = {
    BLOCK: pa.binary(BLOCK_BYTES),
    STRATUM: pa.string(),
}
METADATA_KEY = b"pprl"
_MAX_HEADER_BYTES = 65_536
_MAX_COLUMNS = 256

Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]


class Header(BaseModel):
    """What a set says about itself; two sets are comparable when these agree.

    Attributes
    ----------
    format, version
        ``pprl.encoded``, 1.
    scheme
        ``clk``: Bloom filters; ``hardened``: XOR of majorities; ``tokens``: no filter.
    bits
        Length of a filter in bits.
    kappa
        Hash families of a hardened filter, which its similarity depends on; None for others.
    schema_digest
        Of the schema; None when the file doesn't say (clkhash's JSON).
    key_check
        Differs when the key differs; None when the file doesn't say.
    agreement, party
        Digest of the agreement and name of the party; None outside a run.
    records
        Number of records.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal["pprl.encoded"] = "pprl.encoded"
    version: Literal[1] = 1
    scheme: Literal["clk", "hardened", "tokens"]
    bits: Annotated[int, Field(ge=1, le=65_536)]
    kappa: Annotated[int, Field(ge=1, le=64)] | None = None
    schema_digest: Hex | None = Field(alias="schema")
    key_check: Hex | None
    agreement: Hex | None = None
    party: Annotated[str, Field(max_length=100)] | None = None
    records: Annotated[int, Field(ge=0, le=2**40)]

    @property
    def filter_bytes(self) -> int:
        """Width of a filter in the file: whole 64-bit words."""
        return (self.bits + 63) // 64 * 8

    def to_bytes(self) -> bytes:
        """Return the header as canonical JSON (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(by_alias=True))

    @classmethod
    def from_bytes(cls, data: bytes, *, path: str) -> Self:
        """Read a header that somebody else wrote.

        Raises
        ------
        PeerError
            Not a header, or one of a newer version.
        """
        if len(data) > _MAX_HEADER_BYTES:
            raise PeerError("encoded.broken", path=path, problem="the header is too long")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            if first["loc"] == ("version",):
                raise PeerError("encoded.version", path=path, known=VERSION) from None
            # A name that we don't know is somebody else's text: it isn't repeated.
            known = {field.alias or name for name, field in cls.model_fields.items()}
            where = next((str(part) for part in first["loc"] if part in known), "")
            problem = f"header {where}".rstrip()
            raise PeerError("encoded.broken", path=path, problem=problem) from None


@dataclass(frozen=True)
class EncodedSet:
    """Encoded records of one party.

    Attributes
    ----------
    header
        What the set says about itself.
    table
        The columns of the module docstring; memory-mapped when read from a file.
    """

    header: Header
    table: pa.Table

    def __len__(self) -> int:
        return self.header.records

    @property
    def ids(self) -> pa.ChunkedArray:
        """The records' ids, strings."""
        return self.table.column("id")

    @property
    def token_kinds(self) -> tuple[str, ...]:
        """Kinds of exact tokens, in the order in which the schema tries them."""
        return tuple(
            name.removeprefix(_TOKEN) for name in self.table.schema.names if name.startswith(_TOKEN)
        )

    def token_column(self, kind: str) -> pa.ChunkedArray:
        """Return the tokens of one kind, ``fixed_size_binary(16)``, null where there is none."""
        return self.table.column(_TOKEN + kind)

    @property
    def block_passes(self) -> tuple[str, ...]:
        """Names of the blocking passes, in the order of the schema."""
        return tuple(
            name.removeprefix(BLOCK) for name in self.table.schema.names if name.startswith(BLOCK)
        )

    def block_column(self, name: str) -> pa.ChunkedArray:
        """Return the blocks of one pass, ``fixed_size_binary(8)``, null where there is none."""
        return self.table.column(BLOCK + name)

    def filters(self) -> Filters:
        """Return all filters, where they lie: views of the mapped file, nothing copied."""
        column = self.table.column("filter")
        width = self.header.filter_bytes
        words = [raw_rows(chunk, width).view(np.uint64) for chunk in column.chunks]
        present = [valid(chunk) if chunk.null_count else None for chunk in column.chunks]
        return Filters(words or [np.empty((0, width // 8), dtype=np.uint64)], present)

    def filter_words(self) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
        """Return all filters as ``uint64 (records, words)``, zeros where a record has none.

        A view of the mapped file when it has one batch, a copy otherwise: for small sets, see
        :meth:`filters`. Bit order inside a word is the machine's, which popcounts don't see.
        """
        width = self.header.filter_bytes
        chunks = [
            fixed_rows(chunk, width).view(np.uint64) for chunk in self.table.column("filter").chunks
        ]
        if len(chunks) == 1:
            return chunks[0]
        empty = np.empty((0, width // 8), dtype=np.uint64)
        return np.concatenate(chunks) if chunks else empty

    def has_filter(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return ``bool (records,)``: whether a record has a filter."""
        return valid(self.table.column("filter"))

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the set; the file appears whole or not at all."""
        with publish(path, force=force) as temporary:
            write_batches(temporary, self.header, self.table.schema, self.table.to_batches())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a set from a file: Arrow, or clkhash's JSON when the name ends in ``.json``.

        Raises
        ------
        InputError
            No such file, or one that may not be read.
        PeerError
            Not an EncodedSet, broken, or of a newer version.
        """
        try:
            if not path.is_file():
                raise InputError("encoded.missing", path=str(path))
            with path.open("rb"):
                pass  # whether it may be read at all isn't its sender's fault
        except OSError:
            raise InputError("table.unreadable", path=str(path)) from None
        if path.suffix.lower() == ".json":
            from pprl.io.clkfile import read_clks  # noqa: PLC0415 - it builds on this module

            header, table = read_clks(path)
            return cls(header, table)
        return cls(*_map(path))


def table_schema(
    header: Header,
    token_kinds: Iterable[str],
    others: Iterable[pa.Field] = (),
    *,
    block_passes: Iterable[str] = (),
) -> pa.Schema:
    """Return the Arrow schema of a set, its header inside."""
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("filter", pa.binary(header.filter_bytes)),
        *(pa.field(_TOKEN + kind, pa.binary(TOKEN_BYTES)) for kind in token_kinds),
        *(pa.field(BLOCK + name, pa.binary(BLOCK_BYTES)) for name in block_passes),
        *others,
    ]
    return pa.schema(fields, metadata={METADATA_KEY: header.to_bytes()})


def write_batches(
    path: Path, header: Header, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> None:
    """Stream batches into an Arrow IPC file with ``header``. Not atomic: see ``publish``."""
    schema = schema.with_metadata({METADATA_KEY: header.to_bytes()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def _map(path: Path) -> tuple[Header, pa.Table]:
    name = str(path)
    try:
        data = pa.memory_map(name).read_buffer()
    except (pa.ArrowException, OSError, ValueError):  # an empty file can't be mapped
        raise _broken(name, "not a whole Arrow file") from None
    try:
        schema, batches = read_file(data)
        metadata = schema.metadata or {}
        if METADATA_KEY not in metadata:
            raise _broken(name, "it has no header")
        header = Header.from_bytes(metadata[METADATA_KEY], path=name)
        # Before any batch: what was refused by its columns isn't read.
        _check_columns(header, schema, name)
        table = pa.Table.from_batches(list(batches), schema)
    except ArrowFileError as error:
        compressed = error.reason == "compressed"
        problem = "it is compressed" if compressed else "not a whole Arrow file"
        raise _broken(name, problem) from None
    if table.num_rows != header.records:
        problem = f"the header says {header.records} records, the file has {table.num_rows}"
        raise _broken(name, problem)
    if table.column("id").null_count:
        raise _broken(name, "a record without an id")
    return header, table


def _check_columns(header: Header, schema: pa.Schema, path: str) -> None:
    if len(schema.names) > _MAX_COLUMNS or len(set(schema.names)) != len(schema.names):
        raise _broken(path, "too many or repeated columns")
    expected = {"id": pa.string(), "filter": pa.binary(header.filter_bytes)}
    if schema.names[:2] != ["id", "filter"]:
        raise _broken(path, "the columns id and filter")
    kinds = {_TOKEN: pa.binary(TOKEN_BYTES), **_OTHERS}
    for place, field in enumerate(schema):
        wanted = expected.get(field.name) or next(
            (kinds[prefix] for prefix in kinds if field.name.startswith(prefix)), None
        )
        sealed = field.name.startswith(SEALED) and pa.types.is_fixed_size_binary(field.type)
        if not sealed and (wanted is None or field.type != wanted):
            raise _broken(path, f"column {place + 1}")


def _broken(path: str, problem: str) -> PeerError:
    return PeerError("encoded.broken", path=path, problem=problem)
