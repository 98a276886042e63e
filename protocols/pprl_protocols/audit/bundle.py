"""What is audited: the agreement, all logs, and where there is an exchange its sealed files.

One form for a run's folder in an exchange and for an exported file, so that both give the same
report. An exported file is canonical JSON::

    {"agreement": <text>, "format": "pprl.transcript",
     "logs": {<party>: [<envelope>, ...]}, "version": 1}

with the envelopes of each log in their order, and no sealed files. Nothing read here is believed or
verified; sizes and numbers are bounded before memory is taken, and a hostile source raises
PeerError and nothing else. Spec: "Audit", "Limits on hostile input".

>>> recorded = from_bytes(b'{"agreement":"{}","format":"pprl.transcript","logs":{},"version":1}')
>>> recorded.agreement, recorded.blobs
(b'{}', None)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from pprl.errors import ConfigError, LimitError, PeerError
from pprl_protocols import canonical, limits
from pprl_protocols.envelope import open_envelope
from pprl_protocols.exchange import Stored
from pprl_protocols.fields import Part, PartyName, names_in, place
from pprl_protocols.messages import parse_entry
from pprl_protocols.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pprl_protocols.exchange import Exchange

MAX_EXPORT_BYTES = 64 << 20
MAX_LOGS = 2 * limits.MAX_PARTIES
"""More logs than parties may lie in an exchange: each is reported, but not without end."""
MAX_LOG_BYTES = 8 << 20
"""Of one log in memory: more than one message of each kind can take."""
MAX_LOG_ENTRIES = 100
"""Entries of one log that an audit looks at; a party has at most one message of each kind to say,
so a longer log is a fault whatever is in it."""


@dataclass(frozen=True)
class Blobs:
    """The sealed files of a run, in its exchange."""

    exchange: Exchange
    run: str

    def names(self) -> list[str]:
        """Return the digests that files are named by, sorted."""
        return self.exchange.blobs(self.run)

    def size(self, digest: str) -> int | None:
        """Return how many bytes a file has; None when it isn't there."""
        return self.exchange.blob_size(self.run, digest)

    def check(self, digest: str) -> None:
        """Read a file to its end and compare it with its name.

        Raises
        ------
        PeerError
            It has other content.
        """
        self.exchange.check_blob(self.run, digest)


@dataclass(frozen=True)
class Recorded:
    """A run as it was found, unverified.

    Attributes
    ----------
    agreement
        Its bytes.
    logs
        By name of the folder, what lies in it by number: from an export, the number that an entry
        must have to lie where it does.
    blobs
        None in an export.
    run
        Name of the run's folder; empty in an export.
    faults
        What couldn't be read, each with ``party``.
    """

    agreement: bytes
    logs: Mapping[str, tuple[Stored, ...]]
    blobs: Blobs | None = None
    run: str = ""
    faults: tuple[PeerError, ...] = ()


class _Export(Part):
    format: Literal["pprl.transcript"]
    version: Literal[1]
    agreement: str
    logs: dict[PartyName, tuple[str, ...]] = Field(max_length=MAX_LOGS)


def from_exchange(exchange: Exchange, run: str) -> Recorded:
    """Read a run from an exchange.

    Raises
    ------
    PeerError
        No agreement is there, or it is too large; more logs than any run has.
    """
    agreement = exchange.agreement(run)
    parties = exchange.parties(run)
    if len(parties) > MAX_LOGS:
        raise PeerError("audit.too_many_logs", limit=MAX_LOGS)
    faults: list[PeerError] = []
    logs = {party: _log(exchange, run, party, faults) for party in parties}
    return Recorded(agreement, logs, Blobs(exchange, run), run, tuple(faults))


def from_file(path: Path) -> Recorded:
    """Read an exported file.

    Raises
    ------
    ConfigError
        There is none, or it can't be read.
    PeerError
        It isn't one.
    """
    whole = path.resolve()
    if not whole.exists():
        raise ConfigError("audit.missing", path=str(path))
    try:
        with LocalStore(whole.parent).open((whole.name,)) as file:
            data = file.read(MAX_EXPORT_BYTES + 1)
    except OSError:
        raise ConfigError("audit.missing", path=str(path)) from None
    return from_bytes(data)


def from_bytes(data: bytes) -> Recorded:
    """Read the bytes of an exported file.

    Raises
    ------
    PeerError
        They aren't one.
    """
    canonical.loads(data, limit=MAX_EXPORT_BYTES)
    try:
        export = _Export.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = place(first["loc"], names_in(_Export.model_json_schema()))
        raise PeerError("audit.not_an_export", where=where) from None
    if canonical.dumps(export.model_dump(mode="json")) != data:  # true where 1 should be
        raise PeerError("audit.not_an_export", where="version")
    agreement = export.agreement.encode()
    if len(agreement) > limits.MAX_AGREEMENT_BYTES:
        raise PeerError("agreement.too_large", limit=limits.MAX_AGREEMENT_BYTES)
    logs: dict[str, tuple[Stored, ...]] = {}
    faults: list[PeerError] = []
    for party, texts in sorted(export.logs.items()):
        envelopes = [text.encode() for text in texts[:MAX_LOG_ENTRIES]]
        if len(texts) > MAX_LOG_ENTRIES:
            faults.append(PeerError("audit.log_too_long", party=party, limit=MAX_LOG_ENTRIES))
        numbered = zip(_numbers(envelopes), envelopes, strict=True)
        logs[party] = tuple(Stored(party, seq, each) for seq, each in numbered)
    return Recorded(agreement, logs, faults=tuple(faults))


def export(recorded: Recorded) -> bytes:
    """Return the bytes of an exported file.

    Raises
    ------
    PeerError
        Something of the run couldn't be read, or isn't text, so that a file without it would
        show another run.
    LimitError
        The file would be too large.
    """
    if recorded.faults:
        raise recorded.faults[0]
    logs: dict[str, list[str]] = {}
    for party, log in sorted(recorded.logs.items()):
        logs[party] = [_text(stored) for stored in log]
    try:
        agreement = recorded.agreement.decode()
    except UnicodeDecodeError:
        raise PeerError("protocol.not_json") from None
    if sum(map(len, itertools.chain(*logs.values()))) <= MAX_EXPORT_BYTES:
        data = canonical.dumps(
            {"format": "pprl.transcript", "version": 1, "agreement": agreement, "logs": logs}
        )
        if len(data) <= MAX_EXPORT_BYTES:
            return data
    raise LimitError("audit.export_too_large", limit=MAX_EXPORT_BYTES)


def _log(exchange: Exchange, run: str, party: str, faults: list[PeerError]) -> tuple[Stored, ...]:
    found: list[Stored] = []
    size = 0
    try:
        for stored in exchange.entries(run, party):
            size += len(stored.data)
            if size > MAX_LOG_BYTES:
                faults.append(PeerError("protocol.log_too_large", party=party, limit=MAX_LOG_BYTES))
                break
            if len(found) == MAX_LOG_ENTRIES:
                faults.append(PeerError("audit.log_too_long", party=party, limit=MAX_LOG_ENTRIES))
                break
            found.append(stored)
    except PeerError as error:
        # What comes after it in this log isn't read; the transcript shows it as missing.
        faults.append(PeerError(error.code, **(error.values | {"party": party})))
    return tuple(found)


def _text(stored: Stored) -> str:
    try:
        return stored.data.decode()
    except UnicodeDecodeError:
        raise PeerError("audit.export_no_text", party=stored.party, seq=stored.seq) from None


def _numbers(envelopes: Sequence[bytes]) -> list[int]:
    """Return the place of each envelope of an exported log.

    Where numbers only ascend, some entries may be missing between them, and each has its own.
    Otherwise the log was reordered, or repeats one: then an entry's place is where it stands.
    """
    claimed = [_claimed(each) for each in envelopes]
    known = [number for number in claimed if number is not None]
    if any(first >= second for first, second in itertools.pairwise(known)):
        return list(range(len(envelopes)))
    numbers: list[int] = []
    for number in claimed:
        following = numbers[-1] + 1 if numbers else 0
        numbers.append(following if number is None else number)
    return numbers


def _claimed(envelope: bytes) -> int | None:
    try:
        return parse_entry(open_envelope(envelope).payload).seq
    except PeerError:
        return None
