"""The files of an evaluation, checked row by row on their way into the database.

Truth, links and damage are ids and numbers. Of a register only the ids and one column of places
are read, and only for a split by place. A refused cell is named by its row, never shown.

>>> from pprl.database import scratch_database
>>> truth = pa.table({"party": [0, 1], "id": ["a", "x"], "entity": [1, 1]})
>>> with scratch_database(out_of_memory="evaluate.memory") as database:
...     create_tables(database)
...     load_truth(database, truth)
...     database.execute("SELECT count(*) FROM truth").fetchone()
(2,)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import ConfigError, InputError
from pprl.io.columns import recognise, role_of
from pprl.io.memory import MemorySource
from pprl.io.source import open_source
from pprl.matches import Matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from pprl.io.source import Batch, Source

# What a split may show: none of these says who somebody is.
PLACES = ("district", "village", "regency", "province", "sex")

BATCH_ROWS = 1 << 18
PARTY = r"^[0-9]{1,6}$"
GROUP = r"^[0-9]{1,18}$"
_KINDS = r"^[a-z_]+(;[a-z_]+)*$"  # no digits: a column of anything else can't be printed
_MILLION = 1_000_000

_TABLES = """
CREATE TABLE truth (row BIGINT, party INTEGER, id VARCHAR, entity VARCHAR);
CREATE TABLE matches (source VARCHAR, row BIGINT, grp BIGINT, party INTEGER, id VARCHAR,
                      tier VARCHAR, estimate INTEGER);
CREATE TABLE damage_rows (row BIGINT, party INTEGER, id VARCHAR, kinds VARCHAR);
CREATE TABLE cells (party INTEGER, row BIGINT, id VARCHAR, value VARCHAR);
"""
_REPEATED = (
    "SELECT min(r) FROM (SELECT max(row) r FROM truth GROUP BY party, id HAVING count(*) > 1)"
)
_NO_SHARE = """
SELECT min(row) FROM batch
WHERE precision IS NOT NULL AND coalesce(TRY_CAST(precision AS DOUBLE) NOT BETWEEN 0 AND 1, true)
"""
_INSERT_MATCHES = """
INSERT INTO matches
SELECT ?, row, "group", party, id, coalesce(tier, ''), round(precision::DOUBLE * 1e6)::INTEGER
FROM batch
"""
_OUTSIDE = """
SELECT min(row) FROM matches
WHERE source = ? AND party > (SELECT max(party) FROM truth)
"""
_UNKNOWN = """
SELECT min(m.row) FROM matches m ANTI JOIN truth t ON m.party = t.party AND m.id = t.id
WHERE m.source = ?
"""
_UNKNOWN_DAMAGE = """
SELECT min(d.row) FROM damage_rows d ANTI JOIN truth t ON d.party = t.party AND d.id = t.id
"""
_NOT_IN_REGISTER = """
SELECT min(t.row) FROM truth t
ANTI JOIN (SELECT * FROM cells WHERE party = $party) c ON t.id = c.id
WHERE t.party = $party
"""


def create_tables(database: duckdb.DuckDBPyConnection) -> None:
    """Create the empty tables that the functions below fill."""
    database.execute(_TABLES)


def load_truth(
    database: duckdb.DuckDBPyConnection, truth: pa.Table | Path | str, key: str = "id"
) -> None:
    """Fill ``truth``; its row numbers are the records' numbers from here on.

    Parameters
    ----------
    key
        Column of the ids: ``id``, or ``family``.

    Raises
    ------
    InputError
        A cell is empty or no number, or a record is there twice.
    """
    query = f"INSERT INTO truth SELECT row, party, {key}, entity FROM batch"  # noqa: S608 - one of two constants
    for batch in open_table(truth).batches(["party", key, "entity"], BATCH_ROWS):
        check_cells(truth, batch, numbers={"party": PARTY}, texts=(key, "entity"))
        _insert(database, batch, query)
    row = _number(database, _REPEATED)
    if row is not None:
        raise InputError("evaluate.repeated_record", path=name_of(truth), row=row)


def load_matches(
    database: duckdb.DuckDBPyConnection, source: str, matches: Matches | pa.Table | Path | str
) -> bool:
    """Fill ``matches`` with the rows of one link; return whether they have tiers.

    Parameters
    ----------
    source
        ``accept``, ``review`` or ``other``.
    matches
        A file may have no rows. ``tier`` and ``precision`` may be missing.

    Raises
    ------
    InputError
        A cell isn't what its column needs, or the truth doesn't have the record.
    """
    table = plain(matches)
    tiered = False
    try:
        opened = open_table(table)
        known = [name for name in ("tier", "precision") if name in opened.columns]
        for batch in opened.batches(["group", "party", "id", *known], BATCH_ROWS):
            check_cells(table, batch, numbers={"group": GROUP, "party": PARTY}, texts=("id",))
            _insert_matches(database, table, source, batch)
        tiered = "tier" in known
    except InputError as error:
        if error.code != "table.header_only":  # a link that found nothing
            raise
    _refuse(database, _OUTSIDE, "evaluate.unknown_party", table, [source])
    _refuse(database, _UNKNOWN, "evaluate.unknown_id", table, [source])
    return tiered


def load_damage(
    database: duckdb.DuckDBPyConnection, damage: pa.Table | Path | str, key: str = "id"
) -> None:
    """Fill ``damage_rows``. Records without damage may be missing; ``key`` as for the truth.

    Raises
    ------
    InputError
        A cell isn't what its column needs, or the truth doesn't have the record.
    """
    try:
        for batch in open_table(damage).batches(["party", key, "kinds"], BATCH_ROWS):
            check_cells(damage, batch, numbers={"party": PARTY}, texts=(key,))
            _check_kinds(damage, batch)
            _insert(database, batch, "INSERT INTO damage_rows SELECT * FROM batch")
    except InputError as error:
        if error.code != "table.header_only":
            raise
    _refuse(database, _UNKNOWN_DAMAGE, "evaluate.unknown_id", damage, [])


def load_places(
    database: duckdb.DuckDBPyConnection,
    registers: Sequence[pa.Table | Path | str],
    role: str,
    truth: pa.Table | Path | str,
) -> None:
    """Fill ``cells`` with one column of every register.

    The ids are in the column that recognition takes for them, else they are row numbers, as when
    a register is encoded.

    Raises
    ------
    ConfigError
        There aren't as many registers as parties.
    InputError
        A register has no such column, or lacks a record of the truth.
    """
    parties = (_number(database, "SELECT max(party) FROM truth") or 0) + 1
    if len(registers) != parties:
        raise ConfigError("evaluate.registers", found=len(registers), expected=parties)
    for party, register in enumerate(registers):
        source = open_table(register)
        found = recognise(source.columns).roles
        if role not in found:
            raise InputError("evaluate.no_role", path=name_of(register), role=role)
        for batch in with_ids(source, found.get("id"), found[role]):
            _insert(
                database,
                batch,
                "INSERT INTO cells SELECT ?, row, id, upper(trim(value)) FROM batch",
                [party],
            )
        row = _number(database, _NOT_IN_REGISTER, {"party": party})
        if row is not None:
            path, other = name_of(truth), name_of(register)
            raise InputError("evaluate.not_in_register", path=path, row=row, register=other)


def place_role(asked: str) -> str:
    """Return the role that a split is asked by, which may be named by a usual header.

    Raises
    ------
    ConfigError
        It is none that a result may show.

    Examples
    --------
    >>> place_role("kecamatan"), place_role("sex")
    ('district', 'sex')
    """
    role = asked if asked in PLACES else role_of(asked)
    if role not in PLACES:
        raise ConfigError("evaluate.by", by=asked, known=", ".join(("kecamatan", *PLACES)))
    return role


def with_ids(source: Source, id_column: str | None, column: str) -> Iterator[Batch]:
    """Yield the batches of a register as ``id`` and ``value``."""
    wanted = list(dict.fromkeys(filter(None, (id_column, column))))
    for batch in source.batches(wanted, BATCH_ROWS):
        ids = batch.table.column(id_column) if id_column else _rows(batch).cast(pa.string())
        table = pa.RecordBatch.from_arrays([ids, batch.table.column(column)], ["id", "value"])
        yield type(batch)(table, batch.first_row, batch.rows)


def plain(matches: Matches | pa.Table | Path | str) -> pa.Table | Path | str:
    """Return what files have: a share for a precision that a table has in millionths."""
    table = matches.table if isinstance(matches, Matches) else matches
    if isinstance(table, pa.Table) and "precision" in table.schema.names:
        place = table.schema.get_field_index("precision")
        column = table.column(place)
        if pa.types.is_integer(column.type):
            share = pc.divide(column.cast(pa.float64()), _MILLION)
            return table.set_column(place, "precision", share)
    return table


def open_table(table: pa.Table | Path | str) -> Source:
    """Open a file, or a table in memory."""
    return open_source(Path(table)) if isinstance(table, Path | str) else MemorySource(table)


def name_of(table: Matches | pa.Table | Path | str) -> str:
    """Return how errors name what was given: its path, or ``table``."""
    return str(table) if isinstance(table, Path | str) else "table"


def check_cells(
    table: pa.Table | Path | str, batch: Batch, numbers: Mapping[str, str], texts: Sequence[str]
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
            raise InputError(code, path=name_of(table), column=column, row=row)


def _check_kinds(damage: pa.Table | Path | str, batch: Batch) -> None:
    kinds = batch.table.column("kinds")
    bad = pc.invert(pc.match_substring_regex(kinds, _KINDS))  # null where there is no damage
    index = pc.index(bad, True).as_py()
    if index >= 0:
        raise InputError("evaluate.no_kinds", path=name_of(damage), row=batch.row_number(index))


def _insert_matches(
    database: duckdb.DuckDBPyConnection, table: pa.Table | Path | str, source: str, batch: Batch
) -> None:
    full = batch.table
    for name in ("tier", "precision"):
        if name not in full.schema.names:
            full = full.append_column(name, pa.nulls(full.num_rows, pa.string()))
    whole = type(batch)(full, batch.first_row, batch.rows)
    with_rows = numbered(whole)
    database.register("batch", with_rows)
    row = _number(database, _NO_SHARE)
    if row is not None:
        raise InputError("evaluate.no_share", path=name_of(table), row=row, column="precision")
    database.execute(_INSERT_MATCHES, [source])
    database.unregister("batch")


def _insert(
    database: duckdb.DuckDBPyConnection, batch: Batch, query: str, values: Sequence[object] = ()
) -> None:
    database.register("batch", numbered(batch))
    database.execute(query, list(values))
    database.unregister("batch")


def numbered(batch: Batch) -> pa.Table:
    """Return a batch with its row numbers in front, as ``row``."""
    names = ["row", *batch.table.schema.names]
    return pa.Table.from_arrays([_rows(batch), *batch.table.columns], names=names)


def _rows(batch: Batch) -> pa.Array:
    rows = batch.rows
    if rows is None:
        rows = np.arange(batch.first_row, batch.first_row + batch.table.num_rows, dtype=np.int64)
    return pa.array(rows)


def _refuse(
    database: duckdb.DuckDBPyConnection,
    query: str,
    code: str,
    table: pa.Table | Path | str,
    values: list[object],
) -> None:
    row = _number(database, query, values)
    if row is not None:
        raise InputError(code, path=name_of(table), row=row)


def _number(database: duckdb.DuckDBPyConnection, query: str, values: object = None) -> int | None:
    # All of the one row: a result that isn't read to its end blocks what comes next.
    ((found,),) = database.execute(query, values).fetchall()
    return None if found is None else int(found)
