"""Cases of what is derived or opened with a secret: contributions, the run key, sealed files."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

from pprl_protocols.runkey import RunKey, attribute_key, signs_digest
from pprl_protocols.seeds import commitment, result_salt
from vectors.draw import AGREEMENT, CONTENT, HEADER, SALT, drawn, own_contribution
from vectors.kit import RUN, Case, card_key, secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.canonical import Plain

    Object = dict[str, Plain]

_SIGNS = {
    party: secret(f"SIGN of {party}").hex() for party in ("agency-a", "agency-b", "coordinator")
}


def cases() -> Iterator[Case]:
    """Yield all of them."""
    yield from _contributions()
    yield from _run_keys()
    yield from _sealed_files()


def _contributions() -> Iterator[Case]:
    own = own_contribution("agency-a", "agency-b")
    sealed = drawn()["contribution"]
    given: Object = {
        "sealed": sealed.hex(),
        "private_key": card_key("agency-b").hex(),
        "commitment": own.commitment,
        "run": RUN,
        "sender": "agency-a",
        "recipient": "agency-b",
        "agreement": AGREEMENT,
    }
    answer: Object = {"contribution": own.secret.hex(), "pair_secret": own.pairs["agency-b"].hex()}
    yield Case("contribution", "opened", "an agency opens another's", given, answer=answer)
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for name, about, change in (
        ("altered", "one bit of the sealed bytes", {"sealed": altered.hex()}),
        ("not_committed", "SIGN commits to another contribution", {"commitment": "00" * 32}),
        ("another_sender", "handed on by another agency", {"sender": "agency-c"}),
        ("another_run", "repeated in another run", {"run": "ff" * 16}),
        ("another_card", "opened with another card", {"private_key": card_key("agency-c").hex()}),
    ):
        yield Case("contribution", name, about, {**given, **change}, expect="contribution")


def _run_keys() -> Iterator[Case]:
    contributions = {name: secret(f"contribution of {name}") for name in ("agency-a", "agency-b")}
    key = RunKey.derive(contributions, agreement=AGREEMENT, signs=_SIGNS)
    given: Object = {
        "contributions": {name: one.hex() for name, one in contributions.items()},
        "agreement": AGREEMENT,
        "signs": _SIGNS,
    }
    digest = signs_digest(_SIGNS)
    answer: Object = {
        "signs": digest,
        "key": key.secret.hex(),
        "linkage": key.linkage.secret.hex(),
        "key_check": key.linkage.check,
        "confirmations": {name: key.confirmation(name, digest) for name in sorted(contributions)},
    }
    yield Case("run_key", "derived", "two agencies derive the run key", given, answer=answer)
    repeated = {**given, "contributions": {"agency-a": "01" * 32, "agency-b": "01" * 32}}
    about = "an agency repeats another's contribution"
    yield Case("run_key", "repeated", about, repeated, expect="contribution")
    pair = own_contribution("agency-a", "agency-b").pairs["agency-b"]
    ends = {"run": RUN, "sender": "agency-a", "recipient": "agency-b", "agreement": AGREEMENT}
    yield Case(
        "run_key",
        "attribute",
        "the key for attributes, which comes from the pair secret",
        {"pair_secret": pair.hex(), **ends},
        answer={"attribute_key": attribute_key(pair, **ends).hex()},
    )
    yield Case(
        "run_key",
        "seed",
        "what the coordinator's SIGN says of its seed, and the salt of a sealed result",
        {"seed": secret("seed").hex(), "run": RUN, "recipient": "agency-a"},
        answer={
            "commitment": commitment(secret("seed")),
            "salt": result_salt(secret("seed"), run=RUN, recipient="agency-a").hex(),
        },
    )


def _sealed_files() -> Iterator[Case]:
    boxes = drawn()
    whole = boxes["sealed"]
    given: Object = {
        "sealed": whole.hex(),
        "private_key": card_key("coordinator").hex(),
        "header": asdict(HEADER),
    }
    plain = (SALT + len(CONTENT).to_bytes(8, "big") + CONTENT).ljust(1024, b"\0")
    answer: Object = {
        "content": CONTENT.hex(),
        "sha256_sealed": sha256(whole).hexdigest(),
        "sha256_plain": sha256(plain).hexdigest(),
    }
    yield Case("sealing", "whole", "a sealed file, opened", given, answer=answer)
    altered = whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:]
    for name, about, box in (
        ("altered", "one bit of the content", altered),
        ("cut", "without its last byte", whole[:-1]),
        ("extended", "with a byte more", whole + b"\0"),
        ("another_format", "another first line", whole.replace(b"sealed/1", b"sealed/2")),
        ("padded_with_ones", "padding that isn't zero", boxes["padded_with_ones"]),
        ("padded_too_far", "padding beyond the bucket", boxes["padded_too_far"]),
        ("longer_than_it_is", "a length beyond its end", boxes["longer_than_it_is"]),
    ):
        yield Case("sealing", name, about, {**given, "sealed": box.hex()}, expect="sealing")
    for field, value in (
        ("purpose", "result"),
        ("agreement", "ff" * 32),
    ):
        header = {**asdict(HEADER), field: value}
        about = f"a recipient that waits for another {field}"
        yield Case("sealing", f"another_{field}", about, {**given, "header": header}, "sealing")
    other: Object = {"private_key": card_key("agency-a").hex()}
    yield Case("sealing", "another_card", "another card", {**given, **other}, expect="sealing")
