"""``pprl check --risk``: numbers about what encodings would tell, and never a value."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pprl
from pprl.io.memory import MemorySource
from pprl.quality_risk import assess
from pprl_protocols.agreement import Agreement

ROOT = Path(__file__).parents[2]
PPRL = Path(sys.executable).with_name("pprl")
TEMPLATE = ROOT / "docs/security/dpia-template.md"
RECORDED = ROOT / "protocols/vectors/recorded"
HEADER = "id;NIK;Nama Lengkap;Tgl Lahir;JK;Kode Kecamatan\n"
ROWS = """1;6408995503909901;Kenari Aminah;15-03-1990;P;640801
2;6408990101700001;Kenari Budi;01-02-1970;L;640801
3;6408990101700001;Kenari Cahyo;01-02-1970;L;640801
4;;Kenari Dewi Lestari;17-08-1985;P;640802
5;;Li;;;640802
6;;-;;;640803
"""
VALUES = ("6408995503909901", "6408990101700001", "Kenari", "Lestari", "1990", "1985", "640803")
BLOCKED = """
schema = "openpprl/1"
name = "blocked"
[filter]
scheme = "hardened"
bits = 1024
kappa = 4
[[fields]]
name = "words"
column = "name"
read = "words"
qgrams = 2
[[fields]]
name = "born"
column = "birth_date"
read = "date"
qgrams = 2
positional = true
[[tokens]]
kind = "nik"
[[blocks]]
pass = "birth_sex"
of = ["birth_date", "sex"]
"""


def check(*arguments, cwd, code=0, language="en"):
    done = subprocess.run(
        [str(PPRL), "--lang", language, "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert not [value for value in VALUES if value in done.stdout + done.stderr]
    return done


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "krs.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_unique_records_repeated_tokens_blocks_and_missing_filters_are_counted(register, tmp_path):
    schema = tmp_path / "blocked.toml"
    schema.write_text(BLOCKED)
    done = check(register, "--risk", "--schema", schema, "--json", cwd=tmp_path)
    risk = json.loads(done.stdout)["risk"]
    assert (risk["records"], risk["scheme"], risk["kappa"]) == (6, "hardened", 4)
    assert risk["values"]["name"] == {
        "records": 5, "different": 5, "alone": 5, "few": 0, "repeated": 0, "largest": 1
    }  # fmt: skip
    assert risk["values"]["district"] == {
        "records": 6, "different": 3, "alone": 1, "few": 5, "repeated": 5, "largest": 3
    }  # fmt: skip
    assert "sex" not in risk["values"]
    dates = {"records": 4, "different": 3, "alone": 2, "few": 2, "repeated": 2, "largest": 2}
    assert risk["combinations"]["birth_date+sex"] == dates
    assert risk["combinations"]["birth_date+sex+district"] == dates
    assert "birth_date+sex+village" not in risk["combinations"]
    assert risk["blocks"] == {"birth_sex": dates}
    assert risk["tokens"]["nik"]["repeated"] == 2
    assert risk["without_filter"] == 2
    assert risk["unmatchable"] == 2
    assert risk["advice"] == [
        "risk_hardened", "risk_unique", "risk_blocks_alone", "risk_repeated_tokens",
        "risk_no_filter", "risk_unmatchable", "risk_colluding",
    ]  # fmt: skip


def assessed(name, rows):
    names = ("id", "nik", "nama", "tgl_lahir", "jk", "kode_kecamatan")
    table = dict(zip(names, zip(*rows, strict=True), strict=True))
    return assess(MemorySource(table), pprl.Schema.load(name))


def test_tokens_that_too_many_share_are_left_out_and_said():
    rows = [(f"{at}", "6408990101700001", "Kenari", "01-02-1970", "L", "1") for at in range(6)]
    risk = assessed("indonesia", [*rows, ("9", "6408995503909901", "Budi", "15-03-1990", "P", "1")])
    assert risk.dropped == {"nik": 6, "nik15": 6}
    assert risk.tokens["nik"].records == 1
    assert "risk_repeated_tokens" in risk.advice


def test_bloom_filters_show_their_likeness_to_many_and_hardened_ones_to_nearly_none():
    words = ("Aminah", "Budi Santoso", "Citra", "Dewi Lestari", "Eko", "Fajar", "Gita", "Hasan")
    rows = [
        (
            f"{at}-{first}",
            None,
            f"{one} {other}",
            f"{at + 1:02}-{first + 1:02}-19{50 + at}",
            "L",
            "1",
        )
        for first, one in enumerate(words)
        for at, other in enumerate(words)
    ]
    alike = {
        name: [assessed(name, rows).alike for _ in range(2)]
        for name in ("indonesia", "indonesia-hardened", "indonesia-tokens")
    }
    assert all(one == again for one, again in alike.values())
    assert alike["indonesia"][0] > 0.2
    assert alike["indonesia-hardened"][0] < 0.2 * alike["indonesia"][0]
    assert alike["indonesia-tokens"][0] is None


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Bloom filters show who is like whom."),
        ("id", "Filter Bloom memperlihatkan siapa mirip siapa."),
    ],
)
def test_it_is_said_in_words(register, tmp_path, language, sentence):
    assert sentence in check(register, "--risk", cwd=tmp_path, language=language).stdout


def test_the_schema_of_a_run_is_used_and_the_template_finds_all_its_fields(register, tmp_path):
    content = json.loads(next(RECORDED.glob("*/agreement.json")).read_bytes())
    content["schema_text"] = BLOCKED
    content["schema_digest"] = pprl.Schema.from_toml(BLOCKED).digest
    told = Agreement.model_validate_json(json.dumps(content))
    folder = tmp_path / "exchange" / told.run
    folder.mkdir(parents=True)
    (folder / "agreement.json").write_bytes(told.to_bytes())
    done = check(register, "--risk", "--run", tmp_path / "exchange", "--json", cwd=tmp_path)
    content = json.loads(done.stdout)
    risk = content["risk"]
    assert risk["schema"] == "blocked"
    assert risk["agreement"]["purpose"] == told.purpose
    assert risk["agreement"]["dpia"] == told.dpia
    assert {one["role"] for one in risk["agreement"]["parties"]} >= {"agency", "coordinator"}
    assert risk["records"] == 6
    for field in re.findall(r"\{([^}]+)\}", TEMPLATE.read_text()):
        place = content
        for step in re.findall(r'\["([^"]+)"\]|([^.\[\]]+)', field):
            place = place["".join(step)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--schema", "indonesia"), 2),
        (("--run", "exchange"), 2),
        (("--risk", "--schema", "indonesia", "--run", "exchange"), 2),
        (("--risk", "--schema", "nowhere.toml"), 2),
    ],
)
def test_what_makes_no_sense_is_refused(register, tmp_path, arguments, code):
    check(register, *arguments, cwd=tmp_path, code=code)


def test_a_file_without_what_the_schema_needs_is_named(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("id;nama\n1;Kenari\n")
    assert "birth_date" in check(path, "--risk", cwd=tmp_path, code=3).stderr
