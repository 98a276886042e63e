"""The graph that signed entries make by naming each other: its links, its past, its order.

Every entry names others by the SHA-256 of their envelopes, so there are no circles. Nothing here
decides whether an entry is to be believed; :mod:`pprl_protocols.transcript` does. Nothing here
recurses: a hostile log may be long. Spec: "Exchange and transcript".

>>> Link("dinkes", 0, "ab") < Link("dinsos", 0, "aa")
True
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pprl_protocols.messages import Entry


@dataclass(frozen=True)
class Signed:
    """An entry with the envelope that proves it.

    Attributes
    ----------
    digest
        SHA-256 (hex) of the envelope: the entry's name.
    entry
        What it says.
    envelope
        The bytes as they were shown.
    """

    digest: str
    entry: Entry
    envelope: bytes


class Link(NamedTuple):
    """What an entry says of another: whose it is, its number, its digest."""

    party: str
    seq: int
    digest: str


def links_of(entry: Entry) -> tuple[Link, ...]:
    """Return all that an entry names: its party's previous entry, and the heads by party."""
    own = () if entry.previous is None else (Link(entry.party, entry.seq - 1, entry.previous),)
    heads = sorted(entry.heads.items())
    return (*own, *(Link(party, head.seq, head.digest) for party, head in heads))


def by_place(signed: Signed) -> tuple[str, int, str]:
    """Return what entries are sorted by: party, number, and digest for the entries of a fork."""
    return signed.entry.party, signed.entry.seq, signed.digest


def past_of(digest: str, entries: Mapping[str, Signed]) -> frozenset[str]:
    """Return the digests of all that an entry rests on, itself excluded.

    ``entries`` holds, by digest, the entry and all of its past.
    """
    past: set[str] = set()
    ahead = [digest]
    while ahead:
        for link in links_of(entries[ahead.pop()].entry):
            if link.digest not in past:
                past.add(link.digest)
                ahead.append(link.digest)
    return frozenset(past)


def ordered(entries: Mapping[str, Signed]) -> tuple[Signed, ...]:
    """Return entries, each after all it rests on, which must be among them.

    Of those that could come next, the first by party, number and digest does: the same entries
    give the same order.
    """
    after: defaultdict[str, list[str]] = defaultdict(list)
    open_links: dict[str, int] = {}
    for digest, signed in entries.items():
        named = {link.digest for link in links_of(signed.entry)}
        open_links[digest] = len(named)
        for other in named:
            after[other].append(digest)
    ready = [by_place(entries[digest]) for digest, count in open_links.items() if not count]
    heapq.heapify(ready)
    result: list[Signed] = []
    while ready:
        digest = heapq.heappop(ready)[2]
        result.append(entries[digest])
        for other in after[digest]:
            open_links[other] -= 1
            if not open_links[other]:
                heapq.heappush(ready, by_place(entries[other]))
    return tuple(result)


def goes_forward(entry: Entry, entries: Mapping[str, Signed]) -> bool:
    """Tell whether each head is the one that the previous entry named, or rests on it.

    ``entries`` holds, by digest, all of the entry's past.
    """
    if entry.previous is None:
        return True
    for party, seen in entries[entry.previous].entry.heads.items():
        head = entry.heads.get(party)
        if head is None:
            return False
        digest = head.digest
        for _ in range(head.seq - seen.seq):  # none when it steps back: then it is another entry
            digest = entries[digest].entry.previous or ""  # never empty: its number is above 0
        if digest != seen.digest:
            return False
    return True
