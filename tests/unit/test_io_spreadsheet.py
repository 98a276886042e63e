"""Workbooks of each format, written here byte by byte or by their own libraries."""

import struct
import zipfile
from datetime import date, datetime

import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from xlwt.CompoundDoc import XlsDoc

from pprl import catalogue
from pprl.errors import InputError
from pprl.io.spreadsheet import SpreadsheetSource

NIK = 6408991503909901
PERSON = "SITI RAHASIA"
BORN = date(1990, 3, 15)

SHEET = [
    ["DATA KELUARGA BERISIKO STUNTING"],
    [],
    ["No", "NIK", "Nama Lengkap", "Tgl Lahir", "Bumil", "Berat"],
    [1, NIK, "SITI", BORN, True, 2.5],
    [2, "6408991503909902", " BUDI ", None, False, 12],
    [],
    [3, None, "NI LUH", BORN, None, None],
    ["Jumlah", None, 3],
]
EXPECTED = {
    "NIK": ["6408991503909901.0", "6408991503909902", None],
    "Nama Lengkap": ["SITI", " BUDI ", "NI LUH"],
    "Tgl Lahir": ["1990-03-15", None, "1990-03-15"],
    "Bumil": ["TRUE", "FALSE", None],
    "Berat": ["2.5", "12", None],
}


def write_xlsx(path, sheets, merge=(), hidden=()):
    with xlsxwriter.Workbook(path) as workbook:
        dates = workbook.add_format({"num_format": "dd/mm/yyyy"})
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for i, row in enumerate(rows):
                for j, value in enumerate(row):
                    if isinstance(value, date):
                        sheet.write_datetime(i, j, value, dates)
                    elif value is not None:
                        sheet.write(i, j, value)
            for area in merge:
                sheet.merge_range(*area)
            if name in hidden:
                sheet.hide()


def write_xls(path, sheets):
    workbook = xlwt.Workbook()
    dates = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for name, rows in sheets.items():
        sheet = workbook.add_sheet(name)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write(i, j, value, dates)
                elif value is not None:
                    sheet.write(i, j, value)
    workbook.save(str(path))


def write_ods(path, sheets):
    def cell(value):
        if value is None:
            return TableCell()
        if isinstance(value, bool):
            return TableCell(valuetype="boolean", booleanvalue=str(value).lower())
        if isinstance(value, (int, float)):
            return TableCell(valuetype="float", value=repr(value))
        if isinstance(value, date):
            return TableCell(valuetype="date", datevalue=value.isoformat())
        text = TableCell(valuetype="string", stringvalue=value)
        text.addElement(P(text=value))
        return text

    document = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        for row in rows:
            line = TableRow()
            for value in row or [None]:
                line.addElement(cell(value))
            table.addElement(line)
        document.spreadsheet.addElement(table)
    document.save(str(path))


# A binary workbook by hand: records of [MS-XLSB], each an id, a size and its bytes.
MS = "application/vnd.ms-excel."
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XLSB_TYPES = f"""<Types xmlns="{PACKAGE}/content-types">
<Default Extension="bin" ContentType="{MS}sheet.binary.macroEnabled.main"/>
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/styles.bin" ContentType="{MS}styles"/>{{}}</Types>"""
XLSB_SHEET_TYPE = f"""<Override PartName="/xl/worksheets/sheet{{}}.bin"
ContentType="{MS}worksheet"/>"""
XLSB_ROOT = f"""<Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.bin"/>
</Relationships>"""
XLSB_LINKS = f"""<Relationships xmlns="{PACKAGE}/relationships">{{}}
<Relationship Id="rId99" Type="{OFFICE}/styles" Target="styles.bin"/></Relationships>"""
XLSB_LINK = f"""<Relationship Id="rId{{0}}" Type="{OFFICE}/worksheet"
Target="worksheets/sheet{{0}}.bin"/>"""


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def record(kind, data=b""):
    return varint(kind) + varint(len(data)) + data


def wide(text):
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded) // 2) + encoded


def xlsb_cell(column, value):
    head = struct.pack("<II", column, 1 if isinstance(value, date) else 0)
    if isinstance(value, bool):
        return record(4, head + bytes([value]))  # BrtCellBool
    if isinstance(value, str):
        return record(6, head + wide(value))  # BrtCellSt
    if isinstance(value, date):
        value = (value - date(1899, 12, 30)).days
    return record(5, head + struct.pack("<d", value))  # BrtCellReal


def xlsb_sheet(rows):
    size = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
    out = record(129) + record(148, size) + record(145)  # BrtBeginSheet, WsDim, BeginSheetData
    for i, row in enumerate(rows):
        out += record(0, struct.pack("<IIHBBBI", i, 0, 300, 0, 0, 0, 0))  # BrtRowHdr
        out += b"".join(xlsb_cell(j, value) for j, value in enumerate(row) if value is not None)
    return out + record(146) + record(130)  # BrtEndSheetData, BrtEndSheet


def xlsb_styles():
    plain, day = (
        record(47, struct.pack("<HHHHHBBHH", 0, number_format, 0, 0, 0, 0, 0, 0, 0))  # BrtXF
        for number_format in (0, 14)
    )
    formats = record(617, struct.pack("<I", 2)) + plain + day + record(618)  # BrtBeginCellXFs
    return record(278) + formats + record(279)  # BrtBeginStyleSheet


def write_xlsb(path, sheets):
    book = record(131) + record(143)  # BrtBeginBook, BrtBeginBundleShs
    for i, name in enumerate(sheets, start=1):
        book += record(156, struct.pack("<II", 0, i) + wide(f"rId{i}") + wide(name))
    book += record(144) + record(132)
    numbers = range(1, len(sheets) + 1)
    with zipfile.ZipFile(path, "w") as archive:
        types = "".join(map(XLSB_SHEET_TYPE.format, numbers))
        archive.writestr("[Content_Types].xml", XLSB_TYPES.format(types))
        archive.writestr("_rels/.rels", XLSB_ROOT)
        links = "".join(map(XLSB_LINK.format, numbers))
        archive.writestr("xl/_rels/workbook.bin.rels", XLSB_LINKS.format(links))
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/styles.bin", xlsb_styles())
        for i, rows in zip(numbers, sheets.values(), strict=True):
            archive.writestr(f"xl/worksheets/sheet{i}.bin", xlsb_sheet(rows))


WRITERS = {"xlsx": write_xlsx, "xls": write_xls, "ods": write_ods, "xlsb": write_xlsb}


def read(source, batch_rows=65_536):
    values = {column: [] for column in source.columns}
    rows = []
    for batch in source.batches(source.columns, batch_rows):
        for column in source.columns:
            values[column] += batch.table.column(column).to_pylist()
        rows += [batch.row_number(i) for i in range(batch.table.num_rows)]
    return values, rows


def error_of(path, **options):
    with pytest.raises(InputError) as caught:
        SpreadsheetSource(path, **options)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, kind):
    path = tmp_path / f"krs.{kind}"
    WRITERS[kind](path, {"KRS": SHEET})
    source = SpreadsheetSource(path)
    values, rows = read(source)
    assert source.columns == ("No", *EXPECTED)
    assert values == {"No": ["1", "2", "3"], **EXPECTED}
    assert rows == [4, 5, 7]
    assert {note.code: dict(note.values) for note in source.notes} == {
        "table.note_sheet": {"sheet": "KRS", "row": 3},
        "table.note_titles": {"rows": 1},
        "table.note_blank_rows": {"rows": 1},
        "table.note_footers": {"rows": 1},
    }
    for note in source.notes:
        for language in catalogue.LANGUAGES:
            assert catalogue.text(note.code, note.values, language)


def test_a_workbook_whose_parts_are_cut_short_is_damaged(tmp_path):
    whole, cut = tmp_path / "whole.xlsb", tmp_path / "cut.xlsb"
    write_xlsb(whole, {"KRS": SHEET})
    for part in ("xl/workbook.bin", "xl/styles.bin", "xl/worksheets/sheet1.bin"):
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(cut, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                new.writestr(name, data[: len(data) // 2] if name == part else data)
        assert error_of(cut).code in {"table.damaged", "table.no_rows"}, part


@pytest.mark.parametrize("batch_rows", [1, 2, 3])
def test_batches_have_the_size_asked_for_and_can_be_read_again(tmp_path, batch_rows):
    path = tmp_path / "krs.xlsx"
    write_xlsx(path, {"KRS": SHEET})
    source = SpreadsheetSource(path)
    for _ in range(2):
        assert read(source, batch_rows) == ({"No": ["1", "2", "3"], **EXPECTED}, [4, 5, 7])


def test_a_table_away_from_the_corner_keeps_its_row_numbers(tmp_path):
    path = tmp_path / "krs.xlsx"
    rows = [[None] * 3 + row for row in [[], [], [], ["NIK", "Nama"], ["1", "A"], ["2", "B"]]]
    write_xlsx(path, {"KRS": rows})
    assert read(SpreadsheetSource(path)) == ({"NIK": ["1", "2"], "Nama": ["A", "B"]}, [5, 6])


def test_the_only_sheet_with_data_is_taken(tmp_path):
    path = tmp_path / "krs.xlsx"
    sheets = {"Sampul": [["KRS"]], "Isi": [["NIK"], ["1"]], "Lama": [["NIK"], ["2"]], "Kosong": []}
    write_xlsx(path, sheets, hidden=["Lama"])
    assert read(SpreadsheetSource(path))[0] == {"NIK": ["1"]}
    assert read(SpreadsheetSource(path, sheet="lama"))[0] == {"NIK": ["2"]}


def test_a_choice_of_sheets_is_a_question(tmp_path):
    path = tmp_path / "krs.xlsx"
    write_xlsx(path, {"A": [["NIK"], ["1"]], "B": [["NIK"], ["2"]]})
    error = error_of(path)
    assert (error.code, error.values["known"]) == ("table.several_sheets", "A, B")
    error = error_of(path, sheet="C")
    assert (error.code, error.values["known"]) == ("table.no_sheet", "A, B")


def test_a_workbook_without_rows_is_refused(tmp_path):
    path = tmp_path / "krs.xlsx"
    write_xlsx(path, {"A": [], "B": [["NIK"]]})
    assert error_of(path).code == "table.no_rows"
    assert error_of(path, sheet="B").code == "table.no_table"


def test_data_without_a_header_is_refused_without_naming_it(tmp_path):
    path = tmp_path / "krs.xlsx"
    write_xlsx(path, {"A": [[str(NIK), PERSON], [str(NIK + 1), PERSON]]})
    error = error_of(path)
    assert error.code == "table.no_table"
    assert PERSON not in str(error)


def test_cells_merged_downwards_count_for_each_row(tmp_path):
    path = tmp_path / "krs.xlsx"
    rows = [["No KK", "Nama"], [None, "A"], [None, "B"], ["2", "C"]]
    write_xlsx(path, {"A": rows}, merge=[(1, 0, 2, 0, "1")])
    source = SpreadsheetSource(path)
    assert read(source)[0] == {"No KK": ["1", "1", "2"], "Nama": ["A", "B", "C"]}
    assert source.notes[-1].code == "table.note_merged_rows"


def test_a_header_of_two_rows_is_joined(tmp_path):
    path = tmp_path / "krs.xlsx"
    rows = [
        [None, None, None],
        [None, None, None, None, None, None],
        [None, "NIK", "Nama", "NIK", "Nama", None],
        ["1", "11", "A", "12", "B", "X"],
    ]
    merge = [
        (0, 0, 0, 5, "DATA KRS"),
        (1, 0, 2, 0, "No KK"),
        (1, 1, 1, 2, "Suami"),
        (1, 3, 1, 4, "Istri"),
        (1, 5, 2, 5, "Desa"),
    ]
    write_xlsx(path, {"A": rows}, merge=merge)
    source = SpreadsheetSource(path)
    assert source.columns == ("No KK", "Suami NIK", "Suami Nama", "Istri NIK", "Istri Nama", "Desa")
    values, numbers = read(source)
    assert [column[0] for column in values.values()] == ["1", "11", "A", "12", "B", "X"]
    assert numbers == [4]


def test_times_keep_their_time_and_error_cells_are_null(tmp_path):
    path = tmp_path / "krs.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["Waktu", "Rumus", "NIK"])
        times = workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        sheet.write_datetime(1, 0, datetime(1990, 3, 15, 8, 30), times)  # noqa: DTZ001 - Excel has no zones
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(1, 2, "=A1", None, NIK)
    values, _ = read(SpreadsheetSource(path))
    assert values == {
        "Waktu": ["1990-03-15 08:30:00"],
        "Rumus": [None],
        "NIK": ["6408991503909901.0"],
    }


def test_a_workbook_under_the_name_of_another_kind_is_read(tmp_path):
    path = tmp_path / "krs.xls"
    write_xlsx(tmp_path / "krs.xlsx", {"A": [["NIK"], ["1"]]})
    (tmp_path / "krs.xlsx").rename(path)
    assert read(SpreadsheetSource(path))[0] == {"NIK": ["1"]}


def test_a_password_on_an_xls_is_said(tmp_path):
    workbook = xlwt.Workbook()
    workbook.add_sheet("A").write(0, 0, PERSON)
    stream = workbook.get_biff_data()
    behind_bof = 4 + struct.unpack_from("<H", stream, 2)[0]
    file_pass = struct.pack("<HHHHH48x", 0x2F, 54, 1, 1, 1)  # RC4 encryption header
    path = tmp_path / "krs.xls"
    XlsDoc().save(str(path), stream[:behind_bof] + file_pass + stream[behind_bof:])
    assert error_of(path).code == "table.password"


def test_a_password_on_an_xlsx_is_said(tmp_path):
    # An encrypted .xlsx is a compound document with one stream of this name.
    path = tmp_path / "krs.xlsx"
    XlsDoc().save(str(path), bytes(8192))
    content = bytearray(path.read_bytes())
    entry = content.index("Workbook".encode("utf-16-le"))
    name = "EncryptedPackage".encode("utf-16-le")
    content[entry : entry + len(name)] = name
    struct.pack_into("<H", content, entry + 64, len(name) + 2)
    path.write_bytes(content)
    error = error_of(path)
    assert error.code == "table.password"
    assert error.hint


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_cut_short_is_damaged(tmp_path, kind):
    path = tmp_path / f"krs.{kind}"
    WRITERS[kind](path, {"KRS": SHEET})
    content = path.read_bytes()
    for size in (len(content) // 3, len(content) // 2 + 7):
        path.write_bytes(content[:size])
        assert error_of(path).code == "table.damaged"
