"""Files that only their owner may read: the one place with POSIX permission calls.

On Windows the permission bits say nothing, so the check is skipped there; see docs/security.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ONLY = 0o600


def read_private(path: Path) -> bytes:
    """Return the bytes of a secret file.

    Raises
    ------
    ConfigError
        The file is missing, unreadable, a folder, or readable by other users of this machine.
    """
    try:
        # Opened first and examined through the descriptor: what is checked is what is read.
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
                raise ConfigError("key.readable_by_others", path=str(path))
            return file.read()
    except FileNotFoundError:
        raise ConfigError("key.missing", path=str(path)) from None
    except OSError as error:
        raise ConfigError("key.unreadable", path=str(path), reason=str(error.strerror)) from None


def write_private(path: Path, data: bytes) -> None:
    """Create a secret file, mode 0600 from its first moment. Never replaces a file.

    Raises
    ------
    ConfigError
        The file exists already, or its folder is missing or not writable.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        raise ConfigError("key.exists", path=str(path)) from None
    except OSError as error:
        raise ConfigError("key.unwritable", path=str(path), reason=str(error.strerror)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
