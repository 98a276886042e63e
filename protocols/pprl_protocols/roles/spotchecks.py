"""The two parties of a spot check at work: the auditor draws, the agency answers.

The agency encodes its register once more, with the run key and the pseudo-IDs that its home keeps
until the audit deadline, while the auditor is there: only the file that was encoded gives the
published root again. So its answer is about that file, and the list of the drawn rows, which stays
with the agency, says whose source documents the auditor asks for. Nothing is published.

What is drawn and how an answer is verified, without a home, is in
:mod:`pprl_protocols.spotcheck`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import fixed_array
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import BLOCK, SEALED, STRATUM, table_schema
from pprl.errors import ConfigError, InputError, PeerError
from pprl.io.rows import RowNumbers
from pprl_protocols import merkle, release
from pprl_protocols.pseudonyms import Pseudonyms, hex_rows, shuffled
from pprl_protocols.roles import blobs, releasing
from pprl_protocols.roles.coordinator import committed_seed
from pprl_protocols.roles.signing import kept
from pprl_protocols.seeds import SEED_BYTES
from pprl_protocols.spotcheck import DRAWN, check_draw, make_draw, positions
from pprl_protocols.spotcheck_files import Answer, DrawnRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pprl.encode.columns import Resolved
    from pprl.encoded import EncodedSet
    from pprl.io.source import Source
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.release import Columns
    from pprl_protocols.session import Session
    from pprl_protocols.spotcheck_files import Draw
    from pprl_protocols.transcript import Transcript


_BESIDE = (BLOCK, STRATUM, SEALED)
"""Columns that aren't id, filter or tokens."""


class OwnRow(NamedTuple):
    """One drawn record as the agency knows it.

    Attributes
    ----------
    row
        Its row in the agency's file, as the analyst counts.
    id
        Its own id.
    position
        Where it was published, as the answer says.
    """

    row: int
    id: str
    position: int


@dataclass(frozen=True)
class Answered:
    """What an agency has to show.

    Attributes
    ----------
    answer
        For the auditor to take along.
    rows
        For the auditor to compare with source documents, there; by row.
    """

    answer: Answer
    rows: tuple[OwnRow, ...] = field(repr=False)


def draw(session: Session, agency: str, *, records: int = DRAWN) -> Draw:
    """Draw records of an agency, with the nonce that this auditor committed to.

    The same call gives the same draw.

    Parameters
    ----------
    session
        The auditor's.
    agency, records
        Whose records, and how many.

    Raises
    ------
    ConfigError
        This party isn't the auditor, its nonce is gone, or as
        :func:`pprl_protocols.spotcheck.make_draw`.
    WaitingError
        The run isn't closed.
    """
    if session.me.role != "auditor":
        raise ConfigError("spotcheck.not_auditor", party=session.me.name)
    nonce = committed_seed(session)
    return make_draw(session.agreement, session.transcript, agency, nonce=nonce, records=records)


def draw_freely(
    agreement: Agreement, transcript: Transcript, agency: str, *, records: int = DRAWN
) -> Draw:
    """Draw records of an agency with a fresh nonce, where the agreement names no auditor.

    Every call gives another draw; the answer's check says that nothing was committed to.

    Parameters
    ----------
    agreement, transcript
        Of the run.
    agency, records
        As for :func:`draw`.

    Raises
    ------
    ConfigError, WaitingError
        As :func:`draw`.
    PeerError
        The agreement names an auditor.
    """
    nonce = secrets.token_bytes(SEED_BYTES)
    return make_draw(agreement, transcript, agency, nonce=nonce, records=records)


def answer(
    session: Session,
    drawn: Draw,
    source: Source,
    columns: Resolved,
    released: Columns | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Answered:
    """Encode the register once more and answer a draw.

    Parameters
    ----------
    session
        The agency's.
    drawn
        The auditor's draw.
    source, columns, released
        The file that was encoded for the run, and its columns, as for encoding.
    threads, progress
        As for encoding.

    Raises
    ------
    PeerError
        The draw isn't one for this agency and run.
    InputError
        The file isn't the one that was encoded.
    ConfigError
        The key was purged.
    """
    published = check_draw(drawn, session.agreement, session.transcript)
    if drawn.agency != session.me.name:
        raise PeerError("spotcheck.other", what="draw", field="agency")
    pseudonyms = _kept(session)
    schema, key = session.agreement.read_schema(), kept(session).key
    if released is None:
        released = release.resolve(session.agreement, session.me.name, source, {})
    encoder = Encoder(schema, key.linkage, columns.fields, columns.id_column)
    path = str(source.path)
    with blobs.workshop(session) as folder:
        encoded, _ = encode_table(
            encoder, source, folder=folder, threads=threads, progress=progress
        )
        size, expected = len(encoded), len(pseudonyms)
        if size != expected:
            raise InputError("spotcheck.other_count", path=path, found=size, expected=expected)
        rows = _row_numbers(source, encoder.file_columns)
        differ = _first_difference(encoded.ids, pseudonyms.ids)
        if differ is not None:
            raise InputError("spotcheck.other_ids", path=path, row=rows.number(differ))
        beside = release.read(source, released, count=size, card_key=key.family_card)
        encoded = releasing.attach(session, encoded, beside, pseudonyms, folder)
        places = positions(drawn.close, drawn.nonce, size=size, count=drawn.records)
        tree, records = _published(encoded, pseudonyms, places)
        del encoded  # it may be a mapped file of the folder
    if tree.root != published.root:
        raise InputError("spotcheck.other_file", path=path)
    own = pseudonyms.rows_of(hex_rows(records.column("id").combine_chunks()))
    ids = pseudonyms.ids.take(pa.array(own)).to_pylist()
    return Answered(
        answer=Answer(
            run=drawn.run,
            agreement=drawn.agreement,
            agency=drawn.agency,
            draw=drawn.digest,
            size=size,
            records=_with_paths(records, places, tree),
        ),
        rows=tuple(
            sorted(
                OwnRow(rows.number(place), own_id, position)
                for place, own_id, position in zip(own.tolist(), ids, places, strict=True)
            )
        ),
    )


def _kept(session: Session) -> Pseudonyms:
    """Return the pseudo-IDs of the run, in one piece."""
    vault = session.home.vault
    names = [session.secret(name) for name in ("key", "pseudonyms")]
    if not all(vault.has(name) for name in names):
        raise ConfigError("spotcheck.no_key")
    with vault.reader(names[1]) as stream:
        found = Pseudonyms.read(stream)
    table = found.table.set_column(0, "pseudo", pa.chunked_array([fixed_array(found.pseudo)]))
    return Pseudonyms(found.agreement, found.party, table)


def _published(
    encoded: EncodedSet, pseudonyms: Pseudonyms, places: Sequence[int]
) -> tuple[merkle.Tree, pa.Table]:
    """Return the tree over all records as they were published, and those at some places."""
    header, batches = shuffled(encoded, pseudonyms)
    wanted = np.asarray(places, dtype=np.int64)
    digests, chosen, start = [], [], 0
    for batch in batches:
        digests.append(merkle.digests(batch))
        inside = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
        chosen.append(batch.take(pa.array(inside)))
        start += batch.num_rows
    beside = [field for field in encoded.table.schema if field.name.startswith(_BESIDE)]
    schema = table_schema(header, encoded.token_kinds, beside)
    return merkle.Tree(b"".join(digests)), pa.Table.from_batches(chosen, schema)


def _with_paths(
    records: pa.Table, places: Sequence[int], tree: merkle.Tree
) -> tuple[DrawnRecord, ...]:
    columns = {name: records.column(name).to_pylist() for name in records.column_names}
    ids, filters, *tokens = (
        column for name, column in columns.items() if not name.startswith(_BESIDE)
    )
    blocks = [column for name, column in columns.items() if name.startswith(BLOCK)]
    strata = [column for name, column in columns.items() if name.startswith(STRATUM)]
    sealed = [column for name, column in columns.items() if name.startswith(SEALED)]
    return tuple(
        DrawnRecord(
            position=place,
            id=ids[at],
            filter=_hex(filters[at]),
            tokens=tuple(_hex(column[at]) for column in tokens),
            blocks=tuple(_hex(column[at]) for column in blocks),
            strata=tuple(column[at] for column in strata),
            sealed=tuple(column[at].hex() for column in sealed),
            path=tuple(tree.path(place)),
        )
        for at, place in enumerate(places)
    )


def _row_numbers(source: Source, columns: Sequence[str]) -> RowNumbers:
    rows = RowNumbers()
    for batch in source.batches(list(columns)):
        rows.add(batch)
    return rows


def _first_difference(one: pa.ChunkedArray, other: pa.ChunkedArray) -> int | None:
    """Return the first place at which two columns of ids differ; None when they are equal."""
    if one.equals(other):
        return None
    return int(np.asarray(pc.not_equal(one, other)).argmax())


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
