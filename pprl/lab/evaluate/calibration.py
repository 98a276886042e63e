"""Estimated against true precision: are nine of ten pairs right where 0.9 is estimated.

Pairs are sorted by their estimates, cut into at most ten bins of about equally many, and each
bin's mean estimate stands beside the share that is right. Pairs of one estimate stay together:
which of them comes first would be chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl.lab.evaluate.result import Bin, Calibration
from pprl.lab.evaluate.scores import wilson

if TYPE_CHECKING:
    import duckdb

_BINS = 10
_MILLION = 1_000_000

# A pair to review that another group accepts is an accepted one. Sums of whole millionths are the
# same in any order of adding.
_ESTIMATED = """
CREATE TABLE estimated AS
SELECT min(source) AS band, any_value(correct) AS correct,
       first(estimate ORDER BY source) AS estimate
FROM pairs WHERE source IN ('accept', 'review') AND estimate IS NOT NULL
GROUP BY left_record, right_record
"""
# An estimate's bin is the one where the middle one of its pairs falls.
_BY_BIN = """
WITH counted AS (
    SELECT estimate, count(*) AS found, count(*) FILTER (correct) AS correct
    FROM estimated GROUP BY estimate),
placed AS (
    SELECT *, sum(found) OVER () AS everything,
           sum(found) OVER (ORDER BY estimate) AS up_to
    FROM counted)
SELECT ((2 * up_to - found) * $bins) // (2 * everything) AS bin, min(estimate), max(estimate),
       sum(estimate * found)::HUGEINT, sum(found)::BIGINT, sum(correct)::BIGINT
FROM placed GROUP BY bin ORDER BY bin
"""
_BY_BAND = """
SELECT band, min(estimate), max(estimate), sum(estimate)::HUGEINT, count(*),
       count(*) FILTER (correct)
FROM estimated GROUP BY band ORDER BY band
"""


def calibration(database: duckdb.DuckDBPyConnection) -> Calibration | None:
    """Return estimated against true precision; None if no pair has an estimate."""
    database.execute(_ESTIMATED)
    bins = [_bin(*counts) for _, *counts in database.execute(_BY_BIN, {"bins": _BINS}).fetchall()]
    bands = {band: _bin(*counts) for band, *counts in database.execute(_BY_BAND).fetchall()}
    return Calibration(tuple(bins), bands) if bins else None


def _bin(low: int, high: int, total: int, found: int, right: int) -> Bin:
    return Bin(
        low=low / _MILLION,
        high=high / _MILLION,
        estimated=int(total) / found / _MILLION,
        found=found,
        right=right,
        true=wilson(right, found),
    )
