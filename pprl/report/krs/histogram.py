"""Pairs by similarity with the bars of each tier, as SVG text. Counts only.

>>> from pprl.report.krs.data import Bars, Bin
>>> text = histogram([Bin(0.8, 0.9, 12), Bin(0.9, 1.0, 400)], [Bars("filter", 0.9, 0.85)], "en")
>>> text.startswith("<svg"), "filter: accept 0.90" in text
(True, True)
"""

from __future__ import annotations

from math import ceil, log10
from typing import TYPE_CHECKING

import altair as alt

from pprl.report.charts import to_svg
from pprl.report.krs.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.catalogue import Language
    from pprl.report.krs.data import Bars, Bin

_WIDTH, _HEIGHT, _LINE = 262, 170, 15  # fits a telephone with its axis
_DARK, _FILL = "#1a1a1a", "#7b98b8"
_FLOOR = 0.5  # a logarithm has no zero
_NAME = 120  # pixels that the name of a bar may take
_SOLID, _DOTTED = [1, 0], [2, 2]


def histogram(bins: Sequence[Bin], bars: Sequence[Bars], language: Language) -> str:
    """Draw the pairs of each bin on a logarithmic scale, and where the bars lie.

    Raises
    ------
    ValueError
        There is no bin.
    """
    if not bins:
        message = "a histogram needs at least one bin"
        raise ValueError(message)
    wording = Wording(language)
    start, stop = bins[0].low, bins[-1].high
    marks = [
        (place, f"{each.tier}: {wording.say(code)} {wording.decimal(place)}", dash)
        for each in bars
        for place, code, dash in (
            (each.accept, "chart.accept", _SOLID),
            (each.review, "chart.review", _DOTTED),
        )
        if place is not None and start <= place <= stop
    ]
    powers = list(range(ceil(log10(max(10, *(each.pairs for each in bins)))) + 1))
    # Room for a line of text for each bar, above the highest column.
    height = _HEIGHT + _LINE * len(marks)
    low, high = log10(_FLOOR), float(powers[-1])
    top = low + (high - low) * height / _HEIGHT
    scale = alt.Scale(type="log", domain=[_FLOOR, 10**top], nice=False)
    numbers = {10**power: wording.number(10**power) for power in powers}
    labels = " : ".join(f"datum.value == {value} ? '{text}'" for value, text in numbers.items())
    y = alt.Y(
        "pairs:Q",
        scale=scale,
        title=wording.say("krs_report.pairs_axis"),
        axis=alt.Axis(values=list(numbers), labelExpr=f"{labels} : ''"),
    )
    x = alt.X(
        "low:Q",
        scale=alt.Scale(domain=[start, stop], nice=False, zero=False),
        title=wording.say("chart.similarity"),
        axis=alt.Axis(format=".2f", tickCount=5, labelExpr="replace(datum.label, '.', ',')")
        if language == "id"
        else alt.Axis(format=".2f", tickCount=5),
    )
    rows = [
        {"low": each.low, "high": each.high, "pairs": each.pairs, "floor": _FLOOR}
        for each in bins
        if each.pairs
    ]
    columns = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=_FILL, stroke=_DARK, strokeWidth=0.5)
        .encode(x=x, x2="high:Q", y=y, y2="floor:Q")
    )
    lines: list[alt.Chart] = []
    names: list[alt.Chart] = []
    for turn, (place, text, dash) in enumerate(marks):
        at = top - (top - high) * turn / len(marks)
        # Outwards where there is room: to the right of an accept bar, to the left of the other.
        pixels = _WIDTH * (place - start) / (stop - start)
        left = pixels > _WIDTH - _NAME if dash == _SOLID else pixels > _NAME
        line, *name = _mark(place, text, dash, 10**at, left=left)
        lines.append(line)
        names += name
    chart = alt.layer(columns, *lines, *names).properties(width=_WIDTH, height=height)
    return to_svg(chart, wording.say("krs_report.histogram_title"))


def _mark(
    place: float, text: str, dash: list[int], height: float, *, left: bool
) -> list[alt.Chart]:
    """Return the vertical line of a bar and its name beside it."""
    row = alt.Chart(alt.InlineData(values=[{"x": place, "y": height, "name": text}]))
    line = row.mark_rule(color=_DARK, strokeDash=dash).encode(x="x:Q")
    names = [
        row.mark_text(
            align="right" if left else "left",
            baseline="top",
            dx=-4 if left else 4,
            dy=2,
            color=_DARK,
            fontSize=11,
            stroke="white",
            strokeWidth=edge,
        ).encode(x="x:Q", y="y:Q", text="name:N")
        # A white edge below the letters keeps them readable on another line.
        for edge in (4, 0)
    ]
    return [line, *names]
