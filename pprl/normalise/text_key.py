"""A 64-bit key for a short text, without case, spaces and punctuation: for small word lists.

Kernels compare such keys instead of texts. Not a secret and not a token: it never leaves a
kernel.

>>> text_key("Laki-laki") == text_key("LAKI LAKI") != text_key("L")
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

KEY_START = -3750763034362895579
KEY_PRIME = 1099511628211
_MASK = (1 << 64) - 1


def text_key(text: str) -> int:
    """Return the FNV-1a hash of the letters and digits of ``text``, as a signed 64-bit integer."""
    value = KEY_START & _MASK
    for byte in text.lower().encode():
        if chr(byte).isascii() and chr(byte).isalnum():
            value = ((value ^ byte) * KEY_PRIME) & _MASK
    return value - (1 << 64) if value >> 63 else value


def text_keys(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the keys of several texts."""
    return np.array([text_key(text) for text in texts], dtype=np.int64)
