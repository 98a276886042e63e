"""What tests of the protocol share: parties with their keys, and what they have agreed on."""

import datetime as dt
import hashlib
import json
from importlib.resources import files

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pprl.schema import Schema
from pprl_protocols import canonical
from pprl_protocols.agreement import Agreement, Decision, Disclosure, Party
from pprl_protocols.envelope import open_envelope, seal_envelope
from pprl_protocols.messages import Abort
from tests.protocol.federation import record

SCHEMA = files("pprl.schema").joinpath("builtin", "indonesia.toml").read_text(encoding="utf-8")
ROLES = {
    "bpk": "auditor",
    "dinkes": "agency",
    "dinsos": "agency",
    "dukcapil": "agency",
    "kemenko": "coordinator",
}


class Signer:
    """Signs for all parties, honestly or not."""

    def __init__(self, agreement, keys, messages):
        self.agreement = agreement
        self.keys = keys
        self.messages = messages

    def sign(self, party, payload):
        key = self.keys[party]
        return seal_envelope(
            payload, key.sign, canonical.sha256(key.public_key().public_bytes_raw())
        )

    def next(self, transcript, party, reason="other"):
        """Sign a party's next entry over what a transcript holds; return the envelope."""
        return self.sign(party, transcript.build_entry(party, self.messages(party, reason)))

    def changed(self, envelope, by=None, /, **changes):
        """Sign an entry again with other contents."""
        payload = json.loads(open_envelope(envelope).payload) | changes
        return self.sign(by or payload["party"], canonical.dumps(payload))


@pytest.fixture(scope="session")
def keys():
    """Signing keys by party; the same in every run of the tests."""
    return {
        name: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        for name in ROLES
    }


def agreed(keys, roles):
    parties = tuple(
        Party(
            name=name,
            role=role,
            identity=keys[name].public_key().public_bytes_raw().hex(),
            population="residents" if role == "agency" else "",
            max_records=1000 if role == "agency" else None,
        )
        for name, role in roles.items()
    )
    return Agreement(
        version=1,
        run="0123456789abcdef" * 2,
        purpose="find the people in both registers",
        legal_basis="UU 27/2022",
        dpia="DPIA-1",
        valid_from=dt.date(2026, 3, 1),
        valid_until=dt.date(2026, 6, 30),
        receipt_deadline=dt.date(2026, 7, 31),
        audit_deadline=dt.date(2026, 12, 31),
        retention="until the audit deadline",
        schema_text=SCHEMA,
        schema_digest=Schema.from_toml(SCHEMA, path="").digest,
        decision=Decision(target="f1", seed=1),
        disclosure=Disclosure(mode="link", minimum_cell=10),
        parties=parties,
    )


@pytest.fixture(scope="session")
def agreement(keys):
    """Three agencies, a coordinator and an auditor."""
    return agreed(keys, ROLES)


@pytest.fixture(scope="session")
def agreement_without_auditor(keys):
    """The same without the auditor."""
    return agreed(keys, {name: role for name, role in ROLES.items() if role != "auditor"})


@pytest.fixture(scope="session")
def messages(agreement):
    """The shortest message: a party gives up, for a reason."""

    def make(party, reason):
        return Abort(
            run=agreement.run,
            agreement=agreement.digest,
            party=party,
            reason=reason,
            about=None,
        )

    return make


@pytest.fixture(scope="session")
def signer(agreement, keys, messages):
    """Signs for all parties, honestly or not."""
    return Signer(agreement, keys, messages)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A small run of two agencies, a coordinator and an auditor, kept after every step."""
    return record(tmp_path_factory.mktemp("recorded"))
