"""Run attacks on schemas: each beside the same attack on plain Bloom filters, its control.

An attack that doesn't break its control has failed: what it then says about another scheme is
nothing, and is called that. What no scheme may give away, plain Bloom filters neither, is a promise
(equal values in two runs, NIKs opened without the key): its control is the same measurement with
the key of the run, and it holds or it doesn't. Registers are simulated (or one is given), keys are
thrown away, and no result names a record.

>>> found = assess(["indonesia-tokens"], records=[60], known=[12], attacks=["similarity_profiles"],
...                quality=None)
>>> [(row.schema, row.finding.metric, row.verdict) for row in found.rows]
[('indonesia', 'reidentified', 'broken'), ('indonesia-tokens', 'reidentified', 'withstands')]
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from pyarrow import csv

from pprl.errors import ConfigError
from pprl.lab.risk.attacks import ATTACKS, findings
from pprl.lab.risk.quality import QUALITY, Quality, linked
from pprl.lab.risk.scene import NOBODY, Population, Scene
from pprl.lab.simulate import simulate
from pprl.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pprl.lab.risk.attacks import Attack
    from pprl.lab.risk.judge import Finding

Damage: TypeAlias = Literal["none", "clean", "dirty"]
Verdict: TypeAlias = Literal["broken", "withstands", "holds", "failed"]

__all__ = [
    "CONTROL",
    "QUALITY",
    "Assessment",
    "Damage",
    "Quality",
    "Register",
    "Row",
    "Verdict",
    "assess",
    "attacked",
    "beside",
    "check",
    "linked",
    "made",
]

CONTROL = "indonesia"
"""The schema with plain Bloom filters that every attack has to break first."""
_LEAST_RECORDS = 20
_SHARE = 2  # at least as many records unknown as known


@dataclass(frozen=True)
class Register:
    """What an agency exposes and what the attacker holds, before any encoding.

    Attributes
    ----------
    exposed, held
        Files; the same one for the strongest attacker.
    truth : int64 (n,) or None
        Row of ``held`` that each record of ``exposed`` is; None for the same file.
    """

    exposed: Path
    held: Path
    truth: NDArray[np.int64] | None

    def scene(self, schema: Schema, *, seed: int) -> Scene:
        """Return it as an attacker sees it."""
        if self.truth is None:
            return Scene.of_one(self.exposed, schema, seed=seed)
        return Scene.of_two(self.exposed, self.held, self.truth, schema, seed=seed)


@dataclass(frozen=True)
class Row:
    """What one attack found out about one schema.

    Attributes
    ----------
    schema
        Name or file, as asked for.
    scheme, bits, kappa
        Its filters.
    records
        Of the register.
    finding
        What was found.
    control
        What the same attack found out about :data:`CONTROL`; the finding itself for that. Of a
        promise, what it found out with the key of the run. None before :func:`beside`.
    """

    schema: str
    scheme: str
    bits: int
    kappa: int | None
    records: int
    finding: Finding
    control: Finding | None

    @property
    def verdict(self) -> Verdict:
        """``broken``; ``failed`` where the control wasn't; else ``withstands``.

        Of a promise ``holds`` instead of ``withstands``.
        """
        if self.finding.broken:
            return "broken"
        if self.control is None or not self.control.broken:
            return "failed"
        return "withstands" if self.finding.own_control is None else "holds"

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Assessment:
    """Everything that was measured.

    Attributes
    ----------
    rows
        By size, known pairs, attack and schema; the control first.
    quality
        Schema -> how well it links; empty when that wasn't asked for.
    skipped
        Attack and number of records that it isn't made for.
    damage, seed
        As asked for.
    """

    rows: tuple[Row, ...]
    quality: dict[str, Quality]
    skipped: tuple[tuple[str, int], ...]
    damage: Damage
    seed: int

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "control": CONTROL,
            "damage": self.damage,
            "seed": self.seed,
            "rows": [row.as_dict() for row in self.rows],
            "quality": {name: asdict(each) for name, each in self.quality.items()},
            "skipped": [{"attack": name, "records": records} for name, records in self.skipped],
        }


def assess(
    schemas: Sequence[str],
    *,
    data: Path | None = None,
    records: Sequence[int] = (1_000,),
    known: Sequence[int] = (0, 50),
    attacks: Sequence[str] = (),
    damage: Damage = "none",
    seed: int = 7,
    quality: tuple[int, int] | None = QUALITY,
    progress: Callable[[int, int], None] | None = None,
) -> Assessment:
    """Attack schemas, the control beside them.

    Parameters
    ----------
    schemas
        Built-in names or files; the control is added.
    data
        A register to attack instead of simulated ones; encoded with throw-away keys.
    records
        Sizes of the simulated registers.
    known
        Numbers of pairs that the attacker knows beforehand. Attacks that need none run once.
    attacks
        Names of :data:`~pprl.lab.risk.attacks.ATTACKS`; all when none is given.
    damage
        ``none``: the attacker holds the very file; else another register of the same persons, each
        damaged by itself.
    seed
        Of everything drawn.
    quality
        Records of the two registers on which F1 is measured; None: not measured.
    progress
        Called with steps done and steps in all.

    Raises
    ------
    ConfigError
        An attack, schema or number makes no sense.
    InputError
        The register can't be read as the schemas ask.

    Notes
    -----
    Attacks at 1,000 records take seconds each; at 10,000 and more see ``make risk``.
    """
    names = list(dict.fromkeys([CONTROL, *schemas]))
    loaded = {name: Schema.load(name) for name in names}
    chosen = _chosen(attacks)
    if data is not None and damage != "none":
        raise ConfigError("risk.data_and_damage", damage=damage)
    rows: list[Row] = []
    skipped: list[tuple[str, int]] = []
    with TemporaryDirectory(prefix="pprl-risk-") as folder:
        sizes = records if data is None else (len(Population.of(data, loaded[CONTROL])),)
        for size in sizes:
            check(size, known if any(one.needs_known for one in chosen) else ())
        total = len(sizes) + (quality is not None)
        for place, size in enumerate(sizes):
            register = (
                made(Path(folder) / str(place), size, damage, seed)
                if data is None
                else Register(data, data, None)
            )
            fitting = [one for one in chosen if one.largest >= size]
            skipped += [(one.name, size) for one in chosen if one.largest < size]
            rows += _attacked(loaded, register, fitting, known, seed)
            if progress is not None:
                progress(place + 1, total)
        measured = {} if quality is None else linked(names, quality, seed, Path(folder))
        if progress is not None:
            progress(total, total)
    return Assessment(tuple(rows), measured, tuple(skipped), damage, seed)


def made(folder: Path, size: int, damage: Damage, seed: int) -> Register:
    """Simulate a register, and what the attacker holds of the same persons."""
    folder.mkdir(parents=True, exist_ok=True)
    state: Literal["clean", "dirty"] = "dirty" if damage == "dirty" else "clean"
    sizes = [size, size] if damage != "none" else [size, _LEAST_RECORDS]
    done = simulate(sizes, overlap=1.0, damage=state, seed=seed, out=folder, force=True)
    exposed, held = done.paths
    if damage == "none":
        return Register(exposed, exposed, None)
    truth = csv.read_csv(done.truth_path)
    party, entity = (truth.column(name).to_numpy() for name in ("party", "entity"))
    here, there = entity[party == 0], entity[party == 1]
    persons, first = np.unique(there, return_index=True)
    at = np.minimum(np.searchsorted(persons, here), len(persons) - 1)
    return Register(exposed, held, np.where(persons[at] == here, first[at], NOBODY))


def check(records: int, known: Sequence[int]) -> None:
    """Refuse what leaves nothing to attack.

    Raises
    ------
    ConfigError
        Too few records, or too many of them known.
    """
    if records < _LEAST_RECORDS:
        raise ConfigError("risk.too_few", records=records, least=_LEAST_RECORDS)
    for count in known:
        if count * _SHARE > records:
            raise ConfigError("risk.too_many_known", known=count, records=records)


def attacked(
    name: str,
    schema: Schema,
    register: Register,
    scene: Scene,
    attack: Attack,
    known: int,
) -> list[Row]:
    """Run one attack on one scene; the control isn't looked at yet."""
    found = findings(attack, scene, scene.known(known), register.exposed, schema)
    header = scene.header
    return [
        Row(name, header.scheme, header.bits, header.kappa, len(scene), each, None)
        for each in found
    ]


def beside(rows: Sequence[Row]) -> list[Row]:
    """Put the control's finding into every row of the same attack, size and known pairs.

    A promise brings its own.
    """
    seen: dict[tuple[object, ...], int] = {}
    numbered = []
    for row in rows:
        kind = (row.finding.attack, row.finding.metric, row.records, row.finding.known)
        place = seen[(row.schema, *kind)] = seen.get((row.schema, *kind), -1) + 1
        numbered.append(((*kind, place), row))
    controls = {kind: row.finding for kind, row in numbered if row.schema == CONTROL}
    return [
        replace(row, control=_own_control(row.finding) or controls.get(kind))
        for kind, row in numbered
    ]


def _own_control(finding: Finding) -> Finding | None:
    if finding.own_control is None:
        return None
    value = finding.own_control
    return replace(finding, value=value, broken=value > finding.chance, own_control=None)


def _chosen(names: Sequence[str]) -> list[Attack]:
    for name in names:
        if name not in ATTACKS:
            raise ConfigError(
                "cli.choice", option="--attack", value=name, choices=", ".join(ATTACKS)
            )
    return [attack for name, attack in ATTACKS.items() if not names or name in names]


def _attacked(
    schemas: dict[str, Schema],
    register: Register,
    attacks: Sequence[Attack],
    known: Sequence[int],
    seed: int,
) -> list[Row]:
    """Run all attacks on all schemas at one size; in the order in which they are shown."""
    rows: list[Row] = []
    for name, schema in schemas.items():
        scene = register.scene(schema, seed=seed)
        for attack in attacks:
            for count in _counts(attack, known):
                rows += attacked(name, schema, register, scene, attack, count)
    order = {name: place for place, name in enumerate(ATTACKS)}
    return sorted(
        beside(rows), key=lambda row: (order.get(row.finding.attack, 0), row.finding.known)
    )


def _counts(attack: Attack, known: Sequence[int]) -> list[int]:
    """Return with how many known pairs an attack runs."""
    return sorted({count for count in known if count > 0}) if attack.needs_known else [0]
