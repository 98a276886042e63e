"""Tables of an overlap that may be published: made by the coordinator, checked by everybody.

The agreement fixes what a table looks like, cell by cell (:func:`cells_of`), so anybody can tell
whether what RESULT publishes is what was agreed. What goes into the cells is
:mod:`pprl.disclose`'s: counts of the overlap, suppressed together with both sides of it, rounded,
with noise where that is agreed. The sides themselves aren't published: their owners know them.
Noise comes from the coordinator's seed S, so that a re-execution gives the same. Records are
counted, not families: the coordinator doesn't know of any.

A code of a place with fewer digits is all of the places in it; a cell with no value for a stratum
is the total over it. Spec: "Tables".
"""

from __future__ import annotations

import hmac
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.disclose.counts import count
from pprl.disclose.places import Places
from pprl.disclose.published import Rule, cells
from pprl.disclose.shape import Plain, Shape
from pprl.encoded import STRATUM
from pprl.errors import PeerError
from pprl_protocols import limits
from pprl_protocols.disclosure import NONE
from pprl_protocols.messages import Count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pprl.encoded import EncodedSet
    from pprl.matches import Matches
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.disclosure import Disclosure, Stratum

_NOISE = b"pprl/v1/table-noise"
_OVERLAP = "overlap"


def shape_of(agreement: Agreement) -> Shape:
    """Return the dimensions of an agreement's tables; the first agency by name is the left one."""
    disclosure = agreement.disclosure
    left, right = (party.name for party in agreement.agencies)
    plain = [one for one in disclosure.strata if not one.levels]
    place = disclosure.place
    return Shape(
        plain=tuple(Plain(one.name, _values(one)) for one in plain),
        place=place.name if place else None,
        levels=place.levels if place else (),
        tables=tuple(
            tuple(name for name in table if place is None or name != place.name)
            for table in disclosure.publish
        ),
        possible={
            "overlap": _possible(plain, {left, right}),
            "left_only": _possible(plain, {left}),
            "right_only": _possible(plain, {right}),
        },
        known={
            "left": tuple(one.name for one in plain if left in one.agencies),
            "right": tuple(one.name for one in plain if right in one.agencies),
        },
    )


def cells_of(agreement: Agreement) -> list[dict[str, str]]:
    """Return the strata of every cell that is published, in its order; none for no tables."""
    disclosure = agreement.disclosure
    if not disclosure.publish:
        return []
    shape = shape_of(agreement)
    place = disclosure.place
    tree = Places.of(place.all if place else (), shape.levels)
    columns = [column.values for column in shape.columns if column.part == _OVERLAP]
    return [
        _stratum(disclosure, shape.names, values, code) for code in tree.codes for values in columns
    ]


def tables_of(
    agreement: Agreement, sets: Sequence[EncodedSet], matches: Matches, *, seed: bytes
) -> tuple[Count, ...]:
    """Count the overlap by the agreed strata; return what may be published.

    Parameters
    ----------
    agreement
        Says by what, and how it is suppressed.
    sets, matches
        The encodings in the order of the agreement, and what of them was linked.
    seed
        The coordinator's S.

    Notes
    -----
    Linear in records; suppression as :func:`pprl.disclose.suppression.suppress`.
    """
    # The solver takes its time to load, and only the coordinator needs it.
    from pprl.disclose.noise import with_noise  # noqa: PLC0415 - see above
    from pprl.disclose.suppression import suppress  # noqa: PLC0415 - see above

    disclosure = agreement.disclosure
    expected = cells_of(agreement)
    if not expected:
        return ()
    names = tuple(party.name for party in agreement.agencies)
    shape = shape_of(agreement)
    columns = [_columns(disclosure, one, name) for one, name in zip(sets, names, strict=True)]
    found = _found(matches, sets)
    overlap: dict[str, pa.ChunkedArray] = {}
    for one in disclosure.strata:
        giver = names.index(one.agencies[0])
        overlap[one.name] = columns[giver][one.name].take(pa.array(found[giver]))
    table = count(
        shape,
        overlap=_table(overlap, len(found[0])),
        left_only=_others(columns[0], found[0], len(sets[0])),
        right_only=_others(columns[1], found[1], len(sets[1])),
        places=disclosure.place.all if disclosure.place else (),
    )
    rule = Rule(minimum=disclosure.minimum_cell, step=limits.COUNT_STEP)
    suppressed = suppress(table, rule)
    if disclosure.noise_scale:
        noise = hmac.digest(seed, b"\0".join([_NOISE, agreement.run.encode()]), "sha256")
        shown = with_noise(suppressed, noise, Fraction(disclosure.noise_scale))
    else:
        published = suppressed.published()
        shown = cells(published, published.values)
    rows = shown.filter(pa.array(np.array(shown.column("part").to_pylist()) == _OVERLAP))
    values = rows.column("count").to_pylist()
    return tuple(
        Count(agencies=names, stratum=stratum, value=value)
        for stratum, value in zip(expected, values, strict=True)
    )


def check_counts(agreement: Agreement, counts: Sequence[Count]) -> int | None:
    """Return which published cell, from 1, isn't the agreed one; None when all are.

    The first that is missing has the number in which it should be, and one too many its own.
    """
    names = tuple(party.name for party in agreement.agencies)
    expected = cells_of(agreement)
    for number, (cell, stratum) in enumerate(zip(counts, expected, strict=False), start=1):
        if (cell.agencies, dict(cell.stratum)) != (names, stratum):
            return number
    return None if len(counts) == len(expected) else min(len(counts), len(expected)) + 1


def counted(agreement: Agreement, counts: Sequence[Count], *, party: str) -> pa.Table:
    """Return published tables as one: a column for each stratum (null: total), and ``count``.

    Raises
    ------
    PeerError
        They aren't the agreed ones: ``party`` has published them.
    """
    least = agreement.disclosure.minimum_cell
    small = any(cell.value is not None and cell.value < least for cell in counts)
    if small or check_counts(agreement, counts) is not None:
        raise PeerError("protocol.wrong_result", party=party)
    columns = {
        one.name: pa.array([cell.stratum.get(one.name) for cell in counts], pa.string())
        for one in agreement.disclosure.strata
    }
    return pa.table({**columns, "count": pa.array([cell.value for cell in counts], pa.int64())})


def _possible(plain: Sequence[Stratum], givers: set[str]) -> dict[str, tuple[str, ...]]:
    """Return by stratum what people can have whom these agencies know."""
    return {one.name: one.all if givers & set(one.agencies) else (NONE,) for one in plain}


def _values(one: Stratum) -> tuple[str, ...]:
    return one.all if len(one.agencies) > 1 else (*one.all, NONE)


def _stratum(
    disclosure: Disclosure, names: Sequence[str], values: Sequence[str | None], code: str
) -> dict[str, str]:
    found = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if disclosure.place and code:
        found[disclosure.place.name] = code
    return found


def _columns(disclosure: Disclosure, one: EncodedSet, agency: str) -> dict[str, pa.ChunkedArray]:
    return {
        each.name: one.table.column(STRATUM + each.name) for each in disclosure.given_by(agency)
    }


def _found(matches: Matches, sets: Sequence[EncodedSet]) -> tuple[NDArray[np.int64], ...]:
    """Return by agency the rows of its matched records, in the order of the matches."""
    # Sorted by group, and a group of two parties has a record of each.
    party = np.asarray(matches.table.column("party"))
    ids = matches.table.column("id")
    return tuple(_rows(one, ids.filter(pa.array(party == at))) for at, one in enumerate(sets))


def _rows(one: EncodedSet, ids: pa.ChunkedArray) -> NDArray[np.int64]:
    found = pc.index_in(ids, value_set=one.ids.combine_chunks())
    return np.asarray(found).astype(np.int64)


def _table(columns: Mapping[str, pa.ChunkedArray], rows: int) -> pa.Table:
    # A table without columns would have no rows.
    return pa.table({"": pa.nulls(rows), **columns})


def _others(
    columns: Mapping[str, pa.ChunkedArray], found: NDArray[np.int64], count_of: int
) -> pa.Table:
    left = np.ones(count_of, dtype=np.bool_)
    left[found] = False
    mask = pa.array(left)
    return _table({name: each.filter(mask) for name, each in columns.items()}, int(left.sum()))
