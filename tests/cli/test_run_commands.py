"""A run as its parties type it: separate processes, homes and passphrases, one exchange folder.

One file, since homes, cards and a signed agreement take a dozen processes to make, once for all
tests.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PPRL = Path(sys.executable).with_name("pprl")
ROLES = {"dppkb": "agency", "dinsos": "agency", "bps": "coordinator"}
AGENCIES = ("dppkb", "dinsos")
ANSWERS = ("--legal-basis", "a test", "--dpia", "none", "--population", "Kutai Timur")


def rows_of(path, delimiter=","):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


class Desk:
    """A folder with everything that the parties of a run have."""

    def __init__(self, folder):
        self.folder = folder

    def pprl(self, *words, check=0, lang="en", **more):
        done = subprocess.run(
            [str(PPRL), "--lang", lang, *map(str, words)],
            cwd=self.folder, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, **more,
        )  # fmt: skip
        assert done.returncode == check, (words, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def play(self, name, *words, check=0, **more):
        at = ("--home", f"homes/{name}", "--passphrase-file", f"homes/{name}.pass")
        return self.pprl(*words, *at, check=check, **more)

    def turn(self, name, *words, check=0, **more):
        return self.play(name, *words, "--run", "exchange", check=check, **more)

    def status(self, name, check=0):
        at = ("--run", "exchange", "--home", f"homes/{name}", "--json")
        return json.loads(self.pprl("status", *at, check=check).stdout)

    def encode(self, name, check=0, *options):
        data = f"data/{'ab'[AGENCIES.index(name)]}.csv"
        return self.turn(name, "encode", data, *options, check=check)

    @property
    def run(self):
        return next(path for path in (self.folder / "exchange").iterdir())

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        return Desk(folder)


@pytest.fixture(scope="module")
def drafted(tmp_path_factory):
    """Homes, cards, pins and a draft that nobody has signed."""
    desk = Desk(tmp_path_factory.mktemp("run") / "desk")
    (desk.folder / "homes").mkdir(parents=True)
    (desk.folder / "exchange").mkdir()
    sizes = ("--persons-a", 60, "--persons-b", 90, "--overlap", 0.5, "--damage", "clean")
    desk.pprl("lab", "simulate", *sizes, "--out", "data")
    for name, role in ROLES.items():
        path = desk.folder / "homes" / f"{name}.pass"
        path.write_text(f"kata sandi {name}\n")
        path.chmod(0o600)
        said = desk.play(name, "init", "--role", role, name).stderr
        fingerprint = re.search(r"Fingerprint.*: ([0-9a-f ]+)", said)[1]
        (desk.folder / f"{name}.told").write_text(fingerprint)
        desk.play(name, "card")
    for name in ROLES:
        for other in ROLES:
            told = (desk.folder / f"{other}.told").read_text()
            if other != name:
                at = ("--fingerprint", told, "--home", f"homes/{name}")
                desk.pprl("trust", "add", f"{other}.party.toml", *at)
    files = [f"{name}.{kind}" for name in ROLES for kind in ("party.toml", "card.json")]
    desk.pprl("agreement", "new", *files, *ANSWERS, "--max-records", 1000)
    return desk


@pytest.fixture(scope="module")
def signed(drafted, tmp_path_factory):
    """The same, signed by all."""
    desk = drafted.copy(tmp_path_factory.mktemp("run") / "desk")
    publish = ("agreement", "sign", "agreement.toml", "--exchange", "exchange", "--yes")
    desk.play("dppkb", *publish)
    for name in ("dinsos", "bps"):
        desk.turn(name, "agreement", "sign", "--yes")
    return desk


@pytest.fixture(scope="module")
def linked(signed, tmp_path_factory):
    """The same, encoded and linked."""
    desk = signed.copy(tmp_path_factory.mktemp("run") / "desk")
    for name in AGENCIES:
        desk.encode(name)
    desk.turn("bps", "link")
    return desk


def test_a_run_from_signing_to_the_audit(linked, tmp_path):
    desk = linked.copy(tmp_path / "desk")
    for name in AGENCIES:
        desk.turn(name, "receive", "--out", f"homes/{name}/own.csv")  # into its home, too
        said = desk.turn(name, "receive", "--out", f"{name}.csv").stderr
        assert "Provisional" in said
        assert os.name == "nt" or (desk.folder / f"{name}.csv").stat().st_mode & 0o077 == 0
    rows = rows_of(desk.folder / "dppkb.csv")
    ids = [row["id"] for row in rows_of(desk.folder / "data/a.csv", ";")]
    assert [row["id"] for row in rows] == ids
    matched = [row for row in rows if row["status"] == "matched"]
    assert 25 <= len(matched) <= 32
    assert all(row["tier"] and row["band"] == "accept" and row["explanation"] for row in matched)
    other = {row["match"]: row for row in rows_of(desk.folder / "dinsos.csv")}
    assert all(row["match"] in other for row in matched)  # the number that owners have in common

    closed = json.loads(desk.turn("bps", "close", "--json").stdout)
    digest = closed["transcript"]
    before = desk.status("dppkb")
    assert (before["state"], before["transcript"], before["compared"]) == ("closed", digest, False)
    assert "--digest" in before["next"]
    desk.turn("dppkb", "close", "--digest", digest[:32])
    assert desk.status("dppkb")["compared"]
    assert desk.status("dppkb")["next"] is None
    wrong = desk.turn("dinsos", "close", "--digest", "0" * 32, check=4)
    assert "bps may have closed the run twice" in wrong.stderr

    again = desk.turn("dppkb", "receive", "--out", "dppkb.csv", "--force").stderr
    assert "Provisional" not in again
    assert rows_of(desk.folder / "dppkb.csv") == rows
    desk.pprl("audit", "exchange", "--trust", "homes/bps/pins.toml")

    waits = desk.turn("dppkb", "purge", check=7).stderr
    assert "--now" in waits
    desk.turn("dppkb", "purge", "--now")
    secrets = [path.name for path in (desk.folder / "homes/dppkb/secrets").iterdir()]
    assert not [name for name in secrets if name.startswith(("run-", "card-"))]
    desk.turn("dppkb", "receive", "--out", "late.csv", check=2)
    assert not (desk.folder / "late.csv").exists()


def test_the_status_prints_commands_that_work_as_they_are(drafted, tmp_path):
    desk = drafted.copy(tmp_path / "desk")
    desk.play("bps", "agreement", "sign", "agreement.toml", "--exchange", "exchange", "--yes")
    for _ in range(12):
        todo = [(name, desk.status(name)["next"]) for name in ROLES]
        todo = [(name, line) for name, line in todo if line and "DIGEST" not in line]
        if not todo:
            break
        name, line = todo[0]
        data = f"data/{'ba'[name == 'dppkb']}.csv"
        words = line.replace("DATA", data).replace("overlap.csv", f"{name}.csv").split()[1:]
        yes = ("--yes",) if "sign" in words else ()
        desk.pprl(*words, *yes, "--passphrase-file", f"homes/{name}.pass")
    assert desk.status("dppkb")["state"] == "closed"
    assert (desk.folder / "dinsos.csv").exists()


def test_whose_turn_it_is_not_waits(drafted, signed, tmp_path):
    desk = drafted.copy(tmp_path / "drafted")
    desk.play("bps", "agreement", "sign", "agreement.toml", "--exchange", "exchange", "--yes")
    said = desk.turn("dppkb", "encode", "data/a.csv", check=7).stderr
    assert "SIGN of dinsos, dppkb" in said
    desk = signed.copy(tmp_path / "signed")
    assert "ENCODINGS of dinsos, dppkb" in desk.turn("bps", "link", check=7).stderr
    assert "RESULT of bps" in desk.turn("dppkb", "receive", "--out", "o.csv", check=7).stderr
    assert not (desk.folder / "o.csv").exists()
    assert desk.turn("bps", "close", check=7).stderr
    assert desk.status("bps")["waits_for"] == [["dinsos", "ENCODINGS"], ["dppkb", "ENCODINGS"]]
    assert desk.turn("dppkb", "dispute", "--reason", "wrong_result", check=7).stderr


def test_a_plan_tells_the_coordinator_what_linking_takes_and_says_nothing(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    for name in AGENCIES:
        desk.encode(name)
    before = {path: path.read_bytes() for path in desk.run.rglob("*") if path.is_file()}
    told = json.loads(desk.turn("bps", "link", "--plan", "--json").stdout)
    assert (told["records"], told["pairs_in_all"], told["fits"]) == ([90, 60], 5_400, True)
    desk.turn("bps", "link", "--memory", "50MB", check=5)
    assert {path: path.read_bytes() for path in desk.run.rglob("*") if path.is_file()} == before
    assert not list((desk.folder / "homes/bps").rglob("*.arrow"))  # nothing opened is left


def test_every_turn_can_be_repeated_and_says_nothing_twice(linked, tmp_path):
    desk = linked.copy(tmp_path / "desk")
    before = {path: path.read_bytes() for path in desk.run.rglob("*") if path.is_file()}
    desk.play("dppkb", "agreement", "sign", "agreement.toml", "--exchange", "exchange", "--yes")
    assert "ENCODINGS was sent before" in desk.encode("dppkb").stderr
    assert "RESULT was sent before" in desk.turn("bps", "link").stderr
    assert {path: path.read_bytes() for path in desk.run.rglob("*") if path.is_file()} == before
    # What somebody has removed is published again as it was.
    entry = desk.run / "log/dppkb/000001.json"
    blob = max((desk.run / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    entry.unlink()
    desk.encode("dppkb")
    assert entry.read_bytes() == before[entry]
    blob.unlink()
    assert desk.turn(
        "dinsos", "receive", "--out", "o.csv", check=0
    )  # it needs its own result alone


def test_an_aborted_run_is_over_for_everybody(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    desk.encode("dppkb")
    bad = desk.turn("dinsos", "abort", "--reason", "boredom", check=2).stderr
    assert "own_decision" in bad
    desk.turn("dinsos", "abort", "--reason", "population", "--about", "dppkb")
    desk.turn("dinsos", "abort", "--reason", "population")  # once is enough
    assert desk.status("dppkb")["aborted_by"] == ["dinsos"]
    assert "ABORT" in desk.encode("dinsos", 2).stderr
    assert "ABORT" in desk.turn("bps", "link", check=2).stderr
    cards = [path.name for path in (desk.folder / "homes/bps/secrets").iterdir()]
    assert not [name for name in cards if name.startswith("card-")]
    assert desk.pprl("audit", "exchange", "--trust", "homes/bps/pins.toml", check=7)


def test_a_dispute_is_seen_by_all_and_by_the_audit(linked, tmp_path):
    desk = linked.copy(tmp_path / "desk")
    assert "RESULT" in desk.turn("dppkb", "abort", check=2).stderr
    desk.turn("dppkb", "dispute", "--reason", "wrong_result", "--about", "bps")
    assert desk.status("bps")["disputed_by"] == ["dppkb"]
    for name in AGENCIES:
        desk.turn(name, "receive", "--out", f"{name}.csv")
    desk.turn("bps", "close")
    report = desk.pprl("audit", "exchange", "--trust", "homes/bps/pins.toml")
    assert "dppkb" in report.stdout


def test_a_stick_carries_a_run_between_two_folders(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    shutil.copytree(desk.folder / "exchange", desk.folder / "stick")
    desk.encode("dppkb")
    desk.play("dinsos", "encode", "data/b.csv", "--run", "stick")
    said = desk.pprl("sync", "exchange", "stick").stderr
    assert "4 files were copied" in said
    desk.turn("bps", "link")
    victim = next((desk.folder / "stick").rglob("log/dinsos/000001.json"))
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes() + b" ")
    assert "000001.json" in desk.pprl("sync", "exchange", "stick", check=4).stderr


def test_wrong_secrets_are_refused(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    home = ("--run", "exchange", "--home", "homes/dppkb")
    wrong = desk.folder / "wrong"
    wrong.write_text("not it\n")
    wrong.chmod(0o600)
    said = desk.pprl("encode", "data/a.csv", *home, "--passphrase-file", "wrong", check=2).stderr
    assert "passphrase" in said
    assert "not it" not in said
    wrong.chmod(0o644)
    said = desk.pprl("encode", "data/a.csv", *home, "--passphrase-file", "wrong", check=2).stderr
    assert "chmod" in said
    said = desk.pprl("encode", "data/a.csv", *home, check=2).stderr
    assert "--passphrase-file" in said  # nobody to ask
    vault = desk.folder / "homes/dppkb/vault.json"
    vault.chmod(0o640)
    assert "vault.json" in desk.encode("dppkb", 2).stderr
    read, write = os.pipe()
    os.write(write, b"kata sandi bps\n")
    os.close(write)
    at = ("--run", "exchange", "--home", "homes/bps", "--passphrase-fd", read)
    desk.pprl("link", *at, check=7, pass_fds=(read,))


def test_an_agreement_is_signed_as_it_was_read_or_not_at_all(drafted, tmp_path):
    publish = ("agreement", "sign", "agreement.toml", "--exchange", "exchange")

    def changed(name, old, new, code):
        desk = drafted.copy(tmp_path / name)
        path = desk.folder / "agreement.toml"
        text = path.read_text()
        assert re.search(old, text)
        path.write_text(re.sub(old, new, text, count=1))
        said = desk.play("dppkb", *publish, "--yes", check=code).stderr
        assert not list((desk.folder / "exchange").rglob("log")), said
        return said

    def dates(first, last):
        return rf"valid_from = {first}\nvalid_until = {last}\nreceipt_deadline = {last}"

    days = r"valid_from = .*\nvalid_until = .*\nreceipt_deadline = .*"
    assert "until 2025-02-01" in changed("expired", days, dates("2025-01-01", "2025-02-01"), 2)
    assert "same version" in changed(
        "rules", 'schema_digest = ".*"', f'schema_digest = "{"0" * 64}"', 2
    )
    assert "card" in changed("card", 'signature = "....', 'signature = "0000', 4)
    assert "purpse" not in changed("word", "purpose = ", "purpse = ", 2)
    assert "pinned" in _unpinned(drafted, tmp_path / "unpinned", publish)
    desk = drafted.copy(tmp_path / "asks")
    assert "--yes" in desk.play("dppkb", *publish, check=2).stderr
    stranger = tmp_path / "asks" / "homes" / "lain.pass"
    stranger.write_text("lain\n")
    stranger.chmod(0o600)
    desk.play("lain", "init", "--role", "agency", "lain")
    assert desk.play("lain", *publish, "--yes", check=2).stderr


def _unpinned(drafted, folder, publish):
    desk = drafted.copy(folder)
    pins = desk.folder / "homes/dppkb/pins.toml"
    lines = [line for line in pins.read_text().splitlines() if not line.startswith("bps")]
    pins.write_text("\n".join(lines))
    said = desk.play("dppkb", *publish, "--yes", check=4).stderr
    assert not list((desk.folder / "exchange").iterdir())
    return said


def test_what_is_altered_in_the_exchange_stops_whoever_meets_it(signed, tmp_path):
    desk = signed.copy(tmp_path / "agreement")
    path = desk.run / "agreement.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"Kutai Timur", b"Kutai Barat"))
    assert "agreement" in desk.encode("dppkb", 4).stderr
    desk.turn("dppkb", "abort", "--reason", "wrong_agreement")  # of what it has signed itself
    assert desk.pprl("audit", "exchange", "--trust", "homes/bps/pins.toml", check=4)

    desk = signed.copy(tmp_path / "huge")
    with (desk.run / "log/bps/000001.json").open("wb") as file:
        file.truncate(10 << 30)  # a hole: takes no disk
    said = desk.encode("dppkb", 4).stderr
    assert "bps/000001.json" in said
    assert desk.status("dppkb", 4)["faults"]
    desk.turn("dppkb", "abort", "--reason", "other", "--about", "bps")
    assert desk.status("dppkb", 4)["state"] == "aborted"

    desk = signed.copy(tmp_path / "foreign")
    other = desk.run / "log/dinsos/000000.json"
    shutil.copyfile(other, desk.run / "log/bps/000001.json")
    said = desk.encode("dppkb", 4).stderr
    assert "bps" in said


def test_a_register_that_does_not_fit_is_refused_and_nothing_leaves(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    before = sorted(desk.run.rglob("*"))
    big = ("--persons-a", 1100, "--persons-b", 10, "--damage", "clean")
    desk.pprl("lab", "simulate", *big, "--out", "big")
    said = desk.turn("dppkb", "encode", "big/a.csv", check=3).stderr
    assert "1,000" in said or "1000" in said
    said = desk.pprl("encode", "data/a.csv", check=2).stderr
    assert "pprl lab encode" in said
    assert "--run" in said
    said = desk.turn("dppkb", "encode", "nowhere.csv", check=3).stderr
    assert "nowhere.csv" in said
    assert "nothing has left" in desk.encode("dppkb", 0, "--dry-run").stderr
    assert sorted(desk.run.rglob("*")) == before
    assert desk.turn("bps", "encode", "data/a.csv", check=2).stderr  # a coordinator has no register


def test_two_commands_in_one_home_do_not_meet(signed, tmp_path):
    desk = signed.copy(tmp_path / "desk")
    code = (
        "import sys, time; from pathlib import Path; from pprl_protocols.home import Home\n"
        "with Home.lock(Path('homes/dppkb')): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=desk.folder, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert "another command" in desk.encode("dppkb", 2).stderr
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    desk.encode("dppkb")


def test_the_draft_asks_for_what_is_missing_and_says_what_is_wrong(drafted, tmp_path):
    desk = drafted.copy(tmp_path / "desk")
    files = [f"{name}.{kind}" for name in ROLES for kind in ("party.toml", "card.json")]
    new = ("agreement", "new", *files, "--out", "new.toml")
    said = desk.pprl(*new, check=2).stderr
    assert "--legal-basis, --dpia, --population, --max-records" in said
    for more, words in (
        (("--max-records", "many"), "--max-records"),
        (("--max-records", "1000", "--valid-until", "tomorrow"), "2026-12-31"),
        (("--max-records", "dppkb=10"), "dinsos"),
        (("--max-records", "1000", "--template", "none"), "krs-desil"),
        (("--max-records", "1000", "--valid-until", "2001-01-01"), "valid_until"),
    ):
        assert words in desk.pprl(*new, *ANSWERS, *more, check=2).stderr
    assert "card of bps" in desk.pprl(*new[:-3], *ANSWERS, "--max-records", "9", check=2).stderr
    assert not (desk.folder / "new.toml").exists()
    desk.pprl(*new, *ANSWERS, "--max-records", "9", "--max-records", "dppkb=7")
    made = tomllib.loads((desk.folder / "new.toml").read_text())
    agreed = {party["name"]: party.get("max_records") for party in made["parties"]}
    assert agreed == {"bps": None, "dinsos": 9, "dppkb": 7}
    assert made["decision"]["precision_ppm"] == 990_000
    shown = desk.pprl("agreement", "show", "new.toml", lang="id").stdout
    assert "Tujuan" in shown
    assert desk.pprl("agreement", "show", "new.toml", "--toml").stdout == (
        (desk.folder / "new.toml").read_text()
    )


def test_a_home_is_made_once_and_trust_is_given_by_hand(drafted, tmp_path):
    desk = drafted.copy(tmp_path / "desk")
    (desk.folder / "dppkb.party.toml").unlink()
    desk.play("dppkb", "init", "--role", "agency", "dppkb")  # the file is written again
    assert (desk.folder / "dppkb.party.toml").exists()
    assert desk.play("dppkb", "init", "--role", "auditor", "dppkb", check=2).stderr
    at = ("--home", "homes/bps")
    said = desk.pprl("trust", "add", "dppkb.party.toml", *at, check=2).stderr
    assert "by phone" in said
    wrong = ("--fingerprint", "ab" * 32)
    assert desk.pprl("trust", "add", "dppkb.party.toml", *wrong, *at, check=4).stderr
    assert "dinsos" in desk.pprl("trust", "list", *at).stdout
    assert "no home" in desk.pprl("trust", "list", "--home", "homes/nobody", check=2).stderr


def test_a_run_that_only_counts(drafted, tmp_path):
    """Nobody learns of a record: both get the tables that were agreed on, and nothing else."""
    desk = drafted.copy(tmp_path / "desk")
    files = [f"{name}.{kind}" for name in ROLES for kind in ("party.toml", "card.json")]
    new = ("agreement", "new", *files, *ANSWERS, "--max-records", 1000, "--force")
    wrong = desk.pprl(*new, "--mode", "counts", check=2).stderr
    assert "link, count" in wrong
    wrong = desk.pprl(*new, "--stratum", "jk:dppkb", check=2).stderr
    assert "NAME:AGENCIES:VALUES" in wrong
    (desk.folder / "places.txt").write_text("".join(f"6408{at:02}\n" for at in range(1, 19)))
    places = ("--stratum", "kecamatan:dppkb,dinsos:places.txt")
    desk.pprl(*new, "--mode", "count", *places, "--stratum", "jk:dinsos:LAKI-LAKI")
    shown = desk.pprl("agreement", "show", "agreement.toml").stdout
    assert "tables only" in shown
    assert "kecamatan (dppkb, dinsos); jk (dinsos)" in shown
    assert "kecamatan x jk" in shown
    assert "at most 4 times in 365 days" in shown

    publish = ("agreement", "sign", "agreement.toml", "--exchange", "exchange", "--yes")
    desk.play("dppkb", *publish)
    for name in ("dinsos", "bps"):
        desk.turn(name, "agreement", "sign", "--yes")
    sizes = ("--persons-a", 400, "--persons-b", 500, "--overlap", 0.5, "--damage", "clean")
    desk.pprl("lab", "simulate", *sizes, "--out", "more")
    desk.turn("dppkb", "encode", "more/a.csv")
    refused = desk.turn("dinsos", "encode", "more/b.csv", "--map", "jk=nama_lengkap", check=3)
    assert "no record has an agreed value in nama_lengkap; agreed are LAKI-LAKI" in refused.stderr
    said = desk.turn("dinsos", "encode", "more/b.csv").stderr
    assert "shown to the coordinator, for the tables: jk = " in said
    assert "counted as others" in said
    desk.turn("bps", "link")
    tables = {}
    for name in AGENCIES:
        done = desk.turn(name, "receive", "--out", f"{name}.csv")
        assert "nobody learns of a record" in done.stderr
        tables[name] = rows_of(desk.folder / f"{name}.csv")
    assert tables["dppkb"] == tables["dinsos"]
    assert len(tables["dppkb"]) == (1 + 18 + 1) * (1 + 1 + 1)
    assert 190 <= int(tables["dppkb"][0]["count"]) <= 210
    assert 70 <= int(tables["dppkb"][1]["count"]) <= 130
    assert tables["dppkb"][-1]["count"] == ""
    refused = desk.turn("dppkb", "assign", "more/a.csv", "--out", "wl", "--provisional", check=2)
    assert "lets nobody learn of a record" in refused.stderr
    desk.turn("bps", "close")
    assert "PASS" in desk.pprl("audit", "exchange", "--trust", "homes/bps/pins.toml").stdout
