import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols.envelope import open_envelope
from pprl_protocols.transcript import Transcript

PARTIES = ("bpk", "dinkes", "dinsos", "dukcapil", "kemenko")


def digest_of(envelope):
    return hashlib.sha256(envelope).hexdigest()


def payload_of(envelope):
    return json.loads(open_envelope(envelope).payload)


def state(transcript):
    return {
        "heads": transcript.heads(),
        "order": [signed.digest for signed in transcript.order()],
        "pending": transcript.pending(),
        "missing": transcript.missing(),
        "forks": transcript.forks(),
        "refused": {digest: error.code for digest, error in transcript.refused().items()},
        "entries": {party: transcript.entries(party) for party in PARTIES},
    }


def take(transcript, envelopes):
    codes = set()
    for envelope in envelopes:
        try:
            transcript.add(envelope)
        except PeerError as error:
            codes.add(error.code)
    assert codes <= {"protocol.fork", "protocol.bad_links", "protocol.heads_backwards"}
    return state(transcript)


@given(data=st.data())
def test_a_changed_envelope_is_always_refused(agreement, signer, data):
    envelope = signer.next(Transcript(agreement), "dinkes")
    at = data.draw(st.integers(0, len(envelope) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != envelope[at]))
    changed = envelope[:at] + bytes([byte]) + envelope[at + 1 :]
    cut = data.draw(st.integers(0, len(envelope) - 1))
    for bad in (changed, envelope[:cut], envelope + envelope[:1], envelope[cut:] + envelope[:cut]):
        if bad != envelope:
            transcript = Transcript(agreement)
            with pytest.raises(PeerError):
                transcript.add(bad)
            assert transcript.heads() == {}


@given(junk=st.binary(max_size=200))
def test_junk_is_refused_as_a_peers_fault(agreement, junk):
    with pytest.raises(PeerError):
        Transcript(agreement).add(junk)


def history(agreement, signer, draw):
    """Return envelopes of parties that see each other's entries late, and of some that cheat."""
    views = {party: Transcript(agreement) for party in PARTIES}
    shown = []
    for party, seen, cheats in draw:
        for envelope in shown[: len(shown) * seen // 4]:
            try:
                views[party].add(envelope)
            except PeerError:
                continue
        try:
            envelope = signer.next(views[party], party)
        except PeerError:
            continue
        views[party].add(envelope)
        shown.append(envelope)
        heads = payload_of(envelope)["heads"]
        if cheats == 1:
            shown.append(signer.next(views[party], party, "deadline"))  # an entry nobody else knows
            shown.append(signer.next(views[party], party, "population"))  # and its fork
        if cheats == 2 and heads:
            other = min(heads)
            wrong = heads | {other: heads[other] | {"seq": heads[other]["seq"] + 1}}
            shown.append(signer.changed(envelope, heads=wrong))
        if cheats == 3 and heads:
            shown.append(signer.changed(envelope, heads={}))
    return shown


EVENTS = st.lists(
    st.tuples(st.sampled_from(PARTIES), st.integers(0, 4), st.sampled_from([0, 0, 0, 1, 2, 3])),
    max_size=12,
)


@given(data=st.data())
def test_any_order_of_the_same_entries_ends_in_the_same_state(agreement, signer, data):
    shown = history(agreement, signer, data.draw(EVENTS))
    shuffled = data.draw(st.permutations(shown + shown[:3]))
    first = take(Transcript(agreement), shown)
    assert take(Transcript(agreement), shuffled) == first


@given(data=st.data())
def test_honest_entries_are_all_accepted_in_any_order(agreement, signer, data):
    events = [(party, seen, 0) for party, seen, _ in data.draw(EVENTS)]
    shown = history(agreement, signer, events)
    transcript = Transcript(agreement)
    found = take(transcript, data.draw(st.permutations(shown)))
    assert set(found["order"]) == {digest_of(envelope) for envelope in shown}
    assert (found["pending"], found["missing"], found["forks"], found["refused"]) == (
        (),
        (),
        (),
        {},
    )
    places = {digest: at for at, digest in enumerate(found["order"])}
    for digest, at in places.items():
        assert all(places[other] < at for other in transcript.causal_past(digest))


@given(data=st.data())
def test_a_dropped_entry_is_missing_as_soon_as_another_rests_on_it(agreement, signer, data):
    events = [(party, seen, 0) for party, seen, _ in data.draw(EVENTS)]
    shown = history(agreement, signer, events)
    if not shown:
        return
    whole = Transcript(agreement)
    take(whole, shown)
    dropped = digest_of(data.draw(st.sampled_from(shown)))
    found = take(Transcript(agreement), [x for x in shown if digest_of(x) != dropped])
    resting = {
        signed.digest for signed in whole.order() if dropped in whole.causal_past(signed.digest)
    }
    assert set(found["pending"]) == resting
    assert [link.digest for link in found["missing"]] == ([dropped] if resting else [])
