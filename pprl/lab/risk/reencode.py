"""Attacks that need the register again: what two runs have in common, and a dictionary of NIKs.

A scene holds one set of encodings and no key. These two make others, of the same register, so they
are constructed with it: ``CrossRun(data, schema).find(scene, known)``. Without a register they
find nothing to attack.

Keys come from the scene's seed; nothing real is ever encoded with them.

>>> dictionary("640899", 1990, 2)[:2], len(dictionary("640899", 1990, 2))
(['6408990101900001', '6408990101900002'], 1460)
"""

from __future__ import annotations

import datetime as dt
from hashlib import blake2b, md5, sha256
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

import pprl
from pprl.buffers import fixed_rows, valid
from pprl.compare.filters import count_bits
from pprl.compare.measure import MILLION, measure_of
from pprl.encode.columns import open_data, resolve
from pprl.encode.fields import Fields
from pprl.encode.tokens import keyed_tokens
from pprl.encoded import TOKEN_BYTES
from pprl.lab.risk.bits import unpacked
from pprl.lab.risk.judge import BROKEN, Finding
from pprl.normalise.name import NameNormaliser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pprl.encoded import EncodedSet
    from pprl.lab.risk.scene import Scene
    from pprl.schema import Schema

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Data: TypeAlias = str | Path | pa.Table

LARGEST_GRAPH = 2_000
"""Records whose likenesses to each other are looked at; the first ones of a larger register."""
SERIALS = 3
"""Serial numbers per birth date and sex in the dictionary; offices start at 1 every day."""
YEARS = range(1930, 2026)
_ROUNDS = 8
_FIRST_ANCHORS = 50
_QUANTILES = 40
_WOMEN = 40


class CrossRun:
    """The same register in two runs: what is equal, and who is found again by likeness.

    Parameters
    ----------
    data, schema
        The register, and how it is encoded; None: nothing to attack.
    """

    name = "cross_run"

    def __init__(self, data: Data | None = None, schema: Schema | None = None) -> None:
        self._data, self._schema = data, schema

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return ``in_common``, the share of equal values, and ``linked``, of records found again.

        That values are equal under the same key is the control of the first.

        ``linked`` lays the two similarity graphs upon each other: first by the shape of each
        record's similarities, then by those to the pairs found so far. It needs no register at
        all, and no key helps against it.
        """
        if self._data is None or self._schema is None:
            return []
        draw = np.random.default_rng([scene.seed, 42])
        key, other = (pprl.LinkageKey(draw.bytes(32)) for _ in range(2))
        one, same, two = (pprl.encode(self._data, self._schema, each) for each in (key, key, other))
        share = in_common(one, two)
        found = [
            Finding(
                attack=self.name,
                metric="in_common",
                value=share,
                chance=0.0,
                broken=share > 0,
                known=len(known),
                own_control=in_common(one, same),
            )
        ]
        rows = np.flatnonzero(one.has_filter())[:LARGEST_GRAPH]
        if len(rows) > 1:
            again = _found_again(_similarities(one, rows), _similarities(two, rows))
            right = float((again == np.arange(len(rows))).mean())
            chance = 1 / len(rows)
            found.append(Finding(self.name, "linked", right, chance, right >= BROKEN, len(known)))
        return found


class NikDictionary:
    """The NIKs that a kabupaten can have given, and those of the register, as a dictionary.

    A NIK has some 2.7e10 possible values: whoever can compute tokens can compute all of them. So
    it all depends on the key. That the register's own NIKs are among the words makes "no hit" a
    statement about the key, not about the dictionary.

    Parameters
    ----------
    data, schema
        The register, and how it is encoded; None, or no ``nik`` token: nothing to attack.
    serials
        Serial numbers tried per birth date and sex.
    years
        Years of birth tried.
    """

    name = "nik_dictionary"

    def __init__(
        self,
        data: Data | None = None,
        schema: Schema | None = None,
        *,
        serials: int = SERIALS,
        years: range = YEARS,
    ) -> None:
        self._data, self._schema = data, schema
        self._serials, self._years = serials, years

    def find(self, scene: Scene, known: Integers) -> list[Finding]:
        """Return ``hits``: the share of tokens that the dictionary opens, without and with the key.

        Without: unkeyed BLAKE2b, SHA-256 and MD5, a key of zeros, and the key of another run.
        With: what an agency that colludes with the coordinator does to the others' tokens. It
        opens all of them, in every scheme with a shared key.
        """
        if self._data is None or self._schema is None or "nik" not in self._schema.token_kinds:
            return []
        draw = np.random.default_rng([scene.seed, 43])
        own, other = (pprl.LinkageKey(draw.bytes(32)).derive("token/nik") for _ in range(2))
        niks = _niks(self._data, self._schema)
        tokens = {kept.tobytes() for kept in _rows(keyed_tokens(niks, own, "nik"))}
        if not tokens:
            return []
        guesses: list[Callable[[list[str]], set[bytes]]] = [
            _unkeyed(lambda nik: blake2b(nik, digest_size=TOKEN_BYTES, person=b"nik").digest()),
            _unkeyed(lambda nik: sha256(nik).digest()[:TOKEN_BYTES]),
            _unkeyed(lambda nik: md5(nik, usedforsecurity=False).digest()),
            _keyed(bytes(32)),
            _keyed(other),
            _keyed(own),
        ]
        hits = [0] * len(guesses)
        size = 0
        for niks_of_year in self._dictionary(niks):
            size += len(niks_of_year)
            for place, guess in enumerate(guesses):
                hits[place] += len(guess(niks_of_year) & tokens)
        blind, colluding = sum(hits[:-1]) / len(tokens), hits[-1] / len(tokens)
        return [
            Finding(
                attack=self.name,
                metric="hits",
                value=blind,
                chance=0.0,
                broken=blind > 0,
                known=len(known),
                note=f"{size} NIKs",
                own_control=colluding,
            ),
            Finding(
                self.name,
                "hits_with_key",
                colluding,
                0.0,
                broken=colluding > 0,
                known=len(known),
                note="an agency that colludes with the coordinator: every shared key",
            ),
        ]

    def _dictionary(self, niks: pa.Array) -> Iterator[list[str]]:
        """Yield the register's NIKs, and those of its largest kabupaten year by year."""
        own = sorted({nik for nik in niks.to_pylist() if nik})
        known = set(own)
        yield own
        regions = [nik[:6] for nik in own]
        codes, counts = np.unique([region[:4] for region in regions], return_counts=True)
        largest = str(codes[int(np.argmax(counts))])
        for region in sorted({region for region in regions if region.startswith(largest)}):
            for year in self._years:
                yield [nik for nik in dictionary(region, year, self._serials) if nik not in known]


def dictionary(region: str, year: int, serials: int) -> list[str]:
    """Return the NIKs of a kecamatan for a year of birth: every day, both sexes, first serials."""
    first = dt.date(year, 1, 1)
    days = (first + dt.timedelta(days) for days in range((dt.date(year + 1, 1, 1) - first).days))
    return [
        f"{region}{day.day + women:02}{day:%m%y}{serial:04}"
        for day in days
        for women in (0, _WOMEN)
        for serial in range(1, serials + 1)
    ]


def _niks(data: Data, schema: Schema) -> pa.Array:
    source = open_data(data)
    column = resolve(schema, source, {}, None).fields["nik"]
    parts = []
    for batch in source.batches([column]):
        cells = batch.table.column(column)
        fields = Fields({"nik": cells}, len(cells), NameNormaliser(), schema.dates_until)
        parts.append(fields.token_text(("nik",)))
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def _rows(tokens: pa.Array) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = fixed_rows(tokens, TOKEN_BYTES)[valid(tokens)]
    return found


def _keyed(key: bytes) -> Callable[[list[str]], set[bytes]]:
    def tokens(niks: list[str]) -> set[bytes]:
        made = _rows(keyed_tokens(pa.array(niks), key, "nik")).tobytes()
        return {made[at : at + TOKEN_BYTES] for at in range(0, len(made), TOKEN_BYTES)}

    return tokens


def _unkeyed(digest: Callable[[bytes], bytes]) -> Callable[[list[str]], set[bytes]]:
    return lambda niks: {digest(nik.encode()) for nik in niks}


def in_common(one: EncodedSet, two: EncodedSet) -> float:
    """Return the share of one run's filters, tokens and blocks that the other has as well."""
    names = [
        name
        for name in one.table.column_names
        if name == "filter" or name.startswith(("token.", "block."))
    ]
    values, others = (
        set(chain.from_iterable(each.table.column(name).drop_null().to_pylist() for name in names))
        for each in (one, two)
    )
    return len(values & others) / max(len(values), 1)


def _similarities(encoded: EncodedSet, rows: Integers) -> Floats:
    words = encoded.filter_words()[rows]
    bits = unpacked(words, encoded.header.bits).astype(np.float32)
    common = (bits @ bits.T).astype(np.int64)  # exact: whole numbers below 2**24
    size = count_bits(words)
    found: Floats = measure_of(encoded.header).of(common, size[:, None], size) / MILLION
    return found


def _found_again(one: Floats, two: Floats) -> Integers:
    """Return for each row of ``one`` the row of ``two`` that it seems to be."""
    alike = _likeness(_shapes(one), _shapes(two))
    for turn in range(_ROUNDS):
        left, right, margin = _mutual(alike)
        sure = np.argsort(-margin, kind="stable")[: _FIRST_ANCHORS << turn]
        if len(sure) < 2:  # noqa: PLR2004 - one anchor has no profile
            break
        alike = _likeness(one[:, left[sure]], two[:, right[sure]])
    found: Integers = alike.argmax(axis=1)
    return found


def _shapes(similar: Floats) -> Floats:
    """Return what a record's similarities look like whoever they are to: quantiles, and its own."""
    rows = np.sort(similar, axis=1)
    top = rows[:, -_QUANTILES - 1 : -1]
    spread = rows[:, np.linspace(0, len(rows) - 2, _QUANTILES).astype(np.int64)]
    columns = np.concatenate([top, spread], axis=1)
    found: Floats = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-9)
    return found


def _likeness(one: Floats, two: Floats) -> Floats:
    """Return minus the squared distance of every row to every row."""
    found: Floats = 2 * one @ two.T - (one**2).sum(axis=1)[:, None] - (two**2).sum(axis=1)
    return found


def _mutual(alike: Floats) -> tuple[Integers, Integers, Floats]:
    """Return pairs that are each other's best, and how much better than the second best."""
    best, back = alike.argmax(axis=1), alike.argmax(axis=0)
    left = np.flatnonzero(back[best] == np.arange(len(best)))
    second = np.partition(alike[left], -2, axis=1)[:, -2]
    return left, best[left], alike[left, best[left]] - second
