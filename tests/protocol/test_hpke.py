import pytest

from pprl.errors import PeerError
from pprl_protocols import hpke


@pytest.fixture(scope="module")
def private():
    return hpke.generate()


def test_sealed_bytes_open_and_are_longer_by_the_stated_overhead(private):
    public = hpke.public_of(private)
    assert (len(public), len(private)) == (hpke.PUBLIC_BYTES, hpke.PRIVATE_BYTES)
    sealed = hpke.seal(b"r" * 32, public, b"info")
    assert len(sealed) == 32 + hpke.OVERHEAD_BYTES
    assert sealed != hpke.seal(b"r" * 32, public, b"info")
    assert hpke.open_sealed(sealed, private, b"info") == b"r" * 32


def test_another_key_another_info_and_every_change_are_refused(private):
    sealed = hpke.seal(b"r" * 32, hpke.public_of(private), b"info")
    changed = [
        sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for at in (*range(0, len(sealed), 97), 1087, 1088, 1119, 1120, len(sealed) - 1)
    ]
    cases = [(one, private, b"info") for one in (*changed, sealed[:-1], sealed + b"0", b"")]
    cases += [(sealed, hpke.generate(), b"info"), (sealed, private, b"inf")]
    for one, key, info in cases:
        with pytest.raises(PeerError) as caught:
            hpke.open_sealed(one, key, info)
        assert caught.value.code == "protocol.sealed_key"


def test_both_halves_of_the_key_are_needed(private):
    other = hpke.generate()
    sealed = hpke.seal(b"r", hpke.public_of(private), b"")
    for mixed in (private[:64] + other[64:], other[:64] + private[64:]):
        with pytest.raises(PeerError):
            hpke.open_sealed(sealed, mixed, b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda public: public[:0],
        lambda public: public[:-1],
        lambda public: public + b"0",
        lambda public: b"\xff" * len(public),
        lambda public: public[:1184] + bytes(32),  # a point of small order
    ],
)
def test_a_key_that_is_none_is_refused(private, change):
    with pytest.raises(PeerError) as caught:
        hpke.seal(b"r", change(hpke.public_of(private)), b"")
    assert caught.value.code == "protocol.card_key"
