"""The review loop: one number a case, spoken by two offices, and what they decide.

A case is a match in the review band. Both owners hold the same random match number for it, and the
same case number follows: SHA-256 of the match number, as 11 decimal digits and a check digit
(ISO/IEC 7064, MOD 11,10), written in fours: digits are what two people on the telephone hear alike,
and one wrong digit is noticed. No key is needed, since a match number is random and belongs to one
run; a case number says nothing about anybody. Where two match numbers give the same digits, which
among 5,000 cases happens once in 8,000 runs, those cases have four digits more, at both owners, who
look at the same cases.

Decisions come back as a table: case, decision (yes or no), note. A yes makes the family matched,
with people as the evidence and no estimate; a no to all its cases makes it not found. Nothing else
is decided here.

>>> case_numbers(["00ff", "0100", None])
['5541-9913-5843', '9073-4574-0240', None]
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pprl.errors import InputError
from pprl.io.source import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PEOPLE = "people"
"""``match_evidence`` of a decided family."""

_DOMAIN = b"openpprl case 1\0"
_DIGITS, _MORE = 11, 15
_GROUP = 4
_SEPARATOR = ", "
_HEADERS = {
    "case": ("case", "case_number", "kasus", "nomor_kasus", "no_kasus"),
    "decision": ("decision", "keputusan"),
    "note": ("note", "catatan"),
}
_YES = frozenset({"yes", "y", "ya"})
_NO = frozenset({"no", "n", "tidak", "t"})


@dataclass(frozen=True)
class Decision:
    """What the two offices decided on a case.

    Attributes
    ----------
    case
        Its number, in groups of four.
    accepted
        Whether it is one family.
    note
        Their own words; empty without.
    row
        Of the file.
    """

    case: str
    accepted: bool
    note: str
    row: int


@dataclass(frozen=True, eq=False)
class Reviewed:
    """Families after decisions.

    Attributes
    ----------
    families
        With ``match_status`` and ``match_evidence`` as decided.
    accepted, refused, undecided
        Cases.
    """

    families: pa.Table
    accepted: int
    refused: int
    undecided: int


def case_numbers(match_numbers: Sequence[str | None]) -> list[str | None]:
    """Return the case number of each match number; None for None."""
    distinct = {each for each in match_numbers if each is not None}
    short = {each: _number(each, _DIGITS) for each in distinct}
    often = Counter(short.values())
    cases = {
        each: number if often[number] == 1 else _number(each, _MORE)
        for each, number in short.items()
    }
    return [None if each is None else cases[each] for each in match_numbers]


def number_cases(families: pa.Table) -> pa.Table:
    """Fill ``case_number`` for families in the review band, from ``match_number``.

    A family that has several doubtful matches, ``match_number`` with blanks between them, has as
    many cases: the other owner may have each of them at another family.
    """
    status = _column(families, "match_status")
    numbers = _column(families, "match_number")
    doubtful = [
        (number or "").split() if each == "review" else []
        for each, number in zip(status, numbers, strict=True)
    ]
    flat = [number for each in doubtful for number in each]
    cases = dict(zip(flat, case_numbers(flat), strict=True))
    named = [_SEPARATOR.join(str(cases[number]) for number in each) or None for each in doubtful]
    return _with(families, "case_number", named)


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Read decisions; a case whose decision is empty is still open and left out.

    Parameters
    ----------
    path
        A CSV or workbook with the columns ``case``, ``decision`` (yes or no) and ``note``, or in
        Indonesian ``kasus``, ``keputusan`` (ya or tidak) and ``catatan``.

    Raises
    ------
    InputError
        The file or a column is missing; a row has no case number, a mistyped one, another decision
        than yes or no, or decides a case for the second time.
    """
    source = open_source(path)
    known = {header.strip().lower().replace(" ", "_"): header for header in source.columns}
    found = {
        field: next((known[name] for name in names if name in known), None)
        for field, names in _HEADERS.items()
    }
    for field in ("case", "decision"):
        if found[field] is None:
            raise InputError("decision.no_column", path=str(path), column=field)
    wanted = {field: header for field, header in found.items() if header is not None}
    decisions: dict[str, Decision] = {}
    for batch in source.batches(list(wanted.values())):
        columns = {
            field: [each or "" for each in batch.table.column(place).to_pylist()]
            for place, field in enumerate(wanted)
        }
        notes = columns.get("note") or [""] * batch.table.num_rows
        cells = zip(columns["case"], columns["decision"], notes, strict=True)
        for index, (case, decision, note) in enumerate(cells):
            each = _decision(path, batch.row_number(index), case, decision, note)
            if each is None:
                continue
            if each.case in decisions:
                first = decisions[each.case].row
                raise InputError("decision.twice", path=str(path), row=each.row, first=first)
            decisions[each.case] = each
    return tuple(decisions.values())


def write_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """Write decisions as :func:`read_decisions` reads them. Not atomic."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADERS)
        for each in sorted(decisions, key=lambda each: each.case):
            writer.writerow((each.case, "yes" if each.accepted else "no", each.note))


def apply_decisions(families: pa.Table, decisions: Sequence[Decision], *, path: Path) -> Reviewed:
    """Decide cases.

    Parameters
    ----------
    families
        With ``match_status`` and ``case_number``.
    decisions
        From :func:`read_decisions`.
    path
        The file they are from, for the error.

    Raises
    ------
    InputError
        A case isn't in the review band of these families; the row is named.
    """
    status = _column(families, "match_status")
    cases = [
        case.split(_SEPARATOR) if each == "review" and case else []
        for each, case in zip(status, _column(families, "case_number"), strict=True)
    ]
    open_cases = {case for each in cases for case in each}
    decided = {each.case: each for each in decisions}
    for each in decisions:
        if each.case not in open_cases:
            raise InputError("decision.unknown_case", path=str(path), row=each.row)
    evidence = _column(families, "match_evidence")
    precision = _column(families, "match_precision")
    for place, mine in enumerate(cases):
        said = [decided[case].accepted for case in mine if case in decided]
        # One yes is enough; a no counts when nothing else is open.
        if any(said) or (mine and len(said) == len(mine)):
            status[place] = "matched" if any(said) else "none"
            evidence[place], precision[place] = PEOPLE, None
    changed = _with(families, "match_status", status)
    changed = _with(changed, "match_evidence", evidence)
    if "match_precision" in families.column_names:
        changed = _with(changed, "match_precision", precision)
    accepted = sum(each.accepted for each in decisions)
    return Reviewed(changed, accepted, len(decisions) - accepted, len(open_cases) - len(decided))


def _decision(path: Path, row: int, case: str, decision: str, note: str) -> Decision | None:
    answer = decision.strip().lower()
    if not answer:
        return None
    # A spreadsheet that took the number for one has cut its zeros off, or added some.
    plain = case.strip().removesuffix(".0")
    digits = "".join(each for each in plain if each not in " -.\u2010\u2011\u2013")
    if digits and digits == plain:
        digits = digits.zfill(_DIGITS + 1)
    if not digits:
        raise InputError("decision.no_case", path=str(path), row=row)
    if (
        not (digits.isascii() and digits.isdigit())
        or len(digits) not in {_DIGITS + 1, _MORE + 1}
        or digits[-1] != check_digit(digits[:-1])
    ):
        raise InputError("decision.mistyped", path=str(path), row=row)
    if answer not in _YES | _NO:
        raise InputError("decision.neither", path=str(path), row=row)
    return Decision(_grouped(digits), answer in _YES, note.strip(), row)


def _number(match_number: str, n_digits: int) -> str:
    digest = hashlib.sha256(_DOMAIN + match_number.encode()).digest()
    digits = str(int.from_bytes(digest, "big") % 10**n_digits).zfill(n_digits)
    return _grouped(digits + check_digit(digits))


def check_digit(digits: str) -> str:
    """Return the check digit of ISO/IEC 7064, MOD 11,10."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def _grouped(digits: str) -> str:
    return "-".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))


def _column(table: pa.Table, name: str) -> list[Any]:
    return (
        list(table.column(name).to_pylist()) if name in table.column_names else [None] * len(table)
    )


def _with(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    known = name in table.column_names
    kind = table.schema.field(name).type if known else pa.string()
    column = pa.array(values, pa.string() if pa.types.is_null(kind) else kind)
    if known:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
