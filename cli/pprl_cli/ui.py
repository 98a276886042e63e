"""How commands speak: sentences from the catalogue on stderr, results on stdout.

Progress and messages never mix with data, so every command can be piped. Nothing here prints a
cell of anybody's file, and no name of a column or file can steer the terminal.
"""

from __future__ import annotations

import json
import locale
import os
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

from pprl import catalogue
from pprl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pprl.errors import PprlError

INTERNAL_ERROR = 1
INTERRUPTED = 130
# Windows has no such variables; its locale says "Indonesian_Indonesia".
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_language: list[catalogue.Language] = []  # set once by main, before any command runs


def choose_language(asked: str | None) -> None:
    """Speak the language asked for, else the locale's, else English.

    Raises
    ------
    ConfigError
        Nothing is said in the language asked for.
    """
    _language[:] = ["id" if _locale().lower().startswith(("id", "indonesia")) else "en"]
    if asked is not None:
        _language[:] = [one_of("--lang", asked, catalogue.LANGUAGES)]


def _locale() -> str:
    # Asked from the environment: Python takes a locale that isn't installed for English.
    named = (os.environ.get(variable) for variable in _LOCALE_VARIABLES)
    return next(filter(None, named), None) or locale.getlocale()[0] or ""


def language() -> catalogue.Language:
    """Return the language in use."""
    return _language[0] if _language else "en"


def sentence(code: str, **values: str | int) -> str:
    """Return a sentence of the catalogue in the language in use."""
    return catalogue.text(code, _plain(values), language())


def say(code: str, **values: str | int) -> None:
    """Say a sentence on stderr."""
    print(sentence(code, **values), file=sys.stderr)


def out(line: str = "") -> None:
    """Print a line of result on stdout."""
    print(line)


def out_json(content: Mapping[str, object]) -> None:
    """Print a result as JSON on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def complain(error: PprlError) -> int:
    """Say what went wrong and what to do about it, on stderr; return the exit code."""
    values = _plain(error.values)
    text = catalogue.text(error.code, values, language())
    hint = catalogue.hint(error.code, values, language())
    print(f"pprl: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
    return error.exit_code


def confess(error: BaseException) -> int:
    """Report a bug without showing any data: where it happened, not with which values."""
    print(f"pprl: {sentence('cli.bug', kind=type(error).__name__)}", file=sys.stderr)
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        print(f"  {code.co_filename}:{trace.tb_lineno} {code.co_qualname}", file=sys.stderr)
        trace = trace.tb_next
    return INTERNAL_ERROR


def table(headers: Sequence[str], rows: Sequence[Sequence[str | int | float]]) -> None:
    """Print an aligned table on stdout; numbers to the right."""
    headers = [_visible(header) for header in headers]
    written = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(headers, *written, strict=True)]
    numeric = [
        all(row[place][-1:].isdigit() or row[place].endswith("%") for row in written)
        for place in range(len(headers))
    ]
    for line in ([*headers], ["-" * width for width in widths], *written):
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        out("  ".join(cells).rstrip())


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return _visible(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _plain(values: Mapping[str, str | int]) -> dict[str, str | int]:
    return {
        name: _visible(value) if isinstance(value, str) else value for name, value in values.items()
    }


def _visible(text: str) -> str:
    """Replace what a terminal would obey instead of show: escapes, line breaks, changes of side."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


Choice = TypeVar("Choice", bound=str)


class Advance(Protocol):
    """Takes the amount done so far and, where it is known, the whole."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show it."""


def one_of(option: str, value: str, choices: Sequence[Choice]) -> Choice:
    """Return ``value`` as one of ``choices``.

    Raises
    ------
    ConfigError
        It is none of them.
    """
    for choice in choices:
        if value == choice:
            return choice
    raise ConfigError("cli.choice", option=option, value=value, choices=", ".join(choices))


def _unseen(done: int, total: int | None = None) -> None:
    """Take progress that nobody watches."""


@contextmanager
def progress(code: str) -> Iterator[Advance]:
    """Show a progress bar with rate and time left while a terminal is watching.

    Yields a function that takes the amount done so far and, where it is known, the whole.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console  # noqa: PLC0415 - rich costs time that --help shouldn't pay
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from pprl_cli.pace import Pace, short, shown  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}", style="green"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", style="cyan"),
    )
    pace = Pace()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        unknown = shown(None)
        task = bar.add_task(sentence(code), total=None, amount="", rate="", left=unknown)

        def advance(done: int, total: int | None = None) -> None:
            pace.report(done, total, now=monotonic())
            bar.update(
                task,
                completed=done,
                total=total,
                amount=short(done) if total is None else f"{short(done)}/{short(total)}",
                rate="" if pace.a_second is None else f"{short(pace.a_second)}/s",
                left=shown(pace.seconds_left),
            )

        yield advance
