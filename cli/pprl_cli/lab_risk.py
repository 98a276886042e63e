"""``pprl lab risk``: attack encodings of simulated registers, or of one's own, at home."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pprl_cli import ui
from pprl_cli.numbers import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.lab.risk.run import Assessment, Row

DEFAULT_SCHEMA = "indonesia-hardened"
COLUMNS = (
    "risk.schema",
    "risk.records",
    "risk.attack",
    "risk.known",
    "risk.metric",
    "risk.value",
    "risk.chance",
    "risk.precision",
    "risk.control",
    "risk.verdict",
)
_TWO = 2
VERDICTS = {
    "broken": "risk.broken",
    "withstands": "risk.withstands",
    "holds": "risk.holds",
    "failed": "risk.failed",
}
_DAMAGE: tuple[Literal["none", "clean", "dirty"], ...] = ("none", "clean", "dirty")


def risk(
    schemas: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCHEMA", help=f"Built-in names or files. Default: {DEFAULT_SCHEMA}."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(readable=False, help="A register to attack instead of simulated ones."),
    ] = None,
    records: Annotated[
        str | None, typer.Option(metavar="N,...", help="Sizes of simulated registers; 1000.")
    ] = None,
    known: Annotated[
        str, typer.Option(metavar="K,...", help="Pairs that the attacker knows beforehand.")
    ] = "0,50",
    attack: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this attack; may be repeated. Default: all."),
    ] = None,
    damage: Annotated[
        str,
        typer.Option(help="none: the attacker holds the same file; clean, dirty: a differing one."),
    ] = "none",
    seed: Annotated[int, typer.Option(min=0, help="Of keys, registers and attacks.")] = 7,
    quality: Annotated[
        str,
        typer.Option(
            metavar="N_A,N_B", help="Sizes of two dirty registers to measure F1; or none."
        ),
    ] = "2000,8000",
    out: Annotated[
        Path | None, typer.Option(readable=False, help="Folder for risk.json and frontier.svg.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Say what the attacks do, and attack nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Attack encodings as somebody with a population register would; the control runs beside.

    Encodings are made with a throw-away key and never stored.
    """
    from pprl.io.atomic import publish  # noqa: PLC0415 - commands import what they use

    if listed:
        _list()
        return
    if data is not None and records is not None:
        from pprl.errors import ConfigError  # noqa: PLC0415

        raise ConfigError("risk.data_and_records")
    names = schemas or [DEFAULT_SCHEMA]
    sizes = _numbers("--records", records or "1000")
    pairs = _numbers("--known", known)
    state = ui.one_of("--damage", damage, _DAMAGE)
    registers = _registers(quality)
    # After the options: these imports take a second.
    from pprl.lab.risk.chart import points, risk_chart  # noqa: PLC0415
    from pprl.lab.risk.run import assess  # noqa: PLC0415

    with ExitStack() as stack:
        files = []
        if out is not None:
            out.mkdir(exist_ok=True)
            inputs = [Path(name) for name in names] + ([data] if data else [])
            for name in ("risk.json", "frontier.svg")[: 1 + (registers is not None)]:
                file = stack.enter_context(publish(out / name, force=force, inputs=inputs))
                files.append(file)
        with ui.progress("risk.attacking") as advance:
            found = assess(
                names,
                data=data,
                records=sizes,
                known=pairs,
                attacks=attack or (),
                damage=state,
                seed=seed,
                quality=registers,
                progress=advance,
            )
        if files:
            files[0].write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
        if len(files) > 1:
            drawn = points(found)
            text = risk_chart(drawn, language=ui.language()) if drawn else ""
            files[1].write_text(text, encoding="utf-8")
    if as_json:
        ui.out_json(found.as_dict())
    else:
        _show(found)
    if out is not None:
        ui.say("risk.written", path=str(out))


def _numbers(option: str, text: str) -> list[int]:
    from pprl.errors import ConfigError  # noqa: PLC0415

    given = whole_numbers(text)
    if given is None:
        raise ConfigError("risk.numbers", option=option, given=text)
    return list(dict.fromkeys(given))


def _list() -> None:
    from pprl.lab.risk.attacks import ATTACKS  # noqa: PLC0415

    for attack in ATTACKS.values():
        ui.out(f"{attack.name} (n <= {attack.largest:,})")
        ui.out(f"    {ui.sentence(attack.about)}")
        ui.out(f"    {attack.paper}")


def _registers(text: str) -> tuple[int, int] | None:
    from pprl.errors import ConfigError  # noqa: PLC0415

    if text == "none":
        return None
    sizes = whole_numbers(text) or []
    if len(sizes) != _TWO:
        raise ConfigError("risk.quality", given=text)
    return sizes[0], sizes[1]


def _show(found: Assessment) -> None:
    """Print a row for each finding, what was left out, and how the schemas link."""
    ui.table([ui.sentence(code) for code in COLUMNS], [_cells(row) for row in found.rows])
    for name, records in found.skipped:
        ui.say("risk.skipped", attack=name, records=records)
    if found.quality:
        ui.out()
        ui.table(
            [ui.sentence(code) for code in ("risk.schema", "risk.f1", "risk.estimated_f1")],
            [(name, each.f1, each.estimated_f1) for name, each in found.quality.items()],
        )
    ui.say("risk.legend")


def _cells(row: Row) -> Sequence[str | int | float]:
    finding = row.finding
    control = "-" if row.control is None else f"{row.control.value:.4f}"
    return (
        row.schema,
        row.records,
        finding.attack,
        finding.known,
        finding.metric,
        f"{finding.value:.4f}",
        f"{finding.chance:.4f}",
        "-" if finding.precision is None else f"{finding.precision:.4f}",
        control,
        ui.sentence(VERDICTS[row.verdict]),
    )
