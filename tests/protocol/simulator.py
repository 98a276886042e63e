"""A run in memory over a hostile network: honest parties, a party with two faces, and the attacker.

Honest parties are seats with what their homes keep: the bytes they have said and the digest they
have compared. A cheat is two copies of honest code with one key (the Twins way of finding faults
of consensus protocols), which tell different parties different things, and may besides sign what
it likes. The network holds every byte that was ever published and shows anybody anything of it,
changed or not, in any order. Deciding what happens is left to :mod:`test_simulator`.
"""

import contextlib
import json
from dataclasses import dataclass, field
from datetime import date

from pprl.errors import ConfigError, PeerError, WaitingError
from pprl_protocols import canonical
from pprl_protocols.envelope import open_envelope, seal_envelope
from pprl_protocols.hpke import OVERHEAD_BYTES
from pprl_protocols.messages import (
    Abort,
    Close,
    Dispute,
    Encodings,
    Receipt,
    Result,
    SealedResult,
    Sign,
    parse_entry,
)
from pprl_protocols.rules import missing_receipts
from pprl_protocols.runkey import signs_digest
from pprl_protocols.seat import Seat
from pprl_protocols.transcript import Transcript

EARLY, LATE = date(2026, 3, 2), date(2026, 8, 1)
"""Within the agreement's validity; after it, and after the receipt deadline."""
TURNS = ("SIGN", "ENCODINGS", "RESULT", "RECEIPT", "CLOSE")
MESSAGES = {
    "SIGN": Sign,
    "ENCODINGS": Encodings,
    "RESULT": Result,
    "RECEIPT": Receipt,
    "CLOSE": Close,
    "ABORT": Abort,
    "DISPUTE": Dispute,
}
SHAPE = {"row_bytes": 32, "columns": ("id",)}


@dataclass
class Signer:
    """A party's key, and the ledger of all that it has signed."""

    party: str
    key: object
    ledger: list = field(default_factory=list)

    @property
    def fingerprint(self):
        return canonical.sha256(self.key.public_key().public_bytes_raw())

    def sign(self, data):
        return self.key.sign(data)


class Node:
    """One copy of honest code: a seat that forgets, and a home that doesn't."""

    def __init__(self, world, name, salt="", own=()):
        self.world = world
        self.name = name
        self.salt = salt
        self.home = list(own)
        self.published = len(self.home)
        self.compared = None
        self.restart()

    def restart(self):
        """Begin a new command, from what the home kept; nothing shown before is remembered."""
        self.seat = Seat(self.world.agreement, self.name, self.home)
        self.stopped = False
        self.states = []
        self.shown = set()
        self.note()
        self.publish()

    def publish(self):
        self.world.publish(self, self.home[self.published :])
        self.published = len(self.home)

    def show(self, envelope, at=None):
        """Take something in; a rule that it breaks ends the command with exit code 4."""
        self.shown.add(envelope)
        try:
            self.seat.take(envelope, at)
        except PeerError:
            self.stopped = True
        self.note()

    def note(self):
        if not self.stopped:
            outcome = self.seat.outcome()
            self.states.append((outcome.state, outcome.digest))

    def act(self, kinds=TURNS, crash=None):
        """Say the first thing that it's this party's turn to say; True when it said something.

        A crash may come before the home has kept it, or after that and before it's published.
        """
        if self.stopped:
            return False
        today = self.world.today
        for kind in kinds:
            if self.seat.why_not(kind, today=today) is not None:
                continue
            message = self.compose(kind)
            if message is None:
                continue
            try:
                envelope = self.seat.say(message, self.world.signers[self.name], today=today)
            except (PeerError, WaitingError, ConfigError):
                continue  # its own log isn't complete here
            if crash != "before":
                self.home.append(envelope)
                self.world.kept(self, envelope)
            if crash is None:
                self.publish()
                self.note()
            else:
                self.restart()
            return True
        return False

    def compose(self, kind):
        """Return the message that an honest party would send; None where it finds a fault."""
        agreement, seat = self.world.agreement, self.seat
        agencies = [party.name for party in agreement.agencies]
        others = tuple(name for name in agencies if name != self.name)
        digest = canonical.sha256(f"{self.name} {self.salt}".encode())
        blob = {"sealed": digest, "plain": digest}
        signs = signs_digest({each.entry.party: each.digest for each in seat.all_said("SIGN")})
        needed = {"RESULT": "ENCODINGS", "RECEIPT": "RESULT"}.get(kind)
        seen = [each.entry.message for each in seat.all_said(needed)] if needed else []
        if any(message.signs != signs for message in seen):
            return None
        sealed = dict.fromkeys(others, "00" * (64 + OVERHEAD_BYTES))
        says = {
            "SIGN": lambda: {
                "commitment": digest,
                "contributions": sealed if self.name in agencies else {},
            },
            "ENCODINGS": lambda: (
                blob
                | {
                    "signs": signs,
                    "size": 1024,
                    "records": 16,
                    "root": digest,
                    "confirmation": digest,
                }
            ),
            "RESULT": lambda: {
                "signs": signs,
                "results": dict.fromkeys(agencies, SealedResult(**blob, **SHAPE, size=1024)),
                "software": {"openpprl": "0.1.0"},
                "parameters": {},
                "counts": (),
                "confirmations": {message.party: message.confirmation for message in seen},
            },
            "RECEIPT": lambda: blob | SHAPE | {"confirmed": others},
            "CLOSE": lambda: {
                "missing": missing_receipts(seat.transcript.steps(), agreement),
                "deletion": "deleted",
            },
            "ABORT": lambda: {"reason": "other", "about": None},
            "DISPUTE": lambda: {"reason": "other", "about": None},
        }
        return MESSAGES[kind](
            run=agreement.run, agreement=agreement.digest, party=self.name, **says[kind]()
        )

    def compare(self):
        """Be in the call in which the digest is read out; the first who has one reads it."""
        outcome = self.seat.outcome()
        if self.stopped or self.compared or outcome.state != "closed":
            return
        opened = self.seat.said("RECEIPT", self.name)
        closed_it = self.name == self.world.agreement.coordinator.name
        given_up = any(self.seat.all_said("ABORT"))
        assert opened or closed_it or not given_up, "closed although somebody has ended the run"
        said = {each.entry.message.kind for each in self.seat.transcript.order()}
        assert {"SIGN", "ENCODINGS", "RESULT"} <= said, "closed before there was a result"
        if self.world.read_out is None:
            self.world.read_out = outcome.digest
        if self.world.read_out == outcome.digest:
            self.compared = outcome.digest


class World:
    """All parties of a run, and the network between them.

    Parameters
    ----------
    agreement, keys
        Of the run; signing keys by party.
    cheat
        Name of the party that has two faces; None when all are honest.
    """

    def __init__(self, agreement, keys, cheat=None):
        self.agreement = agreement
        self.today = EARLY
        self.cheat = cheat
        self.read_out = None
        self.pool = []
        self.signed = set()
        self.places = {}
        self.signers = {
            party.name: Signer(party.name, keys[party.name]) for party in agreement.parties
        }
        self.nodes = {name: Node(self, name) for name in sorted(self.signers) if name != cheat}
        self.faces = [Node(self, cheat)] if cheat else []
        self.sides = dict.fromkeys(self.nodes, 0)

    def kept(self, node, envelope):
        """Note what a home has kept: an honest party keeps one entry of a number."""
        if node.name != self.cheat:
            entry = parse_entry(open_envelope(envelope).payload)
            assert self.places.setdefault((entry.party, entry.seq), envelope) == envelope

    def publish(self, node, envelopes):
        for envelope in envelopes:
            digest = canonical.sha256(envelope)
            if digest not in self.signed:
                self.signed.add(digest)
                self.pool.append((envelope, node))

    def split(self):
        """Let the cheat go on as two from here."""
        if len(self.faces) == 1:
            face = self.faces[0]
            twin = Node(self, self.cheat, salt="twin", own=face.home)
            for envelope, _ in self.pool:
                twin.show(envelope)
            self.faces.append(twin)

    def forge(self, pick, how):
        """Sign, as the cheat, a changed copy of something it has said."""
        said = [envelope for face in self.faces for envelope in face.home]
        if not said:
            return
        payload = json.loads(open_envelope(said[pick % len(said)]).payload)
        base = {key: payload["message"][key] for key in ("run", "agreement", "party")}
        heads = payload["heads"]
        changes = [
            {"seq": payload["seq"] + 1},
            {"previous": "ab" * 32, "seq": payload["seq"] + 1},
            {"heads": {}},
            {"heads": {name: head | {"seq": head["seq"] + 1} for name, head in heads.items()}},
            {"message": base | {"kind": "CLOSE", "missing": [], "deletion": "deleted"}},
            {"message": base | {"kind": "ABORT", "reason": "other", "about": None}},
            {
                "seq": payload["seq"] + 1,
                "previous": canonical.sha256(said[pick % len(said)]),
                "message": base | {"kind": "CLOSE", "missing": [], "deletion": "deleted"},
            },
        ]
        signer = self.signers[self.cheat]
        data = canonical.dumps(payload | changes[how % len(changes)])
        self.publish(self.faces[0], [seal_envelope(data, signer.sign, signer.fingerprint)])

    def everybody(self):
        return [*self.nodes.values(), *self.faces]

    def hears(self, node, source):
        """Whether a party is on the side of whoever said something; a face hears no other face."""
        if node in self.faces:
            return source not in self.faces or source is node
        if source not in self.faces:
            return True
        return self.faces.index(source) == min(self.sides[node.name], len(self.faces) - 1)

    def deliver(self, node, *, backwards=False):
        """Show a party all that its side has published since it began its command."""
        heard = [envelope for envelope, source in self.pool if self.hears(node, source)]
        for envelope in reversed(heard) if backwards else heard:
            if envelope not in node.shown:
                node.show(envelope)

    def settle(self, kinds=TURNS):
        """Show everybody everything and let all act, until nobody has anything to say."""
        for _ in range(4 * len(TURNS)):
            before = len(self.pool)
            for node in self.everybody():
                self.deliver(node)
                for _ in TURNS:
                    if not node.act(kinds):
                        break
            if len(self.pool) == before:
                return
        message = "they never come to an end"
        raise AssertionError(message)

    def check(self):
        """Assert what must always be true of honest parties."""
        closed = {node.compared for node in self.nodes.values()} - {None}
        assert len(closed) <= 1, "two honest parties report closed with different digests"
        for node in self.nodes.values():
            aborted = False
            digests = set()
            for state, digest in node.states:
                assert not (aborted and state == "closed"), "closed after aborted"
                aborted |= state == "aborted"
                digests |= {digest} - {None}
            assert len(digests) <= 1, "a run closed twice for one party"
            heard = {signed.digest for signed in node.seat.transcript.order()}
            assert heard <= self.signed, "a party believes what nobody has signed"

    def check_honest_entries(self):
        """Assert that nobody can hold an honest party's entries against it."""
        witness = self.witness()
        blamed = {fork.party for fork in witness.forks()}
        blamed |= {signed.entry.party for signed, _ in witness.breaches()}
        blamed |= {witness.get(digest).entry.party for digest in witness.refused()}
        assert not blamed & set(self.nodes)

    def witness(self):
        """Return a transcript of all that was ever published."""
        transcript = Transcript(self.agreement)
        for envelope, _ in self.pool:
            with contextlib.suppress(PeerError):
                transcript.add(envelope)
        return transcript
