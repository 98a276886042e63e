"""``pprl status``: who has done what in a run, and my next command, verbatim. No passphrase."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.party import AsJson, HomeOption, find_run, home_folder

if TYPE_CHECKING:
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.home import RunFolder
    from pprl_protocols.rules import Kind, Reason
    from pprl_protocols.seat import Outcome, Seat

_STEPS: dict[str, tuple[tuple[Kind, str], ...]] = {
    "agency": (
        ("SIGN", "agreement sign"),
        ("ENCODINGS", "encode DATA"),
        ("RECEIPT", "receive"),
    ),
    "coordinator": (("SIGN", "agreement sign"), ("RESULT", "link"), ("CLOSE", "close")),
    "auditor": (("SIGN", "agreement sign"),),
}
_ENDINGS: dict[str, str] = {"RECEIPT": " --out overlap.csv"}


@dataclass(frozen=True)
class Next:
    """What a party does next: a command, or what it waits for; neither when it is done.

    Attributes
    ----------
    command, waits
        One of them, or neither.
    coordinator
        It waits for nothing but the coordinator's CLOSE.
    """

    command: str | None = None
    waits: Reason | None = None
    coordinator: bool = False


def status(
    run: Annotated[
        str,
        typer.Option("--run", help="Id of the run, or the folder its parties exchange files in."),
    ] = "",
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Show how a run stands: who has done what, whose turn it is, and my next command."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.agreement import Agreement  # noqa: PLC0415
    from pprl_protocols.home import Home, RunFolder  # noqa: PLC0415
    from pprl_protocols.seat import Seat  # noqa: PLC0415
    from pprl_protocols.session import (  # noqa: PLC0415
        agreement_text,
        broken_later,
        own_party,
        read_logs,
        settled,
    )

    folder = home_folder(home)
    who = Home.who(folder)
    if not run:
        known = sorted(path.parent.name for path in folder.glob("runs/*/exchange"))
        if len(known) != 1:
            raise ConfigError("run.which", count=len(known))
        run = known[0]
    found = find_run(run, home)
    kept = RunFolder(folder / "runs" / found.run)
    agreement = Agreement.from_bytes(agreement_text(found.exchange, found.run, kept))
    me = own_party(agreement, who)
    seat = Seat(agreement, me.name, kept.entries())
    faults = read_logs(seat.take, found.exchange, found.run) + broken_later(seat, kept)
    outcome = settled(seat.outcome(), kept)
    step = Next() if faults else _next(seat, me.role, outcome, kept, _again(run, home))
    if as_json:
        ui.out_json(
            {
                "run": found.run,
                "agreement": agreement.digest,
                "party": me.name,
                "role": me.role,
                "state": outcome.state,
                "transcript": outcome.digest,
                "compared": outcome.digest is not None and kept.compared == outcome.digest,
                "aborted_by": list(outcome.aborted_by),
                "disputed_by": list(outcome.disputed_by),
                "missing_receipts": list(outcome.missing),
                "said": {one.name: _said(seat, one.name) for one in agreement.parties},
                "faults": [{"code": fault.code, **fault.values} for fault in faults],
                "next": step.command,
                "waits_for": [tuple(each) for each in step.waits.waits_for] if step.waits else [],
            }
        )
    else:
        _show(seat, agreement, outcome, kept, step)
    for fault in faults:
        raise fault


def _show(seat: Seat, agreement: Agreement, outcome: Outcome, kept: RunFolder, step: Next) -> None:
    from pprl_protocols.identity import pretty  # noqa: PLC0415 - commands import what they use

    ui.out(ui.sentence("status.run", run=agreement.run, party=seat.name))
    ui.out()
    ui.table(
        [ui.sentence(f"status.column_{name}") for name in ("party", "role", "said")],
        [
            (one.name, one.role, ", ".join(_said(seat, one.name)) or "-")
            for one in agreement.parties
        ],
    )
    ui.out()
    for name in outcome.aborted_by:
        ui.out(ui.sentence("status.aborted_by", party=name))
    for name in outcome.disputed_by:
        ui.out(ui.sentence("status.disputed_by", party=name))
    if outcome.state == "closed":
        for name in outcome.missing:
            ui.out(ui.sentence("status.missing", party=name))
        compared = kept.compared == outcome.digest or seat.name == agreement.coordinator.name
        ui.out(ui.sentence("status.closed" if compared else "status.closed_uncompared"))
        ui.out(ui.sentence("run.transcript", digest=pretty(outcome.digest or "")))
    if step.command:
        ui.out(ui.sentence("status.next"))
        ui.out(f"  {step.command}")
    elif step.waits:
        ui.out(ui.sentence(step.waits.code, **step.waits.values))
    elif step.coordinator:
        ui.out(ui.sentence("protocol.not_closed", party=agreement.coordinator.name))
    elif outcome.state != "open":
        ui.out(ui.sentence("status.nothing_left"))


def _next(seat: Seat, role: str, outcome: Outcome, kept: RunFolder, again: str) -> Next:
    """Return a party's next step in a run in which nothing is broken."""
    if outcome.state == "aborted":
        return Next()
    if outcome.state == "closed":
        if role == "coordinator" or kept.compared == outcome.digest:
            return Next()
        return Next(f"pprl close{again} --digest DIGEST")
    for kind, command in _STEPS[role]:
        if seat.said(kind, seat.name) is not None:
            continue
        reason = seat.why_not(kind, today=date.today())  # noqa: DTZ011 - the party's own calendar day
        if reason is None:
            return Next(f"pprl {command}{again}{_ENDINGS.get(kind, '')}")
        return Next(waits=reason)
    waits = seat.closes_after(today=date.today())  # noqa: DTZ011 - see above
    return Next(waits=waits, coordinator=waits is None)


def _said(seat: Seat, party: str) -> list[str]:
    return [each.entry.message.kind for each in seat.transcript.entries(party)]


def _again(run: str, home: Path | None) -> str:
    """Return the options that name the same run and home again."""
    at_home = f" --home {shlex.quote(str(home))}" if home else ""
    return f" --run {shlex.quote(run)}{at_home}"
