"""Examples of the pages, cut from the recorded run and from known answers.

Nothing is typed: every byte shown is read from a file. Long hexadecimal is shortened and says so.

>>> cut({"key": "ab" * 100})
{'key': 'abababababababab... (200 digits)'}
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa

from pprl_protocols import limits, spotcheck
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit import bundle
from pprl_protocols.audit.examine import audit as run_audit
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import PAYLOAD_TYPE, open_envelope, pae
from pprl_protocols.exchange import Exchange
from pprl_protocols.transcript import Transcript
from vectors.make import FOLDER
from vectors.record import RECORDED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pprl_protocols.canonical import JSON
    from pprl_protocols.dag import Signed

_SHOWN = 16
_LONG = 64
_WIDTH = 96


def cut(value: JSON) -> JSON:
    """Return a value with long texts shortened."""
    if isinstance(value, dict):
        return {key: cut(part) for key, part in value.items()}
    if isinstance(value, list):
        return [cut(part) for part in value]
    if isinstance(value, str) and len(value) > _LONG:
        kind = "digits" if set(value) <= set("0123456789abcdef") else "characters"
        start = value[:_SHOWN].splitlines()[0]
        return f"{start}... ({len(value):,} {kind})"
    return value


def agreement() -> str:
    """Return the agreement with one party of those it has."""
    content = json.loads(_agreement())
    content["parties"] = content["parties"][:1]
    return _shown(content)


def agreement_digest() -> str:
    """Return its digest."""
    return _block([sha256(_agreement())])


def envelope() -> str:
    """Return the last file of the coordinator's log, in lines."""
    text = _close().envelope.decode()
    return _block([text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)])


def payload() -> str:
    """Return what it carries."""
    return _shown(json.loads(open_envelope(_close().envelope).payload))


def pae_start() -> str:
    """Return how the bytes under the signature begin, and the entry's digest."""
    signed = pae(PAYLOAD_TYPE, open_envelope(_close().envelope).payload)
    return _block([f"{signed[:_WIDTH].decode()}...", f"SHA-256 of the file: {_close().digest}"])


def sealed() -> str:
    """Return the parts of a sealed file."""
    blob = (_folder() / "blobs" / str(_message("ENCODINGS")["sealed"])).read_bytes()
    at = blob.index(b"\n") + 1
    size = int.from_bytes(blob[at : at + 4], "big")
    header = blob[at + 4 : at + 4 + size]
    key_at = at + 4 + size
    key_size = int.from_bytes(blob[key_at : key_at + 2], "big")
    start = key_at + 2 + key_size
    parts = [
        ("0", repr(blob[:at].decode())),
        (f"{at}", f"{blob[at : at + 4].hex()} ({size})"),
        (f"{at + 4}", header.decode()),
        (f"{key_at}", f"{blob[key_at : key_at + 2].hex()} ({key_size})"),
        (f"{key_at + 2}", f"{blob[key_at + 2 : key_at + 18].hex()}..."),
        (f"{start}", f"{blob[start : start + 16].hex()}... to byte {len(blob):,}"),
    ]
    return _block([f"{place:>6}  {what}" for place, what in parts])


def sealed_in_log() -> str:
    """Return what the log says about it."""
    message = _message("ENCODINGS")
    return _shown({name: message[name] for name in ("sealed", "plain", "size")})


def buckets() -> str:
    """Return some sizes and numbers with their buckets."""
    sizes = (0, 1024, 1025, 5000, 1 << 20, (1 << 20) + 1, 3_000_000)
    numbers = (0, 16, 17, 33, 1000, 1_000_000)
    lines = [
        "bytes    " + _pairs([(size, limits.bucket(size)) for size in sizes]),
        "records  " + _pairs([(number, limits.record_bucket(number)) for number in numbers]),
    ]
    return _block(lines)


def story() -> str:
    """Return all entries, each with what it names."""
    lines = []
    for signed in _transcript().order():
        entry = signed.entry
        seen = ", ".join(f"{name} {head.seq}" for name, head in sorted(entry.heads.items()))
        head = f"{entry.party} {entry.seq}"
        kind = entry.message.kind
        lines.append(f"{head:<14} {kind:<10} {signed.digest[:_SHOWN]}  has seen: {seen or '-'}")
    return _block(lines)


def message() -> str:
    """Return one message."""
    return _shown(_message("ENCODINGS"))


def result_header() -> str:
    """Return the header of a RESULT."""
    metadata = _result().schema.metadata or {}
    return _shown(json.loads(metadata[b"pprl"]))


def result_rows() -> str:
    """Return its rows."""
    lines = []
    for row in _result().to_pylist():
        parts = (
            f"{name} {'null' if value is None else _short(value)}" for name, value in row.items()
        )
        lines.append("  ".join(parts))
    return _block(lines)


def merkle() -> str:
    """Return a root with its records."""
    case = json.loads((FOLDER / "merkle" / "root_of_5.json").read_bytes())
    records = (bytes.fromhex(record).decode() for record in case["given"]["records"])
    return _block([f"records  {', '.join(records)}", f"root     {case['answer']['root']}"])


def audit() -> str:
    """Return the audit's verdict on the run."""
    recorded = bundle.from_exchange(Exchange.open(str(RECORDED)), _folder().name)
    report = run_audit(recorded)
    lines = [f"identities: {report.identities}", f"status: {report.status}", ""]
    lines += [f"{check.number} {check.name:<12} {check.status}" for check in report.checks]
    return _block([*lines, "", f"transcript digest: {report.transcript}"])


def positions() -> str:
    """Return what a spot check would draw."""
    drawn = spotcheck.positions(_close().digest, "11" * 32, size=30, count=5)
    return _block(["k = 5: " + ", ".join(map(str, drawn))])


def _folder() -> Path:
    (folder,) = (path for path in RECORDED.iterdir() if limits.RUN_ID.fullmatch(path.name))
    return folder


def _agreement() -> bytes:
    return (_folder() / "agreement.json").read_bytes()


def _transcript() -> Transcript:
    transcript = Transcript(Agreement.from_bytes(_agreement()))
    for path in sorted(_folder().glob("log/*/*.json")):
        transcript.add(path.read_bytes(), (path.parent.name, int(path.stem)))
    return transcript


def _close() -> Signed:
    return _transcript().entries("coordinator")[-1]


def _message(kind: str) -> dict[str, JSON]:
    entries = (signed.entry.message for signed in _transcript().entries("agency-a"))
    found = next(each for each in entries if each.kind == kind)
    content: dict[str, JSON] = found.model_dump(mode="json")
    return content


def _result() -> pa.Table:
    case = json.loads((FOLDER / "result" / "whole.json").read_bytes())
    with pa.ipc.open_file(io.BytesIO(bytes.fromhex(case["given"]["hex"]))) as reader:
        return reader.read_all()


def _short(value: object) -> str:
    return f"{value.hex()[:8]}..." if isinstance(value, bytes) else str(value)


def _pairs(pairs: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{number:,} → {bucket:,}" for number, bucket in pairs)


def _shown(value: JSON) -> str:
    return _block(json.dumps(cut(value), indent=1, ensure_ascii=False, sort_keys=True).splitlines())


def _block(lines: Sequence[str]) -> str:
    return "\n".join(["```", *lines, "```"])
