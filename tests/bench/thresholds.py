"""Estimated thresholds beside the best that labels can show, on simulated registers.

    python tests/bench/thresholds.py [--seeds 5] [--only SUBSTRING] [--json FILE]

Registers are simulated and encoded with the built-in schema; the estimate never sees the truth.
``best`` is the best of all settings of the three thresholds (filters, tokens, contradicted pairs)
on a grid of Dice coefficients, chosen with the labels (:mod:`pprl.lab.tune.sweep`). Every line is
the mean over seeds; seeds 1 to 5 weren't used to build the method (what changed later: the docs).
It takes about an hour; a quick part is ``--only "y 2000 x"``. ``--cost 100000`` times the estimate.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.keys import LinkageKey
from pprl.lab.evaluate import evaluate
from pprl.lab.simulate import simulate
from pprl.lab.tune.labels import Labels
from pprl.lab.tune.sweep import sweep
from pprl.link import link
from pprl.schema import Schema

KEY = LinkageKey(b"a key for synthetic data only, threshold bench")
TARGETS = (None, 0.99, 0.95)
SIZES = ((2_000, 2_000), (2_000, 10_000), (12_000, 60_000), (50_000, 50_000))
SETTINGS = [
    *((sizes, damage, overlap) for sizes in SIZES for damage in ("dirty", "clean")
      for overlap in (0.05, 0.2, 0.6)),
    *(((200_000, 200_000), "dirty", overlap) for overlap in (0.05, 0.6)),
    *(((5_000, 10_000, 10_000), damage, overlap) for damage in ("dirty", "clean")
      for overlap in (0.05, 0.2, 0.6)),
]  # fmt: skip


def name_of(setting):
    sizes, damage, overlap = setting
    return f"{damage} {' x '.join(map(str, sizes))} overlap {overlap:.0%}"


def measure(setting, seed):
    """Return for one simulated setting what was estimated, what is true, and what was possible."""
    sizes, damage, overlap = setting
    with TemporaryDirectory() as folder:
        made = simulate(sizes, overlap=overlap, damage=damage, seed=seed, out=Path(folder))
        sets, entities = encoded(made)
    return compare(sets, entities, threads=1)


def encoded(made):
    """Encode simulated registers in memory; return the sets and who their records are."""
    schema = Schema.load("indonesia")
    sets = []
    for path in made.paths:
        source = open_data(path)
        columns = resolve(schema, source, {}, None)
        encoder = Encoder(schema, KEY, columns.fields, columns.id_column)
        sets.append(encode_table(encoder, source, threads=1)[0])
    labels = Labels.read(open_data(made.truth_path), len(sets))
    return sets, [labels.of(party, each.ids, path="") for party, each in enumerate(sets)]


def compare(sets, entities, threads):
    curve = sweep(sets, entities, threads=threads)
    truth = pa.table(
        {
            "party": np.repeat(np.arange(len(sets)), [len(each) for each in sets]),
            "id": pa.chunked_array([chunk for each in sets for chunk in each.ids.chunks]),
            "entity": np.concatenate(entities),
        }
    )
    rows = {"best_f1": curve.best().score.f1}
    for target in TARGETS:
        matches = link(sets, target_precision=target, threads=threads)
        score = evaluate(matches, truth).overall
        best = None if target is None else curve.best_at(target)
        info = matches.info
        low, high = info.estimated_precision_interval or (0.0, 1.0)
        rows[str(target or "f1")] = {
            "precision": score.precision.value or 0.0,
            "recall": score.recall.value or 0.0,
            "f1": score.f1 or 0.0,
            "estimated_precision": info.estimated_precision or 0.0,
            "estimated_recall": info.estimated_recall,
            "best_recall": None if best is None else best.score.recall.value,
            "interval": [low, high],
            "found": score.found,
            "covered": low <= (score.precision.value or 0.0) <= high,
            "threshold": info.threshold,
        }
    return rows


def cost(records):
    """Print what the estimate adds to linking from the same similarity on; best of three."""
    with TemporaryDirectory() as folder:
        sizes = (records, records)
        made = simulate(sizes, overlap=0.2, damage="dirty", seed=1, out=Path(folder))
        sets = encoded(made)[0]
    matches = link(sets)
    start = matches.info.pairs[0].compared_from
    rows = [("estimated", {}), (f"threshold {start} given", {"threshold": start}),
            ("threshold 0.8 given", {"threshold": 0.8})]  # fmt: skip
    seconds = {}
    for name, arguments in rows:
        runs = []
        for _ in range(3):
            started = time.perf_counter()
            link(sets, **arguments)
            runs.append(time.perf_counter() - started)
        seconds[name] = min(runs)
        print(f"{records:,} x {records:,}, {name}: {seconds[name]:.2f} s")
    whole, bare = seconds["estimated"], seconds[rows[1][0]]
    print(f"the estimate takes {(whole - bare) / whole:.1%} of the link")


def averaged(results, target, name):
    values = [each[target][name] for each in results]
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def show(lines):
    print(
        "| setting | F1 | best F1 | P est. | P true | R est. | R true "
        "| P at 0.99 | R | best R | P at 0.95 | R | best R |"
    )
    print("|" + "---|" * 13)
    for name, results in lines:
        cells = [
            averaged(results, "f1", "f1"),
            mean(each["best_f1"] for each in results),
            *(averaged(results, "f1", column) for column in (
                "estimated_precision", "precision", "estimated_recall", "recall")),
        ]  # fmt: skip
        for target in ("0.99", "0.95"):
            cells += [
                averaged(results, target, column)
                for column in ("precision", "recall", "best_recall")
            ]
        shown = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


def verdicts(lines):
    """Count the settings that reach what issue and docs promise."""

    def settings(holds):
        return f"{sum(holds(results) for _, results in lines)} of {len(lines)}"

    def gap(target, one, other):
        return lambda results: (
            (averaged(results, target, other) or 0.0) - (averaged(results, target, one) or 0.0)
        )

    print(
        f"\nF1 within 0.01 of the best: "
        f"{settings(lambda r: mean(x['best_f1'] for x in r) - averaged(r, 'f1', 'f1') <= 0.01)}"
    )
    for target in ("0.99", "0.95"):
        close = gap(target, "recall", "best_recall")
        print(
            f"precision within 0.02 of {target} or above: "
            f"{settings(lambda r, t=target: averaged(r, t, 'precision') >= float(t) - 0.02)}; "
            f"recall within 0.02 of the best that reaches it: "
            f"{settings(lambda r, c=close: c(r) <= 0.02)}"
        )
    for target in ("f1", "0.99", "0.95"):
        off = gap(target, "precision", "estimated_precision")
        print(
            f"{target}: estimated precision within 0.02 of the truth: "
            f"{settings(lambda r, o=off: abs(o(r)) <= 0.02)}; estimated recall within 0.03: "
            + settings(
                lambda r, t=target: (
                    averaged(r, t, "estimated_recall") is not None
                    and abs(averaged(r, t, "estimated_recall") - averaged(r, t, "recall")) <= 0.03
                )
            )
        )
    covered = [each[t]["covered"] for _, results in lines for each in results
               for t in ("f1", "0.99", "0.95")]  # fmt: skip
    print(f"true precision inside its interval: {mean(covered):.0%} of {len(covered)} links")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cost", type=int, metavar="RECORDS", help="only time the estimate")
    options = parser.parse_args()
    if options.cost:
        cost(options.cost)
        sys.exit()
    chosen = [each for each in SETTINGS if options.only in name_of(each)]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    lines = []
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = [(each, [pool.submit(measure, each, seed) for seed in seeds]) for each in chosen]
        for setting, futures in jobs:
            lines.append((name_of(setting), [future.result() for future in futures]))
            print(f"{len(lines)}/{len(jobs)} {name_of(setting)}", file=sys.stderr, flush=True)
    show(lines)
    verdicts(lines)
    if options.json:
        options.json.write_text(json.dumps(lines), encoding="utf-8")
