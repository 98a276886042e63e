"""Results appear whole or not at all: write beside the target, flush, rename.

Never overwrites a file unless told to, never overwrites an input, and leaves nothing behind when
the work fails or is interrupted.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     with publish(Path(folder) / "out.txt") as temporary:
...         _ = temporary.write_text("done")
...     [path.name for path in Path(folder).iterdir()]
['out.txt']
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pprl.errors import ConfigError, LimitError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def publish(path: Path, *, force: bool = False, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield an empty temporary file that becomes ``path`` when the block ends well.

    The temporary file is in the folder of ``path`` (so that renaming is one step), its name ends
    in the name of ``path`` and starts with a dot. Its rights are those of a file that ``open``
    would have made, or those of the file that ``force`` replaces. On any failure,
    ``KeyboardInterrupt`` included, it is removed and ``path`` is as it was.

    Parameters
    ----------
    path
        Where the result goes.
    force
        Replace an existing file.
    inputs
        Files that ``path`` must not be, ``force`` or not.

    Raises
    ------
    ConfigError
        ``path`` exists and ``force`` isn't given, is an input or no regular file, or its folder
        is missing or can't be written to.
    LimitError
        The disk is full.
    """
    target = path.resolve()
    try:
        _refuse(path, target, force=force, inputs=inputs)
    except PermissionError:  # a folder on the way can't be looked into
        raise ConfigError("output.unwritable", path=str(path)) from None
    temporary = _create(path, target)
    try:
        yield temporary
        _flush(temporary)
        _refuse(path, target, force=force, inputs=inputs)  # it may have appeared meanwhile
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise LimitError("output.disk_full", path=str(path)) from None
        raise
    _flush_folder(target.parent)


def refuse_inputs(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse a result that would replace one of the files it is made from.

    For files that ``publish`` isn't told of, such as a key or a schema.

    Raises
    ------
    ConfigError
        ``path`` is one of ``inputs``.
    """
    with contextlib.suppress(PermissionError):  # the writing will say so
        if any(given.exists() and path.exists() and given.samefile(path) for given in inputs):
            raise ConfigError("output.is_input", path=str(path))


def _refuse(path: Path, target: Path, *, force: bool, inputs: Sequence[Path]) -> None:
    if not target.parent.is_dir():
        raise ConfigError("output.no_folder", path=str(path), folder=str(target.parent))
    if not target.exists():
        return
    if not target.is_file():
        raise ConfigError("output.not_a_file", path=str(path))
    if any(given.exists() and given.samefile(target) for given in inputs):
        raise ConfigError("output.is_input", path=str(path))
    if not force:
        raise ConfigError("output.exists", path=str(path))


def _create(path: Path, target: Path) -> Path:
    temporary = target.with_name(f".part-{secrets.token_hex(4)}-{target.name}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        if error.errno in _FULL:
            raise LimitError("output.disk_full", path=str(path)) from None
        raise ConfigError("output.unwritable", path=str(path)) from None
    return temporary


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    # Makes the rename itself durable; Windows can't open folders and needs no such step.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
