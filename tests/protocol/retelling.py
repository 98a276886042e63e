"""A recorded run told once more, signed by its own parties, with something else in it.

Whoever holds the keys can sign anything: this makes runs whose signatures and links are right and
whose content breaks a rule, which is what an audit is for.
"""

from collections import defaultdict

from pprl_protocols.agreement import Agreement
from pprl_protocols.audit import bundle
from pprl_protocols.audit.bundle import Recorded
from pprl_protocols.audit.evidence import gather
from pprl_protocols.canonical import sha256
from pprl_protocols.envelope import seal_envelope
from pprl_protocols.exchange import Stored
from pprl_protocols.runkey import signs_digest
from pprl_protocols.transcript import Transcript
from tests.protocol.federation import RUN


def found(federation):
    """Return what an auditor reads from the exchange of a federation."""
    return bundle.from_exchange(federation.exchange, RUN)


def transcript_of(recorded):
    """Return a transcript of everything in a recorded run."""
    return gather(recorded, Agreement.from_bytes(recorded.agreement)).transcript


def sign(federation, transcript, message):
    """Sign a message as its party's next entry; return the envelope."""
    identity = federation.homes[message.party].identity
    payload = transcript.build_entry(message.party, message)
    return seal_envelope(payload, identity.sign, identity.fingerprint)


def logs_of(envelopes):
    """Return logs as they lie in an exchange, from envelopes by party."""
    return {
        party: tuple(Stored(party, seq, each) for seq, each in enumerate(log))
        for party, log in sorted(envelopes.items())
    }


def retold(federation, recorded, *, agreement=None, change=lambda message: message):
    """Tell a run again.

    Parameters
    ----------
    federation
        Who signs.
    recorded
        The run.
    agreement
        Another one that everybody signs.
    change
        Message -> what is said in its place, None for nothing.
    """
    agreement = agreement or Agreement.from_bytes(recorded.agreement)
    told, envelopes, signs = Transcript(agreement), defaultdict(list), {}
    for signed in transcript_of(recorded).order():
        message = signed.entry.message
        follows = {"agreement": agreement.digest, "run": agreement.run}
        if hasattr(message, "signs"):
            follows["signs"] = signs_digest(signs)
        message = change(message.model_copy(update=follows))
        if message is None:
            continue
        envelope = sign(federation, told, message)
        told.add(envelope)
        envelopes[message.party].append(envelope)
        if message.kind == "SIGN":
            signs[message.party] = sha256(envelope)
    run = agreement.run if recorded.run else ""
    return Recorded(agreement.to_bytes(), logs_of(envelopes), recorded.blobs, run)
