"""A party before any run: its home, its cards, whom it trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pprl_cli import ui
from pprl_cli.party import (
    AsJson,
    Force,
    HomeOption,
    PassphraseFd,
    PassphraseFile,
    home_folder,
    open_home,
    passphrase,
)

trust = typer.Typer(no_args_is_help=True, help="Whom this party trusts: fingerprints it compared.")


def init(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    role: Annotated[str, typer.Option(help="agency, coordinator or auditor.")],
    home: HomeOption = None,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="File for the others; default: NAME.party.toml."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
) -> None:
    """Make a party's home with its identity, and the file that the other parties get.

    In a home that is there already, with the same name and role, only the file is written again.
    """
    from typing import get_args  # noqa: PLC0415 - commands import what they use

    from pprl.errors import ConfigError  # noqa: PLC0415
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl_protocols.home import PARTY, Home  # noqa: PLC0415
    from pprl_protocols.identity import SUFFIX, Role, pretty  # noqa: PLC0415

    kind: Role = ui.one_of("--role", role, get_args(Role))
    folder = home_folder(home)
    target = out or Path(f"{name}{SUFFIX}")
    party = Home.who(folder) if (folder / PARTY).exists() else None
    if party is not None and (party.name, party.role) != (name, kind):
        raise ConfigError("home.exists", path=str(folder))
    if party is None or not target.is_file() or target.read_bytes() != party.to_bytes():
        with publish(target, force=force) as temporary:
            if party is None:
                secret = passphrase(passphrase_file, passphrase_fd, new=True)
                party = Home.create(folder, name, kind, secret).identity.party_file
            temporary.write_bytes(party.to_bytes())
    ui.say("home.made", path=str(folder), role=kind, party=name)
    ui.say("home.give", path=str(target))
    ui.say("home.fingerprint_is", fingerprint=pretty(party.fingerprint))


def card(
    home: HomeOption = None,
    out: Annotated[
        Path | None, typer.Option(readable=False, help="Default: NAME.card.json.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
) -> None:
    """Make a fresh card, signed: the key that others seal to in the next run. One for every run."""
    from datetime import date  # noqa: PLC0415 - commands import what they use

    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl_protocols import cards  # noqa: PLC0415
    from pprl_protocols.home import Home  # noqa: PLC0415

    target = out or Path(f"{Home.who(home_folder(home)).name}.card.json")
    with (
        publish(target, force=force) as temporary,
        open_home(home, passphrase_file, passphrase_fd) as opened,
    ):
        made = cards.make(opened.identity, opened.vault, created=date.today())  # noqa: DTZ011 - the party's own calendar day
        temporary.write_bytes(made.to_bytes() + b"\n")
    ui.say("home.card_made", path=str(target))


@trust.command("add")
def trust_add(
    file: Annotated[Path, typer.Argument(readable=False, help="NAME.party.toml of the other.")],
    fingerprint: Annotated[
        str, typer.Option(help="As its owner has read it out; spaces don't matter.")
    ] = "",
    home: HomeOption = None,
    pins: Annotated[
        Path | None, typer.Option(readable=False, help="File of pins; default: the home's.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Its identity has changed, and I asked why.")
    ] = False,
) -> None:
    """Pin a party's identity after comparing its fingerprint with the owner, not by e-mail."""
    import sys  # noqa: PLC0415 - commands import what they use

    from pprl.errors import ConfigError, PeerError  # noqa: PLC0415
    from pprl_protocols.home import PINS, Home  # noqa: PLC0415
    from pprl_protocols.identity import PartyFile, pretty  # noqa: PLC0415
    from pprl_protocols.pins import Pins  # noqa: PLC0415

    party = PartyFile.read(file)
    if pins is None:
        Home.who(home_folder(home))
    path = pins or home_folder(home) / PINS
    if not fingerprint:
        if not sys.stdin.isatty():
            raise ConfigError("trust.fingerprint_needed")
        ui.say("trust.shows", party=party.name, fingerprint=pretty(party.fingerprint))
        typer.confirm(ui.sentence("trust.ask"), abort=True, err=True)
    elif "".join(fingerprint.split()).lower() != party.fingerprint:
        raise PeerError("trust.differs", party=party.name)
    known = Pins.load(path) if path.exists() else Pins()
    known.add(party.name, party.fingerprint, replace=replace)
    known.save(path)
    ui.say("trust.added", party=party.name, role=party.role)


@trust.command("list")
def trust_list(
    home: HomeOption = None,
    pins: Annotated[
        Path | None, typer.Option(readable=False, help="File of pins; default: the home's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show whom this party trusts."""
    from pprl_protocols.home import PINS, Home  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.identity import pretty  # noqa: PLC0415
    from pprl_protocols.pins import Pins  # noqa: PLC0415

    if pins is None:
        Home.who(home_folder(home))
    path = pins or home_folder(home) / PINS
    known = (Pins.load(path) if path.exists() or pins else Pins()).known
    if as_json:
        ui.out_json(dict(known))
        return
    ui.table(
        [ui.sentence("trust.party"), ui.sentence("trust.fingerprint")],
        [(name, pretty(digest)) for name, digest in sorted(known.items())],
    )
