"""A draft of an agreement: a template, the parties' files and cards, and six answers.

A template is a TOML file beside this module that holds what runs of one kind have in common. The
draft is an ordinary agreement that people read and edit before the first of them signs it.
"""

from __future__ import annotations

import secrets
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from pprl.errors import ConfigError, PeerError
from pprl.schema import Schema
from pprl_protocols import limits
from pprl_protocols.agreement import Agreement, Decision, Disclosure, Party, ReleasedAttribute
from pprl_protocols.card import Card
from pprl_protocols.fields import Part
from pprl_protocols.identity import SUFFIX, PartyFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from importlib.resources.abc import Traversable
    from pathlib import Path

RUN_BYTES = 16


class ProposedSchemas(Part):
    """Which built-in schema a template proposes, by what the coordinator holds.

    Attributes
    ----------
    may_hold
        It holds a register of the population, or may.
    none
        It declares that it holds none.
    """

    may_hold: str
    none: str


class Template(Part):
    """What runs of one kind have in common.

    Attributes
    ----------
    purpose, retention
        Proposed prose.
    coordinator_may_hold_register
        What the agreement says of the coordinator, where nobody says otherwise.
    schemas
        The built-in schemas that are proposed.
    valid_days, receipt_days, audit_days
        Validity and deadlines, in days from today.
    decision, disclosure
        As in the agreement.
    released
        Attributes that runs of this kind hand over, by name: width in bytes.
    """

    purpose: str
    retention: str
    coordinator_may_hold_register: bool
    schemas: ProposedSchemas
    valid_days: int
    receipt_days: int
    audit_days: int
    decision: Decision
    disclosure: Disclosure
    released: dict[str, int] = Field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> Template:
        """Return a template by its name.

        Raises
        ------
        ConfigError
            There is none of that name.
        """
        if name not in templates():
            raise ConfigError(
                "cli.choice", option="--template", value=name, choices=", ".join(templates())
            )
        text = _folder().joinpath(f"{name}.toml").read_text(encoding="utf-8")
        return cls.model_validate(tomllib.loads(text), strict=False)


@dataclass(frozen=True)
class Answers:
    """What a template can't know.

    Attributes
    ----------
    purpose, legal_basis, dpia
        Prose; the reference of the DPIA.
    valid_until
        Last day of the run.
    population, max_records
        By agency.
    releases
        What is handed over, from whom to whom.
    disclosure
        What takes the place of the template's; None: nothing.
    coordinator_may_hold_register
        Whether it does, or may; None: as the template has it.
    schema
        A built-in one or a file, in the place of the one that the template proposes; None: that.
    """

    purpose: str
    legal_basis: str
    dpia: str
    valid_until: date
    population: Mapping[str, str]
    max_records: Mapping[str, int]
    releases: Sequence[ReleasedAttribute] = ()
    disclosure: Disclosure | None = None
    coordinator_may_hold_register: bool | None = None
    schema: str | None = None


def releases(template: Template, options: Sequence[str]) -> list[ReleasedAttribute]:
    """Read ``FROM:TO:NAME,NAME=BYTES,...``: what one agency hands to another.

    Raises
    ------
    ConfigError
        An option isn't of that form, or the template knows no width for a name.
    """
    found = []
    for option in options:
        ends = option.split(":")
        if len(ends) != len(("from", "to", "names")):
            raise ConfigError("agreement.release_form", option=option)
        for item in ends[2].split(","):
            name, _, width = item.partition("=")
            if not (width or name in template.released):
                known = ", ".join(template.released) or "-"
                raise ConfigError("agreement.release_width", name=name, known=known)
            if width and not width.isdigit():
                raise ConfigError("agreement.release_form", option=option)
            ends_and_name = {"from": ends[0], "to": ends[1], "name": name}
            size = int(width) if width else template.released[name]
            try:
                found.append(ReleasedAttribute.model_validate({**ends_and_name, "bytes": size}))
            except ValidationError:
                raise ConfigError("agreement.release_form", option=option) from None
    return found


def templates() -> list[str]:
    """Return the names of all templates, sorted."""
    names = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_parties(paths: Sequence[Path]) -> list[Party]:
    """Read party files (``NAME.party.toml``) and cards (``NAME.card.json``), in any order.

    Returns
    -------
    list of Party
        Sorted by name; population and records still empty.

    Raises
    ------
    ConfigError
        A file is missing, a party has two files or a card without a party file.
    PeerError
        A file isn't what its name says, or a card isn't its party's.
    """
    parties: dict[str, PartyFile] = {}
    cards: dict[str, Card] = {}
    for path in paths:
        if path.name.endswith(SUFFIX):
            party = PartyFile.read(path)
            if parties.setdefault(party.name, party) != party:
                raise ConfigError("agreement.repeated_name")
        else:
            card = read_card(path)
            if cards.setdefault(card.party, card) != card:
                raise ConfigError("agreement.two_cards", party=card.party)
    for name in sorted(cards.keys() - parties.keys()):
        raise ConfigError("agreement.no_party_file", party=name)
    for name in sorted(parties.keys() - cards.keys()):
        raise ConfigError("agreement.no_card_file", party=name)
    return [
        Party(name=name, role=one.role, identity=one.public_key, card=cards[name])
        for name, one in sorted(parties.items())
    ]


def read_card(path: Path) -> Card:
    """Read a card that a party has handed over.

    Raises
    ------
    ConfigError
        There is no such file.
    PeerError
        It is no card, or not signed by its identity.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.MAX_HEADER_BYTES + 1)
    except OSError:
        raise ConfigError("home.party_missing", path=str(path)) from None
    try:
        return Card.from_bytes(data.rstrip(b"\r\n"))
    except PeerError:
        raise PeerError("protocol.card_file", path=str(path)) from None


def draft(
    template: Template, parties: Sequence[Party], answers: Answers, *, today: date
) -> Agreement:
    """Return an agreement under a fresh run id.

    Raises
    ------
    ConfigError
        The parties can't be those of a run, an answer doesn't fit, or there is no such schema.
    """
    may_hold = answers.coordinator_may_hold_register
    if may_hold is None:
        may_hold = template.coordinator_may_hold_register
    proposed = template.schemas.may_hold if may_hold else template.schemas.none
    schema = Schema.load(answers.schema or proposed)
    disclosure = answers.disclosure or template.disclosure
    full = [
        party.model_copy(
            update={
                "population": answers.population.get(party.name, ""),
                "max_records": answers.max_records.get(party.name),
            }
        )
        if party.role == "agency"
        else party
        for party in parties
    ]
    later = answers.valid_until - today
    # Deadlines move with the last day: a template says how far behind it they lie.
    receipt = later + timedelta(template.receipt_days - template.valid_days)
    audit = later + timedelta(template.audit_days - template.valid_days)
    made = Agreement.model_construct(
        version=1,
        run=secrets.token_hex(RUN_BYTES),
        purpose=answers.purpose,
        legal_basis=answers.legal_basis,
        dpia=answers.dpia,
        valid_from=today,
        valid_until=answers.valid_until,
        receipt_deadline=today + receipt,
        audit_deadline=today + audit,
        retention=template.retention,
        coordinator_may_hold_register=may_hold,
        schema_text=schema.text,
        schema_digest=schema.digest,
        decision=template.decision,
        disclosure=disclosure.model_copy(
            update={"attributes": (*disclosure.attributes, *answers.releases)}
        ),
        parties=tuple(full),
    )
    # Written and read: what people get to see is what was checked.
    return Agreement.from_toml(made.to_toml())


def _folder() -> Traversable:
    return files("pprl_protocols").joinpath("templates")
