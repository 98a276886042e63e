"""How a run ends for a party: given up, disputed, compared with the others, purged.

ABORT and DISPUTE are for everybody and need nothing opened; they work although somebody has broken
a rule, which is when they are needed. What a party purges it can't open again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError, WaitingError
from pprl_protocols import cards
from pprl_protocols.messages import Abort, Dispute

if TYPE_CHECKING:
    from pprl_protocols.messages import Reason
    from pprl_protocols.session import Session

SHOWN_DIGITS = 32
"""Fewest digits of the transcript's digest that a comparison takes."""


def abort(session: Session, reason: Reason, about: str | None = None) -> str:
    """End the run before a result was seen; return the digest of the entry.

    Raises
    ------
    ConfigError
        Too late, or ``about`` is no party.
    """
    return _say(session, Abort, reason, about)


def dispute(session: Session, reason: Reason, about: str | None = None) -> str:
    """Say that something is wrong with the result; return the digest of the entry.

    Raises
    ------
    WaitingError
        There is no result yet: abort instead.
    ConfigError
        Too late, or ``about`` is no party.
    """
    return _say(session, Dispute, reason, about)


def compare(session: Session, heard: str) -> str:
    """Compare the transcript's digest with what another party has read out; keep that they agree.

    Parameters
    ----------
    session
        At any party.
    heard
        The digest or its first digits, at least 32; spaces and case don't matter.

    Returns
    -------
    str
        The whole digest.

    Raises
    ------
    WaitingError
        The coordinator hasn't closed.
    ConfigError
        Aborted; or too few digits.
    PeerError
        They differ: the coordinator has told two stories.
    """
    outcome = session.outcome
    if outcome.state == "aborted":
        raise ConfigError("protocol.aborted", parties=", ".join(outcome.aborted_by))
    if outcome.digest is None:
        raise WaitingError("protocol.not_closed", party=session.agreement.coordinator.name)
    digits = "".join(heard.split()).lower()
    if len(digits) < SHOWN_DIGITS:
        raise ConfigError("protocol.few_digits", minimum=SHOWN_DIGITS)
    # What was compared once stays: a second CLOSE is a second story, whoever reads it out.
    earlier = session.folder.compared
    if not outcome.digest.startswith(digits) or earlier not in {None, outcome.digest}:
        raise PeerError("protocol.other_close", party=session.agreement.coordinator.name)
    session.folder.keep_compared(outcome.digest)
    return outcome.digest


def purge(session: Session, *, now: bool = False) -> int:
    """Destroy every secret of the run: keys, the way back from pseudo-IDs, the opened result.

    The log and the agreement stay. Repeating it changes nothing.

    Parameters
    ----------
    session
        At any party.
    now
        Before the audit deadline, too: then a spot check or a re-execution is no longer possible.

    Returns
    -------
    int
        How many secrets were destroyed.

    Raises
    ------
    WaitingError
        The run isn't over, or the audit deadline hasn't passed; ``now`` overrides.
    """
    agreement, home = session.agreement, session.home
    if session.today <= agreement.audit_deadline and not now:
        raise WaitingError("protocol.purge_early", date=agreement.audit_deadline.isoformat())
    mine = [name for name in home.vault.names() if name.startswith(session.secret(""))]
    for name in mine:
        home.vault.delete(name)
    if session.me.card is not None:
        cards.destroy(home.vault, session.me.card)
    session.folder.forget_blobs()
    return len(mine)


def _say(session: Session, kind: type[Abort | Dispute], reason: Reason, about: str | None) -> str:
    agreement = session.agreement
    if about is not None and agreement.party(about) is None:
        raise ConfigError("protocol.no_such_party", party=about)
    return session.say(
        kind(
            agreement=agreement.digest,
            party=session.me.name,
            run=session.run,
            reason=reason,
            about=about,
        )
    )
