"""What an agency hands over for matched records, and what it is handed: with the keys of its run.

The sealed columns travel beside the encodings; the coordinator forwards those of matched records.
Both owners of a pair then compute which families belong together, each by itself and both the same
(:mod:`pprl.decide.families`).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

from pprl.compare.measure import MILLION
from pprl.decide.families import link_families
from pprl.encoded import STRATUM, EncodedSet
from pprl_protocols import attributes, release
from pprl_protocols.attributes import CARD_BYTES, HANDLE_BYTES, Sealer
from pprl_protocols.id_rows import ID_BYTES, hex_ids, words
from pprl_protocols.release import Handles, card_rows
from pprl_protocols.result_file import ACCEPT, numbers, raw_ids
from pprl_protocols.roles.signing import contribution, kept
from pprl_protocols.runkey import attribute_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl_protocols.attributes import Layout
    from pprl_protocols.id_rows import Places, Rows
    from pprl_protocols.pseudonyms import Pseudonyms
    from pprl_protocols.release import Beside
    from pprl_protocols.result_file import ResultFile
    from pprl_protocols.session import Session

FAMILY_COLUMNS = ("family", "family_members")
_SECRET_BYTES = 32
_CARD, _HEAD = 1, 2  # bits of the first byte that travels beside a handle
_STRONG = 99 * MILLION // 100
_NO_TOKEN = ("filter", "contradicted")
_ROWS = 1 << 16


def attach(
    session: Session, encoded: EncodedSet, beside: Beside, pseudonyms: Pseudonyms, folder: Path
) -> EncodedSet:
    """Return encodings with what travels beside them: agreed strata, and sealed attributes.

    Parameters
    ----------
    session
        The agency's.
    encoded, beside, pseudonyms
        All in the order of the own file.
    folder
        For the sealed columns, while the work goes on.

    Raises
    ------
    InputError
        A value is longer than agreed.
    """
    encoded = _with_strata(encoded, beside)
    layouts = attributes.layouts_to(session.agreement, session.me.name)
    if not layouts:
        return encoded
    families = _handles(session) if session.agreement.disclosure.families else None
    pairs = contribution(session).pairs
    sealers = {
        name: (_sealer(session, pairs[name], layout, session.me.name, name), families)
        for name, layout in sorted(layouts.items())
    }
    path = folder / "sealed.arrow"
    sealed = release.sealed_columns(beside, pseudonyms.pseudo, sealers, path)
    table = encoded.table
    for name in sealed.column_names:
        field = sealed.schema.field(name)
        table = table.append_column(field, sealed.column(name))
    return EncodedSet(encoded.header, table)


def opened(session: Session, file: ResultFile, pseudonyms: Pseudonyms) -> pa.Table | None:
    """Open what other agencies have released, and find the families; None where nothing travels.

    Returns
    -------
    pyarrow.Table
        Beside the rows of the result: where families are agreed, ``family`` (string: the smallest
        match number of the pair of families, the same at both owners) and ``family_members``
        (int32: how many of them were matched), then every attribute (string); null where there is
        nothing.

    Raises
    ------
    PeerError
        A blob doesn't open.
    """
    agreement, me = session.agreement, session.me.name
    layouts = attributes.layouts_from(agreement, me)
    if not layouts:
        return None
    pairs = kept(session).pairs
    party, accepted = numbers(file.table, "party"), numbers(file.table, "band") == ACCEPT
    matched = {
        name: _Matched.of(
            np.flatnonzero(accepted & (party == file.header.parties.index(name))),
            _sealer(session, pairs[name], layout, name, me),
        )
        for name, layout in sorted(layouts.items())
    }
    names = list(dict.fromkeys(name for one in layouts.values() for name, _ in one.columns))
    # A part at a time: what Python holds of a record is many times what it says.
    parts = [
        _opened(column, start, matched.values(), names)
        for start, column in _parts(file.table.column("attributes"))
    ]
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    if agreement.disclosure.families:
        columns |= _families(session, file, matched, pseudonyms)
    columns |= {
        name: pa.chunked_array([part[name] for part in parts], pa.string()) for name in names
    }
    return pa.table(columns)


class _Matched(NamedTuple):
    """The matches with one other agency, and what comes to light about its families.

    ``rows`` of the result, int64 (n,); ``handles`` and ``cards`` as
    :class:`pprl_protocols.attributes.Opened` has them.
    """

    rows: Places
    sealer: Sealer
    handles: Rows
    cards: Rows

    @classmethod
    def of(cls, rows: Places, sealer: Sealer) -> Self:
        """Make room for them."""
        handles, cards = (
            np.empty((len(rows), width), dtype=np.uint8) for width in (HANDLE_BYTES, CARD_BYTES)
        )
        return cls(rows, sealer, handles, cards)


def _parts(column: pa.ChunkedArray) -> Iterator[tuple[int, pa.Array]]:
    """Yield the column in pieces, each with the row at which it starts."""
    start = 0
    for chunk in column.chunks:
        for at in range(0, len(chunk), _ROWS):
            piece = chunk.slice(at, _ROWS)
            yield start, piece
            start += len(piece)


def _opened(
    column: pa.Array, start: int, matched: Iterable[_Matched], names: Sequence[str]
) -> dict[str, pa.Array]:
    """Open some blobs; return the attributes of these rows, and note handles and cards."""
    values = {name: np.full(len(column), None, dtype=object) for name in names}
    for one in matched:
        low, high = np.searchsorted(one.rows, (start, start + len(column)))
        inside = one.rows[low:high] - start
        found = one.sealer.open(column.take(pa.array(inside)).to_pylist())
        one.handles[low:high], one.cards[low:high] = found.handles, found.cards
        for name, texts in found.values.items():
            values[name][inside] = texts.to_numpy(zero_copy_only=False)
    return {name: pa.array(texts, pa.string()) for name, texts in values.items()}


def _families(
    session: Session, file: ResultFile, matched: Mapping[str, _Matched], pseudonyms: Pseudonyms
) -> dict[str, pa.Array]:
    """Match families with each other agency; return what is known of every row's family."""
    count = len(file.table)
    place = np.full(count, -1, dtype=np.int64)
    members = np.zeros(count, dtype=np.int32)
    names: list[Rows] = [np.empty((0, ID_BYTES), dtype=np.uint8)]
    for sender, one in matched.items():
        name, size, pair = _pairs(session, file, one, pseudonyms, sender)
        known = np.flatnonzero(pair >= 0)
        place[one.rows[known]] = pair[known] + sum(map(len, names))
        members[one.rows[known]] = size[pair[known]]
        names.append(name)
    written = pa.chunked_array([hex_ids(each) for each in names]).combine_chunks()
    found = written.take(pa.array(place, mask=place < 0)), pa.array(members, mask=members == 0)
    return dict(zip(FAMILY_COLUMNS, found, strict=True))


def _pairs(
    session: Session, file: ResultFile, one: _Matched, pseudonyms: Pseudonyms, sender: str
) -> tuple[Rows, NDArray[np.int64], Places]:
    """Match families with one other agency: names and sizes of pairs, and each match's pair."""
    rows = one.rows
    own = pseudonyms.rows_of(raw_ids(file.table, "id")[rows])
    mine = _handles(session).of(sender, pseudonyms.families[own])
    cards = card_rows(pseudonyms.cards[own])
    match = raw_ids(file.table, "group")[rows]
    tier, precision = (numbers(file.table, name)[rows] for name in ("tier", "precision"))
    token = np.array([name not in _NO_TOKEN for name in file.header.tiers])
    links = link_families(
        words(mine),
        words(one.handles),
        strong=token[tier] | (precision >= _STRONG),
        numbers=words(match),
        same_head=(cards[:, 0] & one.cards[:, 0] & _HEAD) > 0,
        same_card=((cards[:, 0] & one.cards[:, 0] & _CARD) > 0) & (cards[:, 1] == one.cards[:, 1]),
    )
    return match[links.first], links.strong + links.medium, links.pair


def _with_strata(encoded: EncodedSet, beside: Beside) -> EncodedSet:
    """Return encodings with what the coordinator is to see, as the agreement says it."""
    table = encoded.table
    for name, values in beside.strata.items():
        table = table.append_column(pa.field(STRATUM + name, pa.string()), values)
    return EncodedSet(encoded.header, table)


def _handles(session: Session) -> Handles:
    vault, name = session.home.vault, session.secret("families")
    if not vault.has(name):
        vault.put(name, secrets.token_bytes(_SECRET_BYTES))
    return Handles(vault.get(name))


def _sealer(session: Session, pair: bytes, layout: Layout, sender: str, recipient: str) -> Sealer:
    key = attribute_key(
        pair, run=session.run, sender=sender, recipient=recipient,
        agreement=session.agreement.digest,
    )  # fmt: skip
    return Sealer(key, layout, run=session.run, sender=sender, recipient=recipient)
