"""The demo: every party in a process and a home of its own, from two files to the audit."""

import json
import os
import subprocess
import sys
from pathlib import Path

PPRL = Path(sys.executable).with_name("pprl")


def pprl(*arguments, cwd, check=0):
    done = subprocess.run(
        [str(PPRL), "--lang", "en", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


def test_three_agencies_run_by_themselves_and_the_audit_passes(tmp_path):
    words = ("demo", "--families", 200, "--parties", 3, "--out", "d", "--json")
    done = pprl(*words, cwd=tmp_path)
    result = json.loads(done.stdout)
    for unit in ("persons", "families"):
        assert result[unit]["precision"] > 0.95, unit
        assert result[unit]["recall"] > 0.8, unit
    assert "PASS" in done.stderr
    agencies = ("dppkb", "dinsos", "disdik")
    folder = tmp_path / "d"
    assert sorted(path.name for path in folder.iterdir()) == [
        "data", "exchange", "parties", "report.html", "summary.json", "worklists",
    ]  # fmt: skip
    assert json.loads((folder / "summary.json").read_text()) == result
    assert set(result["seconds"]) >= {"encode", "link", "audit", "assign"}
    assert list((folder / "worklists" / "dinas-sosial").glob("*.csv"))
    for name in (*agencies, "coordinator", "auditor"):
        home = folder / "parties" / name
        assert (home / "pins.toml").is_file()
        assert os.name == "nt" or home.stat().st_mode & 0o077 == 0
        assert (home / "overlap.csv").exists() == (name in agencies)
    [run] = (folder / "exchange").iterdir()
    assert {path.name for path in (run / "log").iterdir()} == {*agencies, "coordinator", "auditor"}
    assert (folder / "data" / "truth.csv").exists()

    # What was shown can be typed by hand afterwards.
    at = ("--run", folder / "exchange", "--home", folder / "parties" / "dinsos")
    state = json.loads(pprl("status", *at, "--json", cwd=tmp_path).stdout)
    assert (state["state"], state["transcript"]) == ("closed", result["transcript"])
    assert state["compared"]

    before = sorted(folder.rglob("*"))
    assert "--force" in pprl(*words, cwd=tmp_path, check=2).stderr
    assert sorted(folder.rglob("*")) == before
