"""``pprl check``: what is wrong with a register, by reason and row, never by value."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

PPRL = Path(sys.executable).with_name("pprl")
HEADER = "id;NIK;Nama Lengkap;Tgl Lahir;JK;desil\n"
ROWS = """1;6408995503909901;Kenari Aminah;15-03-1990;P;1
2;6408 9901 0170 0001;H. Kenari Budi, S.Pd;01-01-1970;L;2
3;6,40899E+15;-;31-02-1980;X;3
4;TIDAK ADA;名前;;;
5;6408995503909901;Alm. Kenari Cut;1990-03-16;Perempuan;5
"""
VALUES = ("6408995503909901", "0170", "6,40899", "Kenari", "名前", "1990", "31-02")


def check(*arguments, cwd, code=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert not [value for value in VALUES if value in done.stdout + done.stderr]
    return done


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "krs.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_findings_are_counted_by_reason(register, tmp_path):
    found = json.loads(check(register, "--json", cwd=tmp_path).stdout)
    assert found["records"] == 5
    assert found["roles"]["name"] == "Nama Lengkap"
    assert found["missing"] == {
        "id": 0, "NIK": 0, "Nama Lengkap": 0, "Tgl Lahir": 1, "JK": 1, "desil": 1
    }  # fmt: skip
    counts = found["counts"]
    assert (counts["nik"]["ok"], counts["nik"]["ok_cleaned"], counts["nik"]["missing"]) == (2, 1, 1)
    assert (counts["name"]["missing"], counts["name"]["lost"], counts["name"]["deceased"]) == (
        1, 1, 1
    )  # fmt: skip
    dates = counts["birth_date"]
    assert (dates["missing"], dates["impossible"], dates["default"]) == (1, 1, 1)
    assert (counts["sex"]["missing"], counts["sex"]["unknown"]) == (1, 1)
    assert (found["repeated_niks"], found["repeated_nik_records"]) == (1, 2)
    assert "nik_repeated" in found["advice"]


def test_problems_are_listed_by_row_column_and_reason(register, tmp_path):
    done = check(register, "--rows", tmp_path / "mend.csv", cwd=tmp_path)
    assert "mend.csv" in done.stderr
    with (tmp_path / "mend.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    listed = {(int(row["row"]), row["column"], row["reason"]) for row in rows}
    assert {
        (3, "Tgl Lahir", "birth_date_default"),
        (4, "Tgl Lahir", "birth_date_impossible"),
        (4, "JK", "sex_unknown"),
        (5, "Nama Lengkap", "name_lost"),
        (5, "NIK", "nik_missing"),
        (6, "NIK", "nik_dob_mismatch"),
        (2, "NIK", "nik_repeated"),
        (6, "NIK", "nik_repeated"),
    } <= listed
    text = (tmp_path / "mend.csv").read_text()
    assert not [value for value in VALUES if value in text]


def test_the_list_is_not_overwritten_and_never_the_register(register, tmp_path):
    (tmp_path / "mend.csv").write_text("mine")
    check(register, "--rows", "mend.csv", cwd=tmp_path, code=2)
    assert (tmp_path / "mend.csv").read_text() == "mine"
    check(register, "--rows", register, "--force", cwd=tmp_path, code=2)
    assert register.read_text() == HEADER + ROWS


def test_a_nik_column_that_went_through_a_spreadsheet_is_told_how_to_be_exported(tmp_path):
    path = tmp_path / "excel.csv"
    lines = (
        f"{i};64089915039{i:04d}0;Kenari;15-03-1990;L;1" for i in range(100, 200)
    )  # the last digit of every NIK has become 0
    path.write_text(HEADER + "\n".join(lines) + "\n")
    found = json.loads(check(path, "--json", cwd=tmp_path).stdout)
    assert found["spreadsheet_damage"] is True
    assert found["zero_share"] == 1.0
    assert "Data > From Text/CSV" in check(path, cwd=tmp_path).stdout


def test_a_good_register_needs_nothing(tmp_path):
    path = tmp_path / "good.csv"
    path.write_text(HEADER + ROWS.splitlines()[0] + "\n")
    assert "Nothing to mend" in check(path, cwd=tmp_path).stdout


def test_the_same_is_said_in_indonesian(register, tmp_path):
    done = check(register, cwd=tmp_path, language="id")
    assert "Yang perlu dilakukan:" in done.stdout
    assert "hari itu tidak ada" in done.stdout


def test_a_column_can_be_named_and_a_wrong_name_is_refused(register, tmp_path):
    register.write_text((HEADER + ROWS).replace("Nama Lengkap", "sebutan"))
    found = json.loads(check(register, "--map", "name=sebutan", "--json", cwd=tmp_path).stdout)
    assert found["roles"]["name"] == "sebutan"
    assert "no_name" in json.loads(check(register, "--json", cwd=tmp_path).stdout)["advice"]
    check(register, "--map", "name=nothing", cwd=tmp_path, code=3)
