"""Names beside what they name: lines of a chart, told apart by dash and mark as well as by colour.

Names stand in a column to the right of the chart, moved apart where they would overlap, each joined
to its line by a leader. So colour is never needed, and a legend neither.

>>> spread([0.5, 0.5, 0.9], lowest=0.0, gap=0.1)
[0.5, 0.6, 0.9]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Cell = str | int | float

COLOURS = ("#1a1a1a", "#1f5a99", "#b03a2e", "#6b6b6b")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4])
MARKS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")
SIZE = 380
"""Pixels of a chart's sides."""
GREY = "#6b6b6b"
GAP = 0.045
"""From one name to the next, as a share of the chart's height."""
ROOM = 0.04
"""From the chart's edge to the names, as a share of its width."""

PADDING = {"left": 5, "top": 5, "right": 40, "bottom": 5}
"""Pixels around a chart; to the right for fonts that are wider than the one measured with."""


def colour(place: int) -> str:
    """Return the colour of a line by its place; colours repeat, marks and names don't."""
    return COLOURS[place % len(COLOURS)]


def dash(place: int) -> list[int]:
    """Return the dash of a line by its place."""
    return DASHES[place % len(DASHES)]


def mark(place: int) -> str:
    """Return the symbol of a line or group by its place."""
    return MARKS[place % len(MARKS)]


def spread(heights: Sequence[float], *, lowest: float, gap: float) -> list[float]:
    """Move names apart that would overlap, keeping their order; none is below ``lowest``."""
    moved = list(heights)
    next_free = lowest
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        moved[place] = max(heights[place], next_free)
        next_free = moved[place] + gap
    return moved


def named(
    name: str,
    end: tuple[float, float],
    at: tuple[float, float],
    place: int,
    x: alt.X,
    y: alt.Y,
) -> list[alt.Chart]:
    """Return a name and the leader to it.

    Parameters
    ----------
    name
        Of the line.
    end, at
        Where the line ends, and where its name stands.
    place
        Of the line, for its colour.
    x, y
        Encodings of the chart, of fields ``x`` and ``y``.
    """
    leader = rows([{"x": end[0], "y": end[1]}, {"x": at[0], "y": at[1]}])
    text = rows([{"x": at[0], "y": at[1], "name": name}])
    return [
        leader.mark_line(color=GREY, strokeWidth=0.6).encode(x=x, y=y),
        text.mark_text(
            align="left", baseline="middle", dx=4, fontSize=11, color=colour(place)
        ).encode(x=x, y=y, text="name:N"),
    ]


def rows(values: Sequence[Mapping[str, Cell]]) -> alt.Chart:
    """Return a chart of these rows, which are part of its text."""
    return alt.Chart(alt.InlineData(values=[dict(each) for each in values]))
