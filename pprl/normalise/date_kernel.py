"""Columns of dates, compiled: read, judge. See :mod:`pprl.normalise.date`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled, inlined
from pprl.normalise.text_key import KEY_PRIME, KEY_START

if TYPE_CHECKING:
    from pprl.normalise.arrow_text import I32, I64, U8

OK, MISSING, UNREADABLE, IMPOSSIBLE, IMPLAUSIBLE = 0, 1, 2, 3, 4
DEFAULT, AMBIGUOUS, OTHER_ORDER, THIS_ORDER = 1, 2, 4, 8
_MAX_FIELDS = 3
_YEAR_DIGITS, _WHOLE_DATE_DIGITS, _MAX_SERIAL_DIGITS, _MAX_SERIAL = 4, 8, 5, 60_000
_FIRST_YEAR = 1900
_LEAP_BUG = 60
_EPOCH = 693_899  # days from 1 March of year 0 to 30 December 1899
_NUMBER, _WORD = 1, 2
_MANY = np.int64(10**10)


class DateTables(NamedTuple):
    """What the kernel compares with."""

    month_keys: I64
    months: I64
    missing: I64
    defaults: I64  # MMDD


@compiled
def _days_in_month(year: int, month: int) -> int:
    if month == 2:  # noqa: PLR2004 - February
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


@compiled
def _possible(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= _days_in_month(year, month)  # noqa: PLR2004 - months


@compiled
def from_serial(serial: int) -> int:
    """Return the date of a spreadsheet serial as yyyymmdd; serial 60 never was a day.

    Days to civil date by Howard Hinnant's era arithmetic.
    """
    if serial == _LEAP_BUG:
        return 0
    days = serial + _EPOCH + (1 if serial < _LEAP_BUG else 0)
    era, of_era = days // 146_097, days % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - March is month 0
    return (year + era * 400 + (1 if month <= 2 else 0)) * 10_000 + month * 100 + day  # noqa: PLR2004


@inlined
def _split(
    data: U8,
    start: int,
    end: int,
    kinds: I64,
    values: I64,
    sizes: I64,
) -> int:
    """Cut a text into numbers and words, three at most; return how many, -1 if unreadable.

    ``values`` of words are their keys. What follows a third field must be a time of day.
    """
    n = 0
    i = start
    while i < end:
        char = np.int64(data[i])
        if 48 <= char <= 57:  # noqa: PLR2004 - 0 to 9
            value, first = np.int64(0), i
            while i < end and 48 <= data[i] <= 57:  # noqa: PLR2004
                value = min(value * 10 + data[i] - 48, _MANY)
                i += 1
            kinds[n], values[n], sizes[n] = _NUMBER, value, i - first
            n += 1
        elif char >= 65:  # noqa: PLR2004 - letters, and bytes beyond ASCII that make a word unknown
            value, first = np.int64(KEY_START), i
            while i < end and data[i] >= 65:  # noqa: PLR2004
                value = (value ^ (np.int64(data[i]) | 32)) * KEY_PRIME
                i += 1
            kinds[n], values[n], sizes[n] = _WORD, value, i - first
            n += 1
        else:
            i += 1
        if n == _MAX_FIELDS:
            break
    if n == _MAX_FIELDS and i < end:
        blank = data[i] in (32, 84)
        for j in range(i, end):
            char = np.int64(data[j])
            clock = 48 <= char <= 58 or char in (32, 43, 45, 46, 84, 90, 65, 77, 80, 97, 109, 112)  # noqa: PLR2004 - 0-9 : space + - . T Z A M P
            if not clock or (not blank and char not in (46, 32)):
                return -1
    return n


@compiled
def _is_missing(data: U8, start: int, end: int, missing: I64) -> bool:
    """Return whether a text is signs and zeros only, or says that there is no date."""
    key = np.int64(KEY_START)
    nothing = True
    for i in range(start, end):
        char = np.int64(data[i])
        if 65 <= char <= 90:  # noqa: PLR2004 - A to Z
            char += 32
        if 97 <= char <= 122 or 48 <= char <= 57:  # noqa: PLR2004 - letters and digits
            key = (key ^ char) * KEY_PRIME
            nothing = nothing and char == 48  # noqa: PLR2004 - 0
        elif char > 127:  # noqa: PLR2004 - beyond ASCII
            nothing = False
    for i in range(missing.size):
        nothing = nothing or missing[i] == key
    return nothing


@compiled
def _year(value: int, size: int, month: int, day: int, today: int) -> int:
    """Return the full year; two digits mean the latest year that isn't in the future."""
    if size == _YEAR_DIGITS:
        return value
    if size != 2:  # noqa: PLR2004 - two-digit year
        return -1
    year = 2000 + value
    return year - 100 if year * 10_000 + month * 100 + day > today else year


@compiled
def _single(value: int, size: int, today: int) -> int:
    """Return the date in one number: YYYYMMDD, DDMMYYYY or a spreadsheet serial."""
    if size == _WHOLE_DATE_DIGITS:
        year, month, day = value // 10_000, value // 100 % 100, value % 100
        if _FIRST_YEAR <= year <= today // 10_000 + 1 and _possible(year, month, day):
            return value
        day, month, year = value // 1_000_000, value // 10_000 % 100, value % 10_000
        if _possible(year, month, day):
            return year * 10_000 + month * 100 + day
        return 0
    lone_year = size == _YEAR_DIGITS and _FIRST_YEAR <= value <= today // 10_000 + 1
    if size > _MAX_SERIAL_DIGITS or value < 1 or value > _MAX_SERIAL or lone_year:
        return -1
    return from_serial(value)


@inlined
def _three(  # noqa: C901 - the layouts of a date, one condition each
    kinds: I64,
    values: I64,
    sizes: I64,
    word_at: int,
    month_keys: I64,
    months: I64,
    month_first: bool,  # noqa: FBT001 - kernels take no keywords
    today: int,
) -> tuple[int, int]:
    """Return the date in three fields, and what its order says.

    ``word_at`` is the field that holds a word, -1 for none. -1: not a date, 0: no such day.
    """
    year_at = 0 if sizes[0] == _YEAR_DIGITS and kinds[0] == _NUMBER else 2
    month_at = 1
    if word_at >= 0:
        month_at = word_at
    elif month_first and year_at:
        month_at = 0
    day_at = 3 - year_at - month_at
    if month_at == year_at or sizes[day_at] > 2:  # noqa: PLR2004 - digits of a day
        return -1, 0
    day, month = values[day_at], values[month_at]
    if word_at >= 0:
        month = 0
        for i in range(month_keys.size):
            if month_keys[i] == values[word_at]:
                month = months[i]
        if not month:
            return -1, 0
    elif sizes[month_at] > 2:  # noqa: PLR2004 - digits of a month
        return -1, 0
    year = _year(values[year_at], sizes[year_at], month, day, today)
    if year < 0:
        return -1, 0
    ordered = word_at < 0 and year_at > 0
    if _possible(year, month, day):
        flag = 0
        if ordered and day != month:
            flag = AMBIGUOUS if day <= 12 else THIS_ORDER  # noqa: PLR2004 - months
        return year * 10_000 + month * 100 + day, flag
    return 0, OTHER_ORDER if ordered and _possible(year, day, month) else 0


@compiled
def normalise_dates(  # noqa: C901 - one verdict a branch
    data: U8,
    offsets: I64,
    valid: U8,
    tables: DateTables,
    today: int,
    latest: int,
    month_first: bool,  # noqa: FBT001 - kernels take no keywords
    ymd: I32,
    status: U8,
    flags: U8,
) -> None:
    """Normalise all rows. ``today`` and ``latest`` (plausible) are yyyymmdd."""
    kinds = np.zeros(_MAX_FIELDS, dtype=np.int64)
    values = np.zeros(_MAX_FIELDS, dtype=np.int64)
    sizes = np.zeros(_MAX_FIELDS, dtype=np.int64)
    month_keys, months = tables.month_keys, tables.months
    missing, defaults = tables.missing, tables.defaults
    for row in range(status.size):
        if valid.size and not valid[row]:
            status[row] = MISSING
            continue
        start, end = offsets[row], offsets[row + 1]
        n = _split(data, start, end, kinds, values, sizes)
        words, word_at = 0, -1
        for i in range(n):
            if kinds[i] == _WORD:
                words += 1
                word_at = i
        found, flag = -1, 0
        # A second number of zero is the fraction of a serial: "33102.0".
        fraction = n == 2 and values[1] == 0 and sizes[0] <= _MAX_SERIAL_DIGITS  # noqa: PLR2004
        if not words and (n == 1 or fraction):
            found = _single(values[0], sizes[0], today)
        elif n == _MAX_FIELDS and words <= 1:
            found, flag = _three(
                kinds, values, sizes, word_at, month_keys, months, month_first, today
            )
        if found <= 0 and _is_missing(data, start, end, missing):
            status[row] = MISSING
        elif found <= 0:
            status[row] = IMPOSSIBLE if found == 0 else UNREADABLE
            flags[row] = flag
        elif found < _FIRST_YEAR * 10_000 or found > latest:
            status[row] = IMPLAUSIBLE
        else:
            ymd[row] = found
            for i in range(defaults.size):
                if found % 10_000 == defaults[i]:
                    flag |= DEFAULT
            flags[row] = flag
