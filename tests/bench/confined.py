"""Run one command in a process group that may take so much memory, and measure what it took.

Three ways, the first that works here:

systemd
    A transient scope: the kernel limits the group, page cache included, and tells the peak.
cgroup
    A child of a memory cgroup (version 1 or 2) that whoever runs this was given; never looked for,
    it has to be named.
rlimit
    No cgroup: RLIMIT_DATA for each process, and a watcher that adds up what the whole group has
    that can't be dropped (anonymous and shared memory) five times a second and ends it beyond the
    limit. Pages of mapped files and the page cache are not limited.

    python tests/bench/confined.py BYTES [PROCS_FILE] -- COMMAND...   (starts the command itself)
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

WAYS = ("systemd", "cgroup", "rlimit")
_EVERY_SECONDS = 0.2
_SCOPE = ("systemd-run", "--scope", "--quiet", "--collect")


@dataclass(frozen=True)
class Spent:
    """What a command took; memory and disk in bytes.

    ``group`` is the peak as the kernel counts it (page cache included), None without a cgroup;
    ``anonymous`` the peak of what can't be dropped, over the whole group; ``resident`` the peak of
    the largest process, pages of mapped files included; ``disk`` the peak in the folder.
    """

    code: int
    wall: float
    cpu: float
    group: int | None
    anonymous: int
    resident: int
    disk: int
    way: str


def way_here(cgroup: Path | None) -> str:
    """Return which way works here."""
    if cgroup is not None:
        return "cgroup"
    if shutil.which("systemd-run"):
        tried = subprocess.run(
            [*_scope(1 << 30), "true"], check=False, capture_output=True, timeout=30
        )
        if tried.returncode == 0:
            return "systemd"
    return "rlimit"


def run(
    command: list[str], *, limit: int, folder: Path, log: Path, cgroup: Path | None = None
) -> Spent:
    """Run a command; its output goes to ``log``. Nothing of it is left when this returns."""
    way = way_here(cgroup)
    own = None if way != "cgroup" else _make_cgroup(cgroup, limit)
    start = [*_scope(limit)] if way == "systemd" else []
    if way != "systemd":
        data = str(limit) if way == "rlimit" else "0"
        start = [
            sys.executable,
            __file__,
            data,
            *([str(own / "cgroup.procs")] if own else []),
            "--",
        ]
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*start, *command], stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    watcher = _Watcher(process.pid, folder, limit if way == "rlimit" else None)
    watcher.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        wall = time.monotonic() - began
        with contextlib.suppress(ProcessLookupError):  # also when we were interrupted
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        watcher.stop.set()
        watcher.join()
    group = watcher.group
    if own is not None:
        group = _peak(own)
        with contextlib.suppress(OSError):
            own.rmdir()
    return Spent(
        process.returncode, wall, used.ru_utime + used.ru_stime, group, watcher.anonymous,
        used.ru_maxrss * 1024, watcher.disk, way,
    )  # fmt: skip


class _Watcher(threading.Thread):
    """Looks at a process group until it is told to stop."""

    def __init__(self, group_id: int, folder: Path, limit: int | None) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.anonymous = self.disk = 0
        self.group: int | None = None
        self._id, self._folder, self._limit = group_id, folder, limit

    def run(self) -> None:
        while not self.stop.wait(_EVERY_SECONDS):
            self.anonymous = max(self.anonymous, sum(map(_anonymous, _members(self._id))))
            self.disk = max(self.disk, _size(self._folder))
            self.group = _scope_peak(self._id) or self.group
            if self._limit is not None and self.anonymous > self._limit:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._id, signal.SIGKILL)


def _members(group: int) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # pid (name, which may hold anything) state parent group
                rest = (each / "stat").read_text().rpartition(")")[2].split()
                if int(rest[2]) == group:
                    found.append(int(each.name))
    return found


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        kilobytes = [
            int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))
        ]
        return sum(kilobytes) * 1024
    return 0


def _size(folder: Path) -> int:
    total = 0
    for each in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += each.lstat().st_blocks * 512
    return total


def _scope(limit: int) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user"]
    return [*_SCOPE, *user, "-p", f"MemoryMax={limit}", "-p", "MemorySwapMax=0"]


def _scope_peak(pid: int) -> int | None:
    """Return the peak of the scope that a process is in, where the kernel tells it."""
    with contextlib.suppress(OSError):
        line = Path(f"/proc/{pid}/cgroup").read_text().splitlines()[-1]
        path = line.partition("::")[2]
        if path.endswith(".scope"):
            return _peak(Path("/sys/fs/cgroup" + path))
    return None


def _make_cgroup(parent: Path, limit: int) -> Path:
    own = parent / f"pprl-bench-{os.getpid()}"
    own.mkdir()
    old = (own / "memory.limit_in_bytes").exists()
    (own / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit))
    return own


def _peak(cgroup: Path) -> int | None:
    for name in ("memory.peak", "memory.max_usage_in_bytes"):
        with contextlib.suppress(OSError):
            return int((cgroup / name).read_text())
    return None


def _become(arguments: list[str]) -> None:
    """Take the limit, and turn into the command."""
    place = arguments.index("--")
    if data := int(arguments[0]):
        resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    for procs in arguments[1:place]:
        Path(procs).write_text(str(os.getpid()))
    os.execvp(arguments[place + 1], arguments[place + 1 :])  # noqa: S606 - the caller's own command


if __name__ == "__main__":
    _become(sys.argv[1:])
