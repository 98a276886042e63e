"""The mistakes of a link one by one: wrong pairs, and persons or families that were missed.

Ids, and the kinds of damage that the truth knows of; for a file of the analyst's own.

>>> MISTAKE_COLUMNS[:3]
('mistake', 'party', 'id')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MISTAKE_COLUMNS = ("mistake", "party", "id", "other_party", "other_id", "kinds")

# A missed person is named by the records that stand for them in the two registers.
_MISTAKES = """
WITH mistakes AS (
    SELECT 'wrong' AS mistake, left_record, right_record FROM pairs
    WHERE source = 'accept' AND NOT correct
    UNION ALL
    SELECT 'missed', left_best, right_best FROM persons WHERE NOT recovered),
kinds AS (
    SELECT left_record, right_record, string_agg(DISTINCT kind, ';' ORDER BY kind) AS kinds
    FROM mistakes JOIN damaged ON record IN (left_record, right_record)
    GROUP BY left_record, right_record)
SELECT mistake, a.party, a.id, b.party AS other_party, b.id AS other_id,
       coalesce(kinds, '') AS kinds
FROM mistakes
JOIN truth a ON a.row = left_record JOIN truth b ON b.row = right_record
LEFT JOIN kinds USING (left_record, right_record)
ORDER BY mistake DESC, left_record, right_record
"""


def list_mistakes(database: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return the mistakes: :data:`MISTAKE_COLUMNS`, the wrong pairs first.

    ``mistake`` is wrong or missed; ``party`` and ``other_party`` are positions from 0; ``kinds``
    joins what is damaged or unusual about either record by semicolons.
    """
    return database.sql(_MISTAKES).to_arrow_table()
