"""Check 8: are the published records really derived from the register? A sample, drawn by lot.

After CLOSE an auditor draws, an agency answers, the auditor verifies, each with one small file of
canonical JSON. The draw shows the auditor's nonce; where the agreement names an auditor, SIGN
commits to it, so it was chosen before any record was seen. Which records are drawn follows::

    stream    = SHA-256("pprl/v1/spotcheck" || CLOSE digest || nonce || counter) for counter
                0, 1, 2, ... (8 bytes, big-endian); digest and nonce are 32 raw bytes
    numbers   = the stream in groups of 8 bytes, big-endian; one that isn't below the largest
                multiple of n that 8 bytes hold is left out
    positions = number modulo n, each taken once, until min(k, n) are drawn; written in order

n is the number of records, which the agency states in its answer and the Merkle root of ENCODINGS
commits to. Nobody could have known the positions when the records were published. The answer is
verified without a key, in this order:

1. it is for this draw, and the draw for this run, agreement, CLOSE and agency
2. the nonce is the one that was committed to
3. n is within the agreement and in the bucket that ENCODINGS states
4. the records are those at the drawn positions, each once
5. each has the form that the agreed schema gives, and lies under the published root

What breaks 1 to 4 isn't an answer: PeerError. That a record stands for a real person is shown by
none of it, but by comparing the agency's list of the drawn records with source documents; see
:mod:`pprl_protocols.roles.spotchecks`. Spec: "Audit".

>>> positions("00" * 32, "11" * 32, size=1_000, count=5)
(45, 260, 376, 590, 804)
>>> f"{found_share(300):.3f}"
'0.010'
"""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, PeerError, WaitingError
from pprl.schema import Schema
from pprl_protocols import attributes, limits, merkle, seeds
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.messages import Encodings, Sign
from pprl_protocols.roles.signing import check_pins
from pprl_protocols.spotcheck_files import MAX_DRAWN, Answer, Draw, DrawnRecord
from pprl_protocols.transcript import Accepted, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.audit.bundle import Recorded
    from pprl_protocols.dag import Signed
    from pprl_protocols.pins import Pins
    from pprl_protocols.rules import Kind

NAME = "spotcheck"
DRAWN = 300
"""How many records are drawn when nobody says otherwise."""
CONFIDENCE = 0.95

_LABEL = b"pprl/v1/spotcheck"
_NUMBER_BYTES = 8


def positions(close: str, nonce: str, *, size: int, count: int) -> tuple[int, ...]:
    """Return the positions that are drawn, ascending.

    Parameters
    ----------
    close, nonce
        Digest of the CLOSE entry and the auditor's nonce, hex.
    size, count
        How many records there are, and how many are drawn; all when ``count`` isn't less.
    """
    if count >= size:
        return tuple(range(size))
    drawn: set[int] = set()
    for number in _numbers(bytes.fromhex(close) + bytes.fromhex(nonce), size):
        drawn.add(number)
        if len(drawn) == count:
            break
    return tuple(sorted(drawn))


def found_share(drawn: int) -> float:
    """Return the share of forged records from which a sample finds one with 95% probability.

    Of records drawn without being put back it finds a little more than this says.
    """
    return -math.expm1(math.log1p(-CONFIDENCE) / drawn)


def sound(recorded: Recorded, pins: Pins | None = None) -> tuple[Agreement, Transcript]:
    """Return agreement and transcript of a recorded run that breaks no rule.

    Stops at the first fault; :mod:`pprl_protocols.audit.examine` names them all.

    Parameters
    ----------
    recorded
        The run, as :mod:`pprl_protocols.audit.bundle` reads it.
    pins
        Every party has to be pinned in them; None: identities aren't verified.

    Raises
    ------
    PeerError
        What is wrong first.
    """
    if recorded.faults:
        raise recorded.faults[0]
    agreement = Agreement.from_bytes(recorded.agreement)
    if pins is not None:
        check_pins(agreement, pins, but=None)
    transcript = Transcript(agreement)
    for stored in itertools.chain.from_iterable(recorded.logs.values()):
        taken = transcript.add(stored.data, (stored.party, stored.seq))
        if isinstance(taken, Accepted) and taken.refused:
            raise taken.refused[0]
    for signed, reason in transcript.breaches():
        entry = signed.entry
        raise PeerError(
            "protocol.impossible", party=entry.party, seq=entry.seq, kind=entry.message.kind,
            reason=reason.code,
        )  # fmt: skip
    return agreement, transcript


def make_draw(
    agreement: Agreement, transcript: Transcript, agency: str, *, nonce: bytes, records: int
) -> Draw:
    """Draw records of an agency in a closed run.

    Parameters
    ----------
    agreement, transcript
        Of the run.
    agency
        Whose records.
    nonce
        The auditor's 32 bytes.
    records
        How many, 1 to :data:`MAX_DRAWN`.

    Raises
    ------
    ConfigError
        The agreement has no such agency, or so many can't be drawn.
    WaitingError
        The run isn't closed.
    PeerError
        The nonce isn't the one that was committed to.
    """
    if agency not in {party.name for party in agreement.agencies}:
        raise ConfigError("spotcheck.no_agency", party=agency)
    if not 1 <= records <= MAX_DRAWN:
        raise ConfigError("spotcheck.records", maximum=MAX_DRAWN)
    close = _said(transcript, "CLOSE", agreement.coordinator.name)
    if close is None:
        raise WaitingError("spotcheck.not_closed")
    draw = Draw(
        run=agreement.run,
        agreement=agreement.digest,
        close=close.digest,
        agency=agency,
        nonce=nonce.hex(),
        records=records,
    )
    check_draw(draw, agreement, transcript)
    return draw


def check_draw(draw: Draw, agreement: Agreement, transcript: Transcript) -> Encodings:
    """Refuse a draw that isn't one of this run; return what the agency has published.

    Raises
    ------
    PeerError
        It is for another run, agreement or transcript, for nobody who has encoded, or its nonce
        isn't the one that the auditor committed to.
    """
    close = _said(transcript, "CLOSE", agreement.coordinator.name)
    expected = {
        "run": agreement.run,
        "agreement": agreement.digest,
        "close": None if close is None else close.digest,
    }
    for field, value in expected.items():
        if getattr(draw, field) != value:
            raise PeerError("spotcheck.other", what="draw", field=field)
    auditor = agreement.auditor
    if auditor is not None:
        signed = _said(transcript, "SIGN", auditor.name)
        message = None if signed is None else signed.entry.message
        committed = seeds.commitment(bytes.fromhex(draw.nonce))
        if not isinstance(message, Sign) or message.commitment != committed:
            raise PeerError("spotcheck.nonce", party=auditor.name)
    said = _said(transcript, "ENCODINGS", draw.agency)
    if said is None or not isinstance(said.entry.message, Encodings):
        raise PeerError("spotcheck.other", what="draw", field="agency")
    return said.entry.message


def verify(answer: Answer, draw: Draw, agreement: Agreement, transcript: Transcript) -> Check:
    """Verify an answer without a key; return check 8.

    Parameters
    ----------
    answer, draw
        The agency's, and the auditor's own.
    agreement, transcript
        Of the run, verified.

    Returns
    -------
    Check
        ``fail`` when a drawn record isn't one of those that were published.

    Raises
    ------
    PeerError
        It isn't an answer to this draw, as the module says.
    """
    published = check_draw(draw, agreement, transcript)
    expected = {"run": draw.run, "agreement": draw.agreement, "agency": draw.agency}
    for field, value in (expected | {"draw": draw.digest}).items():
        if getattr(answer, field) != value:
            raise PeerError("spotcheck.other", what="answer", field=field)
    name, size = draw.agency, answer.size
    party = agreement.party(name)
    most = (party.max_records if party else None) or limits.MAX_RECORDS
    if size > most or limits.record_bucket(size) != published.records:
        raise PeerError("spotcheck.size", party=name, found=size, records=published.records)
    drawn = positions(draw.close, draw.nonce, size=size, count=draw.records)
    if tuple(record.position for record in answer.records) != drawn:
        raise PeerError("spotcheck.positions", party=name)
    bits, keyed = _form(agreement)
    counts = (*keyed, len(agreement.disclosure.given_by(name)))
    blobs = list(attributes.widths(attributes.layouts_to(agreement, name)).values())
    wrong = [
        record.position
        for record in answer.records
        if not _has_form(record, bits, counts, blobs)
        or not merkle.verify(record.leaf, record.path, record.position, size, published.root)
    ]
    return Check.of(NAME, _findings(draw, agreement, size, drawn, wrong))


def _findings(
    draw: Draw, agreement: Agreement, size: int, drawn: tuple[int, ...], wrong: list[int]
) -> Iterator[Finding]:
    party, count = draw.agency, len(drawn)
    if wrong:
        first = wrong[0] + 1
        yield Finding(
            "spotcheck.not_published",
            {"party": party, "wrong": len(wrong), "drawn": count, "first": first},
        )
    else:
        yield Finding(
            "spotcheck.published",
            {"party": party, "drawn": count, "records": limits.record_bucket(size)},
            "note",
        )
    if count == size:
        yield Finding("spotcheck.all", {"party": party}, "note")
    else:
        # Tenths of a percent, rounded to the side that promises less.
        share = f"{math.ceil(1_000 * found_share(count)) / 10:.1f}"
        yield Finding("spotcheck.power", {"drawn": count, "percent": share}, "note")
    if agreement.auditor is None:
        yield Finding("spotcheck.uncommitted", level="note")
    yield Finding("spotcheck.sources", {"party": party}, "note")


def _has_form(
    record: DrawnRecord, bits: int, counts: tuple[int, int, int], blobs: list[int]
) -> bool:
    width = None if record.filter is None else len(record.filter) // 2
    sealed = [len(blob) // 2 for blob in record.sealed]
    found = (len(record.tokens), len(record.blocks), len(record.strata))
    return width in {None, (bits + 63) // 64 * 8} and (found, sealed) == (counts, blobs)


def _form(agreement: Agreement) -> tuple[int, tuple[int, int]]:
    """Return the bits of a filter, and the numbers of tokens and of blocks.

    Not by ``agreement.read_schema``: an auditor may come years later with software that reads
    names otherwise, and needn't read any.
    """
    text = agreement.schema_text
    read = Schema.from_clkhash if text.lstrip().startswith("{") else Schema.from_toml
    schema = read(text, path="schema_text")
    return schema.bits, (len(schema.token_kinds), len(schema.block_passes))


def _said(transcript: Transcript, kind: Kind, party: str) -> Signed | None:
    entries = transcript.entries(party)
    return next((each for each in entries if each.entry.message.kind == kind), None)


def _numbers(start: bytes, size: int) -> Iterator[int]:
    bound = (1 << 8 * _NUMBER_BYTES) // size * size
    counter = 0
    while True:
        block = hashlib.sha256(_LABEL + start + counter.to_bytes(8, "big")).digest()
        for at in range(0, len(block), _NUMBER_BYTES):
            number = int.from_bytes(block[at : at + _NUMBER_BYTES], "big")
            if number < bound:
                yield number % size
        counter += 1
