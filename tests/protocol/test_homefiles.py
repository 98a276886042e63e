import errno
import os

import pytest

from pprl.errors import ConfigError, LimitError
from pprl_protocols.homefiles import erase, erase_folder, make_folder, read_private, replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "entry"
    with replacing(path) as file:
        file.write(b"old")

    def fail():
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert read_private(path, limit=3) == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["entry"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    def fail():
        with replacing(tmp_path / "entry") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(LimitError) as caught:
        fail()
    assert caught.value.code == "home.disk_full"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(ConfigError) as caught, replacing(tmp_path / "no" / "entry"):
        pytest.fail("the block must not run")
    assert caught.value.code == "home.unwritable"


def test_a_file_larger_than_asked_for_is_not_read(tmp_path):
    with replacing(tmp_path / "entry") as file:
        file.write(b"four")
    with pytest.raises(ConfigError) as caught:
        read_private(tmp_path / "entry", limit=3)
    assert caught.value.code == "home.damaged"


def test_a_link_or_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    make_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_bytes(b"")
    for name, code in (("link", "home.missing"), ("file", "home.unwritable")):
        with pytest.raises(ConfigError) as caught:
            make_folder(tmp_path / name)
        assert caught.value.code == code


def test_erasing_leaves_zeros_where_the_bytes_were(tmp_path):
    path, other = tmp_path / "card", tmp_path / "second name"
    path.write_bytes(b"secret" * 300_000)
    os.link(path, other)
    erase(path)
    erase(path)
    assert not path.exists()
    assert other.read_bytes() == bytes(1_800_000)
    with pytest.raises(ConfigError) as caught:
        erase(tmp_path)
    assert caught.value.code == "home.unwritable"


def test_a_folder_is_erased_with_all_that_is_in_it_and_no_link_is_followed(tmp_path):
    (tmp_path / "kept").write_bytes(b"kept")
    folder = tmp_path / "work"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for name in ("a", "deep/b", "deep/deeper/c"):
        (folder / name).write_bytes(b"plain")
    (folder / "deep" / "link").symlink_to(tmp_path / "kept")
    erase_folder(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"kept"
