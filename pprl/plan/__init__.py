"""The plan of a link: what would be compared, how long it takes, and whether it fits.

Made before anything is compared: from headers, the sizes of blocks, a sample of tokens and filters,
and a second's trial of the kernels on this machine. :func:`plan` gives all of that for a person to
read; a link itself needs only :func:`pprl.plan.choice.choose` and :func:`pprl.plan.needs.needs`,
which read no record.

It gives counts and sizes, never an id, a token or a filter, and no result depends on it.

>>> from pprl.encoded import EncodedSet, Header, table_schema
>>> import pyarrow as pa
>>> header = Header(scheme="clk", bits=64, schema=None, key_check=None, records=2)
>>> columns = {"id": ["a", "b"], "filter": [b"pprl_run", None]}
>>> one = EncodedSet(header, pa.table(columns, schema=table_schema(header, [])))
>>> made = plan([one, one], calibrate=False)
>>> made.generator, made.pairs_in_all, made.pairs
('exhaustive', 4, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.limits import MAX_PAIRS
from pprl.plan.choice import AUTO, BLOCKS, choose, pairs_in_all, with_filters
from pprl.plan.counting import count
from pprl.plan.needs import needs
from pprl.plan.room import Room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl.plan.choice import Choice
    from pprl.plan.counting import Counted
    from pprl.plan.crowding import Block
    from pprl.plan.needs import Needs
    from pprl.plan.speed import Speed

CROWDED_SHARE = 0.1
"""Of the records of a set with a filter, in one block: from here on it is no block."""
_CROWDED_RECORDS = 100
_ONE_BLOCK_SHARE = 0.5
_MANY_PAIRS = 10_000
_SHOWN_CROWDED = 3
_LONG_SECONDS = 2 * 3_600
_TILED_PARTNERS = 512.0  # a record has so many in the smallest block that is compared by tiles


@dataclass(frozen=True)
class Warned:
    """Something to think about before linking; ``code`` is a sentence of the catalogue."""

    code: str
    values: dict[str, str | int]


@dataclass(frozen=True)
class Plan:
    """What a link would do.

    Attributes
    ----------
    generator
        ``exhaustive``, ``blocks`` or ``lsh``.
    reason
        Code of the sentence that says why.
    passes
        The blocking passes that are used.
    records, with_filter
        Records of each set, and those that have a filter.
    pairs_in_all
        Of records of different sets.
    pairs
        To be compared, each counted once, before tokens settle some: an upper bound. With ``lsh``,
        about.
    comparisons
        The same, each counted once for every pass or band in which it is compared.
    worst_blocks
        The ten with most pairs.
    recall
        Share of the pairs of one person that are compared, about; 1 for every pair, None where
        nothing tells.
    recall_pairs
        Pairs with an equal token that say so.
    seconds
        How long it should take; None without a calibration, or where no filters are.
    speed
        What was measured.
    needs
        Memory and disk it takes.
    room
        Memory and disk it may use.
    warnings
        What to think about.
    """

    generator: str
    reason: str
    passes: tuple[str, ...]
    records: tuple[int, ...]
    with_filter: tuple[int, ...]
    pairs_in_all: int
    pairs: int
    comparisons: int
    worst_blocks: tuple[Block, ...]
    recall: float | None
    recall_pairs: int
    seconds: float | None
    speed: Speed | None
    needs: Needs
    room: Room
    warnings: tuple[Warned, ...]

    @property
    def fits(self) -> bool:
        """Whether it may go ahead."""
        return self.needs.fit(self.room)

    def refuse(self) -> None:
        """Refuse what doesn't fit.

        Raises
        ------
        LimitError
            Its hint names the option that makes it fit.
        """
        self.needs.refuse_beyond(self.room)


def plan(
    sets: Sequence[EncodedSet],
    *,
    candidates: str = AUTO,
    recall: float = 0.99,
    memory: int | None = None,
    work_dir: Path | None = None,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
    calibrate: bool = True,
) -> Plan:
    """Say what a link of these sets would do.

    Parameters
    ----------
    sets
        Comparable ones, two or more.
    candidates, recall, memory, work_dir, threads, max_pairs, seed
        As for :func:`pprl.link.link`.
    calibrate
        Whether to try the kernels, for a second, to tell the time.

    Raises
    ------
    ConfigError
        As :func:`pprl.plan.choice.choose` and :meth:`pprl.plan.room.Room.of`.
    LimitError
        No way to choose candidates leads to an end. What a way takes isn't refused here:
        :meth:`Plan.refuse`.

    Notes
    -----
    With blocks, sorts of both sides for each pass; with all pairs, nothing that grows with records.
    """
    choice = choose(sets, candidates)
    room = Room.of(memory, work_dir)
    counted = count(sets, choice, recall, seed)
    needed = needs(sets, choice, room, pairs=counted.pairs, max_pairs=max_pairs)
    speed = took = None
    if calibrate and counted.pairs:
        from pprl.plan.speed import measure_speed, seconds  # noqa: PLC0415 - it loads kernels

        largest = sorted(sets, key=len)[-2:]
        partners = max(counted.tiled / max(len(largest[0]), 1), _TILED_PARTNERS)
        speed = measure_speed(largest[0], largest[1], partners, threads)
        if speed is not None:
            took = seconds(
                speed,
                needed,
                small=counted.comparisons - counted.tiled,
                tiled=counted.tiled,
                passes=counted.passes,
            )
    return Plan(
        generator=choice.generator,
        reason=choice.reason,
        passes=choice.passes,
        records=tuple(map(len, sets)),
        with_filter=with_filters(sets),
        pairs_in_all=pairs_in_all(tuple(map(len, sets))),
        pairs=counted.pairs,
        comparisons=counted.comparisons,
        worst_blocks=counted.worst,
        recall=counted.recall,
        recall_pairs=counted.recall_pairs,
        seconds=took,
        speed=speed,
        needs=needed,
        room=room,
        warnings=_warnings(sets, choice, counted, took),
    )


def crowded_blocks(sets: Sequence[EncodedSet], candidates: str = AUTO) -> tuple[Warned, ...]:
    """Warn of blocks that make a link long, without making a plan.

    Raises
    ------
    ConfigError, LimitError
        As :func:`plan`.
    """
    choice = choose(sets, candidates)
    if choice.generator != BLOCKS:
        return ()
    from pprl.plan.crowding import crowding  # noqa: PLC0415 - it loads kernels

    return tuple(_crowded(sets, crowding(sets, choice.passes, once=False).worst))


def _warnings(
    sets: Sequence[EncodedSet], choice: Choice, counted: Counted, took: float | None
) -> tuple[Warned, ...]:
    found = _crowded(sets, counted.worst) if choice.generator == BLOCKS else []
    if counted.skipped:
        found.append(Warned("plan.skipped", {"pairs": counted.skipped}))
    if took is not None and took >= _LONG_SECONDS:
        found.append(Warned("plan.slow", {"hours": round(took / 3_600)}))
    return tuple(found)


def _crowded(sets: Sequence[EncodedSet], worst: Sequence[Block]) -> list[Warned]:
    """Warn of blocks that hold much of a set, or most of all pairs."""
    sizes = with_filters(sets)
    warned: dict[tuple[str, int, int], Warned] = {}
    for block in worst:
        for party, records in zip(block.parties, block.records, strict=True):
            share = records / sizes[party - 1]
            if records >= _CROWDED_RECORDS and share >= CROWDED_SHARE:
                values: dict[str, str | int] = {
                    "name": block.pass_name,
                    "party": party,
                    "records": records,
                    "percent": round(100 * share),
                }
                # With three sets the same block comes twice.
                warned[block.pass_name, party, records] = Warned("plan.crowded", values)
    found = list(warned.values())[:_SHOWN_CROWDED]
    if worst and worst[0].share > _ONE_BLOCK_SHARE and worst[0].pairs >= _MANY_PAIRS:
        block = worst[0]
        percent = round(100 * block.share)
        found.append(Warned("plan.one_block", {"name": block.pass_name, "percent": percent}))
    return found
