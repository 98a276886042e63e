"""Tables of the pages that the code itself holds: rules, limits, labels, columns.

>>> reasons().split(", ")[0]
'`own_decision`'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pprl_protocols import limits, messages, rules, spotcheck_files, transcript
from pprl_protocols.audit import bundle
from pprl_protocols.result_file import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

LABELS = {
    "pprl/v1/card": ("signature of a card", 1),
    "pprl/v1/contribution": ("commitment to r (SHA-256); info of a sealed contribution (HPKE)", 3),
    "pprl/v1/seed": ("commitment to the seed or the nonce (SHA-256)", 3),
    "pprl/v1/signs": ("signs digest (SHA-256)", 3),
    "pprl/v1/run": ("run key (HKDF)", 3),
    "pprl/v1/linkage": ("secret of the encodings (HKDF)", 3),
    "pprl/v1/confirm": ("key of confirmations (HKDF)", 3),
    "pprl/v1/attribute": ("key of released attributes (HKDF)", 3),
    "pprl/v1/card-tag": ("key of the tags of family cards (HKDF)", 5),
    "pprl/v1/record": ("key of one released record (HKDF)", 5),
    "pprl/v1/record-salt": ("salt of one released record (HMAC)", 5),
    "pprl/v1/seal": ("info of a sealed file's key (HPKE)", 3),
    "pprl/v1/salt": ("salt of a sealed result (HMAC)", 3),
    "pprl/v1/match": ("key of match numbers (HMAC)", 5),
    "pprl/v1/table-noise": ("seed of the noise on published counts (HMAC)", 5),
    "pprl/v1/spotcheck": ("positions of a spot check (SHA-256)", 6),
}
"""Label -> what it is for, and on which page."""

_LIMITS: tuple[tuple[str, int], ...] = (
    ("agencies, fewest", limits.MIN_AGENCIES),
    ("agencies, most", limits.MAX_AGENCIES),
    ("parties", limits.MAX_PARTIES),
    ("an envelope", limits.MAX_ENVELOPE_BYTES),
    ("`agreement.json`", limits.MAX_AGREEMENT_BYTES),
    ("schema, in characters", limits.MAX_SCHEMA_CHARACTERS),
    ("prose, in characters", limits.MAX_TEXT_CHARACTERS),
    ("elements of a small list: strata, columns, parameters", limits.MAX_ITEMS),
    ("cells of `counts`", limits.MAX_COUNTS),
    ("`counts` as canonical JSON", limits.MAX_TABLE_BYTES),
    ("strata", limits.MAX_STRATA),
    ("values of a stratum", limits.MAX_STRATUM_VALUES),
    ("combinations of values besides places", limits.MAX_TABLE_COLUMNS),
    ("`noise_scale`", limits.MAX_NOISE_SCALE),
    ("a result in mode `count`, padded content", limits.MAX_COUNT_RESULT_BYTES),
    ("smallest cell that may be published", limits.MIN_CELL),
    ("largest `minimum_cell`", limits.MAX_MINIMUM_CELL),
    ("step of published counts", limits.COUNT_STEP),
    ("records of an agency", limits.MAX_RECORDS),
    ("a released attribute", limits.MAX_ATTRIBUTE_BYTES),
    ("a plain file with its padding", limits.MAX_BLOB_BYTES),
    ("the header of a RESULT, and other notes", limits.MAX_HEADER_BYTES),
    ("entries of a log", limits.MAX_ENTRIES),
    ("all entries of one party together", transcript.MAX_LOG_BYTES),
    ("names in a folder of the exchange", limits.MAX_FILES),
    ("lists and objects inside each other", limits.MAX_DEPTH),
    ("an integer, either sign", limits.MAX_INTEGER),
    ("an exported transcript", bundle.MAX_EXPORT_BYTES),
    ("entries of one log that an audit looks at", bundle.MAX_LOG_ENTRIES),
    ("records drawn in a spot check", spotcheck_files.MAX_DRAWN),
    ("the answer to a spot check", spotcheck_files.MAX_ANSWER_BYTES),
)
_COLUMNS = {
    "id": "the recipient's own pseudo-ID",
    "group": "match number",
    "party": "the other party, as a place in `parties`, from 0",
    "band": "0 accepted, 1 to be reviewed",
    "tier": "a place in `tiers`, from 0",
    "precision": "chance that it is right, in millionths; -1 unknown",
    "similarity": "of the filters, in millionths; -1 when a record has none",
    "family": "reserved",
    "attributes": "what the other party releases, sealed; null in a row for review, "
    "and where nothing is released",
}


def labels() -> str:
    """Return the labels."""
    rows = ((f"`{label}`", use, str(page)) for label, (use, page) in LABELS.items())
    return _table(("label", "in", "page"), rows)


def limits_table() -> str:
    """Return the limits."""
    return _table(("what", "limit"), ((what, f"{number:,}") for what, number in _LIMITS))


def reasons() -> str:
    """Return the reasons of ABORT and DISPUTE."""
    return ", ".join(f"`{reason}`" for reason in get_args(messages.Reason))


def rules_table() -> str:
    """Return what is possible when."""
    head = (
        "kind",
        "from",
        "needs in its past",
        "impossible after",
        "only while valid",
        "how often",
    )
    return _table(head, (_rule(rule) for rule in rules.TABLE))


def result_columns() -> str:
    """Return the columns of RESULT v1."""
    rows = ((f"`{field.name}`", str(field.type), _COLUMNS[field.name]) for field in SCHEMA)
    return _table(("column", "type", "what it is"), rows)


def _rule(rule: rules.Rule) -> tuple[str, ...]:
    needs = (
        f"{need.kind} of {_who(need.roles, every=True)}"
        + (", until the receipt deadline" if need.until_receipt_deadline else "")
        for need in rule.needs
    )
    return (
        rule.kind,
        _who(rule.roles, every=False),
        "; ".join(needs) or "nothing",
        ", ".join(rule.forbids),
        "yes" if rule.while_valid else "no",
        "once" if rule.once else "any number",
    )


def _who(roles: frozenset[rules.Role], *, every: bool) -> str:
    if roles == rules.EVERYONE:
        return "every party" if every else "any party"
    if roles == rules.AGENCIES:
        return "every agency" if every else "an agency"
    return f"the {', '.join(sorted(roles))}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    first = tuple(head)
    lines = [first, ("---",) * len(first), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
