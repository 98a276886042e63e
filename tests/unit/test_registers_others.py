"""What other agencies' registers say of own members: standing there, not, or to be reviewed."""

import pyarrow as pa
import pytest

from pprl import catalogue
from pprl.errors import ConfigError, InputError
from pprl.registers.others import read_others, with_others, without
from pprl.registers.presence import with_family_presence
from pprl.registers.profile import load_profile

FAMILIES = pa.table(
    {
        "family": ["F1", "F2", "F3", "F4"],
        "village": ["6408012001", None, "6472012001", None],
        "district": [None, "640802", "640801", None],
    }
)
MEMBERS = pa.table(
    {
        "family": ["F1", "F1", "F1", "F2", "F3", "F4"],
        "member": ["1a", "1b", "1c", "2a", "3a", "4a"],
        "age": [9, 9, 40, 9, 9, 9],
    }
)
STATUSES = ("matched", "none", "none", "none", "none", "none")


def result(party, statuses=STATUSES, **attributes):
    numbers = [f"{at:02d}" if each != "none" else None for at, each in enumerate(statuses)]
    columns = {"id": MEMBERS.column("member"), "party": [party] * len(statuses)}
    columns |= {"status": list(statuses), "match": pa.array(numbers, pa.string())}
    nothing = [None] * len(statuses)
    for name in ("pip", "jkn_active", "desil"):
        columns[name] = pa.array(attributes.get(name, nothing), pa.string())
    return pa.table(columns)


def told(overlap, *options, members=MEMBERS, families=FAMILIES):
    return with_others(families, members, overlap, read_others(options))


def in_school(overlap, *options):
    return told(overlap, *options).members.column("in_school").to_pylist()


def test_not_found_says_no_only_at_the_age_and_in_the_place_that_a_register_covers():
    found = in_school(result("disdik"), "disdik=dapodik@6408")
    # Found; not found; too old; only the kecamatan is known; elsewhere; nobody knows where.
    assert found == [True, False, None, False, None, None]
    assert in_school(result("disdik"), "disdik=dapodik@64.72.01") == [
        True, None, None, None, False, None,
    ]  # fmt: skip
    assert in_school(result("disdik"), "disdik=dapodik@640802,6472") == [
        True, None, None, False, False, None,
    ]  # fmt: skip


def test_without_an_area_nobody_counts_as_not_found_and_that_is_said():
    done = told(result("disdik"), "disdik=dapodik")
    assert done.members.column("in_school").to_pylist() == [True, *[None] * 5]
    assert [note.code for note in done.notes] == [
        "presence.counted", "presence.alone", "presence.no_places",
    ]  # fmt: skip


def test_a_match_that_waits_for_review_says_neither_yes_nor_no():
    waits = ("review", "none", "review", "review", "matched", "none")
    found = in_school(result("disdik", waits), "disdik=dapodik@6408")
    assert found == [None, False, None, None, True, None]


def test_two_school_registers_count_together_and_both_must_cover_the_place():
    other = ("none", "matched", "none", "review", "none", "none")
    both = pa.concat_tables([result("disdik"), result("kemenag", other)])
    options = ("disdik=dapodik@6408", "kemenag=emis@6408")
    assert in_school(both, *options) == [True, True, None, None, None, None]
    codes = [note.code for note in told(both, *options).notes]
    assert codes == ["presence.counted", "presence.counted"]
    elsewhere = in_school(both, "disdik=dapodik@6408", "kemenag=emis@6472")
    assert elsewhere == [True, True, None, None, None, None]


def test_a_family_stands_in_a_register_when_one_of_its_members_does():
    def insured(*statuses):
        done = told(result("dinkes", statuses), "dinkes=pbi_jkn@6408")
        return done.families.column("pbi_jk").to_pylist()

    assert insured("none", "none", "matched", "none", "none", "none") == [True, False, None, None]
    # One doubtful match, and nobody says that nobody of the family is insured.
    assert insured("none", "review", "none", "none", "none", "none") == [None, False, None, None]
    assert insured(*["none"] * 4, "matched", "review") == [False, False, True, None]


def test_what_was_known_of_a_family_stays_where_a_register_says_nothing():
    families = FAMILIES.append_column("pbi_jk", pa.array([True, None, True, False]))
    empty = pa.table({"family": ["F1", "F3"], "member": ["1", "3"]})
    profiles = [load_profile("pbi_jkn")]
    said = with_family_presence(families, empty, profiles, found=[])
    assert said.column("pbi_jk").to_pylist() == [False, None, False, False]
    # Nobody is a recipient for standing nowhere when the register isn't said to be complete.
    said = with_family_presence(FAMILIES, empty, [load_profile("pkh")], found=["3"])
    assert said.column("pkh").to_pylist() == [None, None, True, None]


def test_what_was_released_goes_to_the_member_and_beats_the_own_file():
    members = MEMBERS.append_column("jkn_active", pa.array([None, True, True, None, None, None]))
    overlap = result(
        "dinkes", ["matched", "matched", "none", "matched", "none", "none"],
        jkn_active=["AKTIF", "NONAKTIF", None, "", None, None],
    )  # fmt: skip
    done = told(overlap, "dinkes=pbi_jkn@6408", members=members)
    found = done.members.column("jkn_active").to_pylist()
    assert found == [True, False, True, None, None, None]


def test_released_values_that_cant_be_read_are_counted_and_not_shown():
    overlap = result("disdik", pip=["entah", *[None] * 5])
    with pytest.raises(InputError) as refused:
        told(overlap, "disdik=dapodik@6408")
    assert refused.value.code == "assign.released_value"
    assert refused.value.values == {"column": "pip", "count": 1}


def test_rows_about_other_registers_are_taken_out_of_the_result():
    both = pa.concat_tables([result("disdik"), result("kemensos")])
    left = without(both, read_others(["disdik=dapodik@6408"]))
    assert set(left.column("party").to_pylist()) == {"kemensos"}
    assert without(both, ()).equals(both)
    with pytest.raises(ConfigError) as refused:
        without(both, read_others(["dinkes=pbi_jkn@6408"]))
    assert refused.value.values == {"party": "dinkes", "known": "disdik, kemensos"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["disdik"], "presence.form"),
        (["disdik=dapodik@641"], "presence.form"),
        (["disdik=dapodik@Kutai"], "presence.form"),
        (["disdik=dapodic@6408"], "register.unknown"),
        (["kemensos=dtsen@6408"], "presence.nothing"),
        (["disdik=dapodik@6408", "disdik=emis@6408"], "presence.twice"),
    ],
)
def test_a_wrong_option_is_refused(options, code):
    with pytest.raises(ConfigError) as refused:
        read_others(options)
    assert refused.value.code == code
    for language in ("en", "id"):
        assert "{" not in catalogue.text(code, refused.value.values, language)
