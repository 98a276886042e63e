"""The reference page of the attacks: what each uses and needs, what it costs, what broken means.

``docs/reference/lab-risk.md`` is what :func:`page` returns; a test compares the two. To renew it::

    python -m pprl.lab.risk.reference > docs/reference/lab-risk.md

>>> page().splitlines()[0]
'# pprl lab risk'
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pprl import catalogue
from pprl.lab.risk.attacks import ATTACKS
from pprl.lab.risk.distinguisher import TOLD_APART
from pprl.lab.risk.judge import BROKEN
from pprl.lab.risk.measures import CORRELATED
from pprl.lab.risk.ridge import BETTER
from pprl.lab.risk.run import CONTROL, QUALITY

if TYPE_CHECKING:
    from pprl.lab.risk.attacks import Attack


@dataclass(frozen=True)
class _Entry:
    """What the page says of an attack that its registration doesn't.

    Attributes
    ----------
    uses
        Of all that the coordinator receives and holds.
    metrics
        What it measures, keys of :data:`METRICS`.
    cost
        In words; n records.
    control
        What it breaks, where that isn't the schema of the control.
    """

    uses: str
    metrics: tuple[str, ...]
    cost: str
    control: str = ""


METRICS = {
    "reidentified": (
        "share of the records that weren't known, of which the right person was named",
        f"{BROKEN:.0%} and more",
    ),
    "values_told": (
        "share of the records of which a token, a block or all values were told (not the person)",
        f"{BROKEN:.0%} and more",
    ),
    "auc": (
        "area under the curve: how often four related filters are told from four others",
        f"{TOLD_APART} and more",
    ),
    "z": (
        "by how many standard deviations the emptiest of their XORs stands out",
        "more than the largest of as many normal numbers exceeds once in 1,000 times",
    ),
    "dice": (
        (
            "mean Dice coefficient of predicted and true q-grams of a record. Chance: the most "
            "frequent q-grams for everybody"
        ),
        f"{BETTER} above chance and more",
    ),
    "exact_names": (
        "share of the names that are spelled exactly by their predicted pairs of letters",
        "more than by chance",
    ),
    "correlation": (
        "between the bits set in a filter and the length of the name",
        f"{CORRELATED} and more, and three times what chance gives",
    ),
    "in_common": (
        (
            "share of the filters, tokens and blocks of one run that are in the other. A promise: "
            "the control is the same run once more"
        ),
        "a single one",
    ),
    "linked": (
        "share of the records of one run that are found again in the other by their likenesses",
        f"{BROKEN:.0%} and more",
    ),
    "hits": (
        (
            "share of the NIK tokens that a dictionary opens without the key: unkeyed, with a key "
            "of zeros, with the key of another run. A promise: the control is the key of the run"
        ),
        "a single one",
    ),
    "hits_with_key": (
        "the same with the key, as an agency that colludes with the coordinator has it",
        "a single one; it is, in every scheme with a shared key",
    ),
}
"""Measure -> what it is, and from where on that is called broken."""

_TOKENS = "Tokens and blocks, the register; no filter."
_ENTRIES = {
    "similarity_profiles": _Entry(
        "Filters, the register.",
        ("reidentified",),
        "n x n numbers, and an assignment: n^2 to n^3. Under a second at 1,000.",
    ),
    "seed_and_grow": _Entry(
        "Filters, the register.",
        ("reidentified",),
        "n x known pairs, round by round; memory grows with n alone. About a second at 1,000, "
        "more than an hour at 200,000.",
    ),
    "quadratic": _Entry(
        "Filters, the register.",
        ("reidentified",),
        "30 assignments of n x n: n^3. Some ten seconds at 1,000.",
    ),
    "learned_scores": _Entry(
        "Filters, the register.",
        ("reidentified",),
        "n^2 x bits, and (known pairs)^3. Under a second at 1,000.",
    ),
    "seedless": _Entry(
        "Filters, the register.",
        ("reidentified",),
        "Dozens of products and assignments of n x n: n^3. Seconds at 1,000, minutes at 3,000.",
    ),
    "token_graph": _Entry(
        _TOKENS, ("reidentified",), "n log n.", "Several block passes, or a family number."
    ),
    "token_seeds": _Entry(
        _TOKENS, ("reidentified",), "n log n.", "Several block passes, or a family number."
    ),
    "xor4": _Entry(
        "Filters of chosen records.",
        ("auc", "z"),
        "Pairs of at most 2,000 records: a few seconds.",
    ),
    "qgram_ridge": _Entry(
        "Filters, and the clear text of half of the records (whatever `--known` says).",
        ("dice", "exact_names"),
        "Learns from at most 2,500 records: (records or bits)^3, whichever are fewer. Seconds.",
    ),
    "frequency": _Entry(
        "How often filters and tokens repeat, the register.",
        ("values_told",),
        "n log n.",
        "Filters of a name alone: the same name gives the same bits.",
    ),
    "patterns": _Entry(
        "Bits that occur together, the register.",
        ("reidentified",),
        "n x bits^2, and n^2 comparisons. Under a second at 1,000.",
    ),
    "popcount": _Entry("Bits set in each filter.", ("correlation",), "n."),
    "cross_run": _Entry(
        "Two encodings of the register under different keys; no register.",
        ("in_common", "linked"),
        "n for values, and 2,000^2 for likenesses. A second.",
    ),
    "nik_dictionary": _Entry(
        "NIK tokens, and the NIKs that a kabupaten can have given.",
        ("hits", "hits_with_key"),
        "Six times some 200,000 NIKs a kecamatan: seconds.",
    ),
    "block_sizes": _Entry(
        "Sizes of blocks, the register.",
        ("values_told",),
        "n log n. Nothing where the schema has no block pass.",
        "Blocks of a kecamatan: each has a size of its own.",
    ),
}
_HEAD = """\
# pprl lab risk

<!-- Made by `python -m pprl.lab.risk.reference`; a test compares. Change
pprl/lab/risk/attacks.py and reference.py, not this page. -->

Attacks encodings as somebody would who holds a population register: the coordinator. It has one
agency's encodings, a register of the same people in the clear, the software and the schema, and
never the key. Encodings are made with a throw-away key and never stored; no result names a record.

    pprl lab risk SCHEMA... [--records 1000,10000] [--known 0,50] [--out FOLDER]
    pprl lab risk SCHEMA... --data FILE        a register of your own, at home, where it stays
    pprl lab risk --list                       the attacks, in a line each

What was found with it: [hardened filters](../security/hardened.md).

## How to read the table

- **known**: pairs of record and person that the attacker knows beforehand. They aren't counted as
  found. Attacks that need none run once.
- **measured**, **value**, **chance**: see [below](#what-is-measured); chance is what guessing
  without looking gives.
- **precision**: share of its guesses that were right.
- **control**: the same attack on plain Bloom filters, schema `{control}`. Of a promise, which no
  scheme may break, plain filters neither: the same measurement with the key of the run.
- **verdict**: *broken*; *withstands*, where the attack breaks its control and not this schema;
  *holds*, a promise that is kept, and whose control shows that a breach would have been seen;
  *attack failed on its control*, which says nothing about the schema.

Some attacks fail on `{control}` because it doesn't send what they live on; each says below what it
breaks, and tests show that it does.

`--out` writes `risk.json`, everything in the table with kappa and bits, and `frontier.svg`: for
every schema the most that any attack re-identified, at each number of known pairs, against F1.
F1 is measured on two dirty simulated registers ({quality}; `--quality`), with the best thresholds
that labels can show; a schema of tokens alone has none, and counts what it accepts, or that and
what it leaves for review, whichever is better.

`--damage clean` and `--damage dirty` give the attacker another register of the same people instead
of the very file. `make risk` runs all attacks at 1,000, 10,000 and 200,000 records; hours.

## What is measured
"""


def page() -> str:
    """Return the page, Markdown in English."""
    quality = " and ".join(f"{size:,}" for size in QUALITY)
    measures = "\n".join(
        f"| `{name}` | {what} | {when} |" for name, (what, when) in METRICS.items()
    )
    parts = [
        _HEAD.format(control=CONTROL, quality=f"{quality} records"),
        f"| measure | what it is | broken from |\n|---|---|---|\n{measures}\n",
        "## Attacks\n",
        *(_section(each) for each in ATTACKS.values()),
    ]
    return "\n".join(parts)


def _section(attack: Attack) -> str:
    entry = _ENTRIES[attack.name]
    needs = "known pairs" if attack.needs_known else "nobody known"
    lines = [
        f"### `{attack.name}`\n",
        f"{catalogue.text(attack.about, {}, 'en')}\n",
        f"- uses: {entry.uses}",
        f"- needs: {needs}",
        f"- measures: {', '.join(f'`{name}`' for name in entry.metrics)}",
        f"- cost: {entry.cost} At most {attack.largest:,} records.",
    ]
    if entry.control:
        lines.append(f"- breaks: {entry.control}")
    return "\n".join([*lines, f"- after: {attack.paper}\n"])


def measured() -> set[tuple[str, str]]:
    """Return attack and measure of everything that the page lists."""
    return {(name, metric) for name, entry in _ENTRIES.items() for metric in entry.metrics}


if __name__ == "__main__":
    sys.stdout.write(page())
