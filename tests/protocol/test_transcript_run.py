import pytest

from pprl_protocols.hpke import OVERHEAD_BYTES
from pprl_protocols.messages import Close, Dispute, Encodings, Receipt, Result, SealedResult, Sign
from pprl_protocols.transcript import Transcript

AGENCIES = ("dinkes", "dinsos", "dukcapil")
EVERYONE = (*AGENCIES, "kemenko", "bpk")
DIGEST = "0" * 64
BLOB = {"sealed": DIGEST, "plain": DIGEST}
SHAPE = {"row_bytes": 32, "columns": ("id",)}


def contents(party):
    """What each message says besides whose it is; the rules look at none of it."""
    others = [agency for agency in AGENCIES if agency != party]
    sealed = {name: "00" * (64 + OVERHEAD_BYTES) for name in others if party in AGENCIES}
    result = SealedResult(**BLOB, **SHAPE, size=1024)
    return {
        Sign: {"commitment": DIGEST, "contributions": sealed},
        Encodings: BLOB
        | {"signs": DIGEST, "size": 1024, "records": 16, "root": DIGEST, "confirmation": DIGEST},
        Result: {
            "signs": DIGEST,
            "results": dict.fromkeys(AGENCIES, result),
            "software": {"openpprl": "0.1.0"},
            "parameters": {},
            "counts": (),
            "confirmations": dict.fromkeys(AGENCIES, DIGEST),
        },
        Receipt: BLOB | SHAPE | {"confirmed": tuple(others)},
        Close: {"missing": (), "deletion": "deleted"},
        Dispute: {"reason": "wrong_result", "about": None},
    }


@pytest.fixture
def transcript(agreement):
    return Transcript(agreement)


@pytest.fixture
def send(agreement, signer, transcript):
    def work(kind, *parties, **changes):
        for party in parties:
            message = kind(
                run=agreement.run,
                agreement=agreement.digest,
                party=party,
                **(contents(party)[kind] | changes),
            )
            transcript.add(signer.sign(party, transcript.build_entry(party, message)))

    return work


def breaches(transcript):
    return [
        (signed.entry.party, signed.entry.message.kind, reason.code)
        for signed, reason in transcript.breaches()
    ]


def test_a_whole_run_breaks_no_rule(transcript, send):
    send(Sign, *EVERYONE)
    send(Encodings, *AGENCIES)
    send(Result, "kemenko")
    send(Dispute, "bpk")
    send(Receipt, *AGENCIES)
    send(Close, "kemenko")
    assert breaches(transcript) == []
    assert [signed.entry.message.kind for signed in transcript.order()][-1] == "CLOSE"
    assert len(transcript.causal_past(transcript.heads()["kemenko"].digest)) == 13
    assert ("dinkes", "RECEIPT") in transcript.steps()


def test_a_close_says_who_gave_no_receipt(transcript, send):
    send(Sign, *EVERYONE)
    send(Encodings, *AGENCIES)
    send(Result, "kemenko")
    send(Receipt, "dinkes", "dinsos")
    send(Close, "kemenko", missing=("dinkes",))
    assert breaches(transcript) == [("kemenko", "CLOSE", "protocol.wrongly_missing")]


def test_each_message_out_of_turn_is_a_breach_and_no_other(transcript, send):
    send(Sign, *AGENCIES)
    send(Encodings, "dinkes")
    send(Sign, "kemenko", "bpk")
    send(Encodings, "dinsos", "bpk")
    send(Result, "kemenko")
    assert breaches(transcript) == [
        ("dinkes", "ENCODINGS", "protocol.waits_for"),
        ("bpk", "ENCODINGS", "protocol.not_for_role"),
        ("kemenko", "RESULT", "protocol.waits_for"),
    ]
