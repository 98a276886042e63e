"""Comparable text to tokens and bits, inside the agency.

:func:`encode` does it all: it opens a file (or takes a table), recognises its columns, normalises,
encodes and returns an :class:`~pprl.encoded.EncodedSet`. The heavy parts are imported when it is
called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from pprl.encoded import EncodedSet
    from pprl.keys import LinkageKey
    from pprl.schema import Schema


def encode(
    data: str | Path | pa.Table,
    schema: Schema,
    key: LinkageKey,
    *,
    id_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> EncodedSet:
    """Encode a register.

    Parameters
    ----------
    data
        A CSV, Parquet or spreadsheet file, or a table: anything that ``pyarrow.table`` takes.
    schema
        What to encode and how; the other parties use the same.
    key
        The linkage key; the other agencies use the same.
    id_column
        Column with the records' ids; None: a recognised id column, else the row number.
    mapping
        Field or role -> column, for columns whose names aren't recognised.
    out
        Write the set to this file and map it; None keeps it in memory.
    force
        Replace an existing ``out``.
    threads
        Worker threads; None: one per core. The result doesn't depend on it.
    progress
        Called with the records done so far and, where it can be told, about how many there are.

    Returns
    -------
    EncodedSet
        One record per row, in the order of the file.

    Raises
    ------
    InputError
        The file is damaged, a column is missing, ids repeat; the message names row and column.
    ConfigError
        ``out`` exists, or ``mapping`` names something that isn't there.

    Examples
    --------
    >>> import pprl
    >>> key = pprl.LinkageKey(bytes(range(32)))
    >>> table = {
    ...     "id": ["1", "2"],
    ...     "nik": ["6408995503909901", None],
    ...     "nama": ["Siti Aminah", "Nur Hayati"],
    ...     "tgl_lahir": ["15-03-1990", "1987-08-17"],
    ...     "jk": ["P", "P"],
    ... }
    >>> encoded = pprl.encode(table, pprl.Schema.load("indonesia"), key)
    >>> len(encoded), encoded.header.bits, encoded.token_kinds
    (2, 1024, ('nik', 'nik15'))
    """
    from pathlib import Path as _Path  # noqa: PLC0415 - see the module docstring

    from pprl.encode.columns import open_data, resolve  # noqa: PLC0415
    from pprl.encode.encoder import Encoder  # noqa: PLC0415
    from pprl.encode.pipeline import encode_file, encode_table  # noqa: PLC0415
    from pprl.encoded import EncodedSet  # noqa: PLC0415

    source = open_data(data)
    columns = resolve(schema, source, mapping or {}, id_column)
    encoder = Encoder(schema, key, columns.fields, columns.id_column)
    if out is None:
        return encode_table(encoder, source, threads=threads, progress=progress)[0]
    path = _Path(out)
    encode_file(encoder, source, path, force=force, threads=threads, progress=progress)
    return EncodedSet.open(path)
