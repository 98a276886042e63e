"""The reference page of the rules: the columns, what a condition may hold, the default rules.

``docs/reference/rules.md`` is what :func:`page` returns; a test compares the two. To renew it::

    python -m pprl.interventions.reference > docs/reference/rules.md

>>> page().splitlines()[0]
'# Rules of interventions'
"""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING

from pprl.interventions.columns import PREFIXES, known_columns
from pprl.interventions.condition import FUNCTIONS, LONGEST
from pprl.interventions.rules import STATUSES, load_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pprl.interventions.columns import Column
    from pprl.interventions.rules import Rule

_DAY = date(2026, 1, 1)
"""The default rules have no periods so far; one day shows them all."""
_HEAD = """\
# Rules of interventions

<!-- Made by `python -m pprl.interventions.reference`; a test compares. Change the tables in
pprl/interventions/tables, not this page. -->

A rule says which families, or which of their members, have a need, and which programme and
institution it goes to. A district's own file goes on top of the default rules:

```toml
# district.toml
off = ["R15"]                      # no daycare here

[[change]]                         # training is open up to desil 5
id = "R08"
desil = [1, 5]
first_desil = [1, 4]

[[change]]                         # from July on, three years in PKH are enough
id = "R09"
[change.parameters]
years = [{ value = 5 }, { value = 3, since = 2026-07-01, basis = "SK Bupati" }]

[[rule]]                           # a rule of our own
id = "K01"
need = "pekerjaan"
unit = "member"
when = "working = FALSE AND age BETWEEN {from_age} AND 35 AND priority_village"
desil = [1, 6]
priority = 1
program = "Kartu kerja desa prioritas"
institution = ["Dinas Tenaga Kerja"]
legal_basis = "Perbup"
verified = "no"
valid_from = 2026-01-01
valid_until = 2026-12-31
facts = ["age", "working", "education", "priority_village"]
[rule.parameters]
from_age = { value = 18 }
```

- `[[rule]]` with an id that exists replaces that rule, with all its periods. The same id several
  times is several periods, by `valid_from` and `valid_until` (both days included); they can't
  overlap.
- `[[change]]` gives only what differs; parameters one by one.
- `off` switches rules off.
- `[needs]` names a need in both languages.
- A number in braces is a parameter; with several values, the last `since` that has come counts.

A rule fires where its condition is TRUE (null, which means not known, doesn't fire), the family's
match status is one of `statuses`, and its desil is in range. A rule without `desil` doesn't look at
it. Without `statuses` a rule fires on matched families only. A rule with further statuses can use
neither `desil` nor a column that came with a match, so nothing is assigned on a match that still
waits for review.

## What a condition may hold
"""

_GRAMMAR = """\
One SQL expression (DuckDB) that is true, false or null: columns, numbers, `'text'`,
`DATE '2026-01-31'`, `= <> < <= > >=`, `AND OR NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`,
`IS NOT DISTINCT FROM`, `CASE`, `CAST`, {signs}, `extract`, `INTERVAL`, `coalesce`, and
{functions}.
Nothing else: no subquery, no file, no setting, no clock. {longest:,} characters at most.
"""


def page() -> str:
    """Return the page, Markdown in English, with the Indonesian meaning of each column."""
    plain = sorted(each for each in FUNCTIONS if each[0].isalpha())
    signs = ("+", "-", "*", "/", "//", "%", "||")
    rules = load_rules().in_force(_DAY)
    parts = [
        _HEAD,
        _GRAMMAR.format(
            signs=" ".join(f"`{each}`" for each in signs),
            functions=", ".join(f"`{each}`" for each in plain),
            longest=LONGEST,
        ),
    ]
    for prefix, table in PREFIXES.items():
        about = (
            "A rule of unit `member` may use these, too; where both tables have a name, "
            "write `f.` or `m.`."
            if table == "families"
            else "For rules of unit `member` only."
        )
        parts += [f"## Columns of {table} (`{prefix}.`)\n", f"{about}\n", _columns(table)]
    parts += [
        "## Default rules\n",
        "A desil range in brackets comes first. A rule without statuses is for matched families.\n",
        _table(
            ("id", "need", "unit", "condition", "desil", "programme", "institution",
             "legal basis", "verified"),
            (_rule(each) for each in rules),
        ),
    ]  # fmt: skip
    return "\n".join(parts).rstrip() + "\n"


def _columns(table: str) -> str:
    rows = [
        (f"`{each.name}`", each.type, _use(each), each.meaning["en"], each.meaning["id"])
        for name, columns in known_columns().items()
        if name == table
        for each in columns.values()
    ]
    return _table(("column", "type", "use", "meaning", "arti"), rows)


def _use(column: Column) -> str:
    if column.identity:
        return "none: says who it is"
    uses = ["condition, fact" if column.fact else "condition"]
    uses += ["with a match"] * column.released + ["by the run"] * column.given
    uses += ["from members"] * bool(column.from_members)
    return "; ".join(uses)


def _rule(rule: Rule) -> Sequence[str]:
    desil = "any" if rule.desil is None else "-".join(map(str, rule.desil))
    if rule.first_desil:
        desil += f" ({'-'.join(map(str, rule.first_desil))})"
    if rule.statuses != STATUSES[:1]:
        desil += f"; {', '.join(rule.statuses)}"
    goes = ", ".join(rule.institution) + (f" -> {rule.onward}" if rule.onward else "")
    condition = f"`{' '.join(rule.condition.split())}`"
    return (rule.id, rule.need, rule.unit, condition, desil, rule.program, goes,
            rule.legal_basis, rule.verified)  # fmt: skip


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    escaped = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in escaped) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
