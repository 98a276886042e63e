"""A party of ``pprl demo`` at its keyboard: a process of its own, one command after another.

Both ends are here: :class:`Keyboard` is what the demo holds, :func:`sit` what the process does. All
commands of a party share its process, since starting Python for each of forty commands takes longer
than most of them; two parties share nothing. Orders go in as lines of JSON, exit codes come out. A
party that works while another one is on the terminal writes to a file, so that what the two say
isn't mixed up. After a command that fails a party does no more.

Never knows what a command does, and never sees a passphrase.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDIN, _STDOUT, _STDERR = range(3)
_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Order:
    """A command to run.

    Attributes
    ----------
    line
        Its words, without ``pprl``.
    shown
        File for what it says; None: the terminal.
    kept
        File for its result; None: it goes where the rest goes.
    """

    line: list[str]
    shown: str | None = None
    kept: str | None = None


class Keyboard:
    """The demo's end of a party's process; leaving the block ends it."""

    def __init__(self) -> None:
        program = "from pprl_cli.demo_party import sit; sit()"
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._unanswered = 0

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the party go; one that is still at work is stopped."""
        orders, answers = self._process.stdin, self._process.stdout
        if self._unanswered:
            self._process.terminate()
        if orders is not None:
            with suppress(OSError):  # nobody reads any more
                orders.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if answers is not None:
            answers.close()

    def send(self, order: Order) -> None:
        """Order a command; it starts when those before it are done."""
        self._unanswered += 1
        if self._process.stdin is not None:
            with suppress(OSError):  # it is gone: there will be no answer, which says it
                self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
                self._process.stdin.flush()

    def answer(self) -> int:
        """Wait for the earliest command not yet answered; return its exit code."""
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:  # the process has died
            return self._process.wait() or ui.INTERNAL_ERROR
        self._unanswered -= 1
        return int(line)


def sit() -> None:
    """Run what is ordered on stdin, one command after the other, until there is no more."""
    from pprl_cli import quiet  # noqa: PLC0415 - what only the process needs

    quiet.hush()
    # Commands get a stdin with nothing in it, and their stdout isn't where answers go.
    with (
        os.fdopen(os.dup(_STDIN), "rb") as orders,
        os.fdopen(os.dup(_STDOUT), "wb", buffering=0) as answers,
        suppress(KeyboardInterrupt, BrokenPipeError),
    ):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, _STDIN)
        os.close(nothing)
        os.dup2(_STDERR, _STDOUT)
        for text in orders:
            code = _obey(Order(**json.loads(text)))
            answers.write(b"%d\n" % code)
            if code:
                break


def _obey(order: Order) -> int:
    from pprl_cli.main import run  # noqa: PLC0415 - it imports the demo, which imports this module

    with _going_to(order.shown, _STDERR), _going_to(order.kept or order.shown, _STDOUT):
        try:
            run(order.line)
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@contextmanager
def _going_to(path: str | None, descriptor: int) -> Iterator[None]:
    """Let what is written to a descriptor go to the end of a file."""
    if path is None:
        yield
        return
    before = os.dup(descriptor)
    with Path(path).open("ab") as file:
        os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        (sys.stdout if descriptor == _STDOUT else sys.stderr).flush()
        os.dup2(before, descriptor)
        os.close(before)
