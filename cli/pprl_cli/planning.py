"""``--plan`` of the commands that link: what would be compared, how long, and whether it fits."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet
    from pprl.plan import Plan

PlanOnly = Annotated[
    bool,
    typer.Option("--plan", help="Say what would be compared, how long it takes and what it needs."),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Most memory it may use, such as 4GB; default: 80% of what is there.",
    ),
]
WorkDir = Annotated[
    Path | None,
    typer.Option(
        "--work-dir",
        readable=False,
        metavar="DIR",
        help="Keep finished parts here, so that an interrupted link goes on.",
    ),
]
_MINUTE, _HOUR = 60, 3_600
_A_FEW = 2  # so many minutes or hours and more are told without smaller units


def memory_bytes(memory: str | None) -> int | None:
    """Return what --memory says.

    Raises
    ------
    ConfigError
        It isn't a size.
    """
    from pprl.plan.sizes import parse_size  # noqa: PLC0415 - commands import what they use

    return None if memory is None else parse_size(memory)


def show_plan(
    sets: Sequence[EncodedSet],
    *,
    as_json: bool,
    candidates: str = "auto",
    recall: float = 0.99,
    memory: str | None = None,
    work_dir: Path | None = None,
    threads: int | None = None,
) -> None:
    """Print the plan of a link, and refuse it if it doesn't fit. Nothing is compared.

    Raises
    ------
    ConfigError, LimitError
        As :func:`pprl.plan.plan` and :meth:`pprl.plan.Plan.refuse`.
    """
    from pprl.plan import plan  # noqa: PLC0415

    made = plan(
        sets,
        candidates=candidates,
        recall=recall,
        memory=memory_bytes(memory),
        work_dir=work_dir,
        threads=threads,
    )
    if as_json:
        ui.out_json(_as_json(made))
    else:
        _show(made)
    for warned in made.warnings:
        ui.say(warned.code, **warned.values)
    made.refuse()


def _show(made: Plan) -> None:
    lines = [
        ("plan.row_candidates", _way(made)),
        ("plan.row_why", ui.sentence(made.reason)),
        ("plan.row_records", " x ".join(f"{count:,}" for count in made.records)),
        ("plan.row_pairs", f"{made.pairs_in_all:,}"),
        ("plan.row_compared", _compared(made)),
        ("plan.row_recall", _recall(made)),
        ("plan.row_time", _time(made)),
        ("plan.row_memory", _memory(made)),
        ("plan.row_disk", _disk(made)),
    ]
    labels = [ui.sentence(code) for code, _ in lines]
    width = max(map(len, labels))
    for label, (_, value) in zip(labels, lines, strict=True):
        ui.out(f"{label.ljust(width)}  {value}")
    if made.worst_blocks:
        ui.out()
        ui.out(ui.sentence("plan.worst"))
        _show_blocks(made)


def _show_blocks(made: Plan) -> None:
    several = len(made.records) > 2  # noqa: PLR2004 - two parties need no numbers
    heads = ["plan.column_pass", "plan.column_records", "plan.column_pairs", "plan.column_share"]
    rows: list[list[str | int]] = []
    for block in made.worst_blocks:
        one, other = block.parties
        name = f"{block.pass_name} ({one} - {other})" if several else block.pass_name
        records = " x ".join(f"{count:,}" for count in block.records)
        rows.append([name, records, block.pairs, f"{100 * block.share:.2f}%"])
    ui.table([ui.sentence(head) for head in heads], rows)


def _way(made: Plan) -> str:
    if made.generator == "blocks":
        return ui.sentence("plan.way_blocks", passes=", ".join(made.passes))
    codes = {"exhaustive": "plan.way_exhaustive", "lsh": "plan.way_lsh"}
    return ui.sentence(codes[made.generator])


def _compared(made: Plan) -> str:
    share = 100 * made.pairs / max(made.pairs_in_all, 1)
    return f"{made.pairs:,} ({share:.3g}%)"


def _recall(made: Plan) -> str:
    if made.recall is None:
        return ui.sentence("plan.recall_unknown")
    percent = f"{100 * made.recall:.1f}".removesuffix(".0")
    if made.recall_pairs:
        return ui.sentence("plan.recall_tokens", percent=percent, pairs=f"{made.recall_pairs:,}")
    return ui.sentence("plan.recall", percent=percent)


def _time(made: Plan) -> str:
    if made.seconds is None or made.speed is None:
        return ui.sentence("plan.time_unknown")
    for code, unit in (("plan.hours", _HOUR), ("plan.minutes", _MINUTE)):
        if made.seconds >= _A_FEW * unit:
            took = ui.sentence(code, count=round(made.seconds / unit))
            break
    else:
        took = ui.sentence("plan.seconds", count=max(round(made.seconds), 1))
    return ui.sentence("plan.time", took=took, threads=made.speed.threads)


def _memory(made: Plan) -> str:
    from pprl.plan.sizes import shown_size  # noqa: PLC0415

    allowed = made.room.memory
    needed = shown_size(made.needs.memory)
    parts = made.needs.parts
    said = [
        needed
        if allowed is None
        else ui.sentence("plan.memory_of", needed=needed, allowed=shown_size(allowed)),
        ui.sentence("plan.in_parts", parts=parts) if parts > 1 else "",
    ]
    return "; ".join(filter(None, said))


def _disk(made: Plan) -> str:
    from pprl.plan.sizes import shown_size  # noqa: PLC0415

    room = made.room
    if room.folder is None or room.disk is None:
        return ui.sentence("plan.disk_none")
    needed, free = shown_size(made.needs.disk), shown_size(room.disk)
    return ui.sentence("plan.disk_of", needed=needed, free=free, path=str(room.folder))


def _as_json(made: Plan) -> dict[str, object]:
    content = asdict(made)
    needs, room = content.pop("needs"), content.pop("room")
    folder = room.pop("folder")
    rounded: dict[str, object] = {
        "seconds": None if made.seconds is None else round(made.seconds, 1)
    }
    if made.speed is not None:
        rounded["speed"] = {name: round(value) for name, value in asdict(made.speed).items()}
    return (
        content
        | rounded
        | {
            "memory": needs["memory"],
            "memory_allowed": room["memory"],
            "filters_in_memory": needs["held"],
            "parts": needs["parts"],
            "disk": needs["disk"],
            "disk_free": room["disk"],
            "work_dir": None if folder is None else str(folder),
            "fits": made.fits,
        }
    )
