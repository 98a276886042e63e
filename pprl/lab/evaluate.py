"""How good is a link, when the truth is known: precision, recall and F1 of its groups.

The records of a group are claimed to be one person, so every two of them from different parties
are a found pair; it is right when the truth gives both the same entity. What could have been found
is counted by persons, not by records: an entity that two parties both have is findable once, even
if one of them holds it twice. So a second record left alone isn't a miss, and one linked to the
right person isn't a mistake.

It never opens the registers: ids and entity numbers are all it reads. Joins run in DuckDB and spill
to disk.

>>> import pyarrow as pa
>>> truth = pa.table({"party": [0, 0, 1, 1], "id": ["a", "b", "x", "y"], "entity": [1, 2, 1, 3]})
>>> groups = pa.table({"group": [0, 0, 1, 1], "party": [0, 1, 0, 1], "id": ["a", "x", "b", "y"]})
>>> result = evaluate(groups, truth)
>>> result.overall.precision.value, result.overall.recall.value
(0.5, 1.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.database import scratch_database
from pprl.errors import InputError
from pprl.io.memory import MemorySource
from pprl.io.source import open_source
from pprl.matches import Matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from pprl.io.source import Batch, Source

MIXED = "mixed"
_Z95 = 1.959963984540054  # normal quantile of 0.975
_BATCH_ROWS = 1 << 18
_PARTY = r"^[0-9]{1,6}$"
_GROUP = r"^[0-9]{1,18}$"

_REPEATED = (
    "SELECT min(r) FROM (SELECT max(row) r FROM truth GROUP BY party, id HAVING count(*) > 1)"
)
_OUTSIDE = "SELECT min(row) FROM matches WHERE party > (SELECT coalesce(max(party), -1) FROM truth)"
_JOIN = """
CREATE TABLE joined AS
SELECT m.row, m.grp, m.party, m.tier, t.row AS record, t.entity
FROM matches m LEFT JOIN truth t ON m.party = t.party AND m.id = t.id
"""
_UNKNOWN = "SELECT min(row) FROM joined WHERE record IS NULL"
# A pair of records counts once, however many groups claim it.
_PAIRS = """
CREATE TABLE pairs AS
SELECT a.party AS p, b.party AS q, any_value(a.entity) AS entity,
       any_value(a.entity = b.entity) AS correct,
       min(CASE WHEN a.tier = b.tier THEN a.tier ELSE ? END) AS tier
FROM joined a JOIN joined b ON a.grp = b.grp AND a.party < b.party
GROUP BY a.party, b.party, a.record, b.record
"""
_BY_TIER = """
SELECT tier, sum(found)::BIGINT, sum(correct)::BIGINT, sum(persons)::BIGINT
FROM (SELECT tier, count(*) AS found, count(*) FILTER (correct) AS correct,
             count(DISTINCT entity) FILTER (correct) AS persons
      FROM pairs GROUP BY p, q, tier)
GROUP BY tier ORDER BY tier
"""
_BY_PARTIES = """
SELECT p, q, count(*), count(*) FILTER (correct), count(DISTINCT entity) FILTER (correct)
FROM pairs GROUP BY p, q ORDER BY p, q
"""
_FINDABLE = """
WITH present AS (SELECT DISTINCT party, entity FROM truth)
SELECT a.party, b.party, count(*)
FROM present a JOIN present b ON a.entity = b.entity AND a.party < b.party
GROUP BY a.party, b.party
"""


@dataclass(frozen=True)
class Estimate:
    """A share with its 95% interval (Wilson 1927); all None when it is a share of nothing."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """How good one set of found pairs is.

    Attributes
    ----------
    found
        Pairs of records of different parties that are in one group.
    right
        Those whose records are one entity.
    recovered
        Persons (per pair of parties) with at least one right pair.
    findable
        Persons (per pair of parties) whom both parties have.
    precision, recall
        ``right / found`` and ``recovered / findable``.
    f1
        Their harmonic mean; 0 if nothing right was found, None if there was nothing to find.
    """

    found: int
    right: int
    recovered: int
    findable: int
    precision: Estimate
    recall: Estimate
    f1: float | None

    def as_dict(self) -> dict[str, object]:
        """Return the numbers for JSON, intervals beside their shares."""
        return {
            "precision": self.precision.value,
            "recall": self.recall.value,
            "f1": self.f1,
            "precision_interval": [self.precision.low, self.precision.high],
            "recall_interval": [self.recall.low, self.recall.high],
            "found": self.found,
            "right": self.right,
            "recovered": self.recovered,
            "findable": self.findable,
        }


@dataclass(frozen=True)
class Evaluation:
    """Scores of a link.

    Attributes
    ----------
    overall
        All pairs of parties together.
    parties
        By pair of parties (positions from 0, the smaller first).
    tiers
        By the tier that found the pair; ``mixed`` where the two records name different ones.
        Recall is each tier's share of everything findable. Empty if the link names no tiers.
    """

    overall: Score
    parties: Mapping[tuple[int, int], Score]
    tiers: Mapping[str, Score]

    def as_dict(self) -> dict[str, object]:
        """Return the scores for JSON: the overall ones on top, then by parties and by tier."""
        return {
            **self.overall.as_dict(),
            "parties": [
                {"parties": list(pair), **score.as_dict()} for pair, score in self.parties.items()
            ],
            "tiers": [{"tier": tier, **score.as_dict()} for tier, score in self.tiers.items()],
        }


def evaluate(matches: Matches | pa.Table | Path | str, truth: pa.Table | Path | str) -> Evaluation:
    """Score a link against the truth.

    Parameters
    ----------
    matches
        What :func:`pprl.link` gave, or a table or file with the columns ``group`` (whole number),
        ``party`` (position from 0), ``id``, and ``tier`` if known. Other columns are ignored. A
        file may have no rows.
    truth
        Columns ``party``, ``id``, ``entity``: one row for every record of every party.

    Raises
    ------
    InputError
        A column is missing; a cell is empty or no number; the truth names a record twice; a match
        names a party or an id that the truth doesn't have. The row is named.
    LimitError
        The joins don't fit memory and disk.

    Notes
    -----
    Time is linear in the records and in the pairs of records within groups. Nothing is computed
    per row in Python.
    """
    with scratch_database(out_of_memory="evaluate.memory") as database:
        return _evaluate(database, _given(matches), _given(truth))


def wilson(hits: int, tries: int) -> Estimate:
    """Return ``hits / tries`` with its Wilson score interval at 95%."""
    if tries == 0:
        return Estimate(None, None, None)
    share = hits / tries
    spread = 1 + _Z95**2 / tries
    middle = (share + _Z95**2 / (2 * tries)) / spread
    half = _Z95 * sqrt(share * (1 - share) / tries + (_Z95 / (2 * tries)) ** 2) / spread
    # Exact at the ends, where rounding would leave the share outside its own interval.
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == tries else min(1.0, middle + half)
    return Estimate(share, low, high)


def _evaluate(
    database: duckdb.DuckDBPyConnection, matches: pa.Table | Path, truth: pa.Table | Path
) -> Evaluation:
    database.execute("CREATE TABLE truth (row BIGINT, party INTEGER, id VARCHAR, entity VARCHAR)")
    database.execute(
        "CREATE TABLE matches (row BIGINT, grp BIGINT, party INTEGER, id VARCHAR, tier VARCHAR)"
    )
    _load_truth(database, truth)
    tiered = _load_matches(database, matches)
    row = _number(database, _REPEATED)
    if row is not None:
        raise InputError("evaluate.repeated_record", path=_name(truth), row=row)
    row = _number(database, _OUTSIDE)
    if row is not None:
        raise InputError("evaluate.unknown_party", path=_name(matches), row=row)
    database.execute(_JOIN)
    database.execute("DROP TABLE matches")
    row = _number(database, _UNKNOWN)
    if row is not None:
        raise InputError("evaluate.unknown_id", path=_name(matches), row=row)
    database.execute(_PAIRS, [MIXED])
    database.execute("DROP TABLE joined")
    return _score(database, tiered=tiered)


def _score(database: duckdb.DuckDBPyConnection, *, tiered: bool) -> Evaluation:
    findable = {(p, q): count for p, q, count in database.execute(_FINDABLE).fetchall()}
    found = {(p, q): counts for p, q, *counts in database.execute(_BY_PARTIES).fetchall()}
    parties = {
        pair: _new_score(found.get(pair, [0, 0, 0]), findable.get(pair, 0))
        for pair in sorted(findable.keys() | found.keys())
    }
    everything = sum(findable.values())
    totals = [sum(column) for column in zip([0, 0, 0], *found.values(), strict=True)]
    tiers = database.execute(_BY_TIER).fetchall() if tiered else []
    return Evaluation(
        overall=_new_score(totals, everything),
        parties=parties,
        tiers={tier: _new_score(counts, everything) for tier, *counts in tiers},
    )


def _new_score(counts: Sequence[int], findable: int) -> Score:
    found, right, recovered = counts
    precision, recall = wilson(right, found), wilson(recovered, findable)
    f1 = None if recall.value is None else 0.0
    if precision.value and recall.value:
        f1 = 2 * precision.value * recall.value / (precision.value + recall.value)
    return Score(found, right, recovered, findable, precision, recall, f1)


def _load_truth(database: duckdb.DuckDBPyConnection, truth: pa.Table | Path) -> None:
    source = _open(truth)
    for batch in source.batches(["party", "id", "entity"], _BATCH_ROWS):
        _check(truth, batch, numbers={"party": _PARTY}, texts=("id", "entity"))
        _insert(database, batch, "INSERT INTO truth SELECT row, party, id, entity FROM batch")


def _load_matches(database: duckdb.DuckDBPyConnection, matches: pa.Table | Path) -> bool:
    """Fill the table ``matches``; return whether it has tiers."""
    try:
        source = _open(matches)
        tiered = "tier" in source.columns
        columns = ["group", "party", "id", *(["tier"] if tiered else [])]
        tier = "coalesce(tier, '')" if tiered else "''"
        query = f'INSERT INTO matches SELECT row, "group", party, id, {tier} FROM batch'  # noqa: S608 - two fixed texts
        for batch in source.batches(columns, _BATCH_ROWS):
            _check(matches, batch, numbers={"group": _GROUP, "party": _PARTY}, texts=("id",))
            _insert(database, batch, query)
    except InputError as error:
        if error.code == "table.header_only":  # a link that found nothing
            return False
        raise
    return tiered


def _given(table: Matches | pa.Table | Path | str) -> pa.Table | Path:
    if isinstance(table, Matches):
        return table.table
    return Path(table) if isinstance(table, str) else table


def _open(table: pa.Table | Path) -> Source:
    return open_source(table) if isinstance(table, Path) else MemorySource(table)


def _name(table: pa.Table | Path) -> str:
    return str(table) if isinstance(table, Path) else "table"


def _check(
    table: pa.Table | Path, batch: Batch, numbers: Mapping[str, str], texts: Iterable[str]
) -> None:
    """Refuse the first cell that isn't what its column needs."""
    for column, pattern in (*numbers.items(), *((name, None) for name in texts)):
        cells = batch.table.column(column)
        bad = pc.is_null(cells)
        if pattern is not None:
            bad = pc.invert(pc.fill_null(pc.match_substring_regex(cells, pattern), False))  # noqa: FBT003 - pyarrow takes it by place
        index = pc.index(bad, True).as_py()
        if index >= 0:
            code = "evaluate.empty_cell" if pattern is None else "evaluate.no_number"
            row = batch.row_number(index)
            raise InputError(code, path=_name(table), column=column, row=row)


def _insert(database: duckdb.DuckDBPyConnection, batch: Batch, query: str) -> None:
    rows = batch.rows
    if rows is None:
        rows = np.arange(batch.first_row, batch.first_row + batch.table.num_rows, dtype=np.int64)
    columns = [pa.array(rows), *batch.table.columns]
    table = pa.Table.from_arrays(columns, names=["row", *batch.table.schema.names])
    database.register("batch", table)
    database.execute(query)
    database.unregister("batch")


def _number(database: duckdb.DuckDBPyConnection, query: str) -> int | None:
    found = database.execute(query).fetchone()
    return None if found is None or found[0] is None else int(found[0])
