"""A party that is killed at any change it makes to the disk repeats its command and finishes."""

import os
from dataclasses import dataclass, field

import pytest

from pprl.errors import ConfigError, PeerError
from pprl_protocols import cards
from pprl_protocols.envelope import open_envelope
from pprl_protocols.home import Home
from pprl_protocols.messages import parse_entry
from pprl_protocols.roles.ending import abort
from pprl_protocols.roles.signing import sign
from tests.protocol.federation import COST, PASSPHRASE, STEPS, TODAY, Federation
from tests.protocol.killing import contents, forked

ALL = bool(os.environ.get("PPRL_KILL_EVERYWHERE"))
"""Kill at every change of the long steps too: minutes."""


@dataclass(frozen=True)
class Step:
    """One step of a party.

    Attributes
    ----------
    after
        The step of the recorded run that it follows.
    party
        Whose it is.
    work
        Does it, in a federation.
    says
        Kind of the message it sends.
    stride
        How many changes of the disk lie between two deaths.
    """

    after: str
    party: str
    work: object = field(repr=False)
    says: str
    stride: int = 1


CASES = {
    "sign": Step("agreed", "bkkbn", lambda run: sign(run.session("bkkbn")), "SIGN"),
    "encode": Step("signed", "bkkbn", lambda run: run.encode("bkkbn"), "ENCODINGS", 3),
    "link": Step("encoded", "bps", lambda run: run.link(), "RESULT", 7),
    "receive": Step("linked", "bkkbn", lambda run: run.receive("bkkbn"), "RECEIPT", 2),
    "close": Step("received", "bps", lambda run: run.close(), "CLOSE"),
    "abort": Step(
        "encoded", "kemensos", lambda run: abort(run.session("kemensos"), "other"), "ABORT", 2
    ),
}


def repeat(run, step):
    """Repeat a step as its user would, in a new process as far as the library can tell."""
    try:
        step.work(run)
    except ConfigError as error:
        # It had said so before it died; the session has published it.
        assert error.code in {"protocol.sent_already", "protocol.too_late"}  # noqa: PT017 - either
    assert run.session(step.party).said(step.says, step.party) is not None


def check_whole(run):
    """Assert that everything in the exchange that has a real name is whole."""
    for path, data in contents(run.files).items():
        if path.name.startswith("."):
            continue
        if path.parent.name == "blobs":
            run.exchange.check_blob(run.files.name, path.name)
        elif path.name != "agreement.json":
            entry = parse_entry(open_envelope(data).payload)
            assert (path.parent.name, path.name) == (entry.party, f"{entry.seq:06d}.json")


def check_tidy(run, party):
    """Assert that nothing of the killed process lies around: no plain file above all."""
    for path in run.homes[party].folder.rglob("*"):
        assert not path.name.startswith((".part-", ".home-part-", "work-")), path.name
        assert path.name != "unfinished"


def finish(run, step):
    """Go on to the end of the run from the step that was repeated."""
    if step.says == "ABORT":
        for name in run.homes:
            assert run.session(name).outcome.state == "aborted"
        return
    at = STEPS.index(step.after) + 1
    remaining = {
        "signed": lambda name: sign(run.session(name)),
        "encoded": run.encode,
        "linked": lambda _: run.link(),
        "received": run.receive,
        "closed": lambda _: run.close(),
    }
    kinds = dict(zip(STEPS[1:], ("SIGN", "ENCODINGS", "RESULT", "RECEIPT", "CLOSE"), strict=True))
    coordinator = ["bps"]
    who = {"signed": sorted(run.homes), "linked": coordinator, "closed": coordinator}
    for done in STEPS[at:]:
        for name in who.get(done, run.agencies):
            if run.session(name).said(kinds[done], name) is None:
                remaining[done](name)
    digests = {run.session(name).outcome.digest for name in run.homes}
    assert len(digests) == 1
    assert None not in digests


def named_blobs(run):
    """Return the digests of all sealed files that the log names."""
    session = run.session("inspektorat")
    found = {each.entry.message.sealed for each in session.all_said("ENCODINGS")}
    for each in session.all_said("RESULT"):
        found |= {sealed.sealed for sealed in each.entry.message.results.values()}
    return found


@pytest.mark.parametrize("torn", [False, True], ids=["between", "torn"])
@pytest.mark.parametrize("name", CASES)
def test_a_step_that_was_killed_is_repeated_and_finishes(recorded, tmp_path, name, torn):
    step = CASES[name]
    stride = 1 if ALL or torn else step.stride
    changes = None
    at = 1
    while changes is None:
        folder = tmp_path / str(at)
        run = recorded.at(step.after, folder)
        changes = forked(lambda run=run: step.work(run), at, torn=torn)
        before = {path: data for path, data in contents(run.files).items() if path.name[0] != "."}
        run = Federation.load(folder)
        check_whole(run)
        for other in run.homes:
            if other != step.party:
                run.session(other)  # others meet nothing that breaks a rule
        repeat(run, step)
        check_whole(run)
        check_tidy(run, step.party)
        if (at // stride) % 12 == 1 or changes is not None:
            finish(run, step)
            check_whole(run)
        after = contents(run.files)
        assert {path: after.get(path) for path in before} == before
        at += stride
    assert at > 3


@pytest.mark.parametrize("torn", [False, True], ids=["between", "torn"])
def test_a_home_that_was_killed_in_the_making_is_made_again(tmp_path, torn):
    changes, at = None, 0
    while changes is None:
        at += 1
        folder = tmp_path / str(at)
        make = lambda to=folder: Home.create(to, "bkkbn", "agency", PASSPHRASE, cost=COST)  # noqa: E731 - once
        changes = forked(make, at, torn=torn)
        try:
            home = make()
        except ConfigError as error:
            assert error.code == "home.exists"  # noqa: PT017 - or none
            home = Home.open(folder, PASSPHRASE)
        assert Home.open(folder, PASSPHRASE).identity.public_key == home.identity.public_key
        assert not list(folder.rglob(".*part-*"))
    assert at > 3


def test_a_card_that_was_killed_in_the_making_is_made_again(tmp_path):
    home = Home.create(tmp_path / "home", "bkkbn", "agency", PASSPHRASE, cost=COST)
    changes, at = None, 0
    while changes is None:
        at += 1
        changes = forked(lambda to=home: cards.make(to.identity, to.vault, created=TODAY), at)
        home = Home.open(tmp_path / "home", PASSPHRASE)
        card = cards.make(home.identity, home.vault, created=TODAY)
        assert len(cards.private_key(home.vault, card)) == 96
        assert not list(home.folder.rglob(".*part-*"))
    assert at > 3


def test_nothing_is_published_that_no_log_names(recorded, tmp_path):
    step = CASES["encode"]
    for at in range(1, 64, 4):
        run = recorded.at(step.after, tmp_path / str(at))
        forked(lambda run=run: step.work(run), at)
        run = Federation.load(run.folder)
        repeat(run, step)
        assert set(run.exchange.blobs(run.files.name)) == named_blobs(run)


def test_an_entry_that_was_kept_is_never_made_anew(recorded, tmp_path):
    run = recorded.at("closed", tmp_path)
    for name in run.homes:
        folder = run.session(name).folder
        said = folder.entries()
        with pytest.raises(ConfigError):
            folder.keep_entry(0, b"another")
        with pytest.raises(PeerError):
            run.exchange.put_entry(run.files.name, name, 0, b"another")
        assert folder.entries() == said
