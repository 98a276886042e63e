"""Made-up names: as often shared, as long and as single as published."""

from __future__ import annotations

import tomllib
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest

from pprl.lab import letters
from pprl.lab.damage import Kind
from pprl.lab.names import MAX_WORDS, TABLES, name_tables
from pprl.lab.population import population_tables
from pprl.lab.records import _MAX_NAME_BYTES, true_names
from pprl.lab.writing import LOWER, TITLE, UPPER, WORK_BYTES, write_name, writing_tables

PERSONS = 970_259  # the size of the corpus: shares of rare names depend on it


@pytest.fixture(scope="module")
def model():
    return tomllib.loads(TABLES.joinpath("name_model.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def names():
    return true_names(population_tables(PERSONS), name_tables(), seed=11)


@pytest.fixture(scope="module")
def holders(names):
    return pc.value_counts(names).field("counts").to_numpy()


def test_two_persons_have_the_same_name_as_often_as_published(holders, model):
    assert ((holders / PERSONS) ** 2).sum() == pytest.approx(
        model["sharing"]["equal_by_chance"], rel=0.15
    )


def test_as_many_names_are_unique_as_published(holders, model):
    assert (holders == 1).sum() / PERSONS == pytest.approx(model["sharing"]["unique"], abs=0.03)


def test_as_many_persons_share_their_name_with_a_hundred_as_published(holders, model):
    share = holders[holders >= 100].sum() / PERSONS
    assert share == pytest.approx(model["sharing"]["hundred_holders"], abs=0.015)


def test_a_third_of_the_names_is_one_word(names):
    single = 1 - pc.mean(pc.match_substring(names, " ").cast("int8")).as_py()
    assert single == pytest.approx(0.305, abs=0.01)


def test_names_are_as_long_as_published(names):
    assert pc.mean(pc.utf8_length(names)).as_py() == pytest.approx(13.9, abs=0.7)


def test_younger_people_have_more_words():
    one_word = name_tables().lengths[:, :, 0]
    assert (one_word[:, 5] < one_word[:, 30]).all()
    assert (one_word[:, 30] < one_word[:, 70]).all()


def test_frequent_single_names_are_as_frequent_as_in_the_corpus(names):
    counts = dict(zip(*(c.to_pylist() for c in pc.value_counts(names).flatten()), strict=True))
    for name, published in (("nurhayati", 986), ("sutrisno", 571), ("sumiati", 846)):
        assert counts[name] == pytest.approx(published, rel=0.15)


def test_no_word_of_the_tail_is_a_listed_one():
    tables = name_tables()
    text, starts = tables.text.tobytes(), tables.starts.tolist()
    words = [text[a:b].decode() for a, b in pairwise(starts)]
    listed = set(words[: tables.listed])
    tail = words[tables.listed :]
    assert not listed & set(tail)
    assert len(set(tail[: tables.tail_words])) == tables.tail_words
    assert all(word.isascii() and word.isalpha() for word in tail)


def test_the_longest_possible_name_fits_its_room():
    tables, writing = name_tables(), writing_tables()
    word = int(np.diff(tables.starts).max())
    title = int(np.diff(writing.starts).max())
    longest = MAX_WORDS * (word + 1) + len(" binti ") + word + title + 8
    assert longest <= min(_MAX_NAME_BYTES, WORK_BYTES)


def written(kind, words, *, sex=0, age=40, style=LOWER, seed=0):
    """Return how often what is written when only one kind of damage happens, over many draws."""
    tables, writing = name_tables(), writing_tables()
    text, starts = tables.text.tobytes(), tables.starts.tolist()
    listed = {text[starts[i] : starts[i + 1]].decode(): i for i in range(tables.listed)}
    rates = np.zeros(len(Kind))
    if kind is not None:
        rates[kind] = 1.0
    found = set()
    for draw in range(200):
        ids = np.zeros(MAX_WORDS, np.int32)
        ids[: len(words)] = [listed[word] for word in words]
        work = np.zeros(WORK_BYTES, np.uint8)
        length, mask = write_name(
            tables,
            writing,
            rates,
            np.uint64(1_000 * seed + draw),
            ids,
            len(words),
            sex,
            age,
            style,
            work,
        )
        text_written = work[:length].tobytes().decode()
        changed = text_written != " ".join(words)
        assert style != LOWER or changed == (mask != 0)
        assert mask in {0, 0 if kind is None else 1 << kind}
        found.add(text_written)
    return found


def test_an_undamaged_name_is_written_as_registered_in_the_style_of_the_file():
    assert written(None, ["nur", "hidayat"]) == {"nur hidayat"}
    assert written(None, ["nur", "hidayat"], style=TITLE) == {"Nur Hidayat"}
    assert written(None, ["nur", "hidayat"], style=UPPER) == {"NUR HIDAYAT"}


@pytest.mark.parametrize(
    ("kind", "words", "among"),
    [
        (Kind.NAME_VARIANT, ["rizki"], {"rizky", "riski", "rizqi"}),
        (Kind.NAME_VARIANT, ["slamet"], {"slamed"}),
        (Kind.NAME_ABBREVIATED, ["muhammad", "yusuf"], {"m. yusuf", "m yusuf", "muh. yusuf"}),
        (Kind.NAME_ABBREVIATED, ["dwi", "putri", "lestari"], {"dwi putri l."}),
        (Kind.NAME_NICKNAME, ["muhammad", "yusuf"], {"yusuf"}),
        (Kind.NAME_NICKNAME, ["sudirman"], {"dirman"}),
        (Kind.NAME_TRUNCATED, ["nur", "hidayat"], {"nur", "nur hidaya"}),
        (Kind.NAME_ORDER, ["nur", "hidayat"], {"hidayat nur"}),
        (Kind.NAME_SPACING, ["nur", "hidayati"], {"nurhidayati", "nur hida yati"}),
        (Kind.NAME_TYPO, ["slamet"], {"salmet", "slmet", "sslamet"}),
        (Kind.NAME_APOSTROPHE, ["hidayat"], {"hida'yat"}),
        (Kind.NAME_HYPHEN, ["nur", "hidayat"], {"nur-hidayat"}),
        (Kind.NAME_TITLE, ["sutrisno"], {"h. sutrisno", "sutrisno, s.pd"}),
        (Kind.NAME_MISSING, ["sutrisno"], {""}),
        (Kind.NAME_CASE, ["nur"], {"NUR", "Nur"}),
    ],
)
def test_each_kind_of_name_damage_writes_what_clerks_write(kind, words, among):
    assert among <= written(kind, words)


def test_titles_fit_the_sex_and_children_have_none():
    assert not any(name.startswith("hj") for name in written(Kind.NAME_TITLE, ["sutrisno"], sex=0))
    assert any(name.startswith("hj.") for name in written(Kind.NAME_TITLE, ["aminah"], sex=1))
    assert written(Kind.NAME_TITLE, ["aminah"], sex=1, age=9) == {"aminah"}


def test_a_fathers_name_follows_the_sex():
    assert all(" bin " in name for name in written(Kind.NAME_PATRONYMIC, ["slamet"], sex=0))
    assert all(" binti " in name for name in written(Kind.NAME_PATRONYMIC, ["aminah"], sex=1))


def test_a_sound_at_the_end_of_a_word_is_only_changed_there():
    tables = writing_tables()
    text, starts = tables.text.tobytes(), tables.starts.tolist()
    at = next(
        i
        for i, (old, new, place) in enumerate(tables.sounds.tolist())
        if (text[starts[old] : starts[old + 1]], text[starts[new] : starts[new + 1]], place)
        == (b"t", b"d", 1)
    )
    work = np.zeros(64, np.uint8)
    work[:6] = np.frombuffer(b"tutut ", np.uint8)
    length = letters.resound(work, 5, tables.text, tables.starts, tables.sounds, at, 0)
    assert work[:length].tobytes() == b"tutud"
