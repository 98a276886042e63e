"""Names as people write them, and what becomes of them."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pprl.normalise.lexicon import default_lexicon
from pprl.normalise.name import (
    NameFlag,
    NameNormaliser,
    NameStatus,
    joined_utf8,
    normalise_name,
    normalise_names,
)

PAIRS = Path(__file__).parent.parent / "data" / "name_pairs.csv"
LOW_WEIGHT = 0.4


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Sutrisno", "sutrisno"),
        ("  SITI   aminah ", "siti aminah"),
        ("H. Moh. Yusup", "muhamad yusuf"),
        ("K.H. M. Rizky", "muhamad rizki"),
        ("H.M. Said", "muhamad said"),
        ("Ma'ruf", "maruf"),
        ("Nur-Aini", "nuraini"),
        ("NUR\u2019AINI", "nuraini"),
        ("Abdul Rahman", "abdurahman"),
        ("Abdurrahman", "abdurahman"),
        ("Abdul R.", "abdul r"),
        ("Abdul Azis", "abdulazis"),
        ("Muhammad Al Fatih", "muhamad al fatih"),
        ("M", "m"),
        ("Ahmad M", "ahmad m"),
        ("Md Yusuf", "muhamad yusuf"),
        ("I Md Sudarma", "i made sudarma"),
        ("A.A. Gde Rai", "anakagung gede rai"),
        ("I.B. Rai", "idabagus rai"),
        ("R.A. Kartini", "raden kartini"),
        ("Andi Muh. Rizal", "andi muhamad rizal"),
        ("Ir. H. Budi Santoso, S.T., M.T.", "budi santoso"),
        ("Budi Santoso, SE", "budi santoso"),
        ("Budi SE", "budi se"),
        ("Sri S. Pd", "sri"),
        ("dr. Dewi Sp.OG", "dewi"),
        ("H", "h"),
        ("Alm", "alm"),
        ("(Budi)", "budi"),
        ("bin Ahmad", "bin ahmad"),
    ],
)
def test_a_typed_name_becomes_its_key_words(typed, words):
    assert normalise_name(typed).text == words
    assert normalise_names(pa.array([typed])).text(0) == words


def test_the_father_is_kept_apart():
    column = normalise_names(pa.array(["Aminah binti H. Abd. Hamid, S.Pd"]))
    assert (column.text(0), column.father_text(0)) == ("aminah", "abdulhamid")


@pytest.mark.parametrize(
    "typed", ["Suparman alias Parman", "Suparman (Parman)", "Suparman a.k.a. Parman"]
)
def test_another_name_is_kept_apart(typed):
    column = normalise_names(pa.array([typed]))
    assert (column.text(0), column.alias_text(0)) == ("sufarman", "farman")


@pytest.mark.parametrize("typed", ["Alm. Suparman", "Suparman (Alm)", "SUPARMAN almarhum"])
def test_alm_is_a_flag_and_not_a_word(typed):
    column = normalise_names(pa.array([typed]))
    assert column.text(0) == "sufarman"
    assert column.flags[0] == NameFlag.DECEASED


@pytest.mark.parametrize(
    "typed", [None, "", " ", "-", ".", "TIDAK ADA", "N/A", "nihil", "Tn. NN", "XXX"]
)
def test_no_name_is_missing(typed):
    column = normalise_names(pa.array([typed], pa.string()))
    assert column.status[0] == NameStatus.MISSING
    assert column.offsets.tolist() == [0, 0]


@pytest.mark.parametrize("typed", ["123", "李明", "١٢٣"])
def test_what_holds_no_latin_letter_is_lost(typed):
    column = normalise_names(pa.array([typed]))
    assert column.status[0] == NameStatus.LOST


@pytest.mark.parametrize(
    ("typed", "strength", "words"),
    [
        ("H. Achmad, S.E", "clean", ("h", "achmad", "s", "e")),
        ("Soejono", "key", ("sujono",)),
        ("Soejono", "alternate", ("suyono",)),
        ("Djoko Soejono", "alternate", ("joko", "suyono")),
        ("Juliana", "alternate", ("juliana",)),
        ("Rahmat", "similarity", ("rahmad",)),
    ],
)
def test_strengths(typed, strength, words):
    assert normalise_name(typed, strength).words == words


def test_z_is_scored_as_j_and_as_s_which_stay_apart():
    forms = [
        normalise_name(name, "similarity").forms[0] for name in ("Zubaidah", "Jubaidah", "Subaidah")
    ]
    assert forms[0] & forms[1]
    assert forms[0] & forms[2]
    assert not forms[1] & forms[2]


def test_low_weight_words_are_noble_balinese_and_stop_words():
    column = normalise_names(pa.array(["Raden Siti Made Sutrisno"]))
    low = column.words.low_weight
    assert [bool(low[word]) for word in column.word_ids] == [True, True, True, False]


def test_word_numbers_are_shared_by_all_columns_of_a_normaliser():
    normaliser = NameNormaliser()
    first, second = (normaliser.normalise(pa.array([name])) for name in ("Yusuf", "Moh. Yusup"))
    assert first.words is second.words
    assert first.word_ids[0] == second.word_ids[1]


def test_a_table_grows_and_old_columns_stay_right():
    normaliser = NameNormaliser()
    letters = "bcdfghjklm"
    names = [
        f"ba{a}a{b}a{c}a{d}u{e}"
        for a in letters
        for b in letters
        for c in letters
        for d in letters
        for e in "ns"
    ]
    first = normaliser.normalise(pa.array(names[:5]))
    arrays = first.words.arrays()
    whole = normaliser.normalise(pa.array(names))
    assert len(normaliser.words) > 16_384
    assert [first.text(i) for i in range(5)] == [normalise_name(name).text for name in names[:5]]
    assert whole.text(19_999) == normalise_name(names[-1]).text
    assert len(arrays) < len(whole.words)


def test_slices_and_wide_text_columns_are_read_alike():
    values = pa.array(["x", None, "Budi", "Siti Aminah", "y"])
    for array in (
        values.slice(2, 2),
        values.cast(pa.large_string()).slice(2, 2),
        values.dictionary_encode().slice(2, 2),
    ):
        column = normalise_names(array)
        assert [column.text(0), column.text(1)] == ["budi", "siti aminah"]


def test_joined_names_have_no_spaces():
    data, offsets = joined_utf8(normalise_names(pa.array(["Nur Hayati", None, "Nurhayati"])))
    assert data.tobytes() == b"nurhayatinurhayati"
    assert offsets.tolist() == [0, 9, 9, 18]


def test_an_empty_column_is_empty():
    column = normalise_names(pa.array([], pa.string()))
    assert len(column) == 0
    assert column.offsets.tolist() == [0]


def bigrams(name):
    low = default_lexicon().low_weight
    counts = Counter()
    for word in name.words:
        padded = f" {word} "
        for i in range(len(padded) - 1):
            counts["word", padded[i : i + 2]] += LOW_WEIGHT if word in low else 1.0
    padded = f" {name.joined} "
    for i in range(len(padded) - 1):
        counts["joined", padded[i : i + 2]] += 1.0
    return counts


def similarity(first, second, strength):
    a, b = (bigrams(normalise_name(name, strength)) for name in (first, second))
    return 2 * sum((a & b).values()) / (sum(a.values()) + sum(b.values()))


def pairs(label, strength, *, leave_out="nothing"):
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [
            similarity(row["a"], row["b"], strength)
            for row in csv.DictReader(file)
            if row["label"] == label and leave_out not in row["phenomenon"]
        ]


def test_same_people_come_closer_than_different_ones():
    assert min(pairs("same", "similarity")) > max(pairs("different", "similarity"))
    # A final h is only ever scored (N29), never part of the key.
    assert min(pairs("same", "key", leave_out="final h")) > max(pairs("different", "key"))
    assert np.mean(pairs("same", "key")) > np.mean(pairs("same", "clean")) + 0.2
