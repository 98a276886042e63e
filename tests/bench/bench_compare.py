"""Comparison of filters beside anonlink's, in one run on one machine; prints a table.

    python tests/bench/bench_compare.py [--records 100000]

Filters: ``realistic`` are 25 to 40 name bigrams of a register with common and rare names, 8 to 15
bits each; ``dense`` are random with half of the bits set. 1,024 bits, Dice threshold 0.8.
``hardened`` are as dense, as all filters of that scheme are, 2,048 and 4,096 bits, compared from
where an estimate begins (similarity 0.6), which keeps one pair in 30,000. It asserts nothing about
time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from bitarray import bitarray

from pprl.candidates.exhaustive import similar_pairs
from pprl.compare.measure import Majority
from pprl.encoded import EncodedSet, Header, table_schema

BITS = 1_024
THRESHOLD = 800_000
HARDENED_THRESHOLD = 600_000
KAPPA = 4
CONSONANTS, VOWELS = "bcdfghjklmnprstwy", "aiueo"
OURS_RECORDS = 40_000  # records a side; long enough to hide the first spans
PEER_RECORDS = (4_000, 10_000)

_LINK = """
import sys, time
started = time.perf_counter()
from pprl.link import link
matches = link(sys.argv[1:3], threshold=0.8, threads=2)
matches.to_csv(__import__("pathlib").Path(sys.argv[3]))
print(matches.info.groups, f"{time.perf_counter() - started:.2f}")
"""


def names(rng, n_records):
    """Names of two to four words of syllables; common words are very common."""
    syllables = np.array([c + v for c in CONSONANTS for v in VOWELS] + list(VOWELS))
    words = ["".join(rng.choice(syllables, rng.integers(2, 5))) for _ in range(5_000)]
    weight = 1 / np.arange(1, len(words) + 1) ** 0.9
    drawn = rng.choice(len(words), (n_records, 4), p=weight / weight.sum())
    n_words = rng.integers(2, 5, n_records)
    birth = rng.integers(0, 80 * 365, n_records)
    return [
        (" ".join(words[word] for word in row[:n]), int(day))
        for row, n, day in zip(drawn, n_words, birth, strict=True)
    ]


def realistic(rng, people):
    """Set 8 to 15 bits for each bigram of a name and each digit of a birth day with its place."""
    position_of = {}
    words = np.zeros((len(people), BITS), dtype=np.uint8)
    for row, (name, day) in enumerate(people):
        text = f"_{name}_"
        grams = [text[place : place + 2] for place in range(len(text) - 1)]
        grams += [f"{place}:{digit}" for place, digit in enumerate(f"{day:05d}{day % 31:02d}")]
        for gram in grams:
            if gram not in position_of:
                position_of[gram] = rng.integers(0, BITS, rng.integers(8, 16))
            words[row, position_of[gram]] = 1
    return np.packbits(words, axis=1).view(np.uint64)


def dense(rng, n_records, bits=BITS):
    """Set half of the bits at random."""
    return rng.integers(0, 2**64, (n_records, bits // 64), dtype=np.uint64)


def rate(work, n_pairs, repeats=3):
    """Return million pairs a second, the best of some repeats."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return n_pairs / min(times) / 1e6


def bitarrays(filters):
    """Return filters as anonlink takes them."""
    made = []
    for row in filters:
        bits = bitarray()
        bits.frombytes(row.tobytes())
        made.append(bits)
    return made


def peer_rate(left, right):
    """Measure anonlink's accelerated Dice coefficient; None where it isn't installed."""
    try:
        from anonlink.similarities import (  # noqa: PLC0415 - optional
            dice_coefficient_accelerated,
        )
    except ImportError:
        return None
    sides = bitarrays(left[: PEER_RECORDS[0]]), bitarrays(right[: PEER_RECORDS[1]])
    n_pairs = PEER_RECORDS[0] * PEER_RECORDS[1]
    return rate(lambda: dice_coefficient_accelerated(sides, THRESHOLD / 1e6), n_pairs)


def compare_table(left, right, label):
    """Print one row: ours and theirs on one core."""
    left, right = left[:OURS_RECORDS], right[:OURS_RECORDS]
    similar_pairs(left[:100], right[:100], THRESHOLD, threads=1)  # compile or load
    ours = rate(lambda: similar_pairs(left, right, THRESHOLD, threads=1), len(left) * len(right))
    set_bits = np.bitwise_count(left).sum(axis=1)
    theirs = peer_rate(left, right)
    beside = "-" if theirs is None else f"{theirs:10,.0f} {ours / theirs:8.1f}"
    print(f"{label:10} {set_bits.mean():9.0f} +- {set_bits.std():3.0f} {ours:12,.0f} {beside}")


def hardened_table(rng, bits):
    """Print one row: filters of the hardened scheme on one core."""
    left, right = dense(rng, OURS_RECORDS, bits), dense(rng, OURS_RECORDS, bits)
    options = {"measure": Majority(bits, KAPPA), "threads": 1}
    kept = len(similar_pairs(left, right, HARDENED_THRESHOLD, **options))
    n_pairs = len(left) * len(right)
    ours = rate(lambda: similar_pairs(left, right, HARDENED_THRESHOLD, **options), n_pairs)
    set_bits = np.bitwise_count(left).sum(axis=1)
    label = f"hard {bits}"
    print(
        f"{label:10} {set_bits.mean():9.0f} +- {set_bits.std():3.0f} {ours:12,.0f} - kept {kept:,}"
    )


def write_set(path, filters):
    """Write filters as an EncodedSet without tokens."""
    header = Header(scheme="clk", bits=BITS, schema=None, key_check=None, records=len(filters))
    data = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(BITS // 8), len(filters), [None, pa.py_buffer(filters.tobytes())]
    )
    ids = pa.array([str(row) for row in range(len(filters))])
    EncodedSet(header, pa.table([ids, data], schema=table_schema(header, []))).write(path)


def link_seconds(folder, cache, out):
    """Time a whole process that links two files."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _LINK, *(str(folder / name) for name in ("a", "x")), str(out)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, done.stdout.split()[0]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    n_records = parser.parse_args().records
    rng = np.random.default_rng(20_26)
    people = names(rng, n_records * 3 // 2)
    filters = realistic(rng, people)
    noise = dense(rng, n_records) & dense(rng, n_records) & dense(rng, n_records)
    noise &= dense(rng, n_records) & dense(rng, n_records)
    left, right = filters[:n_records], filters[n_records // 2 : n_records // 2 + n_records] ^ noise

    print("one core, 1,024 bits, Dice 0.8, million pairs a second")
    print(f"{'filters':10} {'set bits':>16} {'pprl':>12} {'anonlink':>10} {'ratio':>8}")
    compare_table(left, right, "realistic")
    compare_table(dense(rng, OURS_RECORDS), dense(rng, OURS_RECORDS), "dense")
    for bits in (2_048, 4_096):
        hardened_table(rng, bits)

    with TemporaryDirectory() as name:
        folder = Path(name)
        write_set(folder / "a", left)
        write_set(folder / "x", right)
        print(f"link {n_records:,} x {n_records:,}, every pair, 2 threads, process start to CSV")
        for label in ("cold", "warm", "warm"):
            seconds, groups = link_seconds(folder, folder / "numba", folder / f"{label}.csv")
            (folder / f"{label}.csv").unlink()
            print(f"  {label}: {seconds:5.2f} s, {groups} groups")


if __name__ == "__main__":
    main()
