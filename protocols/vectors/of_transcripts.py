"""Cases of whole logs: files as they were found, one after the other.

The agreement is that of ``agreement/whole.json``. A fork is two files for one place, as two copies
of an exchange may hold them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pprl_protocols import canonical
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import open_envelope
from vectors.kit import OTHER_RUN, Case, signed
from vectors.of_agreements import PARTIES
from vectors.story import AGENCIES, COORDINATOR, Story

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pprl_protocols.canonical import Plain

    Answer = dict[str, Plain]
    Files = Sequence[tuple[str, int, bytes]]

_A, _B = AGENCIES


def cases() -> Iterator[Case]:
    """Yield all of them."""
    yield from _whole()
    yield from _incomplete()
    yield from _forged()
    yield from _linked()
    yield from _ordered()


def _case(
    name: str, about: str, files: Files, expect: str = "pass", answer: Answer | None = None
) -> Case:
    found: list[Plain] = [
        {"party": party, "number": number, "envelope": envelope.decode()}
        for party, number, envelope in files
    ]
    given: dict[str, Plain] = {"agreement": "agreement/whole.json", "files": found}
    return Case("transcript", name, about, given, expect=expect, answer=answer or {})


def _states(*states: str, digest: str | None = None) -> Answer:
    return {"states": dict(zip(PARTIES, states, strict=True)), "digest": digest}


def _whole() -> Iterator[Case]:
    story = Story.until_close()
    digest = sha256(story.files[-1][2])
    closed = _states("closed", "closed", "closed", digest=digest)
    yield _case("closed", "a whole run", story.files, answer=closed)
    turned = [*story.files[::-1], story.files[0]]
    about = "a whole run, heard from its end, and something twice"
    yield _case("closed_backwards", about, turned, answer=closed)
    story = Story.until_encoded()
    yield _case(
        "open", "a run without results", story.files, answer=_states("open", "open", "open")
    )
    story.say(_A, story.abort(_A))
    aborted = _states("aborted", "aborted", "aborted")
    yield _case("aborted", "a run that an agency has ended", story.files, answer=aborted)
    yield _beside()
    story = Story.until_result()
    story.say(_A, story.receipt(_A))
    story.say(COORDINATOR, story.close(_B))
    digest = sha256(story.files[-1][2])
    closed = _states("closed", "closed", "closed", digest=digest)
    yield _case(
        "closed_without_receipt", "the missing receipt is named", story.files, answer=closed
    )
    story = Story.until_result()
    story.say(_A, story.dispute(_A))
    disputed = _states("open", "open", "open")
    yield _case("disputed", "an agency disputes the result", story.files, answer=disputed)


def _beside() -> Case:
    story = Story.until_encoded()
    before = story.heads()
    story.say(COORDINATOR, story.result())
    story.say(_A, story.receipt(_A))
    unseen = {name: head for name, head in before.items() if name != _B}
    story.say(_B, story.abort(_B), heads=unseen)
    return _case(
        "abort_beside_result",
        "neither has seen the other: both stand, and who has opened its result goes on",
        story.files,
        answer=_states("open", "aborted", "aborted"),
    )


def _incomplete() -> Iterator[Case]:
    story = Story.until_close()
    for name, about, party, number in (
        ("gap", "an entry in the middle of a log isn't there", _A, 1),
        ("no_tail", "the last entry of a log isn't there, but others name it", _B, 2),
    ):
        yield _case(name, about, story.without(party, number), "incomplete")


def _forged() -> Iterator[Case]:
    story = Story.until_signed()
    files = story.files
    payload = open_envelope(files[0][2]).payload
    other = Story(run=OTHER_RUN)
    replayed = (_A, 0, other.say(_A, other.sign(_A)))
    content = json.loads(payload)
    message = content["message"] | {"agreement": other.agreement.digest}
    elsewhere = (_A, 0, signed(_A, canonical.dumps(content | {"message": message})))
    outer = json.loads(files[0][2])
    outer["payload"] = json.loads(files[1][2])["payload"]
    stranger = content | {"party": "stranger"}
    unknown = ("stranger", 0, signed("stranger", canonical.dumps(stranger)))
    for name, about, expect, first in (
        ("replayed", "an entry of another run", "agreement", replayed),
        ("other_agreement", "an entry that names another agreement", "agreement", elsewhere),
        ("unknown_party", "an entry of a party that isn't agreed", "agreement", unknown),
        ("altered", "one party's signature under another's words", "signature",
         (_A, 0, canonical.dumps(outer))),
        ("misplaced", "an entry at another number", "place", (_A, 1, files[0][2])),
    ):  # fmt: skip
        yield _case(name, about, [first, *files[1:]], expect)
    story.say(_A, story.encodings(_A))
    again = story.encodings(_A).model_copy(update={"records": 16})
    entry = json.loads(open_envelope(story.files[-1][2]).payload)
    entry["message"] = again.model_dump(mode="json")
    story.hear(_A, 1, signed(_A, canonical.dumps(entry)))
    yield _case("fork", "two entries of one number, both signed", story.files, "fork")
    story = Story.until_close()
    entry = json.loads(open_envelope(story.files[-1][2]).payload)
    entry["message"]["deletion"] = "kept_until_audit_deadline"
    story.hear(COORDINATOR, 2, signed(COORDINATOR, canonical.dumps(entry)))
    yield _case("closed_twice", "two different ends of one run", story.files, "fork")


def _linked() -> Iterator[Case]:
    first = sha256(Story.until_signed().files[0][2])
    changes: tuple[tuple[str, str, dict[str, Plain]], ...] = (
        ("no_previous", "a second entry that names none before it", {"previous": None}),
        ("own_head", "a party that names itself among the others",
         {"heads": {_A: {"seq": 0, "digest": first}}}),
        ("other_number", "a head with another number than that entry has",
         {"heads": {COORDINATOR: {"seq": 0, "digest": first}}}),
    )  # fmt: skip
    for name, about, change in changes:
        story = Story.until_signed()
        story.say(_A, story.encodings(_A), **change)
        yield _case(f"link_{name}", about, story.files, "links")
    story = Story.until_signed()
    story.say(_B, story.encodings(_B), heads={})
    yield _case("forgetful", "heads that a party had seen before are gone", story.files, "links")


def _ordered() -> Iterator[Case]:
    story = Story()
    for party in (_A, _B):
        story.say(party, story.sign(party))
    story.say(_A, story.encodings(_A))
    story.say(COORDINATOR, story.sign(COORDINATOR))
    about = "ENCODINGS before the coordinator's SIGN was seen"
    yield _case("order_encodings", about, story.files, "order")
    story = Story.until_signed()
    story.say(_A, story.encodings(_A))
    story.say(COORDINATOR, story.result())
    yield _case("order_result", "RESULT before all ENCODINGS", story.files, "order")
    story = Story.until_signed()
    story.say(_A, story.sign(_A))
    yield _case("order_twice", "a second SIGN", story.files, "order")
    story = Story.until_result()
    story.say(_A, story.close().model_copy(update={"party": _A}))
    yield _case("order_role", "CLOSE from an agency", story.files, "order")
    story = Story.until_result()
    story.say(_A, story.abort(_A))
    yield _case("order_abort", "ABORT after RESULT was seen", story.files, "order")
    story = Story.until_encoded()
    story.say(_A, story.abort(_A))
    story.say(COORDINATOR, story.result())
    yield _case("order_after_abort", "RESULT after ABORT was seen", story.files, "order")
    story = Story.until_result()
    story.say(_A, story.receipt(_A))
    story.say(COORDINATOR, story.close(_A))
    yield _case("order_missing", "CLOSE names a receipt it has seen", story.files, "order")
