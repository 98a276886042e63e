from hashlib import blake2b

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pprl.encode.blake2 import keyed_digests


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=40),
    st.binary(min_size=1, max_size=64),
    st.binary(max_size=16),
)
@example([b"x" * 128, b"y" * 129, b"z"], b"k" * 32, b"nik")
def test_digests_are_those_of_hashlib(values, key, person):
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])]).astype(np.int64)
    data = np.frombuffer(b"".join(values), dtype=np.uint8)
    found = keyed_digests(data, offsets, key, person)
    expected = [blake2b(value, digest_size=16, key=key, person=person).digest() for value in values]
    assert [digest.tobytes() for digest in found] == expected
