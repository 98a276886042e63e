import os

import pytest

from pprl.errors import ConfigError
from pprl_protocols import passphrase

DECOMPOSED = "rahasia cafe\N{COMBINING ACUTE ACCENT}"
COMPOSED = "rahasia caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def private(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def refused(code, work, *arguments):
    with pytest.raises(ConfigError) as caught:
        work(*arguments)
    assert caught.value.code == code
    return caught.value


def through_a_pipe(data, times=1):
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        return [passphrase.from_descriptor(reading) for _ in range(times)]
    finally:
        os.close(reading)


@pytest.mark.parametrize("data", [b"rahasia", b"rahasia\n", b"rahasia\r\n", b"rahasia\nmore\n"])
def test_the_first_line_is_the_passphrase(tmp_path, data):
    assert passphrase.from_file(private(tmp_path / "p", data)) == b"rahasia"
    assert through_a_pipe(data) == [b"rahasia"]


def test_spaces_belong_to_the_passphrase(tmp_path):
    assert passphrase.from_file(private(tmp_path / "p", b" a b \n")) == b" a b "


def test_typed_and_filed_passphrases_agree_however_accents_are_written(tmp_path):
    wanted = COMPOSED.encode()
    assert passphrase.from_text(COMPOSED) == passphrase.from_text(DECOMPOSED) == wanted
    assert passphrase.from_file(private(tmp_path / "p", DECOMPOSED.encode())) == wanted
    assert passphrase.from_file(private(tmp_path / "p", COMPOSED.encode("utf-8-sig"))) == wanted


def test_a_descriptor_gives_one_line_after_the_other():
    assert through_a_pipe(b"one\ntwo\n", times=2) == [b"one", b"two"]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b"\nrahasia"])
def test_an_empty_passphrase_is_refused(tmp_path, data):
    refused("home.passphrase_empty", passphrase.from_file, private(tmp_path / "p", data))
    refused("home.passphrase_empty", through_a_pipe, data)


@pytest.mark.parametrize("data", [b"x" * 1025, b"x" * 60_000, "é".encode() * 700])
def test_a_long_passphrase_is_refused(tmp_path, data):
    refused("home.passphrase_long", passphrase.from_file, private(tmp_path / "p", data))
    refused("home.passphrase_long", through_a_pipe, data)


def test_the_longest_passphrase_is_taken(tmp_path):
    assert passphrase.from_file(private(tmp_path / "p", b"x" * 1024 + b"\r\n")) == b"x" * 1024


def test_what_is_no_text_is_refused_without_repeating_it(tmp_path):
    error = refused(
        "home.passphrase_text", passphrase.from_file, private(tmp_path / "p", b"secret\xff")
    )
    assert "secret" not in str(error)
    refused("home.passphrase_text", passphrase.from_text, "\udc80")


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = private(tmp_path / "p", b"rahasia")
    path.chmod(0o644)
    refused("home.readable", passphrase.from_file, path)


def test_missing_files_and_closed_descriptors_are_said(tmp_path):
    refused("home.unreadable", passphrase.from_file, tmp_path / "none")
    refused("home.unreadable", passphrase.from_file, tmp_path)
    refused("home.passphrase_descriptor", passphrase.from_descriptor, 987)
