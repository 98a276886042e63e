"""Numbers in options: several whole ones with commas between.

>>> whole_numbers("50, 200"), whole_numbers("fifty")
([50, 200], None)
"""

from __future__ import annotations

import re

_SEVERAL = re.compile(r"\s*[0-9]{1,9}\s*(,\s*[0-9]{1,9}\s*)*", re.ASCII)


def whole_numbers(text: str) -> list[int] | None:
    """Return the numbers of an option, as given; None for anything else."""
    if not _SEVERAL.fullmatch(text):
        return None
    return [int(part) for part in text.split(",")]
