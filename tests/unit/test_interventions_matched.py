import pyarrow as pa
import pytest

from pprl.errors import InputError
from pprl.interventions.matched import with_matches
from pprl.interventions.review import (
    apply_decisions,
    case_numbers,
    number_cases,
    read_decisions,
)

FAMILIES = pa.table({"family": ["F3", "F1", "F2", "F4"], "village": ["a", "b", "c", "d"]})
MEMBERS = pa.table(
    {"family": ["F1", "F1", "F2", "F3", "F4"], "member": ["1a", "1b", "2a", "3a", "4a"]}
)


def row(member, status="none", match=None, family=None, precision=None, **attributes):
    row = {"id": member, "party": "dinsos", "status": status, "match": match, "family": family}
    return row | {"precision": precision} | {"desil": None, "pkh": None} | attributes


def gathered(*rows, members=MEMBERS):
    kinds = {"precision": pa.int32()}
    names = list(rows[0])
    overlap = pa.table(
        {n: pa.array([each[n] for each in rows], kinds.get(n, pa.string())) for n in names}
    )
    table = with_matches(FAMILIES, members, overlap)
    return {each["family"]: each for each in table.to_pylist()}, table


def test_a_family_gets_what_came_with_its_members():
    found, table = gathered(
        row("1a", "matched", "0b", "0b", 990_000, desil="3", pkh="Ya"),
        row("1b", "matched", "0c", "0b", 999_000, desil="3", pkh="Ya"),
        row("2a", "review", "0d", None, 600_000),
        row("3a", "matched", "0e", None, 970_000, desil="9"),
        row("4a"),
    )
    assert table.column("family").to_pylist() == ["F3", "F1", "F2", "F4"]
    assert table.column("village").to_pylist() == ["a", "b", "c", "d"]
    one = found["F1"]
    assert (one["match_status"], one["match_number"], one["desil"], one["pkh"]) == (
        "matched", "0b", 3, True,
    )  # fmt: skip
    assert one["match_precision"] == pytest.approx(0.999)
    assert (found["F2"]["match_status"], found["F2"]["match_number"]) == ("review", "0d")
    # A person was matched, and that wasn't enough for the family: nothing of the other's is used.
    assert (found["F3"]["match_status"], found["F3"]["desil"]) == ("review", None)
    assert (found["F4"]["match_status"], found["F4"]["match_precision"]) == ("none", None)


def test_all_doubtful_matches_of_a_family_are_cases(tmp_path):
    rows = (
        row("1a", "review", "0f", None, 600_000),
        row("1b", "review", "0d", None, 500_000),
        row("2a", "review", "0e", None, 600_000),
    )
    found, table = gathered(*rows)
    assert found["F1"]["match_number"] == "0d 0f"
    named = number_cases(table)
    cases = {each["family"]: each["case_number"] for each in named.to_pylist()}
    one, two = cases["F1"], cases["F2"]
    first, second = one.split(", ")
    assert [first, second, two] == case_numbers(["0d", "0f", "0e"])

    def decided(*said):
        path = tmp_path / "decisions.csv"
        lines = [f"{case},{answer}," for case, answer in said]
        path.write_text("\n".join(["case,decision,note", *lines]) + "\n")
        done = apply_decisions(named, read_decisions(path), path=path)
        return {each["family"]: each["match_status"] for each in done.families.to_pylist()}, done

    assert decided((first, "yes"))[0]["F1"] == "matched"
    assert decided((first, "no"))[0]["F1"] == "review"
    status, done = decided((first, "no"), (second, "no"))
    assert status["F1"] == "none"
    assert (done.refused, done.undecided) == (2, 1)


def test_flags_are_read_as_offices_write_them():
    for text, value in (("1", True), ("YA", True), ("0", False), ("Tidak", False), (None, None)):
        found, _ = gathered(row("1a", "matched", "0b", "0b", 1, pkh=text))
        assert found["F1"]["pkh"] is value
    with pytest.raises(InputError) as refused:
        gathered(row("1a", "matched", "0b", "0b", 1, pkh="entah"))
    assert refused.value.values == {"column": "pkh", "count": 1}
    with pytest.raises(InputError):
        gathered(row("1a", "matched", "0b", "0b", 1, desil="dua"))


def test_other_attributes_are_kept_as_text():
    found, _ = gathered(row("1a", "matched", "0b", "0b", 1, catatan="A 1"))
    assert found["F1"]["catatan"] == "A 1"


def test_a_result_about_other_records_is_refused():
    with pytest.raises(InputError) as refused:
        gathered(row("1a"), row("9z"))
    assert refused.value.code == "assign.other_file"


def test_without_families_in_the_agreement_a_matched_member_is_enough():
    overlap = pa.table(
        {
            "id": ["1a", "2a"], "party": ["x", "x"], "status": ["matched", "review"],
            "precision": pa.array([1, 2], pa.int32()), "match": ["0a", "0b"],
        }
    )  # fmt: skip
    table = with_matches(FAMILIES, MEMBERS, overlap)
    assert table.column("match_status").to_pylist() == ["none", "matched", "review", "none"]


@pytest.mark.parametrize(
    ("text", "value"), [("3.0", 3), ("2,0", 2), ("Desil 4", 4), ("-", None), ("", None)]
)
def test_desil_is_read_as_offices_write_it(text, value):
    found, _ = gathered(row("1a", "matched", "0b", "0b", 1, desil=text))
    assert found["F1"]["desil"] == value


@pytest.mark.parametrize("text", ["0", "11", "tiga", "2.5"])
def test_a_released_desil_that_is_none_is_refused_without_its_value(text):
    with pytest.raises(InputError) as refused:
        gathered(row("1a", "matched", "0b", "0b", 1, desil=text))
    assert refused.value.values == {"column": "desil", "count": 1}


def test_an_empty_flag_says_nothing():
    found, _ = gathered(row("1a", "matched", "0b", "0b", 1, pkh=""))
    assert found["F1"]["pkh"] is None
