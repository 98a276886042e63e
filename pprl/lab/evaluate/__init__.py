"""How good is a link, when the truth is known: precision, recall and F1 of its groups.

The records of a group are claimed to be one person, so every two of them from different parties
are a found pair; it is right when the truth gives both the same entity. What could have been found
is counted by persons, not by records: an entity that two parties both have is findable once, even
if one of them holds it twice. So a second record left alone isn't a miss, and one linked to the
right person isn't a mistake.

Ids and entity numbers are all it reads, and one column of the registers if scores are to be split
by place. It never reads a name or a NIK. Joins run in DuckDB and spill to disk.

>>> import pyarrow as pa
>>> truth = pa.table({"party": [0, 0, 1, 1], "id": ["a", "b", "x", "y"], "entity": [1, 2, 1, 3]})
>>> groups = pa.table({"group": [0, 0, 1, 1], "party": [0, 1, 0, 1], "id": ["a", "x", "b", "y"]})
>>> result = evaluate(groups, truth)
>>> result.overall.precision.value, result.overall.recall.value
(0.5, 1.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.database import scratch_database
from pprl.errors import ConfigError
from pprl.lab.evaluate import load, pairs, splits
from pprl.lab.evaluate.calibration import calibration
from pprl.lab.evaluate.mistakes import list_mistakes
from pprl.lab.evaluate.result import (
    Bands,
    Bin,
    ByDamage,
    ByPlace,
    Calibration,
    Comparison,
    Evaluation,
    FalsePairs,
    Shared,
)
from pprl.lab.evaluate.scores import Estimate, Score, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from pprl.matches import Matches

__all__ = [
    "Bands",
    "Bin",
    "ByDamage",
    "ByPlace",
    "Calibration",
    "Comparison",
    "Estimate",
    "Evaluation",
    "FalsePairs",
    "Score",
    "Shared",
    "evaluate",
    "wilson",
]


def evaluate(
    matches: Matches | pa.Table | Path | str,
    truth: pa.Table | Path | str,
    *,
    review: pa.Table | Path | str | None = None,
    damage: pa.Table | Path | str | None = None,
    data: Sequence[pa.Table | Path | str] = (),
    by: str | None = None,
    compare: Matches | pa.Table | Path | str | None = None,
    key: str = "id",
    mistakes: bool = False,
) -> Evaluation:
    """Score a link against the truth.

    Parameters
    ----------
    matches
        What :func:`pprl.link` gave, or a table or file with the columns ``group`` (whole number),
        ``party`` (position from 0), ``id``, and ``tier`` and ``precision`` (estimated, from 0 to
        1; whole millionths in a table) if known. Other columns are ignored. A file may have no
        rows.
    truth
        Columns ``party``, ``id``, ``entity``: one row for every record of every party.
    review
        Pairs that await review, same columns.
    damage
        Columns ``party``, ``id``, ``kinds``: names of damage (small letters and underscores),
        joined by semicolons. Records without damage may be missing.
    data, by
        The registers in the order of their parties, and what to split by: ``kecamatan``, or
        another role or usual header of a place (``district``, ``village``, ``regency``,
        ``province``) or ``sex``. Columns are found by their headers.
    compare
        Another link of the same registers.
    key
        Column of ids in ``truth`` and ``damage``: ``id``, or ``family`` for links of families
        (:mod:`pprl.lab.evaluate.families`), whose ``id`` is the family's.
    mistakes
        List the mistakes one by one as well.

    Raises
    ------
    InputError
        A column is missing; a cell is empty or not what its column needs; the truth names a record
        twice; a match names a party or an id that the truth doesn't have, or a register lacks a
        record of the truth. The row is named.
    ConfigError
        ``by`` is none of those, ``data`` isn't one register for each party, or one of the two
        comes without the other.
    LimitError
        The joins don't fit memory and disk.

    Notes
    -----
    Time is linear in the records and in the pairs of records within groups. Nothing is computed
    per row in Python.
    """
    if (by is None) != (not data):
        raise ConfigError("evaluate.by_needs_data")
    role = None if by is None else load.place_role(by)
    with scratch_database(out_of_memory="evaluate.memory") as database:
        load.create_tables(database)
        load.load_truth(database, truth, key)
        tiered = load.load_matches(database, "accept", matches)
        if review is not None:
            load.load_matches(database, "review", review)
        if compare is not None:
            load.load_matches(database, "other", compare)
        if damage is not None:
            load.load_damage(database, damage, key)
        if role is not None:
            load.load_places(database, data, role, truth)
        pairs.join(database)
        persons = pairs.findable(database)
        everything = sum(persons.values())
        overall = pairs.whole(database, "accept", everything)
        return Evaluation(
            overall=overall,
            parties=pairs.by_parties(database, persons),
            tiers=pairs.by_tier(database, everything) if tiered else {},
            bands=None if review is None else splits.bands(database, overall, everything),
            by=None if role is None else splits.by_place(database, role),
            damage=None if damage is None else splits.by_damage(database),
            comparison=None
            if compare is None
            else splits.comparison(database, overall, everything),
            calibration=calibration(database),
            mistakes=list_mistakes(database) if mistakes else None,
        )
