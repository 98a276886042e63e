"""``pprl demo``: a whole run on synthetic Kutai Timur data, from registers to worklists.

Nothing here links or encodes: it plays the people at the keyboards (:mod:`pprl_cli.demo_stage`),
and lays what they got beside the truth that a simulation knows (:mod:`pprl_cli.demo_results`).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pprl_cli import ui
from pprl_cli.demo_rehearsal import Rehearsal
from pprl_cli.demo_results import Results, evaluated, wrong_assignments
from pprl_cli.demo_stage import AUDITOR, COORDINATOR, EXCHANGE, OTHERS, PARTIES, Stage, Turn
from pprl_cli.lab_evaluate import show_evaluation
from pprl_cli.lab_families import DTSEN_FAMILIES, KRS_FAMILIES

DTSEN_PER_KRS = 5
AGENCIES = ("dppkb", "dinsos", "disdik")
REGISTERS = ("krs", "dtsen", "dapodik")
RELEASED = "desil,pkh,sembako,pbi_jk,pip"
DATA, WORKLISTS, REPORT, SUMMARY = "data", "worklists", "report.html", "summary.json"


def demo(
    families: Annotated[
        int, typer.Option(min=10, help="KRS families; the DTSEN has five times as many.")
    ] = KRS_FAMILIES,
    parties: Annotated[int, typer.Option(min=2, max=3, help="How many agencies.")] = 2,
    damage: Annotated[str, typer.Option(help="dirty (as in 2020) or clean (as in 2024).")] = (
        "dirty"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 7,
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for everything that is made.")
    ] = Path("pprl-demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a whole run on synthetic data: agencies, coordinator and auditor, each by itself.

    Every command of every party is shown and can be repeated by hand afterwards.
    """
    from pprl.lab.families.simulate import simulate_families  # noqa: PLC0415 - commands import what they use

    agencies = AGENCIES[:parties]
    _prepare(out, force=force)
    dtsen = DTSEN_FAMILIES if families == KRS_FAMILIES else DTSEN_PER_KRS * families
    with Rehearsal() as rehearsal, Stage(out) as stage:
        with stage.step("simulate"):
            made = simulate_families(
                out / DATA,
                krs=families,
                dtsen=dtsen,
                damage=ui.one_of("--damage", damage, ("dirty", "clean")),
                seed=seed,
                registers=REGISTERS[:parties],
            )
        registers = dict(zip(agencies, made.paths.values(), strict=True))
        for name, count in made.counts.items():
            ui.say("demo.register", name=name, families=count.families, rows=count.rows)

        with stage.step("homes"):
            roles = dict.fromkeys(agencies, "agency") | {name: name for name in OTHERS}
            stage.enter(roles)
            stage.introduce()
        with stage.step("agreement"):
            stage.agree(
                population="penduduk Kutai Timur",
                max_records=max(count.rows for count in made.counts.values()),
                release=f"{AGENCIES[1]}:{AGENCIES[0]}:{RELEASED}",
            )
        with stage.step("encode"):
            rehearsal.wait_for_encode()
            stage.play(*(Turn(name, ("encode", registers[name], *stage.run)) for name in agencies))
        with stage.step("link"):
            rehearsal.wait()
            linked = stage.home(COORDINATOR) / "link.json"
            stage.play(Turn(COORDINATOR, ("link", *stage.run, "--json"), kept=linked))
        overlaps = [stage.home(name) / "overlap.csv" for name in agencies]
        with stage.step("receive"):
            stage.play(
                *(
                    Turn(name, ("receive", *stage.run, "--out", path))
                    for name, path in zip(agencies, overlaps, strict=True)
                )
            )
        with stage.step("close"):
            digest = stage.close([*agencies, AUDITOR])
        with stage.step("audit"):
            pins = stage.home(AUDITOR) / "pins.toml"
            stage.play(Turn(AUDITOR, ("audit", out / EXCHANGE, "--trust", pins), alone=True))
        with stage.step("assign"):
            first = agencies[0]
            day = ("--day", made.as_of.isoformat())
            made_here = ("--out", out / WORKLISTS, "--report", out / REPORT)
            to_assign = ("assign", registers[first], *stage.run, *made_here, *day)
            with stage.playing(Turn(first, to_assign)):
                results = Results(registers, overlaps)
                scores = evaluated(results, made)
        with stage.step("evaluate"):
            wrong = wrong_assignments(results.families(), made, out / WORKLISTS)

    estimate = json.loads(linked.read_bytes())
    summary = {
        "transcript": digest,
        "registers": {
            name: {"families": count.families, "rows": count.rows}
            for name, count in made.counts.items()
        },
        "estimated_precision": estimate["estimated_precision"],
        "estimated_precision_interval": estimate["estimated_precision_interval"],
        **{unit: score.as_dict() for unit, score in scores.items()},
        "assignments_on_wrong_matches": wrong,
        "seconds": stage.seconds,
    }
    (out / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if as_json:
        ui.out_json(summary)
    else:
        for unit, score in scores.items():
            ui.out(ui.sentence(f"demo.{unit}"))
            show_evaluation(replace(score, calibration=None))  # a first look needs no more
    ui.say("demo.done", path=str(out))


def _prepare(out: Path, *, force: bool) -> None:
    """Make the folder, empty of an earlier demo.

    Raises
    ------
    ConfigError
        An earlier demo is there and isn't to be replaced, or the folder can't be made.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    earlier = [out / name for name in (PARTIES, EXCHANGE, DATA, WORKLISTS)]
    try:
        if any(path.exists() for path in earlier) and not force:
            raise ConfigError("output.exists", path=str(out))
        out.mkdir(parents=True, exist_ok=True)
        for path in earlier:
            if path.exists():
                shutil.rmtree(path)
        for path in (out / REPORT, out / SUMMARY):
            path.unlink(missing_ok=True)
        (out / DATA).mkdir()
    except PermissionError:
        raise ConfigError("output.unwritable", path=str(out)) from None
    except OSError:
        raise ConfigError("output.no_folder", path=str(out / DATA), folder=str(out)) from None
