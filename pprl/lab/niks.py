"""How a NIK stands in a register: right, missing, somebody else's, or spoilt by a spreadsheet.

A NIK comes in as a number of sixteen digits and goes out as the text of a cell, after at most one
kind of damage (:mod:`pprl.lab.damage`).

>>> import numpy as np
>>> cell = np.zeros(40, np.uint8)
>>> end = write_nik(cell, 0, 6408991503909901, Kind.NIK_SCIENTIFIC, np.uint64(1))
>>> cell[:end].tobytes()
b'6.40899E+15'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled
from pprl.lab.damage import NIK_KINDS, Kind
from pprl.lab.population import nik_of
from pprl.lab.randomness import below, numbers, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

NIK_BYTES = 24  # the longest cell
_DIGITS = 16
_ZERO = 48

(_SLOT_KIND,) = numbers(128, 1)
_SLOT_HOW, _SLOT_WHERE, _SLOT_WHAT, _SLOT_DAY, _SLOT_YEAR, _SLOT_SERIAL = numbers(129, 6)
_NOTHING = np.frombuffer(b"TIDAK ADA", np.uint8)


@compiled
def nik_damage(rates: NDArray[np.float64], key: np.uint64) -> int:
    """Return the kind of NIK damage of a record, -1 for none."""
    where = uniform(key, _SLOT_KIND)
    for kind in range(NIK_KINDS):
        where -= rates[kind]
        if where < 0:
            return kind
    return -1


@compiled
def put_digits(out: NDArray[np.uint8], at: int, value: int, width: int) -> int:
    """Write ``value`` with ``width`` digits; return where it ends."""
    for position in range(at + width - 1, at - 1, -1):
        out[position] = _ZERO + value % 10
        value //= 10
    return at + width


@compiled
def kk_number(region: int, key: np.uint64) -> int:
    """Return a family card number: like a NIK, with the date of issue for the birth date."""
    day = 1 + below(key, _SLOT_DAY, 28)
    month = 1 + below(key, _SLOT_WHAT, 12)
    year = 2006 + below(key, _SLOT_YEAR, 19)
    serial = 1 + below(key, _SLOT_SERIAL, 60)
    return nik_of(region, year * 10_000 + month * 100 + day, 0, serial)


@compiled
def write_nik(out: NDArray[np.uint8], at: int, nik: int, kind: int, key: np.uint64) -> int:
    """Write the cell of a NIK; return where it ends. Kinds that exchange the NIK do so before."""
    if kind == Kind.NIK_MISSING:
        return _write_nothing(out, at, uniform(key, _SLOT_HOW))
    if kind == Kind.NIK_INVALID:
        return _write_invalid(out, at, nik, key)
    end = put_digits(out, at, nik, _DIGITS)
    if kind == Kind.NIK_LAST_DIGIT_ZERO:
        out[end - 1] = _ZERO
    elif kind == Kind.NIK_SCIENTIFIC:
        end = put_digits(out, at, (nik + 5 * 10**9) // 10**10, 6)
        for position in range(end, at + 1, -1):
            out[position] = out[position - 1]
        out[at + 1] = 46
        end += 1
        for letter in b"E+15":
            out[end] = letter
            end += 1
    elif kind == Kind.NIK_TYPO:
        where = at + below(key, _SLOT_WHERE, _DIGITS)
        out[where] = _ZERO + (out[where] - _ZERO + 1 + below(key, _SLOT_WHAT, 9)) % 10
    elif kind == Kind.NIK_WRITTEN_OTHERWISE:
        end = _write_otherwise(out, at, nik, uniform(key, _SLOT_HOW))
    return end


@compiled
def _write_nothing(out: NDArray[np.uint8], at: int, how: float) -> int:
    if how < 0.7:  # noqa: PLR2004 - shares of ways to say nothing
        return at
    if how < 0.8:  # noqa: PLR2004
        out[at] = 45
        return at + 1
    if how < 0.9:  # noqa: PLR2004
        out[at] = _ZERO
        return at + 1
    for letter in _NOTHING:
        out[at] = letter
        at += 1
    return at


@compiled
def _write_otherwise(out: NDArray[np.uint8], at: int, nik: int, how: float) -> int:
    """Write the right NIK with an apostrophe, spaces or dots."""
    if how < 0.4:  # noqa: PLR2004 - shares of ways to write it
        out[at] = 39
        return put_digits(out, at + 1, nik, _DIGITS)
    if how < 0.6:  # noqa: PLR2004
        out[put_digits(out, at, nik, _DIGITS)] = 32
        return at + _DIGITS + 1
    mark = 32 if how < 0.8 else 46  # noqa: PLR2004
    at = put_digits(out, at, nik // 10**10, 6)
    out[at] = mark
    at = put_digits(out, at + 1, nik // 10**4 % 10**6, 6)
    out[at] = mark
    return put_digits(out, at + 1, nik % 10**4, 4)


@compiled
def _write_invalid(out: NDArray[np.uint8], at: int, nik: int, key: np.uint64) -> int:
    """Write a cell that isn't a NIK; return where it ends."""
    how = uniform(key, _SLOT_HOW)
    if how < 0.4:  # noqa: PLR2004 - shares of ways to be invalid
        return _write_other_length(out, at, nik, key)
    end = at + _DIGITS
    coin = below(key, _SLOT_WHAT, 2)
    if how < 0.55:  # noqa: PLR2004 - region, then zeros
        nik = nik // 10**10 * 10**10
    elif how < 0.65:  # noqa: PLR2004 - nothing but zeros or nines
        nik = coin * (10**_DIGITS - 1)
    elif how < 0.75:  # noqa: PLR2004 - a day that neither men nor women have
        nik += (32 + below(key, _SLOT_DAY, 9) - nik // 10**8 % 100) * 10**8
    elif how < 0.85:  # noqa: PLR2004 - a month that doesn't exist
        nik += (13 + below(key, _SLOT_DAY, 80) - nik // 10**6 % 100) * 10**6
    elif how < 0.9:  # noqa: PLR2004 - a region that doesn't exist
        nik %= 10**12
    put_digits(out, at, nik, _DIGITS)
    if how >= 0.9:  # noqa: PLR2004 - the letter O or a question mark
        out[at + below(key, _SLOT_WHERE, _DIGITS)] = 79 if coin == 0 else 63
    return end


@compiled
def _write_other_length(out: NDArray[np.uint8], at: int, nik: int, key: np.uint64) -> int:
    """Leave out a digit (three times of four) or write one twice."""
    end = put_digits(out, at, nik, _DIGITS)
    where = at + below(key, _SLOT_WHERE, _DIGITS)
    if below(key, _SLOT_WHAT, 4) > 0:
        for position in range(where, end - 1):
            out[position] = out[position + 1]
        return end - 1
    for position in range(end, where, -1):
        out[position] = out[position - 1]
    return end + 1
