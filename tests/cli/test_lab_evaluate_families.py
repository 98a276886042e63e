"""``pprl lab evaluate --families`` as a user runs it: real files, exit codes, nobody named."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.lab.families.simulate import simulate_families

PPRL = Path(sys.executable).with_name("pprl")
DATA = ("--data", "krs.csv", "--data", "dtsen.csv")
ASKED = ("matches.csv", "--families", "--truth", "truth_families.csv", *DATA)


def evaluate(*arguments, cwd, check=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "lab", "evaluate", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def rows(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Registers of families, and a link of their persons that is right."""
    folder = tmp_path_factory.mktemp("families")
    simulate_families(folder, krs=80, dtsen=200, damage="dirty", seed=3)
    people = {}
    for row in rows(folder / "truth.csv"):
        people.setdefault(row["entity"], {}).setdefault(row["party"], row["id"])
    both = [ids for ids in people.values() if len(ids) == 2]
    listed = [f"{group},{party},{ids[party]},nik,0.9990"
              for group, ids in enumerate(both) for party in "01"]  # fmt: skip
    header = "group,party,id,tier,precision"
    (folder / "matches.csv").write_text("\n".join([header, *listed, ""]), encoding="utf-8")
    (folder / "none.csv").write_text(f"{header}\n", encoding="utf-8")
    return folder


def test_families_of_a_link_are_scored_and_mistakes_are_listed_by_id(folder, tmp_path):
    listed = tmp_path / "m.csv"
    asked = (*ASKED, "--damage", "damage_families.csv", "--mistakes", listed)
    result = json.loads(evaluate(*asked, "--json", cwd=folder).stdout)
    assert result["precision"] > 0.95
    assert result["recall"] > 0.95
    assert result["findable"] == 68
    low, high = result["estimated_precision_interval"]
    assert low <= result["estimated_precision"] <= high
    mistakes = rows(listed)
    assert len(mistakes) == (result["found"] - result["right"]) + (
        result["findable"] - result["recovered"]
    )
    known = {row["family"] for row in rows(folder / "truth_families.csv")}
    assert {row[name] for row in mistakes for name in ("id", "other_id")} <= known
    assert "exists already" in evaluate(*asked, cwd=folder, check=2).stderr


def test_the_terminal_shows_figures_and_no_family(folder):
    done = evaluate(*ASKED, "--damage", "damage_families.csv", cwd=folder, language="id")
    assert "Perkiraan tanpa berkas kebenaran" in done.stderr
    assert "family_moved" in done.stdout
    shown = done.stdout + done.stderr
    assert not [row for row in rows(folder / "truth_families.csv") if row["family"] in shown]


def test_a_link_without_matches_finds_no_family(folder):
    result = json.loads(evaluate("none.csv", *ASKED[1:], "--json", cwd=folder).stdout)
    assert (result["found"], result["recall"], result["precision"]) == (0, 0.0, None)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("matches.csv", "--families", "--truth", "truth_families.csv"), 2, "--families needs"),
        ((*ASKED, "--by", "kecamatan"), 2, "--families needs"),
        ((*ASKED, "--mistakes", "m.txt"), 2, "FILE.csv"),
        (("matches.csv", "--families", "--truth", "truth.csv", *DATA), 3, "no column family"),
        ((*ASKED[:4], "--data", "krs.csv", "--data", "truth.csv"), 3, "truth.csv has no column"),
        ((*ASKED[:4], "--data", "dtsen.csv", "--data", "krs.csv"), 3, "row 2: the register"),
        (("matches.csv", *ASKED), 3, "no column"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(folder, arguments, code, says):
    done = evaluate(*arguments, cwd=folder, check=code)
    assert says in done.stderr
    assert not done.stdout
