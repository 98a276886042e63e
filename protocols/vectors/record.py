"""One whole small run, as an exchange holds it: ``recorded/<run>/``, for the examples of the spec.

Two agencies with some thirty simulated records each, a coordinator and an auditor go through it
with the library. Re-made by hand, ``python -m vectors.record``, because homes, cards and seals are
drawn at random; nobody keeps the keys. Afterwards write the pages again: ``python -m spec.make``.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pprl.encode.columns import open_data, resolve
from pprl.lab.simulate import simulate
from pprl.schema import Schema
from pprl_protocols import cards
from pprl_protocols.agreement import Agreement, Decision, Disclosure, Party
from pprl_protocols.exchange import Exchange
from pprl_protocols.home import Home
from pprl_protocols.roles import agency, coordinator
from pprl_protocols.roles.signing import sign
from pprl_protocols.session import Session
from pprl_protocols.vault import Cost
from vectors.kit import RUN

if TYPE_CHECKING:
    from pprl_protocols.agreement import Role

RECORDED = Path(__file__).parent / "recorded"
_TODAY = dt.date(2026, 3, 2)
_ROLES: dict[str, Role] = {
    "agency-a": "agency",
    "agency-b": "agency",
    "auditor": "auditor",
    "coordinator": "coordinator",
}
_AGENCIES = ("agency-a", "agency-b")
_RECORDS = (30, 36)


def main() -> None:
    """Run it, and put its files in the place of those before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "exchange").mkdir()
        _run(folder)
        shutil.rmtree(RECORDED, ignore_errors=True)
        shutil.copytree(folder / "exchange", RECORDED)
    for path in RECORDED.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _run(folder: Path) -> None:
    cost = Cost(iterations=1, lanes=1, memory_kib=8)
    homes = {
        name: Home.create(folder / name, name, role, b"vectors", cost=cost)
        for name, role in _ROLES.items()
    }
    for home in homes.values():
        pins = home.pins
        for other in homes.values():
            pins.add(other.identity.name, other.identity.fingerprint)
        pins.save(home.folder / "pins.toml")
    exchange = Exchange.open(str(folder / "exchange"))
    exchange.put_agreement(RUN, _agreement(homes).to_bytes())

    def session(name: str) -> Session:
        return Session(homes[name], exchange, RUN, today=_TODAY)

    made = simulate(list(_RECORDS), overlap=0.5, damage="clean", seed=3, out=folder)
    for name in _ROLES:
        sign(session(name))
    for name, path in zip(_AGENCIES, made.paths, strict=True):
        own, source = session(name), open_data(path)
        columns = resolve(own.agreement.read_schema(), source, {}, None)
        agency.encode(own, source, columns, threads=1)
    coordinator.link(session("coordinator"), threads=1)
    for name in _AGENCIES:
        agency.receive(session(name))
    coordinator.close(session("coordinator"))


def _agreement(homes: dict[str, Home]) -> Agreement:
    schema = Schema.load("indonesia")
    return Agreement(
        version=1,
        run=RUN,
        purpose="an example for the specification",
        legal_basis="none: simulated people",
        dpia="none",
        valid_from=_TODAY,
        valid_until=_TODAY + dt.timedelta(30),
        receipt_deadline=_TODAY + dt.timedelta(40),
        audit_deadline=_TODAY + dt.timedelta(90),
        retention="until the audit deadline",
        schema_text=schema.text,
        schema_digest=schema.digest,
        decision=Decision(target="precision", precision_ppm=950_000, seed=1),
        disclosure=Disclosure(mode="link", minimum_cell=10),
        parties=tuple(
            Party(
                name=name,
                role=role,
                identity=homes[name].identity.public_key.hex(),
                card=cards.make(homes[name].identity, homes[name].vault, created=_TODAY),
                population="simulated" if role == "agency" else "",
                max_records=100 if role == "agency" else None,
            )
            for name, role in _ROLES.items()
        ),
    )


if __name__ == "__main__":
    main()
