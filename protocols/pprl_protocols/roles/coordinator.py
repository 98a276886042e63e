"""The coordinator's turns: compare the encodings, seal each agency its result, close the run.

It never holds the run key: it compares what it can't read, and what it opens lies in its home only
as long as the work takes.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pprl
from pprl.errors import PeerError
from pprl.link import link as compare
from pprl_protocols import cards, limits
from pprl_protocols.messages import Close, Encodings, Result, SealedResult
from pprl_protocols.pseudonyms import check_encodings
from pprl_protocols.result import COLUMNS, results_of
from pprl_protocols.roles import blobs
from pprl_protocols.roles.agency import ENCODINGS, RESULT
from pprl_protocols.roles.signing import all_signs, seed
from pprl_protocols.rules import missing_receipts
from pprl_protocols.runkey import signs_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl.matches import LinkInfo
    from pprl_protocols.session import Session

_MILLION = 1_000_000


def link(
    session: Session,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LinkInfo:
    """Open all encodings, compare them as agreed, and publish a sealed result for each agency.

    Raises
    ------
    WaitingError
        Not everybody has encoded.
    PeerError
        Encodings aren't what the log says, or break the agreement.
    """
    session.require("RESULT")
    agreement = session.agreement
    names = [party.name for party in agreement.agencies]
    with blobs.workshop(session) as folder:
        sets = [_opened(session, name, folder / f"{name}.arrow") for name in names]
        decision = agreement.decision
        matches = compare(
            sets,
            target_precision=(
                None if decision.precision_ppm is None else decision.precision_ppm / _MILLION
            ),
            seed=decision.seed,
            threads=threads,
            progress=progress,
        )
        sealed: dict[str, SealedResult] = {}
        files = results_of(
            matches, sets, run=session.run, agreement=agreement.digest, parties=names,
            seed=seed(session),
        )  # fmt: skip
        for party, file in zip(agreement.agencies, files, strict=True):
            plain = folder / f"{party.name}.result"
            file.write(plain)
            out = blobs.seal(session, plain, party, RESULT)
            sealed[party.name] = SealedResult(
                sealed=out.sha256_sealed,
                plain=out.sha256_plain,
                size=out.bytes_sealed,
                rows=limits.record_bucket(file.header.rows),
                row_bytes=file.header.row_width,
                columns=COLUMNS,
            )
        # The mapped encodings are let go before their files are erased.
        del sets, files
    session.say(
        Result(
            agreement=agreement.digest,
            party=session.me.name,
            run=session.run,
            signs=signs_digest(all_signs(session)),
            results=sealed,
            software={"openpprl": pprl.__version__, "python": platform.python_version()},
            parameters={"seed": decision.seed, "target": decision.target},
            counts=(),
            confirmations={name: _encodings(session, name).confirmation for name in names},
        )
    )
    return matches.info


def close(session: Session) -> str:
    """Close the run and destroy what opened it; return the digest of the transcript.

    Raises
    ------
    WaitingError
        Receipts are missing and their deadline hasn't passed.
    """
    session.require("CLOSE")
    agreement = session.agreement
    digest = session.say(
        Close(
            agreement=agreement.digest,
            party=session.me.name,
            run=session.run,
            missing=missing_receipts(session.transcript.steps(), agreement),
            deletion="deleted",
        )
    )
    if session.me.card is not None:
        cards.destroy(session.home.vault, session.me.card)
    return digest


def _opened(session: Session, name: str, target: Path) -> EncodedSet:
    """Return an agency's encodings, checked against the log and the agreement."""
    message = _encodings(session, name)
    if message.signs != signs_digest(all_signs(session)):
        raise PeerError("protocol.other_signs", party=name)
    opened = blobs.open_sealed(session, message.sealed, name, ENCODINGS, target)
    if (opened.sha256_plain, opened.bytes_sealed) != (message.plain, message.size):
        raise PeerError("protocol.wrong_encodings", party=name)
    agreement = session.agreement
    party = agreement.party(name)
    encoded = check_encodings(
        target,
        agreement=agreement.digest,
        party=name,
        schema_digest=agreement.read_schema().digest,
        max_records=(party.max_records if party else None) or limits.MAX_RECORDS,
    )
    if limits.record_bucket(len(encoded)) != message.records:
        raise PeerError("protocol.wrong_encodings", party=name)
    return encoded


def _encodings(session: Session, name: str) -> Encodings:
    signed = session.said("ENCODINGS", name)
    if signed is None or not isinstance(signed.entry.message, Encodings):
        raise PeerError("protocol.wrong_encodings", party=name)
    return signed.entry.message
