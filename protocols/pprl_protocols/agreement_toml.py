r"""Writing an agreement as TOML that people read and edit.

A writer for this one document: plain keys first, then tables, then lists of tables; keys that
hold nothing are left out. Knows no names of the agreement, only their kinds.

>>> print(write({"run": "ab", "note": "two\nlines", "parties": [{"name": "x", "card": None}]}))
run = "ab"
note = '''
two
lines'''
<BLANKLINE>
[[parties]]
name = "x"
<BLANKLINE>
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def write(content: Mapping[str, object]) -> str:
    """Return the TOML of a content of texts, integers, dates, lists and tables."""
    return "\n".join(_table(content, ())) + "\n"


def _table(content: Mapping[str, object], path: Sequence[str]) -> list[str]:
    lines, below = [], []
    for key, value in content.items():
        inside = (*path, key)
        if value is None or value in ("", (), []):
            continue
        if isinstance(value, dict):
            below += ["", f"[{'.'.join(inside)}]", *_table(value, inside)]
        elif isinstance(value, (list, tuple)) and isinstance(value[0], dict):
            for row in value:
                below += ["", f"[[{'.'.join(inside)}]]", *_table(row, inside)]
        else:
            lines.append(f"{key} = {_value(value)}")
    return [*lines, *below]


def _value(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(one) for one in value)}]"
    # A literal text in several lines needs no escapes, so a schema stays as it was.
    if isinstance(value, str) and "\n" in value and "'''" not in value and value[-1] != "'":
        return f"'''\n{value}'''"
    return json.dumps(value, ensure_ascii=False)
