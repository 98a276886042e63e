r"""The byte scanner that guards the CSV parser: where records end, and what is wrong with them.

A parser alone reads many broken files without complaint: a stray quote swallows the rows up to
the next one, a blank line shifts the row numbers. This state machine goes over every byte once
(about 1 GB/s) and stops at the first thing that can't be right, with its row. What it lets
through, RFC 4180 with any delimiter and line end, the parser reads the same way. It never looks
at what a cell means and never copies one.

Rows are counted as a spreadsheet program counts them: a record is a row even when a quoted cell
has line breaks, and so is a blank line.

>>> buffer = np.frombuffer(bytearray(b"a;b\n\n1;2\n;\n"), dtype=np.uint8)
>>> rows = np.zeros(10, dtype=np.int64)
>>> found = find_records(buffer, 0, buffer.size, True, byte_classes(";"), 2, rows)
>>> found.records, rows[: found.records].tolist(), found.empty
(2, [0, 2], 1)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pprl._jit import compiled

# What a byte can be. Ordinary must be 0, blank 1: anything above ends the fast path.
ORDINARY, BLANK, DELIMITER, LINE_FEED, CARRIAGE_RETURN, QUOTE, NUL = range(7)

# What can be wrong.
FINE, RAGGED, UNCLOSED_QUOTE, TEXT_AFTER_QUOTE, STRAY_QUOTE, NUL_BYTE = range(6)

MAX_QUOTED_LINES = 100
WIDE_TABLE = 6  # more delimiters than the last line of an address has commas


class Records(NamedTuple):
    """What :func:`find_records` found.

    Attributes
    ----------
    position
        Index just after the last whole record.
    records
        Records with any text.
    rows
        Rows passed: records, rows without any text and blank lines.
    empty
        Rows of delimiters only, overwritten with line feeds (which the parser passes over).
    error
        FINE, or what is wrong with row ``rows`` (from 0, first row of this call).
    fields
        Number of fields of that row.
    """

    position: int
    records: int
    rows: int
    empty: int
    error: int
    fields: int


def byte_classes(delimiter: str) -> NDArray[np.uint8]:
    """Return what each byte is in a file with this delimiter: uint8 (256,)."""
    classes = np.full(256, ORDINARY, dtype=np.uint8)
    for characters, kind in (
        (" \t", BLANK),
        ("\n", LINE_FEED),
        ("\r", CARRIAGE_RETURN),
        ('"', QUOTE),
        ("\0", NUL),
        (delimiter, DELIMITER),
    ):
        for character in characters:
            classes[ord(character)] = kind
    return classes


@compiled
def find_records(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one state machine in a kernel
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    final: bool,  # noqa: FBT001 - kernels take their arguments by position
    classes: NDArray[np.uint8],
    n_columns: int,
    row_of_record: NDArray[np.int64],
) -> Records:
    """Find whole records in ``buffer[start:end]``, at most as many as ``row_of_record`` holds.

    Parameters
    ----------
    buffer
        UTF-8; ``start`` is where a record begins. Rows without any text are overwritten.
    final
        ``end`` is the end of the file; otherwise a record that touches it is left for later.
    classes
        From :func:`byte_classes`.
    n_columns
        Fields that every record must have; 0 if not known yet.
    row_of_record
        Out: the row of each record, from 0.
    """
    position = start
    records = rows = empty = 0
    while records < row_of_record.size and position < end:
        index = position
        text = False
        delimiters = line_delimiters = first_line_delimiters = quoted_lines = 0
        quoted_last = False
        whole = False
        field_start = True
        while index < end:
            kind = classes[buffer[index]]
            if kind <= BLANK:
                if kind == ORDINARY:
                    text = True
                field_start = False
                index += 1
            elif kind == DELIMITER:
                delimiters += 1
                line_delimiters += 1
                quoted_last = False
                field_start = True
                index += 1
            elif kind == LINE_FEED:
                index += 1
                whole = True
                break
            elif kind == CARRIAGE_RETURN:
                if index + 1 == end and not final:
                    break
                index += 1
                if index < end and classes[buffer[index]] == LINE_FEED:
                    index += 1
                whole = True
                break
            elif kind == NUL:
                return Records(position, records, rows, empty, NUL_BYTE, 0)
            elif not field_start:
                # A quote inside an unquoted cell is an ordinary character.
                text = True
                index += 1
            else:
                field_start = False
                quoted_last = True
                closed = False
                lines = 0
                index += 1
                while index < end:
                    kind = classes[buffer[index]]
                    index += 1
                    if kind <= BLANK:
                        if kind == ORDINARY:
                            text = True
                    elif kind == QUOTE:
                        if index < end and classes[buffer[index]] == QUOTE:
                            text = True
                            index += 1
                        else:
                            closed = True
                            break
                    elif kind == DELIMITER:
                        text = True
                        line_delimiters += 1
                    elif kind == NUL:
                        return Records(position, records, rows, empty, NUL_BYTE, 0)
                    elif kind == LINE_FEED or classes[buffer[min(index, end - 1)]] != LINE_FEED:
                        if quoted_lines == 0:
                            first_line_delimiters = line_delimiters
                        line_delimiters = 0
                        lines += 1
                        quoted_lines += 1
                        if lines > MAX_QUOTED_LINES:
                            return Records(position, records, rows, empty, UNCLOSED_QUOTE, 0)
                if not closed:
                    if final:
                        return Records(position, records, rows, empty, UNCLOSED_QUOTE, 0)
                    break
                if index == end:
                    if not final:
                        break  # the next byte may be the second half of a doubled quote
                elif classes[buffer[index]] < DELIMITER or classes[buffer[index]] > CARRIAGE_RETURN:
                    return Records(position, records, rows, empty, TEXT_AFTER_QUOTE, 0)
        if not whole and not (final and index == end):
            break
        if text:
            if n_columns > 0 and delimiters + 1 != n_columns:
                return Records(position, records, rows, empty, RAGGED, delimiters + 1)
            # Each physical line would have been a row by itself: the quotes on them are strays
            # that made one row of several. A quoted last cell in a narrow table may look like that.
            if (
                quoted_lines > 0
                and n_columns > 1
                and (not quoted_last or n_columns >= WIDE_TABLE)
                and first_line_delimiters == n_columns - 1
                and line_delimiters == n_columns - 1
            ):
                return Records(position, records, rows, empty, STRAY_QUOTE, 0)
            row_of_record[records] = rows
            records += 1
        else:
            if delimiters > 0:
                empty += 1
            buffer[position:index] = 10
        rows += 1
        position = index
    return Records(position, records, rows, empty, FINE, 0)
