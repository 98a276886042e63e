"""What an attack has found out, judged by the truth, and beside what chance would find.

An attack that guesses who records are is a :class:`Guessing`; how many of its guesses are right is
counted over the records that it wasn't told (:func:`judged`). Other attacks measure something else
and say so: a :class:`Finding` of their own, with what chance gives and from where it counts as
broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pprl.lab.risk.scene import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene

    Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """What one attack found out in one scene.

    Attributes
    ----------
    attack
        Name, as in :data:`pprl.lab.risk.attacks.ATTACKS`.
    metric
        What is measured: ``reidentified`` (share of the records that weren't known), ``new``
        (records found beyond the known ones), ``auc``, ``dice``, ``correlation``, ``hits``.
    value
        Measured.
    chance
        What guessing without looking gives.
    broken
        Whether the attack succeeded by its own standard, for example re-identified 5%.
    known
        Pairs that it was given.
    precision
        Share of its guesses that were right; None where it doesn't guess persons.
    note
        One line more, in English, without any value of a record; empty for none.
    own_control
        Of a promise, which no scheme may break, plain Bloom filters neither: the same measurement
        where it must succeed, with the key of the run. None: the control is another schema.
    """

    attack: str
    metric: str
    value: float
    chance: float
    broken: bool
    known: int = 0
    precision: float | None = None
    note: str = ""
    own_control: float | None = None


class Guessing(Protocol):
    """An attack that says who records are."""

    name: str

    def guess(self, scene: Scene, known: Integers) -> Integers:
        """Return ``int64 (n,)``: the row of the population that each record is; -1 for no guess.

        Parameters
        ----------
        scene
            Of its truth only that of ``known`` may be used.
        known : int64 (k,)
            Rows of the records that the attacker knows.
        """


def judged(scene: Scene, known: Integers, guess: Integers, *, attack: str) -> Finding:
    """Count how many of the records that weren't known were named rightly."""
    asked = np.ones(len(scene), dtype=np.bool_)
    asked[known] = False
    asked &= scene.truth != NOBODY
    said = asked & (guess != NOBODY)
    right = int((guess[said] == scene.truth[said]).sum())
    count = int(asked.sum())
    value = right / count if count else 0.0
    return Finding(
        attack=attack,
        metric="reidentified",
        value=value,
        chance=1 / max(len(scene.population), 1),
        broken=value >= BROKEN,
        known=len(known),
        precision=right / int(said.sum()) if said.any() else None,
    )


BROKEN = 0.05
"""From this share of re-identified records on an attack has broken a scheme."""
