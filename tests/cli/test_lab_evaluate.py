"""``pprl lab evaluate`` as a user runs it: real files, exit codes, and nothing personal shown."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.lab.simulate import simulate

PPRL = Path(sys.executable).with_name("pprl")
HEADER = "group,party,id,similarity,tier,band,precision,reason,explanation"


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
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two registers, and a link of them that is right, save every tenth pair and what it missed."""
    folder = tmp_path_factory.mktemp("link")
    made = simulate([400, 900], overlap=0.5, damage="dirty", seed=4, out=folder)
    people = {}
    with made.truth_path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            people.setdefault(row["entity"], {})[row["party"]] = row["id"]
    both = [ids for ids in people.values() if len(ids) == 2]
    last = [ids["1"] for ids in both[::10]]
    swapped = dict(zip(last, [*last[1:], *last[:1]], strict=True))
    files = {name: [HEADER] for name in ("matches", "review", "other")}
    for group, ids in enumerate(both):
        name = "matches" if group % 4 else "review"
        estimate = "0.900000" if group % 4 else "0.400000"
        for party in "01":
            id_ = swapped.get(ids[party], ids[party])
            band = "accept" if name == "matches" else "review"
            row = f"{group},{party},{id_},0.900000,filter,{band},{estimate},similar,words"
            files[name].append(row)
            files["other"].append(",".join(row.split(",")[:5]))
    files["other"][0] = HEADER.partition(",band")[0]
    files["empty"] = [HEADER]
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    return folder


EVERYTHING = (
    "matches.csv", "--truth", "truth.csv", "--review", "review.csv", "--damage", "damage.csv",
    "--data", "a.csv", "--data", "b.csv", "--by", "kecamatan", "--compare", "other.csv",
)  # fmt: skip


def test_everything_asked_for_is_printed_and_drawn_and_nobody_is_named(folder, tmp_path):
    done = evaluate(*EVERYTHING, "--chart", tmp_path / "c.svg", cwd=folder)
    parts = done.stdout.split("\n\n")
    heads = [part.split("  ")[0] for part in parts]
    assert heads == [
        "matches by", "band", "kecamatan", "damage", "wrong pairs because", "pairs in", "link",
        "estimated from - to",
    ]  # fmt: skip
    assert "640801" in parts[2]
    assert "nik_invalid" in parts[3]
    assert (tmp_path / "c.svg").read_text(encoding="utf-8").startswith("<svg")
    people = set()
    for name, delimiter in (("a", ";"), ("b", ",")):
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter=delimiter):
                people |= {cell for cell in list(row.values())[:4] if cell and len(cell) > 6}
    assert len(people) > 1000
    assert not [cell for cell in people if cell in done.stdout + done.stderr]


def test_the_same_in_json_has_all_keys_and_the_same_figures(folder):
    result = json.loads(evaluate(*EVERYTHING, "--json", cwd=folder).stdout)
    accept, review, resolved = result["bands"]
    assert accept["found"] == result["found"] == result["compare"]["here"]["found"]
    assert resolved["recall"] > result["recall"]
    assert resolved["right"] == accept["right"] + review["right"]
    assert result["by"]["role"] == "district"
    assert sum(group["findable"] for group in result["by"]["groups"]) == result["findable"]
    assert sum(group["found"] for group in result["by"]["groups"]) == result["found"]
    assert {each["kind"] for each in result["missed"]} <= {
        each["kind"] for each in result["damage"]
    }
    (false,) = result["false"]
    assert false["cause"] == "look_alike"
    assert false["pairs"] == result["found"] - result["right"]
    assert result["compare"]["only_here"] == {"found": 0, "right": 0}
    assert result["compare"]["difference"]["recall"] < 0
    assert [each["estimated"] for each in result["calibration"]["bins"]] == [0.4, 0.9]


def test_plain_files_of_five_columns_are_evaluated_as_before(folder):
    result = json.loads(evaluate("other.csv", "--truth", "truth.csv", "--json", cwd=folder).stdout)
    assert set(result) == {
        "precision", "recall", "f1", "precision_interval", "recall_interval", "f1_interval",
        "found", "right", "recovered", "findable", "parties", "tiers",
    }  # fmt: skip


def test_a_link_without_matches_is_evaluated_in_indonesian(folder):
    done = evaluate(
        "empty.csv", "--truth", "truth.csv", "--damage", "damage.csv", cwd=folder, language="id"
    )
    assert "semua" in done.stdout
    assert "terlewat" in done.stdout
    assert "pasangan salah karena" not in done.stdout


def test_an_existing_chart_is_kept_unless_forced(folder, tmp_path):
    chart = tmp_path / "c.svg"
    chart.write_text("mine")
    asked = ("matches.csv", "--truth", "truth.csv", "--chart", chart)
    assert "exists already" in evaluate(*asked, cwd=folder, check=2).stderr
    assert chart.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [chart]
    evaluate(*asked, "--force", cwd=folder)
    assert chart.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--chart", "c.png"), 2, "FILE.svg"),
        (("--by", "kecamatan", "--data", "b.csv", "--data", "a.csv"), 3, "b.csv"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(folder, arguments, code, says):
    done = evaluate("matches.csv", "--truth", "truth.csv", *arguments, cwd=folder, check=code)
    assert says in done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr


def test_a_link_without_estimates_leaves_no_chart(folder, tmp_path):
    done = evaluate(
        "other.csv", "--truth", "truth.csv", "--chart", tmp_path / "c.svg", cwd=folder, check=3
    )
    assert "no estimated precision" in done.stderr
    assert list(tmp_path.iterdir()) == []
