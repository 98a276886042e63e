"""Apply rules to families: who needs what from whom, by which rule and on which facts.

All rules of a unit are computed in one pass by DuckDB, which has been shut off from files, network
and its own settings before it meets a condition. A rule fires where its condition is TRUE, the
family's match status is one of its statuses and its desil in range. A family can have several
assignments. On a match in the review band nothing fires but what says so itself, and that can't
rest on what came with the match (:mod:`~.rules`).

>>> from datetime import date
>>> import pyarrow as pa
>>> from pprl.interventions.rules import load_rules
>>> families = pa.table({"family": ["F1"], "match_status": ["matched"], "desil": [2],
...                      "latrine_ok": [False], "sembako": [True]})
>>> members = pa.table({"family": ["F1"], "member": ["1"], "jkn_active": [False]})
>>> done = assign(families, members, load_rules(), day=date(2026, 2, 1), language="en")
>>> done.table.select(["rule", "member", "facts"]).to_pylist()
[{'rule': 'R10', 'member': None, 'facts': 'proper latrine: no'}, \
{'rule': 'R03', 'member': '1', 'facts': 'desil: 2; active JKN: no'}]
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pprl.database import scratch_database
from pprl.errors import ConfigError
from pprl.interventions import inputs
from pprl.interventions.columns import find, known_columns
from pprl.interventions.condition import lock, wrapped
from pprl.io.source import Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date

    from pprl.catalogue import Language
    from pprl.interventions.columns import Column
    from pprl.interventions.rules import Rule, RuleSet

ALMOST_ALL = 0.95
"""Share of the families, or of the matched ones, above which a rule is probably true by mistake."""
MANY = 20
"""Matched families from which their share counts; of a few, a rule may well be about all."""

SCHEMA = pa.schema(
    [
        ("family", pa.string()),
        ("member", pa.string()),
        ("rule", pa.string()),
        ("need", pa.string()),
        ("program", pa.string()),
        ("institution", pa.list_(pa.string())),
        ("priority", pa.int8()),
        ("first", pa.bool_()),
        ("desil", pa.int8()),
        ("district", pa.string()),
        ("village", pa.string()),
        ("companion", pa.string()),
        ("facts", pa.string()),
        ("match_status", pa.string()),
        ("precision", pa.float64()),
        ("change", pa.string()),
    ]
)
"""Of the assignments."""

_SOURCE = {"family": "families f", "member": "members m JOIN families f ON m.family = f.family"}
_MEMBER_PLACE = {"family": "NULL::BIGINT", "member": "m.place"}
_MEMBER = {"family": "NULL::VARCHAR", "member": "m.member"}
_SAYS = {
    "en": {"yes": "yes", "no": "no"},
    "id": {"yes": "ya", "no": "tidak"},
}


@dataclass(frozen=True, eq=False)
class Assigned:
    """Assignments, and what they were made from.

    Attributes
    ----------
    table
        One row an assignment: ``family``, ``member`` (null where the rule is about the family),
        ``rule``, ``need`` and ``program`` in the language asked for, ``institution`` (list),
        ``priority`` int8, ``first`` (bool: comes first among those of its priority), ``desil``
        int8 (null unless matched), ``district`` and ``village`` (codes), ``companion``, ``facts``
        (text), ``match_status``, ``precision`` (of such matches, null when unknown), ``change``
        (null; :mod:`~.previous` fills it). Sorted by district, village, family, member, priority
        and rule.
    families, members
        Every documented column, typed, with those computed here; what came with a match only for
        matched families. In the order they were given.
    rules
        Those in force on ``day``.
    warnings
        Rules that fired for almost all families, or can't fire for want of a column.
    """

    table: pa.Table
    families: pa.Table
    members: pa.Table
    rules: tuple[Rule, ...]
    warnings: tuple[Note, ...]
    day: date
    language: Language


def assign(
    families: pa.Table,
    members: pa.Table,
    rules: RuleSet,
    *,
    day: date,
    language: Language = "id",
    villages: Collection[str] | None = None,
) -> Assigned:
    """Apply the rules in force on a day. About 2 seconds for 100,000 families.

    Parameters
    ----------
    families, members
        As :mod:`~.inputs` says.
    rules
        From :func:`~.rules.load_rules`.
    day
        The day that counts as today; ages in ``members`` are those of that day.
    language
        Of needs, programmes and facts.
    villages
        Codes of priority desa (:func:`~.villages.read_villages`); None without a list.

    Raises
    ------
    InputError
        A table is wrong; the row is named.
    ConfigError
        A condition can't be computed, or a parameter has no value on that day.
    LimitError
        Memory and disk don't suffice.
    """
    in_force = rules.in_force(day)
    with scratch_database(out_of_memory="assign.memory") as database:
        lock(database)
        inputs.load(database, families, members, day=day, villages=villages)
        for unit in ("family", "member"):
            numbered = [(i, each) for i, each in enumerate(in_force) if each.unit == unit]
            _fire(database, unit, numbered)
            _state_facts(database, unit, numbered, language)
        table = _described(database, in_force, language)
        checked = _arrow(database, "SELECT * EXCLUDE (place) FROM families ORDER BY place")
        people = _arrow(database, "SELECT * EXCLUDE (place, row) FROM members ORDER BY place")
        warnings = tuple(_warnings(database, in_force))
    return Assigned(table, checked, people, in_force, warnings, day, language)


def _fire(
    database: duckdb.DuckDBPyConnection, unit: str, rules: Sequence[tuple[int, Rule]]
) -> None:
    """Make ``fired_<unit>``: places of the family, the member and the rule."""
    cases = ", ".join(f"CASE WHEN {_condition(rule)} THEN {i} END" for i, rule in rules)
    query = f"""
        CREATE TEMP TABLE fired_{unit} AS SELECT * FROM (
            SELECT f.place AS family_place, {_MEMBER_PLACE[unit]} AS member_place,
                unnest([{cases or "NULL"}]::INTEGER[]) AS which
            FROM {_SOURCE[unit]}
        ) WHERE which IS NOT NULL
    """  # noqa: S608 - conditions were checked, the rest is our own
    try:
        database.execute(query)
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error:  # its message may hold values
        rule = _failing(database, unit, [rule for _, rule in rules])
        raise ConfigError("intervention.fails", rule=rule) from None


def _state_facts(
    database: duckdb.DuckDBPyConnection,
    unit: str,
    rules: Sequence[tuple[int, Rule]],
    language: Language,
) -> None:
    """Make ``stated_<unit>``: what fired, and on which facts."""
    facts = " ".join(f"WHEN {i} THEN {_facts(rule, language)}" for i, rule in rules)
    people = "JOIN members m ON m.place = fired.member_place" if unit == "member" else ""
    database.execute(f"""
        CREATE TEMP TABLE stated_{unit} AS
        SELECT family_place, {_MEMBER[unit]} AS member, which,
            {f"CASE which {facts} END" if facts else "''"} AS facts
        FROM fired_{unit} fired JOIN families f ON f.place = fired.family_place {people}
    """)  # noqa: S608 - labels and names of our own file


def _failing(database: duckdb.DuckDBPyConnection, unit: str, rules: Sequence[Rule]) -> str:
    """Return the rule that can't be computed alone either."""
    for rule in rules:
        query = f"SELECT count(*) FROM {_SOURCE[unit]} WHERE {_condition(rule)}"  # noqa: S608 - as above
        try:
            database.execute(query)
        except duckdb.Error:
            return rule.id
    return ", ".join(rule.id for rule in rules)


def _condition(rule: Rule) -> str:
    statuses = ", ".join(f"'{status}'" for status in rule.statuses)
    parts = [f"f.match_status IN ({statuses})"]
    if rule.desil:
        parts.append(f"f.desil BETWEEN {rule.desil[0]} AND {rule.desil[1]}")
    return " AND ".join([*parts, wrapped(rule.condition)])


def _facts(rule: Rule, language: Language) -> str:
    """Return SQL that writes the facts of a rule that are known as one line."""
    parts = []
    for key in rule.facts:
        column = find(key, "member")
        label = column.label[language]
        parts.append(f"{_quoted(label + ': ')} || ({_value(column, language)})")
    return f"concat_ws('; ', {', '.join(parts)})" if parts else "''"


def _value(column: Column, language: Language) -> str:
    says = _SAYS[language]
    name = column.key
    if column.type == "boolean":
        text = f"CASE WHEN {name} THEN '{says['yes']}' WHEN NOT {name} THEN '{says['no']}' END"
    elif column.values:
        words = " ".join(
            f"WHEN {_quoted(value)} THEN {_quoted(named[language])}"
            for value, named in column.values.items()
        )
        text = f"CASE {name} {words} ELSE {name} END"
    else:
        text = f"{name}::VARCHAR"
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _described(
    database: duckdb.DuckDBPyConnection, rules: Sequence[Rule], language: Language
) -> pa.Table:
    """Return the assignments, sorted."""
    given = {
        "which": pa.array(range(len(rules)), pa.int32()),
        "rule": pa.array([each.id for each in rules], pa.string()),
        "need": pa.array([each.need_in(language) for each in rules], pa.string()),
        "program": pa.array([each.program_in(language) for each in rules], pa.string()),
        "institution": pa.array([each.institution for each in rules], pa.list_(pa.string())),
        "priority": pa.array([each.priority for each in rules], pa.int8()),
        "lowest": pa.array([(each.first_desil or (None,))[0] for each in rules], pa.int8()),
        "highest": pa.array([(each.first_desil or (None,))[-1] for each in rules], pa.int8()),
    }
    database.register("rule_table", pa.table(given))
    table = _arrow(
        database,
        """
        SELECT family, stated.member, rule, need, program, institution, priority,
            desil BETWEEN lowest AND highest AS "first", desil::TINYINT AS desil, district,
            village, companion, facts, match_status, match_precision AS "precision",
            NULL::VARCHAR AS change
        FROM (SELECT * FROM stated_family UNION ALL SELECT * FROM stated_member) stated
        JOIN families ON place = family_place
        JOIN rule_table USING (which)
        ORDER BY district, village, family, stated.member NULLS FIRST, priority, rule
        """,
    )
    return table.select(SCHEMA.names).cast(SCHEMA)


def _warnings(database: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> Iterator[Note]:
    families: Counter[str] = Counter(
        dict(
            database.execute(
                "SELECT match_status, count(*) FROM families GROUP BY match_status"
            ).fetchall()
        )
    )
    counts = database.execute("""
        SELECT which, count(DISTINCT family_place)
        FROM (SELECT * FROM fired_family UNION ALL SELECT * FROM fired_member) GROUP BY which
    """).fetchall()
    fired = dict(counts)
    unknown = _unknown(database) if families else frozenset()
    for place, rule in enumerate(rules):
        count = fired.get(place, 0)
        everybody = sum(families.values())
        matched = families["matched"]
        if count > ALMOST_ALL * everybody:
            percent = 100 * count // everybody
            yield Note("assign.almost_all", {"rule": rule.id, "percent": percent})
        elif rule.statuses == ("matched",) and matched >= MANY and count > ALMOST_ALL * matched:
            percent = 100 * count // matched
            yield Note("assign.almost_all_matched", {"rule": rule.id, "percent": percent})
        missing = [name for name in rule.uses if name in unknown]
        if not count and missing:
            # Families and members can both lack a column of one name.
            columns = ", ".join(dict.fromkeys(name.partition(".")[2] for name in missing))
            yield Note("assign.not_known", {"rule": rule.id, "columns": columns})


def _unknown(database: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the columns that are known for nobody."""
    unknown = set()
    for table, columns in known_columns().items():
        counted = ", ".join(f"count({name})" for name in columns)
        counts = database.execute(f"SELECT {counted} FROM {table}").fetchall()[0]  # noqa: S608
        unknown |= {
            column.key for column, count in zip(columns.values(), counts, strict=True) if not count
        }
    return frozenset(unknown)


def _arrow(database: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return database.sql(query).to_arrow_table()
