"""Pseudo-IDs: what an agency's records are called in one run, and the way back, which stays home.

A pseudo-ID is 128 random bits, drawn for the run and never derived from data or a key. Records
leave sorted by pseudo-ID, which is the shuffle: neither a name nor a place in the file says which
record it is. :func:`check_encodings` is the other end: what a coordinator asks of encodings before
anything is compared. Own ids are in no error and in nothing that leaves. Spec: "Building blocks".

>>> import pyarrow as pa
>>> from pprl.encoded import EncodedSet, Header, table_schema
>>> header = Header(scheme="clk", bits=64, schema="ab" * 32, key_check="cd" * 8, records=2)
>>> table = pa.table([["ani", "budi"], [b"8 bytes.", None]], schema=table_schema(header, []))
>>> sent, kept = pseudonymise(EncodedSet(header, table), agreement="ef" * 32, party="dinkes",
...                           draw=lambda n: bytes(range(n, 0, -1)))
>>> sent.ids.to_pylist()
['100f0e0d0c0b0a090807060504030201', '201f1e1d1c1b1a191817161514131211']
>>> kept.ids.to_pylist(), kept.rows_of(hex_rows(sent.ids.chunk(0))).tolist()
(['ani', 'budi'], [1, 0])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from pprl.buffers import fixed_array, fixed_rows, raw_rows, valid
from pprl.encoded import METADATA_KEY, EncodedSet
from pprl.errors import ConfigError, LimitError
from pprl_protocols import canonical
from pprl_protocols.fields import NonNegative, Part, PartyName, Sha256
from pprl_protocols.id_rows import (
    ID_BYTES,
    ID_CHARACTERS,
    hex_ids,
    hex_rows,
    rising,
    sorting,
    strictly_ascending,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pprl.encoded import Header
    from pprl_protocols.id_rows import Integers, Places, Rows, Words

__all__ = [
    "ID_BYTES",
    "ID_CHARACTERS",
    "Pseudonyms",
    "drawn",
    "gathered",
    "hex_ids",
    "hex_rows",
    "pseudonymise",
    "rising",
    "shuffled",
]

_BATCH_ROWS = 1 << 20
_PIECE_ROWS = 1 << 18


class _Kept(Part):
    format: Literal["pprl.pseudonyms"] = "pprl.pseudonyms"
    version: Literal[1] = 1
    agreement: Sha256
    party: PartyName
    records: NonNegative


@dataclass(frozen=True)
class Pseudonyms:
    """The way back from pseudo-IDs to own records.

    Attributes
    ----------
    agreement, party
        Digest of the run's agreement; whose records they are.
    table
        ``pseudo`` fixed_size_binary(16), ``id`` string (own id), ``family`` int64 (number of the
        own family), ``card`` uint16 (256 and the tag of the family card, 0 for none); one row a
        record, in the order of the own file, so that the place of a row is the own row.
    """

    agreement: str
    party: str
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:  # own ids are shown nowhere by accident
        return f"Pseudonyms({self.party!r}, {len(self)} records)"

    @property
    def ids(self) -> pa.ChunkedArray:
        """Own ids, strings, in the order of the own file."""
        return self.table.column("id")

    @property
    def pseudo(self) -> Rows:
        """Pseudo-IDs in the order of the own file, ``uint8 (n, 16)``."""
        chunks = [fixed_rows(each, ID_BYTES) for each in self.table.column("pseudo").chunks]
        return np.concatenate([np.empty((0, ID_BYTES), np.uint8), *chunks])

    @property
    def families(self) -> Integers:
        """Numbers of the families of own records, ``int64 (n,)``."""
        return np.asarray(self.table.column("family"))

    @property
    def cards(self) -> Integers:
        """Tags of the family cards of own records, ``uint16 (n,)``."""
        return np.asarray(self.table.column("card"))

    def rows_of(self, pseudo: Rows) -> Places:
        """Find own records.

        Parameters
        ----------
        pseudo : uint8 (n, 16)
            Pseudo-IDs as bytes.

        Returns
        -------
        int64 (n,)
            The row in the own file; -1 for a pseudo-ID that isn't ours. One sort of what is asked,
            and own ones a piece at a time.
        """
        asked = words(pseudo)
        order = sorting(asked[:, 0], asked[:, 1])
        ordered = asked[order]
        starts = np.ones(len(order), dtype=np.bool_)
        starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        different = ordered[starts]
        owner = np.full(len(different), -1, dtype=np.int64)
        start = 0
        for chunk in self.table.column("pseudo").chunks:
            for at in range(0, len(chunk), _PIECE_ROWS):
                own = words(fixed_rows(chunk.slice(at, _PIECE_ROWS), ID_BYTES))
                here, found = _common(own, different)
                owner[found] = start + at + here
            start += len(chunk)
        rows = np.empty(len(order), dtype=np.int64)
        rows[order] = owner[np.cumsum(starts) - 1]
        return rows

    def write(self, stream: BinaryIO) -> None:
        """Write the table as an Arrow IPC stream, which needs no seeking."""
        kept = _Kept(agreement=self.agreement, party=self.party, records=len(self))
        schema = _SCHEMA.with_metadata({METADATA_KEY: canonical.dumps(kept.model_dump())})
        with pa.ipc.new_stream(stream, schema) as writer:
            for batch in self.table.to_batches(max_chunksize=_PIECE_ROWS):
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))

    @classmethod
    def read(cls, stream: BinaryIO) -> Self:
        """Read what :meth:`write` wrote, to the end of the stream.

        Raises
        ------
        ConfigError
            It is something else, or cut off.
        """
        try:
            with pa.ipc.open_stream(stream) as reader:
                table = reader.read_all()
            # The vault tells only at the very end that nothing is missing.
            rest = stream.read(1)
            kept = _Kept.model_validate_json((table.schema.metadata or {})[METADATA_KEY])
        except (pa.ArrowException, OSError, ValueError, KeyError, ValidationError):
            raise ConfigError("pseudonyms.damaged") from None
        table = table.replace_schema_metadata(None)
        if rest or table.schema != _SCHEMA or table.num_rows != kept.records:
            raise ConfigError("pseudonyms.damaged")
        return cls(kept.agreement, kept.party, table)


_SCHEMA = pa.schema(
    [
        pa.field("pseudo", pa.binary(ID_BYTES), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("family", pa.int64(), nullable=False),
        pa.field("card", pa.uint16(), nullable=False),
    ]
)


def pseudonymise(
    encoded: EncodedSet, *, agreement: str, party: str, draw: Callable[[int], bytes]
) -> tuple[EncodedSet, Pseudonyms]:
    """Put pseudo-IDs in the place of own ids, and sort by them.

    Parameters
    ----------
    encoded
        Own records under their own ids, which are unique.
    agreement, party
        Digest of the agreement and own name, for the header.
    draw
        Gives so many random bytes; called once, for 16 a record.

    Returns
    -------
    The set that leaves, without own ids, and the way back. About a second and one copy of the set
    for 1,000,000 records.

    Raises
    ------
    LimitError
        A pseudo-ID was drawn twice: the source of randomness is broken.
    """
    kept = drawn(encoded, agreement=agreement, party=party, draw=draw)
    header, batches = shuffled(encoded, kept)
    schema = encoded.table.schema.with_metadata({METADATA_KEY: header.to_bytes()})
    return EncodedSet(header, pa.Table.from_batches(list(batches), schema)), kept


def drawn(
    encoded: EncodedSet,
    *,
    agreement: str,
    party: str,
    draw: Callable[[int], bytes],
    family: Integers | None = None,
    card: Integers | None = None,
) -> Pseudonyms:
    """Draw a pseudo-ID for every record.

    Parameters
    ----------
    encoded, agreement, party, draw
        As for :func:`pseudonymise`.
    family, card
        Of the records, as :class:`pprl_protocols.release.Beside` has them; None: every record is
        a family of its own, and no card is known.
    """
    count = len(encoded)
    given = draw(count * ID_BYTES)
    if len(given) != count * ID_BYTES:
        message = "the source of randomness gave another number of bytes"
        raise ValueError(message)
    rows = np.frombuffer(given, dtype=np.uint8).reshape(count, ID_BYTES)
    families = np.arange(count) if family is None else family
    cards = np.zeros(count, dtype=np.uint16) if card is None else card
    columns = [pa.chunked_array([fixed_array(rows)]), encoded.ids, families, cards]
    own = pa.table(columns, schema=_SCHEMA)
    return Pseudonyms(agreement, party, own)


def shuffled(
    encoded: EncodedSet, pseudonyms: Pseudonyms
) -> tuple[Header, Iterator[pa.RecordBatch]]:
    """Return the records under their pseudo-IDs, sorted by them, a batch at a time.

    Up to 1,048,576 records come as one batch: a reader then maps the filters instead of copying
    them. Memory is a batch, and 24 bytes a record; the set may lie in a mapped file.

    Raises
    ------
    LimitError
        A pseudo-ID was drawn twice: the source of randomness is broken.
    """
    (chunk,) = pseudonyms.table.column("pseudo").chunks
    rows = fixed_rows(chunk, ID_BYTES)
    both = words(rows)
    order = sorting(both[:, 0], both[:, 1])
    if not strictly_ascending(both[order]):
        raise LimitError("pseudonyms.drawn_twice")
    header = encoded.header.model_copy(
        update={"agreement": pseudonyms.agreement, "party": pseudonyms.party}
    )
    schema = encoded.table.schema.with_metadata({METADATA_KEY: header.to_bytes()})
    return header, _batches(encoded.table, schema, rows, order)


def _batches(
    table: pa.Table, schema: pa.Schema, rows: Rows, order: Places
) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(order), _BATCH_ROWS):
        part = order[start : start + _BATCH_ROWS]
        # Chunk by chunk, and in the order of the file inside each.
        to = np.argsort(part)
        columns = [hex_ids(rows[part])]
        columns += [gathered(column, part[to], to) for column in table.columns[1:]]
        yield pa.record_batch(columns, schema=schema)


def gathered(column: pa.ChunkedArray, places: Places, to: Places) -> pa.Array:
    """Return the values of ascending places, the first of them at ``to[0]``, and so on.

    Arrow's ``take`` would join all chunks of the column first.
    """
    if not pa.types.is_fixed_size_binary(column.type):
        return column.take(pa.array(places)).combine_chunks().take(pa.array(np.argsort(to)))
    out = np.empty((len(places), column.type.byte_width), dtype=np.uint8)
    present = np.ones(len(places), dtype=np.bool_)
    start = 0
    for chunk in column.chunks:
        low, high = np.searchsorted(places, (start, start + len(chunk)))
        inside, target = places[low:high] - start, to[low:high]
        out[target] = raw_rows(chunk, out.shape[1])[inside]
        if chunk.null_count:
            present[target] = valid(chunk)[inside]
        start += len(chunk)
    if present.all():
        return fixed_array(out)
    out[~present] = 0
    return fixed_array(out, present)


def _common(own: Words, asked: Words) -> tuple[Places, Places]:
    """Return where own rows and ascending different ones are equal: places in either."""
    order = np.argsort(own[:, 0])  # neighbours ask for neighbours
    first, second = own[order, 0], own[order, 1]
    low, high = (np.searchsorted(asked[:, 0], first, side=side) for side in ("left", "right"))
    order, second, low, high = (each[low < high] for each in (order, second, low, high))
    end = high.copy()
    # Rows of one first word ascend by the second: bisection, all of them at once.
    while (still := np.flatnonzero(low < high)).size:
        middle = (low[still] + high[still]) // 2
        less = asked[middle, 1] < second[still]
        low[still[less]] = middle[less] + 1
        high[still[~less]] = middle[~less]
    same = low < end
    same[same] = asked[low[same], 1] == second[same]
    return order[same], low[same]
