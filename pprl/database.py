"""A database in memory for one job: DuckDB, spilling to a temporary folder that goes with it.

It loads no extension, keeps nothing, and is never given a name, a NIK or a key: what is joined here
are tokens, ids and numbers.

>>> with scratch_database(out_of_memory="evaluate.memory") as database:
...     database.execute("SELECT 6 * 7").fetchone()
(42,)
"""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from pprl.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERRUPTED = "Query interrupted"


@contextmanager
def scratch_database(*, out_of_memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for the block.

    Parameters
    ----------
    out_of_memory
        Code of the error to raise when memory and disk don't suffice.

    Raises
    ------
    LimitError
        Memory or the disk ran out.
    KeyboardInterrupt
        Ctrl-C during a query, which DuckDB would report as an error of its own.
    """
    with TemporaryDirectory(prefix="pprl-") as folder, duckdb.connect(":memory:") as database:
        database.execute("SET temp_directory = ?", [folder])
        database.execute("SET autoinstall_known_extensions = false")
        database.execute("SET autoload_known_extensions = false")
        try:
            yield database
        except duckdb.OutOfMemoryException:
            raise LimitError(out_of_memory) from None
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except RuntimeError as error:
            if str(error) != _INTERRUPTED:
                raise
            raise KeyboardInterrupt from None
