"""Charts as SVG: whole, the same every time, readable in two languages and without colour."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pprl import catalogue
from pprl.lab.evaluate import Bin, wilson
from pprl.report.charts import CurveData, calibration_chart, threshold_chart


def curve(tier="filter", review=0.72):
    similarity = np.round(np.arange(0.6, 1.0, 0.01), 2)
    false = 1e5 * np.exp(-(similarity - 0.6) * 45)
    found = false + 400.0
    precision = 1 - false / found
    return CurveData(
        tier, similarity, found, false, precision, precision - 0.01, precision + 0.0, 0.8, review
    )


def bins(*shares):
    return [Bin(p, p, p, 50, round(p * 50), wilson(round(p * 50), 50)) for p in shares]


def words(svg):
    root = ET.fromstring(svg)  # noqa: S314 - not from others: drawn a line above
    return {"".join(each.itertext()) for each in root.iter() if each.tag[-4:] == "text"}


def test_a_chart_of_the_same_numbers_is_the_same_text_whatever_was_drawn_before():
    first = threshold_chart([curve("nik", None), curve()], title="a x b")
    other = calibration_chart(bins(0.5, 0.9))
    assert threshold_chart([curve("nik", None), curve()], title="a x b") == first
    assert calibration_chart(bins(0.5, 0.9)) == other


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_every_line_bar_and_axis_is_named_in_the_language_asked_for(language):
    shown = words(threshold_chart([curve("nik15")], title="krs x dtsen", language=language))
    assert catalogue.text("chart.recall", {}, language) not in shown  # it isn't known
    codes = ("similarity", "matches", "found", "expected_false", "precision", "share")
    named = {catalogue.text(f"chart.{code}", {}, language) for code in codes}
    bars = {
        f"{catalogue.text('chart.accept', {}, language)} 0.80",
        f"{catalogue.text('chart.review', {}, language)} 0.72",
    }
    assert named | bars | {"nik15", "krs x dtsen"} <= shown
    shown = words(calibration_chart(bins(0.9), language=language))
    codes = ("calibration", "estimated_precision", "true_precision", "better", "worse")
    assert {catalogue.text(f"chart.{code}", {}, language) for code in codes} <= shown


def test_each_tier_is_a_column_and_a_tier_without_review_has_one_bar():
    svg = threshold_chart([curve("nik", None), curve("nik15", None), curve()], title="t")
    shown = [each for each in re.findall(r">([^<>]+)</text>", svg) if each[0].isalpha()]
    assert [each for each in shown if each in {"nik", "nik15", "filter"}] == [
        "nik",
        "nik15",
        "filter",
    ]
    assert sum(each.startswith("accept ") for each in shown) == 3
    assert sum(each.startswith("review ") for each in shown) == 1


def test_found_and_false_pairs_differ_by_more_than_colour():
    svg = threshold_chart([replace(curve(), review=None)], title="t")
    lines = re.findall(r'aria-roledescription="line mark"[^>]*>', svg)
    dashes = sorted(re.findall(r'dasharray="([\d,]+)"', " ".join(lines)))
    assert dashes == ["1,0", "1,0", "6,3"]  # found and precision; expected false


def test_recall_is_drawn_when_it_is_known():
    plain = curve()
    share = np.linspace(0.99, 0.5, len(plain.similarity))
    known = replace(plain, recall=share, recall_low=share - 0.02, recall_high=share + 0.01)
    assert "recall" in words(threshold_chart([known], title="t"))


def test_empty_bins_and_gaps_are_no_obstacle():
    plain = curve()
    none = np.zeros_like(plain.similarity)
    gap = np.full_like(none, np.nan)
    empty = replace(
        plain, found=none, expected_false=none, precision=gap, precision_low=gap, precision_high=gap
    )
    for svg in (threshold_chart([empty], title="t"), calibration_chart(bins(0.0, 1.0))):
        assert "NaN" not in svg
        assert "Infinity" not in svg
        assert words(svg)


def test_names_are_text_not_markup():
    assert '<b>"nik"&' in words(threshold_chart([curve('<b>"nik"&')], title="<script>"))


@pytest.mark.parametrize("shares", [(0.97, 0.99, 1.0), (0.2, 0.4), (0.0,)])
def test_every_point_and_its_interval_is_inside_the_frame(shares):
    svg = calibration_chart(bins(*shares))
    points = re.findall(r'aria-roledescription="point"[^>]*translate\(([-\d.]+),([-\d.]+)\)', svg)
    assert len(points) == len(shares)
    assert all(0 <= float(place) <= 380 for point in points for place in point)
    rules = re.findall(r'aria-roledescription="rule mark"[^>]*y2="([-\d.]+)"', svg)
    assert all(abs(float(length)) <= 380 for length in rules)


def test_a_chart_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one curve"):
        threshold_chart([], title="t")
    with pytest.raises(ValueError, match="at least one bin"):
        calibration_chart([])


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="argument"):
        threshold_chart([replace(curve(), found=np.ones(3))], title="t")
