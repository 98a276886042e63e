"""The report of ``pprl assign``: what it is made from, and the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from pprl.interventions.assign import Assigned
    from pprl.interventions.previous import Compared
    from pprl.interventions.review import Reviewed
    from pprl.quality import Quality
    from pprl.registers.opened import Opened
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
    overlap
        What this agency received, by own record and other agency.
    beside
        Agencies whose registers only say who stands in them; how sure we are is about the others.
    """

    owner: str
    agreement: Agreement
    outcome: Outcome
    header: ResultHeader
    overlap: pa.Table
    beside: frozenset[str] = frozenset()


def facts_of(session: Session, overlap: pa.Table, beside: Iterable[str] = ()) -> Facts:
    """Return what a report says about a run; reads the result that the home keeps."""
    from pprl_protocols.roles import agency  # noqa: PLC0415 - commands import what they use

    header = agency.kept_header(session)
    return Facts(
        session.me.name, session.agreement, session.outcome, header, overlap, frozenset(beside)
    )


def page_of(
    facts: Facts,
    assigned: Assigned,
    reviewed: Reviewed,
    compared: Compared | None,
    opened: Opened,
    *,
    public: bool,
) -> str:
    """Return the report as HTML, in the language in use; reads the register for its quality."""
    from pprl.quality import check  # noqa: PLC0415 - commands import what they use
    from pprl.report.krs.page import render  # noqa: PLC0415

    quality = check(opened.source, opened.mapping())
    any_decided = bool(reviewed.accepted or reviewed.refused)
    data = report_data(facts, assigned, reviewed, quality, any_decided=any_decided)
    return render(replace(data, compared=compared), language=ui.language(), public=public)


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
        matching=_matching(facts, assigned.members),
        minimum=agreement.disclosure.minimum_cell,
    )


def _matching(facts: Facts, members: pa.Table) -> Matching:
    """Return how own records were compared with those of the first agency that isn't beside."""
    from pprl.decide.family_precision import precision_of_overlap  # noqa: PLC0415 - commands import what they use
    from pprl.report.krs.bins import similarities  # noqa: PLC0415
    from pprl.report.krs.data import Bars, Matching  # noqa: PLC0415
    from pprl.report.krs.data import Share as Shown  # noqa: PLC0415

    header = facts.header
    matched = (pair for pair in header.pairs if header.parties[pair.other] not in facts.beside)
    pair = next(matched, header.pairs[0])
    party, persons = header.parties[pair.other], _shown(pair.precision)
    families = precision_of_overlap(
        members,
        facts.overlap,
        party=party,
        persons=None if pair.precision is None else _ends(pair.precision),
    )
    bars = tuple(
        Bars(tier, _share(pair.accept.get(tier)), _share(pair.review.get(tier)))
        for tier in header.tiers
    )
    return Matching(
        precision=None if families is None else Shown(families.value, families.low, families.high),
        persons=persons,
        recall=_shown(pair.recall),
        bars=bars,
        histogram=similarities(facts.overlap, party),
    )


def _ends(share: Share) -> tuple[float, float]:
    return share.value / _MILLION, share.low / _MILLION


def _share(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / _MILLION


def _shown(share: Share | None) -> Shown | None:
    from pprl.report.krs.data import Share as Shown  # noqa: PLC0415 - commands import what they use

    if share is None:
        return None
    return Shown(share.value / _MILLION, share.low / _MILLION, share.high / _MILLION)
