"""Run an encoder over a whole register and keep what comes out.

Chunks go through worker threads (the compiled parts release the GIL) and come out in file order,
so the bytes don't depend on the number of threads. Encoded chunks wait in memory, beyond a bound
in a temporary file beside the result; only then is it known which tokens are too common and
whether ids repeat, and the result is written. Ids wait in memory, always: nothing but encodings
ever touches the disk.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from pprl.buffers import fixed_array, fixed_rows, valid
from pprl.encode.tokens import too_common
from pprl.encoded import (
    BLOCK,
    BLOCK_BYTES,
    METADATA_KEY,
    TOKEN_BYTES,
    EncodedSet,
    write_batches,
)
from pprl.errors import InputError
from pprl.io.atomic import publish
from pprl.io.clkfile import write_clk_batches
from pprl.io.rows import RowNumbers
from pprl.limits import available_threads
from pprl.repeats import hash_strings, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from pprl.encode.encoder import Encoder
    from pprl.encoded import Header
    from pprl.io.source import Batch, Source

MEMORY_BYTES = 1 << 30
_FIRST_TOKEN = 2  # columns before it: id, filter


@dataclass(frozen=True)
class Summary:
    """What happened, in numbers.

    Attributes
    ----------
    records
        Records encoded.
    tokens
        Kind -> records that carry a token of it.
    dropped
        Kind -> records whose token was dropped because too many records share it.
    empty
        Records with nothing to compare: no bit set in the filter.
    unlisted
        Column that tables are counted by -> records whose value wasn't agreed on; in a run.
    blocks, largest_block
        Blocking pass -> records that are in a block, and records in its largest one.
    """

    records: int
    tokens: Mapping[str, int]
    dropped: Mapping[str, int]
    empty: int
    unlisted: Mapping[str, int] = field(default_factory=dict)
    blocks: Mapping[str, int] = field(default_factory=dict)
    largest_block: Mapping[str, int] = field(default_factory=dict)


def encode_table(
    encoder: Encoder,
    source: Source,
    *,
    folder: Path | None = None,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[EncodedSet, Summary]:
    """Encode a register into memory; what goes beyond a bound waits in a file.

    Parameters
    ----------
    encoder, source
        What to do, with what.
    folder
        Where that file lies; the system's for temporary files when not given.
    threads
        Worker threads; None: one per core.
    progress
        Called with the records done so far and, where it can be told, about how many there are.

    Raises
    ------
    InputError
        The file is damaged, a value isn't allowed, or ids are missing or repeat.
    """
    with _Spool(encoder.arrow_schema, folder) as spool:
        register, header = _encode(encoder, source, spool, threads, progress)
        common = register.too_common()
        metadata = {METADATA_KEY: header.to_bytes()}
        batches = [
            _without(batch, common).replace_schema_metadata(metadata) for batch in spool.batches()
        ]
        table = pa.Table.from_batches(batches, encoder.arrow_schema.with_metadata(metadata))
    return EncodedSet(header, table), register.summary(common)


def encode_file(
    encoder: Encoder,
    source: Source,
    out: Path,
    *,
    force: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Summary:
    """Encode a register into an Arrow file, or a clkhash file when its name ends in ``.json``.

    Parameters and errors as for :func:`encode_table`; and

    Raises
    ------
    ConfigError
        ``out`` exists and ``force`` isn't given, is the input, or its folder is missing.
    """
    with (
        publish(out, force=force, inputs=[source.path]) as temporary,
        _Spool(encoder.arrow_schema, out.parent) as spool,
    ):
        register, header = _encode(encoder, source, spool, threads, progress)
        common = register.too_common()
        if out.suffix.lower() == ".json":
            write_clk_batches(temporary, header, spool.batches())
        else:
            batches = (_without(batch, common) for batch in spool.batches())
            write_batches(temporary, header, encoder.arrow_schema, batches)
        return register.summary(common)


def _encode(
    encoder: Encoder,
    source: Source,
    spool: _Spool,
    threads: int | None,
    progress: Callable[[int, int | None], None] | None,
) -> tuple[_Register, Header]:
    register = _Register(encoder.arrow_schema)
    for batch, encoded in _in_order(encoder, source, threads or available_threads()):
        register.add(batch, encoded)
        spool.add(encoded)
        if progress:
            progress(register.records, register.expected)
    register.refuse_repeated_ids(spool)
    return register, encoder.header.model_copy(update={"records": register.records})


def _in_order(
    encoder: Encoder, source: Source, threads: int
) -> Iterator[tuple[Batch, pa.RecordBatch]]:
    """Encode chunks on threads, a few ahead, and yield them in file order."""
    waiting: deque[tuple[Batch, Future[pa.RecordBatch]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="encode") as pool:
        try:
            for batch in source.batches(encoder.file_columns):
                waiting.append((batch, pool.submit(encoder.encode, batch)))
                if len(waiting) > threads:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


class _Spool:
    """Encoded chunks in order: in memory up to a bound, then in a file; ids in memory."""

    def __init__(self, schema: pa.Schema, folder: Path | None) -> None:
        self._schema = schema
        self._folder = folder
        self._memory: list[pa.RecordBatch] = []
        self._ids: list[pa.Array] = []  # of the chunks in the file
        self._bytes = 0
        self._sink: pa.OSFile | None = None
        self._writer: pa.RecordBatchFileWriter | None = None
        self._path: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sink is not None:
            self._sink.close()
        if self._path is not None:
            # What is still mapped stays readable.
            self._path.unlink(missing_ok=True)

    def add(self, batch: pa.RecordBatch) -> None:
        if self._writer is None and self._bytes + batch.nbytes <= MEMORY_BYTES:
            self._memory.append(batch)
            self._bytes += batch.nbytes
            return
        if self._writer is None:
            handle, name = tempfile.mkstemp(prefix=".pprl-", dir=self._folder)
            os.close(handle)
            self._path = Path(name)
            self._sink = pa.OSFile(name, "wb")
            self._writer = pa.ipc.new_file(self._sink, self._schema.remove(0))
        self._ids.append(batch.column(0))
        self._writer.write_batch(batch.remove_column(0))

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._memory
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.close()
            reader = pa.ipc.open_file(pa.memory_map(str(self._path)))
            for place, ids in enumerate(self._ids):
                yield reader.get_batch(place).add_column(0, self._schema.field(0), ids)


class _Register:
    """What has to be known of the whole file: ids, token multiplicities, counts."""

    def __init__(self, schema: pa.Schema) -> None:
        self._rows = RowNumbers()
        keyed = [name.partition(".") for name in schema.names[_FIRST_TOKEN:]]
        self._kinds = [name for prefix, dot, name in keyed if prefix + dot != BLOCK]
        self._passes = [name for prefix, dot, name in keyed if prefix + dot == BLOCK]
        self._first_block = _FIRST_TOKEN + len(self._kinds)
        self._seed = np.uint64(secrets.randbits(64))
        self._ids: list[npt.NDArray[np.uint64]] = []
        self._heads: list[list[npt.NDArray[np.uint64]]] = [[] for _ in self._kinds]
        self._blocks: list[list[npt.NDArray[np.uint64]]] = [[] for _ in self._passes]
        self._empty = 0

    @property
    def records(self) -> int:
        return self._rows.records

    @property
    def expected(self) -> int | None:
        return self._rows.expected

    def add(self, batch: Batch, encoded: pa.RecordBatch) -> None:
        self._rows.add(batch)
        self._ids.append(hash_strings(encoded.column(0), self._seed))
        for place, heads in enumerate(self._heads, start=_FIRST_TOKEN):
            column = encoded.column(place)
            heads.append(_heads(column)[valid(column)])
        for place, blocks in enumerate(self._blocks, start=self._first_block):
            column = encoded.column(place)
            values = fixed_rows(column, BLOCK_BYTES).view(np.uint64)[:, 0]
            blocks.append(values[valid(column)])
        width = encoded.schema.field(1).type.byte_width
        words = fixed_rows(encoded.column(1), width).view(np.uint64)
        self._empty += int((~words.any(axis=1)).sum())

    def refuse_repeated_ids(self, spool: _Spool) -> None:
        """Raise for the first id that occurs twice."""
        hashes = np.concatenate(self._ids) if self._ids else np.zeros(0, dtype=np.uint64)
        suspects = repeated(hashes)
        if not len(suspects):
            return
        places = np.flatnonzero(np.isin(hashes, suspects))
        seen: dict[str, int] = {}
        first: tuple[int, int] | None = None
        count = 0
        for place, text in zip(places.tolist(), _ids_at(spool, places), strict=True):
            if text in seen:
                count += 1
                first = first or (seen[text], place)
            else:
                seen[text] = place
        if first:
            earlier, later = (self._rows.number(place) for place in first)
            raise InputError("id.repeated", row=later, earlier=earlier, count=count)

    def too_common(self) -> dict[int, npt.NDArray[np.uint64]]:
        """Return column -> heads of tokens to drop."""
        return {
            place: found
            for place, heads in enumerate(self._heads, start=_FIRST_TOKEN)
            if heads and len(found := too_common(np.concatenate(heads)))
        }

    def summary(self, common: Mapping[int, npt.NDArray[np.uint64]]) -> Summary:
        tokens, dropped = {}, {}
        for place, (kind, heads) in enumerate(
            zip(self._kinds, self._heads, strict=True), start=_FIRST_TOKEN
        ):
            total = sum(len(part) for part in heads)
            lost = 0
            if place in common:
                lost = sum(int(np.isin(part, common[place]).sum()) for part in heads)
            tokens[kind], dropped[kind] = total - lost, lost
        blocks, largest = {}, {}
        for name, parts in zip(self._passes, self._blocks, strict=True):
            blocks[name] = sum(map(len, parts))
            values = np.concatenate([np.empty(0, np.uint64), *parts])
            largest[name] = int(np.unique(values, return_counts=True)[1].max(initial=0))
        return Summary(
            self.records,
            tokens,
            dropped,
            self._empty,
            blocks=blocks,
            largest_block=largest,
        )


def _ids_at(spool: _Spool, places: npt.NDArray[np.int64]) -> Iterator[str]:
    start = 0
    for batch in spool.batches():
        inside = places[(places >= start) & (places < start + batch.num_rows)] - start
        yield from batch.column(0).take(pa.array(inside)).to_pylist()
        start += batch.num_rows


def _heads(tokens: pa.Array) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(fixed_rows(tokens, TOKEN_BYTES)[:, :8]).view(np.uint64)[:, 0]


def _without(batch: pa.RecordBatch, common: Mapping[int, npt.NDArray[np.uint64]]) -> pa.RecordBatch:
    """Return the chunk with its too common tokens made null."""
    for place, heads in common.items():
        column = batch.column(place)
        lost = np.isin(_heads(column), heads)
        if lost.any():
            kept = valid(column) & ~lost
            rows = fixed_rows(column, TOKEN_BYTES).copy()
            rows[~kept] = 0
            field = batch.schema.field(place)
            batch = batch.set_column(place, field, fixed_array(rows, kept))
    return batch
