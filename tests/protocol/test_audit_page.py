"""The audit as a page: self-contained, without script, hostile text shown and not obeyed."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.examine import examine
from pprl_protocols.audit.page import MAX_CHARACTERS, page
from tests.protocol.retelling import found, retold

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\"' & "


class Seen(HTMLParser):
    """All tags and attributes of a page, its text, and whether every tag was closed."""

    VOID = ("meta", "br", "!doctype")

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self.open, self.text = [], set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def federation(recorded, tmp_path_factory):
    return recorded.at("closed", tmp_path_factory.mktemp("closed"))


@pytest.fixture(scope="module")
def run(federation):
    return found(federation)


def with_agreement(federation, run, **changes):
    agreement = Agreement.from_bytes(run.agreement).model_copy(update=changes)
    return examine(retold(federation, run, agreement=agreement))


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_page_has_no_script_and_fetches_nothing(run, language):
    text = page(examine(run), language)
    seen = Seen(text)
    assert not seen.open
    assert not {"script", "link", "img", "iframe", "object", "form", "base", "a"} & set(seen.tags)
    assert not {"src", "href", "style", "action"} & seen.names
    assert not any(name.startswith("on") for name in seen.names)
    assert not re.search(r"https?:|//|url\(|@import", text)
    assert "default-src 'none'" in text
    assert f'<html lang="{language}">' in text


def test_the_page_says_verdict_checks_and_digest_in_words(recorded, run):
    text = "".join(Seen(page(examine(run))).text)
    assert "PASS: no check found a fault" in text
    assert "IDENTITIES NOT VERIFIED" in text
    for number, title in enumerate(("Every envelope", "Every log", "Everybody signed"), start=1):
        assert f"{number}. {title}" in text
    assert recorded.digest[:4] + " " + recorded.digest[4:8] in text
    assert "bkkbn/1" in text
    assert "lulus" in page(examine(run), "id")


def test_the_same_run_gives_the_same_page(run):
    assert page(examine(run)) == page(examine(run))


def test_hostile_text_is_shown_and_not_obeyed(federation, run):
    text = page(with_agreement(federation, run, purpose=HOSTILE, legal_basis=HOSTILE, dpia=HOSTILE))
    seen = Seen(text)
    assert not {"script", "img"} & set(seen.tags)
    assert "".join(seen.text).count(HOSTILE.strip()) == 3


def test_long_text_is_cut_and_says_so(federation, run):
    text = page(with_agreement(federation, run, purpose="x" * 4_000))
    assert "x" * MAX_CHARACTERS + " […]" in text
    assert "x" * (MAX_CHARACTERS + 1) not in text


def test_a_run_whose_agreement_cannot_be_read_has_a_page_too(run):
    text = page(examine(replace(run, agreement=b"<b>")))
    assert "FAIL" in text
    assert "<b>" not in text.replace("<b>fail</b>", "").replace("<b>not applicable</b>", "")
