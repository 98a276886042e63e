"""A chart of the frontier: what an attacker re-identifies against how well a scheme links.

One mark a schema, at its F1 and at the most that any attack re-identified, a symbol for each number
of known pairs; down and to the right is better. Numbers only; the same input gives the same text.

>>> point = Point("indonesia", 0.99, 0.98, known=50)
>>> text = risk_chart([point])
>>> text.startswith("<svg"), "indonesia" in text
(True, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

import altair as alt

from pprl import catalogue
from pprl.report.charts import to_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.lab.risk.run import Assessment

_SIZE = 380
_DARK, _GREY = "#1a1a1a", "#6b6b6b"
_MARKS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")
_LEAST_SHOWN = 0.0001  # a logarithm has no zero
_ROOM = 0.01
_RIGHT = 150  # of names beside their marks


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
    """Return the most that any attack re-identified, by schema and known pairs."""
    worst: dict[tuple[str, int], float] = {}
    for row in assessment.rows:
        if row.finding.metric == "reidentified" and row.schema in assessment.quality:
            at = row.schema, row.finding.known
            worst[at] = max(worst.get(at, 0.0), row.finding.value)
    return [
        Point(name, assessment.quality[name].f1, value, known)
        for (name, known), value in sorted(worst.items())
    ]


def risk_chart(shown: Sequence[Point], *, language: catalogue.Language = "en") -> str:
    """Draw re-identification (logarithmic) against F1.

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
    known = sorted({point.known for point in shown})
    symbols = {count: _MARKS[place % len(_MARKS)] for place, count in enumerate(known)}
    left = max(0.0, floor((min(point.f1 for point in shown) - _ROOM) * 50) / 50)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[left, 1], nice=False, zero=False),
        title=catalogue.text("risk.chart_f1", {}, language),
    )
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", domain=[_LEAST_SHOWN, 1], nice=False),
        axis=alt.Axis(format="~%", values=[0.0001, 0.001, 0.01, 0.1, 1]),
        title=catalogue.text("risk.chart_reidentified", {}, language),
    )
    layers: list[alt.Chart] = []
    for point in shown:
        values: dict[str, str | int] = {"knows": point.known, "schema": point.schema}
        row = {
            "x": point.f1,
            "y": max(point.reidentified, _LEAST_SHOWN),
            "name": catalogue.text("risk.chart_point", values, language),
        }
        base = alt.Chart(alt.InlineData(values=[row]))
        layers += [
            base.mark_point(
                shape=symbols[point.known], size=70, color=_DARK, filled=True, opacity=1
            ).encode(x=x, y=y),
            base.mark_text(align="left", baseline="middle", dx=8, fontSize=10, color=_GREY).encode(
                x=x, y=y, text="name:N"
            ),
        ]
    chart = alt.layer(*layers).properties(width=_SIZE + _RIGHT, height=_SIZE)
    return to_svg(chart, catalogue.text("risk.chart_title", {}, language))
