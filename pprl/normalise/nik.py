"""Columns of NIKs: a value or none for every record, and the reason.

A NIK is ``PPKKCC DDMMYY SSSS``: province, kabupaten, kecamatan of first registration, date of
birth (women: day + 40), serial. Spaces, dots, dashes, apostrophes and a ``.0`` are cleaned away;
everything else is judged, never repaired. Days 32-40 and 72 and above don't exist. Region, date
and sex that disagree with the other columns are flags, never errors: a NIK keeps what was true
when it was first issued. A NIK that lost its last digit in a spreadsheet keeps 15 digits
(``length`` 15). Nothing here hashes, and no error says a NIK.

Region codes: ``tables/kecamatan_codes.csv`` holds every kecamatan code of 2016 to 2025, current or
retired. Kecamatan 99 doesn't exist; it marks synthetic NIKs and is never flagged.

>>> import pyarrow as pa
>>> column = normalise_nik(pa.array(["6408 9915 0390 9901", "6.40899E+15", None]))
>>> [NikStatus(status).name for status in column.status]
['OK_CLEANED', 'DAMAGED_SCI', 'MISSING']
>>> column.digits[0].tobytes()
b'6408991503909901'
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from pprl.normalise import nik_kernel as kernel
from pprl.normalise.arrow_text import text_column
from pprl.normalise.spreadsheet import SpreadsheetDamage, SpreadsheetTally, spreadsheet_damage
from pprl.normalise.text_key import text_keys

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from pprl.normalise.date import DateColumn

__all__ = [
    "NikColumn",
    "NikFlag",
    "NikStatus",
    "SpreadsheetDamage",
    "SpreadsheetTally",
    "normalise_nik",
    "spreadsheet_damage",
]

_CODES_PER_PROVINCE = 10_000


class NikStatus(IntEnum):
    """What became of a NIK. Up to RECOVERED_FLOAT all 16 digits are good."""

    OK = kernel.OK
    OK_CLEANED = kernel.OK_CLEANED
    RECOVERED_FLOAT = kernel.RECOVERED_FLOAT
    """It had been a float, below 2**53 and therefore exact."""
    MISSING = kernel.MISSING
    PLACEHOLDER = kernel.PLACEHOLDER
    LEN_SHORT = kernel.LEN_SHORT
    LEN_LONG = kernel.LEN_LONG
    NON_DIGIT = kernel.NON_DIGIT
    BAD_DATE = kernel.BAD_DATE
    BAD_REGION = kernel.BAD_REGION
    DAMAGED_SCI = kernel.DAMAGED_SCI
    """Scientific notation with too few digits."""
    DAMAGED_LAST_DIGIT = kernel.DAMAGED_LAST_DIGIT
    """15 significant digits; also serial 0000, which is never issued."""
    DAMAGED_FLOAT = kernel.DAMAGED_FLOAT
    """It had been a float above 2**53 (provinces 91-96): the last digit may be off by one."""


class NikFlag(IntFlag):
    """What is odd about a NIK; none of it makes the NIK unusable."""

    REGION_UNKNOWN = kernel.REGION_UNKNOWN
    """Region retired before 2016 (Timor Timur), or never existed."""
    DOB_MISMATCH = kernel.DOB_MISMATCH
    SEX_MISMATCH = kernel.SEX_MISMATCH
    SUSPICIOUS = kernel.SUSPICIOUS
    """Date and serial are one repeated digit."""
    SCIENTIFIC = kernel.SCIENTIFIC
    """It was written in scientific notation."""


@dataclass(frozen=True)
class NikColumn:
    """Normalised NIKs.

    Attributes
    ----------
    digits
        ``uint8 (rows, 16)``: ASCII digits, zero bytes where there is none.
    length
        ``uint8 (rows,)``: 16, 15 when only the first 15 digits are good, or 0.
    status, flags
        ``uint8 (rows,)``: :class:`NikStatus`, :class:`NikFlag`.
    """

    digits: npt.NDArray[np.uint8]
    length: npt.NDArray[np.uint8]
    status: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.status.size


def normalise_nik(
    values: pa.Array,
    birth_dates: DateColumn | None = None,
    sex: npt.NDArray[np.uint8] | None = None,
) -> NikColumn:
    """Normalise one column. About 60 nanoseconds a NIK, without the GIL.

    Parameters
    ----------
    values
        Text; a float column works too.
    birth_dates, sex
        The other columns, normalised, for the soft flags.
    """
    text = text_column(values)
    n = len(values)
    column = NikColumn(
        digits=np.zeros((n, kernel.DIGITS), dtype=np.uint8),
        length=np.zeros(n, dtype=np.uint8),
        status=np.zeros(n, dtype=np.uint8),
        flags=np.zeros(n, dtype=np.uint8),
    )
    kernel.normalise_niks(
        text.data,
        text.offsets,
        text.valid,
        _tables(),
        np.empty(0, dtype=np.int32) if birth_dates is None else birth_dates.ymd,
        np.empty(0, dtype=np.uint8) if sex is None else sex,
        column.digits,
        column.length,
        column.status,
        column.flags,
    )
    return column


@cache
def _tables() -> kernel.NikTables:
    folder = files("pprl.normalise").joinpath("tables")
    lists = tomllib.loads(folder.joinpath("nik.toml").read_text(encoding="utf-8"))
    text = folder.joinpath("kecamatan_codes.csv").read_text(encoding="ascii")
    codes = np.array(text.split()[1:], dtype=np.int64)
    regions = np.zeros(1_000_000, dtype=np.uint8)
    by_province = regions.reshape(-1, _CODES_PER_PROVINCE)
    by_province[np.unique(codes // _CODES_PER_PROVINCE)] = kernel.KNOWN_PROVINCE
    by_province[[int(code) for code in lists["retired_provinces"]]] = kernel.SOFT_PROVINCE
    regions[codes] |= kernel.KNOWN_KECAMATAN
    return kernel.NikTables(
        regions=regions,
        missing=text_keys(lists["missing"]),
        placeholders=np.array([int(nik) for nik in lists["placeholders"]], dtype=np.int64),
    )
