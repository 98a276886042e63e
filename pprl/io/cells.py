"""A typed cell -> the text that an analyst would have typed.

Whole numbers have no ``.0``, with one exception: a number of 12 digits or more that went through
a 64-bit float keeps its float form (``6408991503909901.0``), because from there on its last
digits can't be trusted, and the NIK normaliser must be able to see that. Dates are ISO, without a
time when it's midnight. Booleans are TRUE and FALSE. Text is never touched.

>>> cell_as_text(3.0), cell_as_text(6408991503909901.0), cell_as_text(2.5)
('3', '6408991503909901.0', '2.5')
>>> column_as_text(pa.array([3.0, 6408991503909901.0, None])).to_pylist()
['3', '6408991503909901.0', None]
"""

from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONG_NUMBER = 1e11  # 12 digits
_LAST_PLAIN = 1e16  # from here on repr() writes an exponent
_MIDNIGHT = r" 00:00:00(\.0+)?Z?$"

Cell = str | float | bool | date | datetime | time | timedelta | None


def cell_as_text(value: Cell) -> str | None:
    """Return the text of one cell; None for an empty one."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        whole = not isinstance(value, float) or value.is_integer()
        return str(int(value)) if whole and abs(value) < LONG_NUMBER else repr(float(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def column_as_text(column: pa.Array) -> pa.StringArray:
    """Return a column of any flat type as text, empty texts as null; a null has no bytes.

    Raises
    ------
    pa.ArrowException
        The type has no text, or binary data isn't UTF-8.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        return _floats_as_text(column)
    text = column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return pc.utf8_upper(text)
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring_regex(text, _MIDNIGHT, "")
    # Arrow lets a null keep the bytes that stood there; kernels downstream would read them.
    text = text.fill_null("")
    empty = pc.equal(text, pa.scalar(""))
    return pc.if_else(empty, pa.scalar(None, pa.string()), text)


def _floats_as_text(column: pa.Array) -> pa.StringArray:
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)  # nulls are NaN
    plain = (np.trunc(values) == values) & (np.abs(values) < _LAST_PLAIN)
    whole = pa.array(np.where(plain, values, 0).astype(np.int64)).cast(pa.string())
    long = (np.abs(values) >= LONG_NUMBER).astype(np.int64)
    suffix = pa.array(["", ".0"]).take(pa.array(long, pa.int64()))
    # Fractions and larger numbers are rare: in the form of cell_as_text, each distinct one once.
    distinct, places = np.unique(values[~plain], return_inverse=True)
    spelled = pa.array([None if np.isnan(x) else repr(x) for x in distinct.tolist()], pa.string())
    text = pc.binary_join_element_wise(whole, suffix, pa.repeat("", len(whole)))
    rest = spelled.take(pa.array(places, pa.int64()))
    return pc.replace_with_mask(text, pa.array(~plain), rest)
