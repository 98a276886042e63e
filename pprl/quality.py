"""Data quality before encoding: what a register's columns hold and what to mend, never a value.

The file is read once as a stream. What is wrong is counted by reason and, when asked for, listed
by row number and column, so that the analyst finds the cells in the file itself.

>>> from pprl.io.memory import MemorySource
>>> table = {"nik": ["6408995503909901", "123"], "nama": ["Siti", "-"], "jk": ["P", "x"]}
>>> report = check(MemorySource(table))
>>> report.counts["nik"]["len_short"], report.counts["name"]["missing"], report.advice
(1, 1, ('no_birth_date', 'nik_unusable', 'name_missing', 'sex_unknown'))
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl.buffers import valid
from pprl.errors import InputError
from pprl.io.columns import recognise
from pprl.io.rows import RowNumbers
from pprl.io.source import BATCH_ROWS
from pprl.normalise.date import DateFlag, DateStatus, DateTally, normalise_date
from pprl.normalise.name import NameFlag, NameNormaliser, NameStatus
from pprl.normalise.nik import (
    NikFlag,
    NikStatus,
    SpreadsheetTally,
    normalise_nik,
    spreadsheet_damage,
)
from pprl.normalise.sex import UNKNOWN, normalise_sex
from pprl.normalise.spreadsheet import DAMAGED_SHARE, MIN_VALUES
from pprl.repeats import hash_strings, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from enum import IntEnum, IntFlag

    import numpy.typing as npt

    from pprl.io.source import Batch, Source
    from pprl.normalise.nik import NikColumn

    Mask = npt.NDArray[np.bool_]
    UInt64 = npt.NDArray[np.uint64]

CHECKED = ("nik", "name", "birth_date", "sex", "id")
FINE = frozenset({"ok", "ok_cleaned", "recovered_float", "scientific"})
"""Reasons that need no mending; scientific notation that lost digits has a reason of its own."""
WORTH_SAYING = 0.01
"""Share of the records from which advice is given."""

_ABSENT = np.uint64(2**64 - 1)
_ADVICE = (
    ("nik_missing", "nik", ("missing", "placeholder")),
    (
        "nik_unusable",
        "nik",
        (
            *("len_short", "len_long", "non_digit", "bad_date", "bad_region"),
            *("damaged_sci", "damaged_last_digit", "damaged_float"),
        ),
    ),
    ("nik_disagrees", "nik", ("dob_mismatch", "sex_mismatch")),
    ("name_missing", "name", ("missing",)),
    ("name_lost", "name", ("lost",)),
    ("date_unreadable", "birth_date", ("unreadable", "impossible", "implausible")),
    ("date_missing", "birth_date", ("missing",)),
    ("date_default", "birth_date", ("default",)),
    ("sex_unknown", "sex", ("missing", "unknown")),
)


@dataclass(frozen=True)
class Problem:
    """One cell to look at: where it is, and why. Never what it holds."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class Quality:
    """What was found.

    Attributes
    ----------
    records
        Rows read.
    roles
        Role -> column, as recognised.
    missing
        Column -> empty cells, all columns of the file in their order.
    counts
        Role -> reason -> cells; ``ok`` among the reasons.
    repeated_niks, repeated_nik_records
        Usable NIKs that more than one record has, and how many records have one of them.
    repeated_ids
        Ids that more than one record has.
    zero_share
        Share of NIKs that end in 0, in [0, 1].
    spreadsheet_damage
        Whether the NIK column as a whole looks as if it went through a spreadsheet as numbers.
    advice
        What to do, as codes of the catalogue (``advice.CODE``), the most important first.
    """

    records: int
    roles: Mapping[str, str]
    missing: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    repeated_niks: int
    repeated_nik_records: int
    repeated_ids: int
    zero_share: float
    spreadsheet_damage: bool
    advice: tuple[str, ...]


def check(
    source: Source,
    mapping: Mapping[str, str] | None = None,
    *,
    report: Callable[[list[Problem]], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Quality:
    """Read a register and say what its columns hold.

    Parameters
    ----------
    source
        The register.
    mapping
        Role -> column, for columns that aren't recognised.
    report
        Called with the problems found, in the order of rows within each call; repeated NIKs and
        ids come last, when the whole file is known.
    progress
        Called with the records read so far and, where it can be told, about how many there are.

    Raises
    ------
    InputError
        The file is damaged.
    ConfigError
        ``mapping`` names a role or column that isn't there.

    Notes
    -----
    Memory grows by 16 bytes a record, for finding repeated NIKs and ids.
    """
    roles = dict(recognise(source.columns, mapping or {}).roles)
    if not roles:
        # Perhaps there is no header, and what looks like column names is a person.
        raise InputError("columns.none", path=str(source.path), field="name")
    checker = _Checker(roles, source.columns)
    for batch in source.batches(source.columns):
        problems = checker.add(batch)
        if report and problems:
            report(problems)
        if progress:
            progress(checker.rows.records, checker.rows.expected)
    checker.find_repeats(report)
    return checker.quality()


class _Checker:
    """Counts batch by batch."""

    def __init__(self, roles: Mapping[str, str], columns: tuple[str, ...]) -> None:
        self.rows = RowNumbers()
        self._roles = roles
        self._missing = dict.fromkeys(columns, 0)
        self._counts: dict[str, Counter[str]] = {
            role: Counter() for role in CHECKED if role in roles
        }
        self._names = NameNormaliser()
        self._niks = SpreadsheetTally()
        self._dates = DateTally()
        self._seed = np.uint64(secrets.randbits(64))
        self._values: dict[str, list[UInt64]] = {role: [] for role in ("nik", "id")}
        self._repeated = dict.fromkeys(self._values, (0, 0))

    def add(self, batch: Batch) -> list[Problem]:
        """Count a batch; return its problems by row."""
        self.rows.add(batch)
        for name in self._missing:
            self._missing[name] += batch.table.column(name).null_count
        cells = {role: batch.table.column(self._roles[role]) for role in self._counts}
        dates = normalise_date(cells["birth_date"]) if "birth_date" in cells else None
        sex = normalise_sex(cells["sex"]) if "sex" in cells else None
        reasons: dict[str, list[tuple[str, Mask]]] = {}
        if "nik" in cells:
            reasons["nik"] = self._check_niks(normalise_nik(cells["nik"], dates, sex))
        if "name" in cells:
            names = self._names.normalise(cells["name"])
            reasons["name"] = [
                *_by_status(names.status, NameStatus),
                *_by_flag(names.flags, NameFlag),
            ]
        if dates is not None:
            self._dates += DateTally.of(dates)
            reasons["birth_date"] = [
                *_by_status(dates.status, DateStatus),
                ("default", (dates.flags & DateFlag.DEFAULT) != 0),
            ]
        if sex is not None:
            empty = ~valid(cells["sex"])
            reasons["sex"] = [
                ("ok", sex != UNKNOWN),
                ("missing", empty),
                ("unknown", (sex == UNKNOWN) & ~empty),
            ]
        if "id" in cells:
            present = valid(cells["id"])
            hashes = hash_strings(cells["id"], self._seed)
            self._values["id"].append(np.where(present, hashes, _ABSENT))
            reasons["id"] = [("ok", present), ("missing", ~present)]
        return self._problems(batch, reasons)

    def _check_niks(self, niks: NikColumn) -> list[tuple[str, Mask]]:
        self._niks += SpreadsheetTally.of(niks)
        whole = niks.length == niks.digits.shape[1]
        powers = 10 ** np.arange(niks.digits.shape[1], dtype=np.uint64)[::-1]
        numbers = ((niks.digits - ord("0")).astype(np.uint64) * powers).sum(axis=1)
        self._values["nik"].append(np.where(whole, numbers, _ABSENT))
        return [*_by_status(niks.status, NikStatus), *_by_flag(niks.flags, NikFlag)]

    def _problems(
        self, batch: Batch, reasons: Mapping[str, list[tuple[str, Mask]]]
    ) -> list[Problem]:
        found = []
        for role, masks in reasons.items():
            for reason, mask in masks:
                count = int(np.count_nonzero(mask))
                self._counts[role][reason] += count
                if count and reason not in FINE:
                    places = np.flatnonzero(mask).tolist()
                    found += [(place, role, f"{role}_{reason}") for place in places]
        return [
            Problem(batch.row_number(place), self._roles[role], reason)
            for place, role, reason in sorted(found)
        ]

    def find_repeats(self, report: Callable[[list[Problem]], None] | None) -> None:
        """Count and report values that must be unique and aren't; the whole file has been read."""
        for role, parts in self._values.items():
            values = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
            often = repeated(values[values != _ABSENT])
            places = np.flatnonzero(np.isin(values, often))
            self._repeated[role] = (len(often), len(places))
            if report is None:
                continue
            column, reason = self._roles.get(role, ""), f"{role}_repeated"
            for first in range(0, len(places), BATCH_ROWS):  # in the worst case it's every record
                rows = self.rows.numbers(places[first : first + BATCH_ROWS])
                report([Problem(row, column, reason) for row in rows.tolist()])

    def quality(self) -> Quality:
        """Sum up."""
        damage = spreadsheet_damage(self._niks)
        # One number in scientific notation is damage; a column full of them is another export.
        column_damaged = damage.share > DAMAGED_SHARE and damage.values >= MIN_VALUES
        column_damaged |= damage.scientific > DAMAGED_SHARE * self.rows.records
        niks, nik_records = self._repeated["nik"]
        return Quality(
            records=self.rows.records,
            roles=self._roles,
            missing=self._missing,
            counts={role: _shown(counts) for role, counts in self._counts.items()},
            repeated_niks=niks,
            repeated_nik_records=nik_records,
            repeated_ids=self._repeated["id"][0],
            zero_share=damage.share,
            spreadsheet_damage=column_damaged,
            advice=tuple(self._advice(column_damaged)),
        )

    def _advice(self, damaged: bool) -> Iterator[str]:  # noqa: FBT001 - one fact of the column
        absent = [role for role in ("nik", "name", "birth_date", "sex") if role not in self._roles]
        yield from (f"no_{role}" for role in absent)
        if damaged:
            yield "nik_as_text"
        elif self._niks.scientific:
            yield "nik_scientific"
        if self._dates.wrong_order:
            yield "dates_month_first"
        if self._repeated["id"][0]:
            yield "id_repeated"
        for advice, role, reasons in _ADVICE:
            bad = sum(self._counts.get(role, Counter())[reason] for reason in reasons)
            if bad > WORTH_SAYING * self.rows.records:
                yield advice
        if self._repeated["nik"][0]:
            yield "nik_repeated"


def _by_status(status: npt.NDArray[np.uint8], kinds: type[IntEnum]) -> list[tuple[str, Mask]]:
    return [(kind.name.lower(), status == kind) for kind in kinds]


def _by_flag(flags: npt.NDArray[np.uint8], kinds: type[IntFlag]) -> list[tuple[str, Mask]]:
    return [(kind.name.lower(), (flags & kind) != 0) for kind in kinds if kind.name]


def _shown(counts: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count or reason == "ok"}
