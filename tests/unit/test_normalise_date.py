"""Dates in the forms Indonesian files have."""

import datetime as dt

import pyarrow as pa
import pytest

from pprl.normalise.date import DateFlag, DateStatus, DateTally, normalise_date

TODAY = dt.date(2025, 1, 31)


def normalise(*texts, **options):
    return normalise_date(pa.array(texts, pa.string()), today=TODAY, **options)


@pytest.mark.parametrize(
    "text",
    [
        "1990-08-17",
        "1990/8/17",
        "1990-08-17 00:00:00",
        "1990-08-17T00:00:00.000Z",
        "17-08-1990",
        "17/08/1990 0:00",
        "17.8.1990",
        " 17 08 1990 ",
        "17-08-90",
        "17/8/90",
        "19900817",
        "17081990",
        "17 Agustus 1990",
        "17 AGT 90",
        "17-Aug-1990",
        "17agustus1990",
        "Agustus 17, 1990",
        "33102",
        "33102.0",
    ],
)
def test_every_form_of_a_date_gives_the_same_day(text):
    column = normalise(text)
    assert column.ymd[0] == 19900817
    assert column.status[0] == DateStatus.OK


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (None, DateStatus.MISSING),
        ("", DateStatus.MISSING),
        ("-", DateStatus.MISSING),
        ("00-00-0000", DateStatus.MISSING),
        ("0", DateStatus.MISSING),
        ("TIDAK ADA", DateStatus.MISSING),
        ("31-02-1990", DateStatus.IMPOSSIBLE),
        ("29-02-1900", DateStatus.IMPOSSIBLE),
        ("1990-00-00", DateStatus.IMPOSSIBLE),
        ("60", DateStatus.IMPOSSIBLE),
        ("17-13-1990", DateStatus.IMPOSSIBLE),
        ("1990", DateStatus.UNREADABLE),
        ("08-1990", DateStatus.UNREADABLE),
        ("170890", DateStatus.UNREADABLE),
        ("17-08-1990 lahir", DateStatus.UNREADABLE),
        ("17 Foo 1990", DateStatus.UNREADABLE),
        ("umur 34", DateStatus.UNREADABLE),
        ("17-08-199", DateStatus.UNREADABLE),
        ("17-08-1790", DateStatus.IMPLAUSIBLE),
        ("02-02-2025", DateStatus.IMPLAUSIBLE),
        ("1", DateStatus.OK),
    ],
)
def test_what_is_no_date_says_why(text, status):
    column = normalise(text)
    assert DateStatus(column.status[0]) == status
    assert (column.ymd[0] > 0) == (status == DateStatus.OK)


def test_tomorrow_is_still_plausible():
    assert normalise("01-02-2025").status[0] == DateStatus.OK


def test_two_digit_years_are_never_in_the_future():
    assert normalise("31-01-25", "01-02-25", "17-08-45").ymd.tolist() == [
        20250131,
        19250201,
        19450817,
    ]


def test_new_years_day_and_the_first_of_july_are_flagged():
    flags = normalise("01-01-1980", "1980-07-01", "29221", "02-01-1980").flags & DateFlag.DEFAULT
    assert flags.tolist() == [1, 1, 1, 0]


def test_order_of_day_and_month_is_flagged_where_it_matters():
    column = normalise(
        "02-03-1980", "17-08-1980", "08-17-1980", "05-05-1980", "1980-03-02", "2 mar 1980"
    )
    assert [DateFlag(int(flag)) for flag in column.flags] == [
        DateFlag.AMBIGUOUS,
        DateFlag.THIS_ORDER,
        DateFlag.OTHER_ORDER,
        DateFlag(0),
        DateFlag(0),
        DateFlag(0),
    ]


def test_a_column_with_the_month_first_is_noticed_and_can_be_read():
    texts = ("08/17/1980", "02/03/1980")
    assert DateTally.of(normalise(*texts)).wrong_order
    column = normalise(*texts, month_first=True)
    assert column.ymd.tolist() == [19800817, 19800203]
    assert not DateTally.of(column).wrong_order


def test_one_date_with_the_day_first_settles_the_order():
    tally = DateTally.of(normalise("08/17/1980")) + DateTally.of(normalise("17/08/1980"))
    assert tally == DateTally(ambiguous=0, this_order=1, other_order=1)
    assert not tally.wrong_order


def test_arrow_dates_and_timestamps_are_read():
    for values in ([dt.date(1990, 8, 17)], [dt.datetime(1990, 8, 17, 1, 2)]):  # noqa: DTZ001 - as files have them
        assert normalise_date(pa.array(values), today=TODAY).ymd[0] == 19900817


def test_without_a_day_given_today_is_the_computers():
    assert normalise_date(pa.array(["17-08-1990", "17-08-2990"])).ymd.tolist() == [19900817, 0]
