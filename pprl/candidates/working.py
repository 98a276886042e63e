"""Finished chunks of a long comparison, on disk: after an interruption nothing is compared twice.

A step is one comparison of two sides by one pass. Its folder is named by a digest of everything
that its result depends on, so that nothing is ever taken for the result of something else. Each
chunk is a file of the pairs it found, with a checksum: one that is damaged is computed again.

Working files hold row numbers and similarities: no identity, no filter. They are readable by their
owner only, and :meth:`Work.clear` removes them when the result stands.

>>> import tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     step = Work(Path(folder)).step([b"what is compared"])
...     step.save(0, Pairs.of(np.array([5]), np.array([6]), np.array([900_000])))
...     step.load(0), step.load(1)
(Pairs(left=array([5], dtype=int32), right=array([6], dtype=int32), \
similarity=array([900000], dtype=int32)), None)
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pprl.compare.pairs import Pairs
from pprl.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pprl.compare.pairs import Rows

_FORMAT = b"pprl work 1\n"
_DIGEST_BYTES = 16
_COLUMNS = 3


@dataclass
class Work:
    """Where chunks are kept.

    Attributes
    ----------
    folder
        Made by :meth:`step` when it isn't there; for nothing else.
    resumed, damaged
        Chunks that were taken from an earlier run, and those that couldn't be.
    """

    folder: Path
    resumed: int = 0
    damaged: int = 0
    _steps: list[Path] = field(default_factory=list)

    def step(self, parts: Iterable[bytes | memoryview | np.ndarray]) -> Step:
        """Return the chunks of the comparison that all these bytes describe.

        Raises
        ------
        LimitError
            The folder can't be written.
        """
        digest = hashlib.blake2b(_FORMAT, digest_size=_DIGEST_BYTES)
        for part in parts:
            data = np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else part
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
        path = self.folder / f"step-{digest.hexdigest()}"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise LimitError("link.work_unwritable", path=str(self.folder)) from None
        self._steps.append(path)
        return Step(self, path)

    def clear(self) -> None:
        """Remove the steps of this run, their result being safe elsewhere."""
        for path in self._steps:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Step:
    """The chunks of one comparison."""

    work: Work
    folder: Path

    def load(self, chunk: int) -> Pairs | None:
        """Return the pairs of a finished chunk; None when it has to be computed."""
        try:
            data = self._path(chunk).read_bytes()
        except OSError:
            return None
        head = len(_FORMAT) + _DIGEST_BYTES
        columns = np.frombuffer(data[head:], dtype=np.uint8)
        whole = data.startswith(_FORMAT) and len(columns) % (4 * _COLUMNS) == 0
        if not whole or data[len(_FORMAT) : head] != _checksum(columns):
            self.work.damaged += 1
            return None
        self.work.resumed += 1
        left, right, similarity = columns.view(np.int32).reshape(_COLUMNS, -1)
        return Pairs.of(left, right, similarity)

    def save(self, chunk: int, pairs: Pairs) -> None:
        """Keep the pairs of a chunk; the file is whole or not there.

        Raises
        ------
        LimitError
            No room.
        """
        columns: Rows = np.concatenate([pairs.left, pairs.right, pairs.similarity])
        temporary = self.folder / f"{chunk}.part"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_FORMAT + _checksum(columns.view(np.uint8)))
                file.write(columns.data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path(chunk))
        except OSError:
            raise LimitError("link.work_full", path=str(self.work.folder)) from None

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk}.pairs"


def _checksum(columns: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return hashlib.blake2b(columns.data, digest_size=_DIGEST_BYTES).digest()
