"""Registers as files in the field have them: headers and codes that were seen, not simulated ones.

The headers are those of public import sheets and table definitions; each profile names them.
"""

from pathlib import Path

import pyarrow as pa
import pytest

from pprl.registers import reference
from pprl.registers.profile import load_profile, names
from pprl.registers.recognition import recognise_register
from pprl.registers.values import typed

SEEN = {
    "krs": """
        No Kartu Keluarga > kk_number
        NIK Kepala Keluarga > head.nik
        Nama Kepala Keluarga > head.name
        NIK Istri > spouse.nik
        Nama Istri > spouse.name
        Desa > village
        Kecamatan > district
        Punya Anak 0-23 Bulan > child_0_23
        Punya Anak 24-59 Bulan > child_24_59
        PUS > pus
        PUS Hamil > pregnant
        Keluarga Tidak Mempunyai Sumber Air Minum Utama yang Layak > water_ok
        Keluarga Tidak Mempunyai Jamban yang Layak > latrine_ok
        PUS 4 Terlalu Muda (Umur Istri < 20 Tahun) > too_young
        PUS 4 Terlalu Tua (Umur Istri 35 sd 40 Tahun) > too_old
        PUS 4 Terlalu Dekat (< 2 Tahun) > too_close
        PUS 4 Terlalu Banyak (≥ 3 Anak) > too_many
        Bukan Peserta KB Modern > modern_contraception
    """,
    "dtsen": """
        nomor_induk_kependudukan > nik
        nomor_kartu_keluarga > kk_number
        nama > name
        jenis_kelamin > sex
        tanggal_lahir > birth_date
        status_hubungan_keluarga > relation
        alamat_ktp > address
        kode_kecamatan_ktp > district
        kode_kelurahan_desa_ktp > village
        partisipasi_sekolah > in_school
        ijazah_tertinggi_yang_dimiliki > education
        status_bekerja > working
        pbi_nas > pbi_jk
        pbi_pemda > -
        desil_nasional > desil
    """,
    "dtks": """
        IDBDT > family_id
        IDARTBDT > id
        KDPROP > province
        KDKAB > regency
        KDKEC > district
        KDDESA > village
        NoPesertaPKH > -
        Nama > name
        JnsKel > sex
        TglLahir > birth_date
        NIK > nik
        NoKK > kk_number
        HubKRT > relation
        Partisipasi_sekolah > in_school
        Ijazah_tertinggi > education
        Sta_Bekerja > working
        Ada_pbi > pbi_jk
        Ada_pkh > pkh
        Ada_BPNT > sembako
        namagadis_ibukandung > mother_name
    """,
    "p3ke": """
        ID Keluarga P3KE > family_id
        Provinsi > province
        Kabupaten/Kota > regency
        Kecamatan > district
        Desa/Kelurahan > village_name
        Kode Kemdagri > village
        Desil Kesejahteraan > desil
        Alamat > address
        ID Individu > id
        Nama > name
        NIK > nik
        Padan Dukcapil > nik_confirmed
        Jenis Kelamin > sex
        Hubungan dengan Kepala Keluarga > relation
        Tanggal Lahir > birth_date
        Pendidikan > education
        Penerima BPNT > sembako
        Penerima BST > -
        Penerima PKH > pkh
        Resiko Stunting > -
    """,
    "dapodik": """
        Nama > name
        NIPD > -
        JK > sex
        NISN > id
        Tanggal Lahir > birth_date
        NIK > nik
        Alamat > address
        Kelurahan > village
        Kecamatan > district
        HP > phone
        Penerima KPS > -
        Data Ayah Nama > father_name
        Data Ibu Nama > mother_name
        Rombel Saat Ini > grade
        Penerima KIP > pip
        Layak PIP (usulan dari sekolah) > -
        Kebutuhan Khusus > disabled
        No KK > kk_number
    """,
    "emis": """
        Nama Lengkap > name
        NISN > id
        NIK > nik
        Tanggal Lahir > birth_date
        Tingkat - Rombel > -
        Status > -
        Jenis Kelamin > sex
        Alamat > address
        No Telepon > phone
        Kebutuhan Khusus > -
        Disabilitas > disabled
        Nomor KIP/PIP > -
        Nama Ayah Kandung > father_name
        Nama Ibu Kandung > mother_name
    """,
    "pbi_jkn": """
        IDDTKS > family_id
        KECAMATAN > district
        KELURAHAN > village
        ALAMAT > address
        NOKA_BPJS > -
        PSNOKA_BPJS > id
        NAMA > name
        TANGGAL_LAHIR > birth_date
        JENIS_KELAMIN > sex
        NIK > nik
        NOKK > kk_number
        HUB_KELUARGA > relation
        NAMA_IBU_KANDUNG > mother_name
    """,
    "pkh": """
        IDDTKS > family_id
        NOKK > kk_number
        NIK_KTP > nik
        NAMA_PENERIMA > name
        NAMA_KAB > regency
        NAMA_KEC > district
        NAMA_KEL > village_name
        KODE_WILAYAH > village
        ALAMAT > address
        BANSOS > -
    """,
    "regsosek": """
        Nomor KK > kk_number
        NIK > nik
        Nama Anggota Keluarga > name
        Jenis Kelamin > sex
        Tanggal Lahir > birth_date
        R409 > relation
        R412 > in_school
        R415 > education
        R416a > working
        R431a > jkn_active
    """,
    "dukcapil": """
        NO_KK > kk_number
        NIK > nik
        NAMA_LGKP > name
        TGL_LHR > birth_date
        JENIS_KLMIN > sex
        STAT_HBKEL > relation
        PDDK_AKH > education
        NAMA_LGKP_IBU > mother_name
        NAMA_LGKP_AYAH > father_name
        ALAMAT > address
        NO_PROP > province
        NO_KAB > regency
        NO_KEC > district
        NO_KEL > village
        RESPON > nik_confirmed
    """,
}
CODES = [
    ("regsosek", "in_school", "R412", "1 2 3", [False, True, False]),
    ("regsosek", "in_school", "Masih Sekolah", "1 0", [True, False]),
    ("regsosek", "relation", "R409", "1 2 6 8", ["head", "spouse", "parent", "other"]),
    ("regsosek", "education", "R415", "23 01 9 15 19", ["none", "sd", "smp", "sma", "higher"]),
    ("regsosek", "jkn_active", "R431a", "0 1 3 8 99", [False, True, True, False, None]),
    ("regsosek", "working", "R416a", "1 2", [True, False]),
    ("dtsen", "in_school", "partisipasi_sekolah", "0 1 2 3", [False, None, None, False]),
    ("dtsen", "in_school", "Masih Sekolah", "1 0", [True, False]),
    ("dtsen", "education", "ijazah_tertinggi_yang_dimiliki", "23 8 13", ["none", "smp", "sma"]),
    ("dtsen", "education", "Ijazah_tertinggi", "0 3", ["none", None]),
    ("dtsen", "pkh", "Ada_pkh", "1 2 0", [True, False, False]),
    ("dukcapil", "relation", "STAT_HBKEL", "1 2 3 4 7 9", ["head", "spouse", "spouse", "child",
                                                         "parent", "other"]),
    ("dukcapil", "education", "PDDK_AKH", "1 2 3 4 5 8", ["none", "none", "sd", "smp", "sma",
                                                        "higher"]),
    ("pbi_jkn", "jkn_active", "KDSTATUSPST", "0 1", [True, None]),
    ("pbi_jkn", "jkn_active", "Status Peserta", "0 AKTIF", [None, True]),
    ("krs", "pus", "PUS", "V X -", [True, False, None]),
    ("dapodik", "disabled", "Kebutuhan Khusus", "Tuna_netra Hiperaktif", [True, None]),
]  # fmt: skip


def of(name):
    return load_profile("dtsen" if name == "dtks" else name)


@pytest.mark.parametrize("name", SEEN)
def test_headers_seen_in_the_field_are_what_they_are(name):
    lines = [line.strip().rpartition(" > ") for line in SEEN[name].strip().splitlines()]
    found = recognise_register(of(name), [column for column, _, _ in lines])
    said = {**found.roles, **found.facts}
    said |= {f"{role}_name": column for role, column in found.names.items()}
    for each in found.members:
        said |= {f"{each.name}.{field}": column for field, column in each.columns.items()}
    assert said == {field: column for column, _, field in lines if field != "-"}
    assert list(found.unrecognised) == [column for column, _, field in lines if field == "-"]


@pytest.mark.parametrize(("name", "fact", "column", "codes", "read"), CODES)
def test_codes_mean_what_their_questionnaire_says(name, fact, column, codes, read):
    profile = load_profile(name)
    cells = pa.array([code.replace("_", " ") for code in codes.split()])
    said = typed(profile, fact, cells, column=column)
    assert said.values.to_pylist() == read
    blank = [code == "-" for code in codes.split()]
    expected = [value is None and not empty for value, empty in zip(read, blank, strict=True)]
    assert said.unknown.tolist() == expected


@pytest.mark.parametrize("name", names())
def test_a_profile_says_where_its_headers_were_seen_and_what_was_not(name):
    profile = load_profile(name)
    assert profile.sources
    assert set(profile.unverified) <= set(profile.facts)


def test_the_reference_page_is_the_one_in_the_docs():
    page = Path(__file__).parents[2].joinpath("docs/reference/registers.md")
    assert page.read_text(encoding="utf-8") == reference.page()


def test_the_reference_page_says_of_each_register_what_it_is_enough_for():
    lines = reference.page().splitlines()
    row = next(line for line in lines if line.startswith("| [`pbi_jkn`]"))
    assert row.endswith("| person | R03 | - |")
    row = next(line for line in lines if line.startswith("| [`dukcapil`]"))
    assert "| E06 |" in row
