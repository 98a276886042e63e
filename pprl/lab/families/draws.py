"""Random columns: one number for each item, from what it is about, as in :mod:`..randomness`.

The number of an item depends on the seed, the topic, the slot and the item alone, so columns can
be drawn in any order and for any part of the items.

>>> import numpy as np
>>> draws = Draws(np.uint64(7), HOMES)
>>> bool((draws.uniform(3, np.arange(5))[2:] == draws.uniform(3, np.arange(2, 5))).all())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pprl._jit import compiled
from pprl.lab.randomness import numbers, permuted, stream, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Topics beyond those of the simulator of persons (1 to 4, thousands for its parties).
HOMES, PEOPLE, FACTS, CHANGES, NUMBERS, PLACES = numbers(20, 6)
# One topic a register.
LISTING, FAMILY_ORDER, FAMILY_ID, RECORD, CARD, MOTHER = (
    number * 1_000 for number in numbers(21, 6)
)


class Draws(NamedTuple):
    """All numbers of one topic."""

    seed: np.uint64
    topic: int

    def uniform(self, slot: int, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return a number in [0, 1) for each item."""
        out = np.empty(items.size)
        _fill(self.seed, int(self.topic), int(slot), items.astype(np.int64), out)
        return out

    def between(
        self, slot: int, items: NDArray[np.int64], low: float, high: float
    ) -> NDArray[np.float64]:
        """Return a number in [low, high) for each item."""
        return low + (high - low) * self.uniform(slot, items)

    def choice(
        self, slot: int, items: NDArray[np.int64], shares: Sequence[float]
    ) -> NDArray[np.int64]:
        """Return which of the shares each item falls into."""
        edges = np.cumsum(shares) / np.sum(shares)
        found = np.searchsorted(edges, self.uniform(slot, items), "right")
        chosen: NDArray[np.int64] = np.minimum(found, edges.size - 1).astype(np.int64)
        return chosen

    def order(self, slot: int, count: int) -> NDArray[np.int64]:
        """Return ``count`` items in random order."""
        order: NDArray[np.int64] = np.argsort(self.uniform(slot, np.arange(count)), kind="stable")
        return order

    def scattered(self, count: int, space: int) -> NDArray[np.int64]:
        """Return ``count`` different numbers below ``space``, in no order."""
        out = np.empty(count, np.int64)
        key = np.uint64(stream(self.seed, int(self.topic), 0))  # compiled code gives a Python int
        _scatter(key, int(space), out)
        return out


def first_of(
    queue: NDArray[np.float64], eligible: NDArray[np.bool_], count: int
) -> NDArray[np.bool_]:
    """Mark the ``count`` eligible items with the smallest numbers (all, if there are fewer)."""
    marked = np.zeros(queue.size, np.bool_)
    candidates = np.flatnonzero(eligible)
    marked[candidates[np.argsort(queue[candidates], kind="stable")[:count]]] = True
    return marked


def quota(
    queue: NDArray[np.float64],
    eligible: NDArray[np.bool_],
    group: NDArray[np.int64],
    shares: Sequence[float],
) -> NDArray[np.bool_]:
    """Mark so many eligible items that group ``g`` (from 1) has ``shares[g - 1]`` of its items."""
    marked = np.zeros(queue.size, np.bool_)
    for number, share in enumerate(shares, start=1):
        inside = group == number
        marked |= first_of(queue, eligible & inside, round(share * int(inside.sum())))
    return marked


@compiled
def _fill(
    seed: np.uint64,
    topic: int,
    slot: int,
    items: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    for i in range(items.size):
        out[i] = uniform(stream(seed, topic, items[i]), slot)


@compiled
def _scatter(key: np.uint64, space: int, out: NDArray[np.int64]) -> None:
    for i in range(out.size):
        out[i] = permuted(key, i, space)
