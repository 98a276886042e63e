"""The review loop and the comparison with an earlier run."""

import csv
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pprl.errors import ConfigError, InputError
from pprl.interventions import review
from pprl.interventions.assign import assign
from pprl.interventions.previous import compare, read_previous, write_state
from pprl.interventions.review import (
    apply_decisions,
    case_numbers,
    number_cases,
    read_decisions,
    write_decisions,
)
from pprl.interventions.rules import load_rules

RULES = load_rules()
EMPTY = pa.table({"family": pa.array([], pa.string()), "member": pa.array([], pa.string())})


def families(*rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def in_review():
    return number_cases(
        families(
            {"family": "A", "match_status": "review", "match_number": "aa" * 16, "desil": 2,
             "match_precision": 0.6, "latrine_ok": False, "pkh": False},
            {"family": "B", "match_status": "review", "match_number": "bb" * 16, "desil": 8,
             "match_precision": 0.5, "latrine_ok": False, "pkh": True},
            {"family": "C", "match_status": "matched", "match_number": "cc" * 16, "desil": 3,
             "match_precision": 0.99, "latrine_ok": True, "pkh": True},
            {"family": "D", "match_status": "review", "match_number": "dd" * 16, "desil": 1,
             "match_precision": 0.4, "latrine_ok": False, "pkh": False},
        )
    )  # fmt: skip


def decisions(tmp_path, text, name="decisions.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_case_numbers_are_the_same_for_both_owners_and_twelve_digits():
    numbers = [f"{n:032x}" for n in range(2000)]
    cases = case_numbers(numbers)
    assert cases == list(reversed(case_numbers(numbers[::-1])))
    assert len(set(cases)) == 2000
    assert all(len(case) == 14 and case.replace("-", "").isdigit() for case in cases)


def test_cases_that_would_share_a_number_have_longer_ones_each_their_own(monkeypatch):
    monkeypatch.setattr(review, "_DIGITS", 3)
    numbers = [f"{n:032x}" for n in range(60)]
    cases = case_numbers(numbers)
    assert len(set(cases)) == 60
    assert {len(case) for case in cases} == {4, 19}


def test_one_wrong_digit_is_noticed_wherever_it_is(tmp_path):
    (case,) = case_numbers(["ab" * 16])
    digits = case.replace("-", "")
    wrong = {
        digits[:at] + other + digits[at + 1 :]
        for at in range(12)
        for other in "0123456789"
        if other != digits[at]
    }
    assert len(wrong) == 108
    assert not [each for each in wrong if review.check_digit(each[:-1]) == each[-1]]
    for each in sorted(wrong)[::5]:
        with pytest.raises(InputError) as caught:
            read_decisions(decisions(tmp_path, f"case,decision\n{each},yes\n"))
        assert caught.value.code == "decision.mistyped"
        assert each not in str(caught.value)


def test_only_families_in_review_have_a_case_number():
    assert [case is not None for case in in_review().column("case_number").to_pylist()] == [
        *(True, True, False, True),
    ]


def test_a_register_without_matches_has_no_cases(tmp_path):
    table = families({"family": "A", "match_status": "none"})
    assert number_cases(table).column("case_number").to_pylist() == [None]
    assert apply_decisions(table, (), path=tmp_path).undecided == 0


def test_decisions_are_applied_and_counted(tmp_path):
    table = in_review()
    cases = table.column("case_number").to_pylist()
    text = f"kasus;keputusan;catatan\n{cases[0]};Ya;sama orangnya\n"
    text += f"{cases[1].replace('-', ' ')};TIDAK;\n{cases[3]};;\n"
    path = decisions(tmp_path, text)
    given = read_decisions(path)
    assert [(each.accepted, each.note, each.row) for each in given] == [
        (True, "sama orangnya", 2),
        (False, "", 3),
    ]
    done = apply_decisions(table, given, path=path)
    assert (done.accepted, done.refused, done.undecided) == (1, 1, 1)
    rows = done.families.to_pylist()
    assert [row["match_status"] for row in rows] == ["matched", "none", "matched", "review"]
    assert [row["match_evidence"] for row in rows] == ["people", "people", None, None]
    assert [row["match_precision"] for row in rows] == [None, None, 0.99, 0.4]


def test_what_people_decided_is_what_rules_see(tmp_path):
    table = in_review()
    cases = table.column("case_number").to_pylist()
    path = decisions(tmp_path, f"case,decision\n{cases[0]},y\n{cases[1]},n\n")
    done = apply_decisions(table, read_decisions(path), path=path)
    rows = assign(
        done.families, EMPTY, RULES, day=date(2026, 2, 1), language="en"
    ).table.to_pylist()
    got = {(row["family"], row["rule"]) for row in rows}
    assert got == {("A", "R10"), ("B", "R18"), ("D", "R20")}


def test_decisions_survive_being_written(tmp_path):
    cases = case_numbers(["aa" * 16, "bb" * 16])
    path = decisions(tmp_path, f"case,decision,note\n{cases[1]},no,'lain'\n{cases[0]},yes,\n")
    given = read_decisions(path)
    write_decisions(tmp_path / "again.csv", given)
    again = read_decisions(tmp_path / "again.csv")
    assert {(d.case, d.accepted, d.note) for d in again} == {
        (d.case, d.accepted, d.note) for d in given
    }


@pytest.mark.parametrize(
    ("text", "code", "row"),
    [
        ("case,decision\n{a},yes\n{b},no\n{a},yes\n", "twice", 4),
        ("case,decision\n{a},yes\n{a},no\n", "twice", 3),
        ("case,decision\n{a},perhaps\n", "neither", 2),
        ("case,decision\n,yes\n", "no_case", 2),
        ("case,decision\nSITI,yes\n", "mistyped", 2),
        ("case,note\n{a},x\n", "no_column", None),
        ("number,decision\n{a},yes\n", "no_column", None),
    ],
)
def test_a_wrong_decision_is_named_by_its_row(tmp_path, text, code, row):
    a, b = case_numbers(["aa" * 16, "bb" * 16])
    with pytest.raises(InputError) as caught:
        read_decisions(decisions(tmp_path, text.format(a=a, b=b)))
    assert caught.value.code == f"decision.{code}"
    assert caught.value.values.get("row") == row
    assert not {"SITI", "perhaps", a} & set(caught.value.values.values())


def test_a_case_of_another_run_is_refused(tmp_path):
    table = in_review()
    (other,) = case_numbers(["ee" * 16])
    path = decisions(tmp_path, f"case,decision\n{other},yes\n")
    with pytest.raises(InputError) as caught:
        apply_decisions(table, read_decisions(path), path=path)
    assert (caught.value.code, caught.value.values["row"]) == ("decision.unknown_case", 2)


def test_a_case_of_a_family_that_is_matched_is_no_case(tmp_path):
    table = in_review()
    (matched,) = case_numbers(["cc" * 16])
    path = decisions(tmp_path, f"case,decision\n{matched},no\n")
    with pytest.raises(InputError):
        apply_decisions(table, read_decisions(path), path=path)


def run(day, *rows):
    rows = [{"match_status": "matched"} | row for row in rows]
    return assign(families(*rows), EMPTY, RULES, day=day, language="en")


FIRST, SECOND = date(2026, 1, 1), date(2026, 4, 1)


def two_runs(tmp_path):
    then = run(
        FIRST,
        {"family": "kept", "desil": 3, "latrine_ok": False, "water_ok": False, "pkh": True},
        {"family": "gone", "desil": 2, "latrine_ok": False, "pkh": False},
        {"family": "poorer", "desil": 5, "pkh": True},
        {"family": "better", "desil": 5, "pkh": None, "sembako": None},
        {"family": "rich", "desil": 6, "pkh": False, "sembako": False},
    )
    write_state(tmp_path, then)
    now = run(
        SECOND,
        {"family": "new", "desil": 1, "latrine_ok": False, "pkh": True, "sembako": True},
        {"family": "kept", "desil": 6, "latrine_ok": False, "water_ok": True, "pkh": True,
         "sembako": True},
        {"family": "poorer", "desil": 4, "pkh": True, "sembako": True},
        {"family": "better", "desil": 6, "pkh": None, "sembako": None},
        {"family": "rich", "desil": 7, "pkh": False, "sembako": False},
    )  # fmt: skip
    return compare(now, read_previous(tmp_path))


def test_assignments_are_new_kept_or_ended(tmp_path):
    compared = two_runs(tmp_path)
    now = {
        (row["family"], row["rule"]): row["change"] for row in compared.assigned.table.to_pylist()
    }
    assert now[("kept", "R10")] == "kept"
    assert now[("kept", "R19")] == "new"
    assert now[("new", "R10")] == "new"
    ended = {(row["family"], row["rule"], row["change"]) for row in compared.ended.to_pylist()}
    assert {("kept", "R11", "ended"), ("gone", "R10", "ended")} <= ended
    assert ("kept", "R10", "ended") not in ended
    assert compared.since == FIRST


def test_families_that_are_better_off_and_receive_are_candidates_for_graduation(tmp_path):
    rows = {row["family"]: row for row in two_runs(tmp_path).families.to_pylist()}
    assert {
        name: (row["change"], row["desil_change"], row["graduation"]) for name, row in rows.items()
    } == {
        "new": ("new", None, None),
        "kept": ("kept", "up", True),
        "gone": ("ended", None, None),
        "poorer": ("kept", "down", False),
        "better": ("kept", "up", None),
        "rich": ("kept", "up", False),
    }
    assert (rows["kept"]["desil_before"], rows["kept"]["desil"]) == (3, 6)


def test_the_same_run_again_changes_nothing(tmp_path):
    done = run(FIRST, {"family": "A", "desil": 2, "latrine_ok": False})
    write_state(tmp_path, done)
    compared = compare(done, read_previous(tmp_path))
    assert set(compared.assigned.table.column("change").to_pylist()) == {"kept"}
    assert len(compared.ended) == 0
    assert compared.families.column("desil_change").to_pylist() == ["same"]


def test_an_assignment_of_a_member_is_kept_by_member(tmp_path):
    rows = families({"family": "A", "match_status": "matched", "desil": 2})

    def insured(values):
        people = {"family": ["A", "A"], "member": ["1", "2"], "jkn_active": values}
        return assign(rows, pa.table(people), RULES, day=FIRST)

    write_state(tmp_path, insured([False, True]))
    compared = compare(insured([True, False]), read_previous(tmp_path))
    assert compared.assigned.table.select(["member", "change"]).to_pylist() == [
        {"member": "2", "change": "new"}
    ]
    assert compared.ended.column("member").to_pylist() == ["1"]


def test_a_run_of_another_register_is_no_earlier_one(tmp_path):
    write_state(tmp_path, run(FIRST, {"family": "A", "desil": 2}))
    with pytest.raises(InputError) as caught:
        compare(run(SECOND, {"family": "B"}), read_previous(tmp_path), path=tmp_path)
    assert (caught.value.code, caught.value.values["path"]) == (
        "previous.other_families", str(tmp_path),
    )  # fmt: skip
    nobody = assign(families({"family": "A", "match_status": "none"}).slice(0, 0), EMPTY, RULES,
                    day=SECOND)  # fmt: skip
    assert compare(nobody, read_previous(tmp_path)).families.column("change").to_pylist() == [
        "ended"
    ]


def test_state_holds_no_name_and_no_number_of_a_person(tmp_path):
    done = assign(
        families({"family": "A", "match_status": "matched", "desil": 2, "head": "SITI",
                  "kk_number": "6408990000000001", "latrine_ok": False}),
        pa.table({"family": ["A"], "member": ["1"], "name": ["SITI"], "nik": ["6408995503909901"]}),
        RULES, day=FIRST,
    )  # fmt: skip
    write_state(tmp_path, done)
    for path in tmp_path.iterdir():
        said = str(pq.read_table(path).to_pydict())
        assert "SITI" not in said
        assert "640899" not in said


def test_a_later_run_is_no_earlier_one(tmp_path):
    write_state(tmp_path, run(SECOND, {"family": "A", "desil": 2}))
    with pytest.raises(ConfigError) as caught:
        compare(run(FIRST, {"family": "A", "desil": 2}), read_previous(tmp_path))
    assert caught.value.code == "previous.later"


def damage_nothing_there(folder):
    (folder / "families.parquet").unlink()


def damage_cut(folder):
    path = folder / "assignments.parquet"
    path.write_bytes(path.read_bytes()[:-20])


def damage_other_table(folder):
    pq.write_table(pa.table({"x": [1]}), folder / "families.parquet")


def damage_other_version(folder):
    table = pq.read_table(folder / "families.parquet")
    metadata = {
        key: each.replace(b'"version": 1', b'"version": 2')
        for key, each in table.schema.metadata.items()
    }
    pq.write_table(table.replace_schema_metadata(metadata), folder / "families.parquet")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (damage_nothing_there, "missing"),
        (damage_cut, "damaged"),
        (damage_other_table, "damaged"),
        (damage_other_version, "version"),
    ],
)
def test_a_folder_that_is_no_earlier_run_is_refused(tmp_path, damage, code):
    write_state(tmp_path, run(FIRST, {"family": "A", "desil": 2}))
    damage(tmp_path)
    with pytest.raises(InputError) as caught:
        read_previous(tmp_path)
    assert caught.value.code == f"previous.{code}"


def test_a_case_number_that_a_spreadsheet_took_for_a_number_is_read(tmp_path):
    from xlsxwriter import Workbook  # noqa: PLC0415 - as below

    cases = case_numbers([f"{n:032x}" for n in range(200)])
    wanted = [next(each for each in cases if each.startswith("0")), cases[0]]
    with Workbook(tmp_path / "d.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("kasus", "keputusan"))
        for number, case in enumerate(wanted, start=1):
            sheet.write_number(number, 0, int(case.replace("-", "")))
            sheet.write(number, 1, "ya")
    assert [each.case for each in read_decisions(tmp_path / "d.xlsx")] == wanted
    path = decisions(tmp_path, f"kasus,keputusan\n{wanted[0].replace('-', '')}.0,ya\n")
    assert [each.case for each in read_decisions(path)] == wanted[:1]


def test_a_workbook_of_decisions_is_read_as_well(tmp_path):
    from xlsxwriter import Workbook  # noqa: PLC0415 - one test writes one

    (case,) = case_numbers(["aa" * 16])
    with Workbook(tmp_path / "d.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate((("Nomor kasus", "Keputusan"), (case, "ya"))):
            sheet.write_row(number, 0, row)
    (only,) = read_decisions(tmp_path / "d.xlsx")
    assert (only.case, only.accepted) == (case, True)


def test_written_decisions_are_sorted_and_plain(tmp_path):
    cases = case_numbers(["aa" * 16, "bb" * 16])
    path = decisions(tmp_path, "case,decision\n" + "".join(f"{case},yes\n" for case in cases))
    write_decisions(tmp_path / "again.csv", read_decisions(path))
    with (tmp_path / "again.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["case", "decision", "note"], *([case, "yes", ""] for case in sorted(cases))]
