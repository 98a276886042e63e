"""What a run of the protocol costs beside plain encode and link; prints tables, asserts nothing.

    python tests/bench/protocol.py --records 200000 [--other 50000] [--overlap 0.6] [--plain]

Two agencies and a coordinator, each step in a process of its own, with the library (no command
line) and a cheap passphrase derivation, which isn't counted. "encode + link" is what
``pprl.encode.pipeline.encode_table`` and ``pprl.link.link`` took inside the very same processes, so
that a noisy neighbour can't make the protocol look cheap; the rest of a step is its overhead: the
run key, pseudonyms, hashing, sealing, publishing, opening, checking, results. Counted
from the opened home to the end of the step; memory is the peak of the whole process.
``--plain`` runs encode and link of the same files without a protocol, too. Joining results to own
ids is in "receive"; writing overlap.csv, as a plain link writes its CSV, is printed apart.
"""

# ruff: noqa: PLC0415 - every step imports only what it uses, so that its memory is its own
from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

TODAY = date(2026, 3, 2)
RUN = "5f" * 16
PASSPHRASE = b"kata sandi rumah"
PARTIES = {"bkkbn": "agency", "bps": "coordinator", "kemensos": "agency"}
REGISTERS = {"bkkbn": "a.csv", "kemensos": "b.csv"}
STEPS = (
    *(("sign", party) for party in PARTIES),
    *(("encode", party) for party in REGISTERS),
    ("link", "bps"),
    *(("receive", party) for party in REGISTERS),
    ("close", "bps"),
)


class Clock:
    """Adds up what some functions take, and runs them as they are."""

    def __init__(self):
        self.spent = Spent(0.0, 0.0)

    def around(self, module, name):
        """Put a timed function in the place of one."""
        function = getattr(module, name)

        def timed(*args, **kwargs):
            started = Spent.now()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent += Spent.now() - started

        setattr(module, name, timed)


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock on the wall, and of all cores together in this process."""

    wall: float
    cpu: float

    @classmethod
    def now(cls):
        return cls(time.perf_counter(), time.process_time())

    def __add__(self, other):
        return Spent(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other):
        return Spent(self.wall - other.wall, self.cpu - other.cpu)


def prepare(folder, sizes, overlap, damage):
    """Make registers, homes and an agreement."""
    from pprl.lab.simulate import simulate
    from pprl.schema import Schema
    from pprl_protocols import cards
    from pprl_protocols.agreement import Agreement, Decision, Disclosure, Party
    from pprl_protocols.exchange import Exchange
    from pprl_protocols.home import Home
    from pprl_protocols.vault import Cost

    simulate(sizes, overlap=overlap, damage=damage, seed=3, out=folder)
    homes = {
        name: Home.create(folder / name, name, role, PASSPHRASE, cost=Cost(1, 1, 8))
        for name, role in PARTIES.items()
    }
    parties = []
    for name, home in homes.items():
        agency = name in REGISTERS
        parties.append(
            Party(
                name=name,
                role=home.identity.role,
                identity=home.identity.public_key.hex(),
                card=cards.make(home.identity, home.vault, created=TODAY),
                population="simulated" if agency else "",
                max_records=max(sizes) if agency else None,
            )
        )
        pins = home.pins
        for other in homes.values():
            if other is not home:
                pins.add(other.identity.name, other.identity.fingerprint)
        pins.save(home.folder / "pins.toml")
    schema = Schema.load("indonesia")
    agreement = Agreement(
        version=1,
        run=RUN,
        purpose="a benchmark",
        legal_basis="none",
        dpia="none",
        valid_from=TODAY - timedelta(1),
        valid_until=TODAY + timedelta(30),
        receipt_deadline=TODAY + timedelta(10),
        audit_deadline=TODAY + timedelta(60),
        retention="none",
        schema_text=schema.text,
        schema_digest=schema.digest,
        decision=Decision(target="precision", precision_ppm=950_000, seed=1),
        disclosure=Disclosure(mode="link", minimum_cell=10),
        parties=tuple(parties),
    )
    (folder / "exchange").mkdir()
    Exchange.open(str(folder / "exchange")).put_agreement(RUN, agreement.to_bytes())


def one_step(step, party, folder):
    """Do one step as one party; return seconds, seconds inside encode and link."""
    # Before the roles take these functions by name.
    clock = Clock()
    clock.around(importlib.import_module("pprl.encode.pipeline"), "encode_table")
    clock.around(importlib.import_module("pprl.link"), "link")
    from pprl.encode.columns import open_data, resolve
    from pprl_protocols.exchange import Exchange
    from pprl_protocols.home import Home
    from pprl_protocols.overlap import write_csv
    from pprl_protocols.roles import agency, coordinator
    from pprl_protocols.roles.signing import sign
    from pprl_protocols.session import Session

    home = Home.open(folder / party, PASSPHRASE)
    exchange = Exchange.open(str(folder / "exchange"))
    started = Spent.now()
    session = Session(home, exchange, RUN, today=TODAY)
    table = None
    if step == "sign":
        sign(session)
    elif step == "encode":
        source = open_data(folder / REGISTERS[party])
        columns = resolve(session.agreement.read_schema(), source, {}, None)
        agency.encode(session, source, columns)
    elif step == "link":
        coordinator.link(session)
    elif step == "receive":
        table = agency.receive(session)
    else:
        coordinator.close(session)
    found = {"all": Spent.now() - started, "work": clock.spent}
    if table is not None:
        started = Spent.now()
        write_csv(table, folder / f"{party}.overlap.csv")
        found["csv"] = Spent.now() - started
    return found


def plain(step, folder):
    """Encode or link without a protocol; return seconds."""
    from pprl.encode.columns import open_data, resolve
    from pprl.encode.encoder import Encoder
    from pprl.encode.pipeline import encode_file
    from pprl.keys import LinkageKey
    from pprl.link import link
    from pprl.schema import Schema

    started = Spent.now()
    outs = {name: folder / f"{name}.arrow" for name in REGISTERS}
    if step in REGISTERS:
        schema = Schema.load("indonesia")
        source = open_data(folder / REGISTERS[step])
        columns = resolve(schema, source, {}, None)
        encoder = Encoder(schema, LinkageKey(bytes(32)), columns.fields, columns.id_column)
        encode_file(encoder, source, outs[step])
    else:
        link(list(outs.values()), target_precision=0.95, seed=1).to_csv(folder / "plain.csv")
    return {"all": Spent.now() - started}


def in_own_process(*arguments):
    """Run this file for one step; return what it measured."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.stdout else None


def report(asked, folder):
    """Run everything and print the tables."""
    sizes = (asked.records, asked.other or asked.records)
    in_own_process("prepare", folder, *sizes, asked.overlap, asked.damage)
    print(f"{sizes[0]:,} x {sizes[1]:,} records, overlap {asked.overlap}, {asked.damage}, ", end="")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'':22}{'wall clock, s':>24}{'cpu, s':>24}")
    print(f"{'step':12}{'party':10}" + f"{'all':>8}{'plain':>8}{'rest':>8}" * 2 + f"{'peak MB':>9}")
    nothing = Spent(0.0, 0.0)
    steps, peaks, files = {}, {}, nothing
    for step, party in STEPS:
        found = in_own_process("step", folder, step, party)
        whole, work = Spent(**found["all"]), Spent(**found["work"])
        before = steps.get(step, (nothing, nothing))
        steps[step] = (before[0] + whole, before[1] + work)
        peaks[party] = max(peaks.get(party, 0), found["peak"])
        files += Spent(**found.get("csv", asdict(nothing)))
        print(f"{step:12}{party:10}{cells(whole, work)}{found['peak']:9}")
    whole, work = (sum(each, nothing) for each in zip(*steps.values(), strict=True))
    print(f"{'all':22}{cells(whole, work)}{max(peaks.values()):9}")
    print(f"adds to encode + link: wall clock {added(whole.wall, work.wall)}, ", end="")
    print(f"cpu {added(whole.cpu, work.cpu)}")
    whole, work = steps["encode"]
    print(f"encode alone adds to encoding: wall clock {added(whole.wall, work.wall)}, ", end="")
    print(f"cpu {added(whole.cpu, work.cpu)}")
    print(f"beside it, overlap.csv twice: {files.wall:.2f} s, cpu {files.cpu:.2f} s")
    for step in (*REGISTERS, "link") if asked.plain else ():
        found = in_own_process("plain", folder, step)
        spent = Spent(**found["all"])
        print(f"plain {step:16}{spent.wall:8.2f}{spent.cpu:24.2f}{found['peak']:25}")


def cells(whole, work):
    """Return a row of seconds."""
    rest = whole - work
    wall = f"{whole.wall:8.2f}{work.wall:8.2f}{rest.wall:8.2f}"
    return f"{wall}{whole.cpu:8.2f}{work.cpu:8.2f}{rest.cpu:8.2f}"


def added(whole, work):
    """Return how much more the whole is."""
    return f"{100 * (whole - work) / work:.1f}%"


def main():
    """Take a step's arguments from the process that reports, or report."""
    if sys.argv[1:2] == ["prepare"]:
        folder, *sizes, overlap, damage = sys.argv[2:]
        prepare(Path(folder), [int(size) for size in sizes], float(overlap), damage)
        return
    if sys.argv[1:2] in (["step"], ["plain"]):
        kind, folder, *which = sys.argv[1:]
        with contextlib.redirect_stdout(sys.stderr):
            work = plain if kind == "plain" else one_step
            found = work(*which, Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({name: asdict(spent) for name, spent in found.items()} | {"peak": peak}))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--other", type=int, help="records of the second register")
    parser.add_argument("--overlap", type=float, default=0.6)
    parser.add_argument("--damage", default="dirty")
    parser.add_argument("--plain", action="store_true")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        report(asked, Path(name))


if __name__ == "__main__":
    main()
