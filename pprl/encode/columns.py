"""Which column of a file serves which field of a schema.

>>> from pprl.schema import Schema
>>> source = open_data({"nik": ["x"], "nama": ["y"], "tgl_lahir": ["z"], "L/P": ["L"]})
>>> resolve(Schema.load("indonesia"), source, {}, None).fields["name"]
'nama'
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.errors import ConfigError, InputError
from pprl.io.columns import recognise, role_of
from pprl.io.source import open_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl.io.memory import Tabular
    from pprl.io.source import Source
    from pprl.schema import Schema

_NIK = "nik"
_PERSONAL = ("name", "kk_number", "birth_date", "address", "phone", "father_name", "mother_name")
_LISTED = 12


@dataclass(frozen=True)
class Resolved:
    """Columns to encode.

    Attributes
    ----------
    fields
        Field or role of the schema -> column of the file. Optional fields that the file doesn't
        have are absent.
    id_column
        Column with the ids; None: row numbers are the ids.
    """

    fields: Mapping[str, str]
    id_column: str | None


def open_data(data: str | Path | Tabular) -> Source:
    """Open a file, or wrap a table in memory."""
    if isinstance(data, str | Path):
        return open_source(Path(data))
    from pprl.io.memory import MemorySource  # noqa: PLC0415 - files don't need it

    return MemorySource(data)


def resolve(
    schema: Schema, source: Source, mapping: Mapping[str, str], id_column: str | None
) -> Resolved:
    """Find the columns that a schema needs.

    Parameters
    ----------
    schema, source
        What is needed, and what there is.
    mapping
        Field or role -> column, from the user; wins.
    id_column
        Column with the ids, from the user; None: a recognised one, else row numbers.

    Raises
    ------
    InputError
        A needed column isn't found.
    ConfigError
        ``mapping`` names a field that isn't there, or the ids are NIKs or other personal data.
    """
    needed, optional = _needed(schema)
    if schema.is_clkhash:
        # A clkhash schema names columns itself; no header stands for anything else.
        found = {name: name for name in source.columns} | dict(mapping)
        recognised = recognise(source.columns, dict(mapping), tuple({*needed, *mapping}))
        found |= {name: recognised.roles[name] for name in mapping}
        ids = recognised.roles.get("id")
    else:
        recognised = recognise(source.columns, mapping, (*needed, *optional))
        found = dict(recognised.roles)
        ids = found.get("id")
    if any("regency" in parts for parts in _keyed(schema)) and "district" not in found:
        needed = [*needed, "regency"]
    for field in needed:
        if field not in found:
            if not found.keys() & {*needed, *optional}:
                # Perhaps there is no header, and what looks like column names is a person.
                raise InputError("columns.none", path=str(source.path), field=field)
            raise InputError(
                "columns.missing",
                path=str(source.path),
                field=field,
                columns=", ".join(source.columns[:_LISTED])
                + (", ..." if len(source.columns) > _LISTED else ""),
            )
    fields = {field: found[field] for field in (*needed, *optional) if field in found}
    if id_column is not None:
        if id_column not in source.columns:
            raise InputError("table.no_column", path=str(source.path), column=id_column)
        ids = id_column
    if ids is not None:
        _refuse_personal(ids, fields)
    return Resolved(fields, ids)


def _refuse_personal(ids: str, fields: Mapping[str, str]) -> None:
    """Raise when the ids, which stay readable in the encoded file, say who somebody is."""
    if ids == fields.get(_NIK) or role_of(ids) == _NIK:
        raise ConfigError("id.is_nik", column=ids)
    if ids in {fields.get(role) for role in _PERSONAL} or role_of(ids) in _PERSONAL:
        raise ConfigError("id.is_personal", column=ids)


def _keyed(schema: Schema) -> list[tuple[str, ...]]:
    """Return what tokens and blocks are made of."""
    return [*(token.of for token in schema.tokens), *(block.of for block in schema.blocks)]


def _needed(schema: Schema) -> tuple[list[str], list[str]]:
    """Fields that must be there, and fields that may be; each once, in schema order."""
    needed = [feature.column for feature in schema.features if not feature.optional]
    optional = [feature.column for feature in schema.features if feature.optional]
    for token in schema.tokens:
        needed += [_NIK if part in {"nik", "nik15"} else part for part in token.of]
    for block in schema.blocks:  # what a filter may do without, a block may, too
        needed += [part for part in block.of if part not in optional]
    needed = list(dict.fromkeys(needed))
    if "regency" in needed:  # the first four digits of a district code say it as well
        needed.remove("regency")
        optional += ["regency", "district"]
    return needed, [field for field in dict.fromkeys(optional) if field not in needed]
