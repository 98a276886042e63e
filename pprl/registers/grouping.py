"""Rows that belong to families: which is whose, and what the family has of its rows.

>>> import pyarrow as pa
>>> families = grouped(pa.array(["F1", "F2", "F1"]))
>>> families.ids.to_pylist(), families.firsts.tolist()
(['F1', 'F2'], [0, 1])
>>> known = first_known(pa.array([None, "B", "A"]), families)
>>> known.values.to_pylist(), known.differing
(['A', 'B'], 0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Families(NamedTuple):
    """Which family each row belongs to.

    Attributes
    ----------
    ids
        Of families, in order of first appearance.
    codes : int64 (rows,)
        Place of each row's family in ``ids``.
    firsts : int64 (families,)
        First row of each family.
    """

    ids: pa.Array
    codes: NDArray[np.int64]
    firsts: NDArray[np.int64]


def grouped(keys: pa.Array) -> Families:
    """Return the families of rows, in order of first appearance."""
    coded = pc.dictionary_encode(keys)
    codes = np.asarray(coded.indices).astype(np.int64)
    firsts = np.full(len(coded.dictionary), len(codes), np.int64)
    np.minimum.at(firsts, codes, np.arange(len(codes)))
    return Families(coded.dictionary, codes, firsts)


class Known(NamedTuple):
    """What is known of families.

    Attributes
    ----------
    values
        The first value of each family that isn't null.
    differing
        Families whose rows say different things.
    row
        Place of the first row that differs from its family; -1 where none does.
    """

    values: pa.Array
    differing: int
    row: int


def first_known(values: pa.Array, families: Families) -> Known:
    """Return the first value of each family that isn't null, and where others differ."""
    known = np.flatnonzero(np.asarray(pc.is_valid(values)))
    places = np.full(len(families.ids), -1, np.int64)
    places[families.codes[known[::-1]]] = known[::-1]
    takes = pa.array(places, mask=places < 0)
    coded = np.asarray(pc.fill_null(pc.dictionary_encode(values).indices, -1))
    of_family = families.codes[known]
    differs = coded[known] != coded[places[of_family]]
    rows = known[differs]
    first = int(rows[0]) if rows.size else -1
    return Known(values.take(takes), int(np.unique(of_family[differs]).size), first)


def repeated_heads(families: Families, members: pa.Table) -> tuple[int, int]:
    """Return how many families have several heads, and the row of the first second head, or -1."""
    is_head = np.asarray(pc.fill_null(pc.equal(members.column("relation"), "head"), False))  # noqa: FBT003 - Arrow's own
    rows = np.flatnonzero(is_head)
    of = np.asarray(pc.index_in(members.column("family").take(pa.array(rows)), families.ids))
    _, firsts, counts = np.unique(of, return_index=True, return_counts=True)
    second = np.ones(rows.size, np.bool_)
    second[firsts] = False
    again = rows[second]
    return int(np.count_nonzero(counts > 1)), int(again[0]) if again.size else -1


def any_true(values: pa.Array, families: Families) -> pa.Array:
    """Return, for each row, whether a row of its family is true."""
    found = np.zeros(len(families.ids), np.bool_)
    found[families.codes[np.asarray(pc.fill_null(values, False))]] = True  # noqa: FBT003 - Arrow's own
    return pa.array(found[families.codes])


def heads(families: Families, members: pa.Table) -> pa.Array:
    """Return the name of the first head of each family."""
    is_head = np.asarray(pc.fill_null(pc.equal(members.column("relation"), "head"), False))  # noqa: FBT003 - Arrow's own
    rows = np.flatnonzero(is_head)[::-1]
    of = pc.index_in(members.column("family").take(pa.array(rows)), families.ids)
    places = np.full(len(families.ids), -1, np.int64)
    places[np.asarray(of)] = rows
    return members.column("name").take(pa.array(places, mask=places < 0)).combine_chunks()
