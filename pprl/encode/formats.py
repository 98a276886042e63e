"""How clkhash features write a value before it is cut into tokens, and what they refuse.

clkhash validates a file against its schema and stops at the first value that doesn't conform, so
that both partners hash the same writing of a value. So does this module, which names the row and
the reason, never the value.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pprl.schema.feature import Numeric

if TYPE_CHECKING:
    from collections.abc import Callable

    from pprl.schema.feature import Feature, Format


class NotConformingError(ValueError):
    """A value that the schema doesn't allow.

    Attributes
    ----------
    index
        Its place in the chunk, from 0.
    reason
        Which rule it breaks: ``integer``, ``date``, ``enum``, ``case``, ``length``, ``pattern``,
        ``encoding``, ``number``.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def written(text: pa.Array, feature: Feature) -> pa.Array:
    """Return the values as they are hashed: missing ones replaced, integers and dates rewritten.

    Parameters
    ----------
    text
        Cells as found, null for an empty one.

    Raises
    ------
    NotConformingError
        A value that clkhash would refuse as well.
    """
    form = feature.format
    text = text.fill_null("")
    regular = text
    missing = None
    if form.missing_sentinel is not None:
        missing = pc.equal(text, form.missing_sentinel)
        if pc.any(missing).as_py():
            regular = pc.if_else(missing, pa.scalar(None, pa.string()), text)
    regular = _RULES[form.kind](regular, form)
    if missing is not None:
        regular = pc.if_else(missing, pa.scalar(form.missing_replacement), regular)
    if isinstance(feature.comparison, Numeric):
        _each_distinct(regular, _check_number, "number")
    return regular


def _string(text: pa.Array, form: Format) -> pa.Array:
    if form.pattern is not None:
        pattern = re.compile(form.pattern)
        _each_distinct(text, lambda value: _demand(pattern.fullmatch(value) is not None), "pattern")
    elif form.case in {"upper", "lower"}:
        change = pc.utf8_upper if form.case == "upper" else pc.utf8_lower
        _demand_all(pc.equal(change(text), text), "case")
    if form.minimum or form.maximum is not None:
        length = pc.utf8_length(text)
        _demand_all(pc.greater_equal(length, form.minimum or 0), "length")
        if form.maximum is not None:
            _demand_all(pc.less_equal(length, form.maximum), "length")
    if form.encoding == "ascii":
        _demand_all(pc.string_is_ascii(text), "encoding")
    return text


def _integer(text: pa.Array, form: Format) -> pa.Array:
    def rewrite(value: str) -> str:
        number = int(value)
        _demand(form.minimum is None or number >= form.minimum)
        _demand(form.maximum is None or number <= form.maximum)
        return str(number)

    return _each_distinct(text, rewrite, "integer")


def _date(text: pa.Array, form: Format) -> pa.Array:
    layout = form.date_format or ""

    def rewrite(value: str) -> str:
        # Only the written date goes on, in the layout it came in: no time zone is involved.
        return datetime.strptime(value, layout).strftime("%Y%m%d")  # noqa: DTZ007

    return _each_distinct(text, rewrite, "date")


def _enum(text: pa.Array, form: Format) -> pa.Array:
    allowed = pa.array(sorted(form.values or ()), pa.string())
    known = pc.or_(pc.is_in(text, value_set=allowed), pc.is_null(text))
    _demand_all(known, "enum")
    return text


_RULES: dict[str, Callable[[pa.Array, Format], pa.Array]] = {
    "string": _string,
    "integer": _integer,
    "date": _date,
    "enum": _enum,
}


def _check_number(value: str) -> str:
    if value:
        try:
            int(value)
        except ValueError:
            int(float(value))
    return value


def _demand(holds: bool) -> str:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        raise ValueError
    return ""


def _demand_all(holds: pa.BooleanArray, reason: str) -> None:
    """Raise for the first false; null (a missing value) is allowed."""
    place = pc.index(holds, False).as_py()
    if place >= 0:
        raise NotConformingError(place, reason)


def _each_distinct(text: pa.Array, rewrite: Callable[[str], str], reason: str) -> pa.Array:
    """Apply ``rewrite`` to each distinct value once."""
    encoded = text.dictionary_encode()
    fresh = []
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            fresh.append(rewrite(value))
        except (ValueError, OverflowError):
            place = pc.index(encoded.indices, pa.scalar(code, encoded.indices.type)).as_py()
            raise NotConformingError(place, reason) from None
    return pa.array(fresh, pa.string()).take(encoded.indices)
