"""What every command of a party needs: its home, its passphrase, its run."""

from __future__ import annotations

import getpass
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.exchange import Exchange
    from pprl_protocols.home import Home
    from pprl_protocols.session import Session

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", readable=False, help="The party's home; default: .pprl in yours."),
]
RunOption = Annotated[
    str, typer.Option("--run", help="Id of the run, or the folder its parties exchange files in.")
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", readable=False, help="Only you can read it; first line counts."
    ),
]
PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", min=0, help="An open descriptor to read it from.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Replace existing results.")]


@dataclass(frozen=True)
class Found:
    """A run that the user named.

    Attributes
    ----------
    exchange, run
        Where its files are; its id.
    address
        Of the exchange, absolute.
    """

    exchange: Exchange
    run: str
    address: str


def home_folder(home: Path | None) -> Path:
    """Return the home that is meant."""
    return home or Path.home() / ".pprl"


def find_run(run: str, home: Path | None) -> Found:
    """Return the run that is meant: by an id that the home knows, or by a folder.

    Raises
    ------
    ConfigError
        No run is there, or several are; the home doesn't know the id.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.exchange import Exchange  # noqa: PLC0415
    from pprl_protocols.home import RunFolder  # noqa: PLC0415
    from pprl_protocols.limits import RUN_ID  # noqa: PLC0415

    path = Path(run)
    if RUN_ID.fullmatch(run) and not path.exists():
        address = RunFolder(home_folder(home) / "runs" / run).exchange
        if address is None:
            raise ConfigError("run.unknown", run=run)
        return Found(Exchange.open(address), run, address)
    if RUN_ID.fullmatch(path.resolve().name):
        parent = str(path.resolve().parent)
        return Found(Exchange.open(parent), path.resolve().name, parent)
    exchange = Exchange.open(run)
    runs = exchange.runs()
    if not runs:
        raise ConfigError("run.none", path=run)
    if len(runs) > 1:
        raise ConfigError("run.several", path=run, count=len(runs))
    return Found(exchange, runs[0], run if "://" in run else str(path.resolve()))


def passphrase(file: Path | None, descriptor: int | None, *, new: bool = False) -> bytes:
    """Return the passphrase from where it is given, else ask for it; twice when it is new.

    Raises
    ------
    ConfigError
        Nobody can be asked, or the answer can't be one.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415
    from pprl_protocols import passphrase as given  # noqa: PLC0415

    if file is not None and descriptor is not None:
        raise ConfigError("cli.one_of_two", first="--passphrase-file", second="--passphrase-fd")
    if file is not None:
        return given.from_file(file)
    if descriptor is not None:
        return given.from_descriptor(descriptor)
    if not sys.stdin.isatty():
        raise ConfigError("home.passphrase_needed")
    asked = given.from_text(getpass.getpass(f"{ui.sentence('home.ask_passphrase')}: "))
    if new and given.from_text(getpass.getpass(f"{ui.sentence('home.ask_again')}: ")) != asked:
        raise ConfigError("home.passphrases_differ")
    return asked


@contextmanager
def open_home(home: Path | None, file: Path | None, descriptor: int | None) -> Iterator[Home]:
    """Yield an opened home, locked for this command.

    Raises
    ------
    ConfigError
        There is none, it is at work, or the passphrase is wrong.
    """
    from pprl_protocols.home import Home  # noqa: PLC0415

    folder = home_folder(home)
    with Home.lock(folder):
        yield Home.open(folder, passphrase(file, descriptor))


@contextmanager
def at_work(
    run: str,
    home: Path | None,
    file: Path | None,
    descriptor: int | None,
    *,
    tolerant: bool = False,
) -> Iterator[Session]:
    """Yield a party's session in a run, its home locked for this command.

    Raises
    ------
    ConfigError
        As :func:`find_run` and :func:`open_home`; or the agreement doesn't name this party.
    PeerError
        The exchange holds something that breaks a rule.
    """
    from pprl_protocols.session import Session  # noqa: PLC0415

    found = find_run(run, home)
    with open_home(home, file, descriptor) as opened:
        session = Session(opened, found.exchange, found.run, today=date.today(), tolerant=tolerant)  # noqa: DTZ011 - validity is a matter of the party's own calendar day
        if session.folder.agreement is not None:
            session.folder.keep_exchange(found.address)
        yield session
        if session.folder.agreement is not None:
            session.folder.keep_exchange(found.address)
