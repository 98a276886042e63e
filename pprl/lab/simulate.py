"""Registers that look like Indonesian ones, with the truth about who is who.

Two or more files of the same made-up population: the first like a KRS register (semicolons,
``DD-MM-YYYY``, L/P), the others like DTSEN extracts (commas, ISO dates). How people are called is
:mod:`pprl.lab.names`, when they were born and their NIK :mod:`pprl.lab.population`, what goes
wrong :mod:`pprl.lab.damage`. No cell holds the entity, no id comes from a NIK, and every NIK has
kecamatan code 99, which doesn't exist: nobody real is in these files.

The same arguments give the same bytes, whatever the number of threads. Memory doesn't grow with
the number of persons.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     made = simulate([50, 80], overlap=0.6, damage="dirty", seed=7, out=Path(folder))
...     made.counts.common, [path.name for path in made.paths]
(30, ['a.csv', 'b.csv'])
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, get_args

import numpy as np
import pyarrow as pa
from pyarrow import csv

from pprl.errors import ConfigError
from pprl.io.atomic import publish
from pprl.lab import records, writing
from pprl.lab.damage import Damage, kinds_text, rates_of, share_of_duplicates
from pprl.lab.names import NameTables, name_tables
from pprl.lab.population import PopulationTables, population_tables
from pprl.lab.rows import csv_rows
from pprl.limits import available_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK_ROWS = 65_536
MAX_PARTIES = 26
FIRST_COLUMNS = ("id", "nik", "nama", "tgl_lahir", "jk", "kode_kecamatan")
OTHER_COLUMNS = (
    "id_art",
    "nik",
    "nama_lengkap",
    "tanggal_lahir",
    "jenis_kelamin",
    "kode_kec",
)
TRUTH_COLUMNS = ("party", "id", "entity")
DAMAGE_COLUMNS = ("party", "id", "kinds")


@dataclass(frozen=True)
class Counts:
    """What was made; tuples have one number a party."""

    rows: tuple[int, ...]
    persons: tuple[int, ...]  # different persons in each file
    common: int  # persons who are in every file
    population: int  # different persons in all files together
    damaged: tuple[int, ...]  # rows with at least one kind of damage

    def as_dict(self) -> dict[str, int | tuple[int, ...]]:
        """Return the counts for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Simulated:
    """Where the files are: registers a.csv, b.csv, ..., the truth and the damage."""

    paths: tuple[Path, ...]
    truth_path: Path
    damage_path: Path
    counts: Counts


@dataclass(frozen=True)
class _Job:
    """Everything a chunk needs, shared by the threads and never changed."""

    seed: np.uint64
    population: PopulationTables
    names: NameTables
    writing: writing.WritingTables
    registers: tuple[records.Register, ...]
    rates: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class _Chunk:
    """The bytes of one chunk for each of the three files it goes to."""

    party: int
    rows: int
    damaged: int
    register: pa.Buffer
    truth: pa.Buffer
    damage: pa.Buffer


def simulate(
    sizes: Sequence[int],
    *,
    overlap: float,
    damage: Damage,
    seed: int,
    out: Path,
    heads: bool = False,
    force: bool = False,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Simulated:
    """Write one register a size to ``out``, with truth.csv and damage.csv.

    Parameters
    ----------
    sizes
        Rows of each file, 2 to 26 of them.
    overlap
        ``round(overlap * persons of the file with fewest persons)`` persons are in every file;
        nobody else is in more than one.
    damage
        ``dirty`` is the state of 2020, ``clean`` that of 2024 (``tables/damage.toml``).
    seed
        Not negative. Another seed is another population.
    out
        Folder of the results; made if missing.
    heads
        One record per family, its head: everybody is of age, most are men.
    force
        Replace existing files.
    threads
        All processors if not given.
    progress
        Called with the number of rows of all files written so far.

    Raises
    ------
    ConfigError
        A size, the overlap, the state or the seed makes no sense, or a file exists already.
    LimitError
        More persons than there are NIKs for.
    """
    job = _plan(sizes, overlap=overlap, damage=damage, seed=seed, heads=heads)
    with suppress(OSError):  # publish says what is wrong with a folder
        out.mkdir(exist_ok=True)
    letters = [chr(ord("a") + party) for party in range(len(sizes))]
    paths = tuple(out / f"{letter}.csv" for letter in letters)
    truth_path, damage_path = out / "truth.csv", out / "damage.csv"
    damaged = [0] * len(sizes)
    done = 0
    with ExitStack() as stack:
        *files, truth, kinds = (
            stack.enter_context(
                stack.enter_context(publish(path, force=force)).open("wb", buffering=1 << 20)
            )
            for path in (*paths, truth_path, damage_path)
        )
        for party, file in enumerate(files):
            _write_header(file, OTHER_COLUMNS if party else FIRST_COLUMNS, _delimiter(party))
        _write_header(truth, TRUTH_COLUMNS, ",")
        _write_header(kinds, DAMAGE_COLUMNS, ",")
        for chunk in _chunks(job, threads or available_threads()):
            files[chunk.party].write(chunk.register)
            truth.write(chunk.truth)
            kinds.write(chunk.damage)
            damaged[chunk.party] += chunk.damaged
            done += chunk.rows
            if progress is not None:
                progress(done)
    counts = Counts(
        rows=tuple(sizes),
        persons=tuple(register.persons for register in job.registers),
        common=job.registers[0].common,
        population=job.population.size,
        damaged=tuple(damaged),
    )
    return Simulated(paths, truth_path, damage_path, counts)


def _plan(sizes: Sequence[int], *, overlap: float, damage: Damage, seed: int, heads: bool) -> _Job:
    if not 2 <= len(sizes) <= MAX_PARTIES:  # noqa: PLR2004 - linking needs two
        raise ConfigError("simulate.parties", found=len(sizes), maximum=MAX_PARTIES)
    if min(sizes) < 1:
        raise ConfigError("simulate.size", found=min(sizes))
    if not 0 <= overlap <= 1:
        raise ConfigError("simulate.overlap", found=str(overlap))
    if damage not in get_args(Damage):
        raise ConfigError("simulate.damage", found=damage, known=", ".join(get_args(Damage)))
    if not 0 <= seed < 1 << 64:
        raise ConfigError("simulate.seed", found=seed)
    share = share_of_duplicates(damage)
    persons = [size - int(size * share) for size in sizes]
    common = round(overlap * min(persons))
    private = np.cumsum([common, *(count - common for count in persons)]).tolist()
    population = population_tables(private[-1], heads=heads)
    registers = tuple(
        records.Register(
            party=party,
            rows=size,
            persons=persons[party],
            common=common,
            private_start=private[party],
            id_digits=max(7, len(str(size)) + 1) if party == 0 else max(12, len(str(size)) + 1),
            id_prefix=np.frombuffer(b"64" if party else b"KTM-", np.uint8),
            name_style=(writing.UPPER, writing.TITLE, writing.LOWER)[party % 3],
            date_style=records.DATE_ISO if party else records.DATE_DAY_FIRST,
            sex_style=(records.SEX_LETTER, records.SEX_WORD, records.SEX_NUMBER)[party % 3],
        )
        for party, size in enumerate(sizes)
    )
    return _Job(
        seed=np.uint64(seed),
        population=population,
        names=name_tables(),
        writing=writing.writing_tables(),
        registers=registers,
        rates=tuple(rates_of(damage, party) for party in range(len(sizes))),
    )


def _chunks(job: _Job, threads: int) -> Iterator[_Chunk]:
    """Make all chunks side by side and give them in order, few of them ahead."""
    tasks = (
        (party, first, min(CHUNK_ROWS, register.rows - first))
        for party, register in enumerate(job.registers)
        for first in range(0, register.rows, CHUNK_ROWS)
    )
    with ThreadPoolExecutor(threads, "simulate") as pool:
        waiting = deque(pool.submit(_chunk, job, *task) for task in islice(tasks, threads + 1))
        while waiting:
            chunk = waiting.popleft().result()
            waiting.extend(pool.submit(_chunk, job, *task) for task in islice(tasks, 1))
            yield chunk


def _chunk(job: _Job, party: int, first_row: int, rows: int) -> _Chunk:
    cells = records.empty_cells(rows)
    register = job.registers[party]
    records.fill(
        register,
        job.seed,
        first_row,
        job.population,
        job.names,
        job.writing,
        job.rates[party],
        cells,
    )
    ids = pa.StringArray.from_buffers(rows, pa.py_buffer(cells.starts[0]), pa.py_buffer(cells.id))
    parties = pa.array(np.full(rows, party, np.int32))
    entities = pa.array(cells.entities)
    damaged = np.flatnonzero(cells.damage)
    masks, which = np.unique(cells.damage[damaged], return_inverse=True)
    kinds = pa.array([kinds_text(int(mask)) for mask in masks], pa.string()).take(pa.array(which))
    return _Chunk(
        party=party,
        rows=rows,
        damaged=damaged.size,
        register=csv_rows(cells, _delimiter(party)),
        truth=_csv([parties, ids, entities]),
        damage=_csv([parties[: damaged.size], ids.take(pa.array(damaged)), kinds]),
    )


def _csv(columns: Sequence[pa.Array]) -> pa.Buffer:
    """Return rows without anything to quote as CSV without a header."""
    table = pa.RecordBatch.from_arrays(list(columns), [str(i) for i in range(len(columns))])
    sink = pa.BufferOutputStream()
    options = csv.WriteOptions(include_header=False, quoting_style="none", batch_size=CHUNK_ROWS)
    csv.write_csv(table, sink, options)
    return sink.getvalue()


def _delimiter(party: int) -> str:
    return "," if party else ";"


def _write_header(file: IO[bytes], columns: Sequence[str], delimiter: str) -> None:
    file.write((delimiter.join(columns) + "\n").encode())
