"""Privacy-preserving record linkage: tables in, encodings and matches out.

Each agency encodes its register at home with a shared key; whoever compares the encodings learns
which records belong together and no identity.

>>> import pprl
>>> key = pprl.LinkageKey(bytes(range(32)))
>>> schema = pprl.Schema.load("indonesia")
>>> schema.bits
1024

What is heavy to import is imported when it is first used, so ``import pprl`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# The functions that share their name with the module they live in are imported here and now:
# otherwise a first "import pprl.link" would leave the module under that name.
from pprl.encode import encode
from pprl.errors import BackendError, ConfigError, InputError, LimitError, PeerError, PprlError
from pprl.link import link

if TYPE_CHECKING:
    from pprl.encoded import EncodedSet
    from pprl.keys import LinkageKey
    from pprl.lab.evaluate import Evaluation, evaluate
    from pprl.matches import Matches
    from pprl.schema import Schema

__version__ = "0.1.0"

_HOMES = {
    "EncodedSet": "pprl.encoded",
    "Evaluation": "pprl.lab.evaluate",
    "LinkageKey": "pprl.keys",
    "Matches": "pprl.matches",
    "Schema": "pprl.schema",
    "evaluate": "pprl.lab.evaluate",
}

__all__ = [
    "BackendError",
    "ConfigError",
    "EncodedSet",
    "Evaluation",
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
