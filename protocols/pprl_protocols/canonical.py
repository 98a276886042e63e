"""Canonical JSON (RFC 8785) without floats: the one form in which anything is signed or hashed.

Reading is as strict as writing: bytes that aren't exactly what :func:`dumps` would write for
their content are refused, so two different byte strings never mean the same thing. It never
repeats anything from refused bytes. Spec: "Building blocks", envelope.

>>> dumps({"b": 1, "a": [True, None]})
b'{"a":[true,null],"b":1}'
>>> loads(b'{"a":[true,null],"b":1}', limit=100)
{'a': [True, None], 'b': 1}
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import rfc8785

from pprl.errors import PeerError
from pprl_protocols import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSON: TypeAlias = "bool | int | str | list[JSON] | dict[str, JSON] | None"
Plain: TypeAlias = "bool | int | str | Sequence[Plain] | Mapping[str, Plain] | None"
"""What can be written: as :data:`JSON`, with any sequences and mappings."""

# A bracket, or a text with the brackets in it. A text that never ends matches too: were it no
# match, the search would start again at each of its quotes.
_TOKEN = re.compile(r'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")
_INTEGER_DIGITS = len(str(limits.MAX_INTEGER))


class _RefusedError(Exception):
    """Something JSON allows and we don't."""


def dumps(value: Plain) -> bytes:
    """Return the canonical bytes of a value.

    Raises
    ------
    ValueError
        A float, a key that is no text, an integer beyond 2**53 - 1, a lone surrogate, nesting
        deeper than ``limits.MAX_DEPTH``, or a type that JSON hasn't: a defect of the caller.
    """
    return rfc8785.dumps(_plain(value, limits.MAX_DEPTH))


def loads(data: bytes, *, limit: int) -> JSON:
    """Return the value that canonical bytes hold.

    Parameters
    ----------
    data
        Bytes from outside.
    limit
        How many bytes are looked at, at most.

    Raises
    ------
    PeerError
        Larger than ``limit``, no JSON, with a repeated key, a float or an integer beyond
        2**53 - 1, nested deeper than ``limits.MAX_DEPTH``, or not in canonical form.
    """
    if len(data) > limit:
        raise PeerError("protocol.oversize", limit=limit)
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        value: JSON = json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_float=_refuse,
            parse_constant=_refuse,
            parse_int=_integer,
        )
        written = dumps(value)
    except (ValueError, RecursionError, _RefusedError):
        raise PeerError("protocol.not_json") from None
    if written != data:
        raise PeerError("protocol.not_canonical")
    return value


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Plain, depth: int) -> JSON:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if not depth:
        message = "nested too deeply for canonical JSON"
        raise ValueError(message)
    if isinstance(value, (list, tuple)):
        return [_plain(part, depth - 1) for part in value]
    if isinstance(value, dict):
        return {_key(key): _plain(part, depth - 1) for key, part in value.items()}
    message = "canonical JSON hasn't this type"  # floats are among what ends here
    raise ValueError(message)


def _key(key: object) -> str:
    if not isinstance(key, str):
        message = "keys of canonical JSON are texts"
        raise ValueError(message)  # noqa: TRY004 - one exception for every value it can't hold
    return key


def _check_depth(text: str) -> None:
    # Before the parser recurses.
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENING:
            depth += 1
            if depth > limits.MAX_DEPTH:
                raise _RefusedError
        elif token[0] in _CLOSING:
            depth -= 1


def _without_repeats(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError
    return found


def _refuse(_: str) -> NoReturn:
    raise _RefusedError


def _integer(digits: str) -> int:
    # Before it is converted: converting takes the square of the number of digits.
    if len(digits.removeprefix("-")) > _INTEGER_DIGITS:
        raise _RefusedError
    return int(digits)
