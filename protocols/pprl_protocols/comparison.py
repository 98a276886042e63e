"""The comparison of a run: the same opened encodings, agreement and seed give the same bytes.

One function, used by the coordinator when it links and by whoever executes it again in an audit
(check 7). It reads no log, says nothing and draws nothing. What a comparison depends on beside its
inputs is named by :func:`software` and :attr:`Compared.parameters`, and stands in RESULT: with
other versions, or on a processor for which other code is compiled, the last digit of an estimate
may differ, and a re-execution says so instead of accusing anybody.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import pprl
from pprl.limits import MAX_PAIRS
from pprl.link import link
from pprl_protocols.result import COLUMNS, of_nothing, results_of
from pprl_protocols.seeds import result_salt
from pprl_protocols.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl.matches import LinkInfo
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.messages import Count

_MILLION = 1_000_000
_LIBRARIES = ("llvmlite", "numba", "numpy", "pyarrow", "scipy")


@dataclass(frozen=True)
class Made:
    """One agency's result, plain.

    Attributes
    ----------
    path
        The file.
    salt
        With which it is sealed, 32 bytes.
    row_bytes, columns
        What RESULT declares: the width of a row, and the columns.
    """

    path: Path
    salt: bytes
    row_bytes: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """What came out.

    Attributes
    ----------
    results
        By agency.
    counts
        The tables that the agreement lets be published.
    parameters
        What was chosen and isn't in the agreement, as RESULT states it.
    info
        The numbers of the link; for the coordinator alone.
    """

    results: Mapping[str, Made]
    counts: tuple[Count, ...]
    parameters: Mapping[str, int | bool | str]
    info: LinkInfo


def compare(
    agreement: Agreement,
    sets: Sequence[EncodedSet],
    *,
    seed: bytes,
    folder: Path,
    threads: int | None = None,
    memory: int | None = None,
    work_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Compared:
    """Compare all agencies' encodings as agreed and write a result for each.

    Parameters
    ----------
    agreement
        Says what is aimed at.
    sets
        Opened and checked, in the order of ``agreement.agencies``.
    seed
        The coordinator's S.
    folder
        Where ``<agency>.result`` is written; private to whoever compares.
    threads, memory, work_dir
        As for :func:`pprl.link.link`; they decide nothing.
    progress
        Called with pairs decided and pairs in all.

    Raises
    ------
    LimitError
        It doesn't fit into memory or disk, or too many pairs are accepted.

    Notes
    -----
    Costs what :func:`pprl.link.link` does; the rest is linear in matches but for a sort.
    """
    names = [party.name for party in agreement.agencies]
    precision = agreement.decision.precision_ppm
    matches = link(
        sets,
        target_precision=None if precision is None else precision / _MILLION,
        seed=agreement.decision.seed,
        threads=threads,
        memory=memory,
        work_dir=work_dir,
        progress=progress,
    )
    files = results_of(
        matches, sets, run=agreement.run, agreement=agreement.digest, parties=names, seed=seed
    )
    counts = tables_of(agreement, sets, matches, seed=seed)
    if agreement.disclosure.mode == "count":
        files = [of_nothing(file) for file in files]
    results = {}
    for name, file in zip(names, files, strict=True):
        path = folder / f"{name}.result"
        file.write(path)
        results[name] = Made(
            path=path,
            salt=result_salt(seed, run=agreement.run, recipient=name),
            row_bytes=file.header.row_width,
            columns=COLUMNS,
        )
    parameters: dict[str, int | bool | str] = {
        "candidates": matches.info.candidates,
        "max_pairs": MAX_PAIRS,
        "measure": matches.info.measure,
    }
    return Compared(results, counts, parameters, matches.info)


def software() -> dict[str, str]:
    """Return name -> version of everything that decides what comes out, the processor included."""
    # Loaded late: it takes its time, and only a comparison needs it. It ships no types.
    from llvmlite import binding  # type: ignore[import-untyped] # noqa: PLC0415 - see above

    return {
        "openpprl": pprl.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "machine": platform.machine(),
        # Numba compiles for this processor.
        "processor": str(binding.get_host_cpu_name()),
    }
