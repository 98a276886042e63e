"""The linkage key: the one secret the agencies share, and the keys derived from it.

Every use has a key of its own, derived with HKDF-SHA256 from the secret and a purpose, so that no
two uses (a field's filter, a token kind, a block pass) ever share one. The coordinator never has
it. Nothing here prints or logs a key.

>>> key = LinkageKey(bytes(range(32)))
>>> len(key.derive("token/nik")), key
(32, LinkageKey(<32 secret bytes>))
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pprl.errors import ConfigError
from pprl.io.private import read_private, write_private

if TYPE_CHECKING:
    from pathlib import Path

MINIMUM_BYTES = 16
GENERATED_BYTES = 32
_CHECK_BYTES = 8


class LinkageKey:
    """A shared secret of at least 16 bytes.

    Parameters
    ----------
    secret
        The secret itself. Random bytes; a passphrase is as weak as it is short.

    Raises
    ------
    ConfigError
        Fewer than 16 bytes.
    """

    def __init__(self, secret: bytes, *, path: str = "the key") -> None:
        if len(secret) < MINIMUM_BYTES:
            raise ConfigError("key.too_short", path=path, found=len(secret), minimum=MINIMUM_BYTES)
        self._secret = secret

    @classmethod
    def generate(cls) -> Self:
        """Return a fresh random key of 32 bytes."""
        return cls(secrets.token_bytes(GENERATED_BYTES))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a key file: every byte of it is the secret, a trailing newline included.

        Raises
        ------
        ConfigError
            Missing, shorter than 16 bytes, or readable by other users of this machine.
        """
        return cls(read_private(path), path=str(path))

    def save(self, path: Path) -> None:
        """Write the secret to a new file that only its owner can read."""
        write_private(path, self._secret)

    @property
    def secret(self) -> bytes:
        """The raw secret, for schemes that define their own derivation (clkhash)."""
        return self._secret

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """Return the key for one purpose: HKDF-SHA256(secret, info = "pprl/v1/" + purpose).

        Parameters
        ----------
        purpose
            For example ``clk/name_words``, ``token/nik``, ``block/birth_sex``.
        length
            In bytes.
        """
        info = b"pprl/v1/" + purpose.encode()
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(
            self._secret
        )

    @property
    def check(self) -> str:
        """Sixteen hex digits that differ when keys differ, so that a mix-up is named."""
        return self.derive("check", _CHECK_BYTES).hex()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinkageKey) and hmac.compare_digest(self._secret, other.secret)

    def __hash__(self) -> int:
        return hash(self.check)

    def __repr__(self) -> str:
        return f"LinkageKey(<{len(self._secret)} secret bytes>)"
