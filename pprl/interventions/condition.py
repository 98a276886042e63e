"""One condition of a rule: parsed by DuckDB, looked at node by node, and only then run.

A condition comes from a file that somebody sent. It must be one scalar expression that is true,
false or unknown: columns of :mod:`~.columns`, constants, comparisons, ``AND OR NOT``, ``IN``,
``BETWEEN``, ``IS``, ``CASE``, casts to plain types, and the functions in :data:`FUNCTIONS`, which
read nothing but their arguments and give the same for the same. What isn't named here is refused:
subqueries, aggregates, windows, settings, files, the clock, chance.

The text is parsed twice, alone and in the brackets in which it will run; both must give the same
tree, so no comment or bracket can reach what stands around it.

>>> check("R07", "in_school AND coalesce(m.pip, f.pip) = FALSE", "member")
('f.pip', 'm.in_school', 'm.pip')
>>> check("X1", "desil IN (SELECT 1)", "family")
Traceback (most recent call last):
    ...
pprl.errors.ConfigError: rule X1: a subquery isn't allowed in a condition
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import duckdb

from pprl.errors import ConfigError
from pprl.interventions.columns import (
    PREFIXES,
    SQL_TYPES,
    AmbiguousColumnError,
    Column,
    find,
    known_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pprl.interventions.columns import Unit

LONGEST = 4000
"""Characters of a condition."""
FUNCTIONS = frozenset(
    {
        *("+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*"),
        *("abs", "ceil", "floor", "round", "trunc", "greatest", "least", "nullif"),
        *("lower", "upper", "length", "left", "right", "substring", "trim"),
        *("starts_with", "ends_with", "contains"),
        *("date_part", "date_diff", "year", "month", "day"),
        *("to_years", "to_months", "to_days"),
    }
)
"""Functions and operators; ``LIKE`` is ``~~``, ``extract`` is ``date_part``."""

_CLASSES = frozenset(
    {
        *("COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "BETWEEN", "CASE"),
        *("CAST", "TYPE", "FUNCTION", "OPERATOR"),
    }
)
_OPERATORS = frozenset(
    {
        *("OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE"),
        *("COMPARE_IN", "COMPARE_NOT_IN"),
    }
)
_CASTS = frozenset(
    {
        *("BOOLEAN", "BOOL", "INTEGER", "INT", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE"),
        *("DATE", "VARCHAR", "TEXT", "INTERVAL"),
    }
)
_CALLED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "STAR": "*",
    "PARAMETER": "a placeholder ($ or ?)",
    "LAMBDA": "a lambda",
    "COLLATE": "a collation",
}
_PLACE = frozenset({"query_location", "query_location_length"})

Node = dict[str, Any]


def check(rule: str, text: str, unit: Unit) -> tuple[str, ...]:
    """Check one condition and return the columns it uses: see :func:`check_all`."""
    return check_all([(rule, text, unit)])[0]


def check_all(conditions: Iterable[tuple[str, str, Unit]]) -> list[tuple[str, ...]]:
    """Check conditions and return the columns that each of them uses.

    Parameters
    ----------
    conditions
        Id of the rule, for the error; the condition, parameters filled in; what the rule is about
        (a family's rule has no columns of members).

    Returns
    -------
    list of tuple of str
        Sorted, each with its prefix: ``f.desil``.

    Raises
    ------
    ConfigError
        One isn't an allowed expression, uses a column that doesn't exist or that says who somebody
        is, or isn't true or false. The rule and what is wrong are named, never a value.
    """
    given = list(conditions)
    for rule, text, _ in given:
        if len(text) > LONGEST:
            raise ConfigError("intervention.too_long", rule=rule, maximum=LONGEST)
    used = []
    with duckdb.connect(":memory:") as database:
        lock(database)
        _make_tables(database)
        texts = [form for _, text, _ in given for form in (text, wrapped(text))]
        plain, *trees = _parsed(database, ["1", *texts])
        for (rule, text, unit), alone, inside in zip(given, trees[::2], trees[1::2], strict=True):
            tree = _expression(rule, plain, alone)
            if tree != _expression(rule, plain, inside):
                raise ConfigError("intervention.not_an_expression", rule=rule)
            used.append(tuple(sorted({column.key for column in _columns(rule, tree, unit)})))
            _try(database, rule, text, unit)
    return used


def wrapped(text: str) -> str:
    """Return a condition as it stands in a query; a comment at its end stays inside."""
    return f"(\n{text}\n)"


def column_of(rule: str, name: str, unit: Unit) -> Column:
    """Return a column that a rule names.

    Raises
    ------
    ConfigError
        There is no such column, it needs a prefix, or it says who somebody is.
    """
    said = _printable(name)
    try:
        column = find(name, unit)
    except AmbiguousColumnError:
        raise ConfigError("intervention.ambiguous_column", rule=rule, column=said) from None
    except LookupError:
        if unit == "family" and _is_of_members(name):
            raise ConfigError("intervention.members_column", rule=rule, column=said) from None
        near = _nearest(name, unit)
        raise ConfigError(
            "intervention.unknown_column", rule=rule, column=said, near=near
        ) from None
    if column.identity:
        raise ConfigError("intervention.identity_column", rule=rule, column=said)
    return column


def lock(database: duckdb.DuckDBPyConnection) -> None:
    """Shut a database off from files, network and its own settings, for good."""
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def _parsed(database: duckdb.DuckDBPyConnection, texts: Sequence[str]) -> list[str]:
    """Return what DuckDB's parser makes of each text after SELECT, as JSON. It runs nothing."""
    query = "SELECT json_serialize_sql(text) FROM (SELECT unnest(?) AS text)"
    rows = database.execute(query, [[f"SELECT {text}" for text in texts]]).fetchall()
    return [row[0] for row in rows]


def _expression(rule: str, plain: str, parsed: str) -> Node:
    """Return the tree of the only expression; ``plain`` is what SELECT 1 gives."""
    try:
        answer = json.loads(parsed, object_hook=_without_places)
    except RecursionError:
        raise ConfigError("intervention.too_nested", rule=rule) from None
    if answer["error"]:
        if "position" not in answer:  # another kind of statement
            raise ConfigError("intervention.not_an_expression", rule=rule)
        place = max(1, int(answer["position"]) - len("SELECT ") + 1)
        raise ConfigError("intervention.syntax", rule=rule, place=place)
    select, *more = (each["node"] for each in answer["statements"])
    if not more and select["type"] == "SELECT_NODE":
        expressions: list[Node] = select["select_list"]
        # Everything around the expression is what it is for SELECT 1.
        nothing = json.loads(plain, object_hook=_without_places)["statements"][0]["node"]
        same = {**select, "select_list": []} == {**nothing, "select_list": []}
        if same and len(expressions) == 1 and not expressions[0].get("alias"):
            return expressions[0]
    raise ConfigError("intervention.not_an_expression", rule=rule)


def _without_places(node: Node) -> Node:
    return {key: value for key, value in node.items() if key not in _PLACE}


def _columns(rule: str, tree: Node, unit: Unit) -> Iterator[Column]:
    """Refuse what isn't allowed and yield the columns."""
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if "class" in node:
                _allow(rule, node)
                if node["class"] == "COLUMN_REF":
                    yield column_of(rule, ".".join(node["column_names"]), unit)
            stack.extend(node.values())


def _allow(rule: str, node: Node) -> None:
    kind, what = node["class"], ""
    if kind not in _CLASSES:
        what = _CALLED.get(kind, kind.lower())
    elif kind == "OPERATOR" and node["type"] not in _OPERATORS:
        what = str(node["type"]).removeprefix("OPERATOR_").lower()
    elif kind == "FUNCTION":
        name = str(node["function_name"]).lower()
        if name not in FUNCTIONS or node.get("schema") or node.get("catalog"):
            what = f"{name}()"
    elif kind == "CAST":
        name = str(node.get("cast_type", {}).get("id") or node["type_expr"].get("type_name"))
        if name.upper() not in _CASTS:
            what = f"CAST AS {name}"
    if what:
        raise ConfigError("intervention.not_allowed", rule=rule, what=_printable(what))


def _make_tables(database: duckdb.DuckDBPyConnection) -> None:
    """Make the two tables with one row each, of which nothing is known."""
    for table, columns in known_columns().items():
        row = ", ".join(f"NULL::{SQL_TYPES[each.type]} AS {name}" for name, each in columns.items())
        database.execute(f"CREATE TABLE {table} AS SELECT {row}")


def _try(database: duckdb.DuckDBPyConnection, rule: str, text: str, unit: Unit) -> None:
    """Run the condition once, before there are data: types that don't fit show here."""
    source = "families f" + (", members m" if unit == "member" else "")
    query = f"SELECT {wrapped(text)} FROM {source}"  # noqa: S608 - the tree was looked at
    try:
        kind = str(database.execute(query).description[0][1])
    except duckdb.Error:  # its message may hold constants of the condition
        raise ConfigError("intervention.types", rule=rule) from None
    if kind != "BOOLEAN":
        raise ConfigError("intervention.not_boolean", rule=rule)


def _printable(name: str) -> str:
    """Return a name out of a strange file, fit for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])


def _is_of_members(name: str) -> bool:
    prefix, _, rest = name.lower().rpartition(".")
    return prefix in {"", "m"} and rest in known_columns()["members"]


def _nearest(name: str, unit: Unit) -> str:
    names = [
        column
        for prefix, table in PREFIXES.items()
        if prefix == "f" or unit == "member"
        for column, entry in known_columns()[table].items()
        if not entry.identity
    ]
    wanted = name.lower().rpartition(".")[2]
    return ", ".join(difflib.get_close_matches(wanted, names, n=2)) or "-"
