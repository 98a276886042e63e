"""Register profiles: what comes with the library, copies of a district, and what is refused."""

from importlib.resources import files

import pyarrow as pa
import pytest

from pprl import catalogue
from pprl.errors import ConfigError
from pprl.interventions.columns import known_columns
from pprl.io.columns import recognise
from pprl.lab.families.registers import all_registers
from pprl.registers.presence import with_presence
from pprl.registers.profile import load_profile, names
from pprl.registers.slots import load_members
from pprl.registers.values import blanked, typed

REGISTERS = (
    "dapodik",
    "dtsen",
    "dukcapil",
    "emis",
    "krs",
    "p3ke",
    "pbi_jkn",
    "pkh",
    "regsosek",
)
OWN = """
title = { en = "Posyandu", id = "Posyandu" }
unit = "person"
identifying = ["nik", "name"]

[facts.disabled]
headers = ["difabel"]

[release.disabled]
bytes = 5
meaning = { en = "disability", id = "disabilitas" }
"""
HEAD = '[[member]]\nrelation = "head"\ncolumns = { nik = "A" }\n'


def own(folder, text):
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_register_has_a_profile_that_loads():
    assert names() == REGISTERS
    for name in REGISTERS:
        profile = load_profile(name)
        assert profile.title.en
        assert profile.title.id
        assert {"nik", "name"} <= set(profile.identifying)


@pytest.mark.parametrize("name", REGISTERS)
def test_nothing_that_says_who_somebody_is_may_be_released(name):
    profile = load_profile(name)
    for each in profile.release:
        assert each not in profile.identifying
        for table in known_columns().values():
            assert each not in table or not table[each].identity


@pytest.mark.parametrize("name", REGISTERS)
def test_no_header_of_a_fact_is_also_that_of_a_role(name):
    for fact in load_profile(name).facts.values():
        for header in (*fact.headers, *fact.opposite):
            assert not recognise([header]).roles, header


@pytest.mark.parametrize("name", REGISTERS)
def test_every_fact_that_the_simulator_writes_is_recognised_under_all_its_headers(name):
    profile, look = load_profile(name), all_registers()[name]
    facts = {"level": "school_level", "card_active": "jkn_active"}
    for column in look.columns:
        field = facts.get(column.field, column.field)
        if field in profile.facts:
            known = {"".join(filter(str.isalnum, each.lower())) for each in
                     profile.facts[field].headers}  # fmt: skip
            for header in column.headers:
                assert "".join(filter(str.isalnum, header.lower())) in known, header


@pytest.mark.parametrize("name", REGISTERS)
def test_every_word_that_the_simulator_writes_is_understood(name):
    profile, look = load_profile(name), all_registers()[name]
    answers = [fact for fact, each in profile.facts.items() if each.type == "boolean"]
    words = {"relation": look.relations, "education": look.schools}
    for fact in [*answers[:1], *(each for each in words if each in profile.facts)]:
        said = pa.array(words.get(fact, look.answers), pa.string())
        read = typed(profile, fact, said)
        assert not read.unknown.any(), fact
        assert fact in words or read.values.to_pylist() == [False, True]
    if "education" in profile.facts and look.schools:
        read = typed(profile, "education", pa.array(look.schools)).values.to_pylist()
        assert read == ["none", "sd", "smp", "sma", "higher"]


def test_a_district_adds_a_register_by_copying_one(tmp_path):
    krs = files("pprl.registers").joinpath("tables", "krs.toml").read_text("utf-8")
    changed = krs.replace('"jamban layak"', '"wc sehat", "jamban layak"', 1)
    changed = changed.replace("[words]\n", '[words]\ntrue = ["leres"]\n', 1)
    profile = load_profile(own(tmp_path, changed))
    assert profile.name == "own"
    assert profile.facts["latrine_ok"].headers[0] == "wc sehat"
    read = typed(profile, "latrine_ok", pa.array(["Leres", "Tidak", "entah"]))
    assert read.values.to_pylist() == [True, False, None]
    assert read.unknown.tolist() == [False, False, True]


def test_words_of_a_fact_win_over_those_of_its_register_and_these_over_the_shared_ones(tmp_path):
    text = OWN + '[facts.working]\nheaders = ["kerja"]\nwords = { true = ["t"] }\n'
    text += '[words]\nfalse = ["v"]\n'
    profile = load_profile(own(tmp_path, text))
    cells = pa.array(["t", "v", "ya"])
    assert typed(profile, "working", cells).values.to_pylist() == [True, False, True]
    assert typed(profile, "disabled", cells).values.to_pylist() == [False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("unit", "units", "unit", "Field required"),
        ('"person"', '"household"', "unit", "family"),
        ("bytes = 5", 'bytes = "5"', "release.disabled.bytes", "integer"),
        ("bytes = 5", "bytes = 5\nbyte = 5", "release.disabled.byte", "did you mean bytes"),
        ('["nik", "name"]', '["nik", "nama"]', "the file", "nama is no role"),
        ("[release.disabled]", "[release.nik]", "the file", "release.nik isn't among the facts"),
        ("[facts.disabled]", "[facts.nik]\nheaders = ['a']\n[facts.disabled]", "the file",
         "facts.nik"),
        ("[facts.disabled]", "[facts.address]\nheaders = ['rumah']\n[facts.disabled]", "the file",
         "facts.address comes from a role"),
        ("[facts.disabled]", "[facts.posyandu]", "the file", "needs type and level"),
        ("[facts.disabled]", "[facts.oldest_age]", "the file", "computed by the run"),
        ("[facts.disabled]", '[facts.working]\nheaders = ["Difabel"]\n[facts.disabled]', "the file",
         "share a header"),
        ('["difabel"]', '["difabel"]\nrange = [1, 2]', "the file", "range is for numbers"),
        ('["difabel"]', '["difabel"]\nwords = { maybe = ["x"] }', "the file", "maybe isn't one of"),
        ('["difabel"]', '["difabel"]\nany_member = true', "the file", "any_member"),
        ('["difabel"]', '["difabel"]\ncoded = { cacat = { true = ["1"] } }', "the file",
         "cacat isn't a header or meaning of it"),
        ('["difabel"]', '["difabel"]\ncoded = { difabel = { maybe = ["1"] } }', "the file",
         "maybe isn't a header or meaning of it"),
        ("unit = ", 'unverified = ["pkh"]\nunit = ', "the file", "pkh isn't among the facts"),
        ("[release", '[members.head]\nrelation = "head"\nnumber = 1\ncalled = ["kk"]\n[release',
         "the file", "facts.relation is needed"),
        ("[release", '[presence]\ncolumn = "school"\n[release', "the file", "no column school"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_refused_with_file_and_key(tmp_path, old, new, where, problem):
    path = own(tmp_path, OWN.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        load_profile(path)
    assert refused.value.code == "register.invalid"
    assert refused.value.values["path"] == str(path)
    assert refused.value.values["where"] == where
    assert problem in str(refused.value)


@pytest.mark.parametrize("text", ["title = ", "\x00", "[facts]\n[facts]"])
def test_a_file_that_isnt_toml_is_refused(tmp_path, text):
    with pytest.raises(ConfigError) as refused:
        load_profile(own(tmp_path, text))
    assert refused.value.code == "register.unreadable"


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"known are dapodik, .*krs") as refused:
        load_profile("kr")
    assert catalogue.text(refused.value.code, refused.value.values, "id").startswith("tidak ada")
    with pytest.raises(ConfigError) as refused:
        load_profile("missing.toml")
    assert refused.value.code == "register.missing"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "member: Field required"),
        ('[[member]]\nrelation = "head"\ncolumns = { desil = "D" }\n', "desil is no field"),
        ('[[member]]\nrelation = "head"\ncolumns = { sex = "D" }\n', "nik or the name"),
        ('[[member]]\nrelation = "head"\ncolumns = { nik = "A {n}" }\n', "in no other"),
        ('[[member]]\nrelation = "child"\nrepeat = 3\ncolumns = { nik = "A" }\n', "in no other"),
        (HEAD + '[[member]]\nrelation = "spouse"\ncolumns = { nik = "a" }\n', "two members"),
        (HEAD + '[[member]]\nrelation = "spouse"\nnumber = 1\ncolumns = { nik = "B" }\n',
         "a number of its own"),
    ],
)  # fmt: skip
def test_a_wrong_members_file_is_refused_with_file_and_key(tmp_path, text, problem):
    path = own(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_members(path)
    assert str(path) in str(refused.value)
    assert problem in str(refused.value)


def test_cells_that_say_nothing_are_empty_and_others_stay_as_they_are():
    words = load_profile("krs").known_words.blank
    cells = pa.array(["-", " ", "TIDAK ADA", " Siti ", None, "n/a"])
    assert blanked(cells, words).to_pylist() == [None, None, None, " Siti ", None, None]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3", 3),
        ("Desil 4", 4),
        ("10.0", 10),
        ("D-3", 3),
        (" 7 ", 7),
        ("-3", -3),
        ("2,0", 2),
        ("1-4", None),
        ("D", None),
        ("", None),
    ],
)
def test_numbers_are_read_as_offices_write_them(written, read):
    found = typed(load_profile("dtsen"), "desil", pa.array([written]))
    assert found.values.to_pylist() == [read]
    assert found.unknown.tolist() == [read is None and written != ""]


@pytest.mark.parametrize(("written", "read"), [("56,78", 56.78), ("56.7", 56.7), ("tinggi", None)])
def test_decimal_numbers_may_have_a_comma(written, read):
    assert typed(load_profile("krs"), "ibangga", pa.array([written])).values.to_pylist() == [read]


def test_standing_in_no_school_register_is_out_of_school_at_school_age_alone():
    members = pa.table({"member": list("abcdef"), "age": [6, 7, 18, 19, None, 10]})
    schools = [load_profile("dapodik"), load_profile("emis")]
    told = with_presence(members, schools, found=["c"], undecided=["f"])
    assert told.column("in_school").to_pylist() == [None, False, True, None, None, None]
    known = members.append_column("in_school", pa.array([True] * 6))
    told = with_presence(known, schools, found=["c"], undecided=["f"])
    assert told.column("in_school").to_pylist() == [True, False, True, True, True, None]


def test_registers_that_say_different_things_by_presence_dont_go_together():
    members = pa.table({"member": ["a"], "age": [7]})
    profiles = [load_profile("dapodik"), load_profile("pkh")]
    with pytest.raises(ConfigError, match="dapodik, pkh"):
        with_presence(members, profiles, found=[])
