"""What an evaluation says: scores overall and split, causes of mistakes, two links compared.

Values only; ``as_dict`` of each is what ``pprl lab evaluate --json`` prints. No name, number or
cell of a register is in here, save the places of a split by place.

>>> from pprl.lab.evaluate.scores import new_score
>>> Evaluation(new_score((1, 1, 1), 2), {}, {}).as_dict()["recall"]
0.5
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from pprl.decide.family_precision import FamilyPrecision
    from pprl.lab.evaluate.scores import Estimate, Score

NO_PLACE = "(empty)"
RARE_PLACE = "(rare)"


@dataclass(frozen=True)
class Bands:
    """Scores of what was accepted and of what awaits review.

    Attributes
    ----------
    accept, review
        The pairs of each band; recall is each one's share of everything findable.
    resolved
        What a perfect clerk makes of both: the accepted pairs, and the right ones of the review.
    """

    accept: Score
    review: Score
    resolved: Score

    def as_list(self) -> list[dict[str, object]]:
        """Return the bands for JSON."""
        bands = {"accept": self.accept, "review": self.review, "resolved": self.resolved}
        return [{"band": name, **score.as_dict()} for name, score in bands.items()]


@dataclass(frozen=True)
class ByPlace:
    """Scores by a column of the registers.

    Attributes
    ----------
    role
        What was split by, for example ``district``.
    scores
        By value in capitals, most findable persons first. ``(empty)``: the cell is empty;
        ``(rare)``: all values that fewer than five records have, since such a cell may be
        anything.
    """

    role: str
    scores: Mapping[str, Score]

    def as_dict(self) -> dict[str, object]:
        """Return the split for JSON."""
        groups = [{"value": value, **score.as_dict()} for value, score in self.scores.items()]
        return {"role": self.role, "groups": groups}


@dataclass(frozen=True)
class FalsePairs:
    """False pairs of one cause.

    Attributes
    ----------
    cause
        ``nik``: their NIKs agree and one of them is somebody else's; ``token``: another exact
        token agrees; ``look_alike``: their filters are similar (tiers ``filter`` and
        ``contradicted``); ``chain``: the records were found by different tiers, through a third
        one; ``family``: of families, whatever the cause.
    pairs
        How many.
    kinds
        Those in which one of the records has a kind of damage, most first; a pair counts for each
        kind. ``none``: neither record is damaged. With the cause ``nik`` only damage of NIKs.
    """

    cause: str
    pairs: int
    kinds: Mapping[str, int]

    def as_dict(self) -> dict[str, object]:
        """Return the cause for JSON."""
        kinds = [{"kind": kind, "pairs": pairs} for kind, pairs in self.kinds.items()]
        return {"cause": self.cause, "pairs": self.pairs, "kinds": kinds}


@dataclass(frozen=True)
class ByDamage:
    """Scores by kind of damage, most missed persons first, and where false pairs come from.

    Attributes
    ----------
    scores
        ``found`` and ``right`` count pairs in which one of the two records has the kind;
        ``findable`` and ``recovered`` count persons by the least damaged record that each of the
        two parties has of them (fewest kinds; the earlier row of the truth when equal), so they
        are the same for every link. A pair or person with two kinds counts for each. ``none``: no
        damage.
    false
        By cause, most pairs first.
    """

    scores: Mapping[str, Score]
    false: tuple[FalsePairs, ...]

    @property
    def missed(self) -> Mapping[str, int]:
        """Persons that weren't recovered, by kind; kinds without any are left out."""
        missed = {kind: score.findable - score.recovered for kind, score in self.scores.items()}
        return {kind: persons for kind, persons in missed.items() if persons}


@dataclass(frozen=True)
class Shared:
    """Pairs that two links share, or that only one of them has: how many, how many right."""

    found: int
    right: int


@dataclass(frozen=True)
class Comparison:
    """A link and another one, by the same truth.

    Attributes
    ----------
    both, only_here, only_there
        Pairs of both links, of this one alone, of the other one alone.
    here, there
        Scores of each.
    """

    both: Shared
    only_here: Shared
    only_there: Shared
    here: Score
    there: Score

    @property
    def difference(self) -> Mapping[str, float | None]:
        """Precision, recall and F1 here less those there; None where one of them has none."""
        pairs = {
            "precision": (self.here.precision.value, self.there.precision.value),
            "recall": (self.here.recall.value, self.there.recall.value),
            "f1": (self.here.f1, self.there.f1),
        }
        return {
            name: None if here is None or there is None else here - there
            for name, (here, there) in pairs.items()
        }

    def as_dict(self) -> dict[str, object]:
        """Return the comparison for JSON."""
        return {
            "both": asdict(self.both),
            "only_here": asdict(self.only_here),
            "only_there": asdict(self.only_there),
            "here": self.here.as_dict(),
            "there": self.there.as_dict(),
            "difference": dict(self.difference),
        }


@dataclass(frozen=True)
class Bin:
    """Pairs of similar estimated precision.

    Attributes
    ----------
    low, high
        Least and greatest estimate among them.
    estimated
        Mean estimate.
    found, right
        Pairs, and those that are right.
    true
        ``right / found``.
    """

    low: float
    high: float
    estimated: float
    found: int
    right: int
    true: Estimate

    def as_dict(self) -> dict[str, object]:
        """Return the bin for JSON."""
        return {
            "low": self.low,
            "high": self.high,
            "estimated": self.estimated,
            "true": self.true.value,
            "true_interval": [self.true.low, self.true.high],
            "found": self.found,
            "right": self.right,
        }


@dataclass(frozen=True)
class Calibration:
    """Estimated against true precision, of the pairs that have an estimate.

    Attributes
    ----------
    bins
        At most ten, by rising estimate, of about equally many pairs; pairs of one estimate are
        never divided. Accepted pairs and those to review together.
    bands
        The same for all pairs of a band: ``accept`` and ``review``, whichever has estimates.
    """

    bins: tuple[Bin, ...]
    bands: Mapping[str, Bin]

    def as_dict(self) -> dict[str, object]:
        """Return the calibration for JSON."""
        return {
            "bins": [each.as_dict() for each in self.bins],
            "bands": [{"band": band, **each.as_dict()} for band, each in self.bands.items()],
        }


@dataclass(frozen=True)
class Evaluation:
    """Scores of a link.

    Attributes
    ----------
    overall
        All accepted pairs of all parties together.
    parties
        By pair of parties (positions from 0, the smaller first).
    tiers
        By the tier that found the pair; ``mixed`` where the two records name different ones.
        Recall is each tier's share of everything findable. Empty if the link names no tiers.
    bands, by, damage, comparison
        What was asked for; else None.
    calibration
        None if the link estimates no precision.
    estimated
        Of families: what a run says of their precision without the truth; None where it can't.
    mistakes
        One by one (:data:`pprl.lab.evaluate.mistakes.MISTAKE_COLUMNS`), if asked for; not in
        JSON.
    """

    overall: Score
    parties: Mapping[tuple[int, int], Score]
    tiers: Mapping[str, Score]
    bands: Bands | None = None
    by: ByPlace | None = None
    damage: ByDamage | None = None
    comparison: Comparison | None = None
    calibration: Calibration | None = None
    estimated: FamilyPrecision | None = None
    mistakes: pa.Table | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the scores for JSON: the overall ones on top, then by parties and by tier.

        The keys ``bands``, ``by``, ``damage``, ``missed``, ``false``, ``compare``,
        ``calibration`` and ``estimated_precision`` (with its interval, and the number of pairs
        that a member's match contradicts) are there when there is something to say.
        """
        result: dict[str, object] = {
            **self.overall.as_dict(),
            "parties": [
                {"parties": list(pair), **score.as_dict()} for pair, score in self.parties.items()
            ],
            "tiers": [{"tier": tier, **score.as_dict()} for tier, score in self.tiers.items()],
        }
        if self.bands is not None:
            result["bands"] = self.bands.as_list()
        if self.by is not None:
            result["by"] = self.by.as_dict()
        if self.damage is not None:
            scores, missed = self.damage.scores, self.damage.missed
            result["damage"] = [{"kind": kind, **score.as_dict()} for kind, score in scores.items()]
            result["missed"] = [{"kind": kind, "persons": n} for kind, n in missed.items()]
            result["false"] = [each.as_dict() for each in self.damage.false]
        if self.comparison is not None:
            result["compare"] = self.comparison.as_dict()
        if self.calibration is not None:
            result["calibration"] = self.calibration.as_dict()
        if self.estimated is not None:
            result["estimated_precision"] = self.estimated.value
            result["estimated_precision_interval"] = [self.estimated.low, self.estimated.high]
            result["contradicted"] = self.estimated.contradicted
        return result
