"""Link encoded registers: EncodedSets of two or more parties in, match groups out.

Two parties, evidence by evidence, the strongest first: records with an equal token are assigned
one to one, then those still open by the next kind of token, and what is left by the similarity of
the filters: of every pair, or of those that share a block (``candidates``). Three and more parties:
the accepted pairs of all pairs of parties are grouped, token pairs before filter pairs, at most one
record of a party in a group; a record is compared by weaker evidence with a party only where
stronger evidence gave no pair.

How similar is similar enough is found in the data (:mod:`pprl.decide.threshold`), for the best F1
or for a precision that is asked for, unless a threshold is given.

The same inputs give the same bytes whatever the number of threads. Sets that were not encoded
alike are refused, never compared into "no matches". Nothing here sees a NIK or a name, or talks to
anybody. The heavy parts are imported when :func:`link` is called.

>>> import pyarrow as pa
>>> from pprl.encoded import EncodedSet, Header, table_schema
>>> def encoded(ids, filters):
...     header = Header(scheme="clk", bits=64, schema=None, key_check=None, records=len(ids))
...     columns = {"id": ids, "filter": [bits.to_bytes(8, "big") for bits in filters]}
...     return EncodedSet(header, pa.table(columns, schema=table_schema(header, [])))
>>> matches = link([encoded(["a", "b"], [0b1111, 0b111000]), encoded(["x"], [0b0111])],
...                threshold=0.8)
>>> matches.table.drop_columns("party").to_pylist()[1]
{'group': 0, 'id': 'x', 'similarity': 857142, 'tier': 'filter', 'band': 'accept', \
'precision': None}
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.errors import ConfigError
from pprl.limits import MAX_PAIRS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from pprl.candidates.lsh import BandPlan
    from pprl.candidates.working import Work
    from pprl.decide.judge import Given, Judge
    from pprl.decide.threshold.estimate import Target
    from pprl.decide.tiers import Bounds, Side
    from pprl.encoded import EncodedSet, Header
    from pprl.matches import Matches
    from pprl.plan.room import Room

CANDIDATES = ("auto", "exhaustive", "blocks", "lsh")
TOKEN_THRESHOLD = 0.5  # beside a threshold that somebody gives
_LEAST_PARTIES = 2
_ALIKE = 700_000  # Dice in millionths: with an equal token, as good as certainly one person


def link(
    sets: Sequence[EncodedSet | str | os.PathLike[str]],
    *,
    threshold: float | None = None,
    token_threshold: float | None = None,
    target_precision: float | None = None,
    candidates: str = "auto",
    recall: float = 0.99,
    seed: int = 0,
    threads: int | None = None,
    max_pairs: int = MAX_PAIRS,
    memory: int | None = None,
    work_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Matches:
    """Link the records of two or more sets.

    Parameters
    ----------
    sets
        EncodedSets or their files, one a party.
    threshold
        Least similarity of two filters, in [0, 1]; found in the data when not given.
    token_threshold
        Least similarity of the filters of two records with an equal token, in [0, 1]; only
        beside ``threshold``, 0.5 when not given.
    target_precision
        Accept matches of which at least this share is right, and leave the doubtful rest to
        review. When not given, accept what gives the best F1.
    candidates
        Which pairs of filters are compared: ``exhaustive``, all; ``blocks``, those that share a
        block; ``lsh``, those that share a bucket of sampled bits; ``auto``: blocks when the sets
        have blocking passes, else all up to 10**12 pairs, else ``lsh``.
    recall
        Share of the pairs to be found that ``lsh`` should look at, below 1.
    seed
        Of the samples from which thresholds are estimated.
    threads
        As many as this process may use when not given.
    max_pairs
        Most pairs that one comparison of two sets may keep.
    memory
        Bytes that may be used; four fifths of what this process may use when not given. It
        changes no result.
    work_dir
        A folder for working files: a link that was interrupted goes on from there.
    progress
        Called in this thread with pairs decided and pairs in all.

    Raises
    ------
    ConfigError
        Fewer than two sets, sets that can't be compared, a threshold or target outside its range
        or both given, unknown candidates, or blocks that the sets don't have; no such folder.
    InputError, PeerError
        A file is missing or isn't an EncodedSet.
    LimitError
        It doesn't fit into memory or disk, or too many pairs are accepted.

    Notes
    -----
    Filters: about 3.5 thousand million pairs a second and core at 1,024 bits and threshold 0.8
    where the processor counts bits in vectors, a fifth of it elsewhere; in small blocks some 150
    million. Memory is linear in records and in accepted pairs.
    """
    from pprl.candidates.lsh import Bands  # noqa: PLC0415 - see above
    from pprl.decide.matching import match, tier_kinds  # noqa: PLC0415
    from pprl.decide.tiers import FILTER_TIERS, Bounds, Side, strongest_kind  # noqa: PLC0415
    from pprl.matches import Matches, group_table, review_table  # noqa: PLC0415
    from pprl.outcome import link_info  # noqa: PLC0415
    from pprl.plan.choice import LSH, choose  # noqa: PLC0415
    from pprl.plan.needs import needs  # noqa: PLC0415
    from pprl.plan.room import Room  # noqa: PLC0415

    asked = _asked(threshold, token_threshold, target_precision, seed)
    opened = open_sets(sets)
    if not 0 < recall < 1:
        raise ConfigError("link.recall", given=str(recall))
    choice = choose(opened, candidates)
    room = Room.of(memory, work_dir)
    needed = needs(opened, choice, room, max_pairs=max_pairs)
    needed.refuse_beyond(room)
    sides = [Side.of(each, choice.passes) for each in opened]
    plan = None
    if choice.generator == LSH:
        plan = _bands(sides, recall, seed)
        sides = [replace(side, bands=Bands(side.filters, plan)) for side in sides]
    bounds = Bounds(max_pairs, threads, needed.held)
    aside = replace(bounds, sampling=True)
    judges = [_judge(asked, left, right, aside) for left, right in combinations(sides, 2)]
    tiers = (*tier_kinds(sides), *FILTER_TIERS)
    with _kept_work(room) as work:
        matching = match(sides, judges, replace(bounds, work=work), progress)
    info = link_info(
        matching, tiers, asked, sides[0].measure, [len(each) for each in opened], choice, plan
    )
    return Matches(
        table=group_table(opened, matching, tiers, info),
        review=review_table(opened, matching, tiers, info),
        info=info,
        kind=strongest_kind(*sides[:2]),
        verdicts=matching.verdicts,
    )


def _bands(sides: Sequence[Side], recall: float, seed: int) -> BandPlan:
    """Choose bands for all sides by the two largest, and by the pairs that their tokens tell."""
    from pprl.candidates.lsh import choose  # noqa: PLC0415 - see above
    from pprl.candidates.tokens import equal_tokens  # noqa: PLC0415
    from pprl.compare.given import similarity_of  # noqa: PLC0415
    from pprl.decide.tiers import strongest_kind  # noqa: PLC0415

    left, right = sorted(sides, key=lambda side: len(side.records))[-2:]
    kind = strongest_kind(left, right)
    known = None
    if kind is not None:
        ours, theirs = (each.records.token_column(kind) for each in (left, right))
        rows, others = equal_tokens(ours, theirs, left.all_open(), right.all_open())
        alike = similarity_of(left.filters, right.filters, rows, others) >= _ALIKE
        known = rows[alike], others[alike]
    return choose(left.filters, right.filters, known=known, recall=recall, seed=seed)


@contextmanager
def _kept_work(room: Room) -> Iterator[Work | None]:
    """Yield where finished parts are kept; they go when everything is matched."""
    from pprl.candidates.working import Work  # noqa: PLC0415 - see above
    from pprl.plan.room import working_folder  # noqa: PLC0415

    if room.folder is None:
        yield None
        return
    with working_folder(room.folder) as folder:
        work = Work(folder)
        yield work
        work.clear()


def open_sets(sets: Sequence[EncodedSet | str | os.PathLike[str]]) -> list[EncodedSet]:
    """Return sets, those given as files opened, that can be compared with each other.

    Raises
    ------
    ConfigError
        Fewer than two, or sets that weren't encoded alike.
    InputError, PeerError
        A file is missing or isn't an EncodedSet.
    """
    from pprl.encoded import EncodedSet  # noqa: PLC0415 - see above

    opened = [
        each if isinstance(each, EncodedSet) else EncodedSet.open(Path(each)) for each in sets
    ]
    if len(opened) < _LEAST_PARTIES:
        raise ConfigError("link.too_few_sets", found=len(opened))
    for first, second in combinations(range(len(opened)), 2):
        _check_comparable(opened[first].header, opened[second].header, first + 1, second + 1)
    return opened


def _asked(
    threshold: float | None,
    token_threshold: float | None,
    target_precision: float | None,
    seed: int,
) -> Given | Target:
    from pprl.compare.measure import threshold_millionths  # noqa: PLC0415 - see above
    from pprl.decide.judge import Given  # noqa: PLC0415
    from pprl.decide.threshold.estimate import Target  # noqa: PLC0415

    if threshold is None:
        if token_threshold is not None:
            raise ConfigError("link.token_threshold_alone")
        if target_precision is not None and not 0 < target_precision < 1:
            raise ConfigError("link.target_precision", given=str(target_precision))
        return Target(target_precision, seed)
    if target_precision is not None:
        raise ConfigError("link.threshold_and_target")
    tokens = TOKEN_THRESHOLD if token_threshold is None else token_threshold
    return Given(threshold_millionths(threshold), threshold_millionths(tokens))


def _judge(asked: Given | Target, left: Side, right: Side, bounds: Bounds) -> Judge:
    from pprl.decide.judge import Given  # noqa: PLC0415 - see above
    from pprl.decide.threshold.estimate import Estimator  # noqa: PLC0415

    return asked if isinstance(asked, Given) else Estimator(left, right, asked, bounds)


def _check_comparable(one: Header, other: Header, position: int, other_position: int) -> None:
    fields = ["scheme", "bits", "kappa"]
    # clkhash's JSON says nothing about its schema and key; its owners must know.
    if one.schema_digest is not None and other.schema_digest is not None:
        fields += ["schema_digest", "key_check", "agreement"]
    for field in fields:
        if getattr(one, field) != getattr(other, field):
            raise ConfigError(
                "link.headers_differ",
                field=field.removesuffix("_digest"),
                first=position,
                second=other_position,
            )
