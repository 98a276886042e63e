"""``pprl assign`` as a user runs it, on the results of a demo's run."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

PPRL = Path(sys.executable).with_name("pprl")
DAY = ("--day", "2024-12-31")


def pprl(*arguments, cwd, check=0, lang="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", lang, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a finished demo."""
    folder = tmp_path_factory.mktemp("assign")
    pprl("demo", "--families", 150, "--out", "d", cwd=folder)
    return folder


def assign(folder, *more, check=0, data="d/data/krs.csv", lang="en"):
    at = ("--home", "d/parties/dppkb", "--passphrase-file", "d/parties/dppkb/passphrase")
    words = ("assign", data, "--run", "d/exchange", *at, *DAY, "--csv-only", *more)
    return pprl(*words, cwd=folder, check=check, lang=lang)


def test_every_family_is_counted_and_lists_are_masked(run, tmp_path):
    done = json.loads(assign(run, "--out", tmp_path / "w", "--json").stdout)
    assert sum(done["families"].values()) == 150
    assert done["families"]["matched"] > 100
    assert sum(done["institutions"].values()) >= done["assignments"] > 300
    lists = list((tmp_path / "w").glob("*/*.csv"))
    assert len({path.parent.name for path in lists}) == len(done["institutions"])
    with (run / "d/data/krs.csv").open(newline="") as file:
        niks = {row["nik"] for row in csv.DictReader(file, delimiter=";") if len(row["nik"]) == 16}
    for path in lists:
        text = path.read_text()
        assert not any(nik in text for nik in niks), path.name
    assert os.name == "nt" or (tmp_path / "w").stat().st_mode & 0o077 == 0
    assert "exists" in assign(run, "--out", tmp_path / "w", check=2).stderr
    page = tmp_path / "laporan.html"
    assign(run, "--out", tmp_path / "w", "--force", "--report", page, lang="id")
    text = page.read_text(encoding="utf-8")
    assert "desil" in text.lower()
    assert not any(nik in text for nik in niks)
    public = tmp_path / "umum.html"
    assign(run, "--out", tmp_path / "v", "--report", public, "--public")
    assert len(public.read_text()) < len(text)


def test_a_district_adds_rules_and_a_wrong_one_is_named(run, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        """
        [[rule]]
        id = "KT01"
        need = "pendapatan"
        unit = "family"
        when = "desil <= 10"
        priority = 1
        program = "Kunjungan"
        institution = ["Kantor Camat"]
        legal_basis = "uji"
        verified = "no"
        valid_from = 2024-01-01
        facts = ["desil"]
        """
    )
    done = json.loads(assign(run, "--out", tmp_path / "w", "--rules", own, "--json").stdout)
    assert done["institutions"]["Kantor Camat"] > 100
    own.write_text(own.read_text().replace("desil <= 10", "dsil <= 10"))
    said = assign(run, "--out", tmp_path / "x", "--rules", own, check=2).stderr
    assert "KT01" in said
    assert "dsil" in said
    assert not (tmp_path / "x").exists()


def test_a_run_after_a_run_says_what_is_new(run, tmp_path):
    assign(run, "--out", tmp_path / "first")
    again = assign(run, "--out", tmp_path / "second", "--previous", tmp_path / "first", "--json")
    changes = json.loads(again.stdout)["changes"]
    assert set(changes) == {"kept"}
    said = assign(run, "--out", tmp_path / "x", "--previous", run / "d/data", check=3).stderr
    assert said


def test_what_has_changed_is_in_the_report_and_on_the_terminal(run, tmp_path):
    assign(run, "--out", tmp_path / "first")
    path = tmp_path / "first/families.parquet"
    before = pq.read_table(path)
    poorer = pc.if_else(pc.equal(before["desil"], 5), 4, before["desil"]).cast(pa.int8())
    at = before.column_names.index("desil")
    pq.write_table(before.set_column(at, before.schema.field("desil"), poorer), path)
    page = tmp_path / "report.html"
    later = ("--out", tmp_path / "second", "--previous", tmp_path / "first", "--day", "2025-03-31")
    said = assign(run, *later, "--report", page).stderr
    assert "since 2024-12-31: assignments new " in said
    moved = re.search(r"desil higher (\d+), lower 0", said)
    assert int(moved[1]) == pc.sum(pc.equal(before["desil"], 5)).as_py() > 0
    text = page.read_text()
    assert "What has changed since 31 December 2024" in text


def test_decisions_of_both_offices_are_applied_and_wrong_ones_named(run, tmp_path):
    assign(run, "--out", tmp_path / "w")
    lists = "".join(path.read_text() for path in (tmp_path / "w").glob("*/*.csv"))
    cases = sorted(set(re.findall(r"\b\d{4}-\d{4}-\d{4}\b", lists)))
    review = tmp_path / "keputusan.csv"
    again = ("--out", tmp_path / "v", "--review", review)
    review.write_text("kasus,keputusan\n5541-9913-5843,ya\n")
    assert "row 2: no family for review" in assign(run, *again, check=3).stderr
    assert not (tmp_path / "v").exists()
    if cases:
        review.write_text(f"kasus;keputusan;catatan\n{cases[0]};ya;\n")
        done = json.loads(assign(run, *again, "--json").stdout)
        assert done["decisions"] == {"accepted": 1, "refused": 0, "undecided": len(cases) - 1}


def test_what_a_kill_leaves_is_gone_after_the_next_run(run, tmp_path):
    at = ("--home", "d/parties/dppkb", "--passphrase-file", "d/parties/dppkb/passphrase")
    words = ("assign", "d/data/krs.csv", "--run", "d/exchange", *at, *DAY, "--out", tmp_path / "w")
    command = subprocess.Popen(
        [str(PPRL), *map(str, words)], cwd=run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while command.poll() is None and not list(tmp_path.glob(".part-*/*/*.csv")):
        time.sleep(0.005)
    command.kill()
    command.wait()
    assert command.returncode != 0, "it was quicker than the kill"
    assert not (tmp_path / "w").exists()
    assert list(tmp_path.glob(".part-*"))
    assign(run, "--out", tmp_path / "w")
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_a_result_counts_only_when_the_run_is_closed(run, tmp_path):
    shutil.copytree(run / "d", tmp_path / "d")
    [log] = tmp_path.glob("d/exchange/*/log/coordinator")
    (log / "000002.json").unlink()
    for seen in tmp_path.glob("d/parties/dppkb/runs/*/compared"):
        seen.unlink()
    said = assign(tmp_path, "--out", "w", check=7).stderr
    assert "--provisional" in said
    assert not (tmp_path / "w").exists()
    done = json.loads(assign(tmp_path, "--out", "w", "--provisional", "--json").stdout)
    assert done["provisional"]


def test_what_is_wrong_is_said_in_one_line(run, tmp_path):
    out = ("--out", tmp_path / "w")
    other = assign(run, *out, data="d/data/dtsen.csv", check=3).stderr
    assert "records that this file doesn't have" in other or "dtsen.csv" in other
    assert "nothing" in assign(run, *out, "--register", "nothing", check=2).stderr
    assert "2026-12-31" in assign(run, *out, "--day", "kemarin", check=2).stderr
    assert "village" in assign(run, *out, "--split", "rt", check=2).stderr
    assert assign(run, *out, "--review", "nowhere.csv", check=3).stderr
    page = ("--report", tmp_path / "w/laporan.html")
    assert "Put it beside the folder" in assign(run, *out, *page, check=2).stderr
    assert "--report" in assign(run, *out, "--public", check=2).stderr
    assert not (tmp_path / "w").exists()
    (tmp_path / "desa.txt").write_text("6408999999\n")
    listed = ("--villages", tmp_path / "desa.txt")
    shown = assign(run, *out, *listed, "--split", "companion", lang="id").stderr
    assert "1 dari 1 desa" in shown
    assert "keluarga" in shown
