from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.sha256 import digests


@given(st.integers(0, 40), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_digests_of_rows_are_those_of_hashlib(n_rows, length, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (n_rows, length), dtype=np.uint8)
    expected = [sha256(row.tobytes()).digest() for row in rows]
    assert [digest.tobytes() for digest in digests(rows)] == expected


@pytest.mark.parametrize("length", [1, 54, 55, 56, 63, 64, 65, 119, 120, 128])
def test_lengths_around_the_end_of_a_block(length):
    rows = np.full((3, length), 0xFF, dtype=np.uint8)
    assert digests(rows)[2].tobytes() == sha256(b"\xff" * length).digest()


def test_many_rows_and_rows_that_do_not_lie_side_by_side():
    rows = np.random.default_rng(1).integers(0, 256, (40_001, 9), dtype=np.uint8)
    whole = digests(rows)
    assert whole[40_000].tobytes() == sha256(rows[40_000].tobytes()).digest()
    assert np.array_equal(digests(rows[::2, 1:8])[-1], digests(rows[-1:, 1:8])[0])
