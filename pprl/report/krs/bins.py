"""Pairs of records by similarity and band, counted from what an owner received.

An owner is told of the pairs that were accepted or are to be reviewed, and of no other: what lies
below the bars stays with the coordinator. Only counts come out.

>>> import pyarrow as pa
>>> overlap = pa.table({"party": ["dinsos"] * 4,
...                     "status": ["matched", "matched", "review", "none"],
...                     "similarity": pa.array([1_000_000, None, 803_000, None], pa.int32())})
>>> found = similarities(overlap, "dinsos")
>>> found.bins[0], found.bins[-1], found.accepted_without
(Bin(low=0.8, high=0.81, accepted=0, review=1), Bin(low=0.99, high=1.0, accepted=1, review=0), 1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from pprl.report.krs.data import Bin, Similarities

if TYPE_CHECKING:
    from typing import TypeAlias

    import pyarrow as pa

    Counts: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

N_BINS = 20
_MILLION = 1_000_000
_WIDTHS = (10_000, 20_000, 25_000, 50_000)  # millionths; the last one's bins reach from 0 to 1
_BELOW = 0.01


def similarities(overlap: pa.Table, party: str) -> Similarities:
    """Count an owner's pairs with another party in 20 bins of similarity.

    The bins are as narrow as they can be with at most a hundredth of the pairs below them; those
    are counted in the lowest one.

    Parameters
    ----------
    overlap
        ``party``, ``status`` and ``similarity`` (millionths, null when unknown), as
        :func:`pprl_protocols.roles.agency.receive` gives it: a row for each pair.
    party
        With whom.
    """
    rows = overlap.filter(pc.equal(overlap.column("party"), party))
    accepted, review = (
        rows.filter(pc.equal(rows.column("status"), status)).column("similarity")
        for status in ("matched", "review")
    )
    known = [each.drop_null().to_numpy().astype(np.int64) for each in (accepted, review)]
    both = np.concatenate(known)
    width = next(
        each for each in _WIDTHS if (both < _MILLION - N_BINS * each).sum() <= _BELOW * len(both)
    )
    start = _MILLION - N_BINS * width
    counts = [_counted(each, start, width) for each in known]
    ends = [(start + place * width) / _MILLION for place in range(N_BINS + 1)]
    return Similarities(
        bins=tuple(
            Bin(ends[place], ends[place + 1], int(counts[0][place]), int(counts[1][place]))
            for place in range(N_BINS)
        ),
        below=int((both < start).sum()),
        accepted_without=accepted.null_count,
        review_without=review.null_count,
    )


def _counted(similarity: Counts, start: int, width: int) -> Counts:
    place = np.clip((similarity - start) // width, 0, N_BINS - 1)
    return np.bincount(place, minlength=N_BINS)
