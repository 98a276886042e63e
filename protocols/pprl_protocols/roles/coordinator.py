"""The coordinator's turns: compare the encodings, seal each agency its result, close the run.

It never holds the run key: it compares what it can't read, and what it opens lies in its home only
as long as the work takes. What is compared and how is in :mod:`pprl_protocols.comparison`.
"""

from __future__ import annotations

import hmac
from itertools import pairwise
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError
from pprl_protocols import attributes, limits, merkle
from pprl_protocols.comparison import compare, software
from pprl_protocols.encodings import check_encodings
from pprl_protocols.id_rows import ID_CHARACTERS
from pprl_protocols.messages import Close, Encodings, Result, SealedResult, Sign
from pprl_protocols.roles import blobs
from pprl_protocols.roles.agency import ENCODINGS, RESULT
from pprl_protocols.roles.signing import all_signs
from pprl_protocols.rules import missing_receipts
from pprl_protocols.runkey import signs_digest
from pprl_protocols.seeds import commitment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl.matches import LinkInfo
    from pprl.schema import Schema
    from pprl_protocols.comparison import Compared
    from pprl_protocols.session import Session

_SPARE_BYTES = 1 << 20
_SEED = "seed"


def link(
    session: Session,
    *,
    threads: int | None = None,
    memory: int | None = None,
    work_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LinkInfo:
    """Open all encodings, compare them as agreed, and publish a sealed result for each agency.

    Parameters
    ----------
    threads, memory, work_dir
        As for :func:`pprl.link.link`; they change no result.

    Raises
    ------
    WaitingError
        Not everybody has encoded.
    PeerError
        Encodings aren't what the log says, or break the agreement.
    ConfigError
        This home's seed isn't the one that SIGN commits to.
    """
    session.require("RESULT")
    seed = committed_seed(session)
    with blobs.workshop(session) as folder:
        sets = open_all(session, folder)
        compared = compare(
            session.agreement, sets, seed=seed, folder=folder, threads=threads, memory=memory,
            work_dir=work_dir, progress=progress,
        )  # fmt: skip
        # The mapped encodings are let go before their files are erased.
        del sets
        session.say(seal_results(session, compared))
    return compared.info


def look_at(session: Session, look: Callable[[list[EncodedSet]], None]) -> None:
    """Open all encodings, checked, for a look at what comparing them takes; nothing is said.

    Raises
    ------
    WaitingError, PeerError
        As :func:`link`.
    """
    session.require("RESULT")
    with blobs.workshop(session) as folder:
        # Nothing here holds on to them: mapped files can't be erased everywhere.
        look(open_all(session, folder))


def committed_seed(session: Session) -> bytes:
    """Return this coordinator's seed S, which has to be the one that its SIGN commits to.

    Likewise an auditor's nonce. It is never drawn here.

    Raises
    ------
    ConfigError
        It is another one, or this home has none: nobody could check what is made with it.
    """
    vault, name = session.home.vault, session.secret(_SEED)
    signed = session.said("SIGN", session.me.name)
    seed = vault.get(name) if vault.has(name) else b""
    message = None if signed is None else signed.entry.message
    if not isinstance(message, Sign) or not hmac.compare_digest(
        commitment(seed), message.commitment
    ):
        raise ConfigError("protocol.other_seed")
    return seed


def open_all(session: Session, folder: Path) -> list[EncodedSet]:
    """Open every agency's encodings into a folder and check them; in the order of the agreement.

    Parameters
    ----------
    session
        The coordinator's.
    folder
        Private; ``<agency>.arrow`` is written there, and mapped as long as the sets live.

    Raises
    ------
    PeerError
        As :func:`link`.
    """
    names = [party.name for party in session.agreement.agencies]
    sets = {name: open_encodings(session, name, folder) for name in names}
    check_keys(sets)
    return list(sets.values())


def check_keys(sets: Mapping[str, EncodedSet]) -> None:
    """Refuse encodings that weren't made with one key.

    Raises
    ------
    PeerError
        Names two agencies whose keys differ.
    """
    for (first, one), (second, other) in pairwise(sets.items()):
        if one.header.key_check != other.header.key_check:
            raise PeerError("protocol.other_keys", first=first, second=second)


def seal_results(session: Session, compared: Compared) -> Result:
    """Seal every agency its result into the home; return the message that publishes them."""
    agreement = session.agreement
    sealed: dict[str, SealedResult] = {}
    for party in agreement.agencies:
        made = compared.results[party.name]
        out = blobs.seal(session, made.path, party, RESULT, salt=made.salt)
        sealed[party.name] = SealedResult(
            sealed=out.sha256_sealed,
            plain=out.sha256_plain,
            size=out.bytes_sealed,
            row_bytes=made.row_bytes,
            columns=made.columns,
        )
    return Result(
        agreement=agreement.digest,
        party=session.me.name,
        run=session.run,
        signs=signs_digest(all_signs(session)),
        results=sealed,
        software=software(),
        parameters=dict(compared.parameters),
        counts=compared.counts,
        confirmations={
            party.name: encodings_of(session, party.name).confirmation
            for party in agreement.agencies
        },
    )


def close(session: Session, *, keep: bool = False) -> str:
    """Close the run and destroy what opened it; return the digest of the transcript.

    Parameters
    ----------
    session
        The coordinator's.
    keep
        Keep the card's private half until the audit deadline, so that the comparison can be
        executed again; CLOSE says so.

    Raises
    ------
    WaitingError
        Receipts are missing and their deadline hasn't passed.
    """
    session.require("CLOSE")
    agreement = session.agreement
    # With this the session destroys the card, or keeps it, as CLOSE says.
    return session.say(
        Close(
            agreement=agreement.digest,
            party=session.me.name,
            run=session.run,
            missing=missing_receipts(session.transcript.steps(), agreement),
            deletion="kept_until_audit_deadline" if keep else "deleted",
        )
    )


def encodings_of(session: Session, name: str) -> Encodings:
    """Return what an agency's log says about its encodings.

    Raises
    ------
    PeerError
        It says nothing.
    """
    signed = session.said("ENCODINGS", name)
    if signed is None or not isinstance(signed.entry.message, Encodings):
        raise PeerError("protocol.wrong_encodings", party=name)
    return signed.entry.message


def open_encodings(session: Session, name: str, folder: Path) -> EncodedSet:
    """Open one agency's encodings into a folder and check them against log and agreement.

    Parameters
    ----------
    session, folder
        As for :func:`open_all`.
    name
        Of the agency.

    Raises
    ------
    PeerError
        As :func:`link`.
    """
    message, agreement = encodings_of(session, name), session.agreement
    schema, target = agreement.read_schema(), folder / f"{name}.arrow"
    if message.signs != signs_digest(all_signs(session)):
        raise PeerError("protocol.other_signs", party=name)
    party = agreement.party(name)
    agreed = (party.max_records if party else None) or limits.MAX_RECORDS
    # Before a byte of it is copied: the log's own number, then the file's.
    sealed = attributes.widths(attributes.layouts_to(agreement, name))
    strata = agreement.disclosure.given_by(name)
    # A text has an offset of its own, and four bytes a character at most.
    shown = sum(4 + 4 * max(map(len, one.all)) for one in strata)
    most = _most_bytes(schema, agreed, sum(sealed.values()) + shown)
    if message.size > most:
        raise PeerError("protocol.encodings_too_large", party=name, size=message.size, most=most)
    if session.exchange.blob_size(session.run, message.sealed) not in {None, message.size}:
        raise PeerError("protocol.wrong_encodings", party=name)
    opened = blobs.open_sealed(session, message.sealed, name, ENCODINGS, target)
    if (opened.sha256_plain, opened.bytes_sealed) != (message.plain, message.size):
        raise PeerError("protocol.wrong_encodings", party=name)
    encoded = check_encodings(
        target,
        agreement=agreement.digest,
        party=name,
        schema_digest=agreement.schema_digest,
        max_records=agreed,
        blocks=schema.block_passes,
        strata=strata,
        sealed=sealed,
    )
    header = encoded.header
    found = (header.scheme, header.bits, header.kappa, encoded.token_kinds)
    if found != (schema.scheme, schema.bits, schema.kappa, schema.token_kinds):
        raise PeerError("protocol.other_form", party=name)
    if limits.record_bucket(len(encoded)) != message.records:
        raise PeerError("protocol.wrong_encodings", party=name)
    if merkle.root_of(encoded) != message.root:
        raise PeerError("protocol.wrong_root", party=name)
    return encoded


def _most_bytes(schema: Schema, records: int, sealed: int) -> int:
    """Return how large sealed encodings of so many records can be, with room for their frame."""
    words = -(-schema.bits // 64)
    # An id and its offset, the filter, tokens, blocks, and a byte for which of them are there.
    keyed = 17 * len(schema.token_kinds) + 9 * len(schema.block_passes)
    row = ID_CHARACTERS + 4 + 8 * words + keyed + 1 + sealed
    # Padding and seal take a fifteenth at most; batches have heads of their own.
    return limits.bucket(records * row + records * row // 8 + _SPARE_BYTES)
