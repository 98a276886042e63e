"""clkhash's CLK file: ``{"clks": ["base64", ...]}``, one filter a record, in file order.

The file carries no ids and no header: a record's id is its place, from 0, and nothing tells with
which schema or key it was made.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pprl.buffers import fixed_array, fixed_rows
from pprl.encoded import Header, table_schema
from pprl.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MAX_FILTER_BYTES = 8192


def write_clk_batches(path: Path, header: Header, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the filters of encoded chunks as clkhash does. Not atomic: see ``publish``.

    Ids and tokens are left behind: the format has no place for them.
    """
    width = (header.bits + 7) // 8
    with path.open("w", encoding="ascii") as file:
        file.write('{"clks": [')
        separator = ""
        for batch in batches:
            rows = fixed_rows(batch.column(1), header.filter_bytes)[:, :width]
            data = np.ascontiguousarray(rows).tobytes()
            texts = [
                base64.b64encode(data[start : start + width]).decode("ascii")
                for start in range(0, len(data), width)
            ]
            if texts:
                file.write(separator + json.dumps(texts)[1:-1])
                separator = ", "
        file.write("]}")


def read_clks(path: Path) -> tuple[Header, pa.Table]:
    """Read a CLK file into a header and the columns of an EncodedSet.

    Raises
    ------
    PeerError
        Not a CLK file, or its filters are broken or of different lengths.
    """
    name = str(path)
    try:
        content = json.loads(path.read_bytes())
        texts = content["clks"]
        rows = [base64.b64decode(text, validate=True) for text in texts]
    except (ValueError, binascii.Error, KeyError, TypeError, RecursionError):
        raise PeerError("encoded.broken", path=name, problem="not a CLK file") from None
    width = len(rows[0]) if rows else 8
    if not isinstance(texts, list) or not 0 < width <= _MAX_FILTER_BYTES:
        raise PeerError("encoded.broken", path=name, problem="not a CLK file")
    for place, row in enumerate(rows):
        if len(row) != width:
            problem = f"filter {place} has {len(row)} bytes, the first has {width}"
            raise PeerError("encoded.broken", path=name, problem=problem)
    header = Header(scheme="clk", bits=width * 8, schema=None, key_check=None, records=len(rows))
    padded = np.zeros((len(rows), header.filter_bytes), dtype=np.uint8)
    padded[:, :width] = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), width)
    ids = pa.array(np.arange(len(rows))).cast(pa.string())
    return header, pa.table([ids, fixed_array(padded)], schema=table_schema(header, ()))
