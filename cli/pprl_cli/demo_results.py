"""What came out of ``pprl demo``, beside the truth: what only a simulation can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from pprl.lab.evaluate import Evaluation
    from pprl.lab.families.simulate import SimulatedFamilies


class Results:
    """The results of all owners side by side, as only a simulation can lay them."""

    def __init__(self, registers: Mapping[str, Path], overlaps: Sequence[Path]) -> None:
        self._registers = registers
        self._overlaps = overlaps

    def persons(self) -> pa.Table:
        """Return matched persons by match number."""
        return _groups(
            [self._read(path, "match", "tier") for path in self._overlaps], "match", "id"
        )

    def families(self) -> pa.Table:
        """Return the families that the first two owners matched, by the pair's number."""
        import pyarrow.compute as pc  # noqa: PLC0415 - commands import what they use

        parts = []
        for path, register in list(zip(self._overlaps, self._registers.values(), strict=True))[:2]:
            found = self._read(path, "family")
            owners = _families_of(register)
            family = owners.column("family").take(
                pc.index_in(found.column("id"), owners.column("id"))
            )
            parts.append(found.append_column("own", family))
        return _groups(parts, "family", "own")

    @staticmethod
    def _read(path: Path, group: str, *more: str) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415 - commands import what they use
        import pyarrow.compute as pc  # noqa: PLC0415
        from pyarrow import csv  # noqa: PLC0415

        names = ["id", "status", group, *more]
        text = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
            strings_can_be_null=True,
        )
        rows = csv.read_csv(path, convert_options=text)
        return rows.filter(pc.is_valid(rows.column(group)))


def _groups(parts: Sequence[pa.Table], group: str, own: str) -> pa.Table:
    """Return groups as an evaluation takes them: one row for every party's record of a group."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415

    listed = []
    for party, rows in enumerate(parts):
        kept = rows.filter(pc.equal(rows.column("status"), "matched"))
        # A record in a match of three parties has a row for each of the other two.
        tier = [("tier", "min")] if "tier" in rows.column_names else []
        found = kept.group_by([group, own]).aggregate(tier)
        listed.append(found.append_column("party", pa.array([party] * len(found), pa.int32())))
    table = pa.concat_tables(listed)
    numbers = pc.dictionary_encode(table.column(group).combine_chunks()).indices
    columns = {
        "group": numbers.cast(pa.int64()),
        "party": table.column("party"),
        "id": table.column(own),
    }
    if "tier_min" in table.column_names:
        columns["tier"] = table.column("tier_min")
    return pa.table(columns)


def _families_of(register: Path) -> pa.Table:
    """Return which family every record of a register belongs to."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use

    from pprl.io.columns import recognise  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415

    source = open_source(register)
    roles = recognise(source.columns).roles
    batches = [batch.table for batch in source.batches([roles["id"], roles["family_id"]])]
    return pa.Table.from_batches(batches).rename_columns(["id", "family"])


def evaluated(results: Results, made: SimulatedFamilies) -> dict[str, Evaluation]:
    """Score persons and families against the truth that a simulation knows."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    from pprl.lab.evaluate import evaluate  # noqa: PLC0415

    persons = evaluate(results.persons(), made.truth_path)
    text = csv.ConvertOptions(column_types={"family": pa.string()})
    truth = csv.read_csv(made.truth_families_path, convert_options=text)
    truth = truth.rename_columns(["party", "id", "entity"])
    truth = truth.filter(pc.less(truth.column("party"), 2))  # as results.families
    families = evaluate(results.families(), truth)
    return {"persons": persons, "families": families}


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
