import os

import pytest

from pprl.errors import ConfigError, PeerError
from pprl_protocols.store import LocalStore


def write(store, folder, name, data=b"data"):
    with store.stage(folder) as staged:
        staged.write(data)
        staged.publish(name)


def break_off(store):
    with store.stage(("a",)) as staged:
        staged.write(b"half")
        raise KeyboardInterrupt


def test_a_published_file_is_read_back(tmp_path):
    store = LocalStore(tmp_path)
    write(store, ("a", "b"), "name", b"x" * 10)
    assert store.names(("a", "b"), limit=5) == ["name"]
    assert store.size(("a", "b", "name")) == 10
    with store.open(("a", "b", "name")) as file:
        assert file.read() == b"x" * 10


def test_what_is_not_there_is_said_plainly(tmp_path):
    store = LocalStore(tmp_path)
    assert store.names(("a",), limit=5) == []
    assert store.size(("a", "b")) is None
    with pytest.raises(FileNotFoundError):
        store.open(("a", "b"))
    with pytest.raises(ConfigError, match="no exchange folder"):
        LocalStore(tmp_path / "none")


def test_an_unpublished_file_leaves_nothing(tmp_path):
    store = LocalStore(tmp_path)
    with store.stage(("a",)) as staged:
        staged.write(b"half")
    with pytest.raises(KeyboardInterrupt):
        break_off(store)
    assert list((tmp_path / "a").iterdir()) == []


def test_temporaries_of_a_killed_process_are_not_listed(tmp_path):
    store = LocalStore(tmp_path)
    write(store, ("a",), "whole")
    (tmp_path / "a" / ".part-0011").write_bytes(b"half")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"")
    assert store.names(("a",), limit=5) == ["whole"]


@pytest.mark.parametrize("depth", [1, 2])
def test_a_linked_folder_is_refused(tmp_path, depth):
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (outside / "b" / "name").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    place = ("b", "name") if depth == 1 else ("a", "b", "name")
    root.joinpath(*place[:-1]).symlink_to(outside / "b")
    store = LocalStore(root)
    for use in (
        lambda: store.open(place),
        lambda: store.names(place[:-1], limit=5),
        lambda: write(store, place[:-1], "new"),
    ):
        with pytest.raises(PeerError) as caught:
            use()
        assert caught.value.code == "exchange.not_a_folder"
    assert sorted(path.name for path in (outside / "b").iterdir()) == ["name"]


def test_what_is_no_ordinary_file_is_refused_and_does_not_hang(tmp_path):
    store = LocalStore(tmp_path)
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "folder", "pipe"):
        with pytest.raises(PeerError) as caught:
            store.open((name,))
        assert caught.value.code == "exchange.not_a_file"


def test_a_file_where_a_folder_belongs_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(PeerError) as caught:
        write(LocalStore(tmp_path), ("a",), "name")
    assert caught.value.code == "exchange.not_a_folder"


def test_too_many_names_are_refused(tmp_path):
    for number in range(4):
        (tmp_path / str(number)).touch()
    store = LocalStore(tmp_path)
    assert len(store.names((), limit=4)) == 4
    with pytest.raises(PeerError) as caught:
        store.names((), limit=3)
    assert caught.value.code == "exchange.too_many_files"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", "c:x"])
def test_a_name_is_never_a_path(tmp_path, name):
    store = LocalStore(tmp_path)
    with pytest.raises(ValueError, match="not a name"):
        store.open((name,))
    with pytest.raises(ValueError, match="not a name"):
        write(store, (), name)
    with pytest.raises(ValueError, match="not a name"):
        store.names((name,), limit=5)


def test_a_folder_that_is_gone_is_not_an_empty_one(tmp_path):
    root = tmp_path / "stick"
    root.mkdir()
    store = LocalStore(root)
    root.rmdir()
    for use in (
        lambda: store.names((), limit=5),
        lambda: store.size(("a",)),
        lambda: write(store, ("a",), "name"),
    ):
        with pytest.raises(ConfigError) as caught:
            use()
        assert caught.value.code == "exchange.missing"


def test_a_name_that_is_taken_by_a_folder_is_said_and_nothing_is_left(tmp_path):
    (tmp_path / "a" / "name" / "inner").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        write(LocalStore(tmp_path), ("a",), "name")
    assert caught.value.code == "exchange.unwritable"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["name"]
