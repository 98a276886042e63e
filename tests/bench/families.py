"""Families and assignments beside the truth, over several seeds; prints a table, asserts nothing.

    python tests/bench/families.py [--families 1000] [--seeds 10] [--without-heads]

Each row is one pair of registers: simulated, encoded, linked, families matched, rules applied, by
the library's own functions in one process; the parties, agreement and audit of ``pprl demo``, which
change no result, are left out. "estimated" is the precision of families that the first owner
estimates without the truth, "wrong" the share of its assignments that rest on a wrong match of
families, "allowed" one minus the lower end of the estimate. ``--without-heads`` is what owners
reach who don't tell each other who heads a family.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pprl import LinkageKey, Schema, encode, link
from pprl.interventions.assign import assign
from pprl.interventions.matched import FLAGS, with_matches
from pprl.interventions.rules import load_rules
from pprl.io.source import open_source
from pprl.lab.evaluate import Evaluation, evaluate
from pprl.lab.evaluate.families import evaluate_families, linked_families
from pprl.lab.families.simulate import SimulatedFamilies, simulate_families
from pprl.registers.profile import load_profile
from pprl.registers.read import read_register

DTSEN_PER_KRS = 5
_KEY = bytes(range(32))  # the same numbers every time
RELEASED = ("desil", *FLAGS)
ROW = "{:<7}{:>5}{:>11}{:>9}{:>11}{:>9}{:>11}{:>9}{:>9}"


def main() -> None:
    """Run all pairs of registers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--without-heads", action="store_true")
    asked = parser.parse_args()
    print(f"{asked.families:,} KRS families, {DTSEN_PER_KRS * asked.families:,} DTSEN families")
    heads = ("families", "", "persons", "", "estimated", "wrong", "allowed")
    print(ROW.format("damage", "seed", *heads))
    print(ROW.format("", "", "precision", "recall", "precision", "recall", "", "", ""))
    for damage in ("dirty", "clean"):
        for seed in range(101, 101 + asked.seeds):
            with TemporaryDirectory() as folder:
                made = simulate_families(
                    Path(folder),
                    krs=asked.families,
                    dtsen=DTSEN_PER_KRS * asked.families,
                    damage=damage,
                    seed=seed,
                )
                persons, families, wrong = measured(made, heads=not asked.without_heads)
            known = families.estimated
            numbers = [
                *(score.value for each in (families, persons)
                  for score in (each.overall.precision, each.overall.recall)),
                known.value, wrong, 1 - known.low,
            ]  # fmt: skip
            print(ROW.format(damage, seed, *(f"{number:.4f}" for number in numbers)), flush=True)


def measured(made: SimulatedFamilies, *, heads: bool) -> tuple[Evaluation, Evaluation, float]:
    """Return the scores of persons and families, and the share of wrong assignments."""
    key, schema = LinkageKey(_KEY), Schema.load("indonesia")
    matches = link([encode(path, schema, key) for path in made.paths.values()])
    registers = [
        read(path, delimiter) for path, delimiter in zip(made.paths.values(), ";,", strict=True)
    ]
    if not heads:
        relations = ("hubungan", "hubungan_keluarga")
        registers = [
            each.drop_columns([name for name in relations if name in each.column_names])
            for each in registers
        ]
    mistakes = evaluate_families(matches, made.truth_families_path, registers, mistakes=True)
    listed = mistakes.mistakes.filter(pc.equal(mistakes.mistakes.column("mistake"), "wrong"))
    overlap = received(matches.table, registers)
    families, people, _ = read_register(
        open_source(made.paths["krs"]), load_profile("krs"), day=made.as_of
    )
    done = assign(with_matches(families, people, overlap), people, load_rules(), day=made.as_of)
    rest = done.table.filter(pc.equal(done.table.column("match_status"), "matched"))
    resting = pc.is_in(rest.column("family"), value_set=listed.column("id").combine_chunks())
    wrong = (pc.sum(resting).as_py() or 0) / max(len(rest), 1)
    return evaluate(matches, made.truth_path), mistakes, wrong


def read(path: Path, delimiter: str) -> pa.Table:
    """Read a register as text."""
    names = path.open(encoding="utf-8").readline().strip().split(delimiter)
    text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    shape = csv.ParseOptions(delimiter=delimiter)
    return csv.read_csv(path, parse_options=shape, convert_options=text)


def received(matches: pa.Table, registers: list[pa.Table]) -> pa.Table:
    """Return what the first owner receives: its own records, and what came with matched ones."""
    krs, dtsen = (
        {row[name]: row for row in register.to_pylist()}
        for register, name in zip(registers, ("id_anggota", "id_art"), strict=True)
    )
    groups: dict[int, dict[int, dict[str, object]]] = {}
    for row in matches.to_pylist():
        groups.setdefault(row["group"], {})[row["party"]] = row
    pairs: dict[int, dict[int, str]] = {}
    for row in linked_families(matches, registers).groups.to_pylist():
        pairs.setdefault(row["group"], {})[row["party"]] = row["id"]
    name = {(pair[0], pair[1]): f"{number:032x}" for number, pair in pairs.items()}
    rows = {id_: dict.fromkeys(("precision", "match", "family", *RELEASED)) for id_ in krs}
    for number, group in groups.items():
        mine, theirs = (group[party]["id"] for party in (0, 1))
        rows[mine] = {
            "precision": group[0]["precision"],
            "match": f"{number:032x}",
            "family": name.get((krs[mine]["id_keluarga"], dtsen[theirs]["id_keluarga"])),
            **{each: dtsen[theirs][each] for each in RELEASED},
        }
    listed = [
        {"id": id_, "party": "dtsen", "status": "matched" if row["match"] else "none", **row}
        for id_, row in rows.items()
    ]
    kinds = {"precision": pa.int32()}
    return pa.table(
        {each: pa.array([row[each] for row in listed], kinds.get(each, pa.string()))
         for each in listed[0]}
    )  # fmt: skip


if __name__ == "__main__":
    main()
