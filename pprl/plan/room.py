"""What a job may use of this machine: memory, and the disk of a folder for working files.

The process group may be allowed less than the machine has: a container, a batch system or
``systemd-run`` sets a limit, and whoever goes over it is killed without a word. So the least of all
limits counts, those of the groups around this one included, and a fifth of it is left to others.

It reads limits; it never sets any.

>>> room = Room.of(memory=1_000_000)
>>> room.memory, room.folder, room.disk
(1000000, None, None)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_NAME = "pprl-link"
"""Of the folder for working files."""
OWNER_FOLDER = 0o700

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_LIMITS = ("memory.max", "memory.limit_in_bytes")  # of version 2 and version 1
_MACHINE = Path("/proc/meminfo")


@dataclass(frozen=True)
class Room:
    """What one job may use.

    Attributes
    ----------
    memory
        In bytes; None where nobody can say.
    folder
        Where working files go; None: there are none.
    disk
        Free bytes there.
    """

    memory: int | None
    folder: Path | None
    disk: int | None

    @classmethod
    def of(cls, memory: int | None = None, work_dir: Path | None = None) -> Self:
        """Look at this machine.

        Parameters
        ----------
        memory
            Bytes that may be used; four fifths of what this process may use when not given. Never
            more than it may use.
        work_dir
            A folder for working files.

        Raises
        ------
        ConfigError
            There is no such folder, or nothing can be written there.
        """
        most = usable_memory()
        if memory is None:
            memory = None if most is None else most * 4 // 5
        elif most is not None:
            memory = min(memory, most)
        if work_dir is None:
            return cls(memory, None, None)
        if not work_dir.is_dir():
            raise ConfigError("plan.no_work_dir", path=str(work_dir))
        if not os.access(work_dir, os.W_OK | os.X_OK):
            raise ConfigError("plan.work_dir_unwritable", path=str(work_dir))
        return cls(memory, work_dir, shutil.disk_usage(work_dir).free)


def usable_memory() -> int | None:
    """Return how many bytes this process may use; None where nobody can say."""
    limits = [*group_limits(), *_own_limits(), *_of_machine()]
    return min(limits, default=None)


def group_limits(own: Path = _OWN_GROUP, groups: Path = _GROUPS) -> list[int]:
    """Return the memory limits in bytes of this process's groups and of all that contain them.

    Parameters
    ----------
    own
        The file that names the groups: lines ``number:controllers:path``.
    groups
        Where the groups are.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []  # not Linux
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = groups / "memory" if controllers else groups
        inner = root / path.lstrip("/")
        # A container may see its own group as the root, whatever its name says.
        for folder in (inner, *inner.parents):
            if folder == groups.parent:
                break
            found += [limit for name in _LIMITS if (limit := _number(folder / name)) is not None]
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file; "max"
        return None


def _own_limits() -> Iterator[int]:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit


def _of_machine() -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MACHINE.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Yield the folder for working files, which only its owner may look into.

    It goes with the block when it is empty by then. What an interrupted link left in it stays, for
    the next one to go on from: :mod:`pprl.candidates.working`.

    Raises
    ------
    ConfigError
        It can't be made in ``parent``, or something of somebody else's is in its place.
    """
    folder = parent / FOLDER_NAME
    try:
        folder.mkdir(mode=OWNER_FOLDER, exist_ok=True)
        found = folder.lstat()
    except OSError:
        raise ConfigError("plan.work_dir_unwritable", path=str(parent)) from None
    # In a folder that others may write to, somebody may have made it first to read along.
    if not stat.S_ISDIR(found.st_mode) or not _is_own(found):
        raise ConfigError("plan.work_dir_foreign", path=str(folder))
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _is_own(found: os.stat_result) -> bool:
    if sys.platform == "win32":
        return True
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
