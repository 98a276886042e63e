"""A party's home: its identity, its secrets, whom it trusts, and what it has said in every run.

::

    party.toml              public: name, role, identity
    pins.toml               fingerprints that were compared by hand, and its own
    vault.json, secrets/    everything secret, encrypted (:mod:`pprl_protocols.vault`)
    lock                    held by the one command that is at work
    runs/<run>/
        exchange                where the run's files are
        compared, aborted       how it ended: the transcript's digest, once compared; by whose ABORT
        agreement.json      the agreement as it was when this party first took part
        log/<seq>.json      its own entries, durable here before anybody else sees them
        blobs/<sha256>      sealed files on their way out

The home is the truth about what its party has said: an entry that was written here is published as
it is, however often a command is repeated, and never made anew. Nothing here talks to the exchange.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from pprl.errors import ConfigError
from pprl_protocols import homefiles, limits
from pprl_protocols.canonical import sha256
from pprl_protocols.identity import Identity, PartyFile
from pprl_protocols.pins import Pins
from pprl_protocols.vault import DEFAULT, Vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pprl_protocols.identity import Role
    from pprl_protocols.vault import Cost

PARTY, PINS, LOCK = "party.toml", "pins.toml", "lock"
WORKSHOP = "work-"
"""How the names of folders of a run begin that hold plain files while a command works on them."""


class Home:
    """An opened home; made by :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, vault: Vault, identity: Identity) -> None:
        self.folder = folder
        self.vault = vault
        self.identity = identity

    @classmethod
    def create(
        cls, folder: Path, name: str, role: Role, passphrase: bytes, *, cost: Cost = DEFAULT
    ) -> Self:
        """Make a home in a folder that has none.

        Raises
        ------
        ConfigError
            There is a home already, the name can't be one, or the folder isn't for its owner
            alone.
        """
        if (folder / PARTY).exists():
            raise ConfigError("home.exists", path=str(folder))
        identity = Identity.generate(name, role)
        # A process that was killed here leaves a vault that nobody knows of yet.
        for left in (folder / "vault.json", *(folder / "secrets").glob("*")):
            homefiles.erase(left)
        vault = Vault.create(folder, passphrase, cost=cost)
        identity.save(vault)
        pins = Pins()
        pins.add(name, identity.fingerprint)  # an auditor's pins are to be complete
        pins.save(folder / PINS)
        # Last: a home is one when this file is there.
        identity.party_file.write(folder / PARTY)
        return cls(folder, vault, identity)

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> Self:
        """Open a home, whose lock the caller holds, and erase what killed commands left.

        Raises
        ------
        ConfigError
            There is none, others can read it, or the passphrase is wrong.
        """
        cls.who(folder)
        vault = Vault.open(folder, passphrase)
        vault.tidy()
        for name in (PARTY, PINS):  # never another name: it may be a result that is being made
            for unfinished in folder.glob(f".part-*-{name}"):
                homefiles.erase(unfinished)
        for left in folder.glob(f"runs/*/{WORKSHOP}*"):  # plain files of a killed command
            homefiles.erase_folder(left)
        for unfinished in folder.glob(f"runs/**/{homefiles.TEMPORARY}*"):
            homefiles.erase(unfinished)
        return cls(folder, vault, Identity.load(vault))

    @staticmethod
    def who(folder: Path) -> PartyFile:
        """Return whose home it is, without a passphrase.

        Raises
        ------
        ConfigError
            There is no home.
        """
        if not (folder / PARTY).is_file():
            raise ConfigError("home.none", path=str(folder))
        return PartyFile.read(folder / PARTY)

    @property
    def pins(self) -> Pins:
        """Whom this party trusts; itself at first."""
        return self.pins_of(self.folder)

    @staticmethod
    def pins_of(folder: Path) -> Pins:
        """Return whom the party of a home trusts, without a passphrase."""
        path = folder / PINS
        return Pins.load(path) if path.exists() else Pins()

    @staticmethod
    @contextlib.contextmanager
    def lock(folder: Path) -> Iterator[None]:
        """Hold the home in ``folder`` for one command, which opens it only then.

        Raises
        ------
        ConfigError
            There is none, or another command is at work in it.
        """
        Home.who(folder)
        with (folder / LOCK).open("ab") as file:
            if not _locked(file):
                raise ConfigError("home.locked", path=str(folder))
            yield

    def run(self, run: str) -> RunFolder:
        """Return the folder of a run; it is made when something is first kept in it."""
        return RunFolder(self.folder / "runs" / run)


class RunFolder:
    """What a home keeps of one run besides its secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def agreement(self) -> bytes | None:
        """The agreement that this party took part under; None before it did."""
        path = self.folder / "agreement.json"
        if not path.exists():
            return None
        return homefiles.read_private(path, limit=limits.MAX_AGREEMENT_BYTES)

    def keep_agreement(self, data: bytes) -> None:
        """Keep the agreement, once.

        Raises
        ------
        ConfigError
            The run's id was used with another agreement.
        """
        kept = self.agreement
        if kept is None:
            self._write("agreement.json", data)
        elif kept != data:
            raise ConfigError("home.run_used")

    @property
    def exchange(self) -> str | None:
        """Address of the exchange that this party took part through; None before it did."""
        return self._line("exchange")

    def keep_exchange(self, address: str) -> None:
        """Keep the address of the exchange in place of an earlier one."""
        if self.exchange != address:
            self._write("exchange", address.encode())

    @property
    def compared(self) -> str | None:
        """The transcript's digest that this party has compared with the others'; None: not yet."""
        return self._line("compared")

    def keep_compared(self, digest: str) -> None:
        """Keep the digest that was compared."""
        self._write("compared", digest.encode())

    @property
    def aborted(self) -> tuple[str, ...]:
        """Names of parties whose ABORT ended the run for this one; empty: nobody's."""
        return tuple((self._line("aborted") or "").split())

    def keep_aborted(self, parties: Sequence[str]) -> None:
        """Keep who has ended the run."""
        if not self.aborted:
            self._write("aborted", " ".join(parties).encode())

    def entries(self) -> list[bytes]:
        """Return this party's own envelopes, in their order."""
        found = []
        for seq in range(limits.MAX_ENTRIES):
            path = self.folder / "log" / f"{seq:06d}.json"
            if not path.exists():
                break
            found.append(homefiles.read_private(path, limit=limits.MAX_ENVELOPE_BYTES))
        return found

    def keep_entry(self, seq: int, envelope: bytes) -> None:
        """Keep an entry before it is published.

        Raises
        ------
        ConfigError
            There is another one of that number.
        """
        kept = self.entries()
        if seq < len(kept) and kept[seq] == envelope:
            return
        if seq != len(kept):
            raise ConfigError("home.other_entry", seq=seq)
        self._write(f"log/{seq:06d}.json", envelope)

    @contextlib.contextmanager
    def new_blob(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Yield a file to seal into, and where it lies until :meth:`keep_blob` names it."""
        self._folder("blobs")
        path = self.folder / "blobs" / "unfinished"
        path.unlink(missing_ok=True)
        with homefiles.replacing(path) as file:
            yield file, path

    def keep_blob(self, digest: str) -> Path:
        """Name the blob that was just sealed; the same again changes nothing."""
        path = self.folder / "blobs" / digest
        (self.folder / "blobs" / "unfinished").replace(path)
        homefiles.flush_folder(path.parent)
        return path

    def blobs(self) -> dict[str, Path]:
        """Return the blobs that wait to be published, by digest."""
        folder = self.folder / "blobs"
        if not folder.is_dir():
            return {}
        found = {path.name: path for path in sorted(folder.iterdir())}
        return {name: path for name, path in found.items() if len(name) == len(sha256(b""))}

    def forget_blobs(self) -> None:
        """Remove the blobs that were published."""
        shutil.rmtree(self.folder / "blobs", ignore_errors=True)

    def _line(self, name: str) -> str | None:
        path = self.folder / name
        if not path.exists():
            return None
        return homefiles.read_private(path, limit=limits.MAX_HEADER_BYTES).decode()

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        self._folder(str(Path(name).parent))
        with homefiles.replacing(path) as file:
            file.write(data)

    def _folder(self, name: str) -> None:
        homefiles.make_folder(self.folder.parent)
        homefiles.make_folder(self.folder)
        if name != ".":
            homefiles.make_folder(self.folder / name)


def _locked(file: BinaryIO) -> bool:
    """Lock a file for this process as long as it is open; False when another holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - one of the two exists

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - see above

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
