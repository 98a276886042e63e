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
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from pprl.lab.evaluate import Evaluation
    from pprl.lab.families.simulate import SimulatedFamilies
    from pprl_protocols.identity import PartyFile

KRS_FAMILIES, DTSEN_FAMILIES = 11_973, 60_000
DTSEN_PER_KRS = 5
AGENCIES = ("dppkb", "dinsos", "disdik")
REGISTERS = ("krs", "dtsen", "dapodik")
RELEASED = "desil,pkh,sembako,pbi_jk,pip"
COORDINATOR, AUDITOR = "coordinator", "auditor"
PARTIES, EXCHANGE, DATA = "parties", "exchange", "data"
_PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
_PASSPHRASE_BYTES = 16


def demo(
    families: Annotated[
        int, typer.Option(min=10, help="KRS families; the DTSEN has five times as many.")
    ] = KRS_FAMILIES,
    parties: Annotated[int, typer.Option(min=2, max=3, help="How many agencies.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 7,
    out: Annotated[
        Path, typer.Option(readable=False, help="Folder for everything that is made.")
    ] = Path("pprl-demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a whole run on synthetic data: agencies, coordinator and auditor, each by itself.

    Every command of every party is shown and can be repeated by hand afterwards.
    """
    from dataclasses import replace  # noqa: PLC0415 - commands import what they use

    from pprl.lab.families.simulate import simulate_families  # noqa: PLC0415

    agencies = AGENCIES[:parties]
    _prepare(out, force=force)
    dtsen = DTSEN_FAMILIES if families == KRS_FAMILIES else DTSEN_PER_KRS * families
    ui.say("demo.simulate", krs=families, dtsen=dtsen)
    made = simulate_families(
        out / DATA, krs=families, dtsen=dtsen, seed=seed, registers=REGISTERS[:parties]
    )
    registers = dict(zip(agencies, made.paths.values(), strict=True))
    records = max(count.rows for count in made.counts.values())

    stage = _Stage(out)
    ui.say("demo.homes")
    roles = dict.fromkeys(agencies, "agency") | {COORDINATOR: COORDINATOR, AUDITOR: AUDITOR}
    for name, role in roles.items():
        stage.enter(name, role)
    stage.introduce()

    ui.say("demo.agreement")
    stage.agree(population="penduduk Kutai Timur", max_records=records)

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
    scores = _evaluated(_Results(registers, overlaps), made)
    if as_json:
        shown = {unit: score.as_dict() for unit, score in scores.items()}
        ui.out_json({"transcript": digest, **shown})
    else:
        for unit, score in scores.items():
            ui.out(ui.sentence(f"demo.{unit}"))
            show_evaluation(replace(score, calibration=None))  # a first look needs no more
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
            "--population", population, "--max-records", str(max_records),
            "--release", f"{AGENCIES[1]}:{AGENCIES[0]}:{RELEASED}", alone=True,
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


class _Results:
    """The results of all owners side by side, as only a simulation can lay them."""

    def __init__(self, registers: Mapping[str, Path], overlaps: Sequence[Path]) -> None:
        self._registers = registers
        self._overlaps = overlaps

    def persons(self) -> pa.Table:
        """Return matched persons by match number."""
        return _groups(
            [self._read(path, "match", "tier") for path in self._overlaps], "match", "id"
        )

    def families(self) -> pa.Table:
        """Return the families that the first two owners matched, by the pair's number."""
        import pyarrow.compute as pc  # noqa: PLC0415 - commands import what they use

        parts = []
        for path, register in list(zip(self._overlaps, self._registers.values(), strict=True))[:2]:
            found = self._read(path, "family")
            owners = _families_of(register)
            family = owners.column("family").take(
                pc.index_in(found.column("id"), owners.column("id"))
            )
            parts.append(found.append_column("own", family))
        return _groups(parts, "family", "own")

    @staticmethod
    def _read(path: Path, group: str, *more: str) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415 - commands import what they use
        import pyarrow.compute as pc  # noqa: PLC0415
        from pyarrow import csv  # noqa: PLC0415

        names = ["id", "status", group, *more]
        text = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
            strings_can_be_null=True,
        )
        rows = csv.read_csv(path, convert_options=text)
        return rows.filter(pc.is_valid(rows.column(group)))


def _groups(parts: Sequence[pa.Table], group: str, own: str) -> pa.Table:
    """Return groups as an evaluation takes them: one row for every party's record of a group."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415

    listed = []
    for party, rows in enumerate(parts):
        kept = rows.filter(pc.equal(rows.column("status"), "matched"))
        # A record in a match of three parties has a row for each of the other two.
        tier = [("tier", "min")] if "tier" in rows.column_names else []
        found = kept.group_by([group, own]).aggregate(tier)
        listed.append(found.append_column("party", pa.array([party] * len(found), pa.int32())))
    table = pa.concat_tables(listed)
    numbers = pc.dictionary_encode(table.column(group).combine_chunks()).indices
    columns = {
        "group": numbers.cast(pa.int64()),
        "party": table.column("party"),
        "id": table.column(own),
    }
    if "tier_min" in table.column_names:
        columns["tier"] = table.column("tier_min")
    return pa.table(columns)


def _families_of(register: Path) -> pa.Table:
    """Return which family every record of a register belongs to."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use

    from pprl.io.columns import recognise  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415

    source = open_source(register)
    roles = recognise(source.columns).roles
    batches = [batch.table for batch in source.batches([roles["id"], roles["family_id"]])]
    return pa.Table.from_batches(batches).rename_columns(["id", "family"])


def _evaluated(results: _Results, made: SimulatedFamilies) -> dict[str, Evaluation]:
    """Score persons and families against the truth that a simulation knows."""
    import pyarrow as pa  # noqa: PLC0415 - commands import what they use
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    from pprl.lab.evaluate import evaluate  # noqa: PLC0415

    persons = evaluate(results.persons(), made.truth_path)
    text = csv.ConvertOptions(column_types={"family": pa.string()})
    truth = csv.read_csv(made.truth_families_path, convert_options=text)
    truth = truth.rename_columns(["party", "id", "entity"])
    truth = truth.filter(pc.less(truth.column("party"), 2))  # as results.families
    families = evaluate(results.families(), truth)
    return {"persons": persons, "families": families}
