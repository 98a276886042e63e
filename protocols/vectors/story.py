"""Runs that were never run: entries with digests of nothing, signed with the keys of the vectors.

What is sealed in them is made up; everything a reader without a key can check is true.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from pprl_protocols import canonical, limits
from pprl_protocols.envelope import open_envelope
from pprl_protocols.messages import (
    CONTRIBUTION_BYTES,
    Abort,
    Close,
    Dispute,
    Encodings,
    Receipt,
    Result,
    SealedResult,
    Sign,
)
from pprl_protocols.result import COLUMNS
from pprl_protocols.result_file import ROW_WIDTH
from pprl_protocols.runkey import signs_digest
from pprl_protocols.transcript import Transcript
from vectors.kit import RUN, secret, signed
from vectors.of_agreements import PARTIES, agreement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl_protocols.canonical import Plain
    from pprl_protocols.messages import Message

AGENCIES = ("agency-a", "agency-b")
COORDINATOR = "coordinator"
_ROWS = 16


class Story:
    """What has been said in a run, in the order in which it was said.

    Attributes
    ----------
    files
        ``(party, number, envelope)`` of every entry.
    """

    def __init__(self, run: str = RUN) -> None:
        self.agreement = agreement(run=run)
        self.files: list[tuple[str, int, bytes]] = []
        self._transcript = Transcript(self.agreement)
        self._digest, self._run = self.agreement.digest, run

    @classmethod
    def until_signed(cls) -> Self:
        """Return a run that everybody has signed."""
        story = cls()
        for party in PARTIES:
            story.say(party, story.sign(party))
        return story

    @classmethod
    def until_encoded(cls) -> Self:
        """Return a run in which the agencies have encoded."""
        story = cls.until_signed()
        for party in AGENCIES:
            story.say(party, story.encodings(party))
        return story

    @classmethod
    def until_result(cls) -> Self:
        """Return a run with its results."""
        story = cls.until_encoded()
        story.say(COORDINATOR, story.result())
        return story

    @classmethod
    def until_close(cls) -> Self:
        """Return a whole run."""
        story = cls.until_result()
        for party in AGENCIES:
            story.say(party, story.receipt(party))
        story.say(COORDINATOR, story.close())
        return story

    def say(self, party: str, message: Message, **changes: Plain) -> bytes:
        """Sign a party's next entry, with other contents where ``changes`` says so."""
        payload = json.loads(self._transcript.build_entry(party, message)) | changes
        envelope = signed(party, canonical.dumps(payload))
        self.files.append((party, payload["seq"], envelope))
        if not changes:  # what isn't as it should be is known to nobody here
            self._transcript.add(envelope)
        return envelope

    def hear(self, party: str, number: int, envelope: bytes) -> None:
        """Take in a file as it is."""
        self.files.append((party, number, envelope))

    def without(self, party: str, number: int) -> list[tuple[str, int, bytes]]:
        """Return all files but one."""
        return [file for file in self.files if file[:2] != (party, number)]

    def payload_of(self, kind: str, party: str) -> bytes:
        """Return the payload of a party's message of a kind."""
        payloads = (open_envelope(data).payload for name, _, data in self.files if name == party)
        return next(one for one in payloads if json.loads(one)["message"]["kind"] == kind)

    def heads(self) -> Mapping[str, Plain]:
        """Return the newest entry of every party."""
        return {
            name: {"seq": head.seq, "digest": head.digest}
            for name, head in self._transcript.heads().items()
        }

    def sign(self, party: str) -> Sign:
        """Return SIGN; what it seals is nothing."""
        others = [one for one in AGENCIES if party in AGENCIES and one != party]
        return Sign(
            agreement=self._digest,
            run=self._run,
            party=party,
            commitment=secret(f"commitment of {party}").hex(),
            contributions=dict.fromkeys(others, "5e" * CONTRIBUTION_BYTES),
        )

    def encodings(self, party: str) -> Encodings:
        """Return ENCODINGS of a file that doesn't exist."""
        return Encodings(
            agreement=self._digest,
            run=self._run,
            party=party,
            signs=self._signs(),
            sealed=secret(f"sealed encodings of {party}").hex(),
            plain=secret(f"plain encodings of {party}").hex(),
            size=262_144,
            records=1000 // _ROWS * _ROWS + 32,
            root=secret(f"root of {party}").hex(),
            confirmation=_confirmation(party),
        )

    def result(self) -> Result:
        """Return RESULT of files that don't exist."""
        return Result(
            agreement=self._digest,
            run=self._run,
            party=COORDINATOR,
            signs=self._signs(),
            results={
                party: SealedResult(
                    sealed=secret(f"sealed result of {party}").hex(),
                    plain=secret(f"plain result of {party}").hex(),
                    size=limits.bucket(4096),
                    row_bytes=ROW_WIDTH,
                    columns=COLUMNS,
                )
                for party in AGENCIES
            },
            software={"openpprl": "0"},
            parameters={},
            counts=(),
            confirmations={party: _confirmation(party) for party in AGENCIES},
        )

    def receipt(self, party: str) -> Receipt:
        """Return RECEIPT of the result that wasn't there."""
        return Receipt(
            agreement=self._digest,
            run=self._run,
            party=party,
            sealed=secret(f"sealed result of {party}").hex(),
            plain=secret(f"plain result of {party}").hex(),
            row_bytes=ROW_WIDTH,
            columns=COLUMNS,
            confirmed=tuple(one for one in AGENCIES if one != party),
        )

    def close(self, *missing: str) -> Close:
        """Return CLOSE."""
        return Close(
            agreement=self._digest,
            run=self._run,
            party=COORDINATOR,
            missing=missing,
            deletion="deleted",
        )

    def abort(self, party: str) -> Abort:
        """Return ABORT."""
        return Abort(
            agreement=self._digest, run=self._run, party=party, reason="own_decision", about=None
        )

    def dispute(self, party: str) -> Dispute:
        """Return DISPUTE."""
        return Dispute(
            agreement=self._digest,
            run=self._run,
            party=party,
            reason="wrong_result",
            about=COORDINATOR,
        )

    def _signs(self) -> str:
        signs = {party: self._transcript.entries(party)[:1] for party in PARTIES}
        return signs_digest({party: one[0].digest for party, one in signs.items() if one})


def _confirmation(party: str) -> str:
    return secret(f"confirmation of {party}").hex()
