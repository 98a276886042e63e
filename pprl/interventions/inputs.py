"""Families and members, as a run needs them: typed, checked, and with what follows from them.

Two tables come in (:mod:`~.columns` lists their columns; all but a few may be missing, which makes
them unknown) and become the DuckDB tables ``families`` and ``members``: every documented column in
its type, ``place`` (int64, the row from 0), and for families the columns counted from members,
``priority_village`` and ``run_date``. What came with a match is unknown for a family that isn't
matched, whatever the table says.

An error names the row: the column ``row`` where the table has one (row of the file it came from),
else its place from 1. Never a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.errors import InputError
from pprl.interventions.columns import REQUIRED, SQL_TYPES, known_columns
from pprl.interventions.rules import STATUSES

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    import duckdb

    from pprl.interventions.columns import Column, Table

_DESIL = "BETWEEN 1 AND 10"


def load(
    database: duckdb.DuckDBPyConnection,
    families: pa.Table,
    members: pa.Table,
    *,
    day: date,
    villages: Collection[str] | None,
) -> None:
    """Make the tables ``families`` and ``members`` in a database.

    Parameters
    ----------
    families, members
        The owner's register; columns beyond the documented ones are left alone.
    day
        ``run_date``.
    villages
        Codes of priority desa; None where there is no list.

    Raises
    ------
    InputError
        A required column is missing; a value isn't of its column's type; a family or member has no
        id or the id of another; a desil isn't within 1 and 10; a match status is unknown; a member
        belongs to no family.
    """
    _copy(database, "families", families)
    _copy(database, "members", members)
    _refuse_wrong_families(database)
    _refuse_wrong_members(database)
    _derive(database, day, villages)


def _copy(database: duckdb.DuckDBPyConnection, table: Table, given: pa.Table) -> None:
    """Copy a table with typed columns into ``<table>_given``."""
    for name in REQUIRED[table]:
        if name not in given.column_names:
            raise InputError("assign.no_column", table=table, column=name)
    columns = [each for each in known_columns()[table].values() if each.loaded]
    places = np.arange(len(given), dtype=np.int64)
    numbers = given.column("row") if "row" in given.column_names else pa.array(places + 1)
    wanted = {each.name: given.column(each.name) for each in columns if _has(given, each)}
    raw = pa.table({"place": places, "row": numbers.cast(pa.int64()), **wanted})
    database.register("raw", raw)
    for each in columns:
        if each.name in wanted:
            _refuse_wrong_type(database, table, each)
    selected = ", ".join(
        f"TRY_CAST({each.name} AS {SQL_TYPES[each.type]}) AS {each.name}"
        if each.name in wanted
        else f"NULL::{SQL_TYPES[each.type]} AS {each.name}"
        for each in columns
    )
    query = f"SELECT place, row, {selected} FROM raw ORDER BY place"  # noqa: S608 - names of our own
    database.execute(f"CREATE TEMP TABLE {table}_given AS {query}")
    database.unregister("raw")


def _has(given: pa.Table, column: Column) -> bool:
    return column.name in given.column_names and not pa.types.is_null(
        given.schema.field(column.name).type
    )


def _refuse_wrong_type(database: duckdb.DuckDBPyConnection, table: Table, column: Column) -> None:
    name, kind = column.name, SQL_TYPES[column.type]
    wrong = f"TRY_CAST({name} AS {kind}) IS NULL"
    if column.type == "integer":  # a cast would round
        wrong += f" OR TRY_CAST({name} AS DOUBLE) <> TRY_CAST({name} AS {kind})"
    query = f"SELECT min_by(row, place) FROM raw WHERE {name} IS NOT NULL AND ({wrong})"  # noqa: S608
    row = _only(database, query)
    if row is not None:
        raise InputError("assign.type", table=table, column=name, row=row)


def _refuse_wrong_families(database: duckdb.DuckDBPyConnection) -> None:
    statuses = ", ".join(f"'{each}'" for each in STATUSES)
    _refuse(database, "families", "coalesce(trim(family), '') = ''", "assign.family_missing")
    _refuse(
        database,
        "families",
        f"match_status IS NULL OR match_status NOT IN ({statuses})",
        "assign.status",
    )
    _refuse(database, "families", f"desil NOT {_DESIL}", "assign.desil")
    _refuse_repeated(database, "families", "family", "assign.family_repeated")


def _refuse_wrong_members(database: duckdb.DuckDBPyConnection) -> None:
    _refuse(database, "members", "coalesce(trim(member), '') = ''", "assign.member_missing")
    query = "family IS NULL OR family NOT IN (SELECT family FROM families_given)"
    _refuse(database, "members", query, "assign.no_family")
    _refuse_repeated(database, "members", "family, member", "assign.member_repeated")


def _refuse(database: duckdb.DuckDBPyConnection, table: Table, wrong: str, code: str) -> None:
    row = _only(database, f"SELECT min_by(row, place) FROM {table}_given WHERE {wrong}")  # noqa: S608
    if row is not None:
        raise InputError(code, row=row)


def _refuse_repeated(
    database: duckdb.DuckDBPyConnection, table: Table, key: str, code: str
) -> None:
    """Refuse the first row whose key an earlier row has, and name both."""
    query = f"""
        SELECT row, first_row FROM (
            SELECT place, row, first_value(row) OVER same AS first_row,
                row_number() OVER same AS which
            FROM {table}_given WINDOW same AS (PARTITION BY {key} ORDER BY place)
        ) WHERE which > 1 ORDER BY place LIMIT 1
    """  # noqa: S608 - names of our own
    found = database.execute(query).fetchone()
    if found is not None:
        raise InputError(code, row=found[0], first=found[1])


def _derive(
    database: duckdb.DuckDBPyConnection, day: date, villages: Collection[str] | None
) -> None:
    columns = known_columns()["families"].values()
    counted = ", ".join(
        f"{each.from_members} AS {each.name}" for each in columns if each.from_members
    )
    listed = pa.table({"village": pa.array(sorted(villages or ()), pa.string())})
    database.register("listed", listed)
    known = "NULL::BOOLEAN" if villages is None else "village IN (SELECT village FROM listed)"
    given = {"priority_village": known, "run_date": f"DATE '{day.isoformat()}'"}
    selected = ", ".join(
        f"CASE WHEN match_status = 'matched' THEN {each.name} END AS {each.name}"
        if each.released
        else f"{given[each.name]} AS {each.name}"
        if each.given
        else each.name
        for each in columns
    )
    database.execute(f"""
        CREATE TEMP TABLE families AS SELECT place, {selected}
        FROM families_given LEFT JOIN (
            SELECT family, {counted} FROM members_given GROUP BY family
        ) USING (family) ORDER BY place
    """)  # noqa: S608 - names and expressions of our own file
    database.execute("ALTER TABLE members_given RENAME TO members")
    database.execute("DROP TABLE families_given")
    database.unregister("listed")


def _only(database: duckdb.DuckDBPyConnection, query: str) -> int | None:
    row = database.execute(query).fetchone()
    return None if row is None or row[0] is None else int(row[0])
