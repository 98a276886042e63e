"""An agency's turns: encode its register for the run, and receive its result.

Own ids never leave: records travel under pseudo-IDs that are drawn for the run, and the way back
lies encrypted in the agency's home.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import write_batches
from pprl.errors import InputError, PeerError
from pprl_protocols import attributes, limits, merkle, release, repeats, tables
from pprl_protocols.joining import joined_parts
from pprl_protocols.messages import Encodings, Receipt, Result
from pprl_protocols.pseudonyms import Pseudonyms, drawn, shuffled
from pprl_protocols.result import COLUMNS, ResultFile
from pprl_protocols.result_file import row_width
from pprl_protocols.roles import blobs, releasing
from pprl_protocols.roles.signing import all_signs, kept
from pprl_protocols.runkey import signs_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pprl.catalogue import Language
    from pprl.encode.columns import Resolved
    from pprl.encode.pipeline import Summary
    from pprl.encoded import EncodedSet
    from pprl.io.source import Source
    from pprl_protocols.release import Beside, Columns
    from pprl_protocols.result_file import ResultHeader
    from pprl_protocols.session import Session

ENCODINGS, RESULT = "encodings", "result"
_ROWS_A_PAIR, _SPARE_BYTES = 16, 16


def encode(
    session: Session,
    source: Source,
    columns: Resolved,
    released: Columns | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    publish: bool = True,
) -> Summary:
    """Encode a register with the run key and publish it, sealed to the coordinator.

    Parameters
    ----------
    session
        At the agency.
    source, columns
        The register, and which of its columns is what.
    released
        Which of its columns are handed over, sealed; None: found by their headers.
    threads, progress
        As for :func:`pprl.encode.pipeline.encode_table`.
    publish
        False: encode and forget, so that nothing leaves.

    Raises
    ------
    WaitingError
        Not everybody has signed.
    PeerError
        An agency's contribution to the run key is wrong: a reason to abort.
    InputError
        The register is damaged, or has more records than the agreement allows.
    ConfigError
        It would be one run with tables too many.
    """
    session.require("ENCODINGS")
    agreement, me = session.agreement, session.me
    repeats.check(session.home.folder, agreement, today=session.today)
    if released is None:
        released = release.resolve(agreement, me.name, source, {})
    key = kept(session).key
    encoder = Encoder(agreement.read_schema(), key.linkage, columns.fields, columns.id_column)
    with blobs.workshop(session) as folder:
        encoded, summary = encode_table(
            encoder, source, folder=folder, threads=threads, progress=progress
        )
        if me.max_records is not None and len(encoded) > me.max_records:
            raise InputError("protocol.too_many_records", found=len(encoded), agreed=me.max_records)
        beside = release.read(source, released, count=len(encoded), card_key=key.family_card)
        summary = replace(summary, unlisted=dict(beside.unlisted))
        if not publish:
            return summary
        pseudonyms = _pseudonyms(session, encoded, beside)
        encoded = releasing.attach(session, encoded, beside, pseudonyms, folder)
        plain = folder / "encodings.arrow"
        root = _shuffle(encoded, pseudonyms, plain)
        del encoded  # a copy of the file in memory, which sealing doesn't need
        sealed = blobs.seal(session, plain, agreement.coordinator, ENCODINGS)
    signs = signs_digest(all_signs(session))
    repeats.note(session.home.folder, agreement, today=session.today)
    session.say(
        Encodings(
            agreement=agreement.digest,
            party=me.name,
            run=session.run,
            signs=signs,
            sealed=sealed.sha256_sealed,
            plain=sealed.sha256_plain,
            size=sealed.bytes_sealed,
            records=limits.record_bucket(summary.records),
            root=root,
            confirmation=key.confirmation(me.name, signs),
        )
    )
    return summary


def _pseudonyms(session: Session, encoded: EncodedSet, beside: Beside) -> Pseudonyms:
    """Draw pseudo-IDs, and keep the way back before anything of them leaves."""
    pseudonyms = drawn(
        encoded,
        agreement=session.agreement.digest,
        party=session.me.name,
        draw=secrets.token_bytes,
        family=beside.family,
        card=beside.card,
    )
    with session.home.vault.writer(session.secret("pseudonyms")) as stream:
        pseudonyms.write(stream)
    return pseudonyms


def _shuffle(encoded: EncodedSet, pseudonyms: Pseudonyms, plain: Path) -> str:
    """Write the records under pseudo-IDs; return the root over them."""
    header, batches = shuffled(encoded, pseudonyms)
    growing = merkle.Growing()

    def hashed() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            growing.add(merkle.digests(batch))
            yield batch

    write_batches(plain, header, encoded.table.schema, hashed())
    return growing.root


def receive(session: Session, *, language: Language = "en") -> pa.Table:
    """Open the result, check it against what was declared, and say so; return it joined, whole.

    Parameters and errors as for :func:`receive_parts`.

    Returns
    -------
    pyarrow.Table
        One row or more for every own record, in the order of the own file: see
        :func:`pprl_protocols.joining.joined`. In mode ``count``: :func:`published_tables`.
    """
    parts: list[pa.Table] = []
    receive_parts(session, parts.append, language=language)
    return pa.concat_tables(parts)


def receive_parts(
    session: Session, take: Callable[[pa.Table], None], *, language: Language = "en"
) -> None:
    """Open the result, check it against what was declared, hand it on joined, and say so.

    In mode ``count`` nothing can be joined: what is handed on are the published tables.

    The result stays in the vault until the run is purged: a repeated call, after the receipt was
    sent, opens that and says nothing new, also after the card was destroyed.

    Parameters
    ----------
    session
        At the agency.
    take
        Called with one part of the table after the other, at least one; the receipt is sent after
        the last.
    language
        Of the explanations.

    Raises
    ------
    WaitingError
        The coordinator hasn't published results.
    PeerError
        The result isn't what it was declared to be, or an agency holds another run key.
    """
    receipt = None
    if session.said("RECEIPT", session.me.name) is None:
        session.require("RECEIPT")
        receipt = _checked(session)
    if session.agreement.disclosure.mode == "count":
        take(published_tables(session))
    else:
        _join(session, take, language)
    if receipt is not None:
        session.say(receipt)


def published_tables(session: Session) -> pa.Table:
    """Return the tables of RESULT, as :func:`pprl_protocols.tables.counted`; no rows for none.

    Raises
    ------
    PeerError
        There is no RESULT, or its tables aren't the agreed ones.
    """
    coordinator = session.agreement.coordinator.name
    return tables.counted(session.agreement, _result(session).counts, party=coordinator)


def _checked(session: Session) -> Receipt:
    """Open the result into the vault; return the receipt for it."""
    agreement, me = session.agreement, session.me
    coordinator = agreement.coordinator.name
    result = _result(session)
    tables.counted(agreement, result.counts, party=coordinator)
    declared = result.results.get(me.name)
    if declared is None:
        raise PeerError("protocol.wrong_result", party=coordinator)
    confirmed = _check_confirmations(session, result)
    size = session.exchange.blob_size(session.run, declared.sealed)
    if size not in {None, declared.size} or declared.size > _most_bytes(session):
        raise PeerError("protocol.wrong_result", party=coordinator)  # before a byte is copied
    with blobs.workshop(session) as folder:
        plain = folder / "result.arrow"
        opened = blobs.open_sealed(session, declared.sealed, coordinator, RESULT, plain)
        header = _result_file(session, plain).header
        found = (opened.sha256_plain, opened.bytes_sealed, header.row_width, COLUMNS)
        stated = (declared.plain, declared.size, declared.row_bytes, declared.columns)
        if found != stated:
            raise PeerError("protocol.wrong_result", party=coordinator)
        vault = session.home.vault
        with plain.open("rb") as source, vault.writer(session.secret(RESULT)) as kept:
            shutil.copyfileobj(source, kept)
    return Receipt(
        agreement=agreement.digest,
        party=me.name,
        run=session.run,
        sealed=opened.sha256_sealed,
        plain=opened.sha256_plain,
        row_bytes=header.row_width,
        columns=COLUMNS,
        confirmed=confirmed,
    )


def _result(session: Session) -> Result:
    coordinator = session.agreement.coordinator.name
    signed = session.said("RESULT", coordinator)
    if signed is None or not isinstance(signed.entry.message, Result):
        raise PeerError("protocol.wrong_result", party=coordinator)
    return signed.entry.message


def _most_bytes(session: Session) -> int:
    """Return how large a result can be: rows for every record and other agency, with reviews."""
    agreement, me = session.agreement, session.me
    records = me.max_records or limits.MAX_RECORDS
    width = row_width(attributes.widths(attributes.layouts_from(agreement, me.name)))
    rows = records * (len(agreement.agencies) - 1) * _ROWS_A_PAIR
    return limits.bucket(rows * (width + _SPARE_BYTES)) + limits.MAX_ENVELOPE_BYTES


def kept_header(session: Session) -> ResultHeader:
    """Return what the result that the vault keeps says about itself.

    Raises
    ------
    ConfigError
        It was purged, or never received.
    """
    with blobs.workshop(session) as folder:
        return _kept(session, folder).header


def _kept(session: Session, folder: Path) -> ResultFile:
    """Take the kept result out of the vault into a folder, and open it."""
    plain = folder / "result.arrow"
    with (
        session.home.vault.reader(session.secret(RESULT)) as source,
        plain.open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return _result_file(session, plain)


def _join(session: Session, take: Callable[[pa.Table], None], language: Language) -> None:
    """Join the result that the vault keeps to own records, part by part."""
    vault = session.home.vault
    with blobs.workshop(session) as folder:
        file = _kept(session, folder)
        with vault.reader(session.secret("pseudonyms")) as stream:
            pseudonyms = Pseudonyms.read(stream)
        beside = releasing.opened(session, file, pseudonyms)
        for part in joined_parts(file, pseudonyms, beside=beside, language=language):
            take(part)


def _result_file(session: Session, plain: Path) -> ResultFile:
    """Open a result; in mode ``count`` one that says nothing about any record."""
    file = ResultFile.open(
        plain,
        run=session.run,
        agreement=session.agreement.digest,
        recipient=session.me.name,
        parties=[party.name for party in session.agreement.agencies],
        blobs=attributes.widths(attributes.layouts_from(session.agreement, session.me.name)),
    )
    if session.agreement.disclosure.mode == "count" and file.header.rows:
        raise PeerError("result.rows_in_count")
    return file


def _check_confirmations(session: Session, result: Result) -> tuple[str, ...]:
    """Check that every other agency holds our run key; return their names."""
    key = kept(session).key
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
