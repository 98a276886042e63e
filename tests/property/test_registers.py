"""Laws of registers: a row for each family is a row for each member, however it is read."""

from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pprl.io.memory import MemorySource
from pprl.registers.persons import persons
from pprl.registers.profile import load_profile
from pprl.registers.read import read_register
from pprl.registers.values import typed

KRS = load_profile("krs")
CELLS = st.one_of(st.none(), st.sampled_from(["", "-", "A", "BUDI", "0", "tidak ada"]))
MEMBERS = {
    ("kepala_keluarga", 1): "kepala keluarga",
    ("istri", 2): "istri/suami",
    ("anak_1", 3): "anak",
    ("anak_2", 4): "anak",
    ("anak_5", 7): "anak",
}
FIELDS = ("nik", "nama", "tgl_lahir", "jkn")
FAMILY = st.fixed_dictionaries(
    {f"{field}_{member}": CELLS for member, _ in MEMBERS for field in FIELDS}
)


def nothing(cell):
    return cell is None or cell in ("", "-", "tidak ada")


def expected(families):
    """Say the same in plain Python."""
    found = []
    for place, family in enumerate(families):
        for (member, number), relation in MEMBERS.items():
            own = {field: family[f"{field}_{member}"] for field in FIELDS}
            own = {field: None if nothing(cell) else cell for field, cell in own.items()}
            if any(own[field] is not None for field in ("nik", "nama", "tgl_lahir")):
                found.append(
                    (place + 1, f"F{place}-{number:02d}", f"F{place}", relation, *own.values())
                )
    return found


def table_of(families):
    names = [f"{field}_{member}" for member, _ in MEMBERS for field in FIELDS]
    table = {name: pa.array([each[name] for each in families], pa.string()) for name in names}
    return {"id_keluarga": [f"F{place}" for place in range(len(families))], **table}


@given(st.lists(FAMILY, min_size=1, max_size=6), st.integers(1, 5))
def test_persons_are_those_of_the_columns_whatever_the_batches(families, batch_rows):
    source = persons(MemorySource(table_of(families)), KRS)
    columns = ["id_anggota", "id_keluarga", "hubungan", "nik", "nama", "tgl_lahir", "jkn_aktif"]
    found = [
        (batch.row_number(place), *row.values())
        for batch in source.batches(columns, batch_rows)
        for place, row in enumerate(batch.table.to_pylist())
    ]
    assert found == expected(families)


@given(st.lists(FAMILY, min_size=1, max_size=6))
def test_a_register_keeps_every_family_and_every_person(families):
    read = read_register(MemorySource(table_of(families)), KRS, day=date(2026, 1, 1))
    assert read.families.column("family").to_pylist() == table_of(families)["id_keluarga"]
    assert read.members.column("member").to_pylist() == [row[1] for row in expected(families)]
    assert read.members.column("row").to_pylist() == [row[0] for row in expected(families)]


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=5))
def test_no_text_is_too_odd_for_a_fact(cells):
    for name in KRS.facts:
        read = typed(KRS, name, pa.array(cells, pa.string()))
        assert len(read.values) == len(read.unknown) == len(read.outside) == len(cells)
