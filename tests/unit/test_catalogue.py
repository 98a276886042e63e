import re
import string
from pathlib import Path

import pytest

from pprl import catalogue, errors

ROOT = Path(catalogue.__file__).parent.parent
PATTERNS = ("pprl/**/*.py", "pprl/**/*.html", "cli/**/*.py", "protocols/**/*.py")
SOURCES = [path for pattern in PATTERNS for path in ROOT.glob(pattern)]
COMPOSED = (
    "value.",
    "reason.",
    "advice.",
    "evaluate.",
    "check.",
    "explain.",
    "krs_report.band_",
    "risk.about_",
    "krs_report.changes_short_",
    "krs_report.changes_work_",
    "krs_report.column_",
    "krs_report.nik_",
    "krs_report.role_",
    "krs_report.step_",
    "krs_report.sure_",
    "link.column_",
    "link.band_",
    "link.recall_",
    "agreement.ask_",
    "assign.count_",
    "demo.",
    "agreement.column_",
    "agreement.families_",
    "agreement.label_",
    "agreement.mode_",
    "agreement.scheme_",
    "receive.",
    "status.column_",
)  # f"value.{reason}" and such
CODE = re.compile(r"""["']([a-z_0-9]+\.[a-z_0-9]+)["']""")


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_things_with_the_same_values():
    english, indonesian = catalogue.entries("en"), catalogue.entries("id")
    assert english.keys() == indonesian.keys()
    for code, entry in english.items():
        other = indonesian[code]
        assert entry.keys() == other.keys(), code
        for part in entry:
            assert placeholders(entry[part]) == placeholders(other[part]), code


def test_every_sentence_is_used_and_every_code_has_a_sentence():
    sections = {code.partition(".")[0] for code in catalogue.entries("en")}
    used = set()
    for path in SOURCES:
        used |= {
            code for code in CODE.findall(path.read_text()) if code.partition(".")[0] in sections
        }
    known = set(catalogue.entries("en"))
    composed = {code for code in known if code.startswith(COMPOSED)}
    files = {
        code
        for code in used
        if code.endswith((".toml", ".csv", ".json", ".py", ".arrow", ".result"))
    }
    assert known - used - composed == set()
    assert used - known - files - set(COMPOSED) == set()


@pytest.mark.parametrize("kind", [errors.InputError, errors.PeerError, errors.ConfigError])
def test_an_error_says_its_sentence_and_its_hint(kind):
    error = kind("key.too_short", path="k", found=3, minimum=16)
    assert str(error) == "k holds 3 bytes; a linkage key has at least 16"
    assert error.hint == "Make one with: pprl lab key --out k"


def test_exit_codes_are_those_of_the_design():
    codes = {
        errors.ConfigError: 2,
        errors.InputError: 3,
        errors.PeerError: 4,
        errors.LimitError: 5,
        errors.BackendError: 6,
        errors.WaitingError: 7,
    }
    assert {kind: kind.exit_code for kind in codes} == codes
