"""The reference page of the register profiles: columns, what may leave, and where it leads.

``docs/reference/registers.md`` is what :func:`page` returns; a test compares the two. To renew it::

    python -m pprl.registers.reference > docs/reference/registers.md

>>> page().splitlines()[0]
'# Registers'
"""

from __future__ import annotations

import sys
from datetime import date
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from pprl.interventions.rules import load_rules
from pprl.registers.profile import load_profile, names
from pprl.registers.words import UNCLEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pprl.registers.profile import Fact, Profile

_DAY = date(2026, 1, 1)
"""The default rules have no periods so far; one day shows them all."""
_HEAD = """\
# Registers

<!-- Made by `python -m pprl.registers.reference`; a test compares. Change the profiles in
pprl/registers/tables, not this page. -->

A register profile says what the columns of a register are called, which of them say who somebody
is, what the others say, and which of these may be released in a run:

    pprl check FILE --register krs
    pprl encode FILE --run FOLDER --register krs
    pprl assign FILE --run FOLDER --out FOLDER --register krs

Case, blanks, dots, underscores and text in parentheses don't matter in headers: `Jamban Layak`,
`jamban_layak` and `JAMBAN LAYAK (Ya/Tidak)` are the same. A column that isn't recognised is named
with `--map fact=COLUMN`. For another register, or headers and codes of your own, copy a profile:
[how to add a register](../how-to/register-baru.md).

Columns with names, NIK, birth date, sex, family card, address and telephone number are recognised
alike in every register (`pprl/io/tables/columns.toml`). They identify, and no profile can release
them.

How to read the tables:

- **fact** is the name that rules, agreements and `--map` use; what it says is in the
  [reference of the rules](rules.md).
- **of** is whose fact it is. In a register with a row for each member, `family, any` makes it true
  of the family where it is true of one member.
- **rules** are those whose condition uses it: R of the default table, E of the example table
  (`pprl/interventions/tables/examples.toml`). A register is **enough for** a rule when it has all
  that the condition looks at; it **adds to** a rule when the rest comes from another register, or
  when the condition has several ways to be true. Desil comes with the match, and R17 (NIK), R18
  (not found) and R20 (review) are for every register of families.
- **seen** says whether the headers, or the codes, were found in a public source. Where it says *no*
  they are from memory or an office's usual wording: look at your own file first (`pprl check`).
- **codes**: `column: yes = ..` are codes of that column alone. *unclear* codes have meant different
  things in different editions; they stay unknown, are counted, and nothing is guessed.
"""


def page() -> str:
    """Return the page, Markdown in English, with the Indonesian titles and meanings."""
    profiles = [load_profile(name) for name in names()]
    uses = _uses()
    rows = (
        (f"[`{each.name}`](#{each.name})", each.title.en, each.title.id, each.unit, *_leads(each))
        for each in profiles
    )
    uses = _uses()
    parts = [
        _HEAD,
        _table(("register", "title", "nama", "unit", "enough for rules", "adds to rules"), rows),
        *(part for each in profiles for part in _of(each, uses)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _of(profile: Profile, uses: Mapping[str, Sequence[str]]) -> Iterable[str]:
    yield f'<a id="{profile.name}"></a>\n\n## {profile.title.en}\n'
    identifying = ", ".join(f"`{each}`" for each in profile.identifying)
    members = ", ".join(profile.members)
    lines = [f"`--register {profile.name}`, a row for each {_unit(profile)}."]
    if members:
        lines.append(f"Or a row for each family, with these members in columns: {members}.")
    lines.append(f"Who it is, never released: {identifying}.")
    if profile.presence:
        lines.append(_presence(profile, uses))
    said = {
        name: listed
        for name in ("true", "false", "blank")
        if (listed := getattr(profile.words, name))
    }
    if said:
        lines.append(f"Its own words: {_codes(said)}.")
    yield " ".join(lines) + "\n"
    yield "Seen in:\n"
    yield "\n".join(f"- {each}" for each in profile.sources) + "\n"
    titles = ("fact", "headers", "of", "values", "rules", "seen")
    facts = profile.facts.items()
    yield _table(titles, (_fact(profile, name, fact, uses) for name, fact in facts))
    yield "May be released, to whom the agreement names:\n"
    rows = (
        (f"`{name}`", str(each.bytes), each.meaning.en, each.meaning.id)
        for name, each in profile.release.items()
    )
    yield _table(("attribute", "bytes", "meaning", "arti"), rows)


def _unit(profile: Profile) -> str:
    return "person" if profile.unit == "person" else "member of a family"


def _presence(profile: Profile, uses: Mapping[str, Sequence[str]]) -> str:
    presence = profile.presence
    assert presence is not None  # noqa: S101 - asked before
    text = f"Whoever stands in it has `{presence.column}`"
    if presence.ages:
        first, last = presence.ages
        text += f"; who doesn't, at {first} to {last} years, hasn't"
    if presence.complete:
        text += "; who doesn't hasn't"
    if presence.together:
        text += f" (list everybody together: {', '.join(presence.together)})"
    rules = uses.get(presence.column, ())
    return f"{text} (rules {', '.join(rules)})." if rules else f"{text}."


def _fact(
    profile: Profile, name: str, fact: Fact, uses: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    headers = ", ".join(fact.headers)
    if fact.opposite:
        headers += f"; yes means no: {', '.join(fact.opposite)}"
    level = {"both": "family and member"}.get(str(fact.level), str(fact.level))
    return (
        f"`{name}`",
        headers,
        f"{level}, any" if fact.any_member else level,
        _values(fact),
        ", ".join(uses.get(name, ())) or "-",
        "no" if name in profile.unverified else "yes",
    )


def _values(fact: Fact) -> str:
    said = {"boolean": "yes, no"}.get(str(fact.type), str(fact.type))
    if fact.range:
        said += f" {fact.range[0]} to {fact.range[1]}"
    by_codes: dict[str, list[str]] = {}
    for header, meanings in fact.coded.items():
        by_codes.setdefault(_codes(meanings), []).append(header)
    own = {word: listed for word, words in fact.words.items() if (listed := _short(words))}
    parts = [f"also {_codes(own)}"] if own else []
    parts += [f"{', '.join(headers)}: {codes}" for codes, headers in by_codes.items()]
    return "; ".join([said, *parts])


def _short(words: Sequence[str]) -> list[str]:
    """Return the codes among words: what a reader couldn't guess."""
    return [word for word in words if len(word) <= 2]  # noqa: PLR2004 - 1, 23, x


def _codes(meanings: Mapping[str, Sequence[str]]) -> str:
    called = {"true": "yes", "false": "no", "blank": "empty", UNCLEAR: "*unclear*"}
    return ", ".join(
        f"{called.get(name, name)} = {' '.join(words)}" for name, words in meanings.items()
    )


def _leads(profile: Profile) -> tuple[str, str]:
    """Return the rules for which a register is enough, and those to which it adds."""
    presence = [profile.presence.column] if profile.presence else []
    there = {*profile.facts, *presence}
    enough, adds = [], []
    for rule, needs in _needs().items():
        if needs and needs <= there:
            enough.append(rule)
        elif needs & there:
            adds.append(rule)
    return ", ".join(enough) or "-", ", ".join(adds) or "-"


def _uses() -> dict[str, list[str]]:
    """Return column -> rules whose condition needs it."""
    found: dict[str, list[str]] = {}
    for rule, columns in _needs(desil=True).items():
        for column in columns:
            found.setdefault(column, []).append(rule)
    return found


def _needs(*, desil: bool = False) -> dict[str, set[str]]:
    """Return rule -> facts of registers that its condition looks at, itself or computed."""
    examples = files("pprl.interventions").joinpath("tables", "examples.toml")
    with as_file(examples) as path:
        rules = load_rules(path).in_force(_DAY)
    found = {}
    for rule in rules:
        columns = {each.rpartition(".")[2] for each in rule.uses}
        columns |= {"desil"} if desil and rule.desil and rule.desil != (1, 10) else set()
        found[rule.id] = {source for each in columns for source in _COMPUTED.get(each, (each,))}
    return dict(sorted(found.items(), key=lambda each: (each[0].startswith("E"), each[0])))


_COMPUTED: Mapping[str, tuple[str, ...]] = {
    "age": (),
    "children_0_6": (),
    "youngest_age": (),
    "oldest_age": (),
    "able_adults_17_59": (),
    "elderly_members": (),
    "pupils_6_21": ("in_school",),
    "disabled_members": ("disabled",),
    "head_working": ("working",),
    "spouse_working": ("working",),
}
"""Columns that come from members, and what of theirs they need beside the birth date."""


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    escaped = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in escaped) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
