"""The audit as a page for people: one self-contained file, no script, nothing fetched.

Everything that parties wrote is hostile text here: escaped, shortened, on a page that may load and
run nothing. It reads without colour and prints on paper. Nothing is judged here. Spec: "Audit".
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined

from pprl import __version__, catalogue
from pprl_protocols.audit.wording import ENDINGS, LEVELS, TITLES, faults, verdict
from pprl_protocols.identity import fingerprint, pretty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from pprl.catalogue import Language
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.audit.examine import Examined
    from pprl_protocols.audit.report import Check, Finding
    from pprl_protocols.dag import Signed

MAX_CHARACTERS = 400
"""Of one text of a party; what is longer is cut, and says so."""
MAX_FINDINGS = 200
"""Findings shown of one check."""
_MARKS = {"pass": "✓", "fail": "✗", "incomplete": "…", "not_applicable": "-"}
_LABELS: Final[Mapping[str, str]] = {
    "title": "audit.page_title",
    "unverified": "audit.unverified",
    "agreement": "audit.page_agreement",
    "run": "audit.page_run",
    "digest": "audit.page_digest",
    "purpose": "audit.page_purpose",
    "legal_basis": "audit.page_legal_basis",
    "dpia": "audit.page_dpia",
    "valid": "audit.page_valid",
    "audit_deadline": "audit.page_audit_deadline",
    "mode": "audit.page_mode",
    "minimum_cell": "audit.page_minimum_cell",
    "parties": "audit.page_parties",
    "party": "audit.page_party",
    "role": "audit.page_role",
    "population": "audit.page_population",
    "max_records": "audit.page_max_records",
    "identity": "audit.page_identity",
    "checks": "audit.page_checks",
    "entries": "audit.page_entries",
    "entry": "audit.page_entry",
    "message": "audit.page_message",
    "transcript": "audit.page_transcript",
    "compare": "audit.compare",
    "no_transcript": "audit.no_transcript",
    "made": "audit.page_made",
}


def page(examined: Examined, language: Language = "en") -> str:
    """Return the page as HTML. The same report gives the same page."""
    report, agreement = examined.report, examined.agreement
    labels = {
        name: catalogue.text(code, {"version": __version__}, language)
        for name, code in _LABELS.items()
    }
    values = {"count": faults(report)}
    return _template().render(
        language=language,
        say=labels,
        report=report,
        verdict=catalogue.text(verdict(report), values, language),
        ending=catalogue.text(ENDINGS[report.outcome], {}, language),
        mark=_MARKS[report.status],
        transcript=pretty(report.transcript) if report.transcript else "",
        agreement=agreement,
        parties=_parties(agreement),
        checks=[_check(check, language) for check in report.checks],
        entries=[_entry(each) for each in examined.entries],
    )


def short(text: object) -> str:
    """Return a text cut to ``MAX_CHARACTERS``, with what a reader can't see made visible."""
    shown = "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}"
        for letter in str(text)[:MAX_CHARACTERS]
    )
    return f"{shown} […]" if len(str(text)) > MAX_CHARACTERS else shown


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = short
    source = files("pprl_protocols.audit").joinpath("page.html")
    return environment.from_string(source.read_text(encoding="utf-8"))


def _parties(agreement: Agreement | None) -> list[dict[str, object]]:
    if agreement is None:
        return []
    return [
        {
            "name": party.name,
            "role": party.role,
            "population": party.population,
            "max_records": party.max_records or "",
            "identity": pretty(fingerprint(bytes.fromhex(party.identity))),
        }
        for party in sorted(agreement.parties, key=lambda one: one.name)
    ]


def _check(check: Check, language: Language) -> dict[str, object]:
    left = len(check.findings) - MAX_FINDINGS
    return {
        "number": check.number,
        "status": check.status,
        "mark": _MARKS[check.status],
        "word": catalogue.text(LEVELS[check.status], {}, language),
        "title": catalogue.text(TITLES[check.name], {}, language),
        "findings": [_finding(check, each, language) for each in check.findings[:MAX_FINDINGS]],
        "more": catalogue.text("audit.more", {"count": left}, language) if left > 0 else "",
    }


def _finding(check: Check, finding: Finding, language: Language) -> dict[str, str]:
    return {
        "word": catalogue.text(LEVELS[check.level(finding)], {}, language),
        "place": finding.place,
        "text": finding.text(language),
        "code": finding.code,
    }


def _entry(signed: Signed) -> dict[str, str]:
    entry = signed.entry
    return {
        "place": f"{entry.party}/{entry.seq}",
        "kind": entry.message.kind,
        "digest": signed.digest,
    }
