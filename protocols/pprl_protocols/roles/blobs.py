"""Files between parties: sealed into the home before they are published, opened into it first.

Plain files lie in the run's folder of the home while they are worked on, readable by its owner
only, and are erased when the work is done or fails.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.errors import PeerError
from pprl_protocols import cards, homefiles
from pprl_protocols.sealing import SealHeader, open_file, seal_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.agreement import Party
    from pprl_protocols.sealing import Sealed
    from pprl_protocols.session import Session


@contextlib.contextmanager
def workshop(session: Session) -> Iterator[Path]:
    """Yield a folder of the home for plain files; everything in it is erased afterwards."""
    homefiles.make_folder(session.folder.folder.parent)
    homefiles.make_folder(session.folder.folder)
    with tempfile.TemporaryDirectory(prefix="work-", dir=session.folder.folder) as name:
        folder = Path(name)
        try:
            yield folder
        finally:
            for path in folder.iterdir():
                homefiles.erase(path)


def seal(session: Session, plain: Path, recipient: Party, purpose: str) -> Sealed:
    """Seal a file to a party's card; it is published with the next message."""
    if recipient.card is None:
        raise PeerError("protocol.no_card", party=recipient.name)
    header = _header(session, purpose, session.me.name, recipient.name)
    with plain.open("rb") as source, session.folder.new_blob() as (target, _):
        sealed = seal_file(
            source, target, recipient_key=bytes.fromhex(recipient.card.key), header=header
        )
    session.folder.keep_blob(sealed.sha256_sealed)
    return sealed


def open_sealed(session: Session, digest: str, sender: str, purpose: str, target: Path) -> Sealed:
    """Open a blob that a party sealed to us; the plain file is whole or not there.

    Raises
    ------
    PeerError
        It isn't in the exchange, isn't what the log says, or isn't for us.
    ConfigError
        The private half of our card was destroyed.
    """
    card = session.me.card
    if card is None:
        raise PeerError("protocol.no_card", party=session.me.name)
    private = cards.private_key(session.home.vault, card)
    header = _header(session, purpose, sender, session.me.name)
    with session.exchange.open_blob(session.run, digest) as source, target.open("wb") as plain:
        return open_file(source, plain, private_key=private, header=header)


def _header(session: Session, purpose: str, sender: str, recipient: str) -> SealHeader:
    return SealHeader(
        purpose=purpose,
        run=session.run,
        sender=sender,
        recipient=recipient,
        agreement=session.agreement.digest,
    )
