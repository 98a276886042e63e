"""A link of two registers of tens of millions beside the truth, and beside all pairs.

``pprl lab evaluate`` says much more and keeps ids as texts in a database; here ids are numbers, and
little is asked: how many matches are right, how many of the persons in both registers were found,
and of the pairs that a comparison of everything with everything would accept, how many were
candidates. The last is asked of a sample of the left register against all of the right one, a
million filters at a time. For registers as ``pprl.lab.simulate`` writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pprl.candidates.exhaustive import similar_pairs
from pprl.candidates.lsh import Bands
from pprl.candidates.passes import Blocks
from pprl.compare.measure import MILLION, measure_of
from pprl.decide.tiers import Side
from pprl.encoded import EncodedSet
from pprl.link import _bands as bands_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 24
_AT_ONCE = 1 << 20  # filters compared with the sample at once


class Truth(NamedTuple):
    """Of one party: ids as numbers, ascending, and the entity of each; int64 (records,)."""

    ids: NDArray[np.int64]
    entities: NDArray[np.int64]

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entities of records."""
        return self.entities[np.searchsorted(self.ids, ids)]


def read_truth(path: Path) -> list[Truth]:
    """Read truth.csv of two parties."""
    columns = ("party", "id", "entity")
    parts = [
        (each.column("party").to_numpy(), number_of(each.column("id")), each.column("entity"))
        for each in _batches(path, columns)
    ]
    party, ids, entities = (np.concatenate(each) for each in zip(*parts, strict=True))
    truth = []
    for number in (0, 1):
        mine = np.flatnonzero(party == number)
        order = mine[np.argsort(ids[mine])]
        truth.append(Truth(ids[order], entities[order]))
    return truth


def scores(matches: Path, truth: Sequence[Truth]) -> dict[str, int | float]:
    """Return how many pairs were found, and their precision and recall.

    A person is findable once, however often a register has it; matches of two parties are pairs.
    """
    parts = [
        (each.column("group").to_numpy(), each.column("party").to_numpy(), number_of(each["id"]))
        for each in _batches(matches, ("group", "party", "id"))
    ]
    group, party, ids = (np.concatenate(each) for each in zip(*parts, strict=True))
    sides = []
    for number in (0, 1):
        mine = np.flatnonzero(party == number)
        mine = mine[np.argsort(group[mine])]
        sides.append((group[mine], truth[number].of(ids[mine])))
    (groups, left), (others, right) = sides
    if not np.array_equal(groups, others):
        message = "a group that isn't a pair"
        raise ValueError(message)
    right_ones = left == right
    findable = len(np.intersect1d(truth[0].entities, truth[1].entities))
    return {
        "found": len(left),
        "right": int(right_ones.sum()),
        "findable": findable,
        "precision": float(right_ones.mean()),
        "recall": len(np.unique(left[right_ones])) / findable,
    }


def candidate_recall(
    files: Sequence[Path],
    info: dict[str, object],
    truth: Sequence[Truth],
    *,
    rows: int,
    seed: int,
    recall: float,
) -> dict[str, int | float | None]:
    """Compare a sample of the left register with all of the right one.

    Parameters
    ----------
    files
        The two encoded registers.
    info
        What the link said about itself.
    truth
        Of both.
    rows, seed
        How many records of the left register are drawn, and how.
    recall
        What was asked of ``lsh``.

    Returns
    -------
    ``pairs`` that reach the link's own bar of tier ``filter``, how many of them are of one person
    (``true_pairs``), and which shares of either were candidates, by a block or by an equal token.
    """
    left, right = (EncodedSet.open(path) for path in files)
    measure = measure_of(left.header)
    bar = round(info["pairs"][0]["accept"]["filter"] * MILLION)
    some = np.flatnonzero(left.has_filter())
    some = np.sort(np.random.default_rng(seed).choice(some, min(rows, len(some)), replace=False))
    sample = left.filters()[some]
    places, others = _reaching(sample, right, measure, bar)
    places = some[places]
    close = _candidates((left, right), info, places, others, recall)
    token = _equal_tokens((left, right), places, others)
    true = truth[0].of(_ids(left, places)) == truth[1].of(_ids(right, others))
    return {
        "sampled": len(some),
        "bar": bar / MILLION,
        "pairs": len(places),
        "candidates": _share(close),
        "candidates_or_tokens": _share(close | token),
        "true_pairs": int(true.sum()),
        "true_candidates": _share(close[true]),
        "true_candidates_or_tokens": _share((close | token)[true]),
    }


def _reaching(sample, right, measure, bar):
    """Return the pairs of the sample and all others that weigh enough: places in either."""
    filters = right.filters()
    set_bits = np.bitwise_count(sample).sum(axis=1, dtype=np.int64)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(right), _AT_ONCE):
        part = filters[np.arange(start, min(start + _AT_ONCE, len(right)))]
        pairs = similar_pairs(sample, part, measure.below(bar), measure=measure)
        part_bits = np.bitwise_count(part[pairs.right]).sum(axis=1, dtype=np.int64)
        weighed = measure.weigh(pairs.similarity.astype(np.int64), set_bits[pairs.left], part_bits)
        kept = weighed >= bar
        found.append((pairs.left[kept].astype(np.int64), pairs.right[kept] + start))
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def _candidates(sets, info, rows, others, recall):
    """Return which pairs the link compared."""
    if info["candidates"] == "exhaustive":
        return np.ones(len(rows), dtype=np.bool_)
    if info["candidates"] == "blocks":
        left, right = (Blocks.of(each, info["block_passes"]) for each in sets)
        return left.agree(right, rows, others)
    # Read off the filters again, as the link did: the same sides and seed, the same bands.
    sides = [Side.of(each) for each in sets]
    plan = bands_for(sides, recall, info["seed"])
    left, right = (Bands(side.filters, plan) for side in sides)
    return left.agree(right, rows, others)


def _equal_tokens(sets, rows, others):
    equal = np.zeros(len(rows), dtype=np.bool_)
    for kind in sets[0].token_kinds:
        one, other = (
            each.token_column(kind).take(pa.array(places))
            for each, places in zip(sets, (rows, others), strict=True)
        )
        equal |= np.asarray(pc.equal(one, other).fill_null(fill_value=False))
    return equal


def number_of(ids: pa.Array) -> NDArray[np.int64]:
    """Return simulated ids as numbers: those of the first register begin with ``KTM-``."""
    digits = pc.replace_substring_regex(ids.cast(pa.string()), r"^\D+", "")
    return digits.cast(pa.int64()).to_numpy(zero_copy_only=False)


def _ids(records, places):
    return number_of(records.ids.take(pa.array(places)).combine_chunks())


def _share(flags) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    types = {"id": pa.string(), "group": pa.int64(), "party": pa.int8(), "entity": pa.int64()}
    convert = csv.ConvertOptions(include_columns=list(columns), column_types=types)
    with csv.open_csv(
        path, read_options=csv.ReadOptions(block_size=_BLOCK_BYTES), convert_options=convert
    ) as reader:
        yield from reader
