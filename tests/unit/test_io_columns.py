"""Recognising columns by their headers."""

import pytest

from pprl.errors import ConfigError, InputError
from pprl.io.columns import parse_map, recognise, role_of, roles


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            ["id", "nik", "nama", "tgl_lahir", "jk", "kode_kecamatan"],
            {"id": "id", "nik": "nik", "name": "nama", "birth_date": "tgl_lahir", "sex": "jk",
             "district": "kode_kecamatan"},
        ),
        (
            ["id_art", "nik", "nama_lengkap", "tanggal_lahir", "jenis_kelamin", "kode_kec"],
            {"id": "id_art", "nik": "nik", "name": "nama_lengkap", "birth_date": "tanggal_lahir",
             "sex": "jenis_kelamin", "district": "kode_kec"},
        ),
        (  # BKKBN, one row per family
            ["Kode Keluarga", "No. KK", "NIK Kepala Keluarga", "Nama Kepala Keluarga", "Alamat"],
            {"nik": "NIK Kepala Keluarga", "name": "Nama Kepala Keluarga",
             "family_id": "Kode Keluarga", "kk_number": "No. KK", "address": "Alamat"},
        ),
        (  # DTKS
            ["IDBDT", "IDARTBDT", "NoKK", "NIK", "Nama", "TglLahir", "JnsKel", "Nama_Ibu_Kandung",
             "KDPROP", "KDKAB", "KDKEC", "KDDESA"],
            {"id": "IDARTBDT", "nik": "NIK", "name": "Nama", "birth_date": "TglLahir",
             "sex": "JnsKel", "family_id": "IDBDT", "kk_number": "NoKK", "province": "KDPROP",
             "regency": "KDKAB", "district": "KDKEC", "village": "KDDESA",
             "mother_name": "Nama_Ibu_Kandung"},
        ),
        (  # Dapodik
            ["No", "Nama Peserta Didik", "L/P", "NISN", "Tempat Lahir", "Tanggal Lahir", "NIK",
             "Nama Ayah", "Nama Ibu", "HP"],
            {"id": "NISN", "nik": "NIK", "name": "Nama Peserta Didik",
             "birth_date": "Tanggal Lahir", "sex": "L/P",
             "father_name": "Nama Ayah", "mother_name": "Nama Ibu", "phone": "HP"},
        ),
        (
            ["Record ID", "Full Name", "Date of Birth", "Sex", "National ID", "given_name"],
            {"id": "Record ID", "nik": "National ID", "name": "Full Name",
             "birth_date": "Date of Birth", "sex": "Sex"},
        ),
    ],
)  # fmt: skip
def test_usual_headers_are_recognised(columns, expected):
    found = recognise(columns)
    assert dict(found.roles) == expected
    assert found.unrecognised == tuple(c for c in columns if c not in expected.values())


@pytest.mark.parametrize(
    "header",
    [
        "no_kk",
        "No. KK",
        "NO KK*",
        " no-kk ",
        "\ufeffNoKK",
        "No KK (16 digit)",
        "\uff2e\uff2f\u3000\uff2b\uff2b",
    ],
)
def test_case_blanks_and_signs_don_t_matter(header):
    assert role_of(header) == "kk_number"


@pytest.mark.parametrize(
    "header", ["given_name", "tempat lahir", "Tempat/Tgl Lahir", "no", "desil", "(", ""]
)
def test_other_headers_stand_for_nothing(header):
    assert role_of(header) is None


@pytest.mark.parametrize(
    ("header", "role"),
    [("Identitas NIK", "nik"), ("Data Diri Nama", "name"), ("Ayah Nama", "father_name"),
     ("Suami NIK", None), ("Data", None)],
)  # fmt: skip
def test_a_group_above_the_header_counts_only_if_it_is_neutral(header, role):
    assert role_of(header) == role


def test_the_better_ranked_column_wins():
    found = recognise(["kecamatan", "kode_kec", "nama", "nama_lengkap"])
    assert found.roles == {"name": "nama_lengkap", "district": "kode_kec"}
    assert found.unrecognised == ("kecamatan", "nama")


def test_two_columns_of_one_rank_are_a_question():
    with pytest.raises(InputError) as caught:
        recognise(["tgl lahir", "tanggal lahir"])
    assert caught.value.code == "columns.ambiguous"
    assert caught.value.values == {
        "field": "birth_date", "first": "tgl lahir", "second": "tanggal lahir",
    }  # fmt: skip
    chosen = recognise(["tgl lahir", "tanggal lahir"], {"birth_date": "tgl lahir"})
    assert chosen.roles == {"birth_date": "tgl lahir"}


def test_the_head_s_columns_are_not_put_beside_a_member_s_name():
    columns = ["nama", "nik kepala keluarga", "tgl lahir"]
    assert recognise(columns).roles == {"name": "nama", "birth_date": "tgl lahir"}
    columns = ["nama kepala keluarga", "nik", "tgl lahir kk"]
    assert recognise(columns).roles == {
        "name": "nama kepala keluarga", "nik": "nik", "birth_date": "tgl lahir kk",
    }  # fmt: skip
    assert recognise(["sebutan", "nik kk"], {"name": "sebutan"}).roles == {"name": "sebutan"}


def test_a_mapping_wins_and_may_differ_in_case():
    found = recognise(["nama", "Nama Alias", "nik"], {"name": "nama_alias", "id": "nik"})
    assert found.roles == {"id": "nik", "nik": "nik", "name": "Nama Alias"}
    assert found.unrecognised == ("nama",)


def test_fields_of_a_schema_are_found_by_their_own_name():
    found = recognise(["nama", "Desil Kesejahteraan", "x"], extra=["desil_kesejahteraan", "bumil"])
    assert found.roles == {"name": "nama", "desil_kesejahteraan": "Desil Kesejahteraan"}
    found = recognise(["nama", "x"], {"desil": "x"}, extra=["desil"])
    assert found.roles["desil"] == "x"
    with pytest.raises(InputError) as caught:
        recognise(["Desil", "desil"], extra=["desil"])
    assert caught.value.code == "columns.ambiguous"


def test_unknown_names_come_with_near_ones():
    with pytest.raises(ConfigError) as unknown_field:
        recognise(["nama"], {"nmae": "nama"})
    assert unknown_field.value.code == "columns.unknown_field"
    assert "name" in str(unknown_field.value.values["known"])
    with pytest.raises(InputError) as unknown_column:
        recognise(["Nama Lengkap", "NIK"], {"name": "nama lengkp"})
    assert unknown_column.value.code == "columns.unknown_column"
    assert unknown_column.value.values["known"] == "Nama Lengkap"


def test_map_options_are_taken_apart():
    assert parse_map(["name = Nama = Lengkap", "nik=NIK"]) == {
        "name": "Nama = Lengkap",
        "nik": "NIK",
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [(["name"], "columns.map_form"), (["=x"], "columns.map_form"), (["name="], "columns.map_form"),
     (["name=a", "name=b"], "columns.mapped_twice")],
)  # fmt: skip
def test_malformed_map_options_are_refused(options, code):
    with pytest.raises(ConfigError) as caught:
        parse_map(options)
    assert caught.value.code == code


def test_the_roles_are_those_that_others_rely_on():
    assert roles() == (
        "id", "nik", "name", "birth_date", "sex", "family_id", "kk_number", "province", "regency",
        "district", "village", "address", "father_name", "mother_name", "phone",
    )  # fmt: skip
