import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl_protocols import limits


@pytest.mark.parametrize("name", ["a", "7", "dinkes-garut", "a" * 64, "com", "com10", "console"])
def test_names_that_are_safe_everywhere_are_allowed(name):
    assert limits.is_party_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "A", "a.b", "../a", "a/b", "a\\b", "a b", "a\n", "dinkés", "٣", "a" * 65],
)
def test_names_that_could_become_another_path_are_refused(name):
    assert not limits.is_party_name(name)


@pytest.mark.parametrize("name", ["con", "prn", "aux", "nul", "com1", "com0", "lpt9"])
def test_names_of_devices_are_refused(name):
    assert not limits.is_party_name(name)


@given(st.integers(0, limits.MAX_BLOB_BYTES), st.integers(0, 1 << 20))
def test_a_bucket_holds_its_content_and_wastes_little(size, more):
    bucket = limits.bucket(size)
    assert bucket >= size
    assert limits.bucket(bucket) == bucket
    assert limits.bucket(size + more) >= bucket
    if size > 1 << 20:
        assert bucket - size <= size // 16


@given(st.integers(0, limits.MAX_RECORDS), st.integers(0, 1000))
def test_a_bucket_of_records_holds_them_and_is_its_own_bucket(records, more):
    bucket = limits.record_bucket(records)
    assert bucket >= records
    assert limits.record_bucket(bucket) == bucket
    assert limits.record_bucket(records + more) >= bucket
    assert bucket <= records + max(15, records // 16) or records == 0


def test_known_buckets():
    assert [limits.bucket(n) for n in (0, 1, 1024, 1025, 1 << 20)] == [
        1024,
        1024,
        1024,
        2048,
        1 << 20,
    ]
    assert limits.bucket((1 << 20) + 1) == (1 << 20) + (1 << 16)
    assert [limits.record_bucket(n) for n in (0, 16, 17, 33, 1000, 1_000_000)] == [
        16,
        16,
        32,
        48,
        1024,
        1_015_808,
    ]


@pytest.mark.parametrize("function", [limits.bucket, limits.record_bucket])
def test_negative_sizes_are_a_defect(function):
    with pytest.raises(ValueError, match="negative"):
        function(-1)
