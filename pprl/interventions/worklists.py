"""The folder that comes of a run: a worklist for every institution and kecamatan, and the state.

::

    OUT/daftar-lengkap.csv, .xlsx        the owner's full list, with NIK and KK number: never leaves
    OUT/perubahan.csv, .xlsx             with an earlier run: families new, kept, ended, desil moved
    OUT/dinas-sosial/640801-muara-ancalong.csv, .xlsx
    OUT/assignments.parquet, families.parquet    the state, for the next run
    OUT/decisions.csv                    the decisions that were applied

With ``split`` a kecamatan is a folder with a file for every desa or companion. A worklist says who
needs what, by which rule and on which facts of that rule, and no more: no birth date, NIK masked
(:mod:`~.masking`), the desil only where the rule looks at it. Names of files are lower-case ASCII.
The folder appears whole or not at all (:mod:`~.folder`); same run, same bytes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from pprl.database import scratch_database
from pprl.interventions import layout
from pprl.interventions.folder import publish_folder
from pprl.interventions.masking import mask_niks
from pprl.interventions.previous import ASSIGNMENTS, write_state
from pprl.interventions.review import write_decisions
from pprl.interventions.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from pprl.catalogue import Language
    from pprl.interventions.assign import Assigned
    from pprl.interventions.layout import Cell, ListColumn
    from pprl.interventions.previous import Compared
    from pprl.interventions.review import Decision

Split = Literal["village", "companion"]
Row = tuple["Cell", ...]

_LONGEST_NAME = 48
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")  # names that Windows keeps
_BATCH = 65_536
_MASKED, _CLEAR = "masked", "nik"
_IN_WORDS = frozenset(
    {
        *("first", "priority_village", "change", "desil_change", "graduation"),
        *("match_status", "match_evidence"),
    }
)
_KEYS = {
    "district": "coalesce(district, district_name, '')",
    "village": "coalesce(village, village_name, '')",
    "companion": "coalesce(companion, '')",
}
_LABELS = {
    "district": "concat_ws(' ', district, district_name)",
    "village": "concat_ws(' ', village, village_name)",
    "companion": "companion",
}
_ORDER = "district, village, family, member NULLS FIRST, priority, rule"
_URGENT = 'priority, coalesce("first", TRUE) DESC, coalesce(priority_village, FALSE) DESC'


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    folder
        Where.
    files
        Lists for institutions; a CSV and its workbook count once.
    rows
        Assignments by institution; one with several institutions counts for each.
    """

    folder: Path
    files: int
    rows: Mapping[str, int]


def write_worklists(
    out: Path,
    assigned: Assigned,
    *,
    compared: Compared | None = None,
    decisions: Sequence[Decision] = (),
    split: Split | None = None,
    workbooks: bool = True,
    force: bool = False,
) -> Written:
    """Write the folder.

    Parameters
    ----------
    out
        Where it goes; its parent exists.
    assigned
        The run.
    compared
        The run beside an earlier one (:func:`~.previous.compare`); its assignments are written,
        which say what is new.
    decisions
        Those applied, to be kept.
    split
        A file for every desa or companion instead of one for the kecamatan.
    workbooks
        Whether to write .xlsx beside each CSV; most of the time goes into them.
    force
        Replace a folder of worklists.

    Raises
    ------
    ConfigError
        ``out`` exists (without ``force``), is no folder of worklists, or can't be written.
    LimitError
        The disk is full.
    """
    run = assigned if compared is None else compared.assigned
    with (
        publish_folder(out, marker=ASSIGNMENTS, force=force) as folder,
        scratch_database(out_of_memory="assign.memory") as database,
    ):
        _join(database, run)
        columns = [each for each in layout.list_columns() if _wanted(database, each)]
        full = folder / layout.file_name("full", run.language)
        rows = _rows(database, _full_query(columns), run.language)
        _write(full, columns, rows, run.language, workbooks=workbooks)
        handed = [each for each in columns if not each.full]
        n_files, counts = _hand_over(
            database, folder, handed, run.language, split, workbooks=workbooks
        )
        if compared is not None:
            changes = folder / layout.file_name("changes", run.language)
            database.register("changed", compared.families)
            rows = _rows(database, _changes_query(), run.language)
            _write(changes, layout.change_columns(), rows, run.language, workbooks=workbooks)
        if decisions:
            write_decisions(folder / "decisions.csv", decisions)
        write_state(folder, run)
    return Written(out, n_files, counts)


def _join(database: duckdb.DuckDBPyConnection, run: Assigned) -> None:
    """Make ``listed``: every assignment with all that a list may say of it."""
    people = run.members.append_column(_MASKED, mask_niks(run.members.column("nik")))
    rules = {
        "rule": [each.id for each in run.rules],
        "onward": [each.onward for each in run.rules],
        "legal_basis": [each.legal_basis for each in run.rules],
        "verified": [each.verified for each in run.rules],
    }
    database.register("assigned", run.table)
    database.register("families", run.families)
    database.register("people", people)
    database.register("rules", pa.table(rules))
    database.execute("""
        CREATE TEMP TABLE listed AS
        SELECT a.* EXCLUDE (institution), a.institution AS institutions,
            array_to_string(a.institution, '; ') AS institution,
            r.* EXCLUDE (rule), f.district_name, f.village_name, f.priority_village, f.kk_number,
            coalesce(f.head, h.name) AS head, f.case_number, f.match_evidence,
            p.name, p.sex, p.age, CASE WHEN a.member IS NULL THEN h.nik ELSE p.nik END AS nik,
            CASE WHEN a.member IS NULL THEN h.masked ELSE p.masked END AS masked
        FROM assigned a JOIN families f ON f.family = a.family JOIN rules r ON r.rule = a.rule
        LEFT JOIN people p ON p.family = a.family AND p.member = a.member
        LEFT JOIN (
            SELECT family, min_by(name, member) AS name, min_by(nik, member) AS nik,
                min_by(masked, member) AS masked
            FROM people WHERE relation = 'head' GROUP BY family
        ) h ON h.family = a.family
    """)


def _wanted(database: duckdb.DuckDBPyConnection, column: ListColumn) -> bool:
    if not column.optional:
        return True
    query = f'SELECT count("{column.name}") FROM listed'  # noqa: S608 - names of our own file
    return bool(database.execute(query).fetchall()[0][0])


def _full_query(columns: Sequence[ListColumn]) -> str:
    names = ", ".join(f'"{each.name}"' for each in columns)
    return f"SELECT {names} FROM listed ORDER BY {_ORDER}"  # noqa: S608 - names of our own file


def _changes_query() -> str:
    names = ", ".join(f'"{each.name}"' for each in layout.change_columns())
    return f"""
        SELECT {names} FROM changed
        WHERE change <> 'kept' OR desil_change IN ('up', 'down')
        ORDER BY district, village, family
    """  # noqa: S608 - names of our own file


def _hand_over(
    database: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: Sequence[ListColumn],
    language: Language,
    split: Split | None,
    *,
    workbooks: bool,
) -> tuple[int, Mapping[str, int]]:
    """Write the worklists and return how many, and the rows of each institution."""
    names = ", ".join(f'"{_MASKED if each.name == _CLEAR else each.name}"' for each in columns)
    part = _KEYS[split] if split else "''"
    query = f"""
        SELECT one, {_KEYS["district"]} AS place, {part} AS part, {names}
        FROM (SELECT *, unnest(institutions) AS one FROM listed)
        ORDER BY one, place, part, {_URGENT}, {_ORDER}
    """  # noqa: S608 - names of our own file
    institutions = _safe_names(
        {
            one: one
            for (one,) in database.execute(
                "SELECT DISTINCT unnest(institutions) FROM listed"
            ).fetchall()
        },
        "",
    )
    districts = _labelled(database, "district", language)
    parts = _labelled(database, split, language) if split else {}
    counts: Counter[str] = Counter()
    n_files = 0
    rows = _rows(database, query, language, skip=3)
    for (one, place, key), group in groupby(rows, key=itemgetter(0, 1, 2)):
        path = folder / institutions[str(one)] / districts[str(place)]
        if split:
            path /= parts[str(key)]
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row[3:] for row in group]
        _write(path, columns, kept, language, workbooks=workbooks)
        counts[str(one)] += len(kept)
        n_files += 1
    return n_files, dict(sorted(counts.items()))


def _labelled(
    database: duckdb.DuckDBPyConnection, which: str, language: Language
) -> Mapping[str, str]:
    """Return the name of the file of each place or companion."""
    query = f"SELECT {_KEYS[which]} AS key, min({_LABELS[which]}) FROM listed GROUP BY key"  # noqa: S608
    labels = {key: label or "" for key, label in database.execute(query).fetchall()}
    return _safe_names(labels, layout.file_name(which, language))


def _safe_names(labels: Mapping[str, str], empty: str) -> Mapping[str, str]:
    """Return a file name for each key: lower-case ASCII, short, no two alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in sorted(labels):
        plain = unicodedata.normalize("NFKD", labels[key]).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "-", plain.lower())[:_LONGEST_NAME].strip("-")
        name = name or (empty if not key else "x") or "x"
        if _RESERVED.fullmatch(name):
            name += "-1"
        free, number = name, 2
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        taken.add(free)
        names[key] = free
    return names


def _rows(
    database: duckdb.DuckDBPyConnection, query: str, language: Language, *, skip: int = 0
) -> Iterator[Row]:
    """Yield the rows of a query; the first ``skip`` columns are keys and stay as they are."""
    said = layout.words(language)
    for batch in database.sql(query).to_arrow_table().to_batches(max_chunksize=_BATCH):
        columns = [
            values if place < skip else _said(name, values, said)
            for place, (name, values) in enumerate(
                zip(batch.schema.names, (each.to_pylist() for each in batch.columns), strict=True)
            )
        ]
        yield from zip(*columns, strict=True)


def _said(name: str, values: Sequence[Any], said: Mapping[str, str]) -> list[Cell]:
    """Return the values of a column as people read them."""
    if name in _IN_WORDS:
        return [None if each is None else said.get(str(each).lower(), each) for each in values]
    if name == "precision":
        return [round(each, 4) if each is not None and isfinite(each) else None for each in values]
    return list(values)


def _write(
    path: Path,
    columns: Sequence[ListColumn],
    rows: Iterable[Row],
    language: Language,
    *,
    workbooks: bool,
) -> None:
    """Write a list as a CSV, and as a workbook."""
    titles = [each.title[language] for each in columns]
    kept = list(rows)
    layout.write_csv(path.with_name(f"{path.name}.csv"), titles, kept)
    if workbooks:
        widths = [each.width for each in columns]
        write_workbook(path.with_name(f"{path.name}.xlsx"), titles, widths, kept)
