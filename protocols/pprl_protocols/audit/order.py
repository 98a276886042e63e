"""Check 4: each message was possible in the causal past that its entry names, not by clocks.

The table of :mod:`pprl_protocols.rules` decides. Also said here, as notes: how the run ended, who
disputes it, and what was said at the same time, neither knowing of the other. Spec: "Audit",
"Messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl_protocols.audit.evidence import about
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.dag import by_place, links_of
from pprl_protocols.messages import Abort, Close, Dispute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.audit.evidence import Evidence
    from pprl_protocols.audit.report import Ending
    from pprl_protocols.dag import Signed

_DELETIONS = {
    "deleted": "audit.deleted",
    "kept_until_audit_deadline": "audit.kept",
}
_RACING = ("RESULT", "RECEIPT", "CLOSE")


def order(evidence: Evidence) -> Check:
    """Judge every accepted entry by its causal past; those that wait can't be judged."""
    return Check.of("order", (*_breaches(evidence), *_unjudged(evidence), *_notes(evidence)))


def ending(evidence: Evidence) -> tuple[Ending, str | None]:
    """Return how the run ended, and the digest of the transcript when it was closed.

    For someone who has opened no result an ABORT counts, whatever was said at the same time.
    """
    breached = {signed.digest for signed, _ in evidence.transcript.breaches()}
    waiting = set(evidence.transcript.pending())
    standing = [
        each
        for each in evidence.entries
        if each.digest not in breached and each.digest not in waiting
    ]
    if any(isinstance(each.entry.message, Abort) for each in standing):
        return "aborted", None
    closes = [each for each in standing if isinstance(each.entry.message, Close)]
    if not closes:
        return "open", None
    # Two of them are a fork of the coordinator's log: no digest is the transcript's.
    return "closed", closes[0].digest if len(closes) == 1 else None


def _breaches(evidence: Evidence) -> Iterator[Finding]:
    for signed, reason in evidence.transcript.breaches():
        yield Finding(reason.code, {**reason.values, **about(signed)}, "fail")


def _unjudged(evidence: Evidence) -> Iterator[Finding]:
    for signed in evidence.pending:
        values = {**about(signed), "kind": signed.entry.message.kind}
        yield Finding("audit.unjudged", values, "incomplete")


def _notes(evidence: Evidence) -> Iterator[Finding]:
    for signed, abort in evidence.said(Abort):
        values = {**about(signed), "reason": abort.reason, "about": abort.about or "-"}
        yield Finding("audit.aborted", values, "note")
        yield from _racing(evidence, signed)
    for signed, dispute in evidence.said(Dispute):
        values = {**about(signed), "reason": dispute.reason, "about": dispute.about or "-"}
        yield Finding("audit.disputed", values, "note")
    for signed, close in evidence.said(Close):
        for name in close.missing:
            yield Finding("audit.no_receipt", {**about(signed), "missing": name}, "note")
        yield Finding(_DELETIONS[close.deletion], about(signed), "note")
        yield from _uncovered(evidence, signed)


def _racing(evidence: Evidence, abort: Signed) -> Iterator[Finding]:
    """Say which later messages and an ABORT were written without knowing of each other."""
    for other in _concurrent(evidence, abort):
        if other.entry.message.kind in _RACING:
            values = {
                **about(abort),
                "kind": other.entry.message.kind,
                "other": other.entry.party,
                "number": other.entry.seq,
            }
            yield Finding("audit.abort_concurrent", values, "note")


def _uncovered(evidence: Evidence, close: Signed) -> Iterator[Finding]:
    """Say which entries the digest of the transcript doesn't cover."""
    for other in _concurrent(evidence, close):
        values = {**about(other), "kind": other.entry.message.kind}
        yield Finding("audit.not_covered", values, "note")


def _concurrent(evidence: Evidence, one: Signed) -> list[Signed]:
    """Return the entries that an entry doesn't rest on and that don't rest on it, by place.

    None when it waits for what is missing: then it can't be known.
    """
    transcript = evidence.transcript
    if one.digest in transcript.pending():
        return []
    past = transcript.causal_past(one.digest)
    future = {one.digest}
    apart: list[Signed] = []
    for other in transcript.order():
        if any(link.digest in future for link in links_of(other.entry)):
            future.add(other.digest)
        elif other.digest not in past and other.digest != one.digest:
            apart.append(other)
    return sorted(apart, key=by_place)
