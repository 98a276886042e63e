"""Columns of NIKs, compiled: clean, judge, copy the digits. See :mod:`pprl.normalise.nik`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled
from pprl.normalise.text_key import KEY_PRIME, KEY_START

if TYPE_CHECKING:
    from pprl.normalise.arrow_text import I32, I64, U8

OK, OK_CLEANED, RECOVERED_FLOAT, MISSING, PLACEHOLDER, LEN_SHORT, LEN_LONG = 0, 1, 2, 3, 4, 5, 6
NON_DIGIT, BAD_DATE, BAD_REGION, DAMAGED_SCI, DAMAGED_LAST_DIGIT, DAMAGED_FLOAT = (
    7,
    8,
    9,
    10,
    11,
    12,
)
REGION_UNKNOWN, DOB_MISMATCH, SEX_MISMATCH, SUSPICIOUS, SCIENTIFIC = 1, 2, 4, 8, 16
DIGITS, PREFIX = 16, 15
KNOWN_KECAMATAN, KNOWN_PROVINCE, SOFT_PROVINCE = 1, 2, 4
_SYNTHETIC = 99
_WOMAN = 40
_EXACT_FLOAT = 2**53
_ZERO, _NINE = 48, 57
_DOT, _COMMA, _MINUS, _LETTER_E = 46, 44, 45, 101
_BEYOND_ASCII = 0x80
_MAX_FRACTION = 2


class NikTables(NamedTuple):
    """What the kernel compares with."""

    regions: U8  # (10**6,) by kecamatan code: KNOWN_..., SOFT_PROVINCE
    missing: I64
    placeholders: I64


@compiled
def _clean(  # noqa: C901, PLR0911, PLR0912 - one pass over the bytes, then one verdict a line
    data: U8,
    start: int,
    end: int,
    missing: I64,
    digits: U8,
) -> tuple[int, int]:
    """Take the digits out of a text; return the status so far and how many there are."""
    n, letters, points, whole, sign = 0, 0, 0, 0, 0
    exponent_at, exponent = -1, 0
    fraction_zero, other = True, False
    key = np.int64(KEY_START)
    i = start
    while i < end:
        char = np.int64(data[i])
        if 65 <= char <= 90:  # noqa: PLR2004 - A to Z
            char += 32
        if _ZERO <= char <= _NINE:
            if exponent_at >= 0:
                exponent = exponent * 10 + int(char) - _ZERO if exponent < DIGITS else exponent
            elif n < digits.size:
                digits[n] = char
                n += 1
            if points and char != _ZERO:
                fraction_zero = False
            key = (key ^ char) * KEY_PRIME
        elif 97 <= char <= 122:  # noqa: PLR2004 - a to z
            if char == _LETTER_E and n and exponent_at < 0:
                exponent_at = n
            letters += 1
            key = (key ^ char) * KEY_PRIME
        elif char in (_DOT, _COMMA):
            points += 1
            if points == 1:
                whole = n
        elif char >= _BEYOND_ASCII:
            # Typographic quotes and zero-width signs, the byte order mark, the no-break space.
            second = data[i + 1] if i + 1 < end else np.uint8(0)
            sign_of_two = char == 0xC2 and second == 0xA0  # noqa: PLR2004 - UTF-8
            sign_of_three = (char == 0xE2 and second == 0x80) or (char == 0xEF and second == 0xBB)  # noqa: PLR2004 - UTF-8
            other = other or not (sign_of_two or sign_of_three)
            i += 1 if sign_of_two else 2
        elif char == _MINUS and exponent_at >= 0:
            sign = -1
        i += 1
    if letters == 1 and exponent_at > 0 and not other:
        if exponent != PREFIX or sign or whole > 1 or exponent_at < PREFIX:
            return DAMAGED_SCI, 0
        if exponent_at == PREFIX:
            return DAMAGED_LAST_DIGIT, n
        return RECOVERED_FLOAT, n
    if letters or other:
        if letters and not other:
            for j in range(missing.size):
                if missing[j] == key:
                    return MISSING, 0
        return NON_DIGIT, 0
    if points == 1 and fraction_zero and 0 < n - whole <= _MAX_FRACTION:
        return RECOVERED_FLOAT, whole
    return OK_CLEANED, n


@compiled
def _date_is_possible(day: int, month: int, year: int) -> bool:
    """Judge DDMMYY of a man; every fourth year may have been a leap year (1900 or 2000)."""
    if month < 1 or month > 12 or day < 1:  # noqa: PLR2004 - months of a year
        return False
    if month == 2:  # noqa: PLR2004 - February
        return day <= (29 if year % 4 == 0 else 28)
    return day <= (30 if month in (4, 6, 9, 11) else 31)


@compiled
def _judge(  # noqa: C901, PLR0911, PLR0912 - one check after the other
    digits: U8,
    n: int,
    status: int,
    regions: U8,
    placeholders: I64,
    sex: int,
    ymd: int,
) -> tuple[int, int, int]:
    """Return status, usable digits and flags of 15 or 16 digits."""
    value = 0
    same, zeros = 1, 0
    for i in range(n):
        digit = int(digits[i]) - _ZERO
        value = value * 10 + digit
        if i:
            same = same + 1 if digits[i] == digits[i - 1] else 1
            zeros = zeros + 1 if digit == 0 else 0
    if same == DIGITS or (n == DIGITS and zeros >= 10):  # noqa: PLR2004 - all after the region
        return PLACEHOLDER, 0, 0
    for j in range(placeholders.size):
        if n == DIGITS and placeholders[j] == value:
            return PLACEHOLDER, 0, 0
    head = value // 10 ** (n - 12)
    region, date = head // 1_000_000, head % 1_000_000
    known = regions[region]
    if not known & (KNOWN_PROVINCE | SOFT_PROVINCE):
        return BAD_REGION, 0, 0
    day, month, year = date // 10_000, date // 100 % 100, date % 100
    woman = day > _WOMAN
    if woman:
        day -= _WOMAN
    if not _date_is_possible(day, month, year):
        return BAD_DATE, 0, 0
    flags = 0
    if known & SOFT_PROVINCE or not (known & KNOWN_KECAMATAN or region % 100 == _SYNTHETIC):
        flags |= REGION_UNKNOWN
    if ymd and (ymd % 100 != day or ymd // 100 % 100 != month or ymd // 10_000 % 100 != year):
        flags |= DOB_MISMATCH
    if sex and (sex == 2) != woman:  # noqa: PLR2004 - female
        flags |= SEX_MISMATCH
    if same >= 10:  # noqa: PLR2004 - date and serial are one digit
        flags |= SUSPICIOUS
    if status == RECOVERED_FLOAT and value > _EXACT_FLOAT:
        return DAMAGED_FLOAT, PREFIX if value % 10 else 0, flags
    if n == DIGITS and value % 10_000 == 0:
        return DAMAGED_LAST_DIGIT, PREFIX, flags
    return status, n, flags


@compiled
def normalise_niks(  # noqa: C901 - fast lane and slow lane side by side
    data: U8,
    offsets: I64,
    valid: U8,
    tables: NikTables,
    ymd: I32,
    sex: U8,
    digits: U8,
    length: U8,
    status: U8,
    flags: U8,
) -> None:
    """Normalise all rows; empty ``ymd`` or ``sex``: there is no such column."""
    found = np.empty(40, dtype=np.uint8)
    regions, missing, placeholders = tables.regions, tables.missing, tables.placeholders
    for row in range(status.size):
        if valid.size and not valid[row]:
            status[row] = MISSING
            continue
        start, end = offsets[row], offsets[row + 1]
        n, state = 0, OK
        while n < DIGITS and start + n < end and _ZERO <= data[start + n] <= _NINE:
            found[n] = data[start + n]
            n += 1
        if n < DIGITS or end - start != DIGITS:
            state, n = _clean(data, start, end, missing, found)
            if state in (DAMAGED_LAST_DIGIT, DAMAGED_SCI):
                flags[row] = SCIENTIFIC
            if state in (MISSING, NON_DIGIT, DAMAGED_SCI):
                status[row] = state
                continue
            zeros = 0
            while zeros < n and found[zeros] == _ZERO:
                zeros += 1
            if zeros == n and n < DIGITS:
                status[row] = MISSING
                continue
            if n != DIGITS and state != DAMAGED_LAST_DIGIT:
                status[row] = LEN_SHORT if n < DIGITS else LEN_LONG
                continue
        born = int(ymd[row]) if ymd.size else 0
        gender = int(sex[row]) if sex.size else 0
        state, n, soft = _judge(found, n, state, regions, placeholders, gender, born)
        status[row] = state
        flags[row] |= soft
        length[row] = n
        for i in range(n):
            digits[row, i] = found[i]
