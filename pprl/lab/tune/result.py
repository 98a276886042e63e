"""What tuning says: each schema's cost and quality, and which of them are on the frontier.

Values only; ``as_dict`` is what ``pprl lab tune --json`` prints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pprl.lab.tune.curve import Curve, Point

PRECISIONS = (0.99, 0.95)


@dataclass(frozen=True, eq=False)
class Measured:
    """What one schema costs and reaches.

    Attributes
    ----------
    name
        As it was asked for: a built-in schema or a file.
    digest
        Of the schema.
    bits
        Length of a filter, whatever is set; tokens come on top.
    bits_set
        Bits set in a filter, on average over the records that have one.
    seconds_per_record
        To read and encode a record, wall time with all threads, on the register where it was
        quickest (the first one pays for compilation).
    curve
        Counts at every threshold, with labels.
    estimated
        The link whose thresholds were estimated without labels, scored with them. With three and
        more parties its thresholds are the strictest of all pairs of parties.
    on_frontier
        See :func:`with_frontier`.
    """

    name: str
    digest: str
    bits: int
    bits_set: float
    seconds_per_record: float
    curve: Curve
    estimated: Point
    on_frontier: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the numbers for JSON."""
        reached = {str(precision): self.curve.best_at(precision) for precision in PRECISIONS}
        return {
            "schema": self.name,
            "digest": self.digest,
            "frontier": self.on_frontier,
            "bits": self.bits,
            "bits_set": self.bits_set,
            "density": self.bits_set / self.bits,
            "seconds_per_record": self.seconds_per_record,
            "best": self.curve.best().as_dict(),
            "at_precision": {
                precision: None if point is None else point.as_dict()
                for precision, point in reached.items()
            },
            "estimated": self.estimated.as_dict(),
            "curve": [point.as_dict() for point in self.curve.best_curve().points()],
        }


@dataclass(frozen=True, eq=False)
class Tuning:
    """Schemas beside each other, in the order in which they were asked for.

    Attributes
    ----------
    schemas
        One result a schema.
    records
        Records of each register.
    findable
        Persons whom two registers have, over all pairs of registers.
    seed
        Of the throw-away key.
    """

    schemas: tuple[Measured, ...]
    records: tuple[int, ...]
    findable: int
    seed: int

    def as_dict(self) -> dict[str, object]:
        """Return everything for JSON."""
        return {
            "seed": self.seed,
            "records": list(self.records),
            "findable": self.findable,
            "schemas": [each.as_dict() for each in self.schemas],
        }


def with_frontier(results: Sequence[Measured]) -> tuple[Measured, ...]:
    """Mark the schemas that no other beats.

    One schema beats another when its best F1 is at least as high and its filter at most as long,
    and one of the two is truly better. Numbers are compared as they are, differences by chance
    included; schemas equal in both are both on the frontier.
    """
    costs = [(-float(each.curve.f1.max()), each.bits) for each in results]
    return tuple(
        replace(each, on_frontier=not any(_beats(other, cost) for other in costs))
        for each, cost in zip(results, costs, strict=True)
    )


def _beats(one: tuple[float, int], other: tuple[float, int]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
