"""``pprl audit`` as an auditor runs it: folders and files, exits, languages, pages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocol.federation import PASSPHRASE, RUN, record

PPRL = Path(sys.executable).with_name("pprl")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def closed(recorded, tmp_path):
    return recorded.at("closed", tmp_path / "closed").folder


def pprl(*arguments, cwd, check=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "audit", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == check, done.stderr + done.stdout
    return done


def pins(folder):
    return folder / "inspektorat" / "pins.toml"


def test_a_whole_run_passes_with_the_verdict_first_and_the_digest_last(recorded, closed):
    lines = pprl("exchange", "--trust", pins(closed), cwd=closed).stdout.splitlines()
    assert lines[0].startswith("PASS")
    assert [line[:8] for line in lines if line[:1].isdigit()][:6] == [
        f"{number}. pass:"[:8] for number in range(1, 7)
    ]
    digits = "".join(part for part in lines[-2].split(":")[1].split() if len(part) == 4)
    assert digits == recorded.digest


def test_without_pins_the_first_line_says_so_in_either_language(closed):
    first = pprl("exchange", cwd=closed).stdout.splitlines()[0]
    assert first.startswith("IDENTITIES NOT VERIFIED")
    indonesian = pprl("exchange", cwd=closed, language="id").stdout.splitlines()
    assert indonesian[0].startswith("IDENTITAS BELUM DIVERIFIKASI")
    assert indonesian[1].startswith("LULUS")


def test_the_folder_of_the_run_or_an_exported_file_elsewhere_say_the_same(closed, tmp_path):
    whole = pprl("exchange", "--json", "--export", "run.json", cwd=closed)
    assert "run.json" in whole.stderr
    of_folder = pprl(Path("exchange") / RUN, "--json", cwd=closed)
    assert of_folder.stdout == whole.stdout
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(closed / "run.json", elsewhere)
    shutil.copy(pins(closed), elsewhere / "trusted.toml")
    packed = json.loads(pprl("run.json", "--json", cwd=elsewhere).stdout)
    report = json.loads(whole.stdout)
    assert (packed["status"], packed["transcript"]) == ("pass", report["transcript"])
    assert packed["identities"] == "not verified"


def test_pins_must_hold_every_party(closed):
    lines = pins(closed).read_text().splitlines(keepends=True)
    (closed / "trusted.toml").write_text("".join(x for x in lines if not x.startswith("kemensos")))
    done = pprl("exchange", "--trust", "trusted.toml", cwd=closed, check=4)
    assert done.stdout.startswith("FAIL")
    assert "fail, kemensos: " in done.stdout
    assert "[protocol.not_pinned]" in done.stdout


def test_a_fault_exits_with_four_and_names_entry_and_rule(closed):
    path = closed / "exchange" / RUN / "log" / "bkkbn" / "000001.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-3])
    done = pprl("exchange", cwd=closed, check=4)
    assert "fail, bkkbn/1: " in done.stdout
    assert "[protocol.not_json]" in done.stdout


def test_an_open_run_exits_with_seven(recorded, tmp_path):
    folder = recorded.at("linked", tmp_path).folder
    done = pprl("exchange", "--json", cwd=folder, check=7)
    assert json.loads(done.stdout)["status"] == "incomplete"


@pytest.mark.parametrize("option", ["--html", "--export"])
def test_a_file_is_replaced_only_when_told_so(closed, option):
    (closed / "out").write_text("kept")
    done = pprl("exchange", option, "out", cwd=closed, check=2)
    assert "--force" in done.stderr
    assert (closed / "out").read_text() == "kept"
    pprl("exchange", option, "out", "--force", cwd=closed)
    assert (closed / "out").read_text() != "kept"


def test_one_file_for_two_results_is_refused(closed):
    pprl("exchange", "--html", "out", "--export", "./out", cwd=closed, check=2)
    assert not (closed / "out").exists()


def test_the_exported_file_is_never_overwritten_by_its_own_audit(closed):
    pprl("exchange", "--export", "run.json", cwd=closed)
    kept = (closed / "run.json").read_bytes()
    pprl("run.json", "--html", "run.json", "--force", cwd=closed, check=2)
    assert (closed / "run.json").read_bytes() == kept


def test_the_page_is_written_also_when_the_audit_fails_and_in_the_language_asked_for(closed):
    (closed / "exchange" / RUN / "log" / "bps" / "000009.json").write_bytes(b"{}")
    pprl("exchange", "--html", "page.html", cwd=closed, check=4, language="id")
    page = (closed / "page.html").read_text(encoding="utf-8")
    assert '<html lang="id">' in page
    assert "GAGAL" in page


def test_an_export_that_cannot_be_made_leaves_no_file_and_the_report_is_said(closed):
    path = closed / "exchange" / RUN / "log" / "bkkbn" / "000001.json"
    path.chmod(0o600)
    path.write_bytes(b"\xff")
    done = pprl("exchange", "--export", "run.json", cwd=closed, check=4)
    assert done.stdout.startswith("IDENTITIES")
    assert "bkkbn" in done.stderr
    assert not (closed / "run.json").exists()


def test_earlier_runs_may_be_files_or_folders(closed):
    pprl("exchange", "--export", "run.json", cwd=closed)
    named = ("run.json", "exchange", Path("exchange") / RUN)
    done = pprl("exchange", *(part for one in named for part in ("--earlier", one)), cwd=closed)
    assert done.stdout.count("[audit.earlier_same]") == len(named)


@pytest.mark.parametrize(
    ("run", "code"), [("nothing", 2), ("empty", 4), ("bkkbn", 2), ("inspektorat/party.toml", 4)]
)
def test_what_is_no_run_is_refused_in_one_line(closed, run, code):
    (closed / "empty").write_bytes(b"")
    done = pprl(run, cwd=closed, check=code)
    assert done.stderr.startswith("pprl: ")
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_the_coordinator_links_again_as_check_seven(recorded, tmp_path):
    folder = recorded.at("received", tmp_path).folder
    (folder / "passphrase").write_bytes(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    home = ("--home", "bps", "--passphrase-file", "passphrase")
    done = pprl("exchange", "--reexecute", *home, "--json", cwd=folder, check=7)
    assert json.loads(done.stdout)["checks"][6]["status"] in {"pass", "not_applicable"}
