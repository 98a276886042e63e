"""Laws of name normalisation: the kernel equals the reference, and nothing is lost twice."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pprl.normalise.lexicon import WordClass, default_lexicon
from pprl.normalise.name import NameNormaliser, joined_utf8, normalise_name
from pprl.normalise.name_reference import NameStatus

LEXICON = default_lexicon()
RULE_WORDS = sorted(
    set(LEXICON.own)
    | {text for entry in LEXICON.own.values() for text in entry.expansions.values()}
    | {word for text in LEXICON.rules.missing for word in text.split()}
    | {
        "ida",
        "bagus",
        "anak",
        "agung",
        "rahman",
        "yusuf",
        "syarifuddin",
        "wati",
        "dewi",
        "zainuddin",
    }
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PLAIN_WORDS = st.text("abdeghijklmnorstuwy", min_size=4, max_size=9).filter(
    lambda word: (
        not LEXICON.classify(word).classes
        and (LEXICON.key(word),) not in LEXICON.missing
        and LEXICON.key(word) == word
    )
)


@st.composite
def misspelt(draw):
    """A word of the rules with a letter doubled, dropped or changed."""
    word = draw(st.sampled_from(RULE_WORDS))
    place = draw(st.integers(0, len(word) - 1))
    new = draw(st.sampled_from([word[place] * 2, "", "h", "y", draw(st.sampled_from(LETTERS))]))
    return word[:place] + new + word[place + 1 :]


WORDS = st.one_of(
    st.sampled_from(RULE_WORDS),
    st.sampled_from(RULE_WORDS).map(str.upper),
    misspelt(),
    st.text(LETTERS, min_size=1, max_size=8),
    st.sampled_from(LETTERS),
    PLAIN_WORDS,
)
BETWEEN = st.sampled_from(
    [" ", " ", " ", "  ", ".", ". ", ", ", ",", " (", ") ", "'", "-", "/", " 1. "]
)


@st.composite
def names(draw):
    parts = draw(st.lists(st.tuples(WORDS, BETWEEN), max_size=7))
    return "".join(word + between for word, between in parts)


ANY_NAME = st.one_of(
    names(), names(), st.text(max_size=30), st.text(LETTERS + " .,'", max_size=260)
)
NORMALISER = NameNormaliser()


def row(column, i):
    return (
        column.text(i),
        column.father_text(i),
        column.alias_text(i),
        int(column.status[i]),
        int(column.flags[i]),
    )


def expected(name):
    return (
        name.text,
        " ".join(name.father),
        " ".join(name.alias),
        int(name.status),
        int(name.flags),
    )


@settings(max_examples=400)
@given(st.lists(ANY_NAME, max_size=20))
@example(["I Gst. Ngr. Rai", "R.A. Kartini", "Abd Abd. Rahman bin H. Abd Abd", "Ahmad B. S.Pd"])
@example(["A.K.A. Budi", "Budi a.k.a. Anto", "(alm)", "x" * 300, "a " * 40, "ABDUL " * 12])
def test_kernel_equals_reference(texts):
    column = NORMALISER.normalise(pa.array(texts, pa.string()))
    assert [row(column, i) for i in range(len(texts))] == [
        expected(normalise_name(text)) for text in texts
    ]


@settings(deadline=None)
@given(st.lists(ANY_NAME, max_size=10))
def test_a_fresh_word_table_gives_what_a_used_one_gives(texts):
    values = pa.array(texts, pa.string())
    fresh, used = NameNormaliser().normalise(values), NORMALISER.normalise(values)
    assert [row(fresh, i) for i in range(len(texts))] == [row(used, i) for i in range(len(texts))]


@settings(max_examples=500)
@pytest.mark.parametrize("strength", ["clean", "key"])
@given(text=ANY_NAME)
def test_normalising_twice_changes_nothing(strength, text):
    once = normalise_name(text, strength)
    again = normalise_name(once.text, strength)
    assert again.words == once.words


@settings(max_examples=500)
@given(st.one_of(WORDS, misspelt()))
def test_spelling_a_key_or_a_similarity_form_again_changes_nothing(word):
    if word := LEXICON.fold(word):
        assert LEXICON.key(LEXICON.key(word)) == LEXICON.key(word)
        assert LEXICON.soft(LEXICON.soft(word)) == LEXICON.soft(word)
        assert LEXICON.soft(word) in LEXICON.similar(word)


@settings(max_examples=500)
@given(ANY_NAME)
def test_a_name_with_a_letter_never_becomes_empty(text):
    name = normalise_name(text)
    if any(char in LETTERS for char in LEXICON.fold(text)):
        assert name.words or name.status == NameStatus.MISSING
        assert all(name.words)
    else:
        assert name.status in (NameStatus.MISSING, NameStatus.LOST)


@given(st.lists(PLAIN_WORDS, min_size=1, max_size=4), st.randoms())
def test_the_order_of_plain_words_is_free(words, random):
    shuffled = random.sample(words, len(words))
    first, second = (normalise_name(" ".join(order)).words for order in (words, shuffled))
    assert sorted(first) == sorted(second)


ABBREVIATIONS = sorted(
    word
    for word, entry in LEXICON.own.items()
    if entry.expansions and not entry.classes & WordClass.EXPAND_ALONE
)


@given(st.sampled_from(ABBREVIATIONS), st.sampled_from(["", ".", " ", " ."]))
def test_an_abbreviation_that_stands_alone_is_not_expanded(word, end):
    assert normalise_name(word + end).words == (LEXICON.key(word),)


@settings(max_examples=20, deadline=None)
@given(st.lists(names(), min_size=1, max_size=200))
def test_threads_give_what_one_thread_gives(texts):
    normaliser = NameNormaliser()
    parts = [pa.array(texts[i::5], pa.string()) for i in range(5)]
    with ThreadPoolExecutor(5) as pool:
        columns = list(pool.map(normaliser.normalise, parts))
    alone = NameNormaliser()
    for part, column in zip(parts, columns, strict=True):
        single = alone.normalise(part)
        rows = range(len(part))
        assert [row(column, i) for i in rows] == [row(single, i) for i in rows]


@given(st.lists(ANY_NAME, max_size=10))
def test_joined_text_is_the_words_without_spaces(texts):
    column = NORMALISER.normalise(pa.array(texts, pa.string()))
    data, offsets = joined_utf8(column)
    joined = [data[a:b].tobytes().decode() for a, b in pairwise(offsets)]
    assert joined == [normalise_name(text).joined for text in texts]
