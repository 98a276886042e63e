"""From a result back to an agency's own records: what was found about each of them.

The way back from pseudo-IDs lies encrypted in the agency's home (:mod:`pprl_protocols.pseudonyms`);
with it, what the coordinator sealed becomes a table by own id (:func:`joined`), written for people
by :mod:`pprl_protocols.overlap`. Nothing here decides a match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import fixed_rows
from pprl.compare.measure import MILLION
from pprl.errors import PeerError
from pprl.explain import explain
from pprl_protocols.id_rows import ID_BYTES, hex_ids, sorting
from pprl_protocols.result_file import ACCEPT, BANDS, UNKNOWN, id_words, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.catalogue import Language
    from pprl.explain import Band
    from pprl_protocols.id_rows import Places
    from pprl_protocols.pseudonyms import Pseudonyms
    from pprl_protocols.result_file import ResultFile, ResultHeader

JOINED_COLUMNS = (
    "id",
    "party",
    "status",
    "tier",
    "band",
    "precision",
    "similarity",
    "match",
    "explanation",
)
STATUSES = ("matched", "review", "none")

_NO_TOKEN = ("filter", "contradicted")
_PER_MILLE = 1_000
_SHARES = MILLION // _PER_MILLE + 2  # unknown, 0 to 1000
_ROWS = 1 << 20


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
        ``tier``, ``band``, ``explanation`` string, ``precision`` and ``similarity`` (of the
        filters) int32 in millionths (null when unknown, too), ``match`` string (the match number
        in hexadecimal). Then the columns of ``beside``.

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

    def millionths(column: str) -> pa.Array:
        taken = table.column(column).take(row).combine_chunks()
        unknown = pc.equal(taken, UNKNOWN).fill_null(fill_value=True)
        return pc.if_else(unknown, pa.scalar(None, pa.int32()), taken)

    match = np.zeros((len(cells), ID_BYTES), dtype=np.uint8)
    found = pa.array(source[~none])
    numbered = table.column("group").take(found).combine_chunks()
    if len(found):
        match[~none] = fixed_rows(numbered, ID_BYTES)
    text = pc.if_else(pa.array(none), pa.scalar(None, pa.string()), hex_ids(match))
    columns = [
        pseudonyms.ids.take(pa.array(record)),
        pa.array(header.parties, pa.string()).take(pa.array(others[party])),
        pa.array(STATUSES).take(band.fill_null(STATUSES.index("none"))),
        named(header.tiers, "tier"),
        pa.array(BANDS).take(band),
        millionths("precision"),
        millionths("similarity"),
        text,
        sentences.take(pa.array(which.astype(np.int64)).take(row)),
    ]
    return pa.table(columns, names=list(JOINED_COLUMNS))
