"""Numbers, shares, days and digests as they are written in each language.

>>> from datetime import date
>>> write = Wording("id")
>>> write.number(11973), write.percent(0.408), write.day(date(2026, 2, 1))
('11.973', '40,8%', '1 Februari 2026')
>>> Wording("en").number(11973), Wording("en").percent(1)
('11,973', '100%')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl import catalogue

if TYPE_CHECKING:
    from datetime import date

    from pprl.catalogue import Language

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
}
_GROUP = 4
_ALL = 100.0
_SWAP = str.maketrans(".,", ",.")


class Wording:
    """Sentences of the catalogue and everything that is written as a number, in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, code: str, /, **values: str | int) -> str:
        """Return a sentence; whole numbers are written with separators."""
        written = {
            name: value if isinstance(value, str) else self.number(value)
            for name, value in values.items()
        }
        return catalogue.text(code, written, self.language)

    def number(self, value: int) -> str:
        """Return a whole number with separators."""
        return self._written(f"{value:,}")

    def percent(self, share: float, digits: int = 1) -> str:
        """Return a share in [0, 1] as a percentage; 0 and all of it are written without decimals.

        What would be rounded to none or to all is written as less than the least, or more than
        the most, that isn't.

        >>> Wording("en").percent(0.0004), Wording("en").percent(0.9999)
        ('<0.1%', '>99.9%')
        """
        if share in {0.0, 1.0}:
            return f"{share:.0%}"
        least = 10.0**-digits
        percent = round(100 * share, digits)
        sign = "<" if percent < least else ">" if percent > _ALL - least / 2 else ""
        inside = min(max(percent, least), _ALL - least)
        return sign + self._written(f"{inside:.{digits}f}") + "%"

    def decimal(self, value: float, digits: int = 2) -> str:
        """Return a number with decimals."""
        return self._written(f"{value:.{digits}f}")

    def similarity(self, value: float) -> str:
        """Return a similarity; with three decimals where two wouldn't say it all.

        >>> Wording("en").similarity(0.79), Wording("en").similarity(0.835)
        ('0.79', '0.835')
        """
        return self.decimal(value, 2 if round(1000 * value) % 10 == 0 else 3)

    def day(self, day: date) -> str:
        """Return a day, its month in words."""
        month = _MONTHS[self.language].split()[day.month - 1]
        return f"{day.day} {month} {day.year}"

    def _written(self, english: str) -> str:
        return english.translate(_SWAP) if self.language == "id" else english


def groups(digest: str) -> list[str]:
    """Return a digest in groups of four, to be read aloud.

    >>> groups("00ff12ab")
    ['00ff', '12ab']
    """
    return [digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP)]
