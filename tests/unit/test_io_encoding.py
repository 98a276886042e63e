"""Encodings of CSV files."""

import io

import pytest

from pprl.errors import ConfigError
from pprl.io.encoding import Utf8Reader

TEXT = "nama;desa\nANDRÉ;Kampung Ñ\n€5;日本\n"


def read_all(data: bytes, encoding=None, size=3):
    reader = Utf8Reader(io.BytesIO(data), encoding)
    pieces = list(iter(lambda: reader.read(size), b""))
    return b"".join(pieces).decode(), reader


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_found_at_any_piece_size(encoding, size):
    text, reader = read_all(TEXT.encode(encoding), size=size)
    assert text == TEXT
    assert reader.encoding == encoding.removesuffix("-sig")
    assert not reader.broken


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_windows_1252_is_found_at_the_first_other_byte(size):
    latin = TEXT.replace("日本", "")
    text, reader = read_all(latin.encode("cp1252"), size=size)
    assert text == latin
    assert reader.encoding == "windows-1252"


def test_a_lone_high_byte_at_the_end_is_windows_1252():
    text, reader = read_all(b"nama\nJos\xe9")
    assert text == "nama\nJosé"
    assert reader.encoding == "windows-1252"


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_reading_stops_before_a_byte_that_contradicts_utf8(size):
    text, reader = read_all("É;a\n".encode() + b"b;\xe9;c\nd\n", size=size)
    assert reader.broken
    assert text == "É;a\nb;"


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
        b"\x80",
    ],
)
def test_overlong_forms_surrogates_and_strays_are_no_utf8(wrong):
    text, reader = read_all("É".encode() + wrong + b"x", size=100)
    assert reader.broken
    assert text == "É"


def test_a_byte_that_windows_1252_lacks_stops_reading():
    text, reader = read_all(b"Jos\xe9;\x81;x", size=100)
    assert reader.broken
    assert text == "José;"


def test_a_given_encoding_wins():
    text, reader = read_all("Ñ".encode("utf-16-le"), encoding="utf-16-le")
    assert text == "Ñ"
    assert reader.encoding == "utf-16-le"
    assert read_all("É".encode(), encoding="latin-1")[0] == "Ã\x89"
    assert read_all(b"\xe9", encoding="utf-8")[1].broken


@pytest.mark.parametrize("name", ["klingon", "base64", "", "utf-8\0", "idna"])
def test_an_unknown_encoding_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        Utf8Reader(io.BytesIO(b"x"), name)
    assert caught.value.code == "table.unknown_encoding"
