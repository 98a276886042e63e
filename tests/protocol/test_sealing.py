import hashlib
import io
import os
import struct
from dataclasses import replace

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pprl.errors import InputError, PeerError
from pprl_protocols import hpke
from pprl_protocols.limits import bucket
from pprl_protocols.sealing import SealHeader, open_file, salted_digest, seal_file

PRIVATE = hpke.generate()
PUBLIC = hpke.public_of(PRIVATE)
HEADER = SealHeader("encodings", "0" * 32, "agency-a", "coordinator", "1" * 64)
HEAD = (
    b'{"agreement":"' + b"1" * 64 + b'","purpose":"encodings","recipient":"coordinator",'
    b'"run":"' + b"0" * 32 + b'","sender":"agency-a","version":1}'
)
HEAD_END = 14 + 4 + len(HEAD) + 2 + 1168
PREFIX = 40


def seal(content, header=HEADER):
    box = io.BytesIO()
    sealed = seal_file(io.BytesIO(content), box, recipient_key=PUBLIC, header=header)
    return box.getvalue(), sealed


def unseal(data, header=HEADER, private=PRIVATE):
    out = io.BytesIO()
    return open_file(io.BytesIO(data), out, private_key=private, header=header), out.getvalue()


def refused(data, code=None, **others):
    out = io.BytesIO(b"before")
    out.seek(6)
    with pytest.raises(PeerError) as caught:
        open_file(io.BytesIO(data), out, **{"private_key": PRIVATE, "header": HEADER, **others})
    assert out.getvalue() == b"before"  # nothing is handed on
    assert code in {None, caught.value.code}
    return caught.value


def by_hand(plain, head=HEAD, file_key=bytes(32)):
    # A second writer of the format, which also writes what the first one never would.
    sealed_key = hpke.seal(file_key, PUBLIC, b"pprl/v1/seal" + head)
    encryptor = Cobblestone256Encryptor(file_key[:32], hashlib.sha256(head).digest())
    return (
        b"pprl-sealed/1\n"
        + struct.pack(">I", len(head))
        + head
        + struct.pack(">H", len(sealed_key))
        + sealed_key
        + encryptor.update(plain)
        + encryptor.finalize()
    )


def plain_of(content, length=None, size=None):
    text = bytes(32) + struct.pack(">Q", len(content) if length is None else length) + content
    return text.ljust(bucket(len(text)) if size is None else size, b"\0")


@settings(max_examples=25)
@given(st.integers(0, 3_000_000))
@example(0)
@example((1 << 20) - PREFIX)
@example((1 << 20) - PREFIX + 1)
@example(2 << 20)
def test_content_of_any_size_comes_back_with_the_same_digests(size):
    content = (b"0123456789" * (size // 10 + 1))[:size]
    data, sealed = seal(content)
    assert sealed.bytes_sealed == len(data)
    assert sealed.sha256_sealed == hashlib.sha256(data).hexdigest()
    assert unseal(data) == (sealed, content)


def test_the_size_tells_the_bucket_alone():
    sizes = {len(seal(os.urandom(n))[0]) for n in (1_100_000, 1_110_000, 1_114_112 - PREFIX)}
    assert len(sizes) == 1
    assert len(seal(os.urandom(1_114_112 - PREFIX + 1))[0]) > max(sizes)


def test_the_same_content_never_has_the_same_digest_twice():
    one, other = seal(b"rows")[1], seal(b"rows")[1]
    assert one.sha256_plain != other.sha256_plain
    assert one.sha256_sealed != other.sha256_sealed


def test_the_format_is_the_one_that_the_specification_says():
    data, _ = seal(b"rows")
    assert data.startswith(b"pprl-sealed/1\n" + struct.pack(">I", len(HEAD)) + HEAD)
    sealed_key = data[HEAD_END - 1168 : HEAD_END]
    file_key = hpke.open_sealed(sealed_key, PRIVATE, b"pprl/v1/seal" + HEAD)
    assert len(file_key) == 32
    sealed, content = unseal(by_hand(plain_of(b"rows"), file_key=file_key))
    assert content == b"rows"
    assert sealed.sha256_plain == hashlib.sha256(plain_of(b"rows")).hexdigest()


def test_no_plain_byte_is_in_a_sealed_file():
    canary = b"3273014107900001"
    data, _ = seal(canary * 5000)
    assert canary not in data


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "result"},
        {"run": "2" * 32},
        {"sender": "agency-b"},
        {"recipient": "agency-b"},
        {"agreement": "2" * 64},
    ],
)
def test_a_file_for_something_else_is_refused_even_with_an_exchanged_header(change):
    other = replace(HEADER, **change)
    data, _ = seal(b"rows", other)
    refused(data, "protocol.sealed_header")
    head = other.to_bytes()
    changed = b"pprl-sealed/1\n" + struct.pack(">I", len(HEAD)) + HEAD + data[18 + len(head) :]
    refused(changed, "protocol.sealed_key")


def test_another_card_opens_nothing():
    refused(seal(b"rows")[0], "protocol.sealed_key", private_key=hpke.generate())


def test_every_changed_byte_is_found():
    data, _ = seal(b"rows" * 20)
    ends = [HEAD_END, HEAD_END + 24, HEAD_END + 56, len(data) - 16]
    places = {*range(0, len(data), 61), *range(32), *ends, *(end - 1 for end in ends)}
    for at in sorted(places):
        refused(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])


def test_every_cut_and_every_extension_is_found():
    data, _ = seal(b"rows" * 20_000)
    chunk = 16384 + 16
    places = {*range(40), *range(0, len(data), 997), len(data) - 1, len(data) - 16, HEAD_END}
    places |= {HEAD_END + 56 + chunk * i for i in range(4)}
    for at in sorted(places):
        refused(data[:at])
    for more in (b"\0", data[-16:], data):
        refused(data + more)


def test_parts_of_two_files_do_not_make_one():
    one, other = seal(b"1" * 60_000)[0], seal(b"2" * 60_000)[0]
    at = HEAD_END + 56 + 16384 + 16
    refused(one[:HEAD_END] + other[HEAD_END:], "protocol.sealed_content")
    refused(one[:at] + other[at:], "protocol.sealed_content")
    chunk = 16384 + 16
    refused(one[: at - chunk] + one[at : at + chunk] + one[at - chunk : at] + one[at + chunk :])


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        bytes(39),
        plain_of(b"rows", size=44),  # not padded
        plain_of(b"rows", size=2048),  # padded to another bucket
        plain_of(b"rows")[:-1] + b"\1",  # something hidden in the padding
        plain_of(b"rows", length=3),
        plain_of(b"rows", length=1024),
        plain_of(b"rows", length=2**64 - 1),
        plain_of(b"rows" * 400, length=1),
        plain_of(b"", length=0) + bytes(3 << 20),
    ],
)
def test_a_sender_that_seals_nonsense_is_refused(plain):
    refused(by_hand(plain), "protocol.sealed_size")


def test_a_file_key_of_another_length_is_refused():
    refused(by_hand(plain_of(b"rows"), file_key=bytes(33)), "protocol.sealed_format")


@settings(max_examples=100)
@given(st.binary(max_size=200))
@example(b"pprl-sealed/1\n\xff\xff\xff\xff")
@example(b"pprl-sealed/1\n" + struct.pack(">I", len(HEAD)) + HEAD + b"\xff\xff")
def test_anything_else_is_refused_with_our_error(data):
    refused(data)
    refused(b"pprl-sealed/1\n" + data)


def test_errors_never_repeat_what_a_file_says():
    stranger = replace(HEADER, sender="siti-aminah", purpose="3273014107900001")
    error = refused(seal(b"rows", stranger)[0], "protocol.sealed_header")
    assert "siti" not in str(error)
    assert "3273" not in str(error)


def test_sealing_starts_where_the_source_stands():
    source, box = io.BytesIO(b"skipped rows"), io.BytesIO()
    source.seek(8)
    seal_file(source, box, recipient_key=PUBLIC, header=HEADER)
    assert unseal(box.getvalue())[1] == b"rows"


class _Growing(io.BytesIO):
    def __init__(self, says, holds):
        super().__init__(holds)
        self._says = says

    def seek(self, offset, whence=0):
        return self._says if whence == 2 else super().seek(offset, whence)


@pytest.mark.parametrize("says", [3, 5])
def test_a_source_that_changes_meanwhile_is_refused_and_leaves_nothing(says):
    box = io.BytesIO(b"before")
    box.seek(6)
    with pytest.raises(InputError) as caught:
        seal_file(_Growing(says, b"rows"), box, recipient_key=PUBLIC, header=HEADER)
    assert caught.value.code == "protocol.source_changed"
    assert box.getvalue() == b"before"


def test_a_content_beyond_the_bound_is_refused_before_anything_is_written():
    box = io.BytesIO()
    with pytest.raises(InputError) as caught:
        seal_file(_Growing(64 << 30, b""), box, recipient_key=PUBLIC, header=HEADER)
    assert caught.value.code == "protocol.too_large"
    assert box.getvalue() == b""


class _Endless(io.RawIOBase):
    """A file that goes on for as long as it is read; remembers the largest piece asked for."""

    def __init__(self, head):
        super().__init__()
        self._head = io.BytesIO(head)
        self.largest = 0

    def read(self, size=-1):
        self.largest = max(self.largest, size if size >= 0 else 1 << 60)
        return self._head.read(size) or bytes(size)


def test_an_endless_file_is_refused_a_piece_at_a_time():
    source = _Endless(seal(b"rows")[0])
    with pytest.raises(PeerError) as caught:
        open_file(source, io.BytesIO(), private_key=PRIVATE, header=HEADER)
    assert caught.value.code == "protocol.sealed_content"
    assert source.largest <= 1 << 20


def test_no_memory_is_taken_for_a_claimed_length():
    source = _Endless(b"pprl-sealed/1\n\xff\xff\xff\xff")
    with pytest.raises(PeerError) as caught:
        open_file(source, io.BytesIO(), private_key=PRIVATE, header=HEADER)
    assert caught.value.code == "protocol.sealed_header"
    assert source.largest <= len(HEAD)


def test_a_card_without_a_key_seals_nothing():
    box = io.BytesIO()
    with pytest.raises(PeerError) as caught:
        seal_file(io.BytesIO(b"rows"), box, recipient_key=b"", header=HEADER)
    assert caught.value.code == "protocol.card_key"
    assert box.getvalue() == b""


@given(st.binary(max_size=3_000), st.binary(min_size=32, max_size=32))
@settings(max_examples=20)
def test_with_a_salt_the_salted_digest_can_be_told_beforehand(content, salt):
    expected = salted_digest(io.BytesIO(content), salt)
    digests = set()
    for _ in range(2):
        box = io.BytesIO()
        sealed = seal_file(io.BytesIO(content), box, recipient_key=PUBLIC, header=HEADER, salt=salt)
        assert unseal(box.getvalue()) == (sealed, content)
        assert sealed.sha256_plain == expected
        digests.add(sealed.sha256_sealed)
    assert len(digests) == 2
    assert seal(content)[1].sha256_plain != expected


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_of_another_length_is_a_defect_of_the_caller(length):
    with pytest.raises(ValueError, match="32 bytes"):
        salted_digest(io.BytesIO(b"rows"), bytes(length))
