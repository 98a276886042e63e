"""Families of a link, for an evaluation: from matched persons, or as the owners of a run got them.

Two kinds of results come in. What ``pprl lab link`` gives is about persons: its families are found
here, with the rule of a run (:mod:`pprl.decide.families`). What the owners of a run received says
itself which families they matched. Of a register only ids of records, families, cards and heads are
read.

>>> krs = pa.table({"id": ["1", "2"], "id_keluarga": ["F1", "F1"]})
>>> dtsen = pa.table({"id": ["7", "8"], "id_keluarga": ["K1", "K2"]})
>>> groups = pa.table({"group": [0, 0], "party": [0, 1], "id": ["2", "8"], "tier": ["nik", "nik"]})
>>> linked_families(groups, [krs, dtsen]).groups.to_pylist()
[{'group': 0, 'id': 'F1', 'party': 0}, {'group': 0, 'id': 'K2', 'party': 1}]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pprl.decide.families import handles, link_families
from pprl.decide.family_precision import family_precision
from pprl.decide.heads import heads
from pprl.errors import ConfigError, InputError
from pprl.lab.evaluate import evaluate, received
from pprl.lab.evaluate.load import name_of
from pprl.lab.evaluate.read import read_link, read_register

if TYPE_CHECKING:
    from pathlib import Path

    from pprl.decide.family_precision import FamilyPrecision
    from pprl.lab.evaluate import Evaluation
    from pprl.matches import Matches

    Given: TypeAlias = pa.Table | Path | str
    Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
    Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"

_STRONG = 0.99
_NO_TOKEN = ("filter", "contradicted")
_CARD = r"^[0-9]{16}$"


@dataclass(frozen=True, eq=False)
class FamilyGroups:
    """Matched families, as an evaluation takes them.

    Attributes
    ----------
    groups
        ``group``, ``party`` and ``id``: a family's id in its register; one row for each family of
        a pair.
    estimated
        How many pairs of the first two parties are right, estimated without the truth from what
        the first owner has; None where the link estimates nothing.
    """

    groups: pa.Table
    estimated: FamilyPrecision | None


def evaluate_families(
    matches: Matches | Given | Sequence[Path | str],
    truth: Given,
    registers: Sequence[Given],
    *,
    damage: Given | None = None,
    compare: Matches | Given | None = None,
    mistakes: bool = False,
) -> Evaluation:
    """Score the families of a link against the truth.

    Parameters
    ----------
    matches
        A link of persons, as :func:`pprl.lab.evaluate.evaluate` takes it; or the paths of
        ``overlap.csv`` of every owner of a run, in the order of the parties.
    truth
        Columns ``party``, ``family``, ``entity``: one row for every family of every party.
    registers
        In the order of the parties.
    damage
        Columns ``party``, ``family``, ``kinds``: what is unusual about a family.
    compare
        Another link of persons, of the same registers.
    mistakes
        List the mistakes one by one as well.

    Raises
    ------
    InputError, ConfigError
        As :func:`linked_families`, :func:`received_families` and
        :func:`pprl.lab.evaluate.evaluate`; a family isn't in the truth.
    """
    if isinstance(matches, Sequence) and not isinstance(matches, str):
        found = received_families(matches, registers)
    else:
        found = linked_families(matches, registers)
    other = None if compare is None else linked_families(compare, registers).groups
    try:
        result = evaluate(
            found.groups, truth, damage=damage, compare=other, key="family", mistakes=mistakes
        )
    except InputError as error:
        if error.code in ("evaluate.unknown_id", "evaluate.unknown_party") and (
            error.values["path"] == name_of(found.groups)
        ):
            raise InputError("evaluate.unknown_family", path=name_of(truth)) from None
        raise
    kinds = result.damage
    if kinds is not None:  # causes of wrong pairs are about persons
        causes = tuple(replace(each, cause="family") for each in kinds.false)
        kinds = replace(kinds, false=causes)
    return replace(result, damage=kinds, estimated=found.estimated)


def linked_families(matches: Matches | Given, registers: Sequence[Given]) -> FamilyGroups:
    """Find the families of a link of persons, between every two of its parties.

    Parameters
    ----------
    matches
        As :func:`pprl.lab.evaluate.evaluate` takes them.
    registers
        In the order of the parties, with a column for the family (or its card).

    Raises
    ------
    InputError
        A register has no families, or lacks a record of the link; the row is named. A record of no
        family is left out.
    ConfigError
        There are fewer registers than parties.
    """
    rows = read_link(matches)
    party, group = (rows.column(name).to_numpy() for name in ("party", "group"))
    if len(rows) and party.max() >= len(registers):
        raise ConfigError("evaluate.registers", found=len(registers), expected=int(party.max()) + 1)
    read = [_Register(register) for register in registers]
    at, family = (np.zeros(len(rows), dtype=np.int64) for _ in range(2))
    for place, register in enumerate(read):
        of = party == place
        at[of] = register.places(rows.filter(pa.array(of)), name_of(matches))
        family[of] = register.family[at[of]]
    precision = rows.column("precision").to_numpy()
    tier = pc.fill_null(rows.column("tier"), _NO_TOKEN[0]).combine_chunks()
    token = ~pc.is_in(tier, pa.array(_NO_TOKEN)).to_numpy(zero_copy_only=False)
    parts: list[list[pa.Table]] = [[_listed("", [])] for _ in read]
    estimated = None
    for one, other in combinations(range(len(read)), 2):
        left, right = _met(group, np.where(family < 0, -1, party), one, other)
        strong = token[left] | (precision[left] >= _STRONG)
        links = link_families(
            handles(family[left].tolist()),
            handles(family[right].tolist()),
            strong=strong,
            numbers=handles(range(len(left))),
            same_head=read[one].head[at[left]] & read[other].head[at[right]],
            same_card=_same(read[one].card, at[left], read[other].card, at[right]),
        )
        for place, side in ((one, left), (other, right)):
            names = read[place].names.take(pa.array(family[side[links.first]]))
            parts[place].append(_listed(f"{one}.{other}.", names))
        if (one, other) == (0, 1):
            estimated = family_precision(
                family[left], links.pair, precision[left], size=read[0].size
            )
    return FamilyGroups(received.groups([pa.concat_tables(part) for part in parts]), estimated)


def received_families(overlaps: Sequence[Path | str], registers: Sequence[Given]) -> FamilyGroups:
    """Return the families that the owners of a run matched.

    Parameters
    ----------
    overlaps
        ``overlap.csv`` of every owner, in the order of the parties.
    registers
        Their registers.

    Raises
    ------
    InputError
        A result has no column ``family``, or a record that isn't in its owner's register.
    ConfigError
        The results aren't those of different owners of one run, or there isn't one register for
        each.
    """
    tables = received.received(overlaps, "family", "precision")
    if len(registers) != len(overlaps):
        raise ConfigError("evaluate.registers", found=len(registers), expected=len(overlaps))
    parts, estimated = [], None
    for place, table in enumerate(tables):
        register = _Register(registers[place])
        family = register.families(table, name_of(overlaps[place]))
        names = register.names.take(pa.array(family, mask=family < 0))
        listed = table.select(["key"]).append_column("id", names)
        known = listed.drop_null()
        parts.append(known.group_by(["key", "id"]).aggregate([]))
        if place == 0 and len(tables) > 1:
            estimated = _estimated(table, family, register.size)
    return FamilyGroups(received.groups(parts), estimated)


class _Register:
    """Which family every record of a register belongs to."""

    def __init__(self, given: Given) -> None:
        cells = read_register(given)
        self._ids = cells.column("id").combine_chunks()
        coded = pc.dictionary_encode(cells.column("family").combine_chunks())
        self.names: pa.Array = coded.dictionary
        self.family: Numbers = np.asarray(pc.fill_null(coded.indices, -1)).astype(np.int64)
        listed = self.family[self.family >= 0]
        # A record without a family is a family of its own in a run; the truth knows none such.
        self.size: Numbers = np.bincount(listed, minlength=len(self.names)).astype(np.int64)
        self.head = heads(cells.column("relation"))
        card = cells.column("card").combine_chunks()
        known = pc.fill_null(pc.match_substring_regex(card, _CARD), False)  # noqa: FBT003 - pyarrow takes it by place
        self.card = pc.if_else(known, card, pa.scalar(None, pa.string()))

    def families(self, rows: pa.Table, path: str) -> Numbers:
        """Return the number of the family of each of some rows; -1 for a record without one.

        Parameters and errors as :meth:`places`.
        """
        return self.family[self.places(rows, path)]

    def places(self, rows: pa.Table, path: str) -> Numbers:
        """Return the place in the register of each of some rows.

        Parameters
        ----------
        rows
            With ``row`` and ``id``.
        path
            How errors name where the rows come from.

        Raises
        ------
        InputError
            The register has no such record.
        """
        place = pc.index_in(rows.column("id"), value_set=self._ids)
        if place.null_count:
            row = rows.column("row").filter(pc.is_null(place))[0].as_py()
            raise InputError("evaluate.no_member", path=path, row=row)
        return np.asarray(place).astype(np.int64)


def _same(one: pa.Array, left: Numbers, other: pa.Array, right: Numbers) -> Flags:
    """Return ``bool (n,)``: where two cells are known and equal."""
    equal = pc.equal(one.take(pa.array(left)), other.take(pa.array(right)))
    return np.asarray(pc.fill_null(equal, False)).astype(np.bool_)  # noqa: FBT003 - pyarrow takes it by place


def _met(group: Numbers, party: Numbers, one: int, other: int) -> tuple[Numbers, Numbers]:
    """Return the rows of two parties that are in one group, side by side."""
    mine, theirs = np.flatnonzero(party == one), np.flatnonzero(party == other)
    _, left, right = np.intersect1d(group[mine], group[theirs], return_indices=True)
    return mine[left], theirs[right]


def _listed(prefix: str, names: pa.Array | list[str]) -> pa.Table:
    keys = [f"{prefix}{number}" for number in range(len(names))]
    return pa.table({"key": pa.array(keys, pa.string()), "id": pa.array(names, pa.string())})


def _estimated(table: pa.Table, family: Numbers, size: Numbers) -> FamilyPrecision | None:
    """Estimate from the first owner's rows about the second one."""
    second = (table.column("other").to_numpy() == 1) & (family >= 0)
    supports = np.asarray(pc.is_valid(table.column("key")))
    chances = pc.cast(table.column("precision"), pa.float64()).to_numpy()
    return family_precision(
        family[second], np.where(supports, 0, -1)[second], chances[second], size=size
    )
