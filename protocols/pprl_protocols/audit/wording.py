"""A report in words: the same for the terminal and for the page. Spec: "Audit".

>>> TITLES["order"], LEVELS["note"]
('audit.check_order', 'audit.level_note')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl_protocols.audit.report import Ending, Level, Report

TITLES: Final[Mapping[str, str]] = {
    "envelopes": "audit.check_envelopes",
    "logs": "audit.check_logs",
    "agreement": "audit.check_agreement",
    "order": "audit.check_order",
    "keys": "audit.check_keys",
    "disclosure": "audit.check_disclosure",
    "reexecution": "audit.check_reexecution",
    "spotcheck": "audit.check_spotcheck",
}
"""Name of a check -> code of its title."""

LEVELS: Final[Mapping[Level | str, str]] = {
    "pass": "audit.level_pass",
    "fail": "audit.level_fail",
    "incomplete": "audit.level_incomplete",
    "not_applicable": "audit.level_not_applicable",
    "note": "audit.level_note",
}
"""Status of a check, or level of a finding -> code of the word for it."""

ENDINGS: Final[Mapping[Ending, str]] = {
    "closed": "audit.run_closed",
    "aborted": "audit.run_aborted",
    "open": "audit.run_open",
}
"""How a run ended -> code of its sentence."""


def verdict(report: Report) -> str:
    """Return the code of the sentence that sums a report up."""
    if report.status == "fail":
        return "audit.verdict_fail"
    if report.status == "pass":
        return "audit.verdict_remarks" if report.remarks else "audit.verdict_pass"
    if report.outcome == "aborted":
        return "audit.verdict_aborted"
    return "audit.verdict_open" if report.outcome == "open" else "audit.verdict_incomplete"


def faults(report: Report) -> int:
    """Return how many findings fail."""
    return sum(
        check.level(finding) == "fail" for check in report.checks for finding in check.findings
    )
