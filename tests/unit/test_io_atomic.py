"""Publishing results whole or not at all."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pprl.errors import ConfigError, LimitError
from pprl.io.atomic import publish


def test_the_file_appears_only_when_the_block_ends_well(tmp_path):
    target = tmp_path / "out.txt"
    with publish(target) as temporary:
        temporary.write_text("done")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
    assert target.read_text() == "done"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_stays_behind_after_a_failure(tmp_path, failure):
    def work():
        with publish(tmp_path / "out.txt") as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        work()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_process_leaves_nothing(tmp_path):
    program = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from pprl.io.atomic import publish
        with publish(Path({str(tmp_path / "out.txt")!r})) as temporary:
            temporary.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_without_force(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(ConfigError) as caught, publish(target):
        pytest.fail("the block must not run")
    assert caught.value.code == "output.exists"
    assert target.read_text() == "old"


def test_a_file_that_appears_during_the_work_is_kept(tmp_path):
    target = tmp_path / "out.txt"

    def work():
        with publish(target) as temporary:
            temporary.write_text("mine")
            target.write_text("somebody else's")

    with pytest.raises(ConfigError) as caught:
        work()
    assert caught.value.code == "output.exists"
    assert target.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [target]


def test_force_replaces_and_keeps_the_rights(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    target.chmod(0o600)
    with publish(target, force=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_failure_with_force_keeps_the_old_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def work():
        with publish(target, force=True) as temporary:
            temporary.write_text("half")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - an error without a text
        work()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_input_is_never_overwritten(tmp_path):
    given = tmp_path / "krs.csv"
    given.write_text("nik\n1\n")
    link = tmp_path / "link.csv"
    link.symlink_to(given)
    with pytest.raises(ConfigError) as caught, publish(link, force=True, inputs=[given]):
        pytest.fail("the block must not run")
    assert caught.value.code == "output.is_input"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught, publish(tmp_path / "no" / "out.txt"):
        pytest.fail("the block must not run")
    assert caught.value.code == "output.no_folder"
    assert caught.value.values["folder"] == str(tmp_path / "no")


def test_a_folder_and_a_device_are_no_files(tmp_path):
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(ConfigError) as caught, publish(path, force=True):
            pytest.fail("the block must not run")
        assert caught.value.code == "output.not_a_file"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    with pytest.raises(LimitError) as caught, publish(tmp_path / "out.txt"):
        Path("/dev/full").write_text("x")
    assert caught.value.code == "output.disk_full"
    assert list(tmp_path.iterdir()) == []
