"""What an agency reads from its register besides what is encoded: families and released attributes.

Read once more from the file, in its order, beside the encodings. Families become numbers of their
own (:func:`read`), and leave as random handles, another for every recipient (:class:`Handles`): two
recipients who compare theirs learn nothing. A family's own number and its card never leave.

>>> Handles(bytes(32)).of("dinkes", np.array([0, 0, 1])).shape
(3, 16)
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import fixed_array
from pprl.decide.heads import RELATION, heads, relation_column
from pprl.encoded import SEALED
from pprl.errors import InputError
from pprl.io.columns import recognise, role_of, roles
from pprl.io.rows import RowNumbers
from pprl_protocols.attributes import CARD_BYTES, HANDLE_BYTES, Sealer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pprl.io.source import Source
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.disclosure import Stratum
    from pprl_protocols.id_rows import Integers, Rows

_KNOWN, _HEAD = 256, 512  # bits beside the tag of a family card
_LISTED = 5
_CARD_DIGITS = 16
_ROWS = 1 << 16
_FAMILY_ROLES = ("family_id", "kk_number")


@dataclass(frozen=True)
class Columns:
    """Which column of the file is what.

    Attributes
    ----------
    family
        Says which records are one family; None: every record is a family of its own.
    card
        The family card's number; None: not there.
    relation
        Says who is the head of a family; None: not there.
    attributes
        Name in the agreement -> column.
    strata
        What the coordinator sees for the tables, and its column.
    """

    family: str | None
    card: str | None
    relation: str | None
    attributes: Mapping[str, str]
    strata: Sequence[tuple[Stratum, str]] = ()

    @property
    def named(self) -> dict[str, str]:
        """What is read beside the encodings, by what it is."""
        own = {"family": self.family, "kk_number": self.card, RELATION: self.relation}
        shown = {one.name: column for one, column in self.strata}
        return {name: column for name, column in own.items() if column} | {
            **self.attributes,
            **shown,
        }

    @property
    def all(self) -> list[str]:
        """All columns to be read, each once."""
        shown = [column for _, column in self.strata]
        found = [self.family, self.card, self.relation, *self.attributes.values(), *shown]
        return list(dict.fromkeys(name for name in found if name is not None))


@dataclass(frozen=True)
class Beside:
    """What was read beside the encodings, in the order of the file.

    Attributes
    ----------
    family : int64 (n,)
        Number of the family, from 0 in the order of first appearance.
    card : uint16 (n,)
        512 for the head of a family, and 256 and the tag of the family card; 0 for neither.
    values
        Attribute -> strings, null for an empty cell.
    rows
        Row numbers of the records.
    strata
        Agreed stratum -> its agreed values, in the order of the agreement.
    unlisted
        Agreed stratum -> how many records have none of them.
    """

    family: Integers
    card: Integers
    values: Mapping[str, pa.ChunkedArray]
    rows: RowNumbers
    strata: Mapping[str, pa.StringArray] = field(default_factory=dict)
    unlisted: Mapping[str, int] = field(default_factory=dict)


class Handles:
    """An agency's families under random handles.

    Parameters
    ----------
    secret
        32 random bytes of the agency's own, for one run.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, recipient: str, family: Integers) -> Rows:
        """Return ``uint8 (n, 16)``: the handles of families by number, for one recipient."""
        codes, place = np.unique(family, return_inverse=True)
        label = recipient.encode()
        prefix = len(label).to_bytes(2, "big") + label
        made = [
            hmac.digest(self._secret, prefix + int(code).to_bytes(8, "big"), "sha256")
            for code in codes
        ]
        table = np.frombuffer(b"".join(made), np.uint8).reshape(len(codes), 32)[:, :HANDLE_BYTES]
        return table[place.reshape(-1)]


def names(agreement: Agreement, sender: str) -> tuple[str, ...]:
    """Return what an agency's register has to hold besides what is encoded."""
    disclosure = agreement.disclosure
    handed = [one.name for one in disclosure.attributes if one.from_ == sender]
    shown = [one.name for one in disclosure.given_by(sender)]
    return tuple(dict.fromkeys([*handed, *shown]))


def resolve(
    agreement: Agreement, sender: str, source: Source, mapping: Mapping[str, str]
) -> Columns:
    """Find the columns that the agreement lets leave: sealed, or shown to the coordinator.

    Parameters
    ----------
    agreement, sender, source
        Of the run; whose register it is; the register.
    mapping
        Role, field or attribute -> column, from the user; wins.

    Raises
    ------
    InputError
        A column that is agreed on isn't found.
    """
    strata = agreement.disclosure.given_by(sender)
    wanted = names(agreement, sender)
    mine = {name: column for name, column in mapping.items() if name in {*roles(), *wanted}}
    found = dict(recognise(source.columns, mine, wanted).roles)
    for one in strata:  # one by kecamatan is by the column that is read as the district
        if one.name not in found and (role := role_of(one.name)) in found:
            found[one.name] = found[role]
    for name in wanted:
        if name not in found:
            raise InputError("release.missing", path=str(source.path), column=name)
    families = agreement.disclosure.families
    return Columns(
        family=next((found[role] for role in _FAMILY_ROLES if families and role in found), None),
        card=found.get("kk_number") if families else None,
        relation=(mapping.get(RELATION) or relation_column(source.columns)) if families else None,
        attributes={
            one.name: found[one.name]
            for one in agreement.disclosure.attributes
            if one.from_ == sender
        },
        strata=[(one, found[one.name]) for one in strata],
    )


def read(source: Source, columns: Columns, *, count: int, card_key: bytes) -> Beside:
    """Read what travels beside the encodings.

    Parameters
    ----------
    source, columns
        The register, and what to read of it.
    count
        Number of records that were encoded.
    card_key
        Of the tags of family cards; all agencies have it.

    Raises
    ------
    InputError
        The file has changed since it was encoded, or a column that tables are counted by holds
        no agreed value at all.
    """
    parts: dict[str, list[pa.Array]] = {name: [] for name in columns.all}
    rows = RowNumbers()
    for batch in source.batches(columns.all) if parts else ():
        rows.add(batch)
        for name, found in parts.items():
            found.append(batch.table.column(name))
    if parts and rows.records != count:
        raise InputError("protocol.source_changed")
    cells = {name: pa.chunked_array(found, pa.string()) for name, found in parts.items()}
    family: Integers = np.arange(count, dtype=np.int64)
    if columns.family is not None:
        family = _numbers(cells[columns.family])
    card: Integers = np.zeros(count, dtype=np.uint16)
    if columns.card is not None:
        card = _tags(cells[columns.card], card_key)
    if columns.relation is not None:
        card = card | (heads(cells[columns.relation]).astype(np.uint16) * np.uint16(_HEAD))
    values = {name: cells[column] for name, column in columns.attributes.items()}
    strata = {one.name: _agreed(cells[column], one) for one, column in columns.strata}
    unlisted = {
        one.name: int(pc.sum(pc.equal(strata[one.name], one.other)).as_py() or 0)
        for one, _ in columns.strata
    }
    for one, column in columns.strata:
        if count and unlisted[one.name] == count:
            shown = ", ".join(one.values[:_LISTED]) + (", ..." if len(one.values) > _LISTED else "")
            raise InputError(
                "release.no_agreed_value", path=str(source.path), column=column, values=shown
            )
    return Beside(family, card, values, rows, strata, unlisted)


def sealed_columns(
    beside: Beside, pseudo: Rows, sealers: Mapping[str, tuple[Sealer, Handles | None]], path: Path
) -> pa.Table:
    """Seal what travels, for every recipient; return it as a mapped file's columns.

    Parameters
    ----------
    beside
        In the order of the file.
    pseudo : uint8 (n, 16)
        Pseudo-IDs in that order.
    sealers
        By recipient: how to seal, and the families' handles where these travel.
    path
        Where the columns are kept while the work goes on; nothing in them can be read without
        the recipient's key.

    Raises
    ------
    InputError
        A value is longer than agreed.
    """
    schema = pa.schema(
        [
            pa.field(SEALED + name, pa.binary(sealer.layout.blob_bytes))
            for name, (sealer, _) in sealers.items()
        ]
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for start in range(0, len(pseudo), _ROWS):
            part = slice(start, min(start + _ROWS, len(pseudo)))
            arrays = [
                fixed_array(_sealed(beside, pseudo[part], part, name, sealer, handles))
                for name, (sealer, handles) in sealers.items()
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def card_rows(card: Integers) -> Rows:
    """Return heads and tags of family cards as they travel: ``uint8 (n, 2)``."""
    out = np.zeros((len(card), CARD_BYTES), dtype=np.uint8)
    out[:, 0] = card // _KNOWN
    out[:, 1] = card % _KNOWN
    return out


def _sealed(
    beside: Beside,
    pseudo: Rows,
    part: slice,
    recipient: str,
    sealer: Sealer,
    handles: Handles | None,
) -> Rows:
    count = len(pseudo)
    family = np.zeros((count, HANDLE_BYTES), dtype=np.uint8)
    cards = np.zeros((count, CARD_BYTES), dtype=np.uint8)
    if handles is not None:
        family, cards = handles.of(recipient, beside.family[part]), card_rows(beside.card[part])
    values = {
        name: beside.values[name].slice(part.start, count).combine_chunks()
        for name, _ in sealer.layout.columns
    }
    plain = sealer.plain(
        family, cards, values, row=lambda place: beside.rows.number(part.start + place)
    )
    return sealer.seal(plain, pseudo)


def _agreed(cells: pa.ChunkedArray, stratum: Stratum) -> pa.StringArray:
    """Return the agreed value of every cell."""
    coded = pc.dictionary_encode(cells.combine_chunks())
    read = [stratum.read(text) for text in coded.dictionary.to_pylist()]
    places = coded.indices.fill_null(len(read))
    return pa.array([*read, stratum.other], pa.string()).take(places)


def _numbers(cells: pa.ChunkedArray) -> Integers:
    """Return families numbered as they appear; a record without one is its own."""
    coded = pc.dictionary_encode(cells.combine_chunks())
    missing = np.asarray(pc.is_null(coded))
    codes = np.asarray(coded.indices.fill_null(0)).astype(np.int64)
    own = len(coded.dictionary) + np.cumsum(missing) - 1
    return np.where(missing, own, codes)


def _tags(cells: pa.ChunkedArray, key: bytes) -> Integers:
    parts = [np.empty(0, dtype=np.uint16), *(_chunk_tags(chunk, key) for chunk in cells.chunks)]
    found: Integers = np.concatenate(parts)
    return found


def _chunk_tags(cells: pa.Array, key: bytes) -> Integers:
    coded = pc.dictionary_encode(pc.replace_substring_regex(cells, r"\D", ""))
    tags = [_tag(text, key) for text in coded.dictionary.to_pylist()]
    table = np.array([*tags, 0], dtype=np.uint16)
    places = np.asarray(coded.indices.fill_null(len(tags))).astype(np.int64)
    found: Integers = table[places]
    return found


def _tag(digits: str, key: bytes) -> int:
    if len(digits) != _CARD_DIGITS or len(set(digits)) == 1:
        return 0
    return _KNOWN + hmac.digest(key, digits.encode(), "sha256")[0]
