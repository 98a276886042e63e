"""What is proved of a recorded run: its entries in one transcript, and what is wrong with each.

Nothing stops at a fault. Every envelope is shown to the transcript, which the roles use too, and
each refusal becomes a finding that names the entry. Checks 1 and 2 come out of this; the others
judge what the proved entries say. Entries that rest on something missing are proved to be their
party's all the same, so they are judged too, except for their order. Spec: "Audit".
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pprl.errors import PeerError
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.dag import by_place, links_of
from pprl_protocols.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pprl_protocols.agreement import Agreement
    from pprl_protocols.audit.bundle import Recorded
    from pprl_protocols.dag import Link, Signed
    from pprl_protocols.messages import Message

_MISPLACED = "protocol.misplaced"
_OTHER_AGREEMENT = "protocol.other_agreement"
_OF_LOGS = frozenset(
    {
        _MISPLACED,
        "protocol.fork",
        "protocol.bad_links",
        "protocol.heads_backwards",
        "protocol.log_too_large",
        "audit.log_too_long",
    }
)

Kind = TypeVar("Kind", bound="Message")


@dataclass(frozen=True)
class Evidence:
    """A recorded run with all that could be proved of it.

    Attributes
    ----------
    recorded, agreement
        What was found, and its agreement.
    transcript
        All entries that are signed and well-formed.
    refused
        What is wrong with the others, and with places and links: sorted findings.
    """

    recorded: Recorded
    agreement: Agreement
    transcript: Transcript
    refused: tuple[Finding, ...]

    @property
    def entries(self) -> tuple[Signed, ...]:
        """Every entry that is proved to be its party's and fits what it names, by place."""
        names = [party.name for party in self.agreement.parties]
        accepted = (each for name in names for each in self.transcript.entries(name))
        return tuple(sorted([*accepted, *self.pending], key=by_place))

    @property
    def pending(self) -> tuple[Signed, ...]:
        """Those of them that rest on something missing, by place."""
        waiting = (self.transcript.get(digest) for digest in self.transcript.pending())
        return tuple(sorted(waiting, key=by_place))

    def said(self, kind: type[Kind]) -> Iterator[tuple[Signed, Kind]]:
        """Yield all messages of a kind with their entries, by place."""
        for signed in self.entries:
            message = signed.entry.message
            if isinstance(message, kind):
                yield signed, message


def gather(recorded: Recorded, agreement: Agreement) -> Evidence:
    """Show every envelope to a transcript, and collect what it refuses."""
    transcript = Transcript(agreement)
    errors = list(recorded.faults)
    for _, log in sorted(recorded.logs.items()):
        for stored in log:
            try:
                transcript.add(stored.data, (stored.party, stored.seq))
            except PeerError as error:
                errors.append(error)
                if error.code == _MISPLACED:
                    # It is still something its party has signed, perhaps half of a fork.
                    with contextlib.suppress(PeerError):
                        transcript.add(stored.data)
    errors.extend(transcript.refused().values())
    errors.extend(
        PeerError("protocol.fork", party=fork.party, seq=fork.seq) for fork in transcript.forks()
    )
    return Evidence(recorded, agreement, transcript, tuple(_findings(errors)))


def envelopes(evidence: Evidence, untrusted: Iterable[Finding]) -> Check:
    """Check 1: every envelope's form, type, size and signature, and whose signature it is."""
    wrong = (
        finding
        for finding in evidence.refused
        if finding.code not in _OF_LOGS and finding.code != _OTHER_AGREEMENT
    )
    return Check.of("envelopes", (*untrusted, *wrong))


def logs(evidence: Evidence) -> Check:
    """Check 2: every log whole, linked and told once; no log contradicts what another saw."""
    wrong = (finding for finding in evidence.refused if finding.code in _OF_LOGS)
    return Check.of("logs", (*wrong, *_missing(evidence)))


def other_agreements(evidence: Evidence) -> tuple[Finding, ...]:
    """Return the entries that were signed under another agreement, for check 3."""
    return tuple(each for each in evidence.refused if each.code == _OTHER_AGREEMENT)


def about(signed: Signed) -> dict[str, str | int]:
    """Return the values that name an entry in a finding."""
    return {"party": signed.entry.party, "seq": signed.entry.seq}


def _findings(errors: Iterable[PeerError]) -> list[Finding]:
    # An entry of a fork, or one refused late, is met twice.
    met: dict[tuple[object, ...], Finding] = {}
    for error in errors:
        met[error.code, *sorted(error.values.items())] = Finding(error.code, error.values)
    return sorted(met.values(), key=_by_place)


def _by_place(finding: Finding) -> tuple[str, int, str, str]:
    values: Mapping[str, str | int] = finding.values
    return (
        str(values.get("party", "")),
        int(values.get("seq", -1)),
        finding.code,
        str(sorted(values.items())),
    )


def _missing(evidence: Evidence) -> Iterator[Finding]:
    """Say what entries name and nobody has shown: another entry is there, or none."""
    there = {(each.entry.party, each.entry.seq): each.digest for each in evidence.entries}
    missing: dict[Link, list[Signed]] = {link: [] for link in evidence.transcript.missing()}
    for signed in evidence.pending:
        for link in links_of(signed.entry):
            if link in missing:
                missing[link].append(signed)
    for link, named_by in sorted(missing.items()):
        if (link.party, link.seq) in there:
            for signed in named_by:
                other: dict[str, str | int] = {"other": link.party, "number": link.seq}
                yield Finding("audit.other_entry", {**about(signed), **other}, "fail")
        else:
            by = ", ".join(sorted({signed.entry.party for signed in named_by}))
            place: dict[str, str | int] = {"party": link.party, "seq": link.seq}
            yield Finding("audit.entry_missing", {**place, "by": by}, "incomplete")
