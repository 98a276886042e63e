"""Files between parties: sealed into the home before they are published, opened into it first.

Plain files lie in the run's folder of the home while they are worked on, readable by its owner
only, and are erased when the work is done or fails.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.errors import LimitError, PeerError
from pprl_protocols import cards, homefiles
from pprl_protocols.home import WORKSHOP
from pprl_protocols.sealing import SealHeader, open_file, seal_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pprl_protocols.agreement import Party
    from pprl_protocols.sealing import Sealed
    from pprl_protocols.session import Session


@contextlib.contextmanager
def workshop(session: Session) -> Iterator[Path]:
    """Yield a folder of the home for plain files; everything in it is erased afterwards.

    Raises
    ------
    LimitError
        The disk is full.
    """
    homefiles.make_folder(session.folder.folder.parent)
    homefiles.make_folder(session.folder.folder)
    folder = Path(tempfile.mkdtemp(prefix=WORKSHOP, dir=session.folder.folder))
    try:
        yield folder
    except OSError as error:
        if error.errno in homefiles.FULL:
            raise LimitError("home.disk_full", path=str(session.home.folder)) from None
        raise
    finally:
        homefiles.erase_folder(folder)


def seal(
    session: Session, plain: Path, recipient: Party, purpose: str, *, salt: bytes | None = None
) -> Sealed:
    """Seal a file to a party's card; it is published with the next message.

    ``salt`` is drawn when not given, as in :func:`pprl_protocols.sealing.seal_file`.
    """
    if recipient.card is None:
        raise PeerError("protocol.no_card", party=recipient.name)
    header = _header(session, purpose, session.me.name, recipient.name)
    with plain.open("rb") as source, session.folder.new_blob() as (target, _):
        sealed = seal_file(
            source,
            target,
            recipient_key=bytes.fromhex(recipient.card.key),
            header=header,
            salt=salt,
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
    try:
        with session.exchange.open_blob(session.run, digest) as source, target.open("wb") as plain:
            return open_file(source, plain, private_key=private, header=header)
    except PeerError:
        # Names the file when the exchange has changed it; else whoever sealed it did it wrongly.
        session.exchange.check_blob(session.run, digest)
        raise PeerError("protocol.not_opened", party=sender, digest=digest) from None


def _header(session: Session, purpose: str, sender: str, recipient: str) -> SealHeader:
    return SealHeader(
        purpose=purpose,
        run=session.run,
        sender=sender,
        recipient=recipient,
        agreement=session.agreement.digest,
    )
