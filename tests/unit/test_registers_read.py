"""Every register from its simulated file to families and members, and to a rule that fires.

One file, since all registers are of one simulated population, which takes seconds to make.
"""

import csv
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import pprl.interventions
from pprl.errors import InputError
from pprl.interventions.assign import assign
from pprl.interventions.columns import SQL_TYPES, known_columns
from pprl.interventions.rules import load_rules
from pprl.io.memory import MemorySource
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.normalise.nik import NikStatus, normalise_nik
from pprl.registers.presence import with_presence
from pprl.registers.profile import load_profile
from pprl.registers.read import read_register
from pprl.registers.slots import load_members

DAY = date(2024, 12, 31)
REGISTERS = ("krs", "dtsen", "dapodik", "emis", "pbi_jkn", "p3ke", "pkh", "regsosek", "dukcapil")
DEFAULT = load_rules()
EXAMPLES = load_rules(Path(pprl.interventions.__file__).parent / "tables" / "examples.toml")
TYPES = {
    "text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "date": pa.date32(),
}  # fmt: skip
HOUSE = {
    "id_keluarga": ["F1", "F1"],
    "id_anggota": ["A", "B"],
    "nama": ["BUDI", "SITI"],
    "hubungan": ["Kepala Keluarga", "Istri"],
}


@pytest.fixture(scope="module", params=[False, True], ids=["usual", "varied"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers")
    return simulate_families(
        folder, krs=600, dtsen=900, damage="dirty", seed=5, registers=REGISTERS,
        varied_headers=request.param,
    )  # fmt: skip


@pytest.fixture(scope="module")
def read(made):
    return {
        name: read_register(open_source(path), load_profile(name), day=DAY)
        for name, path in made.paths.items()
    }


def written(made, name, field):
    """Return a column of a register as it was written, by its usual place."""
    from pprl.lab.families.registers import all_registers  # noqa: PLC0415 - one helper

    place = [column.field for column in all_registers()[name].columns].index(field)
    with made.paths[name].open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=all_registers()[name].delimiter)
        next(reader)
        return [row[place] for row in reader]


def of(table, **options):
    name = options.pop("register", "krs")
    return read_register(MemorySource(table), load_profile(name), day=DAY, **options)


def fired(found, rules=DEFAULT, **facts):
    """Return the assignments by rule, as if every family were matched with these facts."""
    families = found.families
    given = {"match_status": "matched", **facts}
    for name, value in given.items():
        column = pa.array([value] * len(families))
        families = families.drop_columns(set(families.column_names) & {name})
        families = families.append_column(name, column)
    done = assign(families, found.members, rules, day=DAY).table
    return pc.value_counts(done.column("rule")).to_pylist(), done


def times(found, rule, rules=DEFAULT, **facts):
    counts, _ = fired(found, rules, **facts)
    return next((each["counts"] for each in counts if each["values"] == rule), 0)


@pytest.mark.parametrize("name", REGISTERS)
def test_every_column_has_its_documented_type_and_nothing_is_misread(made, read, name):
    found = read[name]
    for table, columns in (("families", found.families), ("members", found.members)):
        known = known_columns()[table]
        for column in columns.column_names:
            if column in known:
                expected = TYPES[known[column].type]
                assert columns.column(column).type == expected, (table, column)
                assert known[column].type in SQL_TYPES
    codes = {note.code for note in found.notes}
    assert not codes & {"register.unread", "register.by_card", "register.disagree"}, found.notes
    assert len(found.members) == made.counts[name].rows


@pytest.mark.parametrize("name", ["krs", "dtsen", "p3ke", "regsosek"])
def test_registers_of_families_have_those_that_were_simulated(made, read, name):
    found = read[name]
    assert found.families.column("family").to_pylist() == list(
        dict.fromkeys(written(made, name, "family"))
    )
    assert found.members.column("family").to_pylist() == written(made, name, "family")
    assert found.members.column("member").to_pylist() == written(made, name, "member")
    heads = pc.sum(pc.is_valid(found.families.column("head"))).as_py()
    assert heads > 0.95 * len(found.families)
    assert pc.sum(pc.is_valid(found.families.column("district"))).as_py() == len(found.families)


@pytest.mark.parametrize("name", ["dapodik", "pbi_jkn", "pkh", "dukcapil"])
def test_registers_of_persons_have_families_by_card_under_ids_that_arent_cards(read, name):
    found = read[name]
    assert len(found.families) <= len(found.members)
    ids = set(found.members.column("member").to_pylist())
    assert set(found.families.column("family").to_pylist()) <= ids
    cards = [each for each in found.families.column("kk_number").to_pylist() if each]
    judged = normalise_nik(pa.array(cards, pa.string())).status <= NikStatus.RECOVERED_FLOAT
    usable = [each for each, good in zip(cards, judged, strict=True) if good]
    assert len(set(usable)) == len(usable)
    assert usable


def test_rows_are_those_of_the_file(made, read):
    assert read["krs"].members.column("row").to_pylist()[:2] == [2, 3]
    last = made.counts["krs"].rows + 1
    assert read["krs"].members.column("row").to_pylist()[-1] == last


# One rule for each register


def test_krs_families_without_a_latrine_and_members_with_a_bad_nik_get_their_rules(made, read):
    lacking = pc.sum(pc.equal(read["krs"].families.column("latrine_ok"), False)).as_py()  # noqa: FBT003
    assert lacking > 100
    assert times(read["krs"], "R10", desil=7) == lacking
    missing = sum(not cell or cell == "TIDAK ADA" for cell in written(made, "krs", "nik"))
    assert times(read["krs"], "R17") >= missing > 0


def test_dtsen_recipients_of_a_high_desil_are_verified(read):
    families = read["dtsen"].families
    high = pc.and_(pc.greater_equal(families.column("desil"), 6),
                   pc.or_(families.column("pkh"), families.column("sembako")))  # fmt: skip
    expected = pc.sum(high).as_py() or 0
    assert times(read["dtsen"], "R19") == expected
    poor = pc.less_equal(families.column("desil"), 5)
    without = pc.and_(poor, pc.invert(families.column("sembako")))
    assert times(read["dtsen"], "R02") == pc.sum(without).as_py() > 0


@pytest.mark.parametrize("name", ["dapodik", "emis"])
def test_pupils_of_poor_families_without_pip_are_proposed_for_it(read, name):
    members = read[name].members
    assert pc.all(members.column("in_school")).as_py()
    ages = pc.and_(
        pc.greater_equal(members.column("age"), 6), pc.less_equal(members.column("age"), 21)
    )
    without = pc.and_(ages, pc.invert(members.column("pip")))
    assert times(read[name], "R07", desil=2) == pc.sum(without).as_py() > 0
    assert times(read[name], "R07", desil=5) == 0


def test_children_whom_neither_dapodik_nor_emis_knows_are_out_of_school(made, read):
    with made.truth_path.open() as file:
        truth = list(csv.DictReader(file))
    party = {name: str(number) for number, name in enumerate(REGISTERS)}
    pupils = {
        each["entity"] for each in truth if each["party"] in (party["dapodik"], party["emis"])
    }
    own = {each["id"]: each["entity"] for each in truth if each["party"] == party["krs"]}
    found = [id_ for id_, entity in own.items() if entity in pupils]
    members = read["krs"].members.drop_columns(["in_school"])
    schools = [load_profile("dapodik"), load_profile("emis")]
    told = with_presence(members, schools, found=found)
    krs = read["krs"]._replace(members=told)
    out = [
        each
        for each in told.to_pylist()
        if each["in_school"] is False and each["education"] == "none" and each["age"] >= 7
    ]
    assert times(krs, "R04", desil=3) == len(out) > 0
    assert times(read["krs"]._replace(members=members), "R04", desil=3) == 0


def test_members_without_an_active_jkn_are_proposed_for_it(made, read):
    inactive = written(made, "pbi_jkn", "card_active").count("NONAKTIF")
    assert times(read["pbi_jkn"], "R03", desil=3) == inactive > 0
    assert pc.all(read["pbi_jkn"].families.column("pbi_jk")).as_py()


def test_adults_of_p3ke_without_work_are_sent_to_training(read):
    members = read["p3ke"].members
    desil = dict(zip(*(read["p3ke"].families.column(name).to_pylist()
                       for name in ("family", "desil")), strict=True))  # fmt: skip
    expected = sum(
        each["working"] is False and 17 <= (each["age"] or 0) <= 59
        and desil[each["family"]] is not None
        for each in members.to_pylist()
    )  # fmt: skip
    out = pa.array([False] * len(members))
    found = read["p3ke"]._replace(members=members.append_column("in_school", out))
    assert times(found, "R08") == expected > 0


def test_recipients_of_pkh_for_years_are_sent_to_graduation(made):
    source = open_source(made.paths["pkh"])
    [batch] = source.batches(source.columns)
    years = [str(place % 9) for place in range(batch.table.num_rows)]
    table = batch.table.to_pydict() | {"Lama PKH": years}
    found = of(table, register="pkh")
    assert pc.all(found.families.column("pkh")).as_py()
    able = {
        each["family"]
        for each in found.members.to_pylist()
        if each["age"] is not None and 17 <= each["age"] <= 59
    }
    long = [each for each in found.families.to_pylist() if each["pkh_years"] >= 5]
    expected = sum(each["family"] in able for each in long)
    assert times(found, "R09", desil=2) == expected > 0


def test_children_in_regsosek_out_of_school_are_sent_to_their_paket(read):
    members = read["regsosek"].members.to_pylist()
    desil = dict(zip(*(read["regsosek"].families.column(name).to_pylist()
                       for name in ("family", "desil")), strict=True))  # fmt: skip
    expected = sum(
        each["in_school"] is False and each["education"] == "sd" and 7 <= (each["age"] or 0) <= 24
        and desil[each["family"]] is not None
        for each in members
    )  # fmt: skip
    assert times(read["regsosek"], "R05") == expected > 0


def test_people_whom_disdukcapil_doesnt_confirm_are_sent_there(made):
    source = open_source(made.paths["dukcapil"])
    [batch] = source.batches(source.columns)
    count = batch.table.num_rows
    verified = ["TIDAK SESUAI" if place % 10 == 0 else "SESUAI" for place in range(count)]
    found = of(batch.table.to_pydict() | {"HASIL_VERIFIKASI": verified}, register="dukcapil")
    assert found.members.column("nik_confirmed").to_pylist().count(False) == len(
        range(0, count, 10)
    )
    assert times(found, "E06", EXAMPLES) == len(range(0, count, 10))


@pytest.mark.parametrize(
    ("column", "cells", "rule"),
    [
        ("iBangga", ["39,5", None], "E01"),
        ("Indeks Kerentanan Keluarga", ["60", None], "E02"),
        ("Indeks Kemandirian Ekonomi", ["20.5", None], "E03"),
        ("Lansia", ["Tidak", "Ya"], "E04"),
        ("Calon Pengantin", ["Catin", "Bukan Catin"], "E05"),
    ],
)
def test_indices_elderly_and_calon_pengantin_of_krs_have_a_rule_each(column, cells, rule):
    born = {"tgl_lahir": ["01-02-1990", "01-02-1992"]}
    with_it = of(HOUSE | born | {column: cells})
    assert times(with_it, rule, EXAMPLES, desil=2) == 1
    assert times(of(HOUSE | born), rule, EXAMPLES, desil=2) == 0


def test_who_is_sixty_is_elderly_where_the_register_doesnt_say():
    found = of(HOUSE | {"tgl_lahir": ["01-02-1950", "01-02-1992"]})
    assert times(found, "E04", EXAMPLES, desil=2) == 1


# Layouts


def test_both_layouts_of_krs_give_the_same_families_and_members(tmp_path):
    tables = {}
    for layout in ("member", "family"):
        made = simulate_families(
            tmp_path / layout, krs=400, dtsen=400, damage="clean", seed=3, krs_layout=layout
        )
        tables[layout] = read_register(open_source(made.paths["krs"]), load_profile("krs"), day=DAY)
    one, other = (
        {each["family"]: each for each in tables[layout].families.to_pylist()}
        for layout in ("member", "family")
    )
    assert one.keys() == other.keys()
    facts = [name for name in next(iter(other.values())) if name not in ("row", "head")]
    for family in one:
        for fact in facts:
            assert one[family][fact] == other[family][fact], fact
    for table in tables.values():
        heads = table.families.column("head").to_pylist()
        assert sum(each is not None for each in heads) > 390
    people = {
        layout: {
            (each["family"], each["relation"], each["name"], each["birth_date"]): each
            for each in tables[layout].members.to_pylist()
        }
        for layout in tables
    }
    shared = people["member"].keys() & people["family"].keys()
    assert len(shared) > 0.3 * len(people["family"])
    for each in shared:
        mine, theirs = people["member"][each], people["family"][each]
        for fact in ("age", "jkn_active", "education"):
            assert mine[fact] == theirs[fact], fact


def test_families_with_nobody_stay_among_the_families():
    table = {"id_keluarga": ["F1", "F2"], "nama_istri": ["SITI", None], "nama_anak_1": [None, None],
             "jamban_layak": ["Ya", "Tidak"]}  # fmt: skip
    found = of(table)
    assert found.families.column("family").to_pylist() == ["F1", "F2"]
    assert found.families.column("latrine_ok").to_pylist() == [True, False]
    assert found.members.column("family").to_pylist() == ["F1"]


def test_a_members_file_is_read_the_same_way(tmp_path):
    path = tmp_path / "members.toml"
    path.write_text(
        '[[member]]\nrelation = "head"\ncolumns = { name = "N1", working = "K1" }\n'
        '[[member]]\nrelation = "spouse"\ncolumns = { name = "N2", working = "K2" }\n'
    )
    table = {"id_keluarga": ["F"], "N1": ["BUDI"], "K1": ["Ya"], "N2": ["SITI"], "K2": ["Tidak"]}
    found = of(table, members=load_members(path))
    assert found.families.column("head").to_pylist() == ["BUDI"]
    assert found.members.column("working").to_pylist() == [True, False]


# Values


def test_the_opposite_header_turns_yes_into_no():
    found = of(HOUSE | {"Keluarga tidak mempunyai jamban yang layak": ["Ya", "Ya"]})
    assert found.families.column("latrine_ok").to_pylist() == [False]


def test_members_that_contradict_each_other_about_their_family_are_counted():
    found = of(HOUSE | {"jamban_layak": ["Tidak", "Ya"]})
    assert found.families.column("latrine_ok").to_pylist() == [False]
    [note] = [note for note in found.notes if note.code == "register.disagree"]
    assert dict(note.values) == {"column": "jamban_layak", "families": 1, "row": 2}


def test_a_family_id_with_two_heads_or_in_two_desa_is_said_with_a_row():
    table = {name: [*cells, cells[0]] for name, cells in HOUSE.items()}
    table |= {"id_anggota": ["A", "B", "C"]}
    table |= {"kode_desa": ["6408012001", "6408012001", "6408012002"]}
    notes = {note.code: dict(note.values) for note in of(table).notes}
    assert notes["register.two_heads"] == {"families": 1, "row": 3}
    assert notes["register.two_desa"] == {"families": 1, "row": 3}
    codes = {note.code for note in of(HOUSE).notes}
    assert not codes & {"register.two_heads", "register.two_desa"}


def test_a_fact_of_one_member_is_the_familys_where_the_profile_says_so():
    table = {"id_art": ["1", "2"], "id_keluarga": ["F", "F"], "nama": ["A", "B"],
             "pbi_jk": ["0", "1"], "pip": ["0", None]}  # fmt: skip
    found = of(table, register="dtsen")
    assert found.families.column("pbi_jk").to_pylist() == [True]
    assert found.families.column("pip").to_pylist() == [False]
    assert found.members.column("pip").to_pylist() == [False, None]
    assert not [note for note in found.notes if note.code == "register.disagree"]


def test_words_that_arent_known_are_null_and_counted():
    found = of(HOUSE | {"bekerja": ["Ya", "kadang"]})
    assert found.members.column("working").to_pylist() == [True, None]
    [note] = [note for note in found.notes if note.code == "register.unread"]
    assert dict(note.values) == {"column": "bekerja", "cells": 1, "row": 2}


@pytest.mark.parametrize("desil", ["0", "11", "-3"])
def test_a_desil_outside_1_to_10_is_refused_with_its_row(desil):
    table = {"id_art": ["1", "2"], "id_keluarga": ["F", "F"], "nama": ["A", "B"],
             "desil": ["3", desil]}  # fmt: skip
    with pytest.raises(InputError, match="row 2") as refused:
        of(table, register="dtsen")
    assert refused.value.code == "register.outside"


def test_a_member_without_a_family_is_refused_with_its_row():
    with pytest.raises(InputError, match="row 2") as refused:
        of(HOUSE | {"id_keluarga": ["F1", None]})
    assert refused.value.code == "register.no_family"


def test_without_a_family_column_families_are_those_who_share_a_card_and_it_is_said():
    table = {name: cells for name, cells in HOUSE.items() if name != "id_keluarga"}
    cards = {"no_kk": ["6408991506201234", "6408 9915 0620 1234"]}
    found = of(table | cards)
    assert found.families.column("family").to_pylist() == ["A"]
    assert "register.by_card" in {note.code for note in found.notes}
    apart = of(table | {"no_kk": ["0000000000000000", "0000000000000000"]})
    assert apart.families.column("family").to_pylist() == ["A", "B"]


def test_a_nik_of_two_people_is_repeated_and_that_of_one_person_listed_twice_isnt():
    nik = "6408995503909901"
    born = ["15-03-1990", "15-03-1990", "01-02-2001"]
    table = {"id_anggota": list("abc"), "id_keluarga": list("FGH"), "nik": [nik] * 3,
             "nama": ["SITI AMINAH", "Siti  Aminah", "BUDI"], "tgl_lahir": born}  # fmt: skip
    assert of(table).members.column("nik_status").to_pylist() == ["repeated"] * 3
    two = {name: cells[:2] for name, cells in table.items()}
    assert of(two).members.column("nik_status").to_pylist() == ["usable"] * 2


def test_reasons_of_bad_niks_are_those_that_rules_ask_for():
    cells = ["6408995503909901", "123", None, "6408997203909901", "6,40899E+15"]
    table = {"id_anggota": list("abcde"), "id_keluarga": ["F"] * 5, "nik": cells}
    found = of(table).members.column("nik_status").to_pylist()
    assert found == ["usable", "len_short", "missing", "bad_date", "damaged_sci"]
    assert set(found) <= set(known_columns()["members"]["nik_status"].values)


@pytest.mark.parametrize(
    ("born", "age"), [("31-12-2000", 24), ("01-01-2001", 23), ("29-02-2000", 24), ("x", None)]
)
def test_ages_are_completed_years_on_the_day(born, age):
    found = of({"id_anggota": ["a"], "id_keluarga": ["F"], "nama": ["A"], "tgl_lahir": [born]})
    assert found.members.column("age").to_pylist() == [age]


def test_dates_with_the_month_first_are_read_so_when_all_that_can_tell_say_it():
    found = of(HOUSE | {"tgl_lahir": ["03-25-1990", "02-01-1992"]})
    assert found.members.column("birth_date").to_pylist() == [date(1990, 3, 25), date(1992, 2, 1)]
    assert "register.month_first" in {note.code for note in found.notes}


def test_codes_of_places_are_put_together_from_their_parts():
    parts = {"kode_prov": ["64"], "kode_kab": ["8"], "kode_kec": ["4"], "kode_desa": ["2001"],
             "nama_desa": ["Swarga Bara"]}  # fmt: skip
    table = {"id_art": ["1"], "id_keluarga": ["F"], "nama": ["A"]}
    [found] = of(table | parts, register="dtsen").families.to_pylist()
    assert (found["district"], found["village"]) == ("640804", "6408042001")
    assert found["village_name"] == "Swarga Bara"
    [found] = of(
        table | {"kecamatan": ["Sangatta"], "desa": ["X"]}, register="dtsen"
    ).families.to_pylist()
    assert (found["district_name"], found["village_name"]) == ("Sangatta", "X")
    assert "district" not in found


def test_a_file_without_anybody_in_it_is_refused():
    with pytest.raises(InputError) as refused:
        of({"catatan": ["x"], "jamban_layak": ["Ya"]})
    assert refused.value.code == "columns.none"


def test_nothing_of_a_cell_is_said_in_notes_and_errors():
    table = HOUSE | {"bekerja": ["RAHASIA", "RAHASIA"], "jumlah_kehamilan": ["1", "RAHASIA"]}
    found = of(table)
    assert "RAHASIA" not in str([dict(note.values) for note in found.notes])
    with pytest.raises(InputError) as refused:
        of(HOUSE | {"jumlah_kehamilan": ["1", "77"]})
    assert "77" not in str(refused.value)
