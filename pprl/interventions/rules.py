"""Rule tables: the default ones, a district's own on top, and what is in force on a day.

Rules are data (``tables/default.toml``, whose head explains every key). A file of one's own may

- give rules (``[[rule]]``): one that exists is replaced with all its periods, a new one added;
- change rules (``[[change]]``: an id and the keys that differ; parameters one by one);
- switch rules off (``off = ["R15"]``);
- name further needs (``[needs]``).

Files count in the order given. Everything is checked when it is read: conditions
(:mod:`~.condition`), facts, parameters, periods. A rule that may fire on families that aren't
matched can't rest on what came with a match; so nothing is ever assigned on a match in the review
band. Nothing here sees data.

>>> from datetime import date
>>> rules = load_rules().in_force(date(2026, 2, 1))
>>> len(rules), rules[0].program, rules[0].desil
(20, 'PKH (usulan)', (1, 4))
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pprl.errors import ConfigError
from pprl.interventions.columns import PREFIXES, known_columns
from pprl.interventions.condition import check_all, column_of
from pprl.interventions.rulefile import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pprl.catalogue import Language

Status = Literal["matched", "review", "none"]
STATUSES: tuple[Status, ...] = ("matched", "review", "none")

_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_DESIL = (1, 10)
_KEYS = {"extra_forbidden": "intervention.unknown_key", "missing": "intervention.missing_key"}

Text = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]
Institution = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
RuleId = Annotated[str, Field(pattern=_ID)]
Range = Annotated[list[int], Field(min_length=2, max_length=2)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Value(_Data):
    """What a parameter is from a day on."""

    value: int | Annotated[float, Field(allow_inf_nan=False)] | bool | date
    since: date | None = None
    basis: Text | None = None


class Words(_Data):
    """One thing in both languages."""

    en: Text
    id: Text


class _Rule(_Data):
    id: RuleId
    need: Name
    unit: Literal["family", "member"] = "family"
    when: Annotated[str, Field(min_length=1)]
    desil: Range | None = None
    first_desil: Range | None = None
    statuses: Annotated[list[Status], Field(min_length=1)] = ["matched"]
    priority: Annotated[int, Field(ge=1, le=9)]
    program: Text
    program_en: Text | None = None
    institution: Annotated[list[Institution], Field(min_length=1)]
    onward: Text | None = None
    legal_basis: Text
    verified: Text
    note: Text | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    facts: list[str] = []
    parameters: dict[Name, list[Value]] = {}

    @field_validator("parameters", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {
            name: [value] if isinstance(value, dict) else value for name, value in given.items()
        }

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        for each in (self.desil, self.first_desil):
            if each and not _DESIL[0] <= each[0] <= each[1] <= _DESIL[1]:
                message = "desil must be a range within 1 and 10, the smaller number first"
                raise ValueError(message)
        if self.first_desil and not self.desil:
            message = "first_desil needs desil"
            raise ValueError(message)
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            message = "valid_until is before valid_from"
            raise ValueError(message)
        for name, values in self.parameters.items():
            days = [each.since or date.min for each in values]
            if not values or any(day >= after for day, after in pairwise(days)):
                message = f"the values of {name} must follow each other by since"
                raise ValueError(message)
            if len({type(each.value) for each in values}) > 1:
                message = f"the values of {name} must be of one kind"
                raise ValueError(message)
        for listed in (self.statuses, self.institution, self.facts):
            if len(set(listed)) < len(listed):
                message = "statuses, institution and facts name nothing twice"
                raise ValueError(message)
        return self


class _File(_Data):
    needs: dict[Name, Words] = {}
    off: list[RuleId] = []
    change: list[dict[str, Any]] = []
    rule: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Rule:
    """A rule in force on a day, its numbers filled in.

    Attributes
    ----------
    condition
        SQL, parameters filled in, checked.
    desil, first_desil
        From and to; None where any desil will do, an unknown one as well.
    uses
        Columns of the condition: ``f.desil``.
    facts
        Columns shown as the evidence, with their prefixes.
    parameters
        Name and value of each number, as text.

    The other attributes are the keys of the rule table.
    """

    id: str
    need: str
    need_words: Words
    unit: Literal["family", "member"]
    condition: str
    desil: tuple[int, int] | None
    first_desil: tuple[int, int] | None
    statuses: tuple[Status, ...]
    priority: int
    program: str
    program_en: str | None
    institution: tuple[str, ...]
    onward: str | None
    legal_basis: str
    verified: str
    uses: tuple[str, ...]
    facts: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]

    def need_in(self, language: Language) -> str:
        """Return the name of the need."""
        return self.need_words.en if language == "en" else self.need_words.id

    def program_in(self, language: Language) -> str:
        """Return the name of the programme; most have none in English."""
        return self.program_en or self.program if language == "en" else self.program


class RuleSet:
    """Rules of all files, all periods, checked. Made by :func:`load_rules`."""

    def __init__(self, entries: Sequence[_Rule], needs: dict[str, Words]) -> None:
        self._entries = tuple(entries)
        self._needs = needs
        # The last values stand for all of them: values of a parameter differ in size, not in kind.
        texts = [_filled(each, date.max) for each in self._entries]
        self._uses = check_all(
            (each.id, text, each.unit) for each, text in zip(self._entries, texts, strict=True)
        )
        self._facts = [tuple(_facts(each)) for each in self._entries]
        for each, used in zip(self._entries, self._uses, strict=True):
            _refuse_resting_on_match(each, used)
        _refuse_overlap(self._entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all rules, whatever their periods, in the order of the files."""
        return tuple(dict.fromkeys(each.id for each in self._entries))

    def in_force(self, day: date) -> tuple[Rule, ...]:
        """Return the rules that hold on a day, with the numbers of that day.

        Raises
        ------
        ConfigError
            A parameter has no value yet.
        """
        return tuple(
            self._rule(place, day)
            for place, each in enumerate(self._entries)
            if (each.valid_from or date.min) <= day <= (each.valid_until or date.max)
        )

    def _rule(self, place: int, day: date) -> Rule:
        each = self._entries[place]
        return Rule(
            id=each.id,
            need=each.need,
            need_words=self._needs.get(each.need) or Words(en=each.need, id=each.need),
            unit=each.unit,
            condition=_filled(each, day),
            desil=_pair(each.desil),
            first_desil=_pair(each.first_desil),
            statuses=tuple(each.statuses),
            priority=each.priority,
            program=each.program,
            program_en=each.program_en,
            institution=tuple(each.institution),
            onward=each.onward,
            legal_basis=each.legal_basis,
            verified=each.verified,
            uses=self._uses[place],
            facts=self._facts[place],
            parameters=tuple(
                (name, str(_value(each, name, day).value)) for name in each.parameters
            ),
        )


def load_rules(*own: Path, default: bool = True) -> RuleSet:
    """Read the default rules and files of one's own, in that order. About 0.1 seconds.

    Parameters
    ----------
    own
        Files that replace, add, change or switch off rules of those before them.
    default
        Whether to begin with the rules that come with the library.

    Raises
    ------
    ConfigError
        A file can't be read or a rule in it is wrong: file, rule and place are named.
    """
    built_in = Path(str(files("pprl.interventions").joinpath("tables", "default.toml")))
    entries: dict[str, list[dict[str, Any]]] = {}
    needs: dict[str, Words] = {}
    source: dict[str, Path] = {}
    for path in ([built_in] if default else []) + list(own):
        file = _read(path)
        needs |= file.needs
        given: dict[str, list[dict[str, Any]]] = {}
        for raw in file.rule:
            given.setdefault(str(raw.get("id", "")), []).append(raw)
        entries |= given
        source |= dict.fromkeys(given, path)
        for place, change in enumerate(file.change, start=1):
            if not isinstance(change.get("id"), str):
                raise ConfigError("intervention.change_without_id", path=str(path), place=place)
        for rule in [str(each["id"]) for each in file.change] + file.off:
            if rule not in entries:
                known = rule if re.match(_ID, rule) else "?"
                raise ConfigError("intervention.unknown_rule", path=str(path), rule=known)
        for change in file.change:
            rule = str(change["id"])
            entries[rule] = [_changed(each, change) for each in entries[rule]]
            source[rule] = path
        for rule in file.off:
            entries.pop(rule, None)
    checked = [
        _entry(source[rule], raw, place)
        for rule, periods in entries.items()
        for place, raw in enumerate(periods, start=1)
    ]
    return RuleSet(checked, needs)


def _read(path: Path) -> _File:
    raw = read_toml(path)
    try:
        return _File.model_validate(raw)
    except ValidationError as error:
        raise _invalid(path, error, "") from None


def _entry(path: Path, raw: dict[str, Any], place: int) -> _Rule:
    try:
        return _Rule.model_validate(raw)
    except ValidationError as error:
        given = str(raw.get("id", ""))
        where = given if re.match(_ID, given) else f"rule[{place}]"
        raise _invalid(path, error, where) from None


def _invalid(path: Path, error: ValidationError, where: str) -> ConfigError:
    found = error.errors(include_url=False, include_input=False)
    # A key that is misspelt is also missing; what stands there is what its writer can find.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    place = ".".join(str(part) for part in (where, *first["loc"]) if str(part))
    place = "".join(letter if letter.isprintable() else "?" for letter in place[:80]) or "?"
    if code := _KEYS.get(first["type"]):
        return ConfigError(code, path=str(path), where=place)
    problem = first["msg"].removeprefix("Value error, ")
    return ConfigError("intervention.invalid", path=str(path), where=place, problem=problem)


def _changed(rule: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    changed = rule | change
    if isinstance(rule.get("parameters"), dict) and isinstance(change.get("parameters"), dict):
        changed["parameters"] = rule["parameters"] | change["parameters"]
    return changed


def _filled(rule: _Rule, day: date) -> str:
    """Return the condition with the numbers of a day."""
    named = set(_PLACE.findall(rule.when))
    for name in sorted(named - rule.parameters.keys()):
        raise ConfigError("intervention.unknown_parameter", rule=rule.id, parameter=name)
    for name in sorted(rule.parameters.keys() - named):
        raise ConfigError("intervention.unused_parameter", rule=rule.id, parameter=name)
    return _PLACE.sub(lambda found: _literal(_value(rule, found[1], day).value), rule.when)


def _value(rule: _Rule, name: str, day: date) -> Value:
    values = [each for each in rule.parameters[name] if (each.since or date.min) <= day]
    if not values:
        raise ConfigError(
            "intervention.parameter_too_late", rule=rule.id, parameter=name, day=day.isoformat()
        )
    return values[-1]


def _literal(value: float | date) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return f"({value!r})" if value < 0 else repr(value)


def _facts(rule: _Rule) -> Iterator[str]:
    for name in rule.facts:
        column = column_of(rule.id, name, rule.unit)
        if not column.fact:
            raise ConfigError("intervention.not_a_fact", rule=rule.id, column=column.name)
        yield column.key


def _refuse_resting_on_match(rule: _Rule, uses: Sequence[str]) -> None:
    """Nothing is assigned on a match that isn't one."""
    if rule.statuses == ["matched"]:
        return
    released = [
        f"{prefix}.{name}"
        for prefix, table in PREFIXES.items()
        for name, column in known_columns()[table].items()
        if column.released
    ]
    resting = ["f.desil"] if rule.desil else [name for name in uses if name in released]
    if resting:
        column = resting[0].partition(".")[2]
        raise ConfigError("intervention.rests_on_match", rule=rule.id, column=column)


def _refuse_overlap(rules: Sequence[_Rule]) -> None:
    periods: dict[str, list[tuple[date, date]]] = {}
    for rule in rules:
        period = (rule.valid_from or date.min, rule.valid_until or date.max)
        periods.setdefault(rule.id, []).append(period)
    for rule_id, given in periods.items():
        for (_, end), (begin, _) in pairwise(sorted(given)):
            if (begin, end) == (date.min, date.max):
                raise ConfigError("intervention.twice", rule=rule_id)
            if begin <= end:
                day = begin if begin > date.min else end
                raise ConfigError("intervention.overlap", rule=rule_id, day=day.isoformat())


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return (values[0], values[1]) if values else None
