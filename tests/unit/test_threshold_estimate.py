"""Linking without a threshold: as good as it says, in three bands, and never out of its depth.

One file, since its registers are simulated and encoded once for all tests.
"""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pytest

from pprl.decide.threshold.table import tables
from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import EncodedSet, Header, table_schema
from pprl.keys import LinkageKey
from pprl.lab.evaluate import evaluate
from pprl.lab.simulate import simulate
from pprl.link import link
from pprl.schema import Schema

KEY = LinkageKey(b"a key for synthetic data only, estimate tests")


def registers(folder, sizes, *, overlap, seed, damage="dirty"):
    """Simulate and encode registers; return their sets and the truth."""
    made = simulate(sizes, overlap=overlap, damage=damage, seed=seed, out=folder)
    schema = Schema.load("indonesia")
    sets = []
    for path in made.paths:
        source = open_data(path)
        columns = resolve(schema, source, {}, None)
        encoder = Encoder(schema, KEY, columns.fields, columns.id_column)
        sets.append(encode_table(encoder, source, threads=1)[0])
    with made.truth_path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = pa.table(
        {
            "party": [int(row["party"]) for row in rows],
            "id": [row["id"] for row in rows],
            "entity": [row["entity"] for row in rows],
        }
    )
    return sets, truth


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    return registers(folder, [3_000, 6_000], overlap=0.2, seed=41)


@pytest.fixture(scope="module")
def linked(dirty):
    """Link once for every test that only looks."""
    return link(dirty[0], threads=2)


@pytest.fixture(scope="module")
def strict(dirty):
    return link(dirty[0], target_precision=0.99, threads=2)


def with_columns(records, **columns):
    """Replace columns of a set."""
    table = records.table
    for name, values in columns.items():
        place = table.schema.get_field_index(name.replace("_", "."))
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(values, field.type))
    return EncodedSet(records.header, table)


def only(records, rows):
    """Keep some rows, some of them perhaps twice, under ids of their own."""
    header = records.header.model_copy(update={"records": len(rows)})
    taken = EncodedSet(header, records.table.take(pa.array(rows, pa.int64())))
    return with_columns(taken, id=[f"row-{place}" for place in range(len(rows))])


def without_tokens(records):
    return EncodedSet(records.header, records.table.select(["id", "filter"]))


def of_bits(filters, name="r"):
    """Make a set of filters, ``uint8 (records, bits)``, without tokens."""
    header = Header(
        scheme="clk", bits=filters.shape[1], schema=None, key_check=None, records=len(filters)
    )
    columns = {
        "id": [f"{name}{row}" for row in range(len(filters))],
        "filter": [row.tobytes() for row in np.packbits(filters, axis=1)],
    }
    return EncodedSet(header, pa.table(columns, schema=table_schema(header, ())))


def pair_ids(table):
    """Return the ids of each group of two, with its tier."""
    groups = {}
    for row in table.to_pylist():
        groups.setdefault(row["group"], []).append(row)
    return {(one["id"], other["id"]): one["tier"] for one, other in groups.values()}


def right_of(matches):
    """Count the groups whose two records have the same number in their id."""
    return sum(one[1:] == other[1:] for one, other in pair_ids(matches.table))


def bars(info):
    return [bar for pair in info.pairs for bar in pair.accept.values() if bar is not None]


# --- how good it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0.95, 0.99])
def test_the_target_is_reached_and_the_estimate_near_the_truth(dirty, target):
    sets, truth = dirty
    matches = link(sets, target_precision=target, threads=2)
    score = evaluate(matches, truth).overall
    assert score.precision.value >= target - 0.02
    assert score.recall.value > 0.93
    info = matches.info
    assert info.estimated_precision >= target
    assert info.estimated_precision == pytest.approx(score.precision.value, abs=0.03)
    assert info.estimated_recall == pytest.approx(score.recall.value, abs=0.03)
    assert info.target_precision == target


def test_without_a_target_the_best_f1_is_sought(linked, dirty):
    score = evaluate(linked, dirty[1]).overall
    assert score.f1 > 0.96
    assert linked.info.estimated_precision == pytest.approx(score.precision.value, abs=0.03)
    assert linked.info.estimated_recall == pytest.approx(score.recall.value, abs=0.03)
    assert linked.info.target_precision is None


def test_without_tokens_precision_is_estimated_and_recall_is_not(dirty):
    sets, truth = dirty
    bare = [without_tokens(each) for each in sets]
    matches = link(bare, target_precision=0.95)
    score = evaluate(matches, truth).overall
    assert score.precision.value >= 0.93
    assert matches.info.estimated_precision == pytest.approx(score.precision.value, abs=0.03)
    assert matches.info.estimated_recall is None
    assert matches.info.recall_reason == "no_tokens"
    assert set(matches.info.rows_by_tier) == {"filter"}


def test_filters_of_any_scheme_will_do():
    """Random filters, a third of each side the same ones with a tenth of their bits flipped."""
    draw = np.random.default_rng(7)
    left = draw.random((900, 512)) < 0.3
    right = draw.random((1_200, 512)) < 0.3
    right[:300] = left[:300] ^ (draw.random((300, 512)) < 0.1)
    matches = link([of_bits(left, "a"), of_bits(right, "b")])
    right_ones = right_of(matches)
    assert right_ones >= 297
    assert matches.info.groups - right_ones <= 3
    assert 0.45 < matches.info.threshold < 0.75
    assert matches.info.pairs[0].persons == pytest.approx(300, abs=10)
    assert matches.info.estimated_precision > 0.98


def test_three_parties_are_estimated_pair_by_pair(tmp_path):
    sets, truth = registers(tmp_path, [800, 1_200, 1_000], overlap=0.5, seed=43)
    matches = link(sets, target_precision=0.95)
    info = matches.info
    assert [pair.parties for pair in info.pairs] == [(0, 1), (0, 2), (1, 2)]
    score = evaluate(matches, truth).overall
    assert score.precision.value >= 0.93
    assert info.estimated_precision == pytest.approx(score.precision.value, abs=0.03)
    assert info.threshold == max(pair.accept["filter"] for pair in info.pairs)
    occupied = {(row["group"], row["party"]) for row in matches.table.to_pylist()}
    assert len(occupied) == matches.table.num_rows
    check_review(matches)


# --- bands ------------------------------------------------------------------------------------


def check_review(matches):
    """Check that review holds pairs of two parties that are not matched with each other's party."""
    group_of = {(row["party"], row["id"]): row["group"] for row in matches.table.to_pylist()}
    parties_of = {}
    for (party, _), group in group_of.items():
        parties_of.setdefault(group, set()).add(party)
    rows = matches.review.to_pylist()
    numbers = [row["group"] for row in rows]
    first = matches.info.groups
    assert numbers == [first + place // 2 for place in range(len(rows))]
    assert len(rows) == 2 * matches.info.review_pairs
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert one["band"] == other["band"] == "review"
        assert one["party"] < other["party"]
        assert [one[name] for name in ("similarity", "tier", "precision")] == [
            other[name] for name in ("similarity", "tier", "precision")
        ]
        for mine, theirs in ((one, other), (other, one)):
            group = group_of.get((mine["party"], mine["id"]))
            assert theirs["party"] not in parties_of.get(group, ())


def test_accepted_and_doubtful_pairs_have_bands_of_their_own(strict):
    assert set(strict.table.column("band").to_pylist()) == {"accept"}
    assert strict.info.review_pairs > 5
    check_review(strict)


def test_bars_and_bands_agree(strict):
    pair = strict.info.pairs[0]
    for table, band in ((strict.table, "accept"), (strict.review, "review")):
        for row in table.to_pylist():
            similarity, tier = (row["similarity"] or 0) / 1e6, row["tier"]
            if band == "accept":
                assert similarity >= pair.accept[tier]
            else:
                assert pair.review[tier] <= similarity < (pair.accept[tier] or 2)


def test_a_higher_target_moves_pairs_from_the_matches_to_review(dirty, strict):
    loose = link(dirty[0], target_precision=0.9)
    assert loose.info.groups > strict.info.groups
    assert strict.info.review_pairs > loose.info.review_pairs
    assert loose.info.threshold < strict.info.threshold


def test_a_nik_whose_filters_disagree_goes_to_review_and_is_no_match(dirty):
    """Ten people of one register gave the number of somebody quite different in the other."""
    left, right = dirty[0]
    niks = right.table.column("token.nik").to_pylist()
    known = [row for row in range(len(niks)) if niks[row] is not None]
    mine = left.table.column("token.nik").to_pylist()
    both = set(mine) & set(niks)
    borrowers = [row for row, nik in enumerate(mine) if nik is not None and nik not in both][:10]
    lenders = [row for row in known if niks[row] not in both][:10]
    for borrower, lender in zip(borrowers, lenders, strict=True):
        mine[borrower] = niks[lender]
    matches = link([with_columns(left, token_nik=mine), right], target_precision=0.99)
    ids = left.ids.to_pylist(), right.ids.to_pylist()
    wrong = {(ids[0][row], ids[1][other]) for row, other in zip(borrowers, lenders, strict=True)}
    assert len(wrong) == 10
    assert not wrong & pair_ids(matches.table).keys()
    review = pair_ids(matches.review)
    seen = [review[pair] for pair in wrong if pair in review]
    assert set(seen) == {"nik"}
    assert len(seen) >= 8  # the others found their own record


def test_every_pair_has_a_precision_that_never_falls_with_similarity(linked):
    for tier in linked.info.rows_by_tier:
        known = sorted(
            (row["similarity"], row["precision"])
            for table in (linked.table, linked.review)
            for row in table.to_pylist()
            if row["tier"] == tier and row["similarity"] is not None
        )
        values = [precision for _, precision in known]
        assert values == sorted(values)
        assert not known or 0 <= values[0] <= values[-1] <= 1_000_000


def test_the_curves_never_fall_and_count_what_was_found(linked):
    estimate = linked.verdicts[0].estimate
    for curve in estimate.curves:
        assert (np.diff(curve.local_precision) >= 0).all()
        assert 0 <= curve.local_precision[0] <= curve.local_precision[-1] <= 1
        assert (curve.expected_false >= 0).all()
        accepted = curve.found[np.arange(201) >= curve.bar(estimate.choice.cutoff)].sum()
        assert accepted == pytest.approx(linked.info.rows_by_tier[curve.tier] / 2, abs=15)


def test_the_table_of_a_tier_sums_its_curve_by_hundredths(linked):
    verdict = linked.verdicts[0]
    shown = tables(verdict.estimate, verdict)
    names = [table.tier for table in shown]
    assert names == [tier for tier in linked.info.rows_by_tier if tier in names]
    assert {"nik", "filter", "contradicted"} <= set(names)
    for table, curve in zip(shown, verdict.estimate.curves, strict=True):
        start = round(table.similarity[0] * 200)
        assert table.found.sum() == pytest.approx(curve.found[start:].sum())
        assert table.similarity[-1] == 1
        known = ~np.isnan(table.precision)
        for low, value, high in zip(
            table.precision_low[known], table.precision[known], table.precision_high[known],
            strict=True,
        ):  # fmt: skip
            assert 0 <= low <= value <= high <= 1


# --- what is written --------------------------------------------------------------------------


def test_the_metadata_says_how_the_matches_came_about(strict):
    for table in (strict.table, strict.review):
        said = json.loads(table.schema.metadata[b"pprl"])
        for name in ("threshold", "estimated_precision", "estimated_recall"):
            assert 0 < said[name] < 1
        assert said["target_precision"] == 0.99
        assert said["seed"] == 0
        for name in ("estimated_precision", "estimated_recall"):
            low, high = said[f"{name}_interval"]
            assert low <= said[name] <= high


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_csv_explains_every_row_and_names_nobody(strict, tmp_path, language):
    ids = {row["id"] for row in strict.table.to_pylist() + strict.review.to_pylist()}
    for review, table in ((False, strict.table), (True, strict.review)):
        strict.write_csv(tmp_path / "m.csv", review=review, language=language)
        with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == table.num_rows
        for row in rows:
            assert ("%" in row["explanation"]) == (float(row["precision"]) >= 0.01)
            assert not ids & set(row["explanation"].replace(";", " ").split())
            assert 0 <= float(row["precision"]) <= 1
    words = "same person" if language == "en" else "orang yang sama"
    assert words in rows[0]["explanation"]


# --- the same every time ----------------------------------------------------------------------


def test_threads_and_repetition_change_no_byte(dirty, linked, tmp_path):
    written = []
    for place, matches in enumerate([linked, link(dirty[0], threads=1), link(dirty[0], threads=2)]):
        matches.to_csv(tmp_path / f"{place}.csv")
        matches.write_csv(tmp_path / f"{place}r.csv", review=True)
        files = [(tmp_path / f"{place}{end}.csv").read_bytes() for end in ("", "r")]
        written.append((*files, matches.table.schema.metadata))
    assert written[0] == written[1] == written[2]


def test_another_seed_finds_nearly_the_same(dirty, linked):
    other = link(dirty[0], seed=5)
    assert other.info.seed == 5
    one, two = pair_ids(linked.table).keys(), pair_ids(other.table).keys()
    assert len(one ^ two) <= 0.03 * len(one)
    assert other.info.threshold == pytest.approx(linked.info.threshold, abs=0.04)
    assert other.info.estimated_precision == pytest.approx(
        linked.info.estimated_precision, abs=0.02
    )


def test_the_order_of_the_parties_hardly_matters(dirty, linked):
    left, right = dirty[0]
    turned = link([right, left])
    one = pair_ids(linked.table).keys()
    two = {(second, first) for first, second in pair_ids(turned.table)}
    assert len(one ^ two) <= 0.03 * len(one)


# --- odd files --------------------------------------------------------------------------------


@pytest.fixture(params=[None, 0.99], ids=["f1", "0.99"])
def target(request):
    return request.param


@pytest.mark.parametrize("bare", [False, True], ids=["tokens", "bare"])
@pytest.mark.parametrize("sizes", [(0, 0), (0, 300), (300, 0)])
def test_an_empty_file_gives_nothing(dirty, target, bare, sizes):
    sets = [only(each, range(size)) for each, size in zip(dirty[0], sizes, strict=True)]
    if bare:
        sets = [without_tokens(each) for each in sets]
    matches = link(sets, target_precision=target)
    assert matches.table.num_rows == matches.review.num_rows == 0
    assert matches.info.threshold is matches.info.estimated_precision is None


def test_one_empty_file_of_three_leaves_the_others_to_be_linked(dirty, target):
    left, right = dirty[0]
    matches = link([left, only(right, []), right], target_precision=target)
    assert set(matches.table.column("party").to_pylist()) == {0, 2}
    assert matches.info.groups > 500


@pytest.mark.parametrize("sides", [(True, True), (True, False), (False, True)])
def test_records_without_a_single_filter_are_left_to_review(dirty, target, sides):
    """One kind of token without anything beside it is a reason to look, and no match."""
    sets = [
        with_columns(each, filter=[None] * len(each)) if bare else each
        for each, bare in zip(dirty[0], sides, strict=True)
    ]
    matches = link(sets, target_precision=target)
    assert matches.table.num_rows == 0
    assert matches.info.review_pairs > 300
    assert matches.review.column("similarity").null_count == matches.review.num_rows
    assert set(matches.review.column("tier").to_pylist()) <= {"nik", "nik15"}


@pytest.mark.parametrize("sizes", [(1, 1), (1, 6_000), (3_000, 1), (2, 3), (30, 40)])
def test_a_handful_of_records_is_no_trouble(dirty, target, sizes):
    sets = [only(each, range(size)) for each, size in zip(dirty[0], sizes, strict=True)]
    info = link(sets, target_precision=target).info
    assert info.groups <= min(sizes)
    assert all(0 <= bar <= 1 for bar in bars(info))


@pytest.mark.parametrize("size", [500, 3_000])
@pytest.mark.parametrize("bare", [False, True], ids=["tokens", "bare"])
def test_two_identical_files_match_record_by_record(dirty, target, bare, size):
    one = only(dirty[0][0], range(size))
    if bare:
        one = without_tokens(one)
    matches = link([one, one], target_precision=target)
    assert matches.info.groups > 0.97 * size
    right_ones = sum(first == second for first, second in pair_ids(matches.table))
    assert right_ones > 0.98 * matches.info.groups
    assert matches.info.estimated_precision > 0.95
    assert matches.info.pairs[0].persons == pytest.approx(size, rel=0.06)


def test_records_that_are_all_equal_are_no_trouble(dirty, target):
    left = dirty[0][0]
    for records in (left, without_tokens(left)):
        info = link(
            [only(records, [0] * 300), only(records, [0] * 200)], target_precision=target
        ).info
        assert info.groups <= 200
        assert all(0 <= bar <= 1 for bar in bars(info))


@pytest.mark.parametrize("bit", [False, True])
def test_filters_without_a_zero_or_without_a_one_are_no_trouble(target, bit):
    sets = [of_bits(np.full((100, 256), bit), name) for name in "ab"]
    info = link(sets, target_precision=target).info
    assert info.groups <= 100
    if not bit:
        assert info.groups == 0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("damage", ["clean", "dirty"])
def test_of_two_files_without_a_common_person_almost_nothing_is_accepted(tmp_path, damage, seed):
    """The rest are people who gave a relative's number."""
    sets, _ = registers(tmp_path, [2_000, 4_000], overlap=0, seed=seed, damage=damage)
    info = link(sets, target_precision=0.99).info
    assert info.groups <= 30
    assert info.rows_by_tier["filter"] + info.rows_by_tier["contradicted"] <= 6


def test_of_two_populations_of_strangers_almost_nothing_is_accepted(dirty, tmp_path):
    """Nobody in common, and hardly a number either: nothing shows what matches look like."""
    others, _ = registers(tmp_path, [1_500, 3_000], overlap=0.2, seed=99)
    assert (
        link([only(dirty[0][0], range(1_500)), others[1]], target_precision=0.99).info.groups < 20
    )


def test_random_filters_without_a_common_one_give_nothing(target):
    draw = np.random.default_rng(8)
    sets = [
        of_bits(draw.random((size, 512)) < 0.3, name) for size, name in ((800, "a"), (900, "b"))
    ]
    assert link(sets, target_precision=target).info.groups <= 1


@pytest.mark.parametrize("bare", [False, True], ids=["tokens", "bare"])
def test_a_file_with_three_tenths_of_duplicates_is_linked_as_well_as_without(dirty, bare):
    """They are reported, and not taken for chance."""
    (left, right), truth = dirty
    again = np.random.default_rng(9).choice(len(right), int(0.3 * len(right)), replace=False)
    twice = with_columns(
        only(right, [*range(len(right)), *again.tolist()]),
        id=[*right.ids.to_pylist(), *(f"again-{row}" for row in again)],
    )
    names = right.ids.to_pylist()
    entity = {
        (row["party"], row["id"]): row["entity"] for row in truth.to_pylist()
    }  # fmt: skip
    sets = [left, twice]
    if bare:
        sets = [without_tokens(each) for each in sets]
    matches = link(sets, target_precision=0.95)
    original = {f"again-{row}": names[row] for row in again}
    right_ones = sum(
        entity[0, one] == entity[1, original.get(other, other)]
        for one, other in pair_ids(matches.table)
    )
    common = {entity[0, id_] for id_ in left.ids.to_pylist()}
    common &= {entity[1, id_] for id_ in names}
    assert right_ones > 0.9 * len(common)
    # Without tokens they hide a part of what chance does: docs/concepts/thresholds.md says so.
    assert right_ones >= (0.8 if bare else 0.9) * matches.info.groups
    mine, theirs = matches.info.pairs[0].duplicates
    assert mine < 0.05
    assert 0.35 < theirs < 0.75


def test_tokens_that_nobody_has_change_nothing(dirty, target):
    left, right = dirty[0]
    empty = [
        with_columns(each, token_nik=[None] * len(each), token_nik15=[None] * len(each))
        for each in (left, right)
    ]
    bare = [without_tokens(each) for each in (left, right)]
    one, other = (link(sets, target_precision=target) for sets in (empty, bare))
    assert one.info.groups == pytest.approx(other.info.groups, rel=0.03)
    assert one.info.estimated_recall is None
    assert one.info.recall_reason == "few_tokens"
