"""Choosing a reader, and refusing what isn't what its name says."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import xlsxwriter

from pprl import catalogue
from pprl.errors import ConfigError, InputError, PprlError
from pprl.io.delimited import DelimitedSource
from pprl.io.parquet import ParquetSource
from pprl.io.source import open_source
from pprl.io.spreadsheet import SpreadsheetSource


def error_of(path, **options):
    with pytest.raises(PprlError) as caught:
        open_source(path, **options)
    for language in catalogue.LANGUAGES:
        assert catalogue.text(caught.value.code, caught.value.values, language)
        assert catalogue.hint(caught.value.code, caught.value.values, language)
    return caught.value


def test_the_ending_chooses_the_reader(tmp_path):
    for name in ("t.csv", "t.TXT", "t.tsv", "t"):
        (tmp_path / name).write_text("nik\tnama\n1\tA\n")
        assert isinstance(open_source(tmp_path / name), DelimitedSource)
    pyarrow.parquet.write_table(pa.table({"nik": ["1"]}), tmp_path / "t.parquet")
    assert isinstance(open_source(tmp_path / "t.parquet"), ParquetSource)
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as workbook:
        workbook.add_worksheet("A").write_column(0, 0, ["NIK", "1"])
    assert isinstance(open_source(tmp_path / "t.xlsx", sheet="A"), SpreadsheetSource)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("t.csv", b"", "table.empty"),
        ("t.xlsx", b"", "table.empty"),
        ("t.csv", b"PK\x03\x04", "table.workbook_named_csv"),
        ("t.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "table.workbook_named_csv"),
        ("t.csv", b"PAR1", "table.not_text"),
        ("t.csv", b"\x1f\x8b\x08", "table.not_text"),
        ("t.xls", b"<html><table>", "table.not_a_workbook"),
        ("t.xlsx", b"nik;nama\n", "table.not_a_workbook"),
        ("t.parquet", b"nik;nama\n", "table.damaged"),
        ("t.docx", b"PK\x03\x04", "table.unknown_kind"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_remedy(tmp_path, name, content, code):
    path = tmp_path / name
    path.write_bytes(content)
    error = error_of(path)
    assert isinstance(error, InputError)
    assert error.code == code


def test_an_archive_that_is_no_workbook_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    assert error_of(tmp_path / "t.xlsx").code == "table.damaged"


def test_missing_files_and_folders_are_refused(tmp_path):
    assert error_of(tmp_path / "no.csv").code == "table.missing"
    assert error_of(tmp_path).code == "table.is_folder"


def test_an_unreadable_file_is_refused():
    assert error_of(Path("/proc/self/mem")).code == "table.unreadable"  # reading it always fails


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("t.csv", {"sheet": "A"}),
        ("t.xlsx", {"encoding": "utf-8"}),
        ("t.xlsx", {"delimiter": ";"}),
        ("t.parquet", {"sheet": "A"}),
    ],
)
def test_an_option_for_another_kind_of_file_is_refused(tmp_path, name, options):
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04")
    error = error_of(path, **options)
    assert isinstance(error, ConfigError)
    assert error.code == "table.option_misplaced"
