"""Files of a home: readable by their owner only, replaced whole or not at all.

Never changes the rights of something that is there already: what others could read, they may have
read. Rights mean nothing on Windows, so only POSIX systems check them.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     with replacing(Path(folder) / "note") as file:
...         _ = file.write(b"whole")
...     read_private(Path(folder) / "note", limit=5)
b'whole'
"""

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pprl.errors import ConfigError, LimitError

OWNER_FOLDER = 0o700
OWNER_FILE = 0o600
TEMPORARY = ".home-part-"
"""How names of unfinished files start."""

_OTHERS = 0o077
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system that say that the disk is full."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that is missing, a link, or open to other users.

    Raises
    ------
    ConfigError
        As said.
    """
    try:
        mode = folder.lstat().st_mode
    except OSError:
        raise ConfigError("home.missing", path=str(folder)) from None
    if not stat.S_ISDIR(mode):
        raise ConfigError("home.missing", path=str(folder))
    _refuse_others(folder, mode)


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone; one that exists must be so already.

    Raises
    ------
    ConfigError
        It can't be made, or others can look into it.
    """
    try:
        folder.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
    except OSError:
        raise ConfigError("home.unwritable", path=str(folder)) from None
    check_folder(folder)
    flush_folder(folder.parent)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a secret file for reading, never through a link.

    Raises
    ------
    ConfigError
        Missing, no ordinary file, or readable by others.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    # A pipe put in the place of a file must not make us wait for a writer.
    flags |= getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        raise ConfigError("home.unreadable", path=str(path)) from None
    try:
        # Examined through the descriptor: what is checked is what is read.
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigError("home.unreadable", path=str(path))
        _refuse_others(path, mode)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def read_private(path: Path, *, limit: int) -> bytes:
    """Return the bytes of a secret file of at most ``limit`` bytes.

    Raises
    ------
    ConfigError
        Missing, no ordinary file, readable by others, or larger.
    """
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ConfigError("home.damaged", path=str(path))
    return data


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes ``path`` when the block ends well, durably.

    Mode 0600 from its first moment; a file of that name is replaced. On any failure it is removed
    and ``path`` is as it was. A process that is killed leaves a file whose name starts with
    :data:`TEMPORARY`.

    Raises
    ------
    ConfigError
        The folder can't be written to.
    LimitError
        The disk is full.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, OWNER_FILE)
    except OSError as error:
        if error.errno in FULL:
            raise LimitError("home.disk_full", path=str(path)) from None
        raise ConfigError("home.unwritable", path=str(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise LimitError("home.disk_full", path=str(path)) from None
        raise
    flush_folder(path.parent)


def erase(path: Path) -> None:
    """Overwrite a file with zeros and remove it; a missing one is fine.

    On disks that write elsewhere (flash, copy-on-write, snapshots) the old bytes may stay; what a
    home keeps is encrypted for that reason.

    Raises
    ------
    ConfigError
        The file can't be written to or removed.
    """
    try:
        with path.open("rb+") as file:
            left = os.fstat(file.fileno()).st_size
            zeros = bytes(min(left, 1 << 20))
            while left:
                left -= file.write(zeros[:left])
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    except OSError:
        raise ConfigError("home.unwritable", path=str(path)) from None
    flush_folder(path.parent)


def erase_folder(folder: Path) -> None:
    """Erase every file below a folder, then the folder; links are removed, never followed.

    Raises
    ------
    ConfigError
        As :func:`erase`.
    """
    try:
        for path in sorted(folder.rglob("*"), reverse=True):  # what is inside comes first
            if path.is_symlink():
                path.unlink()
            elif path.is_dir():
                path.rmdir()
            else:
                erase(path)
        folder.rmdir()
    except OSError:
        raise ConfigError("home.unwritable", path=str(folder)) from None


def flush_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable, where the system can."""
    with contextlib.suppress(OSError):  # Windows can't open folders and needs no such step
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_others(path: Path, mode: int) -> None:
    if sys.platform != "win32" and stat.S_IMODE(mode) & _OTHERS:
        raise ConfigError("home.readable", path=str(path))
