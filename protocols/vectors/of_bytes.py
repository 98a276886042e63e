"""Cases below any message: canonical JSON, size buckets, Merkle trees, numbers of matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl_protocols import canonical, limits, merkle
from pprl_protocols.result import match_numbers
from vectors.kit import RUN, Case, secret, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.canonical import Plain

_DEEP = limits.MAX_DEPTH

_CANONICAL = {
    "object": ("keys are sorted, nothing is between tokens", b'{"a":[true,null],"b":-1}'),
    "keys_by_utf16": (
        "keys are sorted by UTF-16 code units, where U+1F600 is before U+FB33",
        '{"\N{EURO SIGN}":1,"\U0001f600":2,"\ufb33":3}'.encode(),
    ),
    "largest_integer": ("2**53 - 1 is the largest integer", b"9007199254740991"),
    "deepest": ("sixteen lists or objects inside each other", b"[" * _DEEP + b"]" * _DEEP),
    "escapes": ("only what must be escaped is", b'"\\u0000\\n\\"\\\\/\xc3\xa9"'),
}
_NOT_CANONICAL = {
    "space": ("a space between tokens", b'{"a": 1}'),
    "order": ("keys out of order", b'{"b":1,"a":2}'),
    "escaped_needlessly": ("an escape for a letter", b'"\\u0061"'),
    "repeated_key": ("a key that occurs twice", b'{"a":1,"a":1}'),
    "float": ("a number with a decimal point", b"1.5"),
    "whole_float": ("a whole number with an exponent", b"1e2"),
    "minus_zero": ("minus zero", b"-0"),
    "too_large": ("2**53", b"9007199254740992"),
    "too_deep": ("seventeen lists inside each other", b"[" * (_DEEP + 1) + b"]" * (_DEEP + 1)),
    "lone_surrogate": ("half of a surrogate pair", b'"\\ud800"'),
    "not_utf8": ("bytes that aren't UTF-8", b'"\xff"'),
    "empty": ("nothing at all", b""),
}
_SIZES = (0, 1, 1024, 1025, 5000, 1 << 20, (1 << 20) + 1, 3_000_000, 17_825_792, 10**9, 64 << 30)
_RECORDS = (0, 1, 16, 17, 32, 33, 1000, 1024, 1025, 1_000_000, 1 << 30)
_RECORD = tuple(f"record {number}".encode() for number in range(8))


def cases() -> Iterator[Case]:
    """Yield all of them."""
    for name, (about, data) in _CANONICAL.items():
        digest: dict[str, Plain] = {"sha256": canonical.sha256(data)}
        yield Case("canonical", name, about, spelled(data), answer=digest)
    for name, (about, data) in _NOT_CANONICAL.items():
        yield Case("canonical", f"not_{name}", about, spelled(data), expect="canonical")
    yield Case(
        "bucket",
        "bytes",
        "the padded size of a plain file, in bytes",
        {"of": "bytes", "sizes": _SIZES},
        answer={"buckets": [limits.bucket(size) for size in _SIZES]},
    )
    yield Case(
        "bucket",
        "records",
        "a number of records as the log states it",
        {"of": "records", "sizes": _RECORDS},
        answer={"buckets": [limits.record_bucket(size) for size in _RECORDS]},
    )
    yield Case(
        "match_numbers",
        "three",
        "the numbers of the first three matches",
        {"seed": secret("seed").hex(), "run": RUN, "count": 3},
        answer={
            "numbers": [bytes(row).hex() for row in match_numbers(3, run=RUN, seed=secret("seed"))]
        },
    )
    yield from _trees()


def _trees() -> Iterator[Case]:
    for count in (0, 1, 3, 5):
        leaves = _RECORD[:count]
        yield Case(
            "merkle",
            f"root_of_{count}",
            f"the root over {count} records",
            {"records": [leaf.hex() for leaf in leaves]},
            answer={"root": merkle.root(leaves)},
        )
    leaves = _RECORD[:5]
    proof: dict[str, Plain] = {
        "record": leaves[4].hex(),
        "index": 4,
        "size": 5,
        "path": merkle.proof(leaves, 4),
        "root": merkle.root(leaves),
    }
    path = merkle.proof(leaves, 4)
    yield Case("merkle", "proof", "the last of five records, which has one partner", proof)
    faults: tuple[tuple[str, str, dict[str, Plain]], ...] = (
        ("proof_of_another_record", "another record than the path is for", {"record": "ff"}),
        ("proof_at_another_place", "another place than the path is for", {"index": 3}),
        ("proof_of_another_size", "another number of records with the same path", {"size": 6}),
        ("proof_too_long", "a path with a digest too many", {"path": [*path, "00" * 32]}),
        ("proof_too_short", "a path without its last digest", {"path": path[:-1]}),
        ("proof_of_a_node", "an inner node's bytes given as a record", _node(leaves)),
    )
    for name, about, change in faults:
        yield Case("merkle", name, about, {**proof, **change}, expect="merkle")


def _node(leaves: tuple[bytes, ...]) -> dict[str, Plain]:
    """Return a claim that two digests are one record: what the byte before a leaf prevents."""
    path = merkle.proof(leaves[:4], 0)
    pair = merkle.proof(leaves[:4], 1)[0] + path[0]
    return {
        "record": pair,
        "index": 0,
        "size": 2,
        "path": path[1:],
        "root": merkle.root(leaves[:4]),
    }
