"""The two files of a spot check: the auditor's draw and the agency's answer.

Canonical JSON, bounded, read strictly: what a stranger made is either exactly one of these or a
PeerError. An answer holds encodings and pseudo-IDs, so it is for the auditor alone and belongs
into no log. What they mean is in :mod:`pprl_protocols.spotcheck`.

>>> Draw.from_bytes(b'{"version":2}')
Traceback (most recent call last):
    ...
pprl.errors.PeerError: that isn't the draw of a spot check, or an altered one (at version)
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from pprl.errors import PeerError
from pprl_protocols import canonical, limits
from pprl_protocols.fields import (
    Line,
    NonNegative,
    Part,
    PartyName,
    RunId,
    Sha256,
    hexadecimal,
    names_in,
    place,
)

MAX_DRAWN = 3_000
"""How many records can be drawn at once."""
MAX_DRAW_BYTES = limits.MAX_HEADER_BYTES
MAX_ANSWER_BYTES = 64 << 20

_MAX_PATH = 64
_MAX_BLOB_HEX = 2 * limits.MAX_ITEMS * (limits.MAX_ATTRIBUTE_BYTES + 2) + 1_000
_MAX_FILTER_BYTES = 8_192
_ID_BYTES = _TOKEN_BYTES = 16
_BLOCK_BYTES = 8
_NONE, _VALUE = b"\x00", b"\x01"


class Draw(Part):
    """What the auditor hands to an agency.

    Attributes
    ----------
    format, version
        ``pprl.spotcheck.draw``, 1.
    run, agreement, close
        Run id; digests of the agreement and of the CLOSE entry.
    agency
        Who is to answer.
    nonce
        The auditor's 32 bytes, hex.
    records
        How many records are drawn: k.
    """

    format: Literal["pprl.spotcheck.draw"] = "pprl.spotcheck.draw"
    version: Literal[1] = 1
    run: RunId
    agreement: Sha256
    close: Sha256
    agency: PartyName
    nonce: Sha256
    records: Annotated[int, Field(ge=1, le=MAX_DRAWN)]

    @staticmethod
    def from_bytes(data: bytes) -> Draw:
        """Read a draw.

        Raises
        ------
        PeerError
            It is none.
        """
        return _read(Draw, data, MAX_DRAW_BYTES)

    def to_bytes(self) -> bytes:
        """Return it as canonical JSON."""
        return canonical.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SHA-256, hex, of :meth:`to_bytes`; the answer names it."""
        return canonical.sha256(self.to_bytes())


class DrawnRecord(Part):
    """One record as it was published.

    Attributes
    ----------
    position
        In the published file, from 0.
    id
        Its pseudo-ID.
    filter
        Its filter, hex, with the bits appended to whole words; None when it has none.
    tokens
        Its exact tokens, hex, in the order of the schema; None where it has none.
    blocks
        Its block tokens, hex, in the order of the schema; None where it is in none.
    strata
        Its agreed values for the tables, in the order of the file.
    sealed
        What travels sealed to other agencies, hex, in the order of the file.
    path
        The digests that lead to the root.
    """

    position: NonNegative
    id: Annotated[str, Field(pattern=hexadecimal(_ID_BYTES))]
    filter: (
        Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2})+$", max_length=2 * _MAX_FILTER_BYTES)]
        | None
    )
    tokens: Annotated[
        tuple[Annotated[str, Field(pattern=hexadecimal(_TOKEN_BYTES))] | None, ...],
        Field(max_length=limits.MAX_ITEMS),
    ]
    blocks: Annotated[
        tuple[Annotated[str, Field(pattern=hexadecimal(_BLOCK_BYTES))] | None, ...],
        Field(max_length=limits.MAX_ITEMS),
    ] = ()
    strata: Annotated[tuple[Line, ...], Field(max_length=limits.MAX_STRATA)] = ()
    sealed: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2})+$", max_length=_MAX_BLOB_HEX)], ...],
        Field(max_length=limits.MAX_AGENCIES - 1),
    ] = ()
    path: Annotated[tuple[Sha256, ...], Field(max_length=_MAX_PATH)]

    @property
    def leaf(self) -> bytes:
        """The bytes over which the Merkle tree was made, as :func:`merkle.records` gives them."""
        values = [
            self.id.encode(),
            *(
                None if each is None else bytes.fromhex(each)
                for each in (self.filter, *self.tokens, *self.blocks)
            ),
            *(each.encode() for each in self.strata),
            *map(bytes.fromhex, self.sealed),
        ]
        return b"".join(_NONE if each is None else _VALUE + each for each in values)


class Answer(Part):
    """What the agency hands back.

    Attributes
    ----------
    format, version
        ``pprl.spotcheck.answer``, 1.
    run, agreement, agency
        As in the draw.
    draw
        Digest of the draw.
    size
        Number of records that were published: n.
    records
        Those that were drawn, by position.
    """

    format: Literal["pprl.spotcheck.answer"] = "pprl.spotcheck.answer"
    version: Literal[1] = 1
    run: RunId
    agreement: Sha256
    agency: PartyName
    draw: Sha256
    size: Annotated[int, Field(ge=0, le=limits.MAX_RECORDS)]
    records: Annotated[tuple[DrawnRecord, ...], Field(max_length=MAX_DRAWN)]

    @staticmethod
    def from_bytes(data: bytes) -> Answer:
        """Read an answer.

        Raises
        ------
        PeerError
            It is none.
        """
        return _read(Answer, data, MAX_ANSWER_BYTES)

    def to_bytes(self) -> bytes:
        """Return it as canonical JSON."""
        return canonical.dumps(self.model_dump(mode="json"))


_Document = TypeVar("_Document", Draw, Answer)


def _read(model: type[_Document], data: bytes, limit: int) -> _Document:
    what = "draw" if model is Draw else "answer"
    canonical.loads(data, limit=limit)
    try:
        document = model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = place(first["loc"], names_in(model.model_json_schema()))
        raise PeerError("spotcheck.field", what=what, where=where) from None
    if document.to_bytes() != data:
        raise PeerError("protocol.not_canonical")
    return document
