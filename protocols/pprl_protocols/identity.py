"""Who a party is: one long-term Ed25519 key that only signs.

The private half lives in the vault; the public half travels as ``NAME.party.toml``, which people
pass on and whose fingerprint they compare by telephone. An identity never encrypts: every run has
cards for that (:mod:`pprl_protocols.cards`), so that a stolen identity opens no past run.

>>> pretty(fingerprint(bytes(32)))[:24]
'6668 7aad f862 bd77 6c8f'
"""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Literal, Self, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from pprl.errors import ConfigError, PeerError
from pprl.io.atomic import publish
from pprl_protocols.limits import MAX_NAME, is_party_name
from pprl_protocols.vault import Vault

Role = Literal["agency", "coordinator", "auditor"]

SECRET_NAME = "identity"  # noqa: S105 - the name of the file in the vault, no secret
SUFFIX = ".party.toml"

_KEY_BYTES = 32
_MAX_FILE_BYTES = 1 << 14
_GROUP = 4


class PartyFile(BaseModel):
    """What ``NAME.party.toml`` says: name, role and public key of a party.

    Attributes
    ----------
    name
        ASCII, lower case; see :func:`pprl_protocols.limits.is_party_name`.
    role
        ``agency``, ``coordinator`` or ``auditor``.
    public_key
        Ed25519, 64 hex digits.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    version: int = Field(default=1, ge=1, le=1)
    name: str
    role: Role
    public_key: str = Field(pattern="^[0-9a-f]{64}$")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, hex."""
        return fingerprint(bytes.fromhex(self.public_key))

    def to_bytes(self) -> bytes:
        """Return the file."""
        return (
            f"version = {self.version}\n"
            f'name = "{self.name}"\n'
            f'role = "{self.role}"\n'
            f'public_key = "{self.public_key}"\n'
        ).encode()

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        ConfigError
            It exists, or can't be written.
        """
        with publish(path, force=force) as temporary:
            temporary.write_bytes(self.to_bytes())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that another party gave us.

        Raises
        ------
        ConfigError
            There is none, or it can't be read.
        PeerError
            It isn't what it should be.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
        except OSError:
            raise ConfigError("home.party_missing", path=str(path)) from None
        try:
            party = cls.model_validate(tomllib.loads(data[:_MAX_FILE_BYTES].decode()))
        except (ValueError, RecursionError):  # pydantic's, TOML's and UTF-8's are ValueErrors
            raise PeerError("protocol.party_file", path=str(path)) from None
        if len(data) > _MAX_FILE_BYTES or not is_party_name(party.name):
            raise PeerError("protocol.party_file", path=str(path))
        return party


class Identity:
    """A party's own identity; made by :meth:`generate` or :meth:`load`."""

    def __init__(self, name: str, role: Role, private: bytes) -> None:
        self.name = name
        self.role: Role = role
        self._private = Ed25519PrivateKey.from_private_bytes(private)

    @classmethod
    def generate(cls, name: str, role: Role) -> Self:
        """Return a fresh identity. Keep it with :meth:`save`.

        Raises
        ------
        ConfigError
            The name has other characters than ``a-z 0-9 -``, is longer than 64 of them, or means
            a device on some systems.
        """
        if not is_party_name(name):
            raise ConfigError("home.party_name", maximum=MAX_NAME)
        return cls(name, role, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def load(cls, vault: Vault) -> Self:
        """Return the identity that a home keeps.

        Raises
        ------
        ConfigError
            None is kept, or the vault doesn't give it back.
        """
        content = json.loads(vault.get(SECRET_NAME))
        role: Role = next(role for role in get_args(Role) if role == content["role"])
        return cls(content["name"], role, bytes.fromhex(content["private"]))

    def save(self, vault: Vault) -> None:
        """Keep the identity in a vault that has none.

        Raises
        ------
        ConfigError
            The vault has one: it is never replaced.
        """
        if vault.has(SECRET_NAME):
            raise ConfigError("home.has_identity")
        content = {
            "name": self.name,
            "role": self.role,
            "private": self._private.private_bytes_raw().hex(),
        }
        vault.put(SECRET_NAME, json.dumps(content).encode())

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature over ``data``, 64 bytes; the same whenever it's asked."""
        return self._private.sign(data)

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, hex."""
        return fingerprint(self.public_key)

    @property
    def party_file(self) -> PartyFile:
        """What others get to know."""
        return PartyFile(name=self.name, role=self.role, public_key=self.public_key.hex())

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self.role!r})"


def fingerprint(public: bytes) -> str:
    """Return the SHA-256 of a public key, 64 hex digits."""
    return hashlib.sha256(public).hexdigest()


def pretty(digest: str) -> str:
    """Return a fingerprint in groups of four, to be read aloud."""
    return " ".join(digest[i : i + _GROUP] for i in range(0, len(digest), _GROUP))
