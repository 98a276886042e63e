"""overlap.csv: an agency's own ids and what was found about them, as a file for people.

>>> import pyarrow as pa
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> none = pa.nulls(1, pa.string())
>>> row = {"id": ["7"], "party": ["dinsos"], "status": ["none"], "tier": none, "band": none}
>>> row |= {name: pa.nulls(1, pa.int32()) for name in ("precision", "similarity")}
>>> row |= {"match": none, "explanation": none}
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "overlap.csv"
...     write_csv(pa.table(row), path)
...     print(path.read_text().splitlines()[1])
7,dinsos,none,,,,,,
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

_ROWS = 1 << 16
_MILLION = 1_000_000
_SHARES = ("precision", "similarity")


def write_csv(table: pa.Table, path: Path) -> None:
    """Write what an agency receives to a file of the caller's: records, or tables. Not atomic.

    Precision and similarity are written with four decimals; what isn't there is empty, and so is a
    hidden count.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        Writer(file).add(table)


class Writer:
    """Writes what an agency receives part by part, as :func:`write_csv` does at once.

    Parameters
    ----------
    file
        Opened for text, without translation of newlines.
    """

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._begun = False

    def add(self, table: pa.Table) -> None:
        """Write rows; before the first ones the names of the columns."""
        names = table.column_names
        if not self._begun:
            self._writer.writerow(names)
            self._begun = True
        for batch in table.to_batches(max_chunksize=_ROWS):
            columns = batch.to_pydict()
            for name in columns.keys() & _SHARES:
                columns[name] = [
                    None if value is None else f"{value / _MILLION:.4f}" for value in columns[name]
                ]
            self._writer.writerows(zip(*(columns[name] for name in names), strict=True))
