"""An agency's turns: encode its register for the run, and receive its result.

Own ids never leave: records travel under pseudo-IDs that are drawn for the run, and the way back
lies encrypted in the agency's home.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.errors import InputError, PeerError
from pprl_protocols import limits, merkle
from pprl_protocols.messages import Encodings, Receipt, Result
from pprl_protocols.pseudonyms import Pseudonyms, pseudonymise
from pprl_protocols.result import COLUMNS, ResultFile, joined
from pprl_protocols.roles import blobs
from pprl_protocols.roles.signing import all_signs, run_key
from pprl_protocols.runkey import RunKey, signs_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from pprl.encode.columns import Resolved
    from pprl.encode.pipeline import Summary
    from pprl.io.source import Source
    from pprl_protocols.session import Session

ENCODINGS, RESULT = "encodings", "result"


def encode(
    session: Session,
    source: Source,
    columns: Resolved,
    *,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Summary:
    """Encode a register with the run key and publish it, sealed to the coordinator.

    Raises
    ------
    WaitingError
        Not everybody has signed.
    PeerError
        An agency's contribution to the run key is wrong: a reason to abort.
    InputError
        The register is damaged, or has more records than the agreement allows.
    """
    session.require("ENCODINGS")
    agreement, me = session.agreement, session.me
    key = kept_key(session)
    encoder = Encoder(agreement.read_schema(), key.linkage, columns.fields, columns.id_column)
    encoded, summary = encode_table(encoder, source, threads=threads, progress=progress)
    if me.max_records is not None and len(encoded) > me.max_records:
        raise InputError("protocol.too_many_records", found=len(encoded), agreed=me.max_records)
    encoded, pseudonyms = pseudonymise(
        encoded, agreement=agreement.digest, party=me.name, draw=secrets.token_bytes
    )
    with session.home.vault.writer(session.secret("pseudonyms")) as stream:
        pseudonyms.write(stream)
    with blobs.workshop(session) as folder:
        plain = folder / "encodings.arrow"
        encoded.write(plain)
        sealed = blobs.seal(session, plain, agreement.coordinator, ENCODINGS)
    signs = signs_digest(all_signs(session))
    session.say(
        Encodings(
            agreement=agreement.digest,
            party=me.name,
            run=session.run,
            signs=signs,
            sealed=sealed.sha256_sealed,
            plain=sealed.sha256_plain,
            size=sealed.bytes_sealed,
            records=limits.record_bucket(len(encoded)),
            root=merkle.root(list(merkle.records(encoded))),
            confirmation=key.confirmation(me.name, signs),
        )
    )
    return summary


def receive(session: Session) -> pa.Table:
    """Open the result, check it against what was declared, and say so; return it joined.

    A repeated call, after the receipt was sent, opens it again and says nothing new.

    Returns
    -------
    pyarrow.Table
        One row or more for every own record, in the order of the own file: see
        :func:`pprl_protocols.result.joined`.

    Raises
    ------
    WaitingError
        The coordinator hasn't published results.
    PeerError
        The result isn't what it was declared to be, or an agency holds another run key.
    """
    agreement, me = session.agreement, session.me
    sent = session.said("RECEIPT", me.name)
    if sent is None:
        session.require("RECEIPT")
    signed = session.said("RESULT", agreement.coordinator.name)
    if signed is None or not isinstance(signed.entry.message, Result):
        raise PeerError("protocol.wrong_result", party=agreement.coordinator.name)
    result = signed.entry.message
    declared = result.results.get(me.name)
    if declared is None:
        raise PeerError("protocol.wrong_result", party=agreement.coordinator.name)
    confirmed = _check_confirmations(session, result)
    with blobs.workshop(session) as folder:
        plain = folder / "result.arrow"
        opened = blobs.open_sealed(
            session, declared.sealed, agreement.coordinator.name, RESULT, plain
        )
        file = ResultFile.open(
            plain,
            run=session.run,
            agreement=agreement.digest,
            recipient=me.name,
            parties=[party.name for party in agreement.agencies],
        )
        found = (
            opened.sha256_plain,
            limits.record_bucket(file.header.rows),
            file.header.row_width,
        )
        if found != (declared.plain, declared.rows, declared.row_bytes):
            raise PeerError("protocol.wrong_result", party=agreement.coordinator.name)
        with session.home.vault.reader(session.secret("pseudonyms")) as stream:
            table = joined(file, Pseudonyms.read(stream))
    if sent is None:
        session.say(
            Receipt(
                agreement=agreement.digest,
                party=me.name,
                run=session.run,
                sealed=opened.sha256_sealed,
                plain=opened.sha256_plain,
                rows=found[1],
                row_bytes=found[2],
                columns=COLUMNS,
                confirmed=confirmed,
            )
        )
    return table


def kept_key(session: Session) -> RunKey:
    """Return the run key, derived once and kept until the audit deadline."""
    vault, name = session.home.vault, session.secret("key")
    if not vault.has(name):
        vault.put(name, run_key(session).secret)
    return RunKey(vault.get(name))


def _check_confirmations(session: Session, result: Result) -> tuple[str, ...]:
    """Check that every other agency holds our run key; return their names."""
    key = kept_key(session)
    signs = signs_digest(all_signs(session))
    others = tuple(one.name for one in session.agreement.agencies if one.name != session.me.name)
    if result.signs != signs:
        raise PeerError("protocol.other_signs", party=result.party)
    for name in others:
        confirmation = result.confirmations.get(name)
        if confirmation is None:
            raise PeerError("protocol.confirmation", party=name)
        key.check_confirmation(name, signs, confirmation)
    return others
