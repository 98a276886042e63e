"""Cases of the two files that travel sealed: encodings (EncodedSet) and results (RESULT v1)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pprl.encoded import EncodedSet, Header, table_schema
from pprl_protocols import merkle
from pprl_protocols.result_file import ACCEPT, ROW_WIDTH, SCHEMA, Pair, ResultFile, ResultHeader
from vectors.draw import AGREEMENT
from vectors.kit import RUN, Case, secret
from vectors.of_agreements import SCHEMA_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pprl_protocols.canonical import Plain

    Object = dict[str, Plain]

_A, _B = "agency-a", "agency-b"
_BITS = 256


def cases() -> Iterator[Case]:
    """Yield all of them."""
    yield from _encodings()
    yield from _results()


def _encodings() -> Iterator[Case]:
    ids = sorted(secret(f"pseudo-ID {number}").hex()[:32] for number in range(3))
    whole = _encoded(ids)
    given: Object = {
        "agreement": AGREEMENT,
        "party": _A,
        "schema_digest": SCHEMA_DIGEST,
        "max_records": 3,
    }
    answer: Object = {"records": 3, "root": merkle.root(list(merkle.records(whole)))}
    box: Object = {"hex": _bytes(whole)}
    yield Case(
        "encodings", "whole", "three records, one without filter", {**given, **box}, answer=answer
    )
    changes: Mapping[str, tuple[str, Object]] = {
        "other_agreement": ("made for another agreement", {"agreement": "ff" * 32}),
        "other_party": ("another agency's", {"party": _B}),
        "other_schema": ("made with another schema", {"schema_digest": "ff" * 32}),
        "too_many": ("a record more than agreed", {"max_records": 2}),
    }
    for name, (about, change) in changes.items():
        yield Case("encodings", name, about, {**given, **box, **change}, expect="encodings")
    broken: Mapping[str, tuple[str, EncodedSet]] = {
        "not_sorted": ("records out of order", _encoded(ids[::-1])),
        "own_ids": ("ids that are no pseudo-IDs", _encoded(["1", "2", "3"])),
        "repeated": ("an id that occurs twice", _encoded([ids[0], ids[0], ids[1]])),
        "more_columns": ("a column that isn't agreed", _encoded(ids, more="name")),
    }
    for name, (about, encoded) in broken.items():
        file: Object = {"hex": _bytes(encoded)}
        yield Case("encodings", name, about, {**given, **file}, expect="encodings")
    cut: Object = {"hex": _bytes(whole)[:-200]}
    yield Case("encodings", "cut", "without its end", {**given, **cut}, expect="encodings")


def _encoded(ids: Sequence[str], *, more: str = "") -> EncodedSet:
    header = Header(
        scheme="clk",
        bits=_BITS,
        schema=SCHEMA_DIGEST,
        key_check="c4ec" * 4,
        agreement=AGREEMENT,
        party=_A,
        records=len(ids),
    )
    filters = [secret(f"filter {number}") for number in range(len(ids) - 1)]
    tokens = [secret("token")[:16]] + [None] * (len(ids) - 1)
    schema = table_schema(header, ["nik"])
    table = pa.table([list(ids), [*filters, None], tokens], schema=schema)
    if more:
        table = table.append_column(more, pa.array(["x"] * len(ids)))
    return EncodedSet(header, table)


def _results() -> Iterator[Case]:
    ids = sorted(secret(f"pseudo-ID {number}")[:16] for number in range(3))
    groups = [secret(f"match {number}")[:16] for number in range(3)]
    rows: list[dict[str, object]] = [
        {
            "id": record,
            "group": group,
            "party": 1,
            "band": ACCEPT,
            "tier": 0,
            "precision": 990_000,
            "similarity": 1_000_000,
            "family": None,
            "attributes": None,
        }
        for record, group in zip(ids, groups, strict=True)
    ]
    given: Object = {"run": RUN, "agreement": AGREEMENT, "recipient": _A, "parties": [_A, _B]}
    box: Object = {"hex": _bytes(_result(rows))}
    yield Case("result", "whole", "three matches", {**given, **box}, answer={"rows": 3})
    empty: Object = {"hex": _bytes(_result([]))}
    yield Case("result", "empty", "no match", {**given, **empty}, answer={"rows": 0})
    yield Case("result", "other_run", "another run's", {**given, **box, "run": "ff" * 16}, "result")
    yield Case(
        "result", "for_another", "for another agency", {**given, **box, "recipient": _B}, "result"
    )
    first, *others = rows
    broken: Mapping[str, tuple[str, list[dict[str, object]]]] = {
        "not_sorted": ("rows out of order", rows[::-1]),
        "own_party": ("a match with oneself", [{**first, "party": 0}, *others]),
        "above_one": ("a similarity above 1", [{**first, "similarity": 1_000_001}, *others]),
        "reserved": ("a reserved column that isn't empty", [{**first, "family": b"f"}, *others]),
        "two_matches": ("a record matched twice", [first, {**others[0], "id": first["id"]}]),
        "one_number": ("two matches with one number", [first, {**others[0], "group": groups[0]}]),
    }
    for name, (about, table) in broken.items():
        rightly = sorted(table, key=_sorting) if name == "two_matches" else table
        file: Object = {"hex": _bytes(_result(rightly))}
        yield Case("result", name, about, {**given, **file}, expect="result")


def _sorting(row: Mapping[str, object]) -> bytes:
    group = row["group"]
    return group if isinstance(group, bytes) else b""


def _result(rows: list[dict[str, object]]) -> ResultFile:
    header = ResultHeader(
        run=RUN,
        agreement=AGREEMENT,
        recipient=_A,
        parties=(_A, _B),
        tiers=("nik", "filter"),
        pairs=(
            Pair(other=1, accept={"nik": 0}, review={"nik": None}, precision=None, recall=None),
        ),
        rows=len(rows),
        row_width=ROW_WIDTH,
    )
    return ResultFile(header, pa.Table.from_pylist(rows, schema=SCHEMA))


def _bytes(file: EncodedSet | ResultFile) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        file.write(path)
        return path.read_bytes().hex()
