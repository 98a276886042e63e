"""The red team at full size: ``make risk``. Says what it costs, and goes on where it stopped.

    python tests/bench/risk.py [--results FILE] [--sizes 1000,10000] [--only SUBSTRING] [--cost]

Every attack at the sizes it is made for, on the built-in schemas and on the hardened one with kappa
4 to 6 and 2,048 to 8,192 bits, with 0 to 5,000 known pairs; F1 of each beside. Finished
jobs are lines of the results file and aren't run again. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pprl.lab.risk.attacks import ATTACKS
from pprl.lab.risk.judge import Finding
from pprl.lab.risk.run import QUALITY, Row, attacked, beside, linked, made
from pprl.schema import Schema

SIZES = (1_000, 10_000, 20_000, 200_000)
ONLY_THERE = {20_000: ("learned_scores",)}  # the size that its target speaks of
KNOWN = (50, 200, 500, 1_000, 5_000)
SEED = 7
BUILT_IN = ("indonesia", "indonesia-hardened", "indonesia-hardened-high", "indonesia-tokens")
GRID = [(kappa, bits) for kappa in (4, 5, 6) for bits in (2_048, 4_096, 8_192)]
BY_FILTER = (
    "similarity_profiles", "seed_and_grow", "quadratic", "learned_scores", "seedless", "xor4",
    "qgram_ridge",
)  # fmt: skip
GRID_UP_TO = 20_000  # beyond, only the built-in schemas
# Seconds on 1,000 hardened records of 2,048 bits, two idle cores, and the power that they grow by.
COST = {
    "quadratic": (15, 3), "seedless": (3, 3), "learned_scores": (0.1, 1.8),
    "seed_and_grow": (0.3, 1.9), "similarity_profiles": (0.1, 2.5), "qgram_ridge": (0.5, 1),
}  # fmt: skip


def schemas(folder):
    """Return names and files: the built-in schemas, and the grid of kappa and bits."""
    files = {name: name for name in BUILT_IN}
    text = Schema.load("indonesia-hardened").text
    lines = [line for line in text.splitlines() if not line.startswith(("kappa =", "bits ="))]
    at = lines.index('scheme = "hardened"') + 1
    for kappa, bits in GRID:
        path = folder / f"hardened-{kappa}-{bits}.toml"
        path.write_text("\n".join([*lines[:at], f"kappa = {kappa}", f"bits = {bits}", *lines[at:]]))
        files[path.stem] = str(path)
    return files


def jobs(names, sizes):
    """Return what is to be run: size, schema, attack and known pairs."""
    for size in sizes:
        for name in names:
            for attack in ATTACKS.values():
                # Tokens and blocks are the same whatever the filters are.
                grid = name not in BUILT_IN
                asked = not grid or (attack.name in BY_FILTER and size <= GRID_UP_TO)
                asked &= attack.name in ONLY_THERE.get(size, (attack.name,))
                if attack.largest >= size and asked:
                    counts = [k for k in KNOWN if k <= size // 2] if attack.needs_known else [0]
                    if attack.name in COST and size > GRID_UP_TO:  # hours each
                        counts = counts[-1:] if name in BUILT_IN[:2] else []
                    for known in counts:
                        yield size, name, attack.name, known


def seconds(job):
    size, name, attack, _ = job
    base, power = COST.get(attack, (1, 1))
    bits = int(name.rsplit("-", 1)[1]) / 2_048 if name.startswith("hardened-") else 1
    return base * bits * (size / 1_000) ** power


def label(job):
    size, name, attack, known = job
    return f"{size}/{name}/{attack}/{known}"


def done_before(path):
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["job"]: line for line in lines}


def run(wanted, files, path, folder):
    finished = done_before(path)
    register = scene = None
    latest = None
    for place, job in enumerate(wanted):
        size, name, attack, known = job
        if label(job) in finished:
            continue
        schema = Schema.load(files[name])
        if latest is None or latest[0] != size:
            register = made(folder / str(size), size, "none", SEED)
        if latest != (size, name):
            scene = register.scene(schema, seed=SEED)
            latest = (size, name)
        started = time.perf_counter()
        rows = attacked(name, schema, register, scene, ATTACKS[attack], known)
        line = {"job": label(job), "seconds": round(time.perf_counter() - started, 1),
                "rows": [asdict(row) for row in rows]}  # fmt: skip
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        values = ", ".join(f"{row.finding.metric} {row.finding.value:.4f}" for row in rows)
        print(f"{place + 1}/{len(wanted)} {label(job)}: {values} ({line['seconds']} s)", flush=True)


def quality(files, path, folder):
    """Measure F1 of every schema that hasn't been."""
    finished = done_before(path)
    for name, file in files.items():
        job = f"quality/{name}"
        if job in finished:
            continue
        (measured,) = linked([file], QUALITY, SEED, folder).values()
        with path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"job": job, **asdict(measured)}) + "\n")


def show(path):
    finished = done_before(path)
    rows = []
    for line in finished.values():
        rows += [
            Row(**{**row, "finding": Finding(**row["finding"])}) for row in line.get("rows", [])
        ]
    print("| records | attack | known | measured | schema | value | chance | control | verdict |")
    print("|" + "---|" * 9)
    order = {name: place for place, name in enumerate(ATTACKS)}
    for row in sorted(
        beside(rows), key=lambda row: (row.records, order[row.finding.attack], row.finding.known)
    ):
        found = row.finding
        control = "-" if row.control is None else f"{row.control.value:.4f}"
        print(
            f"| {row.records:,} | {found.attack} | {found.known:,} | {found.metric} | {row.schema} "
            f"| {found.value:.4f} | {found.chance:.4f} | {control} | {row.verdict} |"
        )
    print("\n| schema | best F1 | estimated F1 |\n|---|---|---|")
    for job, line in finished.items():
        if job.startswith("quality/"):
            name = job.removeprefix("quality/")
            print(f"| {name} | {line['f1']:.4f} | {line['estimated_f1']:.4f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("risk.jsonl"))
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--only", default="", help="part of SIZE/SCHEMA/ATTACK/KNOWN")
    parser.add_argument("--cost", action="store_true", help="only say what it costs")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="pprl-risk-") as name:
        folder = Path(name)
        files = schemas(folder)
        sizes = [int(part) for part in options.sizes.split(",")]
        every = list(jobs(files, sizes))
        wanted = [job for job in every if options.only in label(job)]
        left = [job for job in wanted if label(job) not in done_before(options.results)]
        hours = np.sum([seconds(job) for job in left]) / 3600
        print(f"{len(wanted)} jobs, {len(left)} left: about {hours:.1f} hours on two idle cores")
        if not options.cost:
            run(wanted, files, options.results, folder)
            quality(files, options.results, folder)
            show(options.results)
