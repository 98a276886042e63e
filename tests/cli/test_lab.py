"""The laboratory commands as a user runs them: separate processes, real files, exit codes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PPRL = Path(sys.executable).with_name("pprl")
CANARIES = ("6408995503909901", "6408 9955", "KENARI", "Kenari", "kenari")


def pprl(*arguments, cwd, check=None, env=None):
    done = subprocess.run(
        [str(PPRL), "--lang", "en", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | (env or {}),
    )
    if check is not None:
        assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


@pytest.fixture
def key(tmp_path):
    pprl("lab", "key", "--out", "k", cwd=tmp_path, check=0)
    return tmp_path / "k"


PEOPLE = """id;NIK;Nama Lengkap;Tgl Lahir;JK
1;6408995503909901;Kenari Aminah;15-03-1990;P
2;6408990101700001;Budi Santoso;01-01-1970;L
"""


def write(folder, text=PEOPLE, name="people.csv"):
    path = folder / name
    path.write_text(text)
    return path


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_way_from_simulation_to_evaluation(tmp_path, key):
    sizes = ("--persons-a", 800, "--persons-b", 2000, "--overlap", 0.5, "--damage", "clean")
    pprl("lab", "simulate", *sizes, "--seed", 3, "--out", "sim", cwd=tmp_path, check=0)
    assert {"a.csv", "b.csv", "truth.csv"} <= set(files(tmp_path / "sim"))
    for name in ("a", "b"):
        arguments = ("--secret-file", key, "--out", f"{name}.arrow")
        pprl("lab", "encode", f"sim/{name}.csv", *arguments, cwd=tmp_path, check=0)
    linked = pprl(
        "lab", "link", "a.arrow", "b.arrow", "--out", "matches.csv", "--json", cwd=tmp_path, check=0
    )
    assert json.loads(linked.stdout)["records"] == [800, 2000]
    with (tmp_path / "matches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "group", "party", "id", "similarity", "tier", "band", "precision", "explanation",
    ]  # fmt: skip
    assert {row["party"] for row in rows} == {"0", "1"}
    done = pprl(
        "lab", "evaluate", "matches.csv", "--truth", "sim/truth.csv", "--json",
        cwd=tmp_path, check=0,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["precision"] > 0.95
    assert result["recall"] > 0.95
    shown = pprl(
        "lab", "evaluate", "matches.csv", "--truth", "sim/truth.csv", cwd=tmp_path, check=0
    )
    assert "precision" in shown.stdout


def test_three_registers_become_groups_of_up_to_three(tmp_path, key):
    pprl(
        "lab", "simulate", "--persons-a", 300, "--persons-b", 400, "--parties", 3,
        "--damage", "clean", "--out", "sim", cwd=tmp_path, check=0,
    )  # fmt: skip
    for name in "abc":
        arguments = ("--secret-file", key, "--out", f"{name}.arrow")
        pprl("lab", "encode", f"sim/{name}.csv", *arguments, cwd=tmp_path, check=0)
    pprl("lab", "link", "a.arrow", "b.arrow", "c.arrow", "--out", "m.csv", cwd=tmp_path, check=0)
    with (tmp_path / "m.csv").open(newline="") as file:
        groups = {}
        for row in csv.DictReader(file):
            groups.setdefault(row["group"], []).append(row["party"])
    assert max(map(len, groups.values())) == 3
    assert all(len(set(parties)) == len(parties) for parties in groups.values())


def test_clkhash_schema_in_clk_json_out(tmp_path, key):
    schema = {
        "version": 3,
        "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}},
        "features": [
            {
                "identifier": "Nama Lengkap",
                "format": {"type": "string"},
                "hashing": {
                    "comparison": {"type": "ngram", "n": 2},
                    "strategy": {"bitsPerToken": 5},
                },
            }
        ],
    }
    (tmp_path / "s.json").write_text(json.dumps(schema))
    write(tmp_path)
    arguments = ("--secret-file", key, "--schema", "s.json", "--out", "c.json")
    pprl("lab", "encode", "people.csv", *arguments, cwd=tmp_path, check=0)
    assert len(json.loads((tmp_path / "c.json").read_text())["clks"]) == 2
    pprl("lab", "link", "c.json", "c.json", "--out", "m.csv", cwd=tmp_path, check=0)
    written = (tmp_path / "m.csv").read_text().splitlines()
    assert [",".join(row.split(",")[:6]) for row in written[1:3]] == [
        "0,0,0,1.000000,filter,accept",
        "0,1,0,1.000000,filter,accept",
    ]


def test_a_repeated_command_says_that_the_result_exists_and_force_replaces_it(tmp_path, key):
    write(tmp_path)
    command = ("lab", "encode", "people.csv", "--secret-file", key, "--out", "out.arrow")
    pprl(*command, cwd=tmp_path, check=0)
    before = (tmp_path / "out.arrow").read_bytes()
    again = pprl(*command, cwd=tmp_path, check=2)
    assert "exists already" in again.stderr
    assert "--force" in again.stderr
    pprl(*command, "--force", cwd=tmp_path, check=0)
    assert (tmp_path / "out.arrow").read_bytes() == before


BROKEN = {
    "ragged": (PEOPLE + "3;1;2\n", "row 4"),
    "unclosed": (PEOPLE + '3;;"Kenari;01-01-1980;L\n', "row 4"),
    "nul": (PEOPLE + "3;;Ken\0ari;01-01-1980;L\n", "row 4"),
    "repeated id": (PEOPLE + "1;;Kenari;01-01-1980;L\n", "row 4 has the same id as row 2"),
    "no id": (PEOPLE + ";;Kenari;01-01-1980;L\n", "row 4 has no id"),
    "empty": ("", "is empty"),
    "header only": (PEOPLE.splitlines()[0] + "\n", "no rows"),
    "missing column": (PEOPLE.replace("Tgl Lahir", "Kenari"), "--map birth_date=COLUMN"),
    "no header": ("Kenari Aminah;Samarinda\nBudi;Sangatta\n", "no column was recognised"),
    "two columns of one name": (PEOPLE.replace("JK", "NIK"), "two columns"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_gets_one_clear_line_and_leaves_nothing(tmp_path, key, case):
    text, says = BROKEN[case]
    write(tmp_path, text)
    before = files(tmp_path)
    arguments = ("--secret-file", key, "--out", "out.arrow")
    done = pprl("lab", "encode", "people.csv", *arguments, cwd=tmp_path, check=3)
    assert says in done.stderr
    assert files(tmp_path) == before
    header_is_data = case == "missing column"  # here the word is a column's name
    assert not [word for word in CANARIES if word in done.stderr and not header_is_data]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("people.csv", "--secret-file", "none", "--out", "o.arrow"), 2, "no key file"),
        (("people.csv", "--secret-file", "short", "--out", "o.arrow"), 2, "at least 16"),
        (("people.csv", "--secret-file", "open", "--out", "o.arrow"), 2, "chmod 600"),
        (("none.csv", "--secret-file", "k", "--out", "o.arrow"), 3, "none.csv"),
        ((".", "--secret-file", "k", "--out", "o.arrow"), 3, "folder"),
        (("people.csv", "--secret-file", "k", "--out", "no/o.arrow"), 2, "folder"),
        (("people.csv", "--secret-file", "k", "--out", "people.csv", "--force"), 2, "people.csv"),
        (("people.csv", "--secret-file", "k", "--out", "o.arrow", "--id", "x"), 3, "column x"),
        (("people.csv", "--secret-file", "k", "--out", "o.arrow", "--id", "NIK"), 2, "NIKs"),
        (("people.csv", "--secret-file", "k", "--out", "o.arrow", "--map", "x"), 2, "field=COLUMN"),
        (("people.csv", "--secret-file", "k", "--out", "o.arrow", "--schema", "x"), 2, "schema x"),
        (("people.csv", "--out", "o.arrow"), 2, "secret-file"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, key, arguments, code, says):
    assert key.exists()
    write(tmp_path)
    for name, mode, content in (("short", 0o600, b"x"), ("open", 0o644, b"x" * 32)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    before = files(tmp_path)
    done = pprl("lab", "encode", *arguments, cwd=tmp_path, check=code)
    assert says in done.stderr
    assert files(tmp_path) == before
    assert (tmp_path / "people.csv").read_text() == PEOPLE


def test_files_of_different_keys_are_refused_with_the_difference(tmp_path, key):
    write(tmp_path)
    pprl("lab", "key", "--out", "other", cwd=tmp_path, check=0)
    for name, secret in (("a", key), ("b", "other")):
        arguments = ("--secret-file", secret, "--out", f"{name}.arrow")
        pprl("lab", "encode", "people.csv", *arguments, cwd=tmp_path, check=0)
    done = pprl("lab", "link", "a.arrow", "b.arrow", "--out", "m.csv", cwd=tmp_path, check=2)
    assert "key_check" in done.stderr
    assert not (tmp_path / "m.csv").exists()


def test_a_broken_encoded_file_is_the_peers_fault(tmp_path, key):
    assert key.exists()
    (tmp_path / "a.arrow").write_bytes(b"ARROW1\0\0 and nothing more")
    done = pprl("lab", "link", "a.arrow", "a.arrow", "--out", "m.csv", cwd=tmp_path, check=4)
    assert "not a whole encoded file" in done.stderr


def test_messages_are_spoken_in_indonesian_when_asked(tmp_path):
    done = pprl("lab", "key", "--out", "k", "--lang", "id", cwd=tmp_path, check=0)
    assert "Kunci pertautan" in done.stderr
    again = pprl("lab", "key", "--out", "k", cwd=tmp_path, env={"LC_ALL": "C"}, check=2)
    assert "never overwritten" in again.stderr


def test_an_interrupted_encode_leaves_nothing_half_written(tmp_path, key):
    sizes = ("--persons-a", 10, "--persons-b", 400_000)
    pprl("lab", "simulate", *sizes, "--out", "sim", cwd=tmp_path, check=0)
    before = files(tmp_path)
    command = [PPRL, "lab", "encode", "sim/b.csv", "--secret-file", key, "--out", "o.arrow"]
    for pause in (0.05, 0.6, 1.2):
        process = subprocess.Popen(
            list(map(str, command)), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if process.returncode == 0:  # it was quicker than the pause
            (tmp_path / "o.arrow").unlink()
            continue
        assert files(tmp_path) == before, said
        if pause > 0.5:  # before that, Python itself is still starting and says so in its own way
            assert process.returncode in {130, -signal.SIGINT}, said


def test_the_built_in_schema_is_shown_with_its_digest(tmp_path):
    done = pprl("lab", "schema", "show", cwd=tmp_path, check=0)
    assert 'name = "indonesia"' in done.stdout
    (tmp_path / "s.toml").write_text(done.stdout)
    again = pprl("lab", "schema", "show", "s.toml", cwd=tmp_path, check=0)
    assert again.stderr == done.stderr
    assert "digest" in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("lab",), ("lab", "schema"), ("--help",), ("check", "-h")]
)
def test_help_is_shown(tmp_path, arguments):
    done = pprl(*arguments, cwd=tmp_path)
    assert "Usage: pprl" in done.stdout + done.stderr


def test_a_command_that_does_not_exist_is_a_usage_error(tmp_path):
    done = pprl("lab", "lnik", cwd=tmp_path, check=2)
    assert "lnik" in done.stderr


def test_help_imports_none_of_the_heavy_packages(tmp_path):
    code = (
        "import sys\nfrom pprl_cli import main\n"
        "try:\n    main.run(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'numba', 'pyarrow', 'duckdb', 'scipy', 'pydantic'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "heavy: []" in done.stderr


def test_a_bug_shows_where_it_happened_and_no_data():
    code = (
        "from pprl_cli import ui\n"
        "def parse(cell):\n    return int(cell)\n"
        "try:\n    parse('6408995503909901 KENARI')\n"
        "except ValueError as error:\n    code = ui.confess(error)\nraise SystemExit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError" in done.stderr
    assert "parse" in done.stderr
    assert not [word for word in CANARIES if word in done.stderr]
