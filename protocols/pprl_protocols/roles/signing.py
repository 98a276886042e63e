"""The first step of every party: SIGN, and for agencies the run key that follows from all SIGNs.

An agency commits to 32 fresh bytes and hands them, sealed, to every other agency; the coordinator
commits to the seed of everything random in the result, the auditor to a nonce. What was drawn is
in the vault before anything of it is published.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pprl.errors import PeerError
from pprl_protocols import cards, repeats, runkey, seeds
from pprl_protocols.messages import Sign
from pprl_protocols.runkey import Contribution, RunKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl_protocols.agreement import Agreement
    from pprl_protocols.pins import Pins
    from pprl_protocols.session import Session


def sign(session: Session) -> str:
    """Sign the agreement; return the digest of the entry. Identities must be pinned.

    Raises
    ------
    PeerError
        A party of the agreement isn't pinned with its identity, or a card isn't its party's.
    ConfigError
        Signed already, or outside the agreement's validity.
    """
    session.require("SIGN")
    check_identities(session)
    check_possible(session)
    agreement = session.agreement
    contributions: dict[str, str] = {}
    if session.me.role == "agency":
        own = contribution(session)
        commitment = own.commitment
        for other in agreement.agencies:
            if other.name != session.me.name and other.card is not None:
                contributions[other.name] = own.seal(
                    recipient_key=bytes.fromhex(other.card.key),
                    run=session.run,
                    sender=session.me.name,
                    recipient=other.name,
                    agreement=agreement.digest,
                ).hex()
    else:
        commitment = seeds.commitment(seed(session))
    return session.say(
        Sign(
            agreement=agreement.digest,
            party=session.me.name,
            run=session.run,
            commitment=commitment,
            contributions=contributions,
        )
    )


def check_identities(session: Session) -> None:
    """Refuse an agreement with an identity that this party's user hasn't pinned.

    Raises
    ------
    PeerError
        As said; or a card isn't signed by its party, or is missing.
    """
    check_pins(session.agreement, session.home.pins, but=session.me.name)
    missing = session.agreement.without_card()
    if missing:
        raise PeerError("protocol.no_card", party=missing[0])


def check_possible(session: Session) -> None:
    """Refuse an agreement that this party can't keep.

    Raises
    ------
    ConfigError
        Its software reads the schema otherwise, or its home counts too many runs with tables.
    """
    session.agreement.read_schema()
    if session.me.role == "agency":
        repeats.check(session.home.folder, session.agreement, today=session.today)


def check_pins(agreement: Agreement, pins: Pins, *, but: str | None) -> None:
    """Refuse an agreement with a party that isn't pinned with its identity.

    Parameters
    ----------
    agreement, pins
        Of the run; whom the user trusts.
    but
        A party that needs no pin: the user's own.

    Raises
    ------
    PeerError
        As said.
    """
    for party in agreement.parties:
        if party.name != but:
            pins.check(party.name, bytes.fromhex(party.identity))


def contribution(session: Session) -> Contribution:
    """Return what this agency draws for the run, drawn once and kept."""
    vault, name = session.home.vault, session.secret("contribution")
    if not vault.has(name):
        others = [one.name for one in session.agreement.agencies if one.name != session.me.name]
        drawn = Contribution.generate(others)
        pairs = {other: value.hex() for other, value in drawn.pairs.items()}
        vault.put(name, json.dumps({"secret": drawn.secret.hex(), "pairs": pairs}).encode())
    kept = json.loads(vault.get(name))
    return Contribution(
        bytes.fromhex(kept["secret"]),
        {other: bytes.fromhex(value) for other, value in kept["pairs"].items()},
    )


def seed(session: Session) -> bytes:
    """Return the coordinator's seed, or the auditor's nonce: 32 bytes, drawn once and kept."""
    vault, name = session.home.vault, session.secret("seed")
    if not vault.has(name):
        vault.put(name, secrets.token_bytes(seeds.SEED_BYTES))
    return vault.get(name)


def all_signs(session: Session) -> dict[str, str]:
    """Return the digest of every party's SIGN, by party."""
    return {each.entry.party: each.digest for each in session.all_said("SIGN")}


@dataclass(frozen=True)
class Secrets:
    """What an agency holds of a run when all have signed.

    Attributes
    ----------
    key
        Of the run; all agencies have it.
    pairs
        Sender -> the secret that it shares with this agency alone.
    """

    key: RunKey
    pairs: Mapping[str, bytes] = field(repr=False)


def kept(session: Session) -> Secrets:
    """Return the secrets of the run, derived once and kept until they are purged.

    Raises
    ------
    PeerError
        As :func:`derive`.
    """
    vault, name = session.home.vault, session.secret("key")
    if not vault.has(name):
        found = derive(session)
        pairs = {sender: secret.hex() for sender, secret in found.pairs.items()}
        vault.put(name, json.dumps({"key": found.key.secret.hex(), "pairs": pairs}).encode())
    content = json.loads(vault.get(name))
    shared = {sender: bytes.fromhex(secret) for sender, secret in content["pairs"].items()}
    return Secrets(RunKey(bytes.fromhex(content["key"])), shared)


def derive(session: Session) -> Secrets:
    """Return the secrets of the run, which only its agencies can derive.

    Raises
    ------
    PeerError
        An agency's contribution doesn't open, or isn't what it committed to: a reason to abort.
    """
    agreement, me = session.agreement, session.me
    parts, pairs = {me.name: contribution(session).secret}, {}
    assert me.card is not None  # noqa: S101 - every signed agreement has all cards
    private = cards.private_key(session.home.vault, me.card)
    for signed in session.all_said("SIGN"):
        message, sender = signed.entry.message, signed.entry.party
        if not isinstance(message, Sign) or sender == me.name or not message.contributions:
            continue
        sealed = message.contributions.get(me.name)
        if sealed is None:
            raise PeerError("protocol.contribution", party=sender)
        parts[sender], pairs[sender] = runkey.open_contribution(
            bytes.fromhex(sealed),
            private_key=private,
            expected=message.commitment,
            run=session.run,
            sender=sender,
            recipient=me.name,
            agreement=agreement.digest,
        )
    for agency in agreement.agencies:
        if agency.name not in parts:
            raise PeerError("protocol.contribution", party=agency.name)
    key = RunKey.derive(parts, agreement=agreement.digest, signs=all_signs(session))
    return Secrets(key, pairs)
