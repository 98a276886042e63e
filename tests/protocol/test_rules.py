from datetime import timedelta
from itertools import product

import pytest

from pprl import catalogue
from pprl_protocols.rules import TABLE, Step, missing_receipts, possible, wrongly_missing

AGENCIES = ("dinkes", "dinsos", "dukcapil")
EVERYONE = (*AGENCIES, "bpk", "kemenko")


def of(kind, *parties):
    return {Step(party, kind) for party in parties}


SIGNED = of("SIGN", *EVERYONE)
ENCODED = SIGNED | of("ENCODINGS", *AGENCIES)
LINKED = ENCODED | of("RESULT", "kemenko")
RECEIVED = LINKED | of("RECEIPT", *AGENCIES)
CLOSED = RECEIVED | of("CLOSE", "kemenko")
STAGES = {
    "nothing": set(),
    "signed": SIGNED,
    "encoded": ENCODED,
    "linked": LINKED,
    "received": RECEIVED,
    "closed": CLOSED,
    "aborted": ENCODED | of("ABORT", "dinsos"),
}


def test_the_whole_table_stage_by_stage(agreement):
    today = agreement.valid_from
    found = {
        stage: " ".join(
            f"{party}:{rule.kind}"
            for rule, party in product(TABLE, ("dinkes", "kemenko", "bpk"))
            if possible(rule.kind, party, past, agreement, today=today) is None
        )
        for stage, past in STAGES.items()
    }
    abort = "dinkes:ABORT kemenko:ABORT bpk:ABORT"
    dispute = "dinkes:DISPUTE kemenko:DISPUTE bpk:DISPUTE"
    assert found == {
        "nothing": f"dinkes:SIGN kemenko:SIGN bpk:SIGN {abort}",
        "signed": f"dinkes:ENCODINGS {abort}",
        "encoded": f"kemenko:RESULT {abort}",
        "linked": f"dinkes:RECEIPT {dispute}",
        "received": f"kemenko:CLOSE {dispute}",
        "closed": "",
        "aborted": "",
    }


@pytest.mark.parametrize("absent", EVERYONE)
def test_encodings_wait_for_every_signature(agreement, absent):
    reason = possible("ENCODINGS", "dinkes", SIGNED - of("SIGN", absent), agreement)
    assert (reason.code, reason.final) == ("protocol.waits_for", False)
    assert reason.waits_for == (Step(absent, "SIGN"),)


def test_without_an_auditor_nobody_waits_for_one(agreement_without_auditor):
    past = SIGNED - of("SIGN", "bpk")
    assert possible("ENCODINGS", "dinkes", past, agreement_without_auditor) is None
    reason = possible("SIGN", "bpk", past, agreement_without_auditor)
    assert (reason.code, reason.final) == ("protocol.not_for_role", True)


def test_a_result_waits_for_all_encodings_and_says_whose(agreement):
    past = ENCODED - of("ENCODINGS", "dinsos", "dukcapil")
    reason = possible("RESULT", "kemenko", past, agreement)
    assert reason.waits_for == (Step("dinsos", "ENCODINGS"), Step("dukcapil", "ENCODINGS"))
    assert catalogue.text(reason.code, reason.values) == (
        "RESULT of kemenko waits for ENCODINGS of dinsos, dukcapil"
    )


def test_closing_without_a_receipt_waits_for_the_deadline(agreement):
    past = RECEIVED - of("RECEIPT", "dinsos")
    last = agreement.receipt_deadline
    reason = possible("CLOSE", "kemenko", past, agreement, today=last)
    assert reason.waits_for == (Step("dinsos", "RECEIPT"),)
    after = last + timedelta(days=1)
    assert possible("CLOSE", "kemenko", past, agreement, today=after) is None
    assert possible("CLOSE", "kemenko", past, agreement) is None  # an auditor knows no time
    assert missing_receipts(past, agreement) == ("dinsos",)
    assert missing_receipts(RECEIVED, agreement) == ()
    no_result = past - of("RESULT", "kemenko")
    assert possible("CLOSE", "kemenko", no_result, agreement, today=after) is not None


def test_a_close_names_exactly_the_receipts_that_are_missing(agreement):
    past = RECEIVED - of("RECEIPT", "dinsos")
    assert wrongly_missing("kemenko", ("dinsos",), past, agreement) is None
    assert wrongly_missing("kemenko", (), RECEIVED, agreement) is None
    for named, seen in (((), past), (("dinkes",), past), (("dinsos",), RECEIVED)):
        reason = wrongly_missing("kemenko", named, seen, agreement)
        assert catalogue.text(reason.code, reason.values).startswith("the CLOSE of kemenko")


def test_an_agreement_counts_on_its_first_and_its_last_day(agreement):
    day = timedelta(days=1)
    first, last = agreement.valid_from, agreement.valid_until
    for kind, party, past in (
        ("SIGN", "dinkes", set()),
        ("ENCODINGS", "dinkes", SIGNED),
        ("RESULT", "kemenko", ENCODED),
    ):
        for today in (first, last, None):
            assert possible(kind, party, past, agreement, today=today) is None
        early = possible(kind, party, past, agreement, today=first - day)
        late = possible(kind, party, past, agreement, today=last + day)
        assert (early.code, early.final) == ("protocol.not_valid_yet", False)
        assert (late.code, late.final) == ("protocol.expired", True)


def test_abort_is_for_those_who_have_seen_no_result(agreement):
    for party in EVERYONE:
        assert possible("ABORT", party, ENCODED, agreement) is None
        reason = possible("ABORT", party, LINKED, agreement)
        assert (reason.code, reason.final) == ("protocol.too_late", True)


def test_a_result_concurrent_with_an_abort_is_neither_received_nor_closed(agreement):
    both = RECEIVED | of("ABORT", "bpk")
    for kind, party, own in (
        ("RECEIPT", "dinkes", of("RECEIPT", "dinkes")),
        ("CLOSE", "kemenko", set()),
        ("DISPUTE", "dinkes", set()),
    ):
        reason = possible(kind, party, both - own, agreement)
        assert catalogue.text(reason.code, reason.values).endswith("any more: bpk has sent ABORT")


def test_a_dispute_stands_beside_receipts_and_close(agreement):
    disputed = LINKED | of("DISPUTE", "dinkes")
    assert possible("RECEIPT", "dinkes", disputed, agreement) is None
    assert possible("CLOSE", "kemenko", disputed | RECEIVED, agreement) is None
    assert possible("DISPUTE", "dinkes", disputed, agreement).code == "protocol.sent_already"
    assert possible("DISPUTE", "dinsos", disputed, agreement) is None
    assert possible("DISPUTE", "dinkes", CLOSED, agreement).code == "protocol.too_late"


def test_every_message_is_sent_once(agreement):
    for rule in TABLE:
        for party in EVERYONE:
            past = ENCODED | of(rule.kind, party)
            assert possible(rule.kind, party, past, agreement) is not None


def test_strangers_and_unknown_kinds_are_refused(agreement):
    for kind, party in (("SIGN", "stranger"), ("OTHER", "dinkes"), ("RESULT", "dinkes")):
        reason = possible(kind, party, ENCODED, agreement)
        assert (reason.code, reason.final) == ("protocol.not_for_role", True)


def test_every_reason_has_a_sentence_in_both_languages(agreement):
    reasons = [
        possible(rule.kind, party, past, agreement, today=today)
        for rule, party, past, today in product(
            TABLE,
            (*EVERYONE, "stranger"),
            STAGES.values(),
            (None, agreement.valid_from - timedelta(days=1), agreement.valid_until),
        )
    ]
    codes = {reason.code for reason in reasons if reason is not None}
    assert len(codes) == 5
    for reason in filter(None, reasons):
        assert all(catalogue.text(reason.code, reason.values, one) for one in catalogue.LANGUAGES)
