"""``pprl spotcheck`` as auditor and agency run it: files, exits, languages."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pprl_protocols.home import Home
from pprl_protocols.pins import Pins
from tests.protocol.federation import PASSPHRASE, RUN, record

PPRL = Path(sys.executable).with_name("pprl")
K = 25


def spotcheck(folder, *arguments, check=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "spotcheck", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100", "HOME": str(folder)},
    )
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


def at(name):
    return "--home", name, "--passphrase-file", "passphrase"


def draw(folder, *more, name="inspektorat", **how):
    agency = () if "--agency" in more else ("--agency", "bkkbn")
    return spotcheck(
        folder, "draw", "exchange", *agency, "--out", "draw.json", *at(name), *more, **how
    )


def answer(folder, *more, name="bkkbn", data="a.csv", **how):
    return spotcheck(
        folder, "answer", "draw.json", data, "--run", "exchange", "--out", "answer.json",
        *at(name), *more, **how,
    )  # fmt: skip


def verify(folder, *more, **how):
    arguments = ("answer.json", "--draw", "draw.json", "--run", "exchange")
    return spotcheck(folder, "verify", *arguments, *more, **how)


def with_passphrase(folder):
    (folder / "passphrase").write_bytes(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run that was made by the library, kept after every step."""
    return record(tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="module")
def answered(recorded, tmp_path_factory):
    """A closed run after the draw and the answer, and what both commands said."""
    folder = with_passphrase(tmp_path_factory.mktemp("answered"))
    recorded.at("closed", folder)
    said = draw(folder, "--k", K), answer(folder, "--rows", "rows.csv")
    return folder, said


@pytest.fixture
def run(answered, tmp_path):
    """A copy of it in a folder of the test's own."""
    shutil.copytree(answered[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_whole_spot_check_says_what_to_do_next_and_shows_no_id(answered):
    folder, (drawn, given) = answered
    assert f"pprl spotcheck answer draw.json FILE --run {RUN}" in drawn.stderr
    assert "for nobody else" in given.stderr
    lines = verify(folder).stdout.splitlines()
    assert lines[0].startswith("IDENTITIES NOT VERIFIED")
    assert lines[1].startswith("8. pass")
    assert any(f"all {K} drawn records" in line for line in lines)
    with (folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    source = (folder / "a.csv").read_text().splitlines()
    assert len(rows) == K
    for row in rows:
        assert source[int(row["row"]) - 1].split(";")[0] == row["id"]
        assert row["id"] not in (folder / "answer.json").read_text()
        assert row["id"] not in given.stderr + given.stdout


def pinned(folder, *names):
    pins = Pins()
    for name in names:
        pins.add(name, Home.who(folder / name).fingerprint)
    pins.save(folder / "pins.toml")


def test_the_result_as_json_with_the_pins_of_all_parties(run):
    pinned(run, "bkkbn", "bps", "inspektorat", "kemensos")
    result = json.loads(verify(run, "--trust", "pins.toml", "--json").stdout)
    assert (result["number"], result["status"], result["run"]) == (8, "pass", RUN)
    assert result["identities"] == "verified"
    assert "spotcheck.power" in [each["code"] for each in result["findings"]]
    pinned(run, "bps", "inspektorat", "kemensos")
    assert "bkkbn" in verify(run, "--trust", "pins.toml", check=4).stderr


def test_an_altered_answer_ends_with_exit_code_4_and_is_named(run):
    path = run / "answer.json"
    value = json.loads(path.read_text())
    value["records"][2]["tokens"][0] = "ab" * 16
    path.write_text(json.dumps(value, separators=(",", ":"), sort_keys=True))
    assert f"1 of {K} drawn records" in verify(run, check=4, language="en").stdout
    assert "1 dari 25 rekaman" in verify(run, check=4, language="id").stdout
    path.write_bytes(path.read_bytes()[:-10])
    broken = verify(run, check=4)
    assert broken.stderr.startswith("pprl: ")
    assert broken.stdout == ""


def test_another_file_is_refused_and_nothing_is_written(run):
    (run / "answer.json").unlink()
    (run / "rows.csv").unlink()
    refused = answer(run, "--rows", "rows.csv", data="b.csv", check=3)
    assert "80 records, 60 were encoded" in refused.stderr
    assert not (run / "answer.json").exists()
    assert not (run / "rows.csv").exists()


def test_who_is_not_meant_is_refused(run):
    assert "auditor" in draw(run, "--force", name="bps", check=2).stderr
    assert "bps is no agency" in draw(run, "--force", "--agency", "bps", check=2).stderr
    assert "agency differs" in answer(run, "--force", name="kemensos", data="b.csv", check=4).stderr


def test_files_are_not_replaced_or_mixed_up(run):
    before = (run / "draw.json").read_bytes()
    draw(run, check=2)
    assert "same file" in answer(run, "--force", "--rows", "answer.json", check=2).stderr
    assert "between 1 and 3000" in draw(run, "--force", "--k", "3001", check=2).stderr
    assert (run / "draw.json").read_bytes() == before
    (run / "answer.json").unlink()
    assert "answer.json" in verify(run, check=2).stderr


def test_before_the_run_is_closed_it_waits(recorded, tmp_path):
    recorded.at("received", with_passphrase(tmp_path))
    assert "closed" in draw(tmp_path, check=7).stderr
    assert not (tmp_path / "draw.json").exists()
