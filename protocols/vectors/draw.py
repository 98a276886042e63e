"""What is sealed with fresh randomness and so can't be made twice alike: ``drawn.json``.

Re-made by hand, ``python -m vectors.draw``, when the form of sealed bytes changes.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Encryptor

from pprl_protocols import hpke
from pprl_protocols.runkey import Contribution
from pprl_protocols.sealing import MAGIC, SealHeader, seal_file
from vectors.kit import RUN, public_card, secret

DRAWN = Path(__file__).parent / "drawn.json"
AGREEMENT = "a9" * 32
"""Sealed bytes outlive agreements of vectors: they are bound to the digest of none."""
CONTENT = b"what an agency has to say to the coordinator"
SALT = bytes(range(32))
HEADER = SealHeader("encodings", RUN, "agency-a", "coordinator", AGREEMENT)


def main() -> None:
    """Draw everything anew."""
    contribution = own_contribution("agency-a", "agency-b")
    box = io.BytesIO()
    seal_file(
        io.BytesIO(CONTENT), box, recipient_key=public_card("coordinator"), header=HEADER, salt=SALT
    )
    prefix = SALT + len(CONTENT).to_bytes(8, "big") + CONTENT
    drawn = {
        "contribution": contribution.seal(
            recipient_key=public_card("agency-b"),
            run=RUN,
            sender="agency-a",
            recipient="agency-b",
            agreement=AGREEMENT,
        ),
        "sealed": box.getvalue(),
        "padded_with_ones": _sealed(prefix.ljust(1024, b"\1")),
        "padded_too_far": _sealed(prefix.ljust(2048, b"\0")),
        "longer_than_it_is": _sealed((SALT + (1 << 40).to_bytes(8, "big")).ljust(1024, b"\0")),
    }
    text = json.dumps({name: data.hex() for name, data in drawn.items()}, indent=1)
    DRAWN.write_text(text + "\n")


def own_contribution(sender: str, recipient: str) -> Contribution:
    """Return what an agency of the vectors draws for a run."""
    pair = {recipient: secret(f"pair secret of {sender} for {recipient}")}
    return Contribution(secret(f"contribution of {sender}"), pair)


def drawn() -> dict[str, bytes]:
    """Return what was drawn, by name."""
    content: dict[str, str] = json.loads(DRAWN.read_bytes())
    return {name: bytes.fromhex(text) for name, text in content.items()}


def _sealed(plain: bytes) -> bytes:
    """Return a sealed file whose plain file is as it is given, padding included."""
    head = HEADER.to_bytes()
    file_key = secret("file key")
    sealed_key = hpke.seal(file_key, public_card("coordinator"), b"pprl/v1/seal" + head)
    encryptor = Cobblestone256Encryptor(file_key, hashlib.sha256(head).digest())
    content = encryptor.update(plain) + encryptor.finalize()
    key_part = len(sealed_key).to_bytes(2, "big") + sealed_key
    return MAGIC + len(head).to_bytes(4, "big") + head + key_part + content


if __name__ == "__main__":
    main()
