"""Which message is possible when: one table, used by the roles and by the auditor alike.

A message is judged by the causal past that its heads name, never by the order of arrival and
never by clocks, except where a row says so (the agreement's validity, the receipt deadline); an
auditor who comes later leaves the date out. What a message says is judged elsewhere. Spec: the
table of "Messages".

ABORT and RESULT may be concurrent: neither is in the past of the other. Then both stand in the
transcript, ABORT counts for whoever has not opened its result, and after a party has seen the
ABORT nothing but the audit follows.

>>> [rule.kind for rule in TABLE if rule.once]
['SIGN', 'ENCODINGS', 'RESULT', 'RECEIPT', 'CLOSE', 'ABORT', 'DISPUTE']
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from pprl_protocols.agreement import Agreement

Kind: TypeAlias = Literal["SIGN", "ENCODINGS", "RESULT", "RECEIPT", "CLOSE", "ABORT", "DISPUTE"]
Role: TypeAlias = Literal["agency", "coordinator", "auditor"]

AGENCIES: frozenset[Role] = frozenset({"agency"})
COORDINATOR: frozenset[Role] = frozenset({"coordinator"})
EVERYONE: frozenset[Role] = frozenset({"agency", "coordinator", "auditor"})


class Step(NamedTuple):
    """That a party has sent a message of one kind."""

    party: str
    kind: str


@dataclass(frozen=True)
class Need:
    """What must lie in the past: the message of every party that has one of the roles.

    Attributes
    ----------
    kind, roles
        Which message, from whom.
    until_receipt_deadline
        After the agreement's receipt deadline it is needed no longer.
    """

    kind: Kind
    roles: frozenset[Role]
    until_receipt_deadline: bool = False


@dataclass(frozen=True)
class Rule:
    """One row: who may send a message, after what, and after what no more.

    Attributes
    ----------
    kind, roles
        The message and who may send it.
    needs
        Must all lie in the past.
    forbids
        None may lie in the past, whoever sent it.
    while_valid
        Only between the agreement's first and last day.
    once
        A party sends it once in a run.
    """

    kind: Kind
    roles: frozenset[Role]
    needs: tuple[Need, ...] = ()
    forbids: tuple[Kind, ...] = ("ABORT", "CLOSE")
    while_valid: bool = False
    once: bool = True


_ALL_SIGNED = Need("SIGN", EVERYONE)
_ALL_ENCODED = Need("ENCODINGS", AGENCIES)
_RESULT = Need("RESULT", COORDINATOR)
_ALL_RECEIVED = Need("RECEIPT", AGENCIES, until_receipt_deadline=True)

TABLE: tuple[Rule, ...] = (
    Rule("SIGN", EVERYONE, while_valid=True),
    Rule("ENCODINGS", AGENCIES, (_ALL_SIGNED,), while_valid=True),
    Rule("RESULT", COORDINATOR, (_ALL_SIGNED, _ALL_ENCODED), while_valid=True),
    Rule("RECEIPT", AGENCIES, (_RESULT,)),
    Rule("CLOSE", COORDINATOR, (_RESULT, _ALL_RECEIVED)),
    Rule("ABORT", EVERYONE, forbids=("RESULT", "ABORT", "CLOSE")),
    Rule("DISPUTE", EVERYONE, (_RESULT,)),
)


@dataclass(frozen=True)
class Reason:
    """Why a message isn't possible.

    Attributes
    ----------
    code, values
        Its sentence in the catalogue.
    final
        Waiting doesn't help.
    waits_for
        The steps that would make it possible, by name of party; empty when ``final``.
    """

    code: str
    values: Mapping[str, str | int]
    final: bool
    waits_for: tuple[Step, ...] = field(default=())


def possible(
    kind: str,
    party: str,
    past: Collection[Step],
    agreement: Agreement,
    *,
    today: date | None = None,
) -> Reason | None:
    """Say why a party can't send a message of a kind, or None when it can.

    Parameters
    ----------
    kind
        Kind of the message.
    party
        Who would send it, or has.
    past
        The steps that sender has seen, its own included.
    agreement
        Of the run.
    today
        The sender's date. None leaves validity and deadline out: for an auditor, who knows no
        time at which a message was written.
    """
    rule = next((row for row in TABLE if row.kind == kind), None)
    role = next((one.role for one in agreement.parties if one.name == party), None)
    named: dict[str, str | int] = {"party": party, "kind": kind}
    if rule is None or role not in rule.roles:
        return Reason("protocol.not_for_role", named, final=True)
    for step in sorted(past):
        if step.kind in rule.forbids:
            after = named | {"after": step.kind, "other": step.party}
            return Reason("protocol.too_late", after, final=True)
    if rule.once and Step(party, kind) in past:
        return Reason("protocol.sent_already", named, final=True)
    if rule.while_valid and today is not None:
        outside = _outside(agreement, today, named)
        if outside is not None:
            return outside
    for need in rule.needs:
        missing = _missing(need, past, agreement)
        if missing and not (need.until_receipt_deadline and _after_deadline(agreement, today)):
            waited = named | {
                "waited": need.kind,
                "parties": ", ".join(step.party for step in missing),
            }
            return Reason("protocol.waits_for", waited, final=False, waits_for=missing)
    return None


def missing_receipts(past: Collection[Step], agreement: Agreement) -> tuple[str, ...]:
    """Return the agencies whose RECEIPT isn't in ``past``, sorted: what CLOSE has to name."""
    return tuple(step.party for step in _missing(_ALL_RECEIVED, past, agreement))


def wrongly_missing(
    party: str, named: Collection[str], past: Collection[Step], agreement: Agreement
) -> Reason | None:
    """Say that a CLOSE names other agencies as missing than those whose RECEIPT isn't in ``past``.

    Parameters
    ----------
    party, named
        Who sent the CLOSE, and what it names.
    past, agreement
        As in :func:`possible`.
    """
    if tuple(named) == missing_receipts(past, agreement):
        return None
    return Reason("protocol.wrongly_missing", {"party": party}, final=True)


def _missing(need: Need, past: Collection[Step], agreement: Agreement) -> tuple[Step, ...]:
    needed = {Step(one.name, need.kind) for one in agreement.parties if one.role in need.roles}
    return tuple(sorted(needed.difference(past)))


def _outside(agreement: Agreement, today: date, named: Mapping[str, str | int]) -> Reason | None:
    first, last = agreement.valid_from, agreement.valid_until
    if today < first:
        values = {**named, "date": first.isoformat()}
        return Reason("protocol.not_valid_yet", values, final=False)
    if today > last:
        values = {**named, "date": last.isoformat()}
        return Reason("protocol.expired", values, final=True)
    return None


def _after_deadline(agreement: Agreement, today: date | None) -> bool:
    return today is None or today > agreement.receipt_deadline
