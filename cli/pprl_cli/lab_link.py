"""``pprl lab link`` and ``pprl lab threshold``: link encoded files, and look at the thresholds."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.planning import (
    MemoryOption,
    PlanOnly,
    WorkDir,
    memory_bytes,
    show_plan,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.decide.threshold.table import TierTable
    from pprl.matches import LinkInfo, Matches

_TARGETS = ("f1",)
_TABLE_COLUMNS = ("similarity", "found", "wrong", "local", "precision")

Files = Annotated[list[Path], typer.Argument(readable=False, help="Encoded files, one per party.")]
Target = Annotated[str, typer.Option(help="What an estimated threshold is best for: f1.")]
TargetPrecision = Annotated[
    float | None,
    typer.Option(
        metavar="P", help="Instead: at least this share of the matches is right, such as 0.99."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of the samples behind the estimate.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Default: one per core.")]
Force = Annotated[bool, typer.Option("--force", help="Replace existing results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def link(
    files: Files,
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="matches.csv: who is the same person, and why; not with --plan."
        ),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(readable=False, help="review.csv: doubtful pairs for a person to decide."),
    ] = None,
    target: Target = "f1",
    target_precision: TargetPrecision = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least similarity of two filters, not estimated."),
    ] = None,
    candidates: Annotated[
        str,
        typer.Option(
            help="Which pairs are compared: exhaustive (all), blocks (those that share one), lsh"
            " (those that agree on sampled bits), or auto, which --plan explains."
        ),
    ] = "auto",
    recall: Annotated[
        float,
        typer.Option(min=0.5, max=0.9999, help="Share of the matches that lsh should reach."),
    ] = 0.99,
    memory: MemoryOption = None,
    work_dir: WorkDir = None,
    plan: PlanOnly = False,
    seed: Seed = 0,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Link encoded registers of two or more parties, outside any run."""
    from dataclasses import asdict  # noqa: PLC0415 - commands import what they use

    from pprl.errors import ConfigError  # noqa: PLC0415
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl.link import link as link_sets  # noqa: PLC0415
    from pprl.link import open_sets  # noqa: PLC0415
    from pprl.plan import crowded_blocks  # noqa: PLC0415
    from pprl.plan.choice import CANDIDATES  # noqa: PLC0415

    ui.one_of("--candidates", candidates, CANDIDATES)
    ui.one_of("--target", target, _TARGETS)
    if plan:
        show_plan(
            open_sets(files), as_json=as_json, candidates=candidates, recall=recall,
            memory=memory, work_dir=work_dir, threads=threads,
        )  # fmt: skip
        return
    if out is None:
        raise ConfigError("cli.option_needed", option="--out")
    if review is not None and review.resolve() == out.resolve():
        raise ConfigError("cli.one_file_twice", path=str(out), first="--out", second="--review")
    with ExitStack() as files_made:
        temporary = files_made.enter_context(publish(out, force=force, inputs=files))
        doubtful = review and files_made.enter_context(
            publish(review, force=force, inputs=[*files, out])
        )
        sets = open_sets(files)
        for warned in crowded_blocks(sets, candidates):
            ui.say(warned.code, **warned.values)
        with ui.progress("link.comparing") as advance:
            matches = link_sets(
                sets,
                threshold=threshold,
                target_precision=target_precision,
                candidates=candidates,
                recall=recall,
                seed=seed,
                threads=threads,
                memory=memory_bytes(memory),
                work_dir=work_dir,
                progress=advance,
            )
        matches.write_csv(temporary, language=ui.language())
        if doubtful:
            matches.write_csv(doubtful, review=True, language=ui.language())
    if as_json:
        ui.out_json(asdict(matches.info))
    ui.say("link.done", groups=matches.info.groups, path=str(out))
    show_link(matches.info)
    if review:
        ui.say("link.review", pairs=matches.info.review_pairs, path=str(review))
    elif matches.info.review_pairs:
        ui.say("link.review_unwritten", pairs=matches.info.review_pairs)


def threshold(
    files: Files,
    chart: Annotated[
        Path | None, typer.Option(readable=False, help="FILE.svg for the curves.")
    ] = None,
    target: Target = "f1",
    target_precision: TargetPrecision = None,
    seed: Seed = 0,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show how thresholds are found: matches and expected mistakes at every similarity."""
    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl.link import link as link_sets  # noqa: PLC0415

    ui.one_of("--target", target, _TARGETS)
    with ExitStack() as files_made:
        drawing = chart and files_made.enter_context(publish(chart, force=force, inputs=files))
        with ui.progress("link.comparing") as advance:
            matches = link_sets(
                files, target_precision=target_precision, seed=seed, threads=threads,
                progress=advance,
            )  # fmt: skip
        curves = _curves(matches)
        if drawing:
            drawing.write_text(_drawn(curves), encoding="utf-8")
    if as_json:
        ui.out_json(_as_json(matches, curves))
    else:
        for parties, tables in curves:
            for table in tables:
                _show_curve(parties, table, named=len(curves) > 1)
    show_link(matches.info)
    if chart:
        ui.say("link.chart", path=str(chart))


def show_link(info: LinkInfo) -> None:
    """Say what was matched by which evidence, and how good it should be."""
    if info.block_passes:
        passes = ", ".join(info.block_passes)
        ui.say("link.blocks", passes=passes, pairs=info.pairs_compared)
        if info.block_recall is not None:
            ui.say("link.block_recall", percent=f"{100 * info.block_recall:.1f}")
    if info.bands:
        percent = f"{100 * (info.block_recall or 0):.1f}"
        ui.say("link.bands", bands=info.bands, pairs=info.pairs_compared, percent=percent)
        if info.skipped_pairs:
            ui.say("link.bands_skipped", pairs=info.skipped_pairs)
    for tier, count in info.rows_by_tier.items():
        ui.say("link.tier", tier=tier, count=count)
    if info.contested_pairs:
        ui.say("link.contested", pairs=info.contested_pairs, exchanged=info.exchanged)
    show_estimate(info)


def show_estimate(info: LinkInfo) -> None:
    """Say which thresholds were found, and how good the matches should be."""
    if not info.pairs:
        return
    for pair in info.pairs:
        bars = ", ".join(
            f"{tier} {'-' if bar is None else format(bar, '.3f')}"
            for tier, bar in pair.accept.items()
        )
        one, other = pair.parties
        if len(info.pairs) > 1:
            ui.say("link.bars_of", bars=bars, one=one, other=other)
        else:
            ui.say("link.bars", bars=bars)
    if info.estimated_precision is None:
        ui.say("link.nothing_accepted")
        return
    ui.say(
        "link.precision", value=_share(info.estimated_precision, info.estimated_precision_interval)
    )
    if info.estimated_recall is None:
        ui.say(f"link.recall_{info.recall_reason}")
    else:
        ui.say("link.recall", value=_share(info.estimated_recall, info.estimated_recall_interval))


def _share(value: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} [{interval[0]:.4f}, {interval[1]:.4f}]"


Curves = list[tuple[tuple[int, int], "tuple[TierTable, ...]"]]


def _curves(matches: Matches) -> Curves:
    from pprl.decide.threshold.table import tables  # noqa: PLC0415

    return [
        (info.parties, tables(verdict.estimate, verdict))
        for info, verdict in zip(matches.info.pairs, matches.verdicts, strict=True)
        if verdict.estimate is not None
    ]


def _drawn(curves: Curves) -> str:
    from pprl.report.charts import CurveData, threshold_chart  # noqa: PLC0415

    data = [
        CurveData(
            tier=table.tier if len(curves) == 1 else f"{one} - {other}: {table.tier}",
            similarity=table.similarity,
            found=table.found,
            expected_false=table.expected_false,
            precision=table.precision,
            precision_low=table.precision_low,
            precision_high=table.precision_high,
            accept=table.accept,
            # Left of what is drawn there is nothing to mark.
            review=table.review if (table.review or 0) >= table.similarity[0] else None,
        )
        for (one, other), tables in curves
        for table in tables
    ]
    return threshold_chart(data, title=ui.sentence("link.chart_title"), language=ui.language())


def _show_curve(parties: tuple[int, int], table: TierTable, *, named: bool) -> None:
    one, other = parties
    ui.out(f"{one} - {other}: {table.tier}" if named else table.tier)
    rows: list[Sequence[str | int | float]] = []
    for place, similarity in enumerate(table.similarity.tolist()):
        band = _band(similarity, table)
        precision = table.precision[place]
        rows.append(
            (
                f"{similarity:.2f}",
                f"{table.found[place]:.0f}",
                f"{table.expected_false[place]:.1f}",
                f"{table.local_precision[place]:.3f}",
                "-" if precision != precision else f"{precision:.4f}",  # noqa: PLR0124 - NaN: nothing there
                ui.sentence(f"link.band_{band}"),
            )
        )
    ui.table([ui.sentence(f"link.column_{name}") for name in (*_TABLE_COLUMNS, "band")], rows)
    ui.out()


def _band(similarity: float, table: TierTable) -> str:
    if table.accept is not None and similarity >= table.accept:
        return "accept"
    if table.review is not None and similarity >= table.review:
        return "review"
    return "reject"


def _as_json(matches: Matches, curves: Curves) -> dict[str, object]:
    from dataclasses import asdict  # noqa: PLC0415

    columns = (
        "similarity", "found", "expected_false", "local_precision", "precision",
        "precision_low", "precision_high",
    )  # fmt: skip
    return {
        **asdict(matches.info),
        "curves": [
            {
                "parties": list(parties),
                "tier": table.tier,
                "accept": table.accept,
                "review": table.review,
                **{
                    name: [
                        None if value != value else round(value, 6)  # noqa: PLR0124 - JSON has no NaN
                        for value in getattr(table, name).tolist()
                    ]
                    for name in columns
                },
            }
            for parties, tables in curves
            for table in tables
        ],
    }
