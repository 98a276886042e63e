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
from pprl.report.named import GAP, PADDING, ROOM, SIZE, colour, dash, mark, named, rows, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.lab.tune.curve import Curve

_LEAST_ROOM = 0.005  # shares shown beyond the worst of the best points


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
    ends = [line.points[-1][1] for line in lines]
    heights = spread(ends, lowest=bottom, gap=GAP * (1 - bottom))
    layers = [
        layer
        for place, (line, height) in enumerate(zip(lines, heights, strict=True))
        for layer in _drawn(line, place, (1 + ROOM * (1 - left), height), x, y)
    ]
    chart = alt.layer(*layers).properties(width=SIZE, height=SIZE, padding=PADDING)
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


def _drawn(
    line: _Line, place: int, name_at: tuple[float, float], x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    leader, name = named(line.name, line.points[-1], name_at, place, x, y)
    path = rows([{"x": recall, "y": precision} for recall, precision in line.points])
    best = rows([{"x": line.best[0], "y": line.best[1]}])
    return [
        leader,
        path.mark_line(color=colour(place), strokeWidth=1.8, strokeDash=dash(place)).encode(
            x=x, y=y, order="x:Q"
        ),
        best.mark_point(
            shape=mark(place), size=70, color=colour(place), filled=True, opacity=1
        ).encode(x=x, y=y),
        name,
    ]


def _scale(start: float) -> alt.Scale:
    return alt.Scale(domain=[start, 1], nice=False, zero=False)
