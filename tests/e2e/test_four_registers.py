"""examples/four_registers, run as its reader runs it, and its figures beside the truth."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from pyarrow import parquet

EXAMPLE = Path(__file__).parents[2] / "examples" / "four_registers"
PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
SENDERS = {"desil": "kemensos", "pkh": "kemensos", "sembako": "kemensos", "pip": "disdik"}
SENDERS |= {"jkn_active": "dinkes"}
ASSIGN = ("--csv-only", "--day", "2024-12-31", "--rules", EXAMPLE / "kutai_timur.toml")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished example, and what was printed."""
    folder = tmp_path_factory.mktemp("four")
    done = subprocess.run(
        [shutil.which("bash"), str(EXAMPLE / "run.sh"), "four", "400"], cwd=folder, env=ENVIRONMENT,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "four", done.stdout


def rows(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def listed(folder, *rules):
    table = parquet.read_table(folder / "assignments.parquet").to_pylist()
    return [row for row in table if row["rule"] in rules]


def pprl(*words, home, check=0):
    at = ("--home", home, "--passphrase-file", home / "passphrase")
    done = subprocess.run(
        [PROGRAMS / "pprl", "--lang", "id", *map(str, (*words, *at))],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == check, done.stdout + done.stderr
    return done.stderr


def test_the_audit_passes_and_attributes_come_from_three_agencies(run):
    folder, printed = run
    assert "PASS: no check found a fault" in printed
    overlap = rows(folder / "parties" / "bkkbn" / "overlap.csv")
    assert {row["party"] for row in overlap} == {"kemensos", "disdik", "dinkes"}
    for name, sender in SENDERS.items():
        said = [row for row in overlap if row[name]]
        assert {(row["party"], row["status"]) for row in said} == {(sender, "matched")}, name
    groups = defaultdict(set)
    for party in ("bkkbn", "kemensos", "disdik", "dinkes"):
        for row in rows(folder / "parties" / party / "overlap.csv"):
            if row["status"] == "matched":
                groups[row["match"]].add(party)
    assert max(map(len, groups.values())) == 4


def test_nobody_is_listed_on_a_match_or_on_one_that_waits_for_review(run):
    folder, _ = run
    overlap = rows(folder / "parties" / "bkkbn" / "overlap.csv")
    status = {(row["id"], row["party"]): row["status"] for row in overlap}
    members = defaultdict(set)
    for row in rows(folder / "data" / "survey.csv", ";"):
        members[row["id_keluarga"]].add(row["id_anggota"])
    children = listed(folder / "worklists", "R04", "R05", "R06")
    assert children
    assert {status[row["member"], "disdik"] for row in children} == {"none"}
    families = listed(folder / "worklists", "K01")
    assert families
    for row in families:
        assert {status[one, "dinkes"] for one in members[row["family"]]} == {"none"}
        assert row["match_status"] == "matched"
        assert row["desil"] in (1, 2, 3, 4)
    assert {row["match_status"] for row in children} <= {"matched", "none"}
    for row in children:  # the programme fits the age
        age = int(re.search(r"age: (\d+)", row["facts"])[1])
        assert row["program"][-1] == ")"
        assert {"R04": 7, "R05": 13, "R06": 16}[row["rule"]] <= age
        assert age <= {"R04": 12, "R05": 15, "R06": 18}[row["rule"]]


def test_the_printed_figures_are_those_of_the_truth_and_good_enough(run):
    folder, printed = run
    data = folder / "data"
    stands, entity = defaultdict(set), {}
    for row in rows(data / "truth.csv"):
        stands[row["party"]].add(row["entity"])
        if row["party"] == "0":
            entity[row["id"]] = row["entity"]
    people = {row["id_anggota"]: row for row in rows(data / "survey.csv", ";")}
    shown = rows(data / "krs.csv", ";")[0]
    assert not {"masih_sekolah", "jkn_aktif", "pendidikan"} & shown.keys()

    children = {row["member"] for row in listed(folder / "worklists", "R04", "R05", "R06")}
    right = {one for one in children if people[one]["masih_sekolah"] == "Tidak"}
    first, second = printed[printed.index("children out of school") :].split("families in desil")
    assert f"listed {len(children)}, right {len(right)}:" in first
    measured = json.loads((folder / "measured.json").read_text())
    school, insurance = measured["out_of_school"], measured["without_pbi_jkn"]
    assert school["precision"] == pytest.approx(len(right) / len(children), abs=6e-4)
    assert school["recall"] == pytest.approx(len(right) / school["in_truth"], abs=6e-4)
    assert f"recall {school['recall']:.3f}" in first
    assert school["recall"] > 0.8
    # Dapodik alone: others are mostly at a madrasah, few are pupils without a match.
    pupils = {one for one in children if entity[one] in stands["2"]}
    assert school["wrong_in_dapodik"] == len(pupils)
    assert len(pupils) < 0.2 * len(children)
    wrong = sum(school[f"wrong_{where}"] for where in ("at_madrasah", "in_dapodik", "in_neither"))
    assert wrong == len(children - right)

    families = {row["family"] for row in listed(folder / "worklists", "K01")}
    in_pbi = {row["id_keluarga"] for one, row in people.items() if entity[one] in stands["3"]}
    assert f"listed {len(families)}, right {len(families - in_pbi)}:" in second
    assert insurance["precision"] == pytest.approx(len(families - in_pbi) / len(families), abs=0.03)
    assert insurance["precision"] > 0.9
    assert insurance["recall"] > 0.8


def test_outside_the_area_of_a_register_not_found_says_nothing(run, tmp_path):
    folder, _ = run
    home = folder / "parties" / "bkkbn"
    words = ("assign", folder / "data" / "krs.csv", "--run", folder / "exchange", *ASSIGN)
    elsewhere = ("--presence", "disdik=dapodik@6472", "--presence", "dinkes=pbi_jkn")
    said = pprl(*words, "--out", tmp_path / "w", *elsewhere, home=home)
    assert not listed(tmp_path / "w", "R04", "R05", "R06", "K01")
    assert "wilayah dinkes (pbi_jkn) tidak disebutkan" in said
    assert "mungkin tercatat di emis" in said
    said = pprl(
        *words, "--out", tmp_path / "v", "--presence", "bpjs=pbi_jkn@6408", home=home, check=2
    )
    assert "dinkes, disdik, kemensos" in said
    assert not (tmp_path / "v").exists()
