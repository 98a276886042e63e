"""Scores by band, place and damage, causes of mistakes, comparison and calibration.

One file, since all splits are read off the same small truth.
"""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pytest

from pprl.errors import ConfigError, InputError
from pprl.lab.evaluate import evaluate, wilson
from pprl.lab.simulate import simulate


def truth_of(*parties):
    """Build a truth from one string a party: record i of it is id ``party-i``, its letter who."""
    rows = [
        (p, f"{p}-{i}", who) for p, people in enumerate(parties) for i, who in enumerate(people)
    ]
    return table(("party", "id", "entity"), rows)


def links(*groups, tier="filter", precision=None):
    """Build a link from groups of ids, each with a tier and an estimate."""
    tiers = tier if isinstance(tier, list) else [tier] * len(groups)
    estimates = precision or [None] * len(groups)
    rows = [
        (number, int(id_.split("-")[0]), id_, tiers[number], estimates[number])
        for number, members in enumerate(groups)
        for id_ in members.split()
    ]
    return table(("group", "party", "id", "tier", "precision"), rows)


def damage_of(**kinds):
    """Build a damage table; ``p0_1="x;y"`` is record 0-1."""
    rows = [(int(name[1]), f"{name[1]}-{name[3:]}", text) for name, text in kinds.items()]
    return table(("party", "id", "kinds"), rows)


def table(names, rows):
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    if not rows:
        columns = {name: pa.array([], pa.string()) for name in names}
    return pa.table(columns)


def figures(score):
    return score.found, score.right, score.recovered, score.findable


# --- F1 ---------------------------------------------------------------------------------------


def test_the_interval_of_f1_is_that_of_the_share_it_grows_with():
    # Two of three pairs right, two of four persons found: 2 right, 1 false, 2 missed.
    score = evaluate(links("0-0 1-0", "0-1 1-1", "0-2 1-4"), truth_of("abcd", "abcdx")).overall
    share = wilson(2, 5)
    assert score.f1 == pytest.approx(4 / 7)
    assert score.f1_interval.low == pytest.approx(2 * share.low / (1 + share.low))
    assert score.f1_interval.high == pytest.approx(2 * share.high / (1 + share.high))
    assert score.as_dict()["f1_interval"] == [score.f1_interval.low, score.f1_interval.high]


def test_f1_of_nothing_has_no_interval_and_f1_of_only_mistakes_starts_at_nought():
    nothing = evaluate(links("0-0 1-0"), truth_of("a", "b")).overall
    assert nothing.f1_interval.low is nothing.f1_interval.high is None
    wrong = evaluate(links("0-0 1-0"), truth_of("ab", "bc")).overall
    assert wrong.f1 == wrong.f1_interval.low == 0.0
    assert 0 < wrong.f1_interval.high < 1


# --- bands ------------------------------------------------------------------------------------


def test_review_is_scored_by_itself_and_as_a_perfect_clerk_would_resolve_it():
    truth = truth_of("abcd", "abcd")
    accepted, review = links("0-0 1-0", "0-1 1-2"), links("0-1 1-1", "0-2 1-3", "0-0 1-1")
    result = evaluate(accepted, truth, review=review)
    assert figures(result.bands.accept) == figures(result.overall) == (2, 1, 1, 4)
    assert figures(result.bands.review) == (3, 1, 1, 4)
    assert figures(result.bands.resolved) == (3, 2, 2, 4)
    assert [each["band"] for each in result.as_dict()["bands"]] == ["accept", "review", "resolved"]


def test_a_pair_that_is_accepted_and_in_review_is_resolved_once():
    truth, same = truth_of("a", "a"), links("0-0 1-0")
    assert figures(evaluate(same, truth, review=same).bands.resolved) == (1, 1, 1, 1)


def test_a_review_file_without_rows_is_an_empty_band(tmp_path):
    path = tmp_path / "review.csv"
    path.write_text("group,party,id,similarity,tier,band,precision\n", encoding="utf-8")
    result = evaluate(links("0-0 1-0"), truth_of("a", "a"), review=path)
    assert figures(result.bands.review) == (0, 0, 0, 1)
    assert result.bands.resolved == result.overall


# --- by place ---------------------------------------------------------------------------------


def register(party, places, header="kode_kecamatan"):
    ids = [f"{party}-{i}" for i in range(len(places))]
    return pa.table({"id": ids, "nama": ["KENARI"] * len(ids), header: places})


def test_pairs_and_persons_are_counted_where_the_record_of_the_lower_party_lives():
    truth = truth_of("abcdefghij", "abcdefghijkl")
    data = [
        register(0, ["640801"] * 5 + ["640802"] * 5),
        register(1, ["640802"] * 12, "Nama Kecamatan"),
    ]
    matches = links("0-0 1-0", "0-1 1-1", "0-2 1-3", "0-5 1-5")
    by = evaluate(matches, truth, data=data, by="kecamatan").by
    assert by.role == "district"
    assert {place: figures(score) for place, score in by.scores.items()} == {
        "640801": (3, 2, 2, 5),
        "640802": (1, 1, 1, 5),
    }


def test_a_value_of_few_records_is_not_shown_and_an_empty_one_is_said_to_be():
    truth = truth_of("abcdefgh", "abcdefgh")
    data = [register(0, ["Sangatta "] * 5 + ["KENARI", "6408995503909901", None])]
    data.append(register(1, ["SANGATTA"] * 8))
    result = evaluate(links("0-0 1-0"), truth, data=data, by="district")
    assert {place: score.findable for place, score in result.by.scores.items()} == {
        "SANGATTA": 5,
        "(rare)": 2,
        "(empty)": 1,
    }
    assert "KENARI" not in json.dumps(result.as_dict())


def test_without_an_id_column_the_row_number_is_the_id(tmp_path):
    for name in "ab":
        rows = ["nama,jk", *["KENARI,P"] * 5, *["KENARI,L"] * 5]
        (tmp_path / f"{name}.csv").write_text("\n".join(rows), encoding="utf-8")
    truth = table(
        ("party", "id", "entity"), [(p, str(i), str(i)) for p in (0, 1) for i in range(2, 12)]
    )
    rows = [(0, 0, "2", "filter"), (0, 1, "2", "filter")]
    matches = table(("group", "party", "id", "tier"), rows)
    by = evaluate(matches, truth, data=[tmp_path / "a.csv", tmp_path / "b.csv"], by="sex").by
    assert {place: figures(score) for place, score in by.scores.items()} == {
        "L": (0, 0, 0, 5),
        "P": (1, 1, 1, 5),
    }


@pytest.mark.parametrize("by", ["nik", "nama", "name", "kk_number", "phone", "id", "kenari"])
def test_scores_are_never_split_by_what_says_who_somebody_is(by):
    data = [register(0, ["x"]), register(1, ["x"])]
    with pytest.raises(ConfigError) as caught:
        evaluate(links("0-0 1-0"), truth_of("a", "a"), data=data, by=by)
    assert caught.value.code == "evaluate.by"


@pytest.mark.parametrize(
    ("data", "by", "code"),
    [
        ([register(0, ["x"])], "kecamatan", "evaluate.registers"),
        ([register(0, ["x"]), register(1, ["x"], "other")], "kecamatan", "evaluate.no_role"),
        ([register(1, ["x"]), register(0, ["x"])], "kecamatan", "evaluate.not_in_register"),
        ([], "kecamatan", "evaluate.by_needs_data"),
        ([register(0, ["x"]), register(1, ["x"])], None, "evaluate.by_needs_data"),
    ],
)
def test_registers_that_do_not_fit_are_refused(data, by, code):
    with pytest.raises((ConfigError, InputError)) as caught:
        evaluate(links("0-0 1-0"), truth_of("a", "a"), data=data, by=by)
    assert caught.value.code == code
    assert "KENARI" not in str(caught.value)


# --- damage -----------------------------------------------------------------------------------


def test_persons_and_pairs_are_counted_under_every_kind_of_either_record():
    truth = truth_of("abc", "abc")
    damage = damage_of(p0_0="nik_typo;name_typo", p1_0="nik_typo", p1_1="name_typo")
    result = evaluate(links("0-0 1-0", "0-2 1-1"), truth, damage=damage)
    assert {kind: figures(score) for kind, score in result.damage.scores.items()} == {
        "name_typo": (2, 1, 1, 2),
        "none": (0, 0, 0, 1),
        "nik_typo": (1, 1, 1, 1),
    }
    assert result.damage.missed == {"name_typo": 1, "none": 1}
    assert list(result.damage.scores)[-1] == "nik_typo"  # nobody missed: last


def test_a_person_counts_by_the_least_damaged_record_of_each_party():
    damage = damage_of(p0_0="nik_typo;name_typo", p0_1="date_year", p0_2="nik_missing")
    result = evaluate(links("0-0 1-0"), truth_of("aaa", "a"), damage=damage)
    scores = {kind: figures(score) for kind, score in result.damage.scores.items()}
    assert scores["date_year"] == (0, 0, 1, 1)
    assert scores["nik_typo"] == (1, 1, 0, 0)
    assert "nik_missing" not in scores


def test_false_pairs_are_told_by_tier_and_damage():
    truth = truth_of("abcdef", "uvwxyz")
    matches = links(
        "0-0 1-0", "0-1 1-1", "0-2 1-2", "0-3 1-3", "0-4 1-4",
        tier=["nik", "nik15", "filter", "contradicted", "name_birth"],
    )  # fmt: skip
    damage = damage_of(
        p0_0="nik_duplicate;name_typo", p1_0="nik_of_spouse", p1_1="name_typo", p0_2="name_typo"
    )
    false = {each.cause: each for each in evaluate(matches, truth, damage=damage).damage.false}
    assert {cause: (each.pairs, dict(each.kinds)) for cause, each in false.items()} == {
        "nik": (2, {"nik_duplicate": 1, "nik_of_spouse": 1, "none": 1}),
        "look_alike": (2, {"name_typo": 1, "none": 1}),
        "token": (1, {"none": 1}),
    }


def test_a_false_pair_that_a_third_record_joins_is_called_a_chain():
    rows = [(0, 0, "0-0", "nik"), (0, 1, "1-0", "nik"), (0, 2, "2-0", "filter")]
    matches = table(("group", "party", "id", "tier"), rows)
    damage = damage_of(p0_0="name_typo")
    false = evaluate(matches, truth_of("a", "a", "b"), damage=damage).damage.false
    assert [(each.cause, each.pairs) for each in false] == [("chain", 2)]


def test_damage_of_a_simulation_adds_up_to_counting_by_hand(tmp_path):
    made = simulate([400, 600], overlap=0.5, damage="dirty", seed=5, out=tmp_path)
    with made.truth_path.open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    with (tmp_path / "damage.csv").open(newline="", encoding="utf-8") as file:
        kinds = {(row["party"], row["id"]): row["kinds"].split(";") for row in csv.DictReader(file)}
    best = {}
    for row in truth:
        damage = kinds.get((row["party"], row["id"]), [])
        people = best.setdefault(row["entity"], {})
        if row["party"] not in people or len(damage) < len(people[row["party"]][1]):
            people[row["party"]] = row["id"], damage
    expected = {}
    both = [people for people in best.values() if len(people) == 2]
    for place, people in enumerate(both):
        for kind in {*people["0"][1], *people["1"][1]} or {"none"}:
            counts = expected.setdefault(kind, [0, 0])
            counts[0] += place % 3 > 0
            counts[1] += 1
    rows = [
        (place, int(party), people[party][0], "filter")
        for place, people in enumerate(both)
        for party in "01"
        if place % 3 > 0
    ]
    matches = table(("group", "party", "id", "tier"), rows)
    result = evaluate(matches, made.truth_path, damage=tmp_path / "damage.csv")
    scores = result.damage.scores.items()
    assert {kind: [each.recovered, each.findable] for kind, each in scores} == expected
    assert {kind: [each.right, each.found] for kind, each in scores} == {
        kind: [found, found] for kind, (found, _) in expected.items()
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("party,id,kinds\n0,0-0,KENARI AMINAH\n", "evaluate.no_kinds"),
        ("party,id,kinds\n0,0-0,6408995503909901\n", "evaluate.no_kinds"),
        ("party,id,kinds\n0,kenari,nik_typo\n", "evaluate.unknown_id"),
        ("party,id\n0,0-0\n", "table.no_column"),
        ("", "table.empty"),
    ],
)
def test_a_damage_file_that_holds_something_else_is_refused_unseen(tmp_path, text, code):
    path = tmp_path / "damage.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        evaluate(links("0-0 1-0"), truth_of("a", "a"), damage=path)
    assert caught.value.code == code
    assert not [word for word in ("KENARI", "kenari", "6408") if word in str(caught.value)]


def test_a_damage_file_without_rows_means_that_nothing_is_damaged(tmp_path):
    path = tmp_path / "damage.csv"
    path.write_text("party,id,kinds\n", encoding="utf-8")
    result = evaluate(links("0-0 1-0"), truth_of("ab", "ab"), damage=path)
    assert {kind: figures(score) for kind, score in result.damage.scores.items()} == {
        "none": (1, 1, 1, 2)
    }


# --- comparison -------------------------------------------------------------------------------


def test_two_links_are_compared_pair_by_pair():
    truth = truth_of("abcd", "abcd")
    here = links("0-0 1-0", "0-1 1-1", "0-2 1-3")
    there = links("0-3 1-2", "0-1 1-1")
    compared = evaluate(here, truth, compare=there).comparison
    assert (compared.both.found, compared.both.right) == (1, 1)
    assert (compared.only_here.found, compared.only_here.right) == (2, 1)
    assert (compared.only_there.found, compared.only_there.right) == (1, 0)
    assert figures(compared.there) == figures(evaluate(there, truth).overall)
    assert compared.difference["recall"] == pytest.approx(0.25)
    assert compared.difference["precision"] == pytest.approx(2 / 3 - 1 / 2)


def test_a_link_compared_with_one_that_found_nothing_has_no_difference_in_precision(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("group,party,id\n", encoding="utf-8")
    compared = evaluate(links("0-0 1-0"), truth_of("a", "a"), compare=path).comparison
    assert compared.difference == {"precision": None, "recall": 1.0, "f1": 1.0}
    assert compared.as_dict()["only_there"] == {"found": 0, "right": 0}


# --- calibration ------------------------------------------------------------------------------


def hundred(estimates):
    people = "".join(map(chr, range(0x4E00, 0x4E64)))
    # Every fifth pair is of two different people.
    truth = truth_of(
        people, "".join(chr(ord(c) + (1000 if i % 5 == 0 else 0)) for i, c in enumerate(people))
    )
    return links(*(f"0-{i} 1-{i}" for i in range(100)), precision=estimates), truth


def test_ten_bins_of_equally_many_pairs_show_estimated_beside_true_precision():
    matches, truth = hundred([i / 100 for i in range(100)])
    bins = evaluate(matches, truth).calibration.bins
    assert [each.found for each in bins] == [10] * 10
    assert [each.right for each in bins] == [8] * 10
    assert bins[3].estimated == pytest.approx(0.345)
    assert (bins[3].low, bins[3].high) == (0.3, 0.39)
    assert bins[3].true == wilson(8, 10)


def test_pairs_of_one_estimate_are_never_divided():
    matches, truth = hundred([0.5] * 7 + [0.99] * 93)
    bins = evaluate(matches, truth).calibration.bins
    assert [(each.estimated, each.found) for each in bins] == [(0.5, 7), (0.99, 93)]


def test_review_and_acceptance_are_calibrated_together_and_told_apart():
    truth = truth_of("abc", "abx")
    matches = links("0-0 1-0", precision=[0.9])
    review = links("0-0 1-0", "0-1 1-1", "0-2 1-2", precision=[0.1, 0.5, 0.5])
    found = evaluate(matches, truth, review=review).calibration
    assert {
        band: (each.estimated, each.found, each.right) for band, each in found.bands.items()
    } == {
        "accept": (0.9, 1, 1),
        "review": (0.5, 2, 1),
    }
    assert sum(each.found for each in found.bins) == 3


def test_links_without_estimates_have_no_calibration_and_empty_ones_are_left_out(tmp_path):
    truth = truth_of("ab", "ab")
    assert evaluate(links("0-0 1-0"), truth).calibration is None
    path = tmp_path / "m.csv"
    rows = ["group,party,id,tier,precision", "0,0,0-0,nik,", "0,1,1-0,nik,"]
    rows += ["1,0,0-1,nik,0.750000", "1,1,1-1,nik,0.750000", ""]
    path.write_text("\n".join(rows), encoding="utf-8")
    (only,) = evaluate(path, truth).calibration.bins
    assert (only.found, only.estimated) == (1, 0.75)


def test_in_a_group_of_three_the_weaker_estimate_bounds_a_pair():
    names = ("group", "party", "id", "precision")
    rows = [(0, 0, "0-0", 0.9), (0, 1, "1-0", 0.9), (0, 2, "2-0", 0.6)]
    bins = evaluate(table(names, rows), truth_of("a", "a", "a")).calibration.bins
    assert [(each.low, each.found) for each in bins] == [(0.6, 2), (0.9, 1)]


def test_a_table_may_give_estimates_in_whole_millionths():
    matches = links("0-0 1-0", precision=[750_000])
    assert evaluate(matches, truth_of("a", "a")).calibration.bins[0].estimated == 0.75


@pytest.mark.parametrize("precision", ["1.5", "-0.1", "nan", "KENARI"])
def test_an_estimate_that_is_no_share_is_refused_by_row(tmp_path, precision):
    path = tmp_path / "m.csv"
    path.write_text(f"group,party,id,precision\n0,0,0-0,0.5\n0,1,1-0,{precision}\n", "utf-8")
    with pytest.raises(InputError) as caught:
        evaluate(path, truth_of("a", "a"))
    assert (caught.value.code, caught.value.values["row"]) == ("evaluate.no_share", 3)
    assert precision not in str(caught.value)


# --- the whole --------------------------------------------------------------------------------


def test_new_keys_are_there_only_when_there_is_something_to_say():
    truth, matches = truth_of("a", "a"), links("0-0 1-0", precision=[0.9])
    plain = set(evaluate(links("0-0 1-0"), truth).as_dict())
    full = evaluate(
        matches,
        truth,
        review=matches,
        compare=matches,
        damage=damage_of(p0_0="nik_typo"),
        data=[register(0, ["x"]), register(1, ["x"])],
        by="kecamatan",
    ).as_dict()
    new = {"bands", "by", "damage", "missed", "false", "compare", "calibration"}
    assert set(full) - plain == new
    json.dumps(full, allow_nan=False)


@pytest.mark.parametrize("option", ["review", "compare"])
def test_a_second_file_with_an_unknown_id_is_the_one_that_is_named(tmp_path, option):
    path = tmp_path / "second.csv"
    path.write_text("group,party,id\n0,0,0-0\n0,1,kenari\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        evaluate(links("0-0 1-0"), truth_of("a", "a"), **{option: path})
    assert caught.value.code == "evaluate.unknown_id"
    assert caught.value.values == {"path": str(path), "row": 3}


def test_the_order_of_rows_changes_nothing():
    matches, truth = hundred([(i * 7 % 13) / 13 for i in range(100)])
    turned = matches.take(list(range(199, -1, -1)))
    damage = damage_of(p0_0="nik_typo", p1_7="name_typo;sex_wrong")
    assert evaluate(turned, truth, damage=damage) == evaluate(matches, truth, damage=damage)
