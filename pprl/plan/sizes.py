"""Amounts of memory and disk as people write and read them.

>>> parse_size("4GB"), parse_size("512MiB"), parse_size("1,5 g")
(4000000000, 536870912, 1500000000)
>>> shown_size(11_200_000_000), shown_size(350_000_000), shown_size(999)
('11.2 GB', '350 MB', '999 B')
"""

from __future__ import annotations

import re

from pprl.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:([KMGT])(I?))?B?", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_THOUSAND = 1_000
_ONE_DIGIT_BELOW = 100


def parse_size(text: str) -> int:
    """Return a size in bytes: a number with a unit, powers of 1,000 (GB) or of 1,024 (GiB).

    Raises
    ------
    ConfigError
        It isn't one, or it is nothing.
    """
    read = _SIZE.fullmatch(text.strip().upper())
    if read is None:
        raise ConfigError("plan.size", given=text)
    number, unit, binary = read.groups(default="")
    size = int(float(number.replace(",", ".")) * (1024 if binary else _THOUSAND) ** _POWERS[unit])
    if not size:
        raise ConfigError("plan.size", given=text)
    return size


def shown_size(size: int) -> str:
    """Return a size in bytes as a short number with a unit, powers of 1,000."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    place = 0
    while value >= _THOUSAND and place < len(units) - 1:
        value /= _THOUSAND
        place += 1
    digits = 1 if place >= _POWERS["G"] and value < _ONE_DIGIT_BELOW else 0
    return f"{value:.{digits}f} {units[place]}"
