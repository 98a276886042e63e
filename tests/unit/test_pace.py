"""Rate and time left of a progress bar, told by a clock that the test turns."""

import pytest

from pprl_cli.pace import Pace, short, shown


def run(reports, total):
    pace = Pace()
    for now, done in reports:
        pace.report(done, total, now=now)
    return pace


def steady(rate, seconds, start=0):
    return [(float(second), start + rate * second) for second in range(seconds + 1)]


def test_steady_work_takes_as_long_as_it_did():
    pace = run(steady(100, 20), 10_000)
    assert (pace.a_second, pace.seconds_left) == (pytest.approx(100), pytest.approx(80))


def test_nothing_is_said_before_some_seconds_of_work():
    assert run(steady(100, 2), 10_000).seconds_left is None
    assert run([(0.0, 5)], 10).a_second is None
    assert run([(0.0, 0), (10.0, 0)], 10).seconds_left is None


def test_what_was_done_before_the_first_report_is_no_speed():
    # Tokens settled nine tenths at once.
    assert run(steady(10, 20, start=9_000), 10_000).seconds_left == pytest.approx(80)


def test_slow_blocks_lengthen_the_time_left_before_they_fill_the_average():
    quick = steady(1_000, 100)
    slow = [(100.0 + second, 100_000 + 10 * second) for second in range(1, 41)]
    pace = run([*quick, *slow], 200_000)
    assert pace.a_second == pytest.approx(10)
    on_average = (200_000 - 100_400) / (100_400 / 140)
    assert on_average * 10 < pace.seconds_left < (200_000 - 100_400) / 10


def test_a_burst_does_not_promise_an_early_end():
    slow = steady(10, 100)
    burst = [(101.0, 50_000), (102.0, 90_000)]
    pace = run([*slow, *burst], 100_000)
    assert pace.a_second > 1_000
    assert pace.seconds_left > 5


def test_work_that_stalls_has_longer_and_longer_left():
    start = steady(100, 20)
    left = [
        run([*start, *[(20.0 + 5 * n, 2_000) for n in range(1, stalls)]], 10_000).seconds_left
        for stalls in (2, 10, 20)
    ]
    assert left == sorted(left)
    assert left[-1] > 2 * left[0]


def test_another_stage_starts_anew():
    pace = run([*steady(1_000, 20), (21.0, 0), (22.0, 1)], 10_000)
    assert (pace.a_second, pace.seconds_left) == (None, None)


def test_without_a_whole_there_is_a_rate_and_no_time_left():
    pace = run(steady(100, 20), None)
    assert (pace.a_second, pace.seconds_left) == (pytest.approx(100), None)


def test_a_whole_that_grows_changes_the_time_left_and_not_the_rate():
    pace = run(steady(100, 20), 10_000)
    pace.report(2_100, 20_000, now=21.0)
    assert pace.a_second == pytest.approx(100)
    assert pace.seconds_left == pytest.approx(179)


def test_all_done_has_nothing_left():
    assert run(steady(100, 20), 2_000).seconds_left == 0


def test_times_are_shown():
    assert [shown(each) for each in (None, 0.2, 61, 90_000)] == [
        "-:--:--",
        "0:00:00",
        "0:01:01",
        "1 day, 1:00:00",
    ]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (99_999, "99,999"),
        (100_000, "100k"),
        (999_499, "999k"),
        (999_600, "1.00M"),
        (9_996_000, "10.0M"),
        (99_960_000, "100M"),
        (358_620_000_000_000, "359T"),
        (0.4, "0"),
        (5e19, "50000P"),
    ],
)
def test_amounts_are_short(amount, text):
    assert short(amount) == text
