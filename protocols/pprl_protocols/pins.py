"""Whom I trust: the fingerprints that I compared with their owners, by name.

A pin is never changed silently and never taken from the exchange. The file is TOML that people
can read; it holds nothing secret, but whoever can write to it decides whom its owner trusts.

>>> pins = Pins()
>>> pins.add("dukcapil", "00" * 32)
>>> pins.check("dukcapil", bytes(32))
Traceback (most recent call last):
pprl.errors.PeerError: dukcapil shows an identity that you haven't pinned
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from pprl.errors import ConfigError, PeerError
from pprl.io.atomic import publish
from pprl_protocols.identity import fingerprint as fingerprint_of
from pprl_protocols.limits import MAX_NAME, is_party_name

_MAX_FILE_BYTES = 1 << 20
_HEX = frozenset("0123456789abcdef")
_DIGITS = 64


class _PinsFile(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    version: int = Field(ge=1, le=1)
    pins: dict[str, str]


class Pins:
    """Names and fingerprints; empty at first, or from a file by :meth:`load`."""

    def __init__(self) -> None:
        self._pins: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of pins.

        Raises
        ------
        ConfigError
            There is none, it can't be read, or isn't what it should be.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
        except OSError:
            raise ConfigError("home.pins_missing", path=str(path)) from None
        if len(data) > _MAX_FILE_BYTES:
            raise ConfigError("home.pins_broken", path=str(path))
        pins = cls()
        try:
            content = _PinsFile.model_validate(tomllib.loads(data.decode("utf-8-sig")))
            for name, fingerprint in content.pins.items():
                pins.add(name, fingerprint)
        except (ValueError, RecursionError, ConfigError):
            raise ConfigError("home.pins_broken", path=str(path)) from None
        return pins

    def save(self, path: Path) -> None:
        """Write the file in place of the one before, whole or not at all.

        Raises
        ------
        ConfigError
            It can't be written.
        """
        lines = [f'{name} = "{self._pins[name]}"\n' for name in sorted(self._pins)]
        with publish(path, force=True) as temporary:
            temporary.write_bytes("".join(["version = 1\n\n[pins]\n", *lines]).encode())

    @property
    def known(self) -> Mapping[str, str]:
        """Name -> fingerprint, 64 hex digits."""
        return MappingProxyType(self._pins)

    def add(self, name: str, fingerprint: str, *, replace: bool = False) -> None:
        """Pin a fingerprint to a name.

        Parameters
        ----------
        name
            Of the party.
        fingerprint
            64 hex digits; capitals and spaces between them don't matter.
        replace
            Pin another one than before: only when the user said so.

        Raises
        ------
        ConfigError
            Not a name, not a fingerprint, or another one is pinned.
        """
        digits = "".join(fingerprint.split()).lower()
        if len(digits) != _DIGITS or not _HEX.issuperset(digits):
            raise ConfigError("home.fingerprint")
        if not is_party_name(name):
            raise ConfigError("home.party_name", maximum=MAX_NAME)
        if not replace and self._pins.get(name, digits) != digits:
            raise ConfigError("home.pin_differs", party=name)
        self._pins[name] = digits

    def check(self, name: str, public_key: bytes) -> None:
        """Refuse an identity that isn't the pinned one of that name.

        Parameters
        ----------
        name
            Of the party, validated.
        public_key
            Ed25519, 32 bytes.

        Raises
        ------
        PeerError
            None is pinned, or another one.
        """
        if self._pins.get(name) != fingerprint_of(public_key):
            raise PeerError("protocol.not_pinned", party=name)
