"""``pprl demo``: the main job on synthetic Kutai Timur data, from two CSV files to matches."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pprl_cli import ui
from pprl_cli.lab_evaluate import show_evaluation
from pprl_cli.lab_link import show_estimate

DTSEN_PER_KRS = 5


def demo(
    families: Annotated[
        int, typer.Option(min=10, help="KRS families; the DTSEN has five times as many.")
    ] = 12_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 7,
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for everything that is made.")
    ] = Path("pprl-demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show the whole way on synthetic data: two registers, their encodings, the matches.

    For now every family is represented by one person.
    """
    from dataclasses import asdict, replace  # noqa: PLC0415 - commands import what they use

    from pprl.encode import encode  # noqa: PLC0415
    from pprl.keys import LinkageKey  # noqa: PLC0415
    from pprl.lab.evaluate import evaluate  # noqa: PLC0415
    from pprl.lab.simulate import simulate  # noqa: PLC0415
    from pprl.link import link  # noqa: PLC0415
    from pprl.schema import Schema  # noqa: PLC0415

    with suppress(OSError):  # publish says what is wrong with a folder
        out.mkdir(parents=True, exist_ok=True)
    sizes = [families, DTSEN_PER_KRS * families]
    ui.say("demo.simulate", krs=sizes[0], dtsen=sizes[1])
    made = simulate(sizes, overlap=0.6, damage="dirty", seed=seed, out=out, force=force)

    ui.say("demo.encode")
    # Made from the seed, so that the same seed shows the same matches; real keys are random.
    key = LinkageKey(f"a key for synthetic data only, seed {seed}".encode())
    schema = Schema.load("indonesia")
    encoded = [out / f"{path.stem}.arrow" for path in made.paths]
    for path, target in zip(made.paths, encoded, strict=True):
        encode(path, schema, key, out=target, force=force)

    ui.say("demo.link", pairs=sizes[0] * sizes[1])
    matches = link(encoded)
    matches.to_csv(out / "matches.csv", force=force, language=ui.language())
    show_estimate(matches.info)

    ui.say("demo.evaluate")
    result = evaluate(out / "matches.csv", made.truth_path)
    if as_json:
        ui.out_json({"link": asdict(matches.info), "evaluation": result.as_dict()})
    else:
        show_evaluation(replace(result, calibration=None))  # a first look needs no more
    ui.say("demo.done", path=str(out))
