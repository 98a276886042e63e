"""Registers of families in Kutai Timur: KRS, DTSEN and others, with truth and damage.

One population of homes, several registers of it. KRS and DTSEN share families; in one of six the
two know different things (:mod:`..changes`). What is written is damaged as in the simulator of
persons, at the same rates. Files:

- ``krs.csv``, ``dtsen.csv``, ... one register each, headers and words as in
  ``tables/family_registers.toml``;
- ``truth.csv`` (party, id, entity) of persons and ``truth_families.csv`` (party, family, entity);
- ``damage.csv`` (party, id, kinds) of persons and ``damage_families.csv`` (party, family, kinds):
  damage, and what else is unusual about them.

Parties are numbered in the order of ``registers``. In a file with one row per family, the id of a
person is the family's id, a separator, and two digits: 01 head, 02 spouse, 03 to 08 the children
in the order of their columns. No cell holds an entity, no id comes from a NIK, and every NIK and
card number has kecamatan code 99, which doesn't exist.

The same arguments give the same bytes, whatever the number of threads; a register's bytes don't
depend on which other registers are made.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     made = simulate_families(Path(folder), krs=50, dtsen=120, seed=7)
...     made.counts["krs"].families, made.counts["dtsen"].families, made.common
(50, 120, 42)
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from pprl.errors import ConfigError
from pprl.io.atomic import publish
from pprl.lab.damage import Damage
from pprl.lab.families.changes import make_changes
from pprl.lab.families.draws import HOMES, PEOPLE, Draws
from pprl.lab.families.homes import make_homes
from pprl.lab.families.model import figures
from pprl.lab.families.needs import make_needs
from pprl.lab.families.people import card_numbers, make_people
from pprl.lab.families.places import all_villages, make_addresses
from pprl.lab.families.register import World, make_register
from pprl.lab.families.registers import all_registers
from pprl.limits import available_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from pprl.lab.families.register import RegisterCounts

Layout = Literal["member", "family"]
KRS_FAMILIES, DTSEN_FAMILIES = 11_973, 60_000
_MOST_FAMILIES = 1_000_000  # all are in memory at once


@dataclass(frozen=True)
class SimulatedFamilies:
    """Where the files are and what is in them."""

    paths: Mapping[str, Path]  # register -> file, in party order
    truth_path: Path
    truth_families_path: Path
    damage_path: Path
    damage_families_path: Path
    counts: Mapping[str, RegisterCounts]
    common: int  # families that KRS and DTSEN both list
    as_of: date  # the day on which ages are counted


def simulate_families(
    out: Path,
    *,
    krs: int = KRS_FAMILIES,
    dtsen: int = DTSEN_FAMILIES,
    overlap: float = 0.85,
    damage: Damage = "dirty",
    seed: int,
    registers: Sequence[str] = ("krs", "dtsen"),
    krs_layout: Layout = "member",
    varied_headers: bool = False,
    force: bool = False,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> SimulatedFamilies:
    """Write registers of one population of families to ``out``, with their truth.

    Parameters
    ----------
    out
        Folder of the results; made if missing.
    krs, dtsen
        Families of the two registers, exactly. Others follow from the population.
    overlap
        ``round(overlap * min(krs, dtsen))`` families are in both (the default is an assumption).
    damage
        ``dirty`` is the state of 2020, ``clean`` that of 2024.
    seed
        Not negative. Another seed is another population.
    registers
        Which to write, in party order; names as in ``tables/family_registers.toml``: ``krs``,
        ``dtsen``, ``dapodik``, ``emis``, ``pbi_jkn``, ``p3ke``, ``pkh``, ``regsosek``,
        ``dukcapil``.
    krs_layout
        One row per member, or per family with head, wife and children in columns.
    varied_headers
        Take headers that other offices use, at random.
    force
        Replace existing files.
    threads
        All processors if not given.
    progress
        Called with the number of rows of all registers written so far.

    Raises
    ------
    ConfigError
        An argument makes no sense, or a file exists already.
    LimitError
        More persons than there are NIKs for.
    """
    _check(krs, dtsen, overlap, damage, seed, registers, krs_layout)
    world = _world(krs, dtsen, overlap=overlap, damage=damage, seed=np.uint64(seed))
    with suppress(OSError):  # publish says what is wrong with a folder
        out.mkdir(exist_ok=True)
    paths = {name: out / f"{name}.csv" for name in registers}
    others = [
        out / f"{name}.csv" for name in ("truth", "truth_families", "damage", "damage_families")
    ]
    counts, done = {}, 0
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                stack.enter_context(publish(path, force=force)).open("wb", buffering=1 << 20)
            )
            for path in (*paths.values(), *others)
        ]
        for file, title in zip(
            files[-4:],
            ("party,id,entity", "party,family,entity", "party,id,kinds", "party,family,kinds"),
            strict=True,
        ):
            file.write(f"{title}\n".encode())
        for party, name in enumerate(registers):
            made = make_register(
                world,
                all_registers()[name],
                party,
                by_family=name == "krs" and krs_layout == "family",
                varied_headers=varied_headers,
                threads=threads or available_threads(),
            )
            for file, content in zip((files[party], *files[-4:]), made[:-1], strict=True):
                file.write(content)
            counts[name] = made.counts
            done += made.counts.rows
            if progress is not None:
                progress(done)
    return SimulatedFamilies(
        paths=paths,
        truth_path=others[0],
        truth_families_path=others[1],
        damage_path=others[2],
        damage_families_path=others[3],
        counts=counts,
        common=world.common,
        as_of=figures().as_of,
    )


def _check(
    krs: int,
    dtsen: int,
    overlap: float,
    damage: Damage,
    seed: int,
    registers: Sequence[str],
    krs_layout: Layout,
) -> None:
    if min(krs, dtsen) < 1:
        raise ConfigError("simulate.size", found=min(krs, dtsen))
    if krs + dtsen > _MOST_FAMILIES:
        raise ConfigError("simulate.families", found=krs + dtsen, maximum=_MOST_FAMILIES)
    if not 0 <= overlap <= 1:
        raise ConfigError("simulate.overlap", found=str(overlap))
    if damage not in get_args(Damage):
        raise ConfigError("simulate.damage", found=damage, known=", ".join(get_args(Damage)))
    if not 0 <= seed < 1 << 64:
        raise ConfigError("simulate.seed", found=seed)
    known = all_registers()
    wrong = [name for name in registers if name not in known]
    if wrong or not registers or len(set(registers)) < len(registers):
        found = ", ".join(wrong or registers) or "-"
        raise ConfigError("simulate.registers", found=found, known=", ".join(known))
    if krs_layout not in get_args(Layout):
        raise ConfigError("simulate.layout", found=krs_layout, known=", ".join(get_args(Layout)))


def _world(krs: int, dtsen: int, *, overlap: float, damage: Damage, seed: np.uint64) -> World:
    common = round(overlap * min(krs, dtsen))
    count = krs + dtsen - common
    homes = make_homes(seed, count, at_risk=krs)
    every = np.arange(count)
    host = np.where(homes.shared_with >= 0, homes.shared_with, every)
    addresses = make_addresses(seed, 0, every, krs).take(host)
    people = make_people(seed, homes, all_villages().districts[addresses.village])
    changes = make_changes(seed, homes, people, common, damage, split_most=dtsen - common)
    parts = changes.splits
    return World(
        seed=seed,
        damage=damage,
        krs=krs,
        common=common,
        # Parts of families count as families of DTSEN: fewer of the others are left.
        dtsen_homes=np.concatenate([every[:common], every[krs : count - parts]]),
        homes=homes,
        people=people,
        needs=make_needs(seed, homes, people, at_risk=krs),
        changes=changes,
        addresses=addresses,
        moved_to=make_addresses(seed, 1, every, krs),
        cards=tuple(card_numbers(seed, slot, count) for slot in range(3)),
        entities=Draws(seed, PEOPLE).scattered(people.size, people.size),
        family_entities=Draws(seed, HOMES).scattered(count + parts, count + parts),
    )
