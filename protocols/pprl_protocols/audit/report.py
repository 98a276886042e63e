"""What an audit has found: eight numbered checks, each with a status and its findings.

Plain values only. A finding is a code of the catalogue with its values, so the same report reads in
every language and is compared as data. It never holds a key, an own id or a pseudo-ID: all of it
comes from the log, which is public. Spec: "Audit".

>>> check = Check.of("order", [Finding("protocol.fork", {"party": "dinkes", "seq": 1})])
>>> check.number, check.status
(4, 'fail')
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pprl import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pprl.catalogue import Language

Status: TypeAlias = Literal["pass", "fail", "incomplete", "not_applicable"]
Level: TypeAlias = Literal["fail", "incomplete", "not_applicable", "note"]
Identities: TypeAlias = Literal["verified", "not verified", "failed"]
Ending: TypeAlias = Literal["closed", "aborted", "open"]

NAMES = (
    "envelopes",
    "logs",
    "agreement",
    "order",
    "keys",
    "disclosure",
    "reexecution",
    "spotcheck",
)
"""Names of the checks; the first has number 1."""

_EXIT_CODES: Final[Mapping[Status, int]] = {
    "pass": 0,
    "fail": 4,
    "incomplete": 7,
    "not_applicable": 0,
}
_NONE: Final[Mapping[str, str | int]] = MappingProxyType({})


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    code, values
        Its sentence in the catalogue. Where the finding is about an entry, ``party`` and ``seq``
        are among the values and name it.
    level
        How much it weighs; None: as much as the status of its check. A ``note`` weighs nothing.
    """

    code: str
    values: Mapping[str, str | int] = field(default_factory=lambda: _NONE)
    level: Level | None = None

    @property
    def place(self) -> str:
        """Which entry it is about, as ``party/seq``; only the party, or empty, when no entry."""
        party, seq = self.values.get("party", ""), self.values.get("seq")
        return str(party) if seq is None else f"{party}/{seq}"

    def text(self, language: Language = "en") -> str:
        """Return its sentence."""
        return catalogue.text(self.code, self.values, language)


@dataclass(frozen=True)
class Check:
    """One of the eight checks.

    Attributes
    ----------
    number, name
        From 1; one of :data:`NAMES`. Its title is ``audit.check_<name>`` in the catalogue.
    status
        What came out.
    findings
        Why, in a fixed order.
    """

    number: int
    name: str
    status: Status
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, name: str, findings: Iterable[Finding], *, applicable: bool = True) -> Check:
        """Make a check whose status is that of its heaviest finding; one without level fails it.

        ``applicable`` false: nothing could be checked, so the status is ``not_applicable`` unless
        a finding is heavier.
        """
        found = tuple(findings)
        levels = {finding.level or "fail" for finding in found}
        status: Status = "pass" if applicable else "not_applicable"
        if "incomplete" in levels:
            status = "incomplete"
        if "fail" in levels:
            status = "fail"
        return cls(NAMES.index(name) + 1, name, status, found)

    def level(self, finding: Finding) -> Level:
        """Return how much one of the findings weighs."""
        if finding.level is not None:
            return finding.level
        return "note" if self.status == "pass" else self.status


@dataclass(frozen=True)
class Report:
    """All that an audit has to say of a run.

    Attributes
    ----------
    run
        Its id; empty when the agreement can't be read.
    agreement
        Digest of the agreement's bytes.
    identities
        Whether every party's identity was compared with the auditor's pins.
    checks
        Eight, by number.
    outcome
        How the run ended.
    transcript
        SHA-256 of the CLOSE entry, to be compared out of band; None without one (sound) CLOSE.
    """

    run: str
    agreement: str
    identities: Identities
    checks: tuple[Check, ...]
    outcome: Ending
    transcript: str | None = None

    @property
    def status(self) -> Status:
        """The verdict: ``fail`` before ``incomplete`` before ``pass``; no CLOSE, no pass."""
        found = {check.status for check in self.checks}
        if "fail" in found:
            return "fail"
        if "incomplete" in found or self.outcome != "closed" or self.transcript is None:
            return "incomplete"
        return "pass"

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0, 4 or 7."""
        return _EXIT_CODES[self.status]

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """Notes that whoever reads a verdict of ``pass`` has to know of: disputes, no receipt."""
        weighty = {"audit.disputed", "audit.no_receipt"}
        found = (finding for check in self.checks for finding in check.findings)
        return tuple(finding for finding in found if finding.code in weighty)

    def to_json(self) -> dict[str, object]:
        """Return it as plain values, the same for the same bytes; sentences are in English."""
        return {
            "format": "pprl.audit",
            "version": 1,
            "run": self.run,
            "agreement": self.agreement,
            "identities": self.identities,
            "status": self.status,
            "outcome": self.outcome,
            "transcript": self.transcript,
            "checks": [
                {
                    "number": check.number,
                    "name": check.name,
                    "status": check.status,
                    "findings": [
                        {
                            "level": check.level(finding),
                            "code": finding.code,
                            "values": dict(finding.values),
                            "text": finding.text(),
                        }
                        for finding in check.findings
                    ],
                }
                for check in self.checks
            ],
        }
