"""The ``pprl`` command: parses the line, runs the command, turns errors into exit codes.

Exit codes: 0 done, 1 a bug, 2 usage, 3 bad local input, 4 a peer's bytes are broken, 5 a limit
exceeded, 6 a missing back end, 7 waiting for another party, 130 interrupted, 141 nobody reads the
output any more.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import quiet, ui
from pprl_cli.agency import check
from pprl_cli.agreeing import agreement
from pprl_cli.assigning import assign
from pprl_cli.auditor import audit
from pprl_cli.demo import demo
from pprl_cli.ending import abort, close, dispute, purge, sync
from pprl_cli.homes import card, init, trust
from pprl_cli.lab import lab
from pprl_cli.spotcheck import spotcheck
from pprl_cli.status import status
from pprl_cli.turns import encode, link, receive

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="pprl",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(init)
app.command()(card)
app.add_typer(trust, name="trust")
app.add_typer(agreement, name="agreement")
app.command()(status)
app.command()(check)
app.command()(encode)
app.command()(link)
app.command()(receive)
app.command()(assign)
for ending in (close, abort, dispute, purge):
    app.command()(ending)
app.command()(sync)
app.command()(audit)
app.add_typer(spotcheck, name="spotcheck")
app.add_typer(lab, name="lab")

_LANGUAGE_OPTION = "--lang"
_NO_READER = 141
_STOPS = ("SIGTERM", "SIGHUP")  # a shutdown, a closed terminal; Windows has no SIGHUP


def _show_version(wanted: bool) -> None:
    if wanted:
        import pprl  # noqa: PLC0415 - only when asked

        ui.out(f"openpprl {pprl.__version__}")
        raise typer.Exit


@app.callback()
def pprl(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
    lang: Annotated[  # taken out of the line by run(); here for --help
        str, typer.Option(metavar="en|id", help="Language of messages; default: the locale's.")
    ] = "",
) -> None:
    """Link registers without showing an identity.

    An agency checks and encodes its file at home; whoever links the encodings learns which
    records belong together, and no name or number. `pprl demo` shows the whole way.
    """


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    _prepare()
    line, asked = _without_language(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(line, asked))


def _prepare() -> None:
    """Set up the process: what it prints, and how it stops."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # The name of a column or file needn't fit the terminal's encoding.
            stream.reconfigure(errors="backslashreplace")
    quiet.hush()
    if threading.current_thread() is threading.main_thread():
        for name in _STOPS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Stop as Ctrl-C does, so that nothing half-written stays."""
    raise KeyboardInterrupt


def _run(line: list[str], asked: str | None) -> int:
    from pprl.errors import PprlError  # noqa: PLC0415 - keeps --help quick

    try:
        ui.choose_language(asked)
        code = int(app(line, standalone_mode=False) or 0)
        sys.stdout.flush()
    except PprlError as error:
        return ui.complain(error)
    except (KeyboardInterrupt, typer.Abort):
        ui.say("cli.interrupted")
        return ui.INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - the last resort: report without showing data; a panic of compiled code is no Exception
        return _last_resort(error)
    return code


def _last_resort(error: BaseException) -> int:
    from pprl.errors import LimitError  # noqa: PLC0415 - keeps --help quick

    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, SystemExit):
        return _NO_READER  # the parser met a closed pipe; nothing else here exits by itself
    if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
        # What is still buffered can't be written either: let it go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return _NO_READER
        return ui.complain(LimitError("cli.output_full"))
    show = getattr(error, "show", None)
    if show is None or not isinstance(error, typer.exceptions.TyperException):
        return ui.confess(error)  # anybody's exception may have such a name
    show()  # a usage error of the parser; it names options, not data
    return int(getattr(error, "exit_code", 2))


def _without_language(line: list[str]) -> tuple[list[str], str | None]:
    """Take ``--lang X`` out of the line, wherever it stands."""
    rest: list[str] = []
    asked = None
    words = iter(line)
    for word in words:
        if word == "--":
            rest.extend([word, *words])
        elif word == _LANGUAGE_OPTION:
            asked = next(words, "")
        elif word.startswith(f"{_LANGUAGE_OPTION}="):
            asked = word.partition("=")[2]
        else:
            rest.append(word)
    return rest, asked
