"""What of a report may leave its owner: everything else is taken out before the page is made.

The cross table is protected as a whole (:func:`~.crosstab.cross_table` with a minimum), and nearly
all other counts are made from what it shows. Beside it stand a few counts of the whole area, each
shown only where neither it nor what is left beside it is small, and rounded to multiples of the
minimum, so that the difference of two such counts says nothing about a few families.

Left out are needs, precision, and counts by kecamatan or desa other than the cross table's: they
are of the same people, and protecting them together with the table is not done here. So are all
rules when the row of the whole area has hidden cells, and always rules about places: they can count
just what is hidden.

How many families a place has in the register is taken to be known and always shown. What the owner
of the other register can tell from its own counts isn't looked at: this owner doesn't have them.

>>> is_fine(12, 40, 10), is_fine(35, 40, 10), is_fine(3, 40, 10)
(True, False, False)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pprl.report.krs.tally import Answers, Institution

if TYPE_CHECKING:
    from pprl.interventions.rules import Rule
    from pprl.report.krs.crosstab import Table
    from pprl.report.krs.tally import Tally

_PLACES = frozenset(
    f"f.{name}"
    for name in (
        *("district", "district_name", "village", "village_name"),
        *("priority_village", "companion"),
    )
)


def is_fine(count: int, among: int, minimum: int) -> bool:
    """Return whether a count and what is left beside it are both large enough."""
    return count >= minimum and among - count >= minimum


def published(found: Tally, table: Table, *, minimum: int, poorest: int) -> Tally:
    """Return what of the counts may stand beside a protected cross table."""
    poor = table.whole.poor(poorest)
    whole_is_shown = None not in table.whole.counts
    usable = found.nik.get("usable", 0)
    judged = sum(found.nik.values())
    return replace(
        found,
        funnel=replace(found.funnel, usable=None, matched_without=0),
        aid={
            name: Answers(
                _rounded(answers.yes, minimum),
                _rounded(answers.no, minimum),
                _rounded(answers.unknown, minimum),
            )
            for name, answers in found.aid.items()
            if poor is not None and _answers_are_fine(answers, minimum)
        },
        districts=(),
        institutions=tuple(
            shown
            for each in found.institutions
            if whole_is_shown and (shown := _institution(each, found.funnel.families, minimum)).work
        ),
        needs={},
        per_family={},
        nik={
            "usable": _rounded(usable, minimum),
            "unusable": _rounded(judged - usable, minimum),
        }
        if is_fine(usable, judged, minimum)
        else {},
        nik_places=(),
        precision=(),
        decided=0,
    )


def _answers_are_fine(answers: Answers, minimum: int) -> bool:
    # That nobody of the poor receives something, or everyone, says it of each of them.
    unknown_is_fine = not 0 < answers.unknown < minimum
    return answers.yes >= minimum and answers.no >= minimum and unknown_is_fine


def _institution(each: Institution, families: int, minimum: int) -> Institution:
    work = tuple(
        replace(
            one,
            assignments=_rounded(one.assignments, minimum),
            families=_rounded(one.families, minimum),
            first=None,
        )
        for one in each.work
        if not _about_places(one.rule) and is_fine(one.families, families, minimum)
    )
    return replace(each, assignments=0, families=0, work=work)


def _rounded(count: int, step: int) -> int:
    return (count + step // 2) // step * step


def _about_places(rule: Rule) -> bool:
    return not _PLACES.isdisjoint(rule.uses)
