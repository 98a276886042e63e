"""Fuzz one parser in a process of its own, with a bound on its memory.

    python -m tests.protocol.fuzz.fuzzer PARSER --seconds 5 --seed 1 --keep FOLDER
    python -m tests.protocol.fuzz.fuzzer PARSER --file FAILING

Members of the corpus are changed and given to the parser, which takes them or raises PeerError.
Anything else is a failure: the input is on the disk before it is parsed, so that a crash of native
code leaves it there too. The same seed makes the same inputs, as far as the time allows. One file,
since parsers, their corpus and what changes it are of no use apart.
"""

import argparse
import base64
import contextlib
import copy
import functools
import io
import itertools
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pprl.errors import ConfigError, PeerError
from pprl_protocols import canonical
from pprl_protocols.agreement import Agreement
from pprl_protocols.card import Card
from pprl_protocols.envelope import open_envelope, seal_envelope
from pprl_protocols.messages import parse_entry

CORPUS = Path(__file__).parent / "corpus"
SPARE_BYTES = 1 << 30
"""What a parser may take besides what is loaded already."""
MOST_REPEATED = 4 << 20
"""Characters of a value that a change repeats: the bound on memory is for parsers."""
NUMBERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
VALUES = (
    None, True, False, 0, -1, 1, 2**53 - 1, 2**53, 2**64, "", "x", "\x00", "é", "a" * 100_000,
    "../x", "ab" * 32, [], {}, [[]], {"": ""},
)  # fmt: skip


@functools.cache
def context():
    return json.loads((CORPUS / "context.json").read_bytes())


@functools.cache
def agreement():
    return Agreement.from_bytes(context()["agreement"].encode())


@functools.cache
def signing_key(party):
    private = context()["identities"].get(party, "11" * 32)
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))


def draft(path):
    with contextlib.suppress(ConfigError):  # people write drafts: most faults are theirs
        Agreement.from_toml(path.read_bytes().decode(errors="replace")).to_toml()


def party_file(path):
    from pprl_protocols.identity import PartyFile  # noqa: PLC0415 - each process loads its own

    PartyFile.read(path)


def transcript(path):
    """Show a seat an envelope that was signed after it was changed, where it has a signer."""
    from pprl_protocols.seat import Seat  # noqa: PLC0415 - see above

    seat = Seat(agreement(), "inspektorat")
    for known in sorted((CORPUS / "transcript").iterdir()):
        if known.name != "12.json":
            with contextlib.suppress(PeerError):  # in this order, links may be missing
                seat.take(known.read_bytes())
    seat.take(path.read_bytes())
    seat.outcome()


def encodings(path):
    import numpy as np  # noqa: PLC0415 - see above

    from pprl_protocols import merkle  # noqa: PLC0415 - see above
    from pprl_protocols.encodings import check_encodings  # noqa: PLC0415 - see above

    found = check_encodings(
        path,
        agreement=agreement().digest,
        party="bkkbn",
        schema_digest=context()["schema_digest"],
        max_records=2_000,
    )
    assert len(merkle.root(list(merkle.records(found)))) == 64
    assert len(merkle.Tree.of(found).root) == 64
    assert np.asarray(found.filter_words()).shape[0] == len(found) == len(found.has_filter())
    for kind in found.token_kinds:
        found.token_column(kind).to_pylist()


def strata(path):
    from pprl_protocols.disclosure import Stratum  # noqa: PLC0415 - see above
    from pprl_protocols.encodings import check_encodings  # noqa: PLC0415 - see above

    sex = Stratum(name="sex", agencies=("bkkbn",), values=("L", "P"))
    found = check_encodings(
        path,
        agreement=agreement().digest,
        party="bkkbn",
        schema_digest=context()["schema_digest"],
        max_records=2_000,
        strata=[sex],
    )
    assert set(found.table.column("stratum.sex").to_pylist()) <= set(sex.all)


def result(path):
    from pprl_protocols.result_file import ResultFile  # noqa: PLC0415 - see above

    found = ResultFile.open(
        path,
        run=context()["run"],
        agreement=agreement().digest,
        recipient="bkkbn",
        parties=["bkkbn", "kemensos"],
    )
    assert len(found.table.to_pylist()) == found.header.rows


def sealed(path):
    from pprl_protocols.sealing import SealHeader, open_file  # noqa: PLC0415 - see above

    header = SealHeader("encodings", context()["run"], "bkkbn", "bps", agreement().digest)
    private = bytes.fromhex(context()["coordinator_card"])
    target = io.BytesIO()
    try:
        with path.open("rb") as source:
            open_file(source, target, private_key=private, header=header)
    except PeerError:
        assert target.getvalue() == b""
        raise
    assert path.read_bytes() == (CORPUS / "sealed" / "valid.bin").read_bytes()


def export(path):
    from pprl_protocols.audit.bundle import from_bytes  # noqa: PLC0415 - see above
    from pprl_protocols.audit.examine import audit  # noqa: PLC0415 - see above

    data = path.read_bytes()
    recorded = from_bytes(data)
    try:
        report = audit(recorded)
    except PeerError as error:
        message = "an audit reports faults of the run"
        raise AssertionError(message) from error
    if report.status == "pass":  # whoever may sign can say other things; nobody signs here
        assert data == (CORPUS / "export" / "valid.json").read_bytes()


def draw(path):
    from pprl_protocols.spotcheck_files import Draw  # noqa: PLC0415 - see above

    assert Draw.from_bytes(path.read_bytes()).to_bytes() == path.read_bytes()


def answer(path):
    from pprl_protocols.spotcheck_files import Answer  # noqa: PLC0415 - see above

    found = Answer.from_bytes(path.read_bytes())
    assert found.to_bytes() == path.read_bytes()
    assert all(record.leaf for record in found.records)


PARSERS = {
    "agreement": lambda path: Agreement.from_bytes(path.read_bytes()),
    "answer": answer,
    "card": lambda path: Card.from_bytes(path.read_bytes()),
    "draft": draft,
    "draw": draw,
    "encodings": encodings,
    "entry": lambda path: parse_entry(path.read_bytes()),
    "envelope": lambda path: open_envelope(path.read_bytes()),
    "export": export,
    "party": party_file,
    "result": result,
    "sealed": sealed,
    "strata": strata,
    "transcript": transcript,
}
ARROW = ("encodings", "result", "strata")


class Mutator:
    """Changes members of a corpus.

    Parameters
    ----------
    parser
        Whose members they are.
    seed
        Of all that is drawn.
    """

    def __init__(self, parser, seed):
        self.parser = parser
        self.draw = random.Random(f"{parser} {seed}")  # noqa: S311 - no secret
        self.members = [path.read_bytes() for path in sorted((CORPUS / parser).iterdir())]

    def next(self):
        data = self.draw.choice(self.members)
        ways = [self.in_bytes]
        if self.parser in ARROW:
            ways += [self.in_words, self.in_words, self.in_table]
        elif data[:1] == b"{":
            ways += [self.in_json, self.in_json]
        changed = self.draw.choice(ways)(data)
        return self.signed(changed) if self.parser == "transcript" else changed

    def in_bytes(self, data):
        """Change bytes here and there, or blocks of them."""
        found = bytearray(data)
        for _ in range(self.draw.choice([1, 1, 1, 2, 4, 16])):
            at = self.draw.randrange(len(found) + 1)
            length = self.draw.choice([1, 1, 2, 4, 8, 64, 1024])
            way = self.draw.randrange(7)
            if way == 0 and at < len(found):
                found[at] ^= 1 << self.draw.randrange(8)
            elif way == 1:
                found[at : at + length] = self.draw.randbytes(length)
            elif way == 2:
                del found[at : at + length]
            elif way == 3:
                found[at:at] = found[at : at + length] * self.draw.choice([1, 2, 1000])
            elif way == 4:
                other = self.draw.choice(self.members)
                found[at:] = other[at:]
            elif way == 5:
                del found[at:]
            else:
                found[at : at + 1] = self.draw.choice([b'"', b"{", b"[", b"\\u0000", b"\xff", b"9"])
        return bytes(found[: 1 << 20])

    def in_words(self, data):
        """Put telling numbers where lengths and offsets may be."""
        found = bytearray(data)
        for _ in range(self.draw.choice([1, 1, 2, 3])):
            size = self.draw.choice([1, 2, 4, 4, 8])
            at = self.draw.randrange(max(len(found) // size, 1)) * size
            if self.draw.random() < 0.5:  # the metadata are at the ends
                at = max(at % 1024, len(found) - at % 2048) if at & 8 else at % 2048
            number = self.draw.choice([*NUMBERS, len(found), self.draw.getrandbits(63)])
            number *= self.draw.choice([1, 1, -1])
            found[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, "little")
        return bytes(found)

    def in_table(self, data):
        """Write another table that Arrow takes for a good one."""
        import pyarrow as pa  # noqa: PLC0415 - each process loads its own

        try:
            table = self.other_table(pa.ipc.open_file(data).read_all())
        except (pa.ArrowException, OSError):  # a broken one, or no kernel for it
            return self.in_words(data)
        sink = pa.BufferOutputStream()
        compression = self.draw.choice([None, None, None, "lz4", "zstd"])
        options = pa.ipc.IpcWriteOptions(compression=compression, allow_64bit=True)
        make = self.draw.choice([pa.ipc.new_file, pa.ipc.new_file, pa.ipc.new_stream])
        with make(sink, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=self.draw.choice([None, 1, 3]))
        return sink.getvalue().to_pybytes()

    def other_table(self, table):
        """Return a table with other columns, rows or metadata."""
        import pyarrow as pa  # noqa: PLC0415 - see above

        for _ in range(self.draw.choice([1, 1, 2])):
            at = self.draw.randrange(table.num_columns)
            field, column = table.schema.field(at), table.column(at)
            way = self.draw.randrange(9)
            kinds = [pa.int8(), pa.large_string(), pa.binary(), pa.list_(pa.int8()), pa.null()]
            kinds += [pa.binary(3), pa.binary_view(), pa.float64(), pa.struct([("x", pa.int8())])]
            if way == 0:
                kind = self.draw.choice(kinds)
                table = table.set_column(
                    at, pa.field(field.name, kind, nullable=True), pa.nulls(len(table), kind)
                )
            elif way == 1:
                table = table.set_column(at, field, pa.nulls(len(table), field.type))
            elif way == 2:
                table = table.append_column(field, column)
            elif way == 3 and table.num_columns > 1:
                table = table.remove_column(at)
            elif way == 4:
                table = table.slice(self.draw.randrange(len(table) + 1))
            elif way == 5:
                table = pa.concat_tables([table] * self.draw.choice([2, 50]))
            elif way == 6:
                order = list(range(len(table)))
                self.draw.shuffle(order)
                table = table.take(order)
            elif way == 7:
                with contextlib.suppress(pa.ArrowException):
                    table = table.set_column(at, field.name, column.dictionary_encode())
            else:
                table = table.replace_schema_metadata(self.metadata(table.schema.metadata))
        return table

    def metadata(self, metadata):
        found = dict(metadata or {})
        for key, value in list(found.items()):
            way = self.draw.randrange(3)
            found[key] = [self.in_json, self.in_bytes, lambda data: data][way](value)
        if self.draw.random() < 0.2:
            found[b"other"] = b"\xff"
        return found

    def in_json(self, data):
        """Change one value of a JSON text, canonical again afterwards."""
        try:
            value = json.loads(data)
        except ValueError:
            return self.in_bytes(data)
        for _ in range(self.draw.choice([1, 1, 2, 3])):
            self.change(value)
        try:
            found = canonical.dumps(value)
        except (ValueError, TypeError, RecursionError):
            found = json.dumps(value).encode()
        return self.in_bytes(found) if self.draw.random() < 0.1 else found

    def change(self, value):
        """Change one place of a JSON value."""
        while True:
            keys = list(value) if isinstance(value, dict) else list(range(len(value)))
            if not keys:
                break
            key = self.draw.choice(keys)
            inner = value[key]
            if isinstance(inner, dict | list) and inner and self.draw.random() < 0.8:
                value = inner
                continue
            way = self.draw.randrange(5)
            if way == 0:
                del value[key]
            elif way == 1 and isinstance(inner, str) and inner:
                value[key] = self.in_text(inner)
            elif way == 2 and isinstance(inner, int):
                value[key] = inner + self.draw.choice([-1, 1, *NUMBERS])
            elif way == 3:
                value[key] = self.repeated(inner)
            else:
                value[key] = copy.deepcopy(self.draw.choice(VALUES))
            break
        if isinstance(value, dict) and self.draw.random() < 0.1:
            value[self.draw.choice(["x", "", "kind", "version", "\x00"])] = copy.deepcopy(
                self.draw.choice(VALUES)
            )

    def repeated(self, value):
        """Return a list of one value, again and again, but of no more than some megabytes."""
        times = min(self.draw.choice([1, 2, 300]), MOST_REPEATED // len(json.dumps(value)))
        return [copy.deepcopy(value) for _ in range(max(times, 1))]

    def in_text(self, text):
        with contextlib.suppress(ValueError):
            inner = base64.b64decode(text, validate=True)
            if inner[:1] == b"{":  # a payload in its envelope, an envelope in its export
                return base64.b64encode(self.in_json(inner)).decode()
        if text[:1] == "{":
            return self.in_json(text.encode()).decode(errors="replace")
        at = self.draw.randrange(len(text))
        return text[:at] + self.draw.choice(["0", "f", "g", "", "A", "é", "\n"]) + text[at + 1 :]

    def signed(self, data):
        """Sign what was changed, with the key of whom it says it is from."""
        try:
            payload = open_envelope(data).payload
        except PeerError:
            return data
        if self.draw.random() < 0.9:
            payload = self.in_json(payload)
        party = "bkkbn"
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            party = json.loads(payload).get("party")
        key = signing_key(party if isinstance(party, str) else "")
        name = canonical.sha256(key.public_key().public_bytes_raw())
        try:
            return seal_envelope(payload, key.sign, name)
        except Exception:  # noqa: BLE001 - too large to be sealed: as it was then
            return data


def parse(parser, path):
    """Parse one file; return what is wrong with how that went, or None."""
    try:
        PARSERS[parser](path)
    except PeerError:
        return None
    except BaseException:  # noqa: BLE001 - whatever it is, it's a failure
        return traceback.format_exc()
    return None


def bounded():
    """Bound the memory of this process to a little more than it has."""
    status = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":" in line
    )
    used = int(status["VmSize"].split()[0]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("parser", choices=PARSERS)
    options.add_argument("--seconds", type=float, default=1)
    options.add_argument("--seed", default="1")
    options.add_argument("--keep", type=Path, default=Path())
    options.add_argument("--file", type=Path)
    given = options.parse_args()
    parser = given.parser
    mutator = Mutator(parser, given.seed)
    path = given.file or given.keep / f"{parser}-{given.seed}.failing"
    with tempfile.TemporaryDirectory() as folder:
        for data in mutator.members if not given.file else ():
            member = Path(folder) / "member"
            member.write_bytes(data)
            fault = parse(parser, member)
            if fault:
                path.write_bytes(data)
                print(fault, f"failing input: {path}", sep="\n")
                return 1
    bounded()
    if given.file:
        fault = parse(parser, path)
        print(fault or "taken, or refused as it should be")
        return int(bool(fault))
    end = time.monotonic() + given.seconds
    for count in itertools.count():
        if time.monotonic() > end:
            print(f"{parser}: {count} inputs")
            path.unlink(missing_ok=True)
            return 0
        path.write_bytes(mutator.next())
        fault = parse(parser, path)
        if fault:
            print(fault, f"input {count}; failing input: {path}", sep="\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
