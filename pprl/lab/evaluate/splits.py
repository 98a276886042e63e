"""Scores by band, by place and by damage, and what two links have in common.

Each function counts over the tables of :mod:`pprl.lab.evaluate.pairs`, one grouped query a count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.lab.evaluate.pairs import MIXED, NO_DAMAGE, whole
from pprl.lab.evaluate.result import (
    NO_PLACE,
    RARE_PLACE,
    Bands,
    ByDamage,
    ByPlace,
    Comparison,
    FalsePairs,
    Shared,
)
from pprl.lab.evaluate.scores import Score, new_score

if TYPE_CHECKING:
    import duckdb

_RARE = 5  # a cell that fewer records share may be anything, a misplaced name or number included

_RESOLVED = """
WITH resolved AS (
    SELECT DISTINCT p, q, left_record, right_record, entity, correct FROM pairs
    WHERE source = 'accept' OR (source = 'review' AND correct))
SELECT coalesce(sum(found), 0)::BIGINT, coalesce(sum(correct), 0)::BIGINT,
       coalesce(sum(persons), 0)::BIGINT
FROM (SELECT count(*) AS found, count(*) FILTER (correct) AS correct,
             count(DISTINCT entity) FILTER (correct) AS persons FROM resolved GROUP BY p, q)
"""
_PLACES = """
CREATE TABLE places AS
WITH known AS (SELECT party, id, first(value ORDER BY row) AS value FROM cells GROUP BY party, id),
     found AS (SELECT t.row AS record, coalesce(k.value, '') AS value
               FROM truth t JOIN known k ON t.party = k.party AND t.id = k.id)
SELECT record,
       CASE WHEN value = '' THEN $empty
            WHEN count(*) OVER (PARTITION BY value) < $rare THEN $other ELSE value END AS value
FROM found;
"""
_BY_PLACE = """
SELECT value, sum(found)::BIGINT, sum(correct)::BIGINT, sum(recovered)::BIGINT,
       sum(findable)::BIGINT
FROM (SELECT l.value, 1 AS found, correct::INTEGER AS correct, 0 AS recovered, 0 AS findable
      FROM pairs JOIN places l ON left_record = l.record WHERE source = 'accept'
      UNION ALL
      SELECT l.value, 0, 0, recovered::INTEGER, 1
      FROM persons JOIN places l ON left_first = l.record)
GROUP BY value ORDER BY sum(findable) DESC, value
"""
_KINDS = """
CREATE TABLE pair_kinds AS
WITH chosen AS (SELECT left_record, right_record, correct, tier FROM pairs WHERE source = 'accept')
SELECT left_record, right_record, correct, tier, kind
FROM chosen JOIN damaged ON left_record = record
UNION
SELECT left_record, right_record, correct, tier, kind
FROM chosen JOIN damaged ON right_record = record;

CREATE TABLE person_kinds AS
SELECT p, q, entity, recovered, kind FROM persons JOIN damaged ON left_best = record
UNION
SELECT p, q, entity, recovered, kind FROM persons JOIN damaged ON right_best = record;

INSERT INTO pair_kinds
SELECT left_record, right_record, correct, tier, $none
FROM pairs ANTI JOIN pair_kinds USING (left_record, right_record) WHERE source = 'accept';

INSERT INTO person_kinds
SELECT p, q, entity, recovered, $none FROM persons ANTI JOIN person_kinds USING (p, q, entity);
"""
_BY_KIND = """
SELECT kind, sum(found)::BIGINT, sum(correct)::BIGINT, sum(recovered)::BIGINT,
       sum(findable)::BIGINT
FROM (SELECT kind, 1 AS found, correct::INTEGER AS correct, 0 AS recovered, 0 AS findable
      FROM pair_kinds
      UNION ALL
      SELECT kind, 0, 0, recovered::INTEGER, 1 FROM person_kinds)
GROUP BY kind ORDER BY sum(findable) - sum(recovered) DESC, sum(findable) DESC, kind
"""
_FALSE = """
WITH caused AS (
    SELECT left_record, right_record,
           CASE WHEN tier LIKE 'nik%' THEN 'nik' WHEN tier = $mixed THEN 'chain'
                WHEN tier IN ('', 'filter', 'contradicted') THEN 'look_alike'
                ELSE 'token' END AS cause, kind
    FROM pair_kinds WHERE NOT correct),
told AS (
    SELECT DISTINCT left_record, right_record, cause,
           CASE WHEN cause <> 'nik' OR kind LIKE 'nik%' THEN kind ELSE $none END AS kind
    FROM caused),
-- Where a NIK is to blame and damaged, other damage of the pair says nothing.
kept AS (
    SELECT * FROM told WHERE kind <> $none OR NOT EXISTS (
        SELECT 1 FROM told other WHERE other.left_record = told.left_record
        AND other.right_record = told.right_record AND other.kind <> $none))
SELECT cause, kind, count(DISTINCT (left_record, right_record)) AS pairs
FROM kept GROUP BY GROUPING SETS ((cause, kind), (cause))
ORDER BY pairs DESC, cause, kind
"""
_SHARED = """
SELECT here, there, count(*), count(*) FILTER (correct)
FROM (SELECT bool_or(source = 'accept') AS here, bool_or(source = 'other') AS there,
             any_value(correct) AS correct
      FROM pairs WHERE source IN ('accept', 'other') GROUP BY left_record, right_record)
GROUP BY here, there
"""


def bands(database: duckdb.DuckDBPyConnection, accept: Score, everything: int) -> Bands:
    """Return the scores of both bands, and of what a perfect clerk makes of them."""
    resolved = database.execute(_RESOLVED).fetchall()[0]
    return Bands(accept, whole(database, "review", everything), new_score(resolved, everything))


def by_place(database: duckdb.DuckDBPyConnection, role: str) -> ByPlace:
    """Return the scores by the place of the record of a pair's lower party.

    A person is counted where the first record of the lower party places them.
    """
    database.execute(_PLACES, {"empty": NO_PLACE, "other": RARE_PLACE, "rare": _RARE})
    return ByPlace(role, _scores(database.execute(_BY_PLACE).fetchall()))


def by_damage(database: duckdb.DuckDBPyConnection) -> ByDamage:
    """Return the scores by kind of damage and the causes of false pairs."""
    for statement in filter(str.strip, _KINDS.split(";")):
        values = {"none": NO_DAMAGE} if "$none" in statement else {}
        database.execute(statement, values)
    scores = _scores(database.execute(_BY_KIND).fetchall())
    totals: dict[str, int] = {}
    kinds: dict[str, dict[str, int]] = {}
    rows = database.execute(_FALSE, {"none": NO_DAMAGE, "mixed": MIXED}).fetchall()
    for cause, kind, pairs in rows:
        if kind is None:
            totals[cause] = pairs
        else:
            kinds.setdefault(cause, {})[kind] = pairs
    false = tuple(FalsePairs(cause, pairs, kinds[cause]) for cause, pairs in totals.items())
    return ByDamage(scores, false)


def comparison(database: duckdb.DuckDBPyConnection, here: Score, everything: int) -> Comparison:
    """Return what this link and the other one have in common."""
    rows = database.execute(_SHARED).fetchall()
    shared = {(mine, its): Shared(found, right) for mine, its, found, right in rows}
    none = Shared(0, 0)
    return Comparison(
        both=shared.get((True, True), none),
        only_here=shared.get((True, False), none),
        only_there=shared.get((False, True), none),
        here=here,
        there=whole(database, "other", everything),
    )


def _scores(rows: list[tuple[str, int, int, int, int]]) -> dict[str, Score]:
    return {
        name: new_score((found, right, recovered), findable)
        for name, found, right, recovered, findable in rows
    }
