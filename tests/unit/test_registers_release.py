"""What a sender may release: cells that whoever receives them can read."""

import pytest

from pprl.errors import InputError
from pprl.io.memory import MemorySource
from pprl.io.source import open_source
from pprl.registers.opened import open_register
from pprl.registers.profile import load_profile

DTSEN = load_profile("dtsen")


def register(desil, pkh=("1", "0")):
    return {"id_keluarga": ["F", "F"], "id_art": ["1", "2"], "nama": ["A", "B"],
            "desil": ["3", desil], "pkh": list(pkh)}  # fmt: skip


@pytest.mark.parametrize("desil", ["3", "3.0", "2,0", "Desil 4", "10", "", None, "-"])
def test_desil_as_offices_write_it_can_be_released(desil):
    open_register(MemorySource(register(desil)), DTSEN).refuse_unread(["desil", "pkh"])


@pytest.mark.parametrize(
    ("desil", "code"),
    [("0", "outside"), ("11", "outside"), ("-1", "outside"), ("tiga", "unknown_word"),
     ("2.5", "unknown_word")],
)  # fmt: skip
def test_a_desil_that_nobody_could_read_is_named_by_its_row(tmp_path, desil, code):
    path = tmp_path / "dtsen.csv"
    columns = register(desil)
    lines = [list(columns), *zip(*columns.values(), strict=True)]
    path.write_text("\n".join(";".join(line) for line in lines) + "\n")
    with pytest.raises(InputError) as caught:
        open_register(open_source(path), DTSEN).refuse_unread(["desil", "pkh"])
    assert caught.value.code == f"register.{code}"
    assert (caught.value.values["row"], caught.value.values["column"]) == (3, "desil")


def test_what_is_not_released_is_not_looked_at():
    opened = open_register(MemorySource(register("tiga", ("entah", "0"))), DTSEN)
    opened.refuse_unread([])
    with pytest.raises(InputError) as caught:
        opened.refuse_unread(["pkh"])
    assert caught.value.values["column"] == "pkh"
