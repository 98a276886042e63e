"""The report as a page: one HTML file without script, that fetches nothing and prints on A4.

Answer first, then how sure it is. Every number stands in the page as a number; shades, bars and
hatches only repeat it. The page is made of the words of the catalogue, ``page.html`` and
``style.css``; what comes from data or an agreement is escaped.

``public=True`` makes the form that may leave the office (:mod:`~.public`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from pprl import catalogue
from pprl.errors import ConfigError
from pprl.interventions.columns import known_columns
from pprl.report.krs.changes import count_changes
from pprl.report.krs.crosstab import DISTRICT, PROVINCE, REGENCY, VILLAGE, Row, cross_table
from pprl.report.krs.data import Matching, Share
from pprl.report.krs.heat import make_heats
from pprl.report.krs.histogram import histogram
from pprl.report.krs.public import published
from pprl.report.krs.tally import NIK_GROUPS, tally
from pprl.report.krs.wording import Wording, groups

if TYPE_CHECKING:
    from jinja2 import Template

    from pprl.catalogue import Language
    from pprl.report.krs.changes import Changes
    from pprl.report.krs.crosstab import Table
    from pprl.report.krs.data import ReportData
    from pprl.report.krs.heat import Heat
    from pprl.report.krs.tally import Funnel, Tally

MAX_NIK_PLACES = 40
"""Desa in the table of NIK that can't be used."""

_AIDS = {"pkh": "PKH", "sembako": "Sembako (BPNT)", "pbi_jk": "PBI-JK", "pip": "PIP"}
_THOUSAND = 1_000
_TIERS = {
    "nik": "krs_report.tier_nik",
    "nik15": "krs_report.tier_nik15",
    "filter": "krs_report.tier_filter",
    "contradicted": "krs_report.tier_contradicted",
}
"""What the tiers are called of the schemas that come with pprl; others are named alone."""

_JOINED = "\N{WORD JOINER}"  # no line ends after the hyphen of a range
_BY_LEVEL = {
    0: "krs_report.all_places",
    PROVINCE: "krs_report.province",
    REGENCY: "krs_report.regency",
    DISTRICT: "krs_report.district",
    VILLAGE: "krs_report.village",
}


def render(data: ReportData, *, language: Language = "id", public: bool = False) -> str:
    """Return the report as HTML. The same data gives the same text.

    Parameters
    ----------
    language
        Of the page. Needs and programmes are given in it, too, whatever the assignments' language.
    public
        Make the form that may leave the office: counts below ``data.minimum`` are hidden, and so
        is what would give them away.

    Raises
    ------
    ConfigError
        There is no such language.
    LimitError
        Memory and disk don't suffice, or there are more places than are handled.

    Notes
    -----
    Two seconds for 100,000 families; the public form some seconds more, and longer with many small
    desa (docs/concepts/small-cells.md has times).
    """
    if language not in catalogue.LANGUAGES:
        raise ConfigError("krs_report.language", found=language)
    table = cross_table(data.assigned.families, minimum=data.minimum if public else None)
    counts = tally(data.assigned, poorest=data.poorest)
    if public:
        counts = published(counts, table, minimum=data.minimum, poorest=data.poorest)
    page = _Page(data, table, counts, Wording(language), public)
    return _template().render(**page.context())


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("pprl.report.krs").joinpath("page.html")
    return environment.from_string(source.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Step:
    """A step of the funnel; ``look`` is how its bar is drawn, ``below`` whether of the poor."""

    code: str
    count: int
    share: float
    look: str
    below: bool = False
    note: str = ""


@dataclass(frozen=True)
class Sure:
    """How sure a report is: ``what`` is ``families`` or ``matches``."""

    what: str
    share: Share

    @property
    def right(self) -> int:
        """How many of 1,000 are right."""
        return self._of_thousand(self.share.value)

    @property
    def least(self) -> int:
        """How many of 1,000 are right at least: as far as the interval says."""
        return self._of_thousand(self.share.low or 0.0)

    @staticmethod
    def _of_thousand(share: float) -> int:
        # All of them only when all are.
        return min(round(_THOUSAND * share), _THOUSAND - (share < 1))


@dataclass(frozen=True)
class Ranked:
    """A kecamatan in the ranking. ``gap`` is None where PKH isn't known or isn't shown."""

    name: str
    poor: int
    gap: int | None
    share: float
    width: float


@dataclass(frozen=True)
class _Page:
    """Puts together what the template shows."""

    data: ReportData
    table: Table
    counts: Tally
    words: Wording
    public: bool

    def context(self) -> dict[str, object]:
        heats = make_heats(self.table, poorest=self.data.poorest)
        by_code = {row.code: row for row in self.table.rows}
        style = files("pprl.report.krs").joinpath("style.css").read_text(encoding="utf-8")
        return {
            "style": style,
            "say": self.words.say,
            "write": self.words,
            "language": self.words.language,
            "data": self.data,
            "public": self.public,
            "range": f"1-{_JOINED}{self.data.poorest}" if self.data.poorest > 1 else "1",
            "whole": self.table.whole,
            "poor": self.table.whole.poor(self.data.poorest),
            "matched": self._matched(),
            "counts": self.counts,
            "pkh": self.counts.aid.get("pkh"),
            "aids": [(_AIDS[name], each) for name, each in self.counts.aid.items()],
            "steps": self._steps(self.counts.funnel),
            "sure": self._sure(),
            "estimates": self._estimates(),
            "wrong": self._wrong(),
            "heats": heats,
            "steps_of": self._steps_of,
            "ranking": self._ranking(),
            "need_words": {rule.need: self._need(rule.need) for rule in self.data.assigned.rules},
            "nik": self._nik(),
            "nik_groups": tuple(NIK_GROUPS),
            "nik_places": [
                (self.name(by_code[each.code]), self._full_name(by_code[each.code[:6]]), each)
                for each in self.counts.nik_places[:MAX_NIK_PLACES]
            ],
            "nik_more": max(0, len(self.counts.nik_places) - MAX_NIK_PLACES),
            "chart": self._chart(),
            "tiers": {name: self.words.say(code) for name, code in _TIERS.items()},
            "name": self.name,
            "groups": groups,
            "advice": self._advice(),
            "changes": self._changes(),
            "district_name": self._district_name,
            "notices": []
            if self.public
            else [self.words.say(each.code, **each.values) for each in self.data.assigned.warnings],
        }

    def name(self, row: Row) -> str:
        """Return what a place is called."""
        if row.nowhere:
            return self.words.say(
                "krs_report.no_village" if row.level == VILLAGE else "krs_report.no_place"
            )
        if row.level == 0:  # the smallest place that holds everything
            return self._common() or self.words.say("krs_report.all_places")
        return row.name or self.words.say(_BY_LEVEL[row.level], code=row.code)

    def _common(self) -> str:
        for level in (REGENCY, PROVINCE):
            rows = self.table.level(level)
            if len(rows) == 1 and not rows[0].nowhere:
                return self.name(rows[0])
        return ""

    def _full_name(self, row: Row) -> str:
        """Return the name of a kecamatan, with its kabupaten/kota where there are several."""
        regencies = self.table.level(REGENCY)
        own = next(each for each in regencies if row.code.startswith(each.code))
        return self.name(row) if len(regencies) == 1 else f"{self.name(row)}, {self.name(own)}"

    def _matched(self) -> int | None:
        of_desil = self.table.whole.counts[:-2]
        shown = [each for each in of_desil if each is not None]
        return sum(shown) if len(shown) == len(of_desil) else None

    def _steps(self, funnel: Funnel) -> list[Step]:
        families = max(funnel.families, 1)
        steps = [Step("krs_report.step_families", funnel.families, 1.0, "all")]
        if funnel.usable is not None:
            steps.append(
                Step("krs_report.step_usable", funnel.usable, funnel.usable / families, "all")
            )
        matched, poor = self._matched(), self.table.whole.poor(self.data.poorest)
        if matched is not None:
            without = funnel.matched_without
            note = (
                self.words.say("krs_report.step_matched_without", count=without) if without else ""
            )
            steps.append(
                Step("krs_report.step_matched", matched, matched / families, "all", note=note)
            )
        if poor is None:
            return steps
        steps.append(Step("krs_report.step_poor", poor, poor / families, "poor"))
        if (pkh := self.counts.aid.get("pkh")) is not None:
            parts = (("yes", pkh.yes), ("no", pkh.no), ("unknown", pkh.unknown))
            steps += [
                Step(f"krs_report.step_{part}", count, count / max(poor, 1), part, below=True)
                for part, count in parts
                if count or part != "unknown"
            ]
        return steps

    def _sure(self) -> Sure | None:
        """Return how many of 1,000 are right: of families where that is known, else of matches."""
        matching = self.data.matching or Matching()
        precision = matching.precision or matching.persons
        if precision is None and (mean := self.counts.mean_precision) is not None:
            precision = Share(mean)
        if precision is None:
            return None
        what = "matches" if matching.precision is None else "families"
        return Sure(what, precision)

    def _estimates(self) -> list[tuple[str, str, Share | None]]:
        """Return what was estimated, what it means, and how much it is."""
        matching = self.data.matching or Matching()
        say = self.words.say
        return [
            (
                say("krs_report.precision_families"),
                say("krs_report.precision_families_means"),
                matching.precision,
            ),
            (
                say("krs_report.precision_persons"),
                say("krs_report.precision_persons_means"),
                matching.persons,
            ),
            (say("krs_report.recall"), say("krs_report.recall_means"), matching.recall),
        ]

    def _wrong(self) -> tuple[int, int | None] | None:
        """Return how many matched families are probably matched wrongly, and at most how many."""
        matched, sure = self._matched(), self._sure()
        if matched is None or sure is None:
            return None
        precision = sure.share
        estimated = matched - self.counts.decided
        most = None if precision.low is None else round(estimated * (1 - precision.low))
        return round(estimated * (1 - precision.value)), most

    def _steps_of(self, heat: Heat) -> list[str]:
        """Return what each shade stands for, the palest first; nothing where nothing is shaded."""
        if not heat.bounds:
            return []
        texts = [
            self.words.number(low)
            if low == above - 1
            else self.words.say("krs_report.step_range", low=low, high=above - 1)
            for low, above in pairwise((1, *heat.bounds))
        ]
        return [*texts, self.words.say("krs_report.step_from", low=heat.bounds[-1])]

    def _ranking(self) -> list[Ranked]:
        rows = self.table.level(DISTRICT)
        gaps: dict[str, int] = {}
        if "pkh" in self.counts.aid:  # without kecamatan in the public form
            gaps = {each.code: each.pkh.no for each in self.counts.districts}
        poor = {row.code: row.poor(self.data.poorest) for row in rows}
        shown = [(row, found) for row in rows if (found := poor[row.code]) is not None]
        shown.sort(key=lambda each: (-gaps.get(each[0].code, 0), -each[1], each[0].code))
        most = max((found for _, found in shown), default=0) or 1
        return [
            Ranked(
                self._full_name(row),
                found,
                gaps.get(row.code),
                found / max(row.total, 1),
                found / most,
            )
            for row, found in shown
        ]

    def _need(self, need: str) -> str:
        rule = next(each for each in self.data.assigned.rules if each.need == need)
        return rule.need_in(self.words.language)

    def _nik(self) -> list[tuple[str, int]]:
        said = known_columns()["members"]["nik_status"].values
        unusable = {"unusable": self.words.say("krs_report.nik_total")}
        words = {name: each[self.words.language] for name, each in said.items()} | unusable
        return [(words.get(reason, reason), count) for reason, count in self.counts.nik.items()]

    def _changes(self) -> Changes | None:
        # Two public runs could be subtracted from each other; their difference isn't handed out.
        if self.public or self.data.compared is None:
            return None
        return count_changes(self.data.compared, poorest=self.data.poorest)

    def _district_name(self, code: str) -> str:
        """Return the name of a kecamatan, which may have had families in the earlier run alone."""
        row = next((each for each in self.table.level(DISTRICT) if each.code == code), None)
        return self._full_name(row) if row else self.name(Row(code, "", DISTRICT, (), 0))

    def _chart(self) -> str | None:
        matching = self.data.matching
        if self.public or matching is None or not (matching.histogram and matching.histogram.pairs):
            return None
        return histogram(matching.histogram, matching.bars, self.words.language)

    def _advice(self) -> list[str]:
        quality = self.data.quality
        if quality is None or self.public:
            return []
        return [self.words.say(f"advice.{code}") for code in quality.advice]
