"""A federation for tests: parties with homes and registers, an exchange, and whole recorded runs.

:func:`record` makes a small run once and keeps a copy of all folders after every step; a test takes
a copy of a step and goes on from there, or damages it first.
"""

import csv
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

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

TODAY = date(2026, 3, 2)
RUN = "5f" * 16
PASSPHRASE = b"kata sandi rumah"
COST = Cost(1, 1, 8)
ROLES = {"bkkbn": "agency", "kemensos": "agency", "bps": "coordinator"}
SMALL = (60, 80, 70)
STEPS = ("agreed", "signed", "encoded", "linked", "received", "closed")
"""What a recorded run is kept after, in order."""


def agreed_on(homes, run=RUN, *, schema=None, disclosure=None):
    """Give every home a card and pins of the others; return an agreement of all."""
    parties = []
    for name, home in sorted(homes.items()):
        parties.append(
            Party(
                name=name,
                role=home.identity.role,
                identity=home.identity.public_key.hex(),
                card=cards.make(home.identity, home.vault, created=TODAY),
                population="Kutai Timur" if home.identity.role == "agency" else "",
                max_records=2_000 if home.identity.role == "agency" else None,
            )
        )
        pins = home.pins
        for other in homes.values():
            if other is not home:
                pins.add(other.identity.name, other.identity.fingerprint)
        pins.save(home.folder / "pins.toml")
    text = Schema.load("indonesia").text if schema is None else schema
    return Agreement(
        version=1,
        run=run,
        purpose="KRS x desil, a test",
        legal_basis="none, a test",
        dpia="none",
        valid_from=TODAY - timedelta(1),
        valid_until=TODAY + timedelta(30),
        receipt_deadline=TODAY + timedelta(10),
        audit_deadline=TODAY + timedelta(60),
        retention="until the audit deadline",
        schema_text=text,
        decision=Decision(target="precision", precision_ppm=950_000, seed=1),
        schema_digest=Schema.from_toml(text, path="schema_text").digest,
        disclosure=disclosure or Disclosure(mode="link", minimum_cell=10),
        parties=tuple(parties),
    )


class Federation:
    """Homes, registers and an exchange.

    Under the folder: one folder a party, ``exchange``, and the registers with their truth.
    """

    def __init__(
        self,
        folder,
        n_agencies=2,
        *,
        sizes=(600, 900, 900),
        auditor=False,
        disclosure=None,
        schema=None,
    ):
        roles = dict(ROLES)
        if n_agencies == 3:
            roles["dinkes"] = "agency"
        if auditor:
            roles["inspektorat"] = "auditor"
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.homes = {
            name: Home.create(folder / name, name, role, PASSPHRASE, cost=COST)
            for name, role in roles.items()
        }
        (folder / "exchange").mkdir()
        self.exchange = Exchange.open(str(folder / "exchange"))
        self.agreement = agreed_on(self.homes, disclosure=disclosure, schema=schema)
        self.exchange.put_agreement(RUN, self.agreement.to_bytes())
        self.made = simulate(
            list(sizes[:n_agencies]), overlap=0.5, damage="clean", seed=3, out=folder
        )
        self.registers = self.made.paths

    @classmethod
    def load(cls, folder):
        """Open a federation that lies in a folder, a copy of another for example."""
        self = cls.__new__(cls)
        self.folder = folder
        self.exchange = Exchange.open(str(folder / "exchange"))
        self.homes = {
            path.parent.name: Home.open(path.parent, PASSPHRASE)
            for path in sorted(folder.glob("*/party.toml"))
        }
        self.registers = tuple(sorted(folder.glob("?.csv")))
        return self

    @property
    def agencies(self):
        """Names of the agencies, sorted: in the order of the registers."""
        return sorted(n for n, home in self.homes.items() if home.identity.role == "agency")

    @property
    def files(self):
        """The run's folder in the exchange."""
        return self.folder / "exchange" / RUN

    def session(self, name, today=TODAY):
        return Session(self.homes[name], self.exchange, RUN, today=today)

    def encode(self, name):
        source = open_data(self.registers[self.agencies.index(name)])
        session = self.session(name)
        columns = resolve(session.agreement.read_schema(), source, {}, None)
        return agency.encode(session, source, columns, threads=1)

    def link(self):
        return coordinator.link(self.session("bps"), threads=1)

    def receive(self, name):
        return agency.receive(self.session(name))

    def close(self):
        return coordinator.close(self.session("bps"))

    def sign(self):
        for name in sorted(self.homes):
            sign(self.session(name))

    def until_result(self):
        self.sign()
        for name in self.agencies:
            self.encode(name)
        return self.link()


def entities_of(federation):
    """Return by party and id which person a record is."""
    with (federation.folder / "truth.csv").open(newline="") as file:
        return {(int(row["party"]), row["id"]): int(row["entity"]) for row in csv.DictReader(file)}


def with_columns(path, make):
    """Add columns to a register: ``make(ids)`` gives them by name; return the ids."""
    source = open_data(path)
    table = pa.concat_tables(
        [pa.Table.from_batches([batch.table]) for batch in source.batches(source.columns)]
    )
    ids = table.column(next(name for name in source.columns if name.startswith("id"))).to_pylist()
    for name, values in make(ids).items():
        table = table.append_column(name, pa.array(values))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=source.delimiter or ",")
        writer.writerow(table.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return ids


@dataclass(frozen=True)
class Recorded:
    """A whole run, kept after every step.

    Attributes
    ----------
    folder
        Holds one folder a step, each a whole federation.
    digest
        Of the transcript.
    """

    folder: Path
    digest: str

    def at(self, step, target):
        """Copy the federation as it was after a step into a folder of its own; open it.

        Files of the exchange are immutable and those of homes are replaced, never written to,
        except when they are erased: copies, not links.
        """
        shutil.copytree(self.folder / step, target, dirs_exist_ok=True)
        return Federation.load(target)


def record(folder, *, auditor=True, sizes=SMALL):
    """Run a small federation to its end; keep it as it was after every one of STEPS."""
    work = folder / "work"
    federation = Federation(work, sizes=sizes, auditor=auditor)

    def each(step):
        for name in federation.agencies:
            step(name)

    steps = {
        "agreed": lambda: None,
        "signed": federation.sign,
        "encoded": lambda: each(federation.encode),
        "linked": federation.link,
        "received": lambda: each(federation.receive),
        "closed": federation.close,
    }
    made = {}
    for step in STEPS:
        made[step] = steps[step]()
        shutil.copytree(work, folder / step)
    return Recorded(folder, made["closed"])
