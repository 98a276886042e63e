"""A chart of the frontier: what an attacker re-identifies against how well a scheme links.

A line for each schema, upright at its F1, through the most that any attack re-identified at each
number of known pairs; down and to the right is better. Numbers only; the same input gives the same
text.

>>> point = Point("indonesia", 0.99, 0.98, known=50)
>>> text = risk_chart([point])
>>> text.startswith("<svg"), "indonesia" in text
(True, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import floor, log10
from typing import TYPE_CHECKING

import altair as alt

from pprl import catalogue
from pprl.report.charts import to_svg
from pprl.report.named import GAP, PADDING, ROOM, SIZE, colour, dash, mark, named, rows, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.lab.risk.run import Assessment

_LEAST_SHOWN = 0.0001  # a logarithm has no zero
_TICKS = (_LEAST_SHOWN, 0.001, 0.01, 0.1, 1.0)
_ROOM = 0.01  # left of the worst F1
_SYMBOL, _LARGER = 40, 1.9  # open symbols one around the other show where several coincide


@dataclass(frozen=True)
class Point:
    """One scheme under one number of known pairs.

    Attributes
    ----------
    schema
        Name.
    f1, reidentified
        In [0, 1].
    known
        Pairs that the attacker knew.
    """

    schema: str
    f1: float
    reidentified: float
    known: int


def points(assessment: Assessment) -> list[Point]:
    """Return the most that any attack re-identified, by schema and known pairs.

    Whoever knows some pairs can do without them, too: attacks with fewer count for more. Of several
    sizes the worst. A schema on which no attack is good enough (all failed on their controls) has
    no point: that isn't safety.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    attacked = set()
    for row in assessment.rows:
        if row.finding.metric == "reidentified" and row.schema in assessment.quality:
            found.setdefault(row.schema, []).append((row.finding.known, row.finding.value))
            if row.verdict != "failed":
                attacked.add(row.schema)
    return [
        Point(
            schema=name,
            f1=assessment.quality[name].f1,
            reidentified=max(value for fewer, value in values if fewer <= known),
            known=known,
        )
        for name, values in found.items()
        for known in sorted({known for known, _ in values})
        if name in attacked
    ]


def risk_chart(shown: Sequence[Point], *, language: catalogue.Language = "en") -> str:
    """Draw re-identification (logarithmic) against F1.

    Parameters
    ----------
    shown
        Points; those of a schema one after the other.
    language
        Of the titles.

    Returns
    -------
    str
        SVG.

    Raises
    ------
    ValueError
        There is no point.
    """
    if not shown:
        message = "a chart needs at least one point"
        raise ValueError(message)
    left = max(0.0, floor((min(point.f1 for point in shown) - _ROOM) * 50) / 50)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[left, 1], nice=False, zero=False),
        axis=alt.Axis(tickCount=6),
        title=catalogue.text("risk.chart_f1", {}, language),
    )
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", domain=[_LEAST_SHOWN, 1], nice=False),
        axis=alt.Axis(
            format="~%",
            values=_TICKS,
            labelExpr=f"(datum.value <= {_LEAST_SHOWN} ? '\u2264 ' : '') + datum.label",
        ),
        title=catalogue.text("risk.chart_reidentified", {}, language),
    )
    known = sorted({point.known for point in shown})
    shape = alt.Shape(
        "known:O",
        scale=alt.Scale(domain=known, range=[mark(place) for place in range(len(known))]),
        legend=alt.Legend(
            title=catalogue.text("risk.chart_known", {}, language), orient="bottom", symbolSize=60
        ),
    )
    lines = [list(each) for _, each in groupby(shown, key=lambda point: point.schema)]
    tops = [max(map(_height, line)) for line in lines]
    decades = -log10(_LEAST_SHOWN)
    heights = spread([log10(top) for top in tops], lowest=-decades, gap=GAP * decades)
    names: list[alt.Chart] = []
    marks: list[alt.Chart] = []
    for place, (line, top, height) in enumerate(zip(lines, tops, heights, strict=True)):
        f1, at = line[0].f1, (1 + ROOM * (1 - left), 10**height)
        names += named(line[0].schema, (f1, top), at, place, x, y)
        drawn = rows(
            [
                {
                    "x": f1,
                    "y": _height(point),
                    "known": point.known,
                    "size": _SYMBOL * _LARGER ** known.index(point.known),
                }
                for point in line
            ]
        )
        marks += [
            drawn.mark_line(color=colour(place), strokeWidth=1.2, strokeDash=dash(place)).encode(
                x=x, y=y, order="known:Q"
            ),
            drawn.mark_point(color=colour(place), opacity=1).encode(
                x=x, y=y, shape=shape, size=alt.Size("size:Q", scale=None)
            ),
        ]
    chart = alt.layer(*names, *marks).properties(width=SIZE, height=SIZE, padding=PADDING)
    return to_svg(chart, catalogue.text("risk.chart_title", {}, language))


def _height(point: Point) -> float:
    return max(point.reidentified, _LEAST_SHOWN)
