"""What came out of ``pprl demo``, beside the truth: what only a simulation can do."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from pprl.lab.evaluate import Evaluation
    from pprl.lab.evaluate.families import FamilyGroups
    from pprl.lab.families.simulate import SimulatedFamilies


class Results:
    """The results of all owners side by side, as only a simulation can lay them."""

    def __init__(self, registers: Mapping[str, Path], overlaps: Sequence[Path]) -> None:
        self._registers = registers
        self._overlaps = overlaps

    def persons(self) -> pa.Table:
        """Return matched persons by match number."""
        from pprl.lab.evaluate.received import received_persons  # noqa: PLC0415 - commands import what they use

        return received_persons(self._overlaps).drop_columns(["precision"])

    def families(self) -> pa.Table:
        """Return the families that the first two owners matched, by the pair's number."""
        return self.family_groups.groups

    @cached_property
    def family_groups(self) -> FamilyGroups:
        """The same, with the precision that the first owner can estimate."""
        from pprl.lab.evaluate.families import received_families  # noqa: PLC0415 - commands import what they use

        return received_families(self._overlaps[:2], list(self._registers.values())[:2])


def evaluated(results: Results, made: SimulatedFamilies) -> dict[str, Evaluation]:
    """Score persons and families against the truth that a simulation knows."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    from pprl.lab.evaluate import evaluate  # noqa: PLC0415

    persons = evaluate(results.persons(), made.truth_path)
    text = csv.ConvertOptions(column_types={"family": pa.string()})
    truth = csv.read_csv(made.truth_families_path, convert_options=text)
    truth = truth.filter(pc.less(truth.column("party"), 2))  # as results.families
    families = evaluate(results.families(), truth, key="family")
    estimated = results.family_groups.estimated
    return {"persons": persons, "families": replace(families, estimated=estimated)}


def wrong_assignments(families: pa.Table, made: SimulatedFamilies, worklists: Path) -> float:
    """Return the share of the first owner's assignments on matches that are wrong, 0 to 1."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv, parquet  # noqa: PLC0415

    text = csv.ConvertOptions(column_types={"family": pa.string(), "entity": pa.int64()})
    truth = csv.read_csv(made.truth_families_path, convert_options=text).to_pylist()
    entity = {(row["party"], row["family"]): row["entity"] for row in truth}
    claimed: dict[int, dict[int, str]] = {}
    for row in families.to_pylist():
        claimed.setdefault(row["group"], {})[row["party"]] = row["id"]
    wrong = [
        pair[0]
        for pair in claimed.values()
        if len({entity[party, family] for party, family in pair.items()}) > 1
    ]
    table = parquet.read_table(
        worklists / "assignments.parquet", columns=["family", "match_status"]
    )
    rest = table.filter(pc.equal(table.column("match_status"), "matched")).column("family")
    resting = pc.sum(pc.is_in(rest, pa.array(wrong, pa.string()))).as_py() or 0
    return int(resting) / max(len(rest), 1)
