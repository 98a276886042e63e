"""Pairs of records that share an exact token.

The join is DuckDB's: two columns of tokens in, pairs of row numbers out, sorted. How often tokens
meet is counted before any pair is made. A token says that two records were given the same number,
not that they are the same person: :mod:`pprl.decide.tiers` asks the filters as well.

>>> import pyarrow as pa
>>> ours = pa.chunked_array([[b"0123456789abcdef", None]], pa.binary(16))
>>> theirs = pa.chunked_array([[None, b"0123456789abcdef"]], pa.binary(16))
>>> equal_tokens(ours, theirs, np.arange(2), np.arange(2))
(array([0], dtype=int32), array([1], dtype=int32))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.database import scratch_database
from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS

if TYPE_CHECKING:
    from pprl.compare.pairs import Integers, Rows

_COUNT = """
    SELECT coalesce(sum(l.n * r.n), 0)::DOUBLE
    FROM (SELECT token, count(*) AS n FROM l GROUP BY token) AS l
    JOIN (SELECT token, count(*) AS n FROM r GROUP BY token) AS r USING (token)
"""
_JOIN = """
    SELECT l.row AS l, r.row AS r FROM l JOIN r USING (token) ORDER BY l.row, r.row
"""


def equal_tokens(
    left: pa.ChunkedArray[pa.FixedSizeBinaryScalar],
    right: pa.ChunkedArray[pa.FixedSizeBinaryScalar],
    left_rows: Integers,
    right_rows: Integers,
    *,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
) -> tuple[Rows, Rows]:
    """Return all pairs of rows with equal tokens.

    Parameters
    ----------
    left, right
        ``fixed_size_binary(16)``, one entry a record, null where it has no token.
    left_rows, right_rows
        The rows to join, from 0.
    threads
        As many as DuckDB sees fit when not given.
    max_pairs
        How many pairs may be returned.

    Returns
    -------
    tuple
        Left rows and right rows, ``int32 (n,)``, sorted by left row, then right row.

    Raises
    ------
    LimitError
        More than ``max_pairs`` pairs share a token, or memory ran out.
    """
    with scratch_database(out_of_memory="link.token_memory") as database:
        if threads is not None:
            database.execute("SET threads = ?", [threads])
        database.register("l", _numbered(left, left_rows))
        database.register("r", _numbered(right, right_rows))
        found = database.execute(_COUNT).fetchone()
        if found is not None and found[0] > max_pairs:
            raise LimitError("link.too_many_token_pairs", limit=max_pairs)
        columns = database.execute(_JOIN).fetchnumpy()
    return (
        np.ascontiguousarray(columns["l"], dtype=np.int32),
        np.ascontiguousarray(columns["r"], dtype=np.int32),
    )


def _numbered(tokens: pa.ChunkedArray[pa.FixedSizeBinaryScalar], rows: Integers) -> pa.Table:
    return pa.Table.from_arrays(
        [pa.array(rows), tokens.take(rows)], names=["row", "token"]
    ).drop_null()
