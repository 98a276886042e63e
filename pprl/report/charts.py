"""Charts of a link's quality as SVG text: is the estimate right, and where the bars lie.

Drawn by Altair and Vega-Lite, rendered by vl-convert without a browser or network; the same input
gives the same text. Every mark can be told by its shape, dash or label, so colour is never needed.
Curves and counts only: no id, name or cell gets here.

>>> from pprl.lab.evaluate import Bin, wilson
>>> text = calibration_chart([Bin(0.9, 0.99, 0.95, found=100, right=93, true=wilson(93, 100))])
>>> text.startswith("<svg"), "true precision" in text
(True, True)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import altair as alt
import vl_convert

from pprl import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pprl.lab.evaluate import Bin

    Floats: TypeAlias = NDArray[np.float64]

Row: TypeAlias = "Mapping[str, str | float | None]"
Point: TypeAlias = tuple[float, float]
Side: TypeAlias = Literal["left", "right"]
Chart: TypeAlias = (
    "alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart"
)

_DARK, _GREY, _LIGHT = "#1a1a1a", "#6b6b6b", "#c9c9c9"
_BLUE, _RED = "#1f5a99", "#b03a2e"  # of different lightness, and never the only difference
_DASH = [6, 3]
_WIDTH, _HEIGHT = 300, 190
_SQUARE = 380
_FLOOR = 0.1  # counts below are drawn here: a logarithm has no zero
_STEP = 0.01  # width of a bin of similarity
_NEAR_TOP = 0.8
_CLIP = re.compile(r'(id="clip|url\(#clip)([0-9]+)')


@dataclass(frozen=True, eq=False)
class CurveData:
    """What a tier's pairs look like at each similarity.

    Attributes
    ----------
    tier
        Name of the tier.
    similarity
        float64 (n,): lower end of each bin, rising in steps of 0.01.
    found, expected_false
        float64 (n,): pairs in the bin, and how many of them are expected to be wrong.
    precision, precision_low, precision_high
        float64 (n,): estimated precision of all pairs from this similarity on, with its 95%
        interval; NaN where there is none.
    accept
        Least similarity of an accepted pair; None if none is accepted.
    review
        Least similarity of a pair to review; None if nothing is sent to review.
    recall, recall_low, recall_high
        float64 (n,), likewise; None if recall isn't estimated.
    """

    tier: str
    similarity: Floats
    found: Floats
    expected_false: Floats
    precision: Floats
    precision_low: Floats
    precision_high: Floats
    accept: float | None
    review: float | None
    recall: Floats | None = None
    recall_low: Floats | None = None
    recall_high: Floats | None = None


def threshold_chart(
    curves: Sequence[CurveData], *, title: str, language: catalogue.Language = "en"
) -> str:
    """Draw why the bars of acceptance and review lie where they do.

    A column for each tier: above, pairs found and expected false ones by similarity (log scale);
    below, estimated precision (and recall) from each similarity on.

    Returns
    -------
    str
        SVG.

    Raises
    ------
    ValueError
        There is no curve, or the arrays of one differ in length.
    """
    if not curves:
        message = "a chart needs at least one curve"
        raise ValueError(message)
    words = _Words(language)
    columns = [
        alt.vconcat(_counts(curve, words), _shares(curve, words), spacing=18) for curve in curves
    ]
    return to_svg(alt.hconcat(*columns, spacing=36), title)


def calibration_chart(bins: Sequence[Bin], *, language: catalogue.Language = "en") -> str:
    """Draw true precision against estimated precision, a point for each bin of pairs.

    Points on the diagonal are estimated rightly; those below promise more than is true.

    Returns
    -------
    str
        SVG.

    Raises
    ------
    ValueError
        There is no bin.
    """
    if not bins:
        message = "a chart needs at least one bin"
        raise ValueError(message)
    words = _Words(language)
    rows: list[Row] = [
        {"x": each.estimated, "y": each.true.value, "low": each.true.low, "high": each.true.high}
        for each in bins
    ]
    least = min(min(each.estimated, each.true.low or 0.0) for each in bins)
    start = _below(least)
    scale = alt.Scale(domain=[start, 1], nice=False, zero=False)
    x = alt.X("x:Q", scale=scale, title=words("chart.estimated_precision"))
    y = alt.Y("y:Q", scale=scale, title=words("chart.true_precision"))
    ends: list[Row] = [{"x": start, "y": start}, {"x": 1.0, "y": 1.0}]
    across = 1 - start
    notes: list[Row] = [
        {"x": start + 0.03 * across, "y": 1 - 0.04 * across, "note": words("chart.better")},
    ]
    other: list[Row] = [
        {"x": 1 - 0.03 * across, "y": start + 0.04 * across, "note": words("chart.worse")},
    ]
    chart = alt.layer(
        _of(ends).mark_line(color=_GREY, strokeDash=_DASH).encode(x=x, y=y),
        _of(notes).mark_text(align="left", color=_GREY, fontSize=11).encode(x, y, text="note:N"),
        _of(other).mark_text(align="right", color=_GREY, fontSize=11).encode(x, y, text="note:N"),
        _of(rows).mark_rule(color=_DARK).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        _of(rows).mark_point(filled=True, size=55, color=_BLUE, opacity=1).encode(x=x, y=y),
    ).properties(width=_SQUARE, height=_SQUARE)
    return to_svg(chart, words("chart.calibration"))


def to_svg(chart: Chart, title: str) -> str:
    """Render a chart in the style of all charts; no data is ever fetched from elsewhere."""
    styled = (
        chart.properties(title=alt.TitleParams(title, anchor="start", fontSize=14, offset=12))
        .configure(background="white", font="sans-serif")
        .configure_view(stroke=_LIGHT)
        .configure_axis(
            gridColor="#ececec",
            domainColor=_GREY,
            tickColor=_GREY,
            labelColor=_DARK,
            titleColor=_DARK,
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=12,
        )
    )
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(styled.to_dict(), vl_version=version, allowed_base_urls=[])
    # Vega numbers its clip paths on from chart to chart of a process.
    numbers: dict[str, int] = {}
    return _CLIP.sub(lambda found: f"{found[1]}{numbers.setdefault(found[2], len(numbers))}", svg)


class _Words:
    """Sentences of one language."""

    def __init__(self, language: catalogue.Language) -> None:
        self._language = language

    def __call__(self, code: str) -> str:
        return catalogue.text(code, {}, self._language)


def _counts(curve: CurveData, words: _Words) -> Chart:
    highest = max([10.0, *curve.found.tolist(), *curve.expected_false.tolist()])
    powers = [10.0**power for power in range(round(log10(_FLOOR)), ceil(log10(highest)) + 1)]
    axis = alt.Axis(values=powers, format="~g", grid=True)
    scale = alt.Scale(type="log", domain=[_FLOOR, powers[-1]], nice=False)
    x = _similarity(curve, None)
    y = alt.Y("y:Q", scale=scale, axis=axis, title=words("chart.matches"))
    found = _line(curve, curve.found.clip(min=_FLOOR), [1, 0], _BLUE, step=True)
    false = _line(curve, curve.expected_false.clip(min=_FLOOR), _DASH, _RED, step=True)
    # The expected false pairs fall to the right, so below them is room for their name.
    low = 30 * _FLOOR
    last = [point for point in _points(curve, curve.expected_false) if (point[1] or 0.0) >= low]
    under = found.end is not None and found.end[1] > powers[-1] / 3
    return alt.layer(
        found.chart.encode(x=x, y=y),
        false.chart.encode(x=x, y=y),
        *_bars(curve, words, top=powers[-1], y=y, labelled=True),
        *_name(words("chart.found"), found.end, y, below=under),
        *_name(words("chart.expected_false"), _last(last), y, below=True),
    ).properties(
        width=_WIDTH, height=_HEIGHT, title=alt.TitleParams(curve.tier, fontSize=12, offset=16)
    )


def _shares(curve: CurveData, words: _Words) -> Chart:
    x = _similarity(curve, words("chart.similarity"))
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("y:Q", scale=scale, title=words("chart.share"))
    layers = _band(curve, curve.precision_low, curve.precision_high, _BLUE, x, scale)
    precision = _line(curve, curve.precision, [1, 0], _BLUE)
    layers.append(precision.chart.encode(x=x, y=y))
    layers += _name(words("chart.precision"), precision.end, y, below=True)
    if curve.recall is not None:
        if curve.recall_low is not None and curve.recall_high is not None:
            layers += _band(curve, curve.recall_low, curve.recall_high, _RED, x, scale)
        recall = _line(curve, curve.recall, _DASH, _RED)
        layers.append(recall.chart.encode(x=x, y=y))
        near = recall.end is not None and recall.end[1] > _NEAR_TOP
        away = 20 if near else 12  # below the name of the precision, or above the interval
        layers += _name(words("chart.recall"), recall.end, y, below=near, away=away)
    marks = alt.layer(*layers, *_bars(curve, words, top=1.0, y=y, labelled=False))
    return marks.properties(width=_WIDTH, height=_HEIGHT)


class _Line(NamedTuple):
    chart: alt.Chart
    end: Point | None  # where it ends, for its name


def _line(
    curve: CurveData, values: Floats, dash: list[int], colour: str, *, step: bool = False
) -> _Line:
    points = _points(curve, values)
    rows: list[Row] = [{"x": x, "y": value} for x, value in points]
    drawn = _of(rows).mark_line(
        interpolate="step-after" if step else "linear",
        strokeWidth=1.8,
        strokeDash=dash,
        color=colour,
        clip=True,
    )
    return _Line(drawn, _last(points))


def _band(
    curve: CurveData, low: Floats, high: Floats, colour: str, x: alt.X, scale: alt.Scale
) -> list[alt.Chart]:
    rows: list[Row] = [
        {"x": place, "low": lower, "high": upper}
        for (place, lower), (_, upper) in zip(
            _points(curve, low), _points(curve, high), strict=True
        )
        if lower is not None and upper is not None
    ]
    area = _of(rows).mark_area(opacity=0.18, color=colour, clip=True)
    return [area.encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")] if rows else []


def _name(name: str, at: Point | None, y: alt.Y, *, below: bool, away: int = 6) -> list[alt.Chart]:
    """Return a line's name beside a point of it; nothing for a line without points."""
    if at is None:
        return []
    row = _of([{"x": at[0], "y": at[1], "name": name}])
    halo, text = (
        row.mark_text(
            align="right",
            baseline="top" if below else "bottom",
            dx=-4,
            dy=away if below else -away,
            color=_DARK,
            fontSize=11,
            stroke="white",
            strokeWidth=edge,
            strokeOpacity=0.85,
        ).encode(x="x:Q", y=y, text="name:N")
        # A white edge below the letters keeps them readable on a line.
        for edge in (4, 0)
    )
    return [halo, text]


def _bars(
    curve: CurveData, words: _Words, *, top: float, y: alt.Y, labelled: bool
) -> list[alt.Chart]:
    """Return the vertical rules at the bars, with their names above when ``labelled``."""
    # Named on their outer sides: two bars may be close to each other.
    bars: list[tuple[str, float | None, list[int], Side, int]] = [
        (words("chart.accept"), curve.accept, [1, 0], "left", 3),
        (words("chart.review"), curve.review, [2, 2], "right", -3),
    ]
    marks = []
    for name, place, dash, side, shift in bars:
        if place is None:
            continue
        row = _of([{"x": place, "y": top, "bar": f"{name} {place:.2f}"}])
        marks.append(row.mark_rule(color=_DARK, strokeDash=dash).encode(x="x:Q"))
        if labelled:
            text = row.mark_text(
                align=side, baseline="bottom", dx=shift, dy=-3, color=_DARK, fontSize=11
            )
            marks.append(text.encode(x="x:Q", y=y, text="bar:N"))
    return marks


def _similarity(curve: CurveData, title: str | None) -> alt.X:
    start, stop = float(curve.similarity[0]), min(1.0, float(curve.similarity[-1]) + _STEP)
    scale = alt.Scale(domain=[start, stop], nice=False, zero=False)
    return alt.X("x:Q", scale=scale, title=title, axis=alt.Axis(format=".2f", tickCount=6))


def _points(curve: CurveData, values: Floats) -> list[tuple[float, float | None]]:
    """Return the points of a line; None, a gap, where there is no number."""
    pairs = zip(curve.similarity.tolist(), values.tolist(), strict=True)
    return [(round(x, 6), float(value) if isfinite(value) else None) for x, value in pairs]


def _last(points: Sequence[tuple[float, float | None]]) -> Point | None:
    return next(((x, y) for x, y in reversed(points) if y is not None), None)


def _of(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def _below(share: float) -> float:
    """Return the next mark at or below a share, leaving room for at least a tenth."""
    return max(0.0, min(0.9, floor(share * 20) / 20))
