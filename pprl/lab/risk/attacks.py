"""All attacks by name: what they are, what they need, and how large they are made for.

Every attack is this project's own, from the ideas of the papers that it names. It is loaded when
it is first asked for: a list of attacks costs nothing.

An attack either says who records are (:class:`~pprl.lab.risk.judge.Guessing`) or measures
something else about a scene and judges that itself (:class:`Measuring`). :func:`findings` treats
both alike.

>>> list(ATTACKS)[:3]
['similarity_profiles', 'seed_and_grow', 'quadratic']
>>> ATTACKS["seedless"].needs_known
False
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from pprl.lab.risk.judge import Finding, Guessing, judged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from pprl.lab.risk.scene import Scene
    from pprl.schema import Schema

    Data: TypeAlias = str | Path | pa.Table
    Integers = NDArray[np.int64]


class Measuring(Protocol):
    """An attack that finds something out, without naming records."""

    name: str

    def find(self, scene: Scene, known: Integers) -> Sequence[Finding]:
        """Return what it found, each with what chance gives and whether that is broken.

        Parameters
        ----------
        scene
            Of its truth only that of ``known`` may be used to find; all of it to judge.
        known : int64 (k,)
            Rows of the records that the attacker knows.
        """


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    name
        As users and results call it.
    home
        Module and class that do it.
    needs_known
        Whether it can't start without known pairs.
    largest
        Records that it is made for, at most.
    paper
        Where the idea comes from.
    needs_register
        Whether it encodes the register again, and so needs it and its schema.
    """

    name: str
    home: tuple[str, str]
    needs_known: bool
    largest: int
    paper: str
    needs_register: bool = False

    @property
    def about(self) -> str:
        """Code of the sentence in the catalogue that says what it does."""
        return f"risk.about_{self.name}"

    def load(self, data: Data, schema: Schema) -> Guessing | Measuring:
        """Return it, ready to run on a scene of this register and schema."""
        module, name = self.home
        made = getattr(import_module(f"pprl.lab.risk.{module}"), name)
        return cast("Guessing | Measuring", made(data, schema) if self.needs_register else made())


def findings(
    attack: Attack, scene: Scene, known: Integers, data: Data, schema: Schema
) -> list[Finding]:
    """Run an attack on a scene of a register, and judge it.

    Raises
    ------
    ValueError
        It can't start without known pairs, and there are none.
    """
    if attack.needs_known and not len(known):
        message = f"{attack.name} needs known pairs"
        raise ValueError(message)
    loaded = attack.load(data, schema)
    if hasattr(loaded, "guess"):
        return [judged(scene, known, loaded.guess(scene, known), attack=attack.name)]
    return list(loaded.find(scene, known))


_MANY = 200_000
_ATTACKS = (
    Attack(
        "similarity_profiles",
        ("seeded", "SimilarityProfiles"),
        needs_known=True,
        largest=10_000,
        paper="Culnane, Rubinstein, Teague (2017), arXiv 1712.00871",
    ),
    Attack(
        "seed_and_grow",
        ("seeded", "SeedAndGrow"),
        needs_known=True,
        largest=_MANY,
        paper="Narayanan, Shmatikov (2009), IEEE S&P, doi 10.1109/SP.2009.22",
    ),
    Attack(
        "quadratic",
        ("seeded", "Quadratic"),
        needs_known=True,
        largest=1_000,
        paper="Vogelstein et al. (2015), PLOS ONE, doi 10.1371/journal.pone.0121002",
    ),
    Attack(
        "learned_scores",
        ("learned", "LearnedScores"),
        needs_known=True,
        largest=20_000,
        paper="Cho, Saul (2009), Kernel methods for deep learning; Rasmussen, Williams (2006)",
    ),
    Attack(
        "seedless",
        ("graph", "Seedless"),
        needs_known=False,
        largest=3_000,
        paper="Schäfer, Armknecht, Heng (2024), ACSAC",
    ),
    Attack(
        "token_graph",
        ("token_graph", "TokenGraph"),
        needs_known=False,
        largest=_MANY,
        paper="Weisfeiler, Leman (1968)",
    ),
    Attack(
        "token_seeds",
        ("token_graph", "TokenSeeds"),
        needs_known=True,
        largest=_MANY,
        paper="Narayanan, Shmatikov (2009), IEEE S&P, doi 10.1109/SP.2009.22",
    ),
    Attack(
        "xor4",
        ("distinguisher", "Xor4"),
        needs_known=False,
        largest=10_000,
        paper="PoPETs 2026-0033",
    ),
    Attack(
        "qgram_ridge",
        ("ridge", "QgramRidge"),
        needs_known=False,
        largest=10_000,
        paper="Vidanage et al. (2020), CIKM; Hoerl, Kennard (1970)",
    ),
    Attack(
        "frequency",
        ("measures", "Frequency"),
        needs_known=False,
        largest=_MANY,
        paper="Kuzu et al. (2011), PETS",
    ),
    Attack(
        "patterns",
        ("patterns", "Patterns"),
        needs_known=False,
        largest=20_000,
        paper="Christen et al. (2018), PAKDD",
    ),
    Attack(
        "popcount",
        ("measures", "Popcount"),
        needs_known=False,
        largest=_MANY,
        paper="Kroll, Steinmetzer (2015)",
    ),
    Attack(
        "cross_run",
        ("reencode", "CrossRun"),
        needs_known=False,
        needs_register=True,
        largest=_MANY,
        paper="design: keys are fresh for every run",
    ),
    Attack(
        "nik_dictionary",
        ("reencode", "NikDictionary"),
        needs_known=False,
        needs_register=True,
        largest=_MANY,
        paper="Christen, Ranbaduge, Schnell (2020), Linking Sensitive Data",
    ),
    Attack(
        "block_sizes",
        ("measures", "BlockSizes"),
        needs_known=False,
        largest=_MANY,
        paper="Christen, Ranbaduge, Schnell (2020), Linking Sensitive Data",
    ),
)
ATTACKS: dict[str, Attack] = {one.name: one for one in _ATTACKS}
"""Name -> attack, in the order in which they are shown."""
