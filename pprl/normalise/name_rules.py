"""The name rules as data: read, checked, handed to the code that interprets them.

The rules live in ``tables/name_rules.toml``, whose head explains every kind of step. This module
only reads and checks them; it never touches a name. An agency may give a table of its own.

>>> rules = default_name_rules()
>>> rules.rule("N18").before, rules.rule("N18").after
('rachman', 'rahman')
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pprl.errors import ConfigError

Word = Annotated[str, Field(pattern=r"^[a-z]{1,40}$")]
Phrase = Annotated[str, Field(pattern=r"^[a-z]{1,40}( [a-z]{1,40}){0,3}$")]
Letters = Annotated[str, Field(pattern=r"^[a-z]{1,8}$")]
NewLetters = Annotated[str, Field(pattern=r"^[a-z]{0,8}$")]
Strength = Literal["clean", "key", "alternate", "similarity"]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Fold(_Step):
    """Characters that Unicode decomposition leaves alone, and quotes and hyphens of all kinds."""

    do: Literal["fold"]
    letters: dict[
        Annotated[str, Field(pattern=r"^[^\x00-\x7f]$")], Annotated[str, Field(pattern=r"^[a-z]*$")]
    ]
    quotes: str
    hyphens: str


class Delete(_Step):
    """Characters that disappear without splitting a word; ASCII, no letters."""

    do: Literal["delete"]
    characters: Annotated[str, Field(pattern=r"^[!-@\[-`{-~]*$")]


class Alias(_Step):
    """Words and dotted abbreviations that introduce another name."""

    do: Literal["alias"]
    words: list[Word]
    dotted: list[Word] = []
    brackets: bool = False


class WordList(_Step):
    """Steps that need no more than their words."""

    do: Literal["deceased", "patronymic", "join", "low_weight"]
    words: list[Word]


class Title(_Step):
    """Titles; ``dotted`` ones may be written as initials, K.H."""

    do: Literal["title"]
    words: list[Word]
    dotted: list[Word] = []


class Degree(_Step):
    """Academic degrees, by the evidence they need."""

    do: Literal["degree"]
    dotted: list[Word]
    comma: list[Word]
    plain: list[Word]


class Noble(_Step):
    """Words of rank or birth order; ``opens``: Balinese."""

    do: Literal["noble"]
    words: list[Word]
    opens: bool = False


class PhraseStep(_Step):
    """Two words that are one."""

    do: Literal["phrase"]
    words: list[Annotated[str, Field(pattern=r"^[a-z]{1,40} [a-z]{1,40}$")]]
    to: Word


class Expand(_Step):
    """Abbreviations and their word."""

    do: Literal["expand"]
    words: list[Word]
    to: Word
    where: Literal["front", "dotted_front", "inner", "first", "any"]
    alone: bool = False


class RewriteStep(_Step):
    """Letters and what replaces them."""

    do: Literal["rewrite"]
    letters: Letters
    to: NewLetters
    where: Literal["anywhere", "initial", "final", "before_vowel", "initial_before_vowel"] = (
        "anywhere"
    )
    not_after: NewLetters = ""
    when_name: list[Letters] = []


class Single(_Step):
    """Doubled letters become single."""

    do: Literal["single"]


class Alternatives(_Step):
    """Letters that may stand for any of several."""

    do: Literal["alternatives"]
    letters: Letters
    to: Annotated[list[NewLetters], Field(min_length=1, max_length=4)]


class Other(_Step):
    """``separate`` is what tokenising does anyway; ``structure`` lives in the encoding."""

    do: Literal["separate", "structure"]


Step = Annotated[
    Fold
    | Delete
    | Alias
    | WordList
    | Title
    | Degree
    | Noble
    | PhraseStep
    | Expand
    | RewriteStep
    | Single
    | Alternatives
    | Other,
    Field(discriminator="do"),
]
StepType = TypeVar("StepType", bound=_Step)


class NameRule(BaseModel):
    """One rule: what it does, what it costs, and an example of it alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,15}$")]
    stage: str
    strength: Strength
    note: str = ""
    collision_ratio: float | None = None
    share: float | None = None
    before: str
    after: str
    step: list[Step]


class NameRules(BaseModel):
    """All rules in their order.

    Attributes
    ----------
    missing
        What stands in a name column when there is no name.
    rule_list
        The rules; ``[[rule]]`` in the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    missing: list[Phrase]
    rule_list: list[NameRule] = Field(alias="rule")

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [rule.id for rule in self.rule_list]
        if len(set(ids)) != len(ids):
            problem = "two rules have the same id"
            raise ValueError(problem)
        rewrites = self.steps(RewriteStep, "key")
        written = "".join(step.to for step in rewrites)
        for step in rewrites:
            if not step.to:
                problem = f"{step.letters}: a key rule may not remove letters (a word could vanish)"
                raise ValueError(problem)
            if step.when_name:
                problem = f"{step.letters}: when_name only goes with strength alternate"
                raise ValueError(problem)
            if len(step.to) > len(step.letters) and (
                len(step.letters) > 1 or step.letters in written
            ):
                problem = f"{step.letters}: a rule that adds letters may only replace one letter, \
one that no rule writes (it would never end)"
                raise ValueError(problem)
        return self

    def rule(self, rule_id: str) -> NameRule:
        """Return one rule.

        Raises
        ------
        KeyError
            There is no such rule.
        """
        for rule in self.rule_list:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    def only(self, *rule_ids: str) -> NameRules:
        """Return the clean rules and these: what a rule does alone."""
        kept = [rule for rule in self.rule_list if rule.strength == "clean" or rule.id in rule_ids]
        return NameRules.model_construct(missing=self.missing, rule_list=kept)

    def steps(self, kind: type[StepType], *strengths: Strength) -> list[StepType]:
        """Return the steps of one kind, of rules of these strengths, in order."""
        return [
            step
            for rule in self.rule_list
            if not strengths or rule.strength in strengths
            for step in rule.step
            if isinstance(step, kind)
        ]

    def words(self, do: str) -> list[str]:
        """Return the words of all plain word lists called ``do``."""
        return [word for step in self.steps(WordList) if step.do == do for word in step.words]


def load_name_rules(path: Path) -> NameRules:
    """Read a table of name rules.

    Raises
    ------
    ConfigError
        No such file, not TOML, or a rule that can't be: the message says which.
    """
    name = str(path)
    try:
        return NameRules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        raise ConfigError("name_rules.unreadable", path=name) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "name_rules.invalid", path=name, where="TOML", problem=str(error)
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "rules"
        raise ConfigError(
            "name_rules.invalid", path=name, where=where, problem=first["msg"]
        ) from None


@cache
def default_name_rules() -> NameRules:
    """Return the built-in rules."""
    return load_name_rules(Path(str(files("pprl.normalise").joinpath("tables", "name_rules.toml"))))
