"""Counts of a report apart from the cross table: funnel, aid, kecamatan, interventions, NIK.

Everything is counted from the tables of :class:`~pprl.interventions.assign.Assigned`, so that the
parts of a report can't contradict each other. Only counts come out, with codes of places and words
of rules.

>>> Answers(yes=3, no=1, unknown=2).total
6
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise
from typing import TYPE_CHECKING

import pyarrow as pa

from pprl.database import scratch_database
from pprl.report.krs.crosstab import place_families

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from pprl.interventions.assign import Assigned
    from pprl.interventions.rules import Rule

AIDS = ("pkh", "sembako", "pbi_jk", "pip")
"""Columns of the families that say who receives what."""

NIK_GROUPS: Mapping[str, tuple[str, ...]] = {
    "missing": ("missing", "placeholder"),
    "length": ("len_short", "len_long", "non_digit"),
    "impossible": ("bad_date", "bad_region"),
    "damaged": ("damaged_sci", "damaged_last_digit", "damaged_float"),
    "repeated": ("repeated",),
}
"""Why a NIK can't be used; every other status of a member's NIK is no obstacle."""

PRECISION_BINS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Answers:
    """Families that do, that don't, and of whom it isn't known."""

    yes: int
    no: int
    unknown: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.yes + self.no + self.unknown


@dataclass(frozen=True)
class Funnel:
    """From the register to the gap.

    Attributes
    ----------
    families, matched, poor
        All; with an accepted match; of these in desil 1 to the poorest that is asked for.
    usable
        With at least one member whose NIK can be used; None when no NIK was judged.
    matched_without
        Matched although no NIK of theirs can be used.
    pkh
        Of the poor.
    """

    families: int
    usable: int | None
    matched: int
    matched_without: int
    poor: int
    pkh: Answers


@dataclass(frozen=True)
class District:
    """A kecamatan in the ranking: its families, the poor among them, and their PKH."""

    code: str
    families: int
    poor: int
    pkh: Answers


@dataclass(frozen=True)
class Work:
    """What one rule gives an institution to do.

    Attributes
    ----------
    assignments, families
        How many, and for how many families.
    first
        Assignments that come first among those of their priority; None where the rule has no such.
    """

    rule: Rule
    assignments: int
    families: int
    first: int | None


@dataclass(frozen=True)
class Institution:
    """What falls to one institution, the most first; families are counted once."""

    name: str
    assignments: int
    families: int
    work: tuple[Work, ...]


@dataclass(frozen=True)
class NikPlace:
    """A desa: members, and those whose NIK can't be used, by :data:`NIK_GROUPS`."""

    code: str
    members: int
    bad: Mapping[str, int]

    @property
    def total(self) -> int:
        """Members whose NIK can't be used."""
        return sum(self.bad.values())


@dataclass(frozen=True)
class PrecisionBin:
    """Matched families with a precision in ``[low, high)``, in the last bin with its end."""

    low: float
    high: float
    families: int


@dataclass(frozen=True)
class Tally:
    """All counts.

    Attributes
    ----------
    aid
        What the poor families receive, by :data:`AIDS`; those known for nobody are left out.
    districts
        Kecamatan by the gap, the largest first; by the poor where PKH isn't known.
    needs
        Rule's need -> families, the most first.
    per_family
        Number of different needs -> families, from 0.
    nik
        Reason -> members, all reasons that occur; empty when no NIK was judged.
    nik_places
        Desa where a NIK can't be used, the most first.
    precision
        Families in the bins of :data:`PRECISION_BINS`, from the first that has any; empty when no
        match says its precision.
    mean_precision
        Mean over matched families that have one.
    decided
        Families matched by people's decision.
    """

    funnel: Funnel
    aid: Mapping[str, Answers]
    districts: tuple[District, ...]
    institutions: tuple[Institution, ...]
    needs: Mapping[str, int]
    per_family: Mapping[int, int]
    nik: Mapping[str, int] = field(default_factory=dict)
    nik_places: tuple[NikPlace, ...] = ()
    precision: tuple[PrecisionBin, ...] = ()
    mean_precision: float | None = None
    decided: int = 0


def tally(assigned: Assigned, *, poorest: int) -> Tally:
    """Count. About a second for 100,000 families.

    Raises
    ------
    LimitError
        Memory and disk don't suffice.
    """
    families = assigned.families
    placed = place_families(families)
    for name in ("village", "district"):
        index = families.column_names.index(name)
        families = families.set_column(index, name, placed.column(name))
    rules = {rule.id: rule for rule in assigned.rules}
    with scratch_database(out_of_memory="assign.memory") as database:
        database.register("families", families)
        database.register("members", assigned.members)
        database.register("assignments", assigned.table)
        needs = pa.table(
            {
                "rule": pa.array(list(rules), pa.string()),
                "need_key": pa.array([rule.need for rule in rules.values()], pa.string()),
            }
        )
        database.register("needs", needs)
        database.execute(
            "CREATE TEMP VIEW poor AS SELECT * FROM families"  # noqa: S608 - a number
            f" WHERE match_status = 'matched' AND desil BETWEEN 1 AND {int(poorest)}"
        )
        nik = _nik(database)
        aid = {name: _answers(database, name) for name in AIDS}
        n_families = len(families)
        return Tally(
            funnel=_funnel(database, n_families, aid["pkh"], judged=bool(nik)),
            aid={name: each for name, each in aid.items() if each.unknown < each.total},
            districts=_districts(database),
            institutions=_institutions(database, rules),
            needs=_needs(database),
            per_family=_per_family(database, n_families),
            nik=nik,
            nik_places=_nik_places(database),
            precision=_precision(database),
            mean_precision=_mean(database),
            decided=_one(database, "count(*) FILTER (match_evidence = 'people')", "families"),
        )


def _one(database: duckdb.DuckDBPyConnection, expression: str, table: str) -> int:
    return int(database.execute(f"SELECT {expression} FROM {table}").fetchall()[0][0])  # noqa: S608 - our own


_BAD = ", ".join(f"'{reason}'" for reasons in NIK_GROUPS.values() for reason in reasons)


def _funnel(
    database: duckdb.DuckDBPyConnection, families: int, pkh: Answers, *, judged: bool
) -> Funnel:
    with_nik = (
        "family IN (SELECT family FROM members"  # noqa: S608 - reasons of ours
        f" WHERE nik_status IS NOT NULL AND nik_status NOT IN ({_BAD}))"
    )
    matched = "match_status = 'matched'"
    usable = _one(database, f"count(*) FILTER ({with_nik})", "families")
    without = _one(database, f"count(*) FILTER ({matched} AND NOT {with_nik})", "families")
    return Funnel(
        families=families,
        usable=usable if judged else None,
        matched=_one(database, f"count(*) FILTER ({matched})", "families"),
        matched_without=without if judged else 0,
        poor=_one(database, "count(*)", "poor"),
        pkh=pkh,
    )


def _answers(database: duckdb.DuckDBPyConnection, name: str) -> Answers:
    query = (
        f"SELECT count(*) FILTER ({name}), count(*) FILTER (NOT {name}),"  # noqa: S608 - a name of ours
        f" count(*) FILTER ({name} IS NULL) FROM poor"
    )
    return Answers(*database.execute(query).fetchall()[0])


def _districts(database: duckdb.DuckDBPyConnection) -> tuple[District, ...]:
    rows = database.execute("""
        SELECT a.district, a.families, coalesce(p.poor, 0), coalesce(p.yes, 0),
            coalesce(p.no, 0), coalesce(p.unknown, 0)
        FROM (SELECT district, count(*) AS families FROM families GROUP BY district) a
        LEFT JOIN (
            SELECT district, count(*) AS poor, count(*) FILTER (pkh) AS yes,
                count(*) FILTER (NOT pkh) AS no, count(*) FILTER (pkh IS NULL) AS unknown
            FROM poor GROUP BY district
        ) p USING (district)
        ORDER BY coalesce(p.no, 0) DESC, coalesce(p.poor, 0) DESC, a.district
    """).fetchall()
    return tuple(
        District(code, families, poor, Answers(*pkh)) for code, families, poor, *pkh in rows
    )


def _institutions(
    database: duckdb.DuckDBPyConnection, rules: Mapping[str, Rule]
) -> tuple[Institution, ...]:
    database.execute(
        "CREATE TEMP TABLE work AS"
        " SELECT unnest(institution) AS institution, rule, family, first FROM assignments"
    )
    totals = database.execute("""
        SELECT institution, count(*), count(DISTINCT family) FROM work
        GROUP BY institution ORDER BY count(*) DESC, institution
    """).fetchall()
    each = database.execute("""
        SELECT institution, rule, count(*), count(DISTINCT family), count(*) FILTER (first)
        FROM work GROUP BY institution, rule ORDER BY count(*) DESC, rule
    """).fetchall()
    found: dict[str, list[Work]] = {name: [] for name, _, _ in totals}
    for name, rule_id, assignments, families, first in each:
        rule = rules[rule_id]
        first_of = first if rule.first_desil else None
        found[name].append(Work(rule, assignments, families, first_of))
    return tuple(
        Institution(name, assignments, families, tuple(found[name]))
        for name, assignments, families in totals
    )


def _needs(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = database.execute("""
        SELECT need_key, count(DISTINCT family) AS families FROM assignments JOIN needs USING (rule)
        GROUP BY need_key ORDER BY families DESC, need_key
    """).fetchall()
    return dict(rows)


def _per_family(database: duckdb.DuckDBPyConnection, n_families: int) -> dict[int, int]:
    rows = database.execute("""
        SELECT n, count(*) FROM (
            SELECT family, count(DISTINCT need_key) AS n
            FROM assignments JOIN needs USING (rule) GROUP BY family
        ) GROUP BY n ORDER BY n
    """).fetchall()
    return {0: n_families - sum(count for _, count in rows), **dict(rows)}


def _nik(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = database.execute("""
        SELECT nik_status, count(*) AS n FROM members WHERE nik_status IS NOT NULL
        GROUP BY nik_status ORDER BY n DESC, nik_status
    """).fetchall()
    return dict(rows)


def _nik_places(database: duckdb.DuckDBPyConnection) -> tuple[NikPlace, ...]:
    rows = database.execute("""
        SELECT village, nik_status, count(*) FROM members JOIN families USING (family)
        WHERE nik_status IS NOT NULL GROUP BY ALL ORDER BY ALL
    """).fetchall()
    group_of = {reason: group for group, reasons in NIK_GROUPS.items() for reason in reasons}
    members: Counter[str] = Counter()
    bad: dict[str, Counter[str]] = {}
    for village, status, count in rows:
        members[village] += count
        if status in group_of:
            bad.setdefault(village, Counter())[group_of[status]] += count
    places = (NikPlace(code, members[code], counts) for code, counts in bad.items())
    return tuple(sorted(places, key=lambda each: (-each.total, each.code)))


def _precision(database: duckdb.DuckDBPyConnection) -> tuple[PrecisionBin, ...]:
    rows = database.execute("""
        SELECT match_precision, count(*) FROM families
        WHERE match_status = 'matched' AND match_precision IS NOT NULL GROUP BY match_precision
    """).fetchall()
    if not rows:
        return ()
    ends = list(pairwise(PRECISION_BINS))
    counts = [0] * len(ends)
    for precision, families in rows:
        counts[sum(precision >= low for low, _ in ends[1:])] += families
    bins = [PrecisionBin(*end, each) for end, each in zip(ends, counts, strict=True)]
    return tuple(dropwhile(lambda each: not each.families, bins))


def _mean(database: duckdb.DuckDBPyConnection) -> float | None:
    query = "SELECT avg(match_precision) FROM families WHERE match_status = 'matched'"
    value = database.execute(query).fetchall()[0][0]
    return None if value is None else float(value)
