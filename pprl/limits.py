"""Bounds on what one job may hold, in one place."""

MAX_PAIRS = 200_000_000
"""Accepted pairs that one comparison of two sets may keep: about 3 GB."""
