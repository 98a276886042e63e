"""Released attributes: one sealed blob for every record and recipient, which nobody else can open.

The sender seals, for every record, what the agreement lets the recipient learn when the record is
matched. The coordinator forwards the blobs of matched records and can open none; a third agency
can't either, since the key comes from the secret of the pair (:func:`runkey.attribute_key`). All
blobs to one recipient have one length, so lengths say nothing. A blob is::

    s (32 bytes) || AES-256-GCM of the plain bytes
        s     HMAC-SHA256(attribute key, "pprl/v1/record-salt" || pseudo-ID): no two are equal,
              and a spot check makes the same blob again
        key   HKDF-SHA256(attribute key, salt = s, info = "pprl/v1/record")
        nonce 12 zero bytes: every record has a key of its own
        data  run || sender || recipient || digest of the layout, each with its length

and its plain bytes are the family's handle for this recipient (16), the tag of its family card and
whether this is its head (2), and for every attribute its length (2 bytes, 65,535 for none), its
UTF-8 and zeros up to the agreed width. Where the agreement lets no families be learned, handle and
tag are zeros. The tag is one byte of flags (1: card known, 2: head of the family) and one byte of a
keyed hash: enough to support a match of families, too little to find a card number by trying. Spec:
"Released attributes".

>>> layout = Layout.of([("desil", 2)])
>>> layout.plain_bytes, layout.blob_bytes
(22, 70)
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pprl.buffers import string_array, string_buffers
from pprl.errors import InputError, PeerError
from pprl_protocols import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pprl_protocols.agreement import Agreement
    from pprl_protocols.id_rows import Rows

HANDLE_BYTES, CARD_BYTES = 16, 2
_SALT_BYTES, _TAG_BYTES, _LENGTH_BYTES = 32, 16, 2
_NONE = 0xFFFF
_INFO = b"pprl/v1/record" + b"\x01"  # and the counter of HKDF's only block
_SALT = b"pprl/v1/record-salt"
_NONCE = bytes(12)


@dataclass(frozen=True)
class Layout:
    """What travels from one agency to another, and how wide each of it is.

    Attributes
    ----------
    columns
        Name and width in bytes of every attribute, in the order of the agreement.
    digest
        SHA-256, hex, of their canonical JSON.
    """

    columns: tuple[tuple[str, int], ...]
    digest: str

    @classmethod
    def of(cls, columns: Sequence[tuple[str, int]]) -> Self:
        """Return the layout of attributes given by name and width."""
        listed: list[canonical.Plain] = [{"name": name, "bytes": width} for name, width in columns]
        return cls(tuple(columns), canonical.sha256(canonical.dumps(listed)))

    @classmethod
    def between(cls, agreement: Agreement, sender: str, recipient: str) -> Self | None:
        """Return what an agreement lets one agency hand to another; None for nothing."""
        released = agreement.disclosure.attributes
        layout = cls.of(
            [
                (one.name, one.bytes)
                for one in released
                if (one.from_, one.to) == (sender, recipient)
            ]
        )
        return layout if layout.columns or agreement.disclosure.families else None

    @property
    def plain_bytes(self) -> int:
        """Bytes before sealing."""
        return HANDLE_BYTES + CARD_BYTES + sum(_LENGTH_BYTES + width for _, width in self.columns)

    @property
    def blob_bytes(self) -> int:
        """Bytes of every blob."""
        return _SALT_BYTES + self.plain_bytes + _TAG_BYTES


def layouts_to(agreement: Agreement, sender: str) -> dict[str, Layout]:
    """Return by recipient what an agency's blobs look like; nothing where nothing travels."""
    return _layouts(agreement, sender, outgoing=True)


def layouts_from(agreement: Agreement, recipient: str) -> dict[str, Layout]:
    """Return by sender what the blobs for an agency look like."""
    return _layouts(agreement, recipient, outgoing=False)


def widths(layouts: Mapping[str, Layout]) -> dict[str, int]:
    """Return how long the blobs of layouts are, by party."""
    return {name: layout.blob_bytes for name, layout in sorted(layouts.items())}


def _layouts(agreement: Agreement, me: str, *, outgoing: bool) -> dict[str, Layout]:
    found = {}
    for other in (party.name for party in agreement.agencies):
        ends = (me, other) if outgoing else (other, me)
        layout = Layout.between(agreement, *ends)
        if other != me and layout is not None:
            found[other] = layout
    return found


@dataclass(frozen=True)
class Opened:
    """What blobs hold.

    Attributes
    ----------
    handles : uint8 (n, 16)
        Of the sender's families, for this recipient.
    cards : uint8 (n, 2)
        Flags (1: card known, 2: head of the family) and tags of family cards; zeros for none.
    values
        Attribute -> strings, null for none.
    """

    handles: Rows
    cards: Rows
    values: Mapping[str, pa.StringArray]


class Sealer:
    """Seals and opens the blobs of one direction in one run.

    Parameters
    ----------
    key
        What :func:`pprl_protocols.runkey.attribute_key` gives for the direction, 32 bytes.
    layout
        What travels.
    run, sender, recipient
        Run id and names of the two.
    """

    def __init__(
        self, key: bytes, layout: Layout, *, run: str, sender: str, recipient: str
    ) -> None:
        self.layout = layout
        self._key = key
        self._sender = sender
        parts = (run.encode(), sender.encode(), recipient.encode(), bytes.fromhex(layout.digest))
        self._data = b"".join(len(part).to_bytes(2, "big") + part for part in parts)

    def plain(
        self,
        handles: Rows,
        cards: Rows,
        values: Mapping[str, pa.StringArray],
        *,
        row: Callable[[int], int],
    ) -> Rows:
        """Lay out records before sealing.

        Parameters
        ----------
        handles : uint8 (n, 16)
        cards : uint8 (n, 2)
        values
            Attribute -> strings (n), null for none.
        row
            Gives the row number of a record, counted from 0 among these, for messages.

        Returns
        -------
        uint8 (n, plain_bytes)

        Raises
        ------
        InputError
            A value is longer than agreed: row and column are named.
        """
        out = np.zeros((len(handles), self.layout.plain_bytes), dtype=np.uint8)
        out[:, :HANDLE_BYTES] = handles
        out[:, HANDLE_BYTES : HANDLE_BYTES + CARD_BYTES] = cards
        at = HANDLE_BYTES + CARD_BYTES
        for name, width in self.layout.columns:
            _fill(out[:, at : at + _LENGTH_BYTES + width], values[name], name, row)
            at += _LENGTH_BYTES + width
        return out

    def seal(self, plain: Rows, pseudo: Rows) -> Rows:
        """Return ``uint8 (n, blob_bytes)``; about 7 microseconds a record.

        Parameters
        ----------
        plain : uint8 (n, plain_bytes)
            What :meth:`plain` gives.
        pseudo : uint8 (n, 16)
            Pseudo-IDs of the records; no two are equal.
        """
        sealed = []
        for row, name in zip(plain, pseudo, strict=True):
            salt = hmac.digest(self._key, _SALT + name.tobytes(), "sha256")
            sealed += [salt, self._cipher(salt).encrypt(_NONCE, row.tobytes(), self._data)]
        return np.frombuffer(b"".join(sealed), np.uint8).reshape(len(plain), self.layout.blob_bytes)

    def open(self, blobs: Sequence[bytes]) -> Opened:
        """Open blobs that the coordinator has forwarded.

        Raises
        ------
        PeerError
            One is not of the agreed length, wasn't sealed by this sender for us in this run, or
            holds what no sender writes.
        """
        rows = []
        width = self.layout.blob_bytes
        for blob in blobs:
            if len(blob) != width:
                raise PeerError("attributes.length", party=self._sender)
            try:
                cipher = self._cipher(blob[:_SALT_BYTES])
                rows.append(cipher.decrypt(_NONCE, blob[_SALT_BYTES:], self._data))
            except InvalidTag:
                raise PeerError("attributes.not_opened", party=self._sender) from None
        plain = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), self.layout.plain_bytes)
        at = HANDLE_BYTES + CARD_BYTES
        values = {}
        for name, width in self.layout.columns:
            values[name] = self._texts(plain[:, at : at + _LENGTH_BYTES + width])
            at += _LENGTH_BYTES + width
        return Opened(
            plain[:, :HANDLE_BYTES], plain[:, HANDLE_BYTES : HANDLE_BYTES + CARD_BYTES], values
        )

    def _texts(self, cells: Rows) -> pa.StringArray:
        data = cells[:, _LENGTH_BYTES:]
        lengths = np.ascontiguousarray(cells[:, :_LENGTH_BYTES]).view(">u2")[:, 0].astype(np.int64)
        used = np.where(lengths == _NONE, 0, lengths)
        inside = np.arange(data.shape[1]) < used[:, None]
        if used.max(initial=0) > data.shape[1] or data[~inside].any():
            raise PeerError("attributes.form", party=self._sender)
        found = string_array(data[inside], np.append(0, np.cumsum(used)))
        try:
            found.validate(full=True)  # each value by itself is UTF-8
        except pa.ArrowInvalid:
            raise PeerError("attributes.form", party=self._sender) from None
        return pc.if_else(pa.array(lengths == _NONE), pa.scalar(None, pa.string()), found)

    def _cipher(self, salt: bytes) -> AESGCM:
        # HKDF of one block, RFC 5869, with the salt first.
        extracted = hmac.digest(salt, self._key, "sha256")
        return AESGCM(hmac.digest(extracted, _INFO, "sha256"))


def _fill(cells: Rows, values: pa.StringArray, name: str, row: Callable[[int], int]) -> None:
    width = cells.shape[1] - _LENGTH_BYTES
    data, starts = string_buffers(values)
    none = values.is_null().to_numpy(zero_copy_only=False)
    lengths = np.where(none, 0, np.diff(starts))
    too_long = np.flatnonzero(lengths > width)
    if len(too_long):
        number = int(too_long[0])
        raise InputError("attributes.too_long", row=row(number), column=name, maximum=width)
    said = np.where(none, _NONE, lengths).astype(">u2")
    cells[:, :_LENGTH_BYTES] = said.view(np.uint8).reshape(-1, _LENGTH_BYTES)
    for place in range(lengths.max(initial=0)):
        longer = np.flatnonzero(lengths > place)
        cells[longer, _LENGTH_BYTES + place] = data[starts[longer] + place]
