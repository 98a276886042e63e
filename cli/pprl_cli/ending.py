"""How a run ends for a party, and how its files travel without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from pprl_cli import ui
from pprl_cli.party import (
    AsJson,
    HomeOption,
    PassphraseFd,
    PassphraseFile,
    RunOption,
    at_work,
)

if TYPE_CHECKING:
    from pprl_protocols.messages import Reason
    from pprl_protocols.rules import Kind
    from pprl_protocols.session import Session

Why = Annotated[str, typer.Option("--reason", help="A word of the protocol; see its list.")]
About = Annotated[str | None, typer.Option("--about", metavar="PARTY", help="Whom it is about.")]


def close(
    run: RunOption,
    home: HomeOption = None,
    digest: Annotated[
        str, typer.Option(help="Others than the coordinator: the digest that I was told.")
    ] = "",
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Coordinator: keep what opens the encodings, for the audit."),
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Close a run (coordinator), or compare its digest with what another party has told me."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.identity import pretty  # noqa: PLC0415
    from pprl_protocols.roles import coordinator, ending  # noqa: PLC0415

    with at_work(run, home, passphrase_file, passphrase_fd) as session:
        if session.me.role != "coordinator":
            if not digest or keep:
                raise ConfigError("close.digest_needed")
            found = ending.compare(session, digest)
            ui.say("close.same")
        else:
            if digest:
                raise ConfigError("close.own_digest")
            closed = session.said("CLOSE", session.me.name)
            if closed is None:
                found = coordinator.close(session, keep=keep)
                ui.say("close.closed")
            else:
                found = closed.digest
                ui.say("run.said_before", kind="CLOSE")
        missing = list(session.outcome.missing)
    if as_json:
        ui.out_json({"run": session.run, "transcript": found, "missing_receipts": missing})
    for name in missing:
        ui.say("status.missing", party=name)
    ui.say("run.transcript", digest=pretty(found))
    if not digest:
        ui.say("close.compare")


def abort(
    run: RunOption,
    reason: Why = "own_decision",
    about: About = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """End a run before its result was seen: nobody opens one afterwards."""
    from pprl_protocols.roles import ending  # noqa: PLC0415 - commands import what they use

    why = _reason(reason)
    with at_work(run, home, passphrase_file, passphrase_fd, tolerant=True) as session:
        if not _said_before(session, "ABORT"):
            ending.abort(session, why, about)
            ui.say("run.aborted")


def dispute(
    run: RunOption,
    reason: Why,
    about: About = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """Say that something is wrong with the result, before the run is closed; audit reports it."""
    from pprl_protocols.roles import ending  # noqa: PLC0415 - commands import what they use

    why = _reason(reason)
    with at_work(run, home, passphrase_file, passphrase_fd, tolerant=True) as session:
        if not _said_before(session, "DISPUTE"):
            ending.dispute(session, why, about)
            ui.say("run.disputed")


def _reason(text: str) -> Reason:
    from pprl_protocols.messages import Reason  # noqa: PLC0415 - commands import what they use

    reasons: tuple[Reason, ...] = get_args(Reason)
    return ui.one_of("--reason", text, reasons)


def _said_before(session: Session, kind: Kind) -> bool:
    said = session.said(kind, session.me.name) is not None
    if said:
        ui.say("run.said_before", kind=kind)
    return said


def purge(
    run: RunOption,
    home: HomeOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Before the audit deadline; no spot check afterwards.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """Destroy the secrets of a run in this home: its key, its pseudo-IDs, its result."""
    from pprl_protocols.roles import ending  # noqa: PLC0415 - commands import what they use

    with at_work(run, home, passphrase_file, passphrase_fd, tolerant=True) as session:
        count = ending.purge(session, now=now)
    ui.say("run.purged", count=count)


def sync(
    one: Annotated[str, typer.Argument(metavar="A", help="An exchange folder.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another one, such as on a stick.")],
    as_json: AsJson = False,
) -> None:
    """Merge two exchange folders: afterwards each has the files of both."""
    from pprl_protocols.exchange import Exchange  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.exchange import sync as merge  # noqa: PLC0415

    copied = merge(Exchange.open(one), Exchange.open(other))
    if as_json:
        ui.out_json({"copied": copied})
    ui.say("sync.done", count=copied)
