"""What a run found about persons, gathered by family: status, evidence, released attributes.

The result of a run is about records; interventions are about families. A family is matched when the
owners matched it as a family (the column ``family`` of the result names the pair); it is to be
reviewed when one of its members is, or was matched without that being enough for the family; else
it wasn't found. Attributes are those that came with the members of the matched pair.

>>> import pyarrow as pa
>>> members = pa.table({"family": ["F1", "F2"], "member": ["1", "2"]})
>>> overlap = pa.table({"id": ["1", "2"], "party": ["dinsos"] * 2, "status": ["matched", "none"],
...                     "precision": pa.array([990000, None], pa.int32()), "match": ["0a", None],
...                     "family": ["0a", None], "desil": ["2", None]})
>>> found = with_matches(pa.table({"family": ["F1", "F2"]}), members, overlap)
>>> found.select(["match_status", "match_number", "desil"]).to_pylist()
[{'match_status': 'matched', 'match_number': '0a', 'desil': 2}, \
{'match_status': 'none', 'match_number': None, 'desil': None}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.database import scratch_database
from pprl.errors import InputError
from pprl.registers.profile import load_profile
from pprl.registers.values import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

NUMBERS = ("desil",)
FLAGS = ("pkh", "sembako", "pbi_jk", "pip")
"""Released attributes that rules know, besides which others are kept as text."""

_PROFILE = "dtsen"  # how such values are written
_RESULT = ("id", "party", "status", "precision", "match")
_FOUND = ("match_status", "match_precision", "match_number")
_STATUS = """CASE WHEN count(pair) > 0 THEN 'matched'
    WHEN bool_or(status <> 'none') THEN 'review' END AS match_status"""
_PRECISION = """CASE WHEN count(pair) > 0 THEN max(precision) FILTER (pair IS NOT NULL)
    ELSE max(precision) END / 1e6 AS match_precision"""
_NUMBER = """coalesce(min(pair), string_agg(DISTINCT match, ' ' ORDER BY match))
    AS match_number"""
_EXPLANATORY = ("tier", "band", "similarity", "explanation", "family", "family_members")


def with_matches(families: pa.Table, members: pa.Table, overlap: pa.Table) -> pa.Table:
    """Return families with what a run found about their members.

    Parameters
    ----------
    families, members
        The owner's register, with the columns ``family``, and ``family`` and ``member``.
    overlap
        What :func:`pprl_protocols.roles.agency.receive` gives: a row or more for every own record
        (``id``) and other party.

    Returns
    -------
    pyarrow.Table
        In the order of ``families``, which keep their own columns, with ``match_status``,
        ``match_precision``, ``match_number`` (of the pair of families; the numbers of all doubtful
        matches of a family to be reviewed, with blanks between them) and one column an attribute.

    Raises
    ------
    InputError
        The result is about other records than these members, or a released value can't be read.
    """
    names = overlap.column_names
    attributes = [name for name in names if name not in {*_RESULT, *_EXPLANATORY}]
    pair = "o.family" if "family" in names else "CASE WHEN status = 'matched' THEN match END"
    for name in attributes:
        if name in NUMBERS or name in FLAGS:
            overlap = _typed(overlap, name)
    with scratch_database(out_of_memory="assign.memory") as database:
        database.register("members_given", members.select(["family", "member"]))
        database.register("overlap", overlap)
        database.register("families_given", families.select(["family"]))
        database.execute(
            f"""
            CREATE TABLE found AS
            SELECT m.family AS own, o.*, {pair} AS pair
            FROM overlap o JOIN members_given m ON o.id = m.member
            """  # noqa: S608 - a choice of two constants
        )
        _refuse_others(database)
        gathered = database.sql(_gathering(attributes)).to_arrow_table()
    table = families
    for name in (*_FOUND, *attributes):
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, gathered.column(name))
    return table


def _refuse_others(database: duckdb.DuckDBPyConnection) -> None:
    """Refuse a result whose records aren't members of this register."""
    [[count]] = database.execute(
        "SELECT count(*) FROM (SELECT DISTINCT id FROM overlap) o "
        "ANTI JOIN members_given m ON o.id = m.member"
    ).fetchall()
    if count:
        raise InputError("assign.other_file", count=count)


def _typed(overlap: pa.Table, name: str) -> pa.Table:
    """Return a result with an attribute in its type; an empty cell says nothing.

    Raises
    ------
    InputError
        A value can't be read: how many can't is said, never which.
    """
    cells = overlap.column(name).cast(pa.string()).combine_chunks()
    read = typed(load_profile(_PROFILE), name, cells)
    wrong = int(np.count_nonzero(read.unknown | read.outside))
    if wrong:
        raise InputError("assign.released_value", column=name, count=wrong)
    values = read.values.cast(pa.int8()) if name in NUMBERS else read.values
    return overlap.set_column(overlap.column_names.index(name), name, values)


def _gathering(attributes: Sequence[str]) -> str:
    """Return the query that gathers persons by family; of several values, the first match's."""
    values = [
        f'arg_min("{name}", match) FILTER ("{name}" IS NOT NULL AND pair IS NOT NULL) AS "{name}"'
        for name in attributes
    ]
    named = [f'f."{name}"' for name in attributes]
    return f"""
    SELECT {
        ", ".join(
            [
                "coalesce(f.match_status, 'none') AS match_status",
                "f.match_precision",
                "f.match_number",
                *named,
            ]
        )
    }
    FROM (SELECT family, row_number() OVER () AS place FROM families_given) g
    LEFT JOIN (
        SELECT {", ".join(["own", _STATUS, _PRECISION, _NUMBER, *values])}
        FROM found GROUP BY own
    ) f ON g.family = f.own
    ORDER BY g.place
    """  # noqa: S608 - names of the agreement: letters, digits, underscores
