"""The transcript: what all parties of one run have signed, as a directed acyclic graph of hashes.

Bytes in, entries and what is wrong with them out; no files, no clock, no key. An entry names its
party's previous entry and the newest entries it has seen of the others, all by digest. It is
accepted when everything it names has been; until then it waits. So the state depends on which
entries were shown and not on their order. What is checked, in this order:

1. the envelope: size, form, one signature, known party, its identity's signature
2. the entry: canonical, of this run and agreement, the place it lies at, well-formed links
3. no fork: two signed entries of a party with one number. Both are kept, as the proof
4. the links name what they say, nothing refused, and never step back behind what the party's
   own previous entry had seen

What a message says and whether it was possible is judged in :mod:`pprl_protocols.rules` and by
the roles. Spec: "Exchange and transcript".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.errors import PeerError
from pprl_protocols import limits
from pprl_protocols.dag import Link, Signed, by_place, goes_forward, links_of, ordered, past_of
from pprl_protocols.envelope import open_envelope
from pprl_protocols.messages import Close, Entry, Head, Message, parse_entry
from pprl_protocols.rules import Reason, Step, possible, wrongly_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pprl_protocols.agreement import Agreement

MAX_LOG_BYTES = 64 << 20
"""What the entries of one party may take together in memory, forked ones included."""


@dataclass(frozen=True)
class Accepted:
    """The entry stands, and everything it names.

    Attributes
    ----------
    digest
        Its name.
    released
        Digests of entries that had waited and stand now too.
    refused
        What is wrong with entries that had waited, and turn out not to fit.
    """

    digest: str
    released: tuple[str, ...] = ()
    refused: tuple[PeerError, ...] = ()


@dataclass(frozen=True)
class Pending:
    """The entry is signed and well-formed, but names what nobody has shown yet.

    Attributes
    ----------
    digest
        Its name.
    waits_for
        What it names that isn't accepted.
    refused
        As of :class:`Accepted`: that an entry names this one wrongly shows before it is accepted.
    """

    digest: str
    waits_for: tuple[Link, ...]
    refused: tuple[PeerError, ...] = ()


@dataclass(frozen=True)
class Fork:
    """Proof that a party has told two stories: entries of one number, all signed by it."""

    party: str
    seq: int
    digests: tuple[str, ...]


class Transcript:
    """Everything signed that was shown of one run.

    Parameters
    ----------
    agreement
        Whose parties, identities, run and digest every entry must fit.
    """

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._agreement_digest = agreement.digest
        self._keys = {one.name: bytes.fromhex(one.identity) for one in agreement.parties}
        self._signed: dict[str, Signed] = {}
        self._at: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        self._accepted: set[str] = set()
        self._refused: dict[str, PeerError] = {}
        self._waiting: defaultdict[str, set[str]] = defaultdict(set)
        self._bytes: defaultdict[str, int] = defaultdict(int)

    def add(self, envelope: bytes, at: tuple[str, int] | None = None) -> Accepted | Pending:
        """Take one envelope in. The same again changes nothing.

        Parameters
        ----------
        envelope
            Bytes from anybody.
        at
            Party and number of the place where it was found, if it was found at one: it must be
            that entry. Errors then carry both in their values.

        Raises
        ------
        PeerError
            It breaks one of the checks. After a fork both entries are kept, and everything that
            rests on them; after any other the entry counts for nothing.
        """
        try:
            return self._add(envelope, at)
        except PeerError as error:
            if at is None:
                raise
            place: dict[str, str | int] = {"party": at[0], "seq": at[1]}
            raise PeerError(error.code, **(place | error.values)) from None

    def _add(self, envelope: bytes, at: tuple[str, int] | None) -> Accepted | Pending:
        signed = self._verify(envelope)
        digest, place = signed.digest, (signed.entry.party, signed.entry.seq)
        if at is not None and at != place:
            raise PeerError("protocol.misplaced", party=at[0], seq=at[1])
        released: tuple[str, ...] = ()
        refused: tuple[PeerError, ...] = ()
        if digest not in self._signed:
            self._keep(signed)
            released, refused = self._settle(digest)
        if len(self._at[place]) > 1:
            raise PeerError("protocol.fork", party=place[0], seq=place[1])
        if digest in self._refused:
            error = self._refused[digest]
            raise PeerError(error.code, **error.values)
        if digest in self._accepted:
            return Accepted(digest, released, refused)
        waits_for = tuple(x for x in links_of(signed.entry) if x.digest not in self._accepted)
        return Pending(digest, waits_for, refused)

    def heads(self) -> dict[str, Link]:
        """Return every party's newest accepted entry: of a party with a fork, the last before."""
        newest: dict[str, Link] = {}
        for party in sorted(self._keys):
            for seq in range(limits.MAX_ENTRIES):
                there = self._at.get((party, seq), set())
                if len(there) != 1 or not there <= self._accepted:
                    break
                newest[party] = Link(party, seq, *there)
        return newest

    def entries(self, party: str) -> tuple[Signed, ...]:
        """Return a party's accepted entries by number; after a fork, those of all branches."""
        mine = (self._signed[x] for x in self._accepted if self._signed[x].entry.party == party)
        return tuple(sorted(mine, key=by_place))

    def get(self, digest: str) -> Signed:
        """Return one entry, accepted or not.

        Raises
        ------
        KeyError
            It was never shown.
        """
        return self._signed[digest]

    def forks(self) -> tuple[Fork, ...]:
        """Return all proofs of two stories, sorted by party and number."""
        return tuple(
            Fork(party, seq, tuple(sorted(digests)))
            for (party, seq), digests in sorted(self._at.items())
            if len(digests) > 1
        )

    def refused(self) -> dict[str, PeerError]:
        """Return the signed entries that don't fit, by digest, and what is wrong with each."""
        return dict(sorted(self._refused.items()))

    def pending(self) -> tuple[str, ...]:
        """Return the digests of entries that wait for what they name, sorted."""
        return tuple(sorted(self._signed.keys() - self._accepted - self._refused.keys()))

    def missing(self) -> tuple[Link, ...]:
        """Return what somebody named and nobody has shown, sorted: the run is INCOMPLETE."""
        named = (x for digest in self.pending() for x in links_of(self._signed[digest].entry))
        return tuple(sorted({x for x in named if x.digest not in self._signed}))

    def causal_past(self, digest: str) -> frozenset[str]:
        """Return the digests of all entries that an accepted entry rests on, itself excluded.

        Raises
        ------
        KeyError
            The entry isn't accepted.
        """
        if digest not in self._accepted:
            raise KeyError(digest)
        return past_of(digest, self._signed)

    def order(self) -> tuple[Signed, ...]:
        """Return the accepted entries, each after all it rests on.

        Of those that could come next, the first by party, number and digest does: the same
        entries give the same order.
        """
        return ordered({digest: self._signed[digest] for digest in self._accepted})

    def steps(self, digests: Iterable[str] | None = None) -> frozenset[Step]:
        """Return who has sent what, for the rules: of all accepted entries, or of those given."""
        chosen = self._accepted if digests is None else digests
        entries = (self._signed[digest].entry for digest in chosen)
        return frozenset(Step(entry.party, entry.message.kind) for entry in entries)

    def breaches(self) -> tuple[tuple[Signed, Reason], ...]:
        """Return the accepted entries whose message wasn't possible in their causal past.

        Likewise a CLOSE that names other missing receipts than those its past lacks.

        Cost: the square of the number of entries.
        """
        judged = ((signed, self.breach(signed.digest)) for signed in self.order())
        return tuple((signed, reason) for signed, reason in judged if reason is not None)

    def breach(self, digest: str) -> Reason | None:
        """Say why an accepted entry's message wasn't possible in its causal past; None: it was.

        Raises
        ------
        KeyError
            The entry isn't accepted.
        """
        past = self.steps(self.causal_past(digest))
        entry = self._signed[digest].entry
        message, party = entry.message, entry.party
        reason = possible(message.kind, party, past, self._agreement)
        if reason is None and isinstance(message, Close):
            reason = wrongly_missing(party, message.missing, past, self._agreement)
        return reason

    def build_entry(self, party: str, message: Message) -> bytes:
        """Return the payload of a party's next entry, with the newest heads, to be signed.

        A head never steps back: of a party whose fork has come out since, the one that the
        previous entry named stays.

        Raises
        ------
        PeerError
            The party's own log is forked, or isn't complete here: what it signs now might fork.
        """
        heads = self.heads()
        own = heads.pop(party, None)
        seq = 0 if own is None else own.seq + 1
        if any(name == party and number >= seq for name, number in self._at):
            raise PeerError("protocol.own_log", party=party, seq=seq)
        if own is not None:
            for name, seen in self._signed[own.digest].entry.heads.items():
                if name not in heads or heads[name].seq < seen.seq:
                    heads[name] = Link(name, seen.seq, seen.digest)
        entry = Entry(
            version=1,
            run=self._agreement.run,
            party=party,
            seq=seq,
            previous=None if own is None else own.digest,
            heads={x.party: Head(seq=x.seq, digest=x.digest) for x in heads.values()},
            message=message,
        )
        return entry.to_bytes()

    def _verify(self, data: bytes) -> Signed:
        envelope = open_envelope(data)
        entry = parse_entry(envelope.payload)
        key = self._keys.get(entry.party)
        if key is None:
            raise PeerError("protocol.unknown_party")
        envelope.verify(key)
        message, party = entry.message, entry.party
        if entry.run != self._agreement.run or message.run != entry.run:
            raise PeerError("protocol.other_run")
        if message.agreement != self._agreement_digest:
            raise PeerError("protocol.other_agreement")
        well_formed = (
            message.party == party
            and (entry.previous is None) == (entry.seq == 0)
            and party not in entry.heads
            and entry.heads.keys() <= self._keys.keys()
        )
        if not well_formed:
            raise PeerError("protocol.bad_links", party=party, seq=entry.seq)
        return Signed(envelope.digest, entry, data)

    def _keep(self, signed: Signed) -> None:
        entry = signed.entry
        # Counted by party: one that signs without end can't crowd the others out.
        total = self._bytes[entry.party] + len(signed.envelope)
        if total > MAX_LOG_BYTES:
            limit = MAX_LOG_BYTES
            raise PeerError("protocol.log_too_large", party=entry.party, limit=limit)
        self._bytes[entry.party] = total
        self._signed[signed.digest] = signed
        self._at[entry.party, entry.seq].add(signed.digest)

    def _settle(self, first: str) -> tuple[tuple[str, ...], tuple[PeerError, ...]]:
        """Decide an entry that has just been shown, and all that waited for it."""
        released: list[str] = []
        refused: list[PeerError] = []
        ahead = [first]
        while ahead:
            digest = ahead.pop()
            if digest in self._accepted or digest in self._refused:
                continue
            entry = self._signed[digest].entry
            unsettled = [x.digest for x in links_of(entry) if x.digest not in self._accepted]
            fault = self._fault(entry, complete=not unsettled)
            if fault is not None:
                self._refused[digest] = fault
                if digest != first:
                    refused.append(fault)
            elif not unsettled:
                self._accepted.add(digest)
                released.append(digest)
            else:
                for other in unsettled:
                    self._waiting[other].add(digest)
                if digest != first:
                    continue  # nothing has changed for those that wait for it
            ahead.extend(self._waiting.get(digest, ()))
        others = tuple(sorted(x for x in released if x != first))
        return others, tuple(sorted(refused, key=str))

    def _fault(self, entry: Entry, *, complete: bool) -> PeerError | None:
        code = None
        for link in links_of(entry):
            other = self._signed.get(link.digest)
            if link.digest in self._refused or (
                other is not None and (other.entry.party, other.entry.seq) != link[:2]
            ):
                code = "protocol.bad_links"
        if complete and code is None and not goes_forward(entry, self._signed):
            code = "protocol.heads_backwards"
        return None if code is None else PeerError(code, party=entry.party, seq=entry.seq)
