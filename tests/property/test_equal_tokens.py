"""Joining by tokens finds exactly the pairs of open records with sixteen equal bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.candidates.tokens import equal_tokens
from pprl.errors import LimitError

# Few heads and few tails: tokens that are equal, and tokens that only begin alike.
tokens = st.none() | st.builds(
    lambda head, tail: bytes([head] * 8 + [tail] * 8),
    st.sampled_from([0, 1, 128, 255]),
    st.sampled_from([0, 7]),
)
sides = st.lists(st.lists(tokens, max_size=12), min_size=1, max_size=3)


def column(chunks):
    return pa.chunked_array([pa.array(chunk, pa.binary(16)) for chunk in chunks], pa.binary(16))


@given(sides, sides, st.integers(0, 2**32))
def test_equal_tokens_are_all_pairs_with_equal_bytes(left, right, seed):
    random = np.random.default_rng(seed)
    ours, theirs = ([token for chunk in each for token in chunk] for each in (left, right))
    left_open, right_open = (random.random(len(each)) < 0.8 for each in (ours, theirs))
    expected = [
        (row, other)
        for row, one in enumerate(ours)
        for other, two in enumerate(theirs)
        if one is not None and one == two and left_open[row] and right_open[other]
    ]
    found = equal_tokens(column(left), column(right), left_open, right_open)
    assert list(zip(*(each.tolist() for each in found), strict=True)) == expected
    if expected:
        with pytest.raises(LimitError):
            equal_tokens(
                column(left), column(right), left_open, right_open, max_pairs=len(expected) - 1
            )


def test_many_tokens_meet_like_few():
    random = np.random.default_rng(3)
    values = [bytes(row) for row in random.integers(0, 256, (30_000, 16), dtype=np.uint8)]
    one, other = random.permutation(30_000)[:2_000], random.permutation(30_000)
    left, right = ([values[place] for place in each] for each in (one, other))
    everybody = [np.ones(len(each), dtype=bool) for each in (left, right)]
    found = equal_tokens(column([left]), column([right[:9], right[9:]]), *everybody)
    where = np.argsort(other)[one]
    assert np.array_equal(found[0], np.arange(2_000))
    assert np.array_equal(found[1], where)
