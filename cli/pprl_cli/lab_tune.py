"""``pprl lab tune``: compare schemas on labelled or simulated registers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.numbers import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pprl.lab.tune import Measured, Point, Tuning

    Row = Sequence[str | int | float]

COSTS = (
    "tune.schema",
    "tune.bits",
    "tune.set",
    "tune.time",
    "tune.best_f1",
    "tune.estimated_f1",
    "tune.frontier",
)
SETTINGS = (
    "tune.schema",
    "tune.setting",
    "tune.threshold",
    "tune.token",
    "tune.contradicted",
    "tune.precision",
    "tune.recall",
    "tune.f1",
)
DEFAULT_SCHEMA = "indonesia"
_LEAST_PARTIES = 2


def tune(
    schemas: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCHEMA", help=f"Built-in names or files. Default: {DEFAULT_SCHEMA}."
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(readable=False, help="A register; once for each party, in order."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(readable=False, help="truth.csv: party,id,entity.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="Say which column a field is, where it has that."
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="Column with the ids, where there is one."),
    ] = None,
    simulate: Annotated[
        str | None,
        typer.Option(metavar="N_A,N_B", help="Make registers of these sizes instead of --data."),
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0, max=1, help="With --simulate: share of the smallest register.")
    ] = 0.6,
    damage: Annotated[str, typer.Option(help="With --simulate: dirty or clean.")] = "dirty",
    seed: Annotated[int, typer.Option(min=0, help="Of the throw-away key, and of --simulate.")] = 7,
    chart: Annotated[
        Path | None, typer.Option(readable=False, help="FILE.svg: precision against recall.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: one per core.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing chart.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compare schemas: precision, recall and F1 at the best thresholds, beside size and speed.

    Best thresholds are known from labels, the estimated ones need none. Encodings are made with a
    throw-away key and never stored.
    """
    from pprl.io.atomic import publish  # noqa: PLC0415 - commands import what they use

    names = list(dict.fromkeys(schemas or [DEFAULT_SCHEMA]))
    with ExitStack() as stack:
        if simulate is None:
            registers, labels = _given(data or [], truth)
        else:
            _refuse_both(data or [], truth)
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="pprl-tune-")))
            stack.enter_context(_nameless())
            registers, labels = _made(folder, _sizes(simulate), overlap, damage, seed)
        drawing = None
        if chart is not None:
            _refuse_format(chart)
            inputs = [*registers, labels, *map(Path, names)]
            drawing = stack.enter_context(publish(chart, force=force, inputs=inputs))
        result = _measure(names, registers, labels, _mapping(map_ or []), id_column, seed, threads)
        if drawing is not None:
            from pprl.report.frontier import frontier_chart  # noqa: PLC0415

            lines = [(each.name, each.bits, each.curve) for each in result.schemas]
            drawing.write_text(frontier_chart(lines, language=ui.language()), encoding="utf-8")
    if as_json:
        ui.out_json(result.as_dict())
    else:
        _show(result)
    if chart is not None:
        ui.say("tune.chart", path=str(chart))


def _given(registers: list[Path], truth: Path | None) -> tuple[list[Path], Path]:
    from pprl.errors import ConfigError  # noqa: PLC0415

    if not registers:
        raise ConfigError("tune.no_data")
    if len(registers) < _LEAST_PARTIES:
        raise ConfigError("tune.one_register", found=len(registers))
    if truth is None:
        raise ConfigError("tune.no_truth")
    return registers, truth


def _refuse_both(registers: list[Path], truth: Path | None) -> None:
    from pprl.errors import ConfigError  # noqa: PLC0415

    if registers or truth is not None:
        raise ConfigError("tune.data_and_simulate")


def _refuse_format(chart: Path) -> None:
    from pprl.errors import ConfigError  # noqa: PLC0415

    if chart.suffix.lower() != ".svg":
        raise ConfigError("cli.choice", option="--chart", value=str(chart), choices="FILE.svg")


def _made(
    folder: Path, sizes: Sequence[int], overlap: float, damage: str, seed: int
) -> tuple[list[Path], Path]:
    from pprl.lab.simulate import simulate  # noqa: PLC0415

    made = simulate(
        sizes,
        overlap=overlap,
        damage=ui.one_of("--damage", damage, ("dirty", "clean")),
        seed=seed,
        out=folder,
    )
    return list(made.paths), made.truth_path


@contextmanager
def _nameless() -> Iterator[None]:
    """Say that simulated registers lack a column, not in which passing folder they were."""
    from pprl.errors import ConfigError, InputError  # noqa: PLC0415

    try:
        yield
    except InputError as error:
        if error.code != "tune.no_field":
            raise
        values = {name: error.values[name] for name in ("schema", "field")}
        raise ConfigError("tune.not_simulated", **values) from None


def _measure(
    names: Sequence[str],
    registers: Sequence[Path],
    truth: Path,
    mapping: Mapping[str, Sequence[str]],
    id_column: str | None,
    seed: int,
    threads: int | None,
) -> Tuning:
    from pprl.errors import PprlError  # noqa: PLC0415
    from pprl.lab.tune import tune as measure  # noqa: PLC0415

    latest: list[tuple[str, Path]] = []
    try:
        with ui.progress("tune.measuring") as advance:
            return measure(
                names,
                registers,
                truth,
                mapping=mapping,
                id_column=id_column,
                seed=seed,
                threads=threads,
                progress=advance,
                entered=lambda schema, path: latest.append((schema, path)),
            )
    except PprlError as error:
        # Errors of a row or cell don't say the file: elsewhere there is only one.
        if latest and "row" in error.values and "path" not in error.values:
            schema, path = latest[-1]
            ui.say("tune.where", path=str(path), schema=schema)
        raise


def _sizes(text: str) -> list[int]:
    from pprl.errors import ConfigError  # noqa: PLC0415

    sizes = whole_numbers(text) or []
    if len(sizes) < _LEAST_PARTIES:
        raise ConfigError("tune.sizes", given=text)
    return sizes


def _mapping(options: Sequence[str]) -> dict[str, list[str]]:
    from pprl.io.columns import parse_map  # noqa: PLC0415

    mapping: dict[str, list[str]] = {}
    for option in options:
        # One by one: registers may call the same field differently.
        for field, column in parse_map([option]).items():
            mapping.setdefault(field, []).append(column)
    return mapping


def _show(result: Tuning) -> None:
    """Print what each schema costs and reaches, and below how."""
    yes, no = ui.sentence("tune.yes"), "-"
    costs: list[Row] = [
        (
            each.name,
            each.bits,
            f"{100 * each.bits_set / each.bits:.0f}%",
            f"{1e6 * each.seconds_per_record:.1f}",
            _share(each.curve.best().score.f1),
            _share(each.estimated.score.f1),
            yes if each.on_frontier else no,
        )
        for each in result.schemas
    ]
    ui.table(list(map(ui.sentence, COSTS)), costs)
    ui.out()
    settings = [row for each in result.schemas for row in _settings(each)]
    ui.table(list(map(ui.sentence, SETTINGS)), settings)
    ui.say("tune.legend", findable=result.findable)


def _settings(measured: Measured) -> Iterator[Row]:
    from pprl.lab.tune import PRECISIONS  # noqa: PLC0415

    yield measured.name, ui.sentence("tune.best"), *_cells(measured.curve.best())
    for precision in PRECISIONS:
        name = ui.sentence("tune.at_precision", precision=str(precision))
        yield measured.name, name, *_cells(measured.curve.best_at(precision))
    yield measured.name, ui.sentence("tune.estimated"), *_cells(measured.estimated)


def _cells(point: Point | None) -> Row:
    if point is None:
        return ("-",) * 6
    bars = (point.threshold, point.token_threshold, point.contradicted_threshold)
    shares = (point.score.precision.value, point.score.recall.value, point.score.f1)
    return *("-" if bar is None else f"{bar:.2f}" for bar in bars), *map(_share, shares)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
