"""Before a first ``pprl demo``: compile what its parties will use, while the data are made.

Kernels are compiled when they are first called (:mod:`pprl._jit`), once for each installation, and
that takes longer than what they do in a demo. So processes of their own encode and link two small
lists of made-up people, and what they compiled is there for the parties. With everything compiled
that takes two seconds. They keep nothing, show nothing, and where they fail the parties compile for
themselves.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

PEOPLE = 1_200
_SYLLABLES = ("SI", "TI", "MU", "HAM", "NUR", "AB", "DUL", "RI", "AH", "MAD", "DE", "WI", "YU")
_HEADER = "id,nama,tgl_lahir,jk,nik,kode_kecamatan\n"
_TWINS = 40  # every how many people somebody is there twice, so that a match must be chosen


class Rehearsal:
    """Two processes that compile; leaving the block ends them."""

    def __init__(self) -> None:
        self._people, self._hashes = map(_started, ("rehearse", "rehearse_hashes"))

    def __enter__(self) -> Self:
        """Let them run."""
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for process in (self._people, self._hashes):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def wait_for_encode(self) -> None:
        """Wait until all that encodes is compiled; what links is compiled meanwhile."""
        self._hashes.wait()
        if self._people.stdout is not None:
            self._people.stdout.readline()

    def wait(self) -> None:
        """Wait until all is compiled."""
        self._people.wait()


def _started(function: str) -> subprocess.Popen[bytes]:
    program = f"from pprl_cli.demo_rehearsal import {function}; {function}()"
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def rehearse_hashes() -> None:
    """Hash a few bytes: a quarter of what encoding compiles, and needed last."""
    import numpy as np  # noqa: PLC0415 - what only the process needs

    from pprl.encode.blake2 import keyed_digests  # noqa: PLC0415
    from pprl.sha256 import digests  # noqa: PLC0415

    data = np.zeros(64, dtype=np.uint8)
    keyed_digests(data, np.array([0, 16, 32], dtype=np.int64), b"key", b"person")
    digests(data.reshape(2, 32))


def rehearse() -> None:
    """Encode and link two small lists as the parties of a run do."""
    from secrets import token_bytes  # noqa: PLC0415 - what only the process needs
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from pprl.encode.columns import resolve  # noqa: PLC0415
    from pprl.encode.encoder import Encoder  # noqa: PLC0415
    from pprl.encode.pipeline import encode_table  # noqa: PLC0415
    from pprl.io.source import open_source  # noqa: PLC0415
    from pprl.keys import LinkageKey  # noqa: PLC0415
    from pprl.link import link  # noqa: PLC0415
    from pprl.schema import Schema  # noqa: PLC0415
    from pprl_protocols.merkle import Tree  # noqa: PLC0415

    schema, key = Schema.load("indonesia"), LinkageKey(token_bytes(32))
    sets = []
    with TemporaryDirectory() as folder:
        for first in (0, PEOPLE // 3):
            path = Path(folder) / f"{first}.csv"
            path.write_text(_HEADER + "".join(_people(first)), encoding="utf-8")
            source = open_source(path)
            columns = resolve(schema, source, {}, "id")
            encoder = Encoder(schema, key, columns.fields, columns.id_column)
            encoded, _ = encode_table(encoder, source)
            Tree.of(encoded)
            sets.append(encoded)
    sys.stdout.write("encode\n")  # for whoever waits
    sys.stdout.flush()
    link(sets)


def _people(first: int) -> Iterator[str]:
    for place in range(PEOPLE):
        number = first + place - (place % _TWINS == 1)
        name = " ".join(_word(number * step) for step in (1, 5, 11)[: 2 + number % 2])
        day, month, year = 1 + number % 28, 1 + number % 12, 1950 + number % 70
        nik = f"6408{1 + number % 18:02d}{day:02d}{month:02d}{year % 100:02d}{number:04d}"
        known = place % _TWINS > 1 and number % 4
        # Registers write dates in many ways, and each has its code.
        date = f"{day:02d}-{month:02d}-{year}" if number % 3 else f"{year}-{month:02d}-{day:02d}"
        yield f"{place},{name},{date},{'LP'[number % 2]},{nik if known else ''},{nik[:6]}\n"


def _word(number: int) -> str:
    syllables = ""
    for _ in range(3):
        number, syllable = divmod(number, len(_SYLLABLES))
        syllables += _SYLLABLES[syllable]
    return syllables
