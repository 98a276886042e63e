r"""The list of priority desa: one code a line, checked.

Blank lines and what follows ``#`` don't count; ``64.08.01.2003`` and ``6408012003`` are one desa.
A district lists the desa around companies, say, and a rule asks ``priority_village``.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "desa.txt"
...     _ = path.write_text("64.08.01.2003  # Swarga Bara\n6408042001\n")
...     sorted(read_villages(path))
['6408012003', '6408042001']
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pprl.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_CODE = re.compile(r"[0-9]{10}|[0-9]{2}\.[0-9]{2}\.[0-9]{2}\.[0-9]{4}")


def read_villages(path: Path) -> frozenset[str]:
    """Return the codes, 10 digits each.

    Raises
    ------
    InputError
        The file is missing or no text, holds no code, or a line isn't a code of 10 digits.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError("table.missing", path=str(path)) from None
    except (OSError, UnicodeDecodeError):
        raise InputError("assign.villages_unreadable", path=str(path)) from None
    codes = set()
    for row, line in enumerate(lines, start=1):
        code = line.partition("#")[0].strip()
        if not code:
            continue
        if not _CODE.fullmatch(code):
            raise InputError("assign.village_code", path=str(path), row=row)
        codes.add(code.replace(".", ""))
    if not codes:
        raise InputError("assign.no_villages", path=str(path))
    return frozenset(codes)
