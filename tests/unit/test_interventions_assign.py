"""Rules on families made for them: what fires, what doesn't, and what is refused."""

from datetime import date

import pyarrow as pa
import pytest

from pprl import catalogue
from pprl.errors import ConfigError, InputError
from pprl.interventions.assign import assign
from pprl.interventions.rules import load_rules
from pprl.interventions.villages import read_villages

DAY = date(2026, 2, 1)
RULES = load_rules()
MATCHED = {"match_status": "matched", "desil": 3}
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


def table(rows, **types):
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], types.get(name)) for name in names}
    )


def run(families, members=(), rules=RULES, **options):
    people = table(members) if members else pa.table({"family": ["F"][:0], "member": ["1"][:0]})
    return assign(table(families), people, rules, day=DAY, **{"language": "en"} | options)


def fired(family, *members, rules=RULES, **options):
    """Return (rule, member) of what one family gets."""
    people = [{"family": "F", "member": str(n), **each} for n, each in enumerate(members, 1)]
    done = run([{"family": "F"} | MATCHED | family], people, rules, **options)
    return set(
        zip(*(done.table.column(name).to_pylist() for name in ("rule", "member")), strict=True)
    )


def own(tmp_path, text):
    path = tmp_path / "district.toml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path, default=False)


ADULT = {"age": 30}
PUPIL = {"age": 10, "in_school": True}
PARENTS = [{"relation": "head", "working": True}, {"relation": "spouse", "working": True}]


# Rule; a family and its members, on which it fires, for the last member or for the family; what is
# otherwise with the family, and its other members, on which it doesn't.
CASES = [
    ("R01", {"pkh": False, "child_0_23": True}, [], False, {"pkh": True}, None),
    ("R01", {"pkh": False, "child_0_23": True}, [], False, {"pkh": None}, None),
    ("R01", {"pkh": False, "pregnant": True, "pregnancies": 2}, [], False,
     {"pregnancies": 3}, None),
    ("R01", {"pkh": False}, [{"age": 6}], False, {}, [{"age": 7}]),
    ("R01", {"pkh": False}, [{"age": 21, "in_school": True}], False, {},
     [{"age": 22, "in_school": True}]),
    ("R01", {"pkh": False}, [{"age": 60}], False, {}, [{"age": 59}]),
    ("R01", {"pkh": False}, [{"disabled": True}], False, {}, [{"disabled": False}]),
    ("R02", {"sembako": False, "desil": 5}, [], False, {"desil": 6}, None),
    ("R03", {"desil": 5}, [{"jkn_active": False}], True, {}, [{"jkn_active": None}]),
    ("R04", {"desil": 10}, [{"in_school": False, "education": "none", "age": 7}], True, {},
     [{"in_school": False, "education": "none", "age": 6}]),
    ("R05", {}, [{"in_school": False, "education": "sd", "age": 24}], True, {},
     [{"in_school": False, "education": "sd", "age": 25}]),
    ("R06", {}, [{"in_school": False, "education": "smp", "age": 17}], True, {},
     [{"in_school": True, "education": "smp", "age": 17}]),
    ("R07", {}, [PUPIL | {"pip": False}], True, {}, [PUPIL | {"pip": True}]),
    ("R07", {"pip": False}, [PUPIL], True, {"pip": True}, [PUPIL]),
    ("R08", {}, [ADULT | {"working": False, "in_school": False}], True, {},
     [ADULT | {"working": False, "in_school": True}]),
    ("R08", {}, [{"age": 59, "working": False, "in_school": False}], True, {},
     [{"age": 60, "working": False, "in_school": False}]),
    ("R09", {"pkh": True, "pkh_years": 5}, [ADULT], False, {"pkh_years": 4}, None),
    ("R09", {"pkh": True, "pkh_years": 5}, [ADULT], False, {}, [ADULT | {"disabled": True}]),
    ("R10", {"latrine_ok": False}, [], False, {"latrine_ok": None}, None),
    ("R11", {"water_ok": False}, [], False, {"water_ok": True}, None),
    ("R12", {"pus": True, "too_close": True}, [], False, {"too_close": False}, None),
    ("R12", {"pus": True, "modern_contraception": False}, [], False, {"pus": False}, None),
    ("R13", {"pregnant": True, "desil": 9}, [], False, {"pregnant": False}, None),
    ("R14", {"child_0_23": True, "desil": 4}, [], False, {"desil": 5}, None),
    ("R15", {}, [*PARENTS, {"age": 6}], False, {}, [*PARENTS, {"age": 7}]),
    ("R15", {"child_24_59": True}, PARENTS, False, {}, PARENTS[:1]),
    ("R16", {"house_ok": False, "desil": 4}, [], False, {"desil": 5}, None),
    ("R17", {}, [{"nik_status": "repeated"}], True, {}, [{"nik_status": "usable"}]),
    ("R17", {"match_status": "review"}, [{"nik_status": "missing"}], True, {}, [{}]),
    ("R18", {"match_status": "none"}, [], False, {"match_status": "review"}, None),
    ("R19", {"pkh": True, "desil": 6}, [], False, {"desil": 5}, None),
    ("R19", {"sembako": True, "desil": 10}, [], False, {"sembako": False}, None),
    ("R20", {"match_status": "review"}, [], False, {"match_status": "matched"}, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def of_cases():
    """Rule and member of what each family of the cases gets, all in one run."""
    families, people = [], []
    for at, (_, family, members, _, otherwise, others) in enumerate(CASES):
        against = members if others is None else others
        for name, facts, own_members in (
            (f"{at} for", family, members),
            (f"{at} against", family | otherwise, against),
        ):
            families.append({"family": name} | MATCHED | facts)
            people += [
                {"family": name, "member": str(n), **each} for n, each in enumerate(own_members, 1)
            ]
    got = {each["family"]: set() for each in families}
    for row in run(families, people).table.to_pylist():
        got[row["family"]].add((row["rule"], row["member"]))
    return got


def test_the_cases_try_every_default_rule():
    assert {case[0] for case in CASES} == set(RULES.ids)


@pytest.mark.parametrize("at", range(len(CASES)), ids=[case[0] for case in CASES])
def test_a_default_rule_fires_on_its_family_and_not_on_the_other(at, of_cases):
    rule, _, members, for_member, _, _ = CASES[at]
    assert (rule, str(len(members)) if for_member else None) in of_cases[f"{at} for"]
    assert rule not in {each for each, _ in of_cases[f"{at} against"]}


EVERYTHING = {
    "pkh": True, "pkh_years": 9, "sembako": False, "pbi_jk": False, "pip": False,
    "latrine_ok": False, "water_ok": False, "house_ok": False, "pus": True, "too_young": True,
    "modern_contraception": False, "pregnant": True, "child_0_23": True, "desil": 1,
}  # fmt: skip
NEEDY = {
    "age": 18, "jkn_active": False, "in_school": False, "education": "sd", "working": False,
    "nik_status": "missing", "pip": False,
}  # fmt: skip


def test_a_family_has_an_assignment_for_each_of_its_needs():
    rules = {rule for rule, _ in fired(EVERYTHING, NEEDY)}
    assert rules == {
        *("R02", "R03", "R05", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R16", "R17"),
    }


def test_on_a_match_in_review_nothing_is_assigned_that_rests_on_it():
    assert fired(EVERYTHING | {"match_status": "review"}, NEEDY) == {("R17", "1"), ("R20", None)}


def test_a_family_that_was_not_found_is_proposed_and_its_desil_is_nobodys_business():
    done = run([{"family": "F"} | EVERYTHING | {"match_status": "none"}])
    (row,) = done.table.to_pylist()
    assert (row["rule"], row["desil"]) == ("R18", None)
    assert done.families.column("pkh").to_pylist() == [None]


def test_desil_bounds_are_inside():
    needs = {"match_status": "matched", "pkh": True, "house_ok": False, "latrine_ok": False}
    families = [needs | {"family": str(desil), "desil": desil} for desil in range(1, 11)]
    families.append(needs | {"family": "unknown", "desil": None})
    got = {}
    for row in run(families).table.to_pylist():
        got.setdefault(row["rule"], []).append(row["family"])
    assert sorted(map(int, got["R16"])) == [1, 2, 3, 4]
    assert sorted(map(int, got["R19"])) == [6, 7, 8, 9, 10]
    assert "unknown" not in got["R10"]
    assert len(got["R10"]) == 10


def test_who_comes_first_is_said():
    rows = run(
        [
            {"family": f"F{desil}", "match_status": "matched", "desil": desil, "sembako": False}
            for desil in (4, 5)
        ]
    ).table.to_pylist()
    assert [(row["family"], row["rule"], row["first"]) for row in rows] == [
        ("F4", "R02", True),
        ("F5", "R02", False),
    ]


def test_facts_and_needs_are_in_the_language_asked_for():
    family = {"family": "F", "latrine_ok": False} | MATCHED
    members = [{"family": "F", "member": "1", "nik_status": "bad_date"}]
    said = {}
    for language in ("en", "id"):
        rows = run([family], members, language=language).table.to_pylist()
        said[language] = [(row["rule"], row["need"], row["program"], row["facts"]) for row in rows]
    assert said["en"] == [
        ("R10", "sanitation", "DAK sanitation / healthy latrine", "proper latrine: no"),
        ("R17", "identity documents", "Correct or issue the NIK", "NIK: impossible date"),
    ]
    assert said["id"] == [
        ("R10", "sanitasi", "DAK sanitasi / jamban sehat", "jamban layak: tidak"),
        ("R17", "administrasi kependudukan", "Perbaikan/penerbitan NIK",
         "NIK: tanggal lahir dalam NIK mustahil"),
    ]  # fmt: skip


def test_what_is_not_known_is_no_fact():
    rows = run([{"family": "F", "pkh": False, "child_0_23": True} | MATCHED]).table.to_pylist()
    assert [row["facts"] for row in rows if row["rule"] == "R01"] == [
        "desil: 3; receives PKH: no; child of 0-23 months: yes"
    ]


def test_assignments_are_sorted_and_the_same_whatever_the_order_of_rows():
    families = [
        {"family": f"F{n}", "district": f"64080{n % 3}", "village": f"64080{n % 3}200{n % 2}",
         "match_status": "matched", "desil": n % 10 + 1, "latrine_ok": False, "sembako": False}
        for n in range(40)
    ]  # fmt: skip
    members = [
        {"family": f"F{n}", "member": str(m), "jkn_active": False}
        for n in range(40)
        for m in (2, 1)
    ]
    once = run(families, members).table
    again = run(families[::-1], members[::-1]).table
    assert once.equals(again)
    keys = [
        (row["district"], row["village"], row["family"], row["member"] or "", row["priority"],
         row["rule"])
        for row in once.to_pylist()
    ]  # fmt: skip
    assert keys == sorted(keys)


def test_priority_villages_are_a_column_only_where_there_is_a_list(tmp_path):
    rules = own(tmp_path, RULE.format(when="priority_village"))
    family = {"village": "6408012003"}
    assert fired(family, rules=rules, villages={"6408012003"}) == {("K01", None)}
    assert fired(family, rules=rules, villages={"6408012004"}) == set()
    assert fired(family, rules=rules) == set()
    negated = own(tmp_path, RULE.format(when="NOT priority_village"))
    assert fired(family, rules=negated) == set()
    assert fired(family, rules=negated, villages={"6408012004"}) == {("K01", None)}


def test_a_list_of_villages_is_checked(tmp_path):
    path = tmp_path / "desa.txt"
    path.write_text("\ufeff64.08.01.2003\n\n# around the mine\n6408012004 # two\n", "utf-8")
    assert read_villages(path) == {"6408012003", "6408012004"}
    for text, code, row in (
        ("6408012003\nSangatta\n", "village_code", 2),
        ("640801\n", "village_code", 1),
        ("# nothing\n", "no_villages", None),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_villages(path)
        assert caught.value.code == f"assign.{code}"
        assert caught.value.values.get("row") == row
        assert "Sangatta" not in str(caught.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="can't be read"):
        read_villages(path)
    with pytest.raises(InputError):
        read_villages(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("families", "members", "code", "row"),
    [
        ([{"family": "A", "match_status": "matched", "desil": 11}], [], "desil", 1),
        ([{"family": "A", "match_status": "none", "desil": 0}], [], "desil", 1),
        ([{"family": "A", "match_status": "matched", "desil": "x"}], [], "type", 1),
        ([{"family": "A", "match_status": "matched", "desil": 2.5}], [], "type", 1),
        ([{"family": "A", "match_status": "matched", "pkh": "maybe"}], [], "type", 1),
        ([{"family": "A", "match_status": "found"}], [], "status", 1),
        ([{"family": "A", "match_status": None}], [], "status", 1),
        ([{"family": "A", "match_status": "none"}] * 2, [], "family_repeated", 2),
        ([{"family": " ", "match_status": "none"}], [], "family_missing", 1),
        ([{"family": "A", "match_status": "none"}], [("A", "1"), ("B", "1")], "no_family", 2),
        ([{"family": "A", "match_status": "none"}], [(None, "1")], "no_family", 1),
        ([{"family": "A", "match_status": "none"}], [("A", None)], "member_missing", 1),
        ([{"family": "A", "match_status": "none"}], [("A", "1"), ("A", "1")], "member_repeated", 2),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_and_its_value_is_not(families, members, code, row):
    people = [{"family": family, "member": member} for family, member in members]
    with pytest.raises(InputError) as caught:
        run(families, people)
    assert caught.value.code == f"assign.{code}"
    assert caught.value.values["row"] == row
    assert not {"maybe", "found", "B", "x"} & set(caught.value.values.values())


def test_rows_have_the_numbers_of_their_file_where_it_gives_them():
    rows = [{"family": "A", "match_status": "none", "row": 5},
            {"family": "A", "match_status": "none", "row": 9}]  # fmt: skip
    with pytest.raises(InputError) as caught:
        run(rows)
    assert caught.value.values == {"row": 9, "first": 5}


@pytest.mark.parametrize("column", ["family", "match_status"])
def test_a_table_without_a_required_column_is_refused(column):
    families = table([{"family": "A", "match_status": "none"}]).drop_columns([column])
    members = pa.table({"family": ["A"], "member": ["1"]})
    with pytest.raises(InputError) as caught:
        assign(families, members, RULES, day=DAY)
    assert caught.value.values == {"table": "families", "column": column}


def test_text_that_reads_as_the_type_is_taken():
    done = run([{"family": "A", "match_status": "matched", "desil": "6", "pkh": "true"}])
    assert done.table.column("rule").to_pylist() == ["R19"]


def test_a_condition_that_fails_on_data_names_its_rule_and_no_value(tmp_path):
    rules = own(tmp_path, RULE.format(when="CAST(village_name AS INTEGER) > 3"))
    with pytest.raises(ConfigError) as caught:
        run([{"family": "F", "village_name": "SECRET"} | MATCHED], rules=rules)
    assert caught.value.code == "intervention.fails"
    assert caught.value.values == {"rule": "K01"}
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_rule_for_almost_everybody_is_warned_of(tmp_path):
    rules = own(tmp_path, RULE.format(when="desil >= 1"))

    def warned(n_others):
        others = [{"family": f"N{n}", "match_status": "none"} for n in range(n_others)]
        families = [{"family": f"F{n}"} | MATCHED for n in range(95)]
        return [
            (each.code, dict(each.values)) for each in run(families + others, rules=rules).warnings
        ]

    assert warned(5) == [("assign.almost_all_matched", {"rule": "K01", "percent": 100})]
    assert warned(4) == [("assign.almost_all", {"rule": "K01", "percent": 95})]


def test_of_few_matched_families_a_rule_may_be_about_all(tmp_path):
    rules = own(tmp_path, RULE.format(when="desil >= 1"))
    families = [{"family": f"F{n}"} | MATCHED for n in range(5)]
    others = [{"family": f"N{n}", "match_status": "none"} for n in range(5)]
    assert run(families + others, rules=rules).warnings == ()


def test_a_rule_that_cannot_fire_for_want_of_a_column_is_warned_of():
    notes = {each.values["rule"]: each for each in run([{"family": "F"} | MATCHED]).warnings}
    assert notes["R09"].values["columns"] == "able_adults_17_59, pkh, pkh_years"
    for language in catalogue.LANGUAGES:
        assert "R09" in catalogue.text(notes["R09"].code, notes["R09"].values, language)
    assert notes["R07"].values["columns"].split(", ").count("pip") == 1  # of families and members
    done = run([{"family": "F", "pkh": False, "sembako": False} | MATCHED])
    assert "R19" not in {each.values["rule"] for each in done.warnings}


def test_no_families_give_no_assignments_and_no_warnings():
    families = pa.table(
        {"family": pa.array([], pa.string()), "match_status": pa.array([], pa.string())}
    )
    members = pa.table({"family": pa.array([], pa.string()), "member": pa.array([], pa.string())})
    done = assign(families, members, RULES, day=DAY)
    assert (len(done.table), done.warnings) == (0, ())


def test_only_rules_in_force_on_the_day_fire(tmp_path):
    rules = own(tmp_path, RULE.format(when="TRUE") + "valid_from = 2026-02-02\n")
    assert fired({}, rules=rules) == set()


def test_columns_counted_from_members_are_unknown_without_members():
    done = run([{"family": "F"} | MATCHED])
    row = done.families.to_pylist()[0]
    assert (row["children_0_6"], row["oldest_age"], row["head_working"]) == (None, None, None)
    done = run([{"family": "F"} | MATCHED], [{"family": "F", "member": "1", "age": 3}])
    row = done.families.to_pylist()[0]
    assert (row["children_0_6"], row["oldest_age"], row["pupils_6_21"]) == (1, 3, None)
