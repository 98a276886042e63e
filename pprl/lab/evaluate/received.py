"""What the owners of a run received, side by side, as only an evaluation can lay it.

``overlap.csv`` of an owner lists its own records and who they are elsewhere by match number alone.
With the files of several owners, records of one match number are a group again. Owners are parties
in the order of their files; matches with others than these are left out.

>>> OWNER_COLUMNS
('row', 'id', 'party', 'status')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import ConfigError
from pprl.lab.evaluate.read import read_overlap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OWNER_COLUMNS = ("row", "id", "party", "status")


def received(overlaps: Sequence[Path | str], column: str, *more: str) -> list[pa.Table]:
    """Return the matched rows of every owner.

    Parameters
    ----------
    overlaps
        ``overlap.csv`` of every owner, in the order of the parties.
    column
        What names the groups: ``match`` for persons, ``family`` for families.
    more
        Further columns.

    Returns
    -------
    list of pyarrow.Table
        ``row`` int64, ``id``, ``more`` and ``column`` string, ``other`` int64 (the other party, by
        its place among the owners) and ``key`` string: the same in the rows of one match between
        the same two owners, or of one group of persons; null where ``column`` is.

    Raises
    ------
    InputError
        A column is missing.
    ConfigError
        The files aren't those of different owners of one run, or there is only one.
    """
    if len(overlaps) < 2:  # noqa: PLR2004 - a match has two owners
        raise ConfigError("evaluate.overlaps", found=len(overlaps))
    tables = [read_overlap(path, column, *more) for path in overlaps]
    others = [set(pc.unique(table.column("party")).to_pylist()) for table in tables]
    everybody = set().union(*others)
    names = [everybody - each for each in others]
    if any(len(each) != 1 for each in names) or len(set().union(*names)) < len(overlaps):
        raise ConfigError("evaluate.overlaps", found=len(overlaps))
    owners = pa.array([each.pop() for each in names], pa.string())
    return [
        _matched(table, place, owners, column, [*more, column])
        for place, table in enumerate(tables)
    ]


def received_persons(overlaps: Sequence[Path | str]) -> pa.Table:
    """Return the persons whom the owners of a run matched, as an evaluation takes them.

    ``group``, ``party``, ``id``, ``tier``, and ``precision`` from 0 to 1.

    Raises
    ------
    InputError, ConfigError
        As :func:`received`.
    """
    parts = []
    for table in received(overlaps, "match", "tier", "precision"):
        # A record in a match of three parties has a row for each of the other two.
        found = table.group_by(["key", "id"]).aggregate([("tier", "min"), ("precision", "min")])
        parts.append(found.rename_columns(["key", "id", "tier", "precision"]))
    return groups(parts)


def groups(parts: Sequence[pa.Table]) -> pa.Table:
    """Return tables with ``key`` and ``id``, one for each party, as groups for an evaluation."""
    listed = [
        part.append_column("party", pa.array([party] * len(part), pa.int64()))
        for party, part in enumerate(parts)
    ]
    table = pa.concat_tables(listed)
    numbers = pc.dictionary_encode(table.column("key").combine_chunks()).indices
    place = table.schema.get_field_index("key")
    return table.set_column(place, "group", numbers.cast(pa.int64()))


def _matched(
    table: pa.Table, place: int, owners: pa.Array, column: str, kept: Sequence[str]
) -> pa.Table:
    other = pc.index_in(table.column("party"), value_set=owners)
    keep = pc.and_(pc.equal(table.column("status"), "matched"), pc.is_valid(other))
    rows, other = table.filter(keep), other.filter(keep).cast(pa.int64())
    key = rows.column(column)
    if column != "match":  # a pair of families is of two owners, and numbers may be met twice
        two = [pc.min_element_wise(other, place), pc.max_element_wise(other, place)]
        key = pc.binary_join_element_wise(key, *(each.cast(pa.string()) for each in two), ".")
    rows = rows.select(["row", "id", *kept]).append_column("other", other)
    return rows.append_column("key", key)
