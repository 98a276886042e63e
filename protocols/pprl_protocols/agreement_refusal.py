"""One line for the first thing that is wrong in an agreement people wrote.

Names the place and what belongs there, never the value that stood there.

>>> from pydantic import TypeAdapter, ValidationError
>>> try:
...     _ = TypeAdapter(int).validate_python("three", strict=True)
... except ValidationError as error:
...     str(refusal(error, ()))
'the agreement: [*] should be a whole number'
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from pprl.errors import ConfigError
from pprl_protocols.fields import place

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError

_WORD = re.compile(r"[a-z_]{1,40}")
# Kind of problem, as pydantic calls it -> our code and the bound that the sentence names, by our
# name for it and by pydantic's. What isn't here has a form that its model refuses.
_SENTENCES: dict[str, tuple[str, dict[str, str]]] = {
    "missing": ("agreement.missing", {}),
    "date_type": ("agreement.date", {}),
    "date_parsing": ("agreement.date", {}),
    "date_from_datetime_parsing": ("agreement.date", {}),
    "date_from_datetime_inexact": ("agreement.date", {}),
    "int_type": ("agreement.integer", {}),
    "int_parsing_size": ("agreement.integer", {}),
    "int_from_float": ("agreement.integer", {}),
    "string_type": ("agreement.text", {}),
    "greater_than_equal": ("agreement.too_small", {"minimum": "ge"}),
    "less_than_equal": ("agreement.too_big", {"maximum": "le"}),
    "string_too_long": ("agreement.too_long", {"maximum": "max_length"}),
    "too_long": ("agreement.too_long", {"maximum": "max_length"}),
}


def refusal(error: ValidationError, known: Collection[str]) -> ConfigError:
    """Return the error to raise.

    Parameters
    ----------
    error
        What pydantic found.
    known
        All keys of the model.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    where, kind = place(first["loc"], known), first["type"]
    if kind == "extra_forbidden":
        # A plain word may be repeated, so that its writer finds it; anything else stays "[*]".
        key = str(first["loc"][-1])
        if _WORD.fullmatch(key):
            where = place(first["loc"], {*known, key})
        near = difflib.get_close_matches(key, sorted(known), n=3, cutoff=0) or sorted(known)
        return ConfigError("agreement.unknown", where=where, near=", ".join(near))
    if kind == "literal_error":
        expected = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return ConfigError("agreement.one_of", where=where, expected=expected)
    code, bounds = _SENTENCES.get(kind, ("agreement.value", {}))
    return ConfigError(code, where=where, **{ours: first["ctx"][of] for ours, of in bounds.items()})
