"""Who each record is, from a truth file: the labels that a sweep needs.

It reads parties, ids and entities, and no register. An error names rows, never an id.

>>> from pprl.io.memory import MemorySource
>>> truth = {"party": ["0", "1"], "id": ["a", "x"], "entity": ["7", "7"]}
>>> labels = Labels.read(MemorySource(truth), parties=2)
>>> labels.of(1, pa.array(["x"]), path="b.csv")
array([0])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.errors import InputError

if TYPE_CHECKING:
    from pprl.io.source import Batch, Source
    from pprl.lab.tune.curve import Numbers

_PARTY = r"^[0-9]{1,6}$"
_COLUMNS = ("party", "id", "entity")


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of several parties.

    Attributes
    ----------
    ids
        The ids of each party that the truth names, in its order.
    entities
        ``int64 (n,)`` for each party: who these records are, numbered from 0 through all parties.
    """

    ids: tuple[pa.Array, ...]
    entities: tuple[Numbers, ...]

    @classmethod
    def read(cls, source: Source, parties: int) -> Self:
        """Read the truth about the first ``parties`` parties.

        Raises
        ------
        InputError
            A column is missing, a cell is empty or no number, or a record stands there twice.
        """
        tables, rows = [], []
        for batch in source.batches(_COLUMNS):
            _check(source, batch)
            tables.append(batch.table)
            numbers = batch.first_row + np.arange(batch.table.num_rows)
            rows.append(numbers if batch.rows is None else batch.rows)
        truth = pa.Table.from_batches(tables).combine_chunks()
        row = np.concatenate(rows)
        party = pc.cast(truth["party"], pa.int32()).to_numpy()
        entity = pc.dictionary_encode(truth["entity"]).combine_chunks().indices.to_numpy()
        ids, entities = [], []
        for number in range(parties):
            places = np.flatnonzero(party == number)
            named = pc.take(truth["id"], pa.array(places)).combine_chunks()
            _check_repeats(source, named, row[places])
            ids.append(named)
            entities.append(entity[places].astype(np.int64))
        return cls(tuple(ids), tuple(entities))

    def of(self, party: int, ids: pa.Array | pa.ChunkedArray, *, path: str) -> Numbers:
        """Return ``int64 (records,)``: who the records of one party are.

        Raises
        ------
        InputError
            The truth lacks some of them; the first is named by its place in the register.
        """
        place = pc.index_in(ids, value_set=self.ids[party])
        unknown = place.null_count
        if unknown:
            first = pc.index(pc.is_null(place), value=True).as_py()
            raise InputError(
                "tune.unknown_id", path=path, record=first + 1, party=party, count=unknown
            )
        places: Numbers = place.to_numpy()
        return self.entities[party][places]


def _check(source: Source, batch: Batch) -> None:
    """Refuse the first cell that isn't what its column needs."""
    for column in _COLUMNS:
        cells = batch.table.column(column)
        bad, code = pc.is_null(cells), "evaluate.empty_cell"
        if column == "party":
            right = pc.match_substring_regex(cells, _PARTY)
            bad, code = pc.invert(pc.coalesce(right, pa.scalar(value=False))), "evaluate.no_number"
        first = pc.index(bad, value=True).as_py()
        if first >= 0:
            row = batch.row_number(first)
            raise InputError(code, path=str(source.path), column=column, row=row)


def _check_repeats(source: Source, ids: pa.Array, rows: Numbers) -> None:
    places = pc.dictionary_encode(ids).indices.to_numpy()
    # Numbered in order of appearance: a first appearance is higher than all before it.
    repeated = np.flatnonzero(np.diff(np.maximum.accumulate(places), prepend=-1) == 0)
    if len(repeated):
        row = int(rows[repeated[0]])
        raise InputError("evaluate.repeated_record", path=str(source.path), row=row)
