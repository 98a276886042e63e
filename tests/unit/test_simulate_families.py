"""Simulated registers of families: their shares, their truth, their oddities.

One long file, since nearly all tests read the same simulated registers, which take seconds to make.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from datetime import date

import numpy as np
import pytest

from pprl.errors import ConfigError
from pprl.io.columns import recognise
from pprl.lab.damage import Kind
from pprl.lab.families import cells
from pprl.lab.families.columns import FAMILY_FIELDS, PERSON_FIELDS
from pprl.lab.families.listing import Oddity
from pprl.lab.families.registers import all_registers
from pprl.lab.families.simulate import simulate_families
from pprl.lab.simulate import simulate

KRS, DTSEN = 6_000, 12_000
REGISTERS = ("krs", "dtsen", "dapodik", "pbi_jkn", "emis", "p3ke", "pkh")
RELATION = {"krs": "hubungan", "dtsen": "hubungan_keluarga"}
# Damage of a KRS record after which it still says the NIK, or the birth date, that is right.
HARMLESS = re.compile(r"name_.*|district_changed|twin|namesake|second_record|left|deceased")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as lines:
        delimiter = ";" if ";" in lines.readline() else ","
        lines.seek(0)
        return list(csv.DictReader(lines, delimiter=delimiter))


def make(folder, **options):
    settings = {"krs": 300, "dtsen": 700, "damage": "dirty", "seed": 7, **options}
    return simulate_families(folder, **settings)


class Written:
    """What a simulation wrote, read back."""

    def __init__(self, made):
        self.made = made
        self.rows = {name: rows_of(path) for name, path in made.paths.items()}
        self.entities = defaultdict(dict)  # party -> id -> entity
        for row in rows_of(made.truth_path):
            self.entities[int(row["party"])][row["id"]] = row["entity"]
        self.families = defaultdict(dict)
        for row in rows_of(made.truth_families_path):
            self.families[int(row["party"])][row["family"]] = row["entity"]
        self.kinds = {
            (int(row["party"]), row["id"]): set(row["kinds"].split(";"))
            for row in rows_of(made.damage_path)
        }
        self.family_kinds = {
            (int(row["party"]), row["family"]): set(row["kinds"].split(";"))
            for row in rows_of(made.damage_families_path)
        }

    def with_kind(self, party, kind):
        return {
            id_ for (where, id_), kinds in self.kinds.items() if where == party and kind in kinds
        }

    def families_with_kind(self, party, kind):
        return {
            family
            for (where, family), kinds in self.family_kinds.items()
            if where == party and kind in kinds
        }

    def members(self, name, id_column):
        found = defaultdict(list)
        for row in self.rows[name]:
            found[row["id_keluarga"]].append(row)
        assert all(row[id_column].startswith(row["id_keluarga"]) for row in self.rows[name])
        return found

    def krs_families(self):
        """Return the facts of each KRS family: family -> its first row."""
        return {row["id_keluarga"]: row for row in reversed(self.rows["krs"])}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    return Written(make(folder, krs=KRS, dtsen=DTSEN, registers=REGISTERS))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    return Written(make(folder, krs=KRS, dtsen=DTSEN, damage="clean"))


@pytest.fixture(scope="module")
def by_family(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_family")
    return Written(make(folder, krs=KRS, dtsen=DTSEN, registers=("krs",), krs_layout="family"))


def share(rows, column, answer):
    return sum(row[column] == answer for row in rows) / len(rows)


# Shares


@pytest.mark.parametrize(
    ("column", "answer", "published"),
    [
        ("jamban_layak", "Tidak", 0.43),
        ("air_minum_layak", "Tidak", 0.22),
        ("kb_modern", "Tidak", 0.48),
        ("pus", "Ya", 39_387_357 / 42_990_996),
        ("hamil", "Ya", 784_633 / 42_990_996),
        ("baduta", "Ya", 3_564_378 / 42_990_996),
        ("balita", "Ya", 8_801_625 / 42_990_996),
    ],
)
def test_risk_factors_come_at_the_published_shares_of_families(dirty, column, answer, published):
    found = share(dirty.krs_families().values(), column, answer)
    assert found == pytest.approx(published, rel=0.08, abs=0.004)


def test_every_family_at_risk_has_a_reason_to_be_one(dirty):
    for row in dirty.krs_families().values():
        lacks = [row[name] for name in ("jamban_layak", "air_minum_layak", "kb_modern")]
        four = [row[f"terlalu_{name}"] for name in ("muda", "tua", "dekat", "banyak")]
        assert "Tidak" in lacks or "Ya" in four


def test_desil_has_the_published_shares_among_families_at_risk_and_is_even_among_others(dirty):
    at_risk, others = Counter(), Counter()
    entities = set(dirty.families[0].values())
    for family, rows in dirty.members("dtsen", "id_art").items():
        if dirty.family_kinds.get((1, family), set()).isdisjoint({"split_off"}):
            kind = at_risk if dirty.families[1][family] in entities else others
            kind[rows[0]["desil"]] += 1
    wanted = (0.161, 0.127, 0.12, 0.112, 0.103, 0.094, 0.085, 0.077, 0.066, 0.055)
    for desil, expected in enumerate(wanted, start=1):
        assert at_risk[str(desil)] / at_risk.total() == pytest.approx(expected, abs=0.015)
        assert others[str(desil)] / others.total() == pytest.approx(0.1, abs=0.012)
    assert set(at_risk) | set(others) == {"", *map(str, range(1, 11))}
    assert at_risk[""] / at_risk.total() < 0.02


def test_programmes_reach_the_desil_that_they_are_for_and_a_few_beyond(dirty):
    reached = {name: Counter() for name in ("pkh", "sembako", "pbi_jk")}
    families = Counter()
    for rows in dirty.members("dtsen", "id_art").values():
        families[rows[0]["desil"]] += 1
        for name, found in reached.items():
            found[rows[0]["desil"]] += any(row[name] == "1" for row in rows)
    shares = {
        name: [found[str(desil)] / families[str(desil)] for desil in range(1, 11)]
        for name, found in reached.items()
    }
    assert shares["pkh"][0] == pytest.approx(0.383, abs=0.04)  # published
    for name, last in (("pkh", 4), ("sembako", 5), ("pbi_jk", 5)):
        inside, beyond = shares[name][:last], shares[name][last:]
        assert min(inside) > max(beyond) > 0
        assert inside == sorted(inside, reverse=True)
    # The national quotas, over even desils.
    assert np.mean(shares["pkh"]) == pytest.approx(10.0 / 95.0, abs=0.015)
    assert np.mean(shares["sembako"]) == pytest.approx(18.3 / 95.0, abs=0.015)
    assert np.mean(shares["pbi_jk"]) == pytest.approx(96.8 / 289.1, abs=0.03)


def test_families_of_dtsen_have_the_published_size_and_sangatta_utara_its_families(dirty, tmp_path):
    made = make(tmp_path, krs=11_973, dtsen=60_000, registers=("dtsen",), damage="clean")
    assert made.counts["dtsen"].families == 60_000
    assert made.counts["dtsen"].records / 60_000 == pytest.approx(3.07, abs=0.07)
    found = share(dirty.krs_families().values(), "kode_kecamatan", "640804")
    assert found == pytest.approx(3_800 / 11_973, abs=0.02)


def test_one_family_in_six_has_a_new_card_in_one_register(dirty, clean):
    for written in (dirty, clean):
        second = written.families_with_kind(0, "second_card") | {
            family
            for family in written.families_with_kind(1, "second_card")
            if "split_off" not in written.family_kinds[1, family]
        }
        assert len(second) / written.made.common == pytest.approx(0.166, abs=0.001)


def test_clean_registers_have_less_damage_and_fewer_dead_heads(dirty, clean):
    for kind in ("nik_invalid", "name_variant", "date_default", "sex_wrong"):
        assert len(clean.with_kind(1, kind)) < 0.7 * len(dirty.with_kind(1, kind))
    dead = [len(written.families_with_kind(1, "head_deceased")) for written in (dirty, clean)]
    assert dead[0] / dirty.made.common == pytest.approx(0.0207, abs=0.001)
    assert dead[1] / clean.made.common == pytest.approx(0.003, abs=0.001)


# Truth


def test_registers_have_exactly_the_families_asked_for(dirty):
    counts = dirty.made.counts
    for party, (name, families) in enumerate((("krs", KRS), ("dtsen", DTSEN))):
        assert counts[name].families == families == len(dirty.families[party])
        assert len({row["id_keluarga"] for row in dirty.rows[name]}) == families
    assert dirty.made.common == round(0.85 * KRS)
    common = set(dirty.families[0].values()) & set(dirty.families[1].values())
    assert len(common) == dirty.made.common


def test_the_truth_names_every_record_once_in_file_order(dirty):
    for party, name in enumerate(REGISTERS):
        column = recognise(list(dirty.rows[name][0])).roles["id"]
        ids = [row[column] for row in dirty.rows[name]]
        assert list(dirty.entities[party]) == ids
        assert len(set(ids)) == len(ids) == dirty.made.counts[name].records
    assert set(dirty.families) == {0, 1, 5}  # the registers of families
    for party, name in ((0, "krs"), (1, "dtsen"), (5, "p3ke")):
        order = dict.fromkeys(row["id_keluarga"] for row in dirty.rows[name])
        assert list(dirty.families[party]) == list(order)
        assert len(set(dirty.families[party].values())) == len(order)


def test_damage_is_of_records_and_families_that_are_there(dirty):
    assert all(id_ in dirty.entities[party] for party, id_ in dirty.kinds)
    assert all(family in dirty.families[party] for party, family in dirty.family_kinds)


def test_a_person_twice_in_a_register_is_marked(dirty):
    for party, name in enumerate(REGISTERS):
        times = Counter(dirty.entities[party].values())
        seconds = dirty.with_kind(party, "second_record")
        assert max(times.values()) <= 3, name
        assert len(times) + len(seconds) == len(dirty.entities[party]), name


def test_members_of_a_family_in_both_registers_are_in_its_partner_or_a_part_of_it(dirty):
    family_of = {
        party: {row[column]: row["id_keluarga"] for row in dirty.rows[name]}
        for party, name, column in ((0, "krs", "id_anggota"), (1, "dtsen", "id_art"))
    }
    theirs = {entity: id_ for id_, entity in dirty.entities[1].items()}
    left = dirty.with_kind(1, "left")
    same = elsewhere = 0
    for id_, entity in dirty.entities[0].items():
        other = theirs.get(entity)
        if other is None:
            continue
        mine = dirty.families[0][family_of[0][id_]]
        if mine == dirty.families[1][family_of[1][other]]:
            same += 1
        else:
            assert other in left
            elsewhere += 1
    assert same > 15_000
    assert 100 < elsewhere < 1_000


def test_each_family_has_one_head_and_at_most_one_spouse(dirty):
    for party, (name, column) in enumerate((("krs", "id_anggota"), ("dtsen", "id_art"))):
        seconds = dirty.with_kind(party, "second_record")
        for rows in dirty.members(name, column).values():
            roles = Counter(row[RELATION[name]] for row in rows if row[column] not in seconds)
            assert roles["Kepala Keluarga"] == 1
            assert roles["Istri/Suami"] <= 1
            assert roles["Anak"] <= 6


def test_numbers_are_synthetic_and_no_two_persons_share_a_nik(dirty):
    niks = defaultdict(set)
    for party, name in enumerate(REGISTERS):
        roles = recognise(list(dirty.rows[name][0])).roles
        for row in dirty.rows[name]:
            kinds = dirty.kinds.get((party, row[roles["id"]]), set())
            if not any(kind.startswith(("nik", "mother")) for kind in kinds):
                nik = row[roles["nik"]]
                assert re.fullmatch(r"\d{4}99\d{10}", nik)
                niks[nik].add(dirty.entities[party][row[roles["id"]]])
    assert max(map(len, niks.values())) == 1
    assert len({entity for found in niks.values() for entity in found}) == len(niks)
    cards = defaultdict(set)
    for party, name in ((0, "krs"), (1, "dtsen")):
        for row in dirty.rows[name]:
            kinds = dirty.family_kinds.get((party, row["id_keluarga"]), set())
            if not any(kind.startswith("card") for kind in kinds):
                assert re.fullmatch(r"640899\d{10}", row["no_kk"])
                cards[party, row["no_kk"]].add(row["id_keluarga"])
    assert max(map(len, cards.values())) == 1
    assert not {card for _, card in cards} & set(niks)


def test_no_number_begins_with_the_code_of_a_real_kecamatan(dirty):
    # Whatever happens to a number, its first six digits aren't those of a kecamatan.
    real = {row["kode_kecamatan"] for row in dirty.rows["krs"]}
    damaged = ("nik_invalid", "nik_typo", "card_invalid", "card_typo")
    for party, name, column in ((0, "krs", "id_anggota"), (1, "dtsen", "id_art")):
        for row in dirty.rows[name]:
            kinds = dirty.kinds.get((party, row[column]), set()) | dirty.family_kinds.get(
                (party, row["id_keluarga"]), set()
            )
            if not kinds & set(damaged):
                assert row["nik"].replace("'", "")[:6] not in real
                assert row["no_kk"][:6] not in real


def test_addresses_are_codes_of_the_real_hierarchy(dirty):
    villages = {}
    for row in dirty.rows["dtsen"]:
        assert row["kode_desa"].startswith(row["kode_kec"] + "2")
        assert row["kode_kec"].startswith(row["kode_kab"])
        assert row["kode_kab"][:2] == row["kode_prov"]
        assert villages.setdefault(row["kode_desa"], row["nama_desa"]) == row["nama_desa"]
    assert len(villages) == 141
    assert len({code[:6] for code in villages}) == 18


# Oddities


def test_every_oddity_and_kind_of_damage_occurs(dirty):
    found = set().union(*dirty.kinds.values(), *dirty.family_kinds.values())
    assert {kind.name.lower() for kind in Oddity} <= found
    assert {kind.name.lower() for kind in Kind} - found <= {"name_missing"}  # one in 20,000


def undamaged(written, party, id_):
    return all(HARMLESS.fullmatch(kind) for kind in written.kinds.get((party, id_), set()))


def test_twins_have_one_birthday_and_different_niks(dirty):
    twins = dirty.with_kind(0, "twin")
    pairs = 0
    for rows in dirty.members("krs", "id_anggota").values():
        these = [
            row
            for row in rows
            if row["id_anggota"] in twins and undamaged(dirty, 0, row["id_anggota"])
        ]
        people = {dirty.entities[0][row["id_anggota"]]: row for row in these}.values()
        if len(people) == 2:
            pairs += 1
            assert len({row["tgl_lahir"] for row in people}) == 1
            assert len({row["nik"] for row in people}) == 2
    assert pairs > 10


def test_children_are_called_like_a_parent_now_and_then(clean):
    same = 0
    namesakes = clean.with_kind(1, "namesake")
    for rows in clean.members("dtsen", "id_art").values():
        parents = {row["nama_lengkap"] for row in rows if row["hubungan_keluarga"] != "Anak"}
        for row in rows:
            if row["id_art"] in namesakes:
                same += row["nama_lengkap"] in parents
    assert same > 0.4 * len(namesakes) > 10


def test_children_carry_a_name_of_their_father_and_relatives_in_a_house_one_name(clean):
    patronyms = children = 0
    for rows in clean.members("dtsen", "id_art").values():
        head = rows[0]
        if head["jenis_kelamin"] != "LAKI-LAKI" or " " not in head["nama_lengkap"]:
            continue
        last = head["nama_lengkap"].split()[-1]
        for row in rows:
            if row["hubungan_keluarga"] == "Anak" and " " in row["nama_lengkap"]:
                children += 1
                patronyms += row["nama_lengkap"].split()[-1] == last
    assert 0.12 < patronyms / children < 0.4
    houses = defaultdict(list)
    shared = clean.families_with_kind(1, "shared_house")
    for family, rows in clean.members("dtsen", "id_art").items():
        if family in shared:
            houses[rows[0]["kode_desa"], rows[0]["alamat"]].append(
                rows[0]["nama_lengkap"].split()[-1]
            )
    together = [names for names in houses.values() if len(names) == 2]
    assert len(together) > 200
    assert sum(first == second for first, second in together) > 0.5 * len(together)


def test_mothers_without_a_nik_have_none_in_any_register(dirty):
    empty = {"", "-", "0", "TIDAK ADA"}
    for party, (name, column) in enumerate((("krs", "id_anggota"), ("dtsen", "id_art"))):
        mothers = dirty.with_kind(party, "mother_without_nik")
        rows = [row for row in dirty.rows[name] if row[column] in mothers]
        assert len(rows) > 50
        assert all(row["nik"] in empty for row in rows)


def test_the_dead_stand_in_one_register_only_and_the_widow_is_head_in_the_other(dirty):
    entities = {party: set(ids.values()) for party, ids in dirty.entities.items()}
    for party in (0, 1):
        dead = {dirty.entities[party][id_] for id_ in dirty.with_kind(party, "deceased")}
        assert len(dead) > 20
        assert not dead & entities[1 - party]
    headless = dirty.families_with_kind(0, "head_deceased")
    women = 0
    for family, rows in dirty.members("krs", "id_anggota").items():
        if family in headless:
            fresh = "second_card" in dirty.family_kinds[0, family]
            women += fresh and rows[0]["jk"] == "P"
            assert not fresh or rows[0]["pus"] == "Tidak"
    assert women > 20


def test_families_that_moved_have_another_card_and_address(dirty):
    theirs = {entity: family for family, entity in dirty.families[1].items()}
    dtsen = {family: rows[0] for family, rows in dirty.members("dtsen", "id_art").items()}
    krs = dirty.krs_families()
    moved = dirty.families_with_kind(0, "family_moved")
    assert len(moved) > 300
    streets = cards = 0
    for family in moved:
        other = dtsen[theirs[dirty.families[0][family]]]
        streets += krs[family]["alamat"].lower() != other["alamat"].lower()
        cards += krs[family]["no_kk"] != other["no_kk"]
    assert cards == len(moved)
    assert streets > 0.98 * len(moved)


def test_a_part_with_its_own_card_is_a_family_that_only_dtsen_knows(dirty):
    parts = dirty.families_with_kind(1, "split_off")
    assert len(parts) == round(0.05 * dirty.made.common)
    known = set(dirty.families[0].values())
    assert not {dirty.families[1][family] for family in parts} & known
    listed = set(dirty.entities[0].values())
    for family, rows in dirty.members("dtsen", "id_art").items():
        if family in parts:
            assert {row["id_art"] for row in rows} <= dirty.with_kind(1, "left")
            assert rows[0]["pkh"] == rows[0]["sembako"] == "0"
    left = {dirty.entities[1][id_] for id_ in dirty.with_kind(1, "left")}
    assert len(left & listed) > 0.9 * len(left)


def test_small_children_are_those_that_the_family_says_it_has(dirty):
    day = dirty.made.as_of
    for family, rows in dirty.members("krs", "id_anggota").items():
        if not all(undamaged(dirty, 0, row["id_anggota"]) for row in rows):
            continue
        months = []
        for row in rows:
            if row["hubungan"] == "Anak":
                birth = date(*map(int, reversed(row["tgl_lahir"].split("-"))))
                whole = 12 * (day.year - birth.year) + day.month - birth.month
                months.append(whole - (birth.day > day.day))
        assert (rows[0]["baduta"] == "Ya") == any(age < 24 for age in months), family
        assert (rows[0]["balita"] == "Ya") == any(24 <= age < 60 for age in months), family


# Registers


def test_headers_are_those_that_column_recognition_knows(dirty, by_family):
    for name in REGISTERS:
        roles = recognise(list(dirty.rows[name][0])).roles
        assert {"id", "nik", "name", "birth_date", "sex", "district"} <= set(roles), name
        of_families = all_registers()[name].of_families
        assert ("family_id" in roles) == of_families
    roles = recognise(list(by_family.rows["krs"][0])).roles
    assert {"family_id", "kk_number", "nik", "name", "birth_date", "village"} <= set(roles)


@pytest.mark.parametrize("seed", range(5))
def test_varied_headers_are_those_of_other_offices(seed):
    for look in all_registers().values():
        for columns in (look.columns, look.family_columns):
            usual = look.headers(columns, np.uint64(seed), varied=False)
            varied = look.headers(columns, np.uint64(seed), varied=True)
            assert len(set(varied)) == len(varied)
            assert not columns or usual != varied
            assert recognise(usual).roles.keys() == recognise(varied).roles.keys(), look.name


def test_every_field_of_every_register_is_known():
    for look in all_registers().values():
        for column in (*look.columns, *look.family_columns):
            assert column.field.rpartition(".")[2] in FAMILY_FIELDS | PERSON_FIELDS


def test_pupils_of_dapodik_and_emis_go_to_school_in_krs_too(dirty):
    at_school = {
        dirty.entities[0][row["id_anggota"]]
        for row in dirty.rows["krs"]
        if row["masih_sekolah"] == "Ya"
    }
    listed = set(dirty.entities[0].values())
    pupils = [set(dirty.entities[party].values()) for party in (2, 4)]
    assert not pupils[0] & pupils[1]
    assert (pupils[0] | pupils[1]) & listed <= at_school
    assert len((pupils[0] | pupils[1]) & listed) > 0.85 * len(at_school)
    assert {row["jenjang"] for row in dirty.rows["dapodik"]} == {"PAUD", "SD", "SMP", "SMA"}


def test_there_are_children_out_of_school_and_adults_without_work_or_school(dirty):
    rows = dirty.rows["krs"]
    out = [row for row in rows if row["hubungan"] == "Anak" and row["masih_sekolah"] == "Tidak"]
    schools = Counter(row["pendidikan"] for row in out)
    assert set(schools) >= {"Tidak/Belum Tamat SD", "SD/Sederajat", "SMP/Sederajat"}
    assert 0.3 < share(rows, "bekerja", "Ya") < 0.6
    assert 0.005 < share(rows, "disabilitas", "Ya") < 0.02


def test_the_insured_of_pbi_are_those_that_dtsen_flags(dirty):
    flagged = {
        dirty.entities[1][row["id_art"]] for row in dirty.rows["dtsen"] if row["pbi_jk"] == "1"
    }
    known = set(dirty.entities[1].values())
    insured = set(dirty.entities[3].values())
    assert insured & known <= flagged
    assert len(insured & known) > 0.95 * len(flagged)
    assert 0.01 < share(dirty.rows["pbi_jkn"], "status_peserta", "NONAKTIF") < 0.06


def test_p3ke_is_poor_and_pkh_has_one_person_a_family(dirty):
    assert {row["desil_kesejahteraan"] for row in dirty.rows["p3ke"]} <= {"", "1", "2", "3", "4"}
    women = share(dirty.rows["pkh"], "jk", "P")
    assert women > 0.8
    flagged = {dirty.entities[1][row["id_art"]] for row in dirty.rows["dtsen"] if row["pkh"] == "1"}
    known = set(dirty.entities[1].values())
    left = {dirty.entities[1][id_] for id_ in dirty.with_kind(1, "left")}  # the card stays
    assert set(dirty.entities[6].values()) & known - left <= flagged


def test_one_row_per_family_says_the_same_as_one_row_per_member(dirty, by_family):
    members = dirty.members("krs", "id_anggota")
    rows = {row["id_keluarga"]: row for row in by_family.rows["krs"]}
    assert list(rows) == list(members)
    for family, row in rows.items():
        first = members[family][0]
        for column in ("no_kk", "kode_desa", "jamban_layak", "kb_modern", "pendamping", "baduta"):
            assert row[column] == first[column]
    people = dict.fromkeys(by_family.entities[0].values())
    assert set(people) <= set(dirty.entities[0].values())
    # What is left out are members who are neither head, spouse nor child, and second records.
    out = set(dirty.entities[0].values()) - set(people)
    relations = {
        row["hubungan"] for row in dirty.rows["krs"] if dirty.entities[0][row["id_anggota"]] in out
    }
    assert relations == {"Orang Tua", "Lainnya"}


def test_ids_of_persons_in_family_rows_follow_from_their_columns(by_family):
    expected = []
    for row in by_family.rows["krs"]:
        places = ["kepala_keluarga", "istri", *(f"anak_{number}" for number in range(1, 7))]
        children = [bool(row[f"sekolah_{place}"]) for place in places[2:]]
        assert children == sorted(children, reverse=True)  # no gaps
        for number, place in enumerate(places, start=1):
            fact = "sekolah" if number > 2 else "bekerja"
            if row[f"{fact}_{place}"]:
                expected.append(f"{row['id_keluarga']}-{number:02}")
            else:
                assert not row[f"nama_{place}"]
                assert not row[f"nik_{place}"]
    assert expected == list(by_family.entities[0])


# Running


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_arguments_give_the_same_bytes_on_any_threads_and_chunks(tmp_path, monkeypatch):
    found = []
    for name, threads, chunk_rows in (("one", 1, 65_536), ("two", 3, 500), ("three", 2, 777)):
        monkeypatch.setattr(cells, "_CHUNK_ROWS", chunk_rows)
        make(tmp_path / name, registers=("krs", "dtsen", "dapodik"), threads=threads)
        found.append(contents(tmp_path / name))
    assert found[0] == found[1] == found[2]
    assert {"krs.csv", "dtsen.csv", "dapodik.csv", "truth_families.csv"} < set(found[0])


def test_a_register_is_the_same_whichever_others_are_made(tmp_path):
    make(tmp_path / "both")
    make(tmp_path / "more", registers=("pbi_jkn", "dtsen", "krs"))
    for name in ("krs.csv", "dtsen.csv"):
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "more" / name).read_bytes()
    parties = {row["party"] for row in rows_of(tmp_path / "more" / "truth_families.csv")}
    assert parties == {"1", "2"}  # in the order asked for


def test_another_seed_is_another_population(tmp_path):
    first, second = (make(tmp_path / str(seed), seed=seed) for seed in (1, 2))
    assert first.paths["krs"].read_bytes() != second.paths["krs"].read_bytes()


def test_the_simulator_of_persons_writes_what_it_always_wrote(tmp_path):
    simulate((700, 900, 500), overlap=0.5, damage="dirty", seed=7, out=tmp_path)
    digest = hashlib.sha256(b"".join(contents(tmp_path).values())).hexdigest()
    assert digest == "b8a783996f37509fbd4baaae432361bb4cc55f3bb2ac6fecf14d7b5b07912e63"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"krs": 0}, "simulate.size"),
        ({"dtsen": -3}, "simulate.size"),
        ({"dtsen": 5_000_000}, "simulate.families"),
        ({"overlap": 1.5}, "simulate.overlap"),
        ({"overlap": float("nan")}, "simulate.overlap"),
        ({"damage": "filthy"}, "simulate.damage"),
        ({"seed": -1}, "simulate.seed"),
        ({"registers": ()}, "simulate.registers"),
        ({"registers": ("krs", "krs")}, "simulate.registers"),
        ({"registers": ("krs", "facebook")}, "simulate.registers"),
        ({"krs_layout": "wide"}, "simulate.layout"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path, options, code
):
    with pytest.raises(ConfigError) as caught:
        make(tmp_path / "out", **options)
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    (tmp_path / "truth_families.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        make(tmp_path)
    assert caught.value.code == "output.exists"
    assert [path.name for path in tmp_path.iterdir()] == ["truth_families.csv"]
    make(tmp_path, force=True)
    assert rows_of(tmp_path / "truth_families.csv")


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (5, 1)])
@pytest.mark.parametrize(("overlap", "krs_layout"), [(0.0, "member"), (1.0, "family")])
def test_the_smallest_registers_work(tmp_path, sizes, overlap, krs_layout):
    seen = []
    made = make(
        tmp_path,
        krs=sizes[0],
        dtsen=sizes[1],
        overlap=overlap,
        krs_layout=krs_layout,
        registers=tuple(all_registers()),
        progress=seen.append,
    )
    assert made.common == round(overlap * min(sizes))
    assert (made.counts["krs"].families, made.counts["dtsen"].families) == sizes
    assert seen[-1] == sum(count.rows for count in made.counts.values())
