"""Data quality: what is counted, what is listed, and in which portions."""

from pprl.io.memory import MemorySource
from pprl.io.source import BATCH_ROWS
from pprl.quality import check

COUNT = BATCH_ROWS + 10


def test_repeats_are_listed_in_portions_however_many_there_are():
    niks = ["6408995503909901"] * COUNT
    portions = []
    quality = check(
        MemorySource({"id": ["1"] * COUNT, "nik": niks}),
        report=portions.append,
    )
    assert max(map(len, portions)) <= BATCH_ROWS
    listed = [problem for portion in portions for problem in portion]
    for column, reason in (("nik", "nik_repeated"), ("id", "id_repeated")):
        rows = [one.row for one in listed if (one.column, one.reason) == (column, reason)]
        assert rows == list(range(1, COUNT + 1))
    assert (quality.repeated_niks, quality.repeated_nik_records) == (1, COUNT)
    assert quality.repeated_ids == 1


def test_repeats_are_counted_without_a_list_too():
    quality = check(MemorySource({"id": ["1", "2", "2"], "nik": ["6408995503909901"] * 3}))
    assert (quality.repeated_ids, quality.repeated_nik_records) == (1, 3)
    assert {"id_repeated", "nik_repeated"} <= set(quality.advice)
