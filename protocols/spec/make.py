"""Write examples and tables into the pages again: ``python -m spec.make``.

Between ``<!-- generated: NAME -->`` and ``<!-- end -->`` a page holds what the function of that
name in :mod:`spec.examples` or :mod:`spec.tables` returns. A test compares.

>>> filled("<!-- generated: labels --><!-- end -->").splitlines()[1]
'| label | in | page |'
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from spec import examples, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"(<!-- generated: ([a-z_]+) -->).*?(<!-- end -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield the pages, in the order of their names."""
    yield from sorted(FOLDER.glob("*.md"))


def filled(text: str) -> str:
    """Return a page with all that is generated written anew."""
    return _BLOCK.sub(_block, text)


def main() -> None:
    """Write all pages."""
    for path in pages():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


def _block(match: re.Match[str]) -> str:
    start, name, end = match.groups()
    module = tables if hasattr(tables, name) else examples
    content: str = getattr(module, name)()
    between = content if "\n" not in content else f"\n{content}\n"
    return f"{start}{between}{end}"


if __name__ == "__main__":
    main()
