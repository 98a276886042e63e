"""``pprl lab link`` and ``pprl lab threshold`` as a user runs them: files, exits, languages."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pprl.encode.columns import open_data, resolve
from pprl.encode.encoder import Encoder
from pprl.encode.pipeline import encode_table
from pprl.encoded import EncodedSet
from pprl.keys import LinkageKey
from pprl.lab.simulate import simulate
from pprl.schema import Schema

PPRL = Path(sys.executable).with_name("pprl")
KEY = LinkageKey(b"a key for synthetic data only, lab link tests")
COLUMNS = ["group", "party", "id", "similarity", "tier", "band", "precision", "explanation"]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Two encoded registers with a fifth of their people in common."""
    folder = tmp_path_factory.mktemp("encoded")
    made = simulate([900, 1_800], overlap=0.4, damage="dirty", seed=51, out=folder)
    schema = Schema.load("indonesia")
    paths = []
    for path in made.paths:
        source = open_data(path)
        columns = resolve(schema, source, {}, None)
        encoder = Encoder(schema, KEY, columns.fields, columns.id_column)
        paths.append(path.with_suffix(".arrow"))
        encode_table(encoder, source, threads=1)[0].write(paths[-1])
    return paths


def lab(*arguments, cwd, check=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "lab", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert done.returncode == check, (arguments, done.stdout, done.stderr)
    return done


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_matches_and_doubtful_pairs_are_written_with_what_was_estimated(encoded, tmp_path):
    done = lab("link", *encoded, "--out", "m.csv", "--review", "r.csv", "--json", cwd=tmp_path)
    said = json.loads(done.stdout)
    for name in ("threshold", "estimated_precision", "estimated_recall"):
        assert isinstance(said[name], float)
        assert 0.5 < said[name] <= 1
    assert files(tmp_path) == ["m.csv", "r.csv"]
    matches, review = rows(tmp_path / "m.csv"), rows(tmp_path / "r.csv")
    for written, band in ((matches, "accept"), (review, "review")):
        assert list(written[0]) == COLUMNS
        assert {row["band"] for row in written} == {band}
    assert len({row["group"] for row in matches}) == said["groups"]
    assert len({row["group"] for row in review}) == said["review_pairs"]
    assert {int(row["group"]) for row in review} == set(
        range(said["groups"], said["groups"] + said["review_pairs"])
    )
    assert f"{said['groups']}" in done.stderr
    assert "estimated precision" in done.stderr
    assert "to review" in done.stderr


def test_a_target_precision_is_kept_and_without_review_the_doubt_is_spoken_of(encoded, tmp_path):
    options = ("--target-precision", "0.99", "--seed", "3", "--json")
    done = lab("link", *encoded, "--out", "m.csv", *options, cwd=tmp_path)
    said = json.loads(done.stdout)
    assert said["target_precision"] == 0.99
    assert said["seed"] == 3
    assert said["estimated_precision"] >= 0.99
    assert "--review FILE" in done.stderr
    assert files(tmp_path) == ["m.csv"]


def test_a_threshold_is_taken_as_it_is_given(encoded, tmp_path):
    options = ("--threshold", "0.83", "--json")
    said = json.loads(lab("link", *encoded, "--out", "m.csv", *options, cwd=tmp_path).stdout)
    assert said["threshold"] == 0.83
    assert said["estimated_precision"] is None
    assert {row["precision"] for row in rows(tmp_path / "m.csv")} == {""}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--threshold", "0.8", "--target-precision", "0.99"), "exclude each other"),
        (("--target-precision", "1"), "between 0 and 1"),
        (("--target-precision", "99"), "between 0 and 1"),
        (("--target", "recall"), "recall"),
        (("--threshold", "1.5"), "--threshold"),
    ],
)
def test_options_that_make_no_sense_are_refused(encoded, tmp_path, options, says):
    done = lab("link", *encoded, "--out", "m.csv", *options, cwd=tmp_path, check=2)
    assert says in done.stderr
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["m.csv", "./m.csv"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_matches_and_review_can_not_be_the_same_file(encoded, tmp_path, name, force):
    options = ("--out", "m.csv", "--review", name, *force)
    done = lab("link", *encoded, *options, cwd=tmp_path, check=2)
    assert "m.csv" in done.stderr
    assert files(tmp_path) == []


def test_an_existing_review_is_kept_and_no_matches_are_written_beside_it(encoded, tmp_path):
    (tmp_path / "r.csv").write_text("decided by hand")
    options = ("--out", "m.csv", "--review", "r.csv")
    done = lab("link", *encoded, *options, cwd=tmp_path, check=2)
    assert "r.csv exists already" in done.stderr
    assert files(tmp_path) == ["r.csv"]
    assert (tmp_path / "r.csv").read_text() == "decided by hand"
    lab("link", *encoded, *options, "--force", cwd=tmp_path)
    assert files(tmp_path) == ["m.csv", "r.csv"]
    assert rows(tmp_path / "r.csv")


def test_no_result_replaces_an_encoded_file(encoded, tmp_path):
    before = encoded[0].read_bytes()
    for options in (("--out", encoded[0]), ("--out", "m.csv", "--review", encoded[0])):
        lab("link", *encoded, *options, "--force", cwd=tmp_path, check=2)
    lab("threshold", *encoded, "--chart", encoded[0], "--force", cwd=tmp_path, check=2)
    assert encoded[0].read_bytes() == before
    assert files(tmp_path) == []


def test_the_curve_of_every_tier_is_printed_and_drawn(encoded, tmp_path):
    done = lab("threshold", *encoded, "--chart", "c.svg", cwd=tmp_path)
    titles = [block.splitlines()[0] for block in done.stdout.strip().split("\n\n")]
    # A kind of token with too few pairs to be judged has no curve.
    assert [title for title in titles if title != "nik15"] == ["nik", "filter", "contradicted"]
    assert done.stdout.count("precision from here up") == len(titles)
    for band in ("accept", "review", "reject"):
        assert band in done.stdout
    assert "nan" not in done.stdout
    root = ET.parse(tmp_path / "c.svg").getroot()  # noqa: S314 - our own file
    assert root.tag.endswith("svg")
    assert "estimated precision" in done.stderr
    assert "c.svg" in done.stderr


def test_the_curves_as_json_have_the_bars_that_linking_uses(encoded, tmp_path):
    shown = json.loads(lab("threshold", *encoded, "--json", cwd=tmp_path).stdout)
    assert files(tmp_path) == []
    said = json.loads(lab("link", *encoded, "--out", "m.csv", "--json", cwd=tmp_path).stdout)
    assert {name: shown[name] for name in said} == said
    bars = said["pairs"][0]["accept"]
    for curve in shown["curves"]:
        assert curve["accept"] == bars[curve["tier"]]
    for curve in shown["curves"]:
        columns = ("found", "expected_false", "local_precision", "precision")
        assert {len(curve[name]) for name in columns} == {len(curve["similarity"])}
        known = [value for value in curve["precision_low"] + curve["precision_high"] if value]
        assert all(0 <= value <= 1 for value in known)


def test_everything_is_said_in_indonesian_when_asked(encoded, tmp_path):
    options = ("--out", "m.csv", "--review", "r.csv")
    done = lab("link", *encoded, *options, cwd=tmp_path, language="id")
    assert "presisi" in done.stderr
    assert "estimated" not in done.stderr
    for name in ("m.csv", "r.csv"):
        written = rows(tmp_path / name)
        assert list(written[0]) == COLUMNS
        assert all("orang yang sama" in row["explanation"] for row in written)
    shown = lab("threshold", *encoded, cwd=tmp_path, language="id")
    assert "precision from here up" not in shown.stdout


def test_an_empty_register_gives_files_with_a_header_only(encoded, tmp_path):
    whole = EncodedSet.open(encoded[0])
    header = whole.header.model_copy(update={"records": 0})
    EncodedSet(header, whole.table.slice(0, 0)).write(tmp_path / "empty.arrow")
    options = ("--out", "m.csv", "--review", "r.csv", "--json")
    done = lab("link", "empty.arrow", encoded[1], *options, cwd=tmp_path)
    said = json.loads(done.stdout)
    assert said["groups"] == said["review_pairs"] == 0
    assert said["threshold"] is said["estimated_precision"] is None
    for name in ("m.csv", "r.csv"):
        assert (tmp_path / name).read_text() == ",".join(COLUMNS) + "\n"
    assert "nothing is accepted" in done.stderr
