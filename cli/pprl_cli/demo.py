"""``pprl demo``: a whole run on synthetic Kutai Timur data, every party in a process of its own.

Nothing here links or encodes: it plays the people at the keyboards. Each command is shown as its
party would type it, and runs with that party's home and passphrase alone. Only at the end, with
the truth that a simulation knows, are the results of all owners laid side by side.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.lab_evaluate import show_evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from pprl_protocols.identity import PartyFile

DTSEN_PER_KRS = 5
AGENCIES = ("dppkb", "dinsos", "disdik")
COORDINATOR, AUDITOR = "coordinator", "auditor"
PARTIES, EXCHANGE, DATA = "parties", "exchange", "data"
_PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
_PASSPHRASE_BYTES = 16


def demo(
    families: Annotated[
        int, typer.Option(min=10, help="KRS families; the DTSEN has five times as many.")
    ] = 12_000,
    parties: Annotated[int, typer.Option(min=2, max=3, help="How many agencies.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 7,
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for everything that is made.")
    ] = Path("pprl-demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a whole run on synthetic data: agencies, coordinator and auditor, each by itself.

    Every command of every party is shown and can be repeated by hand afterwards. For now every
    family is represented by one person.
    """
    from pprl.lab.simulate import simulate  # noqa: PLC0415 - commands import what they use

    agencies = AGENCIES[:parties]
    _prepare(out, force=force)
    sizes = [families] + [DTSEN_PER_KRS * families] * (parties - 1)
    ui.say("demo.simulate", krs=sizes[0], dtsen=sizes[1])
    made = simulate(sizes, overlap=0.6, damage="dirty", seed=seed, out=out / DATA)
    registers = dict(zip(agencies, made.paths, strict=True))

    stage = _Stage(out)
    ui.say("demo.homes")
    roles = dict.fromkeys(agencies, "agency") | {COORDINATOR: COORDINATOR, AUDITOR: AUDITOR}
    for name, role in roles.items():
        stage.enter(name, role)
    stage.introduce()

    ui.say("demo.agreement")
    stage.agree(population="penduduk Kutai Timur", max_records=max(sizes))

    ui.say("demo.encode")
    for name in agencies:
        stage.play(name, "encode", registers[name], *stage.run)

    ui.say("demo.link")
    stage.play(COORDINATOR, "link", *stage.run)

    ui.say("demo.receive")
    overlaps = [stage.home(name) / "overlap.csv" for name in agencies]
    for name, path in zip(agencies, overlaps, strict=True):
        stage.play(name, "receive", *stage.run, "--out", path)

    ui.say("demo.close")
    digest = stage.close([*agencies, AUDITOR])

    ui.say("demo.audit")
    pins = stage.home(AUDITOR) / "pins.toml"
    stage.play(AUDITOR, "audit", out / EXCHANGE, "--trust", pins, alone=True)

    ui.say("demo.evaluate")
    _conclude(overlaps, made.truth_path, digest, as_json=as_json)
    ui.say("demo.done", path=str(out))


class _Stage:
    """Four or five parties at their keyboards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, PartyFile] = {}
        (folder / EXCHANGE).mkdir()
        self.run = ("--run", folder / EXCHANGE)

    def home(self, name: str) -> Path:
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

    def agree(self, *, population: str, max_records: int) -> None:
        """Draft, publish and sign."""
        draft = self._folder / PARTIES / "agreement.toml"
        files = [
            self._file(name, kind) for name in self._files for kind in ("party.toml", "card.json")
        ]
        self.play(
            COORDINATOR, "agreement", "new", *files, "--out", draft,
            "--legal-basis", "synthetic data, no law needed", "--dpia", "demo",
            "--population", population, "--max-records", str(max_records), alone=True,
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


def _prepare(out: Path, *, force: bool) -> None:
    """Make the folder, empty of an earlier demo.

    Raises
    ------
    ConfigError
        An earlier demo is there and isn't to be replaced, or the folder can't be made.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    earlier = [out / name for name in (PARTIES, EXCHANGE, DATA)]
    try:
        if any(path.exists() for path in earlier) and not force:
            raise ConfigError("output.exists", path=str(out))
        out.mkdir(parents=True, exist_ok=True)
        for path in earlier:
            if path.exists():
                shutil.rmtree(path)
        (out / DATA).mkdir()
    except PermissionError:
        raise ConfigError("output.unwritable", path=str(out)) from None
    except OSError:
        raise ConfigError("output.no_folder", path=str(out / DATA), folder=str(out)) from None


def _conclude(overlaps: Sequence[Path], truth: Path, digest: str, *, as_json: bool) -> None:
    """Lay the owners' results side by side, as only a simulation can, and score them."""
    from dataclasses import replace  # noqa: PLC0415 - commands import what they use

    from pprl.lab.evaluate import evaluate  # noqa: PLC0415

    result = evaluate(_matches(overlaps), truth)
    if as_json:
        ui.out_json({"transcript": digest, "evaluation": result.as_dict()})
    else:
        show_evaluation(replace(result, calibration=None))  # a first look needs no more


def _matches(overlaps: Sequence[Path]) -> pa.Table:
    """Return the matches of all owners: what the match numbers of their files have in common."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    names = ("id", "status", "tier", "match")
    text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=names)
    parts = []
    for party, path in enumerate(overlaps):
        rows = csv.read_csv(path, convert_options=text)
        rows = rows.filter(pc.equal(rows.column("status"), "matched"))
        # A record in a match of three parties has a row for each of the other two.
        found = rows.group_by(["match", "id"]).aggregate([("tier", "min")])
        parts.append(found.append_column("party", pa.array([party] * len(found), pa.int32())))
    table = pa.concat_tables(parts)
    group = pc.dictionary_encode(table.column("match").combine_chunks()).indices
    return pa.table(
        {
            "group": group.cast(pa.int64()),
            "party": table.column("party"),
            "id": table.column("id"),
            "tier": table.column("tier_min"),
        }
    )
