"""``--plan``, ``--memory`` and ``--work-dir`` as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.errors import ConfigError, InputError, LimitError
from pprl.keys import LinkageKey
from pprl.lab.simulate import simulate
from pprl.schema import Schema
from pprl_cli import ui
from pprl_cli.main import app

PPRL = Path(sys.executable).with_name("pprl")
KEY = LinkageKey(b"a key for synthetic data only, plan tests")


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Two registers, encoded by schemas with and without blocks: schema -> two files."""
    folder = tmp_path_factory.mktemp("encoded")
    made = simulate([600, 900], overlap=0.6, damage="dirty", seed=52, out=folder)
    paths = {}
    for name in ("indonesia-blocked", "indonesia-hardened"):
        schema = Schema.load(name)
        paths[name] = []
        for path in made.paths:
            source = open_data(path)
            columns = resolve(schema, source, {}, None)
            encoder = Encoder(schema, KEY, columns.fields, columns.id_column)
            paths[name].append(path.with_suffix(f".{name}.arrow"))
            encode_table(encoder, source, threads=1)[0].write(paths[name][-1])
    return paths


@pytest.fixture
def lab_link(capsys, tmp_path, monkeypatch):
    """Run the command in this process, which spares its start: returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, language="en"):
        ui.choose_language(language)
        app(["lab", "link", *map(str, arguments)], standalone_mode=False)
        return capsys.readouterr().out

    yield run
    ui.choose_language("en")


def test_a_plan_is_printed_in_aligned_lines_and_nothing_is_written(encoded, tmp_path):
    files = map(str, encoded["indonesia-blocked"])
    done = subprocess.run(
        [str(PPRL), "--lang", "en", "lab", "link", *files, "--plan", "--work-dir", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n\n")[0].splitlines()
    assert len(lines) == 9
    values = {line.partition("  ")[0]: line for line in lines}
    assert "birth_sex" in values["Candidates"]
    assert values["Pairs in all"].endswith("540,000")
    assert "pairs with an equal token" in values["Expected recall"]
    starts = {len(line) - len(line.partition("  ")[2].lstrip()) for line in lines}
    assert len(starts) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_does_not_fit_is_shown_in_indonesian_and_refused(encoded, tmp_path):
    files = map(str, encoded["indonesia-blocked"])
    done = subprocess.run(
        [str(PPRL), "--lang", "id", "lab", "link", *files, "--plan", "--memory", "100MB"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "Semua pasangan" in done.stdout
    assert "Blok dengan pasangan terbanyak" in done.stdout
    assert "yang boleh dipakai 100 MB" in done.stderr
    assert "--memory" in done.stderr


def test_a_plan_as_json_has_all_of_it(encoded, lab_link):
    files = encoded["indonesia-blocked"]
    plan = json.loads(lab_link(*files, "--plan", "--json", "--memory", "2GB"))
    assert plan["generator"] == "blocks"
    assert plan["records"] == [600, 900]
    assert plan["pairs_in_all"] == 540_000
    assert 0 < plan["pairs"] < 5_000
    assert len(plan["worst_blocks"]) == 10
    assert 0.5 < plan["recall"] <= 1
    assert plan["recall_pairs"] > 200
    assert plan["seconds"] > 0
    assert plan["memory_allowed"] == 2_000_000_000
    assert plan["fits"]
    plan = json.loads(lab_link(*files, "--plan", "--json", "--candidates", "exhaustive"))
    assert (plan["generator"], plan["pairs"], plan["recall"]) == ("exhaustive", 540_000, 1.0)


def test_a_link_that_does_not_fit_is_refused_and_writes_nothing(encoded, lab_link, tmp_path):
    with pytest.raises(LimitError, match="100 MB may be used"):
        lab_link(*encoded["indonesia-blocked"], "--out", "m.csv", "--memory", "100MB")
    assert list(tmp_path.iterdir()) == []


def test_memory_and_work_dir_change_no_result(encoded, lab_link, tmp_path):
    files = encoded["indonesia-blocked"]
    lab_link(*files, "--out", "plain.csv")
    work = tmp_path / "work"
    work.mkdir()
    lab_link(*files, "--out", "tight.csv", "--memory", "1GB", "--work-dir", work)
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "tight.csv").read_bytes()
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plan", "--memory", "much"), "isn't a size"),
        (("--plan", "--work-dir", "missing"), "no folder"),
        (("--plan", "--candidates", "some"), "--candidates"),
        ((), "--out is needed"),
    ],
)
def test_wrong_options_are_usage_errors(encoded, lab_link, options, said):
    with pytest.raises(ConfigError, match=said):
        lab_link(*encoded["indonesia-blocked"], *options)


def test_files_that_cannot_be_compared_have_no_plan(encoded, lab_link):
    files = (encoded["indonesia-blocked"][0], encoded["indonesia-hardened"][1])
    with pytest.raises(ConfigError, match="can't be compared"):
        lab_link(*files, "--plan")
    with pytest.raises(ConfigError, match="at least two"):
        lab_link(files[0], "--plan")
    with pytest.raises(InputError, match="there is no file"):
        lab_link(files[0], "missing.arrow", "--plan")


def test_hardened_files_without_blocks_are_few_enough_here(encoded, lab_link):
    said = lab_link(*encoded["indonesia-hardened"], "--plan")
    assert "every one" in said
    assert "Blocks with most pairs" not in said
