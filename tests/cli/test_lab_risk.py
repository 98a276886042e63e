"""``pprl lab risk`` as a user runs it: separate processes, real files, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.lab.simulate import simulate

PPRL = Path(sys.executable).with_name("pprl")
QUICK = ("--attack", "similarity_profiles", "--known", "15")


def risk(*arguments, cwd, check, lang="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", lang, "lab", "risk", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


def test_a_table_sets_each_schema_beside_the_control(tmp_path):
    done = risk(
        "indonesia-hardened", "--records", 200, *QUICK, "--quality", "none",
        cwd=tmp_path, check=0, lang="id",
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][0] == "skema"
    assert lines[2][0] == "indonesia"
    assert lines[2][-1] == "tertembus"
    assert lines[3][0] == "indonesia-hardened"
    assert lines[3][-1] == "bertahan"
    assert "pembanding" in done.stderr


def test_a_folder_gets_the_results_and_the_chart_of_the_frontier(tmp_path):
    risk(
        "--records", 120, *QUICK, "--quality", "200,300", "--out", "results", cwd=tmp_path, check=0
    )
    result = json.loads((tmp_path / "results" / "risk.json").read_text())
    assert {row["schema"] for row in result["rows"]} == {"indonesia", "indonesia-hardened"}
    assert result["rows"][0]["verdict"] == "broken"
    assert result["rows"][1]["control"]["value"] == result["rows"][0]["finding"]["value"]
    assert result["quality"]["indonesia"]["f1"] > 0.9
    chart = (tmp_path / "results" / "frontier.svg").read_text()
    assert ">indonesia-hardened<" in chart
    assert "known pairs" in chart
    again = risk("--records", 120, *QUICK, "--out", "results", cwd=tmp_path, check=2)
    assert "exists already" in again.stderr


def test_what_no_scheme_may_give_away_holds_on_the_control_as_well(tmp_path):
    done = risk(
        "indonesia-hardened", "--records", 40, "--known", 0, "--attack", "cross_run",
        "--quality", "none",
        cwd=tmp_path, check=0, lang="id",
    )  # fmt: skip
    promises = [line.split() for line in done.stdout.splitlines() if "in_common" in line]
    assert [(line[0], line[-2], line[-1]) for line in promises] == [
        ("indonesia", "1.0000", "terpenuhi"), ("indonesia-hardened", "1.0000", "terpenuhi"),
    ]  # fmt: skip


def test_a_register_of_ones_own_is_attacked_and_nothing_of_it_shown(tmp_path):
    simulate([150, 20], overlap=1.0, damage="clean", seed=2, out=tmp_path)
    register = (tmp_path / "a.csv").read_text().splitlines()[1:]
    done = risk("--data", "a.csv", *QUICK, "--quality", "none", "--json", cwd=tmp_path, check=0)
    result = json.loads(done.stdout)
    assert {row["records"] for row in result["rows"]} == {150}
    cells = {cell for line in register for cell in line.split(";")[:3]}
    assert not [cell for cell in cells if len(cell) > 5 and cell in done.stdout + done.stderr]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--records", "many"), 2, "--records many"),
        (("--damage", "some"), 2, "none, clean, dirty"),
        (("--data", "a.csv", "--records", "100"), 2, "--records can't stand beside it"),
        (("--data", "empty.csv"), 3, "empty.csv"),
        (("no-such-schema",), 2, "no-such-schema"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, arguments, code, says):
    (tmp_path / "empty.csv").touch()
    done = risk(*arguments, "--quality", "none", cwd=tmp_path, check=code)
    assert says in done.stderr
    assert done.stdout == ""
