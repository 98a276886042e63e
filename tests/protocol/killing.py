"""Kill -9 in the middle of a step: a forked child counts what it does to the disk, and dies at it.

Counted is everything that changes what a later process finds: making, renaming, linking and
removing files and folders, opening for writing, and flushing. A child dies just before the n-th of
these; where that is a flush, the file may first lose its second half, as if the child had died in
the middle of writing it.
"""

import io
import os
import signal
import stat
import traceback
import warnings
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir")


class Counter:
    """Dies at the n-th change; counts on when ``at`` is None.

    Parameters
    ----------
    at
        Number of the change, from 1.
    torn
        Die at flushes only, and halve what was to be flushed.
    """

    def __init__(self, at, *, torn=False):
        self.at = at
        self.torn = torn
        self.seen = 0

    def change(self):
        if not self.torn:
            self.tick()

    def flush(self, handle):
        status = os.fstat(handle)
        ordinary = stat.S_ISREG(status.st_mode)
        if self.torn and ordinary and status.st_size and self.seen + 1 == self.at:
            os.ftruncate(handle, status.st_size // 2)
        if not self.torn or ordinary:
            self.tick()

    def tick(self):
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self):
        """Put the counting in front of what the standard library offers."""
        for name in CHANGES:
            setattr(os, name, self.before(getattr(os, name)))
        plain_open, plain_io, plain_sync = os.open, io.open, os.fsync

        def opened(path, flags, *values, **named):
            if flags & WRITING:
                self.change()
            return plain_open(path, flags, *values, **named)

        def opened_file(file, mode="r", *values, **named):
            if set(mode) & set("wax+"):
                self.change()
            return plain_io(file, mode, *values, **named)

        def flushed(handle):
            self.flush(handle)
            return plain_sync(handle)

        os.open, io.open, os.fsync = opened, opened_file, flushed

    def before(self, function):
        def counted(*values, **named):
            self.change()
            return function(*values, **named)

        return counted


def forked(work, at, *, torn=False):
    """Do something in a child that dies at its n-th change.

    Returns
    -------
    int or None
        How many changes there were, when it came to its end; None when it was killed.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn that a child of a process with threads may hang; the child only
        # does one step, on one thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            counter = Counter(at, torn=torn)
            counter.install()
            work()
            os.write(writing, str(counter.seen).encode())
            status = 0
        except BaseException:  # noqa: BLE001 - the child must never return into pytest
            os.write(writing, traceback.format_exc()[-3000:].encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == 0, said
    return int(said)


def contents(folder):
    """Return all files under a folder, by path."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
