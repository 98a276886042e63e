"""``pprl lab simulate-families``: registers of one population of families, with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pprl_cli import ui

KRS_FAMILIES, DTSEN_FAMILIES = 11_973, 60_000


def simulate_families(
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for the registers and their truth.")
    ],
    krs: Annotated[int, typer.Option(min=1, help="Families at risk of stunting.")] = KRS_FAMILIES,
    dtsen: Annotated[int, typer.Option(min=1, help="Families with a desil.")] = DTSEN_FAMILIES,
    registers: Annotated[
        str, typer.Option(help="Which to write: krs,dtsen,dapodik,emis,pbi_jkn,p3ke,pkh.")
    ] = "krs,dtsen",
    krs_layout: Annotated[
        str, typer.Option(help="One row per member, or per family with members in columns.")
    ] = "member",
    varied_headers: Annotated[
        bool, typer.Option("--varied-headers", help="Headers as other offices write them.")
    ] = False,
    overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the smaller register in the other.")
    ] = 0.85,
    damage: Annotated[str, typer.Option(help="dirty (as in 2020) or clean (as in 2024).")] = (
        "dirty"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 7,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
) -> None:
    """Make registers of families as a district has them, damaged like real ones, and the truth."""
    from pprl.lab.families.simulate import simulate_families as make  # noqa: PLC0415 - commands import what they use

    with ui.progress("lab.simulating") as advance:
        made = make(
            out,
            krs=krs,
            dtsen=dtsen,
            overlap=overlap,
            damage=ui.one_of("--damage", damage, ("dirty", "clean")),
            seed=seed,
            registers=registers.split(","),
            krs_layout=ui.one_of("--krs-layout", krs_layout, ("member", "family")),
            varied_headers=varied_headers,
            force=force,
            progress=advance,
        )
    for name, path in made.paths.items():
        count = made.counts[name]
        ui.say("lab.made_families", path=str(path), rows=count.rows, families=count.families)
    ui.say("lab.made_truth", path=str(made.truth_path))
