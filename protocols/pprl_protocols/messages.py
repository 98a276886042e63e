"""Messages: what a party can say in a run, and the entry that carries one in its log.

One model per row of the spec's table. All of them are public, so they hold digests, names of
parties and bucketed numbers: no personal data, no pseudo-ID, no exact overlap, no float. Reading
checks a message alone; whether it was possible is decided by :mod:`pprl_protocols.rules`, how
entries hang together by :mod:`pprl_protocols.transcript`. Spec: "Messages".

>>> parse_entry(b'{"version":2}')
Traceback (most recent call last):
    ...
pprl.errors.PeerError: an entry is not as the protocol says (at version)
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from pprl.errors import PeerError
from pprl_protocols import canonical, hpke, limits
from pprl_protocols.fields import (
    Line,
    Name,
    NonNegative,
    Part,
    PartyName,
    Positive,
    RunId,
    Sha256,
    ascending,
    hexadecimal,
    names_in,
    place,
)

Reason: TypeAlias = Literal[
    "own_decision",
    "wrong_agreement",
    "wrong_contribution",
    "wrong_confirmation",
    "wrong_digest",
    "wrong_encodings",
    "wrong_result",
    "fork",
    "population",
    "deadline",
    "other",
]
"""Why a party aborts or disputes."""

CONTRIBUTION_BYTES = 64 + hpke.OVERHEAD_BYTES
"""A contribution and a pair secret, 32 bytes each, sealed to one agency."""


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    if not ascending(names):
        message = "not sorted, or one is repeated"
        raise ValueError(message)
    return names


def _bucketed(number: int) -> int:
    if limits.record_bucket(number) != number:
        message = "no bucket"
        raise ValueError(message)
    return number


def _stepped(number: int) -> int:
    if number % limits.COUNT_STEP:
        message = "no multiple of the step"
        raise ValueError(message)
    return number


Parties = Annotated[
    tuple[PartyName, ...], Field(max_length=limits.MAX_PARTIES), AfterValidator(_sorted)
]
Records = Annotated[
    int, Field(ge=0, le=limits.record_bucket(limits.MAX_RECORDS)), AfterValidator(_bucketed)
]
BlobBytes = Annotated[int, Field(ge=1, le=limits.MAX_BLOB_BYTES)]


class _Message(Part):
    agreement: Sha256
    party: PartyName
    run: RunId


class Sign(_Message):
    """The sender agrees, and commits to its share of the run's randomness.

    Attributes
    ----------
    agreement, party, run
        In every message: digest of the agreement, sender, run id.
    commitment
        SHA-256: of an agency's contribution, the coordinator's seed or the auditor's nonce.
    contributions
        From an agency, for each other agency by name: contribution and pair secret, sealed to its
        card, in hexadecimal. Empty from the others.
    """

    kind: Literal["SIGN"] = "SIGN"
    commitment: Sha256
    contributions: Annotated[
        dict[PartyName, Annotated[str, Field(pattern=hexadecimal(CONTRIBUTION_BYTES))]],
        Field(max_length=limits.MAX_AGENCIES - 1),
    ]


class Encodings(_Message):
    """An agency's encodings lie in the exchange, sealed to the coordinator.

    Attributes
    ----------
    signs
        Digest of all SIGN entries.
    sealed, plain
        SHA-256 of the sealed file (its name in the exchange) and of the salted, padded content.
    size
        Of the sealed file, in bytes.
    records
        How many records, as :func:`pprl_protocols.limits.record_bucket` gives it.
    root
        Merkle root over the records.
    confirmation
        HMAC that shows the other agencies that the sender has the same run key.
    """

    kind: Literal["ENCODINGS"] = "ENCODINGS"
    signs: Sha256
    sealed: Sha256
    plain: Sha256
    size: BlobBytes
    records: Records
    root: Sha256
    confirmation: Sha256


class SealedResult(Part):
    """One agency's result in the exchange.

    Attributes
    ----------
    sealed, plain
        SHA-256 of the sealed file (its name in the exchange) and of the salted, padded content.
    size
        Of the sealed file, in bytes.
    row_bytes
        Fixed width of a row. How many rows there are is said nowhere: the padded size alone
        bounds it.
    columns
        Names of the columns, in the order of the file.
    """

    sealed: Sha256
    plain: Sha256
    size: BlobBytes
    row_bytes: Positive
    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=limits.MAX_ITEMS)]


class Count(Part):
    """One cell of what the agreement lets be published.

    Attributes
    ----------
    agencies
        In the registers of all of whom the people are, sorted.
    stratum
        Column -> value; empty for the total.
    value
        Rounded to a multiple of ``limits.COUNT_STEP``; None when suppressed.
    """

    agencies: Annotated[Parties, Field(min_length=limits.MIN_AGENCIES)]
    stratum: Annotated[dict[Name, Line], Field(max_length=limits.MAX_ITEMS)]
    value: Annotated[NonNegative, AfterValidator(_stepped)] | None


class Result(_Message):
    """The coordinator has compared; each agency's result lies in the exchange, sealed to it.

    Attributes
    ----------
    signs
        Digest of all SIGN entries, as all ENCODINGS name it.
    results
        By agency.
    software
        Name -> version, of the program and the libraries that decide what comes out.
    parameters
        Name -> value, of everything that was chosen and isn't in the agreement.
    counts
        What the agreement lets be published, suppressed.
    confirmations
        Of all agencies, as they gave them.
    """

    kind: Literal["RESULT"] = "RESULT"
    signs: Sha256
    results: Annotated[
        dict[PartyName, SealedResult],
        Field(min_length=limits.MIN_AGENCIES, max_length=limits.MAX_AGENCIES),
    ]
    software: Annotated[dict[Name, Line], Field(min_length=1, max_length=limits.MAX_ITEMS)]
    parameters: Annotated[dict[Name, NonNegative | bool | Line], Field(max_length=limits.MAX_ITEMS)]
    counts: Annotated[tuple[Count, ...], Field(max_length=limits.MAX_COUNTS)]
    confirmations: Annotated[
        dict[PartyName, Sha256],
        Field(min_length=limits.MIN_AGENCIES, max_length=limits.MAX_AGENCIES),
    ]


class Receipt(_Message):
    """An agency has opened its result and found it consistent.

    Attributes
    ----------
    sealed, plain
        SHA-256 of the sealed file and of the salted, padded content that it opened.
    row_bytes, columns
        What the agency itself found in it, to be compared with the declaration.
    confirmed
        The other agencies, sorted, whose confirmations it has checked.
    """

    kind: Literal["RECEIPT"] = "RECEIPT"
    sealed: Sha256
    plain: Sha256
    row_bytes: Positive
    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=limits.MAX_ITEMS)]
    confirmed: Parties


class Close(_Message):
    """The run is over. The digest of this entry is the digest of the transcript.

    Attributes
    ----------
    missing
        Agencies, sorted, that gave no receipt in time.
    deletion
        What the coordinator has done with encodings and results.
    """

    kind: Literal["CLOSE"] = "CLOSE"
    missing: Parties
    deletion: Literal["deleted", "kept_until_audit_deadline"]


class Abort(_Message):
    """The sender ends the run before it has seen a result.

    Attributes
    ----------
    reason
        Why.
    about
        The party it is about; None for none.
    """

    kind: Literal["ABORT"] = "ABORT"
    reason: Reason
    about: PartyName | None


class Dispute(_Message):
    """The sender holds that something is wrong with the result; the audit reports it.

    Attributes
    ----------
    reason
        Why.
    about
        The party it is about; None for none.
    """

    kind: Literal["DISPUTE"] = "DISPUTE"
    reason: Reason
    about: PartyName | None


Message: TypeAlias = Sign | Encodings | Result | Receipt | Close | Abort | Dispute
_Tagged = Annotated[Message, Field(discriminator="kind")]
_MESSAGE: TypeAdapter[Message] = TypeAdapter(_Tagged)


class Head(Part):
    """The newest entry that a party has seen of another's log.

    Attributes
    ----------
    seq
        Its place in that log, from 0.
    digest
        SHA-256 of its envelope.
    """

    seq: Annotated[int, Field(ge=0, lt=limits.MAX_ENTRIES)]
    digest: Sha256


class Entry(Part):
    """What an envelope in a log carries.

    Attributes
    ----------
    version
        Of the protocol.
    run, party
        Which run, whose log.
    seq
        Place in that log, from 0.
    previous
        SHA-256 of the envelope before it in the same log; None for the first.
    heads
        Newest entry seen of every other party, by name; all logs that a RECEIPT or CLOSE has
        seen are named here and nowhere else.
    message
        What is said.
    """

    version: Literal[1]
    run: RunId
    party: PartyName
    seq: Annotated[int, Field(ge=0, lt=limits.MAX_ENTRIES)]
    previous: Sha256 | None
    heads: Annotated[dict[PartyName, Head], Field(max_length=limits.MAX_PARTIES - 1)]
    message: _Tagged

    def to_bytes(self) -> bytes:
        """Return the payload to be signed: canonical JSON."""
        return canonical.dumps(self.model_dump(mode="json"))


_KNOWN = names_in(Entry.model_json_schema())


def parse_message(value: canonical.Plain) -> Message:
    """Return the message that a JSON value is.

    Raises
    ------
    PeerError
        It is none.
    """
    try:
        data = canonical.dumps(value)
        message = _MESSAGE.validate_json(data)
    except ValidationError as error:
        raise PeerError("protocol.entry_field", where=_where(error)) from None
    except (ValueError, RecursionError):
        raise PeerError("protocol.not_json") from None
    if canonical.dumps(message.model_dump(mode="json")) != data:
        raise PeerError("protocol.not_canonical")
    return message


def parse_entry(payload: bytes) -> Entry:
    """Return the entry that the payload of an envelope holds.

    Raises
    ------
    PeerError
        It isn't canonical JSON, or not an entry of version 1.
    """
    canonical.loads(payload, limit=limits.MAX_ENVELOPE_BYTES)
    try:
        entry = Entry.model_validate_json(payload)
    except ValidationError as error:
        raise PeerError("protocol.entry_field", where=_where(error)) from None
    if entry.to_bytes() != payload:
        raise PeerError("protocol.not_canonical")
    return entry


def _where(error: ValidationError) -> str:
    return place(error.errors(include_url=False, include_input=False)[0]["loc"], _KNOWN)
