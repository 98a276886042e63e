"""The stage of ``pprl demo``: parties at their keyboards, each with its own home and process.

Every command is shown as its party would type it, and runs with that party's home and passphrase
alone. What each step took is kept.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pprl_cli import ui

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pprl_protocols.identity import PartyFile

PARTIES, EXCHANGE = "parties", "exchange"
COORDINATOR, AUDITOR = "coordinator", "auditor"
_PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
_PASSPHRASE_BYTES = 16


class Stage:
    """Four or five parties at their keyboards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, PartyFile] = {}
        self.seconds: dict[str, float] = {}
        (folder / EXCHANGE).mkdir()
        self.run = ("--run", folder / EXCHANGE)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say a step, and keep how long it takes."""
        ui.say(f"demo.{name}")
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)

    def home(self, name: str) -> Path:
        """Return where a party lives."""
        return self._folder / PARTIES / name

    def play(
        self, name: str, *words: str | Path, alone: bool = False, kept: Path | None = None
    ) -> None:
        """Run a party's command in a process of its own, and show it.

        Parameters
        ----------
        name, words
            Who types what.
        alone
            Without home and passphrase.
        kept
            File for the command's result, instead of the terminal.

        Raises
        ------
        typer.Exit
            It failed: with its exit code.
        """
        line = [str(word) for word in words]
        ui.say("demo.types", party=name, command=shlex.join(["pprl", *line]))
        if not alone:
            line += ["--home", str(self.home(name))]
            line += ["--passphrase-file", str(self.home(name) / _PASSPHRASE)]
        program = [sys.executable, "-c", "from pprl_cli.main import run; run()"]
        command = [*program, "--lang", ui.language(), *line]
        if kept is None:
            # Everything to stderr: stdout is for the demo's own result.
            done = subprocess.run(command, check=False, stdout=sys.stderr)  # noqa: S603 - our own program
        else:
            with kept.open("wb") as file:
                done = subprocess.run(command, check=False, stdout=file)  # noqa: S603 - our own program
        if done.returncode:
            raise typer.Exit(done.returncode)

    def enter(self, name: str, role: str) -> None:
        """Make a party's home, with a passphrase in a file that only its owner can read."""
        from secrets import token_hex  # noqa: PLC0415 - commands import what they use

        from pprl_protocols.homefiles import make_folder, replacing  # noqa: PLC0415
        from pprl_protocols.identity import PartyFile  # noqa: PLC0415

        make_folder(self.home(name))
        with replacing(self.home(name) / _PASSPHRASE) as file:
            file.write(f"{token_hex(_PASSPHRASE_BYTES)}\n".encode())
        self.play(name, "init", "--role", role, name, "--out", self._file(name, "party.toml"))
        self.play(name, "card", "--out", self._file(name, "card.json"))
        self._files[name] = PartyFile.read(self._file(name, "party.toml"))

    def introduce(self) -> None:
        """Let every party pin every other one, with the fingerprint that its owner reads out."""
        for name in self._files:
            for other, file in self._files.items():
                if other == name:
                    continue
                path = self._file(other, "party.toml")
                pins = self.home(name) / "pins.toml"
                shown = ("trust", "add", path, "--pins", pins, "--fingerprint", file.fingerprint)
                self.play(name, *shown, alone=True)

    def agree(self, *, population: str, max_records: int, release: str) -> None:
        """Draft, publish and sign."""
        draft = self._folder / PARTIES / "agreement.toml"
        files = [
            self._file(name, kind) for name in self._files for kind in ("party.toml", "card.json")
        ]
        self.play(
            COORDINATOR, "agreement", "new", *files, "--out", draft,
            "--legal-basis", "synthetic data, no law needed", "--dpia", "demo",
            "--population", population, "--max-records", str(max_records),
            "--release", release, alone=True,
        )  # fmt: skip
        to_publish = ("agreement", "sign", draft, "--exchange", self._folder / EXCHANGE, "--yes")
        self.play(COORDINATOR, *to_publish)
        for name in self._files:
            if name != COORDINATOR:
                self.play(name, "agreement", "sign", *self.run, "--yes")

    def close(self, others: Sequence[str]) -> str:
        """Close, and let everybody compare the digest; return it."""
        import json  # noqa: PLC0415 - commands import what they use

        told = self._folder / PARTIES / "close.json"
        self.play(COORDINATOR, "close", *self.run, "--json", kept=told)
        digest = str(json.loads(told.read_bytes())["transcript"])
        for name in others:
            self.play(name, "close", *self.run, "--digest", digest)
        return digest

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / PARTIES / f"{name}.{kind}"
