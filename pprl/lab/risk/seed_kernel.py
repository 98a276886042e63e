"""Compiled loops of seed and grow: candidates that share known neighbours, and their scores.

Columns are known pairs: a record and the person it is. ``record_columns`` and ``person_columns``
hold, for each record and person, the columns that it is most similar to. Nothing here knows the
truth of any other record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float32]
    Int32 = NDArray[np.int32]
    Int64 = NDArray[np.int64]
    UInt64 = NDArray[np.uint64]

_NONE = -1


@compiled
def candidates(  # noqa: C901 - one loop, compiled
    first: int,
    stop: int,
    record_columns: Int32,
    record_values: Floats,
    column_starts: Int64,
    column_persons: Int32,
    column_values: Floats,
    owner_record: Int64,
    owner_person: Int64,
    known_as: Int64,
    is_known: Flags,
    found: Int32,
) -> None:
    """Fill ``found`` (records, kept) with the persons that share the most with each record.

    ``known_as`` is the person of each known record, -1 elsewhere; ``is_known`` says which persons
    those are: they are candidates of their own record only, so that known pairs show how often
    the attack is right. A column never speaks for its own record or person.
    """
    score = np.zeros(is_known.size, dtype=np.float32)
    touched = np.empty(is_known.size, dtype=np.int32)
    kept = found.shape[1]
    for record in range(first, stop):
        count = 0
        for place in range(record_columns.shape[1]):
            column = record_columns[record, place]
            if column == _NONE or owner_record[column] == record:
                continue
            seen = record_values[record, place]
            for at in range(column_starts[column], column_starts[column + 1]):
                person = column_persons[at]
                if is_known[person] and known_as[record] != person:
                    continue
                if owner_person[column] == person:
                    continue
                if score[person] == 0.0:
                    touched[count] = person
                    count += 1
                expected = column_values[at]
                score[person] += seen * expected + np.float32(1e-9)
        filled = 0
        lowest = np.float32(0.0)
        for which in range(count):
            person = touched[which]
            value = score[person]
            if filled == kept and value <= lowest:
                continue
            place = filled if filled < kept else kept - 1
            while place > 0 and score[found[record, place - 1]] < value:
                found[record, place] = found[record, place - 1]
                place -= 1
            found[record, place] = person
            filled = min(filled + 1, kept)
            lowest = score[found[record, filled - 1]]
        for which in range(count):
            score[touched[which]] = 0.0


@compiled
def scores(
    first: int,
    stop: int,
    found: Int32,
    person_columns: Int32,
    person_values: Floats,
    filters: UInt64,
    counts: Int64,
    owner_record: Int64,
    owner_person: Int64,
    hardened: bool,  # noqa: FBT001 - a compiled loop takes no keywords
    noise: float,
    scored: Floats,
) -> None:
    """Fill ``scored``: log-likelihood of each candidate against being nobody's neighbour.

    At each column that a person is most similar to, what is seen between record and column is
    held against what that person would show.
    """
    for record in range(first, stop):
        for which in range(found.shape[1]):
            person = found[record, which]
            if person == _NONE:
                scored[record, which] = -np.inf
                continue
            total = 0.0
            offset = 0.0
            used = 0
            for place in range(person_columns.shape[1]):
                column = person_columns[person, place]
                if column == _NONE or owner_person[column] == person:
                    continue
                other = owner_record[column]
                if other == record:
                    continue
                seen = _similarity(filters, counts, record, other, hardened)
                expected = person_values[person, place]
                used += 1
                if hardened:
                    total += expected * (seen - expected / 2)
                else:
                    total -= (seen - expected) ** 2 / 2
                    offset += seen - expected
            if not hardened and used:
                # A filter fuller than its q-grams let expect is off everywhere by the same.
                total += offset * offset / used / 2
                # Persons have different numbers of columns, and chance isn't zero here.
                total *= person_columns.shape[1] / used
            scored[record, which] = total / noise if used else -np.inf


@compiled
def _similarity(
    filters: UInt64,
    counts: Int64,
    one: int,
    other: int,
    hardened: bool,  # noqa: FBT001 - see above
) -> float:
    words = filters.shape[1]
    bits = 0
    for word in range(words):
        left, right = filters[one, word], filters[other, word]
        value = left ^ right if hardened else left & right
        value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
        value = (value & np.uint64(0x3333333333333333)) + (
            (value >> np.uint64(2)) & np.uint64(0x3333333333333333)
        )
        value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        bits += int((value * np.uint64(0x0101010101010101)) >> np.uint64(56))
    total = 64 * words if hardened else counts[one] + counts[other]
    share: float = 2.0 * bits / total if total else 0.0
    return 1.0 - share if hardened else share
