"""``pprl check --risk``: what the encodings of a register would tell, in words and numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pprl_cli import ui
from pprl_cli.party import find_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pprl.io.source import Source
    from pprl.quality_risk import Risk, Spread
    from pprl.schema import Schema
    from pprl_protocols.agreement import Agreement

SCHEMA = "indonesia"


@dataclass(frozen=True)
class Chosen:
    """How a register would be encoded.

    Attributes
    ----------
    schema
        The schema.
    agreement
        Whose schema it is; None where it was named.
    """

    schema: Schema
    agreement: Agreement | None = None


def choose(schema: str | None, run: str, home: Path | None, *, asked: bool) -> Chosen | None:
    """Return the schema that is named, or a run's; None where nobody asked for the risk.

    Raises
    ------
    ConfigError
        Both are given, or one without ``--risk``; no such schema, or no such run.
    PeerError
        The agreement of the run isn't one.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl.schema import Schema  # noqa: PLC0415

    if not asked:
        if schema is not None or run:
            raise ConfigError("check.risk_needs", option="--run" if run else "--schema")
        return None
    if not run:
        return Chosen(Schema.load(schema or SCHEMA))
    if schema is not None:
        raise ConfigError("cli.one_of_two", first="--schema", second="--run")
    from pprl_protocols.agreement import Agreement  # noqa: PLC0415

    found = find_run(run, home)
    agreement = Agreement.from_bytes(found.exchange.agreement(found.run))
    return Chosen(agreement.read_schema(), agreement)


def look(source: Source, mapping: Mapping[str, str], chosen: Chosen) -> Risk:
    """Read a register for its risk; a run's schema needs no more than a named one."""
    from pprl.quality_risk import assess  # noqa: PLC0415 - commands import what they use

    needed = {name: column for name, column in mapping.items() if column in source.columns}
    with ui.progress("check.risk_reading") as advance:
        return assess(source, chosen.schema, needed, progress=advance)


def as_json(risk: Risk, chosen: Chosen) -> dict[str, object]:
    """Return what is printed as JSON, for the impact assessment too."""
    content: dict[str, object] = asdict(risk)
    if chosen.agreement is not None:
        one = chosen.agreement
        content["agreement"] = {
            "run": one.run,
            "purpose": one.purpose,
            "legal_basis": one.legal_basis,
            "dpia": one.dpia,
            "valid_until": one.valid_until.isoformat(),
            "retention": one.retention,
            "coordinator_may_hold_register": one.coordinator_may_hold_register,
            "parties": [
                {
                    "name": party.name,
                    "role": party.role,
                    "population": party.population,
                    "max_records": party.max_records,
                }
                for party in one.parties
            ],
        }
    return content


def show(risk: Risk) -> None:
    """Print it for people."""
    filters = {
        "clk": "check.risk_as_clk",
        "hardened": "check.risk_as_hardened",
        "tokens": "check.risk_as_tokens",
    }[risk.scheme]
    scheme = ui.sentence(filters, bits=risk.bits, kappa=risk.kappa or 0)
    ui.out()
    ui.out(ui.sentence("check.risk_title", schema=risk.schema, scheme=scheme))
    ui.out()
    ui.table(
        [
            ui.sentence(f"check.risk_column_{name}")
            for name in ("known", "records", "different", "alone", "percent", "few")
        ],
        [_row(risk, name, each) for name, each in {**risk.values, **risk.combinations}.items()],
    )
    ui.out()
    ui.out(ui.sentence("check.risk_shown"))
    for line in _shown(risk):
        ui.out(f"- {line}")
    ui.out()
    ui.out(ui.sentence("check.risk_follows"))
    for number, advice in enumerate(risk.advice, start=1):
        ui.out(f"{number}. {ui.sentence(f'advice.{advice}')}")


def _row(risk: Risk, name: str, each: Spread) -> tuple[str | int, ...]:
    known = " + ".join(ui.sentence(f"check.risk_field_{role}") for role in name.split("+"))
    percent = _percent(each.alone, risk.records)
    return known, each.records, each.different, each.alone, percent, each.few


def _shown(risk: Risk) -> list[str]:
    lines = [ui.sentence("check.risk_records", count=risk.records)]
    for kind, each in risk.tokens.items():
        dropped = risk.dropped[kind]
        lines.append(
            ui.sentence(
                "check.risk_tokens",
                kind=kind,
                records=each.records,
                repeated=each.repeated,
                largest=each.largest,
                dropped=dropped,
            )
        )
    for name, each in risk.blocks.items():
        lines.append(
            ui.sentence(
                "check.risk_blocks",
                name=name,
                different=each.different,
                largest=each.largest,
                alone=each.alone,
                without=risk.records - each.records,
            )
        )
    if not risk.blocks:
        lines.append(ui.sentence("check.risk_no_blocks"))
    if risk.scheme != "tokens":
        lines.append(ui.sentence("check.risk_without_filter", count=risk.without_filter))
    if risk.alike is not None:
        lines.append(ui.sentence("check.risk_alike", percent=f"{100 * risk.alike:.2f}"))
    lines.append(ui.sentence("check.risk_unmatchable", count=risk.unmatchable))
    return lines


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
