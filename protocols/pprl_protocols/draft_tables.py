"""What a draft says about tables, from options: what they count by, and what they cross.

>>> stratum("desil:kemensos:1-3")
Stratum(name='desil', agencies=('kemensos',), values=('1', '2', '3'), levels=())
>>> stratum("kecamatan:bkkbn,kemensos:640801,640802,647101").levels
(4, 6)
>>> tables(["desil"], ["kecamatan", "desil"])
(('desil',),)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pprl.errors import ConfigError
from pprl_protocols import limits
from pprl_protocols.disclosure import Disclosure, Repeats, Stratum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl_protocols.disclosure import Mode

REGION_DIGITS = (2, 4, 6, 10)
"""Of the codes of provinsi, kabupaten/kota, kecamatan and desa."""
REPEATS = Repeats(runs=4, days=365)
_RANGE = re.compile(r"([0-9]{1,4})-([0-9]{1,4})", re.ASCII)
_MAX_BYTES = 1 << 20


def stratum(option: str) -> Stratum:
    """Read ``NAME:AGENCY[,AGENCY]:VALUES``.

    Values are a list, a range as ``1-10``, or a file with a value a line. Codes of regions that
    both agencies give become a hierarchy of the levels that tell some of them apart.

    Raises
    ------
    ConfigError
        It isn't of that form, or there is no such file.
    """
    parts = option.split(":", 2)
    if len(parts) != len(("name", "agencies", "values")):
        raise ConfigError("agreement.stratum_form", option=option)
    agencies = tuple(parts[1].split(","))
    values = _values(parts[2])
    try:
        return Stratum(
            name=parts[0],
            agencies=agencies,
            values=values,
            levels=_levels(values) if len(agencies) > 1 else (),
        )
    except ValidationError:
        raise ConfigError("agreement.stratum_form", option=option) from None


def tables(options: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Read ``NAME,NAME`` for each table; without options one table of all strata."""
    if not options:
        return (tuple(names),)
    return tuple(tuple(name for name in option.split(",") if name) for option in options)


def with_tables(
    disclosure: Disclosure,
    *,
    mode: Mode | None,
    strata: Sequence[str],
    publish: Sequence[str],
    noise: int,
) -> Disclosure:
    """Return what a template discloses, with the tables that options ask for.

    Mode ``count`` takes families and attributes out, and publishes at least the total.

    Raises
    ------
    ConfigError
        As :func:`stratum`.
    """
    counts = (mode or disclosure.mode) == "count"
    if not (counts or strata or publish or noise):
        return disclosure
    read = tuple(stratum(option) for option in strata)
    return disclosure.model_copy(
        update={
            "mode": "count" if counts else "link",
            "families": disclosure.families and not counts,
            "attributes": () if counts else disclosure.attributes,
            "strata": read,
            "publish": tables(publish, [one.name for one in read]),
            "noise_scale": noise,
            "repeats": disclosure.repeats or REPEATS,
        }
    )


def _values(text: str) -> tuple[str, ...]:
    if span := _RANGE.fullmatch(text):
        first, last = int(span[1]), int(span[2])
        return tuple(str(number) for number in range(first, last + 1))
    path = Path(text)
    if "," not in text and path.is_file():
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES)
        try:
            lines = data.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ConfigError("agreement.stratum_file", path=text) from None
        found = tuple(line.strip() for line in lines if line.strip())
        if not found or len(found) > limits.MAX_STRATUM_VALUES:
            raise ConfigError("agreement.stratum_file", path=text)
        return found
    return tuple(text.split(","))


def _levels(values: Sequence[str]) -> tuple[int, ...]:
    widths = {len(value) for value in values if value.isascii() and value.isdecimal()}
    width = max(widths, default=0)
    if widths != {width} or width not in REGION_DIGITS or len(values) == 1:
        return ()
    above = [digits for digits in REGION_DIGITS if digits < width]
    # A level of one place says what the total says.
    told = [digits for digits in above if len({value[:digits] for value in values}) > 1]
    return (*told, width)
