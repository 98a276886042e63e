"""``pprl assign``: from a run's result to who needs what from whom, at the owner."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
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
)
from pprl_cli.registers import MembersOption  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from pprl.interventions.assign import Assigned
    from pprl.interventions.previous import Compared
    from pprl.interventions.review import Reviewed
    from pprl.interventions.worklists import Split, Written
    from pprl.registers.others import Other, Told
    from pprl_protocols.session import Session


def assign(
    data: Annotated[Path, typer.Argument(readable=False, help="The register that was encoded.")],
    run: RunOption,
    out: Annotated[Path, typer.Option(readable=False, help="Folder for the worklists.")],
    register: Annotated[
        str, typer.Option(help="What kind of register it is: a name, or a profile of your own.")
    ] = "krs",
    members: MembersOption = None,
    home: HomeOption = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option(readable=False, help="Your own rules (TOML), on top of the default ones."),
    ] = None,
    villages: Annotated[
        Path | None, typer.Option(readable=False, help="Priority desa: codes, one in a line.")
    ] = None,
    review: Annotated[
        Path | None, typer.Option(readable=False, help="What both owners decided: decisions.csv.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(readable=False, help="Worklists of the run before.")
    ] = None,
    presence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARTY=REGISTER@CODES",
            help="Who stands in another agency's register, and who doesn't: disdik=dapodik@6408.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="One list for each: kecamatan, village or companion.")
    ] = "kecamatan",
    day: Annotated[str, typer.Option(metavar="DATE", help="The day that counts as today.")] = "",
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Say which column a field is."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a CSV file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of a CSV file.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(readable=False, help="Write the report here: one page, for print and screen."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="The report without small counts, to be published.")
    ] = False,
    csv_only: Annotated[
        bool, typer.Option("--csv-only", help="No workbooks beside the CSV files; quicker.")
    ] = False,
    provisional: Annotated[
        bool, typer.Option("--provisional", help="Although the run isn't closed.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Assign interventions by rules: worklists for every institution and kecamatan.

    A match that is to be reviewed gets no intervention before both owners have decided it.
    """
    from pprl.interventions.assign import assign as apply_rules  # noqa: PLC0415 - commands import what they use
    from pprl.interventions.previous import compare, read_previous  # noqa: PLC0415
    from pprl.interventions.review import apply_decisions, read_decisions  # noqa: PLC0415
    from pprl.interventions.rules import load_rules  # noqa: PLC0415
    from pprl.interventions.villages import read_villages  # noqa: PLC0415
    from pprl.interventions.worklists import write_worklists  # noqa: PLC0415
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl.io.columns import parse_map  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl.registers.opened import open_register  # noqa: PLC0415
    from pprl.registers.others import read_others  # noqa: PLC0415
    from pprl.registers.profile import load_profile  # noqa: PLC0415
    from pprl.registers.read import read_register  # noqa: PLC0415
    from pprl.registers.slots import load_members  # noqa: PLC0415
    from pprl_cli.reporting import facts_of, page_of  # noqa: PLC0415

    _refuse_places(out, report, public=public, force=force)
    today, mapping = _day(day), parse_map(map_ or [])
    parts = _split(split)
    profile = load_profile(register)
    rule_set = load_rules(*(rules or []))
    others = read_others(presence or [])
    listed = read_villages(villages) if villages else None
    earlier = read_previous(previous) if previous else None
    decisions = read_decisions(review) if review else ()
    source = open_source(data, sheet=sheet, encoding=encoding, delimiter=delimiter)
    with at_work(run, home, passphrase_file, passphrase_fd) as session:
        found = _result(session, provisional=provisional)
        facts = facts_of(session, found, [each.party for each in others])
    given = load_members(members) if members else None
    families, people, notes = read_register(
        source, profile, day=today, mapping=mapping, members=given, members_path=members
    )
    families, people, said = _with_result(families, people, found, others)
    for note in (*notes, *said):
        ui.say(note.code, **note.values)
    reviewed = apply_decisions(families, decisions, path=review or Path())
    done = apply_rules(
        reviewed.families, people, rule_set, day=today, language=ui.language(), villages=listed
    )
    compared = None if earlier is None else compare(done, earlier, path=previous)
    with ExitStack() as stack:
        # The page is whole before the lists are, and neither appears when the other can't.
        page = report and stack.enter_context(publish(report, force=force, inputs=[data]))
        if page:
            opened = open_register(source, profile, mapping, given, members)
            _fill(
                page, page_of(facts, done, reviewed, compared, opened, public=public), public=public
            )
        written = write_worklists(
            out, done, compared=compared, decisions=decisions, split=parts,
            workbooks=not csv_only, force=force,
        )  # fmt: skip
    _show_warnings(done, villages, listed)
    summary = _summary(done, reviewed, compared, written.rows)
    if as_json:
        ui.out_json({"run": session.run, "provisional": provisional, **asdict(summary)})
    else:
        _show(summary, compared)
    _done(out, written, report)


def _refuse_places(out: Path, report: Path | None, *, public: bool, force: bool) -> None:
    """Refuse results that can't be written as asked, before the work rather than after it.

    Raises
    ------
    ConfigError
        ``--public`` without a report; a report in the folder of the worklists, which is replaced
        as a whole; a folder that is there already, or can't be.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl.interventions.folder import refuse_folder  # noqa: PLC0415
    from pprl.interventions.previous import ASSIGNMENTS  # noqa: PLC0415

    if public and not report:
        raise ConfigError("assign.public_without_report")
    if report and out.resolve() in report.resolve().parents:
        raise ConfigError("assign.report_inside", path=str(report), folder=str(out))
    refuse_folder(out, marker=ASSIGNMENTS, force=force)


def _with_result(
    families: pa.Table, members: pa.Table, overlap: pa.Table, others: Sequence[Other]
) -> Told:
    """Return what the run found: matches with numbered cases, and what other registers say."""
    from pprl.interventions.matched import with_matches  # noqa: PLC0415 - commands import what they use
    from pprl.interventions.review import number_cases  # noqa: PLC0415
    from pprl.registers.others import with_others, without  # noqa: PLC0415

    matched = with_matches(families, members, without(overlap, others))
    return with_others(number_cases(matched), members, overlap, others)


def _show_warnings(done: Assigned, path: Path | None, listed: frozenset[str] | None) -> None:
    """Say what may be wrong with the rules, and with the list of priority desa."""
    for warning in done.warnings:
        ui.say(warning.code, **warning.values)
    absent = len((listed or frozenset()) - set(done.families.column("village").to_pylist()))
    if absent:
        ui.say("assign.villages_absent", absent=absent, listed=len(listed or ()), path=str(path))


def _fill(page: Path, text: str, *, public: bool) -> None:
    page.chmod(0o644 if public else 0o600)
    page.write_text(text, encoding="utf-8")


def _done(out: Path, written: Written, report: Path | None) -> None:
    ui.say("assign.done", path=str(out), files=written.files)
    if report:
        ui.say("assign.report", path=str(report))


def _result(session: Session, *, provisional: bool) -> pa.Table:
    """Return what this agency has received.

    Raises
    ------
    WaitingError
        It hasn't received anything, or the run isn't closed and ``provisional`` isn't given.
    ConfigError
        The run was aborted.
    """
    from pprl.errors import ConfigError, WaitingError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.roles import agency  # noqa: PLC0415

    outcome = session.outcome
    if outcome.state == "aborted":
        raise ConfigError("protocol.aborted", parties=", ".join(outcome.aborted_by))
    if session.said("RECEIPT", session.me.name) is None:
        raise WaitingError("assign.not_received", party=session.me.name)
    if session.agreement.disclosure.mode == "count":
        raise ConfigError("assign.only_counts")
    if outcome.state != "closed" and not provisional:
        raise WaitingError("assign.provisional", party=session.agreement.coordinator.name)
    return agency.receive(session, language=ui.language())


@dataclass(frozen=True)
class Summary:
    """What was assigned, in numbers.

    Attributes
    ----------
    families
        By match status.
    assignments
        Altogether.
    institutions
        Assignments by institution; one with several counts for each.
    changes
        By what became of them since the run before, those that have ended as well.
    decisions
        How many reviewed cases were accepted, refused and are still open.
    """

    families: Mapping[str, int]
    assignments: int
    institutions: Mapping[str, int]
    changes: Mapping[str, int]
    decisions: Mapping[str, int]


def _summary(
    done: Assigned, reviewed: Reviewed, compared: Compared | None, rows: Mapping[str, int]
) -> Summary:
    changes = {}
    if compared is not None:
        changes = _counted(compared.assigned.table, "change")
        changes |= {"ended": len(compared.ended)} if len(compared.ended) else {}
    decisions = {
        "accepted": reviewed.accepted,
        "refused": reviewed.refused,
        "undecided": reviewed.undecided,
    }
    status = _counted(done.families, "match_status")
    return Summary(status, len(done.table), dict(rows), changes, decisions)


def _counted(table: pa.Table, name: str) -> dict[str, int]:
    import pyarrow.compute as pc  # noqa: PLC0415 - commands import what they use

    found = pc.value_counts(table.column(name)).to_pylist()
    return {str(each["values"]): int(each["counts"]) for each in found}


def _show(summary: Summary, compared: Compared | None) -> None:
    ui.say("assign.count_families", count=sum(summary.families.values()))
    for status in ("matched", "review", "none"):
        ui.say(f"assign.count_{status}", count=summary.families.get(status, 0))
    ui.say("assign.count_assignments", count=summary.assignments)
    largest_first = sorted(summary.institutions.items(), key=lambda each: (-each[1], each[0]))
    ui.table([ui.sentence("assign.institution"), ui.sentence("assign.assignments")], largest_first)
    if compared is not None:
        _show_changes(compared)


def _show_changes(compared: Compared) -> None:
    """Say what has changed since the run before."""
    from pprl.report.krs.changes import count_changes  # noqa: PLC0415 - commands import what they use

    found = count_changes(compared, poorest=4)
    new, kept, ended = found.assignments
    ui.say("assign.changed", day=found.since.isoformat(), new=new, kept=kept, ended=ended)
    ui.say(
        "assign.changed_families", new=found.new, ended=found.ended, up=found.desil.up,
        down=found.desil.down, graduation=found.desil.graduation,
    )  # fmt: skip


def _day(text: str) -> date:
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    if not text:
        return date.today()  # noqa: DTZ011 - rules are about calendar days where people live
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError("agreement.no_date", option="--day") from None


def _split(text: str) -> Split | None:
    if text == "kecamatan":
        return None
    choices: tuple[Split, ...] = ("village", "companion")
    return ui.one_of("--split", text, choices)
