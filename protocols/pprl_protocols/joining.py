"""From a result back to an agency's own records: what was found about each of them.

The way back from pseudo-IDs lies encrypted in the agency's home (:mod:`pprl_protocols.pseudonyms`);
with it, what the coordinator sealed becomes a table by own id, part by part (:func:`joined_parts`),
written for people by :mod:`pprl_protocols.overlap`. Nothing here decides a match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.compare.measure import MILLION
from pprl.errors import PeerError
from pprl.explain import explain
from pprl_protocols.id_rows import ID_BYTES, hex_ids, sorting
from pprl_protocols.result_file import ACCEPT, BANDS, UNKNOWN, id_words, numbers, raw_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pprl.catalogue import Language
    from pprl.explain import Band
    from pprl_protocols.id_rows import Integers, Places, Rows
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
_ROWS = 1 << 18


def joined(
    result: ResultFile,
    pseudonyms: Pseudonyms,
    *,
    beside: pa.Table | None = None,
    language: Language = "en",
) -> pa.Table:
    """Join a result to the recipient's own records: the parts of :func:`joined_parts` as one."""
    return pa.concat_tables(joined_parts(result, pseudonyms, beside=beside, language=language))


def joined_parts(
    result: ResultFile,
    pseudonyms: Pseudonyms,
    *,
    beside: pa.Table | None = None,
    language: Language = "en",
) -> Iterator[pa.Table]:
    """Join a result to the recipient's own records, some hundred thousand at a time.

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

    Yields
    ------
    pyarrow.Table
        :data:`JOINED_COLUMNS`: for every own record, in the order of the own file, and every
        other party a row, or several where several pairs wait for review. ``id`` (own) and
        ``party`` string, ``status`` matched, review or none; and null where there is none:
        ``tier``, ``band``, ``explanation`` string, ``precision`` and ``similarity`` (of the
        filters) int32 in millionths (null when unknown, too), ``match`` string (the match number
        in hexadecimal). Then the columns of ``beside``. At least one part, in which there may be
        no row.

    Raises
    ------
    PeerError
        The result is for somebody else, or names a record that isn't the recipient's.

    Notes
    -----
    Held are some 50 bytes a row at first, then 20, besides the columns of the result.
    """
    header, table = result.header, result.table
    if (header.agreement, header.recipient) != (pseudonyms.agreement, pseudonyms.party):
        raise PeerError("result.other", field="recipient")
    own = pseudonyms.rows_of(raw_ids(table, "id"))
    if (own < 0).any():
        raise PeerError("result.not_ours")
    others = np.asarray(header.others)
    # One number for every own record and other party; those without a row get one.
    cell = own * len(others) + np.searchsorted(others, numbers(table, "party"))
    del own
    without = np.ones(len(pseudonyms) * len(others), dtype=np.bool_)
    without[cell] = False
    group = id_words(table, "group")
    found = sorting(cell, group[:, 0], group[:, 1])
    del group
    cells = np.concatenate([cell[found], np.flatnonzero(without)])
    source = np.concatenate([found, np.full(len(cells) - len(found), -1)])
    # Two ascending runs, and no number in both.
    order = np.argsort(cells, kind="stable")
    cells, source = cells[order], source[order]
    del order, cell, found, without
    rows = _Rows.of(result, beside, language)
    for at in range(0, max(len(cells), 1), _ROWS):
        part = slice(at, at + _ROWS)
        yield _part(rows, pseudonyms, cells[part], source[part])


class _Rows(NamedTuple):
    """What is taken from, row by row of the result: whole columns, each in one piece."""

    header: ResultHeader
    columns: Mapping[str, Integers]
    group: Rows
    sentences: pa.Array
    which: Places
    beside: pa.Table | None

    @classmethod
    def of(cls, result: ResultFile, beside: pa.Table | None, language: Language) -> Self:
        """Gather the columns."""
        table = result.table
        names = ("tier", "band", "precision", "similarity")
        return cls(
            result.header,
            {name: numbers(table, name) for name in names},
            raw_ids(table, "group"),
            *_explanations(result.header, table, language),
            # In one piece: a take from several joins them each time.
            None if beside is None else beside.combine_chunks(),
        )


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


def _part(rows: _Rows, pseudonyms: Pseudonyms, cells: Places, source: Places) -> pa.Table:
    header = rows.header
    others = np.asarray(header.others)
    record, party = np.divmod(cells, len(others))
    none = source < 0
    at = source[~none]

    def taken(values: Integers) -> pa.Array:
        """Return values of the result's rows, null where there is no row."""
        out = np.zeros(len(source), dtype=values.dtype)
        out[~none] = values[at]
        return pa.array(out, mask=none)

    def named(names: Sequence[str], column: str) -> pa.Array:
        return pa.array(names, pa.string()).take(taken(rows.columns[column]))

    def millionths(column: str) -> pa.Array:
        values = taken(rows.columns[column])
        unknown = pc.equal(values, UNKNOWN).fill_null(fill_value=True)
        return pc.if_else(unknown, pa.scalar(None, pa.int32()), values)

    match = np.zeros((len(cells), ID_BYTES), dtype=np.uint8)
    match[~none] = rows.group[at]
    status = taken(rows.columns["band"]).fill_null(STATUSES.index("none"))
    # Own records follow each other: those of a part lie together.
    first = int(record[0]) if len(record) else 0
    ids = pseudonyms.ids.slice(first, int(record[-1]) - first + 1 if len(record) else 0)
    columns = [
        ids.take(pa.array(record - first)),
        pa.array(header.parties, pa.string()).take(pa.array(others[party])),
        pa.array(STATUSES).take(status),
        named(header.tiers, "tier"),
        named(BANDS, "band"),
        millionths("precision"),
        millionths("similarity"),
        pc.if_else(pa.array(none), pa.scalar(None, pa.string()), hex_ids(match)),
        rows.sentences.take(taken(rows.which)),
    ]
    part = pa.table(columns, names=list(JOINED_COLUMNS))
    if rows.beside is not None:
        row = pa.array(source, mask=none)
        for name in rows.beside.column_names:
            part = part.append_column(name, rows.beside.column(name).take(row))
    return part
