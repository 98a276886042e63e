"""The few things an exchange asks of the place its files lie in, and the local folder as one.

A store holds immutable files in folders. It lists, reads and publishes; it never overwrites,
never deletes what was published, and knows nothing of runs, parties or digests. The local store
never follows a symbolic link below its root, opens nothing but ordinary files, and publishes by
temporary name, flush and rename, so that a half-written file never has a real name. Remote
folders will be further classes with the same methods. Spec: "Exchange and transcript".

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     store = LocalStore(Path(folder))
...     with store.stage(("run", "log")) as staged:
...         staged.write(b"text")
...         staged.publish("000000.json")
...     store.names(("run", "log"), limit=10), store.size(("run", "log", "000000.json"))
(['000000.json'], 4)
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from pprl.errors import ConfigError, LimitError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Place: TypeAlias = tuple[str, ...]
"""Names from the root of a store to a folder or a file; each one checked by who composed it."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a named pipe that somebody left here must not hang.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".part-"


class Staged(Protocol):
    """A file being written that nobody can see yet."""

    def write(self, data: bytes, /) -> None:
        """Add bytes at the end."""

    def publish(self, name: str, /) -> None:
        """Make it durable and give it its name, unless a file of that name is there already."""


class Store(Protocol):
    """What an exchange needs of the place its files lie in."""

    def names(self, folder: Place, *, limit: int) -> list[str]:
        """Return the names in a folder, sorted, without temporaries; empty when it isn't there."""

    def size(self, place: Place) -> int | None:
        """Return how many bytes a file has; None when it isn't there."""

    def open(self, place: Place) -> BinaryIO:
        """Open a file for reading; ``FileNotFoundError`` when it isn't there."""

    def stage(self, folder: Place) -> contextlib.AbstractContextManager[Staged]:
        """Start a file in a folder, which is made when missing; gone unless published."""


class LocalStore:
    """A folder of this machine.

    Parameters
    ----------
    root
        The folder. It may itself be reached over a symbolic link; nothing below it may.

    Raises
    ------
    ConfigError
        There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise ConfigError("exchange.missing", path=str(root))
        self._root = root

    def names(self, folder: Place, *, limit: int) -> list[str]:
        """Return the names in a folder, sorted; empty when it isn't there.

        Names that start with a dot are left out: temporaries, and what file managers drop.

        Raises
        ------
        PeerError
            More than ``limit`` names, or a link or file where a folder should be.
        """
        found: list[str] = []
        with self._reading():
            try:
                with self._folder(folder) as handle, os.scandir(handle) as entries:
                    for count, entry in enumerate(entries):
                        if count >= limit:
                            raise PeerError(
                                "exchange.too_many_files", place=_shown(folder), limit=limit
                            )
                        if not entry.name.startswith("."):
                            found.append(entry.name)
            except FileNotFoundError:
                return []
        return sorted(found)

    def size(self, place: Place) -> int | None:
        """Return how many bytes a file has; None when it isn't there.

        Raises
        ------
        PeerError
            It is a link, a folder or a device.
        """
        try:
            with self.open(place) as file:
                return os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return None

    def open(self, place: Place) -> BinaryIO:
        """Open an ordinary file for reading.

        Raises
        ------
        FileNotFoundError
            It isn't there.
        PeerError
            It is a link, a folder or a device.
        """
        with self._reading(), self._folder(place[:-1]) as folder:
            try:
                handle = os.open(_one(place[-1]), _FILE, dir_fd=folder)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENXIO}:
                    raise PeerError("exchange.not_a_file", place=_shown(place)) from None
                raise
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise PeerError("exchange.not_a_file", place=_shown(place))
            return os.fdopen(handle, "rb")

    @contextlib.contextmanager
    def stage(self, folder: Place) -> Iterator[Staged]:
        """Start a file in a folder, which is made when missing; gone unless published.

        Raises
        ------
        ConfigError
            The system doesn't allow it.
        LimitError
            The disk is full.
        """
        with contextlib.ExitStack() as stack:
            with self._writing():
                handle = stack.enter_context(self._folder(folder, make=True))
                staged = _LocalStaged(handle, self._writing)
            stack.callback(staged.close)
            yield staged

    @contextlib.contextmanager
    def _folder(self, place: Place, *, make: bool = False) -> Iterator[int]:
        # Walks by handles, one name at a time: nobody can put a link in between.
        try:
            handle = os.open(self._root, _FOLDER)
        except FileNotFoundError:  # gone since: not the same as an exchange with nothing in it
            raise ConfigError("exchange.missing", path=str(self._root)) from None
        try:
            for depth, name in enumerate(place):
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(_one(name), dir_fd=handle)
                        _flush_folder(handle)
                try:
                    inner = os.open(_one(name), _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
                except OSError as error:
                    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                        shown = _shown(place[: depth + 1])
                        raise PeerError("exchange.not_a_folder", place=shown) from None
                    raise
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError:
            raise ConfigError("exchange.unreadable", path=str(self._root)) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = str(self._root)
            if error.errno in _FULL:
                raise LimitError("output.disk_full", path=path) from None
            raise ConfigError("exchange.unwritable", path=path) from None


class _LocalStaged:
    def __init__(
        self, folder: int, writing: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        self._folder = folder
        self._writing = writing
        self._name: str | None = f"{_TEMPORARY}{secrets.token_hex(8)}"
        self._file = os.fdopen(os.open(self._name, _NEW, 0o644, dir_fd=folder), "wb")

    def write(self, data: bytes, /) -> None:
        with self._writing():
            self._file.write(data)

    def publish(self, name: str, /) -> None:
        if self._name is None:
            message = "published already"
            raise ValueError(message)
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            # Not os.link, which would refuse to replace: memory sticks (FAT) have no links. Whoever
            # publishes looks first; two writers of one name write the same bytes or one is a fork.
            os.rename(self._name, _one(name), src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._name = None
        _flush_folder(self._folder)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk was reported by the write
            self._file.close()
        if self._name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._name, dir_fd=self._folder)


def _one(name: str) -> str:
    # The last line of defence; callers compose places from checked names only.
    if name in {"", ".", ".."} or set(name) & {"/", "\\", "\0", ":"}:
        message = "not a name of one file"
        raise ValueError(message)
    return name


def _flush_folder(handle: int) -> None:
    with contextlib.suppress(OSError):  # some network file systems refuse this on folders
        os.fsync(handle)


def _shown(place: Place) -> str:
    return "/".join(place)
