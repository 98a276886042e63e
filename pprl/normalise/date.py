"""Columns of dates of birth, in the forms Indonesian files have.

``1990-08-17`` (with or without a time), ``17-08-1990``, ``17/8/90``, ``19900817``,
``17081990``, ``17 Agustus 1990``, ``17-Agt-90`` and spreadsheet serials. Day before month is the
rule. A value that only makes sense the other way round is impossible, not turned round; when a
whole column is like that, :class:`DateTally` notices, and ``month_first`` reads it. Two-digit
years lie in the past. 1 January and 1 July are flagged: clerks enter them when they don't know
better. No date appears in an error.

>>> import datetime, pyarrow as pa
>>> values = pa.array(["17 Agustus 1990", "1/7/75", "03-25-1990", "31-02-1990", None])
>>> column = normalise_date(values, today=datetime.date(2025, 1, 31))
>>> column.ymd.tolist()
[19900817, 19750701, 0, 0, 0]
>>> [DateStatus(status).name for status in column.status]
['OK', 'OK', 'IMPOSSIBLE', 'IMPOSSIBLE', 'MISSING']
"""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Self

import numpy as np

from pprl.normalise import date_kernel as kernel
from pprl.normalise.arrow_text import text_column
from pprl.normalise.text_key import text_key, text_keys

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa


class DateStatus(IntEnum):
    """What became of a date."""

    OK = kernel.OK
    MISSING = kernel.MISSING
    UNREADABLE = kernel.UNREADABLE
    IMPOSSIBLE = kernel.IMPOSSIBLE
    """No such day: 31 February, month 13."""
    IMPLAUSIBLE = kernel.IMPLAUSIBLE
    """Before 1900 or after tomorrow."""


class DateFlag(IntFlag):
    """What else a date says."""

    DEFAULT = kernel.DEFAULT
    """1 January or 1 July."""
    AMBIGUOUS = kernel.AMBIGUOUS
    """Day and month could be the other way round."""
    OTHER_ORDER = kernel.OTHER_ORDER
    """Impossible in the order that is assumed, possible in the other."""
    THIS_ORDER = kernel.THIS_ORDER
    """Possible only in the order that is assumed."""


@dataclass(frozen=True)
class DateColumn:
    """Normalised dates.

    Attributes
    ----------
    ymd
        ``int32 (rows,)``: yyyymmdd, 0 where there is none.
    status, flags
        ``uint8 (rows,)``: :class:`DateStatus`, :class:`DateFlag`.
    """

    ymd: npt.NDArray[np.int32]
    status: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.status.size


@dataclass(frozen=True)
class DateTally:
    """Which order of day and month a column can have. Tallies of chunks add up.

    Attributes
    ----------
    ambiguous, this_order, other_order
        Dates that fit both orders, only the assumed one, only the other one.
    """

    ambiguous: int = 0
    this_order: int = 0
    other_order: int = 0

    def __add__(self, other: DateTally) -> DateTally:
        return DateTally(
            self.ambiguous + other.ambiguous,
            self.this_order + other.this_order,
            self.other_order + other.other_order,
        )

    @classmethod
    def of(cls, column: DateColumn) -> Self:
        """Count over one chunk."""
        counts = [
            int(np.count_nonzero(column.flags & flag))
            for flag in (DateFlag.AMBIGUOUS, DateFlag.THIS_ORDER, DateFlag.OTHER_ORDER)
        ]
        return cls(*counts)

    @property
    def wrong_order(self) -> bool:
        """Whether every date that can tell says that the assumed order is wrong."""
        return self.other_order > 0 and self.this_order == 0


def normalise_date(
    values: pa.Array, *, today: dt.date | None = None, month_first: bool = False
) -> DateColumn:
    """Normalise one column. About 40 nanoseconds a date, without the GIL.

    Parameters
    ----------
    values
        Text; a column of Arrow dates or timestamps works too.
    today
        Dates after the day that follows it are implausible; None: the computer's date.
    month_first
        Read 08/17/1990.
    """
    today = today or dt.datetime.now().astimezone().date()
    latest = today + dt.timedelta(days=1)
    text = text_column(values)
    n = len(values)
    column = DateColumn(
        ymd=np.zeros(n, dtype=np.int32),
        status=np.zeros(n, dtype=np.uint8),
        flags=np.zeros(n, dtype=np.uint8),
    )
    kernel.normalise_dates(
        text.data,
        text.offsets,
        text.valid,
        _tables(),
        _as_number(today),
        _as_number(latest),
        month_first,
        column.ymd,
        column.status,
        column.flags,
    )
    return column


def _as_number(day: dt.date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


@cache
def _tables() -> kernel.DateTables:
    source = files("pprl.normalise").joinpath("tables").joinpath("dates.toml")
    lists = tomllib.loads(source.read_text(encoding="utf-8"))
    names = [(text_key(name), int(n)) for n, known in lists["months"].items() for name in known]
    return kernel.DateTables(
        month_keys=np.array([key for key, _ in names], dtype=np.int64),
        months=np.array([month for _, month in names], dtype=np.int64),
        missing=text_keys(lists["missing"]["words"]),
        defaults=np.array(lists["defaults"]["days"], dtype=np.int64),
    )
