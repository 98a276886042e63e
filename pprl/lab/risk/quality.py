"""How well schemas link, for the other axis of the frontier: F1 on dirty registers.

Schemas with filters are swept over all thresholds, as in :mod:`pprl.lab.tune`. A schema of tokens
alone has no threshold to sweep; there is one choice, whether pairs left for review count as found.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     (one,) = linked(["indonesia-tokens"], (200, 300), 7, Path(folder)).values()
>>> one.f1 >= one.estimated_f1 > 0.3
True
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl.encode import encode
from pprl.keys import LinkageKey
from pprl.lab.evaluate import evaluate
from pprl.lab.simulate import simulate
from pprl.lab.tune import estimated, tune
from pprl.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pprl.encoded import EncodedSet
    from pprl.lab.evaluate import Score

QUALITY = (2_000, 8_000)
"""Records of the two dirty registers on which F1 is measured."""
_OVERLAP = 0.6


@dataclass(frozen=True)
class Quality:
    """How well a schema links two dirty registers.

    Attributes
    ----------
    f1
        With the best thresholds that labels can show. Of tokens alone: of what is accepted, or of
        that and the pairs for review, whichever is better.
    estimated_f1
        With thresholds found without labels.
    """

    f1: float
    estimated_f1: float


def linked(
    names: Sequence[str], sizes: tuple[int, int], seed: int, folder: Path
) -> dict[str, Quality]:
    """Measure how well schemas link two dirty registers of which each knows only its own.

    Parameters
    ----------
    names
        Built-in names or files.
    sizes
        Records of the two registers.
    seed
        Of registers, throw-away key and samples.
    folder
        For the registers.
    """
    out = folder / "quality"
    out.mkdir(parents=True, exist_ok=True)
    done = simulate(sizes, overlap=_OVERLAP, damage="dirty", seed=seed, out=out, force=True)
    schemas = {name: Schema.load(name) for name in names}
    with_filters = [name for name, schema in schemas.items() if schema.scheme != "tokens"]
    found: dict[str, Quality] = {}
    if with_filters:
        tuned = tune(with_filters, done.paths, done.truth_path, seed=seed)
        for each in tuned.schemas:
            best, own = each.curve.best().score.f1, each.estimated.score.f1
            found[each.name] = Quality(best or 0.0, own or 0.0)
    key = LinkageKey(hashlib.sha256(f"pprl lab risk {seed}".encode()).digest())
    for name, schema in schemas.items():
        if name not in found:
            sets = [encode(path, schema, key) for path in done.paths]
            found[name] = _of_tokens(sets, done.truth_path, seed)
    return {name: found[name] for name in schemas}


def _of_tokens(sets: Sequence[EncodedSet], truth: Path, seed: int) -> Quality:
    matches = estimated(sets, seed=seed)
    bands = evaluate(matches, truth, review=matches.review).bands
    if bands is None:  # pragma: no cover - there are bands where there is a review
        return Quality(0.0, 0.0)
    accept, review = bands.accept, bands.review
    accepted = _f1(accept.right, accept.found, accept)
    both = _f1(accept.right + review.right, accept.found + review.found, bands.resolved)
    return Quality(max(accepted, both), accepted)


def _f1(right: int, found: int, score: Score) -> float:
    """Return the F1 of found pairs, with the recall of a score."""
    if not right or not score.recovered:
        return 0.0
    precision, recall = right / found, score.recovered / score.findable
    return 2 * precision * recall / (precision + recall)
