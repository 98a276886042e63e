"""``pprl lab evaluate``: a link beside the truth, as tables, JSON and a chart."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from pprl.lab.evaluate import (
        Bin,
        ByDamage,
        ByPlace,
        Calibration,
        Comparison,
        Estimate,
        Evaluation,
        Score,
    )

EVALUATION_COLUMNS = ("what", "precision", "recall", "f1", "found", "right", "findable")
_PLACES_SHOWN = 20


def evaluate(
    matches: Annotated[
        list[Path],
        typer.Argument(
            readable=False,
            help="matches.csv of pprl lab link, or overlap.csv of every owner of a run, in order.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            readable=False, help="truth.csv: party,id,entity; with --families party,family,entity."
        ),
    ],
    families: Annotated[
        bool, typer.Option("--families", help="Score families, not persons; needs --data.")
    ] = False,
    review: Annotated[
        Path | None, typer.Option(readable=False, help="review.csv of pprl lab link --review.")
    ] = None,
    damage: Annotated[
        Path | None, typer.Option(readable=False, help="damage.csv: party,id,kinds (or family).")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False, help="Register, for --by or --families; once per party, in order."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="kecamatan, village, regency, province or sex.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(readable=False, help="Another matches.csv of these registers.")
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(readable=False, help="FILE.svg: estimated against true precision."),
    ] = None,
    mistakes: Annotated[
        Path | None,
        typer.Option(readable=False, help="FILE.csv: what is wrong or missed, one by one, by id."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compare matches with the truth: precision, recall, F1, and why some are wrong or missed."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl.lab.evaluate import evaluate as measure  # noqa: PLC0415
    from pprl.lab.evaluate.families import evaluate_families  # noqa: PLC0415

    for option, path, ending in (("--chart", chart, ".svg"), ("--mistakes", mistakes, ".csv")):
        if path is not None and path.suffix.lower() != ending:
            choices = f"FILE{ending}"
            raise ConfigError("cli.choice", option=option, value=str(path), choices=choices)
    if families and (by is not None or review is not None or not data):
        raise ConfigError("evaluate.families_options")
    read = [*matches, truth, *(data or []), *filter(None, (review, damage, compare))]
    with ExitStack() as stack:
        drawn, listed = (
            None if path is None else stack.enter_context(publish(path, force=force, inputs=read))
            for path in (chart, mistakes)
        )
        if families:
            result = evaluate_families(
                _one_link(matches) or matches, truth, data or (), damage=damage, compare=compare,
                mistakes=listed is not None,
            )  # fmt: skip
        else:
            result = measure(
                _one_link(matches) or _received(matches), truth, review=review, damage=damage,
                data=data or (), by=by, compare=compare, mistakes=listed is not None,
            )  # fmt: skip
        if drawn is not None:
            _draw(result, matches[0], drawn)
        if listed is not None and result.mistakes is not None:
            _write(result.mistakes, listed)
    if as_json:
        ui.out_json(result.as_dict())
    else:
        show_evaluation(result)
    if chart is not None:
        ui.say("evaluate.chart", path=str(chart))
    if mistakes is not None:
        ui.say("evaluate.mistakes", path=str(mistakes))


def _one_link(matches: Sequence[Path]) -> Path | None:
    """Return the one file of a link; None where these are what the owners of a run received."""
    from pprl.lab.evaluate.read import is_overlap  # noqa: PLC0415 - commands import what they use

    return matches[0] if len(matches) == 1 and not is_overlap(matches[0]) else None


def _received(overlaps: Sequence[Path]) -> pa.Table:
    from pprl.lab.evaluate.received import received_persons  # noqa: PLC0415 - commands import what they use

    return received_persons(overlaps)


def _draw(result: Evaluation, matches: Path, path: Path) -> None:
    """Draw the chart.

    Raises
    ------
    InputError
        The link estimates nothing.
    """
    from pprl.errors import InputError  # noqa: PLC0415 - commands import what they use
    from pprl.report.charts import calibration_chart  # noqa: PLC0415

    if result.calibration is None:
        raise InputError("evaluate.no_estimates", path=str(matches))
    drawn = calibration_chart(result.calibration.bins, language=ui.language())
    path.write_text(drawn, encoding="utf-8")


def _write(mistakes: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(mistakes.column_names)
        for batch in mistakes.to_batches():
            writer.writerows(zip(*batch.to_pydict().values(), strict=True))


def show_evaluation(result: Evaluation) -> None:
    """Print precision, recall and F1, overall, by pair of parties and by tier; then what else."""
    rows = [(ui.sentence("evaluate.all"), result.overall)]
    if len(result.parties) > 1:
        rows += [(f"{one} - {other}", score) for (one, other), score in result.parties.items()]
    rows += result.tiers.items()
    _show_scores("what", rows)
    if result.estimated is not None:
        known = result.estimated
        ui.say(
            "evaluate.estimated_families",
            value=f"{known.value:.4f} [{known.low:.4f}, {known.high:.4f}]",
            pairs=known.pairs,
            contradicted=known.contradicted,
        )
    if result.bands is not None:
        found = result.bands
        bands = (("accept", found.accept), ("review", found.review), ("resolved", found.resolved))
        ui.out()
        _show_scores("band", [(ui.sentence(f"evaluate.band_{key}"), each) for key, each in bands])
    if result.by is not None:
        _show_places(result.by)
    if result.damage is not None:
        _show_damage(result.damage)
    if result.comparison is not None:
        _show_comparison(result.comparison)
    if result.calibration is not None:
        _show_calibration(result.calibration)


def share(estimate: Estimate) -> str:
    """Write a share with its interval."""
    if estimate.value is None:
        return "-"
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def _show_scores(what: str, rows: Iterable[tuple[str, Score]]) -> None:
    lines: list[Sequence[str | int | float]] = [
        (
            name,
            share(score.precision),
            share(score.recall),
            share(score.f1_interval),
            score.found,
            score.right,
            score.findable,
        )
        for name, score in rows
    ]
    _table((what, *EVALUATION_COLUMNS[1:]), lines)


def _show_places(by: ByPlace) -> None:
    special = {"(empty)": "evaluate.empty_place", "(rare)": "evaluate.rare_place"}
    ui.out()
    rows = islice(by.scores.items(), _PLACES_SHOWN)
    named = [(ui.sentence(special[key]) if key in special else key, each) for key, each in rows]
    _show_scores(f"by_{by.role}", named)
    if len(by.scores) > _PLACES_SHOWN:
        ui.say("evaluate.more_places", shown=_PLACES_SHOWN, all=len(by.scores))


def _show_damage(damage: ByDamage) -> None:
    lines: list[Sequence[str | int | float]] = [
        (
            _kind(kind),
            score.findable,
            score.findable - score.recovered,
            share(score.recall),
            score.found,
            score.found - score.right,
            share(score.precision),
        )
        for kind, score in damage.scores.items()
    ]
    ui.out()
    _table(("damage", "findable", "missed", "recall", "found", "wrong", "precision"), lines)
    if damage.false:
        causes: list[Sequence[str | int | float]] = []
        for each in damage.false:
            cause = ui.sentence(f"evaluate.cause_{each.cause}")
            causes.append((cause, ui.sentence("evaluate.all"), each.pairs))
            causes += [("", _kind(kind), pairs) for kind, pairs in each.kinds.items()]
        ui.out()
        _table(("cause", "damage_of_either", "wrong"), causes)


def _show_comparison(compared: Comparison) -> None:
    shared = {
        "both": compared.both,
        "only_here": compared.only_here,
        "only_there": compared.only_there,
    }
    ui.out()
    _table(
        ("pairs_in", "found", "right", "wrong"),
        [
            (ui.sentence(f"evaluate.{key}"), each.found, each.right, each.found - each.right)
            for key, each in shared.items()
        ],
    )
    ui.out()
    scores = [(ui.sentence("evaluate.here"), compared.here)]
    scores += [(ui.sentence("evaluate.there"), compared.there)]
    lines: list[Sequence[str | int | float]] = [
        (name, share(each.precision), share(each.recall), share(each.f1_interval))
        for name, each in scores
    ]
    less = [compared.difference[key] for key in ("precision", "recall", "f1")]
    signed = ["-" if value is None else f"{value:+.4f}" for value in less]
    lines.append((ui.sentence("evaluate.difference"), *signed))
    _table(("link", "precision", "recall", "f1"), lines)


def _show_calibration(calibration: Calibration) -> None:
    rows = [
        (ui.sentence(f"evaluate.band_{band}"), each) for band, each in calibration.bands.items()
    ]
    rows += [(f"{each.low:.4f} - {each.high:.4f}", each) for each in calibration.bins]
    ui.out()
    _table(
        ("estimates", "estimated", "true", "found", "right"),
        [(name, *_calibrated(each)) for name, each in rows],
    )


def _calibrated(each: Bin) -> tuple[float, str, int, int]:
    return each.estimated, share(each.true), each.found, each.right


def _kind(kind: str) -> str:
    return ui.sentence("evaluate.no_damage") if kind == "none" else kind


def _table(columns: Sequence[str], lines: Sequence[Sequence[str | int | float]]) -> None:
    ui.table([ui.sentence(f"evaluate.{column}") for column in columns], lines)
