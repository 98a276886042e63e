"""Finding the table on a sheet made for reading."""

import pytest

from pprl.io.layout import find_layout, is_total

HEADER = ["No", "NIK", "Nama", "Jenis Kelamin", "Tgl Lahir", "Desa"]
DATA = [
    [1.0, "6408991503909901", "SITI", "P", "15-03-1990", "SANGATTA"],
    [2.0, "6408991503909902", "BUDI", "L", "15-03-1990", "SANGATTA"],
]
BLANK = [""] * 6


def line(*cells):
    return [*cells, *[""] * (6 - len(cells))]


def test_titles_of_several_cells_are_not_the_header():
    titles = [
        line("REKAPITULASI DATA KRS"),
        line("Kabupaten", ": Kutai Timur"),
        line("Kecamatan", ": Sangatta", "", "Desa", ": Semua"),
        BLANK,
    ]
    found = find_layout([*titles, HEADER, *DATA], None)
    assert (found.header, found.first, found.end, found.titles) == (4, 5, 7, 3)


def test_an_unknown_header_is_the_fullest_row_of_text():
    rows = [["LAPORAN", "", ""], ["Satu", "Dua", "Tiga"], ["7", "8", "9"]]
    assert find_layout(rows, None).names == ("Satu", "Dua", "Tiga")


@pytest.mark.parametrize(
    "numbers", [["1", "2", "3", "4", "5", "6"], ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"]]
)
def test_a_row_that_numbers_the_columns_is_no_data(numbers):
    assert find_layout([HEADER, numbers, *DATA], None).first == 2
    assert find_layout([HEADER, [float(n) for n in range(1, 7)], *DATA], None).first == 2


def test_a_blank_row_may_follow_a_known_header():
    found = find_layout([HEADER, BLANK, *DATA], None)
    assert (found.header, found.blanks) == (0, 1)


@pytest.mark.parametrize("word", ["Jumlah", "TOTAL", "Sub Total", "Subtotal", "Grand Total :"])
def test_totals_at_the_end_are_left_out(word):
    found = find_layout([HEADER, *DATA, line(word, "", 2.0), line("Total", 2.0)], None)
    assert (found.end, found.footers, found.totals) == (3, 2, 0)


def test_subtotals_among_the_data_are_counted_apart():
    found = find_layout([HEADER, *DATA, line("Jumlah", "2 KK"), BLANK, *DATA], None)
    assert (found.end, found.footers, found.totals, found.blanks) == (7, 0, 1, 1)


def test_a_signature_block_is_left_out():
    signature = [BLANK, line("", "", "", "Sangatta, 1 Juli 2024"), line("", "Kepala Dinas"), BLANK]
    found = find_layout([HEADER, *DATA, *signature, line("NIP. 1", "", "x")], None)
    assert (found.end, found.footers) == (3, 3)


def test_records_below_a_blank_row_stay():
    found = find_layout([HEADER, *DATA, BLANK, *DATA], None)
    assert (found.end, found.footers, found.blanks) == (6, 0, 1)


def test_sparse_records_of_a_narrow_table_stay():
    found = find_layout([["NIK", "Nama"], ["1", "A"], ["", ""], ["2", ""]], None)
    assert found.end == 4


def test_footers_are_found_below_many_rows():
    rows = [HEADER, *DATA * 500, BLANK, *DATA * 500, line("Jumlah", 2000.0)]
    found = find_layout(rows, None)
    assert (found.end, found.footers, found.blanks) == (2002, 1, 1)


def test_a_person_is_no_total():
    assert not is_total(["TOTAL SURYANI", "P", "SANGATTA"])
    assert not is_total(["JUMLAH", "6408991503909901", ""])
    assert not is_total(["", ""])
    assert is_total(["", "Jumlah Keluarga", 12.0, "1.250 KK"])


def test_without_merged_ranges_two_header_rows_need_known_words():
    upper = ["No", "Kepala Keluarga", "", "Desa"]
    lower = ["", "NIK", "Nama", ""]
    row = ["1", "6408991503909901", "A", "X"]
    found = find_layout([upper, lower, row], None)
    assert found.names == ("No", "Kepala Keluarga NIK", "Kepala Keluarga Nama", "Desa")
    # A first record below an unnamed column is never taken for a second header row.
    found = find_layout([["nama", "", "desa"], ["SITI", "L", "X"], ["BUDI", "L", "X"]], None)
    assert (found.names, found.first) == (("nama", "", "desa"), 1)
    found = find_layout([["nama", "", "desa"], ["SITI", "L", "X"], ["BUDI", "L", "X"]], [])
    assert (found.names, found.first) == (("nama", "", "desa"), 1)


@pytest.mark.parametrize("rows", [[], [[]], [HEADER], [HEADER, BLANK], [line("A"), BLANK, BLANK]])
def test_no_data_is_no_table(rows):
    assert find_layout(rows, None) is None
