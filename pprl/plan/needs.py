"""How much memory and disk a link takes, and whether it fits.

Two ways to work. With all filters in memory; or, where that is more than the job may use and
candidates are blocks or LSH, in parts: the filters of some blocks are copied into memory, compared
and let go, and the files are read once for each part. All else is linear in records, and in the
pairs that are kept, which ``max_pairs`` bounds. Finished parts are kept where there is a folder for
working files, so that an interrupted link goes on.

All constants are here, to be corrected by what is measured (docs/benchmarks.md). It counts, and
reads no record.

>>> job = Job(records=(8_600_000, 41_700_000), filter_bytes=256, pairs=4 * 10**11)
>>> whole, parts = (needs_of(job, memory=each * 10**9) for each in (32, 8))
>>> whole.parts, parts.parts, parts.memory <= 8 * 10**9
(1, 7, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pprl.errors import LimitError
from pprl.limits import MAX_PAIRS
from pprl.plan.choice import EXHAUSTIVE, pairs_in_all, with_filters
from pprl.plan.sizes import shown_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.encoded import EncodedSet
    from pprl.plan.choice import Choice
    from pprl.plan.room import Room

MB = 1_000_000

BASE_BYTES = 400 * MB
"""The interpreter, its libraries and the compiled kernels."""
BYTES_A_RECORD = {
    "bits set": 8,
    "block of a pass, and whether there is one": 9,
    "tokens, and their order while they are joined": 20,
    "order of the blocks while they are sorted": 16,
    "rows of a side, block after block": 8,
    "open, has a filter, has a token": 3,
    "group, strongest pair": 16,
}
"""Arrays with an entry for each record of all sets: 80 bytes. Measured at 5 million records: 75 to
85, beside filters and pairs."""
BYTES_A_PAIR = 50
"""A pair that is kept, while pairs are sorted and assigned."""
PAIRS_A_RECORD = 4
"""Pairs kept for each record of the smaller set: comparison starts where chance gives a few."""
LEAST_HELD = 500 * MB
"""Filters in memory at a time, at least, when working in parts: reading a file of 10 GB once for
each part takes longer than comparing where parts are smaller."""
FILE_BYTES_A_PAIR = 12
"""Of a pair in a working file."""


@dataclass(frozen=True)
class Job:
    """What a link takes depends on this.

    Attributes
    ----------
    records
        Of each set.
    filter_bytes
        Of one filter.
    pairs
        To be compared, at most.
    exhaustive
        Whether every pair is.
    max_pairs
        Most pairs that one comparison of two sets may keep.
    """

    records: tuple[int, ...]
    filter_bytes: int
    pairs: int
    exhaustive: bool = False
    max_pairs: int = MAX_PAIRS

    @property
    def filters(self) -> int:
        """Bytes of all filters."""
        return sum(self.records) * self.filter_bytes

    @property
    def kept(self) -> int:
        """Pairs that are kept, about, or fewer."""
        kept = (PAIRS_A_RECORD * min(pair) for pair in combinations(self.records, 2))
        return min(sum(min(self.max_pairs, each) for each in kept), self.pairs)

    @property
    def without_filters(self) -> int:
        """Bytes of memory for everything but filters."""
        arrays = sum(self.records) * sum(BYTES_A_RECORD.values())
        return BASE_BYTES + arrays + self.kept * BYTES_A_PAIR

    @property
    def all_filters(self) -> int:
        """Bytes of memory for filters that are there all the time."""
        # The kernel wants the smaller side in an order of its own: it is there twice.
        again = sorted(self.records)[-2] * self.filter_bytes if self.exhaustive else 0
        return self.filters + again


@dataclass(frozen=True)
class Needs:
    """What a link takes.

    Attributes
    ----------
    memory, disk
        In bytes.
    held
        Bytes of filters that may be in memory at once; None: all may.
    parts
        How often the files are read: 1 where all filters fit into memory.
    job
        For what.
    """

    memory: int
    disk: int
    held: int | None
    parts: int
    job: Job

    def fit(self, room: Room) -> bool:
        """Return whether there is room for it."""
        enough = room.memory is None or self.memory <= room.memory
        return enough and (room.disk is None or self.disk <= room.disk)

    def refuse_beyond(self, room: Room) -> None:
        """Refuse what doesn't fit.

        Raises
        ------
        LimitError
            Its hint names the option that makes it fit.
        """
        needed, job = shown_size(self.memory), self.job
        if room.memory is not None and self.memory > room.memory:
            allowed = shown_size(room.memory)
            if not job.exhaustive:
                raise LimitError("plan.memory", needed=needed, allowed=allowed)
            fewer = shown_size(job.without_filters + min(job.filters, LEAST_HELD))
            raise LimitError("plan.memory_exhaustive", needed=needed, allowed=allowed, fewer=fewer)
        if room.disk is not None and self.disk > room.disk:
            raise LimitError(
                "plan.disk",
                needed=shown_size(self.disk),
                free=shown_size(room.disk),
                path=str(room.folder),
            )


def needs(
    sets: Sequence[EncodedSet],
    choice: Choice,
    room: Room,
    *,
    pairs: int | None = None,
    max_pairs: int = MAX_PAIRS,
) -> Needs:
    """Return what a link takes in this room.

    Parameters
    ----------
    pairs
        To be compared; all there are when not given. Nothing is read either way.
    """
    job = Job(
        tuple(map(len, sets)),
        sets[0].header.filter_bytes,
        pairs_in_all(with_filters(sets)) if pairs is None else pairs,
        exhaustive=choice.generator == EXHAUSTIVE,
        max_pairs=max_pairs,
    )
    return needs_of(job, memory=room.memory, keeps=room.folder is not None)


def needs_of(job: Job, *, memory: int | None, keeps: bool = False) -> Needs:
    """Return what a job takes: all in memory if that fits, else in parts if that is a way.

    Parameters
    ----------
    memory
        Bytes that it may use; None: as many as it takes.
    keeps
        Whether finished parts are kept in files.
    """
    disk = job.kept * FILE_BYTES_A_PAIR if keeps and not job.exhaustive else 0
    whole = job.without_filters + job.all_filters
    if memory is None or whole <= memory or job.exhaustive:
        return Needs(whole, disk, None, 1, job)
    held = min(job.filters, max(LEAST_HELD, memory - job.without_filters))
    return Needs(job.without_filters + held, disk, held, -(-job.filters // held), job)
