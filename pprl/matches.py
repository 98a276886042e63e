"""What linking gives: groups of records that are the same person, and how they came about.

Records are named by the ids of their sets; nothing else about them is known here.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import rfc8785

from pprl.compare.measure import MILLION
from pprl.compare.pairs import NO_FILTER
from pprl.decide.judge import UNKNOWN
from pprl.encoded import METADATA_KEY
from pprl.explain import explain
from pprl.io.atomic import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pprl.catalogue import Language
    from pprl.compare.measure import Counts
    from pprl.decide.assignment import Flags
    from pprl.decide.judge import Verdict
    from pprl.decide.matching import Evidence, Matching
    from pprl.encoded import EncodedSet

COLUMNS = ("group", "party", "id", "similarity", "tier", "band", "precision", "explanation")
ACCEPT, REVIEW = "accept", "review"

_CSV_ROWS = 65_536


@dataclass(frozen=True)
class PairInfo:
    """What was estimated for one pair of parties.

    Attributes
    ----------
    parties
        Positions of their sets.
    accept, review
        By tier, the similarity in [0, 1] from which pairs are accepted and reviewed; None where
        no pair is.
    estimated_precision, estimated_recall
        Of the accepted matches, and their 95% intervals; None when they can't be said.
    recall_reason
        Why not: ``no_tokens`` (no evidence apart from the filters) or ``few_tokens``.
    persons
        How many persons both are expected to have.
    duplicates
        For each, how many other records of the same person a record has on average.
    namesakes
        Sampled pairs inside the files that share everything without being one person.
    rows_sampled, pairs_sampled, null_events
        Rows and pairs looked at inside the files, and the pairs among them, not known to be one
        person, that reach the accept bar of ``filter``.
    compared_from
        Dice coefficient in [0, 1] from which filters were compared.
    block_recall
        Share of the common persons whose records share a block, as their tokens tell; None where
        every pair is compared, or where tokens can't tell.
    """

    parties: tuple[int, int]
    accept: Mapping[str, float | None]
    review: Mapping[str, float | None]
    estimated_precision: float | None
    estimated_precision_interval: tuple[float, float] | None
    estimated_recall: float | None
    estimated_recall_interval: tuple[float, float] | None
    recall_reason: str | None
    persons: float
    duplicates: tuple[float, ...]
    namesakes: float
    rows_sampled: tuple[int, ...]
    pairs_sampled: int
    null_events: int
    compared_from: float
    block_recall: float | None = None


@dataclass(frozen=True)
class LinkInfo:
    """How matches came about. Nothing that differs from run to run, and nothing about a record.

    Attributes
    ----------
    measure
        What similarity is: ``dice`` beside a given threshold; ``dice_overlap``, the mean of Dice
        and overlap coefficient, where thresholds are estimated; ``majority`` of hardened filters.
    threshold
        Similarity in [0, 1] from which filters were accepted, as it was compared: whole
        millionths. With more than two parties the largest; None when no pair was accepted by it.
    token_threshold
        The same for pairs with an equal token of the strongest kind; None without tokens.
    target_precision
        What was asked for; None for the largest F1, or for a given threshold.
    estimated_precision, estimated_recall
        Over all pairs of parties, and their 95% intervals; None when they can't be said.
    recall_reason
        Why recall can't.
    seed
        Of the samples; None when the threshold was given.
    records
        Records of each set.
    groups
        Groups found.
    rows_by_tier
        For each tier that was tried, how many records were matched in it.
    review_pairs
        Pairs left for review.
    token_pairs_refused
        Pairs with an equal token whose filters (or other tokens) did not agree.
    candidates
        Which pairs of filters were compared: ``exhaustive``, all; ``blocks``, those that share a
        block; ``lsh``, those that share a bucket of sampled bits.
    block_passes
        The blocking passes; none when all pairs were.
    block_recall
        The smallest share, over pairs of parties, of the common persons whose records share a
        block, as their tokens tell; the others can be found by a token only. With ``lsh`` the share
        of similar pairs that share a bucket. None where every pair was compared, or where tokens
        can't tell.
    bands, skipped_pairs
        With ``lsh``, how many bands there were, and about how many pairs of crowded buckets were
        not looked at; 0 otherwise.
    pairs_compared
        Pairs whose filters were compared, those ruled out by their numbers of bits included. With
        ``lsh`` each once for every band in which it was.
    contested_pairs
        Pairs that reached their bar and lost a record to a stronger pair or group.
    exchanged
        Records that took another's place in a group, for its larger total evidence.
    greedy_components
        Sets of entangled pairs that were too large for an exact one-to-one assignment.
    pairs
        The estimates by pair of parties; empty when the threshold was given.
    """

    measure: str
    threshold: float | None
    token_threshold: float | None
    target_precision: float | None
    estimated_precision: float | None
    estimated_precision_interval: tuple[float, float] | None
    estimated_recall: float | None
    estimated_recall_interval: tuple[float, float] | None
    recall_reason: str | None
    seed: int | None
    records: tuple[int, ...]
    groups: int
    rows_by_tier: Mapping[str, int]
    review_pairs: int
    token_pairs_refused: int
    candidates: str
    block_passes: tuple[str, ...]
    block_recall: float | None
    bands: int
    skipped_pairs: int
    pairs_compared: int
    contested_pairs: int
    exchanged: int
    greedy_components: int
    pairs: tuple[PairInfo, ...]


@dataclass(frozen=True)
class Matches:
    """Groups of records that are the same person, and pairs that may be.

    Attributes
    ----------
    table
        One row a record in a group: ``group`` int64, ``party`` int32 (position of its set),
        ``id`` string, ``similarity`` int32 in millionths (null when the match has no filter to
        show for it), ``tier`` string (a token kind, ``filter`` or ``contradicted``), ``band``
        string (``accept``), ``precision`` int32 in millionths: how many of such pairs are right
        (null when nothing was estimated). Similarity, tier and precision are those of the
        strongest accepted pair between the record and another of its group. Sorted by group and
        party; groups are numbered by their first record. The schema's metadata holds ``info``.
    review
        The same columns for pairs that a person should decide, ``band`` ``review``: two rows a
        pair, numbered on from the last group. Neither record is in a group with the other's
        party; a record can be in several pairs.
    info
        How they came about.
    kind
        The strongest kind of token, which explanations name; None without tokens.
    verdicts
        By pair of parties, the bars, and the curves behind them unless a threshold was given.
    """

    table: pa.Table
    review: pa.Table
    info: LinkInfo
    kind: str | None
    verdicts: tuple[Verdict, ...]

    def to_csv(self, path: Path, *, force: bool = False, language: Language = "en") -> None:
        """Write the groups: :data:`COLUMNS`, similarity and precision with six decimals.

        Raises
        ------
        ConfigError
            The file exists and ``force`` isn't given, or can't be written.
        """
        with publish(path, force=force) as temporary:
            self.write_csv(temporary, language=language)

    def write_csv(self, path: Path, *, review: bool = False, language: Language = "en") -> None:
        """Write the groups, or the pairs for review, to a file of the caller's. Not atomic."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            table = self.review if review else self.table
            for batch in table.to_batches(max_chunksize=_CSV_ROWS):
                writer.writerows(zip(*self._written(batch, language), strict=True))

    def _written(self, batch: pa.RecordBatch, language: Language) -> Iterator[Sequence[object]]:
        """Yield the columns as they are written."""
        columns = {name: batch.column(name).to_pylist() for name in COLUMNS[:-1]}
        for name in ("similarity", "precision"):
            columns[name] = _each_once([columns[name]], _decimal)
        yield from columns.values()
        blind = batch.column("similarity").is_null().to_pylist()
        yield _each_once(
            [*(batch.column(name).to_pylist() for name in ("tier", "band", "precision")), blind],
            lambda tier, band, precision, blind: explain(
                tier, band, precision, kind=self.kind, blind=blind, language=language
            ),
        )


def _each_once(columns: Sequence[list[Any]], make: Callable[..., str]) -> list[str]:
    """Return what is made of each row. Few values, many rows: each is made once."""
    made: dict[tuple[object, ...], str] = {}
    out = []
    for key in zip(*columns, strict=True):
        text = made.get(key)
        if text is None:
            text = made[key] = make(*key)
        out.append(text)
    return out


def group_table(
    sets: Sequence[EncodedSet], matching: Matching, tiers: Sequence[str], info: LinkInfo
) -> pa.Table:
    """Return the rows of :attr:`Matches.table` for records that were matched."""
    evidence = matching.evidence[matching.best]
    return _table(sets, matching.record, matching.group, evidence, tiers, ACCEPT, info)


def review_table(
    sets: Sequence[EncodedSet], matching: Matching, tiers: Sequence[str], info: LinkInfo
) -> pa.Table:
    """Return the rows of :attr:`Matches.review`."""
    both = np.repeat(np.arange(len(matching.review)), 2)
    evidence = matching.review[both]
    record = np.where(np.arange(len(both)) % 2 == 0, evidence.first, evidence.second)
    return _table(sets, record, both + info.groups, evidence, tiers, REVIEW, info)


def _table(
    sets: Sequence[EncodedSet],
    record: Counts,
    group: Counts,
    evidence: Evidence,
    tiers: Sequence[str],
    band: str,
    info: LinkInfo,
) -> pa.Table:
    starts = np.cumsum([0, *(len(each) for each in sets)])
    party = np.searchsorted(starts, record, side="right") - 1
    ids = pa.chunked_array(
        [
            chunk
            for position, each in enumerate(sets)
            for chunk in each.ids.take(record[party == position] - starts[position]).chunks
        ],
        type=pa.string(),
    )
    # The ids are party by party so far, the rows group by group.
    place = np.empty(len(party), dtype=np.int64)
    place[np.argsort(party, kind="stable")] = np.arange(len(party))
    tier = pa.DictionaryArray.from_arrays(evidence.tier, pa.array(tiers, pa.string()))
    columns = {
        "group": pa.array(group),
        "party": pa.array(party.astype(np.int32)),
        "id": ids.take(place),
        "similarity": _known(evidence.similarity, evidence.similarity != NO_FILTER),
        "tier": tier.cast(pa.string()),
        "band": pa.repeat(pa.scalar(band), len(record)),
        "precision": _known(evidence.precision, evidence.precision != UNKNOWN),
    }
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: _canonical(info)})


def _known(millionths: Counts, known: Flags) -> pa.Array:
    return pa.array(millionths.astype(np.int32), mask=~known)


def _canonical(info: LinkInfo) -> bytes:
    return rfc8785.dumps(asdict(info))


def _decimal(millionths: int | None) -> str:
    if millionths is None:
        return ""
    return f"{millionths // MILLION}.{millionths % MILLION:06d}"
