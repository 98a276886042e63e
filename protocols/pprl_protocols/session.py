"""One party's part in one run: what its home remembers, what the exchange shows, what it may say.

A session reads everything again whenever it is asked to, so that a command that was interrupted
can be repeated: what the party's home has written down is published as it is, and nothing is said
twice. It decides no content of a message; that is done in :mod:`pprl_protocols.roles`, and what is
possible in :mod:`pprl_protocols.seat`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError
from pprl_protocols import cards
from pprl_protocols.agreement import Agreement
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import open_envelope
from pprl_protocols.messages import parse_entry
from pprl_protocols.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from typing import TypeAlias

    from pprl_protocols import rules
    from pprl_protocols.agreement import Party
    from pprl_protocols.dag import Signed
    from pprl_protocols.exchange import Exchange
    from pprl_protocols.home import Home, RunFolder
    from pprl_protocols.identity import PartyFile
    from pprl_protocols.messages import Message
    from pprl_protocols.rules import Kind
    from pprl_protocols.seat import Outcome
    from pprl_protocols.transcript import Transcript

    Take: TypeAlias = Callable[[bytes, tuple[str, int]], object]


class Session:
    """A party at work in a run.

    Parameters
    ----------
    home
        Whose part it is; the caller holds its lock.
    exchange
        Where the run's files are.
    run
        Id of the run.
    today
        The date, for validity and deadlines.
    tolerant
        Go on although somebody has broken a rule, and keep what was found in ``faults``: for
        whoever aborts or disputes because of it.

    Raises
    ------
    ConfigError
        The agreement doesn't name this party, or the run's id was used before.
    PeerError
        The exchange holds something that breaks a rule: it is named.
    """

    def __init__(
        self, home: Home, exchange: Exchange, run: str, *, today: date, tolerant: bool = False
    ) -> None:
        self.home = home
        self.exchange = exchange
        self.run = run
        self.today = today
        self.folder: RunFolder = home.run(run)
        self._changed: list[PeerError] = []
        try:
            self._text = agreement_text(exchange, run, self.folder)
        except PeerError as error:
            if not tolerant or self.folder.agreement is None:
                raise
            # What this party has signed is what it aborts, or purges.
            self._text, self._changed = self.folder.agreement, [error]
        self.agreement = Agreement.from_bytes(self._text)
        if self.agreement.run != run:
            raise PeerError("protocol.other_run")
        self.me = own_party(self.agreement, home.identity.party_file)
        self._tolerant = tolerant
        self.faults: list[PeerError] = []
        self.refresh()

    def refresh(self) -> None:
        """Read what was published since, and publish what this party had written down."""
        own = self.folder.entries()
        self.seat = Seat(self.agreement, self.me.name, own)
        self.faults = [
            *self._changed,
            *self._publish(own),
            *read_logs(self.seat.take, self.exchange, self.run),
            *broken_later(self.seat, self.folder),
        ]
        if self.faults and not self._tolerant:
            raise self.faults[0]
        outcome = self.outcome
        if outcome.state == "aborted" and self.folder.agreement is not None:
            self.folder.keep_aborted(outcome.aborted_by)
        if self.me.card is not None and self._card_has_served():
            cards.destroy(self.home.vault, self.me.card)

    @property
    def transcript(self) -> Transcript:
        """Everything that was shown of the run."""
        return self.seat.transcript

    @property
    def outcome(self) -> Outcome:
        """How the run stands for this party."""
        return settled(self.seat.outcome(), self.folder)

    def said(self, kind: Kind, party: str) -> Signed | None:
        """Return a party's message of a kind, None when it hasn't sent one."""
        return self.seat.said(kind, party)

    def all_said(self, kind: Kind) -> Iterator[Signed]:
        """Yield the messages of a kind, by party."""
        return self.seat.all_said(kind)

    def why_not(self, kind: Kind) -> rules.Reason | None:
        """Say why this party can't send a message of a kind now; None when it can."""
        return self.seat.why_not(kind, today=self.today)

    def require(self, kind: Kind) -> None:
        """Refuse to go on when a message isn't possible.

        Raises
        ------
        WaitingError
            Others have to act first.
        ConfigError
            It will never be possible.
        """
        self.seat.require(kind, today=self.today)

    def say(self, message: Message) -> str:
        """Write a message down in the home, then publish it; return the entry's digest.

        Blobs that lie in the home are published before it.

        Raises
        ------
        WaitingError, ConfigError
            As :meth:`require`.
        """
        number = len(self.folder.entries())
        envelope = self.seat.say(message, self.home.identity, today=self.today)
        self.folder.keep_agreement(self._text)
        self.folder.keep_entry(number, envelope)
        self.refresh()
        return sha256(envelope)

    def secret(self, name: str) -> str:
        """Return the name under which the vault keeps a secret of this run."""
        return f"run-{self.run}-{name}"

    def _card_has_served(self) -> bool:
        """Whether nothing that was sealed to this party's card is to be opened any more."""
        agreement = self.agreement
        close = self.said("CLOSE", agreement.coordinator.name)
        if close is not None and self.me.role == "coordinator":
            message = close.entry.message
            kept = message.kind == "CLOSE" and message.deletion == "kept_until_audit_deadline"
            return not kept or self.today > agreement.audit_deadline
        last = max(agreement.valid_until, agreement.receipt_deadline)
        return self.outcome.state != "open" or self.today > last

    def _publish(self, entries: list[bytes]) -> list[PeerError]:
        """Publish what the home has written down: blobs first, then the entries that name them.

        A blob that no entry names was left by a command that was killed, and is forgotten. Returns
        what somebody has put in their place.
        """
        if not entries:
            return []
        blobs = self.folder.blobs()
        named = _blobs_named(entries) if blobs else set()
        try:
            for digest, path in blobs.items():
                if digest in named:
                    with path.open("rb") as file:
                        self.exchange.put_blob(self.run, file)
            for seq, envelope in enumerate(entries):
                self.exchange.put_entry(self.run, self.me.name, seq, envelope)
        except PeerError as error:
            return [error]
        self.folder.forget_blobs()
        return []


def _blobs_named(entries: list[bytes]) -> set[str]:
    named: set[str] = set()
    for envelope in entries:
        message = parse_entry(open_envelope(envelope).payload).message
        if message.kind == "ENCODINGS":
            named.add(message.sealed)
        elif message.kind == "RESULT":
            named.update(result.sealed for result in message.results.values())
    return named


def settled(outcome: Outcome, kept: RunFolder) -> Outcome:
    """Return how a run stands for a party whose home remembers its end.

    What was compared stays closed, and what was aborted stays aborted, whatever an exchange that
    was rolled back shows later.
    """
    if kept.compared is not None:
        return replace(outcome, state="closed", digest=kept.compared)
    if kept.aborted:
        ended_by = tuple(sorted({*outcome.aborted_by, *kept.aborted}))
        return replace(outcome, state="aborted", digest=None, aborted_by=ended_by)
    return outcome


def broken_later(seat: Seat, kept: RunFolder) -> list[PeerError]:
    """Return what contradicts what this party has seen: entries gone, or another CLOSE."""
    found = [
        PeerError("protocol.removed", party=link.party, seq=link.seq) for link in seat.removed()
    ]
    shown = seat.outcome().digest
    if shown is not None and kept.compared not in {None, shown}:
        found.append(PeerError("protocol.other_close", party=seat.agreement.coordinator.name))
    return found


def agreement_text(exchange: Exchange, run: str, folder: RunFolder) -> bytes:
    """Return the agreement that is published, which must be the one the home has kept.

    Raises
    ------
    PeerError
        It is another one, or none is published.
    """
    published = exchange.agreement(run)
    kept = folder.agreement
    if kept is not None and kept != published:
        raise PeerError("protocol.agreement_changed")
    return published


def own_party(agreement: Agreement, who: PartyFile) -> Party:
    """Return the party of an agreement that a home belongs to.

    Raises
    ------
    ConfigError
        It is none of them: another home, or another identity or role.
    """
    party = agreement.party(who.name)
    if party is None or (party.identity, party.role) != (who.public_key, who.role):
        raise ConfigError("agreement.not_a_party", party=who.name)
    return party


def read_logs(take: Take, exchange: Exchange, run: str) -> list[PeerError]:
    """Show a seat or a transcript all logs; return what breaks a rule, in reading order.

    Parameters
    ----------
    take
        :meth:`Seat.take`, or :meth:`pprl_protocols.transcript.Transcript.add` for who only watches.
    exchange, run
        Where the logs are.
    """
    faults: list[PeerError] = []
    try:
        for party in exchange.parties(run):
            for stored in exchange.entries(run, party):
                try:
                    take(stored.data, (party, stored.seq))
                except PeerError as error:
                    faults.append(error)
    except PeerError as error:
        faults.append(error)
    return faults
