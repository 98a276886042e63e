"""The page about small cells shows what is really printed."""

from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest

import pprl
from pprl.disclose.attack import Attack, findings
from pprl.disclose.counts import count
from pprl.disclose.noise import with_noise
from pprl.disclose.published import Rule
from pprl.disclose.shape import Plain, Shape
from pprl.disclose.suppression import suppress

PAGE = Path(pprl.__file__).parent.parent / "docs" / "concepts" / "small-cells.md"
LOW, REST, NOT_FOUND = "desil 1-4", "desil 5-10", "not found"
# KRS found in DTSEN: low, rest; KRS alone; DTSEN alone: low, rest.
FAMILIES = {
    "640801": (212, 41, 96, 1400, 2100),
    "640802": (88, 4, 35, 610, 900),
    "640803": (131, 27, 52, 820, 1350),
    "640804": (64, 19, 30, 400, 700),
}


@pytest.fixture(scope="module")
def table():
    shape = Shape(
        place="district",
        levels=(6,),
        plain=(Plain("desil", (LOW, REST, NOT_FOUND)),),
        possible={
            "overlap": {"desil": (LOW, REST)},
            "left_only": {"desil": (NOT_FOUND,)},
            "right_only": {"desil": (LOW, REST)},
        },
        known={"left": (), "right": ("desil",)},
    )

    def rows(*values):
        cells = [
            (district, value)
            for district, numbers in FAMILIES.items()
            for at, value in values
            for _ in range(numbers[at])
        ]
        return pa.table({"district": [one for one, _ in cells], "desil": [v for _, v in cells]})

    return count(
        shape, overlap=rows((0, LOW), (1, REST)), left_only=rows((2, NOT_FOUND)),
        right_only=rows((3, LOW), (4, REST)),
    )  # fmt: skip


def printed(cells):
    lines = {}
    for cell in cells.to_pylist():
        shown = ".." if cell["count"] is None else str(cell["count"])
        lines.setdefault(cell["place"] or "all", []).append(shown)
    return [
        f"    {place:7}" + "".join(f"{one:>7}" for one in shown) for place, shown in lines.items()
    ]


def test_the_tables_are_those_of_the_page(table):
    page = PAGE.read_text(encoding="utf-8")
    for suppressed in (
        suppress(table, complementary=False), suppress(table), suppress(table, Rule(step=10)),
    ):  # fmt: skip
        assert "\n".join(printed(suppressed.published().to_arrow())) in page


def test_the_noise_is_that_of_the_page(table):
    noisy = with_noise(suppress(table), bytes(32), Fraction(5))
    assert printed(noisy)[0] in PAGE.read_text(encoding="utf-8")


def test_the_attacker_finds_what_the_page_says(table):
    (found,) = findings(suppress(table, complementary=False).published())
    assert (
        f"    {found.place} {found.column.part} {found.column.values[0]} {found.low} {found.high}\n"
        in PAGE.read_text(encoding="utf-8")
    )
    attack = Attack(suppress(table).published())
    row = table.places.codes.index("640802")
    assert attack.interval(row, 2) == (0, 23)
    assert attack.interval(row, 1) == (69, 92)
