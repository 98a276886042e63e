import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.errors import InputError, PeerError
from pprl_protocols.attributes import Layout, Sealer

KEY = bytes(range(32))
LAYOUT = Layout.of([("desil", 2), ("pkh", 5)])
DIRECTION = {"run": "5f" * 16, "sender": "kemensos", "recipient": "bkkbn"}
SEALER = Sealer(KEY, LAYOUT, **DIRECTION)


def sealed(desil, pkh, sealer=SEALER, first_row=2):
    count = len(desil)
    handles = np.arange(16 * count, dtype=np.uint8).reshape(count, 16)
    cards = np.full((count, 2), 7, dtype=np.uint8)
    values = {"desil": pa.array(desil, pa.string()), "pkh": pa.array(pkh, pa.string())}
    pseudo = handles + np.uint8(100)
    plain = sealer.plain(handles, cards, values, row=lambda place: first_row + place)
    return sealer.seal(plain, pseudo)


def blobs(rows):
    return [row.tobytes() for row in rows]


texts = st.none() | st.text(max_size=2).filter(lambda text: len(text.encode()) <= 2)


@settings(max_examples=30)
@given(st.lists(st.tuples(texts, st.sampled_from([None, "ya", "tidak", ""])), max_size=5))
def test_what_was_sealed_comes_out(rows):
    desil, pkh = zip(*rows, strict=True) if rows else ((), ())
    opened = SEALER.open(blobs(sealed(desil, pkh)))
    assert opened.values["desil"].to_pylist() == list(desil)
    assert opened.values["pkh"].to_pylist() == list(pkh)
    assert opened.handles.reshape(-1).tolist() == list(range(16 * len(rows)))
    assert (opened.cards == 7).all()


def test_all_blobs_have_one_length_and_a_salt_of_their_own():
    rows = sealed([None, "", "1", "10"], ["tidak", None, "", "ya"])
    assert rows.shape == (4, LAYOUT.blob_bytes)
    assert len({row.tobytes()[:32] for row in rows}) == 4
    again = sealed([None, "", "1", "10"], ["tidak", None, "", "ya"])
    assert (rows == again).all()  # a spot check makes them again
    other = Sealer(bytes(32), LAYOUT, **DIRECTION)
    assert (
        not (rows == sealed([None, "", "1", "10"], ["tidak", None, "", "ya"], other))
        .all(axis=1)
        .any()
    )


def test_a_blob_is_as_the_specification_says():
    blob = blobs(sealed(["4"], ["ya"]))[0]
    salt, body = blob[:32], blob[32:]
    key = HKDF(SHA256(), 32, salt=salt, info=b"pprl/v1/record").derive(KEY)
    parts = [b"5f" * 16, b"kemensos", b"bkkbn", bytes.fromhex(LAYOUT.digest)]
    data = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    plain = AESGCM(key).decrypt(bytes(12), body, data)
    assert plain == bytes(range(16)) + b"\x07" * 2 + b"\0\x014\0" + b"\0\x02ya\0\0\0"


@pytest.mark.parametrize(
    "other",
    [
        Sealer(bytes(32), LAYOUT, **DIRECTION),
        Sealer(KEY, LAYOUT, **DIRECTION | {"run": "5e" * 16}),
        Sealer(KEY, LAYOUT, **DIRECTION | {"recipient": "dinkes"}),
        Sealer(KEY, LAYOUT, **DIRECTION | {"sender": "bkkbn", "recipient": "kemensos"}),
        Sealer(KEY, Layout.of([("pkh", 2), ("desil", 5)]), **DIRECTION),
    ],
)
def test_nobody_else_opens_it(other):
    with pytest.raises(PeerError) as refused:
        other.open(blobs(sealed(["4"], ["ya"])))
    assert refused.value.code == "attributes.not_opened"


@pytest.mark.parametrize("place", [0, 31, 32, 60, -1])
def test_a_changed_blob_is_refused(place):
    blob = bytearray(blobs(sealed(["4"], ["ya"]))[0])
    blob[place] ^= 1
    with pytest.raises(PeerError):
        SEALER.open([bytes(blob)])
    with pytest.raises(PeerError) as refused:
        SEALER.open([bytes(blob[:-1])])
    assert refused.value.code == "attributes.length"


@pytest.mark.parametrize("cell", [b"\0\x03abc", b"\0\x01ab", b"\xff\xffa\0", b"\0\x02\xff\xfe"])
def test_what_no_sender_writes_is_refused(cell):
    plain = np.zeros((1, LAYOUT.plain_bytes), np.uint8)
    width = min(len(cell), 4)
    plain[0, 18 : 18 + width] = np.frombuffer(cell[:4], np.uint8)
    with pytest.raises(PeerError) as refused:
        SEALER.open(blobs(SEALER.seal(plain, np.zeros((1, 16), np.uint8))))
    assert refused.value.code == "attributes.form"


def test_a_value_longer_than_agreed_is_named_by_row_and_column():
    with pytest.raises(InputError) as refused:
        sealed(["1", "100"], ["ya", "ya"], first_row=41)
    assert refused.value.values == {"row": 42, "column": "desil", "maximum": 2}
