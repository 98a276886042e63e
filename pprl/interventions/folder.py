"""A folder of results appears whole or not at all: filled beside its place, flushed, renamed.

What was there stays until the new one is complete. Only a folder that holds the marker is ever
replaced, so a slip in a path can't remove anything else. The folder is for its owner's eyes
(mode 0700): what is handed over is copied from it. What a killed command left half-filled is
removed by the next one that writes to the same place; a command that still runs is left alone.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as place:
...     with publish_folder(Path(place) / "out", marker="state") as folder:
...         _ = (folder / "state").write_text("1")
...     sorted(path.name for path in Path(place).rglob("*"))
['out', 'state']
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNFINISHED = ".part-{}-{}"


def refuse_folder(path: Path, *, marker: str, force: bool = False) -> None:
    """Refuse at once what :func:`publish_folder` would refuse after the work is done.

    Raises
    ------
    ConfigError
        As :func:`publish_folder`.
    """
    with _said(path):
        _refuse(path, path.resolve(), marker, force=force)


@contextlib.contextmanager
def publish_folder(path: Path, *, marker: str, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends well.

    Parameters
    ----------
    path
        Where the results go.
    marker
        Name of a file that every such folder holds.
    force
        Replace a folder that holds the marker, or is empty.

    Raises
    ------
    ConfigError
        There is something at ``path`` and ``force`` isn't given, or it isn't such a folder; its
        parent is missing or can't be written to.
    LimitError
        The disk is full.
    """
    target = path.resolve()
    with _said(path):
        _refuse(path, target, marker, force=force)
        _remove_unfinished(target)
        temporary = target.with_name(_UNFINISHED.format(secrets.token_hex(4), target.name))
        temporary.mkdir(mode=0o700)
    try:
        with _held(temporary):
            yield temporary
            _flush(temporary)
            _refuse(path, target, marker, force=force)  # it may have appeared meanwhile
            _put(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise LimitError("output.disk_full", path=str(path)) from None
        raise


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say that a place can't be written to, whatever the system's reason."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise LimitError("output.disk_full", path=str(path)) from None
        raise ConfigError("output.unwritable", path=str(path)) from None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder while it is filled; yields whether nobody else does.

    Where folders can't be locked (Windows, some network disks) nobody has it for sure.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(handle)


def _remove_unfinished(target: Path) -> None:
    """Remove what killed commands left: lists of people that nobody would look for."""
    pattern = _UNFINISHED.format("?" * 8, glob.escape(target.name))
    for left in target.parent.glob(pattern):
        with _held(left) as alone:
            if alone:
                shutil.rmtree(left, ignore_errors=True)


def _refuse(path: Path, target: Path, marker: str, *, force: bool) -> None:
    if not target.parent.is_dir():
        raise ConfigError("output.no_folder", path=str(path), folder=str(target.parent))
    if not target.exists():
        return
    if not target.is_dir():
        raise ConfigError("worklist.not_a_folder", path=str(path))
    if not force:
        raise ConfigError("output.exists", path=str(path))
    if not (target / marker).is_file() and any(target.iterdir()):
        raise ConfigError("worklist.not_ours", path=str(path))


def _put(temporary: Path, target: Path) -> None:
    """Rename; a folder that was there goes only when the new one is in its place."""
    if not target.exists():
        temporary.rename(target)
    else:
        old = target.with_name(f".old-{secrets.token_hex(4)}-{target.name}")
        target.rename(old)
        try:
            temporary.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _flush_one(target.parent)


def _flush(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            _flush_one(os.path.join(place, name))  # noqa: PTH118 - os.walk gives strings
        _flush_one(place)


def _flush_one(path: Path | str) -> None:
    # Windows can't open folders and needs no such step.
    with contextlib.suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
