"""What Python and libraries say by themselves is not said: their messages may hold a cell.

An error that a destructor, a thread or an exit handler raises never reaches the command's own last
resort; Python prints it with its message. Here it is reported like any other bug: where it
happened, not with which values. Logs of libraries are dropped, and a crash leaves no core file,
which would hold the register that was in memory. Nothing here decides how a command ends.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING

from pprl_cli import ui

if TYPE_CHECKING:
    from types import TracebackType


_NO_BUGS = (BrokenPipeError, KeyboardInterrupt, SystemExit)


def hush() -> None:
    """Set up the process, before anything is read."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.disable()
    sys.excepthook = _uncaught
    sys.unraisablehook = _ignored
    threading.excepthook = _in_thread
    _without_core()


def _uncaught(_kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    _confess(error)


def _ignored(unraisable: sys.UnraisableHookArgs) -> None:
    _confess(unraisable.exc_value)


def _in_thread(arguments: threading.ExceptHookArgs) -> None:
    _confess(arguments.exc_value)


def _confess(error: BaseException | None) -> None:
    if error is None or isinstance(error, _NO_BUGS):
        return
    # Python is perhaps half taken down by now, and falls back to its own report when this fails.
    with contextlib.suppress(Exception):
        ui.confess(error)


def _without_core() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
