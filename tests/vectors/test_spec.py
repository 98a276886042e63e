"""The pages of the specification say what the code does where a machine can compare."""

import re
from pathlib import Path

import pytest

from pprl_protocols import rules
from spec import make, tables

ROOT = Path(__file__).parents[2]
PAGES = sorted(make.FOLDER.glob("*.md"))
READABLE_WORDS = 7_000
_GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_generated_is_up_to_date(path):
    text = path.read_text(encoding="utf-8")
    assert make.filled(text) == text
    assert text.count("<!-- generated:") == len(_GENERATED.findall(text))


def test_the_table_of_what_is_possible_when_has_every_rule():
    text = (make.FOLDER / "4-messages.md").read_text(encoding="utf-8")
    rows = tables.rules_table().splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {rule.kind}" for rule in rules.TABLE]
    assert all(row in text.splitlines() for row in rows)


def test_every_label_of_the_code_is_in_the_index_and_every_label_there_is_used():
    used = set()
    for path in (ROOT / "protocols" / "pprl_protocols").rglob("*.py"):
        if path.name != "vault.py":  # secrets at rest are nobody else's business
            used |= set(re.findall(r'b"(pprl/v1/[a-z-]+)', path.read_text(encoding="utf-8")))
    assert used == set(tables.LABELS)


def test_every_label_is_explained_on_the_page_that_the_index_names():
    for label, (_, page) in tables.LABELS.items():
        (path,) = make.FOLDER.glob(f"{page}-*.md")
        assert label in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere_and_lines_are_short(path):
    text = _GENERATED.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (path.parent / target).exists(), target
    long = [line for line in text.splitlines() if len(line) > 100 and not line.startswith("|")]
    assert long == []


def test_it_can_be_read_in_one_sitting():
    words = sum(len(_GENERATED.sub("", p.read_text(encoding="utf-8")).split()) for p in PAGES)
    assert words < READABLE_WORDS
