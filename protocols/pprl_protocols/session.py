"""One party's part in one run: what its home remembers, what the exchange shows, what it may say.

A session reads everything again whenever it is asked to, so that a command that was interrupted
can be repeated: what the party's home has written down is published as it is, and nothing is said
twice. It decides no content of a message; that is done in :mod:`pprl_protocols.roles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError, WaitingError
from pprl_protocols import rules
from pprl_protocols.agreement import Agreement
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import seal_envelope
from pprl_protocols.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pprl_protocols.agreement import Party
    from pprl_protocols.dag import Signed
    from pprl_protocols.exchange import Exchange
    from pprl_protocols.home import Home, RunFolder
    from pprl_protocols.messages import Message
    from pprl_protocols.rules import Kind


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

    Raises
    ------
    ConfigError
        The agreement doesn't name this party, or the run's id was used before.
    PeerError
        The exchange holds something that breaks a rule: it is named.
    """

    def __init__(self, home: Home, exchange: Exchange, run: str, *, today: date) -> None:
        self.home = home
        self.exchange = exchange
        self.run = run
        self.today = today
        self.folder: RunFolder = home.run(run)
        self._text = self._agreement_text()
        self.agreement = Agreement.from_bytes(self._text)
        if self.agreement.run != run:
            raise PeerError("protocol.other_run")
        self.me = self._own_party()
        self.transcript = Transcript(self.agreement)
        self.refresh()

    def refresh(self) -> None:
        """Read what was published since, and publish what this party had written down."""
        self._publish_own()
        self.transcript = Transcript(self.agreement)
        name = self.me.name
        own = self.folder.entries()
        for envelope in own:
            self.transcript.add(envelope)
        for party in self.exchange.parties(self.run):
            for stored in self.exchange.entries(self.run, party):
                if party == name and (stored.seq >= len(own) or own[stored.seq] != stored.data):
                    # Signed by us or not: our home hasn't said it.
                    raise PeerError("protocol.own_log", party=name, seq=stored.seq)
                self.transcript.add(stored.data, (party, stored.seq))
        breach = next(iter(self.transcript.breaches()), None)
        if breach is not None:
            signed, reason = breach
            entry = signed.entry
            raise PeerError(
                "protocol.impossible", party=entry.party, seq=entry.seq, kind=entry.message.kind,
                reason=reason.code,
            )  # fmt: skip

    def said(self, kind: Kind, party: str) -> Signed | None:
        """Return a party's message of a kind, None when it hasn't sent one."""
        entries = self.transcript.entries(party)
        return next((each for each in entries if each.entry.message.kind == kind), None)

    def all_said(self, kind: Kind) -> Iterator[Signed]:
        """Yield the messages of a kind, by party."""
        for party in sorted(self.agreement.parties, key=_name):
            found = self.said(kind, party.name)
            if found is not None:
                yield found

    def why_not(self, kind: Kind) -> rules.Reason | None:
        """Say why this party can't send a message of a kind now; None when it can."""
        return rules.possible(
            kind, self.me.name, self.transcript.steps(), self.agreement, today=self.today
        )

    def require(self, kind: Kind) -> None:
        """Refuse to go on when a message isn't possible.

        Raises
        ------
        WaitingError
            Others have to act first.
        ConfigError
            It will never be possible.
        """
        reason = self.why_not(kind)
        if reason is None:
            return
        values = dict(reason.values)
        if reason.final:
            raise ConfigError(reason.code, **values)
        raise WaitingError(reason.code, **values)

    def say(self, message: Message) -> str:
        """Write a message down in the home, then publish it; return the entry's digest.

        Blobs that lie in the home are published before it.

        Raises
        ------
        WaitingError, ConfigError
            As :meth:`require`.
        """
        self.require(message.kind)
        payload = self.transcript.build_entry(self.me.name, message)
        identity = self.home.identity
        envelope = seal_envelope(payload, identity.sign, identity.fingerprint)
        self.folder.keep_agreement(self._text)
        self.folder.keep_entry(len(self.folder.entries()), envelope)
        self.refresh()
        return sha256(envelope)

    def secret(self, name: str) -> str:
        """Return the name under which the vault keeps a secret of this run."""
        return f"run-{self.run}-{name}"

    def _agreement_text(self) -> bytes:
        published = self.exchange.agreement(self.run)
        kept = self.folder.agreement
        if kept is not None and kept != published:
            raise PeerError("protocol.agreement_changed")
        return published

    def _own_party(self) -> Party:
        identity = self.home.identity
        party = self.agreement.party(identity.name)
        if party is None or party.identity != identity.public_key.hex():
            raise ConfigError("agreement.not_a_party", party=identity.name)
        if party.role != identity.role:
            raise ConfigError("agreement.not_a_party", party=identity.name)
        return party

    def _publish_own(self) -> None:
        """Publish what the home has written down: blobs first, then the entries that name them."""
        entries = self.folder.entries()
        if not entries:
            return
        for path in self.folder.blobs().values():
            with path.open("rb") as file:
                self.exchange.put_blob(self.run, file)
        for seq, envelope in enumerate(entries):
            self.exchange.put_entry(self.run, self.me.name, seq, envelope)
        self.folder.forget_blobs()


def _name(party: Party) -> str:
    return party.name
