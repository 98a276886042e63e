"""Cases of agreements and cards. Agreements that fail for another reason have no cards: shorter."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pprl_protocols import canonical, hpke
from pprl_protocols.agreement import Agreement, Card, Decision, Disclosure, Party
from vectors.kit import RUN, Case, identity, public_card, public_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pprl_protocols.agreement import Role
    from pprl_protocols.canonical import Plain

    Document = dict[str, list[dict[str, Plain]]]
    Change = Callable[[dict[str, Plain]], None]

PARTIES: dict[str, Role] = {
    "agency-a": "agency",
    "agency-b": "agency",
    "coordinator": "coordinator",
}
SCHEMA = """schema = "openpprl/1"
name = "small"

[[fields]]
name = "name_words"
column = "name"
read = "words"
qgrams = 2
bits_per_token = 8
"""
SCHEMA_DIGEST = "5c" * 32
"""Of no schema: the true one also covers a software's normalisation rules, which may change."""
_DAY = dt.date(2026, 3, 2)


def card(party: str) -> Card:
    """Return a party's card, signed."""
    unsigned = Card(
        version=1,
        party=party,
        identity=public_identity(party).hex(),
        kem=hpke.NAME,
        key=public_card(party).hex(),
        created=_DAY,
        signature="00" * 64,
    )
    signature = identity(party).sign(unsigned.signed_bytes())
    return unsigned.model_copy(update={"signature": signature.hex()})


def agreement(*, run: str = RUN, cards: bool = True) -> Agreement:
    """Return what two agencies and a coordinator agree on."""
    return Agreement(
        version=1,
        run=run,
        purpose="known answers of the protocol",
        legal_basis="none: no data of people",
        dpia="none",
        valid_from=_DAY,
        valid_until=_DAY + dt.timedelta(30),
        receipt_deadline=_DAY + dt.timedelta(40),
        audit_deadline=_DAY + dt.timedelta(90),
        retention="until the audit deadline",
        schema_text=SCHEMA,
        schema_digest=SCHEMA_DIGEST,
        decision=Decision(target="f1", seed=1),
        disclosure=Disclosure(mode="link", minimum_cell=10),
        parties=tuple(
            Party(
                name=name,
                role=role,
                identity=public_identity(name).hex(),
                card=card(name) if cards else None,
                population="residents" if role == "agency" else "",
                max_records=1000 if role == "agency" else None,
            )
            for name, role in PARTIES.items()
        ),
    )


def cases() -> Iterator[Case]:
    """Yield all of them."""
    whole = agreement()
    answer: dict[str, Plain] = {"digest": whole.digest}
    yield Case(
        "agreement",
        "whole",
        "two agencies and a coordinator, with their cards",
        {"text": whole.to_bytes().decode()},
        answer=answer,
    )
    content = _draft()
    _disclosure(**_TABLES)(content)
    counting = Agreement.from_bytes(canonical.dumps(content))
    yield Case(
        "agreement",
        "tables",
        "tables by place and decile, and nothing else",
        {"text": counting.to_bytes().decode()},
        answer={"digest": counting.digest},
    )
    for name, about, change in _FAULTS:
        content = _draft()
        change(content)
        yield _agreement(name, about, content)
    stranger = whole.model_dump(mode="json", by_alias=True)
    first, second = stranger["parties"][:2]
    first["card"], second["card"] = second["card"], first["card"]
    yield _agreement("card_of_another", "two parties with each other's card", stranger)
    yield _agreement("spaced", "not in canonical form", _draft(), "canonical", b" ")
    yield from _cards()


def _cards() -> Iterator[Case]:
    whole = card("agency-a")
    yield Case("card", "whole", "a card of an agency", {"text": whole.to_bytes().decode()})
    changes: dict[str, tuple[str, dict[str, Plain]]] = {
        "another_key": (
            "the signature is over another key",
            {"key": public_card("agency-b").hex()},
        ),
        "another_signer": (
            "an identity that hasn't signed it",
            {"identity": public_identity("agency-b").hex()},
        ),
        "another_kem": ("a suite that doesn't exist", {"kem": "X25519"}),
        "short_key": ("a key without its last byte", {"key": public_card("agency-a").hex()[:-2]}),
    }
    for name, (about, change) in changes.items():
        data = canonical.dumps(whole.model_dump(mode="json") | change)
        yield Case("card", name, about, {"text": data.decode()}, expect="card")


def _agreement(
    name: str, about: str, content: dict[str, Plain], expect: str = "agreement", end: bytes = b""
) -> Case:
    data = canonical.dumps(content) + end
    return Case("agreement", name, about, {"text": data.decode()}, expect=expect)


def _draft() -> dict[str, Plain]:
    return agreement(cards=False).model_dump(mode="json", by_alias=True)


def _set(key: str, value: Plain) -> Change:
    def change(content: dict[str, Plain]) -> None:
        content[key] = value

    return change


def _disclosure(**values: Plain) -> Change:
    def change(content: dict[str, Plain]) -> None:
        content["disclosure"] |= values  # type: ignore[operator] # it is an object

    return change


def _parties(change: Callable[[list[dict[str, Plain]]], None]) -> Change:
    def changed(content: dict[str, Plain]) -> None:
        change(content["parties"])  # type: ignore[arg-type] # it is a list of objects

    return changed


_RELEASED: Plain = {"from": "agency-a", "to": "agency-b", "name": "class", "bytes": 8}
_PLACES: dict[str, Plain] = {
    "name": "district",
    "agencies": ["agency-a", "agency-b"],
    "values": ["640801", "640802", "647101"],
    "levels": [4, 6],
}
_DECILES: dict[str, Plain] = {
    "name": "decile",
    "agencies": ["agency-b"],
    "values": ["1", "2", "3"],
    "levels": [],
}
_TABLES: dict[str, Plain] = {
    "mode": "count",
    "strata": [_PLACES, _DECILES],
    "publish": [["district", "decile"]],
    "noise_scale": 3,
    "repeats": {"runs": 4, "days": 365},
}
_FAULTS: tuple[tuple[str, str, Change], ...] = (
    ("more", "a field that doesn't exist", _set("remarks", "")),
    ("run", "a run id of another length", _set("run", "0123")),
    ("days", "valid until before valid from", _set("valid_until", "2026-03-01")),
    ("hidden", "prose with a character that can't be seen", _set("purpose", "a\u202eb")),
    ("schema", "a schema that can't be read", _set("schema_text", "no schema")),
    ("small_cell", "cells smaller than 10 would be published", _disclosure(minimum_cell=9)),
    (
        "attributes_in_count",
        "attributes handed over where only counts are agreed",
        _disclosure(**_TABLES, attributes=[_RELEASED]),
    ),
    ("count_of_nothing", "only counts are agreed, and none", _disclosure(mode="count")),
    (
        "endless_tables",
        "tables as often as anybody likes",
        _disclosure(**{**_TABLES, "repeats": None}),
    ),
    (
        "stratum_for_nothing",
        "the coordinator would see what no table is counted by",
        _disclosure(**{**_TABLES, "publish": [["district"]]}),
    ),
    (
        "place_of_another_level",
        "a code that isn't of the last level",
        _disclosure(**{**_TABLES, "strata": [{**_PLACES, "levels": [4, 10]}, _DECILES]}),
    ),
    ("one_agency", "one agency only", _parties(lambda parties: parties.remove(parties[1]))),
    (
        "repeated_identity",
        "two parties with one identity",
        _parties(lambda parties: parties[0].update(identity=parties[1]["identity"])),
    ),
    (
        "device",
        "a party whose name is a device on some systems",
        _parties(lambda parties: parties[0].update(name="con")),
    ),
    (
        "coordinator_with_records",
        "a coordinator that enters records",
        _parties(lambda parties: parties[2].update(max_records=1)),
    ),
)
