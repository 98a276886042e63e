"""The options ``--register`` and ``--members``, and what a register's profile recognised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui

if TYPE_CHECKING:
    from pprl.registers.opened import Opened

RegisterOption = Annotated[
    str | None,
    typer.Option(
        "--register",
        metavar="NAME|FILE",
        help="What kind of register it is (krs, dtsen, ...), or a profile of your own.",
    ),
]
MembersOption = Annotated[
    Path | None,
    typer.Option(
        "--members",
        readable=False,
        help="Which columns belong to which member of the family (TOML).",
    ),
]


def show_register(opened: Opened) -> None:
    """Say what a register's profile recognised, and what of it may be released."""
    language = ui.language()
    if opened.named:
        ui.out(ui.sentence("check.register", title=getattr(opened.profile.title, language)))
    if opened.file.by_family:
        members = ", ".join(each.name for each in opened.file.members)
        ui.out(ui.sentence("check.one_row_family", members=members))
    else:
        unit = "member" if opened.profile.unit == "family" else "person"
        ui.out(ui.sentence(f"check.one_row_{unit}"))
    ui.out()
    ui.table(
        [ui.sentence("check.column"), ui.sentence("check.read_as")],
        [(column, name) for name, column in _columns(opened)],
    )
    ui.out()
    if opened.file.unrecognised:
        ui.out(ui.sentence("check.unrecognised", columns=", ".join(opened.file.unrecognised)))
    identifying = ", ".join(opened.identifying())
    if identifying:
        ui.out(ui.sentence("check.identifying", columns=identifying))
    leaving = opened.releasable(language)
    if opened.named:
        ui.out(ui.sentence("check.may_leave" if leaving else "check.nothing_leaves"))
    if leaving:
        titles = [ui.sentence(f"check.{name}") for name in ("field", "column", "bytes", "meaning")]
        ui.table(titles, leaving)
    ui.out()


def as_register(opened: Opened) -> dict[str, object]:
    """Return the same for JSON."""
    return {
        "name": opened.profile.name if opened.named else None,
        "by_family": opened.file.by_family,
        "columns": dict(_columns(opened)),
        "unrecognised": list(opened.file.unrecognised),
        "identifying": opened.identifying(),
        "may_be_released": [
            {"name": name, "column": column, "bytes": width, "meaning": meaning}
            for name, column, width, meaning in opened.releasable(ui.language())
        ],
    }


def _columns(opened: Opened) -> list[tuple[str, str]]:
    """Return what was recognised, by what it is, and its column in the file."""
    found = opened.file
    names = [(f"{role}_name", column) for role, column in found.names.items()]
    of_members = [
        (f"{each.name}.{field}", column)
        for each in found.members
        for field, column in each.columns.items()
    ]
    return [*found.roles.items(), *names, *found.facts.items(), *of_members]
