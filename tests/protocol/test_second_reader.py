"""The second reader accepts what was recorded, refuses what was changed, and our audit agrees."""

import ast
import json
import shutil
import sys
from pathlib import Path

import pytest

from pprl_protocols.audit import bundle
from pprl_protocols.audit.examine import audit
from pprl_protocols.exchange import Exchange
from tests.protocol import second_reader
from tests.protocol.retelling import found, retold
from tests.protocol.second_reader import RefusedError
from vectors.make import FOLDER
from vectors.record import RECORDED

(RUN,) = (path for path in RECORDED.iterdir() if path.is_dir())
FILES = sorted(path.relative_to(RUN).as_posix() for path in RUN.rglob("*") if path.is_file())
TRANSCRIPTS = sorted(path.name for path in (FOLDER / "transcript").glob("*.json"))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def extend(path):
    path.write_bytes(path.read_bytes() + b"\n")


def remove(path):
    path.unlink()


def swap(path):
    other = next(each for each in sorted(path.parent.iterdir(), reverse=True) if each != path)
    path.write_bytes(other.read_bytes())


CHANGES = (flip, cut, empty, extend, remove)
UNREADABLE = {("agreement.json", remove)}
"""Without an agreement there is nothing to audit: the command says so."""


def read(run):
    """Return the second reader's digest of the transcript; None when it refuses."""
    try:
        return second_reader.read_exchange(run)
    except RefusedError:
        return None


def audited(run):
    """Return our audit's digest of the transcript; None when it doesn't pass."""
    report = audit(bundle.from_exchange(Exchange.open(str(run.parent)), run.name))
    return report.transcript if report.status == "pass" else None


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(RUN, tmp_path / RUN.name)


def test_it_imports_nothing_of_ours():
    tree = ast.parse(Path(second_reader.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
    assert "cryptography" in imported
    assert imported <= {*sys.stdlib_module_names, "cryptography"}


def test_it_accepts_an_honest_run_and_finds_the_digest_that_our_audit_finds(copied):
    digest = read(copied)
    assert digest == audited(copied) == second_reader.sha256(
        (copied / "log" / "coordinator" / "000002.json").read_bytes()
    )  # fmt: skip


def test_it_accepts_what_our_code_writes_today(recorded):
    folder = recorded.folder / "closed" / "exchange"
    (run,) = (path for path in folder.iterdir() if path.is_dir())
    assert read(run) == audited(run) == recorded.digest


def test_a_run_without_its_end_is_refused_and_doesnt_pass(recorded):
    (run,) = (recorded.folder / "received" / "exchange").iterdir()
    assert (read(run), audited(run)) == (None, None)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", FILES)
def test_it_refuses_every_changed_file_and_so_does_our_audit(copied, name, change):
    change(copied / name)
    with pytest.raises(RefusedError):
        second_reader.read_exchange(copied)
    if (name, change) not in UNREADABLE:
        assert audited(copied) is None


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("log/agency")])
def test_it_refuses_one_entry_in_the_place_of_another(copied, name):
    swap(copied / name)
    with pytest.raises(RefusedError, match="another place"):
        second_reader.read_exchange(copied)


def test_it_refuses_an_entry_that_was_copied_behind_the_last(copied):
    folder = copied / "log" / "auditor"
    shutil.copy(folder / "000000.json", folder / "000001.json")
    with pytest.raises(RefusedError, match="auditor/1: lies at another place"):
        second_reader.read_exchange(copied)
    assert audited(copied) is None


def test_it_refuses_the_same_content_spelled_otherwise(copied):
    path = copied / "log" / "agency-a" / "000001.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes())).encode())
    with pytest.raises(RefusedError, match="agency-a/1: isn't canonical JSON"):
        second_reader.read_exchange(copied)


def lied(kind, party=None, **updates):
    """Return what says other things in the place of a message."""

    def change(message):
        if message.kind != kind or party not in (None, message.party):
            return message
        return message.model_copy(update=updates) if updates else None

    return change


LIES = {
    "nothing": lied("ABORT"),
    "other signs": lied("ENCODINGS", "kemensos", signs="ab" * 32),
    "other signs in RESULT": lied("RESULT", signs="ab" * 32),
    "another confirmation": lied("ENCODINGS", "bkkbn", confirmation="ab" * 32),
    "another sealed file": lied("ENCODINGS", "bkkbn", sealed="ab" * 32),
    "another size": lied("ENCODINGS", "bkkbn", size=4242),
    "another receipt": lied("RECEIPT", "bkkbn", row_bytes=60),
    "a missing receipt that isn't": lied("CLOSE", missing=("bkkbn",)),
    "no SIGN of the auditor": lied("SIGN", "inspektorat"),
    "no receipt": lied("RECEIPT", "kemensos"),
}


@pytest.mark.parametrize("lie", LIES)
def test_it_finds_what_the_owners_of_all_keys_say_wrongly_and_so_does_our_audit(
    recorded, tmp_path, lie
):
    federation = recorded.at("closed", tmp_path / "federation")
    told = retold(federation, found(federation), change=LIES[lie])
    shutil.rmtree(federation.files / "log")
    for party, log in told.logs.items():
        (federation.files / "log" / party).mkdir(parents=True)
        for stored in log:
            path = federation.files / "log" / party / f"{stored.seq:06d}.json"
            path.write_bytes(stored.data)
    accepted = read(federation.files)
    assert accepted == audited(federation.files)
    assert (accepted is not None) == (lie == "nothing")


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_it_judges_whole_transcripts_as_the_known_answers_say(name):
    case = json.loads((FOLDER / "transcript" / name).read_bytes())
    agreement = json.loads((FOLDER / case["given"]["agreement"]).read_bytes())["given"]["text"]
    files = [
        (one["party"], one["number"], one["envelope"].encode()) for one in case["given"]["files"]
    ]
    try:
        _, close = second_reader.read(agreement.encode(), files)
    except RefusedError:
        assert case["expect"] != "pass"
    else:
        assert (case["expect"], case["answer"]["digest"]) == ("pass", close)


@pytest.mark.parametrize("kind", ["canonical", "envelope"])
def test_it_judges_canonical_json_and_envelopes_as_the_known_answers_say(kind):
    for path in sorted((FOLDER / kind).glob("*.json")):
        case = json.loads(path.read_bytes())
        try:
            _judge(kind, case["given"])
        except RefusedError:
            verdict = "refused"
        else:
            verdict = "pass"
        assert (verdict == "pass") == (case["expect"] == "pass"), path.name


def _judge(kind, given):
    if kind == "canonical":
        data = bytes.fromhex(given["hex"]) if "hex" in given else given["text"].encode()
        second_reader.parsed(data, "a case")
    else:
        key = bytes.fromhex(given["public_key"])
        opened = second_reader.unwrapped(given["envelope"].encode(), "a case")
        second_reader.verify(*opened, key, "a case")
