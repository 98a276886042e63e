"""Cases of what an auditor gets: exported transcripts, and the positions of a spot check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl_protocols import canonical, spotcheck
from vectors.kit import Case, secret
from vectors.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.canonical import Plain

    Object = dict[str, Plain]


def cases() -> Iterator[Case]:
    """Yield all of them."""
    yield from _exports()
    close, nonce = secret("CLOSE").hex(), secret("nonce").hex()
    for name, size, count in (("some", 1000, 10), ("all", 5, 10), ("most", 7, 6)):
        given: Object = {"close": close, "nonce": nonce, "size": size, "count": count}
        drawn = spotcheck.positions(close, nonce, size=size, count=count)
        about = f"{count} of {size} records are drawn"
        yield Case("spotcheck", name, about, given, answer={"positions": drawn})


def _exports() -> Iterator[Case]:
    story = Story.until_encoded()
    whole = _export(story, story.files)
    numbers: Object = {"agency-a": [0, 1], "agency-b": [0, 1], "coordinator": [0]}
    yield _case("whole", "a run without results", whole, answer={"numbers": numbers})
    gap = _export(story, story.without("agency-a", 0))
    numbers = {**numbers, "agency-a": [1]}
    about = "the first entry of a log is missing: the second keeps its number"
    yield _case("gap", about, gap, answer={"numbers": numbers})
    turned = _export(story, story.files[::-1])
    numbers = {**numbers, "agency-a": [0, 1]}
    about = "entries out of order: each lies where it stands, which is not its place"
    yield _case("turned", about, turned, answer={"numbers": numbers})
    nobody: Object = {"logs": {"../agency-a": []}}
    for name, about, change in (
        ("format", "another format", {"format": "pprl.result"}),
        ("version", "a version that doesn't exist", {"version": 2}),
        ("more", "a key that doesn't exist", {"blobs": {}}),
        ("path", "a log whose name is a path", nobody),
    ):
        yield _case(name, about, {**whole, "logs": {}, **change}, "export")
    yield _case("spaced", "not in canonical form", {**whole, "logs": {}}, "canonical", end=" ")


def _case(
    name: str,
    about: str,
    content: Object,
    expect: str = "pass",
    *,
    answer: Object | None = None,
    end: str = "",
) -> Case:
    text = canonical.dumps(content).decode() + end
    return Case("export", name, about, {"text": text}, expect=expect, answer=answer or {})


def _export(story: Story, files: list[tuple[str, int, bytes]]) -> Object:
    logs: dict[str, list[str]] = {}
    for party, _, envelope in files:
        logs.setdefault(party, []).append(envelope.decode())
    return {
        "format": "pprl.transcript",
        "version": 1,
        "agreement": story.agreement.to_bytes().decode(),
        "logs": logs,
    }
