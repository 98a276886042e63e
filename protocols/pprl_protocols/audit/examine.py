"""The audit of a recorded run: eight checks, every fault named, nothing stopped by the first.

1. every envelope: signature, canonical form, known type, size bounds; whose identities they are
2. every log: sequence, links, no fork; logs agree about each other
3. the agreement: signed by all, valid, the same everywhere; record counts within it
4. order: each message was possible in the causal past that its heads name
5. keys: all of one set of SIGNs; nothing reused from another run
6. disclosure: declared, received and published as agreed
7. re-execution and 8. spot check: made elsewhere, and given to :func:`examine` when they were

Holds no key, knows no time, writes nothing. The same bytes give the same report. Spec: "Audit".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.errors import PeerError
from pprl_protocols import canonical
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit import keys
from pprl_protocols.audit.disclosure import disclosure
from pprl_protocols.audit.earlier import remember
from pprl_protocols.audit.evidence import envelopes, gather, logs
from pprl_protocols.audit.order import ending, order
from pprl_protocols.audit.report import NAMES, Check, Finding, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pprl_protocols.audit.bundle import Recorded
    from pprl_protocols.audit.report import Identities
    from pprl_protocols.dag import Signed
    from pprl_protocols.pins import Pins


@dataclass(frozen=True)
class Examined:
    """A report, and what it is about: for the page.

    Attributes
    ----------
    report
        What was found.
    agreement
        None when it can't be read.
    entries
        All that is proved to be its party's, by place.
    """

    report: Report
    agreement: Agreement | None
    entries: tuple[Signed, ...]


def audit(
    recorded: Recorded,
    *,
    pins: Pins | None = None,
    earlier: Iterable[Recorded] = (),
    reexecution: Check | None = None,
    spotcheck: Check | None = None,
) -> Report:
    """Return the report of :func:`examine` alone."""
    return examine(
        recorded, pins=pins, earlier=earlier, reexecution=reexecution, spotcheck=spotcheck
    ).report


def examine(
    recorded: Recorded,
    *,
    pins: Pins | None = None,
    earlier: Iterable[Recorded] = (),
    reexecution: Check | None = None,
    spotcheck: Check | None = None,
) -> Examined:
    """Audit a recorded run.

    Parameters
    ----------
    recorded
        The run.
    pins
        Whom the auditor trusts; None: identities aren't verified, and the report says so.
    earlier
        Earlier runs whose commitments and cards mustn't come again.
    reexecution, spotcheck
        Checks 7 and 8 where they were made.

    Raises
    ------
    PeerError
        The agreement of an earlier run is none.

    Cost: reads every sealed file that is in the exchange, once.
    """
    last = (
        reexecution or _not_made("reexecution", "audit.no_reexecution"),
        spotcheck or _not_made("spotcheck", "audit.no_spotcheck"),
    )
    digest = canonical.sha256(recorded.agreement)
    try:
        agreement = Agreement.from_bytes(recorded.agreement)
    except PeerError as error:
        wrong = Check.of("agreement", [Finding(error.code, error.values, "fail")])
        first = [_not_made(name, "audit.no_agreement") for name in NAMES[:6]]
        first[wrong.number - 1] = wrong
        identities: Identities = "not verified" if pins is None else "failed"
        report = Report(recorded.run, digest, identities, (*first, *last), "open")
        return Examined(report, None, ())
    evidence = gather(recorded, agreement)
    untrusted = _untrusted(agreement, pins)
    state, transcript = ending(evidence)
    before = [remember(each) for each in earlier]
    checks = (
        envelopes(evidence, untrusted),
        logs(evidence),
        keys.agreement(evidence, state),
        order(evidence),
        keys.keys(evidence, state, before),
        disclosure(evidence, state),
        *last,
    )
    trusted: Identities = "failed" if untrusted else "verified"
    report = Report(
        run=agreement.run,
        agreement=digest,
        identities="not verified" if pins is None else trusted,
        checks=checks,
        outcome=state,
        transcript=transcript,
    )
    return Examined(report, agreement, evidence.entries)


def _untrusted(agreement: Agreement, pins: Pins | None) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for party in sorted(agreement.parties, key=lambda one: one.name):
        try:
            if pins is not None:
                pins.check(party.name, bytes.fromhex(party.identity))
        except PeerError as error:
            found.append(Finding(error.code, error.values, "fail"))
    return tuple(found)


def _not_made(name: str, code: str) -> Check:
    return Check.of(name, [Finding(code, {}, "not_applicable")], applicable=False)
