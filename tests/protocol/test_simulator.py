"""Whatever the network and one cheat do, honest parties agree on how a run has ended."""

import itertools
import json
import os

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols import canonical
from pprl_protocols.envelope import open_envelope, seal_envelope
from tests.protocol.simulator import LATE, World

AGENCIES = ("dinkes", "dinsos", "dukcapil")
EXAMPLES = int(os.environ.get("PPRL_SIMULATIONS", "50"))
"""Of every property; CI's nights may take thousands."""
simulated = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

PICK = st.integers(0, 63)
WHO = st.integers(0, 4)


def happens(name, *values):
    return st.tuples(st.just(name), WHO, *values)


FAIR = (
    happens("deliver", st.booleans()),
    happens("act", st.sampled_from([None, None, None, "before", "after"])),
    happens("show", PICK),
    happens("restart"),
    happens("damage", PICK, st.integers(0, 8000), st.integers(0, 7)),
)
ENDS = (happens("end", st.sampled_from(["ABORT", "DISPUTE"])), happens("compare"), happens("round"))
UNFAIR = (*FAIR, *ENDS, happens("late"))
CHEATING = (
    *FAIR,
    *ENDS,
    happens("split"),
    happens("forge", PICK, PICK),
    happens("side", st.integers(0, 1)),
)


def end(_, node, kind):
    node.act((kind,))


def everybody_acts(world):
    for node in world.everybody():
        world.deliver(node)
        node.act()


def side(world, node, number):
    if node.name in world.sides:
        world.sides[node.name] = number


def show(world, node, pick):
    if world.pool:
        node.show(world.pool[pick % len(world.pool)][0])


def damage(world, node, pick, at, how):
    """Show a party something that nobody has signed, or in the wrong place: it must refuse it."""
    if not world.pool:
        return
    signed = [envelope for envelope, _ in world.pool]
    envelope, other = signed[pick % len(signed)], signed[(pick + 1) % len(signed)]
    at %= len(envelope)
    place = ("nobody", 0) if how == 0 else None
    outer, borrowed = json.loads(envelope), json.loads(other)
    outer["signatures"][0]["sig"] = borrowed["signatures"][0]["sig"]
    changed = [
        envelope,
        envelope[:at] + bytes([envelope[at] ^ 1 << at % 8]) + envelope[at + 1 :],
        envelope[:at],
        envelope + envelope,
        b" " + envelope,
        envelope[:at] + other[at:],
        canonical.dumps(outer),
        canonical.dumps(outer | {"signatures": borrowed["signatures"]}),
    ][how]
    if place is None and changed in signed:
        return
    before = node.seat.transcript.order(), node.seat.outcome()
    with pytest.raises(PeerError):
        node.seat.take(changed, place)
    assert (node.seat.transcript.order(), node.seat.outcome()) == before


EVENTS = {
    "act": lambda _, node, crash: node.act(crash=crash),
    "compare": lambda _, node: node.compare(),
    "damage": damage,
    "deliver": lambda world, node, backwards: world.deliver(node, backwards=backwards),
    "end": end,
    "forge": lambda world, _, pick, how: world.forge(pick, how),
    "late": lambda world, _: setattr(world, "today", LATE),
    "restart": lambda _, node: node.restart(),
    "round": lambda world, _: everybody_acts(world),
    "show": show,
    "side": side,
    "split": lambda world, _: world.split(),
}


def played(world, events):
    """Let it all happen; check after every event."""
    for name, who, *values in events:
        everybody = world.everybody()
        EVENTS[name](world, everybody[who % len(everybody)], *values)
        world.check()


def reported(world):
    return {name: node.compared for name, node in world.nodes.items()}


@simulated
@given(events=st.lists(st.one_of(*FAIR), max_size=50))
def test_all_finish_when_all_is_delivered_in_the_end(agreement, keys, events):
    world = World(agreement, keys)
    played(world, events)
    for node in world.nodes.values():
        node.restart()
    world.settle()
    for node in world.nodes.values():
        node.compare()
    world.check()
    world.check_honest_entries()
    (digest,) = set(reported(world).values())
    assert digest is not None
    assert len(world.places) == 13


@simulated
@given(events=st.lists(st.one_of(*UNFAIR), max_size=60))
def test_honest_parties_agree_over_any_network(agreement, keys, events):
    world = World(agreement, keys)
    played(world, events)
    world.settle()
    for node in world.nodes.values():
        node.compare()
    world.check()
    world.check_honest_entries()


@pytest.mark.parametrize("cheat", ["kemenko", "dinsos"])
@simulated
@given(data=st.data())
def test_honest_parties_agree_whatever_a_cheat_tells_them(agreement, keys, cheat, data):
    world = World(agreement, keys, cheat)
    for _ in range(data.draw(st.integers(0, 4), label="turns of all before the cheat begins")):
        for who in data.draw(st.permutations(range(len(world.everybody())))):
            played(world, [("deliver", who, False), ("act", who, None)])
    world.split()
    for name in world.sides:
        world.sides[name] = data.draw(st.integers(0, 1), label=name)
    played(world, data.draw(st.lists(st.one_of(*CHEATING), max_size=40)))
    if data.draw(st.booleans(), label="all is shown before the deadline"):
        world.settle()
    world.today = LATE
    world.settle()
    ends = {node.seat.outcome().digest for node in world.nodes.values() if not node.stopped}
    event(f"{len(ends - {None})} digests before the call")
    for node in world.nodes.values():
        node.compare()
    world.check()
    world.check_honest_entries()


def two_stories(agreement, keys):
    """Return a world in which the coordinator has told one agency another end than the others."""
    world = World(agreement, keys, "kemenko")
    everybody_acts(world)
    for name in AGENCIES:
        world.deliver(world.nodes[name])
        world.nodes[name].act()
    world.split()
    world.sides["dukcapil"] = 1
    for node in world.everybody() * 2:
        world.deliver(node)
        node.act(("RESULT", "RECEIPT"))
    world.today = LATE
    world.settle()
    return world


def test_a_coordinator_that_closes_twice_is_found_by_the_call_and_by_nothing_else(agreement, keys):
    world = two_stories(agreement, keys)
    outcomes = {name: world.nodes[name].seat.outcome() for name in AGENCIES}
    assert {outcome.state for outcome in outcomes.values()} == {"closed"}
    assert outcomes["dinkes"].digest == outcomes["dinsos"].digest != outcomes["dukcapil"].digest
    assert outcomes["dukcapil"].missing == ("dinkes", "dinsos")
    for node in world.nodes.values():
        node.compare()
    assert reported(world) == {
        "bpk": outcomes["dinkes"].digest,
        "dinkes": outcomes["dinkes"].digest,
        "dinsos": outcomes["dinkes"].digest,
        "dukcapil": None,
    }


def test_an_abort_that_crosses_the_result_counts_for_whoever_has_not_opened_it(agreement, keys):
    world = World(agreement, keys)
    everybody_acts(world)
    giving_up, *others = [world.nodes[name] for name in AGENCIES]
    for node in [giving_up, *others, world.nodes["kemenko"]]:
        world.deliver(node)
        node.act()
    giving_up.act(("ABORT",))
    abort, _ = world.pool.pop()
    for node in others:
        world.deliver(node)
        node.act(("RECEIPT",))
    world.today = LATE
    world.deliver(world.nodes["kemenko"])
    world.nodes["kemenko"].act(("CLOSE",))
    world.pool.append((abort, giving_up))
    world.settle()
    states = {name: node.seat.outcome().state for name, node in world.nodes.items()}
    assert states == {
        "bpk": "aborted",
        "dinkes": "aborted",
        "dinsos": "closed",
        "dukcapil": "closed",
        "kemenko": "closed",
    }
    for node in world.nodes.values():
        node.compare()
    world.check()
    world.check_honest_entries()


@pytest.mark.parametrize("order", [1, -1], ids=["before what it names", "after what it names"])
@pytest.mark.parametrize("how", range(7))
def test_whatever_a_cheat_forges_is_found_when_it_is_met(agreement, keys, how, order):
    world = World(agreement, keys, "kemenko")
    everybody_acts(world)
    (face,) = world.faces
    world.forge(0, how)
    forged, _ = world.pool.pop()
    victim = world.nodes["dinkes"]
    victim.restart()
    for envelope in [forged, *face.home, *(each for each, _ in world.pool)][::order]:
        victim.show(envelope)
    assert victim.stopped or victim.seat.transcript.pending()
    victim.compare()
    assert victim.compared is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_an_entry_that_names_another_wrongly_is_found_in_any_order(agreement, keys, order):
    world = World(agreement, keys, "kemenko")
    honest, (face,) = world.nodes["dinkes"], world.faces
    honest.act()
    world.deliver(face)
    face.act()
    honest.act(("ABORT",))
    payload = json.loads(open_envelope(face.home[0]).payload)
    payload["heads"]["dinkes"] = {"seq": 2, "digest": canonical.sha256(honest.home[1])}
    signer = world.signers["kemenko"]
    forged = seal_envelope(canonical.dumps(payload), signer.sign, signer.fingerprint)
    for place in order:
        world.nodes["bpk"].show([forged, *honest.home][place])
    assert world.nodes["bpk"].stopped


def test_a_home_that_was_put_back_to_an_older_copy_meets_its_own_entry_and_stops(agreement, keys):
    world = World(agreement, keys)
    everybody_acts(world)
    node = world.nodes["dinsos"]
    node.home.clear()
    node.restart()
    world.deliver(node)
    assert node.stopped
    assert not node.act()


def test_two_stories_that_meet_prove_themselves(agreement, keys):
    world = two_stories(agreement, keys)
    victim = world.nodes["dukcapil"]
    world.sides["dukcapil"] = 0
    world.deliver(victim)
    assert victim.stopped
    assert {fork.party for fork in world.witness().forks()} == {"kemenko"}
