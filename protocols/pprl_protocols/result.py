"""From matches to one result per agency, and from a result back to an agency's own records.

The coordinator cuts its matches into files of which each shows one agency its own pseudo-IDs and
nobody else's (:func:`results_of`); the agency joins what it got to its own ids (:func:`joined`).
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

from pprl.buffers import fixed_array, fixed_rows
from pprl.compare.measure import MILLION
from pprl.encoded import SEALED
from pprl.errors import PeerError
from pprl.explain import explain
from pprl_protocols.id_rows import ID_BYTES, hex_ids, hex_rows, sorting, words
from pprl_protocols.result_file import (
    ACCEPT,
    BANDS,
    COLUMNS,
    REVIEW,
    SCHEMA,
    UNKNOWN,
    Pair,
    ResultFile,
    ResultHeader,
    Share,
    id_words,
    numbers,
    row_width,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pprl.catalogue import Language
    from pprl.encoded import EncodedSet
    from pprl.explain import Band
    from pprl.matches import Matches, PairInfo
    from pprl_protocols.id_rows import Places, Rows
    from pprl_protocols.pseudonyms import Pseudonyms

__all__ = [
    "COLUMNS",
    "JOINED_COLUMNS",
    "ResultFile",
    "ResultHeader",
    "joined",
    "match_numbers",
    "results_of",
]

JOINED_COLUMNS = (
    "id",
    "party",
    "status",
    "tier",
    "band",
    "precision",
    "match",
    "explanation",
)
STATUSES = ("matched", "review", "none")

_LABEL = b"pprl/v1/match\x00"
_NO_TOKEN = ("filter", "contradicted")
_PER_MILLE = 1_000
_SHARES = MILLION // _PER_MILLE + 2  # unknown, 0 to 1000
_ROWS = 1 << 20


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


def joined(
    result: ResultFile,
    pseudonyms: Pseudonyms,
    *,
    beside: pa.Table | None = None,
    language: Language = "en",
) -> pa.Table:
    """Join a result to the recipient's own records.

    Parameters
    ----------
    result
        As :meth:`ResultFile.open` gives it.
    pseudonyms
        The way back, kept since the records were encoded.
    beside
        Further columns beside the rows of the result; null where a record has none.
    language
        Of the explanations.

    Returns
    -------
    pyarrow.Table
        :data:`JOINED_COLUMNS`: for every own record, in the order of the own file, and every
        other party a row, or several where several pairs wait for review. ``id`` (own) and
        ``party`` string, ``status`` matched, review or none; and null where there is none:
        ``tier``, ``band``, ``explanation`` string, ``precision`` int32 in millionths (null when
        unknown, too), ``match`` string (the match number in hexadecimal). Then the columns of
        ``beside``.

    Raises
    ------
    PeerError
        The result is for somebody else, or names a record that isn't the recipient's.
    """
    header, table = result.header, result.table
    if (header.agreement, header.recipient) != (pseudonyms.agreement, pseudonyms.party):
        raise PeerError("result.other", field="recipient")
    pseudo = [fixed_rows(each, ID_BYTES) for each in table.column("id").chunks]
    own = pseudonyms.rows_of(np.concatenate([np.empty((0, ID_BYTES), np.uint8), *pseudo]))
    if (own < 0).any():
        raise PeerError("result.not_ours")
    others = np.asarray(header.others)
    # One number for every own record and other party; those without a row get one.
    cell = own * len(others) + np.searchsorted(others, numbers(table, "party"))
    without = np.ones(len(pseudonyms) * len(others), dtype=np.bool_)
    without[cell] = False
    missing = np.flatnonzero(without)
    cells = np.concatenate([cell, missing])
    group = np.concatenate([id_words(table, "group"), np.zeros((len(missing), 2), np.uint64)])
    order = sorting(cells, group[:, 0], group[:, 1])
    cells = cells[order]
    source = np.where(order < len(table), order, -1)
    sentences, which = _explanations(header, table, language)
    parts = [
        _beside(
            beside,
            source[at : at + _ROWS],
            _part(
                result,
                pseudonyms,
                cells[at : at + _ROWS],
                source[at : at + _ROWS],
                sentences,
                which,
            ),
        )
        for at in range(0, max(len(cells), 1), _ROWS)
    ]
    return pa.concat_tables(parts)


def _beside(beside: pa.Table | None, source: Places, part: pa.Table) -> pa.Table:
    if beside is None:
        return part
    rows = pa.array(source, mask=source < 0)
    for name in beside.column_names:
        part = part.append_column(name, beside.column(name).take(rows))
    return part


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
) -> NDArray[np.object_]:
    """Return what the other party of each row has sealed for the recipient; None for nothing."""
    out = np.full(len(edges.own), None, dtype=object)
    for at in _widths(sets, recipient):
        rows = np.flatnonzero((edges.other == at) & (columns["band"][edges.own] == ACCEPT))
        wanted = columns["id"][edges.beside[rows]]
        # Sets are sorted by their pseudo-IDs; as texts of 16 bytes these sort the same.
        known = _pseudo(sets[at].table)
        found = np.searchsorted(_texts(known), _texts(wanted))
        column = sets[at].table.column(SEALED + recipient)
        out[rows] = np.array([*column.take(pa.array(found)).to_pylist(), None], object)[:-1]
    return out


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
    columns: Mapping[str, Rows], group: Places, edges: _Edges, blobs: NDArray[np.object_]
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
            "attributes": pa.array(blobs[order], pa.binary()),
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


def _explanations(
    header: ResultHeader, table: pa.Table, language: Language
) -> tuple[pa.Array, Places]:
    """Return the different sentences, and which of them each row has."""
    kind = None if header.tiers[0] in _NO_TOKEN else header.tiers[0]
    precision = numbers(table, "precision").astype(np.int64)
    # Sentences say tenths of a percent, rounded down: rows that read alike are written once.
    share = np.where(precision == UNKNOWN, 0, precision // _PER_MILLE + 1)
    code = (numbers(table, "tier").astype(np.int64) * len(BANDS) + numbers(table, "band")) * 2
    code = (code + (numbers(table, "similarity") == UNKNOWN)) * _SHARES + share
    codes, which = np.unique(code, return_inverse=True)
    sentences = []
    for each in codes.tolist():
        rest, share_code = divmod(each, _SHARES)
        rest, blind = divmod(rest, 2)
        tier, band = divmod(rest, len(BANDS))
        name: Band = "accept" if band == ACCEPT else "review"
        known = (share_code - 1) * _PER_MILLE if share_code else None
        sentences.append(
            explain(
                header.tiers[tier], name, known, kind=kind, blind=bool(blind), language=language
            )
        )
    return pa.array(sentences, pa.string()), which


def _part(
    result: ResultFile,
    pseudonyms: Pseudonyms,
    cells: Places,
    source: Places,
    sentences: pa.Array,
    which: Places,
) -> pa.Table:
    header, table = result.header, result.table
    others = np.asarray(header.others)
    record, party = np.divmod(cells, len(others))
    none = source < 0
    # Nulls where there is no row; an index that is null takes null.
    row = pa.array(source, mask=none)

    def named(names: Sequence[str], column: str) -> pa.Array:
        at = numbers(table, column).astype(np.int64)
        return pa.array(names, pa.string()).take(pa.array(at).take(row))

    band = pa.array(numbers(table, "band").astype(np.int64)).take(row)
    precision = table.column("precision").take(row).combine_chunks()
    match = np.zeros((len(cells), ID_BYTES), dtype=np.uint8)
    found = pa.array(source[~none])
    numbered = table.column("group").take(found).combine_chunks()
    if len(found):
        match[~none] = fixed_rows(numbered, ID_BYTES)
    text = pc.if_else(pa.array(none), pa.scalar(None, pa.string()), hex_ids(match))
    unknown = pc.equal(precision, UNKNOWN).fill_null(fill_value=True)
    columns = [
        pseudonyms.ids.take(pa.array(record)),
        pa.array(header.parties, pa.string()).take(pa.array(others[party])),
        pa.array(STATUSES).take(band.fill_null(STATUSES.index("none"))),
        named(header.tiers, "tier"),
        pa.array(BANDS).take(band),
        pc.if_else(unknown, pa.scalar(None, pa.int32()), precision),
        text,
        sentences.take(pa.array(which.astype(np.int64)).take(row)),
    ]
    return pa.table(columns, names=list(JOINED_COLUMNS))
