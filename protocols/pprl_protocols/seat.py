"""One party's seat in a run: what it was shown, what it may say now, how the run stands for it.

Bytes in, messages out: no file, no clock, no key but the signature it asks for. What was said is
kept by the caller, who gives it back as ``own`` after a restart; a seat never says another thing
in the place of something it has said. What the blobs hold that messages name is judged in
:mod:`pprl_protocols.roles`. Spec: "Messages", "Exchange and transcript".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pprl.errors import ConfigError, PeerError, WaitingError
from pprl_protocols import rules
from pprl_protocols.dag import links_of
from pprl_protocols.envelope import seal_envelope
from pprl_protocols.transcript import Accepted, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from pprl_protocols.agreement import Agreement
    from pprl_protocols.dag import Link, Signed
    from pprl_protocols.messages import Message
    from pprl_protocols.rules import Kind

State: TypeAlias = Literal["open", "aborted", "closed"]


class Signer(Protocol):
    """Whoever signs for a party: :class:`pprl_protocols.identity.Identity`."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, hex."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the Ed25519 signature over ``data``."""


@dataclass(frozen=True)
class Outcome:
    """How a run stands for one party.

    Attributes
    ----------
    state
        ``closed`` when the coordinator has closed it; ``aborted`` when a party has ended it before
        this one opened its result: then a CLOSE counts for nothing here. An ABORT that comes out
        after this party has opened its result leaves the run ``open`` for it until a CLOSE.
    digest
        Of the transcript: the SHA-256 of the CLOSE entry; None when it isn't closed.
    aborted_by, disputed_by
        Names of parties, sorted.
    missing
        Agencies that the CLOSE names as without a receipt.
    """

    state: State
    digest: str | None
    aborted_by: tuple[str, ...]
    disputed_by: tuple[str, ...]
    missing: tuple[str, ...]


class Seat:
    """A party's part in a run.

    Parameters
    ----------
    agreement
        Of the run.
    name
        Whose seat it is; a party of the agreement.
    own
        The envelopes that this party has said, in their order.

    Raises
    ------
    PeerError
        One of ``own`` isn't what this party can have said.
    """

    def __init__(self, agreement: Agreement, name: str, own: Iterable[bytes] = ()) -> None:
        self.agreement = agreement
        self.name = name
        self.transcript = Transcript(agreement)
        self._own: set[str] = set()
        for envelope in own:
            self._own.add(self.transcript.add(envelope).digest)

    def take(self, envelope: bytes, at: tuple[str, int] | None = None) -> None:
        """Take in what anybody shows. The same again changes nothing.

        Parameters
        ----------
        envelope, at
            As for :meth:`pprl_protocols.transcript.Transcript.add`.

        Raises
        ------
        PeerError
            It breaks a rule: of the envelope, of its log, or of what was possible when it was
            said. Likewise an entry that had waited for this one, or one in this party's own name
            that it hasn't said.
        """
        taken = self.transcript.add(envelope, at)
        entry = self.transcript.get(taken.digest).entry
        if entry.party == self.name and taken.digest not in self._own:
            raise PeerError("protocol.own_log", party=self.name, seq=entry.seq)
        for digest in (taken.digest, *taken.released) if isinstance(taken, Accepted) else ():
            reason = self.transcript.breach(digest)
            if reason is not None:
                raise self._impossible(digest, reason)
        if taken.refused:
            raise taken.refused[0]

    def said(self, kind: Kind, party: str) -> Signed | None:
        """Return a party's message of a kind, None when it hasn't sent one."""
        entries = self.transcript.entries(party)
        return next((each for each in entries if each.entry.message.kind == kind), None)

    def all_said(self, kind: Kind) -> Iterator[Signed]:
        """Yield the messages of a kind, by party."""
        for name in sorted(party.name for party in self.agreement.parties):
            found = self.said(kind, name)
            if found is not None:
                yield found

    def why_not(self, kind: Kind, *, today: date | None = None) -> rules.Reason | None:
        """Say why this party can't send a message of a kind now; None when it can."""
        steps = self.transcript.steps()
        return rules.possible(kind, self.name, steps, self.agreement, today=today)

    def closes_after(self, *, today: date | None = None) -> rules.Reason | None:
        """Say what the coordinator's CLOSE waits for; None: for the coordinator alone."""
        coordinator, steps = self.agreement.coordinator.name, self.transcript.steps()
        return rules.possible("CLOSE", coordinator, steps, self.agreement, today=today)

    def require(self, kind: Kind, *, today: date | None = None) -> None:
        """Refuse to go on when a message isn't possible.

        Raises
        ------
        WaitingError
            Others have to act first.
        ConfigError
            It will never be possible.
        """
        reason = self.why_not(kind, today=today)
        if reason is None:
            return
        values = dict(reason.values)
        if reason.final:
            raise ConfigError(reason.code, **values)
        raise WaitingError(reason.code, **values)

    def say(self, message: Message, signer: Signer, *, today: date | None = None) -> bytes:
        """Return the envelope that says something; from then on it is said.

        Raises
        ------
        WaitingError, ConfigError
            As :meth:`require`.
        PeerError
            Somebody else has signed in this party's name.
        """
        self.require(message.kind, today=today)
        payload = self.transcript.build_entry(self.name, message)
        envelope = seal_envelope(payload, signer.sign, signer.fingerprint)
        self._own.add(self.transcript.add(envelope).digest)
        return envelope

    def removed(self) -> tuple[Link, ...]:
        """Return entries that this party has named, and that nobody shows any more.

        What others have named may be on its way, on a memory stick for example; what this party
        itself has seen was there.
        """
        missing = set(self.transcript.missing())
        named = (
            link
            for digest in sorted(self._own)
            for link in links_of(self.transcript.get(digest).entry)
        )
        return tuple(sorted({link for link in named if link in missing}))

    def outcome(self) -> Outcome:
        """Return how the run stands for this party.

        A party that reports ``closed`` to people has compared the digest with the others' first:
        a coordinator that closes twice, before parties that never meet, shows nowhere else.
        """
        aborts = tuple(each.entry.party for each in self.all_said("ABORT"))
        disputes = tuple(each.entry.party for each in self.all_said("DISPUTE"))
        coordinator = self.agreement.coordinator.name
        close = self.said("CLOSE", coordinator)
        opened = self.said("RECEIPT", self.name) is not None
        closed_it = close is not None and self.name == coordinator
        state: State = "open"
        digest: str | None = None
        missing: tuple[str, ...] = ()
        if aborts and not opened and not closed_it:
            state = "aborted"
        elif close is not None:
            message = close.entry.message
            state, digest = "closed", close.digest
            missing = message.missing if message.kind == "CLOSE" else ()
        return Outcome(state, digest, aborts, disputes, missing)

    def _impossible(self, digest: str, reason: rules.Reason) -> PeerError:
        entry = self.transcript.get(digest).entry
        return PeerError(
            "protocol.impossible", party=entry.party, seq=entry.seq, kind=entry.message.kind,
            reason=reason.code,
        )  # fmt: skip
