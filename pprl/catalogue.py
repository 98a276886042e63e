"""Everything the system says to people, in English and Bahasa Indonesia, in one place.

The sentences live in ``pprl/messages/<language>.toml`` as ``[code]`` tables with ``text`` and,
where there is something to do, ``hint``. Code refers to a sentence by its code only. The two
files have the same codes and placeholders (a test compares them).

>>> text("key.too_short", {"path": "k", "found": 4, "minimum": 16}).startswith("k ")
True
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = ("en", "id")


@cache
def entries(language: Language) -> Mapping[str, Mapping[str, str]]:
    """Return all sentences of one language: code -> {"text": ..., "hint": ...}."""
    source = files("pprl").joinpath("messages", f"{language}.toml")
    sections = tomllib.loads(source.read_text(encoding="utf-8"))
    return {
        f"{section}.{name}": entry
        for section, named in sections.items()
        for name, entry in named.items()
    }


def text(code: str, values: Mapping[str, str | int], language: Language = "en") -> str:
    """Return the sentence for ``code``, filled in.

    Raises
    ------
    KeyError
        The code isn't in the catalogue, or a placeholder has no value: a programming error.
    """
    return entries(language)[code]["text"].format(**values)


def hint(code: str, values: Mapping[str, str | int], language: Language = "en") -> str:
    """Return what to do about ``code``; empty when the sentence says it all."""
    return entries(language)[code].get("hint", "").format(**values)
