"""``pprl lab``: measure and tune on synthetic or labelled data, outside any run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pprl_cli import ui
from pprl_cli.lab_evaluate import evaluate
from pprl_cli.lab_families import simulate_families
from pprl_cli.lab_link import link, threshold
from pprl_cli.lab_risk import risk
from pprl_cli.lab_tune import tune
from pprl_cli.turns import show_encoded

lab = typer.Typer(
    no_args_is_help=True,
    help="Measure and tune on synthetic or labelled data, outside any run: no protocol.",
)
schema_app = typer.Typer(no_args_is_help=True, help="Look at schemas.")
lab.add_typer(schema_app, name="schema")

Force = Annotated[bool, typer.Option("--force", help="Replace existing results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@lab.command()
def key(
    out: Annotated[Path, typer.Option(readable=False, help="File for the key; must not exist.")],
) -> None:
    """Make a linkage key: 32 random bytes that only you can read."""
    from pprl.keys import LinkageKey  # noqa: PLC0415 - commands import what they use

    LinkageKey.generate().save(out)
    ui.say("lab.key_made", path=str(out))


@lab.command()
def simulate(
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for a.csv, b.csv, ... and truth.csv.")
    ],
    persons_a: Annotated[int, typer.Option(min=1, help="Records of the first party.")] = 12_000,
    persons_b: Annotated[int, typer.Option(min=1, help="Records of every other party.")] = 60_000,
    parties: Annotated[int, typer.Option(min=2, max=8, help="How many registers.")] = 2,
    overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the smallest register in all others.")
    ] = 0.6,
    damage: Annotated[str, typer.Option(help="dirty (as in 2020) or clean (as in 2024).")] = (
        "dirty"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 7,
    force: Force = False,
) -> None:
    """Make realistic Indonesian registers, damaged like real ones, and the truth about them."""
    from pprl.lab.simulate import simulate as make  # noqa: PLC0415

    sizes = [persons_a] + [persons_b] * (parties - 1)
    with ui.progress("lab.simulating") as advance:
        made = make(
            sizes,
            overlap=overlap,
            damage=ui.one_of("--damage", damage, ("dirty", "clean")),
            seed=seed,
            out=out,
            force=force,
            progress=lambda done: advance(done, sum(sizes)),
        )
    for path, size in zip(made.paths, sizes, strict=True):
        ui.say("lab.made_register", path=str(path), records=size)
    ui.say("lab.made_truth", path=str(made.truth_path))


@lab.command()
def encode(
    data: Annotated[Path, typer.Argument(readable=False, help="CSV, Parquet or spreadsheet.")],
    secret_file: Annotated[
        Path, typer.Option(readable=False, help="The linkage key (pprl lab key).")
    ],
    out: Annotated[
        Path, typer.Option(readable=False, help="FILE.arrow, or FILE.json for clkhash's format.")
    ],
    schema: Annotated[
        str, typer.Option(help="A built-in schema, or a .toml or clkhash .json file.")
    ] = "indonesia",
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="Column with the records' ids.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Say which column a field is."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a CSV file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of a CSV file.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: one per core.")] = None,
    force: Force = False,
) -> None:
    """Encode a register with a key, for measuring at home."""
    from pprl.encode.columns import resolve  # noqa: PLC0415
    from pprl.encode.encoder import Encoder  # noqa: PLC0415
    from pprl.encode.pipeline import encode_file  # noqa: PLC0415
    from pprl.errors import ConfigError  # noqa: PLC0415
    from pprl.io.atomic import refuse_inputs  # noqa: PLC0415
    from pprl.io.columns import parse_map  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl.keys import LinkageKey  # noqa: PLC0415
    from pprl.schema import Schema  # noqa: PLC0415

    if out.suffix.lower() not in {".arrow", ".json"}:
        raise ConfigError(
            "cli.choice", option="--out", value=str(out), choices="FILE.arrow, FILE.json"
        )
    refuse_inputs(out, [data, secret_file, Path(schema)])
    linkage_key = LinkageKey.from_file(secret_file)
    loaded = Schema.load(schema)
    source = open_source(data, sheet=sheet, encoding=encoding, delimiter=delimiter)
    columns = resolve(loaded, source, parse_map(map_ or []), id_column)
    encoder = Encoder(loaded, linkage_key, columns.fields, columns.id_column)
    with ui.progress("encode.encoding") as advance:
        summary = encode_file(
            encoder, source, out=out, force=force, threads=threads, progress=advance
        )
    show_encoded(source, columns, summary)
    ui.say("encode.done", records=summary.records, path=str(out))


lab.command()(simulate_families)
lab.command()(link)
lab.command()(threshold)
lab.command()(evaluate)
lab.command()(tune)
lab.command()(risk)


@schema_app.command("show")
def schema_show(
    schema: Annotated[str, typer.Argument(help="A built-in schema or a file.")] = "indonesia",
) -> None:
    """Print a schema as it is used, and its digest."""
    from pprl.schema import Schema  # noqa: PLC0415

    loaded = Schema.load(schema)
    ui.out(loaded.text.rstrip("\n"))
    ui.say("schema.digest", digest=loaded.digest)
