"""Agreement: what the parties of one run have agreed on, as people edit it and as it is signed.

People write TOML; what is signed is the canonical JSON of the same content, and its digest is in
every message. Reading checks everything that can be checked without other files: kinds and bounds
of all values, who takes part, the schema, the signatures of the cards. It never decides whether
today is within the validity, and never whether an identity is to be trusted. Spec: "Agreement".

>>> Agreement.from_toml("version = 1")
Traceback (most recent call last):
    ...
pprl.errors.ConfigError: the agreement lacks run
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads annotations at run time
import json
import re
import tomllib
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pprl.errors import ConfigError, PeerError
from pprl.schema import Schema
from pprl_protocols import agreement_toml, canonical, limits
from pprl_protocols.agreement_refusal import refusal
from pprl_protocols.card import Card
from pprl_protocols.disclosure import Disclosure, Mode, ReleasedAttribute
from pprl_protocols.fields import (
    Line,
    NonNegative,
    Part,
    PartyName,
    Prose,
    PublicKey,
    RunId,
    SchemaText,
    Sha256,
    names_in,
    place,
)

__all__ = [
    "Agreement",
    "Card",
    "Decision",
    "Disclosure",
    "Mode",
    "Party",
    "ReleasedAttribute",
    "Role",
]

Role = Literal["agency", "coordinator", "auditor"]
_AT = re.compile(r"at line ([0-9]+), column ([0-9]+)")


class Party(Part):
    """One party.

    Attributes
    ----------
    name
        Lower-case ASCII; also names its log in the exchange.
    role
        What it does in the run.
    identity
        Its long-term Ed25519 key, raw, in hexadecimal.
    card
        Its sealing key for this run; None in a draft.
    population
        Whom the register of an agency covers; empty for the others.
    max_records
        How many records an agency may enter; None for the others.
    """

    name: PartyName
    role: Role
    identity: PublicKey
    card: Card | None = None
    population: Line | Literal[""] = ""
    max_records: Annotated[int, Field(ge=1, le=limits.MAX_RECORDS)] | None = None


class Decision(Part):
    """What the link aims at.

    Attributes
    ----------
    target
        ``f1``, or a ``precision`` to keep.
    precision_ppm
        The precision in parts per million; None for ``f1``.
    seed
        Of the sampling that estimates the thresholds.
    """

    target: Literal["f1", "precision"]
    precision_ppm: Annotated[int, Field(ge=1, le=999_999)] | None = None
    seed: NonNegative


class Agreement(Part):
    """The whole agreement of one run.

    Attributes
    ----------
    version
        Of this form.
    run
        Run id: 128 random bits in hexadecimal.
    purpose, legal_basis, dpia, retention
        Prose for people.
    valid_from, valid_until
        First and last day of the run.
    receipt_deadline, audit_deadline
        Last days for receipts and for the audit.
    coordinator_may_hold_register
        Whether the coordinator holds a register of the population, or may: then plain filters would
        tell it who most records are. An agreement that doesn't say no says yes.
    schema_text
        The schema in full, as TOML (or clkhash's JSON).
    schema_digest
        What :attr:`pprl.schema.Schema.digest` is of it: covers the normalisation rules too, so a
        software that would read names otherwise is found before it encodes.
    decision, disclosure, parties
        See there.
    """

    version: Literal[1]
    run: RunId
    purpose: Prose
    legal_basis: Prose
    dpia: Line
    valid_from: dt.date
    valid_until: dt.date
    receipt_deadline: dt.date
    audit_deadline: dt.date
    retention: Prose
    coordinator_may_hold_register: bool = True
    schema_text: SchemaText
    schema_digest: Sha256
    decision: Decision
    disclosure: Disclosure
    parties: Annotated[tuple[Party, ...], Field(max_length=limits.MAX_PARTIES)]

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read an agreement that people wrote.

        Raises
        ------
        ConfigError
            What is wrong and where.
        PeerError
            A card's signature is wrong.
        """
        if len(text) > limits.MAX_AGREEMENT_BYTES:
            raise ConfigError("agreement.too_large", limit=limits.MAX_AGREEMENT_BYTES)
        try:
            content = tomllib.loads(text)
            data = json.dumps(content, default=_day)
        except (ValueError, RecursionError) as error:
            at = _AT.search(str(error))
            raise ConfigError(
                "agreement.not_toml",
                line=at[1] if at else text.count("\n") + 1,
                column=at[2] if at else 1,
            ) from None
        if isinstance(schema := content.get("schema_text"), str):
            _schema(schema)  # says what is wrong in it, which the agreement itself doesn't repeat
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise refusal(error, _KNOWN) from None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an agreement in the form that is signed.

        Raises
        ------
        PeerError
            Anything is wrong, or it isn't the one form of its content.
        """
        canonical.loads(data, limit=limits.MAX_AGREEMENT_BYTES)
        try:
            agreement = cls.model_validate_json(data)
        except ValidationError as error:
            raise PeerError("protocol.agreement_field", where=_where(error)) from None
        except ConfigError as error:
            raise PeerError(error.code, **error.values) from None
        if agreement.to_bytes() != data:
            raise PeerError("protocol.not_canonical")
        return agreement

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that all parties sign the digest of."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True))

    def to_toml(self) -> str:
        """Return it as people read and edit it; :meth:`from_toml` gives it back unchanged."""
        return agreement_toml.write(self.model_dump(by_alias=True))

    @property
    def digest(self) -> str:
        """SHA-256, hex, of :meth:`to_bytes`."""
        return canonical.sha256(self.to_bytes())

    @property
    def agencies(self) -> tuple[Party, ...]:
        """The agencies, sorted by name."""
        found = (party for party in self.parties if party.role == "agency")
        return tuple(sorted(found, key=lambda party: party.name))

    @property
    def coordinator(self) -> Party:
        """The one coordinator."""
        return next(party for party in self.parties if party.role == "coordinator")

    @property
    def auditor(self) -> Party | None:
        """The auditor; None when the agreement names none."""
        return next((party for party in self.parties if party.role == "auditor"), None)

    def party(self, name: str) -> Party | None:
        """Return the party of a name; None when the agreement names none such."""
        return next((party for party in self.parties if party.name == name), None)

    def without_card(self) -> tuple[str, ...]:
        """Return the names of parties whose card is still missing, sorted."""
        return tuple(sorted(party.name for party in self.parties if party.card is None))

    def read_schema(self) -> Schema:
        """Return the schema.

        Raises
        ------
        ConfigError
            This software reads it otherwise than the agreement says: other normalisation rules.
        """
        schema = self.show_schema()
        if schema.digest != self.schema_digest:
            raise ConfigError("agreement.other_rules")
        return schema

    def show_schema(self) -> Schema:
        """Return the schema as this software reads it, to be shown and not to encode with."""
        return _schema(self.schema_text)

    @model_validator(mode="after")
    def _parties_fit(self) -> Self:
        roles = [party.role for party in self.parties]
        if not limits.MIN_AGENCIES <= roles.count("agency") <= limits.MAX_AGENCIES:
            raise ConfigError(
                "agreement.agencies",
                found=roles.count("agency"),
                minimum=limits.MIN_AGENCIES,
                maximum=limits.MAX_AGENCIES,
            )
        if roles.count("coordinator") != 1:
            raise ConfigError("agreement.coordinators", found=roles.count("coordinator"))
        if roles.count("auditor") > 1:
            raise ConfigError("agreement.auditors", found=roles.count("auditor"))
        cards = [party.card.key for party in self.parties if party.card]
        for code, values in (
            ("agreement.repeated_name", [party.name for party in self.parties]),
            ("agreement.repeated_identity", [party.identity for party in self.parties]),
            ("agreement.repeated_card", cards),
        ):
            if len(set(values)) != len(values):
                raise ConfigError(code)
        for party in self.parties:
            _check_party(party)
        return self

    @model_validator(mode="after")
    def _content_fits(self) -> Self:
        days = (self.valid_from, self.valid_until, self.receipt_deadline, self.audit_deadline)
        if self.valid_from > self.valid_until:
            raise ConfigError("agreement.validity")
        if not self.valid_from <= self.receipt_deadline <= self.audit_deadline == max(days):
            raise ConfigError("agreement.deadlines")
        if (self.decision.target == "precision") != (self.decision.precision_ppm is not None):
            raise ConfigError("agreement.precision")
        try:
            _schema(self.schema_text)
        except ConfigError:
            raise ConfigError("agreement.schema") from None
        return self

    @model_validator(mode="after")
    def _disclosure_fits(self) -> Self:
        self.disclosure.check({party.name for party in self.agencies})
        return self


def _check_party(party: Party) -> None:
    full = bool(party.population) and party.max_records is not None
    if party.role == "agency" and not full:
        raise ConfigError("agreement.agency_needs", party=party.name)
    if party.role != "agency" and (party.population or party.max_records is not None):
        raise ConfigError("agreement.agency_only", party=party.name)
    if party.card is not None:
        if (party.card.party, party.card.identity) != (party.name, party.identity):
            raise ConfigError("agreement.card_of_another", party=party.name)
        party.card.verify()


def _schema(text: str) -> Schema:
    if text.lstrip().startswith("{"):
        return Schema.from_clkhash(text, path="schema_text")
    return Schema.from_toml(text, path="schema_text")


def _day(value: object) -> str:
    # Days and times of TOML; the models say which of them they want.
    return str(value)


_KNOWN = names_in(Agreement.model_json_schema(by_alias=True))


def _where(error: ValidationError) -> str:
    return place(error.errors(include_url=False, include_input=False)[0]["loc"], _KNOWN)
