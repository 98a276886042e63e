"""A file with one row per family, seen as one row per person."""

import csv

import numpy as np
import pytest
import xlsxwriter

from pprl import InputError, LinkageKey, Schema
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.errors import ConfigError
from pprl.io.memory import MemorySource
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.quality import check
from pprl.registers.opened import open_named, open_register
from pprl.registers.persons import persons
from pprl.registers.profile import load_profile
from pprl.registers.slots import load_members

KRS = load_profile("krs")
KEY = LinkageKey(bytes(range(32)))
FAMILIES = {
    "id_keluarga": ["F1", "F2", "F3"],
    "desa": ["A", "B", "C"],
    "nama_kepala_keluarga": ["BUDI", None, "TONO"],
    "nik_istri": [None, "6408995503909901", "-"],
    "nama_istri": ["SITI", "ANI", ""],
    "nama_anak_1": ["AGUS", None, None],
    "nama_anak_2": [None, None, "YANI"],
    "jk_anak_1": ["L", "P", None],
}


def rows(source, *columns, batch_rows=1000):
    found = []
    for batch in source.batches(columns or source.columns, batch_rows):
        found += [
            (batch.row_number(place), *row.values())
            for place, row in enumerate(batch.table.to_pylist())
        ]
    return found


def people(table, **options):
    return persons(MemorySource(table), KRS, **options)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """The same families, with one row per member and with one row per family."""
    made = {}
    for layout in ("member", "family"):
        folder = tmp_path_factory.mktemp(layout)
        made[layout] = simulate_families(
            folder, krs=800, dtsen=900, damage="dirty", seed=11, krs_layout=layout
        )
    return made


def test_each_member_of_a_family_is_a_row_with_the_familys_own_columns():
    assert rows(people(FAMILIES), "id_anggota", "id_keluarga", "nama", "desa", "hubungan") == [
        (1, "F1-01", "F1", "BUDI", "A", "kepala keluarga"),
        (1, "F1-02", "F1", "SITI", "A", "istri/suami"),
        (1, "F1-03", "F1", "AGUS", "A", "anak"),
        (2, "F2-02", "F2", "ANI", "B", "istri/suami"),
        (3, "F3-01", "F3", "TONO", "C", "kepala keluarga"),
        (3, "F3-04", "F3", "YANI", "C", "anak"),
    ]


@pytest.mark.parametrize("batch_rows", [1, 2, 5])
def test_batches_of_any_size_give_the_same_rows(batch_rows):
    source = people(FAMILIES)
    batches = list(source.batches(source.columns, batch_rows))
    assert max(batch.table.num_rows for batch in batches) <= batch_rows
    assert rows(source, batch_rows=batch_rows) == rows(source)


def test_columns_can_be_asked_for_in_any_order_and_only_those_that_are_there():
    source = people(FAMILIES)
    assert rows(source, "nama", "id_anggota")[0] == (1, "BUDI", "F1-01")
    with pytest.raises(InputError) as refused:
        rows(source, "nama_istri")
    assert refused.value.code == "table.no_column"


def test_a_wife_is_a_woman_unless_the_header_says_husband_too():
    assert [sex for _, sex in rows(people(FAMILIES), "jk")] == [None, "P", "L", "P", None, None]
    renamed = {name.replace("istri", "istri_suami"): cells for name, cells in FAMILIES.items()}
    assert [sex for _, sex in rows(people(renamed), "jk")] == [None, None, "L", None, None, None]


def test_the_ids_of_simulated_members_are_those_of_the_truth(simulated):
    made = simulated["family"]
    source = persons(open_source(made.paths["krs"]), KRS)
    with made.truth_path.open() as file:
        truth = [row["id"] for row in csv.DictReader(file) if row["party"] == "0"]
    assert [id_ for _, id_ in rows(source, "id_anggota")] == truth


def encoded(source, mapping=None):
    columns = resolve(Schema.load("indonesia"), source, mapping or {}, None)
    encoder = Encoder(Schema.load("indonesia"), KEY, columns.fields, columns.id_column)
    return encode_table(encoder, source)[0].table.to_pylist()


def truth_of(made):
    with made.truth_path.open() as file:
        return {row["id"]: row["entity"] for row in csv.DictReader(file) if row["party"] == "0"}


def test_both_layouts_give_the_same_persons_and_the_same_encodings(simulated):
    """Damage falls otherwise on the two files, so cells that are alike are compared."""
    columns = ("id_anggota", "nik", "nama", "tgl_lahir", "jk", "id_keluarga", "kode_kecamatan")
    cells, encodings, entities = {}, {}, {}
    for layout, made in simulated.items():
        opened = open_register(open_source(made.paths["krs"]), KRS)
        assert opened.file.by_family == (layout == "family")
        truth = truth_of(made)
        read = {row[1]: row[2:] for row in rows(opened.source, *columns)}
        entities[layout] = {(truth[id_], read[id_][-2]) for id_ in read if int(id_[-2:]) <= 10}
        cells[layout] = {(truth[id_], *read[id_]): id_ for id_ in read}
        encodings[layout] = {
            row["id"]: {name: value for name, value in row.items() if name != "id"}
            for row in encoded(opened.source, opened.mapping())
        }
    assert entities["family"] <= entities["member"]
    shared = cells["member"].keys() & cells["family"].keys()
    assert len(shared) > 500
    for each in shared:
        mine, theirs = (encodings[layout][cells[layout][each]] for layout in simulated)
        assert mine == theirs


def test_a_member_file_made_from_the_family_file_encodes_to_the_same_bytes(simulated, tmp_path):
    source = persons(open_source(simulated["family"].paths["krs"]), KRS)
    path = tmp_path / "members.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(source.columns)
        writer.writerows(row[1:] for row in rows(source))
    assert encoded(open_source(path)) == encoded(source)


def test_a_file_with_a_row_for_each_member_passes_through(simulated):
    source = open_source(simulated["member"].paths["krs"])
    assert persons(source, KRS) is source


def test_a_members_own_name_beside_that_of_the_head_is_a_row_for_each_member():
    table = {"nik": ["1"], "nama": ["SITI"], "nama_kepala_keluarga": ["BUDI"]}
    assert people(table).columns == tuple(table)


def test_plain_columns_are_the_heads_where_the_others_have_columns_of_their_own():
    table = {"id_keluarga": ["F"], "NIK": ["1"], "Nama": ["BUDI"], "Nama Istri": ["SITI"]}
    found = rows(people(table), "id_anggota", "nik", "nama")
    assert found == [(1, "F-01", "1", "BUDI"), (1, "F-02", None, "SITI")]


def test_what_the_analyst_maps_to_a_persons_role_is_the_heads():
    table = {"id_keluarga": ["F"], "si bapak": ["BUDI"], "Nama Istri": ["SITI"], "kode": ["1"]}
    source = people(table, mapping={"name": "si bapak"})
    assert rows(source, "id_anggota", "nama") == [(1, "F-01", "BUDI"), (1, "F-02", "SITI")]
    with pytest.raises(ConfigError, match="no field id;"):
        people(table, mapping={"id": "kode"})


def test_merged_header_rows_of_a_workbook_are_recognised(tmp_path):
    path = tmp_path / "krs.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "DATA KELUARGA BERISIKO STUNTING")
        sheet.write(2, 0, "ID Keluarga")
        for place, who in enumerate(("Kepala Keluarga", "Istri", "Anak 1", "Anak ke-2")):
            sheet.merge_range(2, 1 + 2 * place, 2, 2 + 2 * place, who)
            sheet.write_row(3, 1 + 2 * place, ("Nama", "NIK"))
        sheet.write_row(4, 0, ("F1", "BUDI", "1", "SITI", "2", "", "", "AGUS", "3"))
    found = rows(persons(open_source(path), KRS), "id_anggota", "nama", "nik")
    assert found == [
        (5, "F1-01", "BUDI", "1"),
        (5, "F1-02", "SITI", "2"),
        (5, "F1-04", "AGUS", "3"),
    ]


def test_families_with_nobody_are_counted_and_have_no_row():
    table = {"id_keluarga": ["F1", "F2"], "nama_istri": ["SITI", None], "nama_anak_1": [None, "-"]}
    source = people(table)
    assert rows(source, "id_anggota") == [(1, "F1-02")]
    codes = {note.code: dict(note.values) for note in source.notes}
    assert codes["register.persons"] == {"families": 2, "persons": 1}
    assert codes["register.nobody"] == {"families": 1}


def test_a_family_goes_on_in_the_next_row_where_it_has_more_children_than_columns():
    table = {
        "id_keluarga": ["F1", "F1", "F2"],
        "nama_kepala_keluarga": ["BUDI", "BUDI", "TONO"],
        "nama_istri": ["SITI", None, None],
        "nama_anak_1": ["A", "C", None],
        "nama_anak_2": ["B", None, "D"],
    }
    for batch_rows in (1, 2, 100):
        found = rows(people(table), "id_anggota", "nama", batch_rows=batch_rows)
        assert [row[1:] for row in found] == [
            ("F1-01", "BUDI"), ("F1-02", "SITI"), ("F1-03", "A"), ("F1-04", "B"), ("F1-05", "C"),
            ("F2-01", "TONO"), ("F2-04", "D"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("ids", "heads", "row", "first"),
    [
        (["F1", "F2", "F1"], ["A", "B", "A"], 3, 1),
        (["F1", "F1", "F2"], ["A", "B", "C"], 2, 1),
        (["F1", "F2", "F3", "F3", "F2"], ["A", "B", "C", None, "B"], 5, 2),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 100])
def test_a_family_id_that_occurs_in_two_families_is_refused_with_both_rows(
    ids, heads, row, first, batch_rows
):
    table = {"id_keluarga": ids, "nama_kepala_keluarga": heads, "nama_anak_1": ["X"] * len(ids)}
    with pytest.raises(InputError) as refused:
        rows(people(table), "id_anggota", batch_rows=batch_rows)
    assert refused.value.code == "register.family_repeated"
    assert (refused.value.values["row"], refused.value.values["first"]) == (row, first)
    assert "F1" not in str(refused.value)


def test_a_row_without_a_family_id_is_refused_and_a_file_without_that_column_has_row_numbers():
    with pytest.raises(InputError, match="row 2"):
        rows(people(FAMILIES | {"id_keluarga": ["F1", " ", "F3"]}), "id_anggota")
    table = {name: cells for name, cells in FAMILIES.items() if name != "id_keluarga"}
    assert rows(people(table), "id_anggota", "id_keluarga")[-1] == (3, "3-04", "3")


def test_two_columns_that_are_the_same_field_of_a_member_are_a_question():
    table = {"id_keluarga": ["F"], "nama_istri": ["SITI"], "Istri Nama": ["SITI"]}
    with pytest.raises(InputError, match=r"spouse\.name"):
        people(table)


def test_the_analyst_says_which_column_is_a_members():
    table = {"id_keluarga": ["F"], "nama_istri": ["SITI"], "si bungsu": ["AGUS"]}
    source = people(table, mapping={"child_2.name": "si bungsu"})
    assert rows(source, "id_anggota", "nama") == [(1, "F-02", "SITI"), (1, "F-04", "AGUS")]
    with pytest.raises(ConfigError, match="child_99"):
        people(table, mapping={"child_99.name": "si bungsu"})
    with pytest.raises(InputError, match="si sulung"):
        people(table, mapping={"child_1.name": "si sulung"})


MEMBERS = """
separator = "/"

[[member]]
relation = "head"
columns = { nik = "NIK 1", name = "Nama 1" }
sex = "L"

[[member]]
relation = "spouse"
columns = { name = "Nama 2" }

[[member]]
relation = "child"
repeat = 6
columns = { name = "Anggota {n} / Nama", birth_date = "Anggota {n} / Lahir" }
"""


def test_a_file_without_any_pattern_is_read_by_a_members_file(tmp_path):
    path = tmp_path / "members.toml"
    path.write_text(MEMBERS)
    table = {
        "id_keluarga": ["F"], "NIK 1": ["1"], "Nama 1": ["BUDI"], "Nama 2": ["SITI"],
        "Anggota 1 / Nama": [None], "Anggota 1 / Lahir": [None],
        "Anggota 2 / Nama": ["AGUS"], "Anggota 2 / Lahir": ["01-02-2020"],
    }  # fmt: skip
    source = people(table, members=load_members(path), path=path)
    assert rows(source, "id_anggota", "nama", "jk", "tgl_lahir", "hubungan") == [
        (1, "F/01", "BUDI", "L", None, "kepala keluarga"),
        (1, "F/02", "SITI", None, None, "istri/suami"),
        (1, "F/04", "AGUS", None, "01-02-2020", "anak"),
    ]
    opened = open_named(MemorySource(table), None, path, {})
    assert rows(opened.source) == rows(source)
    del table["Nama 2"]
    with pytest.raises(InputError, match="Nama 2"):
        people(table, members=load_members(path), path=path)
    with pytest.raises(ConfigError, match="dapodik"):
        open_named(MemorySource(table), "dapodik", path, {})


def test_a_check_sees_persons_and_names_rows_of_the_file(simulated):
    path = simulated["family"].paths["krs"]
    opened = open_register(open_source(path), KRS)
    problems = []
    found = check(opened.source, opened.mapping(), report=problems.extend)
    assert found.records == simulated["family"].counts["krs"].records
    assert {"id", "nik", "name", "birth_date", "sex", "family_id"} <= set(found.roles)
    assert found.counts["nik"]["len_short"] + found.counts["nik"]["missing"] > 0
    assert {each.row for each in problems} <= set(range(2, 802))


def test_what_says_who_somebody_is_isnt_released_whatever_the_agreement_says():
    opened = open_register(MemorySource(FAMILIES), KRS)
    opened.refuse_others(["latrine_ok"])
    for name in ("name", "nik", "desil"):
        with pytest.raises(ConfigError, match="doesn't allow"):
            opened.refuse_others([name])


def test_a_column_that_says_the_opposite_isnt_released_as_it_is():
    table = {**FAMILIES, "Jamban Tidak Layak": ["Ya", "Tidak", "Ya"]}
    opened = open_register(MemorySource(table), KRS)
    assert [name for name, *_ in opened.releasable("en")] == []
    with pytest.raises(ConfigError, match="Jamban Tidak Layak says the opposite"):
        opened.refuse_others(["latrine_ok"])


def test_attributes_are_found_by_their_names_in_the_agreement():
    table = {"IDARTBDT": ["1"], "NIK": ["1"], "Nama ART": ["A"], "Desil Nasional": ["3"],
             "Penerima BPNT": ["Ya"]}  # fmt: skip
    opened = open_register(MemorySource(table), load_profile("dtsen"))
    mapping = opened.mapping(["desil", "sembako"])
    assert (mapping["desil"], mapping["sembako"]) == ("Desil Nasional", "Penerima BPNT")
    assert "desil" not in opened.mapping()


def test_row_numbers_are_int64_however_the_rows_were_numbered():
    for batch in people(FAMILIES).batches(["nama"]):
        assert batch.rows is not None
        assert batch.rows.dtype == np.int64
        assert batch.first_row == batch.rows[0]


def test_an_unknown_role_is_passed_on_to_who_asked():
    opened = open_register(MemorySource(FAMILIES), KRS, {"pekerjaan_utama": "desa"})
    assert opened.mapping()["pekerjaan_utama"] == "desa"
    with pytest.raises(ConfigError):
        check(opened.source, opened.mapping())


def test_data_that_encoding_opens_itself_are_as_before(simulated):
    source = open_data(simulated["member"].paths["krs"])
    assert len(encoded(source)) == simulated["member"].counts["krs"].rows
