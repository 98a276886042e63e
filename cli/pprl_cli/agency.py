"""What an agency's analyst runs, on premises."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import check_risk, ui
from pprl_cli.party import HomeOption  # noqa: TC001 - Typer reads annotations
from pprl_cli.registers import MembersOption, RegisterOption, as_register, show_register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pprl.errors import InputError
    from pprl.io.source import Note, Source
    from pprl.quality import Problem, Quality
    from pprl.registers.opened import Opened


def check(
    data: Annotated[Path, typer.Argument(readable=False, help="CSV, Parquet or spreadsheet.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Say which column a field is."),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="List row, column and reason of every problem here (CSV)."
        ),
    ] = None,
    risk: Annotated[
        bool, typer.Option("--risk", help="Say what the encodings would tell the coordinator.")
    ] = False,
    schema: Annotated[
        str | None,
        typer.Option(help="With --risk: a built-in schema or a file; default: indonesia."),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", help="With --risk: the run whose schema it is; id or folder.")
    ] = "",
    register: RegisterOption = None,
    members: MembersOption = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a CSV file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of a CSV file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --rows.")] = False,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Look at a register before encoding it: what to mend, by reason and row, never a value."""
    from pprl.io.columns import parse_map  # noqa: PLC0415 - commands import what they use
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl.quality import check as examine  # noqa: PLC0415
    from pprl.registers.opened import open_named  # noqa: PLC0415

    chosen = check_risk.choose(schema, run, home, asked=risk)
    source = open_source(data, sheet=sheet, encoding=encoding, delimiter=delimiter)
    mapping = parse_map(map_ or [])
    given = (source, mapping)
    opened = open_named(source, register, members, mapping)
    if opened is not None:
        source, mapping = opened.source, opened.mapping()
    with ExitStack() as stack:
        report = _list_into(rows, data, stack, force=force) if rows else None
        with ui.progress("check.reading") as advance:
            quality = examine(source, mapping, report=report, progress=advance)
    found = check_risk.look(source, mapping, chosen) if chosen else None
    wrong = None
    said = source.notes
    if opened is not None and opened.named:
        said, wrong = _as_families(opened, *given, members)
    if as_json:
        notes = [{"code": note.code, **note.values} for note in said]
        known: dict[str, object] = {} if opened is None else {"register": as_register(opened)}
        if chosen and found:
            known["risk"] = check_risk.as_json(found, chosen)
        ui.out_json({"path": str(data), **asdict(quality), **known, "notes": notes})
    else:
        for note in said:
            ui.say(note.code, **note.values)
        if opened is not None:
            show_register(opened)
        _show(quality)
        if found:
            check_risk.show(found)
        if rows:
            ui.say("check.rows", path=str(rows))
    if wrong is not None:
        raise wrong


def _as_families(
    opened: Opened, source: Source, mapping: Mapping[str, str], members: Path | None
) -> tuple[tuple[Note, ...], InputError | None]:
    """Read a register as ``pprl assign`` does; return what there is to say of it.

    What would stop that command is returned, so that everything else is said before it.
    """
    from pprl.errors import InputError  # noqa: PLC0415 - commands import what they use
    from pprl.registers.read import read_register  # noqa: PLC0415
    from pprl.registers.slots import load_members  # noqa: PLC0415

    own = {name: column for name, column in mapping.items() if name not in opened.rest}
    columns = load_members(members) if members else None
    today = date.today()  # noqa: DTZ011 - ages are of calendar days where people live
    notes = opened.source.notes
    try:
        read = read_register(
            source, opened.profile, day=today, mapping=own, members=columns, members_path=members
        )
    except InputError as error:
        return notes, error
    return (*notes, *(note for note in read.notes if note not in notes)), None


def _list_into(
    path: Path, data: Path, stack: ExitStack, *, force: bool
) -> Callable[[list[Problem]], None]:
    """Open the list of problems; it appears when the check is done."""
    from pprl.io.atomic import publish  # noqa: PLC0415

    temporary = stack.enter_context(publish(path, force=force, inputs=[data]))
    file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
    writer = csv.writer(file)
    writer.writerow(["row", "column", "reason", "explanation"])
    explain = cache(lambda reason: ui.sentence(f"reason.{reason}"))  # one for millions of rows

    def report(problems: list[Problem]) -> None:
        writer.writerows((one.row, one.column, one.reason, explain(one.reason)) for one in problems)

    return report


def _show(quality: Quality) -> None:
    ui.out(ui.sentence("check.records", count=quality.records))
    ui.out()
    roles = {column: role for role, column in quality.roles.items()}
    ui.table(
        [ui.sentence(f"check.{name}") for name in ("column", "read_as", "missing", "percent")],
        [
            (column, roles.get(column, "-"), missing, _percent(missing, quality.records))
            for column, missing in quality.missing.items()
        ],
    )
    ui.out()
    ui.table(
        [ui.sentence(f"check.{name}") for name in ("field", "finding", "cells", "percent")],
        [
            (role, ui.sentence(f"reason.{role}_{reason}"), count, _percent(count, quality.records))
            for role, counts in quality.counts.items()
            for reason, count in counts.items()
        ],
    )
    ui.out()
    if "nik" in quality.roles:
        ui.out(
            ui.sentence(
                "check.repeated_niks",
                niks=quality.repeated_niks,
                records=quality.repeated_nik_records,
            )
        )
        ui.out(ui.sentence("check.zero_share", percent=f"{100 * quality.zero_share:.1f}"))
        ui.out()
    ui.out(ui.sentence("check.advice" if quality.advice else "check.no_advice"))
    for number, advice in enumerate(quality.advice, start=1):
        ui.out(f"{number}. {ui.sentence(f'advice.{advice}')}")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
