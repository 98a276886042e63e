"""Check 6: what left the coordinator is what the agreement allows, as far as that shows outside.

RESULT's declaration is compared with the agreement, every RECEIPT with the declaration, and the
sealed files in the exchange with their digests and sizes. What is inside a sealed file is proved
only by a re-execution (check 7). Spec: "Audit", "Counts and small cells".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.errors import PeerError
from pprl_protocols import attributes, limits
from pprl_protocols.audit.evidence import about
from pprl_protocols.audit.keys import absent
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.audit.sizes import is_padded, padded_content
from pprl_protocols.messages import Encodings, Receipt, Result
from pprl_protocols.result_file import COLUMNS, row_width
from pprl_protocols.sealing import SealHeader
from pprl_protocols.tables import check_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.agreement import Agreement
    from pprl_protocols.audit.bundle import Blobs
    from pprl_protocols.audit.evidence import Evidence
    from pprl_protocols.audit.report import Ending
    from pprl_protocols.dag import Signed
    from pprl_protocols.messages import SealedResult

ENCODINGS, RESULT = "encodings", "result"
"""What sealed files are for, as their headers name it."""


@dataclass(frozen=True)
class _File:
    """A sealed file that an entry names."""

    signed: Signed
    digest: str
    size: int
    header: SealHeader


def disclosure(evidence: Evidence, ending: Ending) -> Check:
    """Compare what was declared with what was agreed, received, and lies in the exchange."""
    results = list(evidence.said(Result))
    files = list(_files(evidence))
    findings: list[Finding] = []
    for signed, result in results:
        findings += _recipients(signed, result, evidence.agreement)
        findings += _declared(signed, result, evidence.agreement)
        findings += _counts(signed, result, evidence.agreement)
    if not results:
        findings.append(Finding("audit.no_result", {}, absent(ending)))
    findings += _receipts(evidence)
    findings += _sizes(files)
    findings += _sealed(evidence.recorded.blobs, files)
    return Check.of("disclosure", findings, applicable=bool(files))


def _recipients(signed: Signed, result: Result, agreement: Agreement) -> Iterator[Finding]:
    agencies = {party.name for party in agreement.agencies}
    for name in sorted(result.results.keys() ^ agencies):
        code = "audit.no_result_for" if name in agencies else "audit.result_for_stranger"
        yield Finding(code, {**about(signed), "other": name}, "fail")


def _declared(signed: Signed, result: Result, agreement: Agreement) -> Iterator[Finding]:
    for name, declared in sorted(result.results.items()):
        values = {**about(signed), "other": name}
        header = _header(agreement, RESULT, signed.entry.party, name)
        content = padded_content(declared.size, header_bytes=len(header.to_bytes())) or 0
        if agreement.disclosure.mode == "count" and content > limits.MAX_COUNT_RESULT_BYTES:
            yield Finding("audit.records_in_count", values, "fail")
        blobs = attributes.widths(attributes.layouts_from(agreement, name))
        if (declared.columns, declared.row_bytes) != (COLUMNS, row_width(blobs)):
            yield Finding("audit.other_columns", values, "fail")


def _counts(signed: Signed, result: Result, agreement: Agreement) -> Iterator[Finding]:
    agreed = agreement.disclosure
    if result.counts and not agreed.publish:
        yield Finding("audit.counts_not_agreed", about(signed), "fail")
    wrong = check_counts(agreement, result.counts) if agreed.publish else None
    if wrong is not None:
        yield Finding("audit.count_not_agreed", {**about(signed), "number": wrong}, "fail")
    for number, cell in enumerate(result.counts, start=1):
        if cell.value is not None and cell.value < agreed.minimum_cell:
            values = {**about(signed), "number": number, "minimum": agreed.minimum_cell}
            yield Finding("audit.small_count", values, "fail")


def _receipts(evidence: Evidence) -> Iterator[Finding]:
    agencies = {party.name for party in evidence.agreement.agencies}
    for signed, receipt in evidence.said(Receipt):
        party = signed.entry.party
        declared = [
            result.results[party] for result in _results_before(evidence, signed)
            if party in result.results
        ]  # fmt: skip
        if declared and not any(_same(receipt, each) for each in declared):
            yield Finding("audit.other_receipt", about(signed), "fail")
        if set(receipt.confirmed) != agencies - {party}:
            yield Finding("audit.unconfirmed", about(signed), "fail")


def _results_before(evidence: Evidence, signed: Signed) -> Iterator[Result]:
    """Yield the RESULTs that an entry rests on: all there are, when that can't be known."""
    waits = signed.digest in evidence.transcript.pending()
    past = None if waits else evidence.transcript.causal_past(signed.digest)
    for other, result in evidence.said(Result):
        if past is None or other.digest in past:
            yield result


def _same(receipt: Receipt, declared: SealedResult) -> bool:
    return (
        receipt.sealed == declared.sealed
        and receipt.plain == declared.plain
        and receipt.row_bytes == declared.row_bytes
        and receipt.columns == declared.columns
    )


def _files(evidence: Evidence) -> Iterator[_File]:
    agreement = evidence.agreement
    coordinator = agreement.coordinator.name
    for signed, message in evidence.said(Encodings):
        header = _header(agreement, ENCODINGS, signed.entry.party, coordinator)
        yield _File(signed, message.sealed, message.size, header)
    for signed, result in evidence.said(Result):
        for name, declared in sorted(result.results.items()):
            header = _header(agreement, RESULT, signed.entry.party, name)
            yield _File(signed, declared.sealed, declared.size, header)


def _sizes(files: list[_File]) -> Iterator[Finding]:
    named: defaultdict[str, list[_File]] = defaultdict(list)
    for file in files:
        if not is_padded(file.size, file.header):
            values = {**about(file.signed), "digest": file.digest, "size": file.size}
            yield Finding("audit.not_padded", values, "fail")
        named[file.digest].append(file)
        if len(named[file.digest]) > 1:
            yield Finding("audit.file_named_twice", _values(file), "fail")


def _sealed(blobs: Blobs | None, files: list[_File]) -> Iterator[Finding]:
    if not files:
        return
    if blobs is None:
        yield Finding("audit.no_files_in_export", {"count": len(files)}, "not_applicable")
        return
    try:
        there = blobs.names()
    except PeerError as error:
        yield Finding(error.code, error.values, "fail")
        there = []
    for file in files:
        yield from _one_file(blobs, file)
    unnamed = set(there) - {file.digest for file in files}
    if unnamed:
        yield Finding("audit.unnamed_files", {"count": len(unnamed)}, "note")


def _one_file(blobs: Blobs, file: _File) -> Iterator[Finding]:
    try:
        size = blobs.size(file.digest)
        if size is None:
            yield Finding("audit.file_missing", _values(file), "incomplete")
        elif size != file.size:
            sizes = {"size": size, "expected": file.size}
            yield Finding("audit.file_size", {**_values(file), **sizes}, "fail")
        else:
            blobs.check(file.digest)
    except PeerError as error:
        yield Finding(error.code, {**error.values, **_values(file)}, "fail")


def _values(file: _File) -> dict[str, str | int]:
    return {**about(file.signed), "digest": file.digest}


def _header(agreement: Agreement, purpose: str, sender: str, recipient: str) -> SealHeader:
    return SealHeader(
        purpose=purpose,
        run=agreement.run,
        sender=sender,
        recipient=recipient,
        agreement=agreement.digest,
    )
