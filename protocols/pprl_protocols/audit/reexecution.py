"""Check 7: the comparison once more, at the coordinator's site, and whether it gives the same.

The coordinator's home has what it takes: the card that opens the encodings, and the seed S. Both
are checked against the log first: S against the commitment in SIGN, every opened file against the
digests and the Merkle root in ENCODINGS. Then the same function that linked
(:func:`pprl_protocols.comparison.compare`) compares again, and the salted digest of every result
has to be the one that RESULT declares. Only this proves what a result holds; a result that leaves
matches out, or gives one agency another's rows, passes every other check.

What it finds names parties, versions and numbers of entries, and nothing of a record. It changes
nothing: the opened encodings lie in the home as long as it runs. Spec: "Audit".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.cards import private_key
from pprl_protocols.comparison import compare, software
from pprl_protocols.messages import Result
from pprl_protocols.roles import blobs
from pprl_protocols.roles.coordinator import check_keys, committed_seed, open_encodings
from pprl_protocols.sealing import salted_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl_protocols.comparison import Compared, Made
    from pprl_protocols.messages import SealedResult
    from pprl_protocols.session import Session

NAME = "reexecution"
_MISSING = "exchange.file_missing"
_NOT_STATED = "-"


def reexecute(
    session: Session,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Check:
    """Compare again what the coordinator has compared; return check 7.

    Parameters
    ----------
    session
        The coordinator's, before CLOSE or after one that kept the card. It may be tolerant: what
        is wrong with the logs is the other checks' to say.
    threads, progress
        As for the link.

    Returns
    -------
    Check
        ``pass``: the same results. ``fail``: it says whose encodings or result. ``incomplete``: a
        file isn't in the exchange. ``not_applicable``: it says what is missing, for example the
        software that RESULT names.

    Raises
    ------
    LimitError
        The comparison doesn't fit this machine.

    Notes
    -----
    Costs what the link cost.
    """
    signed = session.said("RESULT", session.agreement.coordinator.name)
    if signed is None or not isinstance(signed.entry.message, Result):
        return _not_applicable(Finding("reexecution.no_result"))
    result = signed.entry.message
    reasons = tuple(_obstacles(session, result.software))
    if reasons:
        return _not_applicable(*reasons)
    try:
        seed = committed_seed(session)
    except ConfigError:
        return Check.of(NAME, [Finding("reexecution.other_seed", {"party": session.me.name})])
    with blobs.workshop(session) as folder:
        sets, faults = _opened(session, folder)
        if faults:
            return Check.of(NAME, faults)
        compared = compare(
            session.agreement, sets, seed=seed, folder=folder, threads=threads, progress=progress
        )
        # The mapped encodings are let go before their files are erased.
        del sets
        found = list(_differences(result, compared))
    if not found:
        found = [Finding("reexecution.same", {"count": len(compared.results)}, "note")]
    return Check.of(NAME, found)


def _obstacles(session: Session, stated: Mapping[str, str]) -> Iterator[Finding]:
    """Yield why nothing can be executed again here."""
    if session.me.role != "coordinator":
        yield Finding("reexecution.not_coordinator")
        return
    here = software()
    for name in sorted({*stated, *here}):
        one, other = stated.get(name, _NOT_STATED), here.get(name, _NOT_STATED)
        if one != other:
            yield Finding("reexecution.other_version", {"name": name, "stated": one, "here": other})
    try:
        session.agreement.read_schema()
        if session.me.card is not None:
            private_key(session.home.vault, session.me.card)
    except ConfigError as error:
        yield Finding(error.code, error.values)
    if not session.home.vault.has(session.secret("seed")):
        yield Finding("reexecution.no_seed")


def _opened(session: Session, folder: Path) -> tuple[list[EncodedSet], list[Finding]]:
    """Open all encodings; return them with all that is wrong with any of them."""
    sets: dict[str, EncodedSet] = {}
    faults: list[Finding] = []
    for party in session.agreement.agencies:
        try:
            sets[party.name] = open_encodings(session, party.name, folder)
        except PeerError as error:
            faults.append(_fault(error, party.name))
    try:
        check_keys(sets)
    except PeerError as error:
        faults.append(Finding(error.code, error.values))
    return list(sets.values()), faults


def _fault(error: PeerError, party: str) -> Finding:
    values = {"party": party} | error.values
    return Finding(error.code, values, "incomplete" if error.code == _MISSING else None)


def _differences(result: Result, compared: Compared) -> Iterator[Finding]:
    for name, made in sorted(compared.results.items()):
        declared = result.results.get(name)
        if declared is None:
            yield Finding("reexecution.none_for", {"party": name})
        elif _digest(made) != declared.plain:
            yield Finding("reexecution.differs", {"party": name})
        elif not _as_declared(made, declared):
            yield Finding("reexecution.declared", {"party": name})
    if result.counts != compared.counts:
        yield Finding("reexecution.counts", {"party": result.party})
    if dict(result.parameters) != dict(compared.parameters):
        yield Finding("reexecution.parameters", {"party": result.party})


def _digest(made: Made) -> str:
    with made.path.open("rb") as file:
        return salted_digest(file, made.salt)


def _as_declared(made: Made, declared: SealedResult) -> bool:
    return (made.row_bytes, made.columns) == (
        declared.row_bytes,
        declared.columns,
    )


def _not_applicable(*reasons: Finding) -> Check:
    found = (Finding(each.code, each.values, "not_applicable") for each in reasons)
    return Check.of(NAME, found, applicable=False)
