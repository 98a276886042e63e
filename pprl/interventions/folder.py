"""A folder of results appears whole or not at all: filled beside its place, flushed, renamed.

What was there stays until the new one is complete. Only a folder that holds the marker is ever
replaced, so a slip in a path can't remove anything else. The folder is for its owner's eyes
(mode 0700): what is handed over is copied from it.

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
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
    try:
        _refuse(path, target, marker, force=force)
        temporary = target.with_name(f".part-{secrets.token_hex(4)}-{target.name}")
        temporary.mkdir(mode=0o700)
    except PermissionError:
        raise ConfigError("output.unwritable", path=str(path)) from None
    try:
        yield temporary
        _flush(temporary)
        _refuse(path, target, marker, force=force)  # it may have appeared meanwhile
        _put(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise LimitError("output.disk_full", path=str(path)) from None
        raise


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
