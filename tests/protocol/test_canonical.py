import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols import canonical, limits

INTEGERS = st.integers(-limits.MAX_INTEGER, limits.MAX_INTEGER)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS, inside, max_size=4),
    max_leaves=12,
)


def refused(data, limit=1 << 20):
    with pytest.raises(PeerError) as caught:
        canonical.loads(data, limit=limit)
    return caught.value.code


@given(VALUES)
def test_what_is_written_is_read_back_and_has_one_form(value):
    data = canonical.dumps(value)
    assert canonical.loads(data, limit=len(data)) == value
    assert canonical.dumps(canonical.loads(data, limit=len(data))) == data


@given(VALUES)
def test_any_other_spelling_of_the_same_content_is_refused(value):
    data = canonical.dumps(value)
    spaced = json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"
    assert spaced == data or refused(spaced) == "protocol.not_canonical"


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_back_or_refused(data):
    try:
        value = canonical.loads(data, limit=50)
    except PeerError as error:
        refusal = error.code
    else:
        refusal = None
        assert canonical.dumps(value) == data
    assert refusal is None or refusal.startswith("protocol.")


def test_keys_are_ordered_by_utf_16_units_as_the_standard_says():
    # U+FB33 sorts before U+1F600 by code point and after it by UTF-16 unit (RFC 8785, 3.2.3).
    value = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "\r": 4, "1": 5, "\u0080": 6, "\u00f6": 7}
    keys = list(json.loads(canonical.dumps(value)))
    assert keys == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b'{"a":1,"a":2}',
        b"9007199254740992",
        b"9" * 100_000,
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b'"\x01"',
        b"\xef\xbb\xbf1",
        b"1 2",
        b"[" * 17 + b"]" * 17,
        b'{"a":' * 100_000,
        b'"[[[[',
    ],
)
def test_what_is_no_json_of_ours_is_refused(data):
    assert refused(data) == "protocol.not_json"


@pytest.mark.parametrize("data", [b" 1", b"1\n", b"-0", b'"\\u0041"', b'"\\/"', b'{"b":1,"a":1}'])
def test_json_in_another_form_is_refused(data):
    assert refused(data) == "protocol.not_canonical"


def test_the_size_is_looked_at_before_the_content():
    assert refused(b"[1,2]", limit=4) == "protocol.oversize"


def test_brackets_in_a_text_do_not_count_as_depth():
    data = canonical.dumps({'\\[[[[[[[[[[[[[[[[[["{{{': "[" * 100})
    assert canonical.loads(data, limit=1000) == json.loads(data)


def test_the_deepest_allowed_nesting_is_read():
    data = b"[" * limits.MAX_DEPTH + b"]" * limits.MAX_DEPTH
    assert canonical.dumps(canonical.loads(data, limit=100)) == data


def test_a_text_that_never_ends_does_not_take_long_to_refuse():
    # Quadratic in its quotes this would take hours; the test would hang rather than measure.
    assert refused(b'"' + b'\\"' * 500_000) == "protocol.not_json"


@pytest.mark.parametrize(
    "value",
    [1.0, [0.5], {1: 2}, {"a": {None: 1}}, 2**53, -(2**53), "\ud800", {"\ud800": 1}, b"a", {1, 2}],
)
def test_values_that_have_no_canonical_form_are_a_defect(value):
    with pytest.raises(ValueError, match=r"."):
        canonical.dumps(value)


def test_the_digest_is_sha_256():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert canonical.sha256(b"") == empty
