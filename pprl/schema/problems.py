"""Turn a failed validation of a schema file into one line that names the place and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pprl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel, ValidationError


def place(location: Sequence[int | str]) -> str:
    """Write a location the way people read it: ``fields[2].bits_per_token``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
    return text or "the file"


def refusal(path: str, error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """Return the error to raise for the first problem pydantic found."""
    first = error.errors(include_url=False)[0]
    where = place(first["loc"])
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        near = difflib.get_close_matches(key, sorted(_all_keys(model)), n=1)
        remedy = f"; did you mean {near[0]}?" if near else ""
        problem = f"nothing is called that here{remedy}"
    else:
        problem = first["msg"].removeprefix("Value error, ")
        problem = problem[:1].lower() + problem[1:]
    return ConfigError("schema.invalid", path=path, where=where, problem=problem)


def _all_keys(model: type[BaseModel]) -> set[str]:
    """Every key that the model or a model inside it knows."""
    keys: set[str] = set()
    definitions = model.model_json_schema(by_alias=True)
    for part in (definitions, *definitions.get("$defs", {}).values()):
        keys.update(part.get("properties", {}))
    return keys
