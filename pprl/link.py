"""Link encoded registers: EncodedSets of two or more parties in, match groups out.

Two parties, evidence by evidence, the strongest first: records with an equal token are assigned
one to one, then those still open by the next kind of token, and what is left by the similarity of
the filters, every pair compared. Three and more parties: the accepted pairs of all pairs of
parties are grouped, token pairs before filter pairs, at most one record of a party in a group; a
record is compared by weaker evidence with a party only where stronger evidence gave no pair.

The same inputs give the same bytes whatever the number of threads. Sets that were not encoded
alike are refused, never compared into "no matches". Nothing here sees a NIK or a name, knows a
threshold by itself, or talks to anybody.

>>> from pprl.encoded import EncodedSet, Header, table_schema
>>> def encoded(ids, filters):
...     header = Header(scheme="clk", bits=64, schema=None, key_check=None, records=len(ids))
...     columns = {"id": ids, "filter": [bits.to_bytes(8, "big") for bits in filters]}
...     return EncodedSet(header, pa.table(columns, schema=table_schema(header, [])))
>>> matches = link([encoded(["a", "b"], [0b1111, 0b111000]), encoded(["x"], [0b0111])],
...                threshold=0.8)
>>> matches.table.drop_columns("party").to_pylist()[1]
{'group': 0, 'id': 'x', 'similarity': 857142, 'tier': 'filter'}
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.candidates.exhaustive import MAX_PAIRS
from pprl.compare.measure import MILLION, threshold_millionths
from pprl.compare.pairs import NO_FILTER
from pprl.decide.matching import match, tier_kinds
from pprl.decide.tiers import FILTER_TIER, Bounds, Side
from pprl.encoded import EncodedSet
from pprl.errors import ConfigError
from pprl.io.atomic import publish

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from pprl.decide.matching import Matching
    from pprl.encoded import Header

TOKEN_THRESHOLD = 0.5  # provisional, until thresholds are estimated from the data
COLUMNS = ("group", "party", "id", "similarity", "tier")

_LEAST_PARTIES = 2
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
        with (
            publish(path, force=force) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for batch in self.table.to_batches(max_chunksize=_CSV_ROWS):
                columns = {name: batch.column(name).to_pylist() for name in COLUMNS}
                columns["similarity"] = [_decimal(value) for value in columns["similarity"]]
                writer.writerows(zip(*columns.values(), strict=True))


def link(
    sets: Sequence[EncodedSet | str | os.PathLike[str]],
    *,
    threshold: float,
    token_threshold: float = TOKEN_THRESHOLD,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> Matches:
    """Link the records of two or more sets.

    Parameters
    ----------
    sets
        EncodedSets or their files, one a party.
    threshold
        Least similarity of two filters, in [0, 1].
    token_threshold
        Least similarity of the filters of two records with an equal token, in [0, 1].
    threads
        As many as this process may use when not given.
    max_pairs
        Most pairs that one comparison of two sets may keep.
    progress
        Called in this thread with pairs decided and pairs in all.

    Raises
    ------
    ConfigError
        Fewer than two sets, sets that can't be compared, a threshold outside [0, 1].
    InputError, PeerError
        A file is missing or isn't an EncodedSet.
    LimitError
        Too many pairs are accepted.

    Notes
    -----
    Filters: about 4 thousand million pairs a second and core at 1,024 bits and threshold 0.8
    where the processor counts bits in vectors, a fifth of it elsewhere. Memory is linear in
    records and in accepted pairs.
    """
    bounds = Bounds(
        threshold_millionths(threshold), threshold_millionths(token_threshold), max_pairs, threads
    )
    opened = [
        each if isinstance(each, EncodedSet) else EncodedSet.open(Path(each)) for each in sets
    ]
    if len(opened) < _LEAST_PARTIES:
        raise ConfigError("link.too_few_sets", found=len(opened))
    for first, second in combinations(range(len(opened)), 2):
        _check_comparable(opened[first].header, opened[second].header, first + 1, second + 1)
    sides = [Side.of(each) for each in opened]
    tiers = (*tier_kinds(sides), FILTER_TIER)
    matching = match(sides, bounds, progress)
    rows_by_tier = np.bincount(matching.tier, minlength=len(tiers)).tolist()
    info = LinkInfo(
        threshold=bounds.threshold / MILLION,
        token_threshold=bounds.token_threshold / MILLION,
        records=tuple(len(each) for each in opened),
        groups=int(matching.group[-1]) + 1 if len(matching.group) else 0,
        rows_by_tier=dict(zip(tiers, rows_by_tier, strict=True)),
        token_pairs_refused=matching.tally.token_pairs_refused,
        pairs_compared=matching.tally.pairs_compared,
        greedy_components=matching.tally.greedy_components,
    )
    return Matches(_table(opened, matching, tiers), info)


def _check_comparable(one: Header, other: Header, position: int, other_position: int) -> None:
    fields = ["scheme", "bits"]
    # clkhash's JSON says nothing about its schema and key; its owners must know.
    if one.schema_digest is not None and other.schema_digest is not None:
        fields += ["schema_digest", "key_check", "agreement"]
    for field in fields:
        if getattr(one, field) != getattr(other, field):
            raise ConfigError(
                "link.headers_differ",
                field=field.removesuffix("_digest"),
                first=position,
                second=other_position,
            )


def _table(sets: Sequence[EncodedSet], matching: Matching, tiers: Sequence[str]) -> pa.Table:
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
