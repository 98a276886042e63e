"""Pairs by similarity with the bars of each tier, as SVG text. Counts only.

Two panels one above the other: accepted pairs as filled columns, pairs to be reviewed as empty
ones. Every column has its number on it, and every bar its name, so that colour says nothing alone.

>>> from pprl.report.krs.data import Bars, Bin, Similarities
>>> found = Similarities((Bin(0.8, 0.9, 0, 12), Bin(0.9, 1.0, 400, 3)))
>>> text = histogram(found, [Bars("filter", 0.9, 0.85)], "en")
>>> text.startswith("<svg"), "filter: accept 0.90" in text, ">400<" in text
(True, True, True)
"""

from __future__ import annotations

from math import ceil, log10
from typing import TYPE_CHECKING, NamedTuple

import altair as alt

from pprl.report.charts import to_svg
from pprl.report.krs.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.catalogue import Language
    from pprl.report.krs.data import Bars, Similarities

_WIDTH = 280  # fits a telephone with its axis
_PANELS = {"accepted": 150, "review": 100}  # height without the names of bars
_LINE = 15
_DARK, _FILL = "#1a1a1a", "#7b98b8"
_FLOOR = 0.5  # a logarithm has no zero
_NAME = 120  # pixels that the name of a bar may take
_COUNT = 30  # pixels that the number on a column may take
_LOOKS = {"accepted": _FILL, "review": "white"}
_TITLES = {"accepted": "krs_report.panel_accepted", "review": "krs_report.panel_review"}
_DASHES = {"accepted": [1, 0], "review": [3, 2]}


class _Mark(NamedTuple):
    """Where a bar lies, and what it is called."""

    place: float
    name: str


def histogram(found: Similarities, bars: Sequence[Bars], language: Language) -> str:
    """Draw the pairs of each bin on logarithmic scales, and where the bars lie.

    Bars outside of the bins aren't drawn.

    Raises
    ------
    ValueError
        There is no bin.
    """
    if not found.bins:
        message = "a histogram needs at least one bin"
        raise ValueError(message)
    wording = Wording(language)
    panels = [_panel(found, bars, band, wording) for band in _PANELS]
    return to_svg(alt.vconcat(*panels, spacing=14), wording.say("krs_report.histogram_title"))


def _panel(
    found: Similarities, bars: Sequence[Bars], band: str, wording: Wording
) -> alt.LayerChart | alt.FacetChart:
    bins = [(each.low, each.high, int(getattr(each, band))) for each in found.bins]
    start, stop = bins[0][0], bins[-1][1]
    marks = _marks(bars, band, (start, stop), wording)
    most = max(count for _, _, count in bins)
    powers = list(range(ceil(log10(max(10, most))) + 1))
    # Room above the highest column for its number, and for a line of text for each bar.
    low, plain = log10(_FLOOR), _PANELS[band]
    height = plain + _COUNT + _LINE * len(marks)
    per_pixel = (powers[-1] - low) / plain
    top = low + per_pixel * height
    y = _y_axis([10**power for power in powers], top, wording)
    x = _x_axis(start, stop, wording, last=band == "review")
    rows = [
        {"low": first, "high": last, "middle": (first + last) / 2, "pairs": count,
         "floor": _FLOOR, "count": wording.number(count)}
        for first, last, count in bins
        if count
    ]  # fmt: skip
    table = alt.Chart(alt.InlineData(values=rows))
    columns = table.mark_bar(color=_LOOKS[band], stroke=_DARK, strokeWidth=0.8).encode(
        x=x, x2="high:Q", y=y, y2="floor:Q"
    )
    lines = [
        alt.Chart(alt.InlineData(values=[{"x": mark.place}]))
        .mark_rule(color=_DARK, strokeDash=_DASHES[band])
        .encode(x="x:Q")
        for mark in marks
    ]
    # A white edge below letters keeps them readable on a line.
    counts = [
        table.mark_text(
            angle=270, align="left", baseline="middle", dx=3, fontSize=10, color=_DARK,
            stroke="white", strokeWidth=edge,
        ).encode(x="middle:Q", y="pairs:Q", text="count:N")
        for edge in (3, 0)
    ]  # fmt: skip
    names = [
        each
        for turn, mark in enumerate(marks)
        for each in _named(mark, 10 ** (top - per_pixel * _LINE * turn), (start, stop))
    ]
    title = alt.TitleParams(
        wording.say(_TITLES[band], count=sum(count for _, _, count in bins)),
        anchor="start", frame="group", fontSize=12, fontWeight="bold", offset=5,
    )  # fmt: skip
    return alt.layer(columns, *lines, *counts, *names).properties(
        width=_WIDTH, height=height, title=title
    )


def _marks(
    bars: Sequence[Bars], band: str, ends: tuple[float, float], wording: Wording
) -> list[_Mark]:
    code = "chart.accept" if band == "accepted" else "chart.review"
    places = ((each.tier, each.accept if band == "accepted" else each.review) for each in bars)
    return [
        _Mark(place, f"{tier}: {wording.say(code)} {wording.similarity(place)}")
        for tier, place in places
        if place is not None and ends[0] <= place <= ends[1]
    ]


def _y_axis(numbers: Sequence[int], top: float, wording: Wording) -> alt.Y:
    texts = " : ".join(f"datum.value == {each} ? '{wording.number(each)}'" for each in numbers)
    return alt.Y(
        "pairs:Q",
        scale=alt.Scale(type="log", domain=[_FLOOR, 10**top], nice=False),
        title=None,  # the panel's name says it, and leaves a telephone its width
        axis=alt.Axis(values=list(numbers), labelExpr=f"{texts} : ''", minExtent=42, maxExtent=42),
    )


def _x_axis(start: float, stop: float, wording: Wording, *, last: bool) -> alt.X:
    label = "replace(datum.label, '.', ',')" if wording.language == "id" else "datum.label"
    return alt.X(
        "low:Q",
        scale=alt.Scale(domain=[start, stop], nice=False, zero=False),
        title=wording.say("chart.similarity") if last else None,
        axis=alt.Axis(format=".2f", tickCount=5, labelExpr=label),
    )


def _named(mark: _Mark, height: float, ends: tuple[float, float]) -> list[alt.Chart]:
    """Return the name of a bar beside its line: to its left where there is room."""
    left = _WIDTH * (mark.place - ends[0]) / (ends[1] - ends[0]) > _NAME
    row = alt.Chart(alt.InlineData(values=[{"x": mark.place, "y": height, "name": mark.name}]))
    return [
        row.mark_text(
            align="right" if left else "left", baseline="top", dx=-4 if left else 4, dy=2,
            color=_DARK, fontSize=11, stroke="white", strokeWidth=edge,
        ).encode(x="x:Q", y="y:Q", text="name:N")
        for edge in (4, 0)
    ]  # fmt: skip
