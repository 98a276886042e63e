"""What yes, no, relations and schooling are called: ``words.toml``, and a register's own words.

>>> words = Words.shared()
>>> words.meaning("boolean")["tidak"], words.meaning("education")["sdsederajat"]
('false', 'sd')
>>> word_key("SD/Sederajat ")
'sdsederajat'
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

RELATIONS = ("head", "spouse", "child", "parent", "other")
EDUCATION = ("none", "sd", "smp", "sma", "higher")
UNCLEAR = "unclear"
"""The meaning of a code that has meant different things."""

_REST = re.compile(r"[^0-9a-z]+")
Listed = list[Annotated[str, Field(min_length=1, max_length=80)]]


def word_key(text: str) -> str:
    """Return what makes two words the same: letters and digits, in lower case."""
    return _REST.sub("", text.lower()) or text.strip()


class Words(BaseModel):
    """Words by what they mean. The attributes are the keys of ``words.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    blank: Listed = []
    true: Listed = []
    false: Listed = []
    relation: dict[str, Listed] = {}
    education: dict[str, Listed] = {}

    @classmethod
    def shared(cls) -> Words:
        """Return the words that all registers share."""
        return _shared()

    def with_(self, own: Words) -> Self:
        """Return these words and those of a register; where they differ, the register's count."""
        answers = _joined(
            {"true": self.true, "false": self.false}, {"true": own.true, "false": own.false}
        )
        return self.model_copy(
            update={
                **answers,
                "blank": [*self.blank, *own.blank],
                "relation": _joined(self.relation, own.relation),
                "education": _joined(self.education, own.education),
            }
        )

    def meaning(self, kind: str, own: dict[str, list[str]] | None = None) -> dict[str, str]:
        """Return word, as :func:`word_key` has it -> meaning.

        Parameters
        ----------
        kind
            ``boolean``, ``relation`` or ``education``.
        own
            Further words by meaning; they win.
        """
        listed = {
            "boolean": {"true": self.true, "false": self.false},
            "relation": self.relation,
            "education": self.education,
        }[kind]
        return {
            word_key(word): meaning
            for lists in (listed, own or {})
            for meaning, words in lists.items()
            for word in words
        }


def _joined(shared: dict[str, Listed], own: dict[str, Listed]) -> dict[str, Listed]:
    # A register's own come last: in a dictionary of words the last one counts.
    names = list(dict.fromkeys([*shared, *own]))
    theirs = {word_key(word) for words in own.values() for word in words}
    return {
        name: [
            *(word for word in shared.get(name, []) if word_key(word) not in theirs),
            *own.get(name, []),
        ]
        for name in names
    }


@cache
def _shared() -> Words:
    text = files("pprl.registers").joinpath("words.toml").read_text("utf-8")
    return Words.model_validate(tomllib.loads(text))
