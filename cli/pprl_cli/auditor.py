"""``pprl audit``: check a recorded run, with no key, and say what was found."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.party import (
    AsJson,
    Force,
    HomeOption,
    PassphraseFd,
    PassphraseFile,
    at_work,
    find_run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.audit.bundle import Recorded
    from pprl_protocols.audit.report import Check, Finding, Report

_SHOWN = 50
"""Findings of one check that a terminal shows."""


def audit(
    run: Annotated[
        str,
        typer.Argument(help="Exchange folder, a run's folder in it, or an exported file."),
    ],
    trust: Annotated[
        Path | None,
        typer.Option(readable=False, metavar="PINS", help="Whom you trust: your pins.toml."),
    ] = None,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(readable=False, help="An earlier run, whose keys mustn't come again."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(readable=False, help="Write the report as a page here.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(readable=False, help="Pack agreement and logs into one file here."),
    ] = None,
    reexecute: Annotated[
        bool,
        typer.Option("--reexecute", help="Link again, with the coordinator's home."),
    ] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Check a recorded run: eight numbered checks, every fault named. Needs no key."""
    from pprl.io.atomic import publish  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.audit import bundle  # noqa: PLC0415
    from pprl_protocols.audit.examine import examine  # noqa: PLC0415
    from pprl_protocols.pins import Pins  # noqa: PLC0415

    _refuse_one_file_twice(html, export)
    pins = Pins.load(trust) if trust else None
    inputs = [path for path in (Path(run), trust, *(earlier or [])) if path and path.is_file()]
    with ExitStack() as outputs:
        # Opened first: a name that is taken is said before the work.
        packed = export and outputs.enter_context(publish(export, force=force, inputs=inputs))
        with ExitStack() as pages:
            shown = html and pages.enter_context(publish(html, force=force, inputs=inputs))
            recorded = _recorded(run, home)
            again = _again(run, home, passphrase_file, passphrase_fd) if reexecute else None
            examined = examine(
                recorded, pins=pins, earlier=_earlier(earlier or []), reexecution=again
            )
            if shown:
                from pprl_protocols.audit.page import page  # noqa: PLC0415

                shown.write_text(page(examined, ui.language()), encoding="utf-8")
        report = examined.report
        if as_json:
            ui.out_json(report.to_json())
        else:
            show(report)
        if packed:
            packed.write_bytes(bundle.export(recorded))
    for path in filter(None, (html, export)):
        ui.say("audit.written", path=str(path))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def show(report: Report) -> None:
    """Print a report: the verdict first, the transcript's digest last."""
    from pprl_protocols.audit.wording import ENDINGS, faults, verdict  # noqa: PLC0415
    from pprl_protocols.identity import pretty  # noqa: PLC0415

    if report.identities == "not verified":
        ui.out(ui.sentence("audit.unverified"))
    ui.out(ui.sentence(verdict(report), count=faults(report)))
    ui.out(ui.sentence("audit.run", run=report.run or "-"))
    ui.out(ui.sentence(ENDINGS[report.outcome]))
    ui.out()
    for check in report.checks:
        show_check(check)
    ui.out()
    if report.transcript is None:
        ui.out(ui.sentence("audit.no_transcript"))
        return
    ui.out(ui.sentence("audit.transcript", digest=pretty(report.transcript)))
    ui.out(ui.sentence("audit.compare"))


def show_check(check: Check) -> None:
    """Print one check with its findings."""
    from pprl_protocols.audit.wording import LEVELS, TITLES  # noqa: PLC0415

    ui.out(
        ui.sentence(
            "audit.line",
            number=check.number,
            status=ui.sentence(LEVELS[check.status]),
            title=ui.sentence(TITLES[check.name]),
        )
    )
    for finding in check.findings[:_SHOWN]:
        ui.out(_line(check, finding))
    left = len(check.findings) - _SHOWN
    if left > 0:
        ui.out(f"   - {ui.sentence('audit.more', count=left)}")


def _line(check: Check, finding: Finding) -> str:
    from pprl_protocols.audit.wording import LEVELS  # noqa: PLC0415

    return ui.sentence(
        "audit.finding_at" if finding.place else "audit.finding",
        level=ui.sentence(LEVELS[check.level(finding)]),
        place=finding.place,
        text=ui.sentence(finding.code, **finding.values),
        rule=finding.code,
    )


def _recorded(run: str, home: Path | None) -> Recorded:
    from pprl_protocols.audit import bundle  # noqa: PLC0415

    if Path(run).is_file():
        return bundle.from_file(Path(run))
    found = find_run(run, home)
    return bundle.from_exchange(found.exchange, found.run)


def _earlier(paths: list[Path]) -> Iterator[Recorded]:
    """Yield earlier runs: of an exchange, all that lie in it."""
    from pprl_protocols.audit import bundle  # noqa: PLC0415
    from pprl_protocols.exchange import Exchange  # noqa: PLC0415
    from pprl_protocols.limits import RUN_ID  # noqa: PLC0415

    for path in paths:
        whole = path.resolve()
        if not whole.is_dir():
            yield bundle.from_file(path)
        elif RUN_ID.fullmatch(whole.name):
            yield bundle.from_exchange(Exchange.open(str(whole.parent)), whole.name)
        else:
            exchange = Exchange.open(str(path))
            for run in exchange.runs():
                yield bundle.from_exchange(exchange, run)


def _again(
    run: str, home: Path | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> Check:
    """Make check 7 with the coordinator's home."""
    from pprl_protocols.audit.reexecution import reexecute  # noqa: PLC0415

    # Faults of the logs are what the other checks name.
    with at_work(run, home, passphrase_file, passphrase_fd, tolerant=True) as session:
        return reexecute(session)


def _refuse_one_file_twice(html: Path | None, export: Path | None) -> None:
    from pprl.errors import ConfigError  # noqa: PLC0415

    if html and export and html.resolve() == export.resolve():
        values = {"path": str(html), "first": "--html", "second": "--export"}
        raise ConfigError("cli.one_file_twice", **values)
