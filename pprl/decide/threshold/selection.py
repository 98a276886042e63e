"""What one-to-one assignment leaves of chance.

Of all pairs of different people that reach a similarity, only those become matches whose records
nobody else has taken by stronger evidence. Who is taken is found by taking pairs from the strongest
down, which for every threshold at once is close to the assignment that will be made; how often a
chance pair finds both its records free is read off the weakest pairs compared, nearly all of them
chance, since they concern the same crowded corners of the population.

>>> from pprl.compare.pairs import Pairs
>>> pairs = Pairs.of(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([9, 8, 7]))
>>> taken = Taken.nobody(2, 2)
>>> taken.take(pairs)
array([ True, False,  True])
>>> taken.strength_of(pairs)  # at which the first of the two records was taken
array([9, 9, 7])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pprl._jit import compiled

if TYPE_CHECKING:
    from pprl.compare.measure import Counts
    from pprl.compare.pairs import Integers, Pairs
    from pprl.decide.assignment import Flags
    from pprl.decide.threshold.bins import Floats

FREE = -(2**40)
BEFORE_ALL = 2**40


@dataclass(frozen=True)
class Taken:
    """At which strength each record was taken; :data:`FREE` when it wasn't.

    Attributes
    ----------
    left, right
        ``int64 (records,)``.
    """

    left: Counts
    right: Counts

    @classmethod
    def nobody(cls, n_left: int, n_right: int) -> Taken:
        """Start with all records free."""
        return cls(np.full(n_left, FREE), np.full(n_right, FREE))

    def take(self, pairs: Pairs, strength: int | None = None) -> Flags:
        """Take pairs from the strongest down; return which became matches, ``bool (n,)``.

        ``similarity`` of the pairs is their strength, unless one is given for all.
        """
        order = pairs.strongest_first()
        given = pairs.similarity.astype(np.int64)
        if strength is not None:
            given = np.full(len(pairs), strength, dtype=np.int64)
        chosen = np.zeros(len(pairs), dtype=np.bool_)
        _take(order, pairs.left, pairs.right, given, self.left, self.right, chosen)
        return chosen

    def strength_of(self, pairs: Pairs) -> Counts:
        """Return the greater strength at which one of a pair's records was taken."""
        return np.maximum(self.left[pairs.left], self.right[pairs.right])


def share_free(taken: Counts, strength: Integers) -> Floats:
    """Return for each strength the share of chance pairs of which nobody was taken before.

    Parameters
    ----------
    taken
        ``int64 (n,)``: strengths at which chance pairs lost a record, of any number.
    strength
        ``(m,)``.

    Returns
    -------
    float64 (m,)
        1 where there are no chance pairs to learn from.
    """
    if not len(taken):
        return np.ones(len(strength))
    return np.searchsorted(np.sort(taken), strength, side="right") / len(taken)


@compiled
def _take(
    order: Counts,
    left: Integers,
    right: Integers,
    strength: Counts,
    left_taken: Counts,
    right_taken: Counts,
    chosen: Flags,
) -> None:
    for pair in order:
        one, other = left[pair], right[pair]
        if left_taken[one] == FREE and right_taken[other] == FREE:
            left_taken[one] = strength[pair]
            right_taken[other] = strength[pair]
            chosen[pair] = True
