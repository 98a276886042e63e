r"""A rule file as it lies on disk: TOML in UTF-8, as any editor writes it.

Says where a file stops being TOML. What the keys mean is :mod:`~.rules`' matter.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "own.toml"
...     _ = path.write_bytes(b"\xef\xbb\xbfoff = ['R15']\r\n")
...     read_toml(path)
{'off': ['R15']}
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r"at line ([0-9]+)")


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a rule file holds.

    Raises
    ------
    ConfigError
        It is missing, no text in UTF-8 or no TOML; the line is named where there is one.
    """
    try:
        # Notepad begins a file with a mark of its encoding.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError("intervention.missing", path=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        row = _LINE.search(str(error))
        if row is None:  # the file ends too early
            raise ConfigError("intervention.unreadable", path=str(path)) from None
        raise ConfigError("intervention.no_toml", path=str(path), row=int(row[1])) from None
    except (OSError, UnicodeDecodeError, RecursionError):
        raise ConfigError("intervention.unreadable", path=str(path)) from None
