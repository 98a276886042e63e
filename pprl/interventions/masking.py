"""NIKs in lists that are handed over: enough to recognise, too little to complete.

A NIK is region (6 digits), birth date (6, women: day + 40) and serial (4). Whoever knows a person's
birth date, sex and home knows the first twelve; what protects a NIK is its serial, and serials are
low: one or two digits of it would leave hardly anything to guess. So the region is shown and the
ten digits after it never, neither birth date nor serial, and the lists show an age instead of a
birth date. A NIK that isn't 16 digits is hidden whole: what stands there may be anything.

>>> import pyarrow as pa
>>> mask_niks(pa.array(["6408991503909901", "640899150390990", None])).to_pylist()
['640899**********', '****************', None]
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

SHOWN = 6
"""Digits at the beginning that stay."""

_DIGITS = 16


def mask_niks(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the NIKs masked; null stays null."""
    whole = pc.match_substring_regex(values, f"^[0-9]{{{_DIGITS}}}$")
    start = pc.utf8_slice_codeunits(values, 0, SHOWN)
    shown = pc.binary_join_element_wise(start, "*" * (_DIGITS - SHOWN), "")
    return pc.if_else(whole, shown, "*" * _DIGITS)
