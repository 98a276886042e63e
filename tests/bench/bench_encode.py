"""Encoding beside clkhash, in one run on one machine; prints a table. Asserts nothing about time.

    python tests/bench/bench_encode.py [--records 1000000]

Data: the simulator's dirty DTSEN register. Peer: clkhash 0.18.3 with the same linkage schema on
the same CSV file (fewer records, since a rate is a rate), in one process and on all cores. Ours
are whole commands: process start, reading the CSV, encoding, writing the file. The built-in schemas
of all three schemes stand beside each other; they read the messy register, clkhash's four columns.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from clkhash.clk import generate_clk_from_csv
from clkhash.schema import from_json_dict

from pprl import LinkageKey
from pprl.lab.simulate import simulate

PPRL = Path(sys.executable).with_name("pprl")
PEER_RECORDS = 40_000
FIELDS = {"nama_lengkap": 2, "tanggal_lahir": 2, "jenis_kelamin": 1, "kode_kec": 1}


def schema():
    """Four fields of 200 bits, as in clkhash's own examples."""
    features = [
        {
            "identifier": name,
            "format": {"type": "string"},
            "hashing": {
                "comparison": {"type": "ngram", "n": n, "positional": n == 1},
                "strategy": {"bitsPerFeature": 200},
            },
        }
        for name, n in FIELDS.items()
    ]
    return {"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}}, "features": features}


def four_columns(path, out, records=None):
    """Copy the four fields of a register, as clkhash wants its file: those columns only."""
    import pyarrow as pa  # noqa: PLC0415 - bench only
    from pyarrow import csv  # noqa: PLC0415

    options = csv.ConvertOptions(
        column_types=dict.fromkeys(FIELDS, pa.string()), include_columns=list(FIELDS)
    )
    table = csv.read_csv(path, convert_options=options)
    csv.write_csv(table.slice(0, records), out)


def peer(path, workers):
    """Records a second of clkhash."""
    text = path.read_text()
    started = time.perf_counter()
    generate_clk_from_csv(
        io.StringIO(text),
        "a secret of some length",
        from_json_dict(schema()),
        progress_bar=False,
        max_workers=workers,
    )
    return PEER_RECORDS / (time.perf_counter() - started)


def ours(data, key, schema_name, folder, threads, records):
    """Records a second of the whole command, best of three."""
    best = float("inf")
    for attempt in range(3):
        out = folder / f"out-{attempt}.arrow"
        command = [PPRL, "lab", "encode", data, "--secret-file", key, "--out", out]
        command += ["--schema", schema_name, "--threads", str(threads)]
        started = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - started)
        out.unlink()
    return records / best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    cores = os.cpu_count() or 1
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulate([1, records], overlap=1, damage="dirty", seed=1, out=folder)
        register, key = folder / "b.csv", folder / "key"
        LinkageKey.generate().save(key)
        (folder / "schema.json").write_text(json.dumps(schema()))
        four_columns(register, folder / "four.csv")
        four_columns(register, folder / "peer.csv", PEER_RECORDS)
        peer_one = peer(folder / "peer.csv", 1)
        peer_all = peer(folder / "peer.csv", cores)
        rows = [
            ("clkhash, one process", peer_one, "1"),
            (f"clkhash, {cores} processes", peer_all, f"{peer_all / peer_one:.1f}"),
        ]
        for threads in sorted({1, cores}):
            speed = ours(folder / "four.csv", key, folder / "schema.json", folder, threads, records)
            ratios = f"{speed / peer_one:.1f} / {speed / peer_all:.1f}"
            rows.append((f"pprl, same bits, one process, {threads} thread(s)", speed, ratios))
        for threads in sorted({1, cores}):
            for name in ("indonesia", "indonesia-hardened", "indonesia-tokens"):
                speed = ours(register, key, name, folder, threads, records)
                rows.append((f"pprl {name}, messy CSV, {threads} thread(s)", speed, "-"))
    print(f"{records:,} records, {cores} cores, whole commands")
    print(f"{'job':48} {'records/s':>12}  x clkhash (one / all cores)")
    for job, speed, ratio in rows:
        print(f"{job:48} {speed:>12,.0f}  {ratio}")


if __name__ == "__main__":
    main()
