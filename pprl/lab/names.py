"""What made-up persons are called: names as frequent, as long and as often shared as real ones.

Listed words (``tables/name_tokens.csv``) come with their published frequency by sex and place in
the name. They are less than half of what people are called; the rest is made of beginnings and
endings of listed words, with a long tail. How many persons share a name follows the figures in
``tables/name_model.toml``, to which the tail and the common pairs are fitted.

This module only decides the registered name, in lower case: how a file writes it is
:mod:`pprl.lab.writing`.

>>> tables = name_tables()
>>> tables.text[tables.starts[0] : tables.starts[1]].tobytes()
b'muhammad'
"""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from pprl._jit import compiled
from pprl.lab.randomness import numbers, uniform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

TABLES = files("pprl.lab").joinpath("tables")
MAX_WORDS = 5
MALE, FEMALE = numbers(0, 2)
AGES = 100
(TOPIC_NAMES,) = numbers(1, 1)

_SINGLE, _FIRST, _MIDDLE, _LAST = numbers(0, 4)
_PAIR_FIRST, _PAIR_LAST, _REST_FIRST, _REST_LAST = numbers(4, 4)
_PLACES = 8
_HEADS = 700
_ENDINGS = 600
_MAX_PIECE = 8
_VOWELS = frozenset("aeiou")

# Slots of a person's name stream: one for the number of words, then two a word.
_SLOT_LENGTH, _SLOT_PAIR, _SLOT_WORDS = numbers(0, 3)


class NameTables(NamedTuple):
    """What the naming kernels read; words are numbered listed first, then men's, women's tail."""

    text: NDArray[np.uint8]  # all words, one after the other
    starts: NDArray[np.int32]  # word i is text[starts[i]:starts[i + 1]]
    listed: int  # number of listed words
    lengths: NDArray[np.float64]  # (2, AGES, MAX_WORDS): cumulative share of names with k+1 words
    listed_share: NDArray[np.float64]  # (2, places): share of words there that are listed
    listed_cdf: NDArray[np.float64]  # (2, places, listed): cumulative, ends at 1
    tail_words: int  # number of tail words of each sex
    tail: NDArray[np.float64]  # (2, 2): rank offset and log ratio; row 0 single names, row 1 others
    pair_share: float


@compiled
def word_ids(tables: NameTables, key: np.uint64, sex: int, age: int, out: NDArray[np.int32]) -> int:
    """Write the words of one person's name to ``out`` and return how many they are."""
    lengths = tables.lengths[sex, age]
    count = min(int(np.searchsorted(lengths, uniform(key, _SLOT_LENGTH), "right")), MAX_WORDS - 1)
    count += 1
    pair = count == 2 and uniform(key, _SLOT_PAIR) < tables.pair_share  # noqa: PLR2004 - two words
    for i in range(count):
        if count == 1:
            place = _SINGLE
        elif count == 2:  # noqa: PLR2004 - two words
            place = (_PAIR_FIRST if pair else _REST_FIRST) + i
        elif i == 0:
            place = _FIRST
        else:
            place = _LAST if i == count - 1 else _MIDDLE
        out[i] = _word(tables, key, sex, place, _SLOT_WORDS + 2 * i)
    return count


@compiled
def _word(tables: NameTables, key: np.uint64, sex: int, place: int, slot: int) -> int:
    where = uniform(key, slot + 1)
    if uniform(key, slot) < tables.listed_share[sex, place]:
        found = np.searchsorted(tables.listed_cdf[sex, place], where, "right")
        return min(int(found), tables.listed - 1)
    shape = tables.tail[0 if place == _SINGLE else 1]
    rank = int(shape[0] * (np.exp(where * shape[1]) - 1.0))
    return tables.listed + sex * tables.tail_words + min(rank, tables.tail_words - 1)


@cache
def name_tables() -> NameTables:
    """Build the tables; about half a second, once a process."""
    model = tomllib.loads(TABLES.joinpath("name_model.toml").read_text(encoding="utf-8"))
    lines = TABLES.joinpath("name_tokens.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    listed = [row["token"] for row in rows]
    shares, curves = _listed_places(rows, model)
    rates = np.array(
        [[float(row[f"{sex}_per_100k"]) for row in rows] for sex in ("male", "female")]
    )
    tail_words = int(model["tail"]["words"])
    words = [*listed]
    for sex in (MALE, FEMALE):
        words += _tail(listed, rates[sex], tail_words)
    text = pa.array(words, pa.string())
    _, offsets, data = text.buffers()
    tail = model["tail"]
    shape = [
        (float(offset), float(np.log((float(size) + offset) / offset)))
        for size, offset in (
            (tail["single_words"], tail["single_offset"]),
            (tail["words"], tail["offset"]),
        )
    ]
    return NameTables(
        text=np.frombuffer(data, np.uint8),
        starts=np.frombuffer(offsets, np.int32)[: len(words) + 1],
        listed=len(listed),
        lengths=_lengths(model),
        listed_share=shares,
        listed_cdf=curves,
        tail_words=tail_words,
        tail=np.array(shape),
        pair_share=float(model["pairs"]["share"]),
    )


def _lengths(model: Mapping[str, Mapping[str, object]]) -> NDArray[np.float64]:
    """Cumulative share of names with up to k words, by sex and age."""
    words = {name: np.array(shares) for name, shares in model["words"].items()}
    age = {name: float(str(value)) for name, value in model["age"].items()}
    years = np.arange(AGES)
    young = age["newborn"] * np.clip(1 - years / age["turning_age"], 0, 1)
    old = age["oldest"] * np.clip((years - age["turning_age"]) / 50, 0, 1)
    towards = (young + old)[:, None]
    by_sex = [
        (1 - towards) * words[sex] + towards * words["students"] for sex in ("male", "female")
    ]
    curves: NDArray[np.float64] = np.cumsum(np.array(by_sex), axis=2)
    return curves / curves[:, :, -1:]


def _listed_places(
    rows: Sequence[Mapping[str, str]], model: Mapping[str, Mapping[str, object]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of listed words, and which, by sex and place in the name."""
    corpus = {name: float(str(value)) for name, value in model["corpus"].items()}
    pairs = {name: float(str(value)) for name, value in model["pairs"].items()}
    column = {
        name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "token"
    }
    single, first, last = (column[f"{place}_share"] for place in ("solo", "first", "last"))
    by_place = (single, first, np.clip(1 - single - first - last, 0, 1), last)
    shares = np.zeros((2, _PLACES))
    weights = np.zeros((2, _PLACES, len(rows)))
    for sex, (name, people) in enumerate(
        (("male", corpus["male_share"]), ("female", 1 - corpus["male_share"]))
    ):
        per_person = column[f"{name}_per_100k"] * corpus["counted_words"] / 1e5
        per_person = per_person / (people * corpus["names"])
        count = np.array(model["words"][name], float)
        several = 1 - count[0]
        slots = (count[0], several, float(count @ np.clip(np.arange(5) - 1, 0, 4)), several)
        for place, (share, slot) in enumerate(zip(by_place, slots, strict=True)):
            weights[sex, place] = per_person * share / slot
            shares[sex, place] = weights[sex, place].sum()
        for place, pair, rest, power in (
            (_FIRST, _PAIR_FIRST, _REST_FIRST, pairs["first_power"]),
            (_LAST, _PAIR_LAST, _REST_LAST, pairs["last_power"]),
        ):
            powered = weights[sex, place] ** power
            weights[sex, pair] = powered / powered.sum()
            shares[sex, pair] = 1.0
            # What the pairs take is taken from the other two-word names: totals stay published.
            left = weights[sex, place] - pairs["share"] * weights[sex, pair]
            weights[sex, rest] = np.clip(left, 0, None) / (1 - pairs["share"])
            shares[sex, rest] = weights[sex, rest].sum()
    curves = np.cumsum(weights, axis=2)
    return shares, curves / curves[:, :, -1:]


def _tail(listed: Sequence[str], rates: NDArray[np.float64], count: int) -> list[str]:
    """Make ``count`` words that aren't listed, likeliest first."""
    heads: dict[str, float] = {}
    endings: dict[str, float] = {}
    for word, rate in zip(listed, rates, strict=True):
        for head, ending in _splits(word):
            heads[head] = heads.get(head, 0.0) + float(rate) ** 0.5
            endings[ending] = endings.get(ending, 0.0) + float(rate) ** 0.5
    first, second = _best(heads, _HEADS), _best(endings, _ENDINGS)
    order = np.argsort(
        np.outer(np.arange(len(first)) + 8, np.arange(len(second)) + 8), axis=None, kind="stable"
    )
    seen = set(listed)
    words: list[str] = []
    for cell in order.tolist():
        word = first[cell // len(second)] + second[cell % len(second)]
        if word not in seen:
            seen.add(word)
            words.append(word)
            if len(words) == count:
                break
    return words


def _best(weights: Mapping[str, float], count: int) -> list[str]:
    return sorted(weights, key=lambda piece: (-weights[piece], piece))[:count]


def _splits(word: str) -> Iterable[tuple[str, str]]:
    """Cut a word before each syllable that begins with one consonant."""
    if not (word.isascii() and word.isalpha()):
        return
    for at, (before, after) in enumerate(pairwise(word), start=0):
        head, ending = word[:at], word[at:]
        if (
            before not in _VOWELS
            and after in _VOWELS
            and len(ending) > 2  # noqa: PLR2004 - a syllable and a sound more
            and len(head) > 1
            and max(len(head), len(ending)) <= _MAX_PIECE
            and _VOWELS & set(head)
        ):
            yield head, ending
