"""A party of the demo at its keyboard: real processes that run real commands."""

import subprocess
import sys

import pytest
import typer

from pprl_cli.demo_party import Keyboard, Order
from pprl_cli.demo_stage import Stage, Turn


def test_a_party_runs_one_command_after_the_other_and_answers_in_that_order(tmp_path):
    said = [str(tmp_path / f"{place}.txt") for place in range(3)]
    with Keyboard() as keyboard:
        keyboard.send(Order(["--version"], shown=said[0]))
        keyboard.send(Order(["--lang", "id", "check", "nothing.csv"], shown=said[1]))
        keyboard.send(Order(["--version"], shown=said[2]))
        assert keyboard.answer() == 0
        assert keyboard.answer() != 0
        assert keyboard.answer() != 0  # after a command that fails there is none
    assert (tmp_path / "0.txt").read_text().startswith("openpprl ")
    assert "nothing.csv" in (tmp_path / "1.txt").read_text()
    assert not (tmp_path / "2.txt").exists()


def test_a_result_is_kept_apart_from_what_is_said(tmp_path):
    kept, shown = tmp_path / "kept", tmp_path / "shown"
    with Keyboard() as keyboard:
        keyboard.send(Order(["--version"], shown=str(shown), kept=str(kept)))
        assert keyboard.answer() == 0
    assert kept.read_text().startswith("openpprl ")
    assert shown.read_text() == ""


def test_a_party_that_is_left_at_work_ends(tmp_path):
    line = ["lab", "simulate", "--persons-b", "5000000", "--out", str(tmp_path / "d")]
    with Keyboard() as keyboard:
        keyboard.send(Order(line, shown=str(tmp_path / "said")))
    assert not (tmp_path / "d" / "truth.csv").exists()


def test_what_parties_say_is_shown_in_order_and_a_failure_ends_the_play(tmp_path, capfd):
    with Stage(tmp_path) as stage:
        (tmp_path / "parties").mkdir()
        version = ("--version",)
        stage.play(
            Turn("a", version, alone=True), Turn("b", version, alone=True),
            Turn("a", version, alone=True),
        )  # fmt: skip
        lines = capfd.readouterr().err.splitlines()
        assert [line.split("$")[0][:8] for line in lines] == [
            "a", "openpprl", "b", "openpprl", "a", "openpprl",
        ]  # fmt: skip
        with pytest.raises(typer.Exit) as refused:
            stage.play(
                Turn("a", version, alone=True), Turn("b", ("check", "none.csv"), alone=True),
                Turn("a", version, alone=True),
            )  # fmt: skip
    assert refused.value.exit_code == 3
    assert "none.csv" in capfd.readouterr().err.splitlines()[-2]


def test_a_rehearsal_shows_nothing_and_ends_well():
    program = "from pprl_cli.demo_rehearsal import rehearse; rehearse()"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert (done.stdout, done.stderr) == (b"encode\n", b"")
