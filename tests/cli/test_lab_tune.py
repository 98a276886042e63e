"""``pprl lab tune`` as a user runs it: separate processes, real files, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.lab.simulate import simulate

PPRL = Path(sys.executable).with_name("pprl")
NAMES = """schema = "openpprl/1"
name = "names"
[filter]
bits = 256
[[fields]]
name = "nickname"
column = "nickname"
qgrams = 2
bits_per_token = 3
"""
PEOPLE = """id;NIK;Nama Lengkap;Tgl Lahir;JK
a1;6408995503909901;Kenari Aminah;15-03-1990;P
a2;6408990101700001;Budi Santoso;01-01-1970;L
"""
TRUTH = "party,id,entity\n0,a1,1\n0,a2,2\n1,a1,1\n1,a2,3\n"
CANARIES = ("6408995503909901", "Kenari", "Budi", "a2")


def tune(*arguments, cwd, check, lang="en"):
    temporary = cwd / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [str(PPRL), "--lang", lang, "lab", "tune", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    assert list(temporary.iterdir()) == []  # neither registers nor encodings are left
    return done


@pytest.fixture
def folder(tmp_path):
    for name, text in (("a.csv", PEOPLE), ("b.csv", PEOPLE), ("truth.csv", TRUTH)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_schemas_are_compared_on_simulated_registers_in_a_table_and_a_chart(tmp_path):
    (tmp_path / "names.toml").write_text(NAMES.replace("nickname", "name"))
    done = tune(
        "indonesia", "names.toml", "--simulate", "150,200", "--damage", "clean",
        "--chart", "chart.svg", cwd=tmp_path, check=0, lang="id",
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][0] == "skema"
    assert lines[2][:2] == ["indonesia", "1,024"]
    assert lines[3][:2] == ["names.toml", "256"]
    assert lines[2][-1] == lines[3][-1] == "ya"  # one is better, the other shorter
    assert "presisi 0.99 (berlabel)" in done.stdout
    assert "taksiran, tanpa label" in done.stdout
    assert "names.toml (256 bit)" in (tmp_path / "chart.svg").read_text()
    assert "chart.svg" in done.stderr


def test_labelled_registers_give_json(tmp_path):
    made = simulate([150, 200], overlap=0.6, damage="clean", seed=2, out=tmp_path)
    data = [part for path in made.paths for part in ("--data", path)]
    done = tune(*data, "--truth", made.truth_path, "--json", cwd=tmp_path, check=0)
    result = json.loads(done.stdout)
    assert result["records"] == [150, 200]
    assert result["findable"] == made.counts.common
    (schema,) = result["schemas"]
    assert schema["schema"] == "indonesia"
    assert schema["frontier"]
    assert schema["best"]["f1"] > 0.95


BOTH = ("--data", "a.csv", "--data", "b.csv")
LABELLED = (*BOTH, "--truth", "truth.csv")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "--simulate 5000,20000"),
        (("--data", "a.csv", "--truth", "truth.csv"), 2, "at least two parties"),
        (BOTH, 2, "--truth"),
        ((*LABELLED, "--simulate", "20,30"), 2, "can't stand beside it"),
        (("--simulate", "20,-3"), 2, "--simulate 20,-3"),
        (("--simulate", "20,30", "names.toml"), 2, "can't be used for simulated registers"),
        ((*LABELLED, "names.toml"), 3, "names.toml can't be used for a.csv"),
        ((*LABELLED, "--chart", "a.svg"), 2, "exists already"),
        ((*BOTH, "--truth", "few.csv"), 3, "b.csv, record 2: the truth has no such id"),
        (("--data", "twice.csv", *LABELLED[2:]), 3, "While encoding twice.csv with the schema"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_left(folder, arguments, code, says):
    (folder / "names.toml").write_text(NAMES)
    (folder / "twice.csv").write_text(PEOPLE + PEOPLE.splitlines()[-1] + "\n")
    (folder / "few.csv").write_text(TRUTH.removesuffix("1,a2,3\n"))
    (folder / "a.svg").touch()
    before = sorted(path.name for path in folder.iterdir())
    done = tune(*arguments, cwd=folder, check=code)
    assert says in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in folder.iterdir() if path.name != "tmp") == before
    assert not [word for word in CANARIES if word in done.stderr]
