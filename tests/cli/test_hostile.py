"""What a wrong, broken or hostile world may do to the command line: no promise breaks."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PPRL = Path(sys.executable).with_name("pprl")
PEOPLE = "id;NIK;Nama Lengkap;Tgl Lahir;JK\n1;6408995503909901;Kenari Aminah;15-03-1990;P\n"
CANARIES = ("640899", "Kenari", "Aminah")


def pprl(*arguments, cwd, check=None, language=("--lang", "en"), **env):
    done = subprocess.run(
        [str(PPRL), *language, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )
    assert "Traceback" not in done.stderr
    if check is not None:
        assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


def in_process(code, cwd):
    """Run the command line inside a script that breaks it first."""
    script = f"import sys\n{code}\nfrom pprl_cli import main\nmain.run(['check', 'people.csv'])"
    return subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE)
    pprl("lab", "key", "--out", "k", cwd=tmp_path, check=0)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("command", ["check", "encode"])
def test_a_file_without_a_header_shows_nobody_even_when_a_column_is_asked_for(folder, command):
    (folder / "people.csv").write_text("Kenari Aminah;P\nBudi;L\n")
    arguments = {
        "check": ("check", "people.csv"),
        "encode": ("lab", "encode", "people.csv", "--secret-file", "k", "--out", "o.arrow"),
    }[command]
    done = pprl(*arguments, "--map", "name=Nama", cwd=folder, check=3)
    assert not [word for word in CANARIES if word in done.stderr + done.stdout]
    assert "is the first row a header?" in done.stderr


def test_a_header_cannot_steer_the_terminal(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("JK", "J\x1b[31mK\u202e"))
    arguments = ("--secret-file", "k", "--out", "o.arrow")
    for done in (
        pprl("lab", "encode", "people.csv", *arguments, cwd=folder, check=3),
        pprl("check", "people.csv", cwd=folder, check=0),
    ):
        assert "[31mK" in done.stderr + done.stdout
        assert not {"\x1b", "\u202e"} & set(done.stderr + done.stdout)


@pytest.mark.parametrize("target", ["k", "s.json", "people.csv"])
def test_a_result_never_replaces_the_key_the_schema_or_the_data(folder, target):
    schema = (
        '{"version": 3, "clkConfig": {"l": 64, "kdf": {"type": "HKDF"}}, "features": [{'
        '"identifier": "NIK", "format": {"type": "string"}, "hashing": {'
        '"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerToken": 5}}}]}'
    )
    (folder / "s.json").write_text(schema)
    (folder / "k.json").symlink_to("k")
    (folder / "people.json").symlink_to("people.csv")
    before = (folder / target).read_bytes()
    out = Path(target).with_suffix(".json")
    arguments = ("--secret-file", "k", "--schema", "s.json", "--out", out, "--force")
    done = pprl("lab", "encode", "people.csv", *arguments, cwd=folder, check=2)
    assert "would be overwritten" in done.stderr
    assert (folder / target).read_bytes() == before


def test_an_encoding_goes_into_a_file_that_says_so(folder):
    arguments = ("--secret-file", "k", "--out", "people.xlsx")
    done = pprl("lab", "encode", "people.csv", *arguments, cwd=folder, check=2)
    assert "FILE.arrow" in done.stderr
    assert not (folder / "people.xlsx").exists()


def test_a_pipe_is_refused_instead_of_waited_for(folder):
    os.mkfifo(folder / "pipe.csv")
    assert "not an ordinary file" in pprl("check", "pipe.csv", cwd=folder, check=3).stderr


def test_a_reader_that_goes_away_ends_the_command_quietly(folder):
    process = subprocess.Popen(
        [PPRL, "check", "people.csv", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert "rror" not in process.stderr.read()
    assert process.wait() == 141
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_an_output_that_cannot_be_written_is_said(folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PPRL, "--lang", "en", "check", "people.csv"],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert "disk is full" in done.stderr
    assert "rror" not in done.stderr


def test_a_terminal_that_lacks_a_letter_shows_its_code(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("JK", "JK (café)"))
    done = pprl("check", "people.csv", cwd=folder, check=0, PYTHONIOENCODING="ascii")
    assert r"caf\xe9" in done.stdout


@pytest.mark.parametrize("stop", ["SIGTERM", "SIGHUP"])
def test_a_shutdown_or_a_closed_terminal_leaves_nothing_half_written(folder, stop):
    before = names(folder)
    sizes = ("--persons-a", "10", "--persons-b", "40000000")
    process = subprocess.Popen(
        [PPRL, "lab", "simulate", *sizes, "--out", "sim"], cwd=folder, stderr=subprocess.PIPE
    )
    while not list(folder.glob("sim/.part-*-b.csv")):
        time.sleep(0.05)
    process.send_signal(getattr(signal, stop))
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert names(folder) == sorted([*before, "sim"])
    assert names(folder / "sim") == []


def test_a_language_nobody_speaks_is_a_usage_error(folder):
    for line in (("--lang", "fr"), ("--lang=",)):
        assert "en, id" in pprl("lab", "schema", "show", cwd=folder, check=2, language=line).stderr


@pytest.mark.parametrize("variables", [{"LANG": "id_ID.UTF-8"}, {"LC_ALL": "id_ID", "LANG": "C"}])
def test_the_language_is_the_locales_even_where_it_is_not_installed(folder, variables):
    clean = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}
    done = pprl("check", "none.csv", cwd=folder, check=3, language=(), **(clean | variables))
    assert "tidak ada" in done.stderr


def test_a_bug_a_warning_and_a_panic_show_no_value(folder):
    raised = (
        "ValueError('6408995503909901 Kenari')",
        "type('PanicException', (BaseException,), {})('Kenari')",
    )
    for error in raised:
        done = in_process(
            "import warnings, pprl.quality\n"
            "def broken(*cells):\n"
            "    warnings.warn('Kenari')\n"
            f"    raise {error}\n"
            "pprl.quality.normalise_name = broken\n"
            "pprl.quality.normalise_nik = broken",
            folder,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "broken" in done.stderr  # where it happened is shown
        assert not [word for word in CANARIES if word in done.stderr + done.stdout]


def test_a_demo_where_a_file_stands_says_so(folder):
    done = pprl("demo", "--families", "20", "--out", "people.csv", cwd=folder, check=2)
    assert "no folder" in done.stderr
    assert (folder / "people.csv").read_text() == PEOPLE


def test_a_population_beyond_all_numbers_is_too_large(folder):
    sizes = ("--persons-a", "10", "--persons-b", 10**23)
    done = pprl("lab", "simulate", *sizes, "--out", "sim", cwd=folder, check=5)
    assert "made-up NIKs" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_or_written_is_said(folder):
    (folder / "closed").mkdir(mode=0o000)
    (folder / "secret.csv").write_text(PEOPLE)
    (folder / "secret.csv").chmod(0o000)
    encode = ("lab", "encode", "people.csv", "--secret-file", "k", "--out")
    for arguments, code in (
        (("check", "closed/people.csv"), 3),
        (("check", "secret.csv"), 3),
        (("lab", "link", "closed/a.arrow", "secret.csv", "--out", "m.csv"), 3),
        (("lab", "link", "secret.csv", "secret.csv", "--out", "m.csv"), 3),
        (("lab", "evaluate", "secret.csv", "--truth", "secret.csv"), 3),
        ((*encode, "closed/o.arrow"), 2),
        (("demo", "--families", "20", "--out", "closed/d"), 2),
        (("lab", "simulate", "--out", "closed/d"), 2),
    ):
        done = pprl(*arguments, cwd=folder, check=code)
        assert "the system doesn't allow it" in done.stderr
    (folder / "closed").chmod(0o700)


def test_an_impatient_user_leaves_nothing_half_written_either(folder):
    sizes = ("--persons-a", "10", "--persons-b", "40000000")
    process = subprocess.Popen(
        [PPRL, "lab", "simulate", *sizes, "--out", "sim"], cwd=folder, stderr=subprocess.PIPE
    )
    while not list(folder.glob("sim/.part-*-b.csv")):
        time.sleep(0.05)
    for pause in (0.3, 0.01, 0.01):
        threading.Event().wait(pause)
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert names(folder / "sim") == []
