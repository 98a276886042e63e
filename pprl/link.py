"""Link encoded registers: EncodedSets of two or more parties in, match groups out.

Two parties, evidence by evidence, the strongest first: records with an equal token are assigned
one to one, then those still open by the next kind of token, and what is left by the similarity of
the filters, every pair compared. Three and more parties: the accepted pairs of all pairs of
parties are grouped, token pairs before filter pairs, at most one record of a party in a group; a
record is compared by weaker evidence with a party only where stronger evidence gave no pair.

The same inputs give the same bytes whatever the number of threads. Sets that were not encoded
alike are refused, never compared into "no matches". Nothing here sees a NIK or a name, knows a
threshold by itself, or talks to anybody. The heavy parts are imported when :func:`link` is called.

>>> import pyarrow as pa
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

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.errors import ConfigError
from pprl.limits import MAX_PAIRS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from pprl.encoded import EncodedSet, Header
    from pprl.matches import Matches

TOKEN_THRESHOLD = 0.5  # provisional, until thresholds are estimated from the data
_LEAST_PARTIES = 2


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
    Filters: about 3.5 thousand million pairs a second and core at 1,024 bits and threshold 0.8
    where the processor counts bits in vectors, a fifth of it elsewhere. Memory is linear in
    records and in accepted pairs.
    """
    from pprl.compare.measure import MILLION, threshold_millionths  # noqa: PLC0415 - see above
    from pprl.decide.matching import match, tier_kinds  # noqa: PLC0415
    from pprl.decide.tiers import FILTER_TIER, Bounds, Side  # noqa: PLC0415
    from pprl.encoded import EncodedSet  # noqa: PLC0415
    from pprl.matches import LinkInfo, Matches, match_table  # noqa: PLC0415

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
    rows_by_tier = [int((matching.tier == tier).sum()) for tier in range(len(tiers))]
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
    return Matches(match_table(opened, matching, tiers), info)


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
