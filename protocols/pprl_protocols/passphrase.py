"""Where a passphrase comes from: a file or an open descriptor; the command line adds a prompt.

Never from arguments or the environment, which other users and child processes can see. However it
is given, it ends as the same bytes: UTF-8 of the text in Unicode form NFC, without the line's end,
so that one that was typed opens what one from a file has closed.

>>> from_text("rahasia besar")
b'rahasia besar'
"""

import os
import unicodedata
from pathlib import Path

from pprl.errors import ConfigError
from pprl_protocols.homefiles import opened

MAX_BYTES = 1024
"""Longest passphrase, as UTF-8; the first line of a file or descriptor."""


def from_text(text: str) -> bytes:
    """Return the bytes of a passphrase that somebody typed.

    Raises
    ------
    ConfigError
        Empty, too long, or no text.
    """
    try:
        data = unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError:
        raise ConfigError("home.passphrase_text") from None
    if not data:
        raise ConfigError("home.passphrase_empty")
    if len(data) > MAX_BYTES:
        raise ConfigError("home.passphrase_long", maximum=MAX_BYTES)
    return data


def from_file(path: Path) -> bytes:
    """Return the passphrase in the first line of a file that only its owner can read.

    Raises
    ------
    ConfigError
        Missing, readable by others, or its first line is empty, too long or no UTF-8.
    """
    with opened(path) as file:
        return _from_line(file.readline(MAX_BYTES + 8))


def from_descriptor(descriptor: int) -> bytes:
    """Return the passphrase in the next line of an open descriptor.

    Takes no byte after that line, so that a second passphrase can follow. The descriptor stays
    open.

    Raises
    ------
    ConfigError
        The descriptor isn't open for reading, or the line is empty, too long or no UTF-8.
    """
    line = bytearray()
    try:
        while len(line) < MAX_BYTES + 8:
            one = os.read(descriptor, 1)
            line += one
            if one in {b"", b"\n"}:
                break
    except OSError:
        raise ConfigError("home.passphrase_descriptor", descriptor=descriptor) from None
    return _from_line(bytes(line))


def _from_line(line: bytes) -> bytes:
    try:
        text = line.decode("utf-8-sig")  # Windows editors put a mark before the first character
    except UnicodeDecodeError:
        if len(line) > MAX_BYTES:  # cut in the middle of a character
            raise ConfigError("home.passphrase_long", maximum=MAX_BYTES) from None
        raise ConfigError("home.passphrase_text") from None
    return from_text(text.removesuffix("\n").removesuffix("\r"))
