"""What an agency's encodings have to be when the coordinator opens them, in form and in order.

Everything that can be seen without comparing: the header, the columns that were agreed on, and
pseudo-IDs in strictly ascending order, so that none repeats. That all agencies used one key is
checked where all are opened (:mod:`pprl_protocols.roles.coordinator`). Spec: "Encodings".
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.buffers import string_buffers
from pprl.encoded import BLOCK, METADATA_KEY, SEALED, STRATUM, EncodedSet
from pprl.errors import PeerError
from pprl_protocols.id_rows import ID_CHARACTERS, all_digits, rising, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pprl_protocols.disclosure import Stratum

_CHECK_ROWS = 1 << 18
_TOKEN = "token."  # noqa: S105 - a column prefix
_KIND = re.compile(r"[a-z][a-z0-9_]{0,15}")
_NO_KINDS = ("filter", "contradicted")  # tiers of their own


def check_encodings(
    path: Path,
    *,
    agreement: str,
    party: str,
    schema_digest: str,
    max_records: int,
    blocks: Sequence[str] = (),
    strata: Sequence[Stratum] = (),
    sealed: Mapping[str, int] = MappingProxyType({}),
) -> EncodedSet:
    """Open an agency's encodings and check that they are what the agreement asks for.

    That all agencies used one key is :func:`pprl.link.link`'s to check.

    Parameters
    ----------
    path
        An EncodedSet of another party.
    agreement, party
        Digest of the agreement; the agency's name.
    schema_digest
        Of the agreed schema.
    max_records
        As agreed for this agency.
    blocks
        Names of the agreed schema's blocking passes.
    strata
        What the agency gives for the tables.
    sealed
        Recipient -> bytes of every blob that the agreement lets travel to it.

    Raises
    ------
    PeerError
        Not a whole EncodedSet; of another agreement, party or schema; without a key check; more
        records than agreed; a column that isn't agreed; ids that aren't 32 lower-case hexadecimal
        digits in strictly ascending order, which a repeated one never is.
    InputError
        The file isn't there or can't be read.
    """
    encoded = EncodedSet.open(path)
    header = encoded.header
    if header.agreement != agreement:
        raise PeerError("pseudonyms.other_agreement", party=party)
    if header.party != party:
        raise PeerError("pseudonyms.other_party", party=party)
    if header.schema_digest != schema_digest:
        raise PeerError("pseudonyms.other_schema", party=party)
    if header.key_check is None:
        raise PeerError("pseudonyms.no_key_check", party=party)
    if len(encoded) > max_records:
        raise PeerError("pseudonyms.too_many", party=party, found=len(encoded), agreed=max_records)
    beside = [*(BLOCK + name for name in blocks), *(STRATUM + one.name for one in strata)]
    _check_columns(encoded, beside, sealed, party)
    for one in strata:
        _check_stratum(encoded.table.column(STRATUM + one.name), one, party)
    _check_ids(encoded.ids, party)
    return encoded


def _check_columns(
    encoded: EncodedSet, agreed: list[str], sealed: Mapping[str, int], party: str
) -> None:
    schema = encoded.table.schema
    blobs = {SEALED + name: width for name, width in sealed.items()}
    beside = [*agreed, *blobs]
    for place, field in enumerate(schema, start=1):
        kind = field.name.removeprefix(_TOKEN)
        token = kind != field.name and _KIND.fullmatch(kind) and kind not in _NO_KINDS
        known = field.name in {"id", "filter", *beside}
        if field.metadata or not (token or known):
            raise PeerError("pseudonyms.column", party=party, column=place)
    if list(schema.names)[len(schema) - len(beside) :] != beside:
        raise PeerError("pseudonyms.sealed", party=party)
    for name, width in blobs.items():
        column = encoded.table.column(name)
        if column.type.byte_width != width or column.null_count:
            raise PeerError("pseudonyms.sealed", party=party)
    if set(schema.metadata) != {METADATA_KEY}:
        raise PeerError("pseudonyms.metadata", party=party)


def _check_stratum(column: pa.ChunkedArray, stratum: Stratum, party: str) -> None:
    """Refuse what isn't an agreed value, or texts whose offsets are none."""
    agreed = pa.array(stratum.all, pa.string())
    for chunk in column.chunks:
        try:
            string_buffers(chunk)
        except ValueError:
            raise PeerError("pseudonyms.stratum", party=party) from None
        if chunk.null_count or not pc.all(pc.is_in(chunk, value_set=agreed)).as_py():
            raise PeerError("pseudonyms.stratum", party=party)


def _check_ids(ids: pa.ChunkedArray, party: str) -> None:
    last = np.zeros((0, 4), dtype=np.uint64)
    row = 0
    for chunk in ids.chunks:
        for start in range(0, len(chunk), _CHECK_ROWS):
            part = chunk.slice(start, _CHECK_ROWS)
            try:
                data, offsets = string_buffers(part)
            except ValueError:  # a buffer of offsets that ends inside one; Arrow allows that
                raise PeerError("pseudonyms.form", party=party, row=row + 1) from None
            wrong = np.diff(offsets) != ID_CHARACTERS
            if wrong.any():
                bad = row + int(wrong.argmax()) + 1
                raise PeerError("pseudonyms.form", party=party, row=bad)
            text = data[offsets[0] : offsets[-1]].reshape(-1, ID_CHARACTERS)
            wrong = ~all_digits(text)
            if wrong.any():
                bad = row + int(wrong.argmax()) + 1
                raise PeerError("pseudonyms.form", party=party, row=bad)
            both = np.concatenate([last, words(text)])
            wrong = ~rising(both)
            if wrong.any():
                bad = row - len(last) + int(wrong.argmax()) + 2
                raise PeerError("pseudonyms.order", party=party, row=bad)
            last = both[-1:]
            row += len(part)
