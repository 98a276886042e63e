"""``pprl spotcheck``: the auditor draws records, the agency answers, the auditor verifies.

Only the agency's command sees a register, and only its list of rows holds own ids.
"""

from __future__ import annotations

import csv
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
    RunOption,
    at_work,
    find_run,
)
from pprl_cli.registers import (  # noqa: TC001 - typer reads annotations at run time
    MembersOption,
    RegisterOption,
)
from pprl_cli.turns import as_agreed, resolve_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl_protocols.audit.bundle import Recorded
    from pprl_protocols.audit.report import Check
    from pprl_protocols.roles.spotchecks import OwnRow
    from pprl_protocols.spotcheck_files import Draw

spotcheck = typer.Typer(
    no_args_is_help=True, help="Check a sample of what an agency has published (check 8)."
)

DrawFile = Annotated[Path, typer.Argument(readable=False, help="The auditor's draw.")]


@spotcheck.command("draw")
def draw(
    run: Annotated[
        str, typer.Argument(help="Id of the run, exchange folder, or a run's folder in it.")
    ],
    agency: Annotated[str, typer.Option(help="Whose records.")],
    out: Annotated[Path, typer.Option(readable=False, help="FILE.json for the agency.")],
    records: Annotated[
        int, typer.Option("--k", min=1, help="How many records; 300 find 1% forged ones.")
    ] = 300,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
) -> None:
    """Draw records of an agency after the run was closed. At the auditor.

    With the nonce that the auditor has committed to by signing; where the agreement names no
    auditor, with a fresh one, and then no home is needed.
    """
    from pprl.io.atomic import publish  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.roles import spotchecks  # noqa: PLC0415
    from pprl_protocols.spotcheck import sound  # noqa: PLC0415

    with publish(out, force=force) as temporary:
        agreement, transcript = sound(_recorded(run, home))
        if agreement.auditor is not None:
            with at_work(run, home, passphrase_file, passphrase_fd) as session:
                drawn = spotchecks.draw(session, agency, records=records)
        else:
            drawn = spotchecks.draw_freely(agreement, transcript, agency, records=records)
        temporary.write_bytes(drawn.to_bytes())
    if agreement.auditor is None:
        ui.say("spotcheck.uncommitted")
    ui.say("spotcheck.drawn", path=str(out), party=agency, records=records)
    ui.say("spotcheck.next_answer", path=str(out), run=agreement.run)


@spotcheck.command("answer")
def answer(
    draw: DrawFile,
    data: Annotated[Path, typer.Argument(readable=False, help="The file that was encoded.")],
    run: RunOption,
    out: Annotated[Path, typer.Option(readable=False, help="FILE.json for the auditor.")],
    rows: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="List row and own id of the drawn records here (CSV); stays here."
        ),
    ] = None,
    home: HomeOption = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="As when the file was encoded.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="As when the file was encoded."),
    ] = None,
    register: RegisterOption = None,
    members: MembersOption = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a CSV file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of a CSV file.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: one per core.")] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
) -> None:
    """Encode the register once more and answer a draw. At the agency, the auditor beside you."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl.io.columns import parse_map  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl_protocols.roles import spotchecks  # noqa: PLC0415

    if rows is not None and rows.resolve() == out.resolve():
        raise ConfigError("cli.one_file_twice", path=str(out), first="--out", second="--rows")
    drawn = _draw(draw)
    mapping = parse_map(map_ or [])
    source = open_source(data, sheet=sheet, encoding=encoding, delimiter=delimiter)
    with ExitStack() as files:
        temporary = files.enter_context(publish(out, force=force, inputs=[draw, data]))
        listed = rows and files.enter_context(publish(rows, force=force, inputs=[draw, data]))
        with at_work(run, home, passphrase_file, passphrase_fd) as session:
            source, mapping = as_agreed(session, source, register, members, mapping)
            columns, released = resolve_all(session, source, mapping, id_column)
            with ui.progress("encode.encoding") as advance:
                given = spotchecks.answer(
                    session, drawn, source, columns, released, threads=threads, progress=advance
                )
        for private in filter(None, (temporary, listed)):
            private.chmod(0o600)
        temporary.write_bytes(given.answer.to_bytes())
        if listed:
            _list(given.rows, listed)
    ui.say("spotcheck.answered", path=str(out), records=len(given.answer.records))
    if rows:
        ui.say("spotcheck.rows", path=str(rows))


@spotcheck.command("verify")
def verify(
    answer: Annotated[Path, typer.Argument(readable=False, help="The agency's answer.")],
    draw: Annotated[Path, typer.Option(readable=False, help="The draw it answers.")],
    run: Annotated[
        str,
        typer.Option("--run", help="Id of the run, exchange folder, or an exported file."),
    ],
    trust: Annotated[
        Path | None,
        typer.Option(readable=False, metavar="PINS", help="Whom you trust: your pins.toml."),
    ] = None,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Verify an agency's answer against what it published. Needs no key."""
    from pprl_protocols import spotcheck as library  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.pins import Pins  # noqa: PLC0415
    from pprl_protocols.spotcheck_files import MAX_ANSWER_BYTES, Answer  # noqa: PLC0415

    pins = None if trust is None else Pins.load(trust)
    drawn = _draw(draw)
    given = Answer.from_bytes(_read(answer, MAX_ANSWER_BYTES))
    agreement, transcript = library.sound(_recorded(run, home), pins)
    check = library.verify(given, drawn, agreement, transcript)
    if as_json:
        ui.out_json(_as_json(check, agreement.run, verified=pins is not None))
    else:
        _show(check, verified=pins is not None)
    if check.status == "fail":
        from pprl.errors import PeerError  # noqa: PLC0415

        raise typer.Exit(PeerError.exit_code)


def _show(check: Check, *, verified: bool) -> None:
    from pprl_cli.auditor import show_check  # noqa: PLC0415 - only what is printed needs it

    if not verified:
        ui.out(ui.sentence("audit.unverified"))
    show_check(check)


def _as_json(check: Check, run: str, *, verified: bool) -> dict[str, object]:
    return {
        "format": "pprl.spotcheck",
        "version": 1,
        "run": run,
        "identities": "verified" if verified else "not verified",
        "number": check.number,
        "name": check.name,
        "status": check.status,
        "findings": [
            {
                "level": check.level(finding),
                "code": finding.code,
                "values": dict(finding.values),
                "text": finding.text(),
            }
            for finding in check.findings
        ],
    }


def _recorded(run: str, home: Path | None) -> Recorded:
    from pprl_protocols.audit import bundle  # noqa: PLC0415

    if Path(run).is_file():
        return bundle.from_file(Path(run))
    found = find_run(run, home)
    return bundle.from_exchange(found.exchange, found.run)


def _draw(path: Path) -> Draw:
    from pprl_protocols.spotcheck_files import MAX_DRAW_BYTES, Draw  # noqa: PLC0415

    return Draw.from_bytes(_read(path, MAX_DRAW_BYTES))


def _read(path: Path, limit: int) -> bytes:
    """Read a stranger's file, one byte more than it may have at most."""
    from pprl.errors import ConfigError  # noqa: PLC0415

    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(limit + 1)
    except OSError:
        pass
    raise ConfigError("spotcheck.missing", path=str(path))


def _list(rows: Sequence[OwnRow], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "id", "position"])
        writer.writerows((each.row, each.id, each.position + 1) for each in rows)
