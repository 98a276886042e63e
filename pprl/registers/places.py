"""Codes of kecamatan (6 digits) and desa (10 digits), from whatever columns a register has.

Codes may be whole, with dots (``64.08.04.2001``), or one part a column (64, 08, 04, 2001); what is
missing above follows from what is whole below. These are the codes of Kemendagri; those of BPS,
with seven and ten digits, are others and stay unread as kecamatan.

>>> import pyarrow as pa
>>> districts, villages = pa.array(["64.08.04", "4"]), pa.array([None, "6408042001"])
>>> district_codes(None, None, districts, villages).to_pylist()
['640804', '640804']
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_PROVINCE, _REGENCY, _DISTRICT, _VILLAGE = 2, 4, 6, 10


def district_codes(
    province: pa.Array | None,
    regency: pa.Array | None,
    district: pa.Array | None,
    village: pa.Array | None,
) -> pa.Array | None:
    """Return the codes of kecamatan, null where they can't be told; None without any column."""
    if district is None and village is None:
        return None
    found = _whole(village, _VILLAGE)
    above = None if found is None else pc.utf8_slice_codeunits(found, 0, _DISTRICT)
    own = _below(_regency_codes(province, regency), district, _REGENCY, _DISTRICT)
    return _either(own, above)


def village_codes(
    province: pa.Array | None,
    regency: pa.Array | None,
    district: pa.Array | None,
    village: pa.Array | None,
) -> pa.Array | None:
    """Return the codes of desa, null where they can't be told; None without a column."""
    if village is None:
        return None
    districts = _below(_regency_codes(province, regency), district, _REGENCY, _DISTRICT)
    return _below(districts, village, _DISTRICT, _VILLAGE)


def holds_codes(cells: pa.Array) -> bool:
    """Say whether a column holds codes, and not names: no letter in it."""
    return not pc.any(pc.match_substring_regex(cells, r"[A-Za-z]")).as_py()


def _regency_codes(province: pa.Array | None, regency: pa.Array | None) -> pa.Array | None:
    return _below(_whole(province, _PROVINCE), regency, _PROVINCE, _REGENCY)


def _below(
    above: pa.Array | None, cells: pa.Array | None, start: int, length: int
) -> pa.Array | None:
    """Return whole codes, put together with those of the level above where they are parts."""
    whole = _whole(cells, length)
    if cells is None or above is None:
        return whole
    digits = _digits(cells)
    width = length - start
    part = pc.if_else(pc.less_equal(pc.utf8_length(digits), width), digits, None)
    padded = pc.utf8_lpad(part, width, "0")
    return _either(whole, pc.binary_join_element_wise(above, padded, ""))


def _whole(cells: pa.Array | None, length: int) -> pa.Array | None:
    if cells is None:
        return None
    digits = _digits(cells)
    return pc.if_else(pc.equal(pc.utf8_length(digits), length), digits, None)


def _digits(cells: pa.Array) -> pa.Array:
    plain = pc.replace_substring_regex(cells, r"\.0$|[.\-\s]", "")
    return pc.if_else(pc.match_substring_regex(plain, r"^[0-9]{1,10}$"), plain, None)


def _either(first: pa.Array | None, second: pa.Array | None) -> pa.Array | None:
    if first is None or second is None:
        return second if first is None else first
    return pc.coalesce(first, second)
