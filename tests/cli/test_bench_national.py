"""The benchmark of national size, at a thousandth: real steps in limited processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.lab.evaluate import evaluate

BENCH = Path(__file__).parents[1] / "bench"
LINK = "clk, two passes"
STEPS = ["simulate", *(f"{LINK}: {step}" for step in (
    "encode a", "encode b", "link", "evaluate", "sample",
))]  # fmt: skip


def national(folder, *options):
    return subprocess.run(
        [sys.executable, BENCH / "national.py", "--share", "1000", "--only", LINK,
         "--folder", folder, "--keep", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("national")
    return folder / "heads-1000", national(folder)


def steps(folder):
    return {
        each["step"]: each
        for each in map(json.loads, (folder / "results.jsonl").read_text().splitlines())
    }


def test_says_the_disk_it_needs_first_and_prints_a_row_for_every_step(done):
    folder, ran = done
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("disk needed: ")
    assert list(steps(folder)) == STEPS
    assert all(f"| {name} | " in ran.stdout for name in STEPS)
    assert "8,600 x 41,700 records (1/1000 of the whole)" in ran.stdout


def test_every_step_is_measured_and_limited(done):
    folder, _ = done
    for each in steps(folder).values():
        assert each["code"] == 0
        assert each["way"] in {"systemd", "rlimit"}
        assert 0 < each["wall"] < 600
        assert 50e6 < each["resident"] < 16 * 2**30


def test_its_precision_and_recall_are_those_of_lab_evaluate(done):
    folder, _ = done
    said = steps(folder)[f"{LINK}: evaluate"]["said"]
    overall = evaluate(folder / "indonesia-blocked.csv", folder / "truth.csv").overall
    assert said["precision"] == pytest.approx(overall.precision.value)
    assert said["recall"] == pytest.approx(overall.recall.value)
    assert (said["found"], said["findable"]) == (overall.found, overall.findable)


def test_the_sample_is_compared_with_everybody(done):
    folder, _ = done
    said = steps(folder)[f"{LINK}: sample"]["said"]
    assert said["sampled"] == 2_000
    # Three of five are in the other register.
    assert 0.8 * 1_200 < said["true_pairs"] <= said["pairs"]
    assert said["true_candidates"] > 0.8
    assert said["true_candidates"] < said["true_candidates_or_tokens"] < 1


def test_goes_on_where_it_stopped(done):
    folder, first = done
    notes = folder / "results.jsonl"
    lines = notes.read_text().splitlines()
    notes.write_text("\n".join(lines[:-1]) + "\n")
    again = national(folder.parent)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{LINK}: sample: " in again.stdout  # done again, and nothing else
    assert "encode a: " not in again.stdout
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]


def test_persons_in_full_are_refused(tmp_path):
    ran = national(tmp_path, "--share", "1", "--persons")
    assert ran.returncode == 2
    assert not list(tmp_path.iterdir())


RUN = """
import json, sys
from dataclasses import asdict
from pathlib import Path

bench, folder, limit, code = sys.argv[1:]
sys.path.insert(0, bench)
import confined

spent = confined.run(
    [sys.executable, "-c", code], limit=int(limit), folder=Path(folder), log=Path(folder) / "log"
)
print(json.dumps(asdict(spent)))
"""


def confined(folder, limit, megabytes):
    """Run what takes so much memory under a limit, and return what was measured."""
    code = f"import time; kept = bytearray({megabytes} << 20); time.sleep(0.6)"
    ran = subprocess.run(
        [sys.executable, "-c", RUN, BENCH, folder, str(limit), code],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def test_a_step_that_takes_more_memory_than_it_may_fails(tmp_path):
    assert confined(tmp_path, 200 << 20, 300)["code"] != 0


def test_a_step_within_its_limit_is_measured(tmp_path):
    spent = confined(tmp_path, 1 << 30, 300)
    assert spent["code"] == 0
    assert 300 << 20 < spent["resident"] < 500 << 20
