"""From checked files to what is counted: found pairs, and persons who could have been found.

Three tables come out of the joins: ``records`` (party, entity, best: the record that stands for a
person in a party's register), ``pairs`` (of each link, with tier, estimate and whether right) and
``persons`` (by pair of parties, with the records that stand for them).

Everything runs in DuckDB; nothing is decided here but what a pair is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.lab.evaluate.scores import Score, new_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

MIXED = "mixed"
NO_DAMAGE = "none"

_DAMAGED = """
CREATE TABLE damaged AS
SELECT DISTINCT t.row AS record, unnest(string_split(d.kinds, ';')) AS kind
FROM damage_rows d JOIN truth t ON d.party = t.party AND d.id = t.id WHERE d.kinds IS NOT NULL;
DROP TABLE damage_rows;
"""
_JOIN = """
CREATE TABLE joined AS
SELECT m.source, m.grp, m.party, m.tier, m.estimate, t.row AS record, t.entity
FROM matches m JOIN truth t ON m.party = t.party AND m.id = t.id;
DROP TABLE matches;
"""
# A pair of records counts once, however many groups claim it. Where the two rows of a group differ
# in their estimates, a third record connects them, and the weaker one bounds what is known.
_PAIRS = """
CREATE TABLE pairs AS
SELECT a.source, a.party AS p, b.party AS q, a.record AS left_record, b.record AS right_record,
       any_value(a.entity) AS entity, any_value(a.entity = b.entity) AS correct,
       min(CASE WHEN a.tier = b.tier THEN a.tier ELSE ? END) AS tier,
       min(CASE WHEN a.estimate <= b.estimate THEN a.estimate
                WHEN b.estimate < a.estimate THEN b.estimate END) AS estimate
FROM joined a JOIN joined b ON a.source = b.source AND a.grp = b.grp AND a.party < b.party
GROUP BY a.source, a.party, b.party, a.record, b.record
"""
_RECORDS = """
CREATE TABLE records AS
SELECT t.party, t.entity, min(t.row) AS first_record,
       first(t.row ORDER BY coalesce(d.kinds, 0), t.row) AS best_record
FROM truth t LEFT JOIN (SELECT record, count(*) AS kinds FROM damaged GROUP BY record) d
     ON t.row = d.record
GROUP BY t.party, t.entity
"""
_PERSONS = """
CREATE TABLE persons AS
SELECT a.party AS p, b.party AS q, a.entity, a.first_record AS left_first,
       a.best_record AS left_best, b.best_record AS right_best,
       r.entity IS NOT NULL AS recovered
FROM records a JOIN records b ON a.entity = b.entity AND a.party < b.party
LEFT JOIN (SELECT DISTINCT p, q, entity FROM pairs WHERE correct AND source = 'accept') r
     ON r.p = a.party AND r.q = b.party AND r.entity = a.entity;
DROP TABLE records;
"""
_COUNTS = """
SELECT p, q, count(*), count(*) FILTER (correct), count(DISTINCT entity) FILTER (correct)
FROM pairs WHERE source = ? GROUP BY p, q ORDER BY p, q
"""
_BY_TIER = """
SELECT tier, sum(found)::BIGINT, sum(correct)::BIGINT, sum(persons)::BIGINT
FROM (SELECT tier, count(*) AS found, count(*) FILTER (correct) AS correct,
             count(DISTINCT entity) FILTER (correct) AS persons
      FROM pairs WHERE source = 'accept' GROUP BY p, q, tier)
GROUP BY tier ORDER BY tier
"""
_FINDABLE = "SELECT p, q, count(*) FROM persons GROUP BY p, q ORDER BY p, q"


def join(database: duckdb.DuckDBPyConnection) -> None:
    """Make ``damaged``, ``pairs`` and ``persons`` of the loaded tables."""
    database.execute(_DAMAGED)
    database.execute(_JOIN)
    database.execute(_PAIRS, [MIXED])
    database.execute("DROP TABLE joined")
    database.execute(_RECORDS)
    database.execute(_PERSONS)


def findable(database: duckdb.DuckDBPyConnection) -> dict[tuple[int, int], int]:
    """Return how many persons each two parties share."""
    return {(p, q): count for p, q, count in database.execute(_FINDABLE).fetchall()}


def by_parties(
    database: duckdb.DuckDBPyConnection, persons: Mapping[tuple[int, int], int]
) -> dict[tuple[int, int], Score]:
    """Return the score of the accepted pairs of each two parties."""
    found = _counts(database, "accept")
    return {
        pair: new_score(found.get(pair, (0, 0, 0)), persons.get(pair, 0))
        for pair in sorted(persons.keys() | found.keys())
    }


def whole(database: duckdb.DuckDBPyConnection, source: str, everything: int) -> Score:
    """Return the score of all pairs of one link."""
    counts = _counts(database, source).values()
    return new_score([sum(column) for column in zip((0, 0, 0), *counts, strict=True)], everything)


def by_tier(database: duckdb.DuckDBPyConnection, everything: int) -> dict[str, Score]:
    """Return the score of the accepted pairs of each tier."""
    tiers = database.execute(_BY_TIER).fetchall()
    return {tier: new_score(counts, everything) for tier, *counts in tiers}


def _counts(
    database: duckdb.DuckDBPyConnection, source: str
) -> dict[tuple[int, int], Sequence[int]]:
    return {(p, q): counts for p, q, *counts in database.execute(_COUNTS, [source]).fetchall()}
