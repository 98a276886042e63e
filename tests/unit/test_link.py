"""Linking sets: which evidence makes a match, and what comes out."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest

from pprl.encoded import EncodedSet, Header, table_schema
from pprl.errors import ConfigError, InputError, LimitError
from pprl.explain import explain
from pprl.link import link

KINDS = ("nik", "nik15")

# Filters of 64 bits: 20 bits of their own each, so that two persons share none.
PERSON = [((1 << 20) - 1) << (20 * place) for place in range(3)]


def damaged(filter_bits, n_bits):
    """Clear the lowest bits set: 20 bits against 20 - n give Dice 2 * (20 - n) / (40 - n)."""
    for _ in range(n_bits):
        filter_bits &= filter_bits - 1
    return filter_bits


def encoded(records, *, kinds=KINDS, bits=64, chunk=None, **header):
    """Make a set of (id, filter, nik, nik15) with None for what is missing."""
    given = {"scheme": "clk", "bits": bits, "schema": "ab" * 16, "key_check": "cd" * 16}
    described = Header(**{**given, "records": len(records), **header})
    columns = {
        "id": [record[0] for record in records],
        "filter": [
            None if record[1] is None else record[1].to_bytes(described.filter_bytes, "little")
            for record in records
        ],
    }
    for place, kind in enumerate(kinds):
        columns["token." + kind] = [
            record[2 + place].ljust(16).encode() if record[2 + place] else None
            for record in records
        ]
    table = pa.table(columns, schema=table_schema(described, kinds))
    if chunk is not None:
        table = pa.Table.from_batches(table.to_batches(max_chunksize=chunk), table.schema)
    return EncodedSet(described, table)


def person(name, filter_bits, nik=None, nik15=None):
    return (name, filter_bits, nik, nik15)


def rows(matches):
    return [tuple(row.values())[:5] for row in matches.table.to_pylist()]


def pairs(matches):
    """Give {(ids of a group): tier of its first row}."""
    found = {}
    for row in matches.table.to_pylist():
        found.setdefault(row["group"], []).append(row)
    return {tuple(row["id"] for row in group): group[0]["tier"] for group in found.values()}


def test_equal_niks_match_though_the_filters_alone_would_not():
    left = encoded([person("a", PERSON[0], "1")])
    right = encoded([person("x", damaged(PERSON[0], 8), "1")])  # Dice 0.75
    matches = link([left, right], threshold=0.9)
    assert rows(matches) == [(0, 0, "a", 750_000, "nik"), (0, 1, "x", 750_000, "nik")]
    assert matches.info.rows_by_tier == {"nik": 2, "nik15": 0, "filter": 0, "contradicted": 0}


def test_equal_niks_of_records_that_disagree_are_refused_and_counted():
    left = encoded([person("a", PERSON[0], "1", "1")])
    right = encoded([person("x", PERSON[1], "1", "2")])
    matches = link([left, right], threshold=0.8)
    assert matches.table.num_rows == 0
    assert matches.info.token_pairs_refused == 1


def test_a_refused_token_pair_leaves_its_records_open_for_their_filters():
    left = encoded([person("a", PERSON[0], "1")])
    right = encoded([person("x", PERSON[1], "1"), person("y", PERSON[0])])
    assert pairs(link([left, right], threshold=0.8)) == {("a", "y"): "filter"}


def test_the_bar_for_tokens_is_inclusive():
    left = encoded([person("a", PERSON[0], "1")])
    right = encoded([person("x", damaged(PERSON[0], 8), "1")])
    assert pairs(link([left, right], threshold=1, token_threshold=0.75))
    assert not pairs(link([left, right], threshold=1, token_threshold=0.750001))


def test_nik15_links_what_nik_left_open():
    left = encoded([person("a", PERSON[0], "1", "11"), person("b", PERSON[1], None, "22")])
    right = encoded([person("y", PERSON[1], "2", "22"), person("x", PERSON[0], "1", "11")])
    matches = link([left, right], threshold=0.99)
    assert pairs(matches) == {("a", "x"): "nik", ("b", "y"): "nik15"}


@pytest.mark.parametrize("missing", [None, 0])
def test_without_a_filter_two_kinds_of_token_must_be_equal(missing):
    kinds = ("nik", "name_and_birth")
    left = encoded([person("a", missing, "1", "11"), person("b", missing, "2", "22")], kinds=kinds)
    right = encoded(
        [person("x", PERSON[0], "1", "11"), person("y", PERSON[1], "2", "33")], kinds=kinds
    )
    matches = link([left, right], threshold=0)
    assert rows(matches) == [(0, 0, "a", None, "nik"), (0, 1, "x", None, "nik")]
    assert matches.info.token_pairs_refused == 1


def test_the_first_digits_of_the_nik_are_no_second_kind():
    left, right = (encoded([person(name, None, "1", "11")]) for name in "ax")
    assert link([left, right], threshold=0).table.num_rows == 0


def test_a_missing_second_token_is_not_an_equal_one():
    left, right = (encoded([person(name, None, "1", None)]) for name in "ax")
    assert link([left, right], threshold=0).table.num_rows == 0


def test_of_two_records_with_the_same_nik_the_more_similar_one_matches():
    left = encoded([person("a", damaged(PERSON[0], 5), "1"), person("b", PERSON[0], "1")])
    right = encoded([person("x", PERSON[0], "1")])
    assert pairs(link([left, right], threshold=0.99)) == {("b", "x"): "nik"}


def test_a_matched_record_is_not_compared_again():
    left = encoded([person("a", PERSON[0], "1"), person("b", PERSON[0])])
    right = encoded([person("x", damaged(PERSON[0], 2), "1")])
    matches = link([left, right], threshold=0.5)
    assert pairs(matches) == {("a", "x"): "nik"}
    assert matches.info.pairs_compared == 0


def test_filters_are_assigned_one_to_one_for_the_largest_total():
    left = encoded([person("a", PERSON[0]), person("b", damaged(PERSON[0], 6))])
    right = encoded([person("x", damaged(PERSON[0], 5)), person("y", damaged(PERSON[0], 1))])
    assert pairs(link([left, right], threshold=0.6)).keys() == {("a", "y"), ("b", "x")}


def test_groups_are_numbered_by_their_first_record():
    left = encoded([person("a", PERSON[2]), person("b", PERSON[0]), person("c", PERSON[1], "1")])
    right = encoded([person("x", PERSON[1], "1"), person("y", PERSON[0]), person("z", PERSON[2])])
    assert [(row[0], row[2]) for row in rows(link([left, right], threshold=0.9))] == [
        (0, "a"), (0, "z"), (1, "b"), (1, "y"), (2, "c"), (2, "x"),
    ]  # fmt: skip


def test_the_csv_has_six_decimals_and_quotes_what_needs_it(tmp_path):
    kinds = ("nik", "name_and_birth")
    left = encoded([person("a,1", PERSON[0]), person('b"2', None, "1", "1")], kinds=kinds)
    right = encoded([person("x", damaged(PERSON[0], 1)), person("y", None, "1", "1")], kinds=kinds)
    target = tmp_path / "matches.csv"
    link([left, right], threshold=0.9).to_csv(target)
    close, blind = (
        explain(tier, "accept", None, kind="nik", blind=tier == "nik").encode()
        for tier in ("filter", "nik")
    )
    assert target.read_bytes() == (
        b"group,party,id,similarity,tier,band,precision,explanation\n"
        + b'0,0,"a,1",0.974358,filter,accept,,"%b"\n' % close
        + b'0,1,x,0.974358,filter,accept,,"%b"\n' % close
        + b'1,0,"b""2",,nik,accept,,%b\n' % blind
        + b"1,1,y,,nik,accept,,%b\n" % blind
    )
    with target.open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a,1", "x", 'b"2', "y"]


def test_a_csv_is_not_overwritten_unless_asked(tmp_path):
    matches = link([encoded([person("a", PERSON[0])])] * 2, threshold=1)
    target = tmp_path / "matches.csv"
    target.write_text("mine")
    with pytest.raises(ConfigError):
        matches.to_csv(target)
    assert target.read_text() == "mine"
    matches.to_csv(target, force=True)
    assert target.read_text().startswith("group,")


DIFFERENCES = [
    ("bits", {"bits": 128}),
    ("schema", {"schema": "ef" * 16}),
    ("schema", {"schema": "ef" * 16, "key_check": "00" * 16}),
    ("key_check", {"key_check": "00" * 16}),
    ("key_check", {"key_check": None}),
    ("agreement", {"agreement": "12" * 16}),
]


@pytest.mark.parametrize(("field", "header"), DIFFERENCES)
def test_sets_that_were_not_encoded_alike_are_refused(field, header):
    alike = encoded([person("a", PERSON[0])])
    with pytest.raises(ConfigError) as failure:
        link([alike, alike, encoded([person("x", PERSON[0])], **header)], threshold=0.8)
    assert failure.value.code == "link.headers_differ"
    assert failure.value.values == {"field": field, "first": 1, "second": 3}


def test_clkhash_files_are_compared_with_anything_of_their_length():
    left = encoded([person("a", PERSON[0])], agreement="12" * 16)
    right = encoded([person("x", PERSON[0])], kinds=(), schema=None, key_check=None)
    assert pairs(link([left, right], threshold=1)) == {("a", "x"): "filter"}
    with pytest.raises(ConfigError):
        link([left, encoded([], kinds=(), schema=None, bits=128)], threshold=1)


@pytest.mark.parametrize("n_sets", [0, 1])
def test_fewer_than_two_sets_are_refused(n_sets):
    with pytest.raises(ConfigError) as failure:
        link([encoded([person("a", PERSON[0])])] * n_sets, threshold=0.8)
    assert failure.value.code == "link.too_few_sets"


@pytest.mark.parametrize(
    "thresholds", [{"threshold": 1.1}, {"threshold": 1, "token_threshold": -1}]
)
def test_thresholds_are_from_0_to_1(thresholds):
    with pytest.raises(ConfigError) as failure:
        link([encoded([])] * 2, **thresholds)
    assert failure.value.code == "link.threshold"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"threshold": 0.8, "target_precision": 0.9}, "link.threshold_and_target"),
        ({"token_threshold": 0.5}, "link.token_threshold_alone"),
        ({"token_threshold": 0.5, "target_precision": 0.9}, "link.token_threshold_alone"),
        *(({"target_precision": wrong}, "link.target_precision") for wrong in (0, 1, -0.1, 99)),
        ({"target_precision": float("nan")}, "link.target_precision"),
    ],
)
def test_thresholds_and_targets_that_do_not_go_together_are_refused(given, code):
    with pytest.raises(ConfigError) as failure:
        link([encoded([person("a", PERSON[0])])] * 2, **given)
    assert failure.value.code == code


def test_a_given_threshold_estimates_nothing_and_leaves_nothing_for_review():
    left = encoded([person("a", PERSON[0], "1"), person("b", PERSON[1], "2")])
    right = encoded([person("x", damaged(PERSON[0], 8), "1"), person("y", PERSON[2], "2")])
    matches = link([left, right], threshold=0.7)
    assert matches.review.num_rows == 0
    assert matches.table.column("precision").null_count == len(matches.table) == 2
    assert set(matches.table.column("band").to_pylist()) == {"accept"}
    info = matches.info
    assert (info.threshold, info.token_threshold, info.pairs) == (0.7, 0.5, ())
    assert info.seed is info.target_precision is None
    assert info.estimated_precision is info.estimated_recall is None


def test_two_different_niks_put_a_similar_pair_in_a_tier_of_its_own():
    left = encoded([person("a", PERSON[0], "1"), person("b", PERSON[1], "2")])
    right = encoded([person("x", PERSON[0], "3"), person("y", PERSON[1])])
    matches = link([left, right], threshold=0.9)
    assert pairs(matches) == {("a", "x"): "contradicted", ("b", "y"): "filter"}
    assert matches.info.rows_by_tier == {"nik": 0, "nik15": 0, "filter": 2, "contradicted": 2}


@pytest.mark.parametrize("n_sets", [2, 3])
def test_sets_without_records_give_no_matches(n_sets, tmp_path):
    matches = link([encoded([person("a", PERSON[0], "1")]), *[encoded([])] * (n_sets - 1)],
                   threshold=0)  # fmt: skip
    matches.to_csv(tmp_path / "m.csv")
    header = "group,party,id,similarity,tier,band,precision,explanation\n"
    assert (tmp_path / "m.csv").read_text() == header
    assert matches.info.groups == 0


def test_files_are_linked_as_well_as_sets(tmp_path):
    encoded([person("a", PERSON[0])]).write(tmp_path / "a.arrow")
    encoded([person("x", PERSON[0])]).write(tmp_path / "x.arrow")
    matches = link([tmp_path / "a.arrow", str(tmp_path / "x.arrow")], threshold=1)
    assert pairs(matches) == {("a", "x"): "filter"}
    with pytest.raises(InputError):
        link([tmp_path / "a.arrow", tmp_path / "none.arrow"], threshold=1)


def test_too_many_token_pairs_are_refused_before_they_are_made():
    many = encoded([person(str(row), PERSON[0], "1") for row in range(100)])
    with pytest.raises(LimitError) as failure:
        link([many, many], threshold=0.9, max_pairs=9_999)
    assert failure.value.code == "link.too_many_token_pairs"


def test_too_many_similar_pairs_are_refused():
    many = encoded([person(str(row), PERSON[0]) for row in range(100)])
    with pytest.raises(LimitError) as failure:
        link([many, many], threshold=0.9, max_pairs=9_999)
    assert failure.value.code == "link.too_many_pairs"


@pytest.mark.parametrize("n_sets", [2, 3])
def test_progress_ends_with_all_pairs_of_all_sets(n_sets):
    sets = [encoded([person(str(row), PERSON[row]) for row in range(3)])] * n_sets
    seen = []
    link(sets, threshold=0.9, progress=lambda done, total: seen.append((done, total)))
    whole = 9 * n_sets * (n_sets - 1) // 2
    assert seen[-1] == (whole, whole)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_progress_ends_as_well_when_tokens_decided_everything():
    sets = [encoded([person(name, PERSON[0], "1")]) for name in "ax"]
    seen = []
    link(sets, threshold=0.9, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1, 1)


@pytest.mark.parametrize("bits", [1, 100, 1_000])
def test_filters_of_any_length_are_compared(bits):
    everything = (1 << bits) - 1
    left = encoded([person("a", everything)], bits=bits)
    right = encoded([person("x", everything), person("y", 1)], bits=bits)
    assert pairs(link([left, right], threshold=1)) == {("a", "x"): "filter"}


def test_three_parties_make_one_group():
    sets = [
        encoded([person("a", PERSON[0], "1"), person("b", PERSON[1])]),
        encoded([person("q", PERSON[1]), person("p", damaged(PERSON[0], 1), "1")]),
        encoded([person("x", damaged(PERSON[0], 2))]),
    ]
    matches = link(sets, threshold=0.9)
    assert rows(matches) == [
        (0, 0, "a", 974_358, "nik"),
        (0, 1, "p", 974_358, "nik"),
        (0, 2, "x", 972_972, "filter"),  # with p; with a it is 0.947368
        (1, 0, "b", 1_000_000, "filter"),
        (1, 1, "q", 1_000_000, "filter"),
    ]
    assert matches.info.groups == 2


def test_a_third_record_joins_only_when_it_is_accepted_with_both_others():
    whole = PERSON[0]
    sets = [
        encoded([person("a", damaged(whole, 5))]),
        encoded([person("p", whole)]),
        encoded([person("x", whole >> 3)]),  # like p, less like a
    ]
    assert pairs(link(sets, threshold=0.85)) == {("p", "x"): "filter"}


def test_no_group_has_two_records_of_one_party():
    twice = encoded([person("p", PERSON[0], "1"), person("q", PERSON[0], "1")])
    sets = [encoded([person("a", PERSON[0], "1")]), twice, encoded([person("x", PERSON[0], "1")])]
    assert pairs(link(sets, threshold=0.9)) == {("a", "p", "x"): "nik"}


@pytest.mark.parametrize("n_sets", [2, 3])
def test_threads_and_chunks_change_no_byte(n_sets, tmp_path):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2**63, 4_000, dtype=np.uint64)
    records = []
    for party in range(n_sets):
        noise = np.uint64(1) << rng.integers(0, 63, len(truth), dtype=np.uint64)
        order = rng.permutation(len(truth))
        niks = np.where(rng.random(len(truth)) < 0.4, np.arange(len(truth)) // 2, -1)
        records.append(
            [
                (f"{party}-{row}", int(truth[row] ^ noise[row]),
                 str(niks[row]) if niks[row] >= 0 else None, None)
                for row in order
            ]
        )  # fmt: skip
    written = []
    for threads, chunk in [(1, None), (2, 1_000), (5, 333)]:
        sets = [encoded(party, chunk=chunk) for party in records]
        target = tmp_path / f"{threads}.csv"
        matches = link(sets, threshold=0.85, threads=threads)
        matches.to_csv(target)
        written.append((target.read_bytes(), matches.info))
    assert written[0] == written[1] == written[2]
    assert written[0][1].groups > 3_000
