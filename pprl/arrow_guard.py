"""Arrow IPC files of strangers, read so that they can't hurt.

Arrow's reader of files follows a footer, whose places and lengths are whatever somebody wrote, and
unpacks a compressed batch before anybody can say no. Here a file is read message by message from
its beginning: the first is a schema, all others are record batches, none is compressed, none has a
long head, and every batch is validated in full before it is handed on. The footer is never read;
only that the file ends as one does is checked.

Nothing is copied: batches are views of the buffer that is given. What columns and values mean is
the caller's to check. Everything that is wrong is an :class:`ArrowFileError`.

>>> schema = pa.schema([pa.field("id", pa.string())])
>>> sink = pa.BufferOutputStream()
>>> with pa.ipc.new_file(sink, schema) as writer:
...     writer.write_batch(pa.record_batch([["a", "b"]], schema=schema))
>>> found, batches = read_file(sink.getvalue())
>>> found.names, [len(batch) for batch in batches]
(['id'], [2])
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

Reason: TypeAlias = Literal["broken", "compressed"]

MAX_MESSAGE_BYTES = 1 << 20
"""Of the head of one message: names, metadata, lengths; never values."""
MAX_BATCHES = 100_000

_MAGIC = b"ARROW1"
_START = len(_MAGIC) + 2
_OFFSET_BYTES = 4
# Places in the tables of Arrow's Message.fbs.
_MESSAGE_HEADER, _BATCH_COMPRESSION = 2, 3


class ArrowFileError(Exception):
    """A file that isn't read.

    Attributes
    ----------
    reason
        ``broken``: it isn't a whole Arrow file of the plain kind. ``compressed``: it would have to
        be unpacked.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def read_file(data: pa.Buffer) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Read an Arrow IPC file that lies in a buffer.

    Parameters
    ----------
    data
        All of it; a mapped file stays mapped.

    Returns
    -------
    schema
        With its metadata.
    batches
        Each is checked when it is asked for: bounds, offsets, UTF-8 (one pass over text).

    Raises
    ------
    ArrowFileError
        Here, or while batches are asked for.
    """
    messages = _messages(data)
    first = next(messages, None)
    # Arrow's reader of schemas trusts that it is given one.
    if first is None or first.type != "schema":
        raise ArrowFileError("broken")
    try:
        schema = pa.ipc.read_schema(first)
        _ = schema.names  # a name that isn't UTF-8 shows only when it is asked for
    except (pa.ArrowException, OSError, ValueError):
        raise ArrowFileError("broken") from None
    return schema, _batches(messages, schema)


def _messages(data: pa.Buffer) -> Iterator[pa.ipc.Message]:
    head, tail = data[:_START].to_pybytes(), data[max(data.size - len(_MAGIC), 0) :].to_pybytes()
    if head != _MAGIC + bytes(2) or tail != _MAGIC:
        raise ArrowFileError("broken")
    try:
        reader = pa.ipc.MessageReader.open_stream(data.slice(_START))
        for count, message in enumerate(reader):
            if count > MAX_BATCHES or message.metadata.size > MAX_MESSAGE_BYTES:
                raise ArrowFileError("broken")
            yield message
    except (pa.ArrowException, OSError, ValueError):
        raise ArrowFileError("broken") from None


def _batches(messages: Iterator[pa.ipc.Message], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for message in messages:
        try:
            if message.type != "record batch":
                raise ArrowFileError("broken")
            # Asked before Arrow reads the batch: a few bytes may unpack into gigabytes.
            if _compressed(message.metadata.to_pybytes()):
                raise ArrowFileError("compressed")
            batch = pa.ipc.read_record_batch(message, schema)
            batch.validate(full=True)
        except (pa.ArrowException, OSError, ValueError, struct.error):
            raise ArrowFileError("broken") from None
        if not all(map(_whole_offsets, batch.columns)):
            raise ArrowFileError("broken")
        yield batch


def _compressed(message: bytes) -> bool:
    """Whether the metadata of a record batch, which Arrow has verified, names a compression."""
    root: int = struct.unpack_from("<I", message)[0]
    at = _slot(message, root, _MESSAGE_HEADER)
    batch: int = at + struct.unpack_from("<I", message, at)[0]
    return _slot(message, batch, _BATCH_COMPRESSION) != batch


def _slot(message: bytes, table: int, number: int) -> int:
    """Return where a FlatBuffers table has its field; the table's own place when it has none."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    entry = 4 + 2 * number
    if entry >= struct.unpack_from("<H", message, vtable)[0]:
        return table
    offset: int = struct.unpack_from("<H", message, vtable + entry)[0]
    return table + offset


def _whole_offsets(column: pa.Array) -> bool:
    """Whether no buffer of offsets ends inside one, which Arrow allows and NumPy can't view."""
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        return True
    offsets = column.buffers()[1]
    return offsets is None or offsets.size % _OFFSET_BYTES == 0
