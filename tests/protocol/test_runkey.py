import hashlib
import hmac
import struct

import pytest

from pprl.errors import PeerError
from pprl_protocols import hpke
from pprl_protocols.runkey import (
    SEALED_CONTRIBUTION_BYTES,
    Contribution,
    RunKey,
    attribute_key,
    commitment,
    open_contribution,
    signs_digest,
)

AGREEMENT = hashlib.sha256(b"agreement").hexdigest()
SIGNS = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("b", "coordinator", "a")}
GIVEN = {"b": b"\x02" * 32, "a": b"\x01" * 32}
BOUND = {"run": "0" * 32, "sender": "a", "recipient": "b", "agreement": AGREEMENT}


def key_of(given=None, agreement=AGREEMENT, signs=None):
    return RunKey.derive(given or GIVEN, agreement=agreement, signs=signs or SIGNS)


def hkdf(secret, salt, info):
    # RFC 5869 for one block of output.
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def joined(signs):
    text = struct.pack(">H", len(signs))
    for name in sorted(signs):
        text += struct.pack(">H", len(name)) + name.encode() + bytes.fromhex(signs[name])
    return text


def test_the_commitment_is_the_hash_that_the_specification_says():
    assert commitment(b"\x01" * 32) == (
        hashlib.sha256(b"pprl/v1/contribution" + b"\x01" * 32).hexdigest()
    )
    # Written by hand with sha256sum.
    assert commitment(b"\x01" * 32).startswith("08c256ad97973177")


def test_the_run_key_is_hkdf_over_all_contributions_in_order_of_name():
    salt = hashlib.sha256(bytes.fromhex(AGREEMENT) + joined(SIGNS)).digest()
    wanted = hkdf(b"\x01" * 32 + b"\x02" * 32, salt, b"pprl/v1/run")
    assert key_of().secret == wanted
    assert key_of(dict(reversed(GIVEN.items()))).secret == wanted


def test_sub_keys_are_hkdf_under_their_own_info():
    key = key_of()
    assert key.linkage.secret == hkdf(key.secret, bytes(32), b"pprl/v1/linkage")
    confirm = hkdf(key.secret, bytes(32), b"pprl/v1/confirm")
    digest = signs_digest(SIGNS)
    text = b"\x00\x01a" + bytes.fromhex(digest)
    assert key.confirmation("a", digest) == hmac.new(confirm, text, hashlib.sha256).hexdigest()


def test_the_digest_of_all_signs_counts_every_name_and_digest():
    assert signs_digest(SIGNS) == hashlib.sha256(b"pprl/v1/signs" + joined(SIGNS)).hexdigest()
    assert signs_digest(dict(reversed(SIGNS.items()))) == signs_digest(SIGNS)
    others = [
        {name: SIGNS[name] for name in ("a", "b")},
        {**SIGNS, "a": SIGNS["b"], "b": SIGNS["a"]},
        {**{name: SIGNS[name] for name in ("a", "b")}, "coordinato": SIGNS["coordinator"]},
    ]
    assert len({signs_digest(signs) for signs in [SIGNS, *others]}) == 4


def test_every_input_changes_the_key():
    keys = [
        key_of(),
        key_of({**GIVEN, "a": b"\x03" * 32}),
        key_of({"a": GIVEN["b"], "b": GIVEN["a"]}),
        key_of({**GIVEN, "c": b"\x03" * 32}),
        key_of(agreement="11" * 32),
        key_of(signs={**SIGNS, "a": "11" * 32}),
    ]
    assert len({key.secret for key in keys}) == len(keys)
    assert len({key.linkage.check for key in keys}) == len(keys)


def test_a_repeated_contribution_is_refused():
    with pytest.raises(PeerError) as caught:
        key_of({"a": b"\x01" * 32, "b": b"\x01" * 32})
    assert caught.value.code == "protocol.repeated_contribution"
    assert caught.value.values == {"party": "b"}


def test_a_contribution_of_another_length_never_becomes_a_key():
    with pytest.raises(ValueError, match="32 bytes"):
        key_of({"a": b"\x01" * 31, "b": b"\x02" * 33})


def test_a_confirmation_shows_the_same_key_and_nothing_else():
    digest = signs_digest(SIGNS)
    key = key_of()
    key.check_confirmation("b", digest, key_of().confirmation("b", digest))
    other = key_of({**GIVEN, "a": b"\x03" * 32})
    for bad in (
        key.confirmation("a", digest),  # reflected
        key.confirmation("b", "11" * 32),
        other.confirmation("b", digest),
        "",
    ):
        with pytest.raises(PeerError) as caught:
            key.check_confirmation("b", digest, bad)
        assert caught.value.code == "protocol.confirmation"


def test_a_sealed_contribution_opens_for_its_recipient():
    private = hpke.generate()
    given = Contribution.generate(["b", "c"])
    sealed = given.seal(recipient_key=hpke.public_of(private), **BOUND)
    assert len(sealed) == SEALED_CONTRIBUTION_BYTES == 1200
    got = open_contribution(sealed, private_key=private, expected=given.commitment, **BOUND)
    assert got == (given.secret, given.pairs["b"])


@pytest.mark.parametrize(
    "change",
    [{"run": "1" * 32}, {"sender": "b"}, {"recipient": "a"}, {"agreement": "11" * 32}],
)
def test_a_sealed_contribution_opens_in_its_own_place_only(change):
    private = hpke.generate()
    given = Contribution.generate(["b"])
    sealed = given.seal(recipient_key=hpke.public_of(private), **BOUND)
    with pytest.raises(PeerError) as caught:
        open_contribution(
            sealed, private_key=private, expected=given.commitment, **{**BOUND, **change}
        )
    assert caught.value.code == "protocol.contribution"


def test_a_contribution_that_was_not_committed_to_is_refused():
    private = hpke.generate()
    given, other = Contribution.generate(["b"]), Contribution.generate(["b"])
    public = hpke.public_of(private)
    info = b"pprl/v1/contribution" + b"\x00\x20" + b"0" * 32 + b"\x00\x01a\x00\x01b"
    info += bytes.fromhex(AGREEMENT)
    good = given.secret + given.pairs["b"]
    short = hpke.seal(good[:40], public, info)
    for sealed in (other.seal(recipient_key=public, **BOUND), short, b"", bytes(1200)):
        with pytest.raises(PeerError) as caught:
            open_contribution(sealed, private_key=private, expected=given.commitment, **BOUND)
        assert caught.value.code == "protocol.contribution"
        assert caught.value.values == {"party": "a"}
    opened = open_contribution(
        hpke.seal(good, public, info), private_key=private, expected=given.commitment, **BOUND
    )
    assert opened == (given.secret, given.pairs["b"])


def test_attribute_keys_come_from_the_pair_secret_and_belong_to_one_direction():
    pair = b"\x07" * 32
    wanted = hkdf(
        pair,
        bytes.fromhex(AGREEMENT),
        b"pprl/v1/attribute\x00\x20" + b"0" * 32 + b"\x00\x01a\x00\x01b",
    )
    assert attribute_key(pair, **BOUND) == wanted
    others = [
        {**BOUND, "sender": "b", "recipient": "a"},
        {**BOUND, "run": "1" * 32},
        {**BOUND, "agreement": "11" * 32},
        {**BOUND, "sender": "ab", "recipient": ""},
    ]
    assert len({attribute_key(pair, **other) for other in others} | {wanted}) == 5


def test_secrets_are_never_shown():
    given = Contribution.generate(["b"])
    for shown in (repr(given), repr(key_of()), str(key_of())):
        assert given.secret.hex() not in shown
        assert repr(given.secret) not in shown
    assert repr(key_of()) == "RunKey(<32 secret bytes>)"


def test_two_runs_draw_different_secrets():
    one, other = Contribution.generate(["b", "c"]), Contribution.generate(["b", "c"])
    assert len({one.secret, *one.pairs.values(), other.secret, *other.pairs.values()}) == 6


def test_a_contribution_comes_back_from_the_vault():
    given = Contribution.generate(["c", "b"])
    assert Contribution.from_bytes(given.to_bytes()) == given
