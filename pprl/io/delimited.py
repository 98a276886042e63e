r"""CSV files: delimiter and encoding found out, every row accounted for.

The bytes pass three hands: :mod:`pprl.io.encoding` makes them UTF-8, :mod:`pprl.io.scan` finds
the records and refuses anything malformed with its row, and ``pyarrow.csv`` makes text columns
of the blocks of whole records that got this far. Memory is one batch, whatever the file's size.
It never repairs a row and never guesses past a contradiction.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "krs.csv"
...     _ = path.write_bytes(b"nama;jk\nSITI;P\nBUDI\n")
...     try:
...         list(DelimitedSource(path).batches(["nama"]))
...     except InputError as error:
...         error.code, error.values["row"]
('table.ragged', 3)
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from pprl.errors import ConfigError, InputError
from pprl.io import scan
from pprl.io.encoding import Utf8Reader
from pprl.io.header import clean_name, named_columns
from pprl.io.source import BATCH_ROWS, Batch, Note, find_columns

DELIMITERS = (",", ";", "\t", "|")
_SPOKEN = {"tab": "\t", "\\t": "\t"}
_SAMPLE_BYTES = 1 << 18
_SAMPLE_RECORDS = 100
_READ_BYTES = 1 << 20
_LONGEST_RECORD = 1 << 24
_LARGEST_BLOCK = 1 << 28
_SEPARATOR_LINE = re.compile(rb"sep=([,;\t|])\r?\n", re.IGNORECASE)

_ERRORS = {
    scan.UNCLOSED_QUOTE: "table.unclosed_quote",
    scan.TEXT_AFTER_QUOTE: "table.text_after_quote",
    scan.STRAY_QUOTE: "table.stray_quote",
    scan.NUL_BYTE: "table.nul_byte",
}


class _Block(NamedTuple):
    """Whole records: their bytes, int64 row numbers (n,), and how much of the file is read."""

    data: NDArray[np.uint8]
    rows: NDArray[np.int64]
    share: float


class DelimitedSource:
    """A CSV file (see :class:`pprl.io.source.Source`).

    Parameters
    ----------
    path
        The file.
    encoding
        As Python names it; found out when not given.
    delimiter
        One character, or "tab"; found out when not given.

    Raises
    ------
    InputError
        No header, nothing below it, or a malformed first row.
    ConfigError
        An unknown encoding, or a delimiter that can't be one.
    """

    def __init__(
        self, path: Path, *, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        self.path = path
        self._encoding = encoding
        self._notes: tuple[Note, ...] = ()
        with _opened(path) as file:
            reader = Utf8Reader(file, encoding)
            sample = self._read(reader, _SAMPLE_BYTES)
            final = not self._read(reader, 1) and not reader.broken
            broken_as = reader.encoding if reader.broken else None
        directive = _SEPARATOR_LINE.match(sample)
        self._skip = directive.end() if directive else 0
        self._first_row = 2 if directive else 1
        if directive and delimiter is None:
            delimiter = directive[1].decode()
        self.delimiter = _one_character(delimiter) if delimiter else _sniff(sample, final=final)
        self._classes = scan.byte_classes(self.delimiter)
        names = self._read_header(bytearray(sample), broken_as, final=final)
        self._n_columns = len(names)
        self.columns, self._positions = named_columns(path, names, self._first_row - 1)

    @property
    def notes(self) -> tuple[Note, ...]:
        """How the file was read; complete once :meth:`batches` is exhausted."""
        return self._notes

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield batches (see :meth:`pprl.io.source.Source.batches`)."""
        wanted = [self._positions[i] for i in find_columns(self.path, self.columns, columns)]
        for block in self._blocks(batch_rows):
            table = self._parse(block, columns, wanted)
            first, last = int(block.rows[0]), int(block.rows[-1])
            gapless = last - first + 1 == len(block.rows)
            yield Batch(table, first, None if gapless else block.rows, block.share)

    def _read_header(self, sample: bytearray, broken_as: str | None, *, final: bool) -> list[str]:
        """Take the first record as the header; move the start of the data behind it."""
        buffer = np.frombuffer(sample, dtype=np.uint8)
        row = np.zeros(1, dtype=np.int64)
        original = bytes(sample)
        found = scan.find_records(buffer, self._skip, len(sample), final, self._classes, 0, row)
        if found.error != scan.FINE:
            raise self._malformed(found, self._first_row)
        if found.records == 0 and broken_as is not None:
            raise self._not_in(broken_as, self._first_row)
        if found.records == 0:
            code = "table.empty" if final else "table.row_too_long"
            raise InputError(code, path=str(self.path), row=self._first_row)
        header = original[self._skip : found.position].decode().strip("\r\n")
        cells = next(csv.reader(io.StringIO(header, newline=""), delimiter=self.delimiter))
        self._skip = found.position
        self._first_row += found.rows
        below = scan.find_records(buffer, found.position, len(sample), final, self._classes, 0, row)
        if final and below.error == scan.FINE and below.records == 0:
            raise InputError("table.header_only", path=str(self.path))
        return [clean_name(cell) for cell in cells]

    def _blocks(self, batch_rows: int) -> Iterator[_Block]:
        with _opened(self.path) as file:
            reader = Utf8Reader(file, self._encoding)
            size = max(1, self.path.stat().st_size)
            buffer = np.empty(4 * _READ_BYTES, dtype=np.uint8)
            # buffer[begin:position] are whole records, buffer[position:filled] not yet.
            begin = position = filled = 0
            to_skip = self._skip
            row, total, empty = self._first_row, 0, 0
            rows = np.empty(batch_rows, dtype=np.int64)
            n_records = 0
            final = False
            while True:
                found = scan.find_records(
                    buffer,
                    position,
                    filled,
                    final,
                    self._classes,
                    self._n_columns,
                    rows[n_records:],
                )
                rows[n_records : n_records + found.records] += row
                n_records += found.records
                row += found.rows
                position = found.position
                empty += found.empty
                if found.error != scan.FINE:
                    raise self._malformed(found, row)
                if n_records and (
                    final or n_records == batch_rows or position - begin > _LARGEST_BLOCK
                ):
                    share = 1.0 if final else min(1.0, file.tell() / size)
                    yield _Block(buffer[begin:position], rows[:n_records].copy(), share)
                    total += n_records
                    begin, n_records = position, 0
                    continue
                if final:
                    break
                if filled - position > _LONGEST_RECORD:
                    raise InputError("table.row_too_long", path=str(self.path), row=row)
                piece = self._read(reader, _READ_BYTES)
                if not piece and reader.broken:
                    raise self._not_in(reader.encoding, row)
                final = not piece
                to_skip, piece = max(0, to_skip - len(piece)), piece[to_skip:]
                buffer = _appended(buffer, begin, filled, piece)
                position, filled, begin = position - begin, filled - begin + len(piece), 0
            self._note(reader.encoding, empty)
            if total == 0:
                raise InputError("table.header_only", path=str(self.path))

    def _read(self, reader: Utf8Reader, size: int) -> bytes:
        try:
            return reader.read(size)
        except OSError:
            raise InputError("table.unreadable", path=str(self.path)) from None

    def _parse(self, block: _Block, columns: Sequence[str], wanted: list[int]) -> pa.RecordBatch:
        included = sorted(set(wanted))
        try:
            parsed = pyarrow.csv.read_csv(
                pa.BufferReader(pa.py_buffer(block.data)),
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=block.data.size + 1,
                    column_names=[str(i) for i in range(self._n_columns)],
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={str(i): pa.string() for i in included},
                    include_columns=[str(i) for i in included],
                    null_values=[""],
                    strings_can_be_null=True,
                    check_utf8=False,  # pprl.io.encoding did
                ),
            ).to_batches()
        except pa.ArrowInvalid:
            parsed = []  # its message holds the row
        if [batch.num_rows for batch in parsed] != [len(block.rows)]:
            raise InputError(
                "table.unparsable",
                path=str(self.path),
                row=int(block.rows[0]),
                last=int(block.rows[-1]),
            )
        arrays = [parsed[0].column(included.index(i)) for i in wanted]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _malformed(self, found: scan.Records, row: int) -> InputError:
        if found.error == scan.RAGGED:
            return InputError(
                "table.ragged",
                path=str(self.path),
                row=row,
                expected=self._n_columns,
                found=found.fields,
            )
        return InputError(_ERRORS[found.error], path=str(self.path), row=row)

    def _not_in(self, encoding: str, row: int) -> InputError:
        return InputError("table.encoding", path=str(self.path), row=row, encoding=encoding.upper())

    def _note(self, encoding: str, empty: int) -> None:
        name = "TAB" if self.delimiter == "\t" else self.delimiter
        notes = [Note("table.note_format", {"delimiter": name, "encoding": encoding.upper()})]
        if empty:
            notes.append(Note("table.note_empty_rows", {"rows": empty}))
        if self._n_columns > len(self.columns):
            unnamed = self._n_columns - len(self.columns)
            notes.append(Note("table.note_unnamed_columns", {"columns": unnamed}))
        self._notes = tuple(notes)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError:
        raise InputError("table.unreadable", path=str(path)) from None


def _appended(
    buffer: NDArray[np.uint8], begin: int, filled: int, piece: bytes
) -> NDArray[np.uint8]:
    """Return a buffer with ``buffer[begin:filled]`` at its start and ``piece`` after it."""
    kept = filled - begin
    needed = kept + len(piece)
    target = buffer if needed <= buffer.size else np.empty(2 * needed, dtype=np.uint8)
    target[:kept] = buffer[begin:filled]
    target[kept:needed] = np.frombuffer(piece, dtype=np.uint8)
    return target


def _one_character(delimiter: str) -> str:
    character = _SPOKEN.get(delimiter.lower(), delimiter)
    usable = len(character) == 1 and character.isascii() and not character.isalnum()
    if not usable or character in '"\r\n\0 ':
        raise ConfigError("table.bad_delimiter", delimiter=delimiter)
    return character


def _sniff(sample: bytes, *, final: bool) -> str:
    """Return the delimiter that gives most rows of the sample as many fields as the header.

    Of two that do equally well, the one with more fields; a comma if there is no sign of any.
    """
    text = sample.decode("utf-8", "ignore").lstrip("\r\n")
    return max(DELIMITERS, key=lambda delimiter: _consistency(text, delimiter, final=final))


def _consistency(text: str, delimiter: str, *, final: bool) -> tuple[bool, float, int]:
    counts: list[int] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(record):
                counts.append(len(record))
            if len(counts) > _SAMPLE_RECORDS:
                break
        else:
            if not final:
                counts = counts[:-1]  # cut short
    except csv.Error:
        pass  # a cell without end: an unclosed quote, which the scanner will name
    if not counts:
        return False, 0.0, 0
    return counts[0] > 1, counts.count(counts[0]) / len(counts), counts[0]
