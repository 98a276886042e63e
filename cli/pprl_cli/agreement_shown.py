"""What people have to know of an agreement before they sign it, on the terminal.

It prints what the agreement says and why its schema fits its coordinator, and decides nothing. The
sentences are the catalogue's::

    $ pprl agreement show agreement.toml
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pprl_cli import ui

if TYPE_CHECKING:
    from pprl_protocols.agreement import Agreement, Party
    from pprl_protocols.disclosure import Disclosure


def show_agreement(found: Agreement) -> None:
    """Print what people have to know before they sign."""
    from pprl_protocols.identity import pretty  # noqa: PLC0415 - commands import what they use

    ui.out(ui.sentence("agreement.title", run=found.run))
    ui.out()
    decision, disclosure = found.decision, found.disclosure
    target = "F1" if decision.precision_ppm is None else f"{decision.precision_ppm / 10_000:g} %"
    for name, value in (
        ("purpose", found.purpose),
        ("legal_basis", found.legal_basis),
        ("dpia", found.dpia),
        ("valid", f"{found.valid_from} - {found.valid_until}"),
        ("receipts", str(found.receipt_deadline)),
        ("audit", str(found.audit_deadline)),
        ("retention", found.retention),
        ("scheme", scheme_of(found)),
        ("target", target),
        ("mode", ui.sentence(f"agreement.mode_{disclosure.mode}", cell=disclosure.minimum_cell)),
        ("strata", "; ".join(_strata(disclosure)) or "-"),
        ("tables", "; ".join(_tables(disclosure)) or "-"),
        ("released", "; ".join(_released(found)) or "-"),
        ("families", ui.sentence(f"agreement.families_{str(disclosure.families).lower()}")),
    ):
        label = ui.sentence(f"agreement.label_{name}")
        ui.out(f"{label}: {' '.join(value.split())}")
    ui.out()
    ui.table(
        [ui.sentence(f"agreement.column_{name}") for name in _COLUMNS],
        [_row(party) for party in found.parties],
    )
    ui.out()
    ui.out(ui.sentence("agreement.digest_is", digest=pretty(found.digest)))


_COLUMNS = ("party", "role", "records", "population", "fingerprint")


def _row(party: Party) -> tuple[str, str, str, str, str]:
    from pprl_protocols.identity import fingerprint, pretty  # noqa: PLC0415 - see above

    records = "-" if party.max_records is None else f"{party.max_records:,}"
    shown = pretty(fingerprint(bytes.fromhex(party.identity)))
    return party.name, party.role, records, party.population or "-", shown[:19]


def _strata(disclosure: Disclosure) -> list[str]:
    return [f"{one.name} ({', '.join(one.agencies)})" for one in disclosure.strata]


def _tables(disclosure: Disclosure) -> list[str]:
    total = ui.sentence("agreement.table_total")
    found = [" x ".join(table) or total for table in disclosure.publish]
    if disclosure.noise_scale:
        found.append(ui.sentence("agreement.table_noise", scale=disclosure.noise_scale))
    if disclosure.repeats:
        cap = disclosure.repeats
        found.append(ui.sentence("agreement.table_repeats", runs=cap.runs, days=cap.days))
    return found


def scheme_of(found: Agreement) -> str:
    """Say which schema this is, and why it fits this coordinator or doesn't."""
    schema = found.show_schema()
    beside = "register" if found.coordinator_may_hold_register else "none"
    return ui.sentence(f"agreement.scheme_{schema.scheme}_{beside}", schema=schema.name)


def _released(found: Agreement) -> list[str]:
    return [f"{one.name}: {one.from_} -> {one.to}" for one in found.disclosure.attributes]
