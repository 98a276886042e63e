"""What a report is made from: the families with their assignments, and what is known of the run.

Only counts are ever taken from the families. What an owner wasn't told is None, and the report says
that it isn't known.

>>> Share(0.992, 0.988, 0.996).value
0.992
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from datetime import date

    from pprl.interventions.assign import Assigned
    from pprl.interventions.previous import Compared
    from pprl.quality import Quality

DESIL = tuple(range(1, 11))


@dataclass(frozen=True)
class Share:
    """An estimated share in [0, 1] and its 95% interval, None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Bars:
    """From which similarity pairs of a tier are accepted and reviewed; None where none is."""

    tier: str
    accept: float | None
    review: float | None


@dataclass(frozen=True)
class Bin:
    """Pairs with a similarity in ``[low, high)``, the last bin with its end.

    Attributes
    ----------
    low, high
        Similarities, in [0, 1].
    accepted, review
        Pairs that were accepted, and that are to be reviewed.
    """

    low: float
    high: float
    accepted: int
    review: int


@dataclass(frozen=True)
class Similarities:
    """Pairs by similarity.

    Attributes
    ----------
    bins
        Rising, one beside the other.
    below
        How many of the lowest bin's pairs lie below it.
    accepted_without, review_without
        Pairs in no bin: one record has a number alone, so that no similarity can be said.
    """

    bins: tuple[Bin, ...]
    below: int = 0
    accepted_without: int = 0
    review_without: int = 0

    @property
    def pairs(self) -> int:
        """How many pairs the bins hold."""
        return sum(each.accepted + each.review for each in self.bins)


@dataclass(frozen=True)
class Matching:
    """What is known of the match, apart from what each family says.

    Attributes
    ----------
    precision
        Estimated share of matched families that are right; None when it isn't known, for one
        because families weren't agreed on.
    persons, recall
        Precision and recall as the run estimated them, of the accepted pairs of records; None when
        it couldn't.
    bars
        Thresholds by tier.
    histogram
        Pairs by similarity; None at an owner who wasn't told. The report then shows families by
        the precision of their match.
    """

    precision: Share | None = None
    persons: Share | None = None
    recall: Share | None = None
    bars: tuple[Bars, ...] = ()
    histogram: Similarities | None = None


@dataclass(frozen=True)
class Party:
    """Who took part: name, and ``agency``, ``coordinator`` or ``auditor``."""

    name: str
    role: str


@dataclass(frozen=True)
class Decided:
    """What the review loop has decided so far: cases accepted, refused, still open."""

    accepted: int = 0
    refused: int = 0
    undecided: int = 0


@dataclass(frozen=True)
class Minutes:
    """Facts for the berita acara.

    Attributes
    ----------
    run, agreement, transcript
        Id of the run; digests in hex. ``transcript`` is None before the end.
    parties
        In the order of the agreement.
    purpose, legal_basis
        Of the agreement.
    closed
        Whether the parties closed the run together. If not, the report is PROVISIONAL.
    agreed_on, closed_on
        Days, None when not known.
    version
        Of the software.
    decided
        None when no review has begun.
    """

    run: str
    agreement: str
    transcript: str | None
    parties: tuple[Party, ...]
    purpose: str
    legal_basis: str
    closed: bool
    version: str
    agreed_on: date | None = None
    closed_on: date | None = None
    decided: Decided | None = None


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report is made from.

    Attributes
    ----------
    owner
        Name of the office, for the title.
    assigned
        What :func:`pprl.interventions.assign.assign` gave: families, members, assignments, rules
        and the day. A family's place comes from ``village`` (10 digits, or with dots), its name
        from ``village_name`` and ``district_name``; where the desa isn't known, from ``district``.
    minutes
        Facts for the berita acara.
    quality
        Of the own file (:func:`pprl.quality.check`); None without.
    matching
        None when the owner knows nothing but its own families' matches.
    minimum
        Counts below it are hidden in the public form.
    poorest
        The answer counts desil 1 up to this one.
    compared
        The run beside an earlier one (:func:`pprl.interventions.previous.compare`); None without.

    Raises
    ------
    ConfigError
        ``minimum`` or ``poorest`` makes no sense.
    """

    owner: str
    assigned: Assigned
    minutes: Minutes
    quality: Quality | None = None
    matching: Matching | None = field(default=None)
    minimum: int = 10
    poorest: int = 4
    compared: Compared | None = None

    def __post_init__(self) -> None:
        if self.minimum < 1:
            raise ConfigError("krs_report.minimum", found=self.minimum)
        if self.poorest not in DESIL:
            raise ConfigError("krs_report.poorest", found=self.poorest)
