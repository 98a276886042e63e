"""The kinds of values that agreements and messages are made of, and how a wrong one is said.

What is refused is named by the place in our own model and never repeated: a key or a value of
refused bytes is in no error.

>>> place(("parties", 1, "card", "kem"), ("parties", "card", "kem"))
'parties[2].card.kem'
>>> place(("results", "somebody", "sealed"), ("results", "sealed"))
'results[*].sealed'
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pprl_protocols import limits

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Part(BaseModel):
    """What all models of the protocol share: immutable, strict, and nothing unknown in them."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
        regex_engine="rust-regex",
    )


def _party_name(name: str) -> str:
    if not limits.is_party_name(name):
        message = "no name of a party"
        raise ValueError(message)
    return name


def _prose(text: str) -> str:
    # No control characters and no hidden ones: what people sign is what a terminal shows.
    if not text.strip() or not text.replace("\n", "").replace("\t", "").isprintable():
        message = "empty, or with characters that can't be seen"
        raise ValueError(message)
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        message = "more than one line"
        raise ValueError(message)
    return _prose(text)


PartyName = Annotated[str, Field(max_length=limits.MAX_NAME), AfterValidator(_party_name)]
RunId = Annotated[str, Field(pattern=f"^{limits.RUN_ID.pattern}$")]
Sha256 = Annotated[str, Field(pattern=f"^{limits.SHA256.pattern}$")]
PublicKey = Sha256
"""A raw Ed25519 key in hexadecimal."""
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Prose = Annotated[str, Field(max_length=limits.MAX_TEXT_CHARACTERS), AfterValidator(_prose)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
SchemaText = Annotated[str, Field(max_length=limits.MAX_SCHEMA_CHARACTERS), AfterValidator(_prose)]
NonNegative = Annotated[int, Field(ge=0, le=limits.MAX_INTEGER)]
Positive = Annotated[int, Field(ge=1, le=limits.MAX_INTEGER)]


def hexadecimal(n_bytes: int) -> str:
    """Return the pattern of so many bytes in hexadecimal."""
    return f"^[0-9a-f]{{{2 * n_bytes}}}$"


def place(location: Sequence[int | str], known: Collection[str]) -> str:
    """Write where in a model something is; names that aren't the model's own become ``[*]``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part in known:
            text += f".{part}" if text else part
        elif not text.endswith("[*]"):
            text += "[*]"
    return text or "[*]"


def names_in(schema: object) -> set[str]:
    """Return every key that a model, given as its JSON schema, or a model inside it knows."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found.update(schema.get("properties", {}))
        for definition in schema.get("$defs", {}).values():
            found |= names_in(definition)
    return found


def ascending(names: Sequence[str]) -> bool:
    """Whether names are sorted and none is repeated: the one order they are written in."""
    return all(first < second for first, second in itertools.pairwise(names))
