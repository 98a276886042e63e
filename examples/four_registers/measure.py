"""What the example found, beside the truth that only a simulation knows.

``hide SURVEY KRS`` writes the KRS file without what the survey says of schooling and insurance: the
example finds that out across registers. ``compare FOLDER`` prints precision and recall of the two
worklists, and writes them to ``FOLDER/measured.json``. It reads everybody's files, which no party
of a real run can.
"""  # noqa: INP001 - a script beside its example, not a package

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = ("masih_sekolah", "jkn_aktif", "pendidikan")
DAY = date(2024, 12, 31)
KRS, DTSEN, DAPODIK, PBI_JKN, EMIS = range(5)  # parties in truth.csv
SCHOOL_AGE = range(7, 19)
OUT_OF_SCHOOL = ("R04", "R05", "R06")
PROPOSAL = ("K01",)
POOR = ("1", "2", "3", "4")


class Worklist(NamedTuple):
    """Who is on a list, and who should be."""

    listed: set[str]
    true: set[str]

    def scores(self) -> dict[str, float]:
        """Return counts, precision and recall; an empty list is right in all it says."""
        right = len(self.listed & self.true)
        return {
            "listed": len(self.listed),
            "right": right,
            "in_truth": len(self.true),
            "precision": round(right / max(len(self.listed), 1), 3) if self.listed else 1.0,
            "recall": round(right / max(len(self.true), 1), 3) if self.true else 1.0,
        }


class Truth:
    """What the simulator wrote beside the registers."""

    def __init__(self, data: Path) -> None:
        self.people = {row["id_anggota"]: row for row in rows(data / "survey.csv", ";")}
        self.members: dict[str, set[str]] = defaultdict(set)
        for one, row in self.people.items():
            self.members[row["id_keluarga"]].add(one)
        stands: dict[int, set[str]] = defaultdict(set)
        entity: dict[str, str] = {}
        for row in rows(data / "truth.csv"):
            stands[int(row["party"])].add(row["entity"])
            if int(row["party"]) == KRS:
                entity[row["id"]] = row["entity"]
        home: dict[int, dict[str, str]] = defaultdict(dict)
        for row in rows(data / "truth_families.csv"):
            home[int(row["party"])][row["family"]] = row["entity"]
        desil = {home[DTSEN][row["id_keluarga"]]: row["desil"] for row in rows(data / "dtsen.csv")}
        self.poor = {one for one in self.members if desil.get(home[KRS][one]) in POOR}
        self._stands, self._entity = stands, entity

    def standing(self, register: int) -> set[str]:
        """Return the members who stand in a register, whether that was found or not."""
        return {one for one in self.people if self._entity[one] in self._stands[register]}

    def saying(self, column: str, answer: str) -> set[str]:
        """Return the members of whom the survey says that."""
        return {one for one, row in self.people.items() if row[column] == answer}

    def of_school_age(self) -> set[str]:
        """Return the members who have such an age by the birth date in the file."""
        return {one for one, row in self.people.items() if age_of(row["tgl_lahir"]) in SCHOOL_AGE}


def rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def age_of(birth_date: str) -> int | None:
    """Return the age on the day of the run; None where the cell is no such date."""
    try:
        day, month, year = map(int, birth_date.split("-"))
        born = date(year, month, day)
    except ValueError:
        return None
    return DAY.year - born.year - ((DAY.month, DAY.day) < (born.month, born.day))


def hide(survey: Path, krs: Path) -> None:
    """Copy the survey without what BKKBN doesn't know in this example."""
    found = list(rows(survey, ";"))
    kept = [name for name in found[0] if name not in HIDDEN]
    with krs.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, kept, delimiter=";", lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(found)


def compare(folder: Path) -> None:
    """Print and write how right the worklists are."""
    truth = Truth(folder / "data")
    table = parquet.read_table(folder / "worklists" / "assignments.parquet")
    assigned = table.select(["rule", "family", "member"]).to_pylist()
    listed = {row["member"] for row in assigned if row["rule"] in OUT_OF_SCHOOL}
    children = truth.of_school_age()
    school = Worklist(listed, children & truth.saying("masih_sekolah", "Tidak"))
    wrong = school.listed - school.true
    madrasah, missed = wrong & truth.standing(EMIS), wrong & truth.standing(DAPODIK)

    uninsured = truth.saying("jkn_aktif", "Tidak")
    in_pbi = truth.standing(PBI_JKN)
    proposed = {row["family"] for row in assigned if row["rule"] in PROPOSAL}
    insurance = Worklist(proposed, {one for one in truth.poor if not truth.members[one] & in_pbi})
    measured = {
        "out_of_school": school.scores()
        | {
            "children": len(children),
            "wrong_at_madrasah": len(madrasah),
            "wrong_in_dapodik": len(missed),
            "wrong_in_neither": len(wrong - madrasah - missed),
        },
        "without_pbi_jkn": insurance.scores()
        | {
            "somebody_uninsured": sum(bool(truth.members[one] & uninsured) for one in proposed),
            "everybody_uninsured": sum(truth.members[one] <= uninsured for one in proposed),
        },
    }
    (folder / "measured.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_page(measured["out_of_school"], measured["without_pbi_jkn"]))


def _page(school: dict[str, float], insurance: dict[str, float]) -> str:
    return f"""\
children out of school
  listed {school["listed"]}, right {school["right"]}: precision {school["precision"]:.3f}
  really out of school {school["in_truth"]} of {school["children"]}: recall {school["recall"]:.3f}
  wrong: {school["wrong_at_madrasah"]} at a madrasah, {school["wrong_in_dapodik"]} in Dapodik and \
not matched, {school["wrong_in_neither"]} at school and in neither list
families in desil 1-4 without PBI JKN
  listed {insurance["listed"]}, right {insurance["right"]}: precision {insurance["precision"]:.3f}
  really without {insurance["in_truth"]}: recall {insurance["recall"]:.3f}
  of those listed: somebody has no insurance of any kind in {insurance["somebody_uninsured"]}, \
nobody has any in {insurance["everybody_uninsured"]}
"""


if __name__ == "__main__":
    command, *given = sys.argv[1:]
    if command == "hide":
        hide(*map(Path, given))
    else:
        compare(*map(Path, given))
