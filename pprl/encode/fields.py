"""The normalised columns of one chunk of records, each worked out once and only when asked for.

A native schema reads the same column several ways (a name as words and without spaces, a NIK as
two token kinds); this is where they share the work. All it holds stays inside the agency.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import only, string_array
from pprl.normalise.date import DateFlag, normalise_date
from pprl.normalise.name import joined_utf8
from pprl.normalise.nik import normalise_nik
from pprl.normalise.region import normalise_region
from pprl.normalise.sex import normalise_sex

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from pprl.normalise.date import DateColumn
    from pprl.normalise.name import NameColumn, NameNormaliser
    from pprl.normalise.nik import NikColumn

DATE_DIGITS = 8
YEAR_DIGITS = 4
NIK_DIGITS = {"nik": 16, "nik15": 15}
_SEX = pa.array([None, "m", "f"])


class Fields:
    """One chunk's columns.

    Parameters
    ----------
    columns
        Field or role of the schema -> cells as found; absent when the file hasn't the column.
    n_records
        Length of every column.
    names
        The name normaliser, shared by all chunks.
    dates_until
        The last day that a date can mean, from the schema.
    """

    def __init__(
        self,
        columns: Mapping[str, pa.Array],
        n_records: int,
        names: NameNormaliser,
        dates_until: dt.date | None,
    ) -> None:
        self._columns = columns
        self._n_records = n_records
        self._names = names
        self._dates_until = dates_until
        self._name_columns: dict[str, NameColumn] = {}
        self._date_columns: dict[str, DateColumn] = {}

    def raw(self, column: str) -> pa.Array:
        """Return the cells as found; all null when the file hasn't the column."""
        if column in self._columns:
            return self._columns[column]
        return pa.nulls(self._n_records, pa.string())

    def words(self, column: str) -> NameColumn:
        """Return a name column as words."""
        if column not in self._name_columns:
            self._name_columns[column] = self._names.normalise(self.raw(column))
        return self._name_columns[column]

    def joined(self, column: str) -> pa.Array:
        """Return names as key words without spaces."""
        data, offsets = joined_utf8(self.words(column))
        return string_array(data, offsets)

    def dates(self, column: str) -> DateColumn:
        """Return a date column."""
        if column not in self._date_columns:
            self._date_columns[column] = normalise_date(self.raw(column), today=self._dates_until)
        return self._date_columns[column]

    def date_text(self, column: str) -> pa.Array:
        """Return dates as eight digits; as the year's four where day and month are a default."""
        dates = self.dates(column)
        rest = dates.ymd.copy()
        digits = np.empty((len(rest), DATE_DIGITS), dtype=np.uint8)
        for place in reversed(range(DATE_DIGITS)):
            rest, digit = np.divmod(rest, 10)
            digits[:, place] = digit + ord("0")
        lengths = np.where(dates.ymd > 0, DATE_DIGITS, 0)
        lengths[(lengths > 0) & ((dates.flags & DateFlag.DEFAULT) > 0)] = YEAR_DIGITS
        kept = digits[np.arange(DATE_DIGITS) < lengths[:, None]]
        return string_array(kept, np.concatenate([[0], np.cumsum(lengths)]))

    def sex_text(self, column: str) -> pa.Array:
        """Return the sex as ``m`` or ``f``, null where it isn't known."""
        return _SEX.take(pa.array(self.sex(column)))

    def sex(self, column: str) -> npt.NDArray[np.uint8]:
        """Return the sex as 1 (male), 2 (female) or 0 (not known)."""
        return normalise_sex(self.raw(column))

    def region_text(self, column: str, n_digits: int) -> pa.Array:
        """Return the first digits of a region code, null where there are fewer."""
        return normalise_region(self.raw(column), n_digits)

    def plain_text(self, column: str) -> pa.Array:
        """Return text in lower case, without accents, marks as single spaces."""
        text = pc.utf8_lower(self.raw(column))
        if not pc.all(pc.string_is_ascii(text)).as_py():
            text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKD"), r"\pM", "")
        return pc.utf8_trim(pc.replace_substring_regex(text, r"[^\pL\pN]+", " "), " ")

    def digits_text(self, column: str) -> pa.Array:
        """Return only the digits."""
        return pc.replace_substring_regex(self.raw(column), "[^0-9]", "")

    @cached_property
    def nik(self) -> NikColumn:
        """The NIK column."""
        return normalise_nik(self.raw("nik"))

    def token_text(self, of: Sequence[str]) -> pa.Array:
        """Return what an exact token is made of, null where a part is missing.

        A unit separator can't occur in a normalised part, so no two combinations run together.
        """
        parts = [self._token_part(part) for part in of]
        return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "\x1f")

    def _token_part(self, part: str) -> pa.Array:
        match part:
            case "nik" | "nik15":
                return self._nik_text(NIK_DIGITS[part])
            case "name":
                return self._sorted_words("name")
            case "birth_date":
                text = self.date_text("birth_date")
                return only(text, np.asarray(pc.equal(pc.binary_length(text), DATE_DIGITS)))
            case "sex":
                return self.sex_text("sex")
            case "district":
                return self.region_text("district", 6)
            case "regency":
                column = "regency" if "regency" in self._columns else "district"
                return self.region_text(column, 4)
        raise ValueError(part)  # the schema knows no other

    def _nik_text(self, n_digits: int) -> pa.Array:
        """Return the first digits of every NIK that has as many good ones."""
        enough = self.nik.length >= n_digits
        starts = np.concatenate([[0], np.cumsum(np.where(enough, n_digits, 0))])
        text = string_array(self.nik.digits[enough, :n_digits].reshape(-1), starts)
        return only(text, enough)

    def _sorted_words(self, column: str) -> pa.Array:
        """Return each name's words in alphabetical order, joined; null for an empty name."""
        names = self.words(column)
        words = names.words.arrays()
        used, places = np.unique(names.word_ids, return_inverse=True)
        order = pc.array_sort_indices(string_array(words.data, words.starts).take(pa.array(used)))
        rank = np.empty(len(used), dtype=np.int64)
        rank[np.asarray(order)] = np.arange(len(used))
        rows = np.repeat(np.arange(len(names)), np.diff(names.offsets))
        sorted_ids = names.word_ids[np.lexsort((rank[places], rows))]
        text = string_array(*joined_utf8(replace(names, word_ids=sorted_ids)))
        return only(text, np.diff(names.offsets) > 0)
