"""Hardened filters: the plain definition, their geometry, and that nothing else shows in them."""

from itertools import pairwise
from math import comb

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pprl
from pprl.candidates.exhaustive import similar_pairs
from pprl.compare.measure import MILLION, Majority, majority_reach
from pprl.encode.hardened import LEAST_GRAMS, hardened_reference, random_bits
from pprl.encode.ngrams import tokens
from pprl.schema.feature import Exact, QGrams

SCHEMA = """
schema = "openpprl/1"
name = "small"
[filter]
scheme = "hardened"
bits = 1024
kappa = {kappa}
[[fields]]
name = "name_words"
column = "name"
read = "words"
qgrams = 2
weight = {weight}
low_weight = 1
[[fields]]
name = "name_joined"
column = "name"
read = "joined"
qgrams = 2
[[fields]]
name = "birth_date"
column = "birth_date"
read = "date"
qgrams = 2
positional = true
weight = 2
[[fields]]
name = "sex"
column = "sex"
read = "sex"
exact = true
"""
WORDS = ("ani", "budi", "citra", "dewi", "eko", "fajar", "gita", "hadi", "indah", "joko")
KEY = pprl.LinkageKey(bytes(range(32)))


def encoded(names, dates, sexes, *, kappa=4, weight=1, key=KEY):
    schema = pprl.Schema.from_toml(SCHEMA.format(kappa=kappa, weight=weight))
    table = {
        "id": [str(at) for at in range(len(names))],
        "nama": names,
        "tgl_lahir": dates,
        "jk": sexes,
    }
    return pprl.encode(pa.table(table), schema, key)


def grams_of(words, low, date, sex, weight):
    """Return the q-grams of a record as its schema means them, by the plain functions."""
    found = {}
    for word, is_low in sorted(zip(words, low, strict=True), key=lambda each: each[1]):
        for gram in tokens(word, QGrams(2)):
            found.setdefault(("name_words", gram), 1 if is_low else weight)
    for field, value, comparison, its in (
        ("name_joined", "".join(words), QGrams(2), 1),
        ("birth_date", date, QGrams(2, positional=True), 2),
        ("sex", sex, Exact(), 1),
    ):
        for gram in tokens(value, comparison):
            found[field, gram] = its
    return found


records = st.tuples(
    st.lists(st.sampled_from(WORDS), min_size=0, max_size=6),
    st.sampled_from(["19870817", "20010203", ""]),
    st.sampled_from(["m", "f", ""]),
)


@settings(max_examples=40, deadline=None)
@given(
    people=st.lists(records, min_size=1, max_size=12),
    kappa=st.sampled_from([4, 5, 6]),
    weight=st.sampled_from([1, 2, 3, 7]),
)
def test_the_compiled_encoder_equals_the_plain_definition(people, kappa, weight):
    table = encoded(
        [" ".join(words) for words, _, _ in people],
        [f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else None for _, date, _ in people],
        [{"m": "L", "f": "P", "": None}[sex] for _, _, sex in people],
        kappa=kappa,
        weight=weight,
    ).table
    filters = table.column("filter").to_pylist()
    for (words, date, sex), found in zip(people, filters, strict=True):
        grams = grams_of(words, [False] * len(words), date, sex, weight)
        assert found == hardened_reference(grams, KEY.derive("hardened"), kappa=kappa, bits=1024)


def test_words_of_low_weight_count_less_and_only_where_no_other_word_has_the_gram():
    (found,) = encoded(["Siti Aminah"], ["1987-08-17"], ["P"], weight=3).table["filter"].to_pylist()
    grams = grams_of(["siti", "aminah"], [True, False], "19870817", "f", 3)
    assert grams["name_words", "ah"] == 3
    assert grams["name_words", "it"] == 1
    assert found == hardened_reference(grams, KEY.derive("hardened"), kappa=4, bits=1024)
    plain = grams_of(["siti", "aminah"], [False, False], "19870817", "f", 3)
    assert found != hardened_reference(plain, KEY.derive("hardened"), kappa=4, bits=1024)


def test_a_record_with_too_little_in_it_has_no_filter():
    table = encoded(["Ani", "Ani", None], ["1987-08-17", None, None], ["P", "P", None])
    assert table.has_filter().tolist() == [True, False, False]
    grams = {("x", f"{at:02}"): 1 for at in range(LEAST_GRAMS)}
    assert hardened_reference(grams, bytes(32), kappa=4, bits=512) is not None
    del grams["x", "00"]
    assert hardened_reference(grams, bytes(32), kappa=4, bits=512) is None


def test_field_and_gram_can_not_run_together():
    assert random_bits(bytes(32), "ab", b"c", 32) != random_bits(bytes(32), "a", b"bc", 32)
    assert random_bits(bytes(32), "a", b"bc", 32) != random_bits(bytes([1] * 32), "a", b"bc", 32)


def agreement(n_common, n_own):
    """Return the chance that the majorities of two sets agree in one bit, exactly.

    Both have ``n_own`` grams, an odd number, of which ``n_common`` are shared.
    """
    rest = n_own - n_common
    half = (n_own + 1) // 2
    chance = 0
    for common in range(n_common + 1):
        over = sum(comb(rest, at) for at in range(max(half - common, 0), rest + 1))
        chance += comb(n_common, common) * (over**2 + (2**rest - over) ** 2)
    return chance / 2 ** (n_common + 2 * rest)


@pytest.mark.parametrize("kappa", [1, 4, 6])
@pytest.mark.parametrize("n_common", [0, 13, 21, 24, 25])
def test_the_distance_of_two_records_is_what_the_binomial_says(kappa, n_common):
    """E[1 - 2 H / L] = (2 p - 1) ** kappa, p the chance that two majorities agree."""
    n_own, bits, keys = 25, 2048, 24
    one = {("x", f"c{at}"): 1 for at in range(n_common)}
    first = one | {("x", f"a{at}"): 1 for at in range(n_own - n_common)}
    second = one | {("x", f"b{at}"): 1 for at in range(n_own - n_common)}
    seen = []
    for number in range(keys):
        key = number.to_bytes(32, "big")
        pair = [hardened_reference(each, key, kappa=kappa, bits=bits) for each in (first, second)]
        left, right = (np.frombuffer(each, dtype=np.uint8) for each in pair)
        seen.append(1 - 2 * int(np.bitwise_count(left ^ right).sum()) / bits)
    expected = (2 * agreement(n_common, n_own) - 1) ** kappa
    spread = 1 / np.sqrt(bits * keys)
    assert abs(np.mean(seen) - expected) < 5 * spread


def test_for_many_grams_similarity_tends_to_the_angle():
    """The limit that the docs give: 1 - 2 theta / pi, whatever kappa is."""
    for shared in (0.5, 0.8, 0.95):
        n_own = 401
        n_common = round(shared * n_own)
        angle = np.arccos(n_common / n_own)
        assert abs((2 * agreement(n_common, n_own) - 1) - (1 - 2 * angle / np.pi)) < 0.01


def test_filters_are_balanced_whatever_a_name_is_like():
    names = [" ".join(WORDS[: at % 9 + 1]) for at in range(400)]
    dates = [f"19{50 + at % 50}-0{at % 9 + 1}-1{at % 9}" for at in range(400)]
    found = encoded(names, dates, ["L", "P"] * 200)
    counts = np.bitwise_count(found.filter_words()).sum(axis=1)
    lengths = np.array([len(name) for name in names])
    assert abs(counts.mean() - 512) < 5 * 16 / np.sqrt(400) + 4
    assert abs(np.corrcoef(counts, lengths)[0, 1]) < 0.2
    columns = {"id": [str(at) for at in range(400)], "nik": [None] * 400, "nama": names}
    columns |= {"tgl_lahir": dates, "jk": ["L", "P"] * 200}
    clk = pprl.encode(pa.table(columns), pprl.Schema.load("indonesia"), KEY)
    plain = np.bitwise_count(clk.filter_words()).sum(axis=1)
    assert np.corrcoef(plain, lengths)[0, 1] > 0.9  # the control: Bloom filters show it


@settings(max_examples=60, deadline=None)
@given(kappa=st.integers(1, 8), bits=st.sampled_from([64, 1024, 2048]))
def test_similarity_is_the_root_rounded_down_and_never_rises_with_distance(kappa, bits):
    table = Majority(bits, kappa).by_distance.tolist()
    reach = majority_reach(bits)
    assert (reach - bits / 2) / (bits**0.5 / 2) == pytest.approx(3, abs=0.1)  # deviations of chance
    assert table[0] == MILLION
    assert table[reach:] == [0] * (bits + 1 - reach)
    assert all(one >= other for one, other in pairwise(table))
    for distance in range(0, reach + 1, 7):
        least = (reach - distance) * MILLION**kappa
        assert table[distance] ** kappa * reach <= least < (table[distance] + 1) ** kappa * reach


@pytest.mark.parametrize("threads", [1, 2])
def test_no_pair_is_lost_by_the_kernel(threads):
    draw = np.random.default_rng(3)
    left = draw.integers(0, 2**64, (70, 16), dtype=np.uint64)
    right = draw.integers(0, 2**64, (90, 16), dtype=np.uint64)
    for at in range(20):  # some that are near each other
        right[at] = left[at] ^ (draw.integers(0, 2**64, 16, dtype=np.uint64) & np.uint64(at * 37))
    measure = Majority(1024, 4)
    for threshold in (0, 400_000, 700_000, 990_000):
        found = similar_pairs(left, right, threshold, measure=measure, threads=threads)
        distance = np.bitwise_count(left[:, None] ^ right[None]).sum(axis=2)
        similarity = measure.by_distance[distance]
        rows = np.nonzero(similarity >= threshold)
        assert found.left.tolist() == rows[0].tolist()
        assert found.right.tolist() == rows[1].tolist()
        assert found.similarity.tolist() == similarity[rows].tolist()


def test_sets_of_other_parameters_are_not_compared():
    one = encoded(["Ani Budi Citra"], ["1987-08-17"], ["P"], kappa=4)
    other = encoded(["Ani Budi Citra"], ["1987-08-17"], ["P"], kappa=5)
    with pytest.raises(pprl.ConfigError) as refused:
        pprl.link([one, other], threshold=0.8)
    assert refused.value.code == "link.headers_differ"
