"""What an auditor remembers of earlier runs: the commitments and cards that mustn't come again.

Only what their parties have signed counts, so that a forged file of an earlier run can't spoil the
audit of a later one. Spec: "Audit", check 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.evidence import gather
from pprl_protocols.messages import Sign

if TYPE_CHECKING:
    from pprl_protocols.audit.bundle import Recorded


@dataclass(frozen=True)
class Earlier:
    """One earlier run.

    Attributes
    ----------
    run, agreement
        Its id, and the digest of its agreement.
    commitments
        Of all its SIGNs.
    cards
        Public keys of its parties' cards, hex.
    """

    run: str
    agreement: str
    commitments: frozenset[str]
    cards: frozenset[str]


def remember(recorded: Recorded) -> Earlier:
    """Return what mustn't come again.

    Raises
    ------
    PeerError
        Its agreement is none.
    """
    agreement = Agreement.from_bytes(recorded.agreement)
    evidence = gather(recorded, agreement)
    return Earlier(
        agreement.run,
        agreement.digest,
        frozenset(message.commitment for _, message in evidence.said(Sign)),
        frozenset(party.card.key for party in agreement.parties if party.card is not None),
    )
