"""The run key: what each agency gives, what all of them derive from it, and who may know what.

Every agency draws 32 bytes r and signs only C = SHA-256("pprl/v1/contribution" || r); r itself goes
sealed to every other agency, with a pair secret for that one alone. Nobody chooses r after seeing
the others', so nobody chooses the key. With all r in order of party name::

    signs = number of SIGNs (2 bytes), then each in order of name:
            length of the name (2 bytes) || name || digest of the SIGN entry (32 bytes)
    K     = HKDF-SHA256(r || r || ..., salt = SHA-256(agreement digest || signs),
                        info = "pprl/v1/run")

and from K, each by HKDF-SHA256 without salt under its own info:

=====================  ========================================================================
``pprl/v1/linkage``    the secret of :class:`pprl.keys.LinkageKey`, which derives in its turn
                       ``clk/<field>``, ``hardened``, ``token/<kind>``, ``block/<pass>``
``pprl/v1/confirm``    the key that confirms that two agencies hold the same K
``pprl/v1/card-tag``   the key of the tags of family cards
=====================  ========================================================================

Attribute keys come from the pair secret, never from K, so a third agency can't open them. The
coordinator has neither. Nothing here prints, logs or compares a secret but in constant time.

>>> r = {"dinsos": bytes(32), "dukcapil": bytes([1]) * 32}
>>> key = RunKey.derive(r, agreement="00" * 32, signs={"dinsos": "11" * 32, "dukcapil": "22" * 32})
>>> key, key.linkage.check
(RunKey(<32 secret bytes>), '927fc2b3f0b99d81')
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pprl.errors import PeerError
from pprl.keys import LinkageKey
from pprl_protocols import canonical, hpke

SECRET_BYTES = 32
SEALED_CONTRIBUTION_BYTES = 2 * SECRET_BYTES + hpke.OVERHEAD_BYTES
"""A sealed contribution in SIGN has exactly this size: 1,200 bytes."""


def commitment(contribution: bytes) -> str:
    """Return C = SHA-256("pprl/v1/contribution" || r), hex."""
    return hashlib.sha256(b"pprl/v1/contribution" + contribution).hexdigest()


@dataclass(frozen=True)
class Contribution:
    """What one agency draws for one run: r and a pair secret for every other agency.

    Durable in the vault before anything of it is published, so that a repeated command publishes
    the same again.
    """

    secret: bytes = field(repr=False)
    pairs: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def generate(cls, others: list[str]) -> Self:
        """Draw fresh secrets for a run with the agencies ``others``."""
        return cls(
            secrets.token_bytes(SECRET_BYTES),
            {name: secrets.token_bytes(SECRET_BYTES) for name in sorted(others)},
        )

    def to_bytes(self) -> bytes:
        """Return all of it, for the vault."""
        pairs = {name: pair.hex() for name, pair in self.pairs.items()}
        return canonical.dumps({"secret": self.secret.hex(), "pairs": pairs})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what :meth:`to_bytes` gave to the vault."""
        content = json.loads(data)
        pairs = {name: bytes.fromhex(pair) for name, pair in content["pairs"].items()}
        return cls(bytes.fromhex(content["secret"]), pairs)

    @property
    def commitment(self) -> str:
        """What SIGN says about r, hex."""
        return commitment(self.secret)

    def seal(
        self, *, recipient_key: bytes, run: str, sender: str, recipient: str, agreement: str
    ) -> bytes:
        """Return r and the pair secret for one agency, sealed to its card; 1,200 bytes.

        Raises
        ------
        PeerError
            The card's key is none.
        """
        info = _contribution_info(run, sender, recipient, agreement)
        return hpke.seal(self.secret + self.pairs[recipient], recipient_key, info)


def open_contribution(
    sealed: bytes,
    *,
    private_key: bytes,
    expected: str,
    run: str,
    sender: str,
    recipient: str,
    agreement: str,
) -> tuple[bytes, bytes]:
    """Return r and the pair secret that ``sender`` sealed to us, checked against its commitment.

    Parameters
    ----------
    sealed
        From the sender's SIGN.
    private_key
        Private half of our card.
    expected
        The commitment C of the same SIGN, hex.
    run, sender, recipient, agreement
        What the sealing is bound to.

    Raises
    ------
    PeerError
        It doesn't open, or r isn't what was committed to: the reason for an ABORT with
        ``wrong_contribution``.
    """
    info = _contribution_info(run, sender, recipient, agreement)
    try:
        plain = hpke.open_sealed(sealed, private_key, info)
    except PeerError:
        raise PeerError("protocol.contribution", party=sender) from None
    secret, pair = plain[:SECRET_BYTES], plain[SECRET_BYTES:]
    if len(pair) != SECRET_BYTES or not hmac.compare_digest(commitment(secret), expected):
        raise PeerError("protocol.contribution", party=sender)
    return secret, pair


def signs_digest(signs: Mapping[str, str]) -> str:
    """Return the digest of all SIGNs, hex, as every ENCODINGS names it.

    Parameters
    ----------
    signs
        Party name -> digest of its SIGN entry, 64 hex digits; all parties of the agreement.
    """
    return hashlib.sha256(b"pprl/v1/signs" + _joined(signs)).hexdigest()


class RunKey:
    """The key K of one run, held by its agencies and nobody else."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            message = "a run key has 32 bytes"
            raise ValueError(message)
        self._secret = secret

    @classmethod
    def derive(
        cls, contributions: Mapping[str, bytes], *, agreement: str, signs: Mapping[str, str]
    ) -> Self:
        """Derive K, as the module says.

        Parameters
        ----------
        contributions
            Agency name -> r; all agencies, each r checked against its commitment.
        agreement
            Digest of the agreement, 64 hex digits.
        signs
            Party name -> digest of its SIGN entry; all parties.

        Raises
        ------
        PeerError
            Two agencies gave the same r: one repeats the other.
        """
        names = sorted(contributions)
        seen: set[bytes] = set()
        for name in names:
            if len(contributions[name]) != SECRET_BYTES:
                message = "a contribution has 32 bytes"
                raise ValueError(message)
            if contributions[name] in seen:
                raise PeerError("protocol.repeated_contribution", party=name)
            seen.add(contributions[name])
        salt = hashlib.sha256(bytes.fromhex(agreement) + _joined(signs)).digest()
        material = b"".join(contributions[name] for name in names)
        return cls(
            HKDF(hashes.SHA256(), SECRET_BYTES, salt=salt, info=b"pprl/v1/run").derive(material)
        )

    @property
    def secret(self) -> bytes:
        """The 32 bytes of K, for the vault."""
        return self._secret

    @property
    def linkage(self) -> LinkageKey:
        """The key that encoders take; its purposes are those of :meth:`LinkageKey.derive`."""
        return LinkageKey(self._sub_key(b"pprl/v1/linkage"))

    @property
    def family_card(self) -> bytes:
        """The key of the tags of family cards, 32 bytes."""
        return self._sub_key(b"pprl/v1/card-tag")

    def confirmation(self, party: str, signs: str) -> str:
        """Return HMAC(K_confirm, len(party) || party || digest of all SIGNs), hex.

        Parameters
        ----------
        party
            Who confirms.
        signs
            What :func:`signs_digest` gives.
        """
        key = self._sub_key(b"pprl/v1/confirm")
        return hmac.digest(key, _prefixed(party) + bytes.fromhex(signs), "sha256").hex()

    def check_confirmation(self, party: str, signs: str, confirmation: str) -> None:
        """Refuse another agency's confirmation that doesn't come from this K.

        Raises
        ------
        PeerError
            That agency holds another key.
        """
        if not hmac.compare_digest(self.confirmation(party, signs), confirmation):
            raise PeerError("protocol.confirmation", party=party)

    def _sub_key(self, info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), SECRET_BYTES, salt=None, info=info).derive(self._secret)

    def __repr__(self) -> str:
        return f"RunKey(<{len(self._secret)} secret bytes>)"


def attribute_key(
    pair_secret: bytes, *, run: str, sender: str, recipient: str, agreement: str
) -> bytes:
    """Return the key for attributes that ``sender`` releases to ``recipient``, 32 bytes.

    HKDF-SHA256(pair secret of sender for recipient, salt = agreement digest,
    info = "pprl/v1/attribute" || run || sender || recipient), the strings with their lengths.
    """
    info = b"pprl/v1/attribute" + _prefixed(run) + _prefixed(sender) + _prefixed(recipient)
    return HKDF(hashes.SHA256(), SECRET_BYTES, salt=bytes.fromhex(agreement), info=info).derive(
        pair_secret
    )


def _contribution_info(run: str, sender: str, recipient: str, agreement: str) -> bytes:
    parts = b"".join(_prefixed(part) for part in (run, sender, recipient))
    return b"pprl/v1/contribution" + parts + bytes.fromhex(agreement)


def _joined(signs: Mapping[str, str]) -> bytes:
    each = (_prefixed(name) + bytes.fromhex(signs[name]) for name in sorted(signs))
    return len(signs).to_bytes(2, "big") + b"".join(each)


def _prefixed(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
