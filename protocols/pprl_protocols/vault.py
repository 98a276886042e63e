"""The secrets of a home at rest, encrypted under a passphrase.

``vault.json`` holds a random master key, wrapped with AES-256-GCM under Argon2id of the
passphrase; every secret lies in a file of its own under ``secrets/``, encrypted under a key that
HKDF-SHA256 makes from the master key and the secret's name, so that swapped files don't open.
Small secrets are read and written at once (AES-256-GCM), large ones as streams (Cobblestone-256).

Never writes a plain byte to the disk, never replaces a file by half of one, and never opens what
other users can read. Holds the master key in memory as long as it lives; Python can't wipe it.
One process at a time writes: the lock of the home is the caller's.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     vault = Vault.create(Path(folder) / "home", b"rahasia", cost=Cost(1, 1, 8))
...     vault.put("card", b"private half")
...     Vault.open(Path(folder) / "home", b"rahasia").get("card")
b'private half'
"""

import contextlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pprl.errors import ConfigError
from pprl_protocols import homefiles

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAX_SECRET_BYTES = 1 << 24
"""Largest secret that is read at once; larger ones are streams."""
PIECE_BYTES = 1 << 20
"""How much of a stream is in memory at a time."""

_KEY_BYTES = 32
_SALT_BYTES = 32
_NONCE_BYTES = 12
_MAX_VAULT_BYTES = 1 << 14
_SMALL = b"pprl-secret/1\n"
_STREAM = b"pprl-stream/1\n"
_CONTEXT = b"pprl/v1/vault"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Cost:
    """What guessing a passphrase costs, as parameters of Argon2id.

    The default is the second recommended option of RFC 9106 (section 4): 64 MiB, 3 passes,
    4 lanes; about 0.2 s on a small server.
    """

    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 1 << 16


DEFAULT = Cost()


class _Kdf(BaseModel):
    # Bounded: a broken file must not make us take all memory.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    name: str = Field(pattern="^argon2id$")
    iterations: int = Field(ge=1, le=64)
    lanes: int = Field(ge=1, le=64)
    memory_kib: int = Field(ge=8, le=1 << 21)
    salt: str = Field(pattern="^[0-9a-f]{64}$")


class _VaultFile(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    version: int = Field(ge=1, le=1)
    kdf: _Kdf
    nonce: str = Field(pattern="^[0-9a-f]{24}$")
    wrapped: str = Field(pattern="^[0-9a-f]{96}$")


class Vault:
    """The opened secrets of one home; made by :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, master: bytes) -> None:
        self._secrets = folder / "secrets"
        self._master = master

    @classmethod
    def create(cls, folder: Path, passphrase: bytes, *, cost: Cost = DEFAULT) -> Self:
        """Make a vault in ``folder``, which is made with mode 0700 where it's missing.

        Parameters
        ----------
        folder
            The home.
        passphrase
            As :mod:`pprl_protocols.passphrase` gives it.
        cost
            Parameters of Argon2id. Tests take small ones.

        Raises
        ------
        ConfigError
            There is a vault already, or others can read the folder.
        """
        homefiles.make_folder(folder)
        path = folder / "vault.json"
        if os.path.lexists(path):
            raise ConfigError("home.exists", path=str(folder))
        homefiles.make_folder(folder / "secrets")
        master = secrets.token_bytes(_KEY_BYTES)
        salt = secrets.token_bytes(_SALT_BYTES)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        kdf = _Kdf(name="argon2id", **asdict(cost), salt=salt.hex())
        wrapped = AESGCM(_wrapping_key(passphrase, kdf)).encrypt(nonce, master, _CONTEXT)
        content = _VaultFile(version=1, kdf=kdf, nonce=nonce.hex(), wrapped=wrapped.hex())
        # Last, and in one step: a home without this file was never made.
        with homefiles.replacing(path) as file:
            file.write(json.dumps(content.model_dump(), indent=2).encode() + b"\n")
        return cls(folder, master)

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> Self:
        """Open the vault of a home.

        Raises
        ------
        ConfigError
            Missing, readable by others, broken, or the passphrase is another one.
        """
        homefiles.check_folder(folder)
        path = folder / "vault.json"
        if not os.path.lexists(path):
            raise ConfigError("home.missing", path=str(folder))
        data = homefiles.read_private(path, limit=_MAX_VAULT_BYTES)
        homefiles.check_folder(folder / "secrets")
        try:
            content = _VaultFile.model_validate_json(data)
        except ValidationError:
            raise ConfigError("home.damaged", path=str(path)) from None
        try:
            master = AESGCM(_wrapping_key(passphrase, content.kdf)).decrypt(
                bytes.fromhex(content.nonce), bytes.fromhex(content.wrapped), _CONTEXT
            )
        except InvalidTag:
            raise ConfigError("home.passphrase", path=str(folder)) from None
        except ValueError:  # parameters that Argon2id doesn't take together
            raise ConfigError("home.damaged", path=str(path)) from None
        return cls(folder, master)

    def put(self, name: str, data: bytes) -> None:
        """Keep a secret of at most 16 MiB, in place of one of that name. Durable on return.

        Raises
        ------
        ValueError
            The name has other characters than ``a-z 0-9 . _ -``, or the secret is larger.
        """
        if len(data) > MAX_SECRET_BYTES:
            message = "a secret of this size is a stream"
            raise ValueError(message)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        path = self._path(name)
        sealed = AESGCM(self._key(b"secret/", name)).encrypt(nonce, data, _SMALL)
        with homefiles.replacing(path) as file:
            file.write(_SMALL + nonce + sealed)

    def get(self, name: str) -> bytes:
        """Return a secret that :meth:`put` kept.

        Raises
        ------
        ConfigError
            Missing, readable by others, or not what was written.
        """
        path = self._existing(name)
        data = homefiles.read_private(path, limit=MAX_SECRET_BYTES + 64)
        body = data.removeprefix(_SMALL)
        try:
            return AESGCM(self._key(b"secret/", name)).decrypt(
                body[:_NONCE_BYTES], body[_NONCE_BYTES:], _SMALL
            )
        except (InvalidTag, ValueError):  # ValueError: a nonce cut short
            raise ConfigError("home.damaged", path=str(path)) from None

    def has(self, name: str) -> bool:
        """Whether there is a secret or a stream of that name."""
        return os.path.lexists(self._path(name))

    def names(self) -> list[str]:
        """Return the names of all secrets and streams, sorted."""
        return sorted(
            path.name for path in self._secrets.iterdir() if _NAME.fullmatch(path.name) is not None
        )

    def delete(self, name: str) -> None:
        """Overwrite and remove a secret or stream; one that is missing is fine."""
        homefiles.erase(self._path(name))

    def tidy(self) -> None:
        """Remove what killed processes left unfinished. The caller holds the home's lock."""
        for folder in (self._secrets.parent, self._secrets):
            for path in folder.glob(f"{homefiles.TEMPORARY}*"):
                homefiles.erase(path)

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """Yield a file for writing that becomes the stream ``name`` when the block ends well.

        Nothing appears when it ends badly; an older stream of that name stays as it was. Memory
        is one piece, whatever is written.
        """
        path = self._path(name)
        salt = secrets.token_bytes(_SALT_BYTES)
        encryptor = Cobblestone256Encryptor(self._key(b"stream/", name, salt), _CONTEXT)
        with homefiles.replacing(path) as file:
            file.write(_STREAM + salt)
            sealing = io.BufferedWriter(_Sealing(file, encryptor), PIECE_BYTES)
            try:
                yield cast("BinaryIO", sealing)
            finally:
                # Writes what is left. Otherwise its destructor would, into a closed file.
                sealing.detach()
            file.write(encryptor.finalize())

    @contextlib.contextmanager
    def reader(self, name: str) -> Iterator[BinaryIO]:
        """Yield a stream for reading, from its beginning and without seeking.

        Every piece is verified before it is handed on; that the end is missing shows only there.

        Raises
        ------
        ConfigError
            Missing, readable by others, or (while reading) not what was written.
        """
        path = self._existing(name)
        with homefiles.opened(path) as file:
            head = file.read(len(_STREAM) + _SALT_BYTES)
            salt = head.removeprefix(_STREAM)
            if len(salt) != _SALT_BYTES:
                raise ConfigError("home.damaged", path=str(path))
            decryptor = Cobblestone256Decryptor(self._key(b"stream/", name, salt), _CONTEXT)
            opening = io.BufferedReader(_Opening(file, decryptor, path), PIECE_BYTES)
            yield cast("BinaryIO", opening)

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            message = "not a name for a secret"
            raise ValueError(message)
        return self._secrets / name

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        if not os.path.lexists(path):
            raise ConfigError("home.no_secret", name=name, path=str(self._secrets.parent))
        return path

    def _key(self, use: bytes, name: str, salt: bytes | None = None) -> bytes:
        info = b"pprl/v1/vault/" + use + name.encode()
        return HKDF(hashes.SHA256(), _KEY_BYTES, salt, info).derive(self._master)

    def __repr__(self) -> str:
        return f"Vault({str(self._secrets.parent)!r})"


class _Sealing(io.RawIOBase):
    def __init__(self, file: BinaryIO, encryptor: Cobblestone256Encryptor) -> None:
        super().__init__()
        self._file = file
        self._encryptor = encryptor

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        with memoryview(data) as view:
            self._file.write(self._encryptor.update(view))
            return view.nbytes


class _Opening(io.RawIOBase):
    def __init__(self, file: BinaryIO, decryptor: Cobblestone256Decryptor, path: Path) -> None:
        super().__init__()
        self._file = file
        self._decryptor = decryptor
        self._path = path
        self._plain = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # the one caller is BufferedReader, which gives these
        while not self._plain and not self._ended:
            self._plain = memoryview(self._next())
        n = min(len(buffer), len(self._plain))
        buffer[:n] = self._plain[:n]
        self._plain = self._plain[n:]
        return n

    def _next(self) -> bytes:
        piece = self._file.read(PIECE_BYTES)
        try:
            if piece:
                return self._decryptor.update(piece)
            self._ended = True
            return self._decryptor.finalize()
        except InvalidTag:
            raise ConfigError("home.damaged", path=str(self._path)) from None


def _wrapping_key(passphrase: bytes, kdf: _Kdf) -> bytes:
    return Argon2id(
        salt=bytes.fromhex(kdf.salt),
        length=_KEY_BYTES,
        iterations=kdf.iterations,
        lanes=kdf.lanes,
        memory_cost=kdf.memory_kib,
    ).derive(passphrase)
