import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pprl.errors import PeerError
from pprl_protocols import canonical
from pprl_protocols import transcript as module
from pprl_protocols.dag import Link
from pprl_protocols.envelope import open_envelope
from pprl_protocols.transcript import Accepted, Pending, Transcript


def digest_of(envelope):
    return hashlib.sha256(envelope).hexdigest()


def payload_of(envelope):
    return json.loads(open_envelope(envelope).payload)


def state_of(transcript):
    return transcript.order(), transcript.pending(), set(transcript.refused()), transcript.forks()


@pytest.fixture
def transcript(agreement):
    return Transcript(agreement)


@pytest.fixture
def say(signer, transcript):
    """Let a party sign its next entry and take it in."""

    def work(party):
        envelope = signer.next(transcript, party)
        assert isinstance(transcript.add(envelope), Accepted)
        return envelope

    return work


def refusal(transcript, *arguments):
    with pytest.raises(PeerError) as caught:
        transcript.add(*arguments)
    return caught.value.code


def test_entries_link_to_their_log_and_to_the_newest_of_the_others(transcript, say):
    first, second, third = say("dinkes"), say("dinsos"), say("dinkes")
    assert payload_of(first)["previous"] is None
    assert payload_of(first)["heads"] == {}
    assert payload_of(second)["heads"] == {"dinkes": {"digest": digest_of(first), "seq": 0}}
    assert payload_of(third)["previous"] == digest_of(first)
    assert payload_of(third)["seq"] == 1
    assert transcript.heads() == {
        "dinkes": Link("dinkes", 1, digest_of(third)),
        "dinsos": Link("dinsos", 0, digest_of(second)),
    }
    assert [signed.envelope for signed in transcript.entries("dinkes")] == [first, third]
    assert transcript.causal_past(digest_of(third)) == {digest_of(first), digest_of(second)}
    assert transcript.causal_past(digest_of(first)) == frozenset()


def test_the_same_envelope_again_changes_nothing(transcript, say):
    envelope = say("dinkes")
    before = state_of(transcript)
    assert transcript.add(envelope) == Accepted(digest_of(envelope))
    assert state_of(transcript) == before


def test_an_entry_waits_for_what_it_names(agreement, say):
    first, second, third = say("dinkes"), say("dinsos"), say("dinkes")
    late = Transcript(agreement)
    assert late.add(third) == Pending(
        digest_of(third),
        (Link("dinkes", 0, digest_of(first)), Link("dinsos", 0, digest_of(second))),
    )
    assert late.missing() == (
        Link("dinkes", 0, digest_of(first)),
        Link("dinsos", 0, digest_of(second)),
    )
    assert late.heads() == {}
    assert late.pending() == (digest_of(third),)
    assert isinstance(late.add(second), Pending)
    assert late.missing() == (Link("dinkes", 0, digest_of(first)),)
    accepted = late.add(first)
    assert set(accepted.released) == {digest_of(second), digest_of(third)}
    assert (late.pending(), late.missing()) == ((), ())


def test_a_missing_tail_shows_when_somebody_has_seen_it(agreement, say):
    first, tail, witness = say("dinkes"), say("dinkes"), say("dinsos")
    shown = Transcript(agreement)
    shown.add(first)
    assert shown.missing() == ()  # nobody shown so far knows of more
    shown.add(witness)
    assert shown.missing() == (Link("dinkes", 1, digest_of(tail)),)


def test_a_fork_is_proved_and_both_entries_are_kept(signer, transcript, say):
    base = say("dinkes")
    one = signer.next(transcript, "dinkes", "other")
    other = signer.next(transcript, "dinkes", "deadline")
    transcript.add(one)
    with pytest.raises(PeerError) as caught:
        transcript.add(other)
    assert caught.value.code == "protocol.fork"
    assert caught.value.values == {"party": "dinkes", "seq": 1}
    (fork,) = transcript.forks()
    assert (fork.party, fork.seq) == ("dinkes", 1)
    assert {transcript.get(digest).envelope for digest in fork.digests} == {one, other}
    assert refusal(transcript, one) == "protocol.fork"
    assert transcript.heads() == {"dinkes": Link("dinkes", 0, digest_of(base))}
    with pytest.raises(PeerError) as caught:
        signer.next(transcript, "dinkes")
    assert caught.value.code == "protocol.own_log"


def test_a_fork_is_found_even_while_its_entries_wait(agreement, signer, transcript, say):
    say("dinsos")
    one = signer.next(transcript, "dinkes", "other")
    other = signer.next(transcript, "dinkes", "deadline")
    late = Transcript(agreement)
    assert isinstance(late.add(one), Pending)
    assert refusal(late, other) == "protocol.fork"


def test_others_can_go_on_after_a_fork_without_stepping_back(signer, transcript, say):
    say("dinkes")
    one = signer.next(transcript, "dinkes", "other")
    other = signer.next(transcript, "dinkes", "deadline")
    transcript.add(one)
    say("dinsos")
    assert refusal(transcript, other) == "protocol.fork"
    heads = payload_of(say("dinsos"))["heads"]
    assert heads["dinkes"] == {"digest": digest_of(one), "seq": 1}
    assert payload_of(say("bpk"))["heads"]["dinkes"]["seq"] == 0


def test_a_log_that_is_not_whole_here_is_not_continued(agreement, signer, say):
    first, second = say("dinkes"), say("dinkes")
    late = Transcript(agreement)
    late.add(second)
    with pytest.raises(PeerError) as caught:
        signer.next(late, "dinkes")
    assert caught.value.code == "protocol.own_log"
    late.add(first)
    assert payload_of(signer.next(late, "dinkes"))["seq"] == 2


def test_a_file_at_another_place_is_refused(agreement, say):
    first, second = say("dinkes"), say("dinkes")
    shown = Transcript(agreement)
    for envelope, at in (
        (second, ("dinkes", 0)),  # swapped
        (first, ("dinkes", 2)),  # repeated
        (first, ("dinsos", 0)),  # another's folder
    ):
        with pytest.raises(PeerError) as caught:
            shown.add(envelope, at)
        assert caught.value.code == "protocol.misplaced"
        assert (caught.value.values["party"], caught.value.values["seq"]) == at
    assert isinstance(shown.add(first, ("dinkes", 0)), Accepted)


def test_errors_name_the_place_where_the_bytes_lay(transcript):
    with pytest.raises(PeerError) as caught:
        transcript.add(b"{", ("dinkes", 3))
    assert caught.value.values["party"] == "dinkes"
    assert caught.value.values["seq"] == 3


def test_only_the_party_itself_signs_its_entries(signer, transcript, say):
    envelope = say("dinkes")
    forged = signer.changed(envelope, "dinsos", seq=1, previous=digest_of(envelope))
    assert refusal(transcript, forged) == "protocol.signature"
    outer = json.loads(forged)
    outer["signatures"][0]["keyid"] = open_envelope(envelope).key_id
    assert refusal(transcript, canonical.dumps(outer)) == "protocol.signature"


def test_a_stranger_is_refused(agreement, keys, messages, signer, transcript, say):
    stranger = type(signer)(agreement, keys | {"stranger": Ed25519PrivateKey.generate()}, messages)
    envelope = say("dinkes")
    message = payload_of(envelope)["message"] | {"party": "stranger"}
    forged = stranger.changed(envelope, "stranger", party="stranger", message=message)
    assert refusal(transcript, forged) == "protocol.unknown_party"


def test_entries_of_another_run_or_agreement_are_refused(signer, transcript, say):
    envelope = say("dinkes")
    message = payload_of(envelope)["message"]
    other_run = signer.changed(envelope, run="f" * 32, message=message | {"run": "f" * 32})
    assert refusal(transcript, other_run) == "protocol.other_run"
    other_agreement = signer.changed(envelope, message=message | {"agreement": "f" * 64})
    assert refusal(transcript, other_agreement) == "protocol.other_agreement"


def test_malformed_links_are_refused(signer, transcript, say):
    say("dinsos")
    base = say("dinkes")
    fine = signer.next(transcript, "dinkes")
    heads = payload_of(fine)["heads"]
    before = state_of(transcript)
    for changes in (
        {"previous": None},
        {"seq": 0},
        {"seq": 10_000},
        {"seq": -1},
        {"heads": heads | {"dinkes": {"digest": digest_of(base), "seq": 0}}},
        {"heads": heads | {"stranger": {"digest": "0" * 64, "seq": 0}}},
        {"heads": {"dinsos": {"digest": heads["dinsos"]["digest"], "seq": 10_000}}},
        {"party": "dinsos"},
        {"message": payload_of(fine)["message"] | {"party": "dinsos"}},
    ):
        with pytest.raises(PeerError):
            transcript.add(signer.changed(fine, "dinkes", **changes))
        assert state_of(transcript) == before
    assert isinstance(transcript.add(fine), Accepted)


def test_a_link_that_names_another_entry_than_it_says_is_refused(signer, transcript, say):
    first, second = say("dinsos"), say("dinsos")
    fine = signer.next(transcript, "dinkes")
    wrong = {"dinsos": {"digest": digest_of(first), "seq": 1}}
    assert refusal(transcript, signer.changed(fine, heads=wrong)) == "protocol.bad_links"
    skipping = signer.changed(fine, seq=1, previous=digest_of(second))
    assert refusal(transcript, skipping) == "protocol.bad_links"


def test_what_rests_on_a_refused_entry_is_refused_with_it(agreement, signer, transcript, say):
    first = say("dinsos")
    say("dinsos")
    fine = signer.next(transcript, "dinkes")
    bad = signer.changed(fine, heads={"dinsos": {"digest": digest_of(first), "seq": 1}})
    after = signer.changed(fine, seq=1, previous=digest_of(bad))
    late = Transcript(agreement)
    assert isinstance(late.add(after), Pending)
    assert isinstance(late.add(bad), Pending)
    accepted = late.add(first)
    assert [error.code for error in accepted.refused] == ["protocol.bad_links"] * 2
    assert set(late.refused()) == {digest_of(bad), digest_of(after)}
    assert refusal(late, after) == "protocol.bad_links"
    assert late.pending() == ()


def test_a_wrong_link_is_found_while_what_it_names_still_waits(agreement, signer, transcript, say):
    say("dinsos")
    second = say("dinsos")
    fine = signer.next(transcript, "dinkes")
    bad = signer.changed(fine, heads={"dinsos": {"digest": digest_of(second), "seq": 0}})
    late = Transcript(agreement)
    assert isinstance(late.add(bad), Pending)
    assert isinstance(late.add(second), Pending)
    assert set(late.refused()) == {digest_of(bad)}
    other_way = Transcript(agreement)
    other_way.add(second)
    assert refusal(other_way, bad) == "protocol.bad_links"


def test_heads_never_step_back(signer, transcript, say):
    first = say("dinsos")
    say("dinsos")
    say("dinkes")
    fine = signer.next(transcript, "dinkes")
    for heads in ({}, {"dinsos": {"digest": digest_of(first), "seq": 0}}):
        backwards = signer.changed(fine, heads=heads)
        assert refusal(transcript, backwards) in {"protocol.heads_backwards", "protocol.fork"}
    assert {error.code for error in transcript.refused().values()} == {"protocol.heads_backwards"}


def test_heads_never_change_to_the_other_branch_of_a_fork(signer, transcript, say):
    one = signer.next(transcript, "dinsos", "other")
    other = signer.next(transcript, "dinsos", "deadline")
    transcript.add(one)
    say("dinkes")
    fine = signer.next(transcript, "dinkes")
    assert refusal(transcript, other) == "protocol.fork"
    jumped = signer.changed(fine, heads={"dinsos": {"digest": digest_of(other), "seq": 0}})
    assert refusal(transcript, jumped) == "protocol.heads_backwards"


def test_a_party_that_signs_without_end_is_stopped_and_crowds_nobody_out(
    transcript, say, signer, monkeypatch
):
    envelope = say("dinkes")
    monkeypatch.setattr(module, "MAX_LOG_BYTES", len(envelope) + 10)
    assert refusal(transcript, signer.next(transcript, "dinkes")) == "protocol.log_too_large"
    assert isinstance(transcript.add(envelope), Accepted)


def test_messages_out_of_turn_are_breaches_of_the_rules(transcript, say):
    say("dinkes")
    assert transcript.breaches() == ()
    say("dinsos")  # a second ABORT, which has seen the first
    ((signed, reason),) = transcript.breaches()
    assert signed.entry.party == "dinsos"
    assert reason.code == "protocol.too_late"
