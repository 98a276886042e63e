"""However filters lie, are read and are interrupted, the pairs found in blocks are the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.candidates import blocks as module
from pprl.candidates import passes
from pprl.candidates.blocks import blocked_pairs, runs
from pprl.candidates.passes import Blocks, meeting, pairs_in_blocks
from pprl.candidates.working import Work
from pprl.compare.filters import Filters, count_bits
from pprl.errors import LimitError


@st.composite
def chunked(draw):
    """Draw filters in chunks, some records without one, and what they are as one array."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = draw(st.lists(st.integers(0, 30), min_size=1, max_size=5))
    chunks = [random.integers(0, 2**64, (size, 2), dtype=np.uint64) for size in sizes]
    present = [random.random(size) < 0.8 if random.random() < 0.7 else None for size in sizes]
    whole = [
        chunk if there is None else chunk * there[:, None].astype(np.uint64)
        for chunk, there in zip(chunks, present, strict=True)
    ]
    return Filters(chunks, present), np.concatenate(whole), random


@given(chunked())
def test_filters_in_chunks_are_read_as_one_array(drawn):
    filters, whole, random = drawn
    assert len(filters) == len(whole)
    assert np.array_equal(filters.set_bits, count_bits(whole))
    if not len(whole):
        return
    rows = random.integers(0, len(whole), 40)
    assert np.array_equal(filters[rows], whole[rows])
    some = filters.only(rows)
    places = random.integers(0, 40, 10)
    assert np.array_equal(some[places], whole[rows[places]])
    assert np.array_equal(some.only(places)[np.arange(10)], whole[rows[places]])
    assert np.array_equal(some.set_bits, count_bits(whole[rows]))
    assert np.array_equal(some.copied(2)[np.arange(40)], whole[rows])
    assert np.array_equal(some.part(3, 9), whole[rows[3:9]])


def registers(n_records=3_000, n_blocks=400):
    random = np.random.default_rng(5)
    words = random.integers(0, 2**64, (n_records, 3), dtype=np.uint64)
    parts = [words[:1_000], words[1_000:1_700], words[1_700:]]
    keys = random.integers(0, 2**64, n_blocks, dtype=np.uint64)[
        random.integers(0, n_blocks, (2, n_records))
    ]
    there = random.random((2, n_records)) < 0.9
    return words, Filters(parts, [None, random.random(700) < 0.9, None]), Blocks(keys, there)


def as_rows(pairs):
    return np.stack([pairs.left, pairs.right, pairs.similarity]).tolist()


@pytest.mark.parametrize("held", [24, 24 * 50, 24 * 2_000])
@pytest.mark.parametrize("large", [1, 40, 1 << 18])
def test_chunks_held_in_memory_give_the_same_pairs(held, large, monkeypatch):
    _, filters, blocks = registers()
    usual = blocked_pairs(filters, filters, blocks, blocks, 500_000)
    assert len(usual) > 3_000
    monkeypatch.setattr(module, "LARGE_BLOCK_PAIRS", large)
    found = blocked_pairs(filters, filters, blocks, blocks, 500_000, held=held, threads=3)
    assert as_rows(found) == as_rows(usual)


def test_an_interrupted_comparison_goes_on_where_it_stopped(tmp_path):
    _, filters, blocks = registers()
    usual = blocked_pairs(filters, filters, blocks, blocks, 500_000, held=24 * 500)

    class StoppedError(Exception):
        pass

    def interrupt(done, total):
        if done > total // 3:
            raise StoppedError

    work = Work(tmp_path / "work")
    with pytest.raises(StoppedError):
        blocked_pairs(
            filters, filters, blocks, blocks, 500_000,
            held=24 * 500, work=work, progress=interrupt,
        )  # fmt: skip
    kept = len(list((tmp_path / "work").rglob("*.pairs")))
    assert kept > 2
    again = Work(tmp_path / "work")
    found = blocked_pairs(filters, filters, blocks, blocks, 500_000, held=24 * 500, work=again)
    assert (again.resumed, again.damaged) == (kept, 0)
    assert as_rows(found) == as_rows(usual)
    again.clear()
    assert not list((tmp_path / "work").iterdir())


def test_a_damaged_chunk_is_computed_again(tmp_path):
    _, filters, blocks = registers()
    first = blocked_pairs(
        filters, filters, blocks, blocks, 500_000, held=24 * 500, work=Work(tmp_path)
    )
    files = sorted(tmp_path.rglob("*.pairs"))
    files[0].write_bytes(files[0].read_bytes()[:-4])
    changed = bytearray(files[1].read_bytes())
    changed[-1] ^= 1
    files[1].write_bytes(changed)
    files[2].write_bytes(b"")
    work = Work(tmp_path)
    found = blocked_pairs(filters, filters, blocks, blocks, 500_000, held=24 * 500, work=work)
    assert as_rows(found) == as_rows(first)
    assert (work.damaged, work.resumed) == (3, len(files) - 3)


@pytest.mark.parametrize("what", ["threshold", "filters", "blocks"])
def test_nothing_is_taken_for_the_result_of_something_else(tmp_path, what):
    _, filters, blocks = registers()
    blocked_pairs(filters, filters, blocks, blocks, 500_000, held=24 * 500, work=Work(tmp_path))
    threshold = 500_000
    if what == "threshold":
        threshold = 510_000
    elif what == "filters":
        # As many bits as before, elsewhere: only the content tells.
        changed = filters.chunks[0].copy()
        changed[:] = changed[:, ::-1]
        other = Filters([changed, *filters.chunks[1:]], filters.present)
        assert np.array_equal(other.set_bits, filters.set_bits)
        filters = other
    else:
        values = blocks.values.copy()
        values[:, [0, 1]] = values[:, [1, 0]]
        blocks = Blocks(values, blocks.present)
    work = Work(tmp_path)
    found = blocked_pairs(filters, filters, blocks, blocks, threshold, held=24 * 500, work=work)
    expected = blocked_pairs(filters, filters, blocks, blocks, threshold)
    assert as_rows(found) == as_rows(expected)
    assert work.damaged == 0


def test_where_nothing_can_be_kept_the_comparison_says_so(tmp_path):
    _, filters, blocks = registers()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(LimitError) as refused:
        blocked_pairs(filters, filters, blocks, blocks, 500_000, work=Work(in_the_way))
    assert refused.value.code == "link.work_unwritable"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))), st.integers(1, 12))
def test_runs_cover_every_block_once_and_keep_to_their_bounds(blocks, most):
    records, pairs = (np.array([each[side] for each in blocks], dtype=np.int64) for side in (0, 1))
    found = list(runs(records, pairs, most, most))
    assert [stop for _, stop in found][-1:] == [len(blocks)][: len(blocks)]
    assert [first for first, _ in found] == [0, *(stop for _, stop in found)][: len(found)]
    for first, stop in found:
        assert stop == first + 1 or max(records[first:stop].sum(), pairs[first:stop].sum()) <= most


def test_a_few_records_find_who_shares_a_block_without_sorting_the_many():
    random = np.random.default_rng(1)
    keys = random.integers(0, 2**64, 500, dtype=np.uint64)
    many = keys[random.integers(0, 500, 20_000)], random.random(20_000) < 0.9
    few = keys[:30], random.random(30) < 0.7
    expected = np.isin(many[0], few[0][few[1]]) & many[1]
    assert np.array_equal(meeting(many, few), expected)
    assert expected.any()
    sides = [Blocks(values[None], present[None]) for values, present in (few, many)]
    product = (sides[0].values[0][:, None] == sides[1].values[0]) & np.outer(few[1], many[1])
    assert pairs_in_blocks(*sides) == product.sum() == pairs_in_blocks(*sides[::-1])


def test_about_a_share_of_the_blocks_is_taken_and_each_whole():
    random = np.random.default_rng(2)
    keys = random.integers(0, 2**64, 5_000, dtype=np.uint64)[random.integers(0, 5_000, 50_000)]
    chosen = Blocks(keys[None], np.ones((1, 50_000), dtype=bool)).below(0.1)
    assert 0.08 < chosen.mean() < 0.12
    assert not np.intersect1d(keys[chosen], keys[~chosen]).size


def test_keys_that_are_sorted_in_parts_meet_like_those_in_one(monkeypatch):
    random = np.random.default_rng(1)
    keys = random.integers(0, 2**64, 3_000, dtype=np.uint64)
    sides = [
        (keys[random.integers(0, 3_000, size)], random.random(size) < 0.9)
        for size in (20_000, 50_000)
    ]

    def rows_by_key():
        rows, starts = passes.joined(*sides)
        return [
            [sorted(each[first:stop].tolist()) for first, stop in pairwise(at)]
            for each, at in zip(rows, starts, strict=True)
        ]

    one, other = (Blocks(values[None], present[None]) for values, present in sides)
    whole = rows_by_key(), pairs_in_blocks(one, other), pairs_in_blocks(one, one)
    monkeypatch.setattr(passes, "_MANY", 100)
    assert (rows_by_key(), pairs_in_blocks(one, other), pairs_in_blocks(one, one)) == whole
    assert len(whole[0][0]) > 2_900
