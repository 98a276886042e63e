"""A table as it may leave: counts, rounded where that was agreed, and cells without a number.

A hidden cell doesn't say why it is hidden: whether it is small itself or covers for a small one is
what nobody may know. Columns that the attacker is taken to know (:attr:`Shape.known`) are carried
along for :mod:`pprl.disclose.attack` and left out of what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from pprl.compare.measure import Counts
    from pprl.disclose.places import Places
    from pprl.disclose.shape import Shape

HIDDEN: Final = -1
"""In place of a count that isn't published."""

MAX_MINIMUM = 10_000

Zeros: TypeAlias = Literal["hide", "show"]


@dataclass(frozen=True)
class Rule:
    """What the agreement says about counts.

    Attributes
    ----------
    minimum
        Counts below it are hidden, and no hidden count can be narrowed to an interval that is
        less than this wide.
    step
        Published counts are rounded to the nearest multiple, halves up; 1 leaves them exact.
    zeros
        ``hide``: a count of zero is small. ``show``: zeros are published, and say of everyone
        counted elsewhere that he isn't here.
    """

    minimum: int = 10
    step: int = 1
    zeros: Zeros = "hide"

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= MAX_MINIMUM:
            raise ConfigError("disclose.minimum", found=self.minimum, maximum=MAX_MINIMUM)
        if not 1 <= self.step <= self.minimum:  # or a count above the minimum could become 0
            raise ConfigError("disclose.step", found=self.step, maximum=self.minimum)


def rounded(values: Counts, step: int) -> Counts:
    """Return the nearest multiples of ``step``, halves up."""
    return (values + step // 2) // step * step


@dataclass(frozen=True)
class Published:
    """Counts in the form in which they leave.

    Attributes
    ----------
    shape, places, rule
        What columns and rows are, and what was agreed.
    values
        ``int64 (places, columns)``: rounded count, :data:`HIDDEN` where none is published; in
        known columns the exact count.
    """

    shape: Shape
    places: Places
    rule: Rule
    values: Counts

    def bounds(self) -> tuple[Counts, Counts]:
        """Return the smallest and the largest true count that each number shown can stand for.

        Both are 0 and -1, an empty interval, where nothing is shown. A number that isn't zero is
        never less than the minimum, whatever its rounding says.
        """
        step = self.rule.step
        low = self.values - step // 2
        high = low + step - 1
        low = np.maximum(low, self.rule.minimum)
        exact = (self.values == 0) | self.shape.known_columns
        low, high = np.where(exact, self.values, low), np.where(exact, self.values, high)
        nothing = self.values == HIDDEN
        return np.where(nothing, 0, low), np.where(nothing, -1, high)

    def to_arrow(self) -> pa.Table:
        """Return one row a cell: level, place, part, the dimensions (null: total), count or null.

        What the attacker is taken to know isn't among them.
        """
        return cells(self, self.values)


def cells(published: Published, values: Counts) -> pa.Table:
    """Return values in the layout of :meth:`Published.to_arrow`."""
    shape, places = published.shape, published.places
    shown = np.flatnonzero(~shape.known_columns)
    columns = [shape.columns[index] for index in shown.tolist()]
    n_places = len(places)
    flat = values[:, shown].reshape(-1)
    result = {
        "level": pa.array(np.repeat(places.level, len(columns)), pa.int8()),
        "place": pa.array(np.repeat(np.array(places.codes, dtype=object), len(columns))),
        "part": pa.array([column.part for column in columns] * n_places, pa.string()),
    }
    for index, name in enumerate(shape.names):
        here = [column.values[index] for column in columns]
        result[name] = pa.array(here * n_places, pa.string())
    result["count"] = pa.array(flat, pa.int64(), mask=flat == HIDDEN)
    return pa.table(result)
