"""Header names of any kind of table: cleaned, checked, and never mistaken for data.

A file without a header would show its first person as column names, in every message that lists
columns. So a "header" with an identity number, a date or a bare number is refused without naming
it.

>>> looks_like_data("NIK"), looks_like_data("6408991503909901"), looks_like_data("15/03/1990")
(False, True, True)
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pprl.errors import InputError

_DATE = re.compile(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}")
_MANY_DIGITS = 8


def clean_name(text: str) -> str:
    """Return a header name without byte-order mark, line breaks and surrounding blanks."""
    return " ".join(text.replace("\ufeff", "").split())


def looks_like_data(name: str) -> bool:
    """Say whether a cell can't be a column name: a number, a date, or eight digits or more."""
    return (
        name.isdecimal()
        or _DATE.search(name) is not None
        or sum(character.isdecimal() for character in name) >= _MANY_DIGITS
    )


def named_columns(path: Path, names: Sequence[str], row: int) -> tuple[tuple[str, ...], list[int]]:
    """Return the named columns of a header row and their positions.

    Parameters
    ----------
    names
        Every cell of the row, cleaned; columns without a name are left out.
    row
        The row's number, for the error.

    Raises
    ------
    InputError
        The row holds data, or two columns have the same name.
    """
    if not any(names) or any(looks_like_data(name) for name in names):
        raise InputError("table.no_header", path=str(path), row=row)
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in positions:
            raise InputError(
                "table.duplicate_column",
                path=str(path),
                column=name,
                first=positions[name] + 1,
                second=position + 1,
            )
        if name:
            positions[name] = position
    return tuple(positions), list(positions.values())
