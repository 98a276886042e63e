"""The plan of a link: what is chosen, counted, expected, needed and refused."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

import pprl
from pprl.encoded import EncodedSet, Header, table_schema
from pprl.errors import ConfigError, LimitError
from pprl.limits import MAX_PAIRS
from pprl.plan import crowded_blocks, plan
from pprl.plan.choice import MOST_EXHAUSTIVE, choose
from pprl.plan.needs import (
    BASE_BYTES,
    BYTES_A_PAIR,
    BYTES_A_RECORD,
    LEAST_HELD,
    Job,
    needs,
    needs_of,
)
from pprl.plan.room import FOLDER_NAME, Room, group_limits, usable_memory, working_folder
from pprl.plan.sizes import parse_size, shown_size
from pprl.plan.speed import Speed, seconds

BITS = 256
GB = 10**9


def tokens(numbers, width):
    """Return keyed-looking tokens, one a number; None where it is None."""
    return [
        None if number is None else np.random.default_rng([width, number]).bytes(width)
        for number in numbers
    ]


def encoded(filters, *, scheme="clk", blocks=None, nik=None, claim=None):
    """Make a set of ``uint64 (n, words)`` filters; ``claim`` says more records than there are."""
    n_records = len(filters)
    header = Header(
        scheme=scheme,
        bits=BITS,
        kappa=4 if scheme == "hardened" else None,
        schema=None,
        key_check=None,
        records=claim or n_records,
    )
    columns = {
        "id": [f"r{number}" for number in range(n_records)],
        "filter": [row.tobytes() if row.any() else None for row in filters],
    }
    if nik is not None:
        columns["token.nik"] = tokens(nik, 16)
    for name, numbers in (blocks or {}).items():
        columns[f"block.{name}"] = tokens(numbers, 8)
    kinds = ["nik"] if nik is not None else []
    schema = table_schema(header, kinds, block_passes=list(blocks or {}))
    return EncodedSet(header, pa.table(columns, schema=schema))


def people(n_people, seed=1):
    """Return filters of different people: about a third of the bits set."""
    draw = np.random.default_rng(seed)
    bits = draw.random((n_people, BITS)) < 0.33
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64)


def huge(n_records, **options):
    """Return a set that says it has so many records; nothing of them is ever read."""
    return encoded(people(1), **options, claim=n_records)


def test_blocks_are_chosen_where_all_sets_have_a_pass_in_common():
    one = encoded(people(3), blocks={"a": [1, 2, 3], "b": [1, 1, 1]})
    two = encoded(people(2), blocks={"b": [1, 1], "c": [5, 6]})
    assert (choose([one, two]).generator, choose([one, two]).passes) == ("blocks", ("b",))
    plain = encoded(people(2))
    assert choose([one, two, plain]).generator == "exhaustive"


def test_what_is_asked_for_by_name_is_taken_if_the_sets_can():
    blocked = encoded(people(2), blocks={"a": [1, 2]})
    assert choose([blocked, blocked], "exhaustive").passes == ()
    assert choose([blocked, blocked], "lsh").generator == "lsh"
    with pytest.raises(ConfigError, match="no blocking pass"):
        choose([blocked, encoded(people(2))], "blocks")
    hardened = encoded(people(2), scheme="hardened")
    with pytest.raises(ConfigError, match="clk filters"):
        choose([hardened, hardened], "lsh")
    with pytest.raises(ConfigError, match="auto, exhaustive, blocks, lsh"):
        choose([blocked, blocked], "sorted")


@pytest.mark.parametrize(("more", "generator"), [(0, "exhaustive"), (1, "lsh")])
def test_every_pair_is_compared_up_to_a_limit_then_bands_of_bits(more, generator):
    side = int(MOST_EXHAUSTIVE**0.5)
    sets = [huge(side), huge(side + more)]
    assert choose(sets).generator == generator


def test_too_many_hardened_filters_without_a_pass_are_refused_and_told_to_add_one():
    sets = [huge(10_000_000, scheme="hardened")] * 2
    with pytest.raises(LimitError) as refused:
        choose(sets)
    assert "[[blocks]]" in refused.value.hint
    assert choose(sets, "exhaustive").generator == "exhaustive"


def test_pairs_of_blocks_are_exactly_those_that_share_one_and_have_filters():
    draw = np.random.default_rng(5)
    sides, shared = [], []
    for n_records, seed in ((60, 1), (90, 2), (40, 3)):
        filters = people(n_records, seed)
        filters[::7] = 0
        blocks = {
            name: [None if x == 0 else int(x) for x in draw.integers(0, 9, n_records)]
            for name in ("a", "b")
        }
        sides.append(encoded(filters, blocks=blocks))
        shared.append([
            {(name, values[row]) for name, values in blocks.items() if values[row] is not None}
            if filters[row].any()
            else set()
            for row in range(n_records)
        ])  # fmt: skip
    common = [
        len(one & other) for ours, theirs in combinations(shared, 2) for one in ours
        for other in theirs
    ]  # fmt: skip
    made = plan(sides, calibrate=False)
    assert made.pairs == sum(n > 0 for n in common)
    assert made.comparisons == sum(common)
    assert made.with_filter == (51, 77, 34)
    assert made.pairs_in_all == 60 * 90 + 60 * 40 + 90 * 40


def test_the_worst_blocks_come_first_with_their_sizes_and_shares_and_no_token():
    one = encoded(people(6), blocks={"a": [1, 1, 1, 2, 3, None]})
    two = encoded(people(7), blocks={"a": [1, 1, 2, 2, 2, 2, 4]})
    worst = plan([one, two], calibrate=False).worst_blocks
    assert [(each.records, each.pairs, each.share) for each in worst] == [
        ((3, 2), 6, 0.6),
        ((1, 4), 4, 0.4),
    ]
    assert {each.pass_name for each in worst} == {"a"}


def test_at_most_ten_blocks_are_shown():
    many = encoded(people(30), blocks={"a": list(range(30))})
    assert len(plan([many, many], calibrate=False).worst_blocks) == 10


def test_a_block_shared_by_half_of_a_file_is_warned_of():
    crowd = [0] * 200 + list(range(1, 201))
    sets = [
        encoded(people(400), blocks={"birth": crowd}),
        encoded(people(400, 2), blocks={"birth": list(range(400))}),
    ]
    warned = plan(sets, calibrate=False).warnings
    assert crowded_blocks(sets) == warned
    assert crowded_blocks(sets, "exhaustive") == ()
    assert [(each.code, each.values) for each in warned] == [
        ("plan.crowded", {"name": "birth", "party": 1, "records": 200, "percent": 50})
    ]


def test_one_block_with_more_than_half_of_all_pairs_is_warned_of():
    crowd = [0] * 150 + list(range(1, 2_001))
    sets = [encoded(people(len(crowd)), blocks={"birth": crowd})] * 2
    warned = plan(sets, calibrate=False).warnings
    assert [each.code for each in warned] == ["plan.one_block"]
    assert warned[0].values == {"name": "birth", "percent": 92}


def test_even_blocks_are_not_warned_of():
    sets = [encoded(people(400), blocks={"a": [n % 50 for n in range(400)]})] * 2
    assert plan(sets, calibrate=False).warnings == ()


def matched(n_people, lost, wrong=0):
    """Return two sets of the same people: of the first ``lost`` the block differs.

    The last ``wrong`` share a token with somebody else, and no block.
    """
    filters = people(n_people)
    nik = list(range(n_people))
    others = filters.copy()
    others[n_people - wrong :] = people(wrong, 99)
    theirs = [n + 10_000 if n < lost or n >= n_people - wrong else n for n in nik]
    return [
        encoded(filters, nik=nik, blocks={"a": nik}),
        encoded(others, nik=nik, blocks={"a": theirs}),
    ]


def test_expected_recall_is_the_share_of_token_pairs_that_share_a_block():
    made = plan(matched(200, lost=50), calibrate=False)
    assert (made.recall, made.recall_pairs) == (0.75, 200)


def test_a_token_given_to_two_people_is_no_pair_of_one_person():
    made = plan(matched(200, lost=20, wrong=40), calibrate=False)
    assert made.recall_pairs == pytest.approx(160, abs=1)  # hardly any stranger is as alike
    assert made.recall == pytest.approx(140 / 160, abs=0.01)


def test_a_token_of_several_records_says_nothing():
    one, two = matched(200, lost=0)
    twice = encoded(people(200), nik=[0] * 100 + list(range(100, 200)), blocks={"a": [0] * 200})
    assert plan([one, two], calibrate=False).recall_pairs == 200
    assert plan([twice, two], calibrate=False).recall_pairs == 100


def test_without_tokens_or_with_few_the_recall_of_blocks_is_not_known():
    blocked = encoded(people(50), blocks={"a": list(range(50))})
    assert plan([blocked, blocked], calibrate=False).recall is None
    assert plan(matched(20, lost=0), calibrate=False).recall is None


def test_bands_find_what_is_asked_for_among_few_pairs():
    draw = np.random.default_rng(3)
    filters = people(4_000)
    flipped = np.packbits(draw.random((4_000, BITS)) < 0.02, axis=1).view(np.uint64)
    nik = list(range(4_000))
    sets = [encoded(filters, nik=nik), encoded(filters ^ flipped, nik=nik)]
    made = plan(sets, candidates="lsh", recall=0.95, calibrate=False)
    assert (made.generator, made.reason) == ("lsh", "plan.reason_asked")
    assert 0.95 <= made.recall <= 1
    assert made.recall_pairs >= 1_000
    assert 0 < made.pairs <= made.comparisons < made.pairs_in_all
    assert made.worst_blocks[0].pass_name.startswith("band ")
    assert not made.warnings


def test_every_pair_has_recall_one():
    assert plan([encoded(people(5))] * 2, calibrate=False).recall == 1.0


@pytest.mark.parametrize("scheme", ["clk", "hardened"])
def test_a_calibration_tells_the_time(scheme):
    blocks = {"a": [n % 40 for n in range(300)]}
    sets = [encoded(people(300, seed), scheme=scheme, blocks=blocks) for seed in (1, 2)]
    made = plan(sets, threads=2)
    assert made.speed.threads == 2
    assert min(made.speed.small_blocks, made.speed.tiled, made.speed.sorted_keys) > 0
    assert made.seconds > 0


def test_more_to_compare_takes_longer():
    speed = Speed(small_blocks=1e8, tiled=1e9, sorted_keys=1e7, gathered=1e7, threads=2)
    job = needs_of(Job((10**6, 10**7), 128, 10**9), memory=None)
    few = seconds(speed, job, small=10**8, tiled=0, passes=1)
    assert seconds(speed, job, small=10**10, tiled=0, passes=1) == pytest.approx(few + 99)
    assert seconds(speed, job, small=10**8, tiled=0, passes=12) > few
    tight = needs_of(Job((10**6, 10**7), 128, 10**9), memory=2 * GB + job.job.kept * 50)
    assert tight.parts == 2
    assert seconds(speed, tight, small=10**8, tiled=0, passes=1) > few


def test_nothing_to_compare_takes_no_calibration():
    sets = [encoded(np.zeros((3, 4), dtype=np.uint64))] * 2
    made = plan(sets)
    assert (made.pairs, made.seconds, made.speed) == (0, None, None)


def test_memory_is_linear_in_records_and_bounded_in_pairs():
    small, large = (Job((n, 5 * n), 256, 10**15) for n in (10**6, 10**7))
    for job in (small, large):
        assert job.kept == 4 * job.records[0]
    assert large.without_filters - BASE_BYTES == 10 * (small.without_filters - BASE_BYTES)
    assert Job((10**9, 10**9), 256, 10**18).kept == MAX_PAIRS
    assert Job((100, 100), 256, 7).kept == 7
    assert small.without_filters - BASE_BYTES == 6 * 10**6 * sum(BYTES_A_RECORD.values()) + (
        4 * 10**6 * BYTES_A_PAIR
    )


def test_what_does_not_fit_at_once_is_read_in_parts_within_the_memory_allowed():
    job = Job((8_600_000, 41_700_000), 256, 10**12)
    whole = needs_of(job, memory=None)
    assert (whole.parts, whole.held) == (1, None)
    tight = needs_of(job, memory=whole.memory - 1)
    assert tight.parts == 2
    assert tight.memory == whole.memory - 1
    assert tight.held == tight.memory - job.without_filters
    least = needs_of(job, memory=GB)
    assert (least.held, least.memory) == (LEAST_HELD, job.without_filters + LEAST_HELD)


def test_the_national_job_fits_16_gb_with_either_scheme():
    for filter_bytes in (128, 256):
        job = Job((8_600_000, 41_700_000), filter_bytes, 5 * 10**11)
        assert needs_of(job, memory=16 * GB * 4 // 5).memory <= 16 * GB * 4 // 5


def refused(sets, candidates="auto", **room):
    needed = needs(sets, choose(sets, candidates), Room(**room))
    with pytest.raises(LimitError) as error:
        needed.refuse_beyond(Room(**room))
    assert error.value.exit_code == 5
    return error.value


def test_too_little_memory_is_refused_with_the_option_that_helps():
    blocked = huge(10_000_000, blocks={"a": [1]})
    error = refused([blocked, blocked], memory=GB, folder=None, disk=None)
    assert "--memory" in error.hint
    assert "1.0 GB" in str(error)
    plain = huge(20_000_000)
    error = refused([plain, plain], "exhaustive", memory=2 * GB, folder=None, disk=None)
    assert "--candidates blocks" in error.hint
    assert "--candidates lsh" in error.hint


def test_too_small_a_disk_is_refused_with_the_option_that_helps(tmp_path):
    blocked = huge(10_000_000, blocks={"a": [1]})
    room = {"memory": 100 * GB, "folder": tmp_path}
    error = refused([blocked, blocked], **room, disk=GB // 10)
    assert "--work-dir" in error.hint
    needs([blocked] * 2, choose([blocked] * 2), Room(**room, disk=GB)).refuse_beyond(
        Room(**room, disk=GB)
    )


def test_a_plan_says_whether_it_fits_and_a_link_that_does_not_is_refused_before_comparing():
    sets = [encoded(people(5))] * 2
    made = plan(sets, memory=10**6, calibrate=False)
    assert not made.fits
    with pytest.raises(LimitError, match=r"takes about 40\d MB of memory, and 1 MB may be used"):
        made.refuse()
    with pytest.raises(LimitError):
        pprl.link(sets, threshold=0.9, memory=10**6)
    assert plan(sets, calibrate=False).fits


def test_memory_that_the_machine_has_not_got_cannot_be_allowed():
    most = usable_memory()
    assert Room.of(memory=10**18).memory == pytest.approx(most, rel=0.1)
    assert Room.of().memory == pytest.approx(most * 0.8, rel=0.1)
    assert Room.of(memory=5).memory == 5


def group(folder, name, limit):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{limit}\n")


def test_the_least_limit_of_the_groups_around_this_process_counts(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/user/job/step\n")
    groups = tmp_path / "groups"
    group(groups / "user/job/step", "memory.max", "max")
    group(groups / "user/job", "memory.max", 16 * GB)
    group(groups / "user", "memory.max", 20 * GB)
    assert min(group_limits(own, groups)) == 16 * GB


def test_groups_of_version_1_are_read_and_other_controllers_are_not(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("9:name=systemd:/\n4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n")
    groups = tmp_path / "groups"
    group(groups / "memory/job", "memory.limit_in_bytes", 4 * GB)
    group(groups / "memory", "memory.limit_in_bytes", 9_223_372_036_854_771_712)
    group(groups / "cpu,cpuacct/job", "memory.limit_in_bytes", 1)
    assert min(group_limits(own, groups)) == 4 * GB


def test_a_container_that_sees_its_own_group_as_the_root_finds_its_limit(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/outside/of/it\n")
    group(tmp_path / "groups", "memory.max", 2 * GB)
    assert group_limits(own, tmp_path / "groups") == [2 * GB]
    assert group_limits(tmp_path / "nothing", tmp_path) == []


def test_a_working_folder_is_private_and_goes_when_it_is_empty(tmp_path):
    with working_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_an_interrupted_link_left_is_there_for_the_next_one(tmp_path):
    def interrupted():
        with working_folder(tmp_path) as folder:
            (folder / "finished").write_text("part")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with working_folder(tmp_path) as folder:
        assert (folder / "finished").read_text() == "part"
        (folder / "finished").unlink()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_working_folder_that_others_could_read_is_refused(tmp_path, kind):
    place = tmp_path / "work" / FOLDER_NAME
    place.parent.mkdir()
    if kind == "open":
        place.mkdir(mode=0o755)
        place.chmod(0o755)
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_text("")
    with pytest.raises(ConfigError), working_folder(place.parent):
        pass


def test_a_work_dir_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigError, match="no folder"):
        Room.of(work_dir=tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no folder"):
        Room.of(work_dir=tmp_path / "file")
    room = Room.of(work_dir=tmp_path)
    assert room.disk > 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * GB),
        ("4gb", 4 * GB),
        ("4 G", 4 * GB),
        ("512MiB", 512 * 1024**2),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("1,5 T", 3 * 10**12 // 2),
        ("800000000", 800_000_000),
        ("64kB", 64_000),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "GB", "4 XB", "-4GB", "4GBB", "4..5GB", "0", "0.1B", "٤GB", "iB"]
)
def test_what_is_no_size_is_a_usage_error(text):
    with pytest.raises(ConfigError, match="isn't a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (12_345, "12 kB"), (9_960_000_000, "10.0 GB"), (3 * 10**12, "3.0 TB")],
)
def test_sizes_are_written(size, text):
    assert shown_size(size) == text
