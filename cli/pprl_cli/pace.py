"""How fast something goes, and how long it will take.

Work isn't uniform: a crowded block comes before a thousand empty ones, and what tokens or an
earlier run have settled is done at once. So the first report counts as the start, whatever is done
by then, and the time left is told from the speed of the last half minute and that of the whole way,
either for half of the way.

>>> pace = Pace()
>>> for second in range(11):
...     pace.report(1_000 + 50 * second, 2_000, now=float(second))
>>> pace.a_second, shown(pace.seconds_left)
(50.0, '0:00:10')
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

_WINDOW_SECONDS = 30.0
_BETWEEN_SECONDS = 0.5
_SURE_AFTER_SECONDS = 3.0
_LONGEST_SECONDS = 1000 * 24 * 3_600.0
_MANY, _NEXT_UNIT = 100_000, 999.5
_ONE_DIGIT, _NO_DIGIT = 9.995, 99.95
_UNITS = ("", "k", "M", "G", "T", "P")


class Pace:
    """Takes reports of how much is done, and says what they mean.

    Attributes
    ----------
    a_second
        How much was done a second lately; None as long as nothing can be said.
    seconds_left
        Until all is done; None as long as nothing can be said.
    """

    def __init__(self) -> None:
        self.a_second: float | None = None
        self.seconds_left: float | None = None
        self._start: tuple[float, int] | None = None
        self._lately: deque[tuple[float, int]] = deque()

    def report(self, done: int, total: int | None, *, now: float) -> None:
        """Take a report.

        Parameters
        ----------
        done, total
            So far, and in all where that is known.
        now
            In seconds, by a clock that never goes back.
        """
        if self._start is None or done < self._lately[-1][1]:  # something else has begun
            self._start = now, done
            self._lately = deque([self._start])
            self.a_second = self.seconds_left = None
            return
        if now - self._lately[-1][0] >= _BETWEEN_SECONDS:
            self._lately.append((now, done))
            while now - self._lately[1][0] >= _WINDOW_SECONDS:
                self._lately.popleft()
        lately = _speed(self._lately[0], now, done)
        on_average = _speed(self._start, now, done)
        if now - self._start[0] < _SURE_AFTER_SECONDS or not on_average:
            return
        self.a_second = lately
        if total is not None:
            slowly = min(lately or on_average, on_average)
            quickly = max(lately, on_average)
            left = max(total - done, 0) * (1 / slowly + 1 / quickly) / 2
            self.seconds_left = min(left, _LONGEST_SECONDS)


def _speed(since: tuple[float, int], now: float, done: int) -> float:
    return (done - since[1]) / (now - since[0]) if now > since[0] else 0.0


def shown(seconds: float | None) -> str:
    """Return a time as hours, minutes and seconds; strokes where nothing is known.

    >>> shown(None), shown(4_000.4)
    ('-:--:--', '1:06:40')
    """
    return "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))


def short(amount: float) -> str:
    """Return an amount in few characters.

    >>> short(99_999), short(1_234_567), short(35_862_000_000), short(250.4e12)
    ('99,999', '1.23M', '35.9G', '250T')
    """
    if amount < _MANY:
        return f"{amount:,.0f}"
    power = 0
    while amount >= _NEXT_UNIT and power < len(_UNITS) - 1:
        amount /= 1_000
        power += 1
    digits = 2 if amount < _ONE_DIGIT else 1 if amount < _NO_DIGIT else 0
    return f"{amount:.{digits}f}{_UNITS[power]}"
