"""NIKs as they stand in real files, and the reason for each verdict."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pprl.normalise.date import normalise_date
from pprl.normalise.nik import (
    NikFlag,
    NikStatus,
    SpreadsheetTally,
    normalise_nik,
    spreadsheet_damage,
)

CASES = Path(__file__).parent.parent / "data" / "nik_cases.csv"
SOFT = {"BAD_REGION_SOFT": NikFlag.REGION_UNKNOWN, "DOB_MISMATCH_SOFT": NikFlag.DOB_MISMATCH}
GOOD = "6408991503909901"


def cases():
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def value(column, row=0):
    return column.digits[row, : column.length[row]].tobytes().decode()


def normalise(text, **others):
    return normalise_nik(pa.array([text], pa.string()), **others)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['raw']}-{case['note']}")
def test_a_known_case_gets_its_verdict(case):
    raw, _, born = case["raw"].partition("|dob=")
    dates = normalise_date(pa.array([born or None], pa.string()))
    column = normalise(raw, birth_dates=dates)
    expected = case["expected_status"]
    assert NikStatus(column.status[0]).name == ("OK" if expected in SOFT else expected)
    assert NikFlag(int(column.flags[0])) & ~NikFlag.SCIENTIFIC == SOFT.get(expected, 0)
    assert value(column) == case["expected_value"]


@pytest.mark.parametrize(
    ("raw", "status", "length"),
    [
        ("'6408991503909901", NikStatus.OK_CLEANED, 16),
        ("6408991503909901\u00a0", NikStatus.OK_CLEANED, 16),
        ("\ufeff6408991503909901", NikStatus.OK_CLEANED, 16),
        ("\u20186408991503909901", NikStatus.OK_CLEANED, 16),
        ("6408991503909901,00", NikStatus.RECOVERED_FLOAT, 16),
        ("6.408.991.503.909.901", NikStatus.OK_CLEANED, 16),
        ("6.408991503909901E+15", NikStatus.RECOVERED_FLOAT, 16),
        ("6,40899E+15", NikStatus.DAMAGED_SCI, 0),
        ("6.40899E+14", NikStatus.DAMAGED_SCI, 0),
        ("9171991503909902.0", NikStatus.DAMAGED_FLOAT, 15),
        ("9171991503909910.0", NikStatus.DAMAGED_FLOAT, 0),
        ("9171991503909901", NikStatus.OK, 16),
        ("640899150390990", NikStatus.LEN_SHORT, 0),
        ("640899150390990O", NikStatus.NON_DIGIT, 0),
        ("".join(chr(0xFF10 + int(digit)) for digit in GOOD), NikStatus.NON_DIGIT, 0),
        ("6408993102909901", NikStatus.BAD_DATE, 0),
        ("6408992902019901", NikStatus.BAD_DATE, 0),
        ("6408997202909901", NikStatus.BAD_DATE, 0),
        ("6408994003909901", NikStatus.BAD_DATE, 0),
        ("6408991500909901", NikStatus.BAD_DATE, 0),
        ("9908991503909901", NikStatus.BAD_REGION, 0),
        ("1234567890123456", NikStatus.PLACEHOLDER, 0),
        ("00000", NikStatus.MISSING, 0),
        ("0.0", NikStatus.MISSING, 0),
        ("-", NikStatus.MISSING, 0),
        ("", NikStatus.MISSING, 0),
        (None, NikStatus.MISSING, 0),
        ("belum punya", NikStatus.MISSING, 0),
        ("lihat KK", NikStatus.NON_DIGIT, 0),
    ],
)
def test_what_files_hold(raw, status, length):
    column = normalise(raw)
    assert (NikStatus(column.status[0]), column.length[0]) == (status, length)
    assert not column.digits[0, length:].any()


def test_numbers_from_a_table_of_numbers_are_read_exactly():
    floats = normalise_nik(pa.array([6408991503909901.0, 6408991503909900.0, None]))
    assert [value(floats, row) for row in range(3)] == ["6408991503909901", "6408991503909900", ""]
    assert floats.status[0] == NikStatus.RECOVERED_FLOAT
    integers = normalise_nik(pa.array([6408991503909901]))
    assert integers.status[0] == NikStatus.OK


def test_a_kecamatan_that_no_list_knows_is_flagged_and_99_is_not():
    flags = [normalise(nik).flags[0] for nik in ("6408981503909901", GOOD, "6408011503909901")]
    assert flags == [NikFlag.REGION_UNKNOWN, 0, 0]


def test_sex_is_compared_when_it_is_known():
    for sex, flag in ((0, 0), (1, 0), (2, NikFlag.SEX_MISMATCH)):
        assert normalise(GOOD, sex=np.array([sex], dtype=np.uint8)).flags[0] == flag
    woman = "6408995503909901"
    assert normalise(woman, sex=np.array([2], dtype=np.uint8)).flags[0] == 0


def test_an_agreeing_or_unknown_date_of_birth_is_no_flag():
    for born in ("1990-03-15", "2090-03-15", None, "?"):
        dates = normalise_date(pa.array([born], pa.string()))
        assert normalise(GOOD, birth_dates=dates).flags[0] == 0


def test_date_and_serial_of_one_digit_are_suspicious():
    column = normalise("6408991111111111")
    assert column.status[0] == NikStatus.OK
    assert column.flags[0] == NikFlag.SUSPICIOUS


def serials(last_digits):
    return normalise_nik(pa.array([f"640899150390123{digit}" for digit in last_digits]))


def test_a_column_that_went_through_a_spreadsheet_is_noticed():
    damaged = spreadsheet_damage(serials("0" * 99 + "1"))
    assert (damaged.values, damaged.share, damaged.damaged) == (100, 0.99, True)
    assert not spreadsheet_damage(serials("0123456789" * 10)).damaged


def test_a_few_values_prove_nothing():
    assert not spreadsheet_damage(serials("000")).damaged


def test_one_value_in_scientific_notation_is_proof():
    damage = spreadsheet_damage(normalise("6.40899E+15"))
    assert (damage.scientific, damage.damaged) == (1, True)


def test_serial_0000_counts_as_ending_in_zero():
    assert SpreadsheetTally.of(normalise("6408991503900000")) == SpreadsheetTally(1, 1, 0)


def test_tallies_of_chunks_add_up():
    whole = SpreadsheetTally.of(serials("0011"))
    assert SpreadsheetTally.of(serials("00")) + SpreadsheetTally.of(serials("11")) == whole
    assert spreadsheet_damage(SpreadsheetTally()).share == 0.0
