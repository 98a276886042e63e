"""Links, results of runs and registers as tables, for what families are found from.

Ids, numbers and one column of a register; a refused cell is named by its row, never shown.

>>> read_register(pa.table({"id": ["7"], "id_keluarga": ["F1"]})).to_pylist()
[{'id': '7', 'family': 'F1', 'card': None, 'relation': None}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pprl.decide.heads import relation_column
from pprl.errors import InputError
from pprl.io.columns import recognise
from pprl.lab.evaluate.load import (
    BATCH_ROWS,
    GROUP,
    PARTY,
    check_cells,
    name_of,
    numbered,
    open_table,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pprl.io.source import Batch
    from pprl.matches import Matches

_EMPTY_LINK = pa.schema(
    [
        ("row", pa.int64()),
        ("group", pa.int64()),
        ("party", pa.int64()),
        ("id", pa.string()),
        ("tier", pa.string()),
        ("precision", pa.float64()),
    ]
)


def read_register(register: pa.Table | Path | str) -> pa.Table:
    """Return the families of a register, as text: ``id``, ``family``, ``card``, ``relation``.

    The ids are in the column that recognition takes for them, else they are row numbers. The
    family is that of its own column, else of the card. Card and relation are null where the
    register has none.

    Raises
    ------
    InputError
        It doesn't say which records are one family.
    """
    source = open_table(register)
    roles = recognise(source.columns).roles
    card = roles.get("kk_number")
    family = roles.get("family_id", card)
    if family is None:
        raise InputError("evaluate.no_family", path=name_of(register))
    columns = {"id": roles.get("id"), "family": family, "card": card}
    columns["relation"] = relation_column(source.columns)
    wanted = list(dict.fromkeys(filter(None, columns.values())))
    parts = []
    for batch in source.batches(wanted, BATCH_ROWS):
        rows = numbered(batch)
        absent = {"id": rows.column("row").cast(pa.string())}
        nothing = pa.nulls(rows.num_rows, pa.string())
        parts.append(
            pa.table(
                {
                    name: absent.get(name, nothing) if column is None else rows.column(column)
                    for name, column in columns.items()
                }
            )
        )
    return pa.concat_tables(parts)


def read_link(matches: Matches | pa.Table | Path | str) -> pa.Table:
    """Return a link: ``row`` (its number), ``group``, ``party``, ``id``, ``tier``, ``precision``.

    The first three are int64, precision is float64, the others string; tier and precision are null
    where the link has none.

    Raises
    ------
    InputError
        A cell isn't what its column needs.
    """
    table = plain(matches)
    parts = [_EMPTY_LINK.empty_table()]
    for batch in _batches(table, ("group", "party", "id"), ("tier", "precision")):
        check_cells(table, batch, numbers={"group": GROUP, "party": PARTY}, texts=("id",))
        parts.append(numbered(batch).cast(_EMPTY_LINK))
    return pa.concat_tables(parts)


def read_overlap(path: Path | str, *columns: str) -> pa.Table:
    """Return what an owner of a run received, ``overlap.csv``.

    Parameters
    ----------
    columns
        Which to read beside ``row`` (its number), ``id``, ``party`` and ``status``; all are text.

    Raises
    ------
    InputError
        A column is missing.
    """
    wanted = ["id", "party", "status", *columns]
    schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in wanted)])
    parts = [numbered(batch).cast(schema) for batch in _batches(path, wanted, ())]
    return pa.concat_tables([schema.empty_table(), *parts])


def is_overlap(path: Path | str) -> bool:
    """Return whether a file is an owner's result of a run, by its columns."""
    try:
        return {"id", "party", "status", "match"} <= set(open_table(path).columns)
    except InputError as error:
        if error.code != "table.header_only":  # a link that found nothing
            raise
        return False


def _batches(
    table: pa.Table | Path | str, wanted: Sequence[str], known: Sequence[str]
) -> Iterator[Batch]:
    """Yield some columns, null where one of ``known`` isn't there. A file may have no rows."""
    try:
        source = open_table(table)
        there = [name for name in known if name in source.columns]
        for batch in source.batches([*wanted, *there], BATCH_ROWS):
            full = batch.table
            for name in known:
                if name not in there:
                    full = full.append_column(name, pa.nulls(full.num_rows, pa.string()))
            whole = full.select([*wanted, *known])
            yield type(batch)(whole, batch.first_row, batch.rows)
    except InputError as error:
        if error.code != "table.header_only":  # a link that found nothing
            raise
