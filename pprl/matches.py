"""What linking gives: groups of records that are the same person, and how they came about.

Records are named by the ids of their sets; nothing else about them is known here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.compare.measure import MILLION
from pprl.compare.pairs import NO_FILTER
from pprl.io.atomic import publish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pprl.decide.matching import Matching
    from pprl.encoded import EncodedSet

COLUMNS = ("group", "party", "id", "similarity", "tier")

_CSV_ROWS = 65_536


@dataclass(frozen=True)
class LinkInfo:
    """How matches came about. Numbers only, and none that differs from run to run.

    Attributes
    ----------
    threshold, token_threshold
        Similarities asked for, in [0, 1], as they were compared: whole millionths.
    records
        Records of each set.
    groups
        Groups found.
    rows_by_tier
        For each tier that was tried, how many records were matched in it.
    token_pairs_refused
        Pairs with an equal token whose filters (or other tokens) did not agree.
    pairs_compared
        Pairs whose filters were compared, those ruled out by their numbers of bits included.
    greedy_components
        Sets of entangled pairs that were too large for an exact one-to-one assignment.
    """

    threshold: float
    token_threshold: float
    records: tuple[int, ...]
    groups: int
    rows_by_tier: Mapping[str, int]
    token_pairs_refused: int
    pairs_compared: int
    greedy_components: int


@dataclass(frozen=True)
class Matches:
    """Groups of records that are the same person.

    Attributes
    ----------
    table
        One row a record in a group: ``group`` int64, ``party`` int32 (position of its set),
        ``id`` string, ``similarity`` int32 in millionths (null when the match has no filter to
        show for it), ``tier`` string (a token kind, or ``filter``). Similarity and tier are
        those of the strongest accepted pair between the record and another of its group. Sorted
        by group and party; groups are numbered by their first record.
    info
        How they came about.
    """

    table: pa.Table
    info: LinkInfo

    def to_csv(self, path: Path, *, force: bool = False) -> None:
        """Write ``group,party,id,similarity,tier``, similarity with six decimals.

        Raises
        ------
        ConfigError
            The file exists and ``force`` isn't given, or can't be written.
        """
        with publish(path, force=force) as temporary:
            self.write_csv(temporary)

    def write_csv(self, path: Path) -> None:
        """Write the same to a file of the caller's. Not atomic: see ``publish``."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for batch in self.table.to_batches(max_chunksize=_CSV_ROWS):
                columns = {name: batch.column(name).to_pylist() for name in COLUMNS}
                columns["similarity"] = [_decimal(value) for value in columns["similarity"]]
                writer.writerows(zip(*columns.values(), strict=True))


def match_table(sets: Sequence[EncodedSet], matching: Matching, tiers: Sequence[str]) -> pa.Table:
    """Return the rows of :attr:`Matches.table` for records that were matched."""
    starts = np.cumsum([0, *(len(each) for each in sets)])
    party = np.searchsorted(starts, matching.record, side="right") - 1
    ids = pa.chunked_array(
        [
            chunk
            for position, each in enumerate(sets)
            for chunk in each.ids.take(matching.record[party == position] - starts[position]).chunks
        ],
        type=pa.string(),
    )
    # The ids are party by party so far, the rows group by group.
    place = np.empty(len(party), dtype=np.int64)
    place[np.argsort(party, kind="stable")] = np.arange(len(party))
    no_filter = matching.similarity == NO_FILTER
    tier = pa.DictionaryArray.from_arrays(matching.tier, pa.array(tiers, pa.string()))
    return pa.Table.from_arrays(
        [
            pa.array(matching.group),
            pa.array(party.astype(np.int32)),
            ids.take(place),
            pa.array(matching.similarity.astype(np.int32), mask=no_filter),
            tier.cast(pa.string()),
        ],
        names=list(COLUMNS),
    )


def _decimal(millionths: int | None) -> str:
    if millionths is None:
        return ""
    return f"{millionths // MILLION}.{millionths % MILLION:06d}"
