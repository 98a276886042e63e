"""The folder that is handed over: opened again as the offices would."""

import csv
import hashlib
import resource
import stat
import zipfile
from datetime import date
from functools import cache

import pyarrow as pa
import pytest
from python_calamine import CalamineWorkbook

from pprl.errors import ConfigError, LimitError
from pprl.interventions.assign import assign
from pprl.interventions.folder import publish_folder
from pprl.interventions.masking import mask_niks
from pprl.interventions.previous import compare, read_previous
from pprl.interventions.review import case_numbers, number_cases, read_decisions
from pprl.interventions.rules import load_rules
from pprl.interventions.worklists import write_worklists

DAY = date(2026, 2, 1)
RULES = load_rules()
NIK = "6408995503909901"


def register(**changes):
    place = {"district": "640801", "district_name": "Muara Ancalong", "village": "6408012003",
             "village_name": "Kelinjau Hulu", "companion": "Ibu Rahmah"}  # fmt: skip
    rows = [
        place | {"family": "F1", "match_status": "matched", "desil": 2, "latrine_ok": False,
                 "head": "=HYPERLINK(1)", "kk_number": "6408990000000001", "sembako": False},
        place | {"family": "F2", "match_status": "matched", "desil": 5, "sembako": False,
                 "village": "6408012004", "village_name": "Kelinjau Ilir", "companion": None,
                 "head": "+62 812"},
        place | {"family": "F3", "match_status": "none", "district": "640804",
                 "district_name": "../Sangatta/Utara", "head": "@SITI"},
        place | {"family": "F4", "match_status": "review", "match_number": "ab" * 16,
                 "district": None, "district_name": None, "head": None},
    ]  # fmt: skip
    rows = [row | changes for row in rows]
    columns = dict.fromkeys(name for row in rows for name in row)
    families = pa.table({name: [row.get(name) for row in rows] for name in columns})
    members = {
        "family": ["F1", "F1", "F4"], "member": ["1", "2", "1"],
        "relation": ["head", "child", "head"],
        "name": ["=HYPERLINK(1)", "-BUDI", "TUTI"], "sex": ["P", "L", "P"], "age": [35, 12, 60],
        "birth_date": [date(1990, 3, 15), date(2013, 5, 1), None],
        "nik": [NIK, "64089901051399", "6408990000000002"], "jkn_active": [True, False, True],
        "nik_status": ["usable", "len_short", "usable"],
    }  # fmt: skip
    return number_cases(families), pa.table(members)


@cache
def assigned(language="id", day=DAY, **changes):
    return assign(*register(**changes), RULES, day=day, language=language)


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_xlsx(path):
    titles, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    return [dict(zip(titles, row, strict=True)) for row in rows]


def lists(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*.csv"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def digest(folder):
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return [
        (str(each.relative_to(folder)), hashlib.sha256(each.read_bytes()).hexdigest())
        for each in files
    ]


def test_there_is_a_list_for_every_institution_and_kecamatan(tmp_path):
    out = tmp_path / "out"
    written = write_worklists(out, assigned())
    assert lists(out) == [
        "daftar-lengkap.csv",
        "dinas-kesehatan/640801-muara-ancalong.csv",
        "dinas-pupr-perkim/640801-muara-ancalong.csv",
        "dinas-sosial/640801-muara-ancalong.csv",
        "dinas-sosial/tanpa-kecamatan.csv",
        "disdukcapil/640801-muara-ancalong.csv",
        "dppkb/tanpa-kecamatan.csv",
        "pemerintah-desa/640801-muara-ancalong.csv",
        "pemerintah-desa/640804-sangatta-utara.csv",
    ]
    assert written.files == 8
    assert dict(written.rows) == {
        "DPPKB": 1, "Dinas Kesehatan": 1, "Dinas PUPR/Perkim": 1, "Dinas Sosial": 4,
        "Disdukcapil": 1, "Pemerintah Desa": 2,
    }  # fmt: skip


def test_a_workbook_holds_what_its_csv_holds(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned())
    for name in lists(out):
        path = out / name
        rows = read_csv(path)
        book = read_xlsx(path.with_suffix(".xlsx"))
        assert len(rows) == len(book) > 0
        for plain, cells in zip(rows, book, strict=True):
            for title, cell in cells.items():
                said = str(int(cell)) if isinstance(cell, float) else str(cell)
                assert plain[title].removeprefix("'") == said.removeprefix("'")


def test_nothing_in_a_list_is_a_formula(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned())
    (row,) = read_csv(out / "disdukcapil/640801-muara-ancalong.csv")
    assert (row["Kepala keluarga"], row["Anggota"]) == ("'=HYPERLINK(1)", "'-BUDI")
    cells = [cell for name in lists(out) for row in read_csv(out / name) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    book = CalamineWorkbook.from_path(out / "disdukcapil/640801-muara-ancalong.xlsx")
    assert "=HYPERLINK(1)" in book.get_sheet_by_index(0).to_python()[1]
    with zipfile.ZipFile(out / "disdukcapil/640801-muara-ancalong.xlsx") as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def test_only_the_owners_list_holds_whole_niks_and_kk_numbers(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned())
    full = (out / "daftar-lengkap.csv").read_text(encoding="utf-8")
    assert NIK in full
    assert "6408990000000001" in full
    shown = set()
    for name in lists(out)[1:]:
        rows = read_csv(out / name)
        text = (out / name).read_text(encoding="utf-8") + str(
            read_xlsx((out / name).with_suffix(".xlsx"))
        )
        for secret in (NIK, NIK[6:12], "64089901051399", "6408990000000001", "1990", "2013"):
            assert secret not in text, name
        shown |= {row["NIK"] for row in rows}
    assert shown == {"640899**********", "*" * 16, ""}


def test_a_masked_nik_shows_no_digit_of_birth_date_and_serial():
    masked = mask_niks(pa.array([NIK, " " + NIK, NIK + "1", "ABC", "", None])).to_pylist()
    assert masked == ["640899" + "*" * 10, *["*" * 16] * 4, None]
    assert mask_niks(pa.array([None, None], pa.string())).to_pylist() == [None, None]


def test_a_family_is_recognised_by_its_head(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned())
    (row,) = read_csv(out / "dppkb/tanpa-kecamatan.csv")
    assert (row["Kepala keluarga"], row["NIK"]) == ("TUTI", "640899**********")
    assert row["Nomor kasus"] == case_numbers(["ab" * 16])[0]
    assert row["Fakta"] == "hasil pemadanan: perlu ditelaah"


def test_a_list_says_the_desil_only_where_the_rule_looks_at_it(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned())
    (row,) = read_csv(out / "dinas-pupr-perkim/640801-muara-ancalong.csv")
    assert "Desil" not in row
    assert row["Fakta"] == "jamban layak: tidak"
    facts = [row["Fakta"] for row in read_csv(out / "dinas-sosial/640801-muara-ancalong.csv")]
    assert all(each.startswith("desil: ") for each in facts)


def test_who_comes_first_stands_first(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned("en"))
    rows = read_csv(out / "dinas-sosial/640801-muara-ancalong.csv")
    assert [(row["Rule"], row["First"]) for row in rows] == [
        ("R02", "yes"), ("R03", ""), ("R02", "no"),
    ]  # fmt: skip


def test_lists_are_split_by_desa_or_companion(tmp_path):
    write_worklists(tmp_path / "a", assigned(), split="village")
    write_worklists(tmp_path / "b", assigned(), split="companion")
    sosial = "dinas-sosial/640801-muara-ancalong"
    assert [each for each in lists(tmp_path / "a") if each.startswith(sosial)] == [
        f"{sosial}/6408012003-kelinjau-hulu.csv",
        f"{sosial}/6408012004-kelinjau-ilir.csv",
    ]
    assert [each for each in lists(tmp_path / "b") if each.startswith(sosial)] == [
        f"{sosial}/ibu-rahmah.csv",
        f"{sosial}/tanpa-pendamping.csv",
    ]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "640801-etc-passwd"),
        ("CON", "640801-con"),
        ("Muara\x00\nWahau: *?", "640801-muara-wahau"),
        ("Kécamatan Ünik", "640801-kecamatan-unik"),
        ("x" * 300, "640801-" + "x" * 41),
    ],
)
def test_names_of_files_are_safe(tmp_path, name, file):
    write_worklists(
        tmp_path / "out", assigned(district_name=name, district="640801"), workbooks=False
    )
    assert (tmp_path / "out/dinas-sosial" / f"{file}.csv").is_file()
    assert names(tmp_path) == ["out"]


def test_places_that_would_share_a_name_have_files_of_their_own(tmp_path):
    families, members = register()
    names = pa.array(["Con", "con!", "CON", "aux"])
    families = families.set_column(
        families.column_names.index("district_name"), "district_name", names
    )
    families = families.drop_columns(["district"])
    done = assign(families, members, RULES, day=DAY)
    write_worklists(tmp_path / "out", done, workbooks=False)
    found = {path.stem for path in (tmp_path / "out").rglob("*.csv")} - {"daftar-lengkap"}
    assert found == {"con-1", "con-1-2", "con-1-3", "aux-1"}


def test_the_same_run_writes_the_same_bytes(tmp_path):
    families, members = register()
    write_worklists(tmp_path / "a", assigned())
    shuffled = assign(families.take([3, 1, 0, 2]), members.take([2, 0, 1]), RULES, day=DAY)
    write_worklists(tmp_path / "b", shuffled)
    a, b = digest(tmp_path / "a"), digest(tmp_path / "b")
    assert [each for each in a if "families" not in each[0]] == [
        each for each in b if "families" not in each[0]
    ]
    write_worklists(tmp_path / "c", assigned())
    assert digest(tmp_path / "c") == a


def test_an_earlier_run_marks_the_lists_and_lists_the_changes(tmp_path):
    write_worklists(tmp_path / "then", assigned(day=date(2026, 1, 1)))
    now = assigned(desil=7, pkh=True, sembako=True)
    compared = compare(now, read_previous(tmp_path / "then"))
    written = write_worklists(tmp_path / "now", now, compared=compared)
    rows = read_csv(tmp_path / "now/dinas-sosial/640801-muara-ancalong.csv")
    assert {(row["Aturan"], row["Sejak proses lalu"]) for row in rows} == {("R19", "baru")}
    changes = read_csv(tmp_path / "now/perubahan.csv")
    assert [
        (row["ID keluarga"], row["Perubahan desil"], row["Calon graduasi"]) for row in changes
    ] == [
        ("F1", "naik", "ya"),
        ("F2", "naik", "ya"),
    ]
    assert written.rows["Dinas Sosial"] == 3


def test_decisions_are_kept(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(f"case,decision,note\n{case_numbers(['ab' * 16])[0]},yes,sama\n")
    given = read_decisions(path)
    write_worklists(tmp_path / "out", assigned(), decisions=given, workbooks=False)
    assert read_csv(tmp_path / "out/decisions.csv") == [
        {"case": given[0].case, "decision": "yes", "note": "sama"}
    ]


def test_a_run_without_assignments_is_a_folder_with_an_empty_list(tmp_path):
    families = pa.table({"family": ["A"], "match_status": ["matched"]})
    members = pa.table({"family": ["A"], "member": ["1"]})
    done = assign(families, members, RULES, day=DAY, language="en")
    assert write_worklists(tmp_path / "out", done).files == 0
    assert read_csv(tmp_path / "out/full-list.csv") == []
    assert read_xlsx(tmp_path / "out/full-list.xlsx") == []
    assert len(read_previous(tmp_path / "out").families) == 1


def test_the_folder_is_for_its_owners_eyes(tmp_path):
    write_worklists(tmp_path / "out", assigned(), workbooks=False)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_a_folder_is_replaced_only_with_force_and_only_if_it_holds_worklists(tmp_path):
    out = tmp_path / "out"
    write_worklists(out, assigned(), workbooks=False)
    before = digest(out)
    with pytest.raises(ConfigError) as caught:
        write_worklists(out, assigned("en"), workbooks=False)
    assert caught.value.code == "output.exists"
    assert digest(out) == before
    write_worklists(out, assigned("en"), workbooks=False, force=True)
    assert (out / "full-list.csv").is_file()
    assert not (out / "daftar-lengkap.csv").exists()
    assert names(tmp_path) == ["out"]

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError) as caught:
        write_worklists(other, assigned(), force=True)
    assert caught.value.code == "worklist.not_ours"
    assert (other / "thesis.txt").is_file()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    for out, code in (
        (tmp_path / "file", "worklist.not_a_folder"),
        (tmp_path / "none/out", "output.no_folder"),
    ):
        with pytest.raises(ConfigError) as caught:
            write_worklists(out, assigned(), force=True)
        assert caught.value.code == code


def test_when_the_work_fails_nothing_is_left_and_what_was_there_stays(tmp_path):
    out = tmp_path / "out"
    with publish_folder(out, marker="state") as folder:
        (folder / "state").write_text("old")

    def fail():
        with publish_folder(out, marker="state", force=True) as folder:
            (folder / "state").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (out / "state").read_text() == "old"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("workbooks", [False, True])
def test_a_full_disk_leaves_nothing(tmp_path, workbooks):
    done = assigned()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096 if workbooks else 512, hard))
    try:
        with pytest.raises(LimitError) as caught:
            write_worklists(tmp_path / "out", done, workbooks=workbooks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "output.disk_full"
    assert names(tmp_path) == []


def test_long_lists_are_written_through_the_disk_and_over_several_sheets(tmp_path, monkeypatch):
    from pprl.interventions import layout  # noqa: PLC0415 - its limits are lowered

    monkeypatch.setattr(layout, "_IN_MEMORY", 10)
    monkeypatch.setattr(layout, "SHEET_ROWS", 20)
    layout.write_xlsx(tmp_path / "long.xlsx", ["N"], [5], [(n,) for n in range(50)])
    book = CalamineWorkbook.from_path(tmp_path / "long.xlsx")
    sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    assert [len(each) for each in sheets] == [21, 21, 11]
    assert [row[0] for each in sheets for row in each[1:]] == list(range(50))
    assert names(tmp_path) == ["long.xlsx"]
