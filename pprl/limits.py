"""Bounds on what one job may hold and use, in one place."""

import os

MAX_PAIRS = 200_000_000
"""Accepted pairs that one comparison of two sets may keep: about 3 GB."""


def available_threads() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
