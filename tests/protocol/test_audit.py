"""What an audit finds in the files of a run that somebody has changed."""

import shutil

import pytest

from pprl_protocols.audit.bundle import MAX_LOG_ENTRIES, from_exchange
from pprl_protocols.audit.examine import audit
from pprl_protocols.audit.report import Check, Finding
from pprl_protocols.exchange import Exchange
from pprl_protocols.pins import Pins
from tests.protocol.federation import RUN, STEPS
from tests.protocol.retelling import found

BLOB = "0123456789abcdef" * 4


@pytest.fixture
def federation(recorded, tmp_path):
    return recorded.at("closed", tmp_path / "federation")


def pins_of(federation):
    pins = Pins()
    for name, home in federation.homes.items():
        pins.add(name, home.identity.fingerprint)
    return pins


def report_of(federation):
    return audit(found(federation), pins=pins_of(federation))


def findings(report, *levels):
    """Return check number, code and place of everything found at some levels."""
    return {
        (check.number, finding.code, finding.place)
        for check in report.checks
        for finding in check.findings
        if check.level(finding) in levels
    }


def entry(federation, party, seq):
    return federation.files / "log" / party / f"{seq:06d}.json"


def overwrite(path, data):
    path.chmod(0o600)
    path.write_bytes(data)


def flip(path, at=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    overwrite(path, bytes(data))


def blobs(federation):
    return sorted((federation.files / "blobs").iterdir())


def test_a_whole_run_passes_and_its_digest_is_that_of_its_close(recorded, federation):
    report = report_of(federation)
    statuses = [check.status for check in report.checks]
    assert statuses == ["pass"] * 6 + ["not_applicable"] * 2
    assert (report.status, report.outcome, report.exit_code) == ("pass", "closed", 0)
    assert report.identities == "verified"
    assert report.transcript == recorded.digest
    assert [check.number for check in report.checks] == list(range(1, 9))
    assert findings(report, "note") == {(4, "audit.deleted", "bps/2")}


def test_two_audits_of_the_same_bytes_give_the_same_report(federation, tmp_path):
    shutil.copytree(federation.folder / "exchange", tmp_path / "copy")
    copied = from_exchange(Exchange.open(str(tmp_path / "copy")), RUN)
    assert audit(copied, pins=pins_of(federation)).to_json() == report_of(federation).to_json()


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_run_that_is_not_closed_is_incomplete_and_never_fails(recorded, tmp_path, step):
    report = report_of(recorded.at(step, tmp_path))
    assert (report.status, report.outcome, report.exit_code) == ("incomplete", "open", 7)
    assert report.transcript is None
    assert not findings(report, "fail")


def test_without_pins_the_report_says_that_identities_were_not_verified(federation):
    report = audit(found(federation))
    assert (report.identities, report.status) == ("not verified", "pass")
    assert report.to_json()["identities"] == "not verified"


def test_an_identity_that_is_not_pinned_fails_check_one_and_is_named(federation):
    pins = pins_of(federation)
    pins.add("bps", "00" * 32, replace=True)
    report = audit(found(federation), pins=pins)
    assert report.identities == "failed"
    assert findings(report, "fail") == {(1, "protocol.not_pinned", "bps")}


def test_a_tampered_signature_is_named_with_its_entry(federation):
    path = entry(federation, "kemensos", 1)
    data = path.read_bytes()
    at = data.index(b'"sig":"') + 20
    overwrite(path, data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :])
    report = report_of(federation)
    assert findings(report, "fail") == {(1, "protocol.signature", "kemensos/1")}
    assert (2, "audit.entry_missing", "kemensos/1") in findings(report, "incomplete")
    assert report.exit_code == 4


@pytest.mark.parametrize("at", [5, None, -5])
def test_a_flipped_bit_in_any_entry_fails_and_names_it(federation, at):
    for path in sorted(federation.files.glob("log/*/*.json")):
        kept = path.read_bytes()
        flip(path, at)
        named = f"{path.parent.name}/{int(path.stem)}"
        report = report_of(federation)
        assert named in {place for _, _, place in findings(report, "fail")}, path
        overwrite(path, kept)
    assert report_of(federation).status == "pass"


def test_a_missing_entry_in_the_middle_is_incomplete_and_named(federation):
    entry(federation, "bkkbn", 0).unlink()
    report = report_of(federation)
    assert report.status == "incomplete"
    assert (2, "audit.entry_missing", "bkkbn/0") in findings(report, "incomplete")
    assert (4, "audit.unjudged", "bkkbn/1") in findings(report, "incomplete")
    assert report.transcript is None


@pytest.mark.parametrize(("party", "seq"), [("bkkbn", 2), ("inspektorat", 0), ("bps", 2)])
def test_a_missing_tail_never_passes(federation, party, seq):
    entry(federation, party, seq).unlink()
    report = report_of(federation)
    assert (report.status, report.exit_code) == ("incomplete", 7)


def test_two_entries_that_changed_places_are_both_named(federation):
    first, second = entry(federation, "bkkbn", 0), entry(federation, "bkkbn", 1)
    one, other = first.read_bytes(), second.read_bytes()
    overwrite(first, other)
    overwrite(second, one)
    assert findings(report_of(federation), "fail") == {
        (2, "protocol.misplaced", "bkkbn/0"),
        (2, "protocol.misplaced", "bkkbn/1"),
    }


def test_a_repeated_entry_is_named(federation):
    shutil.copy(entry(federation, "bkkbn", 1), entry(federation, "bkkbn", 3))
    assert findings(report_of(federation), "fail") == {(2, "protocol.misplaced", "bkkbn/3")}


def test_an_entry_in_another_partys_log_is_named(federation):
    shutil.copy(entry(federation, "bps", 1), entry(federation, "bkkbn", 3))
    assert findings(report_of(federation), "fail") == {(2, "protocol.misplaced", "bkkbn/3")}


def test_a_log_of_a_stranger_is_named(federation):
    (federation.files / "log" / "somebody").mkdir()
    overwrite_at = entry(federation, "somebody", 0)
    overwrite_at.write_bytes(b"{}")
    assert findings(report_of(federation), "fail") == {(1, "protocol.envelope", "somebody/0")}


@pytest.mark.parametrize("how", ["too large", "a link", "a folder"])
def test_an_entry_that_is_no_readable_file_is_a_fault_and_the_rest_is_still_checked(
    federation, how
):
    path = entry(federation, "kemensos", 2)
    path.unlink()
    if how == "too large":
        path.write_bytes(b" " * ((1 << 20) + 1))
    elif how == "a link":
        path.symlink_to(entry(federation, "kemensos", 1))
    else:
        path.mkdir()
    flip(entry(federation, "inspektorat", 0))
    code = "exchange.too_large" if how == "too large" else "exchange.not_a_file"
    failed = findings(report_of(federation), "fail")
    assert (1, code, "kemensos") in failed
    assert "inspektorat/0" in {place for _, _, place in failed}


def test_a_log_without_end_is_cut_off_and_said(federation):
    data = entry(federation, "bkkbn", 0).read_bytes()
    for seq in range(3, MAX_LOG_ENTRIES + 20):
        entry(federation, "bkkbn", seq).write_bytes(data)
    failed = findings(report_of(federation), "fail")
    assert (2, "audit.log_too_long", "bkkbn") in failed
    assert (2, "protocol.misplaced", f"bkkbn/{MAX_LOG_ENTRIES}") not in failed


def test_a_log_of_many_megabytes_is_cut_off_and_said(federation):
    for seq in range(3, 15):
        entry(federation, "bkkbn", seq).write_bytes(b" " * (1 << 20))
    failed = findings(report_of(federation), "fail")
    assert (2, "protocol.log_too_large", "bkkbn") in failed
    assert (1, "protocol.not_json", "bkkbn/3") in failed


def test_a_changed_agreement_fails_check_three_whatever_was_changed(federation):
    path = federation.files / "agreement.json"
    text = path.read_bytes()
    overwrite(path, text.replace(b"KRS x desil", b"KRS x beras"))
    report = report_of(federation)
    places = {place for number, code, place in findings(report, "fail") if number == 3}
    assert {"bkkbn/0", "bps/0", "inspektorat/0", "kemensos/0"} <= places
    overwrite(path, text[:-1])
    report = report_of(federation)
    assert findings(report, "fail") == {(3, "protocol.not_json", "")}
    assert [check.status for check in report.checks].count("not_applicable") == 7
    assert report.status == "fail"


def test_the_agreement_of_another_run_fails_check_three(federation):
    other = "00" * 16
    shutil.copytree(federation.files, federation.files.parent / other)
    report = audit(from_exchange(federation.exchange, other))
    assert findings(report, "fail") == {(3, "protocol.other_run", "")}


def test_a_missing_sealed_file_is_incomplete_and_named(federation):
    named = blobs(federation)[0]
    named.unlink()
    report = report_of(federation)
    missing = [f for f in report.checks[5].findings if f.code == "audit.file_missing"]
    assert [finding.values["digest"] for finding in missing] == [named.name]
    assert report.status == "incomplete"


def test_a_changed_sealed_file_fails_and_is_named(federation):
    named = blobs(federation)[0]
    flip(named)
    report = report_of(federation)
    assert {code for _, code, _ in findings(report, "fail")} == {"exchange.blob_broken"}
    assert report.checks[5].findings[0].values["digest"] == named.name


def test_a_sealed_file_of_another_size_fails_and_is_named(federation):
    overwrite(blobs(federation)[0], b"short")
    assert {code for _, code, _ in findings(report_of(federation), "fail")} == {"audit.file_size"}


def test_sealed_files_that_changed_places_are_both_named(federation):
    one, other = blobs(federation)[:2]
    first, second = one.read_bytes(), other.read_bytes()
    overwrite(one, second)
    overwrite(other, first)
    broken = [f for f in report_of(federation).checks[5].findings if f.level == "fail"]
    assert {finding.values["digest"] for finding in broken} == {one.name, other.name}


def test_a_file_that_no_entry_names_is_noted_and_fails_nothing(federation):
    (federation.files / "blobs" / BLOB).write_bytes(b"anything")
    report = report_of(federation)
    assert report.status == "pass"
    assert (6, "audit.unnamed_files", "") in findings(report, "note")


def test_all_faults_are_found_together(federation):
    flip(entry(federation, "inspektorat", 0))
    shutil.copy(entry(federation, "bkkbn", 1), entry(federation, "bkkbn", 3))
    flip(blobs(federation)[0])
    numbers = {number for number, _, _ in findings(report_of(federation), "fail")}
    assert numbers == {1, 2, 6}


def test_ready_made_checks_of_the_last_two_count_in_the_verdict(federation):
    same = Check(7, "reexecution", "pass")
    forged = Check(8, "spotcheck", "fail", (Finding("protocol.fork", {"party": "a", "seq": 1}),))
    report = audit(found(federation), reexecution=same, spotcheck=forged)
    assert report.checks[6:] == (same, forged)
    assert report.status == "fail"
