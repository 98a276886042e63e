"""A chart of schemas beside each other: the precision that each reaches at each recall.

One line a schema, named where it ends, its own dash and mark: colour is never needed. Curves of
counts only; no id, name or cell gets here. The same input gives the same text.

>>> import numpy as np
>>> from pprl.lab.tune.curve import Curve
>>> bars, counts = np.array([0.7, 0.8]), np.array([9, 8])
>>> curve = Curve(bars, bars, bars, np.array([12, 8]), counts, counts, findable=10)
>>> text = frontier_chart([("small", 512, curve)])
>>> text.startswith("<svg"), "small (512 bits)" in text
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

    from pprl.lab.tune.curve import Curve

_SIZE = 380
_COLOURS = ("#1a1a1a", "#1f5a99", "#b03a2e", "#6b6b6b")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4])
_MARKS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")
_GREY = "#6b6b6b"
_LEAST_ROOM = 0.005  # shares shown beyond the worst of the best points
_LINE_GAP = 0.045  # of the height: from one name to the next


@dataclass(frozen=True)
class _Line:
    """One schema inside the window: rising recall, falling precision."""

    name: str
    points: list[tuple[float, float]]
    best: tuple[float, float]


def frontier_chart(
    schemas: Sequence[tuple[str, int, Curve]], *, language: catalogue.Language = "en"
) -> str:
    """Draw precision against recall, a line for each schema, a mark where F1 is best.

    Parameters
    ----------
    schemas
        Name, bits of the filter, and counts at every threshold. Of all settings those are drawn
        that no other beats in both precision and recall.
    language
        Of the names.

    Returns
    -------
    str
        SVG.

    Raises
    ------
    ValueError
        There is no schema.
    """
    if not schemas:
        message = "a chart needs at least one schema"
        raise ValueError(message)
    best = [_best(curve) for _, _, curve in schemas]
    left, bottom = (_start(min(point[axis] for point in best)) for axis in (0, 1))
    lines = []
    for (name, bits, curve), point in zip(schemas, best, strict=True):
        text = catalogue.text("tune.line", {"name": name, "bits": bits}, language)
        lines.append(_Line(text, _inside(curve, left, bottom), point))
    recall, precision = (
        catalogue.text(code, {}, language) for code in ("chart.recall", "chart.precision")
    )
    x = alt.X("x:Q", scale=_scale(left), title=recall)
    y = alt.Y("y:Q", scale=_scale(bottom), title=precision)
    heights = _spread([line.points[-1][1] for line in lines], bottom)
    layers = [
        layer
        for place, (line, height) in enumerate(zip(lines, heights, strict=True))
        for layer in _drawn(line, place, height, 1 - left, x, y)
    ]
    chart = alt.layer(*layers).properties(width=_SIZE, height=_SIZE)
    return to_svg(chart, catalogue.text("tune.chart_title", {}, language))


def _best(curve: Curve) -> tuple[float, float]:
    score = curve.best().score
    return score.recall.value or 0.0, score.precision.value or 0.0


def _start(worst: float) -> float:
    """Return where an axis starts, so that the best points are well inside."""
    room = max(_LEAST_ROOM, 0.8 * (1 - worst))
    return max(0.0, floor((worst - room) * 200) / 200)


def _inside(curve: Curve, left: float, bottom: float) -> list[tuple[float, float]]:
    shown = curve.envelope()
    points = zip(shown.recall.tolist(), shown.precision.tolist(), strict=True)
    inside = [(recall, precision) for recall, precision in points
              if recall >= left and precision >= bottom]  # fmt: skip
    return inside or [_best(curve)]


def _spread(heights: Sequence[float], bottom: float) -> list[float]:
    """Move names apart that would overlap, keeping their order; the lowest stays."""
    gap = _LINE_GAP * (1 - bottom)
    spread = list(heights)
    lowest = bottom - gap
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        spread[place] = max(heights[place], lowest + gap)
        lowest = spread[place]
    return spread


def _drawn(
    line: _Line, place: int, height: float, across: float, x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    colour = _COLOURS[place % len(_COLOURS)]
    end = line.points[-1]
    name_at = 1 + 0.04 * across
    path = _of([{"x": recall, "y": precision} for recall, precision in line.points])
    leader = _of([{"x": end[0], "y": end[1]}, {"x": name_at, "y": height}])
    mark = _of([{"x": line.best[0], "y": line.best[1]}])
    name = _of([{"x": name_at, "y": height, "name": line.name}])
    return [
        leader.mark_line(color=_GREY, strokeWidth=0.6).encode(x=x, y=y),
        path.mark_line(
            color=colour, strokeWidth=1.8, strokeDash=_DASHES[place % len(_DASHES)]
        ).encode(x=x, y=y, order="x:Q"),
        mark.mark_point(
            shape=_MARKS[place % len(_MARKS)], size=70, color=colour, filled=True, opacity=1
        ).encode(x=x, y=y),
        name.mark_text(align="left", baseline="middle", dx=4, fontSize=11, color=colour).encode(
            x=x, y=y, text="name:N"
        ),
    ]


def _scale(start: float) -> alt.Scale:
    return alt.Scale(domain=[start, 1], nice=False, zero=False)


def _of(rows: Sequence[dict[str, str | float]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows)))
