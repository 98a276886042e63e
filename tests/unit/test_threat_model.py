"""What the threat model names exists: tests, modules, links, and the controls it has none for."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security" / "threat-model.md"
TEXT = PAGE.read_text(encoding="utf-8")
TESTS = re.compile(r"`((?:\w+/)+test_\w+\.py)(?:::(\w+))?`")
MODULES = re.compile(r"`((?:pprl|cli|pprl_protocols)/(?:\w+/)*(?!test_)\w+\.py)`")
LINKS = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
ROW = re.compile(r"^\| \*\*", re.MULTILINE)


@cache
def names(path):
    """Return the names of the functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists():
    named = TESTS.findall(TEXT)
    assert len(named) > 40
    missing = [
        (file, test)
        for file, test in named
        if not (ROOT / "tests" / file).is_file()
        or (test and test not in names(ROOT / "tests" / file))
    ]
    assert missing == []


def test_every_module_that_is_named_exists():
    folders = (ROOT, ROOT / "protocols")
    named = MODULES.findall(TEXT)
    assert len(named) > 20
    assert [one for one in named if not any((each / one).is_file() for each in folders)] == []


def test_every_threat_has_a_control_with_code_and_test_or_says_that_it_has_none():
    for line in TEXT.splitlines():
        if ROW.match(line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4, line
            threat, control, code, test = cells
            assert MODULES.search(code) or "**none yet" in control, threat
            assert TESTS.search(test) or "**none yet" in control, threat


@pytest.mark.parametrize("page", [PAGE, ROOT / "SECURITY.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    found = LINKS.findall(page.read_text(encoding="utf-8"))
    assert found
    assert [link for link in found if not (page.parent / link).exists()] == []
