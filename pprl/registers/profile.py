"""Register profiles: what a register's columns are called and mean, as data.

``pprl/registers/tables`` has one TOML for each register that is known; the head of ``krs.toml``
explains the keys. A district adds a register of its own by copying one and naming the copy:
``--register our_register.toml``. A profile is checked when it is read, and an error names the file
and the key. It holds no data of anybody.

>>> krs, dtsen = load_profile("krs"), load_profile("dtsen")
>>> krs.unit, krs.facts["latrine_ok"].level, dtsen.release["desil"].bytes
('family', 'family', 2)
"""

from __future__ import annotations

import difflib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pprl.errors import ConfigError
from pprl.interventions.columns import known_columns
from pprl.io.columns import header_key, roles
from pprl.registers.words import EDUCATION, RELATIONS, UNCLEAR, Words, word_key
from pprl.schema.problems import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Level = Literal["family", "member", "both"]
Type = Literal["boolean", "integer", "number", "text"]
IDENTITY = ("nik", "name", "birth_date", "sex")
"""What every member of a family in columns may have."""
SLOT = r"^[a-z][a-z_]{0,20}$"

_SETTLED = frozenset(
    {"family", "member", "name", "nik", "nik_status", "age", "birth_date", "sex", "kk_number"}
    | {"head", "district", "district_name", "village", "village_name"}
    | {"match_status", "match_evidence", "match_precision", "match_number", "case_number"}
)
"""Columns of the two tables that come from roles, or from a run."""
_CHOICES = {"relation": RELATIONS, "education": EDUCATION}
_MEMBERS = 40

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Header = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
Headers = list[Header]
Source = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Data(BaseModel):
    """A table of a TOML file: nothing unknown in it, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Both(Data):
    """One thing in both languages."""

    en: Header
    id: Header


class Fact(Data):
    """A column that says something of a family or member.

    Attributes
    ----------
    headers
        What it is called; better ones first.
    opposite
        Headers whose yes means no.
    level
        Whose fact it is; needed where both tables have it, or none.
    any_member
        In a file with a row for each member, a family has it when one of its members does.
    type
        Needed for a fact that rules don't know.
    range
        Smallest and largest number.
    words
        Further words for the values: ``true`` and ``false``, or names of relations and schools.
    coded
        Header -> words of that column alone, where it has codes of its own. ``unclear`` are codes
        that have meant different things over the years: they stay unknown.
    """

    headers: Annotated[Headers, Field(min_length=1)]
    opposite: Headers = []
    level: Level | None = None
    any_member: bool = False
    type: Type | None = None
    range: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    words: dict[Name, list[str]] = {}
    coded: dict[Header, dict[Name, list[str]]] = {}

    def coded_in(self, column: str | None) -> dict[str, str]:
        """Return the words of one column alone, as :func:`word_key` has them -> meaning."""
        key = header_key(column) if column else ""
        return {
            word_key(word): meaning
            for header, meanings in self.coded.items()
            if header_key(header) == key
            for meaning, listed in meanings.items()
            for word in listed
        }

    def of(self, level: Literal["family", "member"]) -> bool:
        """Say whether it is a fact of families, or of members."""
        return self.level in (level, "both")


class Release(Data):
    """An attribute that may leave, and what it says.

    Attributes
    ----------
    bytes
        Longest value: the width to agree on.
    """

    bytes: Annotated[int, Field(ge=1, le=64)]
    meaning: Both


class Slot(Data):
    """A member of the family who has columns of its own, or several alike (``{n}``).

    Attributes
    ----------
    called
        What the member is called in headers; these go before or after a field's own words.
    number
        Of the first such member, for the ids: head 1, spouse 2, children from 3.
    repeat
        How many there can be.
    headers
        Field -> headers that aren't made that way.
    sex
        What it is where no column says so.
    sex_unless
        Words in a header of this member that leave it open.
    """

    called: Annotated[Headers, Field(min_length=1)]
    relation: Literal["head", "spouse", "child", "parent", "other"]
    number: Annotated[int, Field(ge=1, le=99)]
    repeat: Annotated[int, Field(ge=1, le=_MEMBERS)] = 1
    headers: dict[Name, Headers] = {}
    sex: Literal["L", "P"] | None = None
    sex_unless: Headers = []

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        patterns = [*self.called, *(each for those in self.headers.values() for each in those)]
        if any(("{n}" in each) != (self.repeat > 1) for each in patterns):
            message = "{n} stands in every header of members that repeat, and in no other"
            raise ValueError(message)
        return self


class Presence(Data):
    """What standing in the register says of a person.

    Attributes
    ----------
    column
        True of whoever stands in it.
    ages
        Ages at which not standing in it says no.
    complete
        Not standing in it says no at every age.
    together
        Registers that only together list everybody: not standing in one of them alone is a hint.
    """

    column: Name
    ages: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    complete: bool = False
    together: list[Name] = []


class Profile(Data):
    """One kind of register. The keys are explained in ``tables/krs.toml``."""

    name: str
    title: Both
    unit: Literal["family", "person"]
    identifying: Annotated[list[str], Field(min_length=1)]
    separator: Annotated[str, Field(max_length=3, pattern=r"^[-./_:]*$")] = "-"
    roles: dict[str, Headers] = {}
    facts: dict[Name, Fact] = {}
    release: dict[Name, Release] = {}
    members: dict[Annotated[str, Field(pattern=SLOT)], Slot] = {}
    presence: Presence | None = None
    words: Words = Words()
    sources: list[Source] = []
    unverified: list[Name] = []

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        for role in (*self.identifying, *self.roles):
            if role not in roles():
                yield f"{role} is no role; the roles are {', '.join(roles())}"
        yield from self._problems_of_facts()
        for name in self.release:
            if name not in self.facts:
                yield f"release.{name} isn't among the facts"
        for name in self.unverified:
            if name not in self.facts:
                yield f"unverified: {name} isn't among the facts"
        yield from self._problems_of_members()
        yield from self._problems_of_presence()

    def _problems_of_presence(self) -> Iterator[str]:
        said, tables = self.presence, known_columns()
        if said and said.column not in tables["members"]:
            if said.column not in tables["families"]:
                yield f"presence.column: there is no column {said.column}"
            elif said.ages:
                yield "presence.ages is for facts of members"
        if said and said.ages and said.complete:
            yield "presence has either ages or complete"

    def _problems_of_facts(self) -> Iterator[str]:
        headers: dict[str, str] = {}
        for name, fact in self.facts.items():
            yield from _problems_of(name, fact)
            for header in (*fact.headers, *fact.opposite):
                if headers.setdefault(header_key(header), name) != name:
                    yield f"facts.{name} and facts.{headers[header_key(header)]} share a header"

    def _problems_of_members(self) -> Iterator[str]:
        if self.members and "relation" not in self.facts:
            yield "facts.relation is needed where members stand in columns"
        taken: set[int] = set()
        for name, slot in self.members.items():
            numbers = range(slot.number, slot.number + slot.repeat)
            if taken & set(numbers) or numbers[-1] > 99:  # noqa: PLR2004 - two digits
                yield f"members.{name}: each member has a number of its own, 1 to 99"
            taken |= set(numbers)
            for field in slot.headers:
                if field not in IDENTITY and field not in self.member_facts:
                    yield f"members.{name}.headers: {field} is no fact of members"

    @property
    def family_facts(self) -> Mapping[str, Fact]:
        """Facts of families."""
        return {name: fact for name, fact in self.facts.items() if fact.of("family")}

    @property
    def member_facts(self) -> Mapping[str, Fact]:
        """Facts of members."""
        return {name: fact for name, fact in self.facts.items() if fact.of("member")}

    @property
    def known_words(self) -> Words:
        """The words that all registers share, with this register's own on top."""
        return Words.shared().with_(self.words)


def names() -> tuple[str, ...]:
    """Return the names of the profiles that come with the library."""
    folder = files("pprl.registers").joinpath("tables")
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir()))


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile: one that comes with the library, by name, or a file.

    Raises
    ------
    ConfigError
        There is none of that name; the file can't be read, or is wrong: the key is named.
    """
    given = str(name_or_path)
    if given in names():
        built_in = files("pprl.registers").joinpath("tables", f"{given}.toml")
        return _parsed(built_in.read_text("utf-8"), given, f"{given}.toml")
    path = Path(name_or_path)
    if path.suffix.lower() != ".toml" and not path.is_file():
        raise ConfigError("register.unknown", name=given, known=", ".join(names()))
    return _parsed(read_text(path), path.stem, str(path))


def read_text(path: Path) -> str:
    """Return the text of a TOML file.

    Raises
    ------
    ConfigError
        It is missing or can't be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("register.missing", path=str(path)) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError("register.unreadable", path=str(path)) from None


def parse(text: str, path: str) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises
    ------
    ConfigError
        It isn't TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise ConfigError("register.unreadable", path=path) from None


def refusal(path: str, error: ValidationError, keys: type[BaseModel]) -> ConfigError:
    """Return the error to raise for the first problem found in a file."""
    first = error.errors(include_url=False, include_input=False)[0]
    problem = first["msg"].removeprefix("Value error, ")
    where = place(first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), _all_keys(keys), n=1)
        problem = "nothing is called that here" + (f"; did you mean {near[0]}?" if near else "")
    shown = "".join(each if each.isprintable() else "?" for each in where[:80])
    return ConfigError("register.invalid", path=path, where=shown, problem=problem)


def _parsed(text: str, name: str, path: str) -> Profile:
    given = parse(text, path)
    facts = given.get("facts")
    if isinstance(facts, dict):
        given["facts"] = {key: _completed(key, fact) for key, fact in facts.items()}
    try:
        return Profile.model_validate({**given, "name": name})
    except ValidationError as error:
        raise refusal(path, error, Profile) from None


def _completed(name: str, fact: object) -> object:
    """Fill in the level and type of a fact that rules know."""
    if not isinstance(fact, dict):
        return fact
    of_families = known_columns()["families"].get(name)
    of_members = known_columns()["members"].get(name)
    column = of_families or of_members
    filled = dict(fact)
    if (of_families is None) != (of_members is None):
        filled.setdefault("level", "member" if of_families is None else "family")
    if column is not None and column.type in ("boolean", "integer", "number", "text"):
        filled.setdefault("type", column.type)
    return filled


def _problems_of(name: str, fact: Fact) -> Iterator[str]:
    yes_or_no = fact.type == "boolean"
    if name in _SETTLED or name in roles():
        yield f"facts.{name} comes from a role or a run; give its headers under roles"
    for table in known_columns().values():
        if name in table and not table[name].loaded:
            yield f"facts.{name} is computed by the run"
        elif name in table and fact.type not in (None, table[name].type):
            yield f"facts.{name}.type is {table[name].type}"
    values = _CHOICES.get(name, ("true", "false") if yes_or_no else ())
    wrong = [value for value in fact.words if value not in values]
    known = {*fact.headers, *fact.opposite}
    astray = [header for header in fact.coded if header not in known]
    meant = [value for meanings in fact.coded.values() for value in meanings]
    astray += [value for value in meant if value not in (*values, UNCLEAR)]
    problems = {
        f"facts.{name} needs type and level": not (fact.type and fact.level),
        f"facts.{name}.range is for numbers, the smaller one first": fact.range
        and (fact.type not in ("integer", "number") or fact.range[0] > fact.range[1]),
        f"facts.{name}.opposite is for yes and no": fact.opposite and not yes_or_no,
        f"facts.{name}.any_member is for a yes or no of families": fact.any_member
        and not (yes_or_no and fact.of("family")),
        f"facts.{name}.words: {', '.join(wrong)} isn't one of {', '.join(values) or 'any'}": wrong,
        f"facts.{name}.coded: {', '.join(astray)} isn't a header or meaning of it": astray,
    }
    yield from (problem for problem, there in problems.items() if there)


def _all_keys(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    parts = (schema, *schema.get("$defs", {}).values())
    return sorted({key for part in parts for key in part.get("properties", {})})
