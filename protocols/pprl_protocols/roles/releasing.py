"""What an agency hands over for matched records, and what it is handed: with the keys of its run.

The sealed columns travel beside the encodings; the coordinator forwards those of matched records.
Both owners of a pair then compute which families belong together, each by itself and both the same
(:mod:`pprl.decide.families`).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.compare.measure import MILLION
from pprl.decide.families import link_families
from pprl.encoded import STRATUM, EncodedSet
from pprl_protocols import attributes, release
from pprl_protocols.attributes import Sealer
from pprl_protocols.id_rows import hex_ids, words
from pprl_protocols.release import Handles, card_rows
from pprl_protocols.result_file import ACCEPT, numbers, raw_ids
from pprl_protocols.roles.signing import contribution, kept
from pprl_protocols.runkey import attribute_key

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl_protocols.attributes import Layout, Opened
    from pprl_protocols.id_rows import Places
    from pprl_protocols.pseudonyms import Pseudonyms
    from pprl_protocols.release import Beside
    from pprl_protocols.result_file import ResultFile
    from pprl_protocols.session import Session

FAMILY_COLUMNS = ("family", "family_members")
_SECRET_BYTES = 32
_CARD, _HEAD = 1, 2  # bits of the first byte that travels beside a handle
_STRONG = 99 * MILLION // 100
_NO_TOKEN = ("filter", "contradicted")


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
    count = len(file.table)
    party, accepted = numbers(file.table, "party"), numbers(file.table, "band") == ACCEPT
    names = list(dict.fromkeys(name for one in layouts.values() for name, _ in one.columns))
    values = {name: np.full(count, None, dtype=object) for name in names}
    family = np.full(count, None, dtype=object)
    members = np.zeros(count, dtype=np.int32)
    pairs = kept(session).pairs
    for sender, layout in sorted(layouts.items()):
        rows = np.flatnonzero(accepted & (party == file.header.parties.index(sender)))
        sealer = _sealer(session, pairs[sender], layout, sender, me)
        blobs = file.table.column("attributes").take(pa.array(rows)).to_pylist()
        found = sealer.open(blobs)
        for name, texts in found.values.items():
            values[name][rows] = texts.to_numpy(zero_copy_only=False)
        if agreement.disclosure.families:
            family[rows], members[rows] = _families(session, file, rows, pseudonyms, sender, found)
    columns: dict[str, pa.Array] = {}
    if agreement.disclosure.families:
        columns["family"] = pa.array(family, pa.string())
        columns["family_members"] = pa.array(members, mask=members == 0)
    columns |= {name: pa.array(texts, pa.string()) for name, texts in values.items()}
    return pa.table(columns)


def _families(
    session: Session,
    file: ResultFile,
    rows: Places,
    pseudonyms: Pseudonyms,
    sender: str,
    found: Opened,
) -> tuple[NDArray[np.object_], NDArray[np.int32]]:
    """Match families with one other agency: the pair's name and size for each of some rows."""
    own = pseudonyms.rows_of(raw_ids(file.table, "id")[rows])
    mine = _handles(session).of(sender, pseudonyms.families[own])
    cards = card_rows(pseudonyms.cards[own])
    match = raw_ids(file.table, "group")[rows]
    tier, precision = (numbers(file.table, name)[rows] for name in ("tier", "precision"))
    token = np.array([name not in _NO_TOKEN for name in file.header.tiers])
    links = link_families(
        words(mine),
        words(found.handles),
        strong=token[tier] | (precision >= _STRONG),
        numbers=words(match),
        same_head=(cards[:, 0] & found.cards[:, 0] & _HEAD) > 0,
        same_card=((cards[:, 0] & found.cards[:, 0] & _CARD) > 0)
        & (cards[:, 1] == found.cards[:, 1]),
    )
    names = np.array([*hex_ids(match[links.first]).to_pylist(), None], dtype=object)
    sizes = np.array([*(links.strong + links.medium), 0], dtype=np.int32)
    return names[links.pair], sizes[links.pair]


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
