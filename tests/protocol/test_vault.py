import json
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.errors import ConfigError
from pprl_protocols.vault import MAX_SECRET_BYTES, Cost, Vault

CHEAP = Cost(iterations=1, lanes=1, memory_kib=8)
PIECE = 1 << 20


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def vault(home):
    return Vault.create(home, b"rahasia", cost=CHEAP)


def refused(code, work, *arguments):
    with pytest.raises(ConfigError) as caught:
        work(*arguments)
    assert caught.value.code == code


def read_stream(vault, name):
    with vault.reader(name) as file:
        return file.read()


def write_stream(vault, name, *pieces):
    with vault.writer(name) as file:
        for piece in pieces:
            file.write(piece)


def test_what_was_put_is_got_by_a_later_opening(home, vault):
    vault.put("identity", b"private")
    vault.put("identity", b"private again")
    assert Vault.open(home, b"rahasia").get("identity") == b"private again"


def test_another_passphrase_opens_nothing(home, vault):
    vault.put("identity", b"private")
    refused("home.passphrase", Vault.open, home, b"Rahasia")


def test_no_plain_byte_and_no_passphrase_lies_in_the_home(home, vault):
    canary = b"3273014107900001 SITI AMINAH"
    vault.put("card", canary)
    write_stream(vault, "map", canary * 1000)
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert canary not in data
            assert canary.hex().encode() not in data
            assert b"rahasia" not in data


def test_only_the_owner_may_read_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        vault = Vault.create(tmp_path / "home", b"rahasia", cost=CHEAP)
        vault.put("card", b"x")
        write_stream(vault, "map", b"x")
    finally:
        os.umask(before)
    for path in [tmp_path / "home", *(tmp_path / "home").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.parametrize("what", [".", "secrets", "vault.json"])
@pytest.mark.parametrize("extra", [0o040, 0o004, 0o020, 0o001])
def test_a_home_open_to_others_is_refused(home, vault, what, extra):
    del vault
    path = home / what
    path.chmod(path.stat().st_mode | extra)
    refused("home.readable", Vault.open, home, b"rahasia")


def test_a_secret_open_to_others_is_refused(home, vault):
    vault.put("card", b"x")
    write_stream(vault, "map", b"x")
    for name in ("card", "map"):
        (home / "secrets" / name).chmod(0o640)
    refused("home.readable", vault.get, "card")
    refused("home.readable", read_stream, vault, "map")


def test_a_folder_that_others_can_read_becomes_no_home(home):
    home.mkdir(mode=0o755)
    refused("home.readable", Vault.create, home, b"rahasia")
    assert list(home.iterdir()) == []


def test_a_home_is_never_made_twice(home, vault):
    vault.put("card", b"x")
    refused("home.exists", Vault.create, home, b"other")
    assert Vault.open(home, b"rahasia").get("card") == b"x"


def test_what_is_no_home_is_said(tmp_path, home):
    refused("home.missing", Vault.open, home, b"rahasia")
    home.mkdir(mode=0o700)
    refused("home.missing", Vault.open, home, b"rahasia")
    (tmp_path / "file").write_bytes(b"")
    refused("home.missing", Vault.open, tmp_path / "file", b"rahasia")


def test_links_and_pipes_are_no_secrets(tmp_path, home, vault):
    vault.put("card", b"x")
    (home / "secrets" / "card").rename(tmp_path / "elsewhere")
    (home / "secrets" / "card").symlink_to(tmp_path / "elsewhere")
    refused("home.unreadable", vault.get, "card")
    os.mkfifo(home / "secrets" / "pipe", 0o600)
    refused("home.unreadable", vault.get, "pipe")


def test_swapped_secrets_do_not_open(home, vault):
    vault.put("one", b"1")
    vault.put("two", b"2")
    write_stream(vault, "three", b"3")
    secrets = home / "secrets"
    (secrets / "one").replace(secrets / "two")
    refused("home.damaged", vault.get, "two")
    (secrets / "three").replace(secrets / "four")
    refused("home.damaged", read_stream, vault, "four")


def test_a_stream_is_no_secret_and_the_other_way_round(vault):
    vault.put("small", b"x" * 100)
    write_stream(vault, "large", b"x" * 100)
    refused("home.damaged", vault.get, "large")
    refused("home.damaged", read_stream, vault, "small")


def test_every_changed_byte_of_a_secret_and_every_cut_is_found(home, vault):
    vault.put("card", b"private")
    path = home / "secrets" / "card"
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        refused("home.damaged", vault.get, "card")
        path.write_bytes(good[:at])
        refused("home.damaged", vault.get, "card")
    path.write_bytes(good + b"\0")
    refused("home.damaged", vault.get, "card")


@pytest.mark.parametrize("length", [0, 1, 16384, PIECE, 2 * PIECE, 2 * PIECE + 5])
def test_a_stream_comes_back_and_every_kind_of_cut_is_found(home, vault, length):
    data = os.urandom(length)
    write_stream(vault, "map", data)
    assert read_stream(vault, "map") == data
    path = home / "secrets" / "map"
    good = path.read_bytes()
    chunk = 16384 + 16
    for bad in (good[:-1], good + b"\0", good[:20], good[: 46 + 56 + chunk], b""):
        if bad != good:
            path.write_bytes(bad)
            refused("home.damaged", read_stream, vault, "map")


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=70_000), max_size=6), st.integers(1, 90_000))
def test_a_stream_is_the_same_however_it_is_cut(tmp_path_factory, pieces, size):
    vault = Vault.create(tmp_path_factory.mktemp("v") / "home", b"x", cost=CHEAP)
    write_stream(vault, "map", *pieces)
    got = b""
    with vault.reader("map") as file:
        while one := file.read(size):
            got += one
    assert got == b"".join(pieces)


def test_a_stream_reads_line_by_line(vault):
    write_stream(vault, "map", b"a,1\n", b"b,2\n")
    with vault.reader("map") as file:
        assert list(file) == [b"a,1\n", b"b,2\n"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failing_writer_leaves_the_stream_of_before(home, vault, failure):
    write_stream(vault, "map", b"old")

    def fail():
        with vault.writer("map") as file:
            file.write(b"new" * PIECE)
            raise failure

    with pytest.raises(failure):
        fail()
    assert read_stream(vault, "map") == b"old"
    assert [path.name for path in (home / "secrets").iterdir()] == ["map"]


def test_a_killed_writer_leaves_the_stream_of_before(home, vault):
    write_stream(vault, "map", b"old")
    program = textwrap.dedent(
        f"""
        import pathlib, time
        from pprl_protocols.vault import Vault
        vault = Vault.open(pathlib.Path({str(home)!r}), b"rahasia")
        with vault.writer("map") as file:
            file.write(bytes(5 << 20))
            print("writing", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert len(list((home / "secrets").iterdir())) == 2
    again = Vault.open(home, b"rahasia")
    assert again.names() == ["map"]
    assert read_stream(again, "map") == b"old"
    again.tidy()
    assert [path.name for path in (home / "secrets").iterdir()] == ["map"]


def test_a_deleted_secret_is_gone_and_may_be_deleted_again(home, vault):
    vault.put("card", b"x")
    path = home / "secrets" / "card"
    other = home / "kept"
    os.link(path, other)  # a second name shows what became of the bytes
    vault.delete("card")
    vault.delete("card")
    assert not vault.has("card")
    assert vault.names() == []
    assert not any(other.read_bytes())
    refused("home.no_secret", vault.get, "card")
    refused("home.no_secret", read_stream, vault, "card")


@pytest.mark.parametrize("name", ["", "../identity", "a/b", ".part-1", "A", "x" * 129, "a\n", "é"])
def test_names_never_become_paths_unchecked(vault, name):
    with pytest.raises(ValueError, match="not a name"):
        vault.put(name, b"")


def test_a_secret_too_large_for_one_reading_is_refused_before_it_is_written(vault):
    with pytest.raises(ValueError, match="stream"):
        vault.put("map", bytes(MAX_SECRET_BYTES + 1))
    assert vault.names() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory_kib", 1 << 40),
        ("memory_kib", 1),
        ("iterations", 0),
        ("lanes", 64),
        ("salt", "00"),
        ("name", "scrypt"),
        ("more", 1),
    ],
)
def test_a_broken_vault_file_is_said_before_memory_is_taken(home, vault, key, value):
    del vault
    content = json.loads((home / "vault.json").read_text())
    content["kdf"][key] = value
    (home / "vault.json").write_text(json.dumps(content))
    refused("home.damaged", Vault.open, home, b"rahasia")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{" * 20_000, b"[" * 10_000])
def test_a_vault_file_of_something_else_is_said(home, vault, data):
    del vault
    (home / "vault.json").write_bytes(data)
    refused("home.damaged", Vault.open, home, b"rahasia")


def test_another_work_factor_in_the_file_opens_nothing(home, vault):
    del vault
    content = json.loads((home / "vault.json").read_text())
    content["kdf"]["iterations"] = 2
    (home / "vault.json").write_text(json.dumps(content))
    refused("home.passphrase", Vault.open, home, b"rahasia")


def test_a_vault_never_shows_its_key(vault):
    assert repr(vault) == f"Vault({str(vault._secrets.parent)!r})"  # noqa: SLF001 - the whole text is compared
