"""Check 3, the agreement, and check 5, the keys: everybody signed the same, with fresh randomness.

An auditor holds no key: it sees that the digests and confirmations of all parties are about the
same SIGNs, that no commitment was used twice, and that record counts stay below what was agreed.
That a confirmation is right only the agencies can say; their RECEIPTs do. Spec: "Audit".
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pprl import __version__
from pprl.errors import ConfigError
from pprl_protocols import limits
from pprl_protocols.audit.evidence import about, other_agreements
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.messages import Encodings, Result, Sign
from pprl_protocols.runkey import signs_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pprl_protocols.audit.earlier import Earlier
    from pprl_protocols.audit.evidence import Evidence
    from pprl_protocols.audit.report import Ending, Level


def agreement(evidence: Evidence, ending: Ending) -> Check:
    """Check 3: one agreement, signed by all, and as many records as it allows."""
    return Check.of(
        "agreement",
        (
            *_of_this_run(evidence),
            *other_agreements(evidence),
            *_unsigned(evidence, ending),
            *_record_counts(evidence),
            *_schema(evidence),
        ),
    )


def keys(evidence: Evidence, ending: Ending, earlier: Iterable[Earlier]) -> Check:
    """Check 5: all of one set of SIGNs, all with the confirmations they gave, nothing reused."""
    findings = (
        *_contributions(evidence),
        *_reused(evidence, earlier),
        *_signs(evidence, ending),
        *_confirmations(evidence),
    )
    return Check.of("keys", findings, applicable=any(evidence.said(Sign)))


def absent(ending: Ending) -> Level:
    """Return how much it weighs that something wasn't said: nothing more comes after an ABORT."""
    return "not_applicable" if ending == "aborted" else "incomplete"


def _of_this_run(evidence: Evidence) -> Iterator[Finding]:
    agreed = evidence.agreement
    if evidence.recorded.run not in {"", agreed.run}:
        yield Finding("protocol.other_run", {}, "fail")
    for name in agreed.without_card():
        yield Finding("protocol.no_card", {"party": name}, "fail")


def _unsigned(evidence: Evidence, ending: Ending) -> Iterator[Finding]:
    signed = {each.entry.party for each, _ in evidence.said(Sign)}
    for party in sorted(one.name for one in evidence.agreement.parties):
        if party not in signed:
            yield Finding("audit.not_signed", {"party": party}, absent(ending))


def _record_counts(evidence: Evidence) -> Iterator[Finding]:
    agreed = {one.name: one.max_records or 0 for one in evidence.agreement.agencies}
    for signed, message in evidence.said(Encodings):
        most = limits.record_bucket(agreed.get(signed.entry.party, 0))
        if message.records > most:
            values = {**about(signed), "found": message.records, "agreed": most}
            yield Finding("audit.too_many_records", values, "fail")


def _schema(evidence: Evidence) -> Iterator[Finding]:
    """Compare the schema's digest, which covers the normalisation rules of this software."""
    try:
        evidence.agreement.read_schema()
    except ConfigError:
        versions = {message.software.get("openpprl", "") for _, message in evidence.said(Result)}
        # A later version may well read it otherwise. The same version can't, so nobody who
        # followed the protocol has signed it.
        same = versions == {__version__}
        code = "agreement.other_rules" if same else "audit.other_rules"
        yield Finding(code, {}, "fail" if same else "note")


def _contributions(evidence: Evidence) -> Iterator[Finding]:
    agencies = {one.name for one in evidence.agreement.agencies}
    for signed, message in evidence.said(Sign):
        party = signed.entry.party
        expected = agencies - {party} if party in agencies else set()
        if message.contributions.keys() != expected:
            yield Finding("audit.contributions", about(signed), "fail")


def _reused(evidence: Evidence, earlier: Iterable[Earlier]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for signed, message in evidence.said(Sign):
        other = first.setdefault(message.commitment, signed.entry.party)
        if other != signed.entry.party:
            values = {**about(signed), "other": other}
            yield Finding("audit.repeated_commitment", values, "fail")
    for run in earlier:
        if run.agreement == evidence.agreement.digest:
            yield Finding("audit.earlier_same", {"run": run.run}, "note")
            continue
        if run.run == evidence.agreement.run:
            yield Finding("audit.earlier_run_id", {"run": run.run}, "fail")
        for signed, message in evidence.said(Sign):
            if message.commitment in run.commitments:
                values = {**about(signed), "run": run.run}
                yield Finding("audit.earlier_commitment", values, "fail")
        for party in evidence.agreement.parties:
            if party.card is not None and party.card.key in run.cards:
                values = {"party": party.name, "run": run.run}
                yield Finding("audit.earlier_card", values, "fail")


def _signs(evidence: Evidence, ending: Ending) -> Iterator[Finding]:
    """Compare the digest of all SIGNs with what ENCODINGS and RESULT name."""
    by_party: defaultdict[str, set[str]] = defaultdict(set)
    for signed, _ in evidence.said(Sign):
        by_party[signed.entry.party].add(signed.digest)
    expected = None
    parties = {one.name for one in evidence.agreement.parties}
    if by_party.keys() == parties and all(len(found) == 1 for found in by_party.values()):
        expected = signs_digest({party: next(iter(found)) for party, found in by_party.items()})
    named = [(signed, message.signs) for signed, message in evidence.said(Encodings)]
    named += [(signed, message.signs) for signed, message in evidence.said(Result)]
    if expected is None:
        yield Finding("audit.signs_unknown", {}, absent(ending))
        expected = named[0][1] if named else None
    for signed, digest in named:
        if digest != expected:
            yield Finding("protocol.other_signs", about(signed), "fail")
    encoded = {signed.entry.party for signed, _ in evidence.said(Encodings)}
    for party in evidence.agreement.agencies:
        if party.name not in encoded:
            yield Finding("audit.not_encoded", {"party": party.name}, absent(ending))


def _confirmations(evidence: Evidence) -> Iterator[Finding]:
    given: defaultdict[str, set[str]] = defaultdict(set)
    owner: dict[str, str] = {}
    for signed, message in evidence.said(Encodings):
        party = signed.entry.party
        given[party].add(message.confirmation)
        other = owner.setdefault(message.confirmation, party)
        if other != party:
            values = {**about(signed), "other": other}
            yield Finding("audit.repeated_confirmation", values, "fail")
    agencies = [one.name for one in evidence.agreement.agencies]
    for signed, result in evidence.said(Result):
        for name in sorted({*agencies, *result.confirmations}):
            if not _repeats(result.confirmations, name, given, agencies):
                values = {**about(signed), "other": name}
                yield Finding("audit.other_confirmation", values, "fail")


def _repeats(
    repeated: Mapping[str, str], name: str, given: Mapping[str, set[str]], agencies: list[str]
) -> bool:
    """Whether a RESULT repeats what an agency gave, as far as that is here."""
    if name not in agencies or name not in repeated:
        return False
    return name not in given or repeated[name] in given[name]
