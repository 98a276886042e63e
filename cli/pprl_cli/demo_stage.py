"""The stage of ``pprl demo``: parties at their keyboards, each with its own home and process.

Every command is shown as its party would type it, and runs with that party's home and passphrase
alone. What different parties do in one stage of the run they do at the same time. What each step
took is kept.
"""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import typer

from pprl_cli import ui
from pprl_cli.demo_party import Keyboard, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pprl_protocols.identity import PartyFile

PARTIES, EXCHANGE = "parties", "exchange"
COORDINATOR, AUDITOR = OTHERS = "coordinator", "auditor"
_PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
_PASSPHRASE_BYTES = 16


@dataclass(frozen=True)
class Turn:
    """What a party types.

    Attributes
    ----------
    name, words
        Who, and what.
    alone
        Without home and passphrase.
    kept
        File for the command's result, instead of the terminal.
    """

    name: str
    words: Sequence[str | Path]
    alone: bool = False
    kept: Path | None = None


class Stage:
    """Four or five parties at their keyboards; leaving the block ends their processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, PartyFile] = {}
        self._keyboards: dict[str, Keyboard] = {}
        self._processes = ExitStack()
        self.seconds: dict[str, float] = {}
        (folder / EXCHANGE).mkdir()
        self.run = ("--run", folder / EXCHANGE)

    def __enter__(self) -> Self:
        """Open it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the parties' processes."""
        self._processes.close()

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

    def play(self, *turns: Turn) -> None:
        """Run commands, each in its party's process; return when all are done.

        Parameters and errors as for :meth:`playing`.
        """
        with self.playing(*turns):
            pass

    @contextmanager
    def playing(self, *turns: Turn) -> Iterator[None]:
        """Run commands while the block does something else, and show them in their order.

        Those of one party run one after the other, those of several at the same time. What the
        first one says is seen at once, what the others say when it is their turn to be shown.

        Raises
        ------
        typer.Exit
            One failed: with its exit code.
        """
        for place, turn in enumerate(turns):
            if not place:
                self._show(turn)
            self._keyboard(turn.name).send(self._order(turn, self._said(place) if place else None))
        yield
        for place, turn in enumerate(turns):
            if place:
                self._show(turn)
            code = self._keyboard(turn.name).answer()
            said = self._said(place)
            if said.exists():
                # Everything to stderr: stdout is for the demo's own result.
                sys.stderr.write(said.read_text(encoding="utf-8", errors="replace"))
                said.unlink()
            if code:
                raise typer.Exit(code)

    def enter(self, roles: Mapping[str, str]) -> None:
        """Make homes, each with a passphrase in a file that only its owner can read."""
        from secrets import token_hex  # noqa: PLC0415 - commands import what they use

        from pprl_protocols.homefiles import make_folder, replacing  # noqa: PLC0415
        from pprl_protocols.identity import PartyFile  # noqa: PLC0415

        turns = []
        for name, role in roles.items():
            make_folder(self.home(name))
            with replacing(self.home(name) / _PASSPHRASE) as file:
                file.write(f"{token_hex(_PASSPHRASE_BYTES)}\n".encode())
            init = ("init", "--role", role, name, "--out", self._file(name, "party.toml"))
            card = ("card", "--out", self._file(name, "card.json"))
            turns += [Turn(name, init), Turn(name, card)]
        self.play(*turns)
        self._files = {name: PartyFile.read(self._file(name, "party.toml")) for name in roles}

    def introduce(self) -> None:
        """Let every party pin every other one, with the fingerprint that its owner reads out."""
        turns = []
        for name in self._files:
            for other, file in self._files.items():
                if other == name:
                    continue
                path = self._file(other, "party.toml")
                pins = self.home(name) / "pins.toml"
                shown = ("trust", "add", path, "--pins", pins, "--fingerprint", file.fingerprint)
                turns.append(Turn(name, shown, alone=True))
        self.play(*turns)

    def agree(self, *, population: str, max_records: int, release: str) -> None:
        """Draft, publish and sign."""
        draft = self._folder / PARTIES / "agreement.toml"
        files = [
            self._file(name, kind) for name in self._files for kind in ("party.toml", "card.json")
        ]
        to_draft: tuple[str | Path, ...] = (
            "agreement", "new", *files, "--out", draft,
            "--legal-basis", "synthetic data, no law needed", "--dpia", "demo",
            "--population", population, "--max-records", str(max_records),
            "--release", release, "--coordinator-register", "none",
        )  # fmt: skip
        to_publish = ("agreement", "sign", draft, "--exchange", self._folder / EXCHANGE, "--yes")
        self.play(Turn(COORDINATOR, to_draft, alone=True), Turn(COORDINATOR, to_publish))
        to_sign = ("agreement", "sign", *self.run, "--yes")
        self.play(*(Turn(name, to_sign) for name in self._files if name != COORDINATOR))

    def close(self, others: Sequence[str]) -> str:
        """Close, and let everybody compare the digest; return it."""
        import json  # noqa: PLC0415 - commands import what they use

        told = self._folder / PARTIES / "close.json"
        self.play(Turn(COORDINATOR, ("close", *self.run, "--json"), kept=told))
        digest = str(json.loads(told.read_bytes())["transcript"])
        self.play(*(Turn(name, ("close", *self.run, "--digest", digest)) for name in others))
        return digest

    def _show(self, turn: Turn) -> None:
        typed = shlex.join(["pprl", *map(str, turn.words)])
        ui.say("demo.types", party=turn.name, command=typed)
        sys.stderr.flush()  # before the party itself says something

    def _order(self, turn: Turn, said: Path | None) -> Order:
        line = ["--lang", ui.language(), *map(str, turn.words)]
        if not turn.alone:
            line += ["--home", str(self.home(turn.name))]
            line += ["--passphrase-file", str(self.home(turn.name) / _PASSPHRASE)]
        kept = None if turn.kept is None else str(turn.kept)
        return Order(line, None if said is None else str(said), kept)

    def _keyboard(self, name: str) -> Keyboard:
        if name not in self._keyboards:
            self._keyboards[name] = self._processes.enter_context(Keyboard())
        return self._keyboards[name]

    def _said(self, place: int) -> Path:
        return self._folder / PARTIES / f"said-{place}"

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / PARTIES / f"{name}.{kind}"
