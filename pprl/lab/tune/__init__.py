"""Compare schemas: how well each links registers whose truth is known, and at what size.

Each schema encodes all registers, in memory and with a throw-away key, and is swept over all
thresholds (:mod:`pprl.lab.tune.sweep`). Beside the best that labels can show stands what
:func:`pprl.link` reaches when it estimates its thresholds without them: that is what a real run
gets. Schemas come one after the other, so memory is that of the largest.

The key is made from the seed, so anybody can make it again: encodings under it never leave memory.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from pprl.lab.simulate import simulate
>>> with TemporaryDirectory() as folder:
...     made = simulate([300, 500], overlap=0.5, damage="clean", seed=7, out=Path(folder))
...     tuning = tune(["indonesia"], made.paths, made.truth_path)
>>> (one,) = tuning.schemas
>>> one.name, one.bits, one.on_frontier, bool(one.curve.f1.max() > 0.95)
('indonesia', 1024, True, True)
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.decide.tiers import CONTRADICTED_TIER
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.errors import ConfigError, InputError
from pprl.io.columns import recognise, roles
from pprl.keys import LinkageKey
from pprl.lab.evaluate import evaluate
from pprl.lab.tune.curve import Curve, Point
from pprl.lab.tune.labels import Labels
from pprl.lab.tune.result import PRECISIONS, Measured, Tuning, with_frontier
from pprl.lab.tune.sweep import sweep
from pprl.link import link
from pprl.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pprl.encode.columns import Resolved
    from pprl.encoded import EncodedSet
    from pprl.io.memory import Tabular
    from pprl.io.source import Source
    from pprl.lab.tune.curve import Numbers
    from pprl.matches import Matches

__all__ = ["PRECISIONS", "Curve", "Measured", "Point", "Tuning", "estimated", "sweep", "tune"]

_LEAST_PARTIES = 2
_STEPS = 2  # for each schema, beside its registers: the sweep and the estimate
_NO_COLUMN = ("columns.missing", "columns.none")


def tune(
    schemas: Sequence[str | Path],
    registers: Sequence[str | Path | Tabular],
    truth: str | Path | Tabular,
    *,
    mapping: Mapping[str, Sequence[str]] | None = None,
    id_column: str | None = None,
    seed: int = 7,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    entered: Callable[[str, Path], None] | None = None,
) -> Tuning:
    """Measure each schema on the same labelled registers.

    Parameters
    ----------
    schemas
        Built-in names or files; one that is named twice is measured once.
    registers
        Two or more files or tables, one a party.
    truth
        Columns ``party`` (position of the register, from 0), ``id``, ``entity``, with a row for
        every record of every register. Further parties and records are ignored.
    mapping
        Field or role -> its columns. Each register takes the first one that it has.
    id_column
        Column with the ids in the registers that have it; elsewhere a recognised one, else the
        row number.
    seed
        Makes the throw-away key. Another seed moves every number by chance.
    threads
        As many as this process may use when not given. Only the times depend on it.
    progress
        Called with steps done and steps in all.
    entered
        Called with schema and register before that register is encoded: an error that follows is
        about them.

    Raises
    ------
    ConfigError
        A schema isn't there or is wrong, or there are fewer than two registers.
    InputError
        A register lacks a column that a schema needs, or has a record that the truth doesn't
        know; the truth is damaged, or no two registers have a person in common.
    LimitError
        Too many pairs share a token, or a schema makes too many records the same.

    Notes
    -----
    For each schema one encoding of all registers, and two comparisons of all their pairs.
    """
    if len(registers) < _LEAST_PARTIES:
        raise ConfigError("tune.one_register", found=len(registers))
    loaded = {str(name): Schema.load(name) for name in schemas}
    sources = [open_data(register) for register in registers]
    # Everything is looked up before anything is encoded, so that a wrong column shows at once.
    columns = _columns(loaded, sources, mapping or {}, id_column)
    labels = Labels.read(open_data(truth), len(sources))
    key = LinkageKey(hashlib.sha256(f"pprl tune {seed}".encode()).digest())
    total = len(loaded) * (len(sources) + _STEPS)
    results: list[Measured] = []

    def report(steps: int) -> None:
        if progress is not None:
            progress(len(results) * (len(sources) + _STEPS) + steps, total)

    for name, schema in loaded.items():
        sets, seconds = [], []
        for source, resolved in zip(sources, columns[name], strict=True):
            if entered is not None:
                entered(name, source.path)
            start = perf_counter()
            encoder = Encoder(schema, key, resolved.fields, resolved.id_column)
            sets.append(encode_table(encoder, source, threads=threads)[0])
            seconds.append((perf_counter() - start) / max(1, len(sets[-1])))
            report(len(sets))
        entities = _entities(labels, sets, sources)
        curve = sweep(sets, entities, threads=threads)
        report(len(sets) + 1)
        point = _scored(estimated(sets, seed=seed, threads=threads), sets, entities)
        report(len(sets) + 2)
        cost = (schema.bits, _bits_set(sets), min(seconds))
        results.append(Measured(name, schema.digest, *cost, curve, point))
    return Tuning(
        schemas=with_frontier(results),
        records=tuple(map(len, sets)),
        findable=results[0].curve.findable,
        seed=seed,
    )


def estimated(sets: Sequence[EncodedSet], *, seed: int = 7, threads: int | None = None) -> Matches:
    """Link sets without looking at labels: thresholds estimated from the data, for the best F1."""
    return link(sets, seed=seed, threads=threads)


def _columns(
    schemas: Mapping[str, Schema],
    sources: Sequence[Source],
    mapping: Mapping[str, Sequence[str]],
    id_column: str | None,
) -> dict[str, list[Resolved]]:
    """Return for each schema what it reads of each register."""
    used = {field for schema in schemas.values() for field in _fields(schema)}
    if id_column is not None and not any(id_column in source.columns for source in sources):
        raise InputError("table.no_column", path=str(sources[0].path), column=id_column)
    chosen: dict[str, list[Resolved]] = {}
    for name, schema in schemas.items():
        # What only another schema has is none of this one's business.
        others = used.difference(_fields(schema), roles())
        wanted = {field: mapping[field] for field in mapping if field not in others}
        chosen[name] = []
        for source in sources:
            own = _mapping(source, wanted, sources)
            ids = id_column if id_column in source.columns else None
            try:
                chosen[name].append(resolve(schema, source, own, ids))
            except InputError as error:
                if error.code not in _NO_COLUMN:
                    raise
                field = error.values["field"]
                raise InputError(
                    "tune.no_field", schema=name, path=str(source.path), field=field
                ) from None
    return chosen


def _fields(schema: Schema) -> set[str]:
    return {feature.column for feature in schema.features}


def _mapping(
    source: Source, mapping: Mapping[str, Sequence[str]], sources: Sequence[Source]
) -> dict[str, str]:
    """Return the field -> column that goes for one register."""
    own = {}
    for field, names in mapping.items():
        here = [name for name in names if _has(source, field, name)]
        if here:
            own[field] = here[0]
        elif not any(_has(other, field, name) for other in sources for name in names):
            own[field] = names[0]  # no register has it: let the look-up say so
    return own


def _has(source: Source, field: str, column: str) -> bool:
    try:
        recognise(source.columns, {field: column}, [field])
    except InputError:
        return False
    return True


def _entities(
    labels: Labels, sets: Sequence[EncodedSet], sources: Sequence[Source]
) -> list[Numbers]:
    entities = [
        labels.of(party, each.ids, path=str(source.path))
        for party, (each, source) in enumerate(zip(sets, sources, strict=True))
    ]
    if not any(np.isin(one, other).any() for one, other in combinations(entities, 2)):
        raise InputError("tune.nothing_common", records=sum(map(len, entities)))
    return entities


def _scored(matches: Matches, sets: Sequence[EncodedSet], entities: Sequence[Numbers]) -> Point:
    truth = pa.table(
        {
            "party": np.repeat(np.arange(len(sets)), [len(each) for each in sets]),
            "id": pa.chunked_array([chunk for each in sets for chunk in each.ids.chunks]),
            "entity": np.concatenate(entities),
        }
    )
    info = matches.info
    contradicted = [
        each.accept.get(CONTRADICTED_TIER)
        for each in info.pairs
        if info.token_threshold is not None
    ]
    return Point(
        threshold=info.threshold,
        token_threshold=info.token_threshold,
        contradicted_threshold=max((bar for bar in contradicted if bar is not None), default=None),
        score=evaluate(matches.table, truth).overall,
    )


def _bits_set(sets: Sequence[EncodedSet]) -> float:
    counts = [
        np.bitwise_count(each.filter_words()).sum(axis=1, dtype=np.int64)[each.has_filter()]
        for each in sets
    ]
    together = np.concatenate(counts)
    return float(together.mean()) if len(together) else 0.0
