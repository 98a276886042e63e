"""Families and assignments beside the truth, over several seeds; prints a table, asserts nothing.

    python tests/bench/families.py [--families 3000] [--seeds 10]

Each row is a whole ``pprl demo``: separate parties, agreement, audit, worklists. "wrong" is the
share of assignments of the first owner that rest on a wrong match of families, "allowed" one minus
the lower end of the precision that the coordinator estimated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PPRL = Path(sys.executable).with_name("pprl")
ROW = "{:<7}{:>5}{:>11}{:>9}{:>11}{:>9}{:>9}{:>9}"


def main() -> None:
    """Run the demos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=3_000)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    print(f"{asked.families:,} KRS families, {5 * asked.families:,} DTSEN families")
    print(ROW.format("damage", "seed", "families", "", "persons", "", "wrong", "allowed"))
    print(ROW.format("", "", "precision", "recall", "precision", "recall", "", ""))
    for damage in ("dirty", "clean"):
        for seed in range(101, 101 + asked.seeds):
            found = demo(asked.families, damage, seed)
            numbers = [
                *(found[unit][name] for unit in ("families", "persons")
                  for name in ("precision", "recall")),
                found["assignments_on_wrong_matches"],
                1 - found["estimated_precision_interval"][0],
            ]  # fmt: skip
            print(ROW.format(damage, seed, *(f"{number:.4f}" for number in numbers)), flush=True)


def demo(families: int, damage: str, seed: int) -> dict[str, dict[str, float]]:
    """Return the summary of one demo."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        words = ["--families", families, "--damage", damage, "--seed", seed, "--out", out, "--json"]
        done = subprocess.run(
            [str(PPRL), "demo", *map(str, words)], check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout)


if __name__ == "__main__":
    main()
