"""The turns of a run: an agency encodes and receives, the coordinator links.

Each command can be repeated: what was said before is published again as it was, and nothing is
said twice.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.lab_link import show_link
from pprl_cli.party import (
    AsJson,
    Force,
    HomeOption,
    PassphraseFd,
    PassphraseFile,
    RunOption,
    at_work,
)
from pprl_cli.planning import MemoryOption, PlanOnly, WorkDir, memory_bytes, show_plan
from pprl_cli.registers import MembersOption, RegisterOption  # noqa: TC001 - Typer reads annotations

if TYPE_CHECKING:
    import pyarrow as pa

    from pprl.encode.columns import Resolved
    from pprl.encode.pipeline import Summary
    from pprl.io.source import Source
    from pprl_protocols.release import Columns
    from pprl_protocols.session import Session

Threads = Annotated[int | None, typer.Option(min=1, help="Default: one per core.")]


def encode(
    data: Annotated[Path, typer.Argument(readable=False, help="CSV, Parquet or spreadsheet.")],
    run: Annotated[
        str,
        typer.Option("--run", help="Id of the run, or the folder its parties exchange files in."),
    ] = "",
    home: HomeOption = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="Column with the records' ids.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Say which column a field is."),
    ] = None,
    register: RegisterOption = None,
    members: MembersOption = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a CSV file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of a CSV file.")] = None,
    threads: Threads = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Encode, and let nothing leave this machine.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Encode a register for a run, seal it to the coordinator, and publish it.

    Ids, names and numbers stay here; what leaves can be opened by the coordinator alone and read by
    nobody.
    """
    from dataclasses import asdict  # noqa: PLC0415 - commands import what they use

    from pprl.errors import ConfigError  # noqa: PLC0415
    from pprl.io.columns import parse_map  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl_protocols.roles import agency  # noqa: PLC0415

    if not run:
        raise ConfigError("encode.two_ways", path=str(data))
    mapping = parse_map(map_ or [])
    source = open_source(data, sheet=sheet, encoding=encoding, delimiter=delimiter)
    with at_work(run, home, passphrase_file, passphrase_fd) as session:
        if session.said("ENCODINGS", session.me.name) is not None:
            ui.say("run.said_before", kind="ENCODINGS")
            return
        source, mapping = as_agreed(session, source, register, members, mapping)
        columns, released = resolve_all(session, source, mapping, id_column)
        with ui.progress("encode.encoding") as advance:
            summary = agency.encode(
                session, source, columns, released,
                threads=threads, progress=advance, publish=not dry_run,
            )  # fmt: skip
        coordinator = session.agreement.coordinator.name
    if as_json:
        ui.out_json({"run": session.run, "published": not dry_run, **asdict(summary)})
    show_encoded(source, columns, summary)
    for name, column in released.named.items():
        shown = any(one.name == name for one, _ in released.strata)
        ui.say("encode.shown" if shown else "encode.released", name=name, column=column)
    for name, count in summary.unlisted.items():
        if count:
            ui.say("encode.unlisted", name=name, count=count)
    done = "encode.dry_run" if dry_run else "encode.published"
    ui.say(done, records=summary.records, coordinator=coordinator)


def as_agreed(
    session: Session,
    source: Source,
    register: str | None,
    members: Path | None,
    mapping: dict[str, str],
) -> tuple[Source, dict[str, str]]:
    """Return a register with one row per person, and which column is what.

    Raises
    ------
    InputError, ConfigError
        As :func:`pprl.registers.opened.open_named`; the agreement releases what the register's
        profile doesn't allow, or a cell that nobody could read.
    """
    from pprl.registers.opened import open_named  # noqa: PLC0415 - commands import what they use

    opened = open_named(source, register, members, mapping)
    if opened is None:
        return source, mapping
    me = session.me.name
    handed = [one.name for one in session.agreement.disclosure.attributes if one.from_ == me]
    if opened.named:
        opened.refuse_others(handed)
        opened.refuse_unread(handed)
    shown = [one.name for one in session.agreement.disclosure.given_by(me)]
    return opened.source, opened.mapping([*handed, *shown])


def resolve_all(
    session: Session, source: Source, mapping: dict[str, str], id_column: str | None
) -> tuple[Resolved, Columns]:
    """Find the columns that are encoded, and those that travel sealed beside them.

    Raises
    ------
    InputError, ConfigError
        As :func:`pprl.encode.columns.resolve` and :func:`pprl_protocols.release.resolve`.
    """
    from pprl.encode.columns import resolve  # noqa: PLC0415 - commands import what they use
    from pprl_protocols import release  # noqa: PLC0415

    agreement, me = session.agreement, session.me.name
    beside = release.names(agreement, me)
    encoded = {name: column for name, column in mapping.items() if name not in beside}
    return (
        resolve(agreement.read_schema(), source, encoded, id_column),
        release.resolve(agreement, me, source, mapping),
    )


def show_encoded(source: Source, columns: Resolved, summary: Summary) -> None:
    """Say how a register was read and what was encoded."""
    for note in source.notes:
        ui.say(note.code, **note.values)
    read = ", ".join(f"{field} = {column}" for field, column in columns.fields.items())
    ui.say("encode.columns", columns=read)
    if columns.id_column is None:
        ui.say("encode.id_is_row")
    else:
        ui.say("encode.id", column=columns.id_column)
    for kind, count in summary.tokens.items():
        ui.say("encode.tokens", kind=kind, count=count, dropped=summary.dropped[kind])
    for name, count in summary.blocks.items():
        ui.say("encode.block", name=name, count=count, largest=summary.largest_block[name])
    if summary.empty:
        ui.say("encode.empty", count=summary.empty)


def link(
    run: RunOption,
    home: HomeOption = None,
    threads: Threads = None,
    memory: MemoryOption = None,
    work_dir: WorkDir = None,
    plan: PlanOnly = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Compare all encodings of a run as agreed, and publish a sealed result for each agency.

    Which pairs are compared follows from the encodings; how much memory and which folder it may use
    changes nothing about the result.
    """
    from dataclasses import asdict  # noqa: PLC0415 - commands import what they use
    from functools import partial  # noqa: PLC0415

    from pprl_protocols.roles import coordinator  # noqa: PLC0415

    with at_work(run, home, passphrase_file, passphrase_fd) as session:
        if session.said("RESULT", session.me.name) is not None:
            ui.say("run.said_before", kind="RESULT")
            return
        if plan:
            look = partial(
                show_plan, as_json=as_json, memory=memory, work_dir=work_dir, threads=threads
            )
            coordinator.look_at(session, look)
            return
        with ui.progress("link.comparing") as advance:
            info = coordinator.link(
                session,
                threads=threads,
                memory=memory_bytes(memory),
                work_dir=work_dir,
                progress=advance,
            )
        agencies = ", ".join(party.name for party in session.agreement.agencies)
    if as_json:
        ui.out_json({"run": session.run, **asdict(info)})
    show_link(info)
    ui.say("run.linked", parties=agencies)


def receive(
    run: RunOption,
    out: Annotated[
        Path,
        typer.Option(readable=False, help="overlap.csv: my ids, and who of them was found where."),
    ],
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Open my result of a run, check it, confirm it, and join it to my own records.

    In mode count nobody learns of a record: what is written are the agreed tables.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - commands import what they use

    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl_protocols.overlap import Writer  # noqa: PLC0415
    from pprl_protocols.roles import agency  # noqa: PLC0415

    by_status: Counter[str] = Counter()
    with (
        publish(out, force=force) as temporary,
        at_work(run, home, passphrase_file, passphrase_fd) as session,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        temporary.chmod(0o600)  # it says who of mine is in another's register
        writer = Writer(file)

        def write(part: pa.Table) -> None:
            writer.add(part)
            if "status" in part.column_names:
                counted = pc.value_counts(part.column("status")).to_pylist()
                by_status.update({each["values"]: each["counts"] for each in counted})

        agency.receive_parts(session, write, language=ui.language())
        closed = session.outcome.state == "closed"
        only_counts = session.agreement.disclosure.mode == "count"
    if only_counts:
        tables = agency.published_tables(session)
        show_tables(session, tables, as_json=as_json, provisional=not closed)
        ui.say("receive.tables", path=str(out))
        return
    if as_json:
        ui.out_json({"run": session.run, "rows": dict(by_status), "provisional": not closed})
    for name in ("matched", "review", "none"):
        ui.say(f"receive.{name}", count=by_status[name])
    ui.say("receive.done", path=str(out))
    if not closed:
        ui.say("receive.provisional")


def show_tables(session: Session, table: pa.Table, *, as_json: bool, provisional: bool) -> None:
    """Print published tables: a row a cell, ``..`` for what is hidden."""
    from pprl_protocols.disclosure import OTHER  # noqa: PLC0415 - commands import what they use

    rows = table.to_pylist()
    if as_json:
        ui.out_json({"run": session.run, "tables": rows, "provisional": provisional})
        return
    known = {None: ui.sentence("receive.total"), OTHER: ui.sentence("receive.other")}
    place = session.agreement.disclosure.place
    if place is not None:
        known[place.other] = known[OTHER]
    names = [name for name in table.column_names if name != "count"]
    ui.table(
        [*names, ui.sentence("receive.count")],
        [
            (
                *(known.get(row[name], row[name]) for name in names),
                ".." if row["count"] is None else row["count"],
            )
            for row in rows
        ],
    )
    if provisional:
        ui.say("receive.provisional")
