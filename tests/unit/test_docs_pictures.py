"""The documentation's own files: links that lead somewhere, pictures that are small and used."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def targets(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [target for _, target in LINK.findall(text) if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    assert [each for each in targets(page) if not (page.parent / each).exists()] == []


def test_every_picture_is_small_and_on_a_page():
    pictures = set(ROOT.glob("docs/images/*.png"))
    shown = {(page.parent / each).resolve() for page in PAGES for each in targets(page)}
    assert pictures
    assert {each for each in pictures if each.resolve() not in shown} == set()
    assert [each.name for each in pictures if each.stat().st_size >= 150_000] == []
    for each in pictures:
        assert each.read_bytes().startswith(b"\x89PNG"), each.name


def test_every_picture_says_in_words_what_it_shows():
    for page in PAGES:
        for words in re.findall(r"!\[([^\]]*)\]", page.read_text(encoding="utf-8")):
            assert len(words) > 20, page.name
