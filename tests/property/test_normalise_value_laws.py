"""Laws of NIKs and dates: what is valid survives any dress, what is not never gets through."""

import calendar
import datetime as dt
import re

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pprl.normalise.date import DateStatus, normalise_date
from pprl.normalise.date_kernel import from_serial
from pprl.normalise.nik import NikFlag, NikStatus, normalise_nik
from pprl.normalise.sex import normalise_sex

TODAY = dt.date(2025, 1, 31)
BIRTHDAYS = st.dates(dt.date(1926, 1, 1), TODAY)
REGIONS = st.sampled_from(["640899", "110199", "327399", "737199"])
MONTHS = [
    "Jan",
    "Pebruari",
    "maret",
    "APRIL",
    "Mei",
    "Jun",
    "Juli",
    "Agt",
    "Sept",
    "Okt",
    "Nopember",
    "Des",
]


@st.composite
def niks(draw):
    born, woman = draw(BIRTHDAYS), draw(st.booleans())
    day = born.day + (40 if woman else 0)
    serial = draw(st.integers(1, 9999))
    nik = f"{draw(REGIONS)}{day:02}{born.month:02}{born.year % 100:02}{serial:04}"
    return nik, born, woman


def normalise(*texts):
    return normalise_nik(pa.array(texts, pa.string()))


@given(niks(), st.lists(st.tuples(st.integers(0, 16), st.sampled_from(" .-'\t/")), max_size=6))
def test_a_valid_nik_survives_signs_and_spaces(made, dress):
    nik, born, woman = made
    dressed = nik
    for place, sign in dress:
        dressed = dressed[:place] + sign + dressed[place:]
    dates = normalise_date(pa.array([born.isoformat()]))
    sex = np.array([2 if woman else 1], dtype=np.uint8)
    column = normalise_nik(pa.array([dressed]), dates, sex)
    assert NikStatus(column.status[0]) in (NikStatus.OK, NikStatus.OK_CLEANED)
    assert column.digits[0].tobytes().decode() == nik
    assert NikFlag(int(column.flags[0])) & (NikFlag.DOB_MISMATCH | NikFlag.SEX_MISMATCH) == 0


@given(niks())
def test_a_float_below_two_to_the_53_is_recovered_and_above_never_trusted(made):
    nik = made[0]
    column = normalise_nik(pa.array([float(int(nik))]))
    assert NikStatus(column.status[0]) is NikStatus.RECOVERED_FLOAT
    papua = "9171" + nik[4:]
    column = normalise_nik(pa.array([float(int(papua))]))
    known = column.digits[0, : column.length[0]].tobytes().decode()
    assert column.length[0] in (0, 15)
    assert papua.startswith(known)


@given(niks(), st.integers(0, 15))
def test_a_lost_digit_is_a_wrong_length(made, place):
    nik = made[0]
    assert normalise(nik[:place] + nik[place + 1 :]).status[0] == NikStatus.LEN_SHORT
    assert normalise(nik[:place] + "7" + nik[place:]).status[0] == NikStatus.LEN_LONG


@given(REGIONS, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
@example("640899", 35, 2, 90)
@example("640899", 72, 3, 90)
def test_a_nik_is_usable_exactly_when_its_day_exists(region, day, month, year):
    man = day - 40 if day > 40 else day
    possible = any(
        1 <= month <= 12 and 1 <= man <= calendar.monthrange(century + year, month)[1]
        for century in (1900, 2000)
    )
    column = normalise(f"{region}{day:02}{month:02}{year:02}0123")
    assert (column.length[0] == 16) == possible
    assert column.status[0] == (NikStatus.OK if possible else NikStatus.BAD_DATE)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(st.text(max_size=25), st.from_regex(r"[0-9.,eE+' -]{0,24}", fullmatch=True)),
        max_size=8,
    )
)
def test_no_text_breaks_the_kernels_and_every_row_is_judged_alone(texts):
    values = pa.array(texts, pa.string())
    together = (normalise_nik(values), normalise_date(values, today=TODAY), normalise_sex(values))
    for row, text in enumerate(texts):
        one = pa.array([text], pa.string())
        nik, date = normalise_nik(one), normalise_date(one, today=TODAY)
        assert nik.status[0] == together[0].status[row]
        assert (nik.digits[0] == together[0].digits[row]).all()
        assert (nik.flags[0], date.flags[0]) == (together[0].flags[row], together[1].flags[row])
        assert (date.ymd[0], date.status[0]) == (together[1].ymd[row], together[1].status[row])
        assert normalise_sex(one)[0] == together[2][row]
        if nik.length[0]:
            digits = re.sub(r"\D", "", text)
            assert digits.startswith(nik.digits[0, :15].tobytes().decode())


@given(BIRTHDAYS, st.sampled_from("-/. "), st.sampled_from(["", " 00:00:00", " 7:30"]))
def test_a_date_survives_every_form(born, between, time):
    serial = (born - dt.date(1899, 12, 30)).days
    month = MONTHS[born.month - 1]
    texts = [
        born.isoformat(),
        f"{born:%Y%m%d}",
        f"{born:%d{between}%m{between}%Y}{time}",
        f"{born.day}{between}{born.month}{between}{born.year}",
        f"{born:%d}{between}{month}{between}{born:%Y}",
        f"{born:%d-%m-%y}",
        str(serial),
    ]
    if 1900 <= serial <= 2026:
        texts.pop()  # reads as a year
    column = normalise_date(pa.array(texts), today=TODAY)
    assert column.ymd.tolist() == [int(f"{born:%Y%m%d}")] * len(texts)
    assert set(column.status.tolist()) == {DateStatus.OK}


@given(st.integers(0, 2100), st.integers(0, 14), st.integers(0, 33))
def test_a_day_that_does_not_exist_is_never_ok(year, month, day):
    column = normalise_date(pa.array([f"{day:02}-{month:02}-{year:04}"]), today=TODAY)
    try:
        real = dt.date(1900, 1, 1) <= dt.date(year, month, day) <= TODAY + dt.timedelta(days=1)
    except ValueError:
        real = False
    assert (column.status[0] == DateStatus.OK) == real
    assert column.ymd[0] == (year * 10_000 + month * 100 + day if real else 0)


@given(st.integers(61, 60_000))
def test_a_serial_counts_days(serial):
    day = dt.date(1899, 12, 30) + dt.timedelta(days=serial)
    assert from_serial(serial) == int(f"{day:%Y%m%d}")
