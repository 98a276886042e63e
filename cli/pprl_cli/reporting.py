"""The report of ``pprl assign``: what the run's result and agreement say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pprl.interventions.assign import Assigned
    from pprl.interventions.review import Reviewed
    from pprl.quality import Quality
    from pprl.report.krs.data import Matching, ReportData
    from pprl.report.krs.data import Share as Shown
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.result_file import ResultHeader, Share
    from pprl_protocols.seat import Outcome
    from pprl_protocols.session import Session

_MILLION = 1_000_000


@dataclass(frozen=True)
class Facts:
    """What is kept of a session for the report.

    Attributes
    ----------
    owner
        Name of the agency.
    agreement, outcome, header
        Of the run, and of this agency's result.
    """

    owner: str
    agreement: Agreement
    outcome: Outcome
    header: ResultHeader


def facts_of(session: Session) -> Facts:
    """Return what a report says about a run; reads the result that the home keeps."""
    from pprl_protocols.roles import agency  # noqa: PLC0415 - commands import what they use

    return Facts(session.me.name, session.agreement, session.outcome, agency.kept_header(session))


def report_data(
    facts: Facts, assigned: Assigned, reviewed: Reviewed, quality: Quality, *, any_decided: bool
) -> ReportData:
    """Return what the report is made from."""
    import pprl  # noqa: PLC0415 - commands import what they use
    from pprl.report.krs.data import Decided, Minutes, Party, ReportData  # noqa: PLC0415

    agreement, outcome = facts.agreement, facts.outcome
    decided = Decided(reviewed.accepted, reviewed.refused, reviewed.undecided)
    minutes = Minutes(
        run=agreement.run,
        agreement=agreement.digest,
        transcript=outcome.digest,
        parties=tuple(Party(party.name, party.role) for party in agreement.parties),
        purpose=agreement.purpose,
        legal_basis=agreement.legal_basis,
        closed=outcome.state == "closed",
        version=pprl.__version__,
        decided=decided if any_decided else None,
    )
    return ReportData(
        owner=facts.owner,
        assigned=assigned,
        minutes=minutes,
        quality=quality,
        matching=_matching(facts.header),
        minimum=agreement.disclosure.minimum_cell,
    )


def _matching(header: ResultHeader) -> Matching:
    """Return how this agency's records were compared; with several others, with the first."""
    from pprl.report.krs.data import Bars, Matching  # noqa: PLC0415 - commands import what they use

    pair = header.pairs[0]
    bars = tuple(
        Bars(tier, _share(pair.accept.get(tier)), _share(pair.review.get(tier)))
        for tier in header.tiers
    )
    return Matching(_shown(pair.precision), _shown(pair.recall), bars)


def _share(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / _MILLION


def _shown(share: Share | None) -> Shown | None:
    from pprl.report.krs.data import Share as Shown  # noqa: PLC0415 - commands import what they use

    if share is None:
        return None
    return Shown(share.value / _MILLION, share.low / _MILLION, share.high / _MILLION)
