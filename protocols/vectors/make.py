"""Write all cases again: ``python -m vectors.make``. The same code gives the same bytes.

What can't be made twice alike, because it is sealed with fresh randomness, is in ``drawn.json``
(:mod:`vectors.draw`) and in ``recorded/`` (:mod:`vectors.record`); both are re-made by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from vectors import (
    of_agreements,
    of_audits,
    of_bytes,
    of_entries,
    of_files,
    of_keys,
    of_transcripts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vectors.kit import Case

FOLDER = Path(__file__).parent
_GENERATORS = (
    of_bytes,
    of_entries,
    of_agreements,
    of_keys,
    of_files,
    of_transcripts,
    of_audits,
)


def made() -> dict[str, bytes]:
    """Return all files of cases, by their path below this folder."""
    return {f"{case.kind}/{case.name}.json": _written(case) for case in _cases()}


def main() -> None:
    """Write them, and remove what is none any more."""
    files = made()
    for path in FOLDER.glob("*/*.json"):
        if path.relative_to(FOLDER).as_posix() not in files and path.parent.name != "recorded":
            path.unlink()
    for name, data in files.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def _cases() -> Iterator[Case]:
    for generator in _GENERATORS:
        yield from generator.cases()


def _written(case: Case) -> bytes:
    content = asdict(case)
    for part in ("kind", "name"):  # said by the path
        del content[part]
    return json.dumps(content, indent=1).encode() + b"\n"


if __name__ == "__main__":
    main()
