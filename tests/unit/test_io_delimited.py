"""CSV files, whole and broken."""

import csv

import pytest

from pprl.errors import ConfigError, InputError
from pprl.io.delimited import DelimitedSource

PERSON = "SITI RAHASIA"


def write(tmp_path, content: str | bytes, name="krs.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, columns=None, batch_rows=65_536, **options):
    """Return columns -> values, and row numbers."""
    source = DelimitedSource(path, **options)
    columns = columns or source.columns
    values = {column: [] for column in columns}
    rows = []
    for batch in source.batches(columns, batch_rows):
        for column in columns:
            values[column] += batch.table.column(column).to_pylist()
        rows += [batch.row_number(i) for i in range(batch.table.num_rows)]
    return values, rows


def error_of(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert PERSON not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_end_are_found(tmp_path, delimiter, line_end):
    rows = [["nik", "nama", "alamat"], ["1", "SITI", "Jl. A, No; 3"], ["2", "BUDI", ""]]
    path = tmp_path / "krs.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    values, numbers = read(path)
    assert values == {
        "nik": ["1", "2"],
        "nama": ["SITI", "BUDI"],
        "alamat": ["Jl. A, No; 3", None],
    }
    assert numbers == [2, 3]


def test_the_rows_decide_between_two_delimiters_in_the_header(tmp_path):
    path = write(tmp_path, "nama, lengkap;nik;desa\nSITI;1;A\nBUDI;2;B, C\n")
    assert DelimitedSource(path).columns == ("nama, lengkap", "nik", "desa")


def test_commas_in_names_don_t_make_a_comma_file(tmp_path):
    path = write(tmp_path, "nik;nama;jk\n1;SITI, S.Pd;P\n2;BUDI, M.Si;L\n")
    assert read(path, ["nama"])[0] == {"nama": ["SITI, S.Pd", "BUDI, M.Si"]}


def test_a_single_column_needs_no_delimiter(tmp_path):
    assert read(write(tmp_path, "nik\n1\n\n2\n")) == ({"nik": ["1", "2"]}, [2, 4])


def test_a_given_delimiter_wins(tmp_path):
    path = write(tmp_path, "a;b^c\n1;2^3\n")
    assert read(path, delimiter="^")[0] == {"a;b": ["1;2"], "c": ["3"]}
    assert read(write(tmp_path, "a\tb,c\n1\t2,3\n"), delimiter="tab")[0]["b,c"] == ["2,3"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "é", "a", "\n"])
def test_what_can_t_be_a_delimiter_is_refused(tmp_path, delimiter):
    path = write(tmp_path, "a;b\n1;2\n")
    if delimiter:
        with pytest.raises(ConfigError) as caught:
            DelimitedSource(path, delimiter=delimiter)
        assert caught.value.code == "table.bad_delimiter"
    else:
        assert DelimitedSource(path, delimiter=delimiter).delimiter == ";"


def test_the_separator_line_of_excel_is_understood(tmp_path):
    values, rows = read(write(tmp_path, "sep=|\r\nnik|nama\r\n1|SITI\r\n"))
    assert values == {"nik": ["1"], "nama": ["SITI"]}
    assert rows == [3]


def test_text_is_kept_as_it_is_and_empty_cells_are_null(tmp_path):
    path = write(tmp_path, 'a;b;c\n NA ;null;007\n"";" ";-\n')
    assert read(path)[0] == {"a": [" NA ", None], "b": ["null", " "], "c": ["007", "-"]}


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(tmp_path):
    path = write(tmp_path, 'nik;alamat;desa\n1;"Jl. ""A""; RT 1\nRW 2";X\n2;B;Y\n')
    values, rows = read(path)
    assert values["alamat"] == ['Jl. "A"; RT 1\nRW 2', "B"]
    assert rows == [2, 3]


def test_a_quote_inside_an_unquoted_cell_is_a_character(tmp_path):
    assert read(write(tmp_path, 'a;b\n1;MA"RUF\n'))[0]["b"] == ['MA"RUF']


def test_rows_keep_their_numbers_across_blank_lines_and_batches(tmp_path):
    lines = ["nik;nama", "1;A", "", "2;B", ";", " ; ", '"";', "   ", "3;C", "4;D", "", ""]
    for batch_rows in (1, 2, 3, 100):
        values, rows = read(write(tmp_path, "\n".join(lines)), batch_rows=batch_rows)
        assert values == {"nik": ["1", "2", "3", "4"], "nama": ["A", "B", "C", "D"]}
        assert rows == [2, 4, 9, 10]


def test_rows_of_delimiters_are_counted_in_a_note(tmp_path):
    source = DelimitedSource(write(tmp_path, "nik;nama\n1;A\n;\n;;;;\n\n"))
    list(source.batches(["nik"]))
    assert {note.code: dict(note.values) for note in source.notes} == {
        "table.note_format": {"delimiter": ";", "encoding": "UTF-8"},
        "table.note_empty_rows": {"rows": 2},
    }


def test_batches_have_the_size_asked_for_and_can_be_read_again(tmp_path):
    path = write(tmp_path, "nik;nama\n" + "".join(f"{i};N{i}\n" for i in range(100_000)))
    source = DelimitedSource(path)
    for _ in range(2):
        batches = list(source.batches(["nama", "nik"], 30_000))
        assert [batch.table.num_rows for batch in batches] == [30_000] * 3 + [10_000]
        assert batches[0].table.schema.names == ["nama", "nik"]
        assert batches[3].table.column("nik")[9_999].as_py() == "99999"
        assert batches[3].row_number(9_999) == 100_001


def test_one_column_can_be_asked_for_twice(tmp_path):
    source = DelimitedSource(write(tmp_path, "a;b\n1;2\n"))
    (batch,) = source.batches(["b", "b"])
    assert [column.to_pylist() for column in batch.table.columns] == [["2"], ["2"]]


def test_an_unknown_column_is_refused(tmp_path):
    assert error_of(write(tmp_path, "a;b\n1;2\n"), columns=["c"]).code == "table.no_column"


def test_columns_without_a_name_are_left_out(tmp_path):
    source = DelimitedSource(write(tmp_path, "nik;;nama;;\n1;x;A;;\n"))
    (batch,) = source.batches(source.columns)
    assert batch.table.to_pydict() == {"nik": ["1"], "nama": ["A"]}
    assert source.notes[-1].values == {"columns": 3}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_each_usual_encoding_is_read(tmp_path, encoding):
    path = write(tmp_path, "nama;desa\nANDRÉ;A\nJOSÉ;B\n".encode(encoding))
    assert read(path)[0] == {"nama": ["ANDRÉ", "JOSÉ"], "desa": ["A", "B"]}


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (f"a;b\n1;2\n{PERSON}\n3;4\n", "table.ragged", 3),
        (f"a;b\n1;2\n\n{PERSON};2;3\n", "table.ragged", 4),
        (f'a;b\n1;2\n3;"{PERSON}\n5;6\n', "table.unclosed_quote", 3),
        (f'a;b\n1;2\n3;"{PERSON}\n' + "5;6\n" * 200 + '7;"8"\n', "table.unclosed_quote", 3),
        (f'a;b\n1;2\n3;"{PERSON}"x\n', "table.text_after_quote", 3),
        (f'a;b;c\n1;"{PERSON};2\n3;4";5\n6;7;8\n', "table.stray_quote", 2),
        (f'a;b;c\n1;"{PERSON};2\n0;0;0\n3;4";5\n6;7;8\n', "table.stray_quote", 2),
        (f"a;b\n1;2\n{PERSON};\0\n", "table.nul_byte", 3),
        (f'a;b\n1;2\n{PERSON};"\0"\n', "table.nul_byte", 3),
        (f"a;b\nÉ;2\n{PERSON};x\n".encode() + b"5;\xe9\n", "table.encoding", 4),
        (f"a;b\n\xe9;2\n{PERSON};\x81\n".encode("latin-1"), "table.encoding", 3),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_a_malformed_row_is_named(tmp_path, content, code, row, batch_rows):
    error = error_of(write(tmp_path, content), batch_rows=batch_rows)
    assert (error.code, error.values["row"]) == (code, row)
    assert error.hint


def test_a_ragged_row_says_what_was_found_and_expected(tmp_path):
    error = error_of(write(tmp_path, "a;b;c\n1;2\n"))
    assert (error.values["found"], error.values["expected"]) == (2, 3)


def test_a_malformed_row_is_named_far_down_the_file(tmp_path):
    good = "".join(f"{i};N{i}\n" for i in range(300_000))
    assert error_of(write(tmp_path, f"a;b\n{good}x\n")).values["row"] == 300_002


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xef\xbb\xbf", "table.empty"),
        (b"\n\n \n", "table.empty"),
        (b"\x81", "table.encoding"),
        (b"a;b\n", "table.header_only"),
        (b"a;b\n;\n\n", "table.header_only"),
        (b"a;b;a\n1;2;3\n", "table.duplicate_column"),
        (b"6408991503909901;SITI\n6408991503909902;BUDI\n", "table.no_header"),
        (b"SITI;01-02-1990\nBUDI;02-02-1990\n", "table.no_header"),
        (b"1;SITI\n2;BUDI\n", "table.no_header"),
        (b'"a;b\n1;2\n', "table.unclosed_quote"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "table.nul_byte"),
        ("a;b\n1;2\n".encode("utf-16-le"), "table.nul_byte"),
        (b"x" * 20_000_000, "table.row_too_long"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, code):
    error = error_of(write(tmp_path, content))
    assert error.code == code
    assert error.hint


def test_a_header_only_file_larger_than_the_sample_is_refused(tmp_path):
    assert error_of(write(tmp_path, "a;b\n" + "\n" * 600_000)).code == "table.header_only"


def test_utf_16_without_a_mark_is_read_when_named(tmp_path):
    path = write(tmp_path, "a;b\n1;É\n".encode("utf-16-le"))
    assert read(path, encoding="utf-16-le")[0] == {"a": ["1"], "b": ["É"]}
