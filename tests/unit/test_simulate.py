"""Simulated registers: their shape, their truth, their NIKs, their damage."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as pacsv

from pprl._jit import compiled
from pprl.errors import ConfigError, LimitError
from pprl.io.columns import recognise
from pprl.lab import simulate as module
from pprl.lab.damage import Kind, rates_of
from pprl.lab.population import born, population_tables
from pprl.lab.simulate import simulate

SIZES = (4_000, 9_000)
PARTIES = {0: ("a.csv", ";", "id"), 1: ("b.csv", ",", "id_art")}


def rows_of(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def make(folder, sizes=SIZES, **options):
    settings = {"overlap": 0.6, "damage": "dirty", "seed": 7, **options}
    return simulate(sizes, out=folder, **settings)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    return folder, make(folder)


def entities(folder):
    """Return party -> id -> entity."""
    truth = {}
    for row in rows_of(folder / "truth.csv"):
        truth.setdefault(int(row["party"]), {})[row["id"]] = row["entity"]
    return truth


def damage(folder):
    """Return (party, id) -> set of kinds."""
    return {
        (int(row["party"]), row["id"]): set(row["kinds"].split(";"))
        for row in rows_of(folder / "damage.csv")
    }


def test_every_file_has_exactly_the_rows_asked_for_and_no_id_twice(dirty):
    folder, made = dirty
    for party, (name, delimiter, id_column) in PARTIES.items():
        ids = [row[id_column] for row in rows_of(folder / name, delimiter)]
        assert len(ids) == len(set(ids)) == SIZES[party] == made.counts.rows[party]


def test_rows_of_several_chunks_are_all_there(tmp_path):
    make(tmp_path, (3 * 65_536 + 11, 65_536))
    assert pacsv.read_csv(tmp_path / "truth.csv").num_rows == 4 * 65_536 + 11


def test_the_truth_names_every_record_once_and_in_file_order(dirty):
    folder, _ = dirty
    truth = entities(folder)
    for party, (name, delimiter, id_column) in PARTIES.items():
        assert list(truth[party]) == [row[id_column] for row in rows_of(folder / name, delimiter)]


def test_the_headers_are_those_that_column_recognition_knows(dirty):
    folder, _ = dirty
    for name, delimiter, _ in PARTIES.values():
        header = (folder / name).read_text(encoding="utf-8").split("\n", 1)[0].split(delimiter)
        found = recognise(header)
        assert set(found.roles) == {"id", "nik", "name", "birth_date", "sex", "district"}
        assert found.unrecognised == ()


@pytest.mark.parametrize("overlap", [0.0, 0.35, 1.0])
def test_the_overlap_is_exact_and_the_same_for_three_parties(tmp_path, overlap):
    made = make(tmp_path, (1_000, 3_000, 2_000), overlap=overlap)
    first, second, third = (set(ids.values()) for ids in entities(tmp_path).values())
    common = round(overlap * made.counts.persons[0])
    assert made.counts.common == common
    assert len(first & second & third) == common
    assert len(first & second) == len(first & third) == len(second & third) == common
    assert len(first | second | third) == made.counts.population
    assert [path.name for path in made.paths] == ["a.csv", "b.csv", "c.csv"]


def test_duplicates_are_second_records_of_persons_of_the_file(dirty):
    folder, made = dirty
    marks = damage(folder)
    for party, ids in entities(folder).items():
        times = Counter(ids.values())
        assert len(times) == made.counts.persons[party] == SIZES[party] - SIZES[party] // 100
        assert max(times.values()) == 2
        seconds = [id_ for id_ in ids if "second_record" in marks.get((party, id_), ())]
        assert len(seconds) == SIZES[party] // 100
        assert all(times[ids[id_]] == 2 for id_ in seconds)


def test_undamaged_records_of_one_person_agree_and_their_nik_fits_date_and_sex(dirty):
    folder, _ = dirty
    truth, marks = entities(folder), damage(folder)
    second = {
        truth[1][row["id_art"]]: row
        for row in rows_of(folder / "b.csv")
        if (1, row["id_art"]) not in marks
    }
    compared = 0
    for row in rows_of(folder / "a.csv", ";"):
        other = second.get(truth[0][row["id"]])
        if other is None or (0, row["id"]) in marks:
            continue
        compared += 1
        day, month, year = row["tgl_lahir"].split("-")
        woman = row["jk"] == "P"
        assert row["nik"] == other["nik"]
        assert row["nama"] == other["nama_lengkap"].upper()
        assert other["tanggal_lahir"] == f"{year}-{month}-{day}"
        assert other["jenis_kelamin"] == ("PEREMPUAN" if woman else "LAKI-LAKI")
        assert row["kode_kecamatan"] == other["kode_kec"]
        assert row["nik"][4:12] == f"99{int(day) + 40 * woman:02}{month}{year[2:]}"
    assert compared > 300


def test_every_record_with_another_date_sex_or_district_is_marked(dirty):
    folder, _ = dirty
    truth, marks = entities(folder), damage(folder)
    people = {}
    for party, (name, delimiter, id_column) in PARTIES.items():
        for row in rows_of(folder / name, delimiter):
            people.setdefault(truth[party][row[id_column]], []).append(
                (marks.get((party, row[id_column]), set()), list(row.values())[3:])
            )
    for records in people.values():
        for kinds, (birth, sex, district) in records:
            for other_kinds, (other_birth, other_sex, other_district) in records:
                both = kinds | other_kinds
                if not any(kind.startswith("date") for kind in both):
                    assert set(birth.split("-")) == set(other_birth.split("-"))
                if "sex_wrong" not in both:
                    assert (sex in {"P", "PEREMPUAN"}) == (other_sex in {"P", "PEREMPUAN"})
                if "district_changed" not in both:
                    assert district == other_district


def test_the_same_arguments_give_the_same_bytes_on_any_threads_and_chunks(tmp_path, monkeypatch):
    contents = []
    for name, threads, chunk_rows in (("one", 1, 65_536), ("two", 3, 1_000), ("three", 2, 777)):
        monkeypatch.setattr(module, "CHUNK_ROWS", chunk_rows)
        (tmp_path / name).mkdir()
        make(tmp_path / name, (2_000, 3_000), threads=threads)
        contents.append(
            {path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())}
        )
    assert contents[0] == contents[1] == contents[2]
    assert list(contents[0]) == ["a.csv", "b.csv", "damage.csv", "truth.csv"]


def test_another_seed_is_another_population(tmp_path):
    for seed in (1, 2):
        make(tmp_path / str(seed), (500, 500), seed=seed)
    assert (tmp_path / "1" / "a.csv").read_bytes() != (tmp_path / "2" / "a.csv").read_bytes()


def test_a_larger_file_keeps_no_trace_of_who_is_in_both(dirty):
    folder, _ = dirty
    truth = entities(folder)
    both = set(truth[0].values()) & set(truth[1].values())
    shared = np.array([entity in both for entity in truth[1].values()])
    halves = shared[: len(shared) // 2].mean(), shared[len(shared) // 2 :].mean()
    assert abs(halves[0] - halves[1]) < 0.05  # common persons aren't at the front
    numbers = np.array([int(entity) for entity in truth[0].values()])
    assert abs(np.corrcoef(numbers, np.array([e in both for e in truth[0].values()]))[0, 1]) < 0.06


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Rates of each kind in files of 150,000 rows, dirty and clean."""
    rates = {}
    for state in ("dirty", "clean"):
        folder = tmp_path_factory.mktemp(state)
        make(folder, (150_000, 150_000), damage=state)
        table = pacsv.read_csv(folder / "damage.csv")
        for party in (0, 1):
            chosen = table.filter(pa.compute.equal(table["party"], party))["kinds"].to_pylist()
            count = Counter(kind for kinds in chosen for kind in kinds.split(";"))
            rates[state, party] = {kind: count[kind] / 150_000 for kind in count}
    return rates


@pytest.mark.parametrize("party", [0, 1])
@pytest.mark.parametrize("state", ["dirty", "clean"])
def test_nik_damage_comes_at_the_published_rates(large, state, party):
    wanted = rates_of(state, party)
    for kind in Kind:
        if kind.name.startswith("NIK") and kind != Kind.NIK_LAST_DIGIT_ZERO:
            found = large[state, party].get(kind.name.lower(), 0.0)
            assert found == pytest.approx(wanted[kind], rel=0.15, abs=0.0004), kind


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("name_variant", 0.12),
        ("name_title", 0.02),
        ("name_order", 0.004),
        ("name_spacing", 0.02),
        ("name_truncated", 0.02),
        ("name_nickname", 0.01),
        ("name_apostrophe", 0.0106),
        ("name_hyphen", 0.0048),
        ("date_day_month", 0.005),
        ("date_default", 0.04),
        ("date_year", 0.01),
        ("sex_wrong", 0.003),
        ("district_changed", 0.05),
        ("second_record", 0.01),
    ],
)
def test_other_damage_comes_near_the_suggested_shares_of_all_records(large, kind, share):
    for party in (0, 1):
        assert large["dirty", party][kind] == pytest.approx(share, rel=0.27)


def test_clean_registers_have_less_of_every_kind_of_name_and_date_damage(large):
    for kind in ("name_variant", "name_typo", "name_title", "date_default", "sex_wrong"):
        assert large["clean", 1][kind] < 0.7 * large["dirty", 1][kind]


@compiled
def all_born(tables, seed, regions, births, sexes, niks):
    for rank in range(tables.size):
        regions[rank], births[rank], sexes[rank], niks[rank] = born(tables, seed, rank)


@pytest.mark.parametrize("size", [1, 2, 50, 20_000, 1_000_000])
def test_niks_are_unique_synthetic_and_say_date_and_sex(size):
    tables = population_tables(size)
    regions, births, sexes, niks = (np.empty(size, np.int64) for _ in range(4))
    all_born(tables, np.uint64(3), regions, births, sexes, niks)
    assert np.unique(niks).size == size
    assert (niks // 10**12 == tables.codes[regions]).all()
    assert (niks // 10**10 % 100 == 99).all()
    assert (niks // 10**8 % 100 == births % 100 + 40 * sexes).all()
    assert (niks // 10**6 % 100 == births // 100 % 100).all()
    assert (niks // 10**4 % 100 == births // 10**4 % 100).all()
    assert ((niks % 10**4 >= 1) & (niks % 10**4 <= tables.serials)).all()
    for birth in births[:1_000].tolist():
        date(birth // 10_000, birth // 100 % 100, birth % 100)


def test_a_small_register_is_of_one_district_and_a_large_one_of_the_whole_country():
    small, large = population_tables(60_000), population_tables(5_000_000)
    people = np.diff(small.edges)
    assert small.codes[people.argmax()] == 6408
    assert people.max() / 60_000 == pytest.approx(0.85, abs=0.01)
    assert (np.diff(large.edges) > 0).sum() == 514


def test_ages_have_the_shape_of_the_pyramid_and_birthdays_meet_by_chance():
    size = 100_000
    tables = population_tables(size)
    regions, births, sexes, niks = (np.empty(size, np.int64) for _ in range(4))
    all_born(tables, np.uint64(5), regions, births, sexes, niks)
    assert np.mean(births // 10_000 > 2009) == pytest.approx(0.237, abs=0.01)  # under 15
    assert np.mean(births // 10_000 < 1960) == pytest.approx(0.078, abs=0.005)  # 65 and over
    assert np.mean(sexes == 0) == pytest.approx(0.505, abs=0.01)
    # Pairs of persons with one birth date and sex: as many as independent draws would give.
    _, holders = np.unique(births * 2 + sexes, return_counts=True)
    pairs = (holders * (holders - 1) / 2).sum()
    years = np.bincount(births // 10_000)
    expected = ((years / size) ** 2).sum() / 365 / 2 * size * (size - 1) / 2
    assert pairs == pytest.approx(expected, rel=0.05)


def test_heads_of_families_are_of_age_and_mostly_men_and_no_nik_repeats():
    size = 100_000
    tables = population_tables(size, heads=True)
    regions, births, sexes, niks = (np.empty(size, np.int64) for _ in range(4))
    all_born(tables, np.uint64(5), regions, births, sexes, niks)
    years = births // 10_000
    assert years.max() == 2009
    assert years.min() < 1945
    assert np.median(2024 - years) == pytest.approx(48, abs=3)
    assert np.mean(sexes == 0) == pytest.approx(0.86, abs=0.01)
    assert np.unique(niks).size == size
    assert (niks // 10**12 == tables.codes[regions]).all()


def test_a_register_of_heads_has_nobody_under_age(tmp_path):
    make(tmp_path / "heads", heads=True)
    make(tmp_path / "persons")
    under_age = {
        folder: sum(
            row["tanggal_lahir"] >= "2011-01-01"  # a year may be wrong by one
            for row in rows_of(tmp_path / folder / "b.csv")
        )
        for folder in ("heads", "persons")
    }
    assert under_age["heads"] == 0
    assert under_age["persons"] > SIZES[1] / 10


def test_national_size_is_planned_within_serials():
    for heads in (False, True):
        tables = population_tables(150_000_000, heads=heads)
        assert tables.serials < 9_999
        assert tables.edges[-1] == 150_000_000


def test_too_many_persons_for_four_digit_serials_are_refused():
    with pytest.raises(LimitError) as caught:
        population_tables(20_000_000_000)
    assert caught.value.code == "simulate.too_many"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sizes": (100,)}, "simulate.parties"),
        ({"sizes": (100,) * 27}, "simulate.parties"),
        ({"sizes": (100, 0)}, "simulate.size"),
        ({"overlap": 1.5}, "simulate.overlap"),
        ({"overlap": float("nan")}, "simulate.overlap"),
        ({"damage": "filthy"}, "simulate.damage"),
        ({"seed": -1}, "simulate.seed"),
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
    (tmp_path / "truth.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, (100, 100))
    assert caught.value.code == "output.exists"
    assert [path.name for path in tmp_path.iterdir()] == ["truth.csv"]
    make(tmp_path, (100, 100), force=True)
    assert (tmp_path / "truth.csv").read_text(encoding="utf-8").startswith("party,id,entity\n")


def test_a_missing_parent_folder_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError) as caught:
        make(tmp_path / "no" / "such", (100, 100))
    assert caught.value.code == "output.no_folder"


def test_an_interrupted_run_leaves_nothing(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out", (100, 100), progress=interrupt)
    assert list((tmp_path / "out").iterdir()) == []


def test_progress_says_how_many_rows_are_written_so_far(tmp_path):
    seen = []
    make(tmp_path, (70_000, 100), progress=seen.append)
    assert seen == [65_536, 70_000, 70_100]


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 5, 3)])
def test_the_smallest_registers_work(tmp_path, sizes):
    made = make(tmp_path, sizes, overlap=1.0)
    assert made.counts.common == 1
    assert len(rows_of(made.truth_path)) == sum(sizes)
