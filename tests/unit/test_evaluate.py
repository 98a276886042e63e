"""Scores of links whose truth is known."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl import LinkageKey, Schema, encode, link
from pprl.errors import InputError
from pprl.lab.evaluate import evaluate, wilson
from pprl.lab.simulate import simulate


def truth_of(*parties):
    """Build a truth from one string a party: record i of it is id ``party-i``, its letter who."""
    rows = [
        (party, f"{party}-{i}", who)
        for party, people in enumerate(parties)
        for i, who in enumerate(people)
    ]
    return table(("party", "id", "entity"), rows)


def links(*groups, tiers=None):
    rows = [
        (number, int(id_.split("-")[0]), id_, *([tiers[number]] if tiers else []))
        for number, members in enumerate(groups)
        for id_ in members.split()
    ]
    return table(("group", "party", "id", *(["tier"] if tiers else [])), rows)


def table(names, rows):
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def figures(score):
    return score.found, score.right, score.recovered, score.findable


def test_right_and_wrong_pairs_are_told_apart():
    result = evaluate(links("0-0 1-0", "0-1 1-2"), truth_of("abc", "abd"))
    assert figures(result.overall) == (2, 1, 1, 2)
    assert result.overall.precision.value == result.overall.recall.value == 0.5
    assert result.overall.f1 == 0.5


def test_a_second_record_left_alone_is_no_miss():
    result = evaluate(links("0-0 1-0"), truth_of("aa", "a"))
    assert figures(result.overall) == (1, 1, 1, 1)
    assert result.overall.f1 == 1.0


def test_second_records_linked_to_the_right_person_are_right_but_count_once_for_recall():
    result = evaluate(links("0-0 1-0", "0-1 1-1"), truth_of("aab", "aab"))
    assert figures(result.overall) == (2, 2, 1, 2)
    assert result.overall.precision.value == 1.0
    assert result.overall.recall.value == 0.5


def test_records_of_one_party_in_a_group_are_no_pair():
    result = evaluate(links("0-0 0-1"), truth_of("aa", "a"))
    assert figures(result.overall) == (0, 0, 0, 1)


def test_a_pair_claimed_twice_counts_once():
    result = evaluate(links("0-0 1-0", "0-0 1-0"), truth_of("a", "a"))
    assert figures(result.overall) == (1, 1, 1, 1)


def test_a_group_of_three_parties_is_three_pairs_scored_by_pair_of_parties():
    truth = truth_of("ab", "a", "bc")
    result = evaluate(links("0-0 1-0 2-0"), truth)
    assert {pair: figures(score) for pair, score in result.parties.items()} == {
        (0, 1): (1, 1, 1, 1),
        (0, 2): (1, 0, 0, 1),
        (1, 2): (1, 0, 0, 0),
    }
    assert figures(result.overall) == (3, 1, 1, 2)
    assert result.parties[1, 2].recall.value is None
    assert result.parties[1, 2].f1 is None


def test_each_tier_is_scored_and_pairs_of_two_tiers_are_mixed():
    truth = truth_of("abc", "abc", "c")
    result = evaluate(links("0-0 1-0", "0-1 1-2", tiers=["nik", "filter"]), truth)
    assert {tier: figures(score) for tier, score in result.tiers.items()} == {
        "filter": (1, 0, 0, 5),
        "nik": (1, 1, 1, 5),
    }
    rows = [(0, 0, "0-2", "nik"), (0, 1, "1-2", "nik"), (0, 2, "2-0", "filter")]
    mixed = evaluate(table(("group", "party", "id", "tier"), rows), truth).tiers
    assert {tier: figures(score)[:2] for tier, score in mixed.items()} == {
        "mixed": (2, 2),
        "nik": (1, 1),
    }


def test_a_link_that_found_nothing_has_recall_nought_and_no_precision(tmp_path):
    path = tmp_path / "matches.csv"
    path.write_text("group,party,id,similarity,tier\n", encoding="utf-8")
    result = evaluate(path, truth_of("ab", "a"))
    assert figures(result.overall) == (0, 0, 0, 1)
    assert result.overall.precision.value is None
    assert result.overall.recall.value == 0.0
    assert result.overall.f1 == 0.0
    assert result.tiers == {}


def test_the_result_can_be_written_as_json():
    result = evaluate(links("0-0 1-0", tiers=["nik"]), truth_of("a", "a"))
    read = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert read["precision"] == 1.0
    assert read["precision_interval"][1] == 1.0
    assert read["found"] == read["recovered"] == 1
    assert read["parties"][0]["parties"] == [0, 1]
    assert read["tiers"][0]["tier"] == "nik"


def test_files_and_tables_give_the_same_scores(tmp_path):
    made = simulate([300, 500], overlap=0.5, damage="dirty", seed=3, out=tmp_path)
    ids = {}
    for line in made.truth_path.read_text(encoding="utf-8").splitlines()[1:]:
        party, id_, entity = line.split(",")
        ids.setdefault(entity, {})[int(party)] = id_
    both = [members for members in ids.values() if len(members) == 2]
    matches = tmp_path / "matches.csv"
    lines = [f"{n},{p},{m[p]},0.900000,filter" for n, m in enumerate(both[1:]) for p in (0, 1)]
    matches.write_text("\n".join(["group,party,id,similarity,tier", *lines, ""]), encoding="utf-8")
    result = evaluate(matches, made.truth_path)
    assert result.overall.precision.value == 1.0
    assert result.overall.findable == made.counts.common
    assert result.overall.recovered == made.counts.common - 1
    rows = [line.split(",") for line in lines]
    again = evaluate(table(("group", "party", "id", "x", "tier"), rows), made.truth_path)
    assert again == result
    assert evaluate(str(matches), str(made.truth_path)) == result


def test_what_link_gives_is_scored_as_it_is():
    key, schema = LinkageKey(bytes(range(32))), Schema.load("indonesia")
    people = {"nik": ["6408995503909901"], "nama": ["SITI"], "tgl_lahir": ["15-03-1990"]}
    sets = [encode({"id": [id_], **people, "jk": ["P"]}, schema, key) for id_ in ("0-0", "1-0")]
    assert evaluate(link(sets, threshold=0.8), truth_of("A", "A")).overall.f1 == 1.0


@pytest.mark.parametrize(
    ("matches", "truth", "code", "row"),
    [
        ("group,party,id\n0,0,a\n0,1,zz\n", None, "evaluate.unknown_id", 3),
        ("group,party,id\n0,0,a\n0,2,x\n", None, "evaluate.unknown_party", 3),
        ("group,party,id\n0,0,a\n0,-1,x\n", None, "evaluate.no_number", 3),
        ("group,party,id\n0,0,a\nzero,1,x\n", None, "evaluate.no_number", 3),
        ("group,party,id\n0,0,\n", None, "evaluate.empty_cell", 2),
        ("group,party,id\n0,,a\n", None, "evaluate.no_number", 2),
        (None, "party,id,entity\n0,a,1\n0,b,2\n0,a,3\n", "evaluate.repeated_record", 4),
        (None, "party,id,entity\n0,a,1\n0,b,\n", "evaluate.empty_cell", 3),
        ("group,id\n0,a\n", None, "table.no_column", None),
        (None, "party,id\n0,a\n", "table.no_column", None),
        (None, "", "table.empty", None),
    ],
)
def test_bad_files_are_refused_by_row_without_showing_a_cell(tmp_path, matches, truth, code, row):
    matches_path, truth_path = tmp_path / "matches.csv", tmp_path / "truth.csv"
    good = "group,party,id\n0,0,a\n0,1,x\n"
    matches_path.write_text(good if matches is None else matches, encoding="utf-8")
    good = "party,id,entity\n0,a,1\n1,x,1\n"
    truth_path.write_text(good if truth is None else truth, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        evaluate(matches_path, truth_path)
    assert caught.value.code == code
    assert caught.value.values.get("row") == row
    assert "zz" not in str(caught.value)


PEOPLE = st.lists(st.integers(0, 5), min_size=1, max_size=8)


@given(PEOPLE, PEOPLE, st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=8))
def test_scores_equal_counting_by_hand(first, second, pairs):
    pairs = sorted({(a, b) for a, b in pairs if a < len(first) and b < len(second)})
    truth = table(
        ("party", "id", "entity"),
        [
            (p, str(i), who)
            for p, people in enumerate((first, second))
            for i, who in enumerate(people)
        ],
    )
    rows = [(n, p, str(pair[p])) for n, pair in enumerate(pairs) for p in (0, 1)]
    groups = pa.table(
        {
            "group": pa.array([row[0] for row in rows], pa.int64()),
            "party": pa.array([row[1] for row in rows], pa.int32()),
            "id": pa.array([row[2] for row in rows], pa.string()),
        }
    )
    right = [(a, b) for a, b in pairs if first[a] == second[b]]
    assert figures(evaluate(groups, truth).overall) == (
        len(pairs),
        len(right),
        len({first[a] for a, _ in right}),
        len(set(first) & set(second)),
    )


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_wilson_interval_holds_its_share(hits, tries):
    hits = min(hits, tries)
    found = wilson(hits, tries)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_wilson_intervals_are_the_published_ones():
    # Newcombe 1998, table I, method 3: 81 of 263 and 15 of 148.
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    found = wilson(15, 148)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0624, 0.1605)
