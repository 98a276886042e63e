"""Why a pair was accepted or sent to review: a sentence for every case, in both languages."""

from __future__ import annotations

import re
from itertools import product

import pytest

from pprl.explain import explain

TIERS = ("nik", "nik15", "name_and_birth", "filter", "contradicted")
BANDS = ("accept", "review")
LANGUAGES = ("en", "id")
CASES = list(product(TIERS, BANDS, LANGUAGES))


@pytest.mark.parametrize(("tier", "band", "language"), CASES)
@pytest.mark.parametrize("kind", ["nik", "name_and_birth"])
@pytest.mark.parametrize("precision", [None, 0, 431_999, 1_000_000])
def test_every_tier_and_band_has_a_whole_sentence(tier, band, language, kind, precision):
    sentence = explain(tier, band, precision, kind=kind, language=language)
    assert len(sentence) > 15
    assert not re.search(r"[{}]|\.\.|  |\n", sentence)
    assert ("%" in sentence) == (precision is not None and precision >= 10_000)
    if tier != "filter" or band == "review":
        name = kind if tier in {"filter", "contradicted"} else tier
        assert name.upper() in sentence


@pytest.mark.parametrize(("band", "language"), list(product(BANDS, LANGUAGES)))
def test_every_case_says_something_else(band, language):
    said = [explain(tier, band, None, kind="nik", language=language) for tier in TIERS]
    said.append(explain("filter", band, None, kind=None, language=language))
    said.append(explain("nik", band, None, kind="nik", blind=True, language=language))
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(("tier", "language"), list(product(TIERS, LANGUAGES)))
def test_accepted_pairs_and_those_in_review_are_explained_differently(tier, language):
    accepted, review = (explain(tier, band, 1, kind="nik", language=language) for band in BANDS)
    assert accepted != review


@pytest.mark.parametrize(("tier", "band"), list(product(TIERS, BANDS)))
def test_the_languages_differ(tier, band):
    assert explain(tier, band, 1, kind="nik") != explain(tier, band, 1, kind="nik", language="id")


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_tokens_none_is_spoken_of(language):
    for band in BANDS:
        assert "NIK" not in explain("filter", band, 500_000, kind=None, language=language)


@pytest.mark.parametrize(
    ("precision", "percent"),
    [
        (10_000, "1.0"), (10_999, "1.0"), (500_000, "50.0"), (995_999, "99.5"),
        (999_600, "99.9"), (999_999, "99.9"), (1_000_000, "99.9"),
    ],
)  # fmt: skip
def test_percentages_are_rounded_down(precision, percent):
    assert f"about {percent}%" in explain("nik", "accept", precision, kind="nik")
    said = explain("nik", "accept", precision, kind="nik", language="id")
    assert f"{percent.replace('.', ',')}%" in said


@pytest.mark.parametrize(("language", "word"), [("en", "rarely"), ("id", "jarang")])
@pytest.mark.parametrize("precision", [0, 9_999])
def test_a_hopeless_pair_is_said_to_be_rarely_right_without_a_number(precision, language, word):
    said = explain("nik", "review", precision, kind="nik", language=language)
    assert word in said
    assert not any(sign.isdigit() for sign in said)


def test_a_record_without_a_filter_is_not_said_to_agree_in_its_name():
    said = explain("nik", "accept", None, kind="nik", blind=True)
    assert "names" not in said
    assert "second" in said
