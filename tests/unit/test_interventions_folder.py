"""The folder of a run when commands are killed, run beside each other, or can't write."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.errors import ConfigError
from pprl.interventions.folder import publish_folder, refuse_folder

FILLING = """
import sys, time
from pathlib import Path
from pprl.interventions.folder import publish_folder
with publish_folder(Path(sys.argv[1]), marker="state") as folder:
    (folder / "daftar.csv").write_text("half of it")
    print("filling", flush=True)
    sys.stdin.read()
    (folder / "state").write_text("1")
"""


@pytest.fixture
def filling(tmp_path):
    """A command that has begun to fill the folder ``out``, and waits until its input ends."""
    command = subprocess.Popen(
        [sys.executable, "-c", FILLING, str(tmp_path / "out")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert command.stdout.readline() == b"filling\n"
    yield command
    command.kill()
    command.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill(path):
    with publish_folder(path, marker="state") as folder:
        (folder / "state").write_text("2")


def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path, filling):
    filling.send_signal(signal.SIGKILL)
    filling.wait()
    [left] = names(tmp_path)
    assert left.startswith(".part-")
    fill(tmp_path / "another")  # another place, another command's business
    assert left in names(tmp_path)
    fill(tmp_path / "out")
    assert names(tmp_path) == ["another", "out"]


def test_a_command_that_still_runs_is_left_alone_and_replaces_nothing(tmp_path, filling):
    fill(tmp_path / "out")
    assert len(names(tmp_path)) == 2
    filling.communicate()
    assert filling.returncode != 0
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out/state").read_text() == "2"


def test_a_read_only_folder_is_said(tmp_path):
    if os.geteuid() == 0:  # whom no right stops
        tmp_path = Path("/proc/self/attr")
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(ConfigError) as caught:
        fill(tmp_path / "out")
    assert caught.value.code == "output.unwritable"


def test_a_folder_that_is_there_is_refused_before_the_work(tmp_path):
    fill(tmp_path / "out")
    with pytest.raises(ConfigError) as caught:
        refuse_folder(tmp_path / "out", marker="state")
    assert caught.value.code == "output.exists"
    refuse_folder(tmp_path / "out", marker="state", force=True)
    assert names(tmp_path) == ["out"]
