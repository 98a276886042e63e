"""From matches to one result for each agency.

The coordinator cuts its matches into files of which each shows one agency its own pseudo-IDs and
nobody else's (:func:`results_of`); what an agency makes of its own: :mod:`pprl_protocols.joining`.
The match number is the same for all owners of a match. Match numbers are the key stream of AES-256
in counter mode under HMAC-SHA256(S, "pprl/v1/match" || 0 || run id), 16 bytes a match in the order
of the matches: without the coordinator's seed S nobody can tell what order that was, or make
another's number. A header shows a recipient only the estimates for pairs that it is in itself.
The file itself is :mod:`pprl_protocols.result_file`. Spec: RESULT.

>>> match_numbers(2, run="ab" * 16, seed=bytes(32)).shape
(2, 16)
"""

from __future__ import annotations

import hmac
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pprl.buffers import binary_array, fixed_array, raw_rows
from pprl.compare.measure import MILLION
from pprl.encoded import SEALED
from pprl_protocols.id_rows import ID_BYTES, hex_rows, sorting, words
from pprl_protocols.pseudonyms import gathered
from pprl_protocols.result_file import (
    ACCEPT,
    COLUMNS,
    REVIEW,
    SCHEMA,
    UNKNOWN,
    Pair,
    ResultFile,
    ResultHeader,
    Share,
    numbers,
    row_width,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pprl.encoded import EncodedSet
    from pprl.matches import Matches, PairInfo
    from pprl_protocols.id_rows import Places, Rows

__all__ = [
    "COLUMNS",
    "ResultFile",
    "ResultHeader",
    "match_numbers",
    "of_nothing",
    "results_of",
]

_LABEL = b"pprl/v1/match\x00"
_PERCENT = MILLION // 100
_PIECE_ROWS = 1 << 18


def match_numbers(count: int, *, run: str, seed: bytes) -> Rows:
    """Return ``uint8 (count, 16)``: the numbers of matches, no two of them equal."""
    key = hmac.digest(seed, _LABEL + run.encode(), "sha256")
    stream = Cipher(AES256(key), CTR(bytes(ID_BYTES))).encryptor().update(bytes(count * ID_BYTES))
    return np.frombuffer(stream, dtype=np.uint8).reshape(count, ID_BYTES)


def results_of(
    matches: Matches,
    sets: Sequence[EncodedSet],
    *,
    run: str,
    agreement: str,
    parties: Sequence[str],
    seed: bytes,
) -> list[ResultFile]:
    """Cut matches into one result for each agency.

    Parameters
    ----------
    matches
        Of ``sets``, whose ids are pseudo-IDs.
    sets, parties
        The encodings and the names of their agencies, in the order of the agreement.
    run, agreement
        Run id and digest of the agreement.
    seed
        The coordinator's S.

    Returns
    -------
    list of ResultFile
        In the order of ``parties``. A record in a match of several has a row for every other
        party in it; tier, precision and similarity are the weaker of what the two records have
        as their strongest in the match, so both owners read the same. A pair for review is a row
        on either side. Sealed attributes for the recipient are forwarded with accepted rows.
        Linear in matches, but for a sort.
    """
    if len(sets) != len(parties) or matches.info.records != tuple(len(each) for each in sets):
        message = "matches, sets and parties don't belong together"
        raise ValueError(message)
    table = pa.concat_tables([matches.table, matches.review])
    groups = numbers(table, "group").astype(np.int64)
    count = int(groups.max()) + 1 if len(groups) else 0
    tiers = tuple(matches.info.rows_by_tier)
    columns = {
        "group": match_numbers(count, run=run, seed=seed),
        "id": _pseudo(table),
        "band": np.where(np.arange(len(table)) < len(matches.table), ACCEPT, REVIEW),
        "tier": np.asarray(pc.index_in(table.column("tier"), pa.array(tiers))),
        "precision": np.asarray(table.column("precision").fill_null(UNKNOWN)),
        "similarity": np.asarray(table.column("similarity").fill_null(UNKNOWN)),
    }
    party = numbers(table, "party")
    places = [np.flatnonzero(party == at) for at in range(len(parties))]
    pairs = _pairs(matches, len(parties))
    results = []
    for me, name in enumerate(parties):
        edges = _edges(groups, places, me)
        blobs = _blobs(columns, edges, sets, name)
        rows = _rows(columns, groups[edges.own], edges, blobs)
        widths = {parties[at]: width for at, width in _widths(sets, name).items()}
        header = ResultHeader(
            run=run,
            agreement=agreement,
            recipient=name,
            parties=tuple(parties),
            tiers=tiers,
            pairs=pairs[me],
            rows=len(edges.own),
            row_width=row_width(widths),
        )
        results.append(ResultFile(header, rows))
    return results


def of_nothing(result: ResultFile) -> ResultFile:
    """Return a result that tells its recipient nothing about a record: for mode ``count``.

    What is left are the estimates, to whole percents and no narrower than they were, since finer
    ones would say how many matches there are; thresholds are left out for the same reason.
    """
    pairs = tuple(
        pair.model_copy(
            update={
                "accept": {},
                "review": {},
                "precision": _coarse(pair.precision),
                "recall": _coarse(pair.recall),
            }
        )
        for pair in result.header.pairs
    )
    header = result.header.model_copy(update={"rows": 0, "pairs": pairs})
    return ResultFile(header, result.table.slice(0, 0))


def _coarse(share: Share | None) -> Share | None:
    if share is None:
        return None
    value = (share.value + _PERCENT // 2) // _PERCENT * _PERCENT
    low, high = share.low // _PERCENT * _PERCENT, -(-share.high // _PERCENT) * _PERCENT
    return Share(value=min(max(value, low), high), low=low, high=high)


def _pseudo(table: pa.Table) -> Rows:
    chunks = [hex_rows(each) for each in table.column("id").chunks]
    return np.concatenate([np.empty((0, ID_BYTES), dtype=np.uint8), *chunks])


class _Edges(NamedTuple):
    """Rows of one party in the table of all matches, and the row beside each in its group.

    ``own`` and ``beside`` are rows of that table, ``other`` is whose the second is; int64 (n,).
    """

    own: Places
    beside: Places
    other: Places


def _edges(groups: Places, places: Sequence[Places], me: int) -> _Edges:
    none = np.empty(0, np.int64)
    own, beside, other = [none], [none], [none]
    for at, theirs in enumerate(places):
        if at == me:
            continue
        # A group has at most one record of a party.
        _, mine, there = np.intersect1d(
            groups[places[me]], groups[theirs], assume_unique=True, return_indices=True
        )
        own.append(places[me][mine])
        beside.append(theirs[there])
        other.append(np.full(len(mine), at, dtype=np.int64))
    return _Edges(np.concatenate(own), np.concatenate(beside), np.concatenate(other))


def _widths(sets: Sequence[EncodedSet], recipient: str) -> dict[int, int]:
    """Return by party how wide its blobs for a recipient are."""
    name = SEALED + recipient
    return {
        at: each.table.schema.field(name).type.byte_width
        for at, each in enumerate(sets)
        if name in each.table.schema.names
    }


def _blobs(
    columns: Mapping[str, Rows], edges: _Edges, sets: Sequence[EncodedSet], recipient: str
) -> list[tuple[Places, Rows]]:
    """Return what others have sealed for the recipient: of which rows, and their bytes."""
    found: list[tuple[Places, Rows]] = []
    for at in _widths(sets, recipient):
        rows = np.flatnonzero((edges.other == at) & (columns["band"][edges.own] == ACCEPT))
        wanted = columns["id"][edges.beside[rows]]
        # Sets are sorted by their pseudo-IDs; as texts of 16 bytes these sort the same.
        places = np.searchsorted(_texts(_pseudo(sets[at].table)), _texts(wanted))
        to = np.argsort(places)
        column = sets[at].table.column(SEALED + recipient)
        sealed = gathered(column, places[to], to)
        found.append((rows, raw_rows(sealed, column.type.byte_width)))
    return found


def _attributes(blobs: Sequence[tuple[Places, Rows]], order: Places) -> pa.ChunkedArray:
    """Return the column of sealed attributes, null where there is none, in the order of rows.

    A piece at a time: together they may be more than one array of Arrow's can hold.
    """
    width, place, which = (np.zeros(len(order), dtype=np.int64) for _ in range(3))
    for number, (rows, sealed) in enumerate(blobs):
        width[rows], place[rows], which[rows] = sealed.shape[1], np.arange(len(rows)), number
    pieces = []
    for start in range(0, len(order), _PIECE_ROWS):
        part = order[start : start + _PIECE_ROWS]
        ends = np.append(0, np.cumsum(width[part]))
        data = np.empty(ends[-1], dtype=np.uint8)
        for number, (_, sealed) in enumerate(blobs):
            mine = np.flatnonzero((which[part] == number) & (width[part] > 0))
            at = ends[mine, np.newaxis] + np.arange(sealed.shape[1])
            data[at] = sealed[place[part[mine]]]
        pieces.append(binary_array(data, ends, width[part] > 0))
    return pa.chunked_array(pieces, pa.binary())


def _texts(rows: Rows) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(rows).view(f"S{ID_BYTES}").reshape(-1)


def _weaker(columns: Mapping[str, Rows], edges: _Edges) -> dict[str, Rows]:
    """Return the evidence of each row as both owners read it."""
    weaker = {
        "tier": np.maximum(columns["tier"][edges.own], columns["tier"][edges.beside]),
        "band": columns["band"][edges.own],
    }
    for name in ("precision", "similarity"):  # unknown is the smallest number
        weaker[name] = np.minimum(columns[name][edges.own], columns[name][edges.beside])
    return weaker


def _rows(
    columns: Mapping[str, Rows],
    group: Places,
    edges: _Edges,
    blobs: Sequence[tuple[Places, Rows]],
) -> pa.Table:
    ids, matches, other = columns["id"][edges.own], columns["group"][group], edges.other
    sort_ids, sort_matches = words(ids), words(matches)
    order = sorting(sort_ids[:, 0], sort_ids[:, 1], other, sort_matches[:, 0], sort_matches[:, 1])
    evidence = {
        name: pa.array(values[order].astype(SCHEMA.field(name).type.to_pandas_dtype()))
        for name, values in _weaker(columns, edges).items()
    }
    return pa.table(
        {
            "id": fixed_array(ids[order]),
            "group": fixed_array(matches[order]),
            "party": pa.array(other[order].astype(np.int8)),
            **{name: evidence[name] for name in ("band", "tier", "precision", "similarity")},
            "family": pa.nulls(len(order), pa.binary()),
            "attributes": _attributes(blobs, order),
        },
        schema=SCHEMA,
    )


def _pairs(matches: Matches, count: int) -> list[tuple[Pair, ...]]:
    """Return by party what is said about its pairs with the others."""
    estimates = {info.parties: info for info in matches.info.pairs}
    tried = set(matches.info.rows_by_tier)
    found: list[list[Pair]] = [[] for _ in range(count)]
    both = zip(combinations(range(count), 2), matches.verdicts, strict=True)
    for (first, second), verdict in both:
        info = estimates.get((first, second))
        for me, other in ((first, second), (second, first)):
            found[me].append(
                Pair(
                    other=other,
                    accept=_bars(verdict.accept, tried),
                    review=_bars(verdict.review, tried),
                    precision=_share(info, "precision"),
                    recall=_share(info, "recall"),
                )
            )
    return [tuple(sorted(each, key=lambda pair: pair.other)) for each in found]


def _bars(bars: Mapping[str, int], tried: set[str]) -> dict[str, int | None]:
    return {
        tier: None if bar > MILLION else int(bar) for tier, bar in bars.items() if tier in tried
    }


def _share(info: PairInfo | None, name: str) -> Share | None:
    value = getattr(info, f"estimated_{name}", None)
    ends = getattr(info, f"estimated_{name}_interval", None)
    if value is None or ends is None:
        return None
    value, low, high = (round(each * MILLION) for each in (value, *ends))
    return Share(value=value, low=low, high=high)
