"""What an audit finds in runs whose signatures and links are right and whose content isn't.

One file, since every test retells the same recorded run with one thing changed.
"""

from dataclasses import replace

import pytest

import pprl
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.examine import audit
from pprl_protocols.audit.sizes import is_padded
from pprl_protocols.disclosure import Repeats
from pprl_protocols.exchange import Stored
from pprl_protocols.messages import Abort, Count, Dispute
from pprl_protocols.roles.agency import ENCODINGS, RESULT
from pprl_protocols.sealing import SealHeader
from tests.protocol.retelling import found, retold, sign, transcript_of

OTHER = "5a" * 32
TOTAL = Count(agencies=("bkkbn", "kemensos"), stratum={}, value=30)


@pytest.fixture(scope="module")
def federation(recorded, tmp_path_factory):
    return recorded.at("closed", tmp_path_factory.mktemp("closed"))


@pytest.fixture(scope="module")
def run(federation):
    return found(federation)


@pytest.fixture(scope="module")
def agreed(run):
    return Agreement.from_bytes(run.agreement)


def failed(report):
    return {
        (check.number, finding.code, finding.place)
        for check in report.checks
        for finding in check.findings
        if check.level(finding) == "fail"
    }


def noted(report):
    return {
        (finding.code, finding.place)
        for check in report.checks
        for finding in check.findings
        if check.level(finding) == "note"
    }


def changing(kind, party=None, **changes):
    """Return a change of one party's message of a kind, or of all parties'."""

    def change(message):
        if message.kind != kind or party not in {None, message.party}:
            return message
        values = {name: new(message) if callable(new) else new for name, new in changes.items()}
        return message.model_copy(update=values)

    return change


def dropping(kind, party):
    return lambda message: None if (message.kind, message.party) == (kind, party) else message


def result_of(name, **changes):
    """Return a change of what RESULT declares for one agency."""
    return changing(
        "RESULT",
        results=lambda result: {
            **result.results, name: result.results[name].model_copy(update=changes)
        },
    )  # fmt: skip


def test_a_run_told_again_unchanged_is_the_same_run(federation, run):
    assert retold(federation, run) == run


def test_more_records_than_agreed_fail_check_three(federation, run):
    report = audit(retold(federation, run, change=changing("ENCODINGS", "bkkbn", records=4096)))
    assert failed(report) == {(3, "audit.too_many_records", "bkkbn/1")}


def test_as_many_records_as_agreed_pass(federation, run, agreed):
    most = replace_party(agreed, "bkkbn", max_records=60)
    assert audit(retold(federation, run, agreement=most)).status == "pass"
    fewer = replace_party(agreed, "bkkbn", max_records=40)
    report = audit(retold(federation, run, agreement=fewer))
    assert failed(report) == {(3, "audit.too_many_records", "bkkbn/1")}


def replace_party(agreement, name, **changes):
    parties = tuple(
        one.model_copy(update=changes) if one.name == name else one for one in agreement.parties
    )
    return agreement.model_copy(update={"parties": parties})


def test_an_agreement_that_a_party_has_not_signed_fails(federation, run):
    report = audit(retold(federation, run, change=dropping("SIGN", "inspektorat")))
    third = [(finding.code, finding.place) for finding in report.checks[2].findings]
    assert third == [("audit.not_signed", "inspektorat")]
    assert (4, "protocol.waits_for", "bkkbn/1") in failed(report)
    assert report.status == "fail"


def test_a_party_without_a_card_fails_check_three(federation, run, agreed):
    report = audit(retold(federation, run, agreement=replace_party(agreed, "bps", card=None)))
    assert failed(report) == {(3, "protocol.no_card", "bps")}


def test_other_normalisation_rules_fail_only_where_the_same_version_had_signed_them(
    federation, run, agreed
):
    other = agreed.model_copy(update={"schema_digest": OTHER})
    report = audit(retold(federation, run, agreement=other))
    assert failed(report) == {(3, "agreement.other_rules", "")}
    later = changing("RESULT", software={"openpprl": pprl.__version__ + ".1"})
    report = audit(retold(federation, run, agreement=other, change=later))
    assert (report.status, failed(report)) == ("pass", set())
    assert ("audit.other_rules", "") in noted(report)


def test_a_message_before_its_turn_fails_check_four(federation, run):
    report = audit(retold(federation, run, change=dropping("ENCODINGS", "kemensos")))
    assert (4, "protocol.waits_for", "bps/1") in failed(report)


def test_a_message_said_twice_fails_check_four(federation, run):
    transcript = transcript_of(run)
    again = transcript.get(run_digest(run, "bkkbn", 2)).entry.message
    more = added(run, sign(federation, transcript, again), "bkkbn")
    assert (4, "protocol.too_late", "bkkbn/3") in failed(audit(more))


def run_digest(run, party, seq):
    entries = transcript_of(run).entries(party)
    return next(each.digest for each in entries if each.entry.seq == seq)


def added(run, envelope, party):
    log = run.logs.get(party, ())
    return replace(run, logs={**run.logs, party: (*log, Stored(party, len(log), envelope))})


def without(run, *places):
    logs = {
        party: tuple(each for each in log if (party, each.seq) not in places)
        for party, log in run.logs.items()
    }
    return replace(run, logs=logs)


def test_a_close_that_names_other_missing_receipts_fails_check_four(federation, run):
    report = audit(retold(federation, run, change=changing("CLOSE", missing=("bkkbn",))))
    assert failed(report) == {(4, "protocol.wrongly_missing", "bps/2")}


def test_a_missing_receipt_that_close_names_passes_with_a_remark(federation, run):
    def change(message):
        close = changing("CLOSE", missing=("kemensos",))
        return dropping("RECEIPT", "kemensos")(close(message))

    report = audit(retold(federation, run, change=change))
    assert (report.status, report.outcome) == ("pass", "closed")
    assert [each.values["missing"] for each in report.remarks] == ["kemensos"]


def test_a_fork_is_proved_and_no_digest_is_the_transcripts(federation, run):
    transcript = transcript_of(without(run, ("bps", 2)))
    close = transcript_of(run).get(run_digest(run, "bps", 2)).entry.message
    other = close.model_copy(update={"deletion": "kept_until_audit_deadline"})
    report = audit(added(run, sign(federation, transcript, other), "bps"))
    assert {(2, "protocol.fork", "bps/2"), (2, "protocol.misplaced", "bps/3")} <= failed(report)
    assert report.transcript is None


def test_a_replaced_entry_contradicts_whoever_has_seen_the_first(federation, run):
    told = retold(federation, run, change=changing("RESULT", parameters={"seed": 9}))
    logs = {**run.logs, "bps": told.logs["bps"][:2]}
    report = audit(replace(run, logs=logs))
    assert {
        (2, "audit.other_entry", "bkkbn/2"),
        (2, "audit.other_entry", "kemensos/2"),
    } <= failed(report)


def test_the_same_commitment_of_two_parties_fails_check_five(federation, run):
    signs = {each.entry.party: each.entry.message for each in transcript_of(run).order()[:4]}
    copied = changing("SIGN", "kemensos", commitment=signs["bkkbn"].commitment)
    report = audit(retold(federation, run, change=copied))
    assert failed(report) == {(5, "audit.repeated_commitment", "kemensos/0")}


def test_a_sign_without_a_share_for_every_agency_fails_check_five(federation, run):
    report = audit(retold(federation, run, change=changing("SIGN", "bkkbn", contributions={})))
    assert failed(report) == {(5, "audit.contributions", "bkkbn/0")}


@pytest.mark.parametrize(
    ("kind", "party", "place"),
    [("ENCODINGS", "kemensos", "kemensos/1"), ("RESULT", None, "bps/1")],
)
def test_other_signs_than_those_that_are_here_fail_check_five(federation, run, kind, party, place):
    report = audit(retold(federation, run, change=changing(kind, party, signs=OTHER)))
    assert failed(report) == {(5, "protocol.other_signs", place)}


@pytest.mark.parametrize("how", ["another", "a stranger's too", "a stranger's instead"])
def test_a_result_repeats_all_confirmations_and_no_others(federation, run, how):
    def confirmations(result):
        given = dict(result.confirmations)
        if how == "none":
            del given["bkkbn"]
        else:
            given["bkkbn" if how == "another" else "somebody"] = OTHER
        return given

    changed = changing("RESULT", confirmations=confirmations)
    report = audit(retold(federation, run, change=changed))
    assert failed(report) == {(5, "audit.other_confirmation", "bps/1")}


def test_a_copied_confirmation_fails_check_five(federation, run):
    def change(message):
        message = changing("ENCODINGS", confirmation=OTHER)(message)
        return changing("RESULT", confirmations={"bkkbn": OTHER, "kemensos": OTHER})(message)

    report = audit(retold(federation, run, change=change))
    assert failed(report) == {(5, "audit.repeated_confirmation", "kemensos/1")}


def test_commitments_and_cards_of_an_earlier_run_fail_check_five(federation, run, agreed):
    earlier = retold(federation, run, agreement=agreed.model_copy(update={"run": "ab" * 16}))
    report = audit(run, earlier=[earlier])
    names = {"bkkbn", "bps", "inspektorat", "kemensos"}
    assert failed(report) == {
        *((5, "audit.earlier_commitment", f"{name}/0") for name in names),
        *((5, "audit.earlier_card", name) for name in names),
    }


def test_a_run_is_no_earlier_run_of_itself(run):
    report = audit(run, earlier=[run])
    assert (report.status, ("audit.earlier_same", "") in noted(report)) == ("pass", True)


def test_a_run_id_that_was_used_before_fails_check_five(federation, run, agreed):
    earlier = retold(federation, run, agreement=agreed.model_copy(update={"purpose": "other"}))
    assert (5, "audit.earlier_run_id", "") in failed(audit(run, earlier=[earlier]))


def test_a_forged_earlier_run_spoils_nothing(federation, run, agreed):
    earlier = retold(federation, run, agreement=agreed.model_copy(update={"run": "ab" * 16}))
    logs = {party: tuple(replace(each, data=each.data[:-9]) for each in log)
            for party, log in earlier.logs.items()}  # fmt: skip
    codes = {code for _, code, _ in failed(audit(run, earlier=[replace(earlier, logs=logs)]))}
    assert "audit.earlier_commitment" not in codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"columns": ("id", "name")}, "audit.other_columns"),
        ({"row_bytes": 4300}, "audit.other_columns"),
        ({"size": 2466}, "audit.not_padded"),
    ],
)
def test_a_declaration_that_is_not_as_agreed_fails_check_six(federation, run, changes, code):
    report = audit(retold(federation, run, change=result_of("bkkbn", **changes)))
    assert (6, code, "bps/1") in failed(report)
    assert (6, "audit.other_receipt", "bkkbn/2") in failed(report) or "size" in changes
    assert {number for number, _, _ in failed(report)} == {6}


@pytest.mark.parametrize(
    "changes",
    [{"plain": OTHER}, {"sealed": OTHER}, {"row_bytes": 44}, {"columns": ("id",)}],
)
def test_a_receipt_of_another_result_fails_check_six(federation, run, changes):
    report = audit(retold(federation, run, change=changing("RECEIPT", "bkkbn", **changes)))
    assert failed(report) == {(6, "audit.other_receipt", "bkkbn/2")}


def test_a_receipt_without_the_confirmations_of_all_fails_check_six(federation, run):
    report = audit(retold(federation, run, change=changing("RECEIPT", "bkkbn", confirmed=())))
    assert failed(report) == {(6, "audit.unconfirmed", "bkkbn/2")}


def test_a_result_for_a_stranger_or_for_one_agency_less_fails_check_six(federation, run):
    def results(result):
        given = dict(result.results)
        given["somebody"] = given.pop("kemensos")
        return given

    report = audit(retold(federation, run, change=changing("RESULT", results=results)))
    assert {
        (6, "audit.no_result_for", "bps/1"),
        (6, "audit.result_for_stranger", "bps/1"),
    } <= failed(report)


def test_one_sealed_file_for_two_agencies_fails_check_six(federation, run):
    def results(result):
        one = result.results["bkkbn"]
        return dict.fromkeys(result.results, one)

    report = audit(retold(federation, run, change=changing("RESULT", results=results)))
    assert (6, "audit.file_named_twice", "bps/1") in failed(report)


TABLES = {"publish": ((),), "repeats": Repeats(runs=1, days=1)}


@pytest.mark.parametrize(
    ("agreed_on", "counts", "codes"),
    [
        ({}, (TOTAL,), {"audit.counts_not_agreed"}),
        (TABLES, (TOTAL,), set()),
        (TABLES, (), {"audit.count_not_agreed"}),
        (TABLES, (TOTAL, TOTAL), {"audit.count_not_agreed"}),
        (TABLES | {"minimum_cell": 40}, (TOTAL,), {"audit.small_count"}),
        (
            TABLES,
            (TOTAL.model_copy(update={"stratum": {"sex": "L"}}),),
            {"audit.count_not_agreed"},
        ),
        (
            TABLES,
            (TOTAL.model_copy(update={"agencies": ("bkkbn", "somebody")}),),
            {"audit.count_not_agreed"},
        ),
    ],
)
def test_counts_are_published_only_as_agreed(federation, run, agreed, agreed_on, counts, codes):
    disclosure = agreed.disclosure.model_copy(update=agreed_on)
    other = agreed.model_copy(update={"disclosure": disclosure})
    report = audit(
        retold(federation, run, agreement=other, change=changing("RESULT", counts=counts))
    )
    assert failed(report) == {(6, code, "bps/1") for code in codes}


def party_says(federation, run, kind, party, **content):
    agreement = Agreement.from_bytes(run.agreement)
    message = kind(agreement=agreement.digest, party=party, run=agreement.run, **content)
    return sign(federation, transcript_of(run), message)


def test_a_dispute_is_reported_and_a_run_passes_with_it(federation, run):
    before = without(run, ("bps", 2))
    said = party_says(federation, before, Dispute, "bkkbn", reason="wrong_result", about="bps")
    report = audit(added(run, said, "bkkbn"))
    assert report.status == "pass"
    assert [each.code for each in report.remarks] == ["audit.disputed"]
    # CLOSE was written without knowing of it.
    assert ("audit.not_covered", "bkkbn/3") in noted(report)


def test_an_aborted_run_is_reported_as_aborted(recorded, tmp_path):
    federation = recorded.at("encoded", tmp_path)
    before = found(federation)
    said = party_says(federation, before, Abort, "bkkbn", reason="own_decision", about=None)
    report = audit(added(before, said, "bkkbn"))
    assert (report.status, report.outcome, report.exit_code) == ("incomplete", "aborted", 7)
    assert ("audit.aborted", "bkkbn/2") in noted(report)
    assert not failed(report)
    # Nothing is waited for any more.
    assert [check.status for check in report.checks[:6]] == ["pass"] * 6


def test_abort_and_result_that_know_nothing_of_each_other_are_explained(recorded, tmp_path):
    early, late = recorded.at("encoded", tmp_path / "e"), recorded.at("linked", tmp_path / "l")
    said = party_says(early, found(early), Abort, "bkkbn", reason="own_decision", about=None)
    report = audit(added(found(late), said, "bkkbn"))
    assert (report.status, report.outcome) == ("incomplete", "aborted")
    assert ("audit.abort_concurrent", "bkkbn/2") in noted(report)


def test_a_receipt_after_an_abort_that_its_sender_had_seen_fails_check_four(recorded, tmp_path):
    early, late = recorded.at("encoded", tmp_path / "e"), recorded.at("received", tmp_path / "r")
    said = party_says(early, found(early), Abort, "inspektorat", reason="other", about=None)
    whole = found(late)
    receipt = transcript_of(whole).get(run_digest(whole, "bkkbn", 2)).entry.message
    torn = added(without(whole, ("bkkbn", 2), ("kemensos", 2)), said, "inspektorat")
    after = added(torn, sign(late, transcript_of(torn), receipt), "bkkbn")
    assert failed(audit(after)) == {(4, "protocol.too_late", "bkkbn/2")}


def test_an_abort_after_the_result_fails_check_four(recorded, tmp_path):
    federation = recorded.at("linked", tmp_path)
    before = found(federation)
    said = party_says(federation, before, Abort, "bkkbn", reason="own_decision", about=None)
    report = audit(added(before, said, "bkkbn"))
    assert failed(report) == {(4, "protocol.too_late", "bkkbn/2")}
    assert report.outcome == "open"


def test_sizes_of_what_was_really_sealed_are_padded(run, agreed):
    for signed in transcript_of(run).order():
        message = signed.entry.message
        if message.kind == "ENCODINGS":
            header = SealHeader(ENCODINGS, agreed.run, message.party, "bps", agreed.digest)
            assert is_padded(message.size, header)
            assert not is_padded(message.size + 1, header)
        elif message.kind == "RESULT":
            for name, declared in message.results.items():
                header = SealHeader(RESULT, agreed.run, "bps", name, agreed.digest)
                assert is_padded(declared.size, header)
                assert not is_padded(declared.size - 1, header)
