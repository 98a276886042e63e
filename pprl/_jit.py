"""The one door to numba: typed decorators for compiled kernels, and where compiled code is kept.

Kernels are compiled on first call, hold no Python objects and release the GIL, so plain threads
run them side by side. Modules that use this one are imported only by the functions that need
them: importing numba costs a third of a second that ``pprl --help`` shouldn't pay.

numba's own cache notices a change in the file of a kernel, not in kernels of other files that it
calls, nor in constants that it takes from elsewhere. So compiled code lives in a folder named after
the content of all kernel modules and of the modules they import from: any change to one of them, an
upgrade included, starts a new folder, and the old ones are removed. The folder
is beside the package or, where that isn't writable, among the user's caches (or where
``NUMBA_CACHE_DIR`` says); where none is, nothing is kept and every process compiles for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_PACKAGE = Path(__file__).parent
_IMPORTED = re.compile(rb"^\s*from (pprl[\w.]*) import", re.MULTILINE)
_PREFIX = "openpprl-kernels-"


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` to machine code on first call, without the GIL."""
    with _own_cache() as cached:
        kernel: Callable[Parameters, Result] = numba.njit(cache=cached, nogil=True)(function)
    return kernel


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` into each kernel that calls it; Python itself never calls it."""
    kernel: Callable[Parameters, Result] = numba.njit(inline="always")(function)
    return kernel


@contextlib.contextmanager
def _own_cache() -> Iterator[bool]:
    """Let numba, while a kernel is decorated, keep its code in our folder; yield whether it can."""
    options = vars(numba.config)  # numba makes them at run time, out of sight of type checkers
    before = options["CACHE_DIR"]
    options["CACHE_DIR"] = _FOLDER or ""
    try:
        yield _FOLDER is not None
    finally:
        options["CACHE_DIR"] = before


def _find_folder() -> str | None:
    name = _PREFIX + _digest_of_kernels()
    for parent in _places():
        folder = parent / name
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, mode=0o700, exist_ok=True)
                for old in parent.glob(f"{_PREFIX}*"):
                    if old != folder:
                        shutil.rmtree(old, ignore_errors=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return None


def _places() -> Iterator[Path]:
    asked = vars(numba.config)["CACHE_DIR"]
    if asked:
        yield Path(asked)
        return
    yield _PACKAGE / "__pycache__"
    with contextlib.suppress(RuntimeError):  # this user has no home
        yield _user_cache()


def _digest_of_kernels() -> str:
    sources = {path: path.read_bytes() for path in sorted(_PACKAGE.rglob("*.py"))}
    kernels = [source for source in sources.values() if b"pprl._jit" in source]  # this one too
    compiled_in = {module for source in kernels for module in _IMPORTED.findall(source)}
    digest = hashlib.sha256()
    for path, source in sources.items():
        if source in kernels or _module(path) in compiled_in:
            digest.update(hashlib.sha256(source).digest())
    return digest.hexdigest()[:16]


def _module(path: Path) -> bytes:
    parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__").encode()


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home()))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


_FOLDER = _find_folder()
