"""Run after run: what is new, kept and ended since an earlier run, and whose desil moved.

Registers change: a fifth of the families at risk are new every year, and desil are refreshed
every quarter. A run leaves its state in its folder (:func:`write_state`); the next one compares
with it by own family id, member id and rule. A family that was matched then and now and whose desil
is larger is better off; when it receives PKH or Sembako, it is a candidate for graduasi, to be
verified in the field.

State holds own ids, places, desil and flags: no name, NIK or KK number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pprl.database import scratch_database
from pprl.errors import ConfigError, InputError
from pprl.interventions.assign import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from pprl.interventions.assign import Assigned

ASSIGNMENTS, FAMILIES = "assignments.parquet", "families.parquet"
"""Files of the state."""

_VERSION = 1
_METADATA = b"openpprl.assign"
_STATE = pa.schema(
    [
        ("family", pa.string()),
        ("district", pa.string()),
        ("village", pa.string()),
        ("companion", pa.string()),
        ("match_status", pa.string()),
        ("desil", pa.int8()),
        ("pkh", pa.bool_()),
        ("sembako", pa.bool_()),
    ]
)


@dataclass(frozen=True, eq=False)
class Previous:
    """State of an earlier run.

    Attributes
    ----------
    day
        Its day.
    assignments, families
        Its assignments, and of every family place, match status, desil and flags.
    """

    day: date
    assignments: pa.Table
    families: pa.Table


@dataclass(frozen=True, eq=False)
class Compared:
    """A run beside an earlier one.

    Attributes
    ----------
    assigned
        The run, ``change`` of its assignments filled: ``new`` or ``kept``.
    ended
        Assignments of the earlier run that aren't there any more, ``change`` ``ended``.
    families
        One row a family of either run: ``family``, ``district``, ``village``, ``companion``,
        ``change`` (new, kept, ended), ``desil_before``, ``desil``, ``desil_change`` (up, down,
        same; null when one isn't known), ``graduation`` (bool: desil up and receives PKH or
        Sembako; null when it isn't known whether it receives). Sorted by family.
    since
        Day of the earlier run.
    """

    assigned: Assigned
    ended: pa.Table
    families: pa.Table
    since: date


def write_state(folder: Path, assigned: Assigned) -> None:
    """Write the state of a run into a folder of the caller's. Not atomic."""
    about = {"version": _VERSION, "day": assigned.day.isoformat(), "language": assigned.language}
    metadata = {_METADATA: json.dumps(about, sort_keys=True).encode()}
    families = assigned.families.select(_STATE.names).cast(_STATE)
    for name, table in ((ASSIGNMENTS, assigned.table), (FAMILIES, families)):
        pq.write_table(table.replace_schema_metadata(metadata), folder / name, compression="zstd")


def read_previous(folder: Path) -> Previous:
    """Read the state of an earlier run.

    Raises
    ------
    InputError
        The folder holds no such state, or it is damaged or of a later version.
    """
    tables = []
    days = set()
    for name, schema in ((ASSIGNMENTS, SCHEMA), (FAMILIES, _STATE)):
        path = folder / name
        if not path.is_file():
            raise InputError("previous.missing", path=str(folder), file=name)
        try:
            table = pq.read_table(path)
            about = json.loads(table.schema.metadata[_METADATA])
            day = date.fromisoformat(about["day"])
            version = int(about["version"])
            tables.append(table.replace_schema_metadata(None).cast(schema))
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
            raise InputError("previous.damaged", path=str(path)) from None
        if version != _VERSION:
            raise InputError("previous.version", path=str(path), version=version)
        days.add(day)
    if len(days) > 1:
        raise InputError("previous.damaged", path=str(folder))
    return Previous(days.pop(), *tables)


def compare(assigned: Assigned, previous: Previous, *, path: Path | None = None) -> Compared:
    """Compare a run with an earlier one. Sorting apart, linear in assignments.

    Parameters
    ----------
    assigned, previous
        The run, and the state of the earlier one.
    path
        Where that state is from, for the error.

    Raises
    ------
    ConfigError
        The other run isn't earlier: its day is later.
    InputError
        Both have families and none in common: the other run is of another register.
    """
    if previous.day > assigned.day:
        raise ConfigError(
            "previous.later", day=assigned.day.isoformat(), previous=previous.day.isoformat()
        )
    names = ", ".join(f'"{name}"' for name in SCHEMA.names if name != "change")
    same = "a.family = b.family AND a.rule = b.rule AND a.member IS NOT DISTINCT FROM b.member"
    order = "district, village, family, member NULLS FIRST, priority, rule"
    with scratch_database(out_of_memory="assign.memory") as database:
        database.register("now_assigned", assigned.table)
        database.register("then_assigned", previous.assignments)
        database.register("now_families", assigned.families.select(_STATE.names).cast(_STATE))
        database.register("then_families", previous.families)
        table = database.sql(f"""
            SELECT {names}, CASE WHEN EXISTS (FROM then_assigned b WHERE {same})
                THEN 'kept' ELSE 'new' END AS change
            FROM now_assigned a ORDER BY {order}
        """).to_arrow_table()  # noqa: S608 - names of our own
        ended = database.sql(f"""
            SELECT {names}, 'ended' AS change FROM then_assigned a
            WHERE NOT EXISTS (FROM now_assigned b WHERE {same}) ORDER BY {order}
        """).to_arrow_table()  # noqa: S608 - names of our own
        families = database.sql("""
            SELECT *, CASE WHEN desil_change = 'up' THEN receives
                WHEN desil_change IS NOT NULL THEN FALSE END AS graduation
            FROM (
                SELECT coalesce(a.family, b.family) AS family,
                    coalesce(a.district, b.district) AS district,
                    coalesce(a.village, b.village) AS village,
                    coalesce(a.companion, b.companion) AS companion,
                    CASE WHEN b.family IS NULL THEN 'new' WHEN a.family IS NULL THEN 'ended'
                        ELSE 'kept' END AS change,
                    b.desil AS desil_before, a.desil AS desil,
                    CASE WHEN a.desil > b.desil THEN 'up' WHEN a.desil < b.desil THEN 'down'
                        WHEN a.desil = b.desil THEN 'same' END AS desil_change,
                    a.pkh OR a.sembako AS receives
                FROM now_families a FULL JOIN then_families b ON a.family = b.family
            ) ORDER BY family
        """).to_arrow_table()
    if len(assigned.families) and len(previous.families):
        known = families.column("change").unique().to_pylist()
        if "kept" not in known:
            raise InputError("previous.other_families", path=str(path or ""))
    marked = replace(assigned, table=table.cast(SCHEMA))
    return Compared(marked, ended.cast(SCHEMA), families.drop_columns(["receives"]), previous.day)
