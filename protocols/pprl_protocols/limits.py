"""Named bounds on everything that comes from outside, in one place.

Each is applied before memory is taken for what it bounds. Sizes are in bytes unless the name says
otherwise. Raising one of them changes which messages are valid, so they belong to version 1 of
the protocol. Spec: "Limits on hostile input".

>>> is_party_name("dinkes-garut"), is_party_name("../etc"), is_party_name("con")
(True, False, False)
>>> bucket(700), bucket(3_000_000)
(1024, 3014656)
"""

import re

MIN_AGENCIES = 2
MAX_AGENCIES = 8
MAX_PARTIES = MAX_AGENCIES + 2
"""The agencies, the coordinator and the auditor."""

MAX_ENVELOPE_BYTES = 1 << 20
MAX_AGREEMENT_BYTES = 256 << 10
MAX_SCHEMA_CHARACTERS = 64 << 10
MAX_BLOB_BYTES = 64 << 30
MAX_HEADER_BYTES = 64 << 10
"""Canonical JSON before a sealed content, and other small notes."""

MAX_ENTRIES = 10_000
"""Entries of one log."""
MAX_FILES = 100_000
"""Names in one folder of an exchange."""
MAX_DEPTH = 16
"""Lists and objects inside each other."""

MAX_NAME = 64
MAX_TEXT_CHARACTERS = 4_000
"""Purpose, legal basis and other prose of an agreement."""
MAX_ITEMS = 100
"""Elements of a small list: strata, attributes, parameters."""
MAX_COUNTS = 10_000
"""Cells of the tables of a result."""
MAX_TABLE_COLUMNS = 2_000
"""Combinations of values that tables tell apart besides places."""
MAX_TABLE_BYTES = 600 << 10
"""Canonical JSON of the tables of a result, which travel in an envelope."""
MAX_COUNT_RESULT_BYTES = 8 << 10
"""Content of a result that tells an agency nothing about its records, padded."""
MAX_STRATA = 8
MAX_STRATUM_VALUES = 10_000
"""Values of one column that tables are counted by."""
MAX_NOISE_SCALE = 1_000
MAX_MINIMUM_CELL = 10_000
MAX_RECORDS = 1 << 30
"""Records that one agency may enter."""
MAX_ATTRIBUTE_BYTES = 4_096
"""Width of one released attribute."""
MAX_INTEGER = 2**53 - 1
"""What canonical JSON can hold without loss."""

MIN_CELL = 10
"""Counts below this are never published, whatever an agreement says."""
COUNT_STEP = 10
"""Counts in the public log are multiples of this: an exact overlap is never in it."""

PARTY_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}
)
_SMALLEST_BUCKET = 1 << 10
_POWERS_BELOW = 1 << 20
_STEPS = 16


def is_party_name(name: str) -> bool:
    """Whether a text is a party's name: lower-case ASCII, safe as a file name on every system."""
    return PARTY_NAME.fullmatch(name) is not None and name not in _DEVICES


def bucket(n_bytes: int) -> int:
    """Return the padded size of a content: what its size gives away is the bucket alone.

    The next power of two from 1 KiB up to 1 MiB; above, the next multiple of a sixteenth of the
    power of two below it, so that padding wastes at most a sixteenth (6%).

    Raises
    ------
    ValueError
        A negative size.
    """
    if n_bytes < 0:
        message = "a size is never negative"
        raise ValueError(message)
    if n_bytes <= _POWERS_BELOW:
        return max(_SMALLEST_BUCKET, 1 << max(n_bytes - 1, 0).bit_length())
    return _round_up(n_bytes)


def record_bucket(n_records: int) -> int:
    """Return a number of records as it may stand in the log: rounded up, never the exact one.

    To the next multiple of 16; above 512, of a sixteenth of the power of two below it, which adds
    at most a sixteenth. Never less than 16. Monotone, and a bucket is its own bucket.

    Raises
    ------
    ValueError
        A negative number.
    """
    if n_records < 0:
        message = "a number of records is never negative"
        raise ValueError(message)
    return max(_STEPS, _round_up(n_records, least=_STEPS))


def _round_up(number: int, least: int = 1) -> int:
    step = max((1 << max((number - 1).bit_length() - 1, 0)) // _STEPS, least)
    return -(-number // step) * step
