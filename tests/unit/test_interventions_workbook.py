"""The quick writer of workbooks beside xlsxwriter: the same bytes, whatever the cells hold."""

import math
import random

import pytest

from pprl.interventions import layout
from pprl.interventions.workbook import write_workbook

TITLES, WIDTHS = ["Desa", "Kepala keluarga", "Desil", "Desa"], [20, 26, 6, 9]
CELLS = (
    *("KELINJAU HULU", "SITI", "=1+1", "", " di depan", "di belakang ", "baris\nbaru", "a & b"),
    *("<b>", '"kutip"', "Ñoño", "\U0001f600", "Desa", None, None, None, 0, 7, -3, 0.9995, 1e21),
    *(1 / 3, True, 6408995503909901, -0.0),
)


def both(tmp_path, titles, widths, rows):
    write_workbook(tmp_path / "quick.xlsx", titles, widths, rows)
    layout.write_xlsx(tmp_path / "slow.xlsx", titles, widths, rows)
    return [(tmp_path / f"{name}.xlsx").read_bytes() for name in ("quick", "slow")]


@pytest.mark.parametrize("n_rows", [0, 1, 14, 15, 16, 31, 32, 33, 400])
def test_a_workbook_has_the_bytes_of_xlsxwriter(tmp_path, n_rows):
    draw = random.Random(n_rows)  # noqa: S311 - test data
    rows = [tuple(draw.choice(CELLS) for _ in TITLES) for _ in range(n_rows)]
    quick, slow = both(tmp_path, TITLES, WIDTHS, rows)
    assert quick == slow


def test_rows_and_columns_without_cells_are_left_out_as_xlsxwriter_does(tmp_path):
    empty = (None,) * 30
    narrow = (None,) * 27 + ("x", None, None)
    rows = [empty, narrow, *[empty] * 20, *[narrow] * 20, *[empty] * 40]
    quick, slow = both(tmp_path, [f"K{place}" for place in range(30)], [9] * 30, rows)
    assert quick == slow


@pytest.mark.parametrize(
    "cell", ["\x07", "_x0041_", "<r>a</r>", "a" * 16_001, "a" * 40_000, "\ufffe", "satu\r\ndua"]
)
def test_what_is_out_of_the_ordinary_is_written_by_xlsxwriter(tmp_path, cell):
    quick, slow = both(tmp_path, TITLES, WIDTHS, [("x", cell, 1, None)])
    assert quick == slow


def test_a_list_of_one_column_is_written_too(tmp_path):
    quick, slow = both(tmp_path, ["Desa"], [9], [("KELINJAU",), (None,), ("RANTAU",)])
    assert quick == slow


def test_a_number_without_end_is_refused_as_xlsxwriter_does(tmp_path):
    for write in (write_workbook, layout.write_xlsx):
        with pytest.raises(TypeError):
            write(tmp_path / "a.xlsx", TITLES, WIDTHS, [("x", math.inf, 1, 1)])
