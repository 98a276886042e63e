"""Rule tables and conditions: what is accepted, what is refused and how it is said."""

import re
import tomllib
from datetime import date
from pathlib import Path

import duckdb
import pytest

import pprl
from pprl.errors import ConfigError
from pprl.interventions import reference
from pprl.interventions.columns import known_columns
from pprl.interventions.condition import check, check_all, lock
from pprl.interventions.rules import load_rules
from pprl.normalise.nik import NikStatus

DAY = date(2026, 2, 1)
ROOT = Path(pprl.__file__).parent.parent
RULE = """
[[rule]]
id = "K01"
need = "gizi"
when = "{when}"
priority = 1
program = "P"
institution = ["I"]
legal_basis = "-"
verified = "no"
"""


def own(tmp_path, text):
    path = tmp_path / "district.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load_rules(own(tmp_path, text))
    return caught.value


def by_id(rules, day=DAY):
    return {rule.id: rule for rule in rules.in_force(day)}


def test_the_twenty_default_rules_are_in_force_with_basis_and_verification():
    rules = load_rules().in_force(DAY)
    assert [rule.id for rule in rules] == [f"R{number:02}" for number in range(1, 21)]
    assert all(rule.legal_basis and rule.verified and rule.institution for rule in rules)
    assert by_id(load_rules())["R19"].verified == "desil>=6 removal: yes"
    assert by_id(load_rules())["R18"].statuses == ("none",)
    assert by_id(load_rules())["R20"].statuses == ("review",)
    assert by_id(load_rules())["R17"].statuses == ("matched", "review", "none")
    others = [rule for rule in rules if rule.id not in {"R17", "R18", "R20"}]
    assert {rule.statuses for rule in others} == {("matched",)}


def test_every_reason_for_an_unusable_nik_is_one_of_rule_17():
    usable = {"OK", "OK_CLEANED", "RECOVERED_FLOAT"}
    condition = by_id(load_rules())["R17"].condition
    named = set(re.findall(r"'([a-z_]+)'", condition))
    assert named == {each.name.lower() for each in NikStatus if each.name not in usable} | {
        "repeated"
    }


def test_the_reference_page_is_the_one_in_the_docs():
    page = (ROOT / "docs/reference/rules.md").read_text(encoding="utf-8")
    assert page == reference.page()


def test_the_example_of_the_reference_page_works(tmp_path):
    page = (ROOT / "docs/reference/rules.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    rules = load_rules(own(tmp_path, example))
    now, later = by_id(rules), by_id(rules, date(2026, 7, 1))
    assert "R15" not in now
    assert now["R08"].desil == (1, 5)
    assert now["R08"].condition == by_id(load_rules())["R08"].condition
    assert ("years", "5") in now["R09"].parameters
    assert ("years", "3") in later["R09"].parameters
    assert "pkh_years >= 3" in later["R09"].condition
    assert "BETWEEN 18 AND 35" in now["K01"].condition
    assert "K01" not in by_id(rules, date(2027, 1, 1))
    assert "K01" in by_id(rules, date(2026, 12, 31))


def test_a_rule_of_ones_own_replaces_all_periods_of_the_default_one(tmp_path):
    text = RULE.format(when="pregnant").replace("K01", "R13")
    rules = load_rules(own(tmp_path, text))
    assert by_id(rules)["R13"].condition == "pregnant"
    assert len(rules.in_force(DAY)) == 20


def test_later_files_count_over_earlier_ones(tmp_path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(RULE.format(when="pregnant"))
    second.write_text('off = ["K01"]\n')
    assert "K01" in load_rules(first).ids
    assert "K01" not in load_rules(first, second).ids


def test_periods_of_one_rule_follow_each_other_and_include_their_last_day(tmp_path):
    text = RULE.format(when="pregnant") + "valid_until = 2026-03-31\n"
    text += RULE.format(when="child_0_23") + "valid_from = 2026-04-01\n"
    rules = load_rules(own(tmp_path, text), default=False)
    assert by_id(rules, date(2026, 3, 31))["K01"].condition == "pregnant"
    assert by_id(rules, date(2026, 4, 1))["K01"].condition == "child_0_23"


def test_overlapping_periods_name_the_rule_and_a_day(tmp_path):
    text = RULE.format(when="pregnant") + "valid_until = 2026-04-01\n"
    text += RULE.format(when="child_0_23") + "valid_from = 2026-04-01\n"
    error = refused(tmp_path, text)
    assert error.code == "intervention.overlap"
    assert error.values == {"rule": "K01", "day": "2026-04-01"}


@pytest.mark.parametrize(
    ("when", "code", "said"),
    [
        ("desill <= 4", "unknown_column", "desill"),
        ("m.age > 3", "members_column", "m.age"),
        ("head = 'X'", "identity_column", "head"),
        ("nik_status = 'usable'", "members_column", "nik_status"),
        ("f.desil.x > 1", "unknown_column", "f.desil.x"),
        ("rowid > 1", "unknown_column", "rowid"),
        ("current_date > DATE '2020-01-01'", "unknown_column", "current_date"),
        ("desil <", "syntax", None),
        ("true) OR (true", "syntax", None),
        ("/* true", "syntax", None),
        ("", "not_an_expression", None),
        ("desil < 4, 2", "not_an_expression", None),
        ("desil < 4 AS x", "not_an_expression", None),
        ("desil < 4 FROM families", "not_an_expression", None),
        ("desil < 4; DROP TABLE families", "not_an_expression", None),
        ("desil < 4 UNION SELECT TRUE", "not_an_expression", None),
        ("DISTINCT desil < 4", "not_an_expression", None),
        ("desil < 4 LIMIT 1", "not_an_expression", None),
        ("(SELECT TRUE)", "not_allowed", "a subquery"),
        ("desil IN (SELECT 1)", "not_allowed", "a subquery"),
        ("desil = ANY([1])", "not_allowed", "a subquery"),
        ("read_text('/etc/passwd') = 'x'", "not_allowed", "read_text()"),
        ("getenv('HOME') = 'x'", "not_allowed", "getenv()"),
        ("current_setting('threads') = 'x'", "not_allowed", "current_setting()"),
        ("random() > 0.5", "not_allowed", "random()"),
        ("now() IS NULL", "not_allowed", "now()"),
        ("repeat('a', 1000000000) = 'x'", "not_allowed", "repeat()"),
        ("count(*) > 1", "not_allowed", "count_star()"),
        ("row_number() OVER () > 1", "not_allowed", "a window function"),
        ("main.abs(desil) > 1", "not_allowed", "abs()"),
        ("COLUMNS(*)", "not_allowed", "*"),
        ("? > 1", "not_allowed", "a placeholder ($ or ?)"),
        ("desil::VARCHAR[] IS NULL", "not_allowed", "CAST AS list"),
        ("desil", "not_boolean", None),
        ("desil = 'abc'", "types", None),
        ("CAST('x' AS INTEGER) > 1", "types", None),
        ("NOT " * 900 + "TRUE", "too_nested", None),
        ("TRUE OR " * 600 + "TRUE", "too_long", None),
    ],
)
def test_a_condition_that_is_not_one_plain_expression_is_refused(when, code, said):
    with pytest.raises(ConfigError) as caught:
        check("X1", when, "family")
    assert caught.value.code == f"intervention.{code}"
    assert caught.value.values["rule"] == "X1"
    if said is not None:
        assert said in caught.value.values.values()


@pytest.mark.parametrize(
    ("when", "columns"),
    [
        ("TRUE", ()),
        ("desil <= 4 -- the poor", ("f.desil",)),
        ("DESIL BETWEEN 1 AND 4", ("f.desil",)),
        ("coalesce(m.pip, f.pip) = FALSE", ("f.pip", "m.pip")),
        ("birth_date > run_date - INTERVAL 24 MONTH", ("f.run_date", "m.birth_date")),
        ("CASE WHEN pkh THEN desil > 5 ELSE FALSE END", ("f.desil", "f.pkh")),
        ("village LIKE '640801%' AND age NOT IN (1, 2)", ("f.village", "m.age")),
        ("extract(year FROM birth_date) = 2020", ("m.birth_date",)),
    ],
)
def test_a_plain_condition_gives_the_columns_it_uses(when, columns):
    assert check("X1", when, "member") == columns


def test_a_column_of_both_tables_needs_its_prefix():
    with pytest.raises(ConfigError) as caught:
        check("X1", "pip = FALSE", "member")
    assert caught.value.code == "intervention.ambiguous_column"
    assert check("X1", "pip = FALSE", "family") == ("f.pip",)


def test_a_near_name_is_offered():
    with pytest.raises(ConfigError) as caught:
        check("X1", "latrin_ok", "family")
    assert "latrine_ok" in caught.value.hint


def test_names_out_of_a_rule_file_cannot_write_to_the_terminal():
    with pytest.raises(ConfigError) as caught:
        check("X1", '"\x1b[2Jdesil" > 1', "family")
    assert "\x1b" not in str(caught.value)
    assert "\x1b" not in caught.value.hint


def test_every_documented_column_can_be_used_or_is_refused_for_identity():
    for table, columns in known_columns().items():
        free = [each for each in columns.values() if not each.identity]
        conditions = [("X1", f"{each.key} IS NULL", "member") for each in free]
        assert check_all(conditions) == [(each.key,) for each in free]
        for each in columns.values():
            if each.identity:
                with pytest.raises(ConfigError):
                    check("X1", f"{table[0]}.{each.name} IS NULL", "member")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("priority = 1\npriority = 2", "no_toml"),
        ("desil = [4, 1]", "invalid"),
        ("desil = [0, 4]", "invalid"),
        ("desil = [1, 11]", "invalid"),
        ("desil = [1]", "invalid"),
        ("first_desil = [1, 2]", "invalid"),
        ('statuses = ["found"]', "invalid"),
        ("statuses = []", "invalid"),
        ('facts = ["desil", "desil"]', "invalid"),
        ('facts = ["head"]', "identity_column"),
        ('facts = ["run_date"]', "not_a_fact"),
        ("valid_from = 2026-02-01\nvalid_until = 2026-01-01", "invalid"),
        ("valid_from = 2026-02-01T10:00:00", "invalid"),
        ("prority = 1", "unknown_key"),
        ("parameters.years = { value = 5 }", "unused_parameter"),
        ("parameters.years = { value = inf }", "invalid"),
        ('parameters.years = { value = "5) OR (TRUE" }', "invalid"),
        ('statuses = ["matched", "review"]\ndesil = [1, 4]', "rests_on_match"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_name(tmp_path, change, code):
    error = refused(tmp_path, RULE.format(when="pregnant") + change + "\n")
    assert error.code == f"intervention.{code}"
    if code in ("invalid", "unknown_key"):
        assert error.values["where"].startswith("K01")
    elif code == "no_toml":
        assert error.values["row"] == RULE.count("\n") + 1
    else:
        assert error.values["rule"] == "K01"


def test_what_came_with_a_match_cannot_decide_for_families_in_review(tmp_path):
    text = RULE.format(when="pkh = FALSE") + 'statuses = ["review"]\n'
    error = refused(tmp_path, text)
    assert (error.code, error.values["column"]) == ("intervention.rests_on_match", "pkh")
    text = RULE.format(when="latrine_ok = FALSE") + 'statuses = ["review"]\n'
    assert "K01" in load_rules(own(tmp_path, text)).ids


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('off = ["R99"]', "unknown_rule"),
        ('[[change]]\nid = "R99"\npriority = 2', "unknown_rule"),
        ('[[change]]\nid = "R08"\ndesil = [5, 1]', "invalid"),
        ('[[rules]]\nid = "R08"', "unknown_key"),
        ("[[rule]]\npriority = 1", "missing_key"),
        ("[[change]]\npriority = 1", "change_without_id"),
        ("\x00", "no_toml"),
        ("off = [", "unreadable"),
        (RULE.format(when="pkh_years > {years}"), "unknown_parameter"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, code):
    error = refused(tmp_path, text)
    assert error.code == f"intervention.{code}"


def test_a_date_that_does_not_exist_is_named_by_its_line(tmp_path):
    error = refused(tmp_path, RULE.format(when="pregnant") + "valid_from = 2026-02-30\n")
    assert (error.code, error.values["row"]) == ("intervention.no_toml", 11)


def test_a_misspelt_key_is_named_rather_than_the_one_that_is_missing(tmp_path):
    error = refused(tmp_path, RULE.format(when="pregnant").replace("priority", "prioritas"))
    assert (error.code, error.values["where"]) == ("intervention.unknown_key", "K01.prioritas")
    error = refused(tmp_path, RULE.format(when="pregnant").replace("priority = 1\n", ""))
    assert (error.code, error.values["where"]) == ("intervention.missing_key", "K01.priority")


def test_a_rule_that_is_there_twice_without_dates_is_said(tmp_path):
    error = refused(tmp_path, 2 * RULE.format(when="pregnant"))
    assert (error.code, error.values) == ("intervention.twice", {"rule": "K01"})


def test_a_file_as_notepad_writes_it_is_read(tmp_path):
    path = tmp_path / "notepad.toml"
    text = RULE.format(when="pregnant").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert "K01" in load_rules(path).ids


def test_a_missing_file_and_a_file_that_is_no_text_are_said(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_rules(tmp_path / "none.toml")
    assert caught.value.code == "intervention.missing"
    (tmp_path / "latin.toml").write_bytes(b'off = ["\xe9"]')
    with pytest.raises(ConfigError) as caught:
        load_rules(tmp_path / "latin.toml")
    assert caught.value.code == "intervention.unreadable"


def test_a_parameter_without_a_value_yet_is_said_on_that_day(tmp_path):
    text = RULE.format(when="pkh_years > {years}")
    text += "parameters.years = [{ value = 3, since = 2026-07-01 }]\n"
    rules = load_rules(own(tmp_path, text))
    assert "pkh_years > 3" in by_id(rules, date(2026, 7, 1))["K01"].condition
    with pytest.raises(ConfigError) as caught:
        rules.in_force(DAY)
    assert caught.value.code == "intervention.parameter_too_late"
    assert caught.value.values["parameter"] == "years"


def test_an_empty_file_changes_nothing(tmp_path):
    assert load_rules(own(tmp_path, "")).ids == load_rules().ids


def test_both_languages_describe_every_column():
    text = (ROOT / "pprl/interventions/tables/columns.toml").read_text(encoding="utf-8")
    for table in tomllib.loads(text).values():
        for entry in table.values():
            assert entry["label"].keys() == entry["meaning"].keys() == {"en", "id"}
            for words in entry.get("values", {}).values():
                assert words.keys() == {"en", "id"}


def test_a_locked_database_reads_no_file_and_keeps_its_settings(tmp_path):
    read = "SELECT content FROM read_text(?)"
    path = [str(own(tmp_path, "x"))]
    with duckdb.connect(":memory:") as database:
        assert database.execute(read, path).fetchall() == [("x",)]
        lock(database)
        for query, values in (
            (read, path),
            (f"COPY (SELECT 1) TO '{tmp_path / 'out'}'", []),
            (f"ATTACH '{tmp_path / 'db'}'", []),
            ("SET enable_external_access = true", []),
            ("SET lock_configuration = false", []),
        ):
            with pytest.raises(duckdb.Error):
                database.execute(query, values)
