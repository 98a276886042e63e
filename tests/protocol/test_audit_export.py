"""A run packed into one file, audited without its exchange; and files that are none."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.errors import ConfigError, LimitError, PeerError
from pprl_protocols import canonical
from pprl_protocols.audit import bundle
from pprl_protocols.audit.examine import audit
from pprl_protocols.exchange import Stored
from pprl_protocols.limits import MAX_ENVELOPE_BYTES
from tests.protocol.retelling import found

OF_FILES = {"audit.no_files_in_export", "audit.unnamed_files"}
EMPTY = {"format": "pprl.transcript", "version": 1, "agreement": "{}", "logs": {}}


@pytest.fixture(scope="module")
def run(recorded, tmp_path_factory):
    return found(recorded.at("closed", tmp_path_factory.mktemp("closed")))


def as_plain(report):
    """Return a report without what it says of sealed files, which an export hasn't."""
    plain = report.to_json()
    for check in plain["checks"]:
        check["findings"] = [each for each in check["findings"] if each["code"] not in OF_FILES]
    return plain


def changed(run, party, log):
    logs = {**run.logs, party: tuple(Stored(party, seq, data) for seq, data in log)}
    return replace(run, logs=logs)


def test_an_exported_file_gives_the_same_report_without_the_exchange(run, tmp_path):
    path = tmp_path / "elsewhere" / "run.json"
    path.parent.mkdir()
    path.write_bytes(bundle.export(run))
    report = audit(bundle.from_file(path))
    assert report.status == "pass"
    assert as_plain(report) == as_plain(audit(run))
    left = [each for each in report.checks[5].findings if each.code == "audit.no_files_in_export"]
    assert [(each.level, each.values["count"]) for each in left] == [("not_applicable", 4)]


def test_packing_what_was_packed_gives_the_same_bytes(run):
    data = bundle.export(run)
    assert bundle.export(bundle.from_bytes(data)) == data


@pytest.mark.parametrize("how", ["gap", "swap", "repeat", "broken", "cut"])
def test_a_damaged_log_gives_the_same_report_when_packed(run, how):
    entries = [(each.seq, each.data) for each in run.logs["bkkbn"]]
    first, second, third = (data for _, data in entries)
    damaged = {
        "gap": [entries[0], entries[2]],
        "swap": [(0, second), (1, first), (2, third)],
        "repeat": [*entries, (3, second)],
        "broken": [(0, first), (1, second[:-10]), (2, third)],
        "cut": entries[:2],
    }[how]
    torn = changed(run, "bkkbn", damaged)
    packed = bundle.from_bytes(bundle.export(torn))
    assert as_plain(audit(packed)) == as_plain(audit(torn))
    assert audit(packed).status != "pass"


def test_what_is_no_text_is_not_packed_and_named(run):
    torn = changed(run, "bps", [(0, b"\xff\xfe")])
    with pytest.raises(PeerError) as refused:
        bundle.export(torn)
    assert (refused.value.code, refused.value.values) == (
        "audit.export_no_text",
        {"party": "bps", "seq": 0},
    )


def test_a_run_that_could_not_be_read_whole_is_not_packed(run):
    fault = PeerError("exchange.not_a_file", place="log")
    with pytest.raises(PeerError) as refused:
        bundle.export(replace(run, faults=(fault,)))
    assert refused.value is fault


def test_a_run_too_large_to_be_read_again_is_not_packed(run):
    big = b" " * MAX_ENVELOPE_BYTES
    with pytest.raises(LimitError):
        bundle.export(changed(run, "bps", [(seq, big) for seq in range(65)]))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "protocol.not_json"),
        (b"\xff", "protocol.not_json"),
        (b"{}", "audit.not_an_export"),
        (b"[" * 100_000, "protocol.not_json"),
        (b'{"agreement":' + b"[" * 50 + b"]" * 50 + b"}", "protocol.not_json"),
        (b'{"a":1,"a":1}', "protocol.not_json"),
        (b'{"version": 1}', "protocol.not_canonical"),
    ],
)
def test_bytes_that_are_no_export_are_refused(content, code):
    with pytest.raises(PeerError) as refused:
        bundle.from_bytes(content)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "pprl.result"},
        {"version": 2},
        {"version": True},
        {"agreement": 7},
        {"agreement": None},
        {"logs": []},
        {"logs": {"bps": "text"}},
        {"logs": {"bps": [1]}},
        {"logs": {"bps": [None]}},
        {"logs": {"../etc": []}},
        {"logs": {"Bps": []}},
        {"logs": {f"a{number}": [] for number in range(bundle.MAX_LOGS + 1)}},
        {"more": 1},
    ],
)
def test_an_export_with_wrong_types_or_names_is_refused(changes):
    with pytest.raises(PeerError) as refused:
        bundle.from_bytes(canonical.dumps(EMPTY | changes))
    assert refused.value.code == "audit.not_an_export"


def test_an_agreement_larger_than_any_is_refused():
    with pytest.raises(PeerError) as refused:
        bundle.from_bytes(canonical.dumps(EMPTY | {"agreement": "x" * (300 << 10)}))
    assert refused.value.code == "agreement.too_large"


def test_a_log_without_end_is_cut_off_and_said(run):
    plain = json.loads(bundle.export(run))
    plain["logs"]["bps"] *= 100
    report = audit(bundle.from_bytes(canonical.dumps(plain)))
    assert "audit.log_too_long" in {each.code for each in report.checks[1].findings}


def test_a_file_of_ten_gigabytes_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(PeerError) as refused:
        bundle.from_file(path)
    assert refused.value.code == "protocol.oversize"


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        bundle.from_file(tmp_path / "nothing.json")
    with pytest.raises(ConfigError):
        bundle.from_file(tmp_path / "no folder" / "nothing.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PeerError):
        bundle.from_file(tmp_path / "pipe")
    with pytest.raises(PeerError):
        bundle.from_file(tmp_path)


def test_more_logs_than_any_run_has_are_refused(recorded, tmp_path):
    federation = recorded.at("agreed", tmp_path)
    for number in range(bundle.MAX_LOGS + 1):
        (federation.files / "log" / f"a{number}").mkdir(parents=True)
    with pytest.raises(PeerError) as refused:
        found(federation)
    assert refused.value.code == "audit.too_many_logs"


@settings(max_examples=60)
@given(st.data())
def test_a_changed_export_is_refused_or_audited_and_never_passes(run, data):
    whole = bundle.export(run)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    instead = data.draw(st.binary(max_size=40))
    other = whole[:start] + instead + whole[end:]
    if other == whole:
        return
    try:
        report = audit(bundle.from_bytes(other))
    except PeerError:
        return
    assert report.status in {"fail", "incomplete"}


@settings(max_examples=15)
@given(st.data())
def test_an_export_with_other_envelopes_is_audited_to_the_end(run, data):
    texts = st.one_of(
        st.text(max_size=50),
        st.sampled_from([each.data.decode() for log in run.logs.values() for each in log]),
    )
    logs = data.draw(
        st.dictionaries(
            st.sampled_from([*run.logs, "somebody"]), st.lists(texts, max_size=4), max_size=5
        )
    )
    agreement = run.agreement.decode()
    packed = canonical.dumps(EMPTY | {"agreement": agreement, "logs": logs})
    report = audit(bundle.from_bytes(packed))
    assert len(report.checks) == 8
    assert report.to_json() == audit(bundle.from_bytes(packed)).to_json()
