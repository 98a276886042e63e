"""Privacy-preserving record linkage: tables in, encodings and matches out.

Each agency encodes its register at home with a shared key; whoever compares the encodings learns
which records belong together and no identity.

>>> import pprl
>>> key = pprl.LinkageKey(bytes(range(32)))
>>> schema = pprl.Schema.load("indonesia")
>>> schema.bits
1024

Names are imported when they are first used, so ``import pprl`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pprl.encode import encode
    from pprl.encoded import EncodedSet
    from pprl.errors import (
        BackendError,
        ConfigError,
        InputError,
        LimitError,
        PeerError,
        PprlError,
    )
    from pprl.keys import LinkageKey
    from pprl.lab.evaluate import evaluate
    from pprl.link import Matches, link
    from pprl.schema import Schema

__version__ = "0.1.0"

_HOMES = {
    "BackendError": "pprl.errors",
    "ConfigError": "pprl.errors",
    "EncodedSet": "pprl.encoded",
    "InputError": "pprl.errors",
    "LimitError": "pprl.errors",
    "LinkageKey": "pprl.keys",
    "Matches": "pprl.link",
    "PeerError": "pprl.errors",
    "PprlError": "pprl.errors",
    "Schema": "pprl.schema",
    "encode": "pprl.encode",
    "evaluate": "pprl.lab.evaluate",
    "link": "pprl.link",
}

__all__ = [
    "BackendError",
    "ConfigError",
    "EncodedSet",
    "InputError",
    "LimitError",
    "LinkageKey",
    "Matches",
    "PeerError",
    "PprlError",
    "Schema",
    "encode",
    "evaluate",
    "link",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module 'pprl' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
