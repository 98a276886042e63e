"""``pprl check --register``: what a profile recognises, and what of it may leave."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PPRL = Path(sys.executable).with_name("pprl")
FAMILIES = """id_keluarga;nama_kepala_keluarga;nik_istri;nama_istri;Jamban Layak;catatan
F1;RAHASIABUDI;6408995503909901;RAHASIASITI;Ya;x
F2;RAHASIATONO;123;RAHASIAANI;Tidak;y
"""
MEMBERS = '[[member]]\nrelation = "head"\ncolumns = { name = "nama_kepala_keluarga" }\n'


def check(*arguments, cwd, code=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "RAHASIA" not in done.stdout + done.stderr
    assert "6408995503909901" not in done.stdout + done.stderr
    return done


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "krs.csv"
    path.write_text(FAMILIES)
    return path


def test_the_profile_says_what_each_column_is_and_what_may_leave(register):
    said = json.loads(check(register, "--register", "krs", "--json", cwd=register.parent).stdout)
    found = said["register"]
    assert found["by_family"]
    assert found["columns"]["latrine_ok"] == "Jamban Layak"
    assert found["columns"]["spouse.nik"] == "nik_istri"
    assert found["unrecognised"] == ["catatan"]
    assert [each["name"] for each in found["may_be_released"]] == ["latrine_ok"]
    assert said["records"] == 4
    assert said["counts"]["nik"]["len_short"] == 1


@pytest.mark.parametrize(("language", "words"), [("en", "released"), ("id", "diserahkan")])
def test_it_is_said_in_both_languages(register, language, words):
    said = check(register, "--register", "krs", cwd=register.parent, language=language)
    assert words in said.stdout
    assert "nik_istri" in said.stdout


def test_problems_are_listed_by_the_row_of_the_file(register):
    check(register, "--register", "krs", "--rows", "rows.csv", cwd=register.parent)
    assert "3,nik,nik_len_short" in (register.parent / "rows.csv").read_text()


def test_a_members_file_says_which_columns_are_whose(register):
    (register.parent / "members.toml").write_text(MEMBERS)
    said = check(register, "--members", "members.toml", "--json", cwd=register.parent)
    found = json.loads(said.stdout)
    assert found["records"] == 2
    assert (found["register"]["name"], found["register"]["may_be_released"]) == (None, [])


def test_an_unknown_register_and_a_wrong_profile_are_one_line_each(register):
    said = check(register, "--register", "krss", cwd=register.parent, code=2)
    assert "there is no register krss" in said.stderr
    (register.parent / "own.toml").write_text('unit = "house"\n')
    said = check(register, "--register", "own.toml", cwd=register.parent, code=2)
    assert said.stderr.startswith("pprl: own.toml, ")


MEMBER_ROWS = """id_anggota;id_keluarga;nama;hubungan;kode_desa;jamban_layak;desil
1;F1;RAHASIABUDI;Kepala Keluarga;6408012001;Ya;3
2;F1;RAHASIASITI;Istri;6408012001;Ya;3
3;F2;RAHASIATONO;Kepala Keluarga;6408012001;Tidak;4
"""


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("krs", "2;F1;", "2;;", "row 3: no family id"),
        ("dtsen", "Tidak;4", "Tidak;11", "row 4: a number in column desil outside 1 to 10"),
        ("dtsen", "Tidak;4", "Tidak;0", "row 4: a number in column desil outside 1 to 10"),
    ],
)
def test_what_would_stop_the_other_commands_is_said_with_its_row_after_the_rest(
    register, name, old, new, said
):
    register.write_text(MEMBER_ROWS.replace(old, new))
    done = check(register, "--register", name, cwd=register.parent, code=3)
    assert "3 records" in done.stdout
    assert said in done.stderr


def test_cells_that_are_not_understood_are_counted_with_a_row(register):
    text = MEMBER_ROWS.replace("Tidak;4", "entah;4").replace("Istri;6408012001", "Istri;6408012002")
    register.write_text(text)
    said = check(register, "--register", "krs", cwd=register.parent).stderr
    assert "column jamban_layak: 1 cells hold words that aren't known, the first in row 4" in said
    assert "in different desa, for example the one of row 3" in said
    found = json.loads(check(register, "--register", "krs", "--json", cwd=register.parent).stdout)[
        "notes"
    ]
    assert {"register.unread", "register.two_desa"} <= {each["code"] for each in found}


def test_a_family_id_in_two_places_is_refused_with_both_rows(register):
    register.write_text(FAMILIES + FAMILIES.splitlines()[1] + "\n")
    said = check(register, "--register", "krs", cwd=register.parent, code=3)
    assert "row 4: the family id of row 2 again" in said.stderr
