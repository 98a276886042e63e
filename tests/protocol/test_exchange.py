import hashlib
import io
import subprocess
import sys

import pytest

from pprl.errors import ConfigError, PeerError
from pprl_protocols import limits
from pprl_protocols.exchange import Exchange, Stored, sync

RUN = "0123456789abcdef" * 2
CONTENT = b"sealed" * 1000


@pytest.fixture
def exchange(tmp_path):
    (tmp_path / "one").mkdir()
    return Exchange.open(str(tmp_path / "one"))


@pytest.fixture
def other(tmp_path):
    (tmp_path / "other").mkdir()
    return Exchange.open(str(tmp_path / "other"))


def refusal(work, *values):
    with pytest.raises(PeerError) as caught:
        work(*values)
    return caught.value.code


def put(exchange, content=CONTENT):
    return exchange.put_blob(RUN, io.BytesIO(content))


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_lie_where_the_layout_says(tmp_path, exchange):
    exchange.put_agreement(RUN, b"agreement")
    exchange.put_entry(RUN, "dinkes", 7, b"entry")
    digest = put(exchange)
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert files(tmp_path / "one") == {
        f"{RUN}/agreement.json": b"agreement",
        f"{RUN}/log/dinkes/000007.json": b"entry",
        f"{RUN}/blobs/{digest}": CONTENT,
    }
    assert exchange.runs() == [RUN]
    assert exchange.parties(RUN) == ["dinkes"]
    assert exchange.blobs(RUN) == [digest]
    assert exchange.blob_size(RUN, digest) == len(CONTENT)
    assert exchange.agreement(RUN) == b"agreement"
    assert list(exchange.entries(RUN, "dinkes")) == [Stored("dinkes", 7, b"entry")]


def test_an_address_is_a_folder_or_a_file_url(tmp_path):
    (tmp_path / "with space").mkdir()
    Exchange.open(f"file://{tmp_path}/with%20space").put_agreement(RUN, b"a")
    assert Exchange.open(str(tmp_path / "with space")).runs() == [RUN]
    for url in ("s3://bucket", "sftp://host/folder", "file://host/folder"):
        with pytest.raises(ConfigError) as caught:
            Exchange.open(url)
        assert caught.value.code == "exchange.scheme"
    with pytest.raises(ConfigError) as caught:
        Exchange.open(str(tmp_path / "none"))
    assert caught.value.code == "exchange.missing"


def test_publishing_twice_changes_nothing_and_other_content_is_refused(tmp_path, exchange):
    for _ in range(2):
        exchange.put_agreement(RUN, b"agreement")
        exchange.put_entry(RUN, "dinkes", 0, b"entry")
        put(exchange)
    before = files(tmp_path / "one")
    assert len(before) == 3
    assert refusal(exchange.put_agreement, RUN, b"another") == "exchange.contradiction"
    assert refusal(exchange.put_entry, RUN, "dinkes", 0, b"entries") == "exchange.contradiction"
    assert files(tmp_path / "one") == before


def test_a_name_from_outside_never_becomes_a_path(exchange):
    for run in ("..", "a/b", RUN.upper(), RUN[:-1], RUN + "\n", ""):
        assert refusal(exchange.agreement, run) == "exchange.bad_name"
    for party in ("..", "a/b", "Dinkes", "con", "", "a" * 65, "dinkes\n"):
        assert refusal(exchange.put_entry, RUN, party, 0, b"") == "exchange.bad_name"
    for seq in (-1, limits.MAX_ENTRIES):
        assert refusal(exchange.put_entry, RUN, "dinkes", seq, b"") == "exchange.bad_name"
    for digest in ("../agreement.json", "0" * 63, "0" * 64 + "\n", "A" * 64):
        assert refusal(exchange.open_blob, RUN, digest) == "exchange.bad_name"


def test_missing_files_are_named(exchange):
    assert refusal(exchange.agreement, RUN) == "exchange.file_missing"
    assert refusal(exchange.open_blob, RUN, "0" * 64) == "exchange.file_missing"
    assert exchange.blob_size(RUN, "0" * 64) is None
    assert list(exchange.entries(RUN, "dinkes")) == []


def test_what_is_too_large_is_refused_in_both_directions(tmp_path, exchange):
    large = b"x" * (limits.MAX_ENVELOPE_BYTES + 1)
    assert refusal(exchange.put_entry, RUN, "dinkes", 0, large) == "exchange.too_large"
    exchange.put_entry(RUN, "dinkes", 0, large[:-1])
    with (tmp_path / "one" / RUN / "log/dinkes/000001.json").open("wb") as file:
        file.truncate(10 << 30)  # an "envelope" of 10 GB, without taking the room
    entries = exchange.entries(RUN, "dinkes")
    assert len(next(entries).data) == limits.MAX_ENVELOPE_BYTES
    assert refusal(next, entries) == "exchange.too_large"
    assert refusal(exchange.put_entry, RUN, "dinkes", 1, b"entry") == "exchange.too_large"


def test_a_blob_over_the_limit_is_refused_and_leaves_nothing(tmp_path, exchange, monkeypatch):
    digest = put(exchange)
    monkeypatch.setattr(limits, "MAX_BLOB_BYTES", len(CONTENT) - 1)
    assert refusal(put, exchange, CONTENT + b"!") == "exchange.too_large"
    assert refusal(exchange.check_blob, RUN, digest) == "exchange.too_large"
    assert set(files(tmp_path / "one")) == {f"{RUN}/blobs/{digest}"}


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"!",
        lambda data: b"X" + data[1:],
        lambda _: b"",
    ],
    ids=["truncated", "extended", "changed", "emptied"],
)
def test_a_changed_blob_is_found_before_its_end(tmp_path, exchange, other, change):
    digest = put(exchange)
    path = tmp_path / "one" / RUN / "blobs" / digest
    path.write_bytes(change(CONTENT))
    with exchange.open_blob(RUN, digest) as blob:
        assert refusal(blob.read) == "exchange.blob_broken"
    assert refusal(exchange.check_blob, RUN, digest) == "exchange.blob_broken"
    assert refusal(put, exchange) == "exchange.blob_broken"
    assert refusal(sync, exchange, other) == "exchange.blob_broken"
    assert files(tmp_path / "other") == {}


def test_a_blob_is_read_in_pieces_of_any_size(exchange):
    content = bytes(range(256)) * 5000
    digest = put(exchange, content)
    with exchange.open_blob(RUN, digest) as blob:
        pieces = [blob.read(100_000) for _ in range(14)]
    assert b"".join(pieces) == content
    assert exchange.blobs(RUN) == [put(exchange, content)]
    with exchange.open_blob(RUN, put(exchange, b"")) as blob:
        assert blob.read() == b""


def test_names_outside_the_layout_are_ignored(tmp_path, exchange):
    exchange.put_entry(RUN, "dinkes", 0, b"entry")
    digest = put(exchange)
    run = tmp_path / "one" / RUN
    for name in (".part-00", "0.json", "000001.json.bak", "000001.JSON", "README.txt"):
        (run / "log/dinkes" / name).write_bytes(b"stray")
        (run / "blobs" / name).write_bytes(b"stray")
    (run / "log" / "Not A Party").mkdir()
    (run.parent / "notes").mkdir()
    assert [entry.seq for entry in exchange.entries(RUN, "dinkes")] == [0]
    assert exchange.parties(RUN) == ["dinkes"]
    assert exchange.blobs(RUN) == [digest]
    assert exchange.runs() == [RUN]


def test_a_linked_entry_is_refused(tmp_path, exchange):
    exchange.put_entry(RUN, "dinkes", 0, b"entry")
    log = tmp_path / "one" / RUN / "log/dinkes"
    (log / "000001.json").symlink_to(log / "000000.json")
    assert refusal(list, exchange.entries(RUN, "dinkes")) == "exchange.not_a_file"


def test_sync_gives_each_the_files_of_both_and_then_does_nothing(tmp_path, exchange, other):
    exchange.put_agreement(RUN, b"agreement")
    exchange.put_entry(RUN, "dinkes", 0, b"zero")
    exchange.put_entry(RUN, "dinkes", 1, b"one")
    other.put_entry(RUN, "dinkes", 0, b"zero")
    other.put_entry(RUN, "dukcapil", 0, b"zero")
    other.put_agreement("f" * 32, b"another run")
    put(exchange)
    put(other, b"small")
    assert sync(exchange, other) == 6
    assert files(tmp_path / "one") == files(tmp_path / "other")
    assert len(files(tmp_path / "one")) == 7
    assert sync(other, exchange) == 0


@pytest.mark.parametrize("what", ["agreement", "entry", "blob"])
def test_sync_copies_nothing_between_exchanges_that_contradict_each_other(
    tmp_path, exchange, other, what
):
    digests = {put(exchange), put(other)}
    for one, text in ((exchange, b"one"), (other, b"other")):
        one.put_agreement(RUN, text if what == "agreement" else b"same")
        one.put_entry(RUN, "dinkes", 0, text if what == "entry" else b"same")
        one.put_entry(RUN, text.decode(), 0, b"only here")
    if what == "blob":
        (tmp_path / "other" / RUN / "blobs" / digests.pop()).write_bytes(b"another")
    before = files(tmp_path / "one"), files(tmp_path / "other")
    expected = "exchange.blob_broken" if what == "blob" else "exchange.contradiction"
    assert refusal(sync, exchange, other) == expected
    assert refusal(sync, other, exchange) == expected
    assert (files(tmp_path / "one"), files(tmp_path / "other")) == before


def test_too_many_files_are_refused(exchange, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILES", 2)
    for content in (b"1", b"2"):
        put(exchange, content)
    assert len(exchange.blobs(RUN)) == 2
    put(exchange, b"3")
    assert refusal(exchange.blobs, RUN) == "exchange.too_many_files"


def test_a_killed_writer_leaves_no_file_and_can_repeat(tmp_path, exchange):
    code = (
        "import sys; from pprl_protocols.exchange import Exchange;"
        "Exchange.open(sys.argv[1]).put_blob(sys.argv[2], sys.stdin.buffer)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "one"), RUN]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as writer:
        writer.stdin.write(CONTENT * 1000)  # more than one piece: some is on the disk
        writer.stdin.flush()
        writer.kill()
    assert writer.returncode < 0
    assert exchange.blobs(RUN) == []
    digest = put(exchange, CONTENT * 1000)
    assert exchange.blobs(RUN) == [digest]
    exchange.check_blob(RUN, digest)
