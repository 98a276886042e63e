"""From one value to its tokens, and how many bits each token sets.

The plain definition, one value at a time; :mod:`pprl.encode.qgram_kernel` does the q-grams of a
whole column at once and equals it. Spec: docs/spec/encoding.md; the rules are clkhash's.

>>> list(tokens("ana", QGrams(2)))
[' a', 'an', 'na', 'a ']
>>> bits_per_token(BitsPerFeature(10), 4)
[3, 3, 2, 2]
"""

from __future__ import annotations

from typing import assert_never

from pprl.schema.feature import (
    BitsPerFeature,
    BitsPerToken,
    Comparison,
    Exact,
    Numeric,
    QGrams,
    Strategy,
)


def tokens(value: str, comparison: Comparison) -> list[str]:
    """Return the tokens of a value, repeated ones included; none for the empty value.

    Raises
    ------
    ValueError
        A numeric feature whose value isn't a number.
    """
    if not value:
        return []
    match comparison:
        case QGrams(n, positional):
            padded = " " * (n - 1) + value + " " * (n - 1)
            grams = [padded[start : start + n] for start in range(len(padded) - n + 1)]
            if positional:
                return [f"{place} {gram}" for place, gram in enumerate(grams, start=1)]
            return grams
        case Exact():
            return [value]
        case Numeric():
            return _neighbourhood(value, comparison)
    assert_never(comparison)


def _neighbourhood(value: str, grid: Numeric) -> list[str]:
    """Snap the number to the grid and name it and its neighbours (Vatsalan, Christen 2016)."""
    scale = 10**grid.precision
    try:
        number = int(value) * scale
    except ValueError:
        real = float(value)
        number = round(real * scale) if grid.precision else int(real)
    number *= 2 * grid.resolution
    rest = number % grid.interval
    if rest:
        number += -rest if 2 * rest < grid.interval else grid.interval - rest
    reach = range(-grid.resolution, grid.resolution + 1)
    return [str(number + step * grid.interval) for step in reach]


def bits_per_token(strategy: Strategy, n_tokens: int) -> list[int]:
    """Return how many bits each of ``n_tokens`` tokens sets, in their order."""
    match strategy:
        case BitsPerToken(bits):
            return [bits] * n_tokens
        case BitsPerFeature(bits):
            share, more = divmod(bits, n_tokens) if n_tokens else (0, 0)
            return [share + 1] * more + [share] * (n_tokens - more)
    assert_never(strategy)
