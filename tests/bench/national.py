"""National size on one machine: two registers, one record per family, encoded, linked, judged.

    python tests/bench/national.py [--share 1|10|100|1000] [--only NAME] [--folder DIR] [--persons]

8.6 million KRS families and 41.7 million of DTKS, or a share of them; ``--persons``: 26 and 128
million persons, at a tenth at most, with what the whole would take beside it, labelled. Every step
is a process of its own, the command line where there is one, in a group that may take so much
memory (``--memory``, see confined.py). Says first what disk it needs, and refuses without it.
What is done is noted in results.jsonl of the folder: started again, it goes on where it stopped.
Registers go when everything is done.
Prints a table in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import platform
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import confined

HEADS, PERSONS = (8_600_000, 41_700_000), (26_000_000, 128_000_000)
OVERLAP, DAMAGE, SEED = 0.6, "dirty", 7
SAMPLED, RECALL = 2_000, 0.99
# name: schema, candidates
LINKS = {
    "clk, two passes": ("indonesia-blocked", "blocks"),
    "hardened, one pass": ("indonesia-hardened-blocked", "blocks"),
    "clk, lsh": ("indonesia", "lsh"),
}
# Bytes a record, on disk.
_REGISTERS, _TRUTH, _DAMAGE, _MATCH = 75, 26, 20, 280
_ENCODED = {"indonesia-blocked": 172, "indonesia-hardened-blocked": 300, "indonesia": 180}
_GB = 1e9
_PPRL = str(Path(sys.executable).with_name("pprl"))


class StepError(Exception):
    """A step ended with another code than 0."""


class Bench:
    """The steps at one size, and what they took."""

    def __init__(self, asked):
        self.sizes = [round(each / asked.share) for each in (PERSONS if asked.persons else HEADS)]
        self.asked = asked
        kind = "persons" if asked.persons else "heads"
        self.folder = (asked.folder / f"{kind}-{asked.share}").resolve()
        self.limit = round(asked.memory * (1 << 30))
        self.links = {name: LINKS[name] for name in LINKS if asked.only in {None, name}}
        self._notes = self.folder / "results.jsonl"
        self.done = {}

    def run(self):
        """Do what isn't done yet; return whether all of it went well."""
        self._refuse_disk()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.exit(f"another run is at work in {self.folder}")
            return self._run()

    def _run(self):
        if self._notes.exists():
            noted = [json.loads(line) for line in self._notes.read_text().splitlines()]
            self.done = {each["step"]: each for each in noted if each["sizes"] == self.sizes}
        open_links = {
            name: each for name, each in self.links.items() if f"{name}: sample" not in self.done
        }
        if open_links:
            self._step("simulate", self._own("simulate"), [self._file("b.csv")])
        failed = False
        for name, (schema, candidates) in open_links.items():
            try:
                self._link(name, schema, candidates)
            except StepError as error:
                print(f"  {name}: {error}", flush=True)
                failed = True
        if not failed and not self.asked.keep:
            for each in self.folder.glob("*.csv"):
                each.unlink()
        return not failed

    def _link(self, name, schema, candidates):
        key, files = self._file("key"), [self._file(f"{schema}.{each}.arrow") for each in "ab"]
        matches = self._file(f"{schema}.csv")
        key.unlink(missing_ok=True)
        key.write_bytes(bytes(range(32)))  # the same one every time
        key.chmod(0o600)
        for register, out in zip("ab", files, strict=True):
            encode = [
                "lab", "encode", self._file(f"{register}.csv"), "--secret-file", key,
                "--schema", schema, "--out", out, "--force",
            ]  # fmt: skip
            self._step(f"{name}: encode {register}", [_PPRL, *encode], [out])
        work = self._file("work")
        work.mkdir(exist_ok=True)
        link = [
            "lab", "link", *files, "--out", matches, "--json", "--force",
            "--candidates", candidates, "--recall", RECALL,
            "--work-dir", work, "--memory", f"{self.limit * 4 // 5 >> 20}MiB",
        ]  # fmt: skip
        log = self._step(f"{name}: link", [_PPRL, *link], [matches])
        if log is not None:
            said = log.read_text()
            matches.with_suffix(".json").write_text(said[said.index("{") : said.rindex("}") + 1])
        self._step(f"{name}: evaluate", self._own("evaluate", schema), [])
        self._step(f"{name}: sample", self._own("sample", schema), [])
        if not self.asked.keep:
            for each in files:
                each.unlink(missing_ok=True)

    def _step(self, name, command, makes):
        """Run a step in its group; return its log, or None when it was done before."""
        if name in self.done and all(each.exists() for each in makes):
            return None
        log = self._file("log.txt")
        spent = confined.run(
            [str(each) for each in command],
            limit=self.limit, folder=self.folder, log=log, cgroup=self.asked.cgroup,
        )  # fmt: skip
        if spent.code:
            lines = log.read_text(errors="replace").strip().splitlines()
            message = f"{name.rpartition(': ')[2]} ended with {spent.code}: {lines[-1:]}"
            raise StepError(message)
        found = {}
        if command[0] == sys.executable:
            found = json.loads(log.read_text().splitlines()[-1])
        self.done[name] = {"step": name, "sizes": self.sizes, **asdict(spent), "said": found}
        with self._notes.open("a") as file:
            file.write(json.dumps(self.done[name]) + "\n")
        print(f"  {name}: {spent.wall:.1f} s", flush=True)
        return log

    def _own(self, step, *more):
        """Return the command that does a step of this file's own."""
        return [
            sys.executable, __file__, "--step", step, *more, "--share", self.asked.share,
            "--folder", self.asked.folder, *(["--persons"] if self.asked.persons else []),
        ]  # fmt: skip

    def _file(self, name):
        return self.folder / name

    def _refuse_disk(self):
        needed = disk_needed(self.sizes, [schema for schema, _ in self.links.values()])
        there = self.asked.folder
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        held = sum(each.stat().st_size for each in self.folder.glob("*") if each.is_file())
        print(f"disk needed: {needed / _GB:.1f} GB; free: {(free + held) / _GB:.1f} GB", flush=True)
        if needed > free + held:
            sys.exit("not enough disk: nothing was done; --folder on a larger one, or --only one")

    def simulate(self):
        """Write the registers and the truth."""
        from pprl.lab.simulate import simulate  # noqa: PLC0415 - each step's memory is its own

        made = simulate(
            self.sizes, overlap=OVERLAP, damage=DAMAGE, seed=SEED, out=self.folder,
            heads=not self.asked.persons, force=True,
        )  # fmt: skip
        made.damage_path.unlink()
        return made.counts.as_dict()

    def judge(self, step, schema):
        """Compare a link with the truth, or a sample of it with all pairs."""
        from national_scores import candidate_recall, read_truth, scores  # noqa: PLC0415 - see above

        truth, matches = read_truth(self._file("truth.csv")), self._file(f"{schema}.csv")
        if step == "evaluate":
            return scores(matches, truth)
        files = [self._file(f"{schema}.{each}.arrow") for each in "ab"]
        info = json.loads(matches.with_suffix(".json").read_text())
        return candidate_recall(files, info, truth, rows=SAMPLED, seed=SEED, recall=RECALL)

    def show(self):
        """Print what was measured."""
        small, large = self.sizes
        share = "" if self.asked.share == 1 else f" (1/{self.asked.share} of the whole)"
        used = {each["way"] for each in self.done.values()}
        print(f"\n{small:,} x {large:,} records{share}, overlap {OVERLAP}, {DAMAGE}; ", end="")
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ")
        print(f"memory of each step limited to {self.asked.memory:g} GB by {', '.join(used)}\n")
        print("| step | wall, s | CPU, s | anonymous, GB | resident, GB | group, GB | disk, GB |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for name, each in self.done.items():
            memory = (each["anonymous"], each["resident"], each["group"], each["disk"])
            cells = ["-" if size is None else f"{size / _GB:.2f}" for size in memory]
            print(f"| {name} | {each['wall']:.1f} | {each['cpu']:.1f} | {' | '.join(cells)} |")
        if self.asked.persons:
            self._show_extrapolated()
        names = ("precision", "recall", "candidates", "candidates_or_tokens", "true_candidates",
                 "true_candidates_or_tokens")  # fmt: skip
        print("\n| link | precision | recall | of all pairs at its bar: candidates | or tokens | "
              "of true ones: candidates | or tokens |")  # fmt: skip
        print("|---|--:|--:|--:|--:|--:|--:|")
        for name in self.links:
            said = {}
            for step in ("evaluate", "sample"):
                said |= self.done.get(f"{name}: {step}", {}).get("said", {})
            cells = ["-" if said.get(each) is None else f"{said[each]:.4f}" for each in names]
            print(f"| {name} | {' | '.join(cells)} |")

    def _show_extrapolated(self):
        """Print what the whole would take if time grew with n log n: nothing of it was measured."""
        share, records = self.asked.share, sum(self.sizes)
        growth = share * math.log(records * share) / math.log(records)
        print(
            f"\nExtrapolated, not measured: the whole at n log n takes {growth:.1f} times as long; "
        )
        print("start-up and other things that don't grow are multiplied as well\n")
        print("| step | wall, s | anonymous, GB | disk, GB |\n|---|--:|--:|--:|")
        for name, each in self.done.items():
            sizes = (each["anonymous"] * share / _GB, each["disk"] * share / _GB)
            print(f"| {name} | {each['wall'] * growth:.0f} | {sizes[0]:.1f} | {sizes[1]:.1f} |")


def disk_needed(sizes, schemas):
    """Return the most bytes that are on the disk at a time; linear in records."""
    records, larger = sum(sizes), max(sizes)
    made = records * (_REGISTERS + _TRUTH)
    links = [
        records * _ENCODED[schema]  # of both
        # what waits while the larger is encoded, or the working files of the link
        + max(larger * _ENCODED[schema], records * (_ENCODED[schema] + 20))
        + min(sizes) * _MATCH
        for schema in schemas
    ]
    return made + max([records * _DAMAGE, *links])


def main():
    """Run the steps and print the table, or do one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=100, choices=(1, 10, 100, 1000))
    parser.add_argument("--persons", action="store_true", help="persons; at a tenth at most")
    parser.add_argument("--only", choices=LINKS, help="one link")
    parser.add_argument("--folder", type=Path, default=Path("national"))
    parser.add_argument("--memory", type=float, default=16, help="GB (2**30) for each step")
    parser.add_argument("--cgroup", type=Path, help="a memory cgroup in which one may be made")
    parser.add_argument("--keep", action="store_true", help="keep registers and matches")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.persons and asked.share == 1:
        parser.error("--persons needs --share 10, 100 or 1000")
    bench = Bench(asked)
    if asked.step:
        step, *more = asked.step
        print(json.dumps(bench.simulate() if step == "simulate" else bench.judge(step, *more)))
        return
    try:
        good = bench.run()
    except KeyboardInterrupt:
        sys.exit(130)  # what is done is noted
    bench.show()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
