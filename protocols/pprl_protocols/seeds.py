"""What one party draws alone and commits to in SIGN: the coordinator's seed, the auditor's nonce.

Both are 32 random bytes, signed only as their commitment SHA-256("pprl/v1/seed" || bytes). The
nonce is shown in a spot check (:mod:`pprl_protocols.spotcheck`); the seed S never leaves the
coordinator, and everything random in a result follows from it, so that a re-execution gives the
same bytes. The salt of one recipient's sealed result is::

    HMAC-SHA256(S, "pprl/v1/salt" || 0 || run id || 0 || recipient)

and the match numbers are in :mod:`pprl_protocols.result`. Nothing here draws or keeps anything.

>>> commitment(bytes(32))[:16], result_salt(bytes(32), run="ab" * 16, recipient="dinkes").hex()[:16]
('68aebff074b569cb', 'b277c25c0609931f')
"""

from __future__ import annotations

import hashlib
import hmac

SEED_BYTES = 32

_CONTEXT = b"pprl/v1/seed"
_SALT = b"pprl/v1/salt"


def commitment(seed: bytes) -> str:
    """Return what SIGN says about a seed or nonce, hex."""
    return hashlib.sha256(_CONTEXT + seed).hexdigest()


def result_salt(seed: bytes, *, run: str, recipient: str) -> bytes:
    """Return the salt of a recipient's sealed result, 32 bytes.

    Parameters
    ----------
    seed
        The coordinator's S.
    run, recipient
        Run id, name of the agency; neither has a zero byte.
    """
    return hmac.digest(seed, b"\0".join([_SALT, run.encode(), recipient.encode()]), "sha256")
