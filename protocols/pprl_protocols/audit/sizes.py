"""What the size of a sealed file gives away: its bucket, and nothing else.

A sealed file's size follows from its header and from the bucket that its content was padded to, so
a size that no bucket gives was never made by sealing.
Spec: "Building blocks", sealing.

>>> padded_content(2465, header_bytes=181), padded_content(2466, header_bytes=181)
(1024, None)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl_protocols import hpke, limits
from pprl_protocols.sealing import MAGIC

if TYPE_CHECKING:
    from pprl_protocols.sealing import SealHeader

_LENGTHS = 4 + 2
_KEY_BYTES = 32
_PREFIX_BYTES = 32 + 8  # salt and length of the content, before it
_COBBLESTONE_HEAD = 56
_TAG_BYTES = 16
_CHUNK_BYTES = 1 << 14


def padded_content(sealed_bytes: int, *, header_bytes: int) -> int | None:
    """Return the bucket that a sealed file's content was padded to; None when there is none such.

    Parameters
    ----------
    sealed_bytes
        Size of the sealed file.
    header_bytes
        Size of its header as canonical JSON.
    """
    fixed = len(MAGIC) + _LENGTHS + header_bytes + _KEY_BYTES + hpke.OVERHEAD_BYTES
    left = sealed_bytes - fixed - _COBBLESTONE_HEAD - _TAG_BYTES
    if left <= 0:
        return None
    chunks, rest = divmod(left, _CHUNK_BYTES + _TAG_BYTES)
    content = chunks * _CHUNK_BYTES + rest
    if rest >= _CHUNK_BYTES or limits.bucket(content) != content:
        return None
    return content


def is_padded(sealed_bytes: int, header: SealHeader) -> bool:
    """Whether a file of this size and header can have been sealed."""
    return padded_content(sealed_bytes, header_bytes=len(header.to_bytes())) is not None
