"""Formulas of the specification, once more and from its text alone: they give the known answers.

Nothing of pprl or pprl_protocols is used here, only the standard library and cryptography.
"""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

FOLDER = Path(__file__).parents[2] / "protocols" / "vectors"
ENCAPSULATED = 1088


def case(name):
    content = json.loads((FOLDER / f"{name}.json").read_bytes())
    assert content["expect"] == "pass"
    return content["given"], content["answer"]


def sha256(data):
    return hashlib.sha256(data).digest()


def extract(salt, material):
    return hmac.digest(salt or bytes(32), material, "sha256")


def expand(key, info, length=32):
    out, block, number = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out, number = out + block, number + 1
    return out[:length]


def hkdf(material, info, salt=b"", length=32):
    return expand(extract(salt, material), info, length)


def len2(text):
    return len(text).to_bytes(2, "big") + text.encode()


def opened_hpke(sealed, private, info):
    """HPKE (RFC 9180) in base mode with X-Wing, HKDF-SHA256, AES-256-GCM."""
    first, second = sealed[:ENCAPSULATED], sealed[ENCAPSULATED : ENCAPSULATED + 32]
    ours = X25519PrivateKey.from_private_bytes(private[64:])
    shared = (
        MLKEM768PrivateKey.from_seed_bytes(private[:64]).decapsulate(first)
        + ours.exchange(X25519PublicKey.from_public_bytes(second))
        + second
        + ours.public_key().public_bytes_raw()
    )
    suite = b"HPKE-v1HPKE" + bytes.fromhex("647a00010002")
    context = (
        b"\0" + extract(b"", suite + b"psk_id_hash") + extract(b"", suite + b"info_hash" + info)
    )
    both = hashlib.sha3_256(shared + b"\\.//^\\").digest()
    secret = extract(both, suite + b"secret")

    def derived(label, length):
        return expand(secret, length.to_bytes(2, "big") + suite + label + context, length)

    rest = sealed[ENCAPSULATED + 32 :]
    return AESGCM(derived(b"key", 32)).decrypt(derived(b"base_nonce", 12), rest, b"")


def test_a_contribution_opens_with_an_hpke_that_isnt_ours():
    given, answer = case("contribution/opened")
    ends = b"".join(len2(given[name]) for name in ("run", "sender", "recipient"))
    info = b"pprl/v1/contribution" + ends + bytes.fromhex(given["agreement"])
    private = bytes.fromhex(given["private_key"])
    plain = opened_hpke(bytes.fromhex(given["sealed"]), private, info)
    assert (plain[:32].hex(), plain[32:].hex()) == tuple(answer.values())
    assert sha256(b"pprl/v1/contribution" + plain[:32]).hex() == given["commitment"]


def test_the_run_key_and_all_that_comes_from_it():
    given, answer = case("run_key/derived")
    signs = len(given["signs"]).to_bytes(2, "big") + b"".join(
        len2(name) + bytes.fromhex(given["signs"][name]) for name in sorted(given["signs"])
    )
    digest = sha256(b"pprl/v1/signs" + signs)
    drawn = given["contributions"]
    material = b"".join(bytes.fromhex(drawn[name]) for name in sorted(drawn))
    key = hkdf(material, b"pprl/v1/run", sha256(bytes.fromhex(given["agreement"]) + signs))
    linkage = hkdf(key, b"pprl/v1/linkage")
    confirm = hkdf(key, b"pprl/v1/confirm")
    assert answer == {
        "signs": digest.hex(),
        "key": key.hex(),
        "linkage": linkage.hex(),
        "key_check": hkdf(linkage, b"pprl/v1/check", length=8).hex(),
        "confirmations": {
            name: hmac.digest(confirm, len2(name) + digest, "sha256").hex() for name in drawn
        },
    }


def test_what_comes_from_a_pair_secret_and_from_the_seed():
    given, answer = case("run_key/attribute")
    ends = b"".join(len2(given[name]) for name in ("run", "sender", "recipient"))
    pair, salt = bytes.fromhex(given["pair_secret"]), bytes.fromhex(given["agreement"])
    assert hkdf(pair, b"pprl/v1/attribute" + ends, salt).hex() == answer["attribute_key"]
    given, answer = case("run_key/seed")
    seed = bytes.fromhex(given["seed"])
    assert sha256(b"pprl/v1/seed" + seed).hex() == answer["commitment"]
    label = f"pprl/v1/salt\0{given['run']}\0{given['recipient']}".encode()
    assert hmac.digest(seed, label, "sha256").hex() == answer["salt"]


def test_match_numbers():
    given, answer = case("match_numbers/three")
    label = b"pprl/v1/match\0" + given["run"].encode()
    key = hmac.digest(bytes.fromhex(given["seed"]), label, "sha256")
    stream = Cipher(AES256(key), CTR(bytes(16))).encryptor().update(bytes(16 * given["count"]))
    assert [stream[at : at + 16].hex() for at in range(0, len(stream), 16)] == answer["numbers"]


def tree_root(records):
    """RFC 6962, section 2.1, by its own recursion."""
    if not records:
        return sha256(b"")
    if len(records) == 1:
        return sha256(b"\0" + records[0])
    left = 1 << (len(records) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(records[:left]) + tree_root(records[left:]))


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_merkle_roots(count):
    given, answer = case(f"merkle/root_of_{count}")
    records = [bytes.fromhex(record) for record in given["records"]]
    committed = sha256(b"\2" + len(records).to_bytes(8, "big") + tree_root(records))
    assert committed.hex() == answer["root"]


def bucket(number, of):
    power = 1 << max(number - 1, 0).bit_length()
    if of == "bytes" and number <= 1 << 20:
        return max(1024, power)
    step = max(power // 32, 16 if of == "records" else 1)
    return max((number + step - 1) // step, 1) * step


@pytest.mark.parametrize("of", ["bytes", "records"])
def test_buckets(of):
    given, answer = case(f"bucket/{of}")
    assert [bucket(size, of) for size in given["sizes"]] == answer["buckets"]


@pytest.mark.parametrize("name", ["some", "all", "most"])
def test_positions_of_a_spot_check(name):
    given, answer = case(f"spotcheck/{name}")
    size, wanted = given["size"], min(given["count"], given["size"])
    drawn, counter = set(), 0
    start = b"pprl/v1/spotcheck" + bytes.fromhex(given["close"]) + bytes.fromhex(given["nonce"])
    while len(drawn) < wanted:
        block, counter = sha256(start + counter.to_bytes(8, "big")), counter + 1
        for at in range(0, 32, 8):
            number = int.from_bytes(block[at : at + 8], "big")
            if number < 2**64 // size * size and len(drawn) < wanted:
                drawn.add(number % size)
    assert sorted(drawn) == answer["positions"]


def test_the_signature_of_a_card():
    given, _ = case("card/whole")
    card = json.loads(given["text"])
    signature = bytes.fromhex(card.pop("signature"))
    signed = b"pprl/v1/card" + json.dumps(card, sort_keys=True, separators=(",", ":")).encode()
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(card["identity"])).verify(signature, signed)
